"""Files that people send in and everybody may look at: named by their content, counted for who sent them (SO-20).

A file goes through here in pieces and is never held as a whole. What breaks off leaves nothing: it is taken away at
once where that can be done, and by the next sweep where whoever was at it has died or the store was away.
"""

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Self

import msgspec

from engine import settings
from engine.errors import BadInput, EngineError, NotFound, StoreDown, TooLong, TooMany
from engine.file_kinds import EXTENSION_MAX, FileKind, extension_of, kind_of
from engine.node import Node
from engine.services.quotas import DAY_MS
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.blobs import CHUNK_BYTES, Blob, Staged
from store.interfaces.errors import StoreError
from store.interfaces.people import PersonRecord

__all__ = ["File", "Files", "OverQuota"]

FOLDER: Final = "/uploads/"
"""What the address of a file begins with, behind the host."""

HEAD_BYTES: Final = 8 * 1024
"""So much of a file shows what it is."""

STAGED_MS: Final = 120_000
"""Whoever sends and is not heard of for so long is gone."""

KEEP_MS: Final = 30_000
"""How often he is heard of."""

ABANDONED_MS: Final = 120_000
"""So long after something was given up nobody is left who could still add to it."""

SWEPT_MAX: Final = 100

PUTS_MAX: Final = 4
"""Chunks of one file on their way to the store. Each is answered when it is on disk; they wait for that together."""

ALL_PUTS_MAX: Final = 16
"""Chunks of all files on their way to the store: whatever else is asked of it goes the same way."""

_NAME: Final = re.compile(rf"([0-9a-f]{{64}})\.([a-z0-9]{{1,{EXTENSION_MAX}}})", re.ASCII)


