"""What every ``RoomStore`` promises beside ownership (``test_contract_ownership.py``)."""

import pytest

from store.interfaces.errors import Conflict
from store.interfaces.ids import CallId, NodeId
from store.interfaces.rooms import PusherRecord
from store.interfaces.stores import Stores
from tests.support.records import BOB, MEI, T0, TOM, a_room, ended, next_version
from tests.support.stores import on_every_store

PUSHERS = (
    PusherRecord(person_id=MEI, stream="mei", name="梅", avatar_url="https://pictures/mei", since_ms=T0),
    PusherRecord(person_id=TOM, stream="tom", name="tom", avatar_url="", since_ms=T0 + 1),
)


@on_every_store
async def test_every_field_survives(stores: Stores) -> None:
    full = a_room(
        call_id=CallId(50_001),
        members=(TOM, MEI),
        pushers=PUSHERS,
        custom={"likes": 3, "a.b$c": "点 and $dollar", "big": 2**40, "": "unnamed"},
        status_code=5,
        owner=NodeId("north#1"),
        epoch=7,
        version=9,
    )
    await stores.rooms.add(full)
    assert await stores.rooms.get(full.id) == full

    changed = next_version(full, pushers=PUSHERS[:1], custom={"likes": 4}, status_code=6, info="bye")
    await stores.rooms.save(changed)
    assert await stores.rooms.get(full.id) == changed

    await stores.rooms.save(ended(changed))
    assert await stores.rooms.get(full.id) == ended(changed)


@on_every_store
async def test_a_room_of_another_creator_is_another_room(stores: Stores) -> None:
    await stores.rooms.add(a_room())

    with pytest.raises(Conflict):
        await stores.rooms.add(a_room(creator_id=BOB))

    assert await stores.rooms.get(a_room().id) == a_room()


@on_every_store
async def test_a_closed_room_is_kept_and_in_no_list(stores: Stores) -> None:
    room = await stores.rooms.add(a_room())
    await stores.rooms.save(ended(room))

    assert await stores.rooms.get(room.id) == ended(room)
    assert await stores.rooms.open_rooms() == ()
    assert await stores.rooms.adoptable(NodeId("north#1")) == ()
