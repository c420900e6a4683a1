"""Things that fall due, by one heap and one armed timer however many they are.

A loop's own timers cost an object and a heap entry each, kept after they were cancelled. Knows monotonic time; does not
know what the things do when they are due.
"""

import heapq
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from engine.ports import Clock, Timer

__all__ = ["Agenda", "Item"]

SPARE_MAX: Final = 64  # Finished items not worth a sweep; with none spared, one timer would be made for every ask.


class Item(Protocol):
    """Something with a due time."""

    @property
    def is_pending(self) -> bool:
        """Whether ``ring`` still means anything; once false, false for ever."""

    def ring(self) -> None:
        """The time has come. Called once, while pending. Must not raise."""


class Agenda:
    """Rings items once ``mono_ms()`` has reached their due time: never early, late by up to ``tick_ms``.

    Items due together ring together, by due time and then in the order in which they were added. ``len()`` counts the
    pending ones. Finished items beyond ``spare_max`` never outnumber those.
    """

    def __init__(self, clock: "Clock", *, tick_ms: int = 1, spare_max: int = SPARE_MAX) -> None:
        assert tick_ms >= 1
        self._clock = clock
        self._tick_ms = tick_ms
        self._spare_max = spare_max
        self._heap: list[tuple[int, int, Item]] = []
        self._finished_count = 0  # Entries of the heap that no longer have to ring.
        self._numbers = count()
        self._timer: Timer | None = None
        self._armed_mono_ms = 0  # When the timer goes off, while there is one.

    def __len__(self) -> int:
        return len(self._heap) - self._finished_count

    def add(self, due_mono_ms: int, item: Item) -> None:
        """Ring ``item`` at ``due_mono_ms``, which may be past: then as soon as the loop turns."""
        heapq.heappush(self._heap, (due_mono_ms, next(self._numbers), item))
        if self._timer is None or due_mono_ms < self._armed_mono_ms:
            self._arm()

    def finished(self) -> None:
        """Note that an item was finished by somebody else before it rang. To be called once for each such item."""
        self._finished_count += 1
        self._sweep()

    def _arm(self) -> None:
        """See to it that the timer goes off at the end of the first entry's tick."""
        due_mono_ms = -(-self._heap[0][0] // self._tick_ms) * self._tick_ms
        if self._timer is not None:
            if self._armed_mono_ms <= due_mono_ms:
                return
            self._timer.cancel()
        self._armed_mono_ms = due_mono_ms
        self._timer = self._clock.call_at(due_mono_ms, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now_mono_ms = self._clock.mono_ms()
        while self._heap and self._heap[0][0] <= now_mono_ms:
            item = heapq.heappop(self._heap)[2]
            if item.is_pending:
                item.ring()
            else:
                self._finished_count -= 1
        self._sweep()
        if self._heap:
            self._arm()

    def _sweep(self) -> None:
        """Drop finished entries when there are too many: memory, and the timer, are for the pending."""
        if self._finished_count * 2 <= len(self._heap) + self._spare_max:
            return
        self._heap = [entry for entry in self._heap if entry[2].is_pending]
        heapq.heapify(self._heap)
        self._finished_count = 0
        if not self._heap and self._timer is not None:
            self._timer.cancel()
            self._timer = None
