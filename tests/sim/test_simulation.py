"""Thousands of small worlds in which everything goes wrong, and nothing may be lost, doubled or left hanging.

``GREENROOM_SIM_SEEDS`` and ``GREENROOM_SIM_FIRST`` choose the seeds (2,000 from 0), ``--seed`` replays one.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.sim.faults import FAULTS
from tests.sim.mutants import MUTANTS
from tests.sim.runner import find_mutants, run_seed, run_seeds, trace_hashes
from tests.support.reliability import report

SEEDS_COUNT: Final = int(os.environ.get("GREENROOM_SIM_SEEDS", "2000"))
FIRST_SEED: Final = int(os.environ.get("GREENROOM_SIM_FIRST", "0"))
SEEDS: Final = range(FIRST_SEED, FIRST_SEED + SEEDS_COUNT)
ENOUGH_SEEDS: Final = 1_000
"""From so many on, whatever can happen must have happened."""

FAULTS_PER_SEED_MIN: Final = 8
SEEDS_PER_CORE_SECOND_MIN: Final = 15
TRACED_SEEDS: Final = range(100)

SOMETIMES: Final = (
    "zombie write refused",
    "minute charged by a second owner",
    "unknown commit that had applied",
    "unknown commit that had not applied",
    "posted again and there already",
    "batch with several moves",
    "batch split after conflicts",
    "minute refused as too early",
    "fold before refusal",
    "call taken over",
    "call resumed within paid time",
    "call ended: outage",
    "call ended: no_diamonds",
    "call ended: lost",
    "call ended: banned",
    "mutual ring",
    "double click",
    "third party told busy",
    "both vanish",
    "silence",
    "dead line noticed late",
    "gift refused",
    "payment never notified",
    "room made for a call",
    "topped up at the last moment",
    "error: actor_parked",
    "error: node_declared_dead",
    "error: node_was_asleep",
    "room opened again",
    "room taken over",
    "room taken over, viewers restored",
    "room taken over, presence store empty",
    "room not written: NotOwner",
    "matchmaker lost",
    "seat race lost",
    "sits elsewhere",
    "sat by invitation",
    "two rooms entered at once",
    "kicked, then refused",
    "resumed with all that was missed",
    "resumed without it",
    "gift counted on",
    "gift for gold refused",
    "warning: room_fenced",
    "may enter: free",
    "may enter: paid",
    "may enter: subscribed",
    "no right to enter",
    "right ended inside",
    "waits for a show",
    "one-to-one room full",
    "place taken",
    "paid already",
    "subscribed",
    "subscribed already",
    "donation in a show",
    "donation refused",
    "mute, and talked",
    "said twice at once",
    "crypto payment never notified",
    "crypto payment refunded",
    "warning: order_partially_paid",
    "error: order_credited_and_refunded",
    "error: payment_unlike_its_order",
)
"""States that are rare and that the rules are about: a run that never saw one has not tested it."""


def regression_seeds() -> list[int]:
    lines = (Path(__file__).parent / "regress.txt").read_text().splitlines()
    return [int(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.replay
def test_the_seed_that_was_asked_for(request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--seed", default=None)
    if seed is None:
        pytest.skip("none was: --seed=1234")

    result = run_seed(seed, is_traced=request.config.getoption("--sim-trace"))

    print(result.report())
    assert result.violation is None


@pytest.mark.parametrize("seed", regression_seeds())
def test_what_once_failed_holds(seed: int) -> None:
    result = run_seed(seed)

    assert result.violation is None, result.report()


@pytest.mark.slow
def test_everything_holds_in_every_seed() -> None:
    tally = run_seeds(SEEDS)

    print(tally.describe())
    report(
        "G-1",
        ("seeds", tally.seeds_count, f">={SEEDS_COUNT}", tally.seeds_count >= SEEDS_COUNT),
        ("violations", len(tally.failures), "0", not tally.failures),
        (
            "faults",
            tally.counts.total(),
            f">={FAULTS_PER_SEED_MIN * SEEDS_COUNT}",
            tally.counts.total() >= FAULTS_PER_SEED_MIN * SEEDS_COUNT,
        ),
        ("virtual_hours", round(tally.virtual_hours), "-", True),
        (
            "seeds_per_core_second",
            round(tally.seeds_per_core_second, 1),
            f">={SEEDS_PER_CORE_SECOND_MIN}",
            tally.seeds_per_core_second >= SEEDS_PER_CORE_SECOND_MIN,
        ),
    )
    assert not tally.failures, "\n\n".join(tally.failures)
    if SEEDS_COUNT >= ENOUGH_SEEDS:
        assert [kind for kind in FAULTS if not tally.counts[kind]] == []
        assert [state for state in SOMETIMES if not tally.rare[state]] == []


@pytest.mark.slow
def test_every_planted_bug_is_found() -> None:
    found = find_mutants(SEEDS)

    print(*(f"{bug.seeds_count:>6} seeds  {bug.name}: {bug.violation[:100]}" for bug in found), sep="\n")
    found_count = sum(bug.seeds_count > 0 for bug in found)
    report("G-2", ("mutants_found", found_count, f"{len(MUTANTS)}", found_count == len(MUTANTS)))
    assert [bug.name for bug in found if not bug.seeds_count] == []


@pytest.mark.slow
def test_a_seed_is_the_same_story_in_every_process() -> None:
    one = trace_hashes(TRACED_SEEDS, hash_seed=1)
    other = trace_hashes(TRACED_SEEDS, hash_seed=4_242)

    equal_count = sum(mine == yours for mine, yours in zip(one, other, strict=True))
    report("G-3", ("equal_traces", equal_count, f"{len(TRACED_SEEDS)}", equal_count == len(TRACED_SEEDS)))
    assert one == other
