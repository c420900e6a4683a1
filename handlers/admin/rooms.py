"""Rooms of this node for operators: which there are, who is in one, and how to close it."""

from typing import Annotated, Any, Final

import msgspec

from engine.room.lifecycle import RoomState
from handlers.admin.access import Desk
from handlers.admin.shapes import Act, Nothing, shown
from handlers.wire.fields import text
from handlers.wire.surface import Endpoint
from store.interfaces.ids import RoomId

__all__ = ["ENDPOINTS"]

RoomName = Annotated[str, text(200, length_min=1)]


class WantedRoom(msgspec.Struct):
    """Which room."""

    room_id: RoomName


class CloseRoom(Act, kw_only=True):
    """Send everybody away."""

    room_id: RoomName


class PusherShown(msgspec.Struct):
    """One who sends pictures."""

    person_id: int
    name: str
    since_ms: int


class RoomShown(msgspec.Struct):
    """One room. ``call_id`` is set for the room of a call."""

    id: str
    creator_id: int
    created_at_ms: int
    call_id: int | None
    pushers: list[PusherShown]
    audience_count: int
    owner: str
    epoch: int


class RoomInside(RoomShown):
    """One room with those who watch, as it was when asked (or, closed, when it was closed)."""

    info: str = ""
    audience: list[int] = []


class Rooms(msgspec.Struct):
    """Oldest first, and the store's time for comparison."""

    now_ms: int
    rooms: list[RoomShown]


async def every(desk: Desk, _wanted: Nothing) -> Rooms:
    """All rooms of this node."""
    operator = desk.engine.operator
    rooms = [shown(RoomShown, room.record, audience_count=len(room.audience)) for room in operator.rooms()]
    return Rooms(now_ms=operator.now_ms, rooms=rooms)


async def one(desk: Desk, wanted: WantedRoom) -> RoomInside:
    """One room with everybody in it."""
    return _inside(desk.engine.operator.room(RoomId(wanted.room_id)))


async def close(desk: Desk, wanted: CloseRoom) -> RoomInside:
    """The room as it was before it closed."""
    return _inside(
        await desk.engine.operator.close_room(RoomId(wanted.room_id), actor=wanted.actor, reason=wanted.reason)
    )


def _inside(room: RoomState) -> RoomInside:
    return shown(RoomInside, room.record, audience_count=len(room.audience), audience=list(room.audience))


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/admin/v1/rooms",
        Nothing,
        Rooms,
        every,
        method="GET",
        summary="Rooms of this node",
        source_id="admin-rooms",
    ),
    Endpoint(
        "/admin/v1/rooms/{room_id}",
        WantedRoom,
        RoomInside,
        one,
        method="GET",
        summary="One room with everybody in it",
        source_id="admin-rooms-show",
    ),
    Endpoint(
        "/admin/v1/rooms/{room_id}/close",
        CloseRoom,
        RoomInside,
        close,
        summary="Close a room",
        source_id="admin-rooms-close",
    ),
)
