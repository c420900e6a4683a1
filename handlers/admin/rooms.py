"""Live rooms for operators: which there are, who is in one, and what can be done there.

A person in a room is named by his id or by the one that the room's surface shows; acts take the id.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from engine.room.state import RoomState
from engine.services.operator_rooms import PersonInRoom, RoomSeen, SanctionKind
from handlers.admin.access import Desk
from handlers.admin.shapes import Act, Length, Nothing, shown
from handlers.wire.fields import Id, text
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId, RoomId

__all__ = ["ENDPOINTS"]

RoomName = Annotated[str, text(200, length_min=1)]


class WantedRoom(msgspec.Struct):
    """Which room."""

    room_id: RoomName


class WantedPerson(msgspec.Struct):
    """Whom, with regard to which room."""

    room_id: RoomName
    person: Annotated[str, text(200, length_min=1)]


class CloseRoom(Act, kw_only=True):
    """Send everybody away."""

    room_id: RoomName


class OnPerson(Act, kw_only=True):
    """An act that says nothing beyond whom it is done to."""

    room_id: RoomName
    person_id: Id


class Impose(OnPerson, kw_only=True):
    """From now on, for ``length_ms`` or until it is lifted; a kick for as long as the configuration says."""

    length_ms: Length | None = None


class FaceShown(msgspec.Struct):
    """Who somebody is; ``public_id`` is empty where the surface shows the id itself."""

    person_id: int
    public_id: str
    nickname: str


class SeatShown(FaceShown):
    """Somebody on the stage."""

    seat: str
    since_ms: int


class ViewerShown(FaceShown):
    """Somebody who watches, or has applied, since then."""

    since_ms: int


class InvitationShown(FaceShown):
    """An open offer of a seat."""

    until_ms: int


class SanctionShown(msgspec.Struct):
    """What somebody may not do here; ``by`` is null for an operator. One whose time is over is in force no longer."""

    person_id: int
    kind: str
    until_ms: int | None
    by: int | None


class RoomShown(msgspec.Struct):
    """One room. ``call_id`` is set for the room of a call."""

    id: str
    kind: str
    anchor: FaceShown
    created_at_ms: int
    call_id: int | None
    seats: list[SeatShown]
    applicants: list[ViewerShown]
    audience_count: int | None
    """null for a room that another node has, which alone knows."""
    likes_count: int
    owner: str
    epoch: int


class RoomInside(RoomShown):
    """One room with everybody in it, as it was when asked (or, closed, when it was closed).

    ``viewers`` are the first to have come; ``position`` counts what the room was told since this node has it.
    """

    info: str
    members: list[int]
    invitations: list[InvitationShown]
    viewers: list[ViewerShown]
    sanctions: list[SanctionShown]
    position: int | None
    now_ms: int


class Rooms(msgspec.Struct):
    """Oldest first, and the store's time for comparison."""

    now_ms: int
    rooms: list[RoomShown]


class PlaceShown(msgspec.Struct):
    """One seat, free where ``taken`` is null. ``is_held``: by an open line; ``heard_at_ms``: the last sign of life."""

    seat: str
    taken: SeatShown | None
    is_held: bool
    heard_at_ms: int | None


class Stage(msgspec.Struct):
    """Every seat of a room, and the store's time for comparison."""

    now_ms: int
    seats: list[PlaceShown]


class PersonShown(FaceShown, kw_only=True):
    """Somebody with regard to a room. ``standing``: watching, applied, seated, anchor; empty: not in it."""

    room_id: str
    standing: str
    seat: str
    sanctions: list[SanctionShown]


async def every(desk: Desk, _wanted: Nothing) -> Rooms:
    """All rooms of this node."""
    operator = desk.engine.operator
    return Rooms(
        now_ms=operator.now_ms,
        rooms=[shown(RoomShown, state.record, **_facts(state, is_here=True)) for state in operator.rooms.owned()],
    )


async def one(desk: Desk, wanted: WantedRoom) -> RoomInside:
    """One room with everybody in it."""
    return _inside(await desk.engine.operator.rooms.room(RoomId(wanted.room_id)))


async def stage(desk: Desk, wanted: WantedRoom) -> Stage:
    """Its seats."""
    operator = desk.engine.operator
    return Stage(
        now_ms=operator.now_ms,
        seats=[
            shown(PlaceShown, seen, taken=None if seen.taken is None else _seat(seen.taken))
            for seen in operator.rooms.stage(RoomId(wanted.room_id))
        ],
    )


async def person(desk: Desk, wanted: WantedPerson) -> PersonShown:
    """Somebody with regard to a room."""
    return _person(await desk.engine.operator.rooms.person(RoomId(wanted.room_id), wanted.person))


async def close(desk: Desk, wanted: CloseRoom) -> RoomInside:
    """The room as it was before it closed."""
    rooms = desk.engine.operator.rooms
    return _inside(await rooms.close(RoomId(wanted.room_id), actor=wanted.actor, reason=wanted.reason))


