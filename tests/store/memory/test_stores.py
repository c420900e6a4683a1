"""One database under several bundles of stores, and records nobody can change from outside."""

import pytest

from store.interfaces.stores import Stores
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.support.records import T0, TOM, a_call, a_person, a_room


@pytest.fixture
def two_nodes() -> tuple[Stores, Stores]:
    database = MemoryDatabase()
    return memory_stores(database, lambda: T0), memory_stores(database, lambda: T0)


async def test_what_one_node_keeps_the_other_sees(two_nodes: tuple[Stores, Stores]) -> None:
    one, other = two_nodes
    await one.people.add(a_person(TOM))
    await one.calls.add(a_call())

    assert await other.people.get(TOM) == a_person(TOM)
    assert await other.calls.live_of(TOM) == a_call()


async def test_another_database_knows_nothing_of_it(two_nodes: tuple[Stores, Stores]) -> None:
    await two_nodes[0].calls.add(a_call())

    assert await memory_stores(MemoryDatabase(), lambda: T0).calls.live() == ()


async def test_the_fields_of_a_kept_room_change_with_nobody_elses_dictionary(two_nodes: tuple[Stores, Stores]) -> None:
    one, _ = two_nodes
    custom: dict[str, str | int] = {"likes": 1}
    given = await one.rooms.add(a_room(custom=custom))

    custom["likes"] = 2
    with pytest.raises(TypeError):
        given.custom["likes"] = 3  # type: ignore[index]

    kept = await one.rooms.get(given.id)
    assert kept is not None
    assert kept.custom == {"likes": 1}
