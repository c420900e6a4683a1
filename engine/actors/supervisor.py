"""What a crash of an actor costs: a restart from the store, or being parked. It is always reported.

Knows when and how often, and decides; the restarting itself is done by the actor's receive loop.
"""

from collections.abc import Callable, Hashable
from typing import Final

from engine.errors import EngineError, NotNow
from engine.ports import Clock, Log

__all__ = ["RESTARTS_MAX", "RETRY_MS", "WINDOW_MS", "Supervisor"]

RESTARTS_MAX: Final = 3  # In one window; a bug that comes back so often does not go away by itself.
WINDOW_MS: Final = 60_000
RETRY_MS: Final = 1_000  # Between attempts while the store cannot give us the record.


def _nobody(kind: str) -> None:
    """Whom nobody asked to count."""


class Supervisor:
    """The policy for one kind of actor (``call``, ``room``).

    ``on_crash`` and ``on_park`` are called with the kind, for metrics. Source: reliability e.6.
    """

    def __init__(
        self,
        kind: str,
        *,
        clock: Clock,
        log: Log,
        restarts_max: int = RESTARTS_MAX,
        window_ms: int = WINDOW_MS,
        retry_ms: int = RETRY_MS,
        on_crash: Callable[[str], None] = _nobody,
        on_park: Callable[[str], None] = _nobody,
    ) -> None:
        self.kind = kind
        self.retry_ms = retry_ms
        self._clock = clock
        self._log = log
        self._restarts_max = restarts_max
        self._window_ms = window_ms
        self._on_crash = on_crash
        self._on_park = on_park

    def crashed(self, key: Hashable, error: BaseException, *, earlier: tuple[int, ...]) -> tuple[int, ...] | None:
        """Judge a crash of the actor ``key`` that crashed at the moments ``earlier`` before.

        Returns the crashes to remember if it is to be restarted, None if it is to be parked.
        """
        self.report(key, error)
        now_mono_ms = self._clock.mono_ms()
        recent = (*(moment for moment in earlier if now_mono_ms - moment < self._window_ms), now_mono_ms)
        if len(recent) <= self._restarts_max:
            return recent
        self._log.error("actor_parked", kind=self.kind, key=key, crashes_count=len(recent), window_ms=self._window_ms)
        self._on_park(self.kind)
        return None

    def report(self, key: Hashable, error: BaseException) -> None:
        """Tell log and metric of a bug in the actor ``key``."""
        self._log.error("actor_crashed", kind=self.kind, key=key, error=repr(error), exc_info=error)
        self._on_crash(self.kind)

    def unheard(self, key: Hashable, message: object, refusal: EngineError) -> None:
        """Tell the log that a told message was refused: for a rule that is normal, a failing store is not."""
        write = self._log.warning if isinstance(refusal, NotNow) else self._log.info
        write("told_message_refused", kind=self.kind, key=key, message=type(message).__name__, code=refusal.code)
