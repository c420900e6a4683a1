"""Live rooms as they are kept: what must survive a restart. Viewers and heartbeats live with the owner only (e.5)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId, RoomId

__all__ = ["Applicant", "Face", "RoomKind", "RoomRecord", "RoomStore", "Sanction", "SanctionKind", "SeatRecord"]


class RoomKind(StrEnum):
    """Which rules a room follows."""

    OPEN = "open"
    """Whoever has been given an address for it sends pictures: the live_room protocol's."""
    CALL = "call"
    """The room of a call, for its two people."""
    BLIND_DATE = "blind_date"
    """A matchmaker and two seats, one for a man and one for a woman."""
    SHOW = "show"
    """An anchor and her audience, without seats: the web's rooms."""


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody in a room may see of a person. ``public_id`` is empty where the surface shows the person's id."""

    public_id: str = ""
    nickname: str = ""
    avatar_url: str = ""
    gender: int = 0
    age: int = 0
    area: str = ""


class SeatRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the stage, in a place of the kind ``seat``; ``stream`` is the name his pictures go by."""

    person_id: PersonId
    seat: str
    stream: str
    face: Face
    since_ms: int


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer who has asked for a seat and has not got one."""

    person_id: PersonId
    face: Face
    since_ms: int


class SanctionKind(StrEnum):
    """What somebody may not do in a room."""

    MUTE = "mute"
    """Say anything."""
    BAN = "ban"
    """Be in it; a kick is a ban that ends soon."""


class Sanction(msgspec.Struct, frozen=True, kw_only=True):
    """An exclusion in force until ``until_ms`` (None = until lifted). ``by`` is None when an operator imposed it."""

    person_id: PersonId
    kind: SanctionKind
    until_ms: int | None
    by: PersonId | None


class RoomRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One room, from its opening until it closes; rooms of some kinds are opened again and again under one id.

    ``anchor_id`` is whose room it is. A room with ``call_id`` is open to the two people of that call only (``members``)
    and in no list. ``status_code`` grows with every change of the seats. ``likes_count`` may lag behind its owner's.
    """

    id: RoomId
    kind: RoomKind
    anchor_id: PersonId
    anchor: Face = Face()
    info: str = ""
    created_at_ms: int
    call_id: CallId | None = None
    members: tuple[PersonId, ...] = ()
    seats: tuple[SeatRecord, ...] = ()
    applicants: tuple[Applicant, ...] = ()
    sanctions: tuple[Sanction, ...] = ()
    custom: Mapping[str, str | int] = {}
    likes_count: int = 0
    status_code: int = 0
    closed_at_ms: int | None = None
    owner: NodeId = NOBODY
    epoch: int = 1
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the room has not been closed."""
        return self.closed_at_ms is None


class RoomStore(Protocol):
    """Rooms; the promises of ``add``, ``save``, ``claim`` and ``release`` are those of ``CallStore``.

    Nobody sits in two rooms of the kind ``BLIND_DATE`` at once (INV-13): that is kept here, whatever the owners think.
    """

    async def add(self, room: RoomRecord) -> RoomRecord:
        """Keep a new room; adding the same room again (equal anchor and opening time) returns what is kept.

        Raises: Conflict: an open or closed room of another creation has this id.
        """

    async def reopen(self, room: RoomRecord) -> RoomRecord | None:
        """Open a closed room anew: ``room``, with the next epoch, takes the place of the record of that epoch.

        Opening it again with equal anchor and opening time returns what is kept. None: it is open, or has another
        epoch, or there is none.

        Raises: Unavailable.
        """

    async def save(self, room: RoomRecord) -> None:
        """Replace the record if it has this epoch and the version before.

        Raises: NotOwner, Unavailable. Conflict: somebody in it sits in another room; nothing was written.
        """

    async def get(self, room_id: RoomId) -> RoomRecord | None:
        """One room, or None."""

    async def open_rooms(self, *, limit: int = 1000) -> tuple[RoomRecord, ...]:
        """Rooms that are not closed, oldest first."""

    async def adoptable(self, me: NodeId, *, limit: int = 1000) -> tuple[RoomRecord, ...]:
        """Open rooms owned by nobody, by a dead node, or by ``me``."""

    async def claim(self, room: RoomRecord, me: NodeId) -> RoomRecord | None:
        """Become the owner, epoch + 1; None when somebody else was faster."""

    async def release(self, room_id: RoomId, epoch: int) -> None:
        """Give the room up at once."""
