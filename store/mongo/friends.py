"""Who is whose friend."""

from typing import Final

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId
from store.mongo.codec import number, numbers
from store.mongo.collections import FRIENDSHIPS
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoFriends"]

LATEST: Final = (("at_ms", -1), ("_id", -1))


class MongoFriends:
    """``FriendStore`` in MongoDB.

    A friendship is one document whose key is the pair, the lower id first: it is there in both directions or in none,
    and two people who add each other at the same moment make one.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def befriend(self, one: PersonId, other: PersonId, at_ms: int) -> None:
        assert one != other
        document = {"_id": _key(one, other), "people": numbers(sorted((one, other))), "at_ms": number(at_ms)}
        try:
            await self._mongo.insert(FRIENDSHIPS, document)
        except Duplicate as duplicate:
            raise Conflict("friends already") from duplicate

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        return await self._mongo.find_one(FRIENDSHIPS, {"_id": _key(one, other)}) is not None

    async def friends_of(self, person_id: PersonId, *, skip: int = 0, limit: int) -> tuple[PersonId, ...]:
        where = {"people": number(person_id)}
        found = await self._mongo.find(FRIENDSHIPS, where, sort=LATEST, skip=skip, limit=limit)
        pairs = [[int(one) for one in friendship["people"]] for friendship in found]
        return tuple(PersonId(one if other == person_id else other) for one, other in pairs)


def _key(one: PersonId, other: PersonId) -> str:
    return f"{number(min(one, other))}:{number(max(one, other))}"
