"""How often something may be used in a day, counted for good."""

from typing import Protocol

from store.interfaces.ids import PersonId

__all__ = ["QuotaStore"]


class QuotaStore(Protocol):
    """Uses by person and day; days are numbered from 1970, in UTC."""

    async def take(self, person_id: PersonId, day: int, *, count_max: int) -> int | None:
        """Count one more use, and say how many that makes; None: there were ``count_max``, and there still are."""
