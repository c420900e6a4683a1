"""What an anchor's client says of her rooms: records of her conversation, on air or off, title and price.

Source: SITE-3, SITE-5, SITE-37, SITE-40, seed behaviour §2.7 (Anchor lines), §2.8.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.errors import BadInput, TooLong
from engine.records import RecordKind, ShowInfo, ShowKind
from engine.services.show_chat import Said as Spoken
from engine.services.shows import name_of_show, show_id
from engine.texts import in_lines, one_line
from handlers.site.access import SiteCaller, anchor_of, claiming
from handlers.site.envelope import ENVELOPE, Done, Row, Told
from handlers.site.rooms import RoomInfo, room_info
from handlers.site.shapes import AnchorUid
from handlers.wire.codec import read_json, write_json
from handlers.wire.fields import Count, Flag, also, blank, text
from handlers.wire.language import Said
from handlers.wire.markup import harmless
from handlers.wire.surface import Endpoint
from store.interfaces.ids import RoomId

__all__ = ["ENDPOINTS", "add_room_info", "change_status", "live_status", "record", "spoken_in", "use_api"]

LINE_CHARS_MAX: Final = 10_000
"""A character's answer is a page of a story rather than a line of a chat."""

HTML_CHARS_MAX: Final = 20_000
DATA_BYTES_MAX: Final = 64 * 1024
SENT_CHARS_MAX: Final = 64
_TEXTS: Final = ("mes", "message")

ABOUT_ONESELF: Final = claiming("uid")
"""An anchor speaks for herself only."""

Character = Annotated[str, text(64), blank(), also("chracter_name")]
CharacterDate = Annotated[str, text(64), also("chracter_date")]
"""The documents' spelling is a slip that clients have taken over."""


class Conversation(msgspec.Struct):
    """One record of the chat program, as text or as it is, and the same dressed up.

    That the conversation is new says nothing: whichever record comes first puts the room on air.
    """

    uid: AnchorUid
    username: Annotated[str, text(64), blank()]
    character_name: Character
    data: Any
    character_date: CharacterDate = ""
    mes_html: str = ""
    is_new: Annotated[Flag | None, blank()] = msgspec.field(name="isNewCreated", default=None)


class Whose(msgspec.Struct):
    """Which anchor; her name beside it says nothing."""

    uid: AnchorUid
    username: Annotated[str, text(64)] = ""


class RoomOfMine(msgspec.Struct, kw_only=True):
    """A room of the caller's, on air (``status``) or not; ``room_info`` is null until she has said something."""

    uid: str
    user_name: str
    room_id: str
    room_name: str
    character_name: str
    character_date: str
    status: bool
    room_info: RoomInfo | None


class RoomsOfMine(msgspec.Struct):
    """All of them."""

    live_status: list[RoomOfMine]


class StartOrStop(msgspec.Struct):
    """On air from now on, or off. A room's id beside its character's name can only agree."""

    uid: AnchorUid
    character_name: Character
    live_status: Literal["start", "stop"]
    room_id: Annotated[str, text(128)] = ""
    character_date: CharacterDate = ""


class AddRoomInfo(msgspec.Struct):
    """What the room is called and costs, and of which kind it is. Other names beside its character's say nothing."""

    uid: AnchorUid
    character_name: Character
    title: Annotated[str, text(200)]
    coin_num: Count
    room_type: Literal[0, 1, 2]
    describe: Annotated[str, text(2_000)] = ""
    user_name: Annotated[str, text(64)] = ""
    room_name: Annotated[str, text(128)] = ""
    room_id: Annotated[str, text(128)] = ""
    character_date: CharacterDate = ""


class ApiUse(msgspec.Struct, kw_only=True):
    """What was used of a day's calls; code 1 and ``status`` false where none was left, and this one is not counted."""

    code: int
    uid: str
    date: str
    status: bool
    count: int
    surplus_count: int
    message: str


async def record(caller: SiteCaller, wanted: Conversation) -> Done:
    """Keep one record of the conversation, and tell the room what is spoken in it."""
    said = spoken_in(wanted.data, wanted.mes_html)
    await caller.engine.show_chat.record(
        anchor_of(caller), wanted.character_name, said, date=one_line(wanted.character_date)
    )
    return Done(message="stored")


async def live_status(caller: SiteCaller, _wanted: Whose) -> Told[RoomsOfMine]:
    """All rooms of the caller."""
    engine, anchor = caller.engine, anchor_of(caller)
    shows = await engine.shows.of_anchor(anchor.id)
    return Told(
        data=RoomsOfMine(
            [
                RoomOfMine(
                    uid=anchor.public_id,
                    user_name=anchor.nickname,
                    room_id=name_of_show(show.id),
                    room_name=name_of_show(show.id),
                    character_name=show.character,
                    character_date=show.character_date,
                    status=engine.show_rooms.on_air(show.id) is not None,
                    room_info=None if show.info is None else room_info(show.info),
                )
                for show in shows
            ]
        )
    )


