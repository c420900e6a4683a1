"""At most one actor per key, whatever happens at the same time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actors.actor import Actor
from engine.errors import EngineError, NotFound, SessionEnded
from tests.engine.actors.parts import Sleep, World


async def test_an_actor_is_found_by_its_key_once_it_has_started() -> None:
    world = World()
    assert world.directory.get(1) is None

    ref = await world.directory.spawn(1, world.make)

    assert world.directory.get(1) is ref
    assert len(world.directory) == 1


async def test_iteration_is_in_the_order_of_spawning() -> None:
    world = World()
    for key in (3, 1, 2):
        await world.directory.spawn(key, world.make)

    assert [ref.key for ref in world.directory] == [3, 1, 2]


async def test_two_who_spawn_the_same_key_at_once_get_the_same_actor() -> None:
    world = World()
    make = world.make_with(lambda: world.clock.sleep(100))

    first, second = await asyncio.gather(world.directory.spawn(1, make), world.directory.spawn(1, make))

    assert first is second
    assert world.journal == ["started"]


async def test_a_spawner_that_leaves_does_not_disturb_the_others() -> None:
    world = World()
    make = world.make_with(lambda: world.clock.sleep(100))
    leaving = asyncio.ensure_future(world.directory.spawn(1, make))
    staying = asyncio.ensure_future(world.directory.spawn(1, make))
    await world.clock.advance(50)

    leaving.cancel()

    assert (await staying).is_alive


async def test_who_cannot_be_made_is_refused_to_everybody_and_may_be_tried_again() -> None:
    world = World()

    async def nothing_there() -> Actor:
        await world.clock.sleep(10)
        raise NotFound("call")

    results = await asyncio.gather(
        world.directory.spawn(1, nothing_there), world.directory.spawn(1, nothing_there), return_exceptions=True
    )

    assert [type(result) for result in results] == [NotFound, NotFound]
    assert len(world.directory) == 0
    assert (await world.directory.spawn(1, world.make)).is_alive


async def test_a_bug_while_starting_is_reported_and_told_plainly() -> None:
    world = World()

    async def broken() -> Actor:
        raise KeyError

    with pytest.raises(EngineError) as raised:
        await world.directory.spawn(1, broken)

    assert type(raised.value) is EngineError
    world.expect_crashes(1)


async def test_a_new_actor_waits_until_the_old_one_has_said_good_bye() -> None:
    class Slow(Actor):
        __slots__ = ()

        async def started(self) -> None:
            world.journal.append(("started", world.clock.mono_ms()))

        async def stopped(self) -> None:
            await world.clock.sleep(100)
            world.journal.append(("stopped", world.clock.mono_ms()))

    async def make() -> Actor:
        return Slow()

    world = World()
    await world.directory.spawn(1, make)
    stopping = asyncio.ensure_future(world.directory.stop(1))
    await world.clock.settle()

    assert world.directory.get(1) is None
    again = await world.directory.spawn(1, make)

    assert again.is_alive
    assert world.journal == [("started", 0), ("stopped", 100), ("started", 100)]
    await stopping


async def test_an_actor_that_stops_while_starting_is_no_actor() -> None:
    class Reluctant(Actor):
        __slots__ = ()

        async def started(self) -> None:
            self.stop()

    async def make() -> Actor:
        return Reluctant()

    world = World()

    with pytest.raises(SessionEnded):
        await world.directory.spawn(1, make)

    await world.clock.settle()
    assert len(world.directory) == 0


async def test_stopping_everybody_happens_side_by_side_and_includes_those_that_start() -> None:
    world = World()
    refs = [await world.directory.spawn(key, world.make) for key in range(3)]
    for ref in refs:
        ref.tell(Sleep(100))
    late = asyncio.ensure_future(world.directory.spawn(9, world.make_with(lambda: world.clock.sleep(50))))
    await world.clock.settle()

    await world.directory.stop_all()

    assert world.clock.mono_ms() == 100
    assert len(world.directory) == 0
    assert world.journal.count("stopped") == 4
    with pytest.raises(SessionEnded):
        await late


@given(script=st.lists(st.tuples(st.sampled_from(["spawn", "stop", "pass", "kill itself"]), st.integers(0, 2))))
async def test_no_key_ever_has_two_actors(script: list[tuple[str, int]]) -> None:
    world = World()
    living: list[int] = []

    class Unique(Actor):
        __slots__ = ("key",)

        def __init__(self, key: int) -> None:
            self.key = key

        async def started(self) -> None:
            assert self.key not in living
            living.append(self.key)
            await world.clock.sleep(5)

        async def receive(self, message: object) -> object:
            self.stop()
            return message

        async def stopped(self) -> None:
            await world.clock.sleep(5)
            living.remove(self.key)

    def make_for(key: int):
        async def make() -> Actor:
            await world.clock.sleep(5)
            return Unique(key)

        return make

    jobs: list[asyncio.Future[object]] = []
    for word, key in script:
        match word:
            case "spawn":
                jobs.append(asyncio.ensure_future(world.directory.spawn(key, make_for(key))))
            case "stop":
                jobs.append(asyncio.ensure_future(world.directory.stop(key)))
            case "kill itself" if ref := world.directory.get(key):
                ref.tell("go")
            case _:
                await world.clock.advance(4)
    results = await asyncio.gather(*jobs, return_exceptions=True)
    await world.directory.stop_all()

    assert living == []
    assert all(not isinstance(result, Exception) or isinstance(result, SessionEnded) for result in results)
    assert world.crashes == []
