"""The socket: frames ``{"type", "id", "data"}``, commands in, facts out.

Which commands a kind of room knows, and to whom, is the engine's to say, at every message anew (SEC-11). A connection
hears a room from ``enter`` or ``resume`` on, beginning with ``room_shown``. Keeps nothing. Source: reliability e.5,
INV-15, INV-16, ALL-16, ALL-18.
"""

import re
from collections.abc import Mapping
from inspect import getdoc
from types import MappingProxyType
from typing import Annotated, Any, Final, get_args

import msgspec

from engine import events
from engine.errors import EngineError, TooMany
from engine.ports import Position
from engine.records import PersonRecord, SanctionKind
from handlers.rooms.access import RoomsCaller, any_token, as_of_now
from handlers.rooms.houses import HOUSES
from handlers.wire.codec import write_json
from handlers.wire.fields import spoken, text
from handlers.wire.language import Language
from handlers.wire.plain import said_of
from handlers.wire.resume import Since
from handlers.wire.surface import Command, Opening, SocketDialect
from store.interfaces.ids import PersonId, RoomId

__all__ = ["DIALECT", "NAMES", "encode", "encode_at"]

_LIKES_MAX: Final = 50
"""Taps on the heart that one frame may bring together."""

_SANCTION_MS_MAX: Final = 366 * 86_400_000
"""Whoever is to stay away for longer stays away until it is lifted."""


_TAG: Final = "type"
"""What the engine's own encoding tells events apart by."""


# --- what is told --------------------------------------------------------------------------------------------------

NAMES: Final[Mapping[type, str]] = MappingProxyType(
    {
        kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
        for kind in get_args(events.Event)
        if kind is not events.MessageSaid
    }
)
"""The engine's facts → their names on the wire; what people say to each other outside of rooms is none of it."""


def encode(event: events.Event) -> bytes:
    """A fact as a frame: its fields as the engine has them."""
    return write_json(_told(event))


def encode_at(event: events.Event, position: Position) -> bytes:
    """The same for a fact with a place in its room's story."""
    return write_json({**_told(event), "epoch": position.epoch, "seq": position.seq})


def _told(event: events.Event) -> dict[str, object]:
    facts = msgspec.to_builtins(event)
    del facts[_TAG]
    return {"type": NAMES[type(event)], "data": facts}


