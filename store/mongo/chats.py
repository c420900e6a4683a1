"""What is said in the anchors' rooms."""

from hashlib import sha256
from typing import Final

import msgspec

from store.interfaces.chats import DOUBLE_MS, SPOKEN, AnchorRecord, ViewerLine
from store.interfaces.ids import RoomId
from store.mongo.codec import fields_of, new_batch_id, number, record_of, text
from store.mongo.collections import ANCHOR_RECORDS, VIEWER_LINES
from store.mongo.connection import Document, Duplicate, Mongo

__all__ = ["MongoChats"]

NEWEST: Final = (("at_ms", -1), ("_id", -1))


class MongoChats:
    """``ChatStore`` in MongoDB.

    Keys are made in their order. Beside its record a document has ``double``, which two documents share only if they
    hold the same words of the same span of ``DOUBLE_MS``; and a record has ``spoken``, for the index over those.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def keep_line(self, line: ViewerLine) -> bool:
        said = (line.room_id, line.person_id, line.text)
        return await self._keep(VIEWER_LINES, fields_of(line), said, line.at_ms)

    async def keep_record(self, record: AnchorRecord) -> bool:
        fields = fields_of(record)
        said = {name: value for name, value in fields.items() if name != "at_ms"}
        is_spoken = {"spoken": True} if record.kind in SPOKEN else {}
        return await self._keep(ANCHOR_RECORDS, fields | is_spoken, said, record.at_ms)

    async def last_lines(self, room_id: RoomId, *, skip: int = 0, limit: int) -> tuple[ViewerLine, ...]:
        where = {"room_id": text(room_id)}
        found = await self._mongo.find(VIEWER_LINES, where, sort=NEWEST, skip=skip, limit=limit)
        return tuple(record_of(document, ViewerLine) for document in found)

    async def last_spoken(self, room_id: RoomId, *, skip: int = 0, limit: int) -> tuple[AnchorRecord, ...]:
        where = {"room_id": text(room_id), "spoken": True}
        found = await self._mongo.find(ANCHOR_RECORDS, where, sort=NEWEST, skip=skip, limit=limit)
        return tuple(record_of(document, AnchorRecord) for document in found)

    async def last_record_at_ms(self, room_id: RoomId) -> int | None:
        found = await self._mongo.find_one(ANCHOR_RECORDS, {"room_id": text(room_id)}, sort=NEWEST)
        return None if found is None else int(found["at_ms"])

    async def _keep(self, collection: str, fields: Document, said: object, at_ms: int) -> bool:
        digest = sha256(msgspec.json.encode(said)).hexdigest()
        span = at_ms // DOUBLE_MS
        just_before = {"double": f"{digest}:{span - 1}", "at_ms": {"$gt": number(at_ms - DOUBLE_MS)}}
        if await self._mongo.find_one(collection, just_before) is not None:
            return False
        document = {"_id": new_batch_id(), **fields, "double": f"{digest}:{span}"}
        try:
            await self._mongo.insert(collection, document)
        except Duplicate:
            return False
        return True
