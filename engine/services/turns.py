"""One after another, where things of one kind and key must not be done at once. Keeps nothing of who waits no more."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

__all__ = ["Turns"]

KeyT = TypeVar("KeyT", bound=Hashable)


class Turns(Generic[KeyT]):
    """A lock for each key that somebody holds or waits for."""

    def __init__(self) -> None:
        self._locks: dict[KeyT, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        """Keys that somebody holds or waits for."""
        return len(self._locks)

    def __contains__(self, key: KeyT) -> bool:
        """Whether somebody holds it or waits for it."""
        return key in self._locks

    @asynccontextmanager
    async def of(self, key: KeyT) -> AsyncIterator[None]:
        """Wait for all who came before with this key; whoever comes later waits until this block is left."""
        lock, users_count = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users_count + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users_count = self._locks.pop(key)
            if users_count > 1:
                self._locks[key] = (lock, users_count - 1)
