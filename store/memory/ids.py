"""Numbers, each given out once."""

from store.interfaces.ids import Sequence
from store.memory.database import MemoryDatabase

__all__ = ["MemoryIds"]


class MemoryIds:
    """``IdStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def reserve(self, sequence: Sequence, count: int) -> int:
        assert count > 0
        first = self._database.next_numbers[sequence]
        self._database.next_numbers[sequence] = first + count
        return first
