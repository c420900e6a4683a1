"""The client's side of RFC 6455 in bytes: any request and any frame, also those that must not be.

Reading is strict the other way round: a server that sends what RFC 6455 does not allow a server fails here.
"""

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS: Final[Mapping[str, str]] = {
    "Host": "greenroom.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}
DEADLINE_S: Final = 20.0

_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASK: Final = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = _MASK,
    length: int | None = None,
    width: int | None = None,
) -> bytes:
    """One frame. ``rsv``: 0 to 7. ``mask`` None: unmasked. ``length`` is what the header says where that is not the
    truth, ``width`` how many bytes the length takes (1, 3, 9) where that is not the least.
    """
    size = len(payload) if length is None else length
    width = width or (1 if size < 126 else 3 if size < 1 << 16 else 9)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0 if mask is None else 0x80
    head = {
        1: lambda: struct.pack("!BB", first, masked | size),
        3: lambda: struct.pack("!BBH", first, masked | 126, size),
        9: lambda: struct.pack("!BBQ", first, masked | 127, size),
    }[width]()
    return head + payload if mask is None else head + mask + _masked(payload, mask)


def close(code: int | None = None, reason: bytes = b"", **more: object) -> bytes:
    """A close frame; ``more`` as for ``frame``."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason, **more)  # type: ignore[arg-type]


def request(
    changed: Mapping[str, str | tuple[str, ...] | None] | None = None,
    *,
    method: str = "GET",
    target: str = "/toy/ws?token=t-1",
    version: str = "HTTP/1.1",
) -> bytes:
    """An opening handshake. ``changed`` headers take the place of those in ``HEADERS``: None leaves one out, a tuple
    sends it several times.
    """
    lines = [f"{method} {target} {version}"]
    for name, value in {**HEADERS, **(changed or {})}.items():
        values = (value,) if isinstance(value, str) else value or ()
        lines += [f"{name}: {one}" for one in values]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def accept_of(key: str) -> str:
    """What a server has to make of the key of a handshake. Source: RFC 6455 §4.2.2."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()


class Heard(NamedTuple):
    """A frame of the server's."""

    opcode: int
    payload: bytes


class Answer(NamedTuple):
    """The head of the server's answer to a handshake; header names in lower case, each once."""

    status: int
    headers: Mapping[str, str]


class RawClient:
    """One TCP connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Write ``pieces`` one after the other, giving the server the time to look at each."""
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(0)
            self._writer.write(piece)
            await self._writer.drain()

    async def answer(self) -> Answer:
        """The answer to a handshake."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head[:-4].split("\r\n")
            version, status, _ = start.split(" ", 2)
            assert version == "HTTP/1.1"
            headers: dict[str, str] = {}
            for line in lines:
                name, _, value = line.partition(":")
                assert name.lower() not in headers, f"{name} comes twice"
                headers[name.lower()] = value.strip()
        return Answer(int(status), headers)

    async def hear(self) -> Heard | None:
        """The server's next frame; None at a proper end of the connection.

        Raises: AssertionError: a frame that a server must not send; ConnectionResetError: an end that is none.
        """
        async with asyncio.timeout(DEADLINE_S):
            first = await self._reader.read(1)
            if not first:
                return None
            (second,) = await self._reader.readexactly(1)
            opcode = first[0] & 0x0F
            assert first[0] & 0x80, "our messages fit a frame"
            assert not first[0] & 0x70, "no extension was agreed on"
            assert opcode in (TEXT, CLOSE, PING, PONG), opcode
            assert not second & 0x80, "a server does not mask"
            length = second
            if second == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
                assert length > 125
            elif second == 127:
                (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
                assert length >> 16
            assert opcode < CLOSE or length <= 125
            payload = await self._reader.readexactly(length)
        if opcode == TEXT:
            payload.decode()
        if opcode == CLOSE:
            assert length != 1
            payload[2:].decode()
        return Heard(opcode, payload)

    async def is_over(self) -> bool:
        """Whether the server has ended the connection, properly and without another byte."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.read(1) == b""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    """A connection that is ours to the end of the block, whatever the server does with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # Pieces arrive as they were sent, one by one.
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def pieces_of(data: bytes, *, bytes_count: int = 1) -> tuple[bytes, ...]:
    """``data`` in pieces of ``bytes_count``."""
    return tuple(data[start : start + bytes_count] for start in range(0, len(data), bytes_count))


def fragments(payloads: Iterable[bytes], *, opcode: int = TEXT, between: bytes = b"") -> bytes:
    """One message in as many frames as there are ``payloads``, with the bytes ``between`` after each but the last."""
    parts = tuple(payloads)
    last = len(parts) - 1
    return between.join(
        frame(CONTINUATION if number else opcode, part, fin=number == last) for number, part in enumerate(parts)
    )


def _masked(payload: bytes, mask: bytes) -> bytes:
    whole = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(payload), "big")
