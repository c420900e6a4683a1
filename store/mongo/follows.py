"""Who follows which room."""

from contextlib import suppress

from store.interfaces.ids import PersonId, RoomId
from store.mongo.codec import number, text
from store.mongo.collections import FOLLOWS
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoFollows"]


class MongoFollows:
    """``FollowStore`` in MongoDB. The key of a document is the pair, so that nobody follows a room twice."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def follow(self, person_id: PersonId, room_id: RoomId, at_ms: int) -> None:
        mark = {
            "_id": _key(person_id, room_id),
            "person_id": number(person_id),
            "room_id": text(room_id),
            "at_ms": number(at_ms),
        }
        with suppress(Duplicate):
            await self._mongo.insert(FOLLOWS, mark)

    async def unfollow(self, person_id: PersonId, room_id: RoomId) -> None:
        await self._mongo.delete(FOLLOWS, {"_id": _key(person_id, room_id)})

    async def toggle(self, person_id: PersonId, room_id: RoomId, at_ms: int) -> bool:
        if await self._mongo.delete(FOLLOWS, {"_id": _key(person_id, room_id)}):
            return False
        await self.follow(person_id, room_id, at_ms)
        return True

    async def follows(self, person_id: PersonId, room_id: RoomId) -> bool:
        return await self._mongo.find_one(FOLLOWS, {"_id": _key(person_id, room_id)}) is not None

    async def rooms_of(self, person_id: PersonId, *, limit: int) -> tuple[RoomId, ...]:
        last_first = (("at_ms", -1), ("room_id", -1))
        found = await self._mongo.find(FOLLOWS, {"person_id": number(person_id)}, sort=last_first, limit=limit)
        return tuple(RoomId(mark["room_id"]) for mark in found)


def _key(person_id: PersonId, room_id: RoomId) -> str:
    return f"{number(person_id)}:{text(room_id)}"
