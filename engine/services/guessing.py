"""How often somebody may be wrong: the more often, the longer until the next attempt is looked at (SEC-16).

Counted over all nodes by the name that is tried, whether anybody has it or not, and by the address it is tried from. An
attempt counts as failed until it has proved to be none, so that many at once are many. Nothing is locked for good: the
longest wait is a minute, and a while without attempts wipes the slate.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from engine.errors import TooMany
from engine.node import Node
from engine.storage import store_answers
from engine.world import World
from store.interfaces.attempts import Attempts

__all__ = ["Guessing", "Patience", "wait_after"]

SWAPS_MAX: Final = 16
"""Others who change the same count at the same moment are let in front that often."""

FORGET_MS: Final = 3_600_000


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """So many failures are nobody's business; the next waits ``first_ms``, each further one twice as long."""

    free_count: int
    first_ms: int = 1_000
    longest_ms: int = 60_000


NAMES: Final = Patience(free_count=5)
ADDRESSES: Final = Patience(free_count=100, longest_ms=10_000)
"""Many people may have one address, and some of them forget their passwords; the names have a guard of their own."""


def wait_after(count: int, patience: Patience) -> int:
    """How long nothing is looked at after ``count`` failures, in milliseconds."""
    doublings = count - patience.free_count - 1
    if doublings < 0:
        return 0
    # Without raising to a power first that no wait has.
    return min(patience.first_ms << min(doublings, 30), patience.longest_ms)


class Guessing:
    """Attempts at something that can be guessed; ``what`` keeps several such things apart."""

    def __init__(self, world: World, *, node: Node, what: str) -> None:
        self._store = world.stores.attempts
        self._node = node
        self._what = what

    async def begin(self, *, name: str, address: str) -> None:
        """Let one more attempt be looked at; it counts as failed unless ``succeeded`` follows.

        Raises: TooMany: not now; it says when. StoreDown: it cannot be counted, and so is not looked at.
        """
        await self._count(self._key("address", address), ADDRESSES)
        await self._count(self._key("name", name), NAMES)

    async def succeeded(self, *, name: str, address: str) -> None:
        """It was right: the name's failures are forgotten, and this attempt was none of the address's.

        The others of the address stay, or whoever has one account could guess at all others for ever.

        Raises: StoreDown.
        """
        await self._change(self._key("name", name), lambda _attempts: None)
        await self._change(
            self._key("address", address),
            lambda attempts: msgspec.structs.replace(attempts, count=max(attempts.count - 1, 0), until_ms=0),
        )

    async def _count(self, key: str, patience: Patience) -> None:
        for _ in range(SWAPS_MAX):
            now_ms = self._node.now_ms()
            before = await self._get(key)
            if before is not None and now_ms < before.until_ms:
                raise TooMany(retry_after_ms=before.until_ms - now_ms)
            is_remembered = before is not None and now_ms < before.forget_at_ms
            count = 1 + (before.count if before is not None and is_remembered else 0)
            after = Attempts(
                count=count, until_ms=now_ms + wait_after(count, patience), forget_at_ms=now_ms + FORGET_MS
            )
            if await self._swap(key, before, after):
                return
        raise TooMany(retry_after_ms=patience.first_ms)

    async def _change(self, key: str, changed: Callable[[Attempts], Attempts | None]) -> None:
        for _ in range(SWAPS_MAX):
            before = await self._get(key)
            if before is None or await self._swap(key, before, changed(before)):
                return

    def _key(self, kind: str, value: str) -> str:
        # Of one length, and no list of the names that people have typed.
        return f"{self._what}:{kind}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()[:32]}"

    async def _get(self, key: str) -> Attempts | None:
        with store_answers:
            return await self._store.get(key)

    async def _swap(self, key: str, before: Attempts | None, after: Attempts | None) -> bool:
        with store_answers:
            return await self._store.swap(key, before, after)
