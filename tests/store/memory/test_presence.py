"""Expiry and token buckets to the millisecond, by a clock that is a number."""

import pytest

from store.interfaces.ids import PersonId
from store.interfaces.stores import Stores
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.support.records import T0, TOM


class HandClock:
    """Shows what it was set to."""

    def __init__(self) -> None:
        self.now_ms = T0

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def stores(database: MemoryDatabase, clock: HandClock) -> Stores:
    return memory_stores(database, clock)


async def admitted(stores: Stores, demand: int = 1_000, *, rate: int = 20, per_ms: int = 1_000, burst: int = 40) -> int:
    """How many of ``demand`` get a token."""
    waits_ms = [await stores.limits.take("tom", rate=rate, per_ms=per_ms, burst=burst) for _ in range(demand)]
    return waits_ms.count(0)


@pytest.mark.parametrize(
    ("step_ms", "counts"),
    [
        (500, [40, 10, 10, 10, 10, 10]),
        (1_000, [40, 20, 20, 20]),
        (50, [40, 1, 1, 1, 1, 1, 1]),
        (49, [40, 0, 1, 1, 1, 1]),
        (25, [40, 0, 1, 0, 1, 0, 1]),
        (75, [40, 1, 2, 1, 2]),
        (60_000, [40, 40, 40]),
        (0, [40, 0, 0]),
    ],
)
async def test_twenty_a_second_with_a_burst_of_forty_under_everlasting_demand(
    stores: Stores, clock: HandClock, step_ms: int, counts: list[int]
) -> None:
    seen = []
    for _ in counts:
        seen.append(await admitted(stores, 100))
        clock.now_ms += step_ms

    assert seen == counts


async def test_rests_shorter_than_a_token_add_up_without_loss(stores: Stores, clock: HandClock) -> None:
    total = await admitted(stores, 10, rate=3, per_ms=1_000, burst=1)
    for _ in range(1_000):
        clock.now_ms += 7
        total += await admitted(stores, 1, rate=3, per_ms=1_000, burst=10)

    # Seven seconds of three a second, and the one it began with.
    assert total == 21 + 1


@pytest.mark.parametrize(
    ("rate_per_ms", "elapsed_ms", "wait_ms"),
    [
        ((20, 1_000), 0, 50),
        ((20, 1_000), 1, 49),
        ((20, 1_000), 49, 1),
        ((20, 1_000), 50, 0),
        ((3, 1_000), 0, 334),  # A third of a second, rounded up: after the wait there is a token.
        ((3, 1_000), 333, 1),
        ((3, 1_000), 334, 0),
        ((5_000, 1_000), 0, 1),
        ((1, 3_600_000), 1, 3_599_999),
    ],
)
async def test_the_wait_is_the_time_until_one_token(
    stores: Stores, clock: HandClock, rate_per_ms: tuple[int, int], elapsed_ms: int, wait_ms: int
) -> None:
    rate, per_ms = rate_per_ms
    assert await stores.limits.take("tom", rate=rate, per_ms=per_ms, burst=1) == 0
    clock.now_ms += elapsed_ms

    assert await stores.limits.take("tom", rate=rate, per_ms=per_ms, burst=1) == wait_ms

    clock.now_ms += wait_ms
    if wait_ms:
        assert await stores.limits.take("tom", rate=rate, per_ms=per_ms, burst=1) == 0


async def test_a_clock_set_back_takes_no_token_away(stores: Stores, clock: HandClock) -> None:
    await stores.limits.take("tom", rate=1, per_ms=1_000, burst=3)

    clock.now_ms -= 60_000

    assert await admitted(stores, 10, rate=1, per_ms=1_000, burst=3) == 2


async def test_buckets_that_have_filled_up_are_forgotten(
    stores: Stores, database: MemoryDatabase, clock: HandClock
) -> None:
    for number in range(500):
        await stores.limits.take(f"stranger {number}", rate=20, per_ms=1_000, burst=40)
        clock.now_ms += 10
    # One token comes back in 50 ms: those of the last 50 ms are still being filled.
    assert len(database.buckets) <= 6

    clock.now_ms += 50
    await stores.limits.take("tom", rate=20, per_ms=1_000, burst=40)

    assert list(database.buckets) == ["tom"]


@pytest.mark.parametrize(("elapsed_ms", "is_here"), [(0, True), (99, True), (100, False), (101, False)])
async def test_presence_ends_when_its_time_has_passed(
    stores: Stores, clock: HandClock, elapsed_ms: int, is_here: bool
) -> None:
    await stores.presence.publish("calls", [TOM], expires_in_ms=100)

    clock.now_ms += elapsed_ms

    assert await stores.presence.is_present("calls", TOM) is is_here
    assert await stores.presence.present("calls", limit=10) == ((TOM,) if is_here else ())


async def test_people_who_have_expired_are_forgotten(
    stores: Stores, database: MemoryDatabase, clock: HandClock
) -> None:
    for number in range(100):
        await stores.presence.publish("calls", [PersonId(number)], expires_in_ms=100)
        clock.now_ms += 10

    assert len(database.sightings["calls"]) <= 10
