"""What was said in a room: by the anchor and her character, and by viewers. Source: SITE-34, SITE-42 … SITE-45."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from engine.records import RecordKind, ShowRecord
from engine.services.shows import name_of_show, show_named
from handlers.site.access import SiteCaller
from handlers.site.envelope import ENVELOPE, Row, Told
from handlers.site.rooms import speaker, viewer
from handlers.site.shapes import RoomName
from handlers.site.times import chat_time
from handlers.wire.access import OPTIONAL
from handlers.wire.fields import also
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "READING", "anchor_lines", "viewer_lines"]

READING: Final = ENVELOPE.saying(FORBIDDEN=Row(HTTPStatus.FORBIDDEN, Said("请先购买或订阅", "pay or subscribe first")))
"""Here nothing is refused to anybody but for want of the right to enter."""


class OneRoom(msgspec.Struct):
    """Which room."""

    room_id: Annotated[RoomName, also("room_name")]


class AnchorLine(msgspec.Struct, kw_only=True):
    """Something said by the anchor (``is_user``) or her character; ``live_message_html`` is harmless."""

    is_user: bool
    live_message: str
    live_message_html: str
    sender_name: str
    send_date: str


class AnchorLines(msgspec.Struct, kw_only=True):
    """Her conversation, oldest first."""

    room_id: str
    room_name: str
    uid: str
    username: str
    chat_info: list[AnchorLine]


class ViewerLine(msgspec.Struct, kw_only=True):
    """Something said by a viewer; ``identity`` 0 is a guest, with uid ``0``, 1 somebody with an account."""

    uid: str
    username: str
    send_date: str
    user_message: str
    identity: int
    guest_id: str


class ViewerLines(msgspec.Struct, kw_only=True):
    """The last of them, oldest first; ``username`` is the character's name. Source: SITE-44."""

    room_id: str
    room_name: str
    uid: str
    username: str
    chat_info: list[ViewerLine]


async def anchor_lines(caller: SiteCaller, wanted: OneRoom) -> Told[AnchorLines]:
    """The anchor's own conversation."""
    engine = caller.engine
    show = await engine.shows.get(show_named(wanted.room_id))
    kept = await engine.show_chat.conversation(viewer(caller.principal), show)
    anchor = await engine.site_people.person(show.anchor_id)
    lines = [
        AnchorLine(
            is_user=one.kind is RecordKind.ANCHOR,
            live_message=one.text,
            live_message_html=one.html,
            sender_name=one.speaker,
            send_date=one.sent,
        )
        for one in kept
    ]
    name = name_of_show(show.id)
    return Told(
        data=AnchorLines(room_id=name, room_name=name, uid=anchor.public_id, username=anchor.nickname, chat_info=lines)
    )


async def viewer_lines(caller: SiteCaller, wanted: OneRoom) -> Told[ViewerLines]:
    """What viewers said last."""
    engine = caller.engine
    show = await engine.shows.get(show_named(wanted.room_id))
    kept = await engine.show_chat.lines(viewer(caller.principal), show)
    lines = []
    for one in kept:
        who = speaker(one.person_id, one.shown_id)
        lines.append(
            ViewerLine(
                uid=who.uid,
                username=one.name,
                send_date=chat_time(one.at_ms),
                user_message=one.text,
                identity=who.identity,
                guest_id=who.guest_id,
            )
        )
    name = name_of_show(show.id)
    return Told(
        data=ViewerLines(room_id=name, room_name=name, uid=_uid(show), username=show.character, chat_info=lines)
    )


def _uid(show: ShowRecord) -> str:
    """The anchor's uid, which the room is named after. Source: SITE-3."""
    return name_of_show(show.id)[: -len(show.character) - 1]


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/live/get_live_chat_history",
        OneRoom,
        Told[AnchorLines],
        anchor_lines,
        method="GET",
        access=OPTIONAL,
        envelope=READING,
        summary="The anchor's own conversation (获取当前直播间主播历史消息数据)",
        source_id="site-get-live-chat-history",
    ),
    Endpoint(
        "/api/live/get_user_chat_history",
        OneRoom,
        Told[ViewerLines],
        viewer_lines,
        method="GET",
        access=OPTIONAL,
        envelope=READING,
        summary="The last that viewers said (获取当前直播间用户历史消息数据)",
        source_id="site-get-user-chat-history",
    ),
)
"""The endpoints of this module."""
