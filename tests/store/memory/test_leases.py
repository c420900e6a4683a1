"""Leases to the millisecond."""

import pytest

from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.support.records import T0


@pytest.mark.parametrize(("elapsed_ms", "is_buried"), [(0, False), (99, False), (100, False), (101, True)])
async def test_a_lease_has_run_out_once_its_end_has_passed(elapsed_ms: int, is_buried: bool) -> None:
    now_ms = T0
    stores = memory_stores(MemoryDatabase(), lambda: now_ms)
    lease = await stores.leases.begin("north", lease_ms=100, supersedes=False)
    assert lease.until_ms == T0 + 100

    now_ms += elapsed_ms

    assert [dead.id for dead in await stores.leases.bury()] == ([lease.id] if is_buried else [])


async def test_every_answer_carries_the_time_of_the_answer() -> None:
    now_ms = T0
    stores = memory_stores(MemoryDatabase(), lambda: now_ms)
    lease = await stores.leases.begin("north", lease_ms=100, supersedes=False)
    now_ms += 30

    renewed = await stores.leases.renew(lease.id, lease_ms=100)
    assert (renewed.now_ms, renewed.renewed_at_ms, renewed.until_ms) == (T0 + 30, T0 + 30, T0 + 130)

    now_ms += 200
    looked_at = await stores.leases.get(lease.id)
    assert looked_at is not None
    assert (looked_at.now_ms, looked_at.renewed_at_ms) == (T0 + 230, T0 + 30)
    (dead,) = await stores.leases.bury()
    assert (dead.now_ms, dead.until_ms, dead.is_dead) == (T0 + 230, T0 + 130, True)
    assert (await stores.leases.renew(lease.id, lease_ms=100)).now_ms == T0 + 230
