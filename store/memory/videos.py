"""Videos and their shelves."""

from collections.abc import Sequence

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.videos import EVERYBODY, Shelves, VideoRecord
from store.memory.database import MemoryDatabase
from store.memory.likable import ranked, toggle_like

__all__ = ["MemoryVideos"]


class MemoryVideos:
    """``VideoStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def publish(self, video: VideoRecord) -> None:
        if video.id in self._database.videos:
            raise Conflict(f"video {video.id} is another one")
        self._database.videos[video.id] = video
        self._database.shelves.setdefault(video.shelf, []).append(video.id)

    async def get(self, video_id: Snowflake) -> VideoRecord | None:
        return self._database.videos.get(video_id)

    async def shelves(self, viewer_id: PersonId) -> Shelves:
        return Shelves(len(self._shelf(EVERYBODY)), len(self._shelf(viewer_id)))

    async def ranked(
        self, viewer_id: PersonId, ranking: Ranking, *, skip: int = 0, limit: int
    ) -> tuple[VideoRecord, ...]:
        seen = [self._database.videos[one] for shelf in (EVERYBODY, viewer_id) for one in self._shelf(shelf)]
        return ranked(seen, ranking, skip, limit)

    async def at(self, shelf: PersonId, places: Sequence[int]) -> dict[int, VideoRecord]:
        there = self._shelf(shelf)
        return {place: self._database.videos[there[place]] for place in places if 0 <= place < len(there)}

    async def toggle_like(self, thing_id: Snowflake, person_id: PersonId, at_ms: int) -> bool:
        return toggle_like(self._database, self._database.videos, thing_id, person_id, at_ms)

    async def begin_shuffle(self, viewer_id: PersonId, seed: str, shelves: Shelves, *, expires_at_ms: int) -> None:
        self._database.shuffles[viewer_id, seed] = (shelves, expires_at_ms)

    async def shuffle(self, viewer_id: PersonId, seed: str, at_ms: int) -> Shelves | None:
        shelves, expires_at_ms = self._database.shuffles.get((viewer_id, seed), (None, 0))
        return shelves if at_ms < expires_at_ms else None

    def _shelf(self, shelf: PersonId) -> list[Snowflake]:
        return self._database.shelves.get(shelf, [])
