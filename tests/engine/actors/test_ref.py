"""Telling and asking through a ref."""

import asyncio

import pytest

from engine.errors import DeadlinePassed, MailboxFull, SessionEnded
from tests.engine.actors.parts import Noise, Sleep, World


async def test_an_ask_ends_at_its_deadline_and_a_turn_not_begun_never_happens() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    ref.tell(Sleep(500))

    with pytest.raises(DeadlinePassed):
        await ref.ask("never seen", deadline_ms=100)

    assert world.clock.mono_ms() == 100
    await world.clock.advance(1_000)
    assert world.journal == ["started", "asleep", "awake"]


async def test_a_turn_begun_runs_to_its_end_although_the_deadline_passed() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    with pytest.raises(DeadlinePassed):
        await ref.ask(Sleep(500), deadline_ms=100)

    await world.clock.advance(1_000)
    assert world.journal == ["started", "asleep", "awake"]


async def test_cancelling_the_asker_does_not_cut_the_turn() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    asker = asyncio.ensure_future(ref.ask(Sleep(500), deadline_ms=1_000))
    await world.clock.advance(100)

    asker.cancel()

    await world.clock.advance(1_000)
    assert asker.cancelled()
    assert world.journal == ["started", "asleep", "awake"]


async def test_a_message_whose_asker_left_before_its_turn_is_never_seen() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    ref.tell(Sleep(500))
    asker = asyncio.ensure_future(ref.ask("never seen", deadline_ms=1_000))
    await world.clock.advance(100)

    asker.cancel()

    await world.clock.advance(1_000)
    assert "never seen" not in world.journal


async def test_after_the_end_asks_are_refused_and_tells_vanish() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)
    await world.directory.stop(1)

    ref.tell("a")
    with pytest.raises(SessionEnded):
        await ref.ask("b", deadline_ms=1_000)

    assert world.journal == ["started", "stopped"]
    assert (ref.is_alive, ref.key) == (False, 1)


async def test_a_full_mailbox_refuses_asks_and_drops_noise_but_never_an_alarm() -> None:
    world = World(messages_max=2)
    ref = await world.directory.spawn(1, world.make)
    ref.tell(Sleep(100))
    await world.clock.settle()
    ref.tell("a")
    ref.tell("b")

    with pytest.raises(MailboxFull):
        await ref.ask("c", deadline_ms=1_000)
    ref.tell(Noise("d"))
    world.alarms.set(10, ref, "alarm")
    await world.clock.advance(200)

    assert world.journal == ["started", "asleep", "awake", "a", "b", "alarm"]
    rules = world.directory.mailbox_rules
    assert (rules.refused_count, rules.dropped_count, rules.over_count) == (1, 1, 1)


async def test_no_timer_is_left_of_answered_asks() -> None:
    world = World()
    ref = await world.directory.spawn(1, world.make)

    for number in range(1_000):
        await ref.ask(number, deadline_ms=5_000)
    await world.clock.advance(6_000)

    assert asyncio.get_running_loop()._scheduled == []  # type: ignore[attr-defined]
