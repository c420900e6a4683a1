"""A client as impatient as a phone: one kept connection, and either a whole answer or the news that there was none.

Knows HTTP and the two forms in which the calls dialect is asked. Repeats nothing by itself: whether a question may be
asked again is the business of whoever asked.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

__all__ = ["Answer", "HttpClient", "NoAnswer"]

HOST: Final = "127.0.0.1"
DEADLINE_S: Final = 20.0
"""Longer than any deadline of the server: whoever meets this one has found a request that hangs."""


class NoAnswer(Exception):
    """Nothing, or half of something, came back: whether the request was carried out is unknown."""


class Answer(NamedTuple):
    """A whole answer, and how long it took."""

    status: int
    body: bytes
    took_s: float

    @property
    def data(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class HttpClient:
    """One connection at a time to wherever ``port`` says that the server listens now; 0 means nowhere.

    ``address`` is one of this machine's to come from (127.0.0.0/8 are all its own); limits count by it.
    """

    def __init__(self, port: Callable[[], int], *, address: str = HOST) -> None:
        self._port = port
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._connected_to = 0

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask with GET.

        Raises: NoAnswer.
        """
        return await self._ask("GET", path, b"", headers or {})

    async def post(
        self, path: str, fields: Mapping[str, object] | bytes, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask with POST: a form, or a body as it is.

        Raises: NoAnswer.
        """
        if isinstance(fields, bytes):
            return await self._ask("POST", path, fields, headers or {})
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return await self._ask("POST", path, urlencode(fields).encode(), form)

    async def close(self) -> None:
        """Hang up; the next question connects anew."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with suppress(OSError):
                await streams[1].wait_closed()

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        began_s = time.monotonic()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            async with asyncio.timeout(DEADLINE_S):
                reader, writer = await self._connection()
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
                status, answer = await _read(reader)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            await self.close()
            raise NoAnswer(repr(error)) from error
        except BaseException:
            # Half an answer may still be on its way: nothing else may be asked over this connection.
            await self.close()
            raise
        return Answer(status, answer, time.monotonic() - began_s)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self._port()
        if port != self._connected_to:
            await self.close()
        if not port:
            raise ConnectionRefusedError("nobody listens")
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, port, local_addr=(self._address, 0))
            self._connected_to = port
        return self._streams


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    length = 0
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return status, await reader.readexactly(length)
