"""Subscriptions of people to anchors, and what anchors ask for one."""

from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId

__all__ = ["SubscriptionRecord", "SubscriptionStore"]


class SubscriptionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The latest subscription of a user to an anchor, whether it runs or ran. Former ones are in the journal.

    ``price`` is what was paid for it, ``request_key`` the idempotency key with which it was asked for.
    """

    user_id: PersonId
    anchor_id: PersonId
    since_ms: int
    until_ms: int
    price: int
    request_key: str | None = None

    def runs_at(self, now_ms: int) -> bool:
        """Whether it has not expired at that moment."""
        return now_ms < self.until_ms

    def goes_with(self, paid_since_ms: int | None) -> bool:
        """Whether the two can be the latest: this one, and of those that were paid for the last one (None: none was).

        One that costs nothing has no entry.
        """
        if self.price:
            return paid_since_ms == self.since_ms
        return paid_since_ms is None or paid_since_ms < self.since_ms


class SubscriptionStore(Protocol):
    """Subscriptions, one for each user and anchor. Those that cost something are written by ``LedgerStore.post``."""

    async def latest(self, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
        """The user's latest subscription to the anchor, or None."""

    async def running_of(self, user_id: PersonId, *, at_ms: int, limit: int) -> tuple[SubscriptionRecord, ...]:
        """The user's subscriptions that expire after ``at_ms``, those that run for longest first."""

    async def begin(self, subscription: SubscriptionRecord) -> bool:
        """Keep a subscription that costs nothing, unless one still runs when it begins; whether it is kept.

        The same one again is kept already.
        """

    async def set_price(self, anchor_id: PersonId, price: int) -> None:
        """What the anchor asks from now on."""

    async def price_of(self, anchor_id: PersonId) -> int | None:
        """What the anchor asks; None when she has never said."""
