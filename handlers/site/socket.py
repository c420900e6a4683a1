"""The socket of one room: what a connection begins with, and what people say over it.

Keeps nothing: whether somebody may talk is asked of the engine each time (SEC-11), and whose sign-in has ended has his
sockets closed. What is told is ``frames``'. Source: seed behaviour §2.7 (Room socket), SITE-34, SITE-38, SITE-46 … 48.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from engine.errors import EngineError, Silenced, TooMany
from engine.events import RoomClosed
from engine.records import PersonRecord
from engine.services.known_people import Known
from engine.services.shows import show_named
from handlers.site.access import SiteCaller, socket_credential
from handlers.site.chat import LINE_CHARS_MAX, TALKING
from handlers.site.frames import FRAMES, encode, encode_at
from handlers.site.rooms import shown_id, viewer
from handlers.site.shapes import Nothing, RoomName
from handlers.wire.access import OPTIONAL
from handlers.wire.codec import write_json
from handlers.wire.fields import also, spoken
from handlers.wire.language import Language
from handlers.wire.resume import Since
from handlers.wire.socket import read_typed
from handlers.wire.surface import Command, Frame, Opening, SocketDialect
from store.interfaces.ids import PersonId

__all__ = ["DIALECT", "begin", "ended", "ping", "say"]

SAYING: Final = "chat_user_message"
_WORDS: Final = ("user_message", "message")


class Begin(Since, kw_only=True):
    """Which room, and where its story stood for a client that comes back."""

    room_id: RoomName


class Say(msgspec.Struct):
    """What is said; who says it is the server's word, whatever stands beside it."""

    user_message: Annotated[str, spoken(LINE_CHARS_MAX), also("message")]


async def begin(caller: SiteCaller, wanted: Begin) -> RoomClosed | None:
    """Be in the room; where it is off air, wait for it."""
    visitor = caller.principal
    if visitor.person is not None:
        caller.engine.web_sign_ins.watch(Known(visitor.person, visitor.sign_in_id))
    return await caller.engine.show_rooms.visit(
        viewer(visitor), show_named(wanted.room_id), connection=caller.request_id, since=wanted.position
    )


def ended(caller: SiteCaller) -> None:
    """The connection has gone."""
    caller.engine.show_rooms.gone(PersonId(caller.person_id), caller.request_id)


async def say(caller: SiteCaller, wanted: Say) -> Nothing:
    """Say something to everybody in the room."""
    engine = caller.engine
    person = await _as_of_now(caller)
    room_id = engine.show_rooms.visited_by(person.id, caller.request_id)
    await engine.show_chat.say(person, room_id, wanted.user_message, shown_id=shown_id(person))
    return Nothing()


async def ping(_caller: SiteCaller, _wanted: Nothing) -> Nothing:
    """Nothing but an answer."""
    return Nothing()


async def _as_of_now(caller: SiteCaller) -> PersonRecord:
    """The person as known now, not as when the socket opened: an operator may have excluded him since."""
    visitor = caller.principal
    if visitor.person is None:
        return viewer(visitor)
    return await caller.engine.site_people.person(visitor.person.id)


# --- the frames around it ------------------------------------------------------------------------------------------


def _read(value: Mapping[str, object]) -> Frame:
    if any(name in value for name in _WORDS):
        frame_id = value.get("id")
        return Frame(SAYING, frame_id if type(frame_id) in (int, str) else None, value)
    return read_typed(value)


def _answer(kind: str, frame_id: object, _reply: object) -> bytes:
    # What is said comes back to its speaker as to everybody; this tells him that it is kept.
    return write_json({"type": "pong" if kind == "ping" else "reply", "id": frame_id, "to": kind})


def _refuse(error: EngineError, frame_id: object, language: Language) -> bytes:
    refusal: dict[str, object] = {"error": TALKING.row(error).said.to(language)}
    if not isinstance(error, Silenced):
        refusal["error_code"] = error.code
    if frame_id is not None:
        refusal["id"] = frame_id
    if isinstance(error, TooMany):
        refusal["retry_after_ms"] = error.retry_after_ms
    return write_json(refusal)


def _reason(error: EngineError, language: Language) -> str:
    return TALKING.row(error).said.to(language)


DIALECT: Final = SocketDialect(
    path="/ws/chat/{room_id}",
    aliases=("/ws/chat/{room_id}/{room_name}",),
    summary="One room: what viewers and its anchor say, and how many watch",
    source_id="site-ws-room-chat",
    access=OPTIONAL,
    credential=socket_credential,
    encode=encode,
    encode_at=encode_at,
    events=FRAMES,
    opening=Opening(Begin, begin, summary="The room to be in, and what was missed there", ended=ended),
    commands={
        SAYING: Command(Say, Nothing, say, summary="Say something to everybody in the room"),
        "ping": Command(Nothing, Nothing, ping, summary="Are you there"),
    },
    read=_read,
    answer=_answer,
    refuse=_refuse,
    reason=_reason,
)
