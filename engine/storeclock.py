"""The store's time, as far as a node can know it between two answers.

Deadlines and boundaries are the store's time (reliability c.1). A node learns it with each lease renewal and counts
on by its own monotonic clock. Small differences are worked off slowly, so that a minute is a minute even while the
store's clock is being corrected; a large one means that this node or the store was asleep, and the caller is told.
"""

from typing import Final

from engine.ports import Clock

__all__ = ["JUMP_MS_MIN", "StoreClock"]

SLEW_MS_MAX: Final = 50
"""Largest correction at one renewal: 50 ms each 3 s keeps up with a drift of 1.6 %."""

JUMP_MS_MIN: Final = 30_000
"""From here on a difference is no drift: one of the two clocks stood still."""


class StoreClock:
    """Estimates the store's clock; never runs backwards but at a jump."""

    __slots__ = ("_clock", "_last_ms", "_offset_ms")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms: int | None = None
        self._last_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970 by the store's clock. Only after the first ``learn``."""
        assert self._offset_ms is not None, "the store has not told its time yet"
        self._last_ms = max(self._last_ms, self._clock.mono_ms() + self._offset_ms)
        return self._last_ms

    def mono_ms(self, store_ms: int) -> int:
        """The monotonic moment at which the store's clock will show ``store_ms``, by what is known now."""
        assert self._offset_ms is not None, "the store has not told its time yet"
        return store_ms - self._offset_ms

    def learn(self, store_now_ms: int, *, asked_mono_ms: int, answered_mono_ms: int) -> bool:
        """Take an answer into account. True when it was a jump, to which the estimate has followed at once."""
        offset_ms = store_now_ms - (asked_mono_ms + answered_mono_ms) // 2
        if self._offset_ms is None:
            self._offset_ms = offset_ms
            return False
        difference_ms = offset_ms - self._offset_ms
        if abs(difference_ms) >= JUMP_MS_MIN + (answered_mono_ms - asked_mono_ms):
            self._offset_ms = offset_ms
            self._last_ms = 0
            return True
        self._offset_ms += max(-SLEW_MS_MAX, min(SLEW_MS_MAX, difference_ms))
        return False
