"""What is said in the anchors' rooms: viewers' lines, and the records of an anchor's own conversation."""

from enum import StrEnum
from typing import Final, Protocol

import msgspec

from store.interfaces.ids import PersonId, RoomId

__all__ = ["DOUBLE_MS", "SPOKEN", "AnchorRecord", "ChatStore", "RecordKind", "ViewerLine"]

DOUBLE_MS: Final = 5_000
"""What somebody says again in the same room before this has passed, is the same. Source: SITE-47."""


class ViewerLine(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody in the audience said, with the name he had then.

    ``shown_id`` is what the surface shows of him; empty for those without an account.
    """

    room_id: RoomId
    person_id: PersonId
    shown_id: str
    name: str
    text: str
    at_ms: int


class RecordKind(StrEnum):
    """What a record of an anchor's conversation is."""

    CREATED = "created"
    """The conversation has begun."""
    ANCHOR = "anchor"
    """The anchor said something."""
    AI = "ai"
    """Her character said something."""
    UNKNOWN = "unknown"


SPOKEN: Final = frozenset({RecordKind.ANCHOR, RecordKind.AI})
"""What there is to hear in; the other kinds are only kept."""


class AnchorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a conversation.

    ``speaker`` is by whose name it was said, ``sent`` the client's own words for when, ``html`` the same as ``text``,
    dressed up, and harmless. ``data`` is the record as it came, of kinds in which nothing is spoken.
    """

    room_id: RoomId
    kind: RecordKind
    at_ms: int
    speaker: str = ""
    sent: str = ""
    text: str = ""
    html: str = ""
    data: str = ""


class ChatStore(Protocol):
    """What was said, room by room, in the order in which it was kept. Nothing in it ever changes.

    Keeping again is safe: what was there less than ``DOUBLE_MS`` before, in the same room, from the same person and
    in the same words, is kept once. Who keeps the same at the very same moment twice may find it there twice.
    """

    async def keep_line(self, line: ViewerLine) -> bool:
        """Keep a line; False: it is there already."""

    async def keep_record(self, record: AnchorRecord) -> bool:
        """Keep a record; False: it is there already."""

    async def last_lines(self, room_id: RoomId, *, skip: int = 0, limit: int) -> tuple[ViewerLine, ...]:
        """What viewers said in the room, newest first."""

    async def last_spoken(self, room_id: RoomId, *, skip: int = 0, limit: int) -> tuple[AnchorRecord, ...]:
        """What the anchor and her character said there, newest first."""

    async def last_record_at_ms(self, room_id: RoomId) -> int | None:
        """When the newest record of any kind was kept; None: there is none."""
