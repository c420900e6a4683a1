"""Callbacks of Tencent's messaging service, for deployments that keep it beside our own socket. Off without a key.

The signature covers nothing but its time (protocols 2.3): one captured callback lets anybody write others for a minute.
So what one says is a hint, and does no more than the person it names could do himself: he leaves his room, unless a
line of his is open here, and a matchmaker invites into her own live. Whatever we think of it, the message itself goes
on. Source: qlive-im-notify, QL-14, QL-29.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec

from engine.errors import BadInput, EngineError, Forbidden, NotNow, Refused
from engine.greenroom import Greenroom
from engine.room.state import Standing
from handlers.qlive.options import QliveOptions
from handlers.wire.access import PROVIDER, Caller
from handlers.wire.codec import read_json, write_json
from handlers.wire.language import Language
from handlers.wire.limits import per_second
from handlers.wire.surface import Answer, Endpoint, RawRequest, TransportError

__all__ = ["SKEW_S_MAX", "endpoints", "is_authentic", "told"]

SKEW_S_MAX: Final = 60
"""How far a callback's time may be from ours. Source: protocols 2.3."""

STATE_CHANGE: Final = "State.StateChange"
OFFLINE: Final = frozenset({"Logout", "Disconnect"})
MESSAGES: Final = frozenset({"C2C.CallbackBeforeSendMsg", "C2C.CallbackAfterSendMsg"})
INVITE: Final = "invite"
_TIME: Final = re.compile(r"[0-9]{1,12}")


class Heard(msgspec.Struct, rename="pascal"):
    """Go on."""

    action_status: str = "OK"
    error_info: str = ""
    error_code: int = 0


class NotAuthentic(Forbidden):
    """Not from our messaging service; the text says what was wrong."""


class StateInfo(msgspec.Struct):
    """Whose state has become what."""

    action: str = msgspec.field(name="Action", default="")
    account: str = msgspec.field(name="To_Account", default="")


class Content(msgspec.Struct):
    """The text inside an element, whatever kind of element it is."""

    data: str = msgspec.field(name="Data", default="")
    text: str = msgspec.field(name="Text", default="")


class Element(msgspec.Struct):
    """One part of a message."""

    content: Content = msgspec.field(name="MsgContent", default_factory=Content)


class Callback(msgspec.Struct):
    """What is read of a callback's body."""

    info: StateInfo = msgspec.field(name="Info", default_factory=StateInfo)
    sender: str = msgspec.field(name="From_Account", default="")
    account: str = msgspec.field(name="To_Account", default="")
    elements: list[Element] = msgspec.field(name="MsgBody", default_factory=list)

    @property
    def is_invitation(self) -> bool:
        """Whether the message is one of the original's invitations: ``{"type": "invite", …}`` as text."""
        return any(_type_in(element.content.data or element.content.text) == INVITE for element in self.elements)


class ImEnvelope:
    """The status is always 200, and only what is not authentic or cannot be read fails: a failure stops a message."""

    media_type = "application/json"

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Both are alike."""
        texts = {"ActionStatus": {"type": "string"}, "ErrorInfo": {"type": "string"}, "ErrorCode": {"type": "integer"}}
        return reply or {"type": "object", "properties": texts, "required": list(texts)}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Heard."""
        return Answer(HTTPStatus.OK, write_json(reply))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Not authentic; or heard, and nothing has followed."""
        match error:
            case NotAuthentic():
                failed = str(error)
            case BadInput() | TransportError():
                failed = "Request Error"
            case Refused() | NotNow():
                failed = ""
            case _:
                failed = "Internal Error"
        heard = Heard("FAIL", failed, 1) if failed else Heard()
        return Answer(HTTPStatus.OK, write_json(msgspec.to_builtins(heard)))


ENVELOPE: Final = ImEnvelope()


def is_authentic(key: str, *, time: str, sign: str, now_s: int) -> bool:
    """Whether ``key`` made ``sign`` for this time, and the time is now."""
    expected = hashlib.sha256(f"{key}{time}".encode()).hexdigest()
    is_signed = hmac.compare_digest(sign.lower().encode(), expected.encode())
    return is_signed and _TIME.fullmatch(time) is not None and abs(now_s - int(time)) <= SKEW_S_MAX


async def told(options: QliveOptions, caller: Caller[Greenroom, Any], wanted: RawRequest) -> Heard:
    """Somebody has gone, or a matchmaker invites somebody; other callbacks are heard and left alone."""
    engine, query = caller.engine, {name.lower(): str(value) for name, value in wanted.query.items()}
    if query.get("sdkappid") != options.sdk_app_id:
        raise NotAuthentic("SdkAppid Error")
    time, sign = query.get("requesttime", ""), query.get("sign", "")
    if not is_authentic(options.callback_key, time=time, sign=sign, now_s=engine.node.now_ms() // 1_000):
        raise NotAuthentic("Sign Error")
    callback, command = _read(wanted.body), query.get("callbackcommand", "")
    if command == STATE_CHANGE and callback.info.action in OFFLINE:
        await _gone(engine, callback.info.account)
    elif command in MESSAGES and callback.is_invitation:
        await _invited(engine, callback.sender, callback.account)
    return Heard()


async def _gone(engine: Greenroom, public_id: str) -> None:
    """Whoever has a line open here is here, whatever the messaging service knows of him."""
    person = await engine.qlive_people.person(public_id)
    seen = engine.presence.attendance(person.id)
    if seen is None or not seen.is_held:
        await engine.blind_dates.leave_everywhere(person)


async def _invited(engine: Greenroom, matchmaker_id: str, guest_id: str) -> None:
    matchmaker, guest = await engine.qlive_people.person(matchmaker_id), await engine.qlive_people.person(guest_id)
    place = engine.blind_dates.place_of(matchmaker.id)
    if place is not None and place.standing is Standing.ANCHOR:
        await engine.blind_dates.invite(matchmaker, place.state.record.id, guest.id)


def _read(body: bytes) -> Callback:
    try:
        return msgspec.convert(read_json(body), Callback)
    except msgspec.ValidationError:
        raise BadInput("not a callback") from None


def _type_in(text: str) -> object:
    """The ``type`` of the object that ``text`` is the JSON of; None when it is none."""
    try:
        value = read_json(text.encode(errors="replace"))
    except BadInput:
        return None
    return value.get("type") if isinstance(value, dict) else None


def endpoints(options: QliveOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoint of this module; none without a key to believe callbacks by."""
    if not options.callback_key:
        return ()
    return (
        Endpoint(
            "/wx/api/qlive/im_notify",
            RawRequest,
            Heard,
            partial(told, options),
            access=PROVIDER,
            envelope=ENVELOPE,
            # A few addresses tell about everybody.
            limit=per_second(1_000),
            summary="Callback of an outside IM service: offline = leave, invite message = invitation",
            source_id="qlive-im-notify",
        ),
    )
