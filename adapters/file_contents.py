"""What a file is by what is in it: its first bytes for all of them, and all of it for pictures.

Pictures are parsed and not unpacked: that says how large they would become, and a decoder fed by strangers is what one
wants least in a server. It happens in a small pool of threads, which read a picture chunk by chunk from wherever it is.
Knows media types and pictures. Knows no names, no stores and no people. Source: SEC-19.
"""

import asyncio
import io
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import filetype
from PIL import Image

from engine.errors import BadInput, MailboxFull
from engine.ports import ReadChunk

__all__ = ["MagicContents"]

FORMATS: Final = {
    "image/apng": "PNG",
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
}

THREADS: Final = 2
WAITING_MAX: Final = 16
"""Pictures looked at a time, those whose turn has not come included."""

READ_S_MAX: Final = 10.0
"""A chunk that takes longer is not coming: stores have their own deadlines, all of them shorter."""


class MagicContents:
    """``FileContents`` by filetype and Pillow."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(WAITING_MAX)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")
        # Its own limit warns into the void before it refuses; ours is checked before anything is unpacked.
        Image.MAX_IMAGE_PIXELS = None

    def kind_of(self, head: bytes) -> str:
        """The media type that the first bytes show; empty: none that is known."""
        found: str | None = filetype.guess_mime(head)
        return found or ""

    async def check_picture(
        self, media_type: str, *, length: int, pixels_max: int, read: ReadChunk, chunk_bytes: int
    ) -> None:
        """Look whether it is a picture of that kind, and of at most so many pixels.

        Raises: BadInput: it is not. MailboxFull: too many are looked at already. Whatever ``read`` raises.
        """
        if not self._places.acquire(blocking=False):
            raise MailboxFull("too many pictures to look at")
        loop = asyncio.get_running_loop()
        chunks = _Chunks(lambda number: _wait(read(number), loop), length, chunk_bytes)
        job = self._pool.submit(_check, FORMATS[media_type], chunks, pixels_max)
        job.add_done_callback(lambda _: self._places.release())
        await asyncio.wrap_future(job)

    def close(self) -> None:
        """Let what is under way end, and nothing begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _wait(work: Coroutine[Any, Any, bytes], loop: asyncio.AbstractEventLoop) -> bytes:
    return asyncio.run_coroutine_threadsafe(work, loop).result(READ_S_MAX)


def _check(expected: str, chunks: "_Chunks", pixels_max: int) -> None:
    try:
        # No other format is even tried.
        # Pillow takes a short read for the end of the file. No other format is even tried.
        with io.BufferedReader(chunks) as file, Image.open(file, formats=(expected,)) as picture:
            width, height = picture.size
            is_too_large = width * height > pixels_max
            if not is_too_large:
                picture.verify()
    except Exception as error:
        if chunks.failure is not None:
            raise chunks.failure from error
        # Pillow has no error that all of its parsers keep to: they raise whatever a broken file makes them stumble on.
        raise BadInput("not a picture that can be read", field="file") from error
    if is_too_large:
        raise BadInput("a picture of too many pixels", field="file")


class _Chunks(io.RawIOBase):
    """A file of chunks, one of which is at hand."""

    def __init__(self, read: Callable[[int], bytes], length: int, chunk_bytes: int) -> None:
        self._read = read
        self._length = length
        self._chunk_bytes = chunk_bytes
        self._position = 0
        self._chunk = (-1, b"")
        self.failure: Exception | None = None
        """Why a chunk could not be had, which says nothing of the picture."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(begin + offset, 0)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        into = memoryview(buffer).cast("B")
        number, begin = divmod(self._position, self._chunk_bytes)
        if self._position >= self._length:
            return 0
        if self._chunk[0] != number:
            try:
                self._chunk = (number, self._read(number))
            except Exception as error:
                self.failure = error
                raise
        piece = self._chunk[1][begin : begin + len(into)]
        into[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
