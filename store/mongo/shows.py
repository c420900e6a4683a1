"""What anchors' rooms are called, show and cost."""

from collections.abc import Sequence
from typing import Final

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.shows import ShowInfo, ShowRecord
from store.mongo.codec import document_of, fields_of, number, record_of, text, texts
from store.mongo.collections import SHOWS
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoShows"]

MANY_MAX: Final = 1000


class MongoShows:
    """``ShowStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def keep(self, show: ShowRecord) -> ShowRecord:
        try:
            await self._mongo.insert(SHOWS, document_of(show))
        except Duplicate as duplicate:
            where = {"_id": text(show.id), "anchor_id": number(show.anchor_id)}
            date = {"$set": {"character_date": text(show.character_date)}}
            kept = await (
                self._mongo.find_and_update(SHOWS, where, date)
                if show.character_date
                else self._mongo.find_one(SHOWS, where)
            )
            if kept is None:
                raise Conflict(f"show {show.id} is another anchor's") from duplicate
            return record_of(kept, ShowRecord)
        return show

    async def describe(self, room_id: RoomId, info: ShowInfo) -> ShowRecord:
        kept = await self._mongo.find_and_update(SHOWS, {"_id": text(room_id)}, {"$set": {"info": fields_of(info)}})
        if kept is None:
            raise NotThere(f"no show {room_id}")
        return record_of(kept, ShowRecord)

    async def get(self, room_id: RoomId) -> ShowRecord | None:
        found = await self._mongo.find_one(SHOWS, {"_id": text(room_id)})
        return None if found is None else record_of(found, ShowRecord)

    async def many(self, room_ids: Sequence[RoomId]) -> dict[RoomId, ShowRecord]:
        assert len(room_ids) <= MANY_MAX
        found = await self._mongo.find(SHOWS, {"_id": {"$in": texts(room_ids)}})
        shows = {show.id: show for show in (record_of(document, ShowRecord) for document in found)}
        return {room_id: shows[room_id] for room_id in room_ids if room_id in shows}

    async def of_anchor(self, anchor_id: PersonId, *, limit: int) -> tuple[ShowRecord, ...]:
        oldest = (("created_at_ms", 1), ("_id", 1))
        found = await self._mongo.find(SHOWS, {"anchor_id": number(anchor_id)}, sort=oldest, limit=limit)
        return tuple(record_of(document, ShowRecord) for document in found)
