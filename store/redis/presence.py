"""Who has been seen lately, on any node."""

from collections.abc import Sequence
from typing import Final

from store.interfaces.ids import PersonId
from store.redis.connection import Redis

__all__ = ["RedisPresence"]

# Two sorted sets for each surface: until when people count as present, and the order in which they were published last.
# Time is the server's. Both sets vanish with their last member, or when nobody publishes any more.
NOW: Final = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
"""
FORGET: Final = """
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms)
for _, person in ipairs(gone) do
  redis.call('ZREM', KEYS[1], person)
  redis.call('ZREM', KEYS[2], person)
end
"""
PUBLISH: Final = f"""
{NOW}{FORGET}
local expires_in_ms = tonumber(ARGV[1])
local now_us = time[1] * 1000000 + time[2]
local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if newest[2] and tonumber(newest[2]) >= now_us then now_us = tonumber(newest[2]) + 1 end
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], now_ms + expires_in_ms, ARGV[i])
  redis.call('ZADD', KEYS[2], now_us, ARGV[i])
end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < expires_in_ms then redis.call('PEXPIRE', key, expires_in_ms) end
end
"""
WITHDRAW: Final = """
for _, person in ipairs(ARGV) do
  redis.call('ZREM', KEYS[1], person)
  redis.call('ZREM', KEYS[2], person)
end
"""
PRESENT: Final = f"""
{NOW}{FORGET}
return redis.call('ZREVRANGE', KEYS[2], 0, ARGV[1] - 1)
"""
IS_PRESENT: Final = f"""
{NOW}
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1])
if until_ms and tonumber(until_ms) > now_ms then return 1 end
return 0
"""


class RedisPresence:
    """``PresenceStore`` in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._publish = redis.script(PUBLISH)
        self._withdraw = redis.script(WITHDRAW)
        self._present = redis.script(PRESENT)
        self._is_present = redis.script(IS_PRESENT)

    async def publish(self, surface: str, person_ids: Sequence[PersonId], *, expires_in_ms: int) -> None:
        if person_ids:
            await self._publish(_keys(surface), [int(expires_in_ms), *map(int, person_ids)])

    async def withdraw(self, surface: str, person_ids: Sequence[PersonId]) -> None:
        if person_ids:
            await self._withdraw(_keys(surface), list(map(int, person_ids)))

    async def present(self, surface: str, *, limit: int) -> tuple[PersonId, ...]:
        if limit < 1:
            return ()
        return tuple(PersonId(int(person)) for person in await self._present(_keys(surface), [int(limit)]))

    async def is_present(self, surface: str, person_id: PersonId) -> bool:
        return bool(await self._is_present(_keys(surface), [int(person_id)]))


def _keys(surface: str) -> list[str]:
    # The braces keep both keys on one node of a cluster.
    return [f"presence:{{{surface}}}:until", f"presence:{{{surface}}}:order"]
