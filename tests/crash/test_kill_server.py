"""The server is killed under load, at any moment and at named points, and nothing that was told is lost or done twice.

``GREENROOM_KILLS`` raises the number of kills (G-4: 25 in CI, 500 before a release). Source: F-1, F-2, G-4, G-5, G-26.
"""

import asyncio
import itertools
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from tests.crash.load import QUICK, Load, at_rest, found_in, open_directly, outcomes, secrets_in
from tests.crash.processes import Died, ServerProcess, figure, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

KILLS: Final = max(25, int(os.environ.get("GREENROOM_KILLS", "25")))
MINUTE_MS: Final = 2_000
PAIRS: Final = 12
LIFE_S: Final = 1.0  # On average, of lives that end at any moment.
POINT_S_MAX: Final = 10.0
KILLED: Final = -9

POINTS: Final = (
    # Minute 1 of a call that waits for it, a gift, a recharge: in one batch as it comes.
    "ledger.post.before=kill@40",
    "ledger.post.after=kill@40",
    "calls.add.before=kill@3",
    "calls.add.after=kill@3",
    "calls.save.before=kill@8",
    "calls.save.after=kill@8",
    # These two at the start of a life, with calls of the last one to take over.
    "calls.claim.before=kill@2",
    "calls.claim.after=kill@2",
    "leases.renew.before=kill@2",
    "leases.renew.after=kill@2",
    "ledger.fold.before=kill@2",
    "ledger.fold.after=kill@2",
    "ledger.unsent.after=kill@10",
    "ledger.sent.before=kill@10",
    "ledger.sent.after=kill@10",
    "orders.add.after=kill@2",
    "orders.announced.before=kill@2",
    "orders.announced.after=kill@2",
    "rooms.add.after=kill@1",
    "rooms.save.before=kill@1",
    "rooms.save.after=kill@1",
)
"""Where a life ends by itself: so many kills at least, the others fall at any moment."""

ANY_MOMENT: Final = "any moment"
REST_S_MAX: Final = 15.0


@pytest.mark.real_loop(deadline_s=60 + 12 * KILLS)
async def test_a_server_that_is_killed_again_and_again_loses_nothing_and_charges_nothing_twice(tmp_path):
    chance = random.Random(KILLS)
    died_at: Counter[str] = Counter()
    served_s = 0.0
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, billing__minute_ms=MINUTE_MS, **QUICK) as server,
    ):
        await server.start()
        async with Load(server, pairs=PAIRS) as load:
            await asyncio.sleep(LIFE_S)
            await server.kill()
            died_at[ANY_MOMENT] += 1

            for failpoint in _failpoints(chance):
                ended_at, lived_s = await _one_life(server, failpoint, lasts_s=chance.uniform(0, 2 * LIFE_S))
                died_at[ended_at] += 1
                served_s += lived_s
                load.check()
            await server.start()
            await load.finish()
            await load.read_bills_again()
            async with await open_directly(stores.mongo_uri, stores.redis_url) as opened:
                await at_rest(opened, REST_S_MAX)
                exit_code = await server.stop()
                found, now = await found_in(opened, load, minute_ms=MINUTE_MS)

    kills = sum(died_at.values())
    points = len(died_at.keys() - {ANY_MOMENT})
    money_a_second = load.tally.money / (served_s + LIFE_S)
    back_s = statistics.median(server.ready_s)
    secrets = secrets_in(load, server.log)
    print(f"killed at {dict(died_at)}; calls {dict(outcomes(now.calls))}")
    print(f"acknowledged {dict(load.tally.acknowledged)}; unanswered {load.tally.unanswered}")
    figure("G-4", "kills-of-the-server", f"{kills}@{points}", ">=25@12", ok=kills >= KILLS and points >= 12)
    figure("G-4", "money-requests-a-second", round(money_a_second), ">=50", ok=money_a_second >= 50)
    figure("G-4", "violations", len(found), "0", ok=not found)
    figure("G-5", "ready-after-kill-s", f"{back_s:.1f}", "<=3", ok=back_s <= 3)
    figure("G-26", "secrets-in-logs", len(secrets), "0", ok=not secrets)
    assert found == []
    assert secrets == []
    assert exit_code == 0
    assert kills >= KILLS
    assert points >= 12
    assert money_a_second >= 50


def _failpoints(chance: random.Random) -> Iterator[str]:
    """One for each life, "" for a life that ends at any moment: a third of them, and no two in a row."""
    points = itertools.cycle(chance.sample(POINTS, len(POINTS)))
    for number in range(1, KILLS):
        yield next(points) if number % 3 else ""


async def _one_life(server: ServerProcess, failpoint: str, *, lasts_s: float) -> tuple[str, float]:
    """Start the server and see it die; returns where, and for how long it had served."""
    try:
        await server.start([failpoint] if failpoint else [])
    except Died as death:
        # The point lies at the start, where calls of the last life are taken over.
        if death.exit_code == KILLED:
            return failpoint.partition("=")[0], 0.0
        raise
    began_s = time.monotonic()
    if failpoint:
        with suppress(TimeoutError):
            assert await server.wait(POINT_S_MAX) == KILLED
            return failpoint.partition("=")[0], time.monotonic() - began_s
    else:
        await asyncio.sleep(lasts_s)
    await server.kill()
    return ANY_MOMENT, time.monotonic() - began_s
