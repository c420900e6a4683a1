"""What anchors' rooms are called, show and cost."""

from collections.abc import Sequence

from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.shows import ShowInfo, ShowRecord
from store.memory.database import MemoryDatabase

__all__ = ["MemoryShows"]


class MemoryShows:
    """``ShowStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def keep(self, show: ShowRecord) -> ShowRecord:
        kept = self._database.shows.get(show.id, show)
        if kept.anchor_id != show.anchor_id:
            raise Conflict(f"show {show.id} is another anchor's")
        kept = replace(kept, character_date=show.character_date or kept.character_date)
        self._database.shows[show.id] = kept
        return kept

    async def describe(self, room_id: RoomId, info: ShowInfo) -> ShowRecord:
        kept = self._database.shows.get(room_id)
        if kept is None:
            raise NotThere(f"no show {room_id}")
        kept = self._database.shows[room_id] = replace(kept, info=info)
        return kept

    async def get(self, room_id: RoomId) -> ShowRecord | None:
        return self._database.shows.get(room_id)

    async def many(self, room_ids: Sequence[RoomId]) -> dict[RoomId, ShowRecord]:
        shows = self._database.shows
        return {room_id: shows[room_id] for room_id in room_ids if room_id in shows}

    async def of_anchor(self, anchor_id: PersonId, *, limit: int) -> tuple[ShowRecord, ...]:
        hers = [show for show in self._database.shows.values() if show.anchor_id == anchor_id]
        return tuple(sorted(hers, key=lambda show: (show.created_at_ms, show.id))[:limit])
