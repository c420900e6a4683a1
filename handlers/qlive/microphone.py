"""The way onto the microphone and down again. Source: seed behaviour §3.2; QL-14 … QL-16."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.errors import EngineError
from engine.services.blind_dates import room_of
from handlers.qlive.access import QliveCaller
from handlers.qlive.envelope import ENVELOPE, Row, as_documented
from handlers.qlive.shapes import Done, Live, LiveId, UserId
from handlers.wire.fields import blank
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "accept", "apply", "get_up", "invite", "refuse"]

_SEAT_LOST: Final = "抢麦失败"


class Guest(msgspec.Struct):
    """Somebody in a room."""

    live_id: LiveId
    user_id: UserId


class Seated(msgspec.Struct):
    """Somebody on the microphone, the caller unless said; ``gender`` is what the client believes, his seat is known."""

    live_id: LiveId
    user_id: UserId = ""
    gender: Annotated[Literal[1, 2] | None, blank()] = None


class OnAir(msgspec.Struct, kw_only=True):
    """The caller sits: where he sends to, and where everybody watches him."""

    play_url: str
    push_url: str
    nickname: str
    area: str
    age: int
    user_id: str
    code: Literal["success"] = "success"
    gender: int
    face_url: str


async def apply(caller: QliveCaller, wanted: Live) -> Done:
    """Ask for a seat."""
    await caller.engine.blind_dates.apply(caller.principal.person, room_of(wanted.live_id))
    return Done()


async def accept(caller: QliveCaller, wanted: Live) -> OnAir:
    """Take the seat that is for one's gender."""
    engine, person = caller.engine, caller.principal.person
    await engine.blind_dates.sit(person, room_of(wanted.live_id))
    return OnAir(
        play_url=engine.blind_date_streams.play_address(person.public_id),
        push_url=engine.blind_date_streams.push_address(person),
        nickname=person.nickname,
        area=person.area,
        age=person.age,
        user_id=person.public_id,
        gender=person.gender,
        face_url=person.avatar_url,
    )


async def refuse(caller: QliveCaller, wanted: Live) -> Done:
    """Turn an invitation down, or withdraw an application."""
    await caller.engine.blind_dates.decline(caller.principal.person, room_of(wanted.live_id))
    return Done()


async def invite(caller: QliveCaller, wanted: Guest) -> Done:
    """Offer somebody in one's room his seat."""
    guest = await caller.engine.qlive_people.person(wanted.user_id)
    await caller.engine.blind_dates.invite(caller.principal.person, room_of(wanted.live_id), guest.id)
    return Done()


async def get_up(caller: QliveCaller, wanted: Seated) -> Done:
    """Leave the microphone, or as the matchmaker take somebody off it."""
    engine, person = caller.engine, caller.principal.person
    seated = await engine.qlive_people.person(wanted.user_id or person.public_id)
    await engine.blind_dates.get_up(person, room_of(wanted.live_id), seated.id)
    return Done()


def _lost(_error: EngineError) -> Mapping[str, object]:
    return {"code": "failed", "error_msg": _SEAT_LOST}


ACCEPTING: Final = ENVELOPE.saying(ROOM_FULL=Row(HTTPStatus.OK, as_documented(_SEAT_LOST), _lost))

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/wx/api/qlive/qlive_room/apply_micro",
        Live,
        Done,
        apply,
        summary="Apply for the microphone (申请上麦)",
        source_id="qlive-room-apply-micro",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/accept_micro",
        Live,
        OnAir,
        accept,
        envelope=ACCEPTING,
        summary="Accept an invitation to the microphone and take the seat (接受上麦)",
        source_id="qlive-room-accept-micro",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/refuse_micro",
        Live,
        Done,
        refuse,
        summary="Refuse an invitation (用户拒绝上麦)",
        source_id="qlive-room-refuse-micro",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/invite_micro",
        Guest,
        Done,
        invite,
        summary="Matchmaker invites a viewer or applicant to the microphone",
        source_id="qlive-room-invite-micro",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/leave_micro",
        Seated,
        Done,
        get_up,
        method="GET",
        aliases=("POST /wx/api/qlive/qlive_room/leave_micro",),
        summary="Leave the microphone (用户下麦)",
        source_id="qlive-room-leave-micro",
    ),
)
"""The endpoints of this module."""
