"""Shows: what an anchor's rooms are called, show and cost, whether they are on air or not."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId, RoomId

__all__ = ["ShowInfo", "ShowKind", "ShowRecord", "ShowStore"]


class ShowKind(IntEnum):
    """Who may enter, as the surface numbers it."""

    FREE = 0
    VIP = 1
    ONE_TO_ONE = 2


class ShowInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the anchor says of a room; ``price`` is that of entering it, once and for good."""

    title: str
    describe: str = ""
    price: int
    kind: ShowKind


class ShowRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The room of one of an anchor's characters. ``info`` is None until the anchor has said something.

    ``character_date`` is the anchor's own words for when the character's card was made, and means nothing to us.
    """

    id: RoomId
    anchor_id: PersonId
    character: str
    character_date: str = ""
    created_at_ms: int
    info: ShowInfo | None = None


class ShowStore(Protocol):
    """Shows, one for each anchor and name of a character."""

    async def keep(self, show: ShowRecord) -> ShowRecord:
        """Keep a new show, or give the one that is there ``show``'s date, if ``show`` has one; what is kept then.

        Nothing else of one that is there changes.

        Raises: Conflict: the id is another anchor's.
        """

    async def describe(self, room_id: RoomId, info: ShowInfo) -> ShowRecord:
        """Change what is said of it; what is kept then.

        Raises: NotThere: no such show.
        """

    async def get(self, room_id: RoomId) -> ShowRecord | None:
        """One show, or None."""

    async def many(self, room_ids: Sequence[RoomId]) -> dict[RoomId, ShowRecord]:
        """Those of the given shows that exist; at most 1,000 ids."""

    async def of_anchor(self, anchor_id: PersonId, *, limit: int) -> tuple[ShowRecord, ...]:
        """An anchor's shows, oldest first."""