def _shape(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The facts without that mark, for the printed description."""
    fields = [
        (one.name, one.type) if one.required else (one.name, one.type, one.default)
        for one in msgspec.structs.fields(kind)
    ]
    return msgspec.defstruct(kind.__name__, fields, namespace={"__doc__": getdoc(kind)}, module=__name__, kw_only=True)


# --- what is said --------------------------------------------------------------------------------------------------


class Nothing(msgspec.Struct):
    """Nothing more to say."""


RoomName = Annotated[str, text(200, length_min=1)]


class InRoom(msgspec.Struct, kw_only=True):
    """Which room."""

    room_id: RoomName


class FromWhere(Since, kw_only=True):
    """Which room, and where its story stood for the client."""

    room_id: RoomName


class Say(InRoom, kw_only=True):
    """Something for everybody in the room."""

    text: Annotated[str, spoken(1_000)]


class Like(InRoom, kw_only=True):
    """So many taps on the heart."""

    count: Annotated[int, msgspec.Meta(ge=1, le=_LIKES_MAX)] = 1


class Whom(InRoom, kw_only=True):
    """Which person, by the id that his surface shows."""

    user_id: Annotated[str, text(64, length_min=1)]


class WhomForHowLong(Whom, kw_only=True):
    """``for_ms`` from now; without it, until it is lifted."""

    for_ms: Annotated[int, msgspec.Meta(ge=1, le=_SANCTION_MS_MAX)] | None = None


async def begin(_caller: RoomsCaller, _wanted: Nothing) -> None:
    """A connection hears the rooms that it asks for."""


def ended(caller: RoomsCaller) -> None:
    """It has gone: where people are with their connections only, so have they."""
    caller.engine.show_rooms.gone(PersonId(caller.person_id), caller.request_id)


async def ping(_caller: RoomsCaller, _wanted: Nothing) -> Nothing:
    """Nothing but an answer."""
    return Nothing()


async def enter(caller: RoomsCaller, wanted: FromWhere) -> Nothing:
    """Go into a room, unless one is in it, and hear it."""
    person = await as_of_now(caller)
    room_id = RoomId(wanted.room_id)
    await HOUSES[person.surface].enter(caller.engine, person, room_id, caller.request_id, wanted.position)
    return await _hear(caller, person, wanted)


async def resume(caller: RoomsCaller, wanted: FromWhere) -> Nothing:
    """Hear a room that one is in."""
    return await _hear(caller, await as_of_now(caller), wanted)


async def leave(caller: RoomsCaller, wanted: InRoom) -> Nothing:
    """Go out of a room; fine as well for somebody who is not in it."""
    person = await as_of_now(caller)
    await HOUSES[person.surface].leave(caller.engine, person, RoomId(wanted.room_id), caller.request_id, None)
    return Nothing()


async def end(caller: RoomsCaller, wanted: InRoom) -> Nothing:
    """Close one's own room."""
    person = await as_of_now(caller)
    await HOUSES[person.surface].end(caller.engine, person, RoomId(wanted.room_id))
    return Nothing()


async def say(caller: RoomsCaller, wanted: Say) -> Nothing:
    """Say something to everybody in the room."""
    person = await as_of_now(caller)
    await HOUSES[person.surface].say(caller.engine, person, RoomId(wanted.room_id), wanted.text)
    return Nothing()


async def like(caller: RoomsCaller, wanted: Like) -> Nothing:
    """Tap the heart."""
    await caller.engine.rooms.like(await as_of_now(caller), RoomId(wanted.room_id), wanted.count)
    return Nothing()


async def apply(caller: RoomsCaller, wanted: InRoom) -> Nothing:
    """Ask for a seat."""
    await caller.engine.blind_dates.apply(await as_of_now(caller), RoomId(wanted.room_id))
    return Nothing()


async def decline(caller: RoomsCaller, wanted: InRoom) -> Nothing:
    """Turn an offer down, or withdraw an application."""
    await caller.engine.blind_dates.decline(await as_of_now(caller), RoomId(wanted.room_id))
    return Nothing()


async def sit(caller: RoomsCaller, wanted: InRoom) -> Nothing:
    """Take the seat that is for oneself."""
    await caller.engine.blind_dates.sit(await as_of_now(caller), RoomId(wanted.room_id))
    return Nothing()


async def get_up(caller: RoomsCaller, wanted: InRoom) -> Nothing:
    """Leave the stage."""
    person = await as_of_now(caller)
    await caller.engine.rooms.unseat(person, RoomId(wanted.room_id), person.id)
    return Nothing()


async def invite(caller: RoomsCaller, wanted: Whom) -> Nothing:
    """Offer somebody in one's room the seat that is for him."""
    person, other_id = await _two(caller, wanted)
    await caller.engine.blind_dates.invite(person, RoomId(wanted.room_id), other_id)
    return Nothing()


async def unseat(caller: RoomsCaller, wanted: Whom) -> Nothing:
    """Take somebody off the stage of one's room."""
    person, other_id = await _two(caller, wanted)
    await caller.engine.rooms.unseat(person, RoomId(wanted.room_id), other_id)
    return Nothing()


async def kick(caller: RoomsCaller, wanted: Whom) -> Nothing:
    """Send somebody out of one's room, and not let him in again for a while."""
    person, other_id = await _two(caller, wanted)
    await caller.engine.rooms.kick(person, RoomId(wanted.room_id), other_id)
    return Nothing()


async def ban(caller: RoomsCaller, wanted: WhomForHowLong) -> Nothing:
    """Send somebody out of one's room, and not let him in again."""
    return await _impose(caller, wanted, SanctionKind.BAN)


async def unban(caller: RoomsCaller, wanted: Whom) -> Nothing:
    """Let somebody in again."""
    return await _lift(caller, wanted, SanctionKind.BAN)


async def mute(caller: RoomsCaller, wanted: WhomForHowLong) -> Nothing:
    """Let somebody say nothing in one's room."""
    return await _impose(caller, wanted, SanctionKind.MUTE)


async def unmute(caller: RoomsCaller, wanted: Whom) -> Nothing:
    """Let somebody talk again."""
    return await _lift(caller, wanted, SanctionKind.MUTE)


async def _hear(caller: RoomsCaller, person: PersonRecord, wanted: FromWhere) -> Nothing:
    await caller.engine.rooms.listen(
        person, RoomId(wanted.room_id), connection=caller.request_id, since=wanted.position
    )
    return Nothing()


async def _impose(caller: RoomsCaller, wanted: WhomForHowLong, kind: SanctionKind) -> Nothing:
    person, other_id = await _two(caller, wanted)
    until_ms = None if wanted.for_ms is None else caller.engine.node.now_ms() + wanted.for_ms
    await caller.engine.rooms.impose(person, RoomId(wanted.room_id), other_id, kind, until_ms=until_ms)
    return Nothing()


async def _lift(caller: RoomsCaller, wanted: Whom, kind: SanctionKind) -> Nothing:
    person, other_id = await _two(caller, wanted)
    await caller.engine.rooms.lift(person, RoomId(wanted.room_id), other_id, kind)
    return Nothing()


async def _two(caller: RoomsCaller, wanted: Whom) -> tuple[PersonRecord, PersonId]:
    """Who asks, as known now, and whom he means."""
    person = await as_of_now(caller)
    return person, await HOUSES[person.surface].person_id(caller.engine, wanted.user_id)


# --- the frames around it ------------------------------------------------------------------------------------------


def _answer(kind: str, frame_id: object, reply: object) -> bytes:
    if kind == "ping":
        return write_json({"type": "pong", "id": frame_id})
    return write_json({"type": "reply", "id": frame_id, "to": kind, "data": reply})


def _refuse(error: EngineError, frame_id: object, language: Language) -> bytes:
    data: dict[str, object] = {"error": error.code, "message": said_of(error).to(language), "again": error.retryable}
    if isinstance(error, TooMany):
        data["retry_after_ms"] = error.retry_after_ms
    return write_json({"type": "error", "id": frame_id, "data": data})


def _reason(error: EngineError, language: Language) -> str:
    return said_of(error).to(language)


_COMMANDS: Final[Mapping[str, Command[Any, Any]]] = MappingProxyType(
    {
        "ping": Command(Nothing, Nothing, ping, summary="Are you there"),
        "enter": Command(FromWhere, Nothing, enter, summary="Go into a room and hear it"),
        "resume": Command(FromWhere, Nothing, resume, summary="Hear a room that one is in"),
        "leave": Command(InRoom, Nothing, leave, summary="Go out of a room"),
        "end": Command(InRoom, Nothing, end, summary="Close one's own room"),
        "say": Command(Say, Nothing, say, summary="Say something to everybody in the room"),
        "like": Command(Like, Nothing, like, summary="Tap the heart"),
        "apply": Command(InRoom, Nothing, apply, summary="Ask for a seat"),
        "decline": Command(InRoom, Nothing, decline, summary="Turn an offer down, or withdraw an application"),
        "sit": Command(InRoom, Nothing, sit, summary="Take one's seat"),
        "get_up": Command(InRoom, Nothing, get_up, summary="Leave the stage"),
        "invite": Command(Whom, Nothing, invite, summary="Offer somebody his seat"),
        "unseat": Command(Whom, Nothing, unseat, summary="Take somebody off the stage"),
        "kick": Command(Whom, Nothing, kick, summary="Send somebody out for a while"),
        "ban": Command(WhomForHowLong, Nothing, ban, summary="Send somebody out, for good or for so long"),
        "unban": Command(Whom, Nothing, unban, summary="Let somebody in again"),
        "mute": Command(WhomForHowLong, Nothing, mute, summary="Let somebody say nothing"),
        "unmute": Command(Whom, Nothing, unmute, summary="Let somebody talk again"),
    }
)

DIALECT: Final = SocketDialect(
    path="/rooms/ws",
    summary="Live rooms of every kind as they happen",
    source_id="rooms-ws",
    encode=encode,
    encode_at=encode_at,
    events=MappingProxyType({name: _shape(kind) for kind, name in NAMES.items()}),
    opening=Opening(Nothing, begin, summary="Nothing; rooms are heard when they are asked for", ended=ended),
    commands=_COMMANDS,
    answer=_answer,
    refuse=_refuse,
    reason=_reason,
    credential=any_token,
)
