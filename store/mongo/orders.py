"""Recharge orders. *Paid* is written by the ledger (``ledger.py``)."""

from collections.abc import Collection
from typing import Final

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import OrderId, PersonId
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.mongo.codec import document_of, number, record_of, text, texts
from store.mongo.collections import ORDERS
from store.mongo.connection import Document, Duplicate, Mongo

__all__ = ["MongoOrders"]

OPEN: Final = [OrderState.INTENDED.value, OrderState.WAITING.value]
FINISHED: Final = [OrderState.PAID.value, OrderState.FAILED.value]


class MongoOrders:
    """``OrderStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def add(self, order: OrderRecord) -> OrderRecord:
        try:
            await self._mongo.insert(ORDERS, document_of(order))
        except Duplicate as duplicate:
            known = await self._of_request(order)
            if known is not None:
                return known
            kept = await self.get(order.id)
            if kept is None or kept.origin != order.origin:
                raise Conflict(f"order {order.id} is another one") from duplicate
            return kept
        return order

    async def get(self, order_id: OrderId) -> OrderRecord | None:
        return _order(await self._mongo.find_one(ORDERS, {"_id": text(order_id)}))

    async def announced(
        self, order_id: OrderId, payment: bytes, *, payment_id: str = "", status: str = ""
    ) -> OrderRecord:
        assert isinstance(payment, bytes)
        words: Document = {"payment": payment, "payment_id": text(payment_id), "status": text(status)}
        await self._mongo.update(
            ORDERS,
            {"_id": text(order_id), "state": OrderState.INTENDED.value},
            {"$set": {"state": OrderState.WAITING.value, **words}},
        )
        kept = await self.get(order_id)
        if kept is None:
            raise NotThere(f"no order {order_id}")
        return kept

    async def failed(self, order_id: OrderId, at_ms: int) -> None:
        await self._mongo.update(
            ORDERS,
            {"_id": text(order_id), "state": {"$in": OPEN}},
            {"$set": {"state": OrderState.FAILED.value, "finished_at_ms": number(at_ms)}},
        )

    async def moved(self, order_id: OrderId, status: str, *, before: Collection[str]) -> bool:
        where = {"_id": text(order_id), "status": {"$in": texts(before)}}
        return await self._mongo.update(ORDERS, where, {"$set": {"status": text(status)}})

    async def finished_of(self, person_id: PersonId, *, limit: int) -> tuple[OrderRecord, ...]:
        where = {"person_id": number(person_id), "state": {"$in": FINISHED}}
        found = await self._mongo.find(ORDERS, where, sort=(("created_at_ms", -1), ("_id", -1)), limit=limit)
        return tuple(record_of(document, OrderRecord) for document in found)

    async def open_before(
        self, created_before_ms: int, cashier: Cashier, *, after: OrderRecord | None = None, limit: int
    ) -> tuple[OrderRecord, ...]:
        where: Document = {
            "cashier": cashier.value,
            "state": {"$in": OPEN},
            "created_at_ms": {"$lt": number(created_before_ms)},
        }
        if after is not None:
            at_ms = number(after.created_at_ms)
            where["$or"] = [{"created_at_ms": {"$gt": at_ms}}, {"created_at_ms": at_ms, "_id": {"$gt": text(after.id)}}]
        found = await self._mongo.find(ORDERS, where, sort=(("created_at_ms", 1), ("_id", 1)), limit=limit)
        return tuple(record_of(document, OrderRecord) for document in found)

    async def with_status(self, statuses: Collection[str], *, since_ms: int, limit: int) -> tuple[OrderRecord, ...]:
        # The second half is what the index asks for.
        where = {"status": {"$in": texts(statuses), "$gt": ""}, "created_at_ms": {"$gte": number(since_ms)}}
        found = await self._mongo.find(ORDERS, where, sort=(("created_at_ms", -1), ("_id", -1)), limit=limit)
        return tuple(record_of(document, OrderRecord) for document in found)

    async def _of_request(self, order: OrderRecord) -> OrderRecord | None:
        if order.request_key is None:
            return None
        where = {"person_id": number(order.person_id), "request_key": text(order.request_key)}
        return _order(await self._mongo.find_one(ORDERS, where))


def _order(document: Document | None) -> OrderRecord | None:
    return None if document is None else record_of(document, OrderRecord)
