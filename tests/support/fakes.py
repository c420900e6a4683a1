"""Stand-ins for the smallest ports: clock, randomness, log, background tasks.

They behave; they do not record calls to be checked afterwards, except the log, whose lines are its behaviour.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

__all__ = ["FakeClock", "LogLine", "PlainSpawn", "RecordingLog", "SeededRng", "take_unread"]


class FakeClock:
    """The running loop's time as a ``Clock``; on a virtual loop that is virtual time."""

    def mono_ms(self) -> int:
        # Rounded at the microsecond: 1.001 s is 1000.9999999999999 ms in floats, and a timer due then has fired.
        return round(asyncio.get_running_loop().time() * 1_000_000) // 1_000

    def call_at(self, due_mono_ms: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_at(due_mono_ms / 1_000, callback)

    async def sleep(self, length_ms: int) -> None:
        await asyncio.sleep(length_ms / 1_000)

    async def advance(self, length_ms: int) -> None:
        """Let ``length_ms`` pass, and let everything that is due by then come to rest."""
        await asyncio.sleep(length_ms / 1_000)
        await self.settle()

    async def settle(self) -> None:
        """Let everybody who can go on without time passing do so (up to a bound no honest test reaches)."""
        for _ in range(50):
            await asyncio.sleep(0)


class SeededRng:
    """The same seed gives the same numbers, in every process."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)

    def hex(self, bytes_count: int) -> str:
        return self._random.randbytes(bytes_count).hex()


class LogLine(NamedTuple):
    """One line: its level (``info``, ``warning``, ``error``), the event's name, its fields."""

    level: str
    event: str
    fields: dict[str, object]


class RecordingLog:
    """Keeps every line. A warning or error that no test has taken at its end fails that test.

    ``strict=False`` is for those who provoke them by the thousand, such as the simulator.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.lines: list[LogLine] = []
        self._unread: list[LogLine] = []
        self._strict = strict

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(LogLine("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self._loud(LogLine("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self._loud(LogLine("error", event, fields))

    def events(self) -> list[str]:
        """The names of all lines so far, in order."""
        return [line.event for line in self.lines]

    def take(self, event: str) -> dict[str, object]:
        """The fields of the first line of that name that was not taken yet; it counts as expected from now on."""
        for line in self.lines:
            if line.event == event:
                self.lines.remove(line)
                if line in self._unread:
                    self._unread.remove(line)
                return line.fields
        message = f"no log line {event!r} among {self.events()}"
        raise AssertionError(message)

    def _loud(self, line: LogLine) -> None:
        self.lines.append(line)
        if self._strict:
            if not self._unread:
                _loud_logs.append(self)
            self._unread.append(line)


_loud_logs: list[RecordingLog] = []  # Those with something unexpected in them; emptied after each test.


def take_unread() -> list[LogLine]:
    """All warnings and errors that no test has taken, and forget them (for ``conftest.py``)."""
    unread = [line for log in _loud_logs for line in log._unread]
    for log in _loud_logs:
        log._unread = []
    _loud_logs.clear()
    return unread


class PlainSpawn:
    """Starts tasks on the running loop; one that dies is an error of asyncio's log, and so fails the test."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[None], None] = {}

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        if not task.cancelled() and (error := task.exception()):
            context = {"message": f"task {task.get_name()} died", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
