"""Videos and their shelves."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.videos import EVERYBODY, Shelves, VideoRecord
from store.mongo.codec import document_of, fields_of, number, numbers, record_of, text
from store.mongo.collections import SHELVES, SHUFFLES, VIDEOS
from store.mongo.connection import Duplicate, Mongo, Transaction
from store.mongo.contended import Contended
from store.mongo.likable import SORTS, toggle_like

__all__ = ["MongoVideos"]


class MongoVideos:
    """``VideoStore`` in MongoDB. Beside its record a document has ``shelf`` and ``place``."""

    def __init__(self, mongo: Mongo, contended: Contended) -> None:
        self._mongo = mongo
        self._contended = contended

    async def publish(self, video: VideoRecord) -> None:
        document = {**document_of(video), "shelf": number(video.shelf)}
        shelf = {"_id": number(video.shelf)}

        async def put(transaction: Transaction) -> None:
            await transaction.update(SHELVES, [{"q": shelf, "u": {"$inc": {"count": number(1)}}, "upsert": True}])
            (counted,) = await transaction.find(SHELVES, shelf)
            await transaction.insert(VIDEOS, [{**document, "place": number(counted["count"] - 1)}])

        await self._contended.run(("shelf", video.shelf), put)

    async def get(self, video_id: Snowflake) -> VideoRecord | None:
        document = await self._mongo.find_one(VIDEOS, {"_id": number(video_id)})
        return None if document is None else record_of(document, VideoRecord)

    async def shelves(self, viewer_id: PersonId) -> Shelves:
        found = await self._mongo.find(SHELVES, {"_id": {"$in": numbers((EVERYBODY, viewer_id))}})
        counts = {one["_id"]: int(one["count"]) for one in found}
        return Shelves(counts.get(EVERYBODY, 0), counts.get(viewer_id, 0))

    async def ranked(
        self, viewer_id: PersonId, ranking: Ranking, *, skip: int = 0, limit: int
    ) -> tuple[VideoRecord, ...]:
        where = {"shelf": {"$in": numbers((EVERYBODY, viewer_id))}}
        found = await self._mongo.find(VIDEOS, where, sort=SORTS[ranking], skip=skip, limit=limit)
        return tuple(record_of(document, VideoRecord) for document in found)

    async def at(self, shelf: PersonId, places: Sequence[int]) -> dict[int, VideoRecord]:
        if not places:
            return {}
        found = await self._mongo.find(VIDEOS, {"shelf": number(shelf), "place": {"$in": numbers(places)}})
        return {int(document["place"]): record_of(document, VideoRecord) for document in found}

    async def toggle_like(self, thing_id: Snowflake, person_id: PersonId, at_ms: int) -> bool:
        return await toggle_like(self._contended, VIDEOS, thing_id, person_id, at_ms)

    async def begin_shuffle(self, viewer_id: PersonId, seed: str, shelves: Shelves, *, expires_at_ms: int) -> None:
        where = {"_id": _shuffle_key(viewer_id, seed)}
        expires_at = datetime.fromtimestamp(expires_at_ms / 1000, UTC)
        kept = {**where, **fields_of(shelves), "expires_at_ms": number(expires_at_ms), "expires_at": expires_at}
        # Who is told that it is there already has asked twice at once; the other one has kept the same.
        with suppress(Duplicate):
            await self._mongo.replace(SHUFFLES, where, kept)

    async def shuffle(self, viewer_id: PersonId, seed: str, at_ms: int) -> Shelves | None:
        where = {"_id": _shuffle_key(viewer_id, seed), "expires_at_ms": {"$gt": number(at_ms)}}
        found = await self._mongo.find_one(SHUFFLES, where)
        return None if found is None else Shelves(int(found["public_count"]), int(found["own_count"]))


def _shuffle_key(viewer_id: PersonId, seed: str) -> str:
    return f"{number(viewer_id)}:{text(seed)}"
