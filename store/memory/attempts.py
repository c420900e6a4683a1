"""Attempts that failed."""

from store.interfaces.attempts import Attempts
from store.memory.database import MemoryDatabase

__all__ = ["MemoryAttempts"]


class MemoryAttempts:
    """``AttemptStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._attempts = database.attempts

    async def get(self, key: str) -> Attempts | None:
        return self._attempts.get(key)

    async def swap(self, key: str, before: Attempts | None, after: Attempts | None) -> bool:
        if self._attempts.get(key) != before:
            return False
        if after is None:
            self._attempts.pop(key, None)
        else:
            self._attempts[key] = after
        return True
