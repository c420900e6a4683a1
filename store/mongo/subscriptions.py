"""Subscriptions. Those that cost something are written by the ledger (``ledger.py``)."""

from store.interfaces.ids import PersonId
from store.interfaces.subscriptions import SubscriptionRecord
from store.mongo.codec import fields_of, number, record_of
from store.mongo.collections import SUBSCRIPTION_PRICES, SUBSCRIPTIONS
from store.mongo.connection import Document, Duplicate, Mongo

__all__ = ["MongoSubscriptions", "subscription_document", "subscription_key"]


class MongoSubscriptions:
    """``SubscriptionStore`` in MongoDB. The key of a document is the pair, so that nobody has two of one anchor."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def latest(self, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
        found = await self._mongo.find_one(SUBSCRIPTIONS, {"_id": subscription_key(user_id, anchor_id)})
        return None if found is None else record_of(found, SubscriptionRecord)

    async def running_of(self, user_id: PersonId, *, at_ms: int, limit: int) -> tuple[SubscriptionRecord, ...]:
        where = {"user_id": number(user_id), "until_ms": {"$gt": number(at_ms)}}
        newest = (("until_ms", -1), ("anchor_id", -1))
        found = await self._mongo.find(SUBSCRIPTIONS, where, sort=newest, limit=limit)
        return tuple(record_of(document, SubscriptionRecord) for document in found)

    async def begin(self, subscription: SubscriptionRecord) -> bool:
        document = subscription_document(subscription)
        where = {"_id": document["_id"], "until_ms": {"$lte": document["since_ms"]}}
        try:
            await self._mongo.replace(SUBSCRIPTIONS, where, document)
        except Duplicate:
            # Another one is there and did not match: it runs still, or is this very one.
            return await self.latest(subscription.user_id, subscription.anchor_id) == subscription
        return True

    async def set_price(self, anchor_id: PersonId, price: int) -> None:
        where = {"_id": number(anchor_id)}
        await self._mongo.replace(SUBSCRIPTION_PRICES, where, {**where, "price": number(price)})

    async def price_of(self, anchor_id: PersonId) -> int | None:
        found = await self._mongo.find_one(SUBSCRIPTION_PRICES, {"_id": number(anchor_id)})
        return None if found is None else int(found["price"])


def subscription_key(user_id: PersonId, anchor_id: PersonId) -> str:
    """The key of the one document of those two."""
    return f"{number(user_id)}:{number(anchor_id)}"


def subscription_document(subscription: SubscriptionRecord) -> Document:
    """A subscription as it is kept."""
    return {"_id": subscription_key(subscription.user_id, subscription.anchor_id), **fields_of(subscription)}
