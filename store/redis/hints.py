"""A word from node to node."""

from collections.abc import Callable
from typing import Final

from store.redis.connection import Redis

__all__ = ["RedisHints"]

CHANNEL: Final = "hints"


class RedisHints:
    """``HintLine`` over Redis's own publishing."""

    def __init__(self, redis: Redis, *, channel: str = CHANNEL) -> None:
        """``channel`` is common to those who mean the same store."""
        self._redis = redis
        self._channel = channel

    async def give(self, hint: str) -> None:
        await self._redis.publish(self._channel, hint)

    async def listen(self, heard: Callable[[str], None], *, ready: Callable[[], None]) -> None:
        async for said in self._redis.subscribe(self._channel):
            if said is None:
                ready()
            else:
                heard(said)
