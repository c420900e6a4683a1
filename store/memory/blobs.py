"""Files that people have sent in."""

from msgspec.structs import replace

from store.interfaces.blobs import Blob, Staged
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId
from store.memory.database import MemoryDatabase

__all__ = ["MemoryBlobs"]


class MemoryBlobs:
    """``BlobStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def stage(self, staged: Staged) -> None:
        self._database.blobs_staged[staged.id] = staged

    async def keep(self, blob_id: str, *, expires_at_ms: int) -> None:
        self._database.blobs_staged[blob_id] = replace(self._on_its_way(blob_id), expires_at_ms=expires_at_ms)

    async def put(self, blob_id: str, number: int, data: bytes) -> None:
        self._database.blob_chunks.setdefault(blob_id, {}).setdefault(number, data)

    async def finish(self, blob: Blob, *, extension: str, person_id: PersonId, bytes_max: int) -> Blob | None:
        staged, there = self._on_its_way(blob.id), self._database.blobs
        held = self._database.blobs_held.setdefault(person_id, {})
        if blob.digest not in held and sum(held.values()) + blob.length > bytes_max:
            return None
        held[blob.digest] = blob.length
        kept = there.setdefault(blob.digest, blob)
        self._database.blob_extensions.setdefault(blob.digest, set()).add(extension)
        if kept.id == blob.id:
            del self._database.blobs_staged[blob.id]
        else:
            self._database.blobs_staged[blob.id] = replace(staged, is_abandoned=True)
        return kept

    async def abandon(self, blob_id: str, *, forget_at_ms: int) -> None:
        staged = self._database.blobs_staged.get(blob_id)
        if staged is not None:
            self._database.blobs_staged[blob_id] = replace(staged, is_abandoned=True, expires_at_ms=forget_at_ms)
            self._database.blob_chunks.pop(blob_id, None)

    async def forget(self, blob_id: str) -> None:
        staged = self._database.blobs_staged.get(blob_id)
        if staged is not None and staged.is_abandoned:
            self._database.blob_chunks.pop(blob_id, None)
            del self._database.blobs_staged[blob_id]

    async def expired(self, now_ms: int, *, limit: int) -> tuple[Staged, ...]:
        found = (staged for staged in self._database.blobs_staged.values() if staged.expires_at_ms < now_ms)
        return tuple(sorted(found, key=lambda staged: (staged.expires_at_ms, staged.id)))[:limit]

    async def find(self, digest: str, extension: str) -> Blob | None:
        has_it = extension in self._database.blob_extensions.get(digest, ())
        return self._database.blobs[digest] if has_it else None

    async def chunk(self, blob_id: str, number: int) -> bytes | None:
        return self._database.blob_chunks.get(blob_id, {}).get(number)

    async def bytes_of(self, person_id: PersonId) -> int:
        return sum(self._database.blobs_held.get(person_id, {}).values())

    def _on_its_way(self, blob_id: str) -> Staged:
        staged = self._database.blobs_staged.get(blob_id)
        if staged is None or staged.is_abandoned:
            raise NotThere(f"nothing is staged as {blob_id}")
        return staged
