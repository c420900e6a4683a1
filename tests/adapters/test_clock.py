"""The real clock, randomness and tasks."""

import asyncio
import contextvars

import pytest

from adapters.clock import SystemClock, SystemRng, TaskSpawner
from tests.support.fakes import FakeClock, RecordingLog, SeededRng

REQUEST = contextvars.ContextVar("REQUEST", default="none")


@pytest.mark.real_loop(deadline_s=10)
async def test_no_callback_is_early_on_a_real_loop() -> None:
    clock = SystemClock()
    start_ms = clock.mono_ms()
    early_ms: list[int] = []
    done = asyncio.Event()
    for length_ms in range(1, 60):
        due_ms = start_ms + length_ms
        clock.call_at(due_ms, lambda due_ms=due_ms: early_ms.append(max(0, due_ms - clock.mono_ms())))  # type: ignore[misc]
    clock.call_at(start_ms + 60, done.set)

    await done.wait()

    assert set(early_ms) == {0}
    assert len(early_ms) == 59


@pytest.mark.real_loop(deadline_s=10)
async def test_sleep_lasts_and_a_cancelled_callback_does_not_come() -> None:
    clock = SystemClock()
    calls: list[str] = []
    start_ms = clock.mono_ms()
    clock.call_at(start_ms + 5, lambda: calls.append("cancelled")).cancel()

    await clock.sleep(20)

    assert clock.mono_ms() - start_ms >= 19
    assert calls == []


@pytest.mark.parametrize("rng", [SystemRng(), SeededRng(1)])
def test_randomness_keeps_its_form(rng: SystemRng | SeededRng) -> None:
    assert {rng.below(3) for _ in range(200)} == {0, 1, 2}
    assert len(rng.hex(16)) == 32
    assert rng.hex(16) != rng.hex(16)


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert [SeededRng(7).hex(8), SeededRng(7).below(1_000)] == [SeededRng(7).hex(8), SeededRng(7).below(1_000)]
    assert SeededRng(7).hex(8) != SeededRng(8).hex(8)


async def test_a_task_that_dies_is_reported_with_its_name() -> None:
    log = RecordingLog()
    spawn = TaskSpawner(log)

    async def die() -> None:
        raise KeyError("x")

    spawn(die(), name="doomed")
    await FakeClock().settle()

    fields = log.take("task_died")
    assert (fields["task"], fields["error"]) == ("doomed", "KeyError('x')")
    assert len(spawn) == 0


async def test_a_task_knows_nothing_of_the_request_that_started_it() -> None:
    spawn = TaskSpawner(RecordingLog())
    seen: list[str] = []

    async def look() -> None:
        seen.append(REQUEST.get())

    REQUEST.set("request 7")
    spawn(look(), name="look")
    await spawn.drain(deadline_ms=1_000)

    assert seen == ["none"]


async def test_draining_waits_for_tasks_that_start_tasks() -> None:
    spawn = TaskSpawner(RecordingLog())
    clock = FakeClock()

    async def chain(length: int) -> None:
        await clock.sleep(100)
        if length:
            spawn(chain(length - 1), name="chain")

    spawn(chain(4), name="chain")

    assert await spawn.drain(deadline_ms=1_000)
    assert clock.mono_ms() == 500
    assert len(spawn) == 0


async def test_draining_gives_up_at_its_deadline_and_then_all_can_be_cancelled() -> None:
    spawn = TaskSpawner(RecordingLog())
    clock = FakeClock()
    spawn(clock.sleep(60_000), name="long")
    await clock.settle()

    assert not await spawn.drain(deadline_ms=1_000)
    assert clock.mono_ms() == 1_000
    assert len(spawn) == 1

    await spawn.cancel_all()

    assert clock.mono_ms() == 1_000
    assert len(spawn) == 0
