"""Donations. They are written by the ledger (``ledger.py``)."""

from typing import Final

from store.interfaces.donations import DonationRecord
from store.interfaces.ids import EntryId, PersonId
from store.mongo.codec import number, record_of, text
from store.mongo.collections import DONATIONS
from store.mongo.connection import Document, Mongo

__all__ = ["MongoDonations"]

NEWEST: Final = (("at_ms", -1), ("number", -1))


class MongoDonations:
    """``DonationStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def get(self, entry_id: EntryId) -> DonationRecord | None:
        found = await self._mongo.find_one(DONATIONS, {"_id": text(entry_id)})
        return None if found is None else record_of(found, DonationRecord)

    async def of_user(self, user_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        return await self._newest({"user_id": number(user_id)}, skip, limit)

    async def of_anchor(self, anchor_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        return await self._newest({"anchor_id": number(anchor_id)}, skip, limit)

    async def given_by(self, user_id: PersonId) -> int:
        return await self._sum({"user_id": number(user_id)})

    async def received_by(self, anchor_id: PersonId) -> int:
        return await self._sum({"anchor_id": number(anchor_id)})

    async def _newest(self, where: Document, skip: int, limit: int) -> tuple[DonationRecord, ...]:
        found = await self._mongo.find(DONATIONS, where, sort=NEWEST, skip=skip, limit=limit)
        return tuple(record_of(document, DonationRecord) for document in found)

    async def _sum(self, where: Document) -> int:
        # Answered by the index alone, which holds the amounts.
        rows = await self._mongo.aggregate(
            DONATIONS, [{"$match": where}, {"$group": {"_id": None, "amount": {"$sum": "$amount"}}}]
        )
        return int(rows[0]["amount"]) if rows else 0
