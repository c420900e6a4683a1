"""What calls and rooms have in common: fenced writes, claims and hand-overs (D-13, D-14, D-15)."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from store.interfaces.calls import Phase
from store.interfaces.errors import Conflict, NotOwner
from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId, RoomId
from store.interfaces.stores import Stores
from tests.support.records import T0, a_call, a_room, ended, next_version
from tests.support.stores import let_pass, on_every_store

LONG_MS = 60_000


class Owned(NamedTuple):
    """One of the two stores, and how to make and change what it keeps."""

    store_of: Callable[[Stores], Any]
    numbered: Callable[[int], Any]
    live_of: Callable[[Stores], Any]
    changed: Callable[[Any], Any]
    other_origin: Callable[[Any], Any]
    unknown: Any


def a_call_of_their_own(number: int) -> Any:
    guest_id, anchor_id = PersonId(20_000 + number), PersonId(30_000 + number)
    return a_call(50_000 + number, guest_id=guest_id, anchor_id=anchor_id, rung_at_ms=T0 + number)


def a_numbered_room(number: int) -> Any:
    return a_room(f"room-{number}", created_at_ms=T0 + number)


CALLS = Owned(
    store_of=lambda stores: stores.calls,
    numbered=a_call_of_their_own,
    live_of=lambda stores: stores.calls.live,
    changed=lambda call: next_version(call, phase=Phase.JOINING, answered_at_ms=T0 + 9, room_id=RoomId("room-1")),
    other_origin=lambda call: replace(call, guest_id=PersonId(77_777)),
    unknown=CallId(99_999),
)
ROOMS = Owned(
    store_of=lambda stores: stores.rooms,
    numbered=a_numbered_room,
    live_of=lambda stores: stores.rooms.open_rooms,
    changed=lambda room: next_version(room, info="changed", status_code=room.status_code + 1),
    other_origin=lambda room: replace(room, created_at_ms=room.created_at_ms + 1),
    unknown=RoomId("nowhere"),
)


def of_both(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run the test on every store, for calls and for rooms."""
    both = [pytest.param(CALLS, id="calls"), pytest.param(ROOMS, id="rooms")]
    parametrized: Callable[..., Any] = pytest.mark.parametrize("owned", both)(on_every_store(test))
    return parametrized


async def a_node(stores: Stores, name: str) -> NodeId:
    return (await stores.leases.begin(name, lease_ms=LONG_MS, supersedes=False)).id


async def owned_by(stores: Stores, owned: Owned, owner: NodeId, number: int = 1) -> Any:
    return await owned.store_of(stores).add(replace(owned.numbered(number), owner=owner))


# --- add and get ---------------------------------------------------------------------------------------------------


@of_both
async def test_what_was_added_comes_back(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)

    assert await store.add(record) == record
    assert await store.get(record.id) == record
    assert await store.get(owned.unknown) is None


@of_both
async def test_adding_the_same_again_returns_what_is_kept_by_now(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    await store.add(record)
    assert await store.add(record) == record

    await store.save(owned.changed(record))
    assert await store.add(record) == owned.changed(record)

    last = ended(owned.changed(record))
    await store.save(last)
    assert await store.add(record) == last
    assert await store.get(record.id) == last


@of_both
async def test_an_id_that_belongs_to_another_is_a_conflict_for_ever(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    await store.add(record)
    with pytest.raises(Conflict):
        await store.add(owned.other_origin(record))

    await store.save(ended(record))
    with pytest.raises(Conflict):
        await store.add(owned.other_origin(record))

    assert await store.get(record.id) == ended(record)


@of_both
async def test_adding_the_same_many_times_at_once_adds_it_once(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)

    kept = await asyncio.gather(*(store.add(record) for _ in range(6)))

    assert kept == [record] * 6
    assert await owned.live_of(stores)() == (record,)


# --- save ----------------------------------------------------------------------------------------------------------


@of_both
async def test_the_owner_saves_version_after_version(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    await store.add(record)

    second = owned.changed(record)
    await store.save(second)
    assert await store.get(record.id) == second

    third = next_version(second)
    await store.save(third)
    assert await store.get(record.id) == third


@of_both
async def test_saving_the_same_version_again_is_fine_even_the_last_one(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    await store.add(record)

    for version in (owned.changed(record), ended(owned.changed(record))):
        await store.save(version)
        await store.save(version)
        assert await store.get(record.id) == version


@of_both
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"epoch": 2, "version": 2}, id="a later epoch"),
        pytest.param({"epoch": 0, "version": 2}, id="an earlier epoch"),
        pytest.param({"version": 0}, id="a version long gone"),
        pytest.param({"version": 3}, id="a version too far"),
    ],
)
async def test_a_save_that_does_not_follow_is_refused(stores: Stores, owned: Owned, change: dict[str, int]) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    await store.add(record)
    kept = owned.changed(record)
    await store.save(kept)

    with pytest.raises(NotOwner):
        await store.save(replace(kept, **change))

    assert await store.get(record.id) == kept


