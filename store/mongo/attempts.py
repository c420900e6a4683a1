"""Attempts that failed."""

from datetime import UTC, datetime

from store.interfaces.attempts import Attempts
from store.mongo.codec import fields_of, record_of, text
from store.mongo.collections import ATTEMPTS
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoAttempts"]


class MongoAttempts:
    """``AttemptStore`` in MongoDB. Beside its record a document has ``expires_at``: it expires by dates only."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def get(self, key: str) -> Attempts | None:
        document = await self._mongo.find_one(ATTEMPTS, {"_id": text(key)})
        return None if document is None else record_of(document, Attempts)

    async def swap(self, key: str, before: Attempts | None, after: Attempts | None) -> bool:
        if before is None:
            return after is None or await self._insert(key, after)
        where = {"_id": text(key), **fields_of(before)}
        if after is None:
            return await self._mongo.delete(ATTEMPTS, where) > 0
        return await self._mongo.update(ATTEMPTS, where, {"$set": {**fields_of(after), "expires_at": _date(after)}})

    async def _insert(self, key: str, attempts: Attempts) -> bool:
        document = {"_id": text(key), **fields_of(attempts), "expires_at": _date(attempts)}
        try:
            await self._mongo.insert(ATTEMPTS, document)
        except Duplicate:
            return False
        return True


def _date(attempts: Attempts) -> datetime:
    return datetime.fromtimestamp(attempts.forget_at_ms / 1000, UTC)
