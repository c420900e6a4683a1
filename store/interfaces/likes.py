"""Who likes whom: a mark that people put on each other, and take back."""

from typing import Protocol

from store.interfaces.ids import PersonId

__all__ = ["LikeStore"]


class LikeStore(Protocol):
    """Likes; at most one from one person to another."""

    async def like(self, giver_id: PersonId, liked_id: PersonId, at_ms: int) -> None:
        """Put the mark; one that is there already stays as it is."""

    async def unlike(self, giver_id: PersonId, liked_id: PersonId) -> None:
        """Take the mark back; harmless when there is none."""

    async def likes(self, giver_id: PersonId, liked_id: PersonId) -> bool:
        """Whether the mark is there."""
