"""Stops asking a store that has not answered for a while.

Three deadlines missed in a row open the circuit: whoever asks is told ``Unavailable`` at once instead of after a
deadline of his own, and one probe a second finds out when the store is back (D-4). Knows no driver.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final

from store.interfaces.errors import Unavailable

__all__ = ["Circuit"]

MISSES_MAX: Final = 3
PROBE_EVERY_S: Final = 1.0


class Circuit:
    """Counts missed deadlines; ``probe`` must raise, within its own deadline, while the store is away."""

    __slots__ = ("_is_open", "_misses_count", "_probe", "_probing")

    def __init__(self, probe: Callable[[], Awaitable[None]]) -> None:
        self._probe = probe
        self._misses_count = 0
        self._is_open = False
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are refused at the moment."""
        return self._is_open

    def check(self) -> None:
        """Raise ``Unavailable`` while the circuit is open."""
        if self._is_open:
            raise Unavailable("the store has not answered lately")

    def answered(self) -> None:
        """An answer came, whatever it said."""
        self._misses_count = 0

    def missed(self) -> None:
        """A deadline passed without an answer."""
        self._misses_count += 1
        if self._misses_count >= MISSES_MAX:
            self._is_open = True
            self.probe_soon()

    def probe_soon(self) -> None:
        """Probe every second until the store answers; harmless when that goes on already."""
        if self._probing is None:
            # In a context of its own: drivers keep the deadline of whoever missed it in his, and it has passed.
            work = self._probe_until_answered()
            self._probing = asyncio.create_task(work, name="store probe", context=Context())

    async def close(self) -> None:
        """Stop probing."""
        probing, self._probing = self._probing, None
        if probing is not None:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    async def _probe_until_answered(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            try:
                await self._probe()
            except Unavailable:
                continue
            self._is_open = False
            self._misses_count = 0
            self._probing = None
            return
