"""The socket of this surface: what a connection begins with, and what people say over it.

Keeps nothing: what a person may say is asked of the engine each time, with what it knows of the person at that time
(SEC-11), and in which room is where he is then. What is told is ``frames``'. Source: seed behaviour §3.2 (Messages),
QL-29, qlive-ws, ALL-16, ALL-18.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec

from engine.errors import Banned, EngineError, NotAMember, NotFound, NotSignedIn, SessionEnded
from engine.events import RoomClosed
from engine.records import PersonRecord
from engine.services.accounts import QLIVE
from engine.services.blind_dates import room_of
from engine.services.welcome import require_let_in
from handlers.qlive.access import QliveCaller, socket_token
from handlers.qlive.envelope import ENVELOPE, Row, as_documented, row_of
from handlers.qlive.frames import FRAMES, Frames, room_number
from handlers.qlive.rooms import ENTERING
from handlers.qlive.shapes import Done, Nothing, UserId
from handlers.wire.codec import write_json
from handlers.wire.fields import blank, spoken, text
from handlers.wire.language import Language
from handlers.wire.resume import Since
from handlers.wire.socket import read_typed
from handlers.wire.surface import Command, Frame, Opening, SocketDialect
from store.interfaces.ids import RoomId

__all__ = ["begin", "dialect", "invite", "like", "ping", "put_down", "respond", "say"]

_LIKES_MAX: Final = 50
"""Taps on the heart that one frame may bring together."""

_NUMBER: Final = r"^[1-9][0-9]{7}(?!\n)$"
"""What a room's number looks like: its matchmaker's. Source: QL-1."""

_SEAT_LOST: Final = ENVELOPE.saying(ROOM_FULL=Row(HTTPStatus.BAD_REQUEST, as_documented("抢麦失败")))
"""Over a socket nothing is full but a seat that somebody else was faster to."""


# --- beginning -----------------------------------------------------------------------------------------------------


class Begin(Since, kw_only=True):
    """The room in which the client was, and where its story stood; the client is in one room at most."""

    live_id: Annotated[Annotated[str, msgspec.Meta(pattern=_NUMBER)] | None, blank()] = None

    def __post_init__(self) -> None:
        """Raises: ValueError: a position of no room; one of another room would be taken for one of this."""
        super().__post_init__()
        if self.position is not None and self.live_id is None:
            raise ValueError("a position is one of a room")


async def begin(caller: QliveCaller, wanted: Begin) -> RoomClosed | None:
    """Hear the room where one is, or go into the one where one was; that it is over meanwhile is no error.

    Raises: SessionEnded: it goes on, and this node does not have it (yet).
    """
    engine, person = caller.engine, caller.principal.person
    require_let_in(person, engine.node)
    was_in = None if wanted.live_id is None else room_of(wanted.live_id)
    place = engine.blind_dates.place_of(person.id)
    room_id = was_in if place is None else place.state.record.id
    if room_id is None:
        return None
    try:
        if place is None:
            await engine.blind_dates.enter(person, room_id)
        since = wanted.position if room_id == was_in else None
        await engine.rooms.listen(person, room_id, connection=caller.request_id, since=since)
    except NotFound:
        if await engine.rooms.goes_on_without(room_id):
            raise SessionEnded from None
        return RoomClosed(room_id=room_id, status_code=0)
    return None


# --- what is said --------------------------------------------------------------------------------------------------


class InRoom(msgspec.Struct, kw_only=True):
    """``group_id``, where it is said, is the room that the client believes to be in."""

    group_id: Annotated[str, text(64)] = ""


class Say(msgspec.Struct, kw_only=True):
    """The text is the frame's content itself."""

    content: Annotated[str, spoken(1_000)]


class Whom(InRoom, kw_only=True):
    """Which person."""

    user_id: UserId


class Respond(InRoom, kw_only=True):
    """Take the seat, or not."""

    data: Literal["accept", "reject"]


class Like(InRoom, kw_only=True):
    """So many taps on the heart."""

    count: Annotated[int, msgspec.Meta(ge=1, le=_LIKES_MAX)] = 1


async def ping(_caller: QliveCaller, _wanted: Nothing) -> Nothing:
    """Nothing but an answer."""
    return Nothing()


