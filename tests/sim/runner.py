"""Runs seeds: one, or thousands on all cores, and says what they have seen.

A seed has two phases. In the first everything may fail; in the second nothing does, and all must come to rest within
``SETTLE_MS_MAX``. What does not hold is reported with all that is needed to see it again: seed, options, last events.

``python -m tests.sim.runner WHAT FIRST COUNT STEP`` is one worker; it answers in JSON.
"""

import dataclasses
import gc
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.sim import oracle
from tests.sim.dates import Dates
from tests.sim.faults import Swarm
from tests.sim.mutants import MUTANTS
from tests.sim.room_mutants import ROOM_MUTANTS
from tests.sim.shows import Site
from tests.sim.site_mutants import SITE_MUTANTS
from tests.sim.workload import People
from tests.sim.world import World
from tests.support import virtual_loop

__all__ = ["Found", "Result", "Tally", "find_mutants", "run_seed", "run_seeds", "trace_hashes"]

SETTLE_MS_MAX: Final = 240_000
LENGTH_MS_MAX: Final = 3_600_000
CHECKS_COUNT: Final = 4
WORKERS_COUNT: Final = min(2, os.cpu_count() or 1)
WORKER_LENGTH_S_MAX: Final = 1_500
FAILURES_MAX: Final = 5
"""A worker that has seen so many need not go on."""

ROOT: Final = Path(__file__).parents[2]


@dataclass(slots=True)
class Result:
    """What one seed did."""

    seed: int
    swarm: Swarm
    violation: str | None = None
    lines: tuple[str, ...] = ()
    trace_hash: str = ""
    virtual_ms: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        """Everything to see a failure again."""
        events = "\n".join(self.lines)
        return (
            f"seed {self.seed}: {self.violation}\n\nit drew {self.swarm.describe()}\n\nthe last events:\n{events}\n\n"
            f"again: pytest tests/sim --seed={self.seed} --sim-trace"
        )


