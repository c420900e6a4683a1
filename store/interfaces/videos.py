"""Videos that people have published, each on one of many shelves.

What everybody may see stands on one shelf, and what is private on a shelf of its author's. On each they have places,
counted from 0 in the order in which they were put there, without a gap: so the number of videos is known without
counting them, and any place can be looked at without going there step by step.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import LikableStore, Ranking

__all__ = ["EVERYBODY", "Shelves", "VideoRecord", "VideoStore"]

EVERYBODY: Final = PersonId(0)
"""Whose the shelf of public videos is."""


class VideoRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One video. Nothing but its counts ever changes."""

    id: Snowflake
    author_id: PersonId
    title: str
    description: str
    video_url: str
    cover_url: str
    kind: str
    is_private: bool
    at_ms: int
    likes_count: int = 0
    comments_count: int = 0
    """Comments and answers to them, all below it."""

    @property
    def shelf(self) -> PersonId:
        """Who may see it: its author, or everybody."""
        return self.author_id if self.is_private else EVERYBODY


class Shelves(msgspec.Struct, frozen=True):
    """How many videos there are for somebody to see: those of everybody, and private ones of his own."""

    public_count: int
    own_count: int


class VideoStore(LikableStore, Protocol):
    """Videos, in every order in which they are shown."""

    async def publish(self, video: VideoRecord) -> None:
        """Put a new video on its shelf, behind the last one there.

        Raises: Conflict: its id is taken, or too many publish at once; nothing has changed.
        """

    async def get(self, video_id: Snowflake) -> VideoRecord | None:
        """One video, or None."""

    async def shelves(self, viewer_id: PersonId) -> Shelves:
        """How many there are for the viewer, without looking at them."""

    async def ranked(
        self, viewer_id: PersonId, ranking: Ranking, *, skip: int = 0, limit: int
    ) -> tuple[VideoRecord, ...]:
        """What the viewer may see, the first of the ranking first; as much work as ``skip`` and ``limit``."""

    async def at(self, shelf: PersonId, places: Sequence[int]) -> dict[int, VideoRecord]:
        """What stands at these places of a shelf, by place; where there is nothing, nothing."""

    async def begin_shuffle(self, viewer_id: PersonId, seed: str, shelves: Shelves, *, expires_at_ms: int) -> None:
        """Keep what there was when the viewer began to look through all in the order of this seed; anew, if again."""

    async def shuffle(self, viewer_id: PersonId, seed: str, at_ms: int) -> Shelves | None:
        """What there was then; None when he has not begun, or too long ago."""
