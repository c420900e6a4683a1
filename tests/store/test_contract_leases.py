"""What every ``LeaseStore`` promises."""

import asyncio

import pytest

from store.interfaces.errors import NotThere
from store.interfaces.ids import NOBODY, NodeId
from store.interfaces.stores import Stores
from tests.support.stores import let_pass, on_every_store

LONG_MS = 60_000


async def is_dead(stores: Stores, node_id: NodeId) -> bool:
    lease = await stores.leases.get(node_id)
    assert lease is not None
    return lease.is_dead


@on_every_store
async def test_an_incarnation_begins_alive_for_the_length_of_its_lease(stores: Stores) -> None:
    lease = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)

    assert (lease.name, lease.is_dead) == ("north", False)
    assert lease.id != NOBODY
    assert lease.now_ms == lease.renewed_at_ms
    assert lease.until_ms == lease.renewed_at_ms + LONG_MS


@on_every_store
async def test_each_incarnation_has_a_start_of_its_own_that_grows(stores: Stores) -> None:
    first = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)
    other = await stores.leases.begin("south", lease_ms=LONG_MS, supersedes=False)
    second = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)

    assert second.start > first.start
    assert len({first.id, other.id, second.id}) == 3


@on_every_store
async def test_nodes_of_one_name_that_begin_at_once_are_different_nodes(stores: Stores) -> None:
    leases = await asyncio.gather(*(stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False) for _ in range(8)))

    assert len({lease.id for lease in leases}) == len({lease.start for lease in leases}) == 8


@on_every_store
@pytest.mark.parametrize("supersedes", [True, False])
async def test_only_who_supersedes_kills_earlier_incarnations_of_the_name(stores: Stores, supersedes: bool) -> None:
    first = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)
    second = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)
    other = await stores.leases.begin("south", lease_ms=LONG_MS, supersedes=False)

    newest = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=supersedes)

    assert not newest.is_dead
    assert [await is_dead(stores, node.id) for node in (first, second, other, newest)] == [
        supersedes,
        supersedes,
        False,
        False,
    ]


@on_every_store
async def test_renewal_counts_from_the_stores_now(stores: Stores) -> None:
    begun = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)
    await let_pass(20)

    renewed = await stores.leases.renew(begun.id, lease_ms=2 * LONG_MS)

    assert renewed.renewed_at_ms >= begun.renewed_at_ms + 20
    assert renewed.until_ms == renewed.renewed_at_ms + 2 * LONG_MS
    assert not renewed.is_dead
    kept = await stores.leases.get(begun.id)
    assert kept is not None
    assert (kept.until_ms, kept.renewed_at_ms) == (renewed.until_ms, renewed.renewed_at_ms)
    assert kept.now_ms >= renewed.now_ms


@on_every_store
async def test_who_never_began_cannot_renew_and_is_none(stores: Stores) -> None:
    with pytest.raises(NotThere):
        await stores.leases.renew(NodeId("north#7"), lease_ms=LONG_MS)

    assert await stores.leases.get(NodeId("north#7")) is None


@on_every_store
async def test_a_node_dies_on_purpose_and_once_for_all(stores: Stores) -> None:
    begun = await stores.leases.begin("north", lease_ms=LONG_MS, supersedes=False)

    await stores.leases.end(begun.id)
    await stores.leases.end(begun.id)

    assert await is_dead(stores, begun.id)
    assert (await stores.leases.renew(begun.id, lease_ms=LONG_MS)).is_dead
    assert await is_dead(stores, begun.id)


@on_every_store
async def test_only_lapsed_nodes_are_buried_and_only_once(stores: Stores) -> None:
    lapsed = await stores.leases.begin("north", lease_ms=10, supersedes=False)
    alive = await stores.leases.begin("south", lease_ms=LONG_MS, supersedes=False)
    await let_pass(20)

    buried = await stores.leases.bury()

    assert [(lease.id, lease.is_dead) for lease in buried] == [(lapsed.id, True)]
    assert await stores.leases.bury() == ()
    assert await is_dead(stores, lapsed.id)
    assert not await is_dead(stores, alive.id)


@on_every_store
async def test_a_node_that_ended_is_not_buried(stores: Stores) -> None:
    begun = await stores.leases.begin("north", lease_ms=10, supersedes=False)
    await stores.leases.end(begun.id)
    await let_pass(20)

    assert await stores.leases.bury() == ()


@on_every_store
async def test_a_buried_node_stays_dead_whatever_it_does(stores: Stores) -> None:
    lapsed = await stores.leases.begin("north", lease_ms=10, supersedes=False)
    await let_pass(20)
    await stores.leases.bury()

    renewed = await stores.leases.renew(lapsed.id, lease_ms=LONG_MS)

    assert (renewed.is_dead, renewed.until_ms) == (True, lapsed.until_ms)
    assert await is_dead(stores, lapsed.id)


@on_every_store
async def test_a_lapsed_node_that_nobody_has_buried_may_renew(stores: Stores) -> None:
    lapsed = await stores.leases.begin("north", lease_ms=10, supersedes=False)
    await let_pass(20)

    renewed = await stores.leases.renew(lapsed.id, lease_ms=LONG_MS)

    assert not renewed.is_dead
    assert await stores.leases.bury() == ()


@on_every_store
async def test_each_death_is_told_to_one_of_many_who_bury_at_once(stores: Stores) -> None:
    lapsed = [await stores.leases.begin(f"node-{n}", lease_ms=10, supersedes=False) for n in range(3)]
    await let_pass(20)

    told = await asyncio.gather(*(stores.leases.bury() for _ in range(4)))

    assert sorted(lease.id for leases in told for lease in leases) == sorted(lease.id for lease in lapsed)
