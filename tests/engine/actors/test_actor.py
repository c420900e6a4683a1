"""One message at a time, in order; stops and crashes leave nobody without an answer."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actors.actor import TURNS_IN_A_ROW_MAX, Actor
from engine.errors import BelowFloor, DeadlinePassed, EngineError, NotFound, SessionEnded, StoreDown
from tests.engine.actors.parts import Sleep, World


async def test_messages_are_handled_one_at_a_time_and_in_order() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    ref.tell("a")
    ref.tell(Sleep(50))
    ref.tell("b")
    answer = await ref.ask("c", deadline_ms=1_000)

    assert answer == ("heard", "c")
    assert world.journal == ["started", "a", "asleep", "awake", "b", "c"]
    assert world.clock.mono_ms() == 50


async def test_an_idle_actor_has_no_task() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    await ref.ask("a", deadline_ms=1_000)

    await world.clock.settle()

    assert not world.spawn.tasks


async def test_many_quick_turns_leave_the_loop_to_others() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    for number in range(10 * TURNS_IN_A_ROW_MAX):
        ref.tell(number)

    for _ in range(3):
        await asyncio.sleep(0)

    assert len(world.journal) < 5 * TURNS_IN_A_ROW_MAX
    await world.clock.settle()
    assert len(world.journal) == 1 + 10 * TURNS_IN_A_ROW_MAX


async def test_a_refusal_is_an_answer_and_the_actor_lives_on() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    with pytest.raises(BelowFloor):
        await ref.ask("refuse", deadline_ms=1_000)

    assert await ref.ask("b", deadline_ms=1_000) == ("heard", "b")
    assert world.crashes == []


@pytest.mark.parametrize(("message", "level"), [("refuse", "info"), ("store down", "warning")])
async def test_a_refused_told_message_is_logged(message: str, level: str) -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    ref.tell(message)
    await world.clock.settle()

    assert world.log.lines[-1].level == level
    assert world.log.take("told_message_refused")["message"] == "str"


async def test_stop_ends_the_actor_after_its_turn_and_answers_what_waits() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    ref.tell(Sleep(50))
    ref.tell("never seen")
    asked = asyncio.ensure_future(ref.ask("never seen either", deadline_ms=1_000))
    await world.clock.advance(10)

    await world.directory.stop(1)

    with pytest.raises(SessionEnded):
        await asked
    assert world.journal == ["started", "asleep", "awake", "stopped"]
    assert world.clock.mono_ms() == 50
    assert not ref.is_alive


async def test_an_actor_can_stop_itself() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    assert await ref.ask("stop", deadline_ms=1_000) == ("heard", "stop")
    await world.clock.settle()

    assert world.journal == ["started", "stop", "stopped"]
    assert world.directory.get(1) is None


async def test_a_crash_is_answered_plainly_and_the_rest_waits_for_the_restarted_actor() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    crash = asyncio.ensure_future(ref.ask("crash", deadline_ms=1_000))
    after = asyncio.ensure_future(ref.ask("after", deadline_ms=1_000))

    with pytest.raises(EngineError) as raised:
        await crash

    assert type(raised.value) is EngineError
    assert await after == ("heard", "after")
    assert world.journal == ["started", "crash", "started", "after"]
    assert world.directory.get(1) is ref
    assert world.crashes == ["scribe"]
    assert world.log.take("actor_crashed")["key"] == 1


async def test_something_awaited_that_was_cancelled_is_a_crash_like_others() -> None:
    class Waiter(Actor):
        __slots__ = ()

        async def receive(self, message: object) -> object:
            if message == "wait":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            return message

    async def make() -> Actor:
        return Waiter()

    world = World()
    ref = await world.directory.spawn(1, make)

    with pytest.raises(EngineError):
        await ref.ask("wait", deadline_ms=1_000)

    assert await ref.ask("b", deadline_ms=1_000) == "b"
    world.expect_crashes(1)


async def test_the_fourth_crash_in_a_minute_parks_the_actor() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    for _ in range(3):
        ref.tell("crash")
    await world.clock.settle()
    assert ref.is_alive

    ref.tell("crash")
    waiting = asyncio.ensure_future(ref.ask("after", deadline_ms=1_000))

    with pytest.raises(SessionEnded):
        await waiting
    assert world.directory.parked == (1,)
    assert world.parks == ["scribe"]
    with pytest.raises(EngineError):
        await world.directory.spawn(1, world.make)
    assert world.log.take("actor_parked")["crashes_count"] == 4
    world.expect_crashes(4)
    await world.directory.stop(1)
    assert (await world.directory.spawn(1, world.make)).is_alive


async def test_crashes_of_more_than_a_minute_ago_are_forgiven() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    for _ in range(10):
        ref.tell("crash")
        await world.clock.advance(20_000)

    assert ref.is_alive
    world.expect_crashes(10)


async def test_a_restart_waits_for_the_store_without_counting_that_as_crashes() -> None:
    world = World()
    available = [True]

    async def ask_store() -> None:
        if not available[0]:
            raise StoreDown

    ref = await world.directory.spawn(1, world.make_with(ask_store))
    available[0] = False
    ref.tell("crash")
    waiting = asyncio.ensure_future(ref.ask("after", deadline_ms=60_000))
    await world.clock.advance(20_000)

    available[0] = True

    assert await waiting == ("heard", "after")
    world.expect_crashes(1)


async def test_a_restart_without_a_record_ends_the_session() -> None:
    world = World()
    is_there = [True]

    async def ask_store() -> None:
        if not is_there[0]:
            raise NotFound("call")

    ref = await world.directory.spawn(1, world.make_with(ask_store))
    is_there[0] = False
    ref.tell("crash")

    with pytest.raises(SessionEnded):
        await ref.ask("after", deadline_ms=1_000)

    await world.clock.settle()
    assert len(world.directory) == 0
    assert world.directory.parked == ()
    world.expect_crashes(1)


async def test_a_restart_that_crashes_each_time_parks_the_actor() -> None:
    world = World()
    is_broken = [False]

    async def read_record() -> None:
        if is_broken[0]:
            raise KeyError

    ref = await world.directory.spawn(1, world.make_with(read_record))
    is_broken[0] = True
    ref.tell("crash")
    await world.clock.settle()

    assert world.directory.parked == (1,)
    world.expect_crashes(4)
    world.log.take("actor_parked")


async def test_stopping_an_actor_that_waits_for_its_restart_ends_it() -> None:
    world = World()
    is_first = [True]

    async def ask_store() -> None:
        if not is_first[0]:
            raise StoreDown
        is_first[0] = False

    ref = await world.directory.spawn(1, world.make_with(ask_store))
    ref.tell("crash")
    await world.clock.advance(500)

    await world.directory.stop(1)

    assert world.journal == ["started", "crash"]
    world.expect_crashes(1)


async def test_killing_the_running_turn_leaves_no_asker_waiting() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    running = asyncio.ensure_future(ref.ask(Sleep(1_000), deadline_ms=60_000))
    queued = asyncio.ensure_future(ref.ask("b", deadline_ms=60_000))
    await world.clock.advance(10)

    for task in list(world.spawn.tasks):
        task.cancel()

    with pytest.raises(DeadlinePassed):
        await running
    with pytest.raises(SessionEnded):
        await queued
    assert world.clock.mono_ms() == 10
    assert "stopped" not in world.journal


async def test_a_bug_in_the_last_hook_is_reported_and_the_actor_is_gone_all_the_same() -> None:
    class Clumsy(Actor):
        __slots__ = ()

        async def stopped(self) -> None:
            raise KeyError

    async def make() -> Actor:
        return Clumsy()

    world = World()
    await world.directory.spawn(1, make)

    await world.directory.stop(1)

    assert len(world.directory) == 0
    world.expect_crashes(1)


WORDS = st.sampled_from(["say", "crash", "refuse", "stop", Sleep(5), "cancel asker", "stop from outside", "pass"])


@given(script=st.lists(WORDS, max_size=25), messages_max=st.integers(1, 6), deadline_ms=st.integers(1, 30))
async def test_every_ask_gets_exactly_one_answer_and_order_holds(
    script: list[object], messages_max: int, deadline_ms: int
) -> None:
    world = World(messages_max=messages_max)
    ref = await world.directory.spawn(1, world.make)
    asks: list[asyncio.Future[object]] = []
    stops: list[asyncio.Future[None]] = []
    cancelled: set[int] = set()

    for number, word in enumerate(script):
        match word:
            case "cancel asker":
                if asks and asks[-1].cancel():
                    cancelled.add(len(asks) - 1)
            case "stop from outside":
                stops.append(asyncio.ensure_future(world.directory.stop(1)))
            case "pass":
                await world.clock.advance(3)
            case "say":
                asks.append(asyncio.ensure_future(ref.ask(number, deadline_ms=deadline_ms)))
            case _:
                asks.append(asyncio.ensure_future(ref.ask(word, deadline_ms=deadline_ms)))
    answers = await asyncio.gather(*asks, return_exceptions=True)
    await asyncio.gather(*stops)

    cut = {number for number, answer in enumerate(answers) if isinstance(answer, asyncio.CancelledError)}
    assert cut == cancelled
    assert all(isinstance(answer, EngineError | asyncio.CancelledError | tuple | str) for answer in answers)
    numbers = [seen for seen in world.journal if isinstance(seen, int)]
    assert numbers == sorted(set(numbers))
    heard = [answer[1] for answer in answers if isinstance(answer, tuple) and isinstance(answer[1], int)]
    assert set(heard) <= set(numbers)
    await world.clock.advance(200)
    for line in list(world.log.lines):
        world.log.take(line.event)
    assert not world.spawn.tasks
