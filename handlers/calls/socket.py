"""The socket of this surface: calls and rooms as they happen, in place of the messaging service of Tencent's clients.

Knows how each event and each command looks in a frame. Keeps nothing: what a person may say is asked of the engine each
time, with what it knows of the person at that time (SEC-11). Source: calls-weapp-ws, LR-4, ALL-16, ALL-18.
"""

from typing import Annotated, Final, Literal

import msgspec

from engine import events
from engine.errors import EngineError
from engine.records import PersonRecord, Side
from engine.services.accounts import CALLS
from handlers.calls.access import CallsCaller, weapp_pair
from handlers.calls.envelope import row_of
from handlers.calls.shapes import Done, RoomName
from handlers.wire.codec import write_json
from handlers.wire.fields import Id, also, spoken, text
from handlers.wire.language import Language, Said
from handlers.wire.surface import Command, SocketDialect
from store.interfaces.ids import PersonId, RoomId

__all__ = ["DIALECT", "encode", "link_mic", "ping", "say"]

_NOT_LET_IN: Final = Said("鉴权失败", "the credential is not valid")


# --- what is told --------------------------------------------------------------------------------------------------


class _OfCall(msgspec.Struct, rename="camel", kw_only=True):
    record_id: int
    room_instance_id: int


class CallApply(_OfCall, rename="camel", kw_only=True):
    """Somebody rings you."""

    from_user_id: int


class CallReply(_OfCall, rename="camel", kw_only=True):
    """It was agreed to (``reply`` 1); a refusal is a ``call_ended``."""

    from_user_id: int
    reply: int


class CallRoom(_OfCall, rename="camel", kw_only=True):
    """The room of the call exists."""

    room_id: str = msgspec.field(name="roomID")


class CallStarted(_OfCall, rename="camel", kw_only=True):
    """Minute 1 is paid; ``startedAt`` in milliseconds since 1970."""

    started_at: int


class CallTick(_OfCall, rename="camel", kw_only=True):
    """Minute ``minute`` is paid. ``diamond``, for the guest only, is what he has left; null for the anchor."""

    minute: int
    diamond: str | None


class CallLowBalance(_OfCall, rename="camel", kw_only=True):
    """The next minute is not covered: the call ends in ``leftMs``."""

    left_ms: int


class CallPartyLost(_OfCall, rename="camel", kw_only=True):
    """The other one's line is gone; nothing is charged, for at most ``graceMs``."""

    user_id: int
    grace_ms: int


class CallPartyReturned(_OfCall, rename="camel", kw_only=True):
    """The other one is back."""

    user_id: int


class CallEnded(_OfCall, rename="camel", kw_only=True):
    """It is over, after ``minutes`` that were paid. ``by`` is guest, master, or null where nobody hung up."""

    reason: str
    minutes: int
    by: str | None


class NotifyPusherChange(msgspec.Struct, kw_only=True):
    """Who sends into the room has changed: ask get_pushers."""

    room_id: str = msgspec.field(name="roomID")
    room_status_code: int = msgspec.field(name="roomStatusCode")


class CustomTextMsg(msgspec.Struct, kw_only=True):
    """Somebody in the room says something; name and picture are the server's word."""

    room_id: str = msgspec.field(name="roomID")
    user_id: str = msgspec.field(name="userID")
    nick_name: str = msgspec.field(name="nickName")
    head_pic: str = msgspec.field(name="headPic")
    text: str


class LinkMic(msgspec.Struct, kw_only=True):
    """A word about linking microphones, from one client to another."""

    room_id: str = msgspec.field(name="roomID")
    user_id: str = msgspec.field(name="userID")
    kind: str = msgspec.field(name="type")
    result: str
    reason: str


class Gift(msgspec.Struct, rename="camel", kw_only=True):
    """A gift was paid. ``eventId`` is the same when it is told twice."""

    event_id: str
    from_user_id: int
    to_user_id: int
    gift_id: int
    gift_name: str
    amount: int
    point: int
    record_id: int | None
    room_instance_id: int | None
    room_id: str | None = msgspec.field(name="roomID")


