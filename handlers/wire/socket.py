"""WebSockets in and out: frames become commands, events become frames, for every dialect.

Knows connections, who they belong to, and when to end them. Knows no dialect, no room and no call: a socket holds its
caller and its outbox, and what a frame or an event means is for the dialect and the engine.
"""

import asyncio
import contextlib
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from socket import SHUT_WR, SO_SNDBUF, SOL_SOCKET
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol

import msgspec
from tornado.httputil import HTTPHeaders
from tornado.iostream import SSLIOStream
from tornado.util import _websocket_mask
from tornado.websocket import WebSocketHandler, WebSocketProtocol13

from engine.errors import (
    BadInput,
    Banned,
    Draining,
    EngineError,
    Forbidden,
    NotFound,
    NotNow,
    NotSignedIn,
    TooLong,
    TooMany,
    WrongRole,
)
from engine.ports import Clock, Goodbye, Log, Position, Timer
from handlers.wire.access import Admission, Caller, Incoming, ReadCredential
from handlers.wire.codec import read_json
from handlers.wire.language import Language
from handlers.wire.limits import Limit, per_second, wait_after
from handlers.wire.outbox import Outbox, OutboxLimits, Pushed, text_frame
from handlers.wire.rooms import Circle, Rooms
from handlers.wire.surface import Answer, Frame, SocketDialect

__all__ = [
    "CLOSE_CODES",
    "CloseCode",
    "Handshake",
    "Hub",
    "PresenceWatch",
    "SocketHandler",
    "SocketLimits",
    "read_typed",
]

_SWEEP_MS: Final = 1_000
"""How often connections are looked over; a dead or stuck one is found at most this much late."""

_REASON_BYTES_MAX: Final = 123
"""What a close frame has room for beside its code. Source: RFC 6455 §5.5."""

_HEARD_OUT_BYTES: Final = 64 * 1024
_HEARD_OUT_BYTES_MAX: Final = 16 * 1024 * 1024
"""How much of what comes behind a broken rule is read and forgotten, so that its sender gets to read why it ends."""

_KEY: Final = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
"""16 bytes in base64: the last letter stands for two bits. Source: RFC 6455 §4.1."""

# The words of a frame. Source: RFC 6455 §5.2.
_CONTINUATION: Final = 0x0
_TEXT: Final = 0x1
_CLOSE: Final = 0x8
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, 0x2, _CLOSE, 0x9, 0xA})
_MASKED: Final = 0x80
_SHORT_MAX: Final = 125
"""The longest payload whose length needs no further bytes, and the longest that a control frame may have."""


_MARKS_MAX: Final = 8
_PROOF_MS: Final = 1_000
"""Whoever talks is there, and is asked for a proof of what he was told; at most so often."""

_REST_S_MIN: Final = 0.001
_REST_S_MAX: Final = 0.005
"""How long rooms rest after telling them took long: under load more leaves in one piece, and others get their turn."""


class CloseCode(IntEnum):
    """Why a socket was closed, as clients see it. Source: ALL-16; those below 1008: RFC 6455 §7.4.1."""

    PROTOCOL = 1002
    NOT_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    BUG = 1011
    RESTART = Goodbye.RESTART
    NOT_NOW = 1013
    NOT_SIGNED_IN = Goodbye.SIGNED_OUT
    NOT_ALLOWED = Goodbye.BANNED
    TOO_SLOW = 4008
    REPLACED = 4009


CLOSE_CODES: Final = MappingProxyType(
    {
        CloseCode.PROTOCOL: "this is no frame of RFC 6455",
        CloseCode.NOT_TEXT: "text that is not UTF-8",
        CloseCode.POLICY: "too many bad frames in a row, or a query that is not acceptable",
        CloseCode.TOO_BIG: "a message over every limit",
        CloseCode.BUG: "internal error",
        CloseCode.RESTART: "the server restarts; the reason says after how many seconds to come back",
        CloseCode.NOT_NOW: "too many connections, or not now; come back later",
        CloseCode.NOT_SIGNED_IN: "the credential is missing, bad or used",
        CloseCode.NOT_ALLOWED: "banned, or not allowed here",
        CloseCode.TOO_SLOW: "the client reads too slowly",
        CloseCode.REPLACED: "replaced by a newer connection of the same person",
    }
)
"""What each close code means, for the printed description."""


class SocketLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may cost. Source: ALL-16, SEC-26."""

    ping_ms: int = 25_000
    dead_ms: int = 60_000
    frame_bytes_max: int = 64 * 1024
    bad_frames_max: int = 10
    per_person_max: int = 10
    per_address_max: int = 200
    outbox: OutboxLimits = OutboxLimits()
    frames: Limit = per_second(20)
    """How fast one connection may talk; counted in the connection itself."""


class PresenceWatch(Protocol):
    """Somebody who wants to know whether people are here, over any number of sockets. Times are ``Clock.mono_ms``."""

    def person_connected(self, person_id: int, *, at_mono_ms: int) -> None:
        """The first socket of this person on this node has opened."""

    def person_disconnected(self, person_id: int, *, at_mono_ms: int, heard_at_mono_ms: int) -> None:
        """The last one has gone; ``heard_at_mono_ms`` is when anything last came over it, which may be a while ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What is known of a connection before anybody has looked at its credential."""

    dialect: SocketDialect
    admission: Admission[Any, Any]
    credential: ReadCredential
    incoming: Incoming
    request_id: str
    language: Language
    refuse: Callable[[EngineError], Answer]
    """How it is refused by HTTP, where the dialect wants that."""

    def __post_init__(self) -> None:
        """Refuse what cannot be answered with an opening handshake.

        Raises: BadInput: not a GET, or the key is not 16 bytes in base64 (twice the header is no key either). Source:
        RFC 6455 §4.2.1.
        """
        if self.incoming.method != "GET":
            raise BadInput("a handshake is a GET")
        if not _KEY.fullmatch(self.incoming.headers.get("Sec-WebSocket-Key", "")):
            raise BadInput("not a handshake's key", field="Sec-WebSocket-Key")


class Hub:
    """All sockets of this node, by person and by room; implements the engine's ``Sink``.

    An event is turned into bytes once per dialect, also when it is told to many people one by one. What is told during
    a turn of the loop leaves when the turn ends; what rooms are told, when that takes long, a little later.
    """

    def __init__(self, *, clock: Clock, log: Log, limits: SocketLimits, presence: PresenceWatch | None = None) -> None:
        self.clock = clock
        self.log = log
        self.limits = limits
        self.is_draining = False
        self.dropped_count = 0
        """Frames that slow readers went without, since the start."""
        self.presence = presence
        self._of_person: dict[int, list[SocketHandler]] = {}
        self._address_counts: dict[str, int] = {}
        self._rooms = Rooms(limits=limits.outbox, wake=self._wake)
        self._is_awake = False
        self._rests_until_s = 0.0
        self._stalled: set[SocketHandler] = set()
        self._unsent: list[SocketHandler] = []
        self._said: tuple[object, dict[int, bytes | None]] = (None, {})
        self._sweeping: Timer | None = None

    # -- for the engine -----------------------------------------------------------------------------------------------

    def tell(self, person_id: int, event: object) -> None:
        """Queue ``event`` for all sockets of the person; nothing happens when there is none.

        An event whose class has a true attribute ``droppable`` may be lost to a reader that is behind.
        """
        sockets = self._of_person.get(person_id)
        if not sockets:
            return
        droppable = bool(getattr(event, "droppable", False))
        now_ms = self.clock.mono_ms()
        # A socket that turns out to be too slow leaves the list while it is walked.
        for socket in tuple(sockets):
            frame = self._frame_of(event, socket.dialect)
            if frame is not None:
                self.send(socket, frame, droppable=droppable, now_ms=now_ms)

    def enter(
        self,
        person_id: int,
        room_id: str,
        *,
        connection: str | None = None,
        backlog: Sequence[tuple[object, Position | None]] = (),
    ) -> None:
        """The person hears ``backlog`` and then what the room is told, with all sockets or with one."""
        if connection is None:
            self._rooms.enter(person_id, room_id)
        now_ms = self.clock.mono_ms()
        frames: dict[int, list[bytes]] = {}

        def encoded(dialect: SocketDialect) -> list[bytes]:
            if id(dialect) not in frames:
                told = (_frame(event, dialect, position) for event, position in backlog)
                frames[id(dialect)] = [frame for frame in told if frame is not None]
            return frames[id(dialect)]

        for socket in self._sockets(person_id, connection):
            self._rooms.listen(socket, room_id, backlog=encoded, now_ms=now_ms)

    def leave(self, person_id: int, room_id: str, *, connection: str | None = None) -> None:
        """The person, or one connection of his, hears what the room was told so far and no more."""
        if connection is None:
            self._rooms.leave(person_id, room_id)
        for socket in self._sockets(person_id, connection):
            self._rooms.unlisten(socket, room_id, now_ms=self.clock.mono_ms())

    def tell_room(self, room_id: str, event: object, *, position: Position | None = None) -> None:
        """Queue ``event`` for everybody who hears the room now."""
        droppable = bool(getattr(event, "droppable", False))
        self._rooms.tell(
            room_id,
            lambda dialect: _frame(event, dialect, position),
            droppable=droppable,
            now_ms=self.clock.mono_ms(),
        )

    def end_room(self, room_id: str) -> None:
        """Everybody leaves the room, after what it was told."""
        self._rooms.end(room_id, now_ms=self.clock.mono_ms())

    def flush(self) -> None:
        """Hand over what was told to the system, as far as it takes it; a process that dies now has said it."""
        self._rooms.flush(now_ms=self.clock.mono_ms())
        self._flush()

    def close(self, person_id: int, *, code: int, reason: str, sign_in_id: str = "") -> None:
        """Close all sockets of the person, or those of one sign-in, after what they were told before."""
        for socket in tuple(self._of_person.get(person_id, ())):
            if sign_in_id in ("", socket.sign_in_id):
                socket.leave(code, reason)

    def is_connected(self, person_id: int) -> bool:
        """Whether the person has a socket on this node."""
        return person_id in self._of_person

    @property
    def people_count(self) -> int:
        """Different people connected. Source: ALL-12."""
        return len(self._of_person)

    @property
    def sockets_count(self) -> int:
        """Sockets connected and admitted."""
        return sum(map(len, self._of_person.values()))

    @property
    def rooms_count(self) -> int:
        """Rooms that somebody is in."""
        return len(self._rooms)

    def drain(self, *, retry_after_s: int) -> None:
        """Close everything for a restart; clients read from the reason when to come back. Nothing new is let in."""
        self.is_draining = True
        for person_id in tuple(self._of_person):
            self.close(person_id, code=CloseCode.RESTART, reason=f"retry_after={retry_after_s}")

    # -- for the sockets ----------------------------------------------------------------------------------------------

    def take_place(self, address: str) -> bool:
        """Count one more connection from ``address``; False when it has too many."""
        count = self._address_counts.get(address, 0)
        if count >= self.limits.per_address_max:
            return False
        self._address_counts[address] = count + 1
        return True

    def free_place(self, address: str) -> None:
        """Count one connection less."""
        count = self._address_counts[address] - 1
        if count:
            self._address_counts[address] = count
        else:
            del self._address_counts[address]

    def join(self, socket: "SocketHandler", person_id: int) -> None:
        """Events for ``person_id`` go to ``socket`` from now on; the person's oldest socket makes room if need be."""
        sockets = self._of_person.setdefault(person_id, [])
        sockets.append(socket)
        if len(sockets) == 1 and self.presence is not None:
            self.presence.person_connected(person_id, at_mono_ms=self.clock.mono_ms())
        if len(sockets) > self.limits.per_person_max:
            sockets[0].leave(CloseCode.REPLACED, "replaced")
        if socket.dialect.opening is None:
            for room_id in self._rooms.entered_by(person_id):
                self._rooms.listen(socket, room_id, backlog=lambda _dialect: (), now_ms=self.clock.mono_ms())
        if self._sweeping is None:
            self._sweeping = self.clock.call_at(self.clock.mono_ms() + _SWEEP_MS, self._sweep)

    def quit(self, socket: "SocketHandler", person_id: int) -> None:
        """Nothing goes to ``socket`` any more."""
        sockets = self._of_person[person_id]
        sockets.remove(socket)
        self._stalled.discard(socket)
        self._rooms.quit(socket)
        if sockets:
            return
        del self._of_person[person_id]
        if self.presence is not None:
            self.presence.person_disconnected(
                person_id, at_mono_ms=self.clock.mono_ms(), heard_at_mono_ms=socket.heard_at_ms
            )
        if not self._of_person and self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def send(self, socket: "SocketHandler", frame: bytes, *, droppable: bool, now_ms: int) -> None:
        """Queue ``frame`` for one socket; all that is queued in this turn of the loop leaves together at its end."""
        self._rooms.catch_up(socket, now_ms=now_ms)
        self.queue(socket, frame, droppable=droppable, now_ms=now_ms)

    def queue(self, socket: "SocketHandler", frame: bytes, *, droppable: bool, now_ms: int) -> bool:
        """Put ``frame`` into the outbox, whatever its rooms were told; False when that was the end of the socket."""
        if socket.has_left:
            return False  # It was too slow for what came just before.
        pushed = socket.outbox.push(frame, droppable=droppable, now_ms=now_ms)
        if pushed is Pushed.QUEUED:
            if not self._unsent:
                asyncio.get_running_loop().call_soon(self._flush)
            if not socket.has_unsent:
                socket.has_unsent = True
                self._unsent.append(socket)
        elif pushed is Pushed.DROPPED:
            self.dropped_count += 1
        else:
            socket.leave(CloseCode.TOO_SLOW, "too slow")
        return pushed is not Pushed.FULL

    def respeak(self, socket: "SocketHandler", dialect: SocketDialect) -> None:
        """``socket`` speaks another dialect from now on, and hears the same rooms."""
        room_ids = [circle.room_id for circle in socket.circles]
        now_ms = self.clock.mono_ms()
        for room_id in room_ids:
            self._rooms.unlisten(socket, room_id, now_ms=now_ms)
        socket.speak(dialect)
        for room_id in room_ids:
            self._rooms.listen(socket, room_id, backlog=lambda _dialect: (), now_ms=now_ms)

    def hand_over(self, socket: "SocketHandler") -> bool:
        """Put all that ``socket`` was told into its stream; False when it has not taken what came before."""
        self._rooms.catch_up(socket, now_ms=self.clock.mono_ms())
        socket.outbox.flush()
        return not socket.outbox.is_holding_back

    def last_words(self, socket: "SocketHandler") -> None:
        """``socket`` is about to close: what its rooms were told before is to come before that."""
        self._rooms.catch_up(socket, now_ms=self.clock.mono_ms())

    def stalled(self, socket: "SocketHandler") -> None:
        """``socket`` did not take everything at once: watch how long it takes."""
        self._stalled.add(socket)

    def _sockets(self, person_id: int, connection: str | None) -> tuple["SocketHandler", ...]:
        sockets = self._of_person.get(person_id, ())
        return tuple(socket for socket in sockets if connection is None or socket.request_id == connection)

    def _frame_of(self, event: object, dialect: SocketDialect) -> bytes | None:
        # Whoever tells many people passes the very same event again and again: one encoding serves them all.
        said, frames = self._said
        if said is not event:
            frames = {}
            self._said = (event, frames)
        key = id(dialect)
        if key not in frames:
            frames[key] = _frame(event, dialect, None)
        return frames[key]

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        self._said = (None, {})
        for socket in unsent:
            socket.has_unsent = False
            socket.outbox.flush()

    def _wake(self) -> None:
        if self._is_awake:
            return
        self._is_awake = True
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until_s:
            loop.call_at(self._rests_until_s, self._flush_rooms)
        else:
            loop.call_soon(self._flush_rooms)

    def _flush_rooms(self) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self._rooms.flush(now_ms=self.clock.mono_ms())
        self._is_awake = False
        ended_s = loop.time()
        took_s = ended_s - began_s
        self._rests_until_s = ended_s + min(took_s, _REST_S_MAX) if took_s >= _REST_S_MIN else 0.0

    def _sweep(self) -> None:
        now_ms = self.clock.mono_ms()
        for socket in tuple(self._stalled):
            if socket.outbox.is_too_slow(now_ms):
                socket.leave(CloseCode.TOO_SLOW, "too slow")
            elif not socket.outbox.waiting_bytes:
                self._stalled.discard(socket)
        for sockets in tuple(self._of_person.values()):
            for socket in tuple(sockets):
                socket.look_alive(now_ms)
        self._sweeping = self.clock.call_at(now_ms + _SWEEP_MS, self._sweep) if self._of_person else None


