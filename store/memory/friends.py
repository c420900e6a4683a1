"""Who is whose friend."""

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryFriends"]


class MemoryFriends:
    """``FriendStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def befriend(self, one: PersonId, other: PersonId, at_ms: int) -> None:
        assert one != other
        pair = (min(one, other), max(one, other))
        if pair in self._database.friendships:
            raise Conflict("friends already")
        self._database.friendships[pair] = at_ms

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        return (min(one, other), max(one, other)) in self._database.friendships

    async def friends_of(self, person_id: PersonId, *, skip: int = 0, limit: int) -> tuple[PersonId, ...]:
        his = [pair for pair in self._database.friendships if person_id in pair]
        his.sort(key=lambda pair: (self._database.friendships[pair], f"{pair[0]}:{pair[1]}"), reverse=True)
        return tuple(one if other == person_id else other for one, other in his[skip : skip + limit])
