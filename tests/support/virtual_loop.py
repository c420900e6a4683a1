"""An asyncio loop whose time is a number.

Waiting costs nothing: when no callback is ready, the clock jumps to the next one that is due. Knows no I/O, no threads
and no signals; a coroutine that waits for any of them will wait for ever, which is reported instead of hanging.
"""

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

__all__ = ["DeadlockError", "VirtualLoop", "run"]

LENGTH_MS_MAX: Final = 7 * 86_400_000  # A forgotten ticker would turn for ever, at full speed.

Result = TypeVar("Result")


class DeadlockError(Exception):
    """Everybody waits and nothing is scheduled, or only something that comes back for ever."""


class _VirtualSelector(selectors.SelectSelector):
    """Whole microseconds, so that many small steps add up to what a test writes down."""

    def __init__(self, start_ms: int, length_ms_max: int) -> None:
        super().__init__()
        self.now_us = start_ms * 1_000
        self._until_us = self.now_us + length_ms_max * 1_000

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError("everybody waits, and nothing is scheduled")
        if timeout > 0:
            self.now_us += max(1, round(timeout * 1_000_000))
            if self.now_us > self._until_us:
                raise DeadlockError("the virtual time of one run is used up")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at ``start_ms`` and moves only when nothing is left to do at that moment."""

    def __init__(self, *, start_ms: int = 0, length_ms_max: int = LENGTH_MS_MAX) -> None:
        self._virtual = _VirtualSelector(start_ms, length_ms_max)
        super().__init__(self._virtual)
        # Half a step: with asyncio's own nanosecond, a large float time would never quite reach what is due.
        self._clock_resolution = 5e-7
        self.slow_callback_duration = math.inf  # That one is real time, and none of a test's business.

    def time(self) -> float:
        return self._virtual.now_us / 1_000_000


def run(work: Coroutine[Any, Any, Result], *, start_ms: int = 0, length_ms_max: int = LENGTH_MS_MAX) -> Result:
    """Run ``work`` on a new virtual loop and return what it returns; tasks it left behind are cancelled.

    Raises:
        DeadlockError: before ``work`` was done, nothing was scheduled any more, or ``length_ms_max`` had passed.
    """
    loop = VirtualLoop(start_ms=start_ms, length_ms_max=length_ms_max)
    try:
        return loop.run_until_complete(work)
    finally:
        _close(loop)


def _close(loop: VirtualLoop) -> None:
    leftovers = asyncio.all_tasks(loop)
    for task in leftovers:
        task.cancel()
    try:
        if leftovers:
            loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except DeadlockError:
        pass  # A task that will not be cancelled; the error that matters is on its way already.
    finally:
        loop.close()
