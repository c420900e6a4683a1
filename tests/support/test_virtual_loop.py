"""Virtual time: it jumps, it adds up, and a hang is an error."""

import asyncio

import pytest

from tests.support.fakes import FakeClock
from tests.support.virtual_loop import DeadlockError, run


def test_time_starts_where_told_and_jumps_to_the_next_callback() -> None:
    async def a_day() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(a_day(), start_ms=5_000) == 86_405.0


def test_many_small_steps_add_up() -> None:
    async def steps() -> float:
        for _ in range(123):
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time()

    assert run(steps()) == 1.23


@pytest.mark.parametrize("start_ms", [0, 1, 1_001, 1_767_225_600_123])
def test_the_clock_has_reached_the_due_time_of_whatever_it_calls(start_ms: int) -> None:
    async def lateness() -> list[int]:
        clock = FakeClock()
        seen: list[int] = []
        for length_ms in range(1, 400, 7):
            due_ms = start_ms + length_ms
            clock.call_at(due_ms, lambda due_ms=due_ms: seen.append(clock.mono_ms() - due_ms))  # type: ignore[misc]
        await clock.advance(400)
        return seen

    assert set(run(lateness(), start_ms=start_ms)) == {0}


def test_waiting_for_nothing_is_a_deadlock() -> None:
    with pytest.raises(DeadlockError, match="nothing is scheduled"):
        run(asyncio.Event().wait())


def test_a_ticker_cannot_turn_for_ever() -> None:
    async def ticker() -> None:
        while True:
            await asyncio.sleep(60)

    with pytest.raises(DeadlockError, match="used up"):
        run(ticker(), length_ms_max=3_600_000)


def test_tasks_left_behind_are_cancelled() -> None:
    ends: list[str] = []

    async def forgotten() -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(forgotten())
        await asyncio.sleep(1)
        assert not task.done()

    run(main())

    assert ends == ["cancelled"]