class AudienceCount(msgspec.Struct, kw_only=True):
    """How many people watch the room."""

    room_id: str = msgspec.field(name="roomID")
    audience_count: int = msgspec.field(name="audienceCount")


class Warn(msgspec.Struct, rename="camel", kw_only=True):
    """The platform warns you."""

    warn_message: str


class Exit(msgspec.Struct, rename="camel", kw_only=True):
    """The platform has excluded you: ``streamStatus`` 0 from everything, 2 from broadcasting."""

    exit_message: str
    stream_status: int


def encode(event: events.Event) -> bytes | None:
    """An event as a frame: ``{"type", "data"}``; None: this dialect has no word for it."""
    shown = _shown(event)
    if shown is None:
        return None
    kind, data = shown
    return write_json({"type": kind, "data": msgspec.to_builtins(data)})


def _shown(event: events.Event) -> tuple[str, msgspec.Struct] | None:  # one row for each event
    match event:
        case events.CallRang(call_id=call, from_id=by):
            return "call_apply", CallApply(record_id=call, room_instance_id=call, from_user_id=by)
        case events.CallAnswered(call_id=call, by=by):
            return "call_reply", CallReply(record_id=call, room_instance_id=call, from_user_id=by, reply=1)
        case events.CallRoomOpened(call_id=call, room_id=room_id):
            return "call_room", CallRoom(record_id=call, room_instance_id=call, room_id=room_id)
        case events.CallStarted(call_id=call, started_at_ms=at_ms):
            return "call_started", CallStarted(record_id=call, room_instance_id=call, started_at=at_ms)
        case events.MinuteBegan(call_id=call, minute=minute, guest_diamonds=diamonds):
            left = None if diamonds is None else str(diamonds)
            return "call_tick", CallTick(record_id=call, room_instance_id=call, minute=minute, diamond=left)
        case events.BalanceLow(call_id=call, left_ms=left_ms):
            return "call_low_balance", CallLowBalance(record_id=call, room_instance_id=call, left_ms=left_ms)
        case events.PartyLost(call_id=call, person_id=who, grace_ms=grace_ms):
            lost = CallPartyLost(record_id=call, room_instance_id=call, user_id=who, grace_ms=grace_ms)
            return "call_party_lost", lost
        case events.PartyReturned(call_id=call, person_id=who):
            return "call_party_returned", CallPartyReturned(record_id=call, room_instance_id=call, user_id=who)
        case events.CallEnded(call_id=call, reason=reason, minutes=minutes, by=side):
            by_whom = None if side is None else "guest" if side is Side.GUEST else "master"
            ended = CallEnded(record_id=call, room_instance_id=call, reason=reason, minutes=minutes, by=by_whom)
            return "call_ended", ended
        case (
            events.SeatTaken(room_id=room_id, status_code=status_code)
            | events.SeatLeft(room_id=room_id, status_code=status_code)
            | events.RoomClosed(room_id=room_id, status_code=status_code)
        ):
            return "notifyPusherChange", NotifyPusherChange(room_id=room_id, room_status_code=status_code)
        case events.RoomTextSaid():
            said = CustomTextMsg(
                room_id=event.room_id,
                user_id=str(event.from_id),
                nick_name=event.face.nickname,
                head_pic=event.face.avatar_url,
                text=event.text,
            )
            return "CustomTextMsg", said
        case events.LinkMicSaid():
            word = LinkMic(
                room_id=event.room_id,
                user_id=str(event.from_id),
                kind=event.kind,
                result=event.result,
                reason=event.reason,
            )
            return "linkmic", word
        case events.GiftSent():
            gift = Gift(
                event_id=event.event_id,
                from_user_id=event.from_id,
                to_user_id=event.to_id,
                gift_id=event.gift_id,
                gift_name=event.name,
                amount=event.count,
                point=event.earned,
                record_id=event.call_id,
                room_instance_id=event.call_id,
                room_id=event.room_id,
            )
            return "gift", gift
        case events.AudienceChanged(room_id=room_id, count=count):
            return "audience", AudienceCount(room_id=room_id, audience_count=count)
        case events.WarningIssued(text=warning):
            return "warn", Warn(warn_message=warning)
        case events.BroadcastBanned(text=reason, is_account=is_account):
            return "exit", Exit(exit_message=reason, stream_status=0 if is_account else 2)
        case _:
            return None  # What rooms of other surfaces are told.


