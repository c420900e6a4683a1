"""Short videos: publishing, liking, and the lists in which people find them (SO-21 … SO-27).

What somebody may not see is, to him, not there. Knows no wire words, and of files only their addresses.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from engine.errors import BadInput, NotFound, TooLong
from engine.node import Node
from engine.services.shuffles import Shuffle
from engine.services.welcome import require_welcome
from engine.snowflakes import Snowflakes
from engine.storage import store_answers
from engine.texts import in_lines, is_web_address, one_line
from engine.world import World
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.people import PersonRecord
from store.interfaces.videos import EVERYBODY, Shelves, VideoRecord

__all__ = ["DEPTH_MAX", "Draft", "FeedOrder", "VideoPage", "Videos"]

TITLE_CHARS_MAX: Final = 100
"""Source: contract social-videos-create."""
DESCRIPTION_CHARS_MAX: Final = 2_000
ADDRESS_CHARS_MAX: Final = 2_048
SEED_CHARS_MAX: Final = 64
DEPTH_MAX: Final = 10_000
"""So many rows a list can be looked through by page numbers: the store steps over all that come before. Where that is
not so, as in a shuffle or with ``before_id``, there is no such end. Source: SEC-25."""
SHUFFLE_KEPT_MS: Final = 3 * 3_600_000
"""Longer nobody looks through one list."""

KIND: Final = "video"
"""The only kind there is. Source: contract social-videos-create."""


class FeedOrder(StrEnum):
    """In what order videos are listed. Source: SO-21."""

    RANDOM = "random"
    LATEST = "latest"
    POPULAR = "popular"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to publish."""

    video_url: str
    cover_url: str
    title: str
    description: str = ""
    is_private: bool = False


class VideoPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the videos that somebody may see; ``total_count`` is of all of them, ``has_more`` of further pages."""

    videos: tuple[VideoRecord, ...]
    total_count: int
    has_more: bool


class Videos:
    """Videos of the social app."""

    def __init__(self, world: World, *, node: Node, snowflakes: Snowflakes, is_our_file: Callable[[str], bool]) -> None:
        """``is_our_file``: whether this is an address of something that was uploaded here."""
        self._store = world.stores.videos
        self._rng = world.rng
        self._node = node
        self._snowflakes = snowflakes
        self._is_our_file = is_our_file

    async def publish(self, author: PersonRecord, draft: Draft) -> VideoRecord:
        """Publish a video; it cannot be changed any more.

        Raises: BadInput, TooLong (``title``, ``description``, ``video_url``, ``cover_url``). Banned.
            StoreDown: it may be published; again publishes another one.
        """
        require_welcome(author, self._node)
        title, description = one_line(draft.title), in_lines(draft.description)
        if not title:
            raise BadInput(field="title")
        if len(title) > TITLE_CHARS_MAX:
            raise TooLong("title")
        if len(description) > DESCRIPTION_CHARS_MAX:
            raise TooLong("description")
        self._require_address(draft.video_url, "video_url")
        self._require_address(draft.cover_url, "cover_url")
        video = VideoRecord(
            id=await self._snowflakes.next(),
            author_id=author.id,
            title=title,
            description=description,
            video_url=draft.video_url,
            cover_url=draft.cover_url,
            kind=KIND,
            is_private=draft.is_private,
            at_ms=self._node.now_ms(),
        )
        with store_answers:
            await self._store.publish(video)
        return video

    async def get(self, viewer_id: PersonId, video_id: Snowflake) -> VideoRecord:
        """One video that the viewer may see.

        Raises: NotFound, StoreDown.
        """
        with store_answers:
            video = await self._store.get(video_id)
        if video is None or video.shelf not in (EVERYBODY, viewer_id):
            raise NotFound("video")
        return video

    async def toggle_like(self, person: PersonRecord, video_id: Snowflake) -> bool:
        """Like a video, or no longer; whether he likes it now. Likes are counted by person, his own too.

        Raises: NotFound, Banned. StoreDown: it may have turned over; the count says.
        """
        require_welcome(person, self._node)
        await self.get(person.id, video_id)
        with store_answers:
            try:
                return await self._store.toggle_like(video_id, person.id, self._node.now_ms())
            except NotThere as error:
                raise NotFound("video") from error

    async def page(
        self, viewer_id: PersonId, order: FeedOrder, *, page: int, page_size: int, seed: str = ""
    ) -> VideoPage:
        """A page, from 1, of what the viewer may see: what is public, and what is his own.

        Random ones are shuffled for each page anew, unless there is a ``seed``: then all its pages together have each
        video once that was there when page 1 was asked for, whatever is published meanwhile.

        The latest and the popular ones end after ``DEPTH_MAX``.

        Raises: TooLong (``seed``), StoreDown.
        """
        if len(seed) > SEED_CHARS_MAX:
            raise TooLong("seed")
        with store_answers:
            shelves = await self._store.shelves(viewer_id)
            if order is FeedOrder.RANDOM and seed:
                shelves = await self._begun(viewer_id, seed, shelves, is_first=page == 1)
            total_count = shelves.public_count + shelves.own_count
            end = total_count if order is FeedOrder.RANDOM else min(total_count, DEPTH_MAX)
            skip = (page - 1) * page_size
            if skip >= end:
                videos: tuple[VideoRecord, ...] = ()
            elif order is FeedOrder.RANDOM:
                shuffle = Shuffle(f"{viewer_id}:{seed}" if seed else self._rng.hex(16), total_count)
                videos = await self._standing_at(shuffle.part(skip, page_size), viewer_id, shelves)
            else:
                limit = min(page_size, end - skip)
                videos = await self._store.ranked(viewer_id, Ranking(order), skip=skip, limit=limit)
        return VideoPage(videos=videos, total_count=total_count, has_more=skip + page_size < end)

    async def _begun(self, viewer_id: PersonId, seed: str, now: Shelves, *, is_first: bool) -> Shelves:
        """What there was when he began to look through the videos with this seed."""
        now_ms = self._node.now_ms()
        then = None if is_first else await self._store.shuffle(viewer_id, seed, now_ms)
        if then is None:
            await self._store.begin_shuffle(viewer_id, seed, now, expires_at_ms=now_ms + SHUFFLE_KEPT_MS)
        return then or now

    async def _standing_at(self, places: list[int], viewer_id: PersonId, shelves: Shelves) -> tuple[VideoRecord, ...]:
        """What stands there, in this order, where the viewer's own shelf begins behind the public one's end."""
        public_count = shelves.public_count
        public = await self._store.at(EVERYBODY, [place for place in places if place < public_count])
        own = await self._store.at(viewer_id, [place - public_count for place in places if place >= public_count])
        return tuple(public[place] if place < public_count else own[place - public_count] for place in places)

    def _require_address(self, address: str, field: str) -> None:
        """Raises: BadInput, TooLong: nothing that a client could play or show."""
        if len(address) > ADDRESS_CHARS_MAX:
            raise TooLong(field)
        if not (is_web_address(address) or self._is_our_file(address)):
            raise BadInput("not the address of a file", field=field)
