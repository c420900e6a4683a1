"""Ringing, answering, and asking how a ring stands. Source: seeds/004 §1, §2, §7–§9; CA-9 … CA-15."""

from typing import Any, Final, Literal

import msgspec

from engine.errors import Unreachable
from engine.records import PersonRecord
from engine.services.calls import Match
from handlers.calls.access import CallsCaller, anchor_of, guest_of
from handlers.calls.envelope import APP
from handlers.calls.shapes import CallRef
from handlers.wire.fields import Id
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = ["ENDPOINTS", "Target", "match_info", "reply_to_anchor", "ring_anchor", "ring_anchor_on_air", "ring_guest"]

_MATCH_STATUS: Final = {Match.AGREED: 1, Match.UNANSWERED: 2, Match.NONE: 3}


class Target(msgspec.Struct, rename="camel"):
    """The other one of the pair."""

    target_user_id: Id


class ReplyToAnchor(msgspec.Struct, rename="camel"):
    """1 agrees, 2 refuses."""

    target_user_id: Id
    reply: Literal[1, 2]


class MatchInfo(msgspec.Struct, rename="camel", omit_defaults=True):
    """1 she may start, 2 he has not answered, 3 there is nothing to start; and the call, where there is one."""

    match_status: int
    record_id: int | None = None
    room_instance_id: int | None = None
    room_id: str | None = msgspec.field(default=None, name="roomID")


async def ring_anchor_on_air(caller: CallsCaller, wanted: Target) -> CallRef:
    """Ring an anchor who is on air, or whose room one watches. Source: CA-11."""
    guest = guest_of(caller)
    anchor_id = PersonId(wanted.target_user_id)
    rooms = caller.engine.live_rooms
    watched = rooms.watched_by(guest.id)
    if not rooms.is_on_air(anchor_id) and (watched is None or watched.anchor_id != anchor_id):
        raise Unreachable
    return await _ring(caller, guest, anchor_id)


async def ring_anchor(caller: CallsCaller, wanted: Target) -> CallRef:
    """Ring an anchor from the list."""
    return await _ring(caller, guest_of(caller), PersonId(wanted.target_user_id))


async def ring_guest(caller: CallsCaller, wanted: Target) -> CallRef:
    """Ring a guest."""
    return await _ring(caller, anchor_of(caller), PersonId(wanted.target_user_id))


async def reply_to_anchor(caller: CallsCaller, wanted: ReplyToAnchor) -> CallRef:
    """Agree to an anchor's ring, or refuse it."""
    guest = guest_of(caller)
    call = await caller.engine.calls.reply(guest, PersonId(wanted.target_user_id), agrees=wanted.reply == 1)
    return CallRef.to(call.id)


async def match_info(caller: CallsCaller, wanted: Target) -> MatchInfo:
    """Whether the anchor may start with this guest; polled while it rings."""
    match, call = await caller.engine.calls.match(anchor_of(caller), PersonId(wanted.target_user_id))
    if call is None:
        return MatchInfo(match_status=_MATCH_STATUS[match])
    return MatchInfo(
        match_status=_MATCH_STATUS[match], record_id=call.id, room_instance_id=call.id, room_id=call.room_id
    )


async def _ring(caller: CallsCaller, person: PersonRecord, other_id: PersonId) -> CallRef:
    call = await caller.engine.calls.ring(person, other_id)
    return CallRef.to(call.id)


_ANCHOR_AWAY: Final = APP.saying(UNREACHABLE=Said("主播不在线", "the anchor is not reachable"))
_GUEST_AWAY: Final = APP.saying(UNREACHABLE=Said("客人不在线", "the guest is not reachable"))

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/app/live/callGirl",
        Target,
        CallRef,
        ring_anchor_on_air,
        envelope=_ANCHOR_AWAY,
        summary="Ask a broadcasting anchor to link microphones (连麦申请)",
        source_id="calls-call-girl",
    ),
    Endpoint(
        "/app/live/getMatchInfo",
        Target,
        MatchInfo,
        match_info,
        summary="May the anchor start with this guest (主播获取当前匹配客人是否可以开播)",
        source_id="calls-get-match-info",
    ),
    Endpoint(
        "/app/live/callApplyGirl",
        Target,
        CallRef,
        ring_anchor,
        envelope=_ANCHOR_AWAY,
        summary="A guest calls an anchor (男找女通话申请)",
        source_id="calls-call-apply-girl",
    ),
    Endpoint(
        "/app/live/callApplyMan",
        Target,
        CallRef,
        ring_guest,
        envelope=_GUEST_AWAY,
        summary="An anchor calls a guest (女找男通话申请)",
        source_id="calls-call-apply-man",
    ),
    Endpoint(
        "/app/live/callReplyGirl",
        ReplyToAnchor,
        CallRef,
        reply_to_anchor,
        summary="The guest answers an anchor's call (女找男通话应答)",
        source_id="calls-call-reply-girl",
    ),
)
