"""People who are in one blind-date room over raw sockets, thousands in one process, each with a journal of his own.

Everybody keeps to the protocol's rule: ``epoch`` and ``seq`` are taken together, whoever comes back says where he
stood, and waits before that with full jitter. What does not fit becomes a finding: a hole, a repeat, another frame at
the same place, a story that goes on somewhere else. Knows how the surface looks from outside, and nothing of what
happens to the server. Source: reliability e.5, INV-14 … INV-16.
"""

import asyncio
import json
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from tests.bench.crowd import masked
from tests.crash.client import Answer, HttpClient, NoAnswer

__all__ = ["Crowd", "Frame", "Person", "Place", "Viewer", "address_of"]

BASE: Final = "/wx/api/qlive"
HOST: Final = "127.0.0.1"
APP_ID: Final = "wxca891295c56f2c79"
SHAKEN_S_MAX: Final = 20.0
ADDRESSES: Final = 32
"""From so many people sign in: as few as live behind one address would make them wait for its limit."""
PEOPLE_PER_ADDRESS: Final = 100
FIRST_PAUSE_S: Final = 0.5
AGAIN_S: Final = 0.1
CHUNKS_REMEMBERED_MAX: Final = 1_000
FINDINGS_MAX: Final = 100
DEAF_BYTES: Final = 4096

CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
NORMAL: Final = 1000
BANNED: Final = 4003
NO_CODE: Final = 1006
TRY_AGAIN: Final = frozenset({429, 503, 504})
REFUSALS_AWAITED_MAX: Final = 50


class Place(NamedTuple):
    """Where a story stands."""

    epoch: int
    seq: int


class Frame(NamedTuple):
    """What was said. ``payload`` are its bytes, the same for everybody who hears it."""

    kind: str
    place: Place | None
    content: Any
    payload: bytes


class Person(NamedTuple):
    """Somebody with a token. ``id`` is what the surface shows."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What every call carries."""
        return {"Authorization": f"QLiveToken {self.token}"}


def address_of(number: int) -> str:
    """One of this machine's addresses; as many people live behind it as a server lets come from one."""
    return f"127.0.{1 + number // PEOPLE_PER_ADDRESS}.1"


# --- one socket ----------------------------------------------------------------------------------------------------


class _Told(msgspec.Struct):
    type: str
    content: Any = None
    epoch: int | None = None
    seq: int | None = None


class _Reader:
    """Bytes to frames. Remembers what it has read: the next thousand hear the same."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Told)
        self._known: dict[bytes, tuple[tuple[int, Frame | bytes], ...]] = {}

    def read(self, chunk: bytes) -> tuple[tuple[tuple[int, Frame | bytes], ...], bytes]:
        """Whole frames, those that are text as such and others as their opcode and payload; and what is left."""
        known = self._known.get(chunk)
        if known is not None:
            return known, b""
        found: list[tuple[int, Frame | bytes]] = []
        at = 0
        while (head := _head(chunk, at)) is not None:
            opcode, begins, ends = head
            payload = chunk[begins:ends]
            found.append((opcode, self._frame(payload) if opcode == 1 else payload))
            at = ends
        frames = tuple(found)
        if at == len(chunk):
            if len(self._known) >= CHUNKS_REMEMBERED_MAX:
                self._known.clear()
            self._known[chunk] = frames
        return frames, chunk[at:]

    def _frame(self, payload: bytes) -> Frame:
        told = self._decoder.decode(payload)
        place = None if told.epoch is None or told.seq is None else Place(told.epoch, told.seq)
        return Frame(told.type, place, told.content, payload)


def _head(chunk: bytes, at: int) -> tuple[int, int, int] | None:
    """Of the frame that begins there: opcode, where its payload begins and ends; None: it is not all there."""
    if len(chunk) < at + 2:
        return None
    size, begins = chunk[at + 1], at + 2
    if size > 125:
        more = 2 if size == 126 else 8
        if len(chunk) < begins + more:
            return None
        size = int.from_bytes(chunk[begins : begins + more], "big")
        begins += more
    ends = begins + size
    return None if len(chunk) < ends else (chunk[at] & 0x0F, begins, ends)


class Line(asyncio.Protocol):
    """One connection. ``closed`` is the close code once it has ended, 1006 when it broke."""

    def __init__(self, path: str, reader: _Reader, hear: Callable[[Frame], None]) -> None:
        loop = asyncio.get_running_loop()
        self.shaken: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[int] = loop.create_future()
        self.answers_pings = True
        self._path = path
        self._reader = reader
        self._hear = hear
        self._rest = b""
        self._code = NO_CODE
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self.shaken.done():
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = data
                return
            if b" 101 " not in head[:20]:
                self.cut()
                return
            self.shaken.set_result(None)
            data = rest
        frames, self._rest = self._reader.read(data)
        for opcode, frame in frames:
            if isinstance(frame, Frame):
                self._hear(frame)
            elif opcode == PING and self.answers_pings:
                self._send(_control(PONG, frame))
            elif opcode == CLOSE:
                self._code = int.from_bytes(frame[:2], "big") if frame else NORMAL
                self._send(_control(CLOSE, frame[:2]))

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.shaken.done():
            self.shaken.set_exception(NoAnswer("the handshake was not answered"))
            self.shaken.exception()
        if not self.closed.done():
            self.closed.set_result(self._code)

    def say(self, **frame: object) -> None:
        """Send one frame of text."""
        self._send(masked(json.dumps(frame).encode()))

    def pause(self) -> None:
        """Read nothing any more."""
        assert self._transport is not None
        self._transport.pause_reading()

    def cut(self) -> None:
        """Gone, without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _control(opcode: int, payload: bytes) -> bytes:
    return struct.pack(">BB4x", 0x80 | opcode, 0x80 | len(payload)) + payload  # Masked with zeros.


