"""Diamonds of the site for a cryptocurrency: an order, an address to pay to, and crediting once (SITE 2.5, SITE-35).

Our order is kept before the provider hears of it and carries our id there (D-11). Of all that the provider says, only
an authentic *finished* about this order, payment, price and currency credits, in whatever order things are heard;
the entry's key is the order, so any number of them credits once (INV-8). Everything else only moves the word that is
shown, and only forward. Knows no signature and no wire. Source: protocols 5.
"""

from decimal import Decimal
from typing import Final

import msgspec

from engine import settings
from engine.billing.entries import recharge_move
from engine.billing.ledger import Ledger
from engine.errors import BadInput, DeadlinePassed, KeyReused, NotFound, ProviderDown, StoreDown
from engine.node import Node
from engine.ports import CryptoNotice, CryptoPayment, CryptoStatus
from engine.services.reconciling import reconcile_for_ever
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import OrderId
from store.interfaces.ledger import Verdict
from store.interfaces.money import Currency
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.interfaces.people import PersonRecord

__all__ = ["CryptoRecharge"]

RECONCILED_MAX: Final = 50
"""Orders asked about in one round; those behind them are next, as abandoned ones wait for days (protocols 5.1)."""

ANNOUNCING_MS: Final = 10_000
ANNOUNCING_PAUSE_MS: Final = 200
"""A repeat waits so long, in steps, for the provider's answer to the request that it repeats."""

DAY_MS: Final = 86_400_000
DOUBTED_DAYS: Final = 7
"""Longer, the provider itself waits for no payment (protocols 5.1)."""

DOUBTED_MAX: Final = 1_000

OVER: Final = (CryptoStatus.FAILED, CryptoStatus.EXPIRED, CryptoStatus.REFUNDED)


