"""Token buckets shared by all nodes."""

from typing import Final

from store.redis.connection import Redis

__all__ = ["RedisLimits"]

# A token costs ``per_ms`` and ``rate`` flows in each millisecond, in whole numbers: no fraction is ever rounded away.
# Time is the server's. A bucket is forgotten when it is full again, as a full one tells nothing.
TAKE: Final = """
local rate, per_ms, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local full = burst * per_ms
local bucket = redis.call('HMGET', KEYS[1], 'level', 'at_ms')
local level = full
if bucket[1] then level = math.min(full, bucket[1] + math.max(0, now_ms - bucket[2]) * rate) end
local wait_ms = 0
if level >= per_ms then level = level - per_ms else wait_ms = math.ceil((per_ms - level) / rate) end
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at_ms', string.format('%.0f', now_ms))
redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil((full - level) / rate)))
return wait_ms
"""


class RedisLimits:
    """``LimitStore`` in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.script(TAKE)

    async def take(self, key: str, *, rate: int, per_ms: int, burst: int) -> int:
        return int(await self._take([f"limit:{key}"], [int(rate), int(per_ms), int(burst)]))
