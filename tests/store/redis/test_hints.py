"""A line for hints that breaks, or whose other end says nothing any more, is found out (F-10, F-11)."""

import asyncio
import os
import signal
import time

import pytest
from redis import asyncio as aioredis

from store.interfaces.errors import Unavailable
from store.redis import connection
from store.redis.connection import Redis
from store.redis.hints import RedisHints
from tests.support.real_stores import real_servers

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

DEADLINE_MS = 300


class Listener:
    """Somebody who listens on a channel until the line breaks."""

    def __init__(self, hints: RedisHints) -> None:
        self.heard: list[str] = []
        self.is_ready = asyncio.Event()
        self.work = asyncio.create_task(hints.listen(self.heard.append, ready=self.is_ready.set))

    async def ready(self) -> None:
        async with asyncio.timeout(5):
            await self.is_ready.wait()

    async def broken(self) -> float:
        """After how many seconds it was found out."""
        began_s = time.monotonic()
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable):
                await self.work
        return time.monotonic() - began_s


async def test_a_connection_that_is_cut_is_found_out_at_once():
    servers = await real_servers()
    async with Redis(servers.redis_url, deadline_ms=DEADLINE_MS) as redis:
        listener = Listener(RedisHints(redis))
        await listener.ready()

        async with aioredis.Redis.from_url(servers.redis_url) as operator:
            await operator.client_kill_filter(_type="pubsub")

        assert await listener.broken() < 1


async def test_a_server_that_says_nothing_any_more_is_found_out(monkeypatch):
    monkeypatch.setattr(connection, "QUIET_S", 0.2)
    servers = await real_servers()
    async with Redis(servers.redis_url, deadline_ms=DEADLINE_MS) as redis:
        listener = Listener(RedisHints(redis))
        await listener.ready()
        await asyncio.sleep(0.8)
        assert not listener.work.done(), "it is quiet, and there"

        os.kill(servers.redis_pid, signal.SIGSTOP)
        try:
            took_s = await listener.broken()
        finally:
            os.kill(servers.redis_pid, signal.SIGCONT)

        assert took_s < 1.5


async def test_without_a_server_there_is_no_line():
    async with Redis("redis://127.0.0.1:1/0", deadline_ms=DEADLINE_MS) as redis:
        hints = RedisHints(redis)

        with pytest.raises(Unavailable):
            await hints.listen(print, ready=print)
        with pytest.raises(Unavailable):
            await hints.give("x")


async def test_two_databases_do_not_hear_each_other():
    servers = await real_servers()
    async with Redis(servers.redis_url, deadline_ms=DEADLINE_MS) as redis:
        one, other = RedisHints(redis, channel="one"), RedisHints(redis, channel="other")
        listener = Listener(one)
        await listener.ready()

        await other.give("theirs")
        await one.give("ours")
        async with asyncio.timeout(5):
            while not listener.heard:
                await asyncio.sleep(0.01)

        assert listener.heard == ["ours"]
        listener.work.cancel()
        await asyncio.gather(listener.work, return_exceptions=True)