class OverQuota(TooLong):
    """This person has no room left for that file."""

    def __init__(self) -> None:
        super().__init__("file")


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is given out. ``digest`` is its content, and stays with its name for ever."""

    name: str
    digest: str
    length: int
    kind: FileKind
    blob_id: str


class Files:
    """Takes files in, gives them out, and clears away what did not become one."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node) -> None:
        self._world = world
        self._store = world.stores.blobs
        self._options = options.files
        self._node = node
        self._room = asyncio.Semaphore(ALL_PUTS_MAX)

    # --- in --------------------------------------------------------------------------------------------------------

    async def expect(self, person: PersonRecord, length_min: int) -> None:
        """Say whether a file of at least ``length_min`` bytes may come at all, before any of it does; counts as one.

        Raises: Banned. TooLong: more than a file may have. OverQuota: more than he has room for, also where it should
            turn out to be one that he has. TooMany: he has sent enough today. StoreDown.
        """
        require_welcome(person, self._node)
        if length_min > self._options.bytes_max:
            raise TooLong("file")
        now_ms = self._node.now_ms()
        with store_answers:
            held = await self._store.bytes_of(person.id)
            if held + max(length_min, 1) > self._options.person_bytes_max:
                raise OverQuota
            day, count_max = now_ms // DAY_MS, self._options.per_day_max
            if await self._world.stores.quotas.take(person.id, day, count_max=count_max) is None:
                raise TooMany(retry_after_ms=DAY_MS - now_ms % DAY_MS)

    async def take(self, person: PersonRecord, filename: str, content: AsyncIterator[bytes]) -> File:
        """Keep what ``content`` gives, which may be called anything: of ``filename`` only the extension counts.

        Raises: BadInput: empty, or not what its name says. TooLong, OverQuota. MailboxFull: too many pictures are
            looked at already. StoreDown. Whatever ``content`` raises. Then nothing is kept of it.
        """
        blob_id = self._world.rng.hex(16)
        with store_answers:
            await self._store.stage(
                Staged(id=blob_id, person_id=person.id, expires_at_ms=self._node.now_ms() + STAGED_MS)
            )
        try:
            async with _Puts(self._world, blob_id, self._room) as puts:
                arrived = await _Arrival(self._world, self._options, self._node, puts, filename).take(content)
            kept = await self._finish(person, arrived)
        except BaseException:
            await self._abandon(blob_id)
            raise
        if kept.id != blob_id:
            await self._abandon(blob_id)
        return _file(kept, arrived.extension)

    # --- out -------------------------------------------------------------------------------------------------------

    async def find(self, name: str) -> File:
        """The file of that name.

        Raises: NotFound: there is none, whatever it is called. StoreDown.
        """
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise NotFound("file")
        digest, extension = parts.groups()
        with store_answers:
            blob = await self._store.find(digest, extension)
        if blob is None:
            raise NotFound("file")
        return _file(blob, extension)

    async def read(self, file: File, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes from ``first`` to ``last``, which are counted from 0 and both belong to it, in pieces.

        Raises: StoreDown.
        """
        for number in range(first // CHUNK_BYTES, last // CHUNK_BYTES + 1):
            with store_answers:
                chunk = await self._store.chunk(file.blob_id, number)
            assert chunk is not None, "a finished file has all its chunks"
            begins_at = number * CHUNK_BYTES
            yield chunk[max(first - begins_at, 0) : last + 1 - begins_at]

    def address_of(self, file: File) -> str:
        """Where it is, below the server's own address."""
        return FOLDER + file.name

    def is_ours(self, address: str) -> bool:
        """Whether ``address`` is one that a file here may have, without a host; not whether there is one."""
        return address.startswith(FOLDER) and _NAME.fullmatch(address, len(FOLDER)) is not None

    # --- what is left over -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Clear away what nobody is at any more, until cancelled."""
        while True:
            await self._world.clock.sleep(self._node.sweep_pause_ms())
            try:
                await self.sweep()
            except (StoreError, EngineError):
                self._world.log.warning("files_sweep_failed")

    async def sweep(self) -> None:
        """Clear away what nobody is at any more. Raises: StoreError."""
        now_ms = self._node.now_ms()
        for staged in await self._store.expired(now_ms, limit=SWEPT_MAX):
            if staged.is_abandoned:
                await self._store.forget(staged.id)
            else:
                await self._store.abandon(staged.id, forget_at_ms=now_ms + ABANDONED_MS)
                self._world.log.info("file_cleared_away", person_id=staged.person_id)

    async def _finish(self, person: PersonRecord, arrived: "_Arrived") -> Blob:
        with store_answers:
            kept = await self._store.finish(
                arrived.blob,
                extension=arrived.extension,
                person_id=person.id,
                bytes_max=self._options.person_bytes_max,
            )
        if kept is None:
            raise OverQuota
        return kept

    async def _abandon(self, blob_id: str) -> None:
        # Otherwise the sweep finds it.
        with suppress(StoreError):
            await self._store.abandon(blob_id, forget_at_ms=self._node.now_ms() + ABANDONED_MS)


class _Arrived(msgspec.Struct, frozen=True):
    blob: Blob
    extension: str


class _Puts:
    """The chunks of one file on their way to the store, a few at once. When it is left, none of them is any more."""

    def __init__(self, world: World, blob_id: str, room: asyncio.Semaphore) -> None:
        """``room`` is what all files share."""
        self.store = world.stores.blobs
        self.blob_id = blob_id
        self._spawn = world.spawn
        self._room = room
        self._going: deque[asyncio.Future[None]] = deque()
        self._count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # One that came in behind our back would have to wait for the sweep.
        while self._going:
            # What went wrong with one is known already, or no more than that it is given up.
            with suppress(Exception):
                await self._first()

    async def begin(self, chunk: bytes) -> None:
        """Send the next chunk on its way, as soon as there is room. Raises: StoreDown: one before it did not arrive."""
        if len(self._going) == PUTS_MAX:
            await self._first()
        await self._room.acquire()
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._going.append(arrived)
        self._spawn(self._put(self._count, chunk, arrived), name="upload-chunk")
        self._count += 1

    async def end(self) -> None:
        """Wait until all are there. Raises: StoreDown."""
        while self._going:
            await self._first()

    async def _first(self) -> None:
        # Whoever breaks off meanwhile does not break off the chunk, and finds it among those that are to be waited for.
        await asyncio.wait((self._going[0],))
        self._going.popleft().result()

    async def _put(self, number: int, chunk: bytes, arrived: asyncio.Future[None]) -> None:
        try:
            with store_answers:
                await self.store.put(self.blob_id, number, chunk)
            arrived.set_result(None)
        except Exception as error:  # noqa: BLE001 - whoever sends the file hears of it
            arrived.set_exception(error)
        finally:
            self._room.release()
            arrived.cancel()  # Of one that is there already it does nothing.


class _Arrival:
    """One file on its way in."""

    def __init__(self, world: World, options: settings.Files, node: Node, puts: _Puts, filename: str) -> None:
        self._contents = world.contents
        self._puts = puts
        self._options = options
        self._node = node
        self._filename = filename
        self._head = b""
        self._waiting: list[bytes] = []
        """Less than a chunk."""
        self._room_bytes = CHUNK_BYTES
        """What the chunk has room for yet."""
        self._kept_at_ms = node.now_ms()

    async def take(self, content: AsyncIterator[bytes]) -> _Arrived:
        """Stage all of it, and look at what it is as soon as that shows."""
        digest, length = hashlib.sha256(), 0
        async for piece in content:
            length += len(piece)
            if length > self._options.bytes_max:
                raise TooLong("file")
            await self._keep()
            digest.update(piece)
            if len(self._head) < HEAD_BYTES:
                self._head += piece[: HEAD_BYTES - len(self._head)]
                if len(self._head) == HEAD_BYTES:
                    self._look(length)
            await self._add(piece)
        if not length:
            raise BadInput("the file is empty", field="file")
        shown, extension, kind = self._look(length)
        if self._waiting:
            await self._send()
        await self._puts.end()
        if kind.is_picture:
            await self._contents.check_picture(
                shown, length=length, pixels_max=self._options.pixels_max, read=self._chunk, chunk_bytes=CHUNK_BYTES
            )
        created_at_ms = self._node.now_ms()
        blob = Blob(
            id=self._puts.blob_id, digest=digest.hexdigest(), length=length, kind=shown, created_at_ms=created_at_ms
        )
        return _Arrived(blob, extension)

    def _look(self, length: int) -> tuple[str, str, FileKind]:
        """What it shows itself to be, what it is called, and what that makes it. Raises BadInput, TooLong."""
        shown = self._contents.kind_of(self._head)
        extension = extension_of(self._filename, shown)
        kind = kind_of(extension, shown)
        if kind.is_picture and length > self._options.picture_bytes_max:
            raise TooLong("file")
        return shown, extension, kind

    async def _keep(self) -> None:
        """Be heard of, now and then."""
        now_ms = self._node.now_ms()
        if now_ms - self._kept_at_ms >= KEEP_MS:
            with store_answers:
                await self._puts.store.keep(self._puts.blob_id, expires_at_ms=now_ms + STAGED_MS)
            self._kept_at_ms = now_ms

    async def _add(self, piece: bytes) -> None:
        while piece:
            part, piece = piece[: self._room_bytes], piece[self._room_bytes :]
            self._waiting.append(part)
            self._room_bytes -= len(part)
            if not self._room_bytes:
                await self._send()

    async def _send(self) -> None:
        chunk, self._waiting, self._room_bytes = b"".join(self._waiting), [], CHUNK_BYTES
        await self._puts.begin(chunk)

    async def _chunk(self, number: int) -> bytes:
        with store_answers:
            chunk = await self._puts.store.chunk(self._puts.blob_id, number)
        if chunk is None:
            raise StoreDown("somebody took us for dead")
        return chunk


def _file(blob: Blob, extension: str) -> File:
    return File(
        name=f"{blob.digest}.{extension}",
        digest=blob.digest,
        length=blob.length,
        kind=kind_of(extension, blob.kind),
        blob_id=blob.id,
    )
