"""A crowd of WebSocket clients that only count: one thread, one epoll, no parsing.

Every message that reaches all of them is as long as any other, so bytes tell how many have come. Frames are sent by
members of the crowd in turn, as people in a room speak.
"""

import os
import resource
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Final

__all__ = ["Crowd", "masked"]

_CHUNK_BYTES: Final = 1 << 20
_DEADLINE_S: Final = 120.0


def masked(payload: bytes) -> bytes:
    """``payload`` as one text frame of a client."""
    size = len(payload)
    head = struct.pack(">BB", 0x81, 0x80 | size) if size < 126 else struct.pack(">BBH", 0x81, 0xFE, size)
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


class Crowd:
    """Connections ``first`` to ``first + count - 1``; ``path_of`` a number is what the handshake asks for."""

    def __init__(
        self, port: int, count: int, *, path_of: Callable[[int], str], first: int = 1, receive_bytes: int = 0
    ) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._epoll = select.epoll()
        self._buffer = bytearray(_CHUNK_BYTES)
        self.sockets: dict[int, socket.socket] = {}
        for number in range(first, first + count):
            connection = _shaken(port, path_of(number), receive_bytes)
            connection.setblocking(False)
            self.sockets[connection.fileno()] = connection
            self._epoll.register(connection.fileno(), select.EPOLLIN)
        self._speakers: Iterator[socket.socket] = cycle(list(self.sockets.values()))

    def close(self) -> None:
        """Hang up, all of them."""
        self._epoll.close()
        for connection in self.sockets.values():
            connection.close()

    def send(self, frame: bytes) -> None:
        """The next one says something."""
        sent_bytes = next(self._speakers).send(frame)
        assert sent_bytes == len(frame)

    def read(self, *, timeout_s: float = 1.0) -> Iterator[int]:
        """Sizes of the pieces that have come, as they are read; nothing after ``timeout_s`` without any."""
        for fd, _ in self._epoll.poll(timeout_s):
            size = self.sockets[fd].recv_into(self._buffer)
            if not size:
                raise ConnectionError(f"closed by the server: {fd}")
            yield size

    def hear(self, wanted_bytes: int) -> None:
        """Read until so much has come, and not a byte more."""
        deadline_s = time.monotonic() + _DEADLINE_S
        heard_bytes = 0
        while heard_bytes < wanted_bytes:
            heard_bytes += sum(self.read())
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{heard_bytes} of {wanted_bytes} bytes")
        assert heard_bytes == wanted_bytes, (heard_bytes, wanted_bytes)

    def converse(self, frame: bytes, *, messages: int, in_flight: int, message_bytes: int) -> list[float]:
        """Say ``frame`` so often, each time that fewer than ``in_flight`` are under way; seconds until each was heard.

        ``message_bytes`` is what the whole crowd gets for one message.
        """
        got_bytes = 0
        sent_at_s: list[float] = []
        took_s: list[float] = []
        deadline_s = time.monotonic() + _DEADLINE_S
        while len(took_s) < messages:
            while len(sent_at_s) < messages and len(sent_at_s) - len(took_s) < in_flight:
                sent_at_s.append(time.perf_counter())
                self.send(frame)
            got_bytes += sum(self.read())
            now_s = time.perf_counter()
            while len(took_s) < got_bytes // message_bytes:
                took_s.append(now_s - sent_at_s[len(took_s)])
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{len(took_s)} of {messages} messages, {got_bytes} bytes")
        assert got_bytes == messages * message_bytes, (got_bytes, messages, message_bytes)
        return took_s

    def listen_at(self, frame: bytes, *, messages: int, per_second: float, message_bytes: int) -> list[float]:
        """Say ``frame`` at a steady pace; seconds until each single delivery was read."""
        took_s: list[float] = []
        began_s = time.perf_counter()
        for number in range(messages):
            time.sleep(max(0.0, began_s + number / per_second - time.perf_counter()))
            sent_at_s = time.perf_counter()
            self.send(frame)
            got_bytes = 0
            while got_bytes < message_bytes:
                for size in self.read():
                    got_bytes += size
                    took_s.append(time.perf_counter() - sent_at_s)
        return took_s


def _shaken(port: int, path: str, receive_bytes: int) -> socket.socket:
    connection = socket.socket()
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(1)
        if not more:
            raise ConnectionError(head.decode())
        head += more
    if b" 101 " not in head:
        raise ConnectionError(head.decode())
    return connection
