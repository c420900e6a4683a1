"""A call from its start to its bill: start, hang up, settle for each side. Source: seeds/004 §3, §4, §12, §15, §16."""

from typing import Any, Final

import msgspec

from engine.records import BanKind, PersonRecord
from engine.services.statements import bill_of
from handlers.calls import amounts
from handlers.calls.access import CallsCaller, anchor_of, app_token, guest_of
from handlers.calls.ringing import Target
from handlers.calls.shapes import CallRef, Done
from handlers.wire.claims import even_banned
from handlers.wire.fields import Id
from handlers.wire.surface import Endpoint
from store.interfaces.ids import CallId, PersonId

__all__ = ["ENDPOINTS", "anchor_bill", "anchor_hangs_up", "guest_bill", "guest_hangs_up", "start"]

_FINE: Final = 1
_STREAM_STATUS: Final = {BanKind.ACCOUNT: 0, BanKind.BROADCAST: 2}
"""Ban in force → streamStatus. Source: CA-16."""


class OneCall(msgspec.Struct, rename="camel"):
    """A call, by the number it got when it began to ring."""

    room_instance_id: Id


class _Bill(msgspec.Struct, rename="camel", kw_only=True):
    nickname: str
    unit_price: str
    call_time: str
    head_img: str
    title: str
    stream_status: int


class GuestBill(_Bill, rename="camel", kw_only=True):
    """What a call cost the guest; ``diamond`` is what he has now, without a unit."""

    call_diamond: str
    diamond: str


class AnchorBill(_Bill, rename="camel", kw_only=True):
    """What a call earned the anchor; ``point`` is what she has now, without a unit."""

    call_point: str
    point: str


async def start(caller: CallsCaller, wanted: Target) -> CallRef:
    """The anchor says that they talk: minute 1 is paid, or waits for the guest. Source: CA-12."""
    call = await caller.engine.calls.start(anchor_of(caller), PersonId(wanted.target_user_id))
    return CallRef.to(call.id)


async def anchor_hangs_up(caller: CallsCaller, wanted: Target) -> Done:
    """The anchor ends, cancels or declines. Source: CA-14."""
    await caller.engine.calls.hang_up(anchor_of(caller), PersonId(wanted.target_user_id))
    return Done()


async def guest_hangs_up(caller: CallsCaller, wanted: Target) -> Done:
    """The guest ends, cancels or declines. Source: CA-14."""
    await caller.engine.calls.hang_up(guest_of(caller), PersonId(wanted.target_user_id))
    return Done()


async def guest_bill(caller: CallsCaller, wanted: OneCall) -> GuestBill:
    """What the call has cost so far, or for ever once it has ended. Source: CA-22 … CA-24."""
    engine, guest = caller.engine, guest_of(caller)
    call = await engine.calls.of_party(guest, CallId(wanted.room_instance_id))
    bill = bill_of(call)
    anchor = await engine.profiles.person(call.anchor_id)
    title, stream_status = _violation(caller, guest)
    return GuestBill(
        nickname=anchor.nickname if anchor else "",
        unit_price=amounts.diamonds_per_minute(call.price.diamonds),
        call_time=amounts.minutes(bill.minutes),
        call_diamond=f"消耗{amounts.diamonds(bill.diamonds)}",
        head_img=anchor.avatar_url if anchor else "",
        diamond=str(await engine.statements.diamonds_of(guest.id)),
        title=title,
        stream_status=stream_status,
    )


async def anchor_bill(caller: CallsCaller, wanted: OneCall) -> AnchorBill:
    """What the call has earned so far, or for ever once it has ended. Source: CA-22 … CA-24."""
    engine, anchor = caller.engine, anchor_of(caller)
    call = await engine.calls.of_party(anchor, CallId(wanted.room_instance_id))
    bill = bill_of(call)
    guest = await engine.profiles.person(call.guest_id)
    title, stream_status = _violation(caller, anchor)
    return AnchorBill(
        nickname=guest.nickname if guest else "",
        unit_price=amounts.points_per_minute(call.price.points),
        call_time=amounts.minutes(bill.minutes),
        call_point=f"获得{amounts.points(bill.points)}",
        head_img=guest.avatar_url if guest else "",
        point=str(await engine.statements.points_of(anchor.id)),
        title=title,
        stream_status=stream_status,
    )


def _violation(caller: CallsCaller, person: PersonRecord) -> tuple[str, int]:
    """(title, streamStatus) of whoever asks. Source: CA-16."""
    ban = person.ban_at(caller.engine.node.now_ms())
    return ("", _FINE) if ban is None else (ban.text, _STREAM_STATUS[ban.kind])


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/app/live/hangUpMan",
        Target,
        Done,
        anchor_hangs_up,
        summary="The anchor hangs up (主播直播中挂断)",
        source_id="calls-hang-up-man",
    ),
    Endpoint(
        "/app/live/hangUpGirl",
        Target,
        Done,
        guest_hangs_up,
        summary="The guest hangs up (客人直播中挂断)",
        source_id="calls-hang-up-girl",
    ),
    Endpoint(
        "/app/live/startCall",
        Target,
        CallRef,
        start,
        summary="The anchor starts the conversation (女端开始聊天)",
        source_id="calls-start-call",
    ),
    Endpoint(
        "/app/live/getCallResultGuest",
        OneCall,
        GuestBill,
        guest_bill,
        credential=even_banned(app_token),
        summary="Settlement shown to the guest (通话结算 男端)",
        source_id="calls-get-call-result-guest",
    ),
    Endpoint(
        "/app/live/getCallResultMaster",
        OneCall,
        AnchorBill,
        anchor_bill,
        credential=even_banned(app_token),
        summary="Settlement shown to the anchor (通话结算 女端)",
        source_id="calls-get-call-result-master",
    ),
)
