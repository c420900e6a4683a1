"""Subscriptions. Those that cost something are written by the ledger (``ledger.py``)."""

from store.interfaces.ids import PersonId
from store.interfaces.subscriptions import SubscriptionRecord
from store.memory.database import MemoryDatabase

__all__ = ["MemorySubscriptions"]


class MemorySubscriptions:
    """``SubscriptionStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def latest(self, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
        return self._database.subscriptions.get((user_id, anchor_id))

    async def running_of(self, user_id: PersonId, *, at_ms: int, limit: int) -> tuple[SubscriptionRecord, ...]:
        kept = self._database.subscriptions.values()
        running = [one for one in kept if one.user_id == user_id and one.runs_at(at_ms)]
        return tuple(sorted(running, key=lambda one: (one.until_ms, one.anchor_id), reverse=True)[:limit])

    async def begin(self, subscription: SubscriptionRecord) -> bool:
        pair = (subscription.user_id, subscription.anchor_id)
        latest = self._database.subscriptions.get(pair)
        if latest is not None and latest.runs_at(subscription.since_ms):
            return latest == subscription
        self._database.subscriptions[pair] = subscription
        return True

    async def set_price(self, anchor_id: PersonId, price: int) -> None:
        self._database.subscription_prices[anchor_id] = price

    async def price_of(self, anchor_id: PersonId) -> int | None:
        return self._database.subscription_prices.get(anchor_id)
