"""The men or the women of a room who are not on the microphone. Source: QL-23."""

from typing import Annotated, Any, Final, Literal

import msgspec

from engine.services.blind_dates import room_of
from handlers.qlive.access import QliveCaller
from handlers.qlive.paging import Page, page_of
from handlers.qlive.shapes import LiveId
from handlers.qlive.whereabouts import APPLIED, WATCHING
from handlers.wire.fields import blank
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "people"]


class WhichPeople(msgspec.Struct):
    """Of which room; ``gender`` 1 men, 2 women."""

    live_id: LiveId
    gender: Annotated[Literal[1, 2], blank()]
    page: Page = 1


class PersonShown(msgspec.Struct):
    """``state`` 0 watching, 1 applied; ``user_type`` says the same as everywhere else."""

    user_id: str
    face_url: str
    state: int
    nickname: str
    user_type: int


async def people(caller: QliveCaller, wanted: WhichPeople) -> list[PersonShown]:
    """Those who watch, then those who have applied; whoever has done so for longest comes first. For people inside."""
    dates = caller.engine.blind_dates
    place = dates.require_inside(caller.principal.person, room_of(wanted.live_id))
    found = dates.without_a_seat(place.state, gender=wanted.gender)
    return [
        PersonShown(
            user_id=viewer.face.public_id,
            face_url=viewer.face.avatar_url,
            state=int(has_applied),
            nickname=viewer.face.nickname,
            user_type=APPLIED if has_applied else WATCHING,
        )
        for _, viewer, has_applied in page_of(found, wanted.page)
    ]


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/wx/api/qlive/qlive_user/get_users_info",
        WhichPeople,
        list[PersonShown],
        people,
        method="GET",
        summary="Men or women of a room (获取直播间男(或女)用户信息)",
        source_id="qlive-user-get-users-info",
    ),
)
"""The endpoints of this module."""
