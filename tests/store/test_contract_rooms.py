"""What every ``RoomStore`` promises beside ownership (``test_contract_ownership.py``)."""

import pytest
from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotOwner
from store.interfaces.ids import CallId, NodeId
from store.interfaces.rooms import Applicant, Face, RoomKind, Sanction, SanctionKind, SeatRecord
from store.interfaces.stores import Stores
from tests.support.records import ANN, BOB, MEI, T0, TOM, a_room, ended, next_version
from tests.support.stores import on_every_store

MEIS_FACE = Face(
    public_id="75003883", nickname="梅", avatar_url="https://pictures/mei", gender=2, age=27, area="310100"
)
SEATS = (
    SeatRecord(person_id=MEI, seat="female", stream="mei", face=MEIS_FACE, since_ms=T0),
    SeatRecord(person_id=TOM, seat="male", stream="tom", face=Face(nickname="tom"), since_ms=T0 + 1),
)


@on_every_store
async def test_every_field_survives(stores: Stores) -> None:
    full = a_room(
        call_id=CallId(50_001),
        members=(TOM, MEI),
        anchor=MEIS_FACE,
        seats=SEATS,
        applicants=(Applicant(person_id=BOB, face=Face(nickname="bob"), since_ms=T0 + 2),),
        sanctions=(
            Sanction(person_id=BOB, kind=SanctionKind.MUTE, until_ms=T0 + 3, by=MEI),
            Sanction(person_id=ANN, kind=SanctionKind.BAN, until_ms=None, by=None),
        ),
        likes_count=2**40,
        custom={"likes": 3, "a.b$c": "点 and $dollar", "big": 2**40, "": "unnamed"},
        status_code=5,
        owner=NodeId("north#1"),
        epoch=7,
        version=9,
    )
    await stores.rooms.add(full)
    assert await stores.rooms.get(full.id) == full

    changed = next_version(full, seats=SEATS[:1], custom={"likes": 4}, status_code=6, info="bye")
    await stores.rooms.save(changed)
    assert await stores.rooms.get(full.id) == changed

    await stores.rooms.save(ended(changed))
    assert await stores.rooms.get(full.id) == ended(changed)


@on_every_store
async def test_a_room_of_another_anchor_is_another_room(stores: Stores) -> None:
    await stores.rooms.add(a_room())

    with pytest.raises(Conflict):
        await stores.rooms.add(a_room(anchor_id=BOB))

    assert await stores.rooms.get(a_room().id) == a_room()


@on_every_store
async def test_a_closed_room_is_kept_and_in_no_list(stores: Stores) -> None:
    room = await stores.rooms.add(a_room())
    await stores.rooms.save(ended(room))

    assert await stores.rooms.get(room.id) == ended(room)
    assert await stores.rooms.open_rooms() == ()
    assert await stores.rooms.adoptable(NodeId("north#1")) == ()


@on_every_store
async def test_a_closed_room_opens_again_once_and_under_a_new_epoch(stores: Stores) -> None:
    room = await stores.rooms.add(a_room(kind=RoomKind.BLIND_DATE, epoch=3))
    anew = replace(room, created_at_ms=T0 + 60_000, owner=NodeId("north#2"), version=room.version + 2)
    assert await stores.rooms.reopen(replace(anew, version=room.version + 1)) is None, "it is open"
    await stores.rooms.save(ended(room))

    opened = await stores.rooms.reopen(anew)

    assert opened == replace(anew, epoch=4)
    assert await stores.rooms.get(room.id) == opened
    assert await stores.rooms.reopen(anew) == opened, "the same opening again is the same room"
    assert await stores.rooms.reopen(replace(anew, created_at_ms=T0 + 61_000)) is None, "somebody else was faster"
    with pytest.raises(NotOwner):
        await stores.rooms.save(next_version(ended(room)))


@on_every_store
async def test_only_a_room_that_was_there_opens_again(stores: Stores) -> None:
    assert await stores.rooms.reopen(a_room()) is None


@on_every_store
async def test_nobody_sits_in_two_blind_date_rooms(stores: Stores) -> None:
    here = await stores.rooms.add(a_room("here", kind=RoomKind.BLIND_DATE))
    there = await stores.rooms.add(a_room("there", kind=RoomKind.BLIND_DATE))
    sat = next_version(here, seats=SEATS[1:])
    await stores.rooms.save(sat)

    with pytest.raises(Conflict):
        await stores.rooms.save(next_version(there, seats=SEATS))

    assert await stores.rooms.get(there.id) == there
    await stores.rooms.save(next_version(there, seats=SEATS[:1]))
    await stores.rooms.save(next_version(sat, seats=()))
    await stores.rooms.save(replace(there, version=there.version + 2, seats=SEATS))


@on_every_store
async def test_rooms_of_other_kinds_do_not_mind_who_sits_elsewhere(stores: Stores) -> None:
    for name in ("here", "there"):
        room = await stores.rooms.add(a_room(name))
        await stores.rooms.save(next_version(room, seats=SEATS))
