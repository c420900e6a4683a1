"""Runs seeds: one, or thousands on all cores, and says what they have seen.

A seed has two phases. In the first everything may fail; in the second nothing does, and all must come to rest within
``SETTLE_MS_MAX``. What does not hold is reported with all that is needed to see it again: seed, options, the last events.
"""

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
import random
from typing import Final

from tests.sim import oracle
from tests.sim.faults import Swarm
from tests.sim.workload import People
from tests.sim.world import World
from tests.support import virtual_loop

__all__ = ["Result", "Tally", "run_seed", "run_seeds"]

SETTLE_MS_MAX: Final = 240_000
LENGTH_MS_MAX: Final = 3_600_000
CHECKS_COUNT: Final = 4


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
    failures: list[Result] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)
    virtual_ms: int = 0
    took_s: float = 0.0
    cores_count: int = 1

    def add(self, result: Result) -> None:
        """Take one seed in."""
        self.seeds_count += 1
        self.counts.update(result.counts)
        self.rare.update(result.rare)
        self.virtual_ms += result.virtual_ms
        if result.violation is not None:
            self.failures.append(result)

    @property
    def seeds_per_core_second(self) -> float:
        """How fast one core goes through seeds."""
        return self.seeds_count / (self.took_s * self.cores_count)


async def _live(world: World) -> None:
    """Both phases of one seed; ends early when something does not hold."""
    swarm = world.swarm
    people = People(world)
    for name in world.nodes:
        world.begin(world.boot(name))
    arriving = world.begin(people.arrive())
    await world.until(arriving)
    people.begin()
    for _ in range(CHECKS_COUNT):
        await world.wait_unless_broken(swarm.length_ms // CHECKS_COUNT)
        world.check()
    people.leave()
    world.calm_down()
    await world.wait_unless_broken(12_000)  # What was asked last is answered by now, or never.
    await _settle(world)
    await _hang_up_everything(world, people)
    await _settle(world)
    if world.violation is not None:
        return
    world.check(is_settled=True)
    if world.database.live_call_of:
        world.break_off(f"INV-22: calls {sorted(set(world.database.live_call_of.values()))} never end")
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


def run_seed(seed: int, *, is_traced: bool = False, mutant: "Callable[[], AbstractContextManager[None]]" = nullcontext) -> Result:
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
