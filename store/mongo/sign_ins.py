"""Sign-ins of people with web tokens or a session cookie."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from store.interfaces.ids import PersonId
from store.interfaces.sign_ins import SignIn, TokenPair
from store.mongo.codec import document_of, fields_of, number, record_of, text, texts
from store.mongo.collections import SIGN_INS, USED_TOKENS
from store.mongo.connection import Document, Duplicate, Mongo

__all__ = ["MongoSignIns"]

NEWEST: Final = (("opened_at_ms", -1), ("_id", -1))


class MongoSignIns:
    """``SignInStore`` in MongoDB. Beside its record a document has ``expires_at``: it expires by dates only."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def open(self, sign_in: SignIn, *, keep_max: int) -> None:
        document = {**document_of(sign_in), "expires_at": _date(sign_in.expires_at_ms)}
        # Opening once more what was opened, after an answer that got lost, changes nothing.
        await self._mongo.replace(SIGN_INS, {"_id": document["_id"]}, document)
        old = await self._mongo.find(SIGN_INS, {"person_id": document["person_id"]}, sort=NEWEST, skip=keep_max)
        if old:
            await self._mongo.delete(SIGN_INS, {"_id": {"$in": [one["_id"] for one in old]}})

    async def get(self, sign_in_id: str) -> SignIn | None:
        return _sign_in(await self._mongo.find_one(SIGN_INS, {"_id": text(sign_in_id)}))

    async def by_cookie(self, cookie_hash: str) -> SignIn | None:
        # The second half is for the empty one, which is nobody's.
        where = {"cookie_hash": {"$eq": text(cookie_hash), "$gt": ""}}
        return _sign_in(await self._mongo.find_one(SIGN_INS, where))

    async def rotate(self, sign_in_id: str, used: str, pair: TokenPair, *, expires_at_ms: int) -> SignIn | None:
        change = {
            "pair": fields_of(pair),
            "former_refresh_id": text(used),
            "expires_at_ms": number(expires_at_ms),
            "expires_at": _date(expires_at_ms),
        }
        where = {"_id": text(sign_in_id), "pair.refresh_id": text(used)}
        rotated = await self._mongo.find_and_update(SIGN_INS, where, {"$set": change})
        return await self.get(sign_in_id) if rotated is None else _sign_in(rotated)

    async def among(self, sign_in_ids: Collection[str]) -> frozenset[str]:
        found = await self._mongo.distinct(SIGN_INS, "_id", {"_id": {"$in": texts(sign_in_ids)}})
        return frozenset(found)

    async def use(self, token_id: str, *, forget_at_ms: int) -> bool:
        try:
            await self._mongo.insert(USED_TOKENS, {"_id": text(token_id), "expires_at": _date(forget_at_ms)})
        except Duplicate:
            return False
        return True

    async def close(self, sign_in_id: str) -> None:
        await self._mongo.delete(SIGN_INS, {"_id": text(sign_in_id)})

    async def close_all(self, person_id: PersonId) -> None:
        await self._mongo.delete(SIGN_INS, {"person_id": number(person_id)})


def _date(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _sign_in(document: Document | None) -> SignIn | None:
    return None if document is None else record_of(document, SignIn)
