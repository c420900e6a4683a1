"""Valkey hangs, dies and forgets everything, and neither money nor calls notice. Source: F-10, F-11, D-1, G-10."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import pytest
from redis import asyncio as aioredis

from adapters.embedded import EmbeddedStores
from engine.services.accounts import CALLS
from store.interfaces.errors import Unavailable
from store.opened import OpenedStores
from tests.crash.client import HttpClient
from tests.crash.load import NOT_NOW, PRODUCT_ID, QUICK, Load, at_rest, found_in, open_directly, secrets_in
from tests.crash.processes import ServerProcess, figure, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

MINUTE_MS: Final = 1_000
PAIRS: Final = 8
PHASE_S: Final = 3.0
REST_S_MAX: Final = 15.0
PRESENCE_S_MAX: Final = 10.0
ANSWER_S_MAX: Final = 5.0


@pytest.mark.real_loop(deadline_s=120)
async def test_what_becomes_of_valkey_is_no_matter_of_money(tmp_path):
    paid: dict[str, int] = {}
    known_again_s: dict[str, float] = {}
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, billing__minute_ms=MINUTE_MS, **QUICK) as server,
    ):
        await server.start()
        async with (
            await open_directly(stores.mongo_uri, stores.redis_url) as opened,
            Load(server, pairs=PAIRS, recharges=False) as load,
        ):

            async def phase(name: str, happens: Callable[[], Awaitable[None]]) -> None:
                began_s = time.monotonic()
                await happens()
                await asyncio.sleep(max(0.0, began_s + PHASE_S - time.monotonic()))
                load.check()
                paid[name] = load.tally.money_since(began_s)
                known_again_s[name] = await _everybody_known(opened, load, began_s)

            await phase("calm", _nothing)
            await phase("hangs", lambda: _hang(stores, server, load))
            await phase("dies", lambda: _kill(stores))
            await phase("forgets", lambda: _flush(stores))

            await load.finish()
            await load.read_bills_again()
            await at_rest(opened, REST_S_MAX)
            exit_code = await server.stop()
            found, _ = await found_in(opened, load, minute_ms=MINUTE_MS)

    refused = {what: count for what, count in load.tally.refused.items() if what.startswith("/app/live")}
    slowest_s = load.tally.slowest_s(0)
    presence_s = max(known_again_s["dies"], known_again_s["forgets"])
    print(f"money in {PHASE_S:.0f} s each: {paid}; slowest answer {slowest_s:.1f} s; refused {refused}")
    figure("G-10", "violations", len(found), "0", ok=not found)
    figure("G-10", "calls-and-gifts-refused", sum(refused.values()), "0", ok=not refused)
    figure("G-10", "presence-exact-again-s", f"{presence_s:.1f}", "<=10", ok=presence_s <= PRESENCE_S_MAX)
    assert found == []
    assert refused == {}
    assert secrets_in(load, server.log) == []
    assert exit_code == 0
    assert load.tally.unanswered == 0
    assert min(paid.values()) >= PAIRS
    assert slowest_s <= ANSWER_S_MAX


async def _nothing() -> None:
    """All is well."""


async def _hang(stores: EmbeddedStores, server: ServerProcess, load: Load) -> None:
    """It answers nothing for as long as it takes to see that limits fail closed for login and money."""
    os.kill(stores.redis_pid, signal.SIGSTOP)
    try:
        stranger = HttpClient(lambda: server.http_port)
        login = (await stranger.post("/app/login/weChatLogin", {"code": "dev:stranger"})).data
        await stranger.close()
        guest, _ = load.pairs[0]
        order = await stranger.post("/app/pay/createOrder", {"token": guest.token, "productId": PRODUCT_ID})
        await stranger.close()
        assert (login["code"], order.data["code"]) == (NOT_NOW, NOT_NOW)
        await asyncio.sleep(PHASE_S / 2)
    finally:
        os.kill(stores.redis_pid, signal.SIGCONT)


async def _kill(stores: EmbeddedStores) -> None:
    """It dies, and comes back empty."""
    os.kill(stores.redis_pid, signal.SIGKILL)


async def _flush(stores: EmbeddedStores) -> None:
    async with aioredis.Redis.from_url(stores.redis_url) as redis:
        await redis.flushall()


async def _everybody_known(opened: OpenedStores, load: Load, since_s: float) -> float:
    """How long after ``since_s`` the presence store knew exactly those who are here."""
    here = {person.id for pair in load.pairs for person in pair}
    async with asyncio.timeout(2 * PRESENCE_S_MAX):
        while True:
            # Each connection that we had before it died learns of that by an error.
            with suppress(Unavailable):
                if set(await opened.presence.present(CALLS, limit=1_000)) == here:
                    return time.monotonic() - since_s
            await asyncio.sleep(0.1)