# --- what is said --------------------------------------------------------------------------------------------------


class Ping(msgspec.Struct):
    """Are you there?"""


class Say(msgspec.Struct, kw_only=True):
    """Something for everybody in a room one is in."""

    room_id: RoomName = msgspec.field(name="roomID")
    text: Annotated[str, spoken(1_000), also("msg", "message")]


class SayLinkMic(msgspec.Struct, kw_only=True):
    """A word for one person in the same room; only the creator may kick out."""

    room_id: RoomName = msgspec.field(name="roomID")
    user_id: Annotated[Id, also("toUserID")] = msgspec.field(name="userID")
    kind: Literal["request", "response", "kickout"] = msgspec.field(name="type")
    result: Literal["", "accept", "reject"] = ""
    reason: Annotated[str, text(200)] = ""


async def ping(_caller: CallsCaller, _wanted: Ping) -> Done:
    """Nothing but an answer."""
    return Done()


async def say(caller: CallsCaller, wanted: Say) -> Done:
    """Say something to everybody in the room."""
    await caller.engine.rooms.say(await _as_of_now(caller), RoomId(wanted.room_id), wanted.text)
    return Done()


async def link_mic(caller: CallsCaller, wanted: SayLinkMic) -> Done:
    """Say a word about linking microphones to somebody in the room."""
    caller.engine.live_rooms.link_mic(
        await _as_of_now(caller),
        RoomId(wanted.room_id),
        to=PersonId(wanted.user_id),
        kind=wanted.kind,
        result=wanted.result,
        reason=wanted.reason,
    )
    return Done()


async def _as_of_now(caller: CallsCaller) -> PersonRecord:
    """The person as known now, not as when the socket opened: banned or signed out meanwhile, he is no longer heard."""
    return await caller.engine.identity.who(caller.principal.token, surface=CALLS)


def _answer(kind: str, frame_id: object, reply: object) -> bytes:
    # A word said to a room comes back to its speaker as an event of that type; the answer must not look like it.
    if kind == "ping":
        return write_json({"type": "pong", "id": frame_id})
    return write_json({"type": "reply", "id": frame_id, "to": kind, "code": 0, "data": reply})


def _refuse(error: EngineError, frame_id: object, language: Language) -> bytes:
    row = row_of(error)
    body = {"type": "error", "id": frame_id, "code": row.code, "message": row.said.to(language), "error": error.code}
    return write_json(body)


def _reason(error: EngineError, language: Language) -> str:
    said = _NOT_LET_IN if error.code == "NOT_SIGNED_IN" else row_of(error).said
    return said.to(language)


DIALECT: Final = SocketDialect(
    path="/weapp/live_room/ws",
    summary="Calls and rooms as they happen",
    source_id="calls-weapp-ws",
    encode=encode,
    events={
        "call_apply": CallApply,
        "call_reply": CallReply,
        "call_room": CallRoom,
        "call_started": CallStarted,
        "call_tick": CallTick,
        "call_low_balance": CallLowBalance,
        "call_party_lost": CallPartyLost,
        "call_party_returned": CallPartyReturned,
        "call_ended": CallEnded,
        "notifyPusherChange": NotifyPusherChange,
        "CustomTextMsg": CustomTextMsg,
        "linkmic": LinkMic,
        "gift": Gift,
        "audience": AudienceCount,
        "warn": Warn,
        "exit": Exit,
    },
    commands={
        "ping": Command(Ping, Done, ping, summary="Are you there"),
        "CustomTextMsg": Command(Say, Done, say, summary="Say something to everybody in a room"),
        "linkmic": Command(SayLinkMic, Done, link_mic, summary="A word about linking microphones to one person"),
    },
    answer=_answer,
    refuse=_refuse,
    reason=_reason,
    credential=weapp_pair,
)
