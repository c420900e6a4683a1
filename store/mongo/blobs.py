"""Files that people have sent in, as GridFS keeps files.

``uploads.files`` and ``uploads.chunks`` have GridFS' own form, so that whatever knows it can read them (``mongofiles``,
a backup, another driver). They are written through ``connection`` like all else and not by the driver's bucket, which
collects up to 16 MB of chunks before it writes any, makes indexes while it does, and has no idea of our deadlines.
Source: the GridFS specification; ADR-0007.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from store.interfaces.blobs import CHUNK_BYTES, Blob, Staged
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId
from store.mongo.codec import document_of, number, record_of, text
from store.mongo.collections import BLOB_CHUNKS, BLOB_HOLDERS, BLOB_HOLDINGS, BLOBS, BLOBS_STAGED
from store.mongo.connection import Document, Duplicate, Mongo, Transaction
from store.mongo.contended import Contended

__all__ = ["MongoBlobs"]

ON_ITS_WAY: Final = {"is_abandoned": False}
ABANDONED: Final = {"is_abandoned": True}


class _OverQuotaError(Exception):
    """Ends the transaction."""


class MongoBlobs:
    """``BlobStore`` in MongoDB. The file of a content is found by its name, the digest, which is unique."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._contended = Contended(mongo)

    async def stage(self, staged: Staged) -> None:
        await self._mongo.insert(BLOBS_STAGED, document_of(staged))

    async def keep(self, blob_id: str, *, expires_at_ms: int) -> None:
        where = {"_id": text(blob_id), **ON_ITS_WAY}
        if not await self._mongo.update(BLOBS_STAGED, where, {"$set": {"expires_at_ms": number(expires_at_ms)}}):
            raise NotThere(f"nothing is staged as {blob_id}")

    async def put(self, blob_id: str, number: int, data: bytes) -> None:
        # The number is 32 bits long, as GridFS has it.
        with suppress(Duplicate):
            await self._mongo.insert(BLOB_CHUNKS, {"files_id": text(blob_id), "n": number, "data": data})

    async def finish(self, blob: Blob, *, extension: str, person_id: PersonId, bytes_max: int) -> Blob | None:
        async def all_of_it(transaction: Transaction) -> Blob:
            await _hold(transaction, blob, person_id, bytes_max)
            return await _finish(transaction, blob, text(extension))

        try:
            return await self._contended.run(blob.digest, all_of_it)
        except _OverQuotaError:
            return None

    async def abandon(self, blob_id: str, *, forget_at_ms: int) -> None:
        change = {"$set": {**ABANDONED, "expires_at_ms": number(forget_at_ms)}}
        if await self._mongo.update(BLOBS_STAGED, {"_id": text(blob_id)}, change):
            await self._mongo.delete(BLOB_CHUNKS, {"files_id": text(blob_id)})

    async def forget(self, blob_id: str) -> None:
        where = {"_id": text(blob_id), **ABANDONED}
        if await self._mongo.find_one(BLOBS_STAGED, where) is not None:
            await self._mongo.delete(BLOB_CHUNKS, {"files_id": text(blob_id)})
            await self._mongo.delete(BLOBS_STAGED, where)

    async def expired(self, now_ms: int, *, limit: int) -> tuple[Staged, ...]:
        where, oldest = {"expires_at_ms": {"$lt": number(now_ms)}}, (("expires_at_ms", 1), ("_id", 1))
        found = await self._mongo.find(BLOBS_STAGED, where, sort=oldest, limit=limit)
        return tuple(record_of(document, Staged) for document in found)

    async def find(self, digest: str, extension: str) -> Blob | None:
        where = {"filename": text(digest), "metadata.extensions": text(extension)}
        found = await self._mongo.find_one(BLOBS, where)
        return None if found is None else _blob(found)

    async def chunk(self, blob_id: str, number: int) -> bytes | None:
        found = await self._mongo.find_one(BLOB_CHUNKS, {"files_id": text(blob_id), "n": number})
        return None if found is None else bytes(found["data"])

    async def bytes_of(self, person_id: PersonId) -> int:
        found = await self._mongo.find_one(BLOB_HOLDERS, {"_id": number(person_id)})
        return 0 if found is None else int(found["bytes"])


async def _hold(transaction: Transaction, blob: Blob, person_id: PersonId, bytes_max: int) -> None:
    """Count the content for the person, unless that has been done. Raises _OverQuotaError."""
    holding = {"_id": f"{number(person_id)}:{text(blob.digest)}"}
    if await transaction.find(BLOB_HOLDINGS, holding, fields={"_id": 1}):
        return
    holder = {"_id": number(person_id)}
    held = await transaction.find(BLOB_HOLDERS, holder)
    if sum(int(one["bytes"]) for one in held) + blob.length > bytes_max:
        raise _OverQuotaError
    await transaction.insert(BLOB_HOLDINGS, [{**holding, "bytes": number(blob.length)}])
    # Of two at once one is in the other's way here, and begins again with what he finds then.
    change = {"$inc": {"bytes": number(blob.length)}}
    await transaction.update(BLOB_HOLDERS, [{"q": holder, "u": change, "upsert": True}])


async def _finish(transaction: Transaction, blob: Blob, extension: str) -> Blob:
    """The file of this content, which is what was staged or was there before. Raises NotThere."""
    staged = {"_id": text(blob.id), **ON_ITS_WAY}
    there = await transaction.find(BLOBS, {"filename": text(blob.digest)})
    if there:
        if not await transaction.update(BLOBS_STAGED, [{"q": staged, "u": {"$set": ABANDONED}}]):
            raise NotThere(f"nothing is staged as {blob.id}")
        added = {"$addToSet": {"metadata.extensions": extension}}
        await transaction.update(BLOBS, [{"q": {"_id": there[0]["_id"]}, "u": added}])
        return _blob(there[0])
    if not await transaction.delete(BLOBS_STAGED, staged):
        raise NotThere(f"nothing is staged as {blob.id}")
    await transaction.insert(BLOBS, [_document(blob, extension)])
    return blob


def _document(blob: Blob, extension: str) -> Document:
    return {
        "_id": text(blob.id),
        "length": number(blob.length),
        "chunkSize": CHUNK_BYTES,
        "uploadDate": datetime.fromtimestamp(blob.created_at_ms / 1_000, UTC),
        "filename": text(blob.digest),
        "metadata": {"kind": text(blob.kind), "extensions": [extension], "at_ms": number(blob.created_at_ms)},
    }


def _blob(document: Document) -> Blob:
    return Blob(
        id=document["_id"],
        digest=document["filename"],
        length=int(document["length"]),
        kind=document["metadata"]["kind"],
        created_at_ms=int(document["metadata"]["at_ms"]),
    )
