"""What 100,000 running minutes cost. Run: ``python -m tests.bench.meters``.

Every meter is an actor's alarm of one minute that sets the next one when it rings, as a call does; starts are spread.
Goals: at most 2 % of a core, late by at most 100 ms at the 99th percentile, at most 300 bytes each. The alarms alone
(refs that only count) are measured beside the whole (mailbox, task, turn), so that one sees where the time goes.
"""

import argparse
import asyncio
import gc
import statistics
import tracemalloc
from typing import Final, NamedTuple

from adapters.clock import SystemClock, TaskSpawner
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.actors.directory import Directory
from engine.actors.supervisor import Supervisor
from engine.greenroom import ALARM_TICK_MS
from tests.bench.common import cpu_seconds, keep, pin
from tests.support.fakes import RecordingLog

MINUTE_MS: Final = 60_000
SETTLING_MS: Final = 2_000  # After a hundred thousand starts the loop has to catch its breath.


class Cost(NamedTuple):
    """Share of one core, everything included, and how late, in milliseconds."""

    core_percent: float
    late_ms_p50: float
    late_ms_p99: float
    rung_count: int


class Meter(Actor):
    """Sets its next alarm from its own start, and writes down how late it heard of this one."""

    __slots__ = ("alarms", "clock", "due_mono_ms", "late")

    def __init__(self, alarms: AlarmClock, clock: SystemClock, due_mono_ms: int, late: list[int]) -> None:
        self.alarms = alarms
        self.clock = clock
        self.due_mono_ms = due_mono_ms
        self.late = late

    async def started(self) -> None:
        self.alarms.set(self.due_mono_ms, self.ref, "due")

    async def receive(self, message: object) -> object:
        self.late.append(self.clock.mono_ms() - self.due_mono_ms)
        self.due_mono_ms += MINUTE_MS
        self.alarms.set(self.due_mono_ms, self.ref, message)
        return None


class CountingRef:
    """What an alarm needs of a ref, and nothing behind it."""

    __slots__ = ("alarms", "clock", "due_mono_ms", "late", "ring_again")

    is_alive = True

    def __init__(self, alarms: AlarmClock, clock: SystemClock, due_mono_ms: int, late: list[int]) -> None:
        self.alarms = None
        self.ring_again = alarms
        self.clock = clock
        self.due_mono_ms = due_mono_ms
        self.late = late

    def tell(self, message: object) -> None:
        self.late.append(self.clock.mono_ms() - self.due_mono_ms)
        self.due_mono_ms += MINUTE_MS
        self.ring_again.set(self.due_mono_ms, self, message)  # type: ignore[arg-type]


async def cost(*, count: int, length_ms: int, tick_ms: int, with_actors: bool) -> Cost:
    clock, log = SystemClock(), RecordingLog()
    alarms = AlarmClock(clock, tick_ms=tick_ms)
    late: list[int] = []
    first_mono_ms = clock.mono_ms() + 5_000 + count // 10
    kept: list[CountingRef] = []
    directory: Directory[int] = Directory(
        supervisor=Supervisor("meter", clock=clock, log=log), clock=clock, spawn=TaskSpawner(log)
    )
    for number in range(count):
        due_mono_ms = first_mono_ms + number * MINUTE_MS // count
        if with_actors:
            meter = Meter(alarms, clock, due_mono_ms, late)

            async def make(meter: Meter = meter) -> Actor:
                return meter

            await directory.spawn(number, make)
        else:
            kept.append(CountingRef(alarms, clock, due_mono_ms, late))
            alarms.set(due_mono_ms, kept[-1], "due")  # type: ignore[arg-type]
    gc.collect()
    gc.freeze()  # As a server does after its start; a hundred thousand old objects are no news.
    await clock.sleep(max(0, first_mono_ms - clock.mono_ms()) + SETTLING_MS)
    late.clear()
    used_s, began_ms = cpu_seconds(), clock.mono_ms()
    await clock.sleep(length_ms)
    used_s, passed_ms = cpu_seconds() - used_s, clock.mono_ms() - began_ms
    gc.unfreeze()
    quantiles = statistics.quantiles(late, n=100)
    return Cost(used_s * 100_000 / passed_ms, quantiles[49], quantiles[98], len(late))


async def bytes_per_alarm(count: int) -> float:
    """The alarm and its entry, with a due time of its own and a shared message."""
    clock, log = SystemClock(), RecordingLog()
    alarms = AlarmClock(clock)
    directory: Directory[int] = Directory(
        supervisor=Supervisor("meter", clock=clock, log=log), clock=clock, spawn=TaskSpawner(log)
    )

    async def make() -> Actor:
        return Actor()

    refs = [await directory.spawn(number, make) for number in range(count)]
    start_mono_ms = clock.mono_ms() + 10 * MINUTE_MS
    gc.collect()
    tracemalloc.start()
    for number, ref in enumerate(refs):
        alarms.set(start_mono_ms + number, ref, "due")
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    await directory.stop_all()
    assert len(alarms) == 0
    return used / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--length-ms", type=int, default=20_000, help="how long to look, at most a minute")
    parser.add_argument("--tick-ms", type=int, default=ALARM_TICK_MS)
    given = parser.parse_args()
    pin(1)
    result: dict[str, object] = {"count": given.count, "tick_ms": given.tick_ms}
    for name, with_actors in (("alarms alone", False), ("alarms and turns of actors", True)):
        figures = asyncio.run(
            cost(count=given.count, length_ms=given.length_ms, tick_ms=given.tick_ms, with_actors=with_actors)
        )
        print(
            f"{name:28} {figures.core_percent:6.2f} % of a core, late p50 {figures.late_ms_p50:.0f} ms,"
            f" p99 {figures.late_ms_p99:.0f} ms, {figures.rung_count} rang"
        )
        result[name] = figures._asdict()
    weight = asyncio.run(bytes_per_alarm(given.count))
    print(f"{'one alarm':28} {weight:6.0f} bytes")
    keep("meters", {**result, "bytes_per_alarm": round(weight)})


if __name__ == "__main__":
    main()
