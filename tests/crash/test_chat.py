"""People chat over two servers while servers and stores are killed: what was confirmed, everybody has heard, in order.

Source: F-1 … F-4, F-10; seed behaviour §4.6.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from adapters.embedded import EmbeddedStores
from tests.crash.chat import ChatCrowd, Talker
from tests.crash.processes import ServerProcess, figure, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

IMPATIENT: Final[dict[str, Any]] = {
    "node__lease_ms": 3_000,
    "node__renew_ms": 500,
    "node__sweep_ms": 500,
    "sockets__ping_ms": 1_000,
    "sockets__dead_ms": 5_000,
}
NAMES: Final = ("xin", "wei", "lan")
BETWEEN_S: Final = 1.5
HANGS_S: Final = 4.0
HEARD_S_MAX: Final = 40.0
CONFIRMED_MIN: Final = 60


@asynccontextmanager
async def chatting(tmp_path: Any) -> AsyncIterator[tuple[EmbeddedStores, list[ServerProcess], ChatCrowd]]:
    """Two servers over the same stores, and everybody there."""
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "one", stores, **IMPATIENT) as one,
        ServerProcess(tmp_path / "two", stores, **IMPATIENT) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        crowd = ChatCrowd([one, two])
        try:
            await crowd.begin(NAMES)
            yield stores, [one, two], crowd
        finally:
            await crowd.close()


def test_whoever_judges_the_chat_sees_what_is_wrong():
    crowd = ChatCrowd([])
    crowd.group_id = "9"
    xin, wei, lan = crowd.talkers = [Talker(crowd, name, number) for number, name in enumerate(NAMES)]
    for number, talker in enumerate(crowd.talkers):
        talker.id = str(number)
    xin.said = {"a": "9", "b": "9", "c": "1"}
    xin.confirmed = {"1": ("9", "a"), "2": ("9", "b"), "3": ("1", "c")}

    def told(message_id: str, text: str, to: str) -> dict[str, Any]:
        return {"type": "chat", "id": message_id, "content": text, "to": to, "user_id": xin.id}

    well = [told("1", "a", "9"), told("2", "b", "9"), told("1", "a", "9")]
    for talker in crowd.talkers:
        talker.heard = [*well]
    for talker in (xin, wei):
        talker.heard.append(told("3", "c", "1"))
    assert (crowd.missing(), crowd.findings(), crowd.heard_again_count) == ([], [], 3)

    lan.heard = [told("1", "a", "9")]
    assert crowd.missing() == ["b was not heard by lan"]
    for wrong in (
        [told("2", "b", "9"), told("1", "a", "9")],
        [*well, told("3", "c", "1")],
        [*well, told("4", "d", "9")],
        [*well, told("2", "a", "9")],
    ):
        lan.heard = wrong
        assert len(crowd.findings()) == 1, wrong


@pytest.mark.real_loop(deadline_s=240)
async def test_a_chat_outlives_servers_and_stores(tmp_path):
    deaths: Counter[str] = Counter()
    async with chatting(tmp_path) as (stores, servers, crowd):

        async def a_server(place: int) -> None:
            deaths["server"] += 1
            await servers[place].kill()
            await asyncio.sleep(BETWEEN_S)
            await servers[place].start()

        async def mongod() -> None:
            deaths["mongod"] += 1
            os.kill(stores.mongo_pid, signal.SIGKILL)

        async def valkey() -> None:
            deaths["valkey"] += 1
            os.kill(stores.redis_pid, signal.SIGKILL)

        async def hangs(name: str, pid: int) -> None:
            deaths[f"{name} hung"] += 1
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(HANGS_S)
            finally:
                os.kill(pid, signal.SIGCONT)

        async def everybodys_lines() -> None:
            deaths["lines"] += 1
            for talker in crowd.talkers:
                talker.cut()

        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: a_server(0),
            valkey,
            everybodys_lines,
            mongod,
            lambda: hangs("valkey", stores.redis_pid),
            lambda: a_server(1),
            valkey,
            lambda: hangs("mongod", stores.mongo_pid),
            lambda: a_server(0),
            mongod,
            everybodys_lines,
            lambda: a_server(1),
        )
        for step in steps:
            await asyncio.sleep(BETWEEN_S)
            await step()
            crowd.check()
        await asyncio.sleep(BETWEEN_S)
        await crowd.all_there()
        await crowd.hush(HEARD_S_MAX)
        missing, findings, count = crowd.missing(), crowd.findings(), crowd.confirmed_count
        heard, again = crowd.heard_count, crowd.heard_again_count
        events = sum((talker.events for talker in crowd.talkers), Counter())

    print(f"killed {dict(deaths)}; {count} confirmed, heard {heard} times, {again} of them again; {dict(events)}")
    figure("G-4", "chat-messages-confirmed-and-lost", f"{len(missing)}/{count}", "0", ok=not missing)
    figure("G-4", "chat-messages-invented-or-out-of-order", len(findings), "0", ok=not findings)
    assert (missing, findings) == ([], [])
    assert count >= CONFIRMED_MIN
    assert [talker.name for talker in crowd.talkers if any(talker.atoken in server.log for server in servers)] == []
