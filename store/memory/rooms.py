"""Live rooms: what must survive a restart."""

from types import MappingProxyType

from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotOwner
from store.interfaces.ids import NOBODY, NodeId, RoomId
from store.interfaces.rooms import RoomKind, RoomRecord
from store.memory.database import MemoryDatabase
from store.memory.ownership import may_take

__all__ = ["MemoryRooms"]


class MemoryRooms:
    """``RoomStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, room: RoomRecord) -> RoomRecord:
        kept = self._database.rooms.get(room.id)
        if kept is None:
            return self._keep(room)
        if (kept.anchor_id, kept.created_at_ms) == (room.anchor_id, room.created_at_ms):
            return kept
        raise Conflict(f"room {room.id} is another one")

    async def reopen(self, room: RoomRecord) -> RoomRecord | None:
        kept = self._database.rooms.get(room.id)
        if kept is None:
            return None
        if kept.is_open or kept.epoch != room.epoch:
            is_this_one = (kept.anchor_id, kept.created_at_ms) == (room.anchor_id, room.created_at_ms)
            return kept if kept.is_open and is_this_one else None
        return self._keep(replace(room, epoch=room.epoch + 1))

    async def save(self, room: RoomRecord) -> None:
        kept = self._database.rooms.get(room.id)
        if kept is None or kept.epoch != room.epoch:
            raise NotOwner
        if kept.version == room.version:
            return
        if not kept.is_open or kept.version != room.version - 1:
            raise NotOwner
        if room.kind is RoomKind.BLIND_DATE and self._sits_elsewhere(room):
            raise Conflict(f"somebody in room {room.id} sits in another one")
        self._keep(room)

    async def get(self, room_id: RoomId) -> RoomRecord | None:
        return self._database.rooms.get(room_id)

    async def open_rooms(self, *, limit: int = 1000) -> tuple[RoomRecord, ...]:
        return tuple(self._open()[:limit])

    async def adoptable(self, me: NodeId, *, limit: int = 1000) -> tuple[RoomRecord, ...]:
        return tuple([room for room in self._open() if may_take(self._database, me, room.owner)][:limit])

    async def claim(self, room: RoomRecord, me: NodeId) -> RoomRecord | None:
        kept = self._database.rooms.get(room.id)
        if kept is None or not kept.is_open or (kept.owner, kept.epoch) != (room.owner, room.epoch):
            return None
        if not may_take(self._database, me, kept.owner):
            return None
        return self._keep(replace(kept, owner=me, epoch=kept.epoch + 1))

    async def release(self, room_id: RoomId, epoch: int) -> None:
        kept = self._database.rooms.get(room_id)
        if kept is not None and kept.is_open and kept.epoch == epoch:
            self._keep(replace(kept, owner=NOBODY, epoch=epoch + 1))

    def _sits_elsewhere(self, room: RoomRecord) -> bool:
        wanted = {seat.person_id for seat in room.seats}
        others = (other for other in self._database.rooms.values() if other.kind is room.kind and other.id != room.id)
        return any(seat.person_id in wanted for other in others for seat in other.seats)

    def _keep(self, room: RoomRecord) -> RoomRecord:
        # The one field that could still be changed by whoever passed it in, or was handed the record.
        kept = replace(room, custom=MappingProxyType(dict(room.custom)))
        self._database.rooms[room.id] = kept
        return kept

    def _open(self) -> list[RoomRecord]:
        rooms = (room for room in self._database.rooms.values() if room.is_open)
        return sorted(rooms, key=lambda room: (room.created_at_ms, room.id))
