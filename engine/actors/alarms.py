"""Alarms: messages that come when their time has come, and die with the actor they are for.

A hundred thousand running minutes cost no task and no timer each. Knows monotonic time only: what must outlive the
process keeps its moment in the store, and sets the alarm again.
"""

from typing import TYPE_CHECKING, Final

from engine.actors.agenda import Agenda

if TYPE_CHECKING:
    from engine.actors.ref import ActorRef
    from engine.ports import Clock

__all__ = ["TICK_MS", "Alarm", "AlarmClock", "cancel_alarms"]

TICK_MS: Final = 10  # Alarms due within one tick leave together; the price is being late by so much.


class Alarm:
    """One promised message. Made by ``AlarmClock.set``."""

    __slots__ = ("_agenda", "_message", "_ref", "newer", "older")

    def __init__(self, agenda: Agenda, ref: "ActorRef", message: object) -> None:
        self._agenda = agenda
        self._message = message
        self._ref: ActorRef | None = ref  # None once it has rung or was cancelled.
        # A chain through the pending alarms of one actor: a list for each actor would weigh more than its alarm.
        self.newer: Alarm | None = None
        self.older: Alarm | None = ref.alarms
        if self.older is not None:
            self.older.newer = self
        ref.alarms = self

    @property
    def is_pending(self) -> bool:
        """Whether its message is still to be sent."""
        return self._ref is not None

    def cancel(self) -> None:
        """Withdraw it; harmless when it has rung or was cancelled before.

        When it has rung, its message may still wait in the mailbox: who minds gives such messages a number.
        """
        if self._ref is not None:
            self._leave(self._ref)
            self._agenda.finished()

    def ring(self) -> None:
        """Send the message. For the agenda."""
        ref, message = self._ref, self._message
        assert ref is not None
        self._leave(ref)
        ref.tell(message)

    def _leave(self, ref: "ActorRef") -> None:
        """Leave the actor's chain."""
        if self.newer is None:
            ref.alarms = self.older
        else:
            self.newer.older = self.older
        if self.older is not None:
            self.older.newer = self.newer
        self._ref = self._message = self.newer = self.older = None


class AlarmClock:
    """All pending alarms of this node; ``len()`` counts them.

    An alarm is never early, and late by up to ``tick_ms`` and whatever the loop is late. Alarms that are due together
    are delivered together, by due time and then in the order in which they were set.
    """

    def __init__(self, clock: "Clock", *, tick_ms: int = TICK_MS) -> None:
        self._agenda = Agenda(clock, tick_ms=tick_ms, spare_max=0)

    def __len__(self) -> int:
        return len(self._agenda)

    def set(self, due_mono_ms: int, ref: "ActorRef", message: object) -> Alarm:
        """Tell ``message`` to ``ref`` once ``mono_ms()`` has reached ``due_mono_ms``, which may be past.

        It is cancelled when the actor stops or crashes: one restarted from its record sets its alarms again.
        """
        alarm = Alarm(self._agenda, ref, message)
        self._agenda.add(due_mono_ms, alarm)
        if not ref.is_alive:
            alarm.cancel()
        return alarm


def cancel_alarms(ref: "ActorRef") -> None:
    """Cancel every pending alarm of the actor."""
    while ref.alarms is not None:
        ref.alarms.cancel()
