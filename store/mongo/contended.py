"""Transactions over documents that many want at the same moment.

A transaction does not wait for a document that another one holds: it is told ``Conflict``, and so are most of a crowd.
Here they stand in line in this process, and those of other processes are met with another try. For small transactions
whose callers can wait a little; what money does is the ledger's own.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, TypeVar

from store.interfaces.errors import Conflict
from store.mongo.connection import Duplicate, Mongo, Transaction

__all__ = ["Contended"]

T = TypeVar("T")

LINES_COUNT: Final = 256
"""Two keys may share a line; then they wait for each other, which harms nobody."""
TRIES_MAX: Final = 40
PAUSE_S_MAX: Final = 0.1
LINE_S_MAX: Final = 5.0
"""Longer nobody waits for his turn: the next one in a crowd of thousands is better told so at once."""


class Contended:
    """Runs transactions, of one key one after another."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._lines = tuple(asyncio.Lock() for _ in range(LINES_COUNT))

    async def run(self, key: Hashable, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What ``work`` returns; done again from its beginning while others are in the way.

        Raises: Conflict: they are still. Duplicate, at once. Unavailable. What ``work`` raises.
        """
        line = self._lines[hash(key) % LINES_COUNT]
        try:
            async with asyncio.timeout(LINE_S_MAX):
                await line.acquire()
        except TimeoutError:
            raise Conflict("too many want the same") from None
        try:
            for tried in range(1, TRIES_MAX):
                try:
                    return await self._mongo.transaction(work)
                except Duplicate:
                    raise
                except Conflict:
                    await asyncio.sleep(random.random() * min(PAUSE_S_MAX, 0.002 * 2**tried))  # noqa: S311 - a pause
            return await self._mongo.transaction(work)
        finally:
            line.release()
