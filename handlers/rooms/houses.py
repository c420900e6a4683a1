"""What differs between the surfaces whose people come here: how they enter, leave and end a room, and their ids.

Nobody enters rooms of another surface: the services look among their own. Knows no wire words.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.errors import BadInput
from engine.greenroom import Greenroom
from engine.records import PersonRecord
from engine.services.accounts import CALLS, QLIVE
from store.interfaces.ids import ID_MAX, PersonId, RoomId

__all__ = ["HOUSES", "House"]

_DIGITS_MAX: Final = len(str(ID_MAX))
_NOT_DESCRIBED: Final = "{}"

Move = Callable[[Greenroom, PersonRecord, RoomId], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The rooms of one surface."""

    enter: Move
    leave: Move
    end: Move
    person_id: Callable[[Greenroom, str], Awaitable[PersonId]]
    """Whose the id is that the surface shows. Raises: NotFound, BadInput: it cannot be one."""


async def _enter_live_room(engine: Greenroom, person: PersonRecord, room_id: RoomId) -> None:
    engine.live_rooms.get(room_id)  # No room of another kind.
    await engine.live_rooms.enter(person, room_id, described=_NOT_DESCRIBED)


async def _number(_engine: Greenroom, user_id: str) -> PersonId:
    if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= _DIGITS_MAX):
        raise BadInput(field="user_id")
    return PersonId(int(user_id))


async def _by_public_id(engine: Greenroom, user_id: str) -> PersonId:
    return (await engine.qlive_people.person(user_id)).id


HOUSES: Final[Mapping[str, House]] = MappingProxyType(
    {
        CALLS: House(
            enter=_enter_live_room,
            leave=lambda engine, person, room_id: engine.live_rooms.leave(person, room_id),
            end=lambda engine, person, room_id: engine.live_rooms.destroy(person, room_id),
            person_id=_number,
        ),
        QLIVE: House(
            enter=lambda engine, person, room_id: engine.blind_dates.enter(person, room_id),
            leave=lambda engine, person, room_id: engine.blind_dates.leave(person, room_id),
            end=lambda engine, person, room_id: engine.blind_dates.end(person, room_id),
            person_id=_by_public_id,
        ),
    }
)
"""Surface → its rooms."""