async def say(caller: QliveCaller, wanted: Say) -> Done:
    """Say something to everybody in the room."""
    person, room_id = await _here(caller)
    await caller.engine.rooms.say(person, room_id, wanted.content)
    return Done()


async def like(caller: QliveCaller, wanted: Like) -> Done:
    """Tap the heart."""
    person, room_id = await _here(caller, wanted)
    await caller.engine.rooms.like(person, room_id, wanted.count)
    return Done()


async def invite(caller: QliveCaller, wanted: Whom) -> Done:
    """Offer somebody in the room his seat; for its matchmaker."""
    person, room_id = await _here(caller, wanted)
    guest = await caller.engine.qlive_people.person(wanted.user_id)
    await caller.engine.blind_dates.invite(person, room_id, guest.id)
    return Done()


async def respond(caller: QliveCaller, wanted: Respond) -> Done:
    """Take the seat that one was offered or has asked for, or turn it down."""
    person, room_id = await _here(caller, wanted)
    if wanted.data == "accept":
        await caller.engine.blind_dates.sit(person, room_id)
    else:
        await caller.engine.blind_dates.decline(person, room_id)
    return Done()


async def put_down(caller: QliveCaller, wanted: Whom) -> Done:
    """Take somebody off the microphone: for the matchmaker, and everybody himself."""
    person, room_id = await _here(caller, wanted)
    guest = await caller.engine.qlive_people.person(wanted.user_id)
    await caller.engine.blind_dates.get_up(person, room_id, guest.id)
    return Done()


async def _here(caller: QliveCaller, wanted: InRoom | None = None) -> tuple[PersonRecord, RoomId]:
    """The person as known now, not as when the socket opened, and the room he is in.

    Raises: NotSignedIn: he has signed out meanwhile. NotAMember: he is in no room, or not in the one he means.
    """
    person = await caller.engine.identity.who(caller.principal.token, surface=QLIVE)
    place = caller.engine.blind_dates.place_of(person.id)
    if place is None:
        raise NotAMember
    room_id = place.state.record.id
    if wanted is not None and wanted.group_id not in ("", room_number(room_id)):
        raise NotAMember
    return person, room_id


# --- the frames around it ------------------------------------------------------------------------------------------


def _read(value: Mapping[str, object]) -> Frame:
    content = value.get("content")
    if isinstance(content, str):
        value = {**value, "content": {"content": content}}
    return read_typed(value, inside="content")


def _answer(kind: str, frame_id: object, reply: object) -> bytes:
    # A word said to a room comes back to its speaker as a frame of that type; the answer must not look like it.
    if kind == "ping":
        return write_json({"type": "pong", "id": frame_id})
    return write_json({"type": "reply", "id": frame_id, "to": kind, "content": reply})


def _refuse(error: EngineError, frame_id: object, language: Language) -> bytes:
    row = _SEAT_LOST.row(error)
    content = {"status": int(row.status), "detail": row.said.to(language), "error": error.code}
    return write_json({"type": "error", "id": frame_id, "content": content})


def _reason(error: EngineError, language: Language) -> str:
    match error:
        case NotSignedIn():
            return "unauthorized"
        case Banned(text=""):
            return ENTERING.row(error).said.to(language)  # From the room, not by an operator.
    return row_of(error).said.to(language)


def dialect(play_url: Callable[[str], str]) -> SocketDialect:
    """The socket; ``play_url`` says where to watch the stream of that name."""
    frames = Frames(play_url)
    return SocketDialect(
        path="/wx/api/qlive/ws",
        summary="Blind-date rooms as they happen",
        source_id="qlive-ws",
        encode=frames.encode,
        encode_at=frames.encode_at,
        events=FRAMES,
        opening=Opening(Begin, begin, summary="The room to be in, and what was missed there"),
        commands={
            "ping": Command(Nothing, Nothing, ping, summary="Are you there"),
            "message": Command(Say, Done, say, summary="Say something to everybody in the room"),
            "like": Command(Like, Done, like, summary="Tap the heart"),
            "invite": Command(Whom, Done, invite, summary="Offer somebody his seat"),
            "response": Command(Respond, Done, respond, summary="Take the seat, or turn it down"),
            "kickout": Command(Whom, Done, put_down, summary="Take somebody off the microphone"),
        },
        answer=_answer,
        refuse=_refuse,
        reason=_reason,
        credential=socket_token,
        read=_read,
    )
