"""What every ``BlobStore`` promises."""

import asyncio
import hashlib
from typing import Any

import pytest

from store.interfaces.blobs import CHUNK_BYTES, Blob, Staged
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId
from store.interfaces.stores import Stores
from tests.support.records import BOB, TOM
from tests.support.stores import on_every_store

PLENTY = 10**9
T0 = 1_767_225_600_000


def staged(blob_id: str = "a", person_id: PersonId = TOM, expires_at_ms: int = T0) -> Staged:
    return Staged(id=blob_id, person_id=person_id, expires_at_ms=expires_at_ms)


def blob(content: bytes, blob_id: str = "a") -> Blob:
    digest = hashlib.sha256(content).hexdigest()
    return Blob(id=blob_id, digest=digest, length=len(content), kind="video/mp4", created_at_ms=T0)


async def sent(
    stores: Stores, content: bytes, blob_id: str, person_id: PersonId = TOM, *, extension: str = "mp4", **how: Any
) -> Blob | None:
    """Stage and finish all of it."""
    await stores.blobs.stage(staged(blob_id, person_id))
    for number, first in enumerate(range(0, len(content), CHUNK_BYTES)):
        await stores.blobs.put(blob_id, number, content[first : first + CHUNK_BYTES])
    limit = {"bytes_max": PLENTY, **how}
    return await stores.blobs.finish(blob(content, blob_id), extension=extension, person_id=person_id, **limit)


@on_every_store
async def test_what_was_staged_is_found_by_its_content_once_it_is_finished(stores: Stores) -> None:
    content = b"x" * CHUNK_BYTES + b"the end"
    digest = hashlib.sha256(content).hexdigest()
    assert await stores.blobs.find(digest, "mp4") is None

    kept = await sent(stores, content, "a")

    assert kept == blob(content)
    assert await stores.blobs.find(digest, "mp4") == kept
    assert [await stores.blobs.chunk("a", number) for number in range(3)] == [b"x" * CHUNK_BYTES, b"the end", None]
    assert await stores.blobs.expired(T0 + 10**9, limit=10) == ()


@on_every_store
async def test_what_is_only_staged_is_no_file(stores: Stores) -> None:
    await stores.blobs.stage(staged())
    await stores.blobs.put("a", 0, b"abc")

    assert await stores.blobs.find(blob(b"abc").digest, "mp4") is None
    assert await stores.blobs.chunk("a", 0) == b"abc"
    assert await stores.blobs.bytes_of(TOM) == 0


@on_every_store
async def test_the_same_chunk_again_changes_nothing(stores: Stores) -> None:
    await stores.blobs.stage(staged())

    await stores.blobs.put("a", 0, b"abc")
    await stores.blobs.put("a", 0, b"abc")

    assert await stores.blobs.chunk("a", 0) == b"abc"
    assert await stores.blobs.chunk("a", 1) is None


@on_every_store
async def test_chunks_come_in_any_order_and_several_at_once(stores: Stores) -> None:
    chunks = [bytes([number]) * CHUNK_BYTES for number in range(6)]
    content = b"".join(chunks)
    await stores.blobs.stage(staged())

    await asyncio.gather(*(stores.blobs.put("a", number, chunks[number]) for number in (3, 0, 5, 4, 1, 2)))
    kept = await stores.blobs.finish(blob(content), extension="mp4", person_id=TOM, bytes_max=PLENTY)

    assert kept == blob(content)
    assert [await stores.blobs.chunk("a", number) for number in range(7)] == [*chunks, None]


@on_every_store
async def test_the_same_content_is_kept_once_whoever_sends_it(stores: Stores) -> None:
    first = await sent(stores, b"abc", "a", TOM)

    second = await sent(stores, b"abc", "b", BOB)

    assert first == second == blob(b"abc", "a")
    assert [one.id for one in await stores.blobs.expired(T0 + 1, limit=10)] == ["b"]
    assert (await stores.blobs.expired(T0 + 1, limit=10))[0].is_abandoned
    assert [await stores.blobs.bytes_of(one) for one in (TOM, BOB)] == [3, 3]


@on_every_store
async def test_a_content_has_the_extensions_it_was_sent_with_and_no_other(stores: Stores) -> None:
    await sent(stores, b"abc", "a", extension="mp4")
    await sent(stores, b"abc", "b", extension="mov")

    found = [await stores.blobs.find(blob(b"abc").digest, one) for one in ("mp4", "mov", "html", "")]

    assert found == [blob(b"abc", "a"), blob(b"abc", "a"), None, None]


