"""What every ``LimitStore`` promises. The exact arithmetic, step by step, is in ``memory/test_presence.py``."""

import asyncio

from store.interfaces.stores import Stores
from tests.support.stores import let_pass, on_every_store

HOUR_MS = 3_600_000


@on_every_store
async def test_a_new_key_has_its_whole_burst_then_waits_for_one_token(stores: Stores) -> None:
    waits_ms = [await stores.limits.take("tom", rate=2, per_ms=HOUR_MS, burst=3) for _ in range(5)]

    assert waits_ms[:3] == [0, 0, 0]
    for wait_ms in waits_ms[3:]:
        # Some real time may have passed since the first was taken, but no minute.
        assert HOUR_MS // 2 - 60_000 < wait_ms <= HOUR_MS // 2


@on_every_store
async def test_keys_do_not_disturb_each_other(stores: Stores) -> None:
    assert await stores.limits.take("tom", rate=1, per_ms=HOUR_MS, burst=1) == 0
    assert await stores.limits.take("bob", rate=1, per_ms=HOUR_MS, burst=1) == 0
    assert await stores.limits.take("tom", rate=1, per_ms=HOUR_MS, burst=1) > 0


@on_every_store
async def test_after_the_wait_one_token_is_there(stores: Stores) -> None:
    assert await stores.limits.take("tom", rate=2, per_ms=600, burst=1) == 0
    wait_ms = await stores.limits.take("tom", rate=2, per_ms=600, burst=1)
    assert 0 < wait_ms <= 300

    await let_pass(wait_ms)

    assert await stores.limits.take("tom", rate=2, per_ms=600, burst=1) == 0
    assert 0 < await stores.limits.take("tom", rate=2, per_ms=600, burst=1) <= 300


@on_every_store
async def test_a_refusal_costs_nothing(stores: Stores) -> None:
    await stores.limits.take("tom", rate=1, per_ms=600, burst=1)
    refused_ms = [await stores.limits.take("tom", rate=1, per_ms=600, burst=1) for _ in range(10)]

    await let_pass(refused_ms[-1])

    assert await stores.limits.take("tom", rate=1, per_ms=600, burst=1) == 0


@on_every_store
async def test_a_bucket_holds_no_more_than_its_burst(stores: Stores) -> None:
    await stores.limits.take("tom", rate=1, per_ms=100, burst=2)
    await let_pass(500)

    waits_ms = [await stores.limits.take("tom", rate=1, per_ms=100, burst=2) for _ in range(3)]

    assert waits_ms[:2] == [0, 0]
    assert waits_ms[2] > 0


@on_every_store
async def test_many_at_once_get_no_more_than_the_burst(stores: Stores) -> None:
    waits_ms = await asyncio.gather(*(stores.limits.take("tom", rate=1, per_ms=HOUR_MS, burst=10) for _ in range(30)))

    assert waits_ms.count(0) == 10
