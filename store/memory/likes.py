"""Likes, as a mark from one person to another."""

from store.interfaces.ids import PersonId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryLikes"]


class MemoryLikes:
    """``LikeStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def like(self, giver_id: PersonId, liked_id: PersonId, at_ms: int) -> None:
        self._database.likes.setdefault((giver_id, liked_id), at_ms)

    async def unlike(self, giver_id: PersonId, liked_id: PersonId) -> None:
        self._database.likes.pop((giver_id, liked_id), None)

    async def likes(self, giver_id: PersonId, liked_id: PersonId) -> bool:
        return (giver_id, liked_id) in self._database.likes
