"""What a room was told lately, in its order, for those who come back: bounded in number and in time.

Positions are numbers without holes within an epoch. A new owner has not heard what the former told: it begins a new
epoch, and nobody can mistake the one for the other (INV-15, INV-16, reliability e.5).
"""

from collections import deque
from collections.abc import Sequence

from engine.events import Event, Given
from engine.ports import Position

__all__ = ["History"]


class History:
    """The last ``events_max`` events of one epoch, none older than ``length_ms``."""

    __slots__ = ("_events", "_events_max", "_length_ms", "epoch", "seq")

    def __init__(self, epoch: int, *, events_max: int, length_ms: int) -> None:
        self.epoch = epoch
        self.seq = 0
        """The number of the last event; 0 before the first."""
        self._events_max = events_max
        self._length_ms = length_ms
        self._events: deque[tuple[int, Event]] = deque()

    @property
    def position(self) -> Position:
        """Where the story stands: whoever has heard everything up to here has missed nothing."""
        return Position(self.epoch, self.seq)

    def tell(self, event: Event, *, now_ms: int) -> Position:
        """Keep ``event``; its place."""
        self.seq += 1
        self._events.append((now_ms, event))
        while len(self._events) > self._events_max or self._events[0][0] <= now_ms - self._length_ms:
            self._events.popleft()
            if not self._events:
                break
        return self.position

    def after(self, position: Position) -> Sequence[tuple[Event, Position]] | None:
        """What was told since ``position``; None: that can no longer be said, or never could."""
        if position.epoch != self.epoch or not 0 <= position.seq <= self.seq:
            return None
        missed_count = self.seq - position.seq
        if missed_count > len(self._events):
            return None
        events = list(self._events)[len(self._events) - missed_count :]
        return [(event, Position(self.epoch, seq)) for seq, (_, event) in enumerate(events, start=position.seq + 1)]

    def has_shown(self, event_id: str) -> bool:
        """Whether what was given is part of the story: an outbox may tell it again."""
        return any(isinstance(event, Given) and event.event_id == event_id for _, event in self._events)
