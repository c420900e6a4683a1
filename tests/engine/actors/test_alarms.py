"""Alarms arrive once, never early, and never at an actor that has stopped or started anew."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from engine.actors.actor import Actor
from tests.engine.actors.parts import Sleep, World
from tests.support.virtual_loop import VirtualLoop


def timers_count() -> int:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return sum(not handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]


async def test_an_alarm_arrives_as_an_ordinary_message_within_a_tick() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    world.alarms.set(103, ref, "due")

    await world.clock.advance(102)
    assert world.journal == ["started"]

    await world.clock.advance(8)
    assert world.journal == ["started", "due"]


async def test_alarms_of_one_tick_leave_together_in_order_of_due_time() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    for due_mono_ms in (108, 101, 105, 101):
        world.alarms.set(due_mono_ms, ref, due_mono_ms)

    await world.clock.advance(110)

    assert world.journal == ["started", 101, 101, 105, 108]


async def test_a_past_due_time_rings_at_once() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    await world.clock.advance(1_000)

    world.alarms.set(5, ref, "due")
    await world.clock.settle()

    assert world.journal == ["started", "due"]


async def test_a_cancelled_alarm_does_not_arrive_and_cancelling_twice_is_harmless() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    alarm = world.alarms.set(100, ref, "due")

    alarm.cancel()
    alarm.cancel()
    await world.clock.advance(200)

    assert world.journal == ["started"]
    assert not alarm.is_pending


async def test_alarms_of_a_stopped_actor_are_gone_with_it_and_so_is_the_timer() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    other = await world.directory.spawn(2, world.make)
    alarms = [world.alarms.set(100, ref, "a"), world.alarms.set(200, ref, "b"), world.alarms.set(300, other, "c")]

    await world.directory.stop(1)
    assert [alarm.is_pending for alarm in alarms] == [False, False, True]
    assert len(world.alarms) == 1

    await world.directory.stop_all()
    assert len(world.alarms) == 0
    assert timers_count() == 0


async def test_no_alarm_can_be_set_for_an_actor_that_has_stopped() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    await world.directory.stop(1)

    alarm = world.alarms.set(100, ref, "due")

    assert not alarm.is_pending
    assert timers_count() == 0


async def test_a_restarted_actor_hears_only_the_alarms_it_set_itself() -> None:
    world = World()

    class Sleeper(Actor):
        __slots__ = ()

        async def started(self) -> None:
            world.alarms.set(world.clock.mono_ms() + 1_000, self.ref, "due")

        async def receive(self, message: object) -> object:
            world.journal.append((world.clock.mono_ms(), message))
            if message == "crash":
                raise KeyError
            return None

    async def make() -> Actor:
        return Sleeper()

    ref = await world.directory.spawn(1, make)
    await world.clock.advance(500)
    ref.tell("crash")
    await world.clock.advance(2_000)

    assert world.journal == [(500, "crash"), (1_500, "due")]
    world.expect_crashes(1)


async def test_an_alarm_that_rings_during_a_turn_waits_for_its_end() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    world.alarms.set(100, ref, "due")

    await ref.ask(Sleep(500), deadline_ms=1_000)
    await world.clock.settle()

    assert world.journal == ["started", "asleep", "awake", "due"]


@given(
    alarms=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), max_size=30),
    cancelled=st.sets(st.integers(0, 29)),
    stopped=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 300)),
)
async def test_every_alarm_not_cancelled_arrives_once_and_never_early(
    alarms: list[tuple[int, int]], cancelled: set[int], stopped: tuple[int, int] | None
) -> None:
    world = World()
    seen: list[tuple[int, int]] = []

    class Witness(Actor):
        __slots__ = ()

        async def receive(self, message: object) -> object:
            assert isinstance(message, int)
            seen.append((message, world.clock.mono_ms()))
            return None

    async def make() -> Actor:
        return Witness()

    refs = [await world.directory.spawn(key, make) for key in range(4)]
    handles = [world.alarms.set(due, refs[key], number) for number, (key, due) in enumerate(alarms)]
    for number in cancelled:
        if number < len(handles):
            handles[number].cancel()
    if stopped:
        await world.clock.advance(stopped[1])
        await world.directory.stop(stopped[0])
    await world.clock.advance(400)

    assert len({number for number, _ in seen}) == len(seen)
    assert all(0 <= at - alarms[number][1] < 10 for number, at in seen)
    wanted = {number for number in range(len(alarms)) if number not in cancelled}
    surely = {number for number in wanted if not stopped or alarms[number][0] != stopped[0]}
    assert surely <= {number for number, _ in seen} <= wanted
    assert len(world.alarms) == 0