@on_every_store
async def test_of_many_who_send_the_same_at_once_one_is_kept(stores: Stores) -> None:
    kept = await asyncio.gather(*(sent(stores, b"abc", f"{n}", PersonId(10_001 + n)) for n in range(8)))

    assert len({one.id for one in kept if one is not None}) == 1
    assert len(await stores.blobs.expired(T0 + 1, limit=10)) == 7
    assert [await stores.blobs.bytes_of(PersonId(10_001 + n)) for n in range(8)] == [3] * 8


@on_every_store
async def test_a_content_counts_once_for_each_who_sent_it(stores: Stores) -> None:
    await sent(stores, b"abc", "a")
    await sent(stores, b"abc", "b")
    await sent(stores, b"abc", "c", extension="mov")
    await sent(stores, b"defg", "d")

    assert await stores.blobs.bytes_of(TOM) == 7


@on_every_store
async def test_nobody_gets_over_his_limit_however_many_come_at_once(stores: Stores) -> None:
    contents = [bytes([n]) * 10 for n in range(8)]

    kept = await asyncio.gather(*(sent(stores, one, f"{n}", bytes_max=35) for n, one in enumerate(contents)))

    assert sum(one is not None for one in kept) == 3
    assert await stores.blobs.bytes_of(TOM) == 30


@on_every_store
async def test_what_is_over_the_limit_changes_nothing(stores: Stores) -> None:
    await sent(stores, b"abc", "a", bytes_max=4)

    assert await sent(stores, b"de", "b", bytes_max=4) is None
    assert await stores.blobs.find(blob(b"de").digest, "mp4") is None
    assert await stores.blobs.bytes_of(TOM) == 3
    # What he has already is no more than he has.
    assert await sent(stores, b"abc", "c", bytes_max=3) == blob(b"abc", "a")


@on_every_store
async def test_the_one_who_goes_on_is_not_taken_for_one_who_is_gone(stores: Stores) -> None:
    await stores.blobs.stage(staged("a"))
    await stores.blobs.stage(staged("b", expires_at_ms=T0 - 5))

    await stores.blobs.keep("a", expires_at_ms=T0 + 1_000)

    assert [one.id for one in await stores.blobs.expired(T0 + 500, limit=10)] == ["b"]
    assert [one.id for one in await stores.blobs.expired(T0 + 2_000, limit=10)] == ["b", "a"]
    assert [one.id for one in await stores.blobs.expired(T0 + 2_000, limit=1)] == ["b"]


@on_every_store
async def test_what_is_abandoned_cannot_be_finished_and_leaves_nothing(stores: Stores) -> None:
    await stores.blobs.stage(staged())
    await stores.blobs.put("a", 0, b"abc")

    await stores.blobs.abandon("a", forget_at_ms=T0 + 100)

    assert await stores.blobs.chunk("a", 0) is None
    assert await stores.blobs.expired(T0 + 50, limit=10) == ()
    with pytest.raises(NotThere):
        await stores.blobs.keep("a", expires_at_ms=T0)
    with pytest.raises(NotThere):
        await stores.blobs.finish(blob(b"abc"), extension="mp4", person_id=TOM, bytes_max=PLENTY)
    assert await stores.blobs.bytes_of(TOM) == 0

    # Somebody who was frozen meanwhile.
    await stores.blobs.put("a", 1, b"late")
    (left,) = await stores.blobs.expired(T0 + 101, limit=10)
    assert left == Staged(id="a", person_id=TOM, expires_at_ms=T0 + 100, is_abandoned=True)

    await stores.blobs.forget("a")

    assert await stores.blobs.chunk("a", 1) is None
    assert await stores.blobs.expired(T0 + 10**9, limit=10) == ()


@on_every_store
async def test_what_is_finished_can_be_neither_abandoned_nor_forgotten(stores: Stores) -> None:
    await sent(stores, b"abc", "a")
    await stores.blobs.stage(staged("b"))

    await stores.blobs.abandon("a", forget_at_ms=T0)
    await stores.blobs.forget("a")
    await stores.blobs.forget("b")

    assert await stores.blobs.chunk("a", 0) == b"abc"
    assert await stores.blobs.find(blob(b"abc").digest, "mp4") == blob(b"abc")
    await stores.blobs.keep("b", expires_at_ms=T0)


@on_every_store
async def test_what_never_began_is_not_there(stores: Stores) -> None:
    with pytest.raises(NotThere):
        await stores.blobs.keep("a", expires_at_ms=T0)
    with pytest.raises(NotThere):
        await stores.blobs.finish(blob(b"abc"), extension="mp4", person_id=TOM, bytes_max=PLENTY)
    await stores.blobs.abandon("a", forget_at_ms=T0)
    await stores.blobs.forget("a")

    assert await stores.blobs.bytes_of(TOM) == 0
    assert await stores.blobs.chunk("a", 0) is None