class SocketHandler(WebSocketHandler):
    """One connection: asks who it is, hands commands on, and is written to by the hub."""

    _closes: ClassVar[tuple[tuple[type[EngineError], int], ...]] = (
        (NotSignedIn, CloseCode.NOT_SIGNED_IN),
        (Banned, CloseCode.NOT_ALLOWED),
        (Forbidden, CloseCode.NOT_ALLOWED),
        (WrongRole, CloseCode.NOT_ALLOWED),
        (NotNow, CloseCode.NOT_NOW),
    )

    def initialize(self, *, hub: Hub, handshake: Handshake) -> None:
        """Tornado's constructor for handlers."""
        self._hub = hub
        self._handshake: Handshake | None = handshake
        self._dialect = handshake.dialect
        self._address = handshake.incoming.address
        self._request_id = handshake.request_id
        self._language = handshake.language
        self._admitted: Caller[Any, Any] | None = None
        self._caller: Caller[Any, Any] | None = None
        self._has_place = False
        self._bad_frames_count = 0
        self._frames_full_at_ms = 0.0
        self._pinged_at_ms = self.heard_at_ms = hub.clock.mono_ms()
        self._pings_count = 0
        self._marks: dict[bytes, object] = {}
        self._closed_with: int | None = None
        self.has_unsent = False
        self.circles: tuple[Circle, ...] = ()

    @property
    def has_left(self) -> bool:
        """Whether it is closed on our side, and nothing may follow."""
        return self._closed_with is not None

    @property
    def request_id(self) -> str:
        """What this connection is called in the log, and in the engine."""
        return self._request_id

    @property
    def sign_in_id(self) -> str:
        """By which of his sign-ins the person is here; empty where they do not end one by one."""
        return "" if self._caller is None else self._caller.principal.sign_in_id

    @property
    def dialect(self) -> SocketDialect:
        """How this connection speaks."""
        return self._dialect

    def speak(self, dialect: SocketDialect) -> None:
        """Speak this one from now on."""
        self._dialect = dialect

    def queue(self, frame: bytes, *, droppable: bool, now_ms: int) -> bool:
        """Let ``frame`` wait to be sent; False when this socket is too slow, and has been closed for it."""
        return self._hub.queue(self, frame, droppable=droppable, now_ms=now_ms)

    @property
    def max_message_size(self) -> int:
        """What Tornado cuts off. Up to here a frame that is too large gets an answer rather than an end."""
        return 4 * self._hub.limits.frame_bytes_max

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002 - Tornado's
        """Checked with the door's own list before the connection got here."""
        return True

    def get_websocket_protocol(self) -> WebSocketProtocol13 | None:
        """Tornado's protocol, with the rules of RFC 6455 that it leaves to goodwill."""
        lenient = super().get_websocket_protocol()
        if not isinstance(lenient, WebSocketProtocol13):
            return None
        return _StrictProtocol(self, mask_outgoing=False, params=lenient.params)

    def set_default_headers(self) -> None:
        """Say nothing about ourselves. Source: SEC-29."""
        self.clear_header("Server")

    async def prepare(self) -> None:
        """Ask for the credential before the handshake, where a bad one is to be refused by HTTP."""
        handshake = self._handshake
        assert handshake is not None
        if not handshake.dialect.is_admitted_first:
            return
        try:
            if self._hub.is_draining:
                raise Draining  # noqa: TRY301 - refused where all is refused
            self._admitted = await self._admit(handshake)
        except EngineError as error:
            self._refuse(handshake.refuse(error))
        except Exception as error:  # noqa: BLE001 - the edge: a bug is reported, and shown to nobody (SEC-30)
            self._report(error)
            self._refuse(handshake.refuse(EngineError()))

    def _log(self) -> None:
        """The door writes lines of its own; Tornado's would hold the query, and a credential with it (SEC-28)."""

    def _refuse(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        for name, value in answer.headers:
            self.set_header(name, value)
        self.finish(answer.body)

    @staticmethod
    async def _admit(handshake: Handshake) -> Caller[Any, Any]:
        return await handshake.admission.admit(
            handshake.incoming,
            endpoint=handshake.dialect.path,
            access=handshake.dialect.access,
            credential=handshake.credential,
            limit=handshake.dialect.limit,
            request_id=handshake.request_id,
            language=handshake.language,
        )

    async def open(self, *_args: str, **_kwargs: str) -> None:
        """The handshake is through; what the credential says decides whether the socket stays."""
        assert isinstance(self.ws_connection, WebSocketProtocol13)
        hub, handshake = self._hub, self._handshake
        assert handshake is not None
        self.set_nodelay(True)
        stream = self._stream = self.ws_connection.stream
        # Left to itself the system keeps megabytes for each who does not read, and we learn of it when they are full.
        stream.socket.setsockopt(SOL_SOCKET, SO_SNDBUF, hub.limits.outbox.bytes_max // 2)
        self.outbox = Outbox(
            stream,
            limits=hub.limits.outbox,
            on_stall=self._stall,
            may_send_directly=not isinstance(stream, SSLIOStream),
        )
        if hub.is_draining:
            return self.leave(CloseCode.RESTART, "retry_after=1")
        if not hub.take_place(handshake.incoming.address):
            return self.leave(CloseCode.NOT_NOW, "too many connections")
        self._has_place = True
        try:
            caller = self._admitted or await self._admit(handshake)
        except EngineError as error:
            return self._turn_away(error)
        except Exception as error:  # noqa: BLE001 - the edge: a bug is reported, and shown to nobody (SEC-30)
            self._report(error)
            return self.leave(CloseCode.BUG, "internal error")
        # What it came with, a token among it, is of no use any more and would be kept as long as the socket.
        self._handshake = self._admitted = None
        asked = handshake.incoming.fields
        self.request.headers = HTTPHeaders()
        if stream.closed() or self._closed_with is not None:
            return None
        opening = self.dialect.opening
        try:
            # Before anything knows of it: a query that is not acceptable must leave no trace (reliability e.5).
            wanted = None if opening is None else opening.read(asked)
        except EngineError as error:
            return self._turn_away(error)
        self._caller = caller
        self._hub.log.info(
            "socket_opened", request_id=handshake.request_id, path=self.dialect.path, person_id=caller.person_id
        )
        hub.join(self, caller.person_id)
        if opening is not None:
            await self._begin(opening.action(caller, wanted))
        return None

    async def _begin(self, opening: Awaitable[object]) -> None:
        try:
            event = await opening
            payload = None if event is None else self.dialect.encode(event)
        except EngineError as error:
            self._turn_away(error)
        except Exception as error:  # noqa: BLE001 - the edge: a bug is reported, and shown to nobody (SEC-30)
            self._report(error)
            self.leave(CloseCode.BUG, "internal error")
        else:
            if payload is not None:
                self._say(payload)

    async def on_message(self, message: str | bytes) -> None:
        """One frame: a command, or something that is none."""
        if self._caller is None or self._closed_with is not None:
            return None
        self.heard_at_ms = self._hub.clock.mono_ms()
        if isinstance(message, str) and message in self.dialect.words:
            self._bad_frames_count = 0
            self._say(self._word(self.dialect.words[message]))
            return self._ask_for_proof()
        try:
            frame = self._read(message)
        except EngineError as error:
            self._bad_frames_count += 1
            if self._bad_frames_count >= self._hub.limits.bad_frames_max:
                self.leave(CloseCode.POLICY, "too many bad frames")
            else:
                self._say(self.dialect.refuse(error, None, self._language))
            return None
        self._bad_frames_count = 0
        answer = await self._obey(self._caller, frame)
        for payload in (answer,) if isinstance(answer, bytes) else answer:
            self._say(payload)
        return self._ask_for_proof()

    def on_ping(self, data: bytes) -> None:  # noqa: ARG002 - Tornado's
        """A sign of life."""
        self.heard_at_ms = self._hub.clock.mono_ms()

    def on_pong(self, data: bytes) -> None:
        """A sign of life; and, where it answers a ping of ours, a proof that what was told before that has arrived.

        Frames come in order, so that one who has read the ping has read all before it. A pong that nobody asked for
        proves nothing. Source: RFC 6455 §5.5.3.
        """
        self.heard_at_ms = self._hub.clock.mono_ms()
        opening = self.dialect.opening
        if data in self._marks and self._caller is not None and opening is not None and opening.proved is not None:
            opening.proved(self._caller, self._marks.pop(data))

    def on_close(self) -> None:
        """The connection has gone, whoever ended it."""
        if self._has_place:
            self._has_place = False
            self._hub.free_place(self._address)
        self._forget(self.close_code)

    def leave(self, code: int, reason: str) -> None:
        """Close, after what is queued; the person is no longer here as of now."""
        if self._closed_with is not None:
            return
        if code != CloseCode.TOO_SLOW:
            self._hub.last_words(self)
            if self.has_left:
                return  # They were too much for it.
        self._closed_with = code
        if code == CloseCode.TOO_SLOW:
            self.outbox.clear()
        else:
            self.outbox.finish()
        self._forget(code)
        self.close(code, _cut(reason))

    def look_alive(self, now_ms: int) -> None:
        """Ask for a sign of life when it is time to, and give up when none has come for too long."""
        limits = self._hub.limits
        if now_ms - self.heard_at_ms > limits.dead_ms:
            # Nobody is there to read a close frame.
            self._stream.close()
        elif now_ms - self._pinged_at_ms >= limits.ping_ms:
            self._ping(now_ms)

    def _ping(self, now_ms: int) -> None:
        """Ask for a sign of life, and remember with it what the client will have read before it answers."""
        if self.ws_connection is None or self.ws_connection.is_closing():
            return None
        self._pinged_at_ms = now_ms
        mark = self._mark()
        if mark is None:
            return self.ping()
        self._pings_count += 1
        data = b"%d" % self._pings_count
        # A client that answers does so soon; whoever answers nothing is dead after a few of them.
        self._marks = dict([*self._marks.items()][-_MARKS_MAX + 1 :]) | {data: mark}
        return self.ping(data)

    def _ask_for_proof(self) -> None:
        opening, now_ms = self.dialect.opening, self._hub.clock.mono_ms()
        is_time = now_ms - self._pinged_at_ms >= _PROOF_MS
        if opening is not None and opening.mark is not None and is_time and not self.has_left:
            self._ping(now_ms)

    def _mark(self) -> object | None:
        opening = self.dialect.opening
        if opening is None or opening.mark is None or self._caller is None or not self._hub.hand_over(self):
            return None
        return opening.mark(self._caller)

    def _word(self, answer: bytes) -> bytes:
        try:
            self._count_frame()
        except TooMany as error:
            return self.dialect.refuse(error, None, self._language)
        return answer

    def _read(self, message: str | bytes) -> Frame:
        """The frame in ``message``. Raises BadInput or TooLong: it is none."""
        if isinstance(message, bytes):
            raise BadInput("binary frames are not understood")
        encoded = message.encode()
        if len(encoded) > self._hub.limits.frame_bytes_max:
            raise TooLong("frame")
        value = read_json(encoded)
        if not isinstance(value, dict):
            raise BadInput("a frame is an object")
        if self.dialect.spoken_as is not None:
            self._hub.respeak(self, self.dialect.spoken_as(value))
        return (self.dialect.read or read_typed)(value)

    async def _obey(self, caller: Caller[Any, Any], frame: Frame) -> bytes | tuple[bytes, ...]:
        """Do what ``frame`` asks for; the frames that answer it. Whether the person may, the engine asks each time."""
        dialect, language = self.dialect, self._language
        try:
            self._count_frame()
            command = dialect.commands.get(frame.kind)
            if command is None:
                raise NotFound("command")  # noqa: TRY301 - refused where all is refused
            reply = await command.action(caller, command.read(frame.fields))
            return dialect.answer(frame.kind, frame.frame_id, msgspec.to_builtins(reply))
        except EngineError as error:
            return dialect.refuse(error, frame.frame_id, language)
        except Exception as error:  # noqa: BLE001 - the edge: a bug is reported, and shown to nobody (SEC-30)
            self._report(error)
            return dialect.refuse(EngineError(), frame.frame_id, language)

    def _count_frame(self) -> None:
        limit = self._hub.limits.frames
        self._frames_full_at_ms, wait_ms = wait_after(self._frames_full_at_ms, limit, self._hub.clock.mono_ms())
        if wait_ms:
            raise TooMany(retry_after_ms=wait_ms)

    def _say(self, payload: bytes) -> None:
        if self._closed_with is None:
            self._hub.send(self, text_frame(payload), droppable=False, now_ms=self._hub.clock.mono_ms())

    def _stall(self) -> None:
        self._hub.stalled(self)

    def _turn_away(self, error: EngineError) -> None:
        code = next((code for kind, code in self._closes if isinstance(error, kind)), CloseCode.POLICY)
        reason = self.dialect.reason(error, self._language)
        if isinstance(error, TooMany):
            reason = f"retry_after={math.ceil(error.retry_after_ms / 1_000)}"
        self.leave(code, reason)

    def _report(self, bug: Exception) -> None:
        request_id = self._request_id
        self._hub.log.error("socket_failed", request_id=request_id, path=self.dialect.path, exc_info=bug)

    def _forget(self, code: int | None) -> None:
        caller, self._caller = self._caller, None
        if caller is not None:
            self._hub.quit(self, caller.person_id)
            if self.dialect.opening is not None and self.dialect.opening.ended is not None:
                self.dialect.opening.ended(caller)
            request_id = self._request_id
            self._hub.log.info("socket_closed", request_id=request_id, person_id=caller.person_id, code=code)


class _StrictProtocol(WebSocketProtocol13):
    """Tornado's protocol, but frames are read to the letter of RFC 6455, and whoever breaks it is told so.

    Tornado forgives a missing mask, a length longer written than need be and close codes that there are not; of what it
    does not forgive it says nothing. Rests on parts of ``WebSocketProtocol13`` that are not public; the conformance
    tests notice when a new version changes them.
    """

    _begun_opcode: int
    """What kind of message the fragments so far belong to."""

    async def _receive_frame(self) -> None:
        first, second = await self._read_bytes(2)
        is_final, opcode, length = bool(first & self.FIN), first & self.OPCODE_MASK, second & 0x7F
        is_control = opcode >= _CLOSE
        begun = self._fragmented_message_buffer
        if (
            first & self.RSV_MASK
            or opcode not in _OPCODES
            or not second & _MASKED
            or (is_control and (length > _SHORT_MAX or not is_final))
            or (not is_control and (opcode == _CONTINUATION) != (begun is not None))
        ):
            return await self._fail(CloseCode.PROTOCOL, "protocol error")
        if length > _SHORT_MAX:
            is_long = length > _SHORT_MAX + 1
            length = int.from_bytes(await self._read_bytes(8 if is_long else 2), "big")
            if length >> 63 or length <= (0xFFFF if is_long else _SHORT_MAX):
                return await self._fail(CloseCode.PROTOCOL, "protocol error")
        if length + len(() if is_control else begun or ()) > self.params.max_message_size:
            return await self._fail(CloseCode.TOO_BIG, "message too big")
        mask = await self._read_bytes(4)
        data = _websocket_mask(mask, await self._read_bytes(length))
        if not is_control:
            if begun is None:
                self._begun_opcode = opcode
                begun = self._fragmented_message_buffer = bytearray()
            begun += data
            if not is_final:
                return None
            opcode, data = self._begun_opcode, bytes(begun)
            self._fragmented_message_buffer = None
        if wrong := _wrong_in(opcode, data):
            return await self._fail(wrong, "bad payload")
        handled = self._handle_message(opcode, data)
        return await handled if handled is not None else None

    def _write_frame(self, fin: bool, opcode: int, data: bytes, flags: int = 0) -> "asyncio.Future[None]":  # noqa: FBT001 - Tornado's
        """Pings, pongs and close frames go to the stream, and nothing the hub sends may overtake the rest of one."""
        assert isinstance(self.handler, SocketHandler)
        written = super()._write_frame(fin, opcode, data, flags)
        self.handler.outbox.follow(written)
        return written

    async def _fail(self, code: int, reason: str) -> None:
        """Say what was wrong, and read no frame any more. Source: RFC 6455 §7.1.1, §7.1.7.

        To close at once would reset the connection of a client that is still sending, before it has read why. So it is
        heard out, within bounds: of bytes here, of time by the deadline that Tornado sets with a close frame.
        """
        assert isinstance(self.handler, SocketHandler)
        stream = self.stream
        self.handler.leave(code, reason)
        await stream.write(b"")
        if not isinstance(stream, SSLIOStream):
            # A client that has gone meanwhile is found out by the reading below.
            with contextlib.suppress(OSError):
                stream.socket.shutdown(SHUT_WR)
        heard_bytes = 0
        while heard_bytes < _HEARD_OUT_BYTES_MAX:
            heard_bytes += len(await stream.read_bytes(_HEARD_OUT_BYTES, partial=True))
        self._abort()


def _frame(event: object, dialect: SocketDialect, position: Position | None) -> bytes | None:
    if position is None or dialect.encode_at is None:
        payload = dialect.encode(event)
    else:
        payload = dialect.encode_at(event, position)
    return None if payload is None else text_frame(payload)


def _wrong_in(opcode: int, data: bytes) -> CloseCode | None:
    """What is wrong with the payload of a whole message or control frame.

    Source: RFC 6455 §5.5.1, §7.4, §8.1; IANA's list of close codes.
    """
    if opcode == _CLOSE and data:
        code = int.from_bytes(data[:2], "big")
        is_code = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999  # noqa: PLR2004
        if len(data) == 1 or not is_code:
            return CloseCode.PROTOCOL
        data = data[2:]
    elif opcode != _TEXT:
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return CloseCode.NOT_TEXT
    return None


def read_typed(value: Mapping[str, object], *, inside: str = "data") -> Frame:
    """A frame ``{"type", "id", inside}``, whose fields may also stand beside ``type``.

    Raises: BadInput: it has no type, or its id or its fields cannot be such.
    """
    kind = value.get("type")
    frame_id = value.get("id")
    if not isinstance(kind, str):
        raise BadInput("a frame has a type", field="type")
    if frame_id is not None and type(frame_id) not in (int, str):
        raise BadInput("an id is a number or a string", field="id")
    data = value.get(inside, value)
    if not isinstance(data, dict):
        raise BadInput(f"{inside} is an object", field=inside)
    return Frame(kind, frame_id, data)


def _cut(reason: str) -> str:
    return reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
