"""Likes of whatever can be liked, and the orders of such lists."""

from collections.abc import Mapping
from typing import Final

from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.mongo.codec import number
from store.mongo.collections import LIKES_OF_THINGS
from store.mongo.connection import Sort, Transaction
from store.mongo.contended import Contended

__all__ = ["SORTS", "toggle_like"]

SORTS: Final[Mapping[Ranking, Sort]] = {
    Ranking.LATEST: (("_id", -1),),
    Ranking.POPULAR: (("likes_count", -1), ("_id", -1)),
}
"""Ids say when they were given."""


async def toggle_like(
    contended: Contended, collection: str, thing_id: Snowflake, person_id: PersonId, at_ms: int
) -> bool:
    """``LikableStore.toggle_like`` for the things of one collection. Ids of things of all kinds are different."""
    where = {"_id": f"{number(thing_id)}:{number(person_id)}"}
    mark = {**where, "thing_id": number(thing_id), "person_id": number(person_id), "at_ms": number(at_ms)}

    async def toggle(transaction: Transaction) -> bool:
        is_there = not await transaction.delete(LIKES_OF_THINGS, where)
        if is_there:
            await transaction.insert(LIKES_OF_THINGS, [mark])
        count = {"q": {"_id": number(thing_id)}, "u": {"$inc": {"likes_count": number(1 if is_there else -1)}}}
        if not await transaction.update(collection, [count]):
            raise NotThere(f"nothing to like under {thing_id}")
        return is_there

    return await contended.run(thing_id, toggle)
