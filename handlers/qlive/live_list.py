"""The rooms that are live. Source: QL-24."""

import re
from typing import Annotated, Any, Final

import msgspec

from engine.errors import NotFound
from engine.room.formats import FEMALE, MALE
from engine.room.state import RoomState
from handlers.qlive.access import QliveCaller
from handlers.qlive.paging import page_of
from handlers.qlive.seats import audience_count
from handlers.wire.fields import blank
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "live_list"]

_NUMBER: Final = re.compile(r"-?[0-9]+")
_DIGITS_MAX: Final = 12
"""Of a page; there are fewer people than that."""


class WhichPage(msgspec.Struct):
    """Which page, from 1; what is no number is the first one."""

    page: Annotated[str, blank()] = "1"


class PlayersShown(msgspec.Struct):
    """Pictures of the man and the woman on the microphone, empty where nobody is."""

    boy: str
    girl: str


class LiveShown(msgspec.Struct, kw_only=True):
    """A live; its name and picture are the matchmaker's."""

    id: int
    group_id: str
    room_name: str
    room_image: str
    player: PlayersShown
    audience_count: int


async def live_list(caller: QliveCaller, wanted: WhichPage) -> list[LiveShown]:
    """The fullest first, of equally full ones the newest; nothing behind the last page."""
    states = page_of(caller.engine.blind_dates.listed(), _page(wanted.page))
    return [
        LiveShown(
            id=int(state.record.anchor.public_id),
            group_id=state.record.anchor.public_id,
            room_name=state.record.anchor.nickname,
            room_image=state.record.anchor.avatar_url,
            player=PlayersShown(boy=_picture(state, MALE), girl=_picture(state, FEMALE)),
            audience_count=audience_count(caller.engine, state),
        )
        for state in states
    ]


def _page(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        return 1  # As the original.
    page = int(text[:_DIGITS_MAX])
    if page < 1:
        raise NotFound("page")
    return page


def _picture(state: RoomState, name: str) -> str:
    return next((seat.face.avatar_url for seat in state.record.seats if seat.seat == name), "")


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/wx/api/qlive/get_livelist",
        WhichPage,
        list[LiveShown],
        live_list,
        method="GET",
        summary="Live rooms (获取直播列表)",
        source_id="qlive-get-livelist",
    ),
)
"""The endpoints of this module."""
