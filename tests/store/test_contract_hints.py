"""What every ``HintLine`` promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from store.interfaces.stores import Stores
from tests.support.stores import on_every_store


@asynccontextmanager
async def listening(stores: Stores) -> AsyncIterator["asyncio.Queue[str]"]:
    """Somebody who listens, and what he has heard."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    is_ready = asyncio.Event()
    work = asyncio.create_task(stores.hints.listen(heard.put_nowait, ready=is_ready.set))
    async with asyncio.timeout(5):
        await is_ready.wait()
    try:
        yield heard
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@on_every_store
async def test_everybody_who_listens_hears_a_hint_once_and_in_order(stores: Stores) -> None:
    async with listening(stores) as one, listening(stores) as other:
        for hint in ("a", "b", "ü"):
            await stores.hints.give(hint)

        async with asyncio.timeout(5):
            assert [await one.get() for _ in range(3)] == ["a", "b", "ü"]
            assert [await other.get() for _ in range(3)] == ["a", "b", "ü"]
        assert one.empty()


@on_every_store
async def test_nobody_keeps_a_hint(stores: Stores) -> None:
    await stores.hints.give("before anybody listens")

    async with listening(stores) as heard:
        await stores.hints.give("now")
        async with asyncio.timeout(5):
            assert await heard.get() == "now"
