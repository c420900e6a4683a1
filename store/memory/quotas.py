"""How often something was used in a day."""

from store.interfaces.ids import PersonId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryQuotas"]


class MemoryQuotas:
    """``QuotaStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def take(self, person_id: PersonId, day: int, *, count_max: int) -> int | None:
        counts = self._database.quotas
        count = counts.get((person_id, day), 0)
        if count >= count_max:
            return None
        counts[person_id, day] = count + 1
        return count + 1
