"""Where somebody is, in this surface's words. Source: QL-11, QL-28, get_user_state."""

from typing import Any, Final

import msgspec

from engine.greenroom import Greenroom
from engine.room.formats import MALE
from engine.room.state import Standing
from engine.services.rooms import Place
from handlers.qlive.access import QliveCaller
from handlers.qlive.shapes import Nothing
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = [
    "APPLIED",
    "ENDPOINTS",
    "NOWHERE",
    "WATCHING",
    "Whereabouts",
    "user_type",
    "user_type_of",
    "where_am_i",
    "whereabouts",
]

WATCHING: Final = 1
APPLIED: Final = 2
MAN_SEATED: Final = 3
WOMAN_SEATED: Final = 4
USER_TYPES: Final = {Standing.WATCHING: WATCHING, Standing.APPLIED: APPLIED, Standing.ANCHOR: 5}


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """``user_type``: 0 nowhere, 1 watching, 2 applied, 3 man and 4 woman on the microphone, 5 matchmaker.

    ``live_id`` is a number, and empty text where there is none.
    """

    live_room_name: str
    live_id: int | str
    group_id: str
    user_type: int

    @property
    def is_seated(self) -> bool:
        """Whether the person is on the microphone, beside the matchmaker."""
        return self.user_type in (MAN_SEATED, WOMAN_SEATED)


NOWHERE: Final = Whereabouts(live_room_name="", live_id="", group_id="", user_type=0)


def whereabouts(engine: Greenroom, person_id: PersonId) -> Whereabouts:
    """Where the person is now, as the room's owner knows it."""
    place = engine.blind_dates.place_of(person_id)
    if place is None:
        return NOWHERE
    room = place.state.record
    return Whereabouts(
        live_room_name=room.anchor.nickname,
        live_id=int(room.anchor.public_id),
        group_id=room.anchor.public_id,
        user_type=user_type(place),
    )


def user_type(place: Place) -> int:
    """What somebody is in his place."""
    return user_type_of(place.standing, place.seat)


def user_type_of(standing: Standing, seat: str) -> int:
    """The same of a standing, and the seat of whoever sits."""
    if standing is Standing.SEATED:
        return MAN_SEATED if seat == MALE else WOMAN_SEATED
    return USER_TYPES[standing]


async def where_am_i(caller: QliveCaller, _wanted: Nothing) -> Whereabouts:
    """Where the caller is, and as what."""
    return whereabouts(caller.engine, caller.principal.person.id)


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/wx/api/qlive/qlive_user/get_user_state",
        Nothing,
        Whereabouts,
        where_am_i,
        method="GET",
        summary="Where the caller is (获取用户状态)",
        source_id="qlive-user-get-state",
    ),
)
"""The endpoint of this module."""
