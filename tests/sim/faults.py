"""What can go wrong, how often, and how it is done to a node's stores.

Each seed draws which faults exist and how common they are (``Swarm``); some seeds have none, so that the oracle can be
exact. ``FaultyStores`` puts every call of one node through them: it takes time, fails before or after it took effect,
or outlives its deadline. Knows no rule of the engine.
"""

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from store.interfaces.errors import Conflict, StoreError, Unavailable
from store.interfaces.stores import Stores

if TYPE_CHECKING:
    from tests.sim.world import SimNode

__all__ = ["FAULTS", "Fate", "Level", "Poison", "Swarm", "faulty_stores"]

READ_DEADLINE_MS: Final = 2_000
MONEY_DEADLINE_MS: Final = 5_000


class Level(Enum):
    """How common a fault is in one seed."""

    OFF = 0
    LOW = 1
    HIGH = 2


class Poison(Exception):
    """A bug, planted: what no store ever says."""


SITE_FROM: Final = 0.84
"""Draws from here on are worlds of the site."""

FAULTS: Final = (
    "refused before it applied",
    "answer lost after it applied",
    "slow",
    "stalled and applied late",
    "stalled and never applied",
    "conflict",
    "store down",
    "node cut off from the store",
    "node frozen",
    "node killed",
    "node killed in a store call",
    "node drained",
    "store clock stepped",
    "presence emptied",
    "poison",
    "request lost",
    "reply lost",
    "provider fails",
    "notification repeated",
    "notification late",
    "notification forged",
    "notification of another amount",
    "crypto payment expired",
    "crypto payment in part",
    "crypto notification repeated",
    "crypto notifications out of order",
    "crypto notification forged",
    "crypto notification unlike its order",
)
"""Every kind; a run in which one of them never happened has not tested what it says."""


