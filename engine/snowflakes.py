"""Ids that say when they were given, for what the social app shows as numbers of 19 digits.

41 bits of milliseconds, 10 of who gave them, 12 of a count, in this order, so that later ones are larger. Compared as
whole numbers; clients get them as text, being above what JavaScript reads back exactly. Source: SO-9.
"""

from typing import Final

from engine.node import Node
from engine.storage import store_answers
from store.interfaces.ids import IdStore, Sequence, Snowflake

__all__ = ["EPOCH_MS", "Snowflakes", "first_of", "moved"]

EPOCH_MS: Final = 1_288_834_974_657

GIVER_BITS: Final = 10
COUNT_BITS: Final = 12


class Snowflakes:
    """Gives ids out, each one once for ever.

    Each life of a server has a number of its own among the last 1,024, so no two that run at the same time share one.
    Time never goes back here: while the clock does, or when a millisecond is used up, the count runs on from the last
    id, so nobody waits.
    """

    def __init__(self, ids: IdStore, *, node: Node) -> None:
        self._ids = ids
        self._node = node
        self._giver: int | None = None
        self._last = 0  # Milliseconds and count of the last id, as one number.

    async def next(self, *, after: int = 0) -> Snowflake:
        """Another id, larger than any that was given here before, and than ``after``, whoever gave that.

        Raises: StoreDown: this life has no number yet, and none could be had.
        """
        giver = self._giver
        if giver is None:
            with store_answers:
                giver = await self._ids.reserve(Sequence.SNOWFLAKE_GIVER, 1) % (1 << GIVER_BITS)
            # Of several who asked at once, all go by the same.
            self._giver = giver = self._giver if self._giver is not None else giver
        self._last = max(self._last + 1, (self._node.now_ms() - EPOCH_MS) << COUNT_BITS)
        if self._as_id(giver) <= after:
            # Somebody else's clock is ahead of ours: on with the millisecond after his.
            self._last = ((after >> GIVER_BITS + COUNT_BITS) + 1) << COUNT_BITS
        return self._as_id(giver)

    def _as_id(self, giver: int) -> Snowflake:
        at_ms, count = self._last >> COUNT_BITS, self._last & (1 << COUNT_BITS) - 1
        return Snowflake(at_ms << GIVER_BITS + COUNT_BITS | giver << COUNT_BITS | count)


def first_of(at_ms: int) -> Snowflake:
    """What is below every id of that time, and above those before it. UTC, milliseconds since 1970."""
    return moved(Snowflake(0), at_ms - EPOCH_MS)


def moved(snowflake: Snowflake, by_ms: int) -> Snowflake:
    """The id moved in time; never below 0."""
    return Snowflake(max(0, snowflake + (by_ms << GIVER_BITS + COUNT_BITS)))
