"""Subscriptions of the site: thirty days of an anchor for the price she asks (SITE-26 … 29)."""

from typing import Final, TypeGuard

from engine import settings
from engine.billing.charging import charge
from engine.billing.entries import subscription_entry_id, subscription_move
from engine.billing.ledger import Ledger
from engine.billing.tariff import share_of
from engine.errors import AlreadyExists, BadInput, NotFound, WrongPhase
from engine.events import SubscriptionBegun
from engine.node import Node
from engine.outbox import Outbox
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.subscriptions import SubscriptionRecord

__all__ = ["SUBSCRIPTION_MS", "Subscriptions"]

SUBSCRIPTION_MS: Final = 30 * 24 * 3_600_000
"""What "a month" is. Source: SITE-26."""

LISTED_MAX: Final = 1_000


class Subscriptions:
    """Subscribing, and who is subscribed."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node, ledger: Ledger, outbox: Outbox) -> None:
        self._store = world.stores.subscriptions
        self._sink = world.sink
        self._outbox = outbox
        self._node = node
        self._ledger = ledger
        self._price_max = options.billing.amount_max
        self._price_at_first = options.site.subscription_price
        self._share_percent = options.site.anchor_share_percent

    async def subscribe(
        self, user: PersonRecord, anchor: PersonRecord, *, amount: int | None, key: str | None
    ) -> SubscriptionRecord:
        """Subscribe from now on; ``amount``, if given, must be what the anchor asks.

        With a ``key``, the same again returns the same subscription, for as long as there is no later one.

        Raises:
            AlreadyExists: a subscription runs; nothing is charged. NotFound: that is no anchor. Banned.
            BadInput: to oneself (``anchor``), or for another price (``amount``). BelowFloor: not enough diamonds.
            StoreDown: not confirmed; again is safe, as one that runs is not charged twice.
        """
        latest = await self.latest(user.id, anchor.id)
        if _is_of(latest, key):
            return latest
        if anchor.role is not Role.ANCHOR:
            raise NotFound("anchor")
        if anchor.id == user.id:
            raise BadInput("a subscription to oneself", field="anchor")
        require_welcome(user, self._node)
        price = await self.price_of(anchor.id)
        since_ms = self._node.now_ms()
        if latest is not None and latest.runs_at(since_ms):
            raise AlreadyExists
        if amount is not None and amount != price:
            raise BadInput(f"it costs {price}", field="amount")
        wanted = SubscriptionRecord(
            user_id=user.id,
            anchor_id=anchor.id,
            since_ms=since_ms,
            until_ms=since_ms + SUBSCRIPTION_MS,
            price=price,
            request_key=key,
        )
        event = SubscriptionBegun(
            event_id=subscription_entry_id(user.id, anchor.id, since_ms),
            from_id=user.id,
            from_name=user.nickname,
            to_id=anchor.id,
            to_name=anchor.nickname,
            price=price,
            until_ms=wanted.until_ms,
        )
        if await self._has_begun(wanted, event):
            return wanted
        # Somebody was faster since we looked; it may have been this very request.
        latest = await self.latest(user.id, anchor.id)
        if _is_of(latest, key):
            return latest
        raise AlreadyExists

    async def running_of(self, user_id: PersonId) -> tuple[SubscriptionRecord, ...]:
        """The user's subscriptions that have not expired, newest first.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.running_of(user_id, at_ms=self._node.now_ms(), limit=LISTED_MAX)

    async def running(self, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
        """The user's subscription to the anchor, unless it has expired.

        Raises: StoreDown.
        """
        latest = await self.latest(user_id, anchor_id)
        return latest if latest is not None and latest.runs_at(self._node.now_ms()) else None

    async def latest(self, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
        """The user's last subscription to the anchor, whether it runs or not.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.latest(user_id, anchor_id)

    async def price_of(self, anchor_id: PersonId) -> int:
        """What the anchor asks for thirty days.

        Raises: StoreDown.
        """
        with store_answers:
            price = await self._store.price_of(anchor_id)
        return self._price_at_first if price is None else price

    async def set_price(self, anchor: PersonRecord, price: int) -> None:
        """Ask another price from now on; 0 is for nothing.

        Raises: BadInput (``amount``), StoreDown.
        """
        if not 0 <= price <= self._price_max:
            raise BadInput(field="amount")
        with store_answers:
            await self._store.set_price(anchor.id, price)

    async def _has_begun(self, wanted: SubscriptionRecord, event: SubscriptionBegun) -> bool:
        """Whether it could begin: decided where it is written, together with what it costs."""
        if not wanted.price:
            with store_answers:
                has_begun = await self._store.begin(wanted)
            if has_begun:
                # No money, so nothing keeps the news for whoever is not here.
                self._sink.tell(wanted.user_id, event)
                self._sink.tell(wanted.anchor_id, event)
            return has_begun
        move = subscription_move(wanted, event, earned=share_of(wanted.price, percent=self._share_percent))
        try:
            await charge(self._ledger, move, price=wanted.price)
        except WrongPhase:
            return False
        self._outbox.kick()
        return True


def _is_of(subscription: SubscriptionRecord | None, key: str | None) -> TypeGuard[SubscriptionRecord]:
    """Whether that request has made it."""
    return subscription is not None and key is not None and subscription.request_key == key
