"""Recharge orders: one attempt each to buy what a surface sells."""

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import OrderId, PersonId
from store.interfaces.money import Currency

__all__ = ["Cashier", "OrderRecord", "OrderState", "OrderStore"]


class Cashier(StrEnum):
    """Who takes the money for an order."""

    WECHAT = "wechat"
    NOWPAYMENTS = "nowpayments"


class OrderState(StrEnum):
    """States only move forward; only the ledger makes an order *paid*."""

    INTENDED = "intended"
    """Kept, but the provider has not confirmed that it knows of it (D-11)."""
    WAITING = "waiting"
    PAID = "paid"
    FAILED = "failed"
    """The provider never took it, or it expired. A late authentic payment still credits."""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ``amount`` units of ``currency``, for ``price`` of what its cashier counts in: fen, or whole USDT.

    ``request_key`` is its creation's idempotency key, ``payment`` the cashier's words for the client, ``payment_id``
    his name for it and ``status`` the last he said of how far it is, both empty where he does not say such things.
    """

    id: OrderId
    person_id: PersonId
    product_id: int
    currency: Currency
    amount: int
    price: int
    created_at_ms: int
    cashier: Cashier = Cashier.WECHAT
    state: OrderState = OrderState.INTENDED
    request_key: str | None = None
    payment: bytes = b""
    payment_id: str = ""
    status: str = ""
    transaction_id: str = ""
    finished_at_ms: int | None = None

    @property
    def origin(self) -> tuple[object, ...]:
        """What never changes of an order, and so tells whether two records are the same one."""
        return (
            self.person_id,
            self.product_id,
            self.currency,
            self.amount,
            self.price,
            self.cashier,
            self.created_at_ms,
            self.request_key,
        )


class OrderStore(Protocol):
    """Orders. ``paid`` is written by ``LedgerStore.post`` with an ``OrderClaim``."""

    async def add(self, order: OrderRecord) -> OrderRecord:
        """Keep a new order, or return the one of the same person with the same ``request_key``.

        Raises: Conflict: the id is taken by another order.
        """

    async def get(self, order_id: OrderId) -> OrderRecord | None:
        """One order, or None."""

    async def announced(
        self, order_id: OrderId, payment: bytes, *, payment_id: str = "", status: str = ""
    ) -> OrderRecord:
        """*intended* becomes *waiting* with the cashier's words; any other state stays. Returns what is kept.

        Raises: NotThere: no such order.
        """

    async def failed(self, order_id: OrderId, at_ms: int) -> None:
        """*intended* or *waiting* becomes *failed*; in any other state nothing changes."""

    async def moved(self, order_id: OrderId, status: str, *, before: Collection[str]) -> bool:
        """The cashier's word for it becomes ``status`` if that is one of ``before``, in any state; whether it did."""

    async def finished_of(self, person_id: PersonId, *, limit: int) -> tuple[OrderRecord, ...]:
        """Paid and failed orders, newest first."""

    async def open_before(
        self, created_before_ms: int, cashier: Cashier, *, after: OrderRecord | None = None, limit: int
    ) -> tuple[OrderRecord, ...]:
        """Orders still *intended* or *waiting* that were created before that moment, oldest first.

        With ``after``, only those that come after that one in this order.
        """

    async def with_status(self, statuses: Collection[str], *, since_ms: int, limit: int) -> tuple[OrderRecord, ...]:
        """Orders of which the cashier last said one of ``statuses``, created at that moment or later, newest first."""
