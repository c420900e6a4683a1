"""Live rooms as they are kept: what must survive a restart. Audience and heartbeats live with the owner only (e.5)."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId, RoomId

__all__ = ["PusherRecord", "RoomRecord", "RoomStore"]


class PusherRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One who sends pictures into the room, as he described himself; ``stream`` is the name they go by."""

    person_id: PersonId
    stream: str
    name: str
    avatar_url: str
    since_ms: int


class RoomRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One room of the live_room protocol.

    ``creator_id`` is whoever made it; it is *active* once it has a pusher. A room with ``call_id`` is open to the two
    people of that call only (``members``) and in no list. ``status_code`` grows with every change of the pushers.
    """

    id: RoomId
    creator_id: PersonId
    info: str
    created_at_ms: int
    call_id: CallId | None = None
    members: tuple[PersonId, ...] = ()
    pushers: tuple[PusherRecord, ...] = ()
    custom: Mapping[str, str | int] = {}
    status_code: int = 0
    closed_at_ms: int | None = None
    owner: NodeId = NOBODY
    epoch: int = 1
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the room has not been destroyed."""
        return self.closed_at_ms is None


class RoomStore(Protocol):
    """Rooms; the promises of ``add``, ``save``, ``claim`` and ``release`` are those of ``CallStore``."""

    async def add(self, room: RoomRecord) -> RoomRecord:
        """Keep a new room; adding the same room again (equal creator and creation time) returns what is kept.

        Raises: Conflict: an open or closed room of another creation has this id.
        """

    async def save(self, room: RoomRecord) -> None:
        """Replace the record if it has this epoch and the version before.

        Raises: NotOwner, Unavailable.
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
