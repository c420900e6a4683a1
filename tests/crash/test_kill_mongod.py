"""MongoDB is killed in the middle of transactions: what was acknowledged is there once, nothing is there by half.

``GREENROOM_KILLS`` raises the number of kills (G-7: 20 in CI, 200 before a release). Source: F-4, G-7.
"""

import asyncio
import os
import random
import signal
import statistics
import time
from typing import Final

import pytest

from adapters.clock import SystemClock, SystemRng, TaskSpawner
from adapters.embedded import EmbeddedStores
from engine.billing.ledger import Ledger
from engine.errors import StoreDown
from engine.metrics import Metrics
from engine.settings import Ledger as Options
from store.interfaces.ids import PersonId
from store.interfaces.ledger import Verdict
from tests.crash.load import QUICK, Load, at_rest, found_in, open_directly, outcomes, secrets_in
from tests.crash.processes import ServerProcess, figure, running_stores
from tests.support.fakes import RecordingLog
from tests.support.records import a_gift, a_grant, diamonds_of, points_of

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

KILLS: Final = max(20, int(os.environ.get("GREENROOM_KILLS", "20")))
UNDER_THE_SERVER: Final = (KILLS + 1) // 2
UNDER_THE_LEDGER: Final = KILLS - UNDER_THE_SERVER
MINUTE_MS: Final = 1_000
PAIRS: Final = 12
ACKNOWLEDGED_MIN: Final = 2_000
BACK_S_MAX: Final = 10.0
REST_S_MAX: Final = 20.0

SENDERS: Final = 20
DIAMONDS: Final = 1_000_000
MEI: Final = PersonId(99_999)


@pytest.mark.real_loop(deadline_s=60 + 12 * KILLS)
async def test_a_server_whose_mongod_is_killed_again_and_again_loses_nothing_and_charges_nothing_twice(tmp_path):
    chance = random.Random(KILLS)
    back_s: list[float] = []
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, billing__minute_ms=MINUTE_MS, **QUICK) as server,
    ):
        await server.start()
        async with Load(server, pairs=PAIRS) as load:
            for _ in range(UNDER_THE_SERVER):
                await asyncio.sleep(chance.uniform(0.2, 1.5))
                killed_at_s = await _kill(stores)
                back_s.append(await _money_again(load, killed_at_s))
                load.check()
            await load.finish()
            await load.read_bills_again()
            async with await open_directly(stores.mongo_uri, stores.redis_url) as opened:
                await at_rest(opened, REST_S_MAX)
                exit_code = await server.stop()
                found, now = await found_in(opened, load, minute_ms=MINUTE_MS)

    secrets = secrets_in(load, server.log)
    print(f"calls {dict(outcomes(now.calls))}; acknowledged {dict(load.tally.acknowledged)}")
    print(f"unanswered {load.tally.unanswered}; slowest {load.tally.slowest_s(0):.1f} s")
    figure("G-7", "kills-under-the-server", len(back_s), f">={UNDER_THE_SERVER}", ok=len(back_s) >= UNDER_THE_SERVER)
    figure("G-7", "acknowledged-by-the-server", load.tally.money, ">=1000", ok=load.tally.money >= 1_000)
    figure("G-7", "violations", len(found), "0", ok=not found)
    figure("G-7", "money-again-after-s", f"{statistics.median(back_s):.1f}", "<=5", ok=statistics.median(back_s) <= 5)
    assert found == []
    assert secrets == []
    assert exit_code == 0
    assert server.lives_count == 1
    assert load.tally.money >= ACKNOWLEDGED_MIN // 2


@pytest.mark.real_loop(deadline_s=60 + 6 * KILLS)
async def test_a_ledger_whose_mongod_is_killed_again_and_again_keeps_every_entry_it_acknowledged(tmp_path):
    chance = random.Random(KILLS)
    acknowledged: set[str] = set()
    async with (
        running_stores(tmp_path / "stores") as stores,
        await open_directly(stores.mongo_uri, stores.redis_url) as opened,
    ):
        log = RecordingLog()
        spawn = TaskSpawner(log)
        ledger = Ledger(
            opened.ledger,
            Options(),
            clock=SystemClock(),
            rng=SystemRng(),
            spawn=spawn,
            log=log,
            metrics=Metrics(),
        )
        guests = [PersonId(10_001 + number) for number in range(SENDERS)]
        for guest in guests:
            await ledger.post(a_grant(guest, DIAMONDS))
        sending = [asyncio.create_task(_give(ledger, guest, acknowledged)) for guest in guests]
        for _ in range(UNDER_THE_LEDGER):
            before = len(acknowledged)
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            await _kill(stores)
            async with asyncio.timeout(BACK_S_MAX):
                while len(acknowledged) < before + SENDERS:
                    await asyncio.sleep(0.02)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        await spawn.drain(deadline_ms=10_000)

        audit = await opened.ledger.audit()
        kept = {
            entry.id for guest in guests for entry in await opened.ledger.entries_of(diamonds_of(guest), limit=10**6)
        }
        points = await opened.ledger.balance_of(points_of(MEI))

    lost = acknowledged - kept
    gifts = len(kept) - SENDERS
    figure("G-7", "kills-under-the-ledger", UNDER_THE_LEDGER, f">={UNDER_THE_LEDGER}", ok=True)
    figure("G-7", "acknowledged-by-the-ledger", len(acknowledged), ">=1000", ok=len(acknowledged) >= 1_000)
    figure("G-7", "lost", len(lost), "0", ok=not lost)
    assert lost == set()
    assert audit.findings == ()
    assert points.amount == gifts
    assert len(acknowledged) >= ACKNOWLEDGED_MIN // 2


async def _give(ledger: Ledger, guest: PersonId, acknowledged: set[str]) -> None:
    """Give Mei one diamond after the other, each until it is known to have been given; once in a while twice."""
    number = 0
    while True:
        number += 1
        gift = a_gift(guest, MEI, 1, f"{number}")
        while True:
            try:
                outcome = await ledger.post(gift)
            except StoreDown:
                await asyncio.sleep(0.02)
            else:
                break
        assert outcome.verdict in (Verdict.POSTED, Verdict.ALREADY)
        acknowledged.add(gift.id)
        if number % 10 == 0:
            assert (await ledger.post(gift)).verdict is Verdict.ALREADY


async def _kill(stores: EmbeddedStores) -> float:
    """Kill mongod, and return when its supervisor has noticed; when it was (monotonic)."""
    pid = stores.mongo_pid
    os.kill(pid, signal.SIGKILL)
    killed_at_s = time.monotonic()
    async with asyncio.timeout(BACK_S_MAX):
        while stores.mongo_pid == pid:
            await asyncio.sleep(0.01)
    return killed_at_s


async def _money_again(load: Load, killed_at_s: float) -> float:
    """How long after the kill money moved again; the first move after it may have been under way before."""
    async with asyncio.timeout(2 * BACK_S_MAX):
        while load.tally.money_since(killed_at_s + 0.3) < 1:
            await asyncio.sleep(0.02)
    return load.tally.money_at_s[-1] - killed_at_s
