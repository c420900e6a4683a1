"""What people put up for others to like: what the stores of videos and of comments have in common."""

from enum import StrEnum
from typing import Protocol

from store.interfaces.ids import PersonId, Snowflake

__all__ = ["LikableStore", "Ranking"]


class Ranking(StrEnum):
    """Which come first in a list."""

    LATEST = "latest"
    POPULAR = "popular"
    """Those with the most likes, and of as many the latest. Source: SO-25."""


class LikableStore(Protocol):
    """Things with likes, at most one from each person, and a count of them that is right at every moment."""

    async def toggle_like(self, thing_id: Snowflake, person_id: PersonId, at_ms: int) -> bool:
        """Put the person's like there, or take it back, and count it, both together; whether it is there now.

        Of several at once each turns over what the one before has left. Not the same twice: after ``Unavailable``
        nobody knows whether the next call puts or takes.

        Raises: NotThere: there is no such thing.
        """
