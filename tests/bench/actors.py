"""What a message to an actor costs, and what an idle actor weighs. Run: ``python -m tests.bench.actors``.

Goals: ``ask`` at most 8 µs and cheaper than Pykka's in the same run; at most 300 bytes per idle actor besides its own
state. The floor printed beside it is what asyncio itself takes for a task that completes a future.
"""

import argparse
import asyncio
import gc
import importlib
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any, Final

from adapters.clock import SystemClock, TaskSpawner
from engine.actors.actor import Actor
from engine.actors.directory import Directory
from engine.actors.supervisor import Supervisor
from tests.bench.common import alternate, keep, median, pin, show
from tests.support.fakes import RecordingLog

DEADLINE_MS: Final = 5_000


class Echo(Actor):
    """Answers what it was asked; has no state."""

    __slots__ = ()

    async def receive(self, message: object) -> object:
        return message


async def make() -> Actor:
    return Echo()


def new_directory() -> Directory[int]:
    clock, log = SystemClock(), RecordingLog()
    supervisor = Supervisor("echo", clock=clock, log=log)
    return Directory(supervisor=supervisor, clock=clock, spawn=TaskSpawner(log))


def per_message_us(body: Callable[[int], Awaitable[None]], count: int) -> float:
    """Run ``body(count)`` on a loop of its own."""

    async def timed() -> float:
        began = time.perf_counter()
        await body(count)
        return (time.perf_counter() - began) / count * 1e6

    return asyncio.run(timed())


async def asks(count: int) -> None:
    ref = await new_directory().spawn(1, make)
    for number in range(count):
        await ref.ask(number, deadline_ms=DEADLINE_MS)


async def tells_one_by_one(count: int) -> None:
    ref = await new_directory().spawn(1, make)
    for number in range(count):
        ref.tell(number)
        await asyncio.sleep(0)


async def tells_in_a_row(count: int) -> None:
    ref = await new_directory().spawn(1, make)
    for start in range(0, count, 500):
        for number in range(start, min(start + 500, count)):
            ref.tell(number)
        await ref.ask("done", deadline_ms=DEADLINE_MS)


async def bare_tasks(count: int) -> None:
    loop = asyncio.get_running_loop()

    async def complete(future: asyncio.Future[int], number: int) -> None:
        future.set_result(number)

    for number in range(count):
        future = loop.create_future()
        task = loop.create_task(complete(future, number))
        await future
        del task


def pykka_ask_us(count: int) -> Callable[[], float] | None:
    """The peer, if it is installed."""
    try:
        pykka: Any = importlib.import_module("pykka")
    except ImportError:
        print("pykka is not installed (pip install pykka): no peer in this run")
        return None

    class PykkaEcho(pykka.ThreadingActor):  # type: ignore[misc]
        def on_receive(self, message: object) -> object:
            return message

    def measure() -> float:
        ref = PykkaEcho.start()
        try:
            began = time.perf_counter()
            for number in range(count):
                ref.ask(number)
            return (time.perf_counter() - began) / count * 1e6
        finally:
            ref.stop()

    return measure


async def bytes_per_idle_actor(count: int) -> float:
    """Everything but the actor object: ref, cell, mailbox and the directory's entry."""
    directory = new_directory()
    actors = [Echo() for _ in range(count)]

    async def take_next() -> Actor:
        return actors.pop()

    keys = list(range(count))
    gc.collect()
    tracemalloc.start()
    for key in keys:
        await directory.spawn(key, take_next)
    await asyncio.sleep(0)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(directory) == count
    return used / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    pin(1)
    subjects: dict[str, Callable[[], float]] = {
        "ask": lambda: per_message_us(asks, given.count),
        "tell, mailbox empty": lambda: per_message_us(tells_one_by_one, given.count),
        "tell, 500 in a row": lambda: per_message_us(tells_in_a_row, given.count),
        "floor: bare task and future": lambda: per_message_us(bare_tasks, given.count),
    }
    if peer := pykka_ask_us(given.count // 10):
        subjects["Pykka ask"] = peer
    figures = alternate(subjects, rounds=given.rounds)
    weight = asyncio.run(bytes_per_idle_actor(given.count))

    show(figures, unit="µs", subject="ask")
    print(f"{'idle actor':36} {weight:10.0f} bytes")
    medians = {name: round(median(values), 2) for name, values in figures.items()}
    keep("actors", {"us_per_message": medians, "bytes_per_idle_actor": round(weight)})


if __name__ == "__main__":
    main()
