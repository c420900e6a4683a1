"""How often something was used in a day."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from store.interfaces.ids import PersonId
from store.mongo.codec import number
from store.mongo.collections import QUOTAS
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoQuotas"]

KEPT: Final = timedelta(days=2)
"""So long after its day has begun a count is of no use to anybody, whatever the clocks say."""


class MongoQuotas:
    """``QuotaStore`` in MongoDB. The key of a document is the person and the day; it goes when nobody asks any more."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def take(self, person_id: PersonId, day: int, *, count_max: int) -> int | None:
        if count_max < 1:
            return None
        where = {"_id": f"{number(person_id)}:{number(day)}", "count": {"$lt": number(count_max)}}
        expires_at = datetime.fromtimestamp(day * 86_400, UTC) + KEPT
        change = {"$inc": {"count": number(1)}, "$setOnInsert": {"expires_at": expires_at}}
        with suppress(Duplicate):
            first = await self._mongo.find_and_update(QUOTAS, where, change, or_insert=True)
            return None if first is None else int(first["count"])
        # It is there: used up, or somebody else began it at the same moment.
        found = await self._mongo.find_and_update(QUOTAS, where, change)
        return None if found is None else int(found["count"])
