"""Turns: whoever comes first goes first, key by key, and nobody is remembered."""

import asyncio

import pytest

from engine.services.turns import Turns


async def test_of_one_key_one_goes_after_another_in_their_order_and_other_keys_do_not_wait():
    turns: Turns[str] = Turns()
    went: list[str] = []

    async def go(key: str, name: str) -> None:
        async with turns.of(key):
            await asyncio.sleep(1)
            went.append(name)

    await asyncio.gather(go("a", "first"), go("a", "second"), go("b", "beside"), go("a", "third"))

    assert went == ["first", "beside", "second", "third"]
    assert len(turns) == 0


async def test_whoever_fails_or_stops_waiting_holds_nobody_up():
    turns: Turns[str] = Turns()

    async def fail() -> None:
        async with turns.of("a"):
            await asyncio.sleep(1)
            raise RuntimeError

    async def go() -> None:
        async with turns.of("a"):
            pass

    failing, waiting, last = (asyncio.ensure_future(one) for one in (fail(), go(), go()))
    await asyncio.sleep(0.5)
    waiting.cancel()
    with pytest.raises(RuntimeError):
        await failing

    await last
    assert len(turns) == 0
