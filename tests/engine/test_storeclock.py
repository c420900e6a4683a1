"""The store's time between two answers: slow corrections, and jumps that are told."""

from engine.storeclock import StoreClock
from tests.support.fakes import FakeClock

T0 = 1_767_225_600_000


async def test_it_counts_on_between_answers():
    clock = FakeClock()
    store = StoreClock(clock)
    store.learn(T0, asked_mono_ms=clock.mono_ms(), answered_mono_ms=clock.mono_ms())

    await clock.advance(7_000)

    assert store.now_ms() == T0 + 7_000
    assert store.mono_ms(T0 + 9_000) == clock.mono_ms() + 2_000


async def test_a_small_difference_is_worked_off_slowly_and_never_backwards():
    clock = FakeClock()
    store = StoreClock(clock)
    store.learn(T0, asked_mono_ms=clock.mono_ms(), answered_mono_ms=clock.mono_ms())
    before_ms = store.now_ms()

    jumped = store.learn(T0 - 5_000, asked_mono_ms=clock.mono_ms(), answered_mono_ms=clock.mono_ms())

    assert not jumped
    assert store.now_ms() == before_ms
    await clock.advance(1_000)
    assert store.now_ms() == T0 + 950


async def test_a_large_difference_is_a_jump_and_followed_at_once():
    clock = FakeClock()
    store = StoreClock(clock)
    store.learn(T0, asked_mono_ms=clock.mono_ms(), answered_mono_ms=clock.mono_ms())

    jumped = store.learn(T0 + 120_000, asked_mono_ms=clock.mono_ms(), answered_mono_ms=clock.mono_ms())

    assert jumped
    assert store.now_ms() == T0 + 120_000


async def test_a_slow_answer_is_no_jump():
    clock = FakeClock()
    store = StoreClock(clock)
    store.learn(T0, asked_mono_ms=clock.mono_ms(), answered_mono_ms=clock.mono_ms())
    asked_ms = clock.mono_ms()
    await clock.advance(40_000)

    jumped = store.learn(T0 + 40_000, asked_mono_ms=asked_ms, answered_mono_ms=clock.mono_ms())

    assert not jumped
