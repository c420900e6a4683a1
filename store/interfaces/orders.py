"""Recharge orders: one attempt each to buy what a surface sells."""

from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import OrderId, PersonId
from store.interfaces.money import Currency

__all__ = ["OrderRecord", "OrderState", "OrderStore"]


class OrderState(StrEnum):
    """States only move forward; only the ledger makes an order *paid*."""

    INTENDED = "intended"
    """Kept, but the provider has not confirmed that it knows of it (D-11)."""
    WAITING = "waiting"
    PAID = "paid"
    FAILED = "failed"
    """The provider never took it, or it expired. A late authentic payment still credits."""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ``amount`` units of ``currency``.

    ``request_key`` is its creation's idempotency key, ``payment`` the provider's words for the client.
    """

    id: OrderId
    person_id: PersonId
    product_id: int
    currency: Currency
    amount: int
    fee_fen: int
    created_at_ms: int
    state: OrderState = OrderState.INTENDED
    request_key: str | None = None
    payment: bytes = b""
    transaction_id: str = ""
    finished_at_ms: int | None = None


class OrderStore(Protocol):
    """Orders. ``paid`` is written by ``LedgerStore.post`` with an ``OrderClaim``."""

    async def add(self, order: OrderRecord) -> OrderRecord:
        """Keep a new order, or return the one of the same person with the same ``request_key``.

        Raises: Conflict: the id is taken by another order.
        """

    async def get(self, order_id: OrderId) -> OrderRecord | None:
        """One order, or None."""

    async def announced(self, order_id: OrderId, payment: bytes) -> OrderRecord:
        """*intended* becomes *waiting* with the provider's words; any other state stays. Returns what is kept.

        Raises: NotThere: no such order.
        """

    async def failed(self, order_id: OrderId, at_ms: int) -> None:
        """*intended* or *waiting* becomes *failed*; in any other state nothing changes."""

    async def finished_of(self, person_id: PersonId, *, limit: int) -> tuple[OrderRecord, ...]:
        """Paid and failed orders, newest first."""

    async def open_before(self, created_before_ms: int, *, limit: int) -> tuple[OrderRecord, ...]:
        """Orders still *intended* or *waiting* that were created before that moment, oldest first."""
