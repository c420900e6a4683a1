"""How often a client may ask: rate limits, declared on endpoints and kept here.

Knows rates, clients as opaque strings and time as a number. Knows no endpoint, no person and no store: limits that must
hold over several nodes go through ``SharedLimit``, which somebody else keeps.

The bucket is GCRA: instead of a level that is refilled there is one number per client, the time at which its bucket
will be full again. A request moves it on by one interval; it is refused when that would be more than a burst ahead of
now.
"""

from collections import OrderedDict
from typing import Final, Protocol

import msgspec

from engine.errors import StoreDown, TooMany
from engine.ports import Clock

__all__ = ["Limit", "Limiter", "SharedLimit", "per_minute", "per_second", "wait_after"]

KEYS_MAX: Final = 100_000
"""Buckets kept, about 20 MB. Beyond it the one that rested longest goes, which in all likelihood was full again."""

_ROUNDING_MS: Final = 1e-6
"""Intervals are floats; their rounding is no reason to refuse."""


class Limit(msgspec.Struct, frozen=True):
    """``rate`` requests in each ``per_ms`` in the long run, ``burst`` at once after a pause.

    ``shared`` limits count over all nodes. When they cannot be counted nothing passes, as where a password is tried or
    money moves; unless ``or_local``: then each node counts for itself meanwhile. Source: ALL-13, G-10, protocols 13.1.
    """

    rate: int
    per_ms: int
    burst: int
    shared: bool = False
    or_local: bool = False

    def __post_init__(self) -> None:
        if self.rate < 1 or self.per_ms < 1 or self.burst < 1:
            raise ValueError("a limit lets at least one pass")
        if self.or_local and not self.shared:
            raise ValueError("every other limit is local anyway")


def per_second(rate: int, *, burst: int | None = None, shared: bool = False, or_local: bool = False) -> Limit:
    """``rate`` a second, twice as many at once unless ``burst`` says otherwise (the contract's default: 20 and 40)."""
    return Limit(rate, 1_000, burst if burst is not None else 2 * rate, shared, or_local)


def per_minute(rate: int, *, burst: int | None = None, shared: bool = False, or_local: bool = False) -> Limit:
    """``rate`` a minute, all at once if need be unless ``burst`` says otherwise."""
    return Limit(rate, 60_000, burst if burst is not None else rate, shared, or_local)


class SharedLimit(Protocol):
    """The same bucket, counted for all nodes together and by one clock."""

    async def take(self, key: str, *, rate: int, per_ms: int, burst: int) -> int:
        """Take one from the bucket ``key``: 0 when it passed, else the milliseconds after which one would.

        Raises: any exception: it could not be counted.
        """


def wait_after(full_at_ms: float, limit: Limit, now_ms: float) -> tuple[float, int]:
    """One more request at ``now_ms`` from a bucket that will be full again at ``full_at_ms``.

    Returns when it will be full then, and 0; or the same time as before, and the milliseconds to wait.
    """
    interval_ms = limit.per_ms / limit.rate
    next_full_at_ms = max(full_at_ms, now_ms) + interval_ms
    early_ms = next_full_at_ms - now_ms - limit.burst * interval_ms
    # A wait is never told as 0.
    if early_ms > _ROUNDING_MS:
        return full_at_ms, int(early_ms) + 1
    return next_full_at_ms, 0


class Limiter:
    """The buckets of this node, one per (endpoint, client), and the door to the shared ones."""

    __slots__ = ("_clock", "_full_at_ms", "_keys_max", "_shared", "_times")

    def __init__(
        self, clock: Clock, *, shared: SharedLimit | None = None, keys_max: int = KEYS_MAX, times: int = 1
    ) -> None:
        """``times`` is by how much every limit is wider than it says, where somebody tests what is behind them."""
        self._clock = clock
        self._shared = shared
        self._keys_max = keys_max
        self._times = times
        self._full_at_ms: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        """Buckets kept at the moment."""
        return len(self._full_at_ms)

    async def take(self, endpoint: str, client: str, limit: Limit) -> None:
        """Let one request of ``client`` to ``endpoint`` pass.

        Raises:
            TooMany: not now; it says when.
            StoreDown: the limit is shared and could not be counted, and that matters here.
        """
        if self._times > 1:
            limit = msgspec.structs.replace(limit, rate=limit.rate * self._times, burst=limit.burst * self._times)
        wait_ms: int | None = None
        if limit.shared and self._shared is not None:
            wait_ms = await self._take_shared(self._shared, f"{endpoint}|{client}", limit)
        if wait_ms is None:
            wait_ms = self._take_local((endpoint, client), limit)
        if wait_ms:
            raise TooMany(retry_after_ms=wait_ms)

    def _take_local(self, key: tuple[str, str], limit: Limit) -> int:
        buckets = self._full_at_ms
        now_ms = self._clock.mono_ms()
        full_at_ms, wait_ms = wait_after(buckets.get(key, now_ms), limit, now_ms)
        buckets[key] = full_at_ms
        buckets.move_to_end(key)
        if len(buckets) > self._keys_max:
            buckets.popitem(last=False)
        return wait_ms

    @staticmethod
    async def _take_shared(shared: SharedLimit, key: str, limit: Limit) -> int | None:
        try:
            return await shared.take(key, rate=limit.rate, per_ms=limit.per_ms, burst=limit.burst)
        except Exception as error:
            if limit.or_local:
                return None
            # Whatever went wrong there, a limit that cannot be counted must not be no limit.
            raise StoreDown("the shared limit cannot be counted") from error