async def kick(desk: Desk, wanted: Impose) -> PersonShown:
    """Out, and in again later."""
    done = await desk.engine.operator.rooms.kick(
        RoomId(wanted.room_id),
        PersonId(wanted.person_id),
        length_ms=wanted.length_ms,
        actor=wanted.actor,
        reason=wanted.reason,
    )
    return _person(done)


async def impose(kind: SanctionKind, desk: Desk, wanted: Impose) -> PersonShown:
    """Muted, or banned."""
    done = await desk.engine.operator.rooms.impose(
        RoomId(wanted.room_id),
        PersonId(wanted.person_id),
        kind,
        length_ms=wanted.length_ms,
        actor=wanted.actor,
        reason=wanted.reason,
    )
    return _person(done)


async def lift(kind: SanctionKind, desk: Desk, wanted: OnPerson) -> PersonShown:
    """As if it had not been imposed."""
    done = await desk.engine.operator.rooms.lift(
        RoomId(wanted.room_id), PersonId(wanted.person_id), kind, actor=wanted.actor, reason=wanted.reason
    )
    return _person(done)


async def unseat(desk: Desk, wanted: OnPerson) -> PersonShown:
    """Off the stage."""
    done = await desk.engine.operator.rooms.unseat(
        RoomId(wanted.room_id), PersonId(wanted.person_id), actor=wanted.actor, reason=wanted.reason
    )
    return _person(done)


def _inside(seen: RoomSeen) -> RoomInside:
    state, record = seen.state, seen.state.record
    offers = {person_id: until_ms for person_id, until_ms in state.invitations.items() if until_ms > seen.now_ms}
    return shown(
        RoomInside,
        record,
        **_facts(state, is_here=seen.position is not None),
        invitations=[
            shown(InvitationShown, state.audience[person_id].face, person_id=person_id, until_ms=until_ms)
            for person_id, until_ms in offers.items()
        ],
        viewers=[
            shown(ViewerShown, viewer.face, person_id=person_id, since_ms=viewer.since_ms)
            for person_id, viewer in seen.viewers
        ],
        position=None if seen.position is None else seen.position.seq,
        now_ms=seen.now_ms,
    )


def _facts(state: RoomState, *, is_here: bool) -> dict[str, object]:
    """What is told of a room, beside what its record knows by the same name."""
    record = state.record
    return {
        "anchor": shown(FaceShown, record.anchor, person_id=record.anchor_id),
        "seats": [_seat(seat) for seat in record.seats],
        "applicants": [
            shown(ViewerShown, one.face, person_id=one.person_id, since_ms=one.since_ms) for one in record.applicants
        ],
        "audience_count": len(state.audience) if is_here else None,
        "likes_count": state.likes_count,
    }


def _seat(taken: Any) -> SeatShown:
    return shown(SeatShown, taken.face, person_id=taken.person_id, seat=taken.seat, since_ms=taken.since_ms)


def _person(found: PersonInRoom) -> PersonShown:
    return shown(
        PersonShown,
        found,
        person_id=found.person.id,
        public_id=found.person.public_id,
        nickname=found.person.nickname,
        standing=found.standing or "",
    )


def _act(
    name: str, shape: type[OnPerson], action: Callable[[Desk, Any], Awaitable[PersonShown]], summary: str
) -> Endpoint[Any, Any]:
    """Something done to one person in a room."""
    return Endpoint(
        f"/admin/v1/rooms/{{room_id}}/{name}",
        shape,
        PersonShown,
        action,
        summary=summary,
        source_id=f"admin-rooms-{name}",
    )


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
        "/admin/v1/rooms/{room_id}/seats",
        WantedRoom,
        Stage,
        stage,
        method="GET",
        summary="Every seat of a room, and who sits there",
        source_id="admin-rooms-seats",
    ),
    Endpoint(
        "/admin/v1/rooms/{room_id}/people/{person}",
        WantedPerson,
        PersonShown,
        person,
        method="GET",
        summary="What somebody is in a room, and may not do there",
        source_id="admin-rooms-person",
    ),
    Endpoint(
        "/admin/v1/rooms/{room_id}/close",
        CloseRoom,
        RoomInside,
        close,
        summary="Close a room",
        source_id="admin-rooms-close",
    ),
    _act("kick", Impose, kick, "Send somebody out of a room for a while"),
    _act("mute", Impose, partial(impose, SanctionKind.MUTE), "Let somebody say nothing in a room"),
    _act("unmute", OnPerson, partial(lift, SanctionKind.MUTE), "Let him talk again"),
    _act("ban", Impose, partial(impose, SanctionKind.BAN), "Keep somebody out of a room"),
    _act("unban", OnPerson, partial(lift, SanctionKind.BAN), "Let him in again, after a kick too"),
    _act("unseat", OnPerson, unseat, "Take somebody off the stage"),
)
