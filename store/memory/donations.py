"""Donations. They are written by the ledger (``ledger.py``)."""

from collections.abc import Callable

from store.interfaces.donations import DonationRecord
from store.interfaces.ids import EntryId, PersonId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryDonations"]


class MemoryDonations:
    """``DonationStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def get(self, entry_id: EntryId) -> DonationRecord | None:
        return self._database.donations.get(entry_id)

    async def of_user(self, user_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        return self._newest(lambda one: one.user_id == user_id)[skip : skip + limit]

    async def of_anchor(self, anchor_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        return self._newest(lambda one: one.anchor_id == anchor_id)[skip : skip + limit]

    async def given_by(self, user_id: PersonId) -> int:
        return self._database.donations_given.get(user_id, 0)

    async def received_by(self, anchor_id: PersonId) -> int:
        return self._database.donations_received.get(anchor_id, 0)

    def _newest(self, is_wanted: Callable[[DonationRecord], bool]) -> tuple[DonationRecord, ...]:
        wanted = [one for one in self._database.donations.values() if is_wanted(one)]
        return tuple(sorted(wanted, key=lambda one: (one.at_ms, one.number), reverse=True))