async def change_status(caller: SiteCaller, wanted: StartOrStop) -> Done:
    """Go on air, or off."""
    shows, anchor = caller.engine.show_rooms, anchor_of(caller)
    room_id = _room_of(anchor.public_id, wanted)
    if wanted.live_status == "start":
        await shows.start(anchor, wanted.character_name, date=one_line(wanted.character_date))
    else:
        await shows.stop(anchor, room_id)
    return Done(message="live status changed")


async def add_room_info(caller: SiteCaller, wanted: AddRoomInfo) -> Done:
    """Say what the room is; again is fine, at any time."""
    anchor = anchor_of(caller)
    _room_of(anchor.public_id, wanted)
    info = ShowInfo(
        title=one_line(wanted.title),
        describe=in_lines(wanted.describe),
        price=wanted.coin_num,
        kind=ShowKind(wanted.room_type),
    )
    await caller.engine.show_rooms.describe(anchor, wanted.character_name, info, date=one_line(wanted.character_date))
    return Done(message="room saved")


async def use_api(caller: SiteCaller, _wanted: Whose) -> ApiUse:
    """Count one call of the character's AI, if there is one left today."""
    anchor = anchor_of(caller)
    used = await caller.engine.quotas.take(anchor)
    return ApiUse(
        code=0 if used.is_counted else 1,
        uid=anchor.public_id,
        date=datetime.fromtimestamp(used.at_ms // 1_000, UTC).strftime("%Y-%m-%d"),
        status=used.is_counted,
        count=used.count,
        surplus_count=used.left,
        message="ok" if used.is_counted else "daily quota used up",
    )


def spoken_in(data: object, html: str) -> Spoken:
    """What a record of the chat program says; of one in which nobody speaks, the record itself.

    Raises: BadInput: ``data`` is no record. TooLong.
    """
    value = read_json(_utf8(data)) if isinstance(data, str) else data
    kept = write_json(value)
    if len(kept) > DATA_BYTES_MAX:
        raise TooLong("data")
    kind, words = _kind_of(value)
    if kind not in (RecordKind.ANCHOR, RecordKind.AI):
        return Spoken(kind=kind, data=kept.decode())
    assert isinstance(value, dict)
    if len(words) > LINE_CHARS_MAX:
        raise TooLong("data")
    # Before it is looked at: what is dropped costs as much as what stays.
    if len(html) > DATA_BYTES_MAX:
        raise TooLong("mes_html")
    clean = harmless(html)
    if len(clean) > HTML_CHARS_MAX:
        raise TooLong("mes_html")
    sent = value.get("send_date", "")
    return Spoken(
        kind=kind,
        sent=one_line(str(sent))[:SENT_CHARS_MAX] if isinstance(sent, str | int) else "",
        text=in_lines(words),
        html=clean,
    )


def _kind_of(value: object) -> tuple[RecordKind, str]:
    """What kind of record that is, and what is said in it."""
    if not isinstance(value, dict):
        return RecordKind.UNKNOWN, ""
    if "chat_metadata" in value:
        return RecordKind.CREATED, ""
    words = next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), "")
    match value.get("is_user"):
        case True if words:
            return RecordKind.ANCHOR, words
        case False if words:
            return RecordKind.AI, words
    return RecordKind.UNKNOWN, ""


def _utf8(written: str) -> bytes:
    try:
        return written.encode()
    except UnicodeEncodeError:
        raise BadInput(field="data") from None


def _room_of(uid: str, wanted: StartOrStop | AddRoomInfo) -> RoomId:
    """The room that is meant.

    Raises: BadInput: its id and its character's name do not agree.
    """
    room_id = show_id(uid, wanted.character_name)
    if wanted.room_id not in ("", name_of_show(room_id)):
        raise BadInput(field="room_id")
    return room_id


MINE: Final = ENVELOPE.saying(FORBIDDEN=Row(HTTPStatus.FORBIDDEN, Said("只能操作自己的直播间", "not your room")))

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/chat/chat_data",
        Conversation,
        Done,
        record,
        credential=ABOUT_ONESELF,
        envelope=MINE,
        summary="One record of the anchor's conversation (聊天数据)",
        source_id="site-chat-data",
    ),
    Endpoint(
        "/api/live/get_live_status",
        Whose,
        Told[RoomsOfMine],
        live_status,
        method="GET",
        credential=ABOUT_ONESELF,
        envelope=MINE,
        summary="The anchor's rooms, and which are live (获取当前主播直播间状态列表)",
        source_id="site-get-live-status",
    ),
    Endpoint(
        "/api/live/change_live_status",
        StartOrStop,
        Done,
        change_status,
        credential=ABOUT_ONESELF,
        envelope=MINE,
        summary="Go on air, or off (修改直播间直播状态)",
        source_id="site-change-live-status",
    ),
    Endpoint(
        "/api/live/add_room_info",
        AddRoomInfo,
        Done,
        add_room_info,
        credential=ABOUT_ONESELF,
        envelope=MINE,
        summary="Title, price and kind of a room (添加房间信息)",
        source_id="site-add-room-info",
    ),
    Endpoint(
        "/api/live/check_api_limit",
        Whose,
        ApiUse,
        use_api,
        credential=ABOUT_ONESELF,
        envelope=MINE,
        summary="Count one call of the character's AI (检测api使用量)",
        source_id="site-check-api-limit",
    ),
)
"""The endpoints of this module."""
