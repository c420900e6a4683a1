"""The provider of cryptocurrency payments, as the world knows it and as one node reaches it.

It knows what was paid and how far each payment really is; what its server posts, in which order and how often, is the
workload's. A notification is its fields in plain text, and authentic if its signature is ``SEAL``.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from engine.errors import Forbidden, StoreDown
from engine.ports import CryptoNotice, CryptoPayment, CryptoStatus
from tests.sim.faults import Level

if TYPE_CHECKING:
    from tests.sim.world import SimNode, World

__all__ = ["SEAL", "CryptoPort", "CryptoProvider", "Deal"]

SEAL: Final = "sealed"
PRICED_IN: Final = "usd"
PAID_IN: Final = "usdttrc20"


@dataclass(slots=True)
class Deal:
    """One payment that the provider waits for."""

    payment_id: str
    order_id: str
    price: int
    status: CryptoStatus = CryptoStatus.WAITING

    def notice(
        self,
        status: CryptoStatus | None = None,
        *,
        price: int | None = None,
        currency: str = PRICED_IN,
        payment_id: str = "",
        parent_id: str = "",
    ) -> bytes:
        """What its server posts: the truth, but for what is said to be otherwise."""
        fields = (
            self.order_id,
            payment_id or self.payment_id,
            (self.status if status is None else status).value,
            str(self.price if price is None else price),
            currency,
            parent_id,
        )
        return ":".join(fields).encode()


class CryptoProvider:
    """All payments. An order that is asked for twice has two."""

    def __init__(self) -> None:
        self.deals: dict[str, Deal] = {}

    def make(self, order_id: str, price: int) -> Deal:
        """Wait for a payment."""
        deal = Deal(f"p{len(self.deals) + 1}", order_id, price)
        self.deals[deal.payment_id] = deal
        return deal


def read_notice(body: bytes) -> CryptoNotice:
    """What the fields say."""
    order_id, payment_id, status, price, currency, parent_id = body.decode().split(":")
    return CryptoNotice(
        payment_id=payment_id,
        order_id=order_id,
        status=CryptoStatus(status),
        price_amount=Decimal(price),
        price_currency=currency,
        pay_currency=PAID_IN,
        parent_payment_id=parent_id,
    )


class CryptoPort:
    """The ``CryptoPayments`` port of one node."""

    def __init__(self, node: "SimNode") -> None:
        self._node = node

    async def create(self, *, order_id: str, price: int, title: str) -> CryptoPayment:
        await self._reach()
        deal = self._world.crypto.make(order_id, price)
        await self._reach()  # It may have been made, and the answer be lost.
        return CryptoPayment(
            payment_id=deal.payment_id,
            pay_address=f"T{deal.payment_id}",
            pay_amount=f"{price}.02",
            pay_currency=PAID_IN,
            price_currency=PRICED_IN,
        )

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:
        if signature != SEAL:
            raise Forbidden
        return read_notice(body)

    async def query(self, payment_id: str) -> CryptoNotice | None:
        await self._reach()
        deal = self._world.crypto.deals.get(payment_id)
        return None if deal is None else read_notice(deal.notice())

    @property
    def _world(self) -> "World":
        return self._node.world

    async def _reach(self) -> None:
        await self._node.clock.sleep(20)
        rate = {Level.OFF: 0.0, Level.LOW: 0.05, Level.HIGH: 0.25}[self._world.swarm.provider]
        if not self._world.dice.is_stopped and self._world.chance.random() < rate:
            self._world.fault("provider fails", self._node)
            raise StoreDown