# --- one person ----------------------------------------------------------------------------------------------------


class Viewer:
    """Somebody who stays in the room until he is told not to, however often his line breaks."""

    def __init__(self, crowd: "Crowd", person: Person, number: int) -> None:
        self.person = person
        self.address = address_of(number)
        self.is_in = False
        """Whether the room was shown over the line that is open now."""
        self.place: Place | None = None
        self.count: int | None = None
        """How many the room is, as he heard last."""
        self.seated: set[str] = set()
        """Who sits, as far as he was told."""
        self.line: Line | None = None
        self.events: Counter[str] = Counter()
        """What became of him: applied, resumed, shown, holes, repeats …"""
        self.in_at_s = 0.0
        """When the room was last shown to him (monotonic)."""
        self.is_deaf = False
        """Whether he reads nothing any more once he is in the room, with a small buffer at that."""
        self._crowd = crowd
        self._asked_since: Place | None = None
        self._has_arrived = False
        self._staying: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()

    def stay(self) -> None:
        """Come into the room, and back whenever the line breaks."""
        assert self._staying is None
        self._staying = asyncio.create_task(self._stay(), name=f"viewer-{self.person.id}")

    async def go(self) -> None:
        """Hang up and do not come back; says nothing to the server."""
        staying, self._staying = self._staying, None
        if staying is not None:
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
        self.cut()

    def cut(self) -> None:
        """The line breaks."""
        if self.line is not None:
            self.line.cut()

    @property
    def wants_in(self) -> bool:
        """Whether he is in the room, or on his way; whoever was sent away is not."""
        return not self.events["sent away"] and self._staying is not None and not self._staying.done()

    def check(self) -> None:
        """Raise what his staying died of."""
        if self._staying is not None and self._staying.done() and not self._staying.cancelled():
            self._staying.result()

    async def is_refused(self) -> bool:
        """Try to come in, for a while if need be; whether that was refused for a ban. To be let in is a finding."""
        self.events["sent away"] += 1
        for _ in range(REFUSALS_AWAITED_MAX):
            if await self._one_line() == BANNED:
                return True
            await asyncio.sleep(AGAIN_S)
        return False

    async def arrived(self) -> None:
        """Wait until he is in the room."""
        while not self.is_in:
            self._arrived.clear()
            await self._arrived.wait()

    async def ask(self, method: str, name: str, *, key: str = "", **fields: object) -> Answer:
        """One attempt over a connection of the crowd's.

        Raises: NoAnswer.
        """
        return await self._crowd.ask(self.person, method, name, key=key, **fields)

    async def insist(self, method: str, name: str, *, key: str = "", **fields: object) -> Answer:
        """Ask until there is an answer that is not *try again*."""
        return await self._crowd.insist(self.person, method, name, key=key, **fields)

    async def _stay(self) -> None:
        failures = 0
        while True:
            code = await self._one_line()
            if code == BANNED:
                return
            failures = 0 if self._has_arrived else failures + 1
            self._has_arrived = False
            pause_s = min(FIRST_PAUSE_S * 2**failures, self._crowd.pause_s_max)
            await asyncio.sleep(self._crowd.chance.uniform(0, pause_s))

    async def _one_line(self) -> int:
        """Connect, and hear what there is; the close code."""
        crowd = self._crowd
        port = crowd.port()
        if not port:
            return NO_CODE
        self._asked_since = self.place
        query: dict[str, object] = {"token": self.person.token, "live_id": crowd.live_id}
        if self.place is not None:
            query |= {"epoch": self.place.epoch, "seq": self.place.seq}
        line = Line(f"{BASE}/ws?{urlencode(query)}", crowd.reader, self._hear)
        self.line = line
        try:
            async with asyncio.timeout(SHAKEN_S_MAX):
                await self._connect(line, port)
                await line.shaken
            return await line.closed
        except (OSError, TimeoutError, NoAnswer):
            self.events["not shaken"] += 1
            return NO_CODE
        finally:
            line.cut()
            self.line = None
            self.is_in = False

    async def _connect(self, line: Line, port: int) -> None:
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        try:
            connection.setblocking(False)
            if self.is_deaf:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BYTES)
            connection.bind((self.address, 0))
            await loop.sock_connect(connection, (HOST, port))
            await loop.create_connection(lambda: line, sock=connection)
        except BaseException:
            connection.close()
            raise

    # --- the journal -------------------------------------------------------------------------------------------------

    def _hear(self, frame: Frame) -> None:
        crowd = self._crowd
        match frame.kind:
            case "room":
                self._shown(frame)
            case "audience":
                self.count = frame.content["audience_count"]
            case "reset" if frame.content["content_type"] == "on":
                self.seated.add(frame.content["user_id"])
            case "reset":
                self.seated.discard(frame.content["user_id"])
            case "gift":
                crowd.gifts_told[frame.content["event_id"]] += 1
            case "over":
                self.is_in = False
                self.events["over"] += 1
            case "sent_away":
                # He does not believe it, and tries to come back.
                self.events["sent away"] += 1
                self.cut()
        if frame.place is not None and frame.kind != "room":
            self._follow(frame, frame.place)
        if crowd.on_frame is not None:
            crowd.on_frame(self, frame)

    def _shown(self, frame: Frame) -> None:
        content, place, since = frame.content, frame.place, self._asked_since
        if self.events["sent away"]:
            self._finds("is in the room again, though he was sent away")
            self.cut()
        if content["recovered"]:
            self.events["resumed"] += 1
            if place != self.place:
                self._finds(f"resumed at {place}, stood at {self.place}")
        else:
            self.events["shown"] += 1
            if since is not None and place is not None and since.epoch == place.epoch:
                self.events["shown though of this epoch"] += 1
            self.seated = {seat["user_id"] for seat in (content["male"], content["female"]) if seat}
        self.place = place
        self.count = content["audience_count"]
        self.is_in = True
        self.in_at_s = time.monotonic()
        self._has_arrived = True
        if self.is_deaf and self.line is not None:
            self.line.pause()
        self._arrived.set()

    def _follow(self, frame: Frame, place: Place) -> None:
        crowd, stood = self._crowd, self.place
        told = crowd.story.setdefault(place, frame)
        if told.payload != frame.payload:
            self._finds(f"heard {frame.payload!r} at {place}, others {told.payload!r}")
        if stood is None or place.epoch != stood.epoch:
            self._finds(f"heard {place} without being shown the room, stood at {stood}")
        elif place.seq == stood.seq + 1:
            self.events["applied"] += 1
        elif place.seq <= stood.seq:
            self.events["repeats"] += 1
            self._finds(f"heard {place} again, stood at {stood}")
        else:
            self.events["holes"] += 1
            self._finds(f"heard {place}, stood at {stood}")
        self.place = place

    def _finds(self, what: str) -> None:
        if len(self._crowd.findings) < FINDINGS_MAX:
            self._crowd.findings.append(f"{self.person.id} {what}")


