"""A room under as many people as it may have, over the real server: what no crash test has the time for.

::

    python -m tests.bench.rooms            # all of these, one after the other
    python -m tests.bench.rooms story      # an evening of minutes with a thousand viewers and three deaths
    python -m tests.bench.rooms cuts       # G-15: a thousand clients, cut off twenty times, two of them by a death
    python -m tests.bench.rooms stampede   # G-16: ten thousand sockets, cut at once
    python -m tests.bench.rooms deaf       # G-17: two hundred who never read
    python -m tests.bench.rooms silent     # G-18: fifty whose lines are dead without a word

Settings are the usual ones, but for how many may come from one address where that says so. Everybody is in this
process, the server and its stores are in theirs. The load of the machine stands beside the figures.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.bench.common import cpu_seconds, keep, resident_bytes
from tests.crash.client import HttpClient, NoAnswer
from tests.crash.crowd import Crowd, Frame, Viewer
from tests.crash.date import Agreed, Date
from tests.crash.load import at_rest, open_directly
from tests.crash.processes import ServerProcess, running_stores
from tests.support.reliability import report

KILLED: Final = -9
PROBES_PER_S: Final = 50

STORY_PEOPLE: Final = 1_000
STORY_PART_S: Final = 65.0
GRACE_S_MAX: Final = 40.0
"""Whoever went out as the server died: his grace, a sweep, and some."""
CUTS: Final = 20
CUT_S: Final = 1.0
"""By then the server knows of every line that it is cut."""
STAMPEDE_PEOPLE: Final = 10_000
READERS: Final = 800
DEAF: Final = 200
TOLD_BYTES: Final = 10_000_000
SPEAKERS: Final = 10
SAID_PER_S: Final = 8.0
TEXT: Final = "话" * 900
SILENT: Final = 50
PING_S: Final = 25.0
STILL_HERE: Final = 150

Figures = dict[str, Any]


@asynccontextmanager
async def evening(
    viewers: int, *, pace: float, pause_s_max: float, audience_max: int = 10_000
) -> AsyncIterator[tuple[ServerProcess, Date, str]]:
    """A server, a date on it that has begun, and where its MongoDB is to be found (with its Valkey behind a space)."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_stores(Path(folder) / "stores") as stores,
            ServerProcess(Path(folder) / "server", stores, rooms__audience_max=audience_max) as server,
        ):
            await server.start()
            date = Date(server, Crowd(lambda: server.http_port, pause_s_max=pause_s_max), pace=pace)
            try:
                await date.begin(viewers)
                yield server, date, f"{stores.mongo_uri} {stores.redis_url}"
            finally:
                await date.close()


async def ended(date: Date, stores: str) -> list[str]:
    """Let her end her live; whatever is wrong."""
    await date.end()
    async with await open_directly(*stores.split(" ")) as opened:
        await at_rest(opened, 30)
        return [*date.crowd.findings, *await date.money_found(opened)]


def p99(figures: list[float]) -> float:
    """What only one in a hundred exceeds."""
    return statistics.quantiles(figures, n=100)[98]


# --- the evening -----------------------------------------------------------------------------------------------------


async def story() -> Figures:
    """Minutes of joins, drops, seats and gifts; three deaths, one of them between told and marked."""
    agreed: list[Agreed] = []
    lost: list[str] = []
    async with evening(STORY_PEOPLE, pace=0.6, pause_s_max=4.0) as (server, date, stores):
        await date.agreed(60)
        began_s, began_cpu_s = time.monotonic(), cpu_seconds(server.pid)
        date.go_on()
        await asyncio.sleep(STORY_PART_S)
        cpu_percent = 100 * (cpu_seconds(server.pid) - began_cpu_s) / (time.monotonic() - began_s)
        # The last but one ends by itself, between told and marked as told.
        for planted in ("", "ledger.sent.before=kill@400", ""):
            await server.kill()
            date.hold()
            await server.start([planted] if planted else [])
            lost += await date.kept()
            agreed.append(await date.agreed(30, is_right_s=GRACE_S_MAX))
            await date.read_up()
            date.go_on()
            with suppress(TimeoutError):
                await server.wait(STORY_PART_S)
        date.hold()
        agreed.append(await date.agreed(30, is_right_s=GRACE_S_MAX))
        lasted_s = time.monotonic() - began_s
        found = await ended(date, stores)
    events = date.crowd.events
    alike_s, right_s = (max(times) for times in zip(*agreed, strict=True))
    report(
        "story",
        ("people", len(date.crowd.viewers), f">={STORY_PEOPLE}", True),
        ("seconds", round(lasted_s), ">=180", lasted_s >= 180),
        ("holes-and-repeats", f"{events['holes']}+{events['repeats']}", "0+0", not date.crowd.findings),
        ("counts-and-seats-equal-after-s", f"{alike_s:.1f}", "<=10", alike_s <= 10),
        ("counts-right-after-s", f"{right_s:.1f}", f"<=grace={GRACE_S_MAX:.0f}", right_s <= GRACE_S_MAX),
        ("seats-and-sanctions-lost", len(lost), "0", not lost),
        ("coins-astray", len(found), "0", not found),
    )
    return {
        "people": len(date.crowd.viewers),
        "seconds": lasted_s,
        "equal and right after, s": agreed,
        "ready_s": server.ready_s,
        "server_cpu_percent": cpu_percent,
        "clients": dict(events),
        "tally": dict(date.tally),
        "lost": lost,
        "found": found,
    }


