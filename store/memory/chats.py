"""What is said in the anchors' rooms."""

from msgspec.structs import replace

from store.interfaces.chats import DOUBLE_MS, SPOKEN, AnchorRecord, ViewerLine
from store.interfaces.ids import RoomId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryChats"]


class MemoryChats:
    """``ChatStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def keep_line(self, line: ViewerLine) -> bool:
        lines = self._database.viewer_lines.setdefault(line.room_id, [])
        if any(_is_double(former, line) for former in lines):
            return False
        lines.append(line)
        return True

    async def keep_record(self, record: AnchorRecord) -> bool:
        records = self._database.anchor_records.setdefault(record.room_id, [])
        if any(_is_double(former, record) for former in records):
            return False
        records.append(record)
        return True

    async def last_lines(self, room_id: RoomId, *, skip: int = 0, limit: int) -> tuple[ViewerLine, ...]:
        return tuple(self._database.viewer_lines.get(room_id, [])[::-1][skip : skip + limit])

    async def last_spoken(self, room_id: RoomId, *, skip: int = 0, limit: int) -> tuple[AnchorRecord, ...]:
        records = self._database.anchor_records.get(room_id, [])
        spoken = [record for record in reversed(records) if record.kind in SPOKEN]
        return tuple(spoken[skip : skip + limit])

    async def last_record_at_ms(self, room_id: RoomId) -> int | None:
        records = self._database.anchor_records.get(room_id, [])
        return records[-1].at_ms if records else None


def _is_double(former: ViewerLine | AnchorRecord, later: ViewerLine | AnchorRecord) -> bool:
    """Whether nobody would take these two for different ones."""
    if not 0 <= later.at_ms - former.at_ms < DOUBLE_MS:
        return False
    if isinstance(former, ViewerLine) and isinstance(later, ViewerLine):
        return (former.person_id, former.text) == (later.person_id, later.text)
    return former == replace(later, at_ms=former.at_ms)
