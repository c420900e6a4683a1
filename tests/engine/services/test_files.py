"""Files on their way in and out, and what becomes of those that never arrive."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from engine import settings
from engine.errors import BadInput, Banned, NotFound, StoreDown, TooLong, TooMany
from engine.records import BanKind
from engine.services.files import ABANDONED_MS, ALL_PUTS_MAX, KEEP_MS, PUTS_MAX, STAGED_MS, Files, OverQuota
from engine.services.quotas import DAY_MS
from store.interfaces.blobs import CHUNK_BYTES, Staged
from store.interfaces.errors import Unavailable
from tests.people import Visit, on_a_visit

FILM = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(range(256)) * 2_500
NAME = f"{hashlib.sha256(FILM).hexdigest()}.mp4"


async def pieces(content: bytes = FILM, size: int = 65_536) -> AsyncIterator[bytes]:
    for first in range(0, len(content), size):
        yield content[first : first + size]


def files_of(visit: Visit, **options: int) -> Files:
    return Files(visit.stage.world, settings.Settings(files=settings.Files(**options)), node=visit.engine.node)


class SlowBlobs:
    """Files in a store that takes its time with every chunk, and fails with those whose numbers are ``broken``."""

    def __init__(self, visit: Visit, *, broken: frozenset[int] = frozenset()) -> None:
        self._blobs = visit.stage.world.stores.blobs
        self._clock = visit.stage.clock
        self.broken = broken
        self.now_count: dict[str, int] = {}
        self.most_of_one = self.most_of_all = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    async def put(self, blob_id: str, number: int, data: bytes) -> None:
        self.now_count[blob_id] = self.now_count.get(blob_id, 0) + 1
        self.most_of_one = max(self.most_of_one, self.now_count[blob_id])
        self.most_of_all = max(self.most_of_all, sum(self.now_count.values()))
        # The first of those that are under way together is the last to arrive.
        await self._clock.sleep(1_000 - 200 * (number % PUTS_MAX))
        self.now_count[blob_id] -= 1
        if number in self.broken:
            raise Unavailable("broken")
        await self._blobs.put(blob_id, number, data)

    def files(self, visit: Visit) -> Files:
        world = visit.stage.world
        slowly: Any = replace(world, stores=replace(world.stores, blobs=self))
        return Files(slowly, settings.Settings(), node=visit.engine.node)


async def staged(visit: Visit) -> tuple[Staged, ...]:
    return await visit.stage.stores.blobs.expired(2**52, limit=10)


async def whole(files: Files, name: str, first: int = 0, last: int | None = None) -> bytes:
    file = await files.find(name)
    return b"".join([one async for one in files.read(file, first, file.length - 1 if last is None else last)])


@pytest.mark.parametrize("size", [1_000, 65_536, CHUNK_BYTES, CHUNK_BYTES + 1, len(FILM)])
async def test_a_file_is_the_same_in_whatever_pieces_it_came(size):
    async with on_a_visit() as visit:
        files = visit.engine.files

        file = await files.take(visit.yi, "a.mp4", pieces(size=size))

        assert (file.name, file.length, file.kind.media_type) == (NAME, len(FILM), "video/mp4")
        assert await files.find(NAME) == file
        assert await whole(files, NAME) == FILM
        for first, last in ((0, 0), (CHUNK_BYTES - 1, CHUNK_BYTES), (CHUNK_BYTES, len(FILM) - 1), (5, 2 * CHUNK_BYTES)):
            assert await whole(files, NAME, first, last) == FILM[first : last + 1]


@pytest.mark.parametrize(
    "name", ["", "a", NAME, NAME + "x", NAME.upper(), f"../{NAME}", f"{NAME}\n", "0" * 64 + ".mp4"]
)
async def test_what_is_not_there_is_not_found_whatever_it_is_called(name):
    async with on_a_visit() as visit:
        with pytest.raises(NotFound):
            await visit.engine.files.find(name)


async def test_what_it_is_shows_before_all_of_it_has_come():
    async with on_a_visit() as visit:
        taken = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal taken
            while True:
                taken += 1
                yield b"<html>" * 1_000

        with pytest.raises(BadInput):
            await visit.engine.files.take(visit.yi, "a.mp4", endless())

        assert taken == 2


async def test_a_picture_is_too_long_before_a_film_is():
    async with on_a_visit() as visit:
        files = files_of(visit, bytes_max=3_000_000, picture_bytes_max=20_000)
        png = b"\x89PNG\r\n\x1a\n" + bytes(30_000)

        with pytest.raises(TooLong):
            await files.take(visit.yi, "a.png", pieces(png))
        with pytest.raises(TooLong):
            await files.take(visit.yi, "a.mp4", pieces(FILM * 10))


@pytest.mark.parametrize("error", [TooLong("x"), KeyboardInterrupt()])
async def test_what_breaks_off_leaves_nothing(error):
    async with on_a_visit() as visit:

        async def breaking() -> AsyncIterator[bytes]:
            yield FILM
            raise error

        with pytest.raises(type(error)):
            await visit.engine.files.take(visit.yi, "a.mp4", breaking())

        (left,) = await staged(visit)
        assert left.is_abandoned
        assert await visit.stage.stores.blobs.chunk(left.id, 0) is None
        await visit.stage.clock.sleep(ABANDONED_MS + 20_000)
        assert await staged(visit) == ()


async def test_a_few_chunks_of_a_file_are_under_way_at_once_and_not_many_of_all_files():
    async with on_a_visit() as visit:
        slow = SlowBlobs(visit)
        files = slow.files(visit)
        films = [FILM * 8 + bytes([number]) for number in range(ALL_PUTS_MAX)]

        alone = await files.take(visit.yi, "a.mp4", pieces(FILM * 8))
        assert (slow.most_of_one, slow.most_of_all) == (PUTS_MAX, PUTS_MAX)
        together = await asyncio.gather(*(files.take(visit.yi, "a.mp4", pieces(film)) for film in films))

        assert (slow.most_of_one, slow.most_of_all) == (PUTS_MAX, ALL_PUTS_MAX)
        assert await whole(visit.engine.files, alone.name) == FILM * 8
        for file, film in zip(together, films, strict=True):
            assert await whole(visit.engine.files, file.name) == film


async def test_nothing_of_what_broke_off_is_still_under_way():
    async with on_a_visit() as visit:
        slow = SlowBlobs(visit, broken=frozenset({3}))

        with pytest.raises(StoreDown):
            await slow.files(visit).take(visit.yi, "a.mp4", pieces(FILM * 8))

        assert set(slow.now_count.values()) == {0}
        (left,) = await staged(visit)
        assert left.is_abandoned
        assert [await visit.stage.stores.blobs.chunk(left.id, number) for number in range(8)] == [None] * 8


async def test_who_goes_on_sending_is_not_taken_for_gone_and_who_stops_is():
    async with on_a_visit() as visit:
        clock = visit.stage.clock

        async def slow() -> AsyncIterator[bytes]:
            for first in range(0, len(FILM), CHUNK_BYTES):
                yield FILM[first : first + CHUNK_BYTES]
                await clock.sleep(STAGED_MS - KEEP_MS)

        async def too_slow() -> AsyncIterator[bytes]:
            for first in range(0, len(FILM), CHUNK_BYTES):
                yield FILM[first : first + CHUNK_BYTES]
                await clock.sleep(STAGED_MS + 20_000)

        file = await visit.engine.files.take(visit.yi, "a.mp4", slow())

        assert file.name == NAME
        with pytest.raises(StoreDown):
            await visit.engine.files.take(visit.yi, "a.mp4", too_slow())
        await clock.sleep(ABANDONED_MS + 20_000)
        assert await staged(visit) == ()
        assert await whole(visit.engine.files, NAME) == FILM


async def test_a_sweep_that_fails_is_told_and_done_again():
    async with on_a_visit() as visit:
        visit.switch.is_down, visit.switch.only = True, "blobs.expired"
        await visit.stage.clock.sleep(20_000)
        visit.switch.is_down = False

        assert "files_sweep_failed" in visit.stage.log.events()
        while "files_sweep_failed" in visit.stage.log.events():
            visit.stage.log.take("files_sweep_failed")
        visit.switch.is_down = True
        with pytest.raises(Unavailable):
            await visit.engine.files.sweep()


async def test_what_may_come_is_said_before_it_comes():
    async with on_a_visit() as visit:
        files = files_of(visit, bytes_max=len(FILM), person_bytes_max=len(FILM) + 10, per_day_max=3)
        person = visit.yi

        await files.expect(person, 0)
        await files.expect(person, len(FILM))
        with pytest.raises(TooLong):
            await files.expect(person, len(FILM) + 1)
        await files.take(person, "a.mp4", pieces())
        await files.expect(person, 10)
        with pytest.raises(OverQuota):
            await files.expect(person, 11)
        with pytest.raises(TooMany) as told:
            await files.expect(person, 1)
        assert 0 < told.value.retry_after_ms <= DAY_MS
        await files.expect(visit.jliu, 1)


async def test_who_is_excluded_sends_nothing():
    async with on_a_visit() as visit:
        await visit.engine.notices.ban(visit.yi.id, BanKind.ACCOUNT, "no", until_ms=None)
        known = await visit.engine.world.stores.people.get(visit.yi.id)
        assert known is not None

        with pytest.raises(Banned):
            await visit.engine.files.expect(known, 1)
