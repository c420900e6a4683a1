"""Going into rooms and out of them, and a matchmaker's live from its beginning to its end.

Source: seed behaviour §3.2; QL-10, QL-17 … QL-22, QL-25 … QL-28.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec

from engine.errors import EngineError
from engine.room.audience import crowd_of
from engine.room.formats import FEMALE, MALE
from engine.room.state import Standing
from engine.services.blind_dates import room_of
from handlers.qlive.access import QliveCaller
from handlers.qlive.envelope import ENVELOPE, Row
from handlers.qlive.seats import NOBODY, Seat, audience_count, num_list, on, seated
from handlers.qlive.shapes import Done, Live, Nothing
from handlers.qlive.whereabouts import user_type
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "end", "enter", "leave", "open_live"]


class AnchorShown(msgspec.Struct):
    """The matchmaker, on or not."""

    nickname: str
    face_url: str


class Inside(msgspec.Struct, kw_only=True):
    """The room one is in now, and as what.

    ``push_url`` and ``num_list`` are for people on the microphone. ``epoch`` and ``seq`` say where the room's story
    stood: a socket that begins there misses nothing.
    """

    anchor_info: AnchorShown
    owner: Seat
    male: Seat
    female: Seat
    user_type: int
    push_url: str
    num_list: list[int]
    live_id: int
    group_id: str
    audience_count: int
    epoch: int
    seq: int


class Opened(msgspec.Struct, kw_only=True):
    """The live runs. ``live_id`` is text here and a number elsewhere, as in the documents."""

    status: Literal["ok"] = "ok"
    user_id: str
    live_id: str
    nickname: str
    face_url: str
    push_url: str
    play_url: str
    group_id: str


async def enter(caller: QliveCaller, wanted: Live) -> Inside:
    """Watch a room and leave any other; whoever sits in this one already goes on sitting."""
    engine, person, room_id = caller.engine, caller.principal.person, room_of(wanted.live_id)
    await engine.blind_dates.enter(person, room_id)
    # From here on nothing is awaited: what is shown and where the story stands belong together.
    place, position = engine.blind_dates.require_inside(person, room_id), engine.rooms.position(room_id)
    record, is_on = place.state.record, place.standing in (Standing.ANCHOR, Standing.SEATED)
    streams = engine.blind_date_streams
    is_shown = not streams.is_dark(record.anchor_id)
    return Inside(
        anchor_info=AnchorShown(nickname=record.anchor.nickname, face_url=record.anchor.avatar_url),
        owner=on(record.anchor, record.anchor.public_id, streams.play_address) if is_shown else NOBODY,
        male=seated(record.seats, MALE, streams.play_address),
        female=seated(record.seats, FEMALE, streams.play_address),
        user_type=user_type(place),
        push_url=streams.push_address(person) if is_on else "",
        num_list=list(num_list(crowd_of(place.state))) if is_on else [],
        live_id=int(record.anchor.public_id),
        group_id=record.anchor.public_id,
        audience_count=audience_count(engine, place.state),
        epoch=position.epoch,
        seq=position.seq,
    )


async def leave(caller: QliveCaller, wanted: Live) -> Done:
    """Go out, off the microphone too."""
    await caller.engine.blind_dates.leave(caller.principal.person, room_of(wanted.live_id))
    return Done()


async def open_live(caller: QliveCaller, _wanted: Nothing) -> Opened:
    """Go live, or come back to one's live as it is."""
    engine, person = caller.engine, caller.principal.person
    await engine.blind_dates.open(person)
    return Opened(
        user_id=person.public_id,
        live_id=person.public_id,
        nickname=person.nickname,
        face_url=person.avatar_url,
        push_url=engine.blind_date_streams.push_address(person),
        play_url=engine.blind_date_streams.play_address(person.public_id),
        group_id=person.public_id,
    )


async def end(caller: QliveCaller, wanted: Live) -> Done:
    """The live is over for everybody."""
    await caller.engine.blind_dates.end(caller.principal.person, room_of(wanted.live_id))
    return Done()


def _failed(_error: EngineError) -> Mapping[str, object]:
    return {"status": "failed"}


_BANNED_TEXT: Final = Said("账号已被封禁", "this account is banned")

OPENING: Final = ENVELOPE.saying(BANNED=Row(HTTPStatus.OK, _BANNED_TEXT, _failed))
# Not the account: this room's matchmaker, or somebody for her, has sent the person away.
ENTERING: Final = ENVELOPE.saying(
    BANNED=Row(HTTPStatus.FORBIDDEN, Said("您已被移出该直播间", "you have been sent out of this room"))
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/wx/api/qlive/get_playurl",
        Live,
        Inside,
        enter,
        method="GET",
        envelope=ENTERING,
        summary="Enter a room: pull addresses and people (用户进入直播间)",
        source_id="qlive-get-playurl",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/matchmaker_enter",
        Nothing,
        Opened,
        open_live,
        envelope=OPENING,
        summary="Matchmaker opens / re-enters her room (红娘进入房间)",
        source_id="qlive-room-matchmaker-enter",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/live_end",
        Live,
        Done,
        end,
        summary="End the live (直播结束)",
        source_id="qlive-room-live-end",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_room/leave_room",
        Live,
        Done,
        leave,
        method="GET",
        aliases=("POST /wx/api/qlive/qlive_room/leave_room",),
        summary="A viewer or a seated guest leaves the room (普通观众/小主播退出直播间)",
        source_id="qlive-room-leave-room",
    ),
)
"""The endpoints of this module."""
