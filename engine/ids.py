"""Numbers for new things, drawn from the store a block at a time."""

from typing import Final

from engine.storage import store_answers
from store.interfaces.ids import IdStore, Sequence

__all__ = ["Ids"]

BLOCK_SIZE: Final = 20
"""A crash loses at most this many numbers of each kind."""


class Ids:
    """Hands out numbers; each one once for ever."""

    def __init__(self, store: IdStore) -> None:
        self._store = store
        self._blocks: dict[Sequence, range] = {}

    async def next(self, sequence: Sequence) -> int:
        """The next number.

        Raises: StoreDown: no block could be had.
        """
        while True:
            block = self._blocks.get(sequence, range(0))
            if block:
                self._blocks[sequence] = block[1:]
                return block[0]
            with store_answers:
                first = await self._store.reserve(sequence, BLOCK_SIZE)
            # Somebody else may have fetched a block meanwhile; his would be lost, so look again afterwards.
            if not self._blocks.get(sequence, range(0)):
                self._blocks[sequence] = range(first, first + BLOCK_SIZE)
