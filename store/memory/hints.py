"""A word from node to node."""

import asyncio
from collections.abc import Callable

from store.memory.database import MemoryDatabase

__all__ = ["MemoryHints"]


class MemoryHints:
    """``HintLine`` between those who share a database in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def give(self, hint: str) -> None:
        for heard in tuple(self._database.listeners):
            heard(hint)

    async def listen(self, heard: Callable[[str], None], *, ready: Callable[[], None]) -> None:
        self._database.listeners.append(heard)
        try:
            ready()
            await asyncio.Event().wait()
        finally:
            self._database.listeners.remove(heard)
