"""Files as GridFS keeps them, and through faults: there whole, once, or not at all."""

import asyncio
import hashlib

import gridfs
import pytest
from pymongo import AsyncMongoClient

from store.interfaces.blobs import CHUNK_BYTES, Blob, Staged
from store.interfaces.errors import Unavailable
from store.interfaces.ids import PersonId
from store.mongo.collections import BLOB_CHUNKS, BLOBS, BLOBS_STAGED
from store.opened import OpenedStores
from tests.support.real_stores import fail_commands, open_real_stores, real_servers
from tests.support.records import T0, TOM

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

CONTENT = bytes(range(256)) * 3_000


def blob(blob_id: str = "a") -> Blob:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Blob(id=blob_id, digest=digest, length=len(CONTENT), kind="", created_at_ms=T0)


async def stage(stores: OpenedStores, blob_id: str = "a", person_id: PersonId = TOM) -> None:
    await stores.blobs.stage(Staged(id=blob_id, person_id=person_id, expires_at_ms=T0))
    for number, first in enumerate(range(0, len(CONTENT), CHUNK_BYTES)):
        await stores.blobs.put(blob_id, number, CONTENT[first : first + CHUNK_BYTES])


async def finish(stores: OpenedStores, blob_id: str = "a", person_id: PersonId = TOM) -> Blob | None:
    return await stores.blobs.finish(blob(blob_id), extension="mp4", person_id=person_id, bytes_max=10**9)


async def test_whatever_knows_gridfs_can_read_them():
    servers = await real_servers()
    async with open_real_stores() as stores, AsyncMongoClient(servers.mongo_uri) as client:
        await stage(stores)
        await finish(stores)

        bucket = gridfs.AsyncGridFSBucket(client[stores.mongo.name], "uploads")
        async with await bucket.open_download_stream_by_name(blob().digest) as opened:
            whole = await opened.read()
            await_seek = opened.seek(CHUNK_BYTES + 7)
            if asyncio.iscoroutine(await_seek):
                await await_seek
            part = await opened.read(5)

        assert (whole, part) == (CONTENT, CONTENT[CHUNK_BYTES + 7 : CHUNK_BYTES + 12])
        assert opened.length == len(CONTENT)
        assert opened.chunk_size == CHUNK_BYTES


async def test_the_chunk_of_a_range_is_found_without_looking_at_another():
    async with open_real_stores() as stores:
        await stage(stores)

        async def plan(database):
            command = {"find": BLOB_CHUNKS, "filter": {"files_id": "a", "n": 2}}
            found = await database.command({"explain": command, "verbosity": "executionStats"})
            return found["executionStats"]

        stats: list[dict] = []

        async def look(database) -> None:
            stats.append(await plan(database))

        await stores.mongo.prepare(look, 5)
        assert (stats[0]["totalKeysExamined"], stats[0]["totalDocsExamined"]) == (1, 1)


async def test_a_finish_whose_answer_is_lost_has_happened_and_nothing_takes_it_back():
    async with open_real_stores(read_deadline_ms=500, money_deadline_ms=500) as stores:
        await stage(stores)
        async with fail_commands("commitTransaction", times=1, blockConnection=True, blockTimeMS=900):
            with pytest.raises(Unavailable):
                await finish(stores)
        async with asyncio.timeout(10):
            while True:
                try:
                    await stores.blobs.abandon("a", forget_at_ms=T0)
                    kept = await stores.blobs.find(blob().digest, "mp4")
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)

        # Either it is there and whole, or it is not there at all.
        chunks_count = len(await stores.mongo.find(BLOB_CHUNKS, {}))
        assert (kept, chunks_count) in [(blob(), 3), (None, 0)]
        assert await stores.blobs.bytes_of(TOM) == (len(CONTENT) if kept else 0)


@pytest.mark.parametrize("command", ["insert", "update"])
async def test_a_write_conflict_is_met_with_another_try(command):
    async with open_real_stores() as stores:
        await stage(stores)
        async with fail_commands(command, times=2, errorCode=112, errorLabels=["TransientTransactionError"]):
            kept = await finish(stores)

        assert kept == blob()
        assert await stores.blobs.bytes_of(TOM) == len(CONTENT)


async def test_a_sweep_of_another_node_and_a_finish_at_the_same_moment_agree():
    async with open_real_stores() as stores:
        for number in range(10):
            name = f"{number}"
            await stage(stores, name)
            outcomes = await asyncio.gather(
                finish(stores, name), stores.blobs.abandon(name, forget_at_ms=T0), return_exceptions=True
            )
            kept = await stores.blobs.find(blob().digest, "mp4")
            chunks = await stores.mongo.find(BLOB_CHUNKS, {"files_id": name})

            assert bool(kept and kept.id == name) == (len(chunks) == 3), outcomes
            for collection in (BLOBS, BLOBS_STAGED, BLOB_CHUNKS):
                await stores.mongo.delete(collection, {})
