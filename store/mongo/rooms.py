"""Live rooms: what must survive a restart."""

from typing import Final

from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotOwner
from store.interfaces.ids import NOBODY, NodeId, RoomId
from store.interfaces.rooms import RoomRecord
from store.mongo.codec import document_of, number, record_of, text
from store.mongo.collections import ROOMS
from store.mongo.connection import Document, Duplicate, Mongo
from store.mongo.ownership import Graveyard, change_owner, takeable_owners

__all__ = ["MongoRooms"]

OLDEST: Final = (("created_at_ms", 1), ("_id", 1))


class MongoRooms:
    """``RoomStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._graveyard = Graveyard(mongo)

    async def add(self, room: RoomRecord) -> RoomRecord:
        try:
            await self._mongo.insert(ROOMS, _document(room))
        except Duplicate as duplicate:
            kept = await self.get(room.id)
            if kept is None or (kept.anchor_id, kept.created_at_ms) != (room.anchor_id, room.created_at_ms):
                raise Conflict(f"room {room.id} is another one") from duplicate
            return kept
        return room

    async def reopen(self, room: RoomRecord) -> RoomRecord | None:
        fields = _document(replace(room, epoch=room.epoch + 1))
        closed = {"_id": fields.pop("_id"), "epoch": number(room.epoch), "open": False}
        opened = _room(await self._mongo.find_and_update(ROOMS, closed, {"$set": fields}))
        if opened is not None:
            return opened
        kept = await self.get(room.id)
        is_this_one = kept is not None and (kept.anchor_id, kept.created_at_ms) == (room.anchor_id, room.created_at_ms)
        return kept if kept is not None and kept.is_open and is_this_one else None

    async def save(self, room: RoomRecord) -> None:
        fields = _document(room)
        key = fields.pop("_id")
        before = {"_id": key, "epoch": fields["epoch"], "version": number(room.version - 1), "open": True}
        try:
            if await self._mongo.update(ROOMS, before, {"$set": fields}):
                return
        except Duplicate as duplicate:
            raise Conflict(f"somebody in room {room.id} sits in another one") from duplicate
        kept = await self.get(room.id)
        if kept is None or (kept.epoch, kept.version) != (room.epoch, room.version):
            raise NotOwner

    async def get(self, room_id: RoomId) -> RoomRecord | None:
        return _room(await self._mongo.find_one(ROOMS, {"_id": text(room_id)}))

    async def open_rooms(self, *, limit: int = 1000) -> tuple[RoomRecord, ...]:
        return _rooms(await self._mongo.find(ROOMS, {"open": True}, sort=OLDEST, limit=limit))

    async def adoptable(self, me: NodeId, *, limit: int = 1000) -> tuple[RoomRecord, ...]:
        owners = await takeable_owners(self._mongo, ROOMS, {"open": True}, me)
        return _rooms(await self._mongo.find(ROOMS, {"open": True, "owner": {"$in": owners}}, sort=OLDEST, limit=limit))

    async def claim(self, room: RoomRecord, me: NodeId) -> RoomRecord | None:
        if not await self._graveyard.may_take(room.owner, me):
            return None
        as_read = {"_id": text(room.id), "owner": room.owner, "epoch": number(room.epoch), "open": True}
        return _room(await self._mongo.find_and_update(ROOMS, as_read, change_owner(me, room.epoch + 1)))

    async def release(self, room_id: RoomId, epoch: int) -> None:
        where = {"_id": text(room_id), "epoch": number(epoch), "open": True}
        await self._mongo.update(ROOMS, where, change_owner(NOBODY, epoch + 1))


def _document(room: RoomRecord) -> Document:
    """Custom fields are kept as pairs: their names are the clients' and must never be read as field paths (SEC-21).

    ``is_seated`` keeps rooms with free seats out of the index of who sits where: there an empty list is a value too.
    """
    document = document_of(room)
    pairs = [{"name": name, "value": value} for name, value in document["custom"].items()]
    return {**document, "custom": pairs, "open": room.is_open, "is_seated": bool(room.seats)}


def _room(document: Document | None) -> RoomRecord | None:
    if document is None:
        return None
    custom = {pair["name"]: pair["value"] for pair in document["custom"]}
    return record_of({**document, "custom": custom}, RoomRecord)


def _rooms(documents: list[Document]) -> tuple[RoomRecord, ...]:
    return tuple(room for document in documents if (room := _room(document)) is not None)
