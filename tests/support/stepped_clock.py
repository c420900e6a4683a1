"""A clock for engines behind real sockets: the loop is the machine's, the engine's time moves when a test says so."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SteppedClock"]

SETTLING_PASSES = 50  # More turns of the loop than any chain of messages in one moment takes.


@dataclass(slots=True)
class _Timer:
    callback: Callable[[], None]
    is_wanted: bool = True

    def cancel(self) -> None:
        self.is_wanted = False


class SteppedClock:
    """A ``Clock`` that stands still between two ``advance``."""

    def __init__(self) -> None:
        self._now_ms = 0
        self._due: list[tuple[int, int, _Timer]] = []
        self._count = 0

    def mono_ms(self) -> int:
        return self._now_ms

    def call_at(self, due_mono_ms: int, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(callback)
        self._count += 1
        heapq.heappush(self._due, (due_mono_ms, self._count, timer))
        return timer

    async def sleep(self, length_ms: int) -> None:
        woken = asyncio.get_running_loop().create_future()
        self.call_at(self._now_ms + length_ms, lambda: None if woken.done() else woken.set_result(None))
        await woken

    async def advance(self, length_ms: int) -> None:
        """Let time pass; what falls due happens in order, each thing at its own time."""
        end_ms = self._now_ms + length_ms
        await self.settle()
        while self._due and self._due[0][0] <= end_ms:
            due_ms, _, timer = heapq.heappop(self._due)
            self._now_ms = max(self._now_ms, due_ms)
            if timer.is_wanted:
                timer.callback()
                await self.settle()
        self._now_ms = end_ms
        await self.settle()

    async def settle(self) -> None:
        for _ in range(SETTLING_PASSES):
            await asyncio.sleep(0)
