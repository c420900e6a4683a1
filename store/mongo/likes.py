"""Likes, as a mark from one person to another."""

from contextlib import suppress

from store.interfaces.ids import PersonId
from store.mongo.codec import number
from store.mongo.collections import LIKES
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoLikes"]


class MongoLikes:
    """``LikeStore`` in MongoDB. The key of a document is the pair, so that nobody likes somebody twice."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def like(self, giver_id: PersonId, liked_id: PersonId, at_ms: int) -> None:
        mark = {
            "_id": _key(giver_id, liked_id),
            "giver_id": number(giver_id),
            "liked_id": number(liked_id),
            "at_ms": number(at_ms),
        }
        with suppress(Duplicate):
            await self._mongo.insert(LIKES, mark)

    async def unlike(self, giver_id: PersonId, liked_id: PersonId) -> None:
        await self._mongo.delete(LIKES, {"_id": _key(giver_id, liked_id)})

    async def likes(self, giver_id: PersonId, liked_id: PersonId) -> bool:
        return await self._mongo.find_one(LIKES, {"_id": _key(giver_id, liked_id)}) is not None


def _key(giver_id: PersonId, liked_id: PersonId) -> str:
    return f"{number(giver_id)}:{number(liked_id)}"