# --- G-15 ------------------------------------------------------------------------------------------------------------


async def cuts() -> Figures:
    """Everybody is cut off again and again while the room is told things; twice the server dies."""
    back_s: list[float] = []
    kills = 0
    async with evening(STORY_PEOPLE, pace=1.0, pause_s_max=4.0) as (server, date, stores):
        crowd = date.crowd
        await date.agreed(60)
        date.go_on()
        for number in range(1, CUTS + 1):
            await asyncio.sleep(1.0)
            began_s = time.monotonic()
            if number % (CUTS // 2) == 0:
                kills += 1
                await server.kill()
                await server.start()
            else:
                for viewer in crowd.chance.sample(crowd.viewers, len(crowd.viewers)):
                    viewer.cut()
                    if crowd.chance.random() < 0.01:
                        await asyncio.sleep(0.01)
            async with asyncio.timeout(60):
                while crowd.missing:
                    date.check()
                    await asyncio.sleep(0.05)
            back_s.append(time.monotonic() - began_s)
            if server.lives_count > 1:
                await date.read_up()
        date.hold()
        await date.agreed(30, is_right_s=GRACE_S_MAX)
        found = await ended(date, stores)
    events = crowd.events
    needless, came_back = events["shown though of this epoch"], events["shown"] + events["resumed"]
    report(
        "G-15",
        ("clients-times-cuts", f"{len(crowd.viewers)}x{CUTS}", f"{STORY_PEOPLE}x20", True),
        ("holes", events["holes"], "0", not events["holes"]),
        ("repeats", events["repeats"], "0", not events["repeats"]),
        ("snapshots-with-history-intact", needless, f"<=1%-of-{came_back}", needless <= came_back / 100),
        ("found", len(found), "0", not found),
    )
    return {
        "clients": dict(events),
        "back_s": back_s,
        "kills": kills,
        "tally": dict(date.tally),
        "found": found,
        "stories": len(crowd.story),
    }


# --- G-16 ------------------------------------------------------------------------------------------------------------


async def stampede() -> Figures:
    """All are cut at one moment, and come back as the protocol says."""
    async with evening(STAMPEDE_PEOPLE, pace=0.1, pause_s_max=20.0, audience_max=11_000) as (server, date, _):
        crowd = date.crowd
        signed_in_bytes = resident_bytes(server.pid)
        first_s = await _all_in(crowd, 240)
        await asyncio.sleep(5)
        open_bytes = resident_bytes(server.pid)
        sockets = len(crowd.inside)
        date.go_on()
        await asyncio.sleep(5)
        calm = await _probed(server, asyncio.sleep(10))
        shown_before, resumed_before = crowd.events["shown"], crowd.events["resumed"]
        began_s = 0.0

        async def cut_and_come_back() -> None:
            nonlocal began_s
            began_s = time.monotonic()
            for viewer in crowd.viewers:
                viewer.cut()
            await asyncio.sleep(CUT_S)
            await _all_in(crowd, 240)

        used_s = cpu_seconds(server.pid)
        lag = await _probed(server, cut_and_come_back())
        load = os.getloadavg()[0]
        used_s = cpu_seconds(server.pid) - used_s
        back_s = sorted(viewer.in_at_s - began_s for viewer in crowd.inside)
        date.hold()
        resumed = crowd.events["resumed"] - resumed_before
        shown = crowd.events["shown"] - shown_before
        agreed = await date.agreed(60, is_right_s=60)
        peak_bytes = resident_bytes(server.pid)
        found = crowd.findings
    kib = (open_bytes - signed_in_bytes) / sockets / 1024
    report(
        "G-16",
        ("sockets", sockets, f">={STAMPEDE_PEOPLE}", sockets >= STAMPEDE_PEOPLE),
        ("all-back-s", f"{back_s[-1]:.1f}", "<=30", back_s[-1] <= 30),
        ("resumed", f"{resumed}/{resumed + shown}", "all", not shown),
        ("loop-lag-p99-ms", round(p99(lag)), "<=250", p99(lag) <= 250),
        ("kib-per-socket", f"{kib:.1f}", "<=40", kib <= 40),
        ("found", len(found), "0", not found),
    )
    return {
        "sockets": sockets,
        "first_in_s": first_s,
        "back_s": {"p50": statistics.median(back_s), "p99": p99(back_s), "last": back_s[-1]},
        "healthz_ms": {"calm_p99": p99(calm), "p50": statistics.median(lag), "p99": p99(lag), "max": max(lag)},
        "probes": len(lag),
        "server_cpu_s": used_s,
        "load_meanwhile": load,
        "resumed": resumed,
        "shown": shown,
        "counts_right_after_s": agreed.right_s,
        "kib_per_socket": kib,
        "rss_mib": {"signed in": signed_in_bytes / 2**20, "open": open_bytes / 2**20, "after": peak_bytes / 2**20},
        "found": found,
    }


async def _all_in(crowd: Crowd, deadline_s: float) -> float:
    began_s = time.monotonic()
    async with asyncio.timeout(deadline_s):
        while crowd.missing:
            crowd.check()
            await asyncio.sleep(0.1)
    return time.monotonic() - began_s


async def _probed(server: ServerProcess, work: Any) -> list[float]:
    """How long ``/healthz`` takes while something is done, in milliseconds; asked by a process of its own."""
    prober = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.rooms", "probe", str(server.http_port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert prober.stdout is not None
    await prober.stdout.readline()
    await work
    answer, _ = await prober.communicate(b"\n")
    taken: list[float] = json.loads(answer)
    return taken


async def probe(port: int) -> list[float]:
    """Ask over a kept connection until somebody says stop."""
    took_ms: list[float] = []
    client = HttpClient(lambda: port)
    stopped = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await client.get("/healthz")
    print("ready", flush=True)
    while not stopped.done():
        began_s = time.monotonic()
        try:
            took_ms.append((await client.get("/healthz")).took_s * 1e3)
        except NoAnswer:
            took_ms.append(float("inf"))
        await asyncio.sleep(max(0.0, began_s + 1 / PROBES_PER_S - time.monotonic()))
    await client.close()
    return took_ms


# --- G-17 ------------------------------------------------------------------------------------------------------------


async def deaf() -> Figures:
    """The same told to readers alone, and with those beside them who never read."""
    alone, beside = await _told(0), await _told(DEAF)
    extra_mib = beside["grown_mib"] - alone["grown_mib"]
    times = beside["p99_ms"] / alone["p99_ms"]
    report(
        "G-17",
        ("never-read", DEAF, "200", True),
        ("told-mb", f"{beside['told_mb']:.1f}", ">=10", beside["told_mb"] >= 10),
        ("rss-mib", f"+{extra_mib:.0f}", "<=64", extra_mib <= 64),
        ("closed-with-4008", beside["closed"], f"{DEAF}", beside["closed"] == DEAF),
        ("closed-after-s", f"{beside['closed_after_s']:.1f}", "<=11", beside["closed_after_s"] <= 11),
        ("p99-of-others-times", f"{times:.2f}", "<=1.5", times <= 1.5),
    )
    return {"alone": alone, "beside": beside}


async def _told(deaf_count: int) -> Figures:
    heard_s: list[float] = []
    said_at_s: dict[str, float] = {}

    def hear(_viewer: Viewer, frame: Frame) -> None:
        if frame.kind == "message":
            heard_s.append(time.monotonic() - said_at_s[frame.content.partition(" ")[0]])

    async with evening(READERS + deaf_count, pace=0.1, pause_s_max=20.0) as (server, date, _):
        crowd = date.crowd
        sleepers = date.plain[:deaf_count]
        for viewer in sleepers:
            viewer.is_deaf = True
        await _all_in(crowd, 60)
        await asyncio.sleep(5)
        before_bytes = most_bytes = resident_bytes(server.pid)
        crowd.on_frame = hear
        speakers = date.plain[-SPEAKERS:]
        began_s, closed_after_s, closed, told_bytes, number = time.monotonic(), 0.0, 0, 0, 0
        while told_bytes < TOLD_BYTES:
            number += 1
            speaker = speakers[number % SPEAKERS]
            said_at_s[str(number)] = time.monotonic()
            assert speaker.line is not None
            speaker.line.say(type="message", content=f"{number} {TEXT}")
            told_bytes = sum(len(f.payload) for f in crowd.story.values()) if number % 100 == 0 else told_bytes
            await asyncio.sleep(max(0.0, began_s + number / SPEAKERS / SAID_PER_S - time.monotonic()))
            if number % 20 == 0:
                most_bytes = max(most_bytes, resident_bytes(server.pid))
                closed = server.log.count('"code": 4008')
                if deaf_count and closed == deaf_count and not closed_after_s:
                    closed_after_s = time.monotonic() - began_s
        lasted_s = time.monotonic() - began_s
        async with asyncio.timeout(30):
            while len({viewer.place for viewer in crowd.inside if not viewer.is_deaf}) > 1:
                await asyncio.sleep(0.05)
        assert crowd.findings == []
    return {
        "told_mb": told_bytes / 1e6,
        "seconds": lasted_s,
        "deliveries": len(heard_s),
        "p50_ms": statistics.median(heard_s) * 1e3,
        "p99_ms": p99(heard_s) * 1e3,
        "grown_mib": (most_bytes - before_bytes) / 2**20,
        "closed": closed,
        "closed_after_s": closed_after_s,
    }


# --- G-18 ------------------------------------------------------------------------------------------------------------


async def silent() -> Figures:
    """Lines that are dead without a word: nobody answers a ping any more, and nobody has hung up."""
    gone_s: list[float] = []
    async with evening(SILENT + STILL_HERE, pace=0.2, pause_s_max=20.0) as (_, date, _stores):
        crowd = date.crowd
        await date.agreed(30)
        silent_at_s: dict[str, float] = {}
        # Everybody was pinged at the same moment; that is as long ago for each as it happens to be.
        for viewer in date.plain[:SILENT]:
            assert viewer.line is not None
            viewer.line.pause()
            silent_at_s[viewer.person.id] = time.monotonic()
            await asyncio.sleep(PING_S / SILENT)
        async with asyncio.timeout(120):
            while silent_at_s:
                await asyncio.sleep(0.2)
                for person_id, began_s in tuple(silent_at_s.items()):
                    if not await date.standing_of(person_id):
                        gone_s.append(time.monotonic() - began_s)
                        del silent_at_s[person_id]
        gone_s.sort()
        for viewer in date.plain[:SILENT]:
            viewer.cut()
        assert crowd.findings == []
    report(
        "G-18",
        ("half-open", SILENT, "50", True),
        ("first-gone-after-s", f"{gone_s[0]:.1f}", "-", True),
        ("all-gone-after-s", f"{gone_s[-1]:.1f}", "<=60", gone_s[-1] <= 60),
    )
    return {"first_s": gone_s[0], "median_s": statistics.median(gone_s), "last_s": gone_s[-1]}


PARTS: Final[dict[str, Callable[[], Any]]] = {
    "story": story,
    "cuts": cuts,
    "stampede": stampede,
    "deaf": deaf,
    "silent": silent,
}


def main(name: str) -> None:
    load_before = os.getloadavg()
    figures = asyncio.run(PARTS[name]())
    load = {"before": load_before, "after": os.getloadavg()}
    print(json.dumps({**figures, "load": load}, indent=1, ensure_ascii=False))
    keep(f"rooms_{name}", {**figures, "load": load})


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        print(json.dumps(asyncio.run(probe(int(sys.argv[2])))))
    else:
        for part in sys.argv[1:] or PARTS:
            main(part)