def _level(rng: random.Random, *, often: float = 0.4) -> Level:
    if rng.random() >= often:
        return Level.OFF
    return rng.choice((Level.LOW, Level.HIGH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """What one seed drew. Rates of the store's faults are per call, those of nodes per minute of virtual time."""

    nodes_count: int
    length_ms: int
    minute_ms: int
    grace_ms: int
    resume_window_ms: int
    fold_every_ms: int
    on_store_down: str
    guests_count: int
    anchors_count: int
    drift_ppm: int
    jitter_ms: int
    fails: Level
    loses: Level
    slow: Level
    stalls: Level
    conflicts: Level
    down: Level
    cuts: Level
    freezes: Level
    kills: Level
    drains: Level
    steps: Level
    presence_loss: Level
    poison: Level
    network: Level
    provider: Level
    matchmakers_count: int
    viewers_count: int
    publish_every_ms: int
    history_events_max: int
    seat_policy: str
    stars_count: int
    fans_count: int
    strangers_count: int

    @classmethod
    def draw(cls, rng: random.Random) -> "Swarm":
        """The options of one seed."""
        minute_ms = rng.choice((12_000, 20_000, 60_000))
        is_calm = rng.random() < 0.2
        levels = {
            name: Level.OFF if is_calm else _level(rng, often=often)
            for name, often in (
                ("fails", 0.35),
                ("loses", 0.35),
                ("slow", 0.3),
                ("stalls", 0.25),
                ("conflicts", 0.3),
                ("down", 0.2),
                ("cuts", 0.2),
                ("freezes", 0.25),
                ("kills", 0.4),
                ("drains", 0.15),
                ("steps", 0.2),
                ("presence_loss", 0.2),
                ("poison", 0.07),
                ("network", 0.3),
                ("provider", 0.3),
            )
        }
        drawn: dict[str, Any] = dict(
            nodes_count=rng.choice((1, 1, 1, 2, 2, 3)),
            length_ms=rng.randrange(3 * minute_ms, 6 * minute_ms) + 60_000,
            minute_ms=minute_ms,
            grace_ms=rng.choice((5_000, 20_000)),
            resume_window_ms=rng.choice((0, 0, 0, 20_000)),
            fold_every_ms=rng.choice((250, 1_000, 4_000)),
            on_store_down=rng.choice(("continue", "continue", "terminate")),
            guests_count=rng.randrange(1, 4),
            anchors_count=rng.randrange(1, 3),
            drift_ppm=0 if is_calm else rng.choice((0, 0, 300, 10_000)),
            jitter_ms=0 if is_calm else rng.choice((2, 20)),
            **levels,
        )
        # What lives in a seed is drawn last: calls, or rooms, or both, or the site.
        point = rng.random()
        has_rooms = point < 0.42
        has_site = point >= SITE_FROM
        if has_site or point < 0.36:
            drawn |= {"guests_count": 0, "anchors_count": 0, "length_ms": rng.randrange(40_000, 100_000)}
        return cls(
            **drawn,
            matchmakers_count=rng.randrange(1, 4) if has_rooms else 0,
            viewers_count=rng.randrange(2, 7) if has_rooms else 0,
            publish_every_ms=rng.choice((2_000, 5_000)) if has_rooms else 10_000,
            history_events_max=rng.choice((500, 500, 6)),
            seat_policy=rng.choice(("applied", "applied", "applied", "invited", "open")),
            stars_count=rng.randrange(1, 3) if has_site else 0,
            fans_count=rng.randrange(2, 6) if has_site else 0,
            strangers_count=rng.randrange(0, 3) if has_site else 0,
        )

    @property
    def is_calm(self) -> bool:
        """No fault at all: the oracle is exact to the millisecond."""
        return self.jitter_ms == 0

    @property
    def has_outages(self) -> bool:
        """Whether a call may lose its owner, or the store for long."""
        troubles = (self.down, self.cuts, self.freezes, self.kills, self.drains, self.poison, self.stalls)
        return any(level is not Level.OFF for level in troubles) or Level.HIGH in (self.fails, self.loses)

    def describe(self) -> str:
        """All that was drawn, for who has to look at a failure."""
        return ", ".join(
            f"{field.name}={value.name.lower() if isinstance(value, Level) else value}"
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) not in (Level.OFF, 0)
        )


class Fate(Enum):
    """What becomes of one call of a store."""

    DONE = "done"
    FAILS = "refused before it applied"
    LOSES = "answer lost after it applied"
    LATE = "stalled and applied late"
    NEVER = "stalled and never applied"
    CONFLICT = "conflict"
    DOWN = "store down"
    CUT = "node cut off from the store"
    POISON = "poison"


_RATE: Final = {Level.OFF: 0.0, Level.LOW: 0.01, Level.HIGH: 0.12}
_STALL_RATE: Final = {Level.OFF: 0.0, Level.LOW: 0.002, Level.HIGH: 0.02}
_CONFLICT_RATE: Final = {Level.OFF: 0.0, Level.LOW: 0.05, Level.HIGH: 0.6}
_POISON_RATE: Final = {Level.OFF: 0.0, Level.LOW: 0.02, Level.HIGH: 0.3}
_CALM: Final = (1, 1, Fate.DONE)


class Dice:
    """Draws what happens to each call; counts what it does. Stopped, it lets everything pass."""

    def __init__(self, rng: random.Random, swarm: Swarm, counts: Counter[str]) -> None:
        self._rng = rng
        self._swarm = swarm
        self._counts = counts
        self.is_stopped = False
        self._fails_below = _RATE[swarm.fails]
        self._loses_below = self._fails_below + _RATE[swarm.loses]
        self._stalls_below = self._loses_below + _STALL_RATE[swarm.stalls]
        self._conflicts_below = self._stalls_below + _CONFLICT_RATE[swarm.conflicts]
        self._slow_below = 1.0 - _RATE[swarm.slow]
        self._has_any = self._conflicts_below > 0 or self._slow_below < 1.0

    def throw(self, store: str, method: str) -> tuple[int, int, Fate]:
        """How long until it takes effect and from then until the answer (ms), and what the answer is."""
        if self._swarm.is_calm:
            return _CALM
        rng = self._rng
        before_ms = 1 + int(rng.random() * self._swarm.jitter_ms)
        after_ms = 1 + int(rng.random() * self._swarm.jitter_ms)
        if self.is_stopped:
            return before_ms, after_ms, Fate.DONE
        if (
            store in ("calls", "rooms")
            and method == "save"
            and rng.random() < _POISON_RATE[self._swarm.poison]
            and _is_in_a_turn()
        ):
            return self._counted(before_ms, after_ms, Fate.POISON)
        if not self._has_any:
            return before_ms, after_ms, Fate.DONE
        point = rng.random()
        if point >= self._conflicts_below:
            if point < self._slow_below:
                return before_ms, after_ms, Fate.DONE
            self._counts["slow"] += 1
            return rng.randrange(50, 900), rng.randrange(50, 900), Fate.DONE
        if point < self._fails_below:
            return self._counted(before_ms, rng.randrange(1, 800), Fate.FAILS)
        if point < self._loses_below:
            return self._counted(before_ms, rng.randrange(1, 800), Fate.LOSES)
        deadline_ms = MONEY_DEADLINE_MS if store == "ledger" else READ_DEADLINE_MS
        if point < self._stalls_below:
            if rng.random() < 0.5:
                return self._counted(deadline_ms, 0, Fate.NEVER)
            return self._counted(deadline_ms + rng.randrange(1, 2_000), 0, Fate.LATE)
        if store == "ledger" and method in ("post", "fold"):
            return self._counted(before_ms, after_ms, Fate.CONFLICT)
        return before_ms, after_ms, Fate.DONE

    def _counted(self, before_ms: int, after_ms: int, fate: Fate) -> tuple[int, int, Fate]:
        self._counts[fate.value] += 1
        return before_ms, after_ms, fate


def _is_in_a_turn() -> bool:
    """Whether an actor asks: a bug anywhere else has nobody to catch it."""
    task = asyncio.current_task()
    return task is not None and task.get_name() in ("call", "call starts", "room", "room starts")


class _FaultyStore:
    """One store as one node sees it: the same methods, each an answer that comes later, or not at all."""

    def __init__(self, name: str, store: object, node: "SimNode") -> None:
        for method in dir(store):
            if not method.startswith("_"):
                setattr(self, method, partial(_call, node, name, method, getattr(store, method)))


def faulty_stores(stores: Stores, node: "SimNode") -> Stores:
    """``stores`` as ``node`` sees them."""
    names = [field.name for field in dataclasses.fields(stores) if field.name != "hints"]
    # Nobody chats here (tests/engine/services/chat_world does), and whoever listens waits, which no other store does.
    return Stores(
        hints=stores.hints,
        **{name: _FaultyStore(name, getattr(stores, name), node) for name in names},  # type: ignore[arg-type]
    )


def _call(
    node: "SimNode", store: str, method: str, work: Callable[..., Any], *args: Any, **named: Any
) -> "asyncio.Future[Any]":
    """Send the call on its way. What a dead node calls never happens, and it never hears of it."""
    world = node.world
    answer: asyncio.Future[Any] = world.loop.create_future()
    if node.is_dead:
        return answer
    before_ms, after_ms, fate = world.dice.throw(store, method)
    deadline_ms = MONEY_DEADLINE_MS if store == "ledger" else READ_DEADLINE_MS
    if world.is_store_down:
        fate, before_ms, after_ms = Fate.DOWN, min(deadline_ms, 20 * before_ms), 0
        world.counts[fate.value] += 1
    elif node.is_cut:
        fate, before_ms, after_ms = Fate.CUT, deadline_ms, 0
        world.counts[fate.value] += 1
    if fate is Fate.LATE:
        world.later(deadline_ms, node.deliver, _settle, answer, None, Unavailable())

    def arrive() -> None:
        # What was on the wire when its node died may still arrive.
        if node.is_dead and (before_ms + after_ms) % 2 == 0:
            return
        result, error = None, None
        match fate:
            case Fate.DONE | Fate.LOSES | Fate.LATE:
                result, error = _run(work, args, named)
                world.applied(node, store, method, args, result, error)
                if fate is Fate.LOSES:
                    error = Unavailable()
            case Fate.CONFLICT:
                error = Conflict("planted")
            case Fate.POISON:
                error = Poison()
            case _:
                error = Unavailable()
        if fate is not Fate.DONE:
            world.trace(node, store, method, fate.value)
            world.failed(node, store, method, args, fate)
        if after_ms:
            world.later(after_ms, node.deliver, _settle, answer, result, error)
        else:
            node.deliver(_settle, answer, result, error)

    world.later(before_ms, arrive)
    return answer


def _run(work: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Exception | None]:
    """Run a memory store's method to its end: it never waits."""
    coroutine = work(*args, **named)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value, None
    except StoreError as error:
        return None, error
    raise AssertionError("a memory store waited")


def _settle(answer: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