@of_both
async def test_what_was_never_added_cannot_be_saved(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)

    with pytest.raises(NotOwner):
        await store.save(owned.changed(record))

    assert await store.get(record.id) is None


@of_both
async def test_what_has_ended_stays_as_it_ended(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    await store.add(record)
    last = ended(record)
    await store.save(last)

    with pytest.raises(NotOwner):
        await store.save(owned.changed(last))
    with pytest.raises(NotOwner):
        await store.save(next_version(last))
    await store.release(record.id, last.epoch)

    assert await store.get(record.id) == last


@of_both
async def test_a_save_and_a_release_at_once_never_mix(stores: Stores, owned: Owned) -> None:
    store, record = owned.store_of(stores), owned.numbered(1)
    me, other = await a_node(stores, "me"), await a_node(stores, "other")
    mine = await store.claim(await store.add(record), me)

    # Whichever comes first, no half of one shows up in the other.
    released = store.release(record.id, mine.epoch)
    results = await asyncio.gather(store.save(owned.changed(mine)), released, return_exceptions=True)

    kept = await store.get(record.id)
    assert results[1] is None
    assert (kept.owner, kept.epoch) == (NOBODY, mine.epoch + 1)
    assert kept.version == (mine.version if isinstance(results[0], NotOwner) else mine.version + 1)
    assert await store.claim(kept, other) == replace(kept, owner=other, epoch=kept.epoch + 1)


# --- claim and release ---------------------------------------------------------------------------------------------


@of_both
async def test_what_nobody_owns_can_be_claimed(stores: Stores, owned: Owned) -> None:
    store, me = owned.store_of(stores), await a_node(stores, "me")
    record = await owned_by(stores, owned, NOBODY)

    mine = await store.claim(record, me)

    assert mine == replace(record, owner=me, epoch=record.epoch + 1)
    assert await store.get(record.id) == mine


@of_both
async def test_what_is_mine_can_be_claimed_again(stores: Stores, owned: Owned) -> None:
    store, me = owned.store_of(stores), await a_node(stores, "me")
    record = await owned_by(stores, owned, me)

    assert await store.claim(record, me) == replace(record, owner=me, epoch=record.epoch + 1)


@of_both
@pytest.mark.parametrize("lease_ms", [LONG_MS, 10])
async def test_what_a_node_owns_that_nobody_declared_dead_cannot_be_claimed(
    stores: Stores, owned: Owned, lease_ms: int
) -> None:
    store, me = owned.store_of(stores), await a_node(stores, "me")
    other = await stores.leases.begin("other", lease_ms=lease_ms, supersedes=False)
    record = await owned_by(stores, owned, other.id)
    await let_pass(20)

    assert await store.claim(record, me) is None
    assert await store.adoptable(me) == ()
    assert await store.get(record.id) == record


@of_both
async def test_a_node_nobody_knows_is_not_dead(stores: Stores, owned: Owned) -> None:
    store, me = owned.store_of(stores), await a_node(stores, "me")
    record = await owned_by(stores, owned, NodeId("stranger#1"))

    assert await store.claim(record, me) is None
    assert await store.adoptable(me) == ()
    assert await store.get(record.id) == record


async def ends_itself(stores: Stores, node_id: NodeId) -> None:
    await stores.leases.end(node_id)


async def is_buried(stores: Stores, node_id: NodeId) -> None:
    await stores.leases.renew(node_id, lease_ms=10)
    await let_pass(20)
    await stores.leases.bury()


async def is_superseded(stores: Stores, _node_id: NodeId) -> None:
    await stores.leases.begin("other", lease_ms=LONG_MS, supersedes=True)


@of_both
@pytest.mark.parametrize("dies", [ends_itself, is_buried, is_superseded])
async def test_what_a_dead_node_owned_can_be_adopted(stores: Stores, owned: Owned, dies: Callable[..., Any]) -> None:
    store, me, other = owned.store_of(stores), await a_node(stores, "me"), await a_node(stores, "other")
    record = await owned_by(stores, owned, other)
    await dies(stores, other)

    assert await store.adoptable(me) == (record,)
    assert await store.claim(record, me) == replace(record, owner=me, epoch=record.epoch + 1)


@of_both
async def test_a_claim_of_what_has_changed_hands_since_is_too_late(stores: Stores, owned: Owned) -> None:
    store, me, other = owned.store_of(stores), await a_node(stores, "me"), await a_node(stores, "other")
    record = await owned_by(stores, owned, NOBODY)
    theirs = await store.claim(record, other)
    assert await store.claim(record, me) is None

    # Even when it is free again: what was read is no longer what is there.
    await store.release(record.id, theirs.epoch)
    assert await store.claim(record, me) is None
    assert await store.claim(theirs, me) is None

    free = await store.get(record.id)
    assert await store.claim(free, me) == replace(free, owner=me, epoch=free.epoch + 1)


@of_both
async def test_a_claim_gives_what_the_old_owner_saved_last(stores: Stores, owned: Owned) -> None:
    store, me, other = owned.store_of(stores), await a_node(stores, "me"), await a_node(stores, "other")
    read = await owned_by(stores, owned, other)
    changed = owned.changed(read)
    await store.save(changed)
    await stores.leases.end(other)

    assert await store.claim(read, me) == replace(changed, owner=me, epoch=read.epoch + 1)


@of_both
async def test_what_has_ended_or_never_was_cannot_be_claimed(stores: Stores, owned: Owned) -> None:
    store, me = owned.store_of(stores), await a_node(stores, "me")
    record = await owned_by(stores, owned, NOBODY)
    await store.save(ended(record))

    assert await store.claim(record, me) is None
    assert await store.claim(owned.numbered(2), me) is None
    assert await store.get(record.id) == ended(record)


@of_both
async def test_one_of_many_who_claim_at_once_becomes_the_owner(stores: Stores, owned: Owned) -> None:
    store = owned.store_of(stores)
    nodes = [await a_node(stores, f"node-{number}") for number in range(6)]
    record = await owned_by(stores, owned, NOBODY)

    claims = await asyncio.gather(*(store.claim(record, node) for node in nodes))

    winners = [claim for claim in claims if claim is not None]
    assert len(winners) == 1
    assert winners[0].epoch == record.epoch + 1
    assert await store.get(record.id) == winners[0]


@of_both
async def test_the_old_owner_can_write_no_more_after_a_claim(stores: Stores, owned: Owned) -> None:
    store, me, other = owned.store_of(stores), await a_node(stores, "me"), await a_node(stores, "other")
    theirs = await owned_by(stores, owned, other)
    await stores.leases.end(other)
    mine = await store.claim(theirs, me)

    with pytest.raises(NotOwner):
        await store.save(owned.changed(theirs))
    with pytest.raises(NotOwner):
        await store.save(ended(theirs))
    await store.release(theirs.id, theirs.epoch)

    assert await store.get(theirs.id) == mine
    await store.save(owned.changed(mine))


@of_both
async def test_a_save_that_came_through_before_the_claim_is_no_repeat_after_it(stores: Stores, owned: Owned) -> None:
    store, me, other = owned.store_of(stores), await a_node(stores, "me"), await a_node(stores, "other")
    theirs = await owned_by(stores, owned, other)
    await store.save(owned.changed(theirs))
    await stores.leases.end(other)
    await store.claim(theirs, me)

    with pytest.raises(NotOwner):
        await store.save(owned.changed(theirs))


@of_both
async def test_a_released_one_is_free_at_once_and_releasing_again_is_harmless(stores: Stores, owned: Owned) -> None:
    store, me, other = owned.store_of(stores), await a_node(stores, "me"), await a_node(stores, "other")
    record = await owned_by(stores, owned, me)

    await store.release(record.id, record.epoch)
    await store.release(record.id, record.epoch)
    await store.release(owned.unknown, 1)

    free = replace(record, owner=NOBODY, epoch=record.epoch + 1)
    assert await store.get(record.id) == free
    assert await store.adoptable(other) == (free,)


@of_both
@pytest.mark.parametrize("epoch", [0, 2, 3])
async def test_a_release_with_another_epoch_changes_nothing(stores: Stores, owned: Owned, epoch: int) -> None:
    store, me = owned.store_of(stores), await a_node(stores, "me")
    record = await owned_by(stores, owned, me)

    await store.release(record.id, epoch)

    assert await store.get(record.id) == record


# --- lists ---------------------------------------------------------------------------------------------------------


@of_both
async def test_those_that_have_not_ended_are_listed_oldest_first(stores: Stores, owned: Owned) -> None:
    store = owned.store_of(stores)
    for number in (3, 1, 4, 2):
        await store.add(owned.numbered(number))
    await store.save(ended(owned.numbered(2)))

    assert await owned.live_of(stores)() == tuple(owned.numbered(number) for number in (1, 3, 4))
    assert await owned.live_of(stores)(limit=2) == tuple(owned.numbered(number) for number in (1, 3))


@of_both
async def test_adoptable_are_those_of_nobody_of_the_dead_and_of_mine(stores: Stores, owned: Owned) -> None:
    store = owned.store_of(stores)
    me, alive, dead = [await a_node(stores, name) for name in ("me", "alive", "dead")]
    of_nobody = await owned_by(stores, owned, NOBODY, 1)
    await owned_by(stores, owned, alive, 2)
    of_dead = await owned_by(stores, owned, dead, 3)
    of_mine = await owned_by(stores, owned, me, 4)
    finished = await owned_by(stores, owned, NOBODY, 5)
    await store.save(ended(finished))
    await stores.leases.end(dead)

    adoptable = await store.adoptable(me)

    assert {one.id for one in adoptable} == {of_nobody.id, of_dead.id, of_mine.id}
    assert len(await store.adoptable(me, limit=2)) == 2
