"""Comments of videos and of comments: writing, liking and reading them (SO-28 … SO-36).

Who may not see a video sees nothing below it either. Knows what is said as JSON text, and not what that means.
"""

from typing import Final

import msgspec

from engine.errors import BadInput, NotFound, TooLong
from engine.node import Node
from engine.services.videos import DEPTH_MAX, Videos
from engine.services.welcome import require_welcome
from engine.snowflakes import Snowflakes
from engine.storage import store_answers
from engine.world import World
from store.interfaces.comments import CommentRecord
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.people import PersonRecord

__all__ = ["Comments", "Stretch"]

CONTENT_CHARS_MAX: Final = 2_000
"""Source: SO-28."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Which comments of a list: page ``page``, from 1, of those with an id below ``before_id``, if given.

    Page numbers lead no further than ``DEPTH_MAX``; from there on goes ``before_id``.
    """

    ranking: Ranking
    page: int
    page_size: int
    before_id: Snowflake | None = None


class Comments:
    """Comments of the social app."""

    def __init__(self, world: World, *, node: Node, snowflakes: Snowflakes, videos: Videos) -> None:
        self._store = world.stores.comments
        self._node = node
        self._snowflakes = snowflakes
        self._videos = videos

    async def comment(self, author: PersonRecord, video_id: Snowflake, content: str) -> CommentRecord:
        """Comment a video. ``content`` is JSON text.

        Raises: NotFound (video). BadInput, TooLong (``content``). Banned.
            StoreDown: it may be there; again writes another one.
        """
        video = await self._videos.get(author.id, video_id)
        comment_id = await self._snowflakes.next()
        return await self._add(
            author, video_id=video.id, father_id=comment_id, owner_id=video.author_id, content=content, id_=comment_id
        )

    async def answer(self, author: PersonRecord, father_id: Snowflake, content: str) -> CommentRecord:
        """Answer a comment, which may be an answer itself.

        Raises: NotFound (comment), and as ``comment``.
        """
        father = await self.get(author.id, father_id)
        return await self._add(
            author,
            video_id=father.video_id,
            father_id=father.id,
            owner_id=father.author_id,
            content=content,
            id_=await self._snowflakes.next(),
        )

    async def get(self, viewer_id: PersonId, comment_id: Snowflake) -> CommentRecord:
        """One comment of a video that the viewer may see.

        Raises: NotFound (comment), StoreDown.
        """
        with store_answers:
            comment = await self._store.get(comment_id)
        if comment is None:
            raise NotFound("comment")
        try:
            await self._videos.get(viewer_id, comment.video_id)
        except NotFound as error:
            raise NotFound("comment") from error
        return comment

    async def toggle_like(self, person: PersonRecord, comment_id: Snowflake) -> bool:
        """Like a comment, or no longer; whether he likes it now.

        Raises: NotFound (comment), Banned. StoreDown: it may have turned over; the count says.
        """
        require_welcome(person, self._node)
        await self.get(person.id, comment_id)
        with store_answers:
            try:
                return await self._store.toggle_like(comment_id, person.id, self._node.now_ms())
            except NotThere as error:
                raise NotFound("comment") from error

    async def of_video(self, viewer_id: PersonId, video_id: Snowflake, stretch: Stretch) -> tuple[CommentRecord, ...]:
        """Comments of the video itself, without the answers to them. Source: SO-31.

        Raises: NotFound (video), StoreDown.
        """
        video = await self._videos.get(viewer_id, video_id)
        return await self._below(video.id, stretch, count_max=video.comments_count)

    async def of_comment(
        self, viewer_id: PersonId, comment_id: Snowflake, stretch: Stretch
    ) -> tuple[CommentRecord, ...]:
        """Answers to the comment, among them itself where it answers a video. Source: SO-30.

        Raises: NotFound (comment), StoreDown.
        """
        comment = await self.get(viewer_id, comment_id)
        return await self._below(comment.id, stretch, count_max=comment.answers_count + 1)

    async def _below(self, parent_id: Snowflake, stretch: Stretch, *, count_max: int) -> tuple[CommentRecord, ...]:
        skip = (stretch.page - 1) * stretch.page_size
        end = min(count_max, DEPTH_MAX)
        if skip >= end:
            return ()
        with store_answers:
            return await self._store.below(
                parent_id,
                stretch.ranking,
                before_id=stretch.before_id,
                skip=skip,
                limit=min(stretch.page_size, end - skip),
            )

    async def _add(
        self,
        author: PersonRecord,
        *,
        id_: Snowflake,
        video_id: Snowflake,
        father_id: Snowflake,
        owner_id: PersonId,
        content: str,
    ) -> CommentRecord:
        require_welcome(author, self._node)
        if not content:
            raise BadInput(field="content")
        if len(content) > CONTENT_CHARS_MAX:
            raise TooLong("content")
        comment = CommentRecord(
            id=id_,
            video_id=video_id,
            father_id=father_id,
            author_id=author.id,
            owner_id=owner_id,
            content=content,
            at_ms=self._node.now_ms(),
        )
        with store_answers:
            try:
                await self._store.add(comment)
            except NotThere as error:
                raise NotFound("comment") from error
        return comment
