"""Donations: the record that a surface shows of each, kept by the ledger together with its entry."""

from typing import Protocol

import msgspec

from store.interfaces.ids import EntryId, PersonId

__all__ = ["DonationRecord", "DonationStore"]


class DonationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One donation, with the names that the two had at that moment.

    ``id`` is that of its entry, ``number`` what the surface calls it; ``amount`` is what the user paid, whatever of it
    the anchor has got. ``at_ms`` is the entry's.
    """

    id: EntryId
    number: int
    user_id: PersonId
    anchor_id: PersonId
    user_name: str
    anchor_name: str
    amount: int
    at_ms: int = 0


class DonationStore(Protocol):
    """Donations. They are written by ``LedgerStore.post`` with a ``DonationClaim``, and never change."""

    async def get(self, entry_id: EntryId) -> DonationRecord | None:
        """The donation of that entry, or None."""

    async def of_user(self, user_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        """What the user has given, newest first, and of one moment by number."""

    async def of_anchor(self, anchor_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        """What the anchor has been given, in the same order."""

    async def given_by(self, user_id: PersonId) -> int:
        """The sum of what the user has given; 0 where there is nothing."""

    async def received_by(self, anchor_id: PersonId) -> int:
        """The sum of what users have given to the anchor; 0 where there is nothing."""
