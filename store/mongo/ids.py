"""Numbers, each given out once."""

from typing import Final

from store.interfaces.ids import Sequence
from store.mongo.codec import number
from store.mongo.collections import COUNTERS
from store.mongo.connection import Mongo

__all__ = ["MongoIds"]

FIRST: Final = {
    Sequence.PERSON: 10_001,
    Sequence.CALL: 50_001,
    Sequence.ORDER: 1,
    Sequence.DONATION: 1,
    Sequence.AUDIT: 1,
    Sequence.SNOWFLAKE_GIVER: 1,
}
"""Where each sequence begins: ids of different kinds are told apart at a glance."""


class MongoIds:
    """``IdStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def reserve(self, sequence: Sequence, count: int) -> int:
        assert count > 0
        taken = await self._mongo.find_and_update(
            COUNTERS,
            {"_id": sequence.value},
            [{"$set": {"next": {"$add": [{"$ifNull": ["$next", number(FIRST[sequence])]}, number(count)]}}}],
            or_insert=True,
        )
        assert taken is not None
        return int(taken["next"]) - count
