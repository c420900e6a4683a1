"""What every ``GroupStore`` promises."""

import asyncio

import pytest
from msgspec.structs import replace

from store.interfaces.errors import Conflict
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM
from tests.support.stores import on_every_store

ONE = GroupRecord(id=Snowflake(2**62 + 1), owner_id=TOM, name="一", description="d", created_at_ms=T0)
TWO = replace(ONE, id=Snowflake(2**62 + 2), name="二", created_at_ms=T0 + 1)
NOBODYS = Snowflake(7)


@on_every_store
async def test_a_group_begins_with_its_owner_in_it(stores: Stores) -> None:
    await stores.groups.create(ONE)

    assert await stores.groups.get(ONE.id) == ONE
    assert await stores.groups.is_member(ONE.id, TOM)
    assert not await stores.groups.is_member(ONE.id, BOB)
    assert await stores.groups.members_of(ONE.id, limit=10) == (TOM,)
    assert await stores.groups.get(NOBODYS) is None
    assert not await stores.groups.is_member(NOBODYS, TOM)


@on_every_store
async def test_an_owner_has_no_two_groups_of_one_name_and_others_may(stores: Stores) -> None:
    await stores.groups.create(ONE)

    with pytest.raises(Conflict):
        await stores.groups.create(replace(TWO, name=ONE.name))
    await stores.groups.create(replace(TWO, name=ONE.name, owner_id=BOB))

    assert await stores.groups.groups_of(TOM, limit=10) == (ONE,)
    assert not await stores.groups.is_member(TWO.id, TOM)


@on_every_store
async def test_of_many_groups_of_one_name_made_at_once_one_is_there(stores: Stores) -> None:
    tries = [stores.groups.create(replace(ONE, id=Snowflake(ONE.id + number))) for number in range(8)]

    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(one is None for one in ended) == 1
    assert all(one is None or isinstance(one, Conflict) for one in ended)
    assert len(await stores.groups.groups_of(TOM, limit=10)) == 1


@on_every_store
async def test_joining_twice_is_joining_once(stores: Stores) -> None:
    await stores.groups.create(ONE)

    joined = [await stores.groups.join(Joined(ONE.id, BOB, T0 + later)) for later in (5, 9)]

    assert joined == [True, False]
    assert await stores.groups.members_of(ONE.id, limit=10) == (TOM, BOB)
    assert await stores.groups.joined_by(BOB, limit=10) == (Joined(ONE.id, BOB, T0 + 5),)


@on_every_store
async def test_groups_and_members_come_in_the_order_of_joining(stores: Stores) -> None:
    await stores.groups.create(TWO)
    await stores.groups.create(ONE)
    people = [PersonId(20_000 - number) for number in range(4)]
    for number, person_id in enumerate(people):
        await stores.groups.join(Joined(ONE.id, person_id, T0 + 10 + number))

    assert await stores.groups.members_of(ONE.id, limit=4) == (TOM, *people[:3])
    assert await stores.groups.groups_of(TOM, limit=10) == (ONE, TWO)
    assert await stores.groups.groups_of(TOM, limit=1) == (ONE,)
    assert await stores.groups.groups_of(BOB, limit=10) == ()
    since = await stores.groups.joined_since(T0 + 11, limit=2)
    assert since == (Joined(ONE.id, people[1], T0 + 11), Joined(ONE.id, people[2], T0 + 12))