# --- everybody -----------------------------------------------------------------------------------------------------


class Crowd:
    """The people of one room. ``port`` says where the server listens now, 0 nowhere; ``pause_s_max`` caps back-offs."""

    def __init__(self, port: Callable[[], int], *, pause_s_max: float = 20.0, seed: int = 0) -> None:
        self.port = port
        self.pause_s_max = pause_s_max
        self.chance = random.Random(seed)
        self.reader = _Reader()
        self.live_id = ""
        self.viewers: list[Viewer] = []
        self.story: dict[Place, Frame] = {}
        """What anybody heard, by its place."""
        self.gifts_told: Counter[str] = Counter()
        """By event id, how many heard it; those who heard it twice count twice."""
        self.findings: list[str] = []
        self.on_frame: Callable[[Viewer, Frame], None] | None = None
        self._phones: asyncio.Queue[HttpClient] = asyncio.Queue()
        for number in range(ADDRESSES):
            self._phones.put_nowait(HttpClient(port, address=f"127.1.{number}.1"))

    async def close(self) -> None:
        """Everybody hangs up."""
        await asyncio.gather(*(viewer.go() for viewer in self.viewers))
        while not self._phones.empty():
            await self._phones.get_nowait().close()

    def check(self) -> None:
        """Raise what somebody's staying died of, if one did."""
        for viewer in self.viewers:
            viewer.check()

    async def sign_in(self, names: Iterable[str], **attributes: object) -> list[Viewer]:
        """Viewers, not in the room yet, made on first use."""

        async def one(name: str) -> Person:
            code = f"dev:{name}?" + "&".join(f"{key}={value}" for key, value in attributes.items())
            sent = {"appId": APP_ID, "code": code, "encryptedData": "x", "iv": "x"}
            created = (await self.insist(None, "POST", "qlive_user/", **sent)).data
            return Person(created["user_id"], created["token"])

        people = await asyncio.gather(*map(one, names))
        first = len(self.viewers)
        found = [Viewer(self, person, first + index) for index, person in enumerate(people)]
        self.viewers += found
        return found

    async def ask(self, person: Person | None, method: str, name: str, *, key: str = "", **fields: object) -> Answer:
        """One attempt to ask as ``person``, over whatever connection is free.

        Raises: NoAnswer.
        """
        headers = dict(person.headers if person is not None else {})
        if key:
            headers["Idempotency-Key"] = key
        path = f"{BASE}/{name}"
        async with self._phone() as phone:
            if method == "GET":
                return await phone.get(f"{path}?{urlencode(fields)}", headers=headers)
            headers["Content-Type"] = "application/json"
            return await phone.post(path, json.dumps(fields).encode(), headers=headers)

    async def insist(self, person: Person | None, method: str, name: str, *, key: str = "", **fields: object) -> Answer:
        """Ask until there is an answer that is not *try again*."""
        while True:
            with suppress(NoAnswer):
                answer = await self.ask(person, method, name, key=key, **fields)
                if answer.status not in TRY_AGAIN:
                    return answer
            await asyncio.sleep(AGAIN_S)

    @property
    def inside(self) -> list[Viewer]:
        """Who is in the room, by the table of those who are."""
        return [viewer for viewer in self.viewers if viewer.is_in]

    @property
    def missing(self) -> list[Viewer]:
        """Who is on his way into the room."""
        return [viewer for viewer in self.viewers if viewer.wants_in and not viewer.is_in]

    @property
    def events(self) -> Mapping[str, int]:
        """What became of everybody together."""
        total: Counter[str] = Counter()
        for viewer in self.viewers:
            total.update(viewer.events)
        return total

    @asynccontextmanager
    async def _phone(self) -> AsyncIterator[HttpClient]:
        phone = await self._phones.get()
        try:
            yield phone
        finally:
            self._phones.put_nowait(phone)
