"""Rate limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StoreDown, TooMany
from handlers.wire.limits import Limit, Limiter, per_minute, per_second
from tests.surfaces.wire.toy import ManualClock


async def admitted(limiter, limit, count, client="a"):
    passed = 0
    for _ in range(count):
        try:
            await limiter.take("/x", client, limit)
        except TooMany:
            continue
        passed += 1
    return passed


async def test_twenty_a_second_with_forty_at_once_is_just_that():
    clock = ManualClock()
    limiter = Limiter(clock)
    steps = []

    for _ in range(6):
        steps.append(await admitted(limiter, per_second(20), 100))
        clock.advance(500)

    assert steps == [40, 10, 10, 10, 10, 10]


async def test_the_wait_that_is_told_is_enough_and_not_more():
    clock = ManualClock()
    limiter = Limiter(clock)
    limit = per_minute(3)
    await admitted(limiter, limit, 3)

    with pytest.raises(TooMany) as refused:
        await limiter.take("/x", "a", limit)
    wait_ms = refused.value.retry_after_ms
    clock.advance(wait_ms - 2)
    early = await admitted(limiter, limit, 1)
    clock.advance(2)

    assert 20_000 <= wait_ms <= 20_001
    assert early == 0
    assert await admitted(limiter, limit, 1) == 1


async def test_being_refused_does_not_make_it_longer():
    clock = ManualClock()
    limiter = Limiter(clock)
    limit = per_minute(1)
    await admitted(limiter, limit, 1_000)

    clock.advance(60_000)

    assert await admitted(limiter, limit, 1) == 1


async def test_clients_and_endpoints_do_not_share():
    limiter = Limiter(ManualClock())
    limit = per_minute(1)

    for endpoint, client in (("/x", "a"), ("/x", "b"), ("/y", "a")):
        await limiter.take(endpoint, client, limit)


async def test_a_million_clients_do_not_grow_memory_without_bound():
    limiter = Limiter(ManualClock(), keys_max=100)

    for number in range(10_000):
        await limiter.take("/x", str(number), per_second(1))

    assert len(limiter) == 100


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.integers(0, 3_000), max_size=60))
async def test_never_more_than_the_burst_and_the_rate_in_any_stretch(rate, burst, gaps_ms):
    clock = ManualClock()
    limiter = Limiter(clock)
    limit = Limit(rate, 1_000, burst)
    passed_at_ms = []

    for gap_ms in gaps_ms:
        clock.advance(gap_ms)
        if await admitted(limiter, limit, 1):
            passed_at_ms.append(clock.now_ms)

    for first in range(len(passed_at_ms)):
        for last in range(first, len(passed_at_ms)):
            length_ms = passed_at_ms[last] - passed_at_ms[first]
            assert last - first + 1 <= burst + rate * length_ms / 1_000 + 1e-6


class Shared:
    def __init__(self, answer) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def take(self, key, *, rate, per_ms, burst):
        self.asked.append((key, rate, per_ms, burst))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_shared_limit_is_counted_elsewhere():
    shared = Shared(0)
    limiter = Limiter(ManualClock(), shared=shared)

    await limiter.take("/pay", "#1", per_minute(5, shared=True))
    await limiter.take("/look", "#1", per_minute(5))

    assert shared.asked == [("/pay|#1", 5, 60_000, 5)]


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [(1_500, TooMany), (ConnectionError(), StoreDown), (TimeoutError(), StoreDown), (StoreDown(), StoreDown)],
)
async def test_a_shared_limit_that_is_reached_or_cannot_be_counted_lets_nothing_pass(answer, refusal):
    limiter = Limiter(ManualClock(), shared=Shared(answer))

    with pytest.raises(refusal):
        await limiter.take("/pay", "#1", per_minute(5, shared=True))


@pytest.mark.parametrize("error", [ConnectionError(), TimeoutError(), StoreDown()])
async def test_a_limit_may_be_counted_here_while_it_cannot_be_counted_elsewhere(error):
    limiter = Limiter(ManualClock(), shared=Shared(error))
    limit = per_minute(2, shared=True, or_local=True)

    for _ in range(2):
        await limiter.take("/look", "#1", limit)
    with pytest.raises(TooMany):
        await limiter.take("/look", "#1", limit)


async def test_a_limit_that_was_reached_elsewhere_is_reached_here_too():
    limiter = Limiter(ManualClock(), shared=Shared(1_500))

    with pytest.raises(TooMany):
        await limiter.take("/look", "#1", per_minute(2, shared=True, or_local=True))


async def test_all_limits_are_wider_where_somebody_looks_behind_them():
    shared = Shared(0)
    limiter = Limiter(ManualClock(), shared=shared, times=3)

    await limiter.take("/pay", "#1", per_minute(5, shared=True))
    for _ in range(15):
        await limiter.take("/look", "#1", per_minute(5))

    assert shared.asked == [("/pay|#1", 15, 60_000, 15)]
    with pytest.raises(TooMany):
        await limiter.take("/look", "#1", per_minute(5))


def test_what_is_local_anyway_says_nothing_of_elsewhere():
    with pytest.raises(ValueError, match="local anyway"):
        per_minute(5, or_local=True)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1)])
def test_a_limit_that_lets_nothing_pass_is_none(numbers):
    with pytest.raises(ValueError, match="at least one"):
        Limit(*numbers)
