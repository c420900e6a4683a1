"""Recharge orders."""

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import OrderId, PersonId
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.memory.database import MemoryDatabase

__all__ = ["MemoryOrders"]

OPEN: Final = (OrderState.INTENDED, OrderState.WAITING)


class MemoryOrders:
    """``OrderStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, order: OrderRecord) -> OrderRecord:
        orders = self._database.orders
        if order.request_key is not None:
            known = self._database.order_by_request.get((order.person_id, order.request_key))
            if known is not None:
                return orders[known]
        kept = orders.get(order.id)
        if kept is not None:
            if kept.origin == order.origin:
                return kept
            raise Conflict(f"order {order.id} is another one")
        orders[order.id] = order
        if order.request_key is not None:
            self._database.order_by_request[order.person_id, order.request_key] = order.id
        return order

    async def get(self, order_id: OrderId) -> OrderRecord | None:
        return self._database.orders.get(order_id)

    async def announced(
        self, order_id: OrderId, payment: bytes, *, payment_id: str = "", status: str = ""
    ) -> OrderRecord:
        order = self._database.orders.get(order_id)
        if order is None:
            raise NotThere(f"no order {order_id}")
        if order.state is OrderState.INTENDED:
            order = self._database.orders[order_id] = replace(
                order, state=OrderState.WAITING, payment=payment, payment_id=payment_id, status=status
            )
        return order

    async def failed(self, order_id: OrderId, at_ms: int) -> None:
        order = self._database.orders.get(order_id)
        if order is not None and order.state in OPEN:
            self._database.orders[order_id] = replace(order, state=OrderState.FAILED, finished_at_ms=at_ms)

    async def moved(self, order_id: OrderId, status: str, *, before: Collection[str]) -> bool:
        order = self._database.orders.get(order_id)
        if order is None or order.status not in before:
            return False
        self._database.orders[order_id] = replace(order, status=status)
        return True

    async def finished_of(self, person_id: PersonId, *, limit: int) -> tuple[OrderRecord, ...]:
        orders = [order for order in self._oldest_first() if order.person_id == person_id and order.state not in OPEN]
        return tuple(orders[::-1][:limit])

    async def open_before(
        self, created_before_ms: int, cashier: Cashier, *, after: OrderRecord | None = None, limit: int
    ) -> tuple[OrderRecord, ...]:
        found = [
            order
            for order in self._oldest_first()
            if order.cashier is cashier
            and order.state in OPEN
            and order.created_at_ms < created_before_ms
            and (after is None or _place(order) > _place(after))
        ]
        return tuple(found[:limit])

    async def with_status(self, statuses: Collection[str], *, since_ms: int, limit: int) -> tuple[OrderRecord, ...]:
        found = [one for one in self._oldest_first() if one.status in statuses and one.created_at_ms >= since_ms]
        return tuple(found[::-1][:limit])

    def _oldest_first(self) -> list[OrderRecord]:
        return sorted(self._database.orders.values(), key=_place)


def _place(order: OrderRecord) -> tuple[int, OrderId]:
    return order.created_at_ms, order.id
