"""What may vanish: who was seen lately, and token buckets."""

from collections.abc import Callable, Sequence

from store.interfaces.ids import PersonId
from store.memory.database import Bucket, MemoryDatabase, Sighting

__all__ = ["MemoryLimits", "MemoryPresence"]


class MemoryPresence:
    """``PresenceStore`` in memory."""

    def __init__(self, database: MemoryDatabase, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def publish(self, surface: str, person_ids: Sequence[PersonId], *, expires_in_ms: int) -> None:
        here = self._here(surface)
        self._database.publications_count += 1
        sighting = Sighting(self._now_ms() + expires_in_ms, self._database.publications_count)
        here.update((person_id, sighting) for person_id in person_ids)

    async def withdraw(self, surface: str, person_ids: Sequence[PersonId]) -> None:
        here = self._here(surface)
        for person_id in person_ids:
            here.pop(person_id, None)

    async def present(self, surface: str, *, limit: int) -> tuple[PersonId, ...]:
        here = self._here(surface)
        return tuple(sorted(here, key=lambda person_id: here[person_id].publication, reverse=True)[:limit])

    async def is_present(self, surface: str, person_id: PersonId) -> bool:
        return person_id in self._here(surface)

    def _here(self, surface: str) -> dict[PersonId, Sighting]:
        """Those who are still here; everybody else is forgotten on the way."""
        now_ms = self._now_ms()
        known = self._database.sightings.get(surface, {})
        here = {person_id: sighting for person_id, sighting in known.items() if sighting.expires_at_ms > now_ms}
        self._database.sightings[surface] = here
        return here


class MemoryLimits:
    """``LimitStore`` in memory: exact, in whole numbers."""

    def __init__(self, database: MemoryDatabase, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def take(self, key: str, *, rate: int, per_ms: int, burst: int) -> int:
        # A token costs ``per_ms`` and ``rate`` flows in each millisecond: no fraction is ever rounded away.
        buckets = self._database.buckets
        now_ms = self._now_ms()
        full = burst * per_ms
        bucket = buckets.pop(key, Bucket(full, now_ms, now_ms))
        # A clock set back takes nothing away.
        level = min(full, bucket.level + max(0, now_ms - bucket.at_ms) * rate)
        wait_ms = 0 if level >= per_ms else -((level - per_ms) // rate)
        if wait_ms == 0:
            level -= per_ms
        buckets[key] = Bucket(level, now_ms, now_ms - (level - full) // rate)
        self._forget_the_full(now_ms)
        return wait_ms

    def _forget_the_full(self, now_ms: int) -> None:
        """Drop buckets that have filled up, as they tell nothing; the longest unused come first."""
        buckets = self._database.buckets
        while buckets and buckets[oldest := next(iter(buckets))].full_at_ms <= now_ms:
            del buckets[oldest]
