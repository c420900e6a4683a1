"""Files that people send in and everybody may look at: named by their content, counted for who sent them (SO-20).

A file goes through here in pieces and is never held as a whole. What breaks off leaves nothing: it is taken away at
once where that can be done, and by the next sweep where whoever was at it has died or the store was away.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

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
            arrived = await _Arrival(self._world, self._options, self._node, blob_id, filename).take(content)
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


class _Arrival:
    """One file on its way in."""

    def __init__(self, world: World, options: settings.Files, node: Node, blob_id: str, filename: str) -> None:
        self._contents = world.contents
        self._store = world.stores.blobs
        self._options = options
        self._node = node
        self._blob_id = blob_id
        self._filename = filename
        self._head = b""
        self._waiting = bytearray()
        """Less than a chunk."""
        self._chunks_count = 0
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
            self._waiting += piece
            if len(self._head) < HEAD_BYTES:
                self._head += piece[: HEAD_BYTES - len(self._head)]
                if len(self._head) == HEAD_BYTES:
                    self._look(length)
            while len(self._waiting) >= CHUNK_BYTES:
                await self._put(bytes(self._waiting[:CHUNK_BYTES]))
                del self._waiting[:CHUNK_BYTES]
        if not length:
            raise BadInput("the file is empty", field="file")
        shown, extension, kind = self._look(length)
        if self._waiting:
            await self._put(bytes(self._waiting))
        if kind.is_picture:
            await self._contents.check_picture(
                shown, length=length, pixels_max=self._options.pixels_max, read=self._chunk, chunk_bytes=CHUNK_BYTES
            )
        created_at_ms = self._node.now_ms()
        blob = Blob(id=self._blob_id, digest=digest.hexdigest(), length=length, kind=shown, created_at_ms=created_at_ms)
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
                await self._store.keep(self._blob_id, expires_at_ms=now_ms + STAGED_MS)
            self._kept_at_ms = now_ms

    async def _put(self, chunk: bytes) -> None:
        with store_answers:
            await self._store.put(self._blob_id, self._chunks_count, chunk)
        self._chunks_count += 1

    async def _chunk(self, number: int) -> bytes:
        with store_answers:
            chunk = await self._store.chunk(self._blob_id, number)
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
