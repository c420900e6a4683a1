"""Ids that say when they were given."""

from engine.snowflakes import EPOCH_MS, Snowflakes, first_of, moved
from tests.people import on_stage


def parts(snowflake: int) -> tuple[int, int, int]:
    """When it was given, by whom, and the count."""
    return (snowflake >> 22) + EPOCH_MS, snowflake >> 12 & 1_023, snowflake & 4_095


async def test_an_id_says_when_it_was_given() -> None:
    async with on_stage() as stage:
        engine = stage.engine
        given = Snowflakes(engine.world.stores.ids, node=engine.node)

        first = await given.next()

        assert parts(first)[0] == engine.node.now_ms()
        assert len(str(first)) == 19


async def test_later_ids_are_larger_though_the_count_runs_over_and_the_clock_goes_back(monkeypatch) -> None:
    async with on_stage() as stage:
        engine = stage.engine
        given = Snowflakes(engine.world.stores.ids, node=engine.node)

        ids = [await given.next() for _ in range(5_000)]
        earlier_ms = engine.node.now_ms() - 60_000
        monkeypatch.setattr(engine.node, "now_ms", lambda: earlier_ms)
        ids += [await given.next() for _ in range(5_000)]

        assert ids == sorted(set(ids))


async def test_no_two_lives_give_the_same() -> None:
    async with on_stage() as stage:
        engine = stage.engine
        lives = [Snowflakes(engine.world.stores.ids, node=engine.node) for _ in range(3)]

        ids = [await one.next() for one in lives for _ in range(100)]

        assert len(set(ids)) == 300
        assert len({parts(one)[1] for one in ids}) == 3


async def test_an_id_can_be_asked_to_come_after_another_whoever_gave_that() -> None:
    async with on_stage() as stage:
        engine = stage.engine
        ahead, behind = [Snowflakes(engine.world.stores.ids, node=engine.node) for _ in range(2)]
        ids = [await ahead.next()]
        for one in (behind, ahead, behind, ahead):
            # As of a clock that is a minute ahead.
            ids.append(await one.next(after=moved(ids[-1], 60_000)))

        assert ids == sorted(set(ids))
        assert await behind.next() > ids[-2]
        assert await behind.next(after=0) > ids[-2]


def test_ids_can_be_moved_in_time() -> None:
    at_ms = EPOCH_MS + 5_000

    assert parts(first_of(at_ms)) == (at_ms, 0, 0)
    assert parts(moved(first_of(at_ms), -1_000)) == (at_ms - 1_000, 0, 0)
    assert moved(first_of(at_ms), -6_000) == first_of(0) == 0
