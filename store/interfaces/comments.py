"""Comments: of videos, and of comments, as deep as people like."""

from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import LikableStore, Ranking

__all__ = ["CommentRecord", "CommentStore"]


class CommentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One comment. Nothing but its counts ever changes.

    ``father_id`` is the comment that it answers, its own id where it answers the video itself; either way
    ``video_id`` is the video. ``owner_id`` is whose it is that was answered. ``content`` is JSON text.
    """

    id: Snowflake
    video_id: Snowflake
    father_id: Snowflake
    author_id: PersonId
    owner_id: PersonId
    content: str
    at_ms: int
    likes_count: int = 0
    answers_count: int = 0
    """Comments whose father this one is, itself not counted."""

    @property
    def is_root(self) -> bool:
        """Whether it answers the video itself."""
        return self.father_id == self.id


class CommentStore(LikableStore, Protocol):
    """Comments, and the counts of them. A father was there before its answers, so there are no circles."""

    async def add(self, comment: CommentRecord) -> None:
        """Keep a new comment, and count it at its video and its father, all together.

        Raises:
            NotThere: no such video, or no such father below it; nothing has changed.
            Conflict: the id is taken, or too many comment at once; nothing has changed.
        """

    async def get(self, comment_id: Snowflake) -> CommentRecord | None:
        """One comment, or None."""

    async def below(
        self,
        parent_id: Snowflake,
        ranking: Ranking,
        *,
        before_id: Snowflake | None = None,
        skip: int = 0,
        limit: int,
    ) -> tuple[CommentRecord, ...]:
        """Of a video its roots; of a comment itself and its answers; the first of the ranking first.

        ``before_id``: only those with a smaller id. As much work as ``skip`` and ``limit``; the popular ones before an
        id cost a step more for each number of likes that somebody there has.
        """
