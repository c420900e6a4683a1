"""What may vanish, vanishing: a frozen, an emptied and an absent server (F-10, F-11)."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from redis import asyncio as aioredis

from store.interfaces.errors import Unavailable
from store.interfaces.stores import Stores
from store.redis.connection import Redis
from store.redis.limits import RedisLimits
from tests.support.real_stores import open_real_stores, real_servers
from tests.support.records import TOM

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

DEADLINE_MS = 300
TOLERANCE_S = 0.3


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def calls_of(stores: Stores) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: stores.presence.publish("calls", [TOM], expires_in_ms=1_000),
        lambda: stores.presence.withdraw("calls", [TOM]),
        lambda: stores.presence.present("calls", limit=5),
        lambda: stores.presence.is_present("calls", TOM),
        lambda: stores.limits.take("tom", rate=1, per_ms=1_000, burst=1),
    ]


async def length_s(call: Callable[[], Awaitable[object]]) -> float:
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await call()
    return time.monotonic() - begun


async def test_a_frozen_server_holds_nobody_longer_than_the_deadline_and_comes_back():
    servers = await real_servers()
    async with open_real_stores(redis_deadline_ms=DEADLINE_MS) as stores:
        with frozen(servers.redis_pid):
            lengths_s = await asyncio.gather(*(length_s(call) for call in calls_of(stores) * 8))
            at_once_s = [await length_s(call) for call in calls_of(stores)]

        assert max(lengths_s) < DEADLINE_MS / 1000 + TOLERANCE_S
        assert max(at_once_s) < 0.05
        async with asyncio.timeout(5):
            while True:
                try:
                    # Whatever it says: commands that nobody waited for any longer were carried out, or were not.
                    await stores.presence.is_present("calls", TOM)
                except Unavailable:
                    await asyncio.sleep(0.05)
                else:
                    break


async def test_an_emptied_server_knows_nobody_and_goes_on():
    servers = await real_servers()
    async with open_real_stores() as stores:
        await stores.presence.publish("calls", [TOM], expires_in_ms=60_000)
        async with aioredis.Redis.from_url(servers.redis_url) as client:
            await client.flushall()
            await client.script_flush()

        assert await stores.presence.present("calls", limit=5) == ()
        await stores.presence.publish("calls", [TOM], expires_in_ms=60_000)
        assert await stores.presence.present("calls", limit=5) == (TOM,)


async def test_cut_connections_are_made_again():
    servers = await real_servers()
    async with open_real_stores() as stores:
        await asyncio.gather(*(call() for call in calls_of(stores)))
        async with aioredis.Redis.from_url(servers.redis_url) as client:
            await client.client_kill_filter(_type="normal", skipme=True)

        async with asyncio.timeout(5):
            while True:
                try:
                    await stores.presence.publish("calls", [TOM], expires_in_ms=60_000)
                except Unavailable:
                    await asyncio.sleep(0.01)
                else:
                    break

        assert await stores.presence.is_present("calls", TOM)


async def test_a_server_that_is_not_there_is_unavailable_at_once():
    async with Redis("redis://127.0.0.1:9/0", deadline_ms=DEADLINE_MS) as redis:
        limits = RedisLimits(redis)

        assert await length_s(lambda: limits.take("tom", rate=1, per_ms=1, burst=1)) < TOLERANCE_S


async def test_nothing_stays_for_ever():
    servers = await real_servers()
    async with open_real_stores() as stores, aioredis.Redis.from_url(servers.redis_url) as client:
        await stores.presence.publish("calls", [TOM], expires_in_ms=60_000)
        await stores.limits.take("tom", rate=1, per_ms=1_000, burst=1)

        keys = await client.keys("*")

        assert len(keys) == 3
        assert all([0 < await client.pttl(key) <= 60_000 for key in keys])
