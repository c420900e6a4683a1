"""Time, randomness and background tasks of the real world, as the engine's ports want them."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from engine.ports import Log

__all__ = ["SystemClock", "SystemRng", "TaskSpawner"]


class SystemClock:
    """The machine's monotonic time, which is also that of the running event loop. Implements ``engine.ports.Clock``."""

    def mono_ms(self) -> int:
        """See ``engine.ports.Clock``."""
        return time.monotonic_ns() // 1_000_000

    def call_at(self, due_mono_ms: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """See ``engine.ports.Clock``."""
        # A microsecond more than due: floats and the loop's own leniency end in its favour, and nothing is ever early.
        return asyncio.get_running_loop().call_at((due_mono_ms + 0.001) / 1_000, callback)

    async def sleep(self, length_ms: int) -> None:
        """See ``engine.ports.Clock``."""
        await asyncio.sleep(length_ms / 1_000)


class SystemRng:
    """The operating system's cryptographic randomness. Implements ``engine.ports.Rng``."""

    def below(self, limit: int) -> int:
        """See ``engine.ports.Rng``."""
        return secrets.randbelow(limit)

    def hex(self, bytes_count: int) -> str:
        """See ``engine.ports.Rng``."""
        return secrets.token_hex(bytes_count)


class TaskSpawner:
    """Owns every background task: holds it, since the loop does not, and reports it when it dies of an exception.

    Implements ``engine.ports.Spawn``. ``len()`` counts the tasks that run. A task gets an empty context: what is bound
    to the request that happened to start it (its id in the log, say) is not the task's.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tasks: dict[asyncio.Task[None], None] = {}  # A dict, for its order: a set's changes from run to run.

    def __len__(self) -> int:
        return len(self._tasks)

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """See ``engine.ports.Spawn``."""
        task = asyncio.get_running_loop().create_task(work, name=name, context=Context())
        self._tasks[task] = None
        task.add_done_callback(self._done)

    async def drain(self, *, deadline_ms: int) -> bool:
        """Wait until no task runs, later ones included; false when ``deadline_ms`` passed first."""
        try:
            async with asyncio.timeout(deadline_ms / 1_000):
                while self._tasks:
                    await asyncio.wait(list(self._tasks))
                    await asyncio.sleep(0)  # Their done callbacks run after ours here.
        except TimeoutError:
            return False
        return True

    async def cancel_all(self) -> None:
        """Cancel every task and wait until all have ended. For the end of the process, after ``drain``."""
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks))
            await asyncio.sleep(0)

    def _done(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._log.error("task_died", task=task.get_name(), error=repr(error), exc_info=error)