@dataclass(slots=True)
class Tally:
    """What many seeds did."""

    seeds_count: int = 0
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)
    virtual_ms: int = 0
    worked_s: float = 0.0
    """Time of the processors, so that a machine that does other things as well tells the same."""

    def add(self, result: Result) -> None:
        """Take one seed in."""
        self.seeds_count += 1
        self.counts.update(result.counts)
        self.rare.update(result.rare)
        self.virtual_ms += result.virtual_ms
        if result.violation is not None:
            self.failures.append(result.report())

    def merge(self, other: dict[str, Any]) -> None:
        """Take a worker's tally in."""
        self.seeds_count += other["seeds_count"]
        self.failures += other["failures"]
        self.counts.update(other["counts"])
        self.rare.update(other["rare"])
        self.virtual_ms += other["virtual_ms"]
        self.worked_s += other["worked_s"]

    @property
    def virtual_hours(self) -> float:
        """How long all worlds together lived."""
        return self.virtual_ms / 3_600_000

    @property
    def seeds_per_core_second(self) -> float:
        """How fast one core goes through seeds."""
        return self.seeds_count / self.worked_s

    def describe(self) -> str:
        """The run at a glance, and every count."""
        glance = (
            f"{self.seeds_count} seeds, {len(self.failures)} violations, {self.virtual_hours:.0f} virtual hours,"
            f" {self.counts.total()} faults, {self.seeds_per_core_second:.1f} seeds/s per core"
        )
        lines = [
            glance,
            *(f"  fault      {kind:<42} {count:>8}" for kind, count in sorted(self.counts.items())),
            *(f"  sometimes  {state:<42} {count:>8}" for state, count in sorted(self.rare.items())),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Found:
    """How a planted bug was found, after how many seeds in which it can show; ``seeds_count`` is 0 when it was not."""

    name: str
    seeds_count: int
    violation: str


async def _live(world: World) -> None:
    """Both phases of one seed; ends early when something does not hold."""
    swarm = world.swarm
    people, dates, site = People(world), Dates(world), Site(world)
    for name in world.nodes:
        world.begin(world.boot(name))
    for arriving in (people.arrive(), dates.arrive(), site.arrive()):
        await world.until(world.begin(arriving))
    people.begin()
    dates.begin()
    site.begin()
    for _ in range(CHECKS_COUNT):
        await world.wait_unless_broken(swarm.length_ms // CHECKS_COUNT)
        world.check()
    people.leave()
    dates.leave()
    site.leave()
    world.calm_down()
    await world.wait_unless_broken(12_000)  # What was asked last is answered by now, or never.
    await _settle(world)
    await _hang_up_everything(world, people)
    await dates.fade()
    await site.fade()
    await _settle(world)
    if world.violation is not None:
        return
    world.check(is_settled=True)
    if world.database.live_call_of:
        world.break_off(f"INV-22: calls {sorted(set(world.database.live_call_of.values()))} never end")
    for finding in (*world.rooms.settled(), *world.site.settled()):
        world.break_off(finding)
    for finding in oracle.judge(world.truth, world.snapshot(), swarm):
        world.break_off(finding)
    if world.violation is None:
        await world.close()
        world.check(is_settled=True)


async def _settle(world: World) -> None:
    """Wait until everything has come to rest, which it must."""
    waited_ms = 0
    while world.violation is None and (why := world.unsettled()):
        if waited_ms >= SETTLE_MS_MAX:
            world.break_off(why)
            return
        await world.wait_unless_broken(2_000)
        waited_ms += 2_000


async def _hang_up_everything(world: World, people: People) -> None:
    """Operators end what people left behind."""
    for call_id in sorted(set(world.database.live_call_of.values())):
        if world.violation is None:
            await people.end_call(call_id)


def run_seed(
    seed: int, *, is_traced: bool = False, mutant: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> Result:
    """Run one seed to its end, or to the first thing that does not hold."""
    swarm = Swarm.draw(random.Random(f"{seed} swarm"))
    result = Result(seed, swarm)

    async def main() -> None:
        world = World(seed, swarm, is_traced=is_traced)
        try:
            await _live(world)
        finally:
            result.violation = world.violation
            result.lines = tuple(world.lines)
            result.trace_hash = world.trace_hash()
            result.virtual_ms = world.now_ms
            result.counts = world.counts
            result.rare = world.rare
            world.retire()

    with mutant():
        try:
            virtual_loop.run(main(), length_ms_max=LENGTH_MS_MAX)
        except virtual_loop.DeadlockError as error:
            result.violation = result.violation or f"INV-22: {error}"
    return result


# --- many seeds, on all cores --------------------------------------------------------------------------------------


def run_seeds(seeds: Sequence[int]) -> Tally:
    """Run all of them and add up what they did."""
    tally = Tally()
    for answer in _work("seeds", seeds):
        tally.merge(answer)
    return tally


def trace_hashes(seeds: Sequence[int], *, hash_seed: int) -> list[str]:
    """The hash of each seed's trace, from a process with its own ``PYTHONHASHSEED``."""
    (answer,) = _work("hashes", seeds, workers_count=1, hash_seed=hash_seed)
    return list(answer["hashes"])


def find_mutants(seeds: Sequence[int]) -> list[Found]:
    """Look for every planted bug, until it is found or the seeds are used up."""
    found = {item["name"]: Found(**item) for answer in _work("mutants", seeds) for item in answer["found"]}
    return [found[name] for name in MUTANTS]


def _work(
    what: str, seeds: Sequence[int], *, workers_count: int = WORKERS_COUNT, hash_seed: int | None = None
) -> list[dict[str, Any]]:
    """Have workers do it side by side, each its share."""
    hashing = {} if hash_seed is None else {"PYTHONHASHSEED": str(hash_seed)}
    environment = {**os.environ, **hashing, "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.sim.runner", what, str(index), str(workers_count), json.dumps(list(seeds))],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
        )
        for index in range(workers_count)
    ]
    try:
        answers = [worker.communicate(timeout=WORKER_LENGTH_S_MAX)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return [json.loads(answer) for answer in answers]


def _some_seeds(seeds: Sequence[int]) -> dict[str, Any]:
    tally, began_s = Tally(), time.process_time()
    for seed in seeds:
        tally.add(run_seed(seed))
        if len(tally.failures) >= FAILURES_MAX:
            break
    tally.worked_s = time.process_time() - began_s
    return {slot: getattr(tally, slot) for slot in Tally.__slots__}


def _some_mutants(names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    found: list[Found] = []
    for name in names:
        for number, seed in enumerate((seed for seed in seeds if _concerns(name, seed)), start=1):
            violation = run_seed(seed, mutant=MUTANTS[name]).violation
            if violation is not None:
                found.append(Found(name, number, violation))
                break
        else:
            found.append(Found(name, 0, ""))
    return {"found": [dataclasses.asdict(item) for item in found]}


def _concerns(mutant: str, seed: int) -> bool:
    """Whether anybody in that seed does what the bug is about."""
    swarm = Swarm.draw(random.Random(f"{seed} swarm"))
    if mutant in SITE_MUTANTS:
        return swarm.stars_count > 0
    return (swarm.matchmakers_count if mutant in ROOM_MUTANTS else swarm.guests_count) > 0


def _main(what: str, index: str, count: str, listed: str) -> None:
    seeds: list[int] = json.loads(listed)
    share = slice(int(index), None, int(count))
    gc.freeze()
    match what:
        case "seeds":
            answer = _some_seeds(seeds[share])
        case "hashes":
            answer = {"hashes": [run_seed(seed).trace_hash for seed in seeds]}
        case "mutants":
            answer = _some_mutants(list(MUTANTS)[share], seeds)
        case _:
            raise SystemExit(f"what is {what}?")
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main(*sys.argv[1:])
