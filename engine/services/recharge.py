"""Buying what a surface sells by WeChat Pay: an order, the provider's notification, and crediting once.

Our order is kept before the provider hears of it and carries our id there, so that nothing is ever paid for that we
do not know (D-11). Only an authentic notification, or the provider's own answer when asked, credits; the entry's key
is the order, so any number of either credits once (INV-8). The order says what was bought, so it does not matter
by which surface's path the notification comes in. Source: CA-29, QL-37 … QL-39, protocols 4.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from engine import settings
from engine.billing.entries import recharge_move
from engine.billing.ledger import Ledger
from engine.errors import KeyReused, NotFound, ProviderDown, StoreDown
from engine.ids import Ids
from engine.node import Node
from engine.ports import Payment, PaymentNotice
from engine.services.reconciling import reconcile_for_ever
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import OrderId, Sequence
from store.interfaces.ledger import Verdict
from store.interfaces.money import Currency
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.interfaces.people import PersonRecord

__all__ = ["Pack", "Recharge"]

RECONCILED_MAX: Final = 100
LISTED_MAX: Final = 200


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """What can be ordered: ``amount`` units of ``currency`` for ``price_fen``."""

    id: int
    currency: Currency
    amount: int
    price_fen: int


class Recharge:
    """Orders of all surfaces that sell something."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        ids: Ids,
        ledger: Ledger,
    ) -> None:
        self._world = world
        self._node = node
        self._ids = ids
        self._ledger = ledger
        self._options = options.orders
        self.offer(options)

    def offer(self, options: settings.Settings) -> None:
        """Sell what ``options`` list from now on. Orders that have been made stay what they are."""
        self._packs = {(pack.currency.surface, pack.id): pack for pack in _packs_of(options)}

    def packs(self, surface: str) -> tuple[Pack, ...]:
        """What is on sale there, the cheapest first. Source: QL-37."""
        sold = [pack for (where, _), pack in self._packs.items() if where == surface]
        return tuple(sorted(sold, key=lambda pack: pack.price_fen))

    async def create(
        self, person: PersonRecord, product_id: int, *, key: str | None, address: str
    ) -> tuple[OrderRecord, Payment]:
        """Order a pack of the person's surface. With a ``key``, ordering again returns the same order.

        Raises:
            NotFound: no such product. KeyReused: the key was used for another product. Banned.
            ProviderDown: the provider did not confirm. StoreDown: the store did not. With the same key, again is safe.
        """
        pack = self._packs.get((person.surface, product_id))
        if pack is None:
            raise NotFound("product")
        require_welcome(person, self._node)
        number = await self._ids.next(Sequence.ORDER)
        now_ms = self._node.now_ms()
        wanted = OrderRecord(
            id=OrderId(f"{now_ms:014d}{number:010d}"),
            person_id=person.id,
            product_id=pack.id,
            currency=pack.currency,
            amount=pack.amount,
            price=pack.price_fen,
            created_at_ms=now_ms,
            request_key=key,
        )
        with store_answers:
            order = await self._world.stores.orders.add(wanted)
            if order.product_id != pack.id:
                raise KeyReused
            if not order.payment:
                payment = await self._announce(order, person, address)
                order = await self._world.stores.orders.announced(order.id, msgspec.json.encode(payment))
        self._world.log.info("order_created", order_id=order.id, person=person.id, price_fen=order.price)
        return order, msgspec.json.decode(order.payment, type=Payment)

    async def _announce(self, order: OrderRecord, person: PersonRecord, address: str) -> Payment:
        try:
            return await self._world.payments.create(
                order_id=order.id,
                fee_fen=order.price,
                open_id=person.external_id,
                title=f"{order.amount} {order.currency.unit}",
                address=address,
                surface=person.surface,
            )
        except StoreDown as error:
            raise ProviderDown from error

    async def notified(self, body: bytes) -> None:
        """A notification came in. Returns once it is dealt with, also when it changes nothing.

        Raises: Forbidden: not authentic. NotFound: authentic, but for an order or amount that is not ours; nothing
        changed.
            StoreDown: not confirmed; the provider will send it again.
        """
        await self._apply(self._world.payments.verify(body))

    async def finished_of(self, person: PersonRecord) -> tuple[OrderRecord, ...]:
        """Paid and failed orders, newest first."""
        with store_answers:
            return await self._world.stores.orders.finished_of(person.id, limit=LISTED_MAX)

    async def run(self) -> None:
        """Ask the provider about orders that stay open, until cancelled: a lost notification loses no money."""
        await reconcile_for_ever(self.reconcile, self._world)

    async def reconcile(self) -> None:
        """One round of ``run``.

        Raises: StoreError, EngineError: the store or the provider did not answer; the next round goes on.
        """
        now_ms = self._node.now_ms()
        open_orders = await self._world.stores.orders.open_before(
            now_ms - self._options.reconcile_after_ms, Cashier.WECHAT, limit=RECONCILED_MAX
        )
        for order in open_orders:
            notice = await self._world.payments.query(order.id, surface=order.currency.surface)
            if notice is not None and notice.paid:
                await self._apply(notice)
            elif order.created_at_ms < now_ms - self._options.give_up_after_ms:
                await self._world.stores.orders.failed(order.id, now_ms)

    async def _apply(self, notice: PaymentNotice) -> None:
        with store_answers:
            order = await self._world.stores.orders.get(OrderId(notice.order_id))
        if order is None or order.cashier is not Cashier.WECHAT:
            self._world.log.error("payment_for_unknown_order", order_id=notice.order_id)
            raise NotFound("order")
        if not notice.paid or order.state is OrderState.PAID:
            return
        if notice.fee_fen != order.price:
            self._world.log.error(
                "payment_of_wrong_amount", order_id=order.id, fee_fen=notice.fee_fen, expected_fen=order.price
            )
            raise NotFound("order")
        outcome = await self._ledger.post(recharge_move(order, transaction_id=notice.transaction_id))
        if outcome.verdict in (Verdict.POSTED, Verdict.ALREADY):
            self._world.log.info("order_paid", order_id=order.id, person=order.person_id, amount=order.amount)


def _packs_of(options: settings.Settings) -> Iterator[Pack]:
    for product in options.products:
        yield Pack(
            id=product.id,
            currency=Currency.CALLS_DIAMONDS,
            amount=product.diamonds,
            price_fen=product.price_fen,
        )
    for package in options.qlive.packages:
        yield Pack(id=package.id, currency=Currency.QLIVE_GOLD, amount=package.gold, price_fen=package.price_fen)
