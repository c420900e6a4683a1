"""What differs between the surfaces whose people come here: tokens and ids, and how they enter, leave and end a room.

Nobody enters rooms of another surface: the services look among their own. Knows no wire words.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.errors import BadInput, NotAMember, NotFound
from engine.greenroom import Greenroom
from engine.ports import Position
from engine.records import PersonRecord
from engine.services.accounts import CALLS, QLIVE, SITE
from engine.services.known_people import Known
from store.interfaces.ids import ID_MAX, PersonId, RoomId

__all__ = ["HOUSES", "House"]

_DIGITS_MAX: Final = len(str(ID_MAX))
_NOT_DESCRIBED: Final = "{}"

Move = Callable[[Greenroom, PersonRecord, RoomId], Awaitable[object]]
"""Of a person, wherever he is connected."""

ConnectionMove = Callable[[Greenroom, PersonRecord, RoomId, str, Position | None], Awaitable[object]]
"""Of one connection, by its name; a position is where the room's story stood for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The rooms of one surface."""

    who: Callable[[Greenroom, str], Awaitable[Known]]
    """Who holds the token. Raises: NotSignedIn, StoreDown."""
    enter: ConnectionMove
    leave: ConnectionMove
    end: Move
    say: Callable[[Greenroom, PersonRecord, RoomId, str], Awaitable[object]]
    person_id: Callable[[Greenroom, str], Awaitable[PersonId]]
    """Whose the id is that the surface shows. Raises: NotFound, BadInput: it cannot be one."""


async def _enter_live_room(
    engine: Greenroom, person: PersonRecord, room_id: RoomId, _connection: str, _since: Position | None
) -> None:
    engine.live_rooms.get(room_id)  # No room of another kind.
    await engine.live_rooms.enter(person, room_id, described=_NOT_DESCRIBED)


async def _enter_show(
    engine: Greenroom, person: PersonRecord, room_id: RoomId, connection: str, since: Position | None
) -> None:
    if await engine.show_rooms.visit(person, room_id, connection=connection, since=since) is not None:
        # Here nobody waits for what is off air.
        engine.show_rooms.leave(person.id, room_id, connection)
        raise NotFound("room")


async def _leave_show(
    engine: Greenroom, person: PersonRecord, room_id: RoomId, connection: str, _since: Position | None
) -> None:
    engine.show_rooms.leave(person.id, room_id, connection)


async def _say(engine: Greenroom, person: PersonRecord, room_id: RoomId, text: str) -> None:
    await engine.rooms.say(person, room_id, text)


async def _say_at_show(engine: Greenroom, person: PersonRecord, room_id: RoomId, text: str) -> None:
    if engine.rooms.place_in(engine.show_rooms.get(room_id), person.id) is None:
        raise NotAMember
    await engine.show_chat.say(person, room_id, text, shown_id=person.public_id or str(person.id))


def _by_session(surface: str) -> Callable[[Greenroom, str], Awaitable[Known]]:
    async def who(engine: Greenroom, token: str) -> Known:
        return Known(await engine.identity.who(token, surface=surface))

    return who


async def _by_web_token(engine: Greenroom, token: str) -> Known:
    known = await engine.web_sign_ins.who_by_token(token)
    engine.web_sign_ins.watch(known)
    return known


async def _number(_engine: Greenroom, user_id: str) -> PersonId:
    if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= _DIGITS_MAX):
        raise BadInput(field="user_id")
    return PersonId(int(user_id))


async def _by_public_id(engine: Greenroom, user_id: str) -> PersonId:
    return (await engine.qlive_people.person(user_id)).id


HOUSES: Final[Mapping[str, House]] = MappingProxyType(
    {
        CALLS: House(
            who=_by_session(CALLS),
            enter=_enter_live_room,
            leave=lambda engine, person, room_id, _connection, _since: engine.live_rooms.leave(person, room_id),
            say=_say,
            end=lambda engine, person, room_id: engine.live_rooms.destroy(person, room_id),
            person_id=_number,
        ),
        QLIVE: House(
            who=_by_session(QLIVE),
            enter=lambda engine, person, room_id, _connection, _since: engine.blind_dates.enter(person, room_id),
            leave=lambda engine, person, room_id, _connection, _since: engine.blind_dates.leave(person, room_id),
            say=_say,
            end=lambda engine, person, room_id: engine.blind_dates.end(person, room_id),
            person_id=_by_public_id,
        ),
        SITE: House(
            who=_by_web_token,
            enter=_enter_show,
            leave=_leave_show,
            say=_say_at_show,
            end=lambda engine, person, room_id: engine.show_rooms.stop(person, room_id),
            person_id=lambda engine, user_id: engine.site_people.id_of(user_id),
        ),
    }
)
"""Surface → its rooms."""
