"""What several chapters say of people at rooms, and of rooms. Knows no endpoint. Source: SITE-3, SITE-4, SITE-8."""

from collections.abc import Sequence

import msgspec

from engine.greenroom import Greenroom
from engine.records import PersonRecord, Role, ShowInfo
from engine.room.state import RoomState
from engine.services.accounts import SITE
from engine.services.guests import is_guest
from engine.services.shows import name_of_show
from handlers.site.access import GUEST_UID, Visitor
from store.interfaces.ids import PersonId

__all__ = ["LiveShown", "RoomInfo", "Speaker", "lives_shown", "room_info", "shown_id", "speaker", "viewer"]


class RoomInfo(msgspec.Struct, kw_only=True):
    """What the anchor says of a room; ``room_type`` 0 free, 1 VIP, 2 one-to-one."""

    title: str = ""
    coin_num: int = 0
    room_type: int = 0
    describe: str = ""


class LiveShown(msgspec.Struct, kw_only=True):
    """A room that is on air; ``live_num`` is how many people watch it."""

    room_id: str
    room_name: str
    uid: str
    username: str
    live_num: int
    character_name: str
    character_date: str
    room_info: RoomInfo


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """Who said something; ``guest_id`` is by what an anchor may mute somebody who has no account."""

    uid: str
    identity: int
    guest_id: str


def viewer(visitor: Visitor) -> PersonRecord:
    """Whoever asks, as rooms meet people; of a guest nothing is kept but what rooms keep."""
    if visitor.person is not None:
        return visitor.person
    return PersonRecord(
        id=PersonId(visitor.person_id),
        surface=SITE,
        external_id="",
        role=Role.GUEST,
        created_at_ms=0,
        nickname=visitor.name,
    )


def shown_id(person: PersonRecord) -> str:
    """What is shown of somebody; nothing of guests."""
    return "" if is_guest(person.id) else person.public_id or str(person.id)


def speaker(person_id: PersonId, shown: str) -> Speaker:
    """Whose word it is; ``shown`` is his ``shown_id``."""
    if is_guest(person_id):
        return Speaker(uid=GUEST_UID, identity=0, guest_id=str(person_id))
    return Speaker(uid=shown, identity=1, guest_id="")


def room_info(info: ShowInfo | None) -> RoomInfo:
    """What is shown where nothing has been said as well. Source: SITE-40."""
    if info is None:
        return RoomInfo()
    return RoomInfo(title=info.title, coin_num=info.price, room_type=int(info.kind), describe=info.describe)


async def lives_shown(engine: Greenroom, states: Sequence[RoomState]) -> list[LiveShown]:
    """These rooms, in their order.

    Raises: StoreDown.
    """
    shows = await engine.shows.many([state.record.id for state in states])
    return [
        LiveShown(
            room_id=name_of_show(show.id),
            room_name=name_of_show(show.id),
            uid=state.record.anchor.public_id,
            username=state.record.anchor.nickname,
            live_num=len(state.audience),
            character_name=show.character,
            character_date=show.character_date,
            room_info=room_info(show.info),
        )
        for state in states
        if (show := shows.get(state.record.id)) is not None
    ]
