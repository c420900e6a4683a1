"""A blind date goes on, whatever dies: seats, sanctions and gifts as acknowledged, and everybody told the same.

Source: F-1 … F-4, F-10, F-18; G-4, G-10, G-15; INV-13 … INV-17, INV-19, INV-23.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest
from redis import asyncio as aioredis

from adapters.embedded import EmbeddedStores
from tests.crash.crowd import Crowd
from tests.crash.date import IMPATIENT, Date
from tests.crash.load import at_rest, open_directly
from tests.crash.processes import Died, ServerProcess, figure, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

VIEWERS: Final = 130
STRANGERS: Final = 40
LOST_AT_ONCE: Final = 4
PAUSE_S_MAX: Final = 1.0
LIFE_S_MAX: Final = 2.0
POINT_S_MAX: Final = 8.0
AGREED_S_MAX: Final = 10.0
LONG_GRACE_MS: Final = 8_000
"""Longer than mongod takes to come back, so that nobody is counted out for its sake."""
REST_S_MAX: Final = 15.0
KILLED: Final = -9
ANY_MOMENT: Final = "any moment"
MONGOD_KILLS: Final = 4
LEASE_S: Final = 3.0
ASLEEP_S: Final = 5.0

POINTS: Final = (
    "rooms.save.before=kill@8",
    "rooms.save.after=kill@8",
    "ledger.post.after=kill@15",
    # Told, and not marked as told.
    "ledger.sent.before=kill@15",
    # Marked as told: nobody will tell it again.
    "ledger.sent.after=kill@15",
    # The next life finds the room being taken over.
    "rooms.claim.after=kill@1",
    "presence.publish.after=kill@3",
)


@asynccontextmanager
async def evening(
    server: ServerProcess, *, viewers: int, strangers: int = 0, seed: int = 0
) -> AsyncIterator[tuple[Date, Crowd]]:
    """A date that has begun, with everybody there."""
    crowd = Crowd(lambda: date.server.http_port, pause_s_max=PAUSE_S_MAX, seed=seed)
    date = Date(server, crowd, pace=2.0)
    try:
        await date.begin(viewers, strangers_count=strangers)
        await date.agreed(2 * AGREED_S_MAX)
        yield date, crowd
    finally:
        await date.close()


async def all_is_well(date: Date, stores: EmbeddedStores) -> list[str]:
    """Let her end her live; what is wrong with the money, and with what anybody was told."""
    await date.end()
    async with await open_directly(stores.mongo_uri, stores.redis_url) as opened:
        await at_rest(opened, REST_S_MAX)
        return [*date.crowd.findings, *await date.money_found(opened)]


@pytest.mark.real_loop(deadline_s=180)
async def test_a_room_outlives_its_server_again_and_again_and_everybody_is_told_the_same(tmp_path):
    died_at: Counter[str] = Counter()
    lost: list[str] = []
    agreed_s: list[float] = []
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, **IMPATIENT) as server,
    ):
        await server.start()
        async with evening(server, viewers=VIEWERS, strangers=STRANGERS) as (date, crowd):
            planted = ""
            for upcoming in (*POINTS, "", ""):
                date.go_on()
                died_at[await death(server, crowd, planted)] += 1
                date.hold()
                await date.lose(LOST_AT_ONCE)

                planted = upcoming
                if await dies_at_once(server, planted):
                    died_at[place_of(planted)] += 1
                    planted = ""
                    await server.start()
                lost += await date.kept()
                agreed_s.append((await date.agreed(AGREED_S_MAX)).right_s)
                await date.read_up()
            found = await all_is_well(date, stores)
            exit_code = await server.stop()

    kills = sum(died_at.values())
    print(f"killed at {dict(died_at)}; clients {dict(crowd.events)}; {dict(date.tally)}")
    figure("G-4", "kills-under-a-room", f"{kills}@{len(died_at) - 1}", ">=6@4", ok=kills >= 6 and len(died_at) > 4)
    figure("G-4", "seats-and-sanctions-lost", len(lost), "0", ok=not lost)
    figure("G-10", "counts-equal-after-kill-s", f"{max(agreed_s):.1f}", "<=10", ok=max(agreed_s) <= AGREED_S_MAX)
    report_journals(crowd, date, kills)
    assert (lost, found, exit_code) == ([], [], 0)
    assert kills >= 6
    assert len(died_at) > 4
    assert [viewer.person.id for viewer in crowd.viewers if viewer.person.token in server.log] == []


@pytest.mark.real_loop(deadline_s=120)
async def test_what_becomes_of_valkey_is_no_matter_of_who_is_here(tmp_path):
    agreed_s: dict[str, float] = {}
    lost: list[str] = []
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, **IMPATIENT) as server,
    ):
        await server.start()
        async with evening(server, viewers=50, strangers=10) as (date, crowd):

            async def phase(name: str, happens: Callable[[], Awaitable[None]]) -> None:
                date.go_on()
                await asyncio.sleep(1)
                await happens()
                date.hold()
                lost.extend(await date.kept())
                agreed_s[name] = (await date.agreed(AGREED_S_MAX)).right_s
                await date.read_up()

            async def forgets_and_the_server_dies() -> None:
                await flush(stores)
                await server.kill()
                date.hold()
                await server.start()

            async def forgets_and_the_server_sleeps() -> None:
                await flush(stores)
                # Clients hang up on a server that sleeps: what it tells them as it wakes, it tells to nobody, and a
                # gift that is told so is in no story they can still read (docs/architecture.md, known weaknesses).
                date.hold()
                await asyncio.sleep(1)
                server.freeze()
                await asyncio.sleep(ASLEEP_S)
                server.thaw()
                await asyncio.sleep(1)

            await phase("forgets", lambda: flush(stores))
            await phase("dies", lambda: kill_valkey(stores))
            await phase("forgets, and the server dies", forgets_and_the_server_dies)
            await phase("forgets, and the server sleeps", forgets_and_the_server_sleeps)
            found = await all_is_well(date, stores)
            exit_code = await server.stop()

    slowest_s = max(agreed_s.values())
    print(f"agreed after {agreed_s}; clients {dict(crowd.events)}; {dict(date.tally)}")
    figure("G-10", "counts-equal-after-valkey-s", f"{slowest_s:.1f}", "<=10", ok=slowest_s <= AGREED_S_MAX)
    assert (lost, found, exit_code) == ([], [], 0)


@pytest.mark.real_loop(deadline_s=120)
async def test_a_mongod_that_is_killed_while_seats_change_loses_none_of_them(tmp_path):
    chance = random.Random(MONGOD_KILLS)
    agreed_s: list[float] = []
    lost: list[str] = []
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, **(IMPATIENT | {"qlive__viewer_grace_ms": LONG_GRACE_MS})) as server,
    ):
        await server.start()
        async with evening(server, viewers=50, strangers=10) as (date, crowd):
            for _ in range(MONGOD_KILLS):
                date.go_on()
                await asyncio.sleep(chance.uniform(0.5, 2))
                pid = stores.mongo_pid
                os.kill(pid, signal.SIGKILL)
                async with asyncio.timeout(10):
                    while stores.mongo_pid == pid:
                        await asyncio.sleep(0.01)
                date.hold()
                # Whoever lost his line in the last moment is waited for.
                agreed = await date.agreed(AGREED_S_MAX, is_right_s=AGREED_S_MAX + LONG_GRACE_MS / 1_000)
                agreed_s.append(agreed.alike_s)
                lost += await date.kept()
            found = await all_is_well(date, stores)
            exit_code = await server.stop()

    print(f"agreed after {agreed_s}; clients {dict(crowd.events)}; {dict(date.tally)}")
    figure("G-7", "counts-equal-after-mongod-s", f"{max(agreed_s):.1f}", "<=10", ok=max(agreed_s) <= AGREED_S_MAX)
    assert (lost, found, exit_code) == ([], [], 0)
    assert server.lives_count == 1


@pytest.mark.real_loop(deadline_s=120)
async def test_a_room_whose_server_froze_goes_on_at_another_and_the_frozen_one_writes_nothing_any_more(tmp_path):
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "sleeper", stores, node__name="sleeper", **IMPATIENT) as sleeper,
        ServerProcess(tmp_path / "heir", stores, node__name="heir", **IMPATIENT) as heir,
    ):
        await sleeper.start()
        await heir.start()
        async with evening(sleeper, viewers=50, strangers=10) as (date, crowd):
            date.go_on()
            await asyncio.sleep(2)
            # What a sleeper tells as it wakes, it tells to nobody: see above.
            date.hold()
            await asyncio.sleep(1)

            sleeper.freeze()
            frozen_s = time.monotonic()
            date.server = heir
            # Half of them notice, and come to the other server before it has the room.
            for viewer in crowd.inside[::2]:
                viewer.cut()
            async with await open_directly(stores.mongo_uri, stores.redis_url) as opened, asyncio.timeout(LEASE_S + 10):
                while any(room.owner.startswith("sleeper") for room in await opened.rooms.open_rooms()):
                    await asyncio.sleep(0.05)
            taken_over_s = time.monotonic() - frozen_s
            await asyncio.sleep(max(0.5, ASLEEP_S - taken_over_s))
            sleeper.thaw()
            lost = await date.kept()
            agreed_s = (await date.agreed(AGREED_S_MAX)).right_s
            await date.read_up()
            date.go_on()
            await asyncio.sleep(2)
            date.hold()
            await date.agreed(AGREED_S_MAX)
            found = await all_is_well(date, stores)
            exit_codes = (await sleeper.stop(), await heir.stop())

    print(f"agreed after {agreed_s:.1f}; clients {dict(crowd.events)}; {dict(date.tally)}")
    figure("G-6", "room-owner-again-s", f"{taken_over_s:.1f}", "<=lease+5=8", ok=taken_over_s <= LEASE_S + 5)
    figure("G-6", "counts-equal-after-failover-s", f"{agreed_s:.1f}", "<=10", ok=agreed_s <= AGREED_S_MAX)
    assert (lost, found, exit_codes) == ([], [], (0, 0))
    assert "node_declared_dead" in sleeper.log


# --- what happens ----------------------------------------------------------------------------------------------------


async def death(server: ServerProcess, crowd: Crowd, planted: str) -> str:
    """Wait until the server dies of what was planted, or kill it; where it died."""
    if planted:
        with suppress(TimeoutError):
            assert await server.wait(POINT_S_MAX) == KILLED
            return place_of(planted)
    else:
        await asyncio.sleep(crowd.chance.uniform(0.5, LIFE_S_MAX))
    await server.kill()
    return ANY_MOMENT


async def dies_at_once(server: ServerProcess, planted: str) -> bool:
    """Start a life; whether it ended before it was ready."""
    try:
        await server.start([planted] if planted else [])
    except Died as died:
        if died.exit_code == KILLED:
            return True
        raise
    return False


def place_of(failpoint: str) -> str:
    return failpoint.partition("=")[0]


async def flush(stores: EmbeddedStores) -> None:
    """Valkey forgets everything."""
    async with aioredis.Redis.from_url(stores.redis_url) as redis:
        await redis.flushall()


async def kill_valkey(stores: EmbeddedStores) -> None:
    """It dies, and comes back empty."""
    os.kill(stores.redis_pid, signal.SIGKILL)
    await asyncio.sleep(1)


def report_journals(crowd: Crowd, date: Date, kills: int) -> None:
    """G-15 of one evening."""
    events, cuts = crowd.events, date.tally["cut"]
    needless = events["shown though of this epoch"]
    figure("G-15", "holes-and-repeats", f"{events['holes']}+{events['repeats']}", "0+0", ok=not crowd.findings)
    figure("G-15", "cuts", f"{cuts}+{kills}-kills", "-", ok=True)
    figure("G-15", "snapshots-with-history-intact", needless, "<=1%", ok=needless <= events["resumed"] / 100)
