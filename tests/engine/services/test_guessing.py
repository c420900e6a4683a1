"""Guessing gets slower and slower, for whatever name and from wherever, and never stops for good (SEC-16)."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StoreDown, TooMany
from engine.services.guessing import ADDRESSES, NAMES, Guessing, Patience, wait_after
from tests.people import Cast, on_stage

HOME, AWAY = "192.0.2.1", "192.0.2.2"


def guessing_at(cast: Cast) -> Guessing:
    return Guessing(cast.stage.world, node=cast.engine.node, what="test")


async def guesses(guessing: Guessing, count: int, *, name: str = "tom", address: str = HOME) -> int:
    """How many of so many guesses were looked at."""
    looked_at = 0
    for _ in range(count):
        try:
            await guessing.begin(name=name, address=address)
        except TooMany:
            continue
        looked_at += 1
    return looked_at


@pytest.mark.parametrize(
    ("count", "wait_ms"),
    [(0, 0), (5, 0), (6, 1_000), (7, 2_000), (8, 4_000), (11, 32_000), (12, 60_000), (13, 60_000), (10**9, 60_000)],
)
def test_each_failure_doubles_the_wait_up_to_a_minute(count, wait_ms):
    assert wait_after(count, NAMES) == wait_ms


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_one_failure_more_never_means_to_wait_less(count, free_count):
    patience = Patience(free_count=free_count)

    assert 0 <= wait_after(count, patience) <= wait_after(count + 1, patience) <= patience.longest_ms


async def test_of_a_thousand_guesses_at_one_name_in_an_hour_few_are_looked_at():
    async with on_stage() as cast:
        guessing, looked_at = guessing_at(cast), 0

        for number in range(1_000):
            looked_at += await guesses(guessing, 1, address=f"192.0.2.{number % 250}")
            await cast.stage.clock.advance(3_600)

        assert 60 <= looked_at <= 70


async def test_who_has_to_wait_is_told_how_long_and_may_go_on_then():
    async with on_stage() as cast:
        guessing = guessing_at(cast)
        assert await guesses(guessing, 6) == 6

        with pytest.raises(TooMany) as refused:
            await guessing.begin(name="tom", address=HOME)

        assert 0 < refused.value.retry_after_ms <= 1_000
        await cast.stage.clock.advance(refused.value.retry_after_ms)
        assert await guesses(guessing, 1) == 1
        assert await guesses(guessing, 1) == 0


async def test_being_refused_does_not_count():
    async with on_stage() as cast:
        guessing = guessing_at(cast)
        await guesses(guessing, 1_000)

        await cast.stage.clock.advance(1_000)

        assert await guesses(guessing, 1) == 1


async def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_by_one():
    async with on_stage() as cast:
        guessing = guessing_at(cast)

        looked_at = await asyncio.gather(*(guesses(guessing, 1) for _ in range(200)))

        assert sum(looked_at) == 6


async def test_who_knows_it_after_all_begins_anew_and_others_names_are_not_concerned():
    async with on_stage() as cast:
        guessing = guessing_at(cast)
        await guesses(guessing, 5)

        assert await guesses(guessing, 1, name="bob", address=AWAY) == 1
        await guessing.begin(name="tom", address=HOME)
        await guessing.succeeded(name="tom", address=HOME)

        assert await guesses(guessing, 10) == 6


async def test_one_address_that_tries_many_names_is_slowed_down_and_its_own_successes_do_not_help_it():
    async with on_stage() as cast:
        guessing, looked_at = guessing_at(cast), 0

        for number in range(200):
            looked_at += await guesses(guessing, 1, name=f"name {number}")
            try:
                await guessing.begin(name="mine", address=HOME)
            except TooMany:
                continue
            await guessing.succeeded(name="mine", address=HOME)

        assert looked_at <= ADDRESSES.free_count + 2
        assert await guesses(guessing, 1, address=AWAY) == 1


async def test_a_while_without_attempts_wipes_the_slate():
    async with on_stage() as cast:
        guessing = guessing_at(cast)
        await guesses(guessing, 6)

        await cast.stage.clock.advance(3_600_000)

        assert await guesses(guessing, 10) == 6


async def test_what_cannot_be_counted_is_not_looked_at():
    async with on_stage() as cast:
        guessing = guessing_at(cast)
        cast.switch.is_down, cast.switch.only = True, "attempts.get"

        with pytest.raises(StoreDown):
            await guessing.begin(name="tom", address=HOME)

        cast.switch.only = "attempts.swap"
        with pytest.raises(StoreDown):
            await guessing.begin(name="tom", address=HOME)


async def test_nobodys_name_is_written_down():
    async with on_stage() as cast:
        await guesses(guessing_at(cast), 1, name="a-password-typed-as-a-name")

        stores = cast.stage.stores
        assert "a-password-typed-as-a-name" not in repr(vars(stores.attempts._store))
