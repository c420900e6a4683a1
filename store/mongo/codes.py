"""Codes that were mailed."""

from datetime import UTC, datetime

from store.interfaces.codes import MailedCode
from store.mongo.codec import fields_of, number, record_of, text
from store.mongo.collections import CODES
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoCodes"]


class MongoCodes:
    """``CodeStore`` in MongoDB. Beside its record a document has ``expires_at``: it expires by dates only."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def keep(self, key: str, code: MailedCode, *, unless_since_ms: int) -> MailedCode | None:
        expires_at = datetime.fromtimestamp(code.expires_at_ms / 1000, UTC)
        document = {"_id": text(key), **fields_of(code), "expires_at": expires_at}
        old = {"_id": document["_id"], "sent_at_ms": {"$lte": number(unless_since_ms)}}
        try:
            # Where there is one that is too young, this tries to insert a second one.
            await self._mongo.replace(CODES, old, document)
        except Duplicate:
            former = await self._mongo.find_one(CODES, {"_id": document["_id"]})
            return code if former is None else record_of(former, MailedCode)
        return None

    async def try_once(self, key: str, *, now_ms: int) -> MailedCode | None:
        where = {"_id": text(key), "tries_left": {"$gt": 0}, "expires_at_ms": {"$gt": number(now_ms)}}
        found = await self._mongo.find_and_update(CODES, where, {"$inc": {"tries_left": number(-1)}})
        return None if found is None else record_of(found, MailedCode)

    async def take(self, key: str, sealed: str) -> bool:
        return await self._mongo.delete(CODES, {"_id": text(key), "sealed": text(sealed)}) > 0
