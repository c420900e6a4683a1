"""Donations. They are written by the ledger (``ledger.py``).

Sums are kept, not added up. As everybody gives to the same few, they grow as balances do: with each batch of the ledger
by a part that waits, and by folding (D-7).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from store.interfaces.donations import DonationRecord
from store.interfaces.ids import EntryId, PersonId
from store.mongo.codec import number, record_of, text
from store.mongo.collections import DONATION_TOTALS, DONATIONS, PENDING
from store.mongo.connection import Document, Mongo

__all__ = ["MongoDonations", "totals_of"]

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
        return await self._sum(_given(user_id))

    async def received_by(self, anchor_id: PersonId) -> int:
        return await self._sum(_received(anchor_id))

    async def _newest(self, where: Document, skip: int, limit: int) -> tuple[DonationRecord, ...]:
        found = await self._mongo.find(DONATIONS, where, sort=NEWEST, skip=skip, limit=limit)
        return tuple(record_of(document, DonationRecord) for document in found)

    async def _sum(self, key: str) -> int:
        mine = {"$match": {"donated.key": {"$eq": key, "$gt": ""}}}
        waiting = [mine, {"$unwind": "$donated"}, mine, {"$project": {"amount": "$donated.amount"}}]
        parts = await self._mongo.aggregate_at_once(
            DONATION_TOTALS, [{"$match": {"_id": key}}, {"$unionWith": {"coll": PENDING, "pipeline": waiting}}]
        )
        return sum(int(part["amount"]) for part in parts)


def totals_of(donations: Iterable[DonationRecord]) -> dict[str, int]:
    """What these donations add to which sums, by the keys of their documents."""
    totals: Counter[str] = Counter()
    for donation in donations:
        totals[_given(donation.user_id)] += donation.amount
        totals[_received(donation.anchor_id)] += donation.amount
    return totals


def _given(user_id: PersonId) -> str:
    return f"given:{number(user_id)}"


def _received(anchor_id: PersonId) -> str:
    return f"received:{number(anchor_id)}"
