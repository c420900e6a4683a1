"""Saying something in a room without a socket, and who may not. Source: SITE-46 … SITE-48."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from engine.errors import Silenced
from engine.services.shows import name_of_show, show_named
from handlers.site.access import SiteCaller, anchor_of
from handlers.site.cookies import Cookies
from handlers.site.envelope import DONE, ENVELOPE, Done, Row, Told
from handlers.site.histories import READING
from handlers.site.options import SiteOptions
from handlers.site.rooms import shown_id, viewer
from handlers.site.shapes import RoomName, Uid
from handlers.site.users import as_guest
from handlers.wire.access import OPTIONAL
from handlers.wire.fields import Flag, MissingInput, also, blank, spoken, text
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint, WithHeaders

__all__ = ["LINE_CHARS_MAX", "TALKING", "endpoints", "mute", "say"]

LINE_CHARS_MAX: Final = 1_000
"""Source: ALL-18."""

SECONDS_MAX: Final = 366 * 86_400
"""Whoever is to be silent for longer is silent until he may talk again."""

TALKING: Final = READING.saying(
    {
        # The original's words, for everybody. Source: seed behaviour §2.7 (Room socket).
        Silenced: Row(HTTPStatus.FORBIDDEN, Said("You are muted", "You are muted")),
        MissingInput: Row(
            HTTPStatus.BAD_REQUEST, Said("缺少 room_id 或 user_message", "room_id and user_message are required")
        ),
    },
    BANNED=Row(HTTPStatus.FORBIDDEN, Said("您已被移出该直播间", "you have been sent out of this room")),
)
"""What those are refused in who want to say something."""

MUTING: Final = ENVELOPE.saying(
    FORBIDDEN=Row(HTTPStatus.FORBIDDEN, Said("不是您的直播间", "not your room")),
    WRONG_PHASE=Row(HTTPStatus.CONFLICT, Said("未在直播", "the room is not live")),
)


class Line(msgspec.Struct):
    """What is said; names beside it say nothing, as the credential says who says it."""

    room_id: Annotated[RoomName, also("room_name")]
    user_message: Annotated[str, spoken(LINE_CHARS_MAX)]
    room_name: Annotated[str, text(128)] = ""
    username: Annotated[str, text(64)] = ""


class Mute(msgspec.Struct):
    """Who may not talk, or may again; without ``seconds``, until that is said."""

    room_id: RoomName
    user_id: Uid
    muted: Flag
    seconds: Annotated[Annotated[int, msgspec.Meta(ge=1, le=SECONDS_MAX)] | None, blank()] = None


class MuteShown(msgspec.Struct, kw_only=True):
    """What holds now."""

    room_id: str
    user_id: str
    muted: bool


async def say(cookies: Cookies, caller: SiteCaller, wanted: Line) -> WithHeaders[Done]:
    """Say something to everybody in the room; what was just said over a socket is not said again."""
    person = viewer(caller.principal)
    await caller.engine.show_chat.say(
        person, show_named(wanted.room_id), wanted.user_message, shown_id=shown_id(person)
    )
    return WithHeaders(DONE, as_guest(cookies, caller))


async def mute(caller: SiteCaller, wanted: Mute) -> Told[MuteShown]:
    """Let somebody say nothing in one's room, or talk again."""
    anchor, room_id = anchor_of(caller), show_named(wanted.room_id)
    person_id = await caller.engine.site_people.id_of(wanted.user_id)
    length_ms = None if wanted.seconds is None else wanted.seconds * 1_000
    await caller.engine.show_rooms.mute(anchor, room_id, person_id, is_muted=wanted.muted, length_ms=length_ms)
    return Told(data=MuteShown(room_id=name_of_show(room_id), user_id=wanted.user_id, muted=wanted.muted))


def endpoints(options: SiteOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/api/live/save_user_chat_history",
            Line,
            Done,
            partial(say, Cookies(options)),
            access=OPTIONAL,
            envelope=TALKING,
            summary="Say something in a room (用户之间聊天数据保存接口)",
            source_id="site-save-user-chat-history",
        ),
        Endpoint(
            "/api/live/mute_user",
            Mute,
            Told[MuteShown],
            mute,
            envelope=MUTING,
            summary="Let a viewer of one's room say nothing, or talk again",
            source_id="site-mute-user",
        ),
    )