class CryptoRecharge:
    """Orders that are paid in a cryptocurrency."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node, ledger: Ledger) -> None:
        self._world = world
        self._orders = world.stores.orders
        self._node = node
        self._ledger = ledger
        self._options = options.site
        self._asked_last: OrderRecord | None = None
        self.offer(options.site.packages)

    def offer(self, packages: tuple[settings.SitePackage, ...]) -> None:
        """Sell these from now on. Orders that have been made stay what they are."""
        self._packages = {package.usdt: package for package in packages}

    def packages(self) -> tuple[settings.SitePackage, ...]:
        """What is on sale, in the order of the configuration."""
        return tuple(self._packages.values())

    async def create(self, person: PersonRecord, usdt: int, *, key: str | None) -> tuple[OrderRecord, CryptoPayment]:
        """Order the package of that price. With a ``key``, ordering again returns the same order.

        Raises:
            BadInput: no such package (``usdt``). KeyReused: the key was used for another one. Banned.
            ProviderDown: the provider did not take it; the order has failed, and so has its key.
            DeadlinePassed: the request that this one repeats is still being answered. StoreDown.
        """
        package = self._packages.get(usdt)
        if package is None:
            raise BadInput("no such recharge package", field="usdt")
        require_welcome(person, self._node)
        wanted = OrderRecord(
            id=self._new_id(),
            person_id=person.id,
            product_id=package.usdt,
            currency=Currency.SITE_DIAMONDS,
            amount=package.diamonds,
            price=package.usdt,
            cashier=Cashier.NOWPAYMENTS,
            created_at_ms=self._node.now_ms(),
            request_key=key,
        )
        with store_answers:
            order = await self._orders.add(wanted)
            if order.product_id != package.usdt:
                raise KeyReused
            order = await (self._announced(order) if order.id == wanted.id else self._announced_by_another(order))
        if not order.payment:
            # The answer came so late that the order had been given up; nobody is told where to pay for it.
            raise ProviderDown
        return order, msgspec.json.decode(order.payment, type=CryptoPayment)

    async def status_of(self, person: PersonRecord, order_id: OrderId) -> CryptoStatus:
        """How far the person's order is.

        Raises: NotFound: there is none, or it is somebody else's. StoreDown.
        """
        order = await self._get(order_id)
        if order is None or order.person_id != person.id:
            raise NotFound("order")
        said = CryptoStatus(order.status or CryptoStatus.WAITING)
        match order.state:
            case OrderState.PAID:
                return max(said, CryptoStatus.FINISHED, key=lambda status: status.rank)
            case OrderState.FAILED:
                return max(said, CryptoStatus.FAILED, key=lambda status: status.rank)
        return said

    async def notified(self, body: bytes, signature: str) -> None:
        """A notification came in. Returns once it is dealt with, also when it changes nothing.

        Raises: Forbidden: not authentic. StoreDown: not confirmed; the provider will send it again.
        """
        notice = self._world.crypto.verify(body, signature)
        if notice is not None:
            await self._apply(notice)

    async def in_doubt(self) -> tuple[OrderRecord, ...]:
        """Orders of the last week that a person must look at: paid in part, or credited and given back; newest first.

        Raises: StoreDown.
        """
        statuses = (CryptoStatus.PARTIALLY_PAID, CryptoStatus.REFUNDED)
        since_ms = self._node.now_ms() - DOUBTED_DAYS * DAY_MS
        with store_answers:
            found = await self._orders.with_status(statuses, since_ms=since_ms, limit=DOUBTED_MAX)
        return tuple(
            order for order in found if (order.status == CryptoStatus.REFUNDED) == (order.state is OrderState.PAID)
        )

    async def run(self) -> None:
        """Ask the provider about orders that stay open, until cancelled."""
        await reconcile_for_ever(self.reconcile, self._world)

    async def reconcile(self) -> None:
        """One round of ``run``.

        Raises: StoreError, StoreDown: the store or the provider did not answer; the next round goes on behind that.
        """
        now_ms = self._node.now_ms()
        open_orders = await self._orders.open_before(
            now_ms - self._options.reconcile_after_ms,
            Cashier.NOWPAYMENTS,
            after=self._asked_last,
            limit=RECONCILED_MAX,
        )
        for order in open_orders:
            self._asked_last = order
            if order.payment_id:
                notice = await self._world.crypto.query(order.payment_id)
                if notice is not None:
                    await self._apply(notice)
            # Without a payment nobody was ever told where to pay.
            if not order.payment_id or order.created_at_ms < now_ms - self._options.give_up_after_days * DAY_MS:
                await self._orders.failed(order.id, now_ms)
        if len(open_orders) < RECONCILED_MAX:
            self._asked_last = None

    # --- creating --------------------------------------------------------------------------------------------------

    async def _announced(self, order: OrderRecord) -> OrderRecord:
        """The order as the provider knows it.

        Raises: ProviderDown: it does not, or its answer is lost; nobody has been told an address. StoreError.
        """
        title = f"{order.amount} {order.currency.unit}"
        try:
            payment = await self._world.crypto.create(order_id=order.id, price=order.price, title=title)
        except StoreDown as error:
            await self._orders.failed(order.id, self._node.now_ms())
            raise ProviderDown from error
        self._world.log.info("order_created", order_id=order.id, person=order.person_id, price_usdt=order.price)
        return await self._orders.announced(
            order.id,
            msgspec.json.encode(payment),
            payment_id=payment.payment_id,
            status=CryptoStatus.WAITING,
        )

    async def _announced_by_another(self, order: OrderRecord) -> OrderRecord:
        """The order once the request that has made it has had the provider's answer: one payment for each order.

        Raises: ProviderDown, DeadlinePassed, StoreError.
        """
        until_mono_ms = self._world.clock.mono_ms() + ANNOUNCING_MS
        while not order.payment:
            if order.state is OrderState.FAILED:
                raise ProviderDown
            if self._world.clock.mono_ms() >= until_mono_ms:
                raise DeadlinePassed
            await self._world.clock.sleep(ANNOUNCING_PAUSE_MS)
            order = await self._orders.get(order.id) or order
        return order

    def _new_id(self) -> OrderId:
        """A UUID of version 4. Source: SITE 2.5."""
        digits = self._world.rng.hex(16)
        variant = "89ab"[self._world.rng.below(4)]
        return OrderId(f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}")

    # --- what the provider says ------------------------------------------------------------------------------------

    async def _apply(self, notice: CryptoNotice) -> None:
        """Credit what is to be credited, and move on the word that is shown.

        Raises: StoreDown: not confirmed; again is safe.
        """
        order = await self._get(OrderId(notice.order_id))
        if order is None or order.cashier is not Cashier.NOWPAYMENTS:
            self._world.log.error("payment_for_unknown_order", **_facts(notice))
        elif not _is_about(notice, order):
            self._world.log.error("payment_unlike_its_order", **_facts(notice))
        else:
            if notice.status is CryptoStatus.FINISHED and order.state is not OrderState.PAID:
                await self._credit(order, notice)
            await self._move(order, notice.status)

    async def _credit(self, order: OrderRecord, notice: CryptoNotice) -> None:
        outcome = await self._ledger.post(recharge_move(order, transaction_id=notice.payment_id))
        if outcome.verdict in (Verdict.POSTED, Verdict.ALREADY):
            self._world.log.info("order_paid", order_id=order.id, person=order.person_id, amount=order.amount)
        await self._look_for_refund(order.id)

    async def _move(self, order: OrderRecord, status: CryptoStatus) -> None:
        lower = [one for one in CryptoStatus if one.rank < status.rank]
        with store_answers:
            has_moved = await self._orders.moved(order.id, status, before=lower)
            if status in OVER:
                await self._orders.failed(order.id, self._node.now_ms())
        if not has_moved:
            return
        if status is CryptoStatus.PARTIALLY_PAID:
            self._world.log.warning("order_partially_paid", order_id=order.id, person=order.person_id)
        elif status is CryptoStatus.REFUNDED:
            await self._look_for_refund(order.id)

    async def _look_for_refund(self, order_id: OrderId) -> None:
        """After either of the two has been kept, so that whichever comes second, anywhere, sees both."""
        order = await self._get(order_id)
        if order is not None and order.state is OrderState.PAID and order.status == CryptoStatus.REFUNDED:
            self._world.log.error("order_credited_and_refunded", order_id=order.id, person=order.person_id)

    async def _get(self, order_id: OrderId) -> OrderRecord | None:
        with store_answers:
            return await self._orders.get(order_id)


def _facts(notice: CryptoNotice) -> dict[str, object]:
    """What a person who must look is told of it."""
    return {"order_id": notice.order_id, "payment_id": notice.payment_id, "status": notice.status.value}


def _is_about(notice: CryptoNotice, order: OrderRecord) -> bool:
    """Whether the notice speaks of this order, its payment, its price and its currency.

    Money that came in beside the payment, or an order whose payment we have never heard of, is no such thing.
    """
    if not order.payment or notice.parent_payment_id:
        return False
    payment = msgspec.json.decode(order.payment, type=CryptoPayment)
    return (
        notice.payment_id == order.payment_id
        and notice.price_amount == Decimal(order.price)
        and notice.price_currency == payment.price_currency
        and notice.pay_currency in ("", payment.pay_currency)
    )
