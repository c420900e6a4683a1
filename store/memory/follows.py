"""Who follows which room."""

from store.interfaces.ids import PersonId, RoomId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryFollows"]


class MemoryFollows:
    """``FollowStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def follow(self, person_id: PersonId, room_id: RoomId, at_ms: int) -> None:
        self._database.follows.setdefault((person_id, room_id), at_ms)

    async def unfollow(self, person_id: PersonId, room_id: RoomId) -> None:
        self._database.follows.pop((person_id, room_id), None)

    async def toggle(self, person_id: PersonId, room_id: RoomId, at_ms: int) -> bool:
        if self._database.follows.pop((person_id, room_id), None) is not None:
            return False
        self._database.follows[person_id, room_id] = at_ms
        return True

    async def follows(self, person_id: PersonId, room_id: RoomId) -> bool:
        return (person_id, room_id) in self._database.follows

    async def rooms_of(self, person_id: PersonId, *, limit: int) -> tuple[RoomId, ...]:
        followed = [(at_ms, room_id) for (who, room_id), at_ms in self._database.follows.items() if who == person_id]
        return tuple([room_id for _, room_id in sorted(followed, reverse=True)][:limit])
