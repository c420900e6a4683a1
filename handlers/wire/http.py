"""HTTP in and out: decode, admit, call, envelope, for every endpoint of every surface.

Knows how a request is read, routed, limited in size and answered. Knows no dialect and no rule; it writes no byte of a
body that an envelope did not make.

It stands on Tornado's ``HTTPServer`` as a connection delegate, below ``RequestHandler``: a handler has error pages of
its own, which would come out in nobody's envelope, and costs half as much again per request. What is left of it:

::

    headers ──▶ route found? body small enough? ──▶ (a socket: on to ``socket``)
    body    ──▶ kept, or swallowed when it is too large
    end     ──▶ fields ──▶ Admission ──▶ action ──▶ Envelope ──▶ answer

Where a body is streamed, everything to the right of "end" begins with the headers instead, and the client is kept
waiting until the action wants its body: so it learns at once that it may not, or need not, send all of it.
"""

import asyncio
import math
import re
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final, Protocol, cast
from urllib.parse import unquote

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError
from tornado.web import Application

from engine.errors import BadInput, Draining, EngineError, TooMany
from engine.ports import Clock, Log, Rng, Timer
from handlers.wire.access import Admission, Incoming, client_address, origin_allowed
from handlers.wire.codec import read_body, read_pairs
from handlers.wire.language import choose
from handlers.wire.plain import PLAIN, http_status_of
from handlers.wire.socket import Handshake, Hub, SocketHandler
from handlers.wire.streams import Inflow, Streamed, StreamedRequest
from handlers.wire.surface import (
    Answer,
    BodyCut,
    BodyTooLarge,
    BodyTooSlow,
    Endpoint,
    Envelope,
    ForeignOrigin,
    MethodNotAllowed,
    NoSuchPath,
    NotASocket,
    RawRequest,
    SocketDialect,
    Surface,
    UrlTooLong,
    WithHeaders,
)

__all__ = ["Door", "HttpPolicy", "Probe", "Route", "ServerConfig", "server_options"]

URL_BYTES_MAX: Final = 8 * 1024
"""Length of a request target. Source: SEC-26."""

SWALLOWED_BYTES_MAX: Final = 16 * 1024 * 1024
"""How much of a body that is too large is read and forgotten, so that its sender gets to read the refusal.

Closing at once would reset the connection under it. Beyond this the refusal goes out at once, for whoever still reads.
"""

STREAM_BYTES_PER_S_MIN: Final = 16 * 1024
"""Beyond ``body_timeout_ms`` a streamed body has a second for each so many bytes of it; who is slower waits for nothing
but our connections to run out (F-22). A mobile line at its worst does twice that."""

STREAMS_END_MS: Final = 5_000
"""So long after the door began to close, streams may go on; a film that somebody watches would hold it for minutes."""

LINGER_MS: Final = 10_000
"""So long what still comes of a body that has been answered already is read and forgotten."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_READ_METHODS: Final = ("GET", "HEAD")
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""In every answer that does not say something else itself."""

Probe = Callable[[], Awaitable[Answer]]
"""A path beside the surfaces: health, metrics, descriptions."""


class ServerConfig(Protocol):
    """The part of the configuration that the HTTP server itself wants."""

    @property
    def header_bytes_max(self) -> int:
        """All headers of a request together."""

    @property
    def idle_timeout_ms(self) -> int:
        """How long a connection may be silent between requests, and take for the headers of one."""


def server_options(config: ServerConfig) -> dict[str, Any]:
    """Keyword arguments of ``tornado.httpserver.HTTPServer`` beside the ``Door``.

    Tornado's own defaults are 100 MB and an hour for headers. Its deadline for bodies stays off: it closes connections
    without a word and costs a task per request, while the door has one timer and an answer. ``xheaders`` stays off: it
    believes every peer, while ``access.client_address`` believes the proxies on the list. Source: SEC-26, reliability
    h.2.
    """
    return {
        "xheaders": False,
        "decompress_request": False,
        "chunk_size": 64 * 1024,
        "max_header_size": config.header_bytes_max,
        # The Door counts bodies and refuses them in an envelope; this is the net below it.
        "max_body_size": 2 * SWALLOWED_BYTES_MAX,
        "max_buffer_size": 1024 * 1024,
        "idle_connection_timeout": config.idle_timeout_ms / 1_000,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPolicy:
    """What the door lets through, and what it writes down about it."""

    body_bytes_max: int = 1024 * 1024
    body_timeout_ms: int = 30_000
    """How long a body may take to arrive."""
    trusted_proxies: frozenset[str] = frozenset()
    """Addresses whose ``X-Forwarded-For`` is believed."""
    origins: frozenset[str] = frozenset()
    """Origins of web pages, such as ``https://example.com``, beside our own."""
    behind_tls: bool = False
    """Whether people reach us by https, so that browsers may be told to insist on it."""
    log_every_count: int = 1
    """One log line for so many requests that went well and quickly; all others have theirs. 0: only the others."""
    slow_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Route:
    """What stands behind a method and a path."""

    surface: Surface
    target: "Endpoint[Any, Any] | SocketDialect"
    envelope: Envelope


class Door(HTTPServerConnectionDelegate):
    """Everything that can be asked over HTTP, by path; hand it to ``HTTPServer``.

    Paths are looked up in a dictionary, with and without the slash at the end; those with segments in braces in a small
    tree beside it. ``admissions`` says per surface name who may come in there.
    """

    def __init__(
        self,
        surfaces: Iterable[Surface],
        *,
        admissions: Mapping[str, Admission[Any, Any]],
        probes: Mapping[str, Probe],
        hub: Hub,
        clock: Clock,
        rng: Rng,
        log: Log,
        policy: HttpPolicy,
    ) -> None:
        self.admissions = admissions
        self.probes = probes
        self.hub = hub
        self.clock = clock
        self.rng = rng
        self.log = log
        self.policy = policy
        # Sockets are Tornado's own handlers, and those want an application around them.
        self.application = Application()
        self.is_draining = False
        self._working: set[asyncio.Task[None]] = set()
        self._streaming: set[_Exchange] = set()
        self._has_cut_streams = False
        # Requests whose bodies are on their way, by when they began: the oldest come first.
        self._arriving: dict[_Exchange, int] = {}
        self._waiting: Timer | None = None
        self._quiet_count = 0
        self._date = (0, "")
        self._prefixes: dict[str, Surface] = {}
        self._paths: dict[str, dict[str, Route]] = {}
        self._tree: dict[str, Any] = {}
        self.offer(surfaces, admissions=admissions)

    def offer(self, surfaces: Iterable[Surface], *, admissions: Mapping[str, Admission[Any, Any]]) -> None:
        """Serve these surfaces from now on, and no others; requests that are on their way are answered by the former.

        Raises: ValueError: they cannot be served together. Then nothing has changed.
        """
        former = self.admissions, self._prefixes, self._paths, self._tree
        self.admissions, self._prefixes, self._paths, self._tree = admissions, {}, {}, {}
        try:
            for surface in surfaces:
                self._add(surface)
        except ValueError:
            self.admissions, self._prefixes, self._paths, self._tree = former
            raise

    @property
    def in_flight_count(self) -> int:
        """Requests that have been read and not yet answered."""
        return len(self._working)

    def drain(self) -> None:
        """From now on every answer asks the client to close its connection; streams are cut off in a while."""
        self.is_draining = True
        self.clock.call_at(self.clock.mono_ms() + STREAMS_END_MS, self._cut_streams)

    async def drained(self) -> None:
        """Return once no request is in flight; whoever waits sets the deadline."""
        while self._working:
            await asyncio.wait(tuple(self._working))

    def routes(self) -> tuple[tuple[str, str, Route], ...]:
        """(method, path, route) of everything the surfaces offer, for descriptions and permission tables."""
        return tuple(
            (method, path, route)
            for path, methods in sorted(self._all_paths().items())
            for method, route in methods.items()
        )

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:  # noqa: ARG002
        """One more request on a connection."""
        return _Exchange(self, request_conn)

    def find(self, path: str) -> tuple[Mapping[str, Route], dict[str, object]]:
        """The routes of ``path`` by method (none: no such path), and the fields in its segments."""
        methods = self._paths.get(path)
        if methods is None and path.endswith("/"):
            methods = self._paths.get(path[:-1])
        if methods is not None:
            return methods, {}
        return self._find_in_tree(path) if self._tree else ({}, {})

    def surface_of(self, path: str) -> Surface | None:
        """The surface whose prefix ``path`` is below, by whole segments; the longest prefix wins. Source: ALL-14."""
        head = path
        while head:
            if head in self._prefixes:
                return self._prefixes[head]
            head = head.rpartition("/")[0]
        return None

    def run(self, answering: Coroutine[Any, Any, None]) -> None:
        """See an exchange's answer to its end."""
        task = asyncio.get_running_loop().create_task(answering)
        # The loop itself only remembers tasks weakly.
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def stream_begins(self, exchange: "_Exchange") -> None:
        """``exchange`` may take as long as its client does."""
        self._streaming.add(exchange)
        if self._has_cut_streams:
            exchange.cut()

    def stream_over(self, exchange: "_Exchange") -> None:
        """``exchange`` no longer does."""
        self._streaming.discard(exchange)

    def expect_body(self, exchange: "_Exchange", began_at_ms: int) -> None:
        """``exchange`` has a body to come, and only so much time for it."""
        self._arriving[exchange] = began_at_ms
        if self._waiting is None:
            self._waiting = self.clock.call_at(began_at_ms + self.policy.body_timeout_ms, self._give_up)

    def body_over(self, exchange: "_Exchange") -> None:
        """The body of ``exchange`` is complete, or will never be."""
        self._arriving.pop(exchange, None)

    def worth_a_line(self, *, elapsed_ms: int) -> bool:
        """Whether a request that went well is written down."""
        if elapsed_ms >= self.policy.slow_ms:
            return True
        if not self.policy.log_every_count:
            return False
        self._quiet_count += 1
        return self._quiet_count % self.policy.log_every_count == 0

    def date(self) -> str:
        """The ``Date`` header, made once a second."""
        now_s = int(time.time())
        if self._date[0] != now_s:
            self._date = (now_s, formatdate(now_s, usegmt=True))
        return self._date[1]

    def _cut_streams(self) -> None:
        self._has_cut_streams = True
        for exchange in tuple(self._streaming):
            exchange.cut()

    def _give_up(self) -> None:
        """Refuse the requests whose bodies took too long. One timer serves all, and rests while none is wanted."""
        self._waiting = None
        timeout_ms = self.policy.body_timeout_ms
        for exchange, began_at_ms in tuple(self._arriving.items()):
            if began_at_ms + timeout_ms > self.clock.mono_ms():
                self._waiting = self.clock.call_at(began_at_ms + timeout_ms, self._give_up)
                return
            self.body_over(exchange)
            exchange.refuse_at_once(BodyTooSlow())

    def _add(self, surface: Surface) -> None:
        if surface.name not in self.admissions:
            raise ValueError(f"nobody decides who may come in to {surface.name}")
        for prefix in surface.prefixes:
            if prefix in self._prefixes:
                raise ValueError(f"{prefix} belongs to two surfaces")
            self._prefixes[prefix] = surface
        for endpoint in surface.endpoints:
            route = Route(surface, endpoint, endpoint.envelope or surface.envelope)
            for method, path in endpoint.addresses:
                self._put(method, path, route)
        for socket in surface.sockets:
            for path in (socket.path, *socket.aliases):
                self._put("GET", path.rstrip("/"), Route(surface, socket, surface.envelope))

    def _put(self, method: str, path: str, route: Route) -> None:
        if "{" in path:
            node = self._tree
            for segment in path.split("/")[1:]:
                node = node.setdefault("{" if segment.startswith("{") else segment, {})
            names = tuple(segment[1:-1] for segment in path.split("/") if segment.startswith("{"))
            methods = node.setdefault("", (path, names, {}))[2]
        else:
            methods = self._paths.setdefault(path, {})
        if method in methods:
            raise ValueError(f"{method} {path} is declared twice")
        methods[method] = route

    def _find_in_tree(self, path: str) -> tuple[Mapping[str, Route], dict[str, object]]:
        node = self._tree
        values: list[str] = []
        for segment in path.removesuffix("/").split("/")[1:]:
            if segment and segment in node:
                node = node[segment]
            elif segment and "{" in node:
                values.append(segment)
                node = node["{"]
            else:
                return {}, {}
        if "" not in node:
            return {}, {}
        _, names, methods = node[""]
        return methods, dict(zip(names, map(_segment, values), strict=True))

    def _all_paths(self) -> dict[str, dict[str, Route]]:
        found = dict(self._paths)
        waiting = [self._tree]
        while waiting:
            for key, value in waiting.pop().items():
                if key == "":
                    found[value[0]] = value[2]
                else:
                    waiting.append(value)
        return found


class _Exchange(HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(self, door: Door, connection: HTTPConnection) -> None:
        self._door = door
        self._connection = connection
        self._body: bytes | bytearray = b""
        self._read_count = 0
        self._refusal: EngineError | None = None
        self._route: Route | None = None
        self._socket: HTTPMessageDelegate | None = None
        self._inflow: Inflow | None = None
        self._timer: Timer | None = None
        self._is_answered = False

    # -- as Tornado reads it ------------------------------------------------------------------------------------------

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Route it, and decide about its body before any of it is kept."""
        assert isinstance(start_line, RequestStartLine)
        door = self._door
        self._started_at_ms = door.clock.mono_ms()
        self._start_line = start_line
        self._headers = headers
        self._method = start_line.method
        path, _, self._query = start_line.path.partition("?")
        self._path = path
        request_id = headers.get("X-Request-Id")
        self._request_id = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else door.rng.hex(8)
        self._language = choose(headers.get("Accept-Language"))
        try:
            self._find_route()
            if len(start_line.path) > URL_BYTES_MAX:
                raise UrlTooLong
            if start_line.version != "HTTP/1.0" and "Host" not in headers:
                raise BadInput("a Host header is missing", field="Host")
        except EngineError as error:
            self._refusal = error
        if self._refusal is None and self._route is not None:
            target = self._route.target
            if isinstance(target, SocketDialect):
                self._socket = self._shake_hands(self._route, target)
                if self._socket is not None:
                    return self._socket.headers_received(start_line, headers)
            elif target.body_bytes_max is not None:
                return self._let_in(target.body_bytes_max)
        length = headers.get("Content-Length")
        if length is None:
            if "Transfer-Encoding" in headers:
                door.expect_body(self, self._started_at_ms)
        elif length.isdecimal() and int(length[:19]) > SWALLOWED_BYTES_MAX:
            self.refuse_at_once(BodyTooLarge())
        elif length != "0":
            door.expect_body(self, self._started_at_ms)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep it, or swallow it when the body is over the limit already."""
        if self._socket is not None:
            return self._socket.data_received(chunk)
        if self._inflow is not None:
            return self._take_in(self._inflow, chunk)
        self._read_count += len(chunk)
        if self._read_count > SWALLOWED_BYTES_MAX:
            self.refuse_at_once(BodyTooLarge())
        elif self._read_count > self._door.policy.body_bytes_max:
            self._body = b""
            self._refusal = self._refusal or BodyTooLarge()
        elif not self._body:
            self._body = chunk
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += chunk
        return None

    def finish(self) -> None:
        """The request is complete: answer it."""
        if self._socket is not None:
            self._socket.finish()
        elif self._inflow is not None:
            self._inflow.end()
            self._stop_timer()
            if self._is_answered:
                self._connection.finish()
        else:
            self._door.body_over(self)
            self._door.run(self._serve())

    def on_connection_close(self) -> None:
        """The client went away before its request was complete; nothing has been done and nothing is owed."""
        if self._socket is not None:
            self._socket.on_connection_close()
        if self._inflow is not None:
            self._inflow.end(BodyCut())
            self._stop_timer()
        self._door.body_over(self)
        self._body = b""

    # -- a body that is streamed --------------------------------------------------------------------------------------

    def _let_in(self, bytes_max: int) -> Awaitable[None]:
        """Begin to answer; what is returned is done once the body is wanted, or never will be."""
        # Counted here, and refused in an envelope.
        cast("HTTP1Connection", self._connection).set_max_body_size(sys.maxsize)
        self._inflow = Inflow(bytes_max=bytes_max, too_large=BodyTooLarge())
        self._heard_at_ms = self._started_at_ms
        self._door.run(self._serve_meanwhile())
        return self._inflow.asked_for()

    def _take_in(self, inflow: Inflow, chunk: bytes) -> Awaitable[None] | None:
        self._heard_at_ms = self._door.clock.mono_ms()
        taken = inflow.put(chunk)
        if self._is_answered and (inflow.received == self._declared() or inflow.received > self._swallowed_max()):
            # Before Tornado takes the request for complete, so that it closes the connection as we have said.
            self._stop_timer()
            self._connection.finish()
        return taken

    def _declared(self) -> int | None:
        length = self._headers.get("Content-Length", "")
        return int(length[:19]) if length.isdecimal() else None

    def _swallowed_max(self) -> int:
        target = self._route.target if self._route is not None else None
        assert isinstance(target, Endpoint)
        assert target.body_bytes_max is not None
        return max(SWALLOWED_BYTES_MAX, target.body_bytes_max)

    def _watch(self) -> None:
        """Give up on a sender who is too slow; time in which he waits for us does not count."""
        inflow, clock, timeout_ms = self._inflow, self._door.clock, self._door.policy.body_timeout_ms
        assert inflow is not None
        if inflow.is_over or self._is_answered:
            return
        now_ms = clock.mono_ms()
        allowed_ms = timeout_ms + inflow.received * 1_000 // STREAM_BYTES_PER_S_MIN
        due_ms = min(self._heard_at_ms + timeout_ms, self._started_at_ms + allowed_ms)
        if not inflow.is_awaited:
            due_ms = now_ms + timeout_ms
        if due_ms <= now_ms:
            inflow.end(BodyTooSlow())
        else:
            self._timer = clock.call_at(due_ms, self._watch)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _linger(self, inflow: Inflow) -> None:
        """The answer is written, the body is not over: forget what still comes, so that its sender gets to read.

        Closing at once would reset the connection under him.
        """
        inflow.drop()
        clock = self._door.clock
        self._timer = clock.call_at(clock.mono_ms() + LINGER_MS, self._connection.finish)

    # -- as it is answered --------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Answer. A client that goes away meanwhile changes nothing: what was asked for is done to its end."""
        outcome, answer, person_id = await self._answer()
        if isinstance(answer, Streamed):
            outcome = await self._pour(answer)
        else:
            self._send(answer)
        self._write_line(outcome, answer.status, person_id)

    async def _serve_meanwhile(self) -> None:
        """Answer while the body is still coming in."""
        self._watch()
        self._door.stream_begins(self)
        try:
            await self._serve()
        finally:
            self._door.stream_over(self)

    def cut(self) -> None:
        """End a stream whose end the server cannot wait for."""
        if self._inflow is not None and not self._is_answered:
            self._inflow.fail(Draining())
        elif self._is_answered:
            cast("HTTP1Connection", self._connection).stream.close()

    async def _answer(self) -> tuple[str, Answer | Streamed, int | None]:
        person_id: int | None = None
        door = self._door
        envelope = self._envelope()
        try:
            if self._refusal is not None:
                raise self._refusal  # noqa: TRY301 - into the same envelope as all others
            route = self._route
            if route is None:
                return "", await self._beside_the_surfaces(), None
            endpoint = route.target
            assert isinstance(endpoint, Endpoint)
            incoming = self._incoming(is_raw=endpoint.is_raw)
            caller = await door.admissions[route.surface.name].admit(
                incoming,
                endpoint=endpoint.path,
                access=endpoint.access,
                credential=endpoint.credential or route.surface.credential,
                limit=endpoint.limit,
                request_id=self._request_id,
                language=self._language,
            )
            person_id = caller.known.person_id if caller.known is not None else None
            wanted = self._untouched(endpoint, incoming) if endpoint.is_raw else endpoint.read(incoming.fields)
            reply = await endpoint.action(caller, wanted)
            if isinstance(reply, Streamed):
                return "", reply, person_id
            told = reply if isinstance(reply, WithHeaders) else WithHeaders(reply, ())
            plain = msgspec.to_builtins(told.reply)
            answer = envelope.success(plain, request_id=self._request_id, language=self._language)
            if told.headers:
                answer = replace(answer, headers=answer.headers + told.headers)
        except EngineError as error:
            return error.code, self._failure(envelope, error), person_id
        except Exception as error:  # noqa: BLE001 - the edge: a bug is reported, and shown to nobody (SEC-30)
            self._report(error)
            return EngineError.code, self._failure(envelope, EngineError()), person_id
        return "", answer, person_id

    def _untouched(self, endpoint: Endpoint[Any, Any], incoming: Incoming) -> RawRequest | StreamedRequest:
        """The request of an endpoint that reads its body itself. Raises BodyTooLarge."""
        if self._inflow is None:
            return RawRequest(bytes(self._body), self._headers, incoming.query, self._in_path, self._method)
        length = self._declared()
        assert endpoint.body_bytes_max is not None
        if length is not None and length > endpoint.body_bytes_max:
            raise BodyTooLarge
        return StreamedRequest(self._inflow, length, self._headers, incoming.query, self._in_path)

    def _report(self, bug: Exception) -> None:
        self._door.log.error("request_failed", request_id=self._request_id, route=self._label(), exc_info=bug)

    def _failure(self, envelope: Envelope, error: EngineError) -> Answer:
        answer = envelope.failure(error, request_id=self._request_id, language=self._language)
        headers = answer.headers
        if isinstance(error, TooMany):
            headers += (("Retry-After", str(math.ceil(error.retry_after_ms / 1_000))),)
        elif isinstance(error, MethodNotAllowed):
            headers += (("Allow", ", ".join((*error.allowed, "OPTIONS"))),)
        elif isinstance(error, NotASocket):
            # Source: RFC 6455 §4.2.2, RFC 9110 §15.5.22.
            headers += (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
        # A failed handshake must not look like a page, also where a surface answers everything with 200.
        is_socket = self._route is not None and isinstance(self._route.target, SocketDialect)
        status = http_status_of(error) if is_socket else answer.status
        return replace(answer, status=status, headers=headers)

    def _refused_handshake(self, envelope: Envelope, error: EngineError) -> Answer:
        """The whole of a refusal, for a handler that Tornado has taken the connection over with."""
        answer = self._failure(envelope, error)
        headers = HTTPHeaders()
        self._add_all(headers, answer.headers)
        self._write_line(error.code, answer.status, None)
        return replace(answer, headers=tuple(headers.get_all()))

    async def _beside_the_surfaces(self) -> Answer:
        if self._method == "OPTIONS":
            return Answer(HTTPStatus.NO_CONTENT, b"")
        return await self._door.probes[self._path.rstrip("/")]()

    def _find_route(self) -> None:
        """Set the route, or leave none for a probe and for a preflight.

        Raises: NoSuchPath, MethodNotAllowed.
        """
        methods, self._in_path = self._door.find(self._path)
        method = "GET" if self._method == "HEAD" else self._method
        if methods:
            self._route = methods.get(method)
            if self._route is None and method != "OPTIONS":
                raise MethodNotAllowed(tuple(sorted(methods)))
            self._allowed = tuple(sorted(methods))
        elif self._path.rstrip("/") in self._door.probes:
            if self._method not in _READ_METHODS:
                raise MethodNotAllowed(("GET",))
        else:
            raise NoSuchPath

    def _envelope(self) -> Envelope:
        if self._route is not None:
            return self._route.envelope
        surface = self._door.surface_of(self._path)
        return surface.envelope if surface is not None else PLAIN

    def _incoming(self, *, is_raw: bool) -> Incoming:
        headers = self._headers
        query = read_pairs(self._query)
        body: Mapping[str, object] = {}
        if self._body and not is_raw:
            if "Content-Encoding" in headers:
                raise BadInput("the body must not be compressed")
            body = read_body(bytes(self._body))
        # Source: ALL-8, and the contract's "form|json|query".
        fields = {**body, **query} if self._method in _READ_METHODS else {**query, **body}
        fields.update(self._in_path)
        return Incoming(
            method=self._method,
            path=self._path,
            query=query,
            fields=fields,
            headers=headers,
            address=self._address(),
            origins=self._door.policy.origins,
        )

    def _address(self) -> str:
        # Tornado's HTTP1Connection carries the peer; its interface does not say so.
        peer: str = self._connection.context.remote_ip  # type: ignore[attr-defined]
        return client_address(peer, self._headers.get("X-Forwarded-For"), self._door.policy.trusted_proxies)

    def refuse_at_once(self, error: EngineError) -> None:
        """Answer before the request is complete; Tornado closes the connection behind such an answer."""
        if not self._is_answered:
            answer = self._failure(self._envelope(), error)
            self._send(answer)
            self._write_line(error.code, answer.status, None)

    def _send(self, answer: Answer) -> None:
        if self._is_answered:
            return
        self._is_answered = True
        headers = HTTPHeaders()
        if answer.status != HTTPStatus.NO_CONTENT:
            if answer.body:
                headers["Content-Type"] = answer.content_type
            headers["Content-Length"] = str(len(answer.body))
        inflow = self._inflow
        # Who waits to be told "continue" has sent nothing yet, and does not.
        must_linger = inflow is not None and not inflow.is_over and (inflow.was_asked_for or not self._is_patient())
        if must_linger:
            headers["Connection"] = "close"
        self._add_all(headers, answer.headers)
        chunk = b"" if self._method == "HEAD" else answer.body
        self._connection.write_headers(_start_line(answer.status), headers, chunk)
        if inflow is not None and must_linger:
            self._linger(inflow)
            return
        self._connection.finish()
        if inflow is not None:
            inflow.drop()

    async def _pour(self, answer: Streamed) -> str:
        """Write an answer as fast as the client takes it and no faster; returns what became of it."""
        self._is_answered = True
        headers = HTTPHeaders()
        if answer.content_type:
            headers["Content-Type"] = answer.content_type
        if answer.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(answer.length)
        self._add_all(headers, answer.headers)
        connection = cast("HTTP1Connection", self._connection)
        connection.write_headers(_start_line(answer.status), headers)
        self._door.stream_begins(self)
        try:
            if answer.body is not None and self._method != "HEAD":
                async with aclosing(cast("AsyncGenerator[bytes, None]", answer.body)) as body:
                    async for piece in body:
                        await self._give(connection, piece)
            connection.finish()
        except StreamClosedError:
            # Players break off whenever somebody seeks: what a client does not take is not an error.
            return ""
        except Exception as error:  # noqa: BLE001 - the headers are gone: all that is left is to break off
            connection.close()
            if isinstance(error, EngineError):
                return error.code
            self._report(error)
            return EngineError.code
        finally:
            self._door.stream_over(self)
        return ""

    async def _give(self, connection: HTTP1Connection, piece: bytes) -> None:
        """Write a piece and wait until the client has made room for the next.

        Raises: StreamClosedError: it went away, or did not in time.
        """
        clock = self._door.clock
        # Closing its stream is what ends the wait.
        timer = clock.call_at(clock.mono_ms() + self._door.policy.body_timeout_ms, connection.stream.close)
        try:
            await connection.write(piece)
        finally:
            timer.cancel()

    def _is_patient(self) -> bool:
        return self._headers.get("Expect", "").lower() == "100-continue"

    def _add_all(self, headers: HTTPHeaders, others: tuple[tuple[str, str], ...]) -> None:
        headers["X-Request-Id"] = self._request_id
        headers["Date"] = self._door.date()
        for name, value in _ALWAYS.items():
            headers[name] = value
        for name, value in others:
            if name in _ALWAYS:
                headers[name] = value
            else:
                headers.add(name, value)
        self._add_policy(headers)

    def _add_policy(self, headers: HTTPHeaders) -> None:
        policy = self._door.policy
        if policy.behind_tls:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if self._door.is_draining:
            headers["Connection"] = "close"
        if not policy.origins:
            return
        headers["Vary"] = "Origin"
        origin = self._headers.get("Origin")
        if origin is None or origin not in policy.origins:
            return
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Credentials"] = "true"
        headers["Access-Control-Expose-Headers"] = "X-Request-Id, Retry-After"
        if self._method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = ", ".join(self._allowed)
            headers["Access-Control-Allow-Headers"] = (
                "Authorization, Content-Type, Accept-Language, Idempotency-Key, X-Request-Id"
            )
            headers["Access-Control-Max-Age"] = "600"

    def _label(self) -> str:
        # The declared path, never the one that came: it may hold anything, and so may its query. Source: SEC-28.
        if self._route is not None:
            return self._route.target.path
        probe = self._path.rstrip("/")
        return probe if probe in self._door.probes else "unknown"

    def _write_line(self, outcome: str, status: int, person_id: int | None) -> None:
        door = self._door
        elapsed_ms = door.clock.mono_ms() - self._started_at_ms
        if outcome or door.worth_a_line(elapsed_ms=elapsed_ms):
            door.log.info(
                "http_request",
                request_id=self._request_id,
                method=self._method if self._method.isalpha() else "?",
                route=self._label(),
                status=status,
                outcome=outcome or "ok",
                elapsed_ms=elapsed_ms,
                person_id=person_id,
            )

    def _shake_hands(self, route: Route, dialect: SocketDialect) -> HTTPMessageDelegate | None:
        """The handler that takes the connection over, or None when the handshake is refused here."""
        headers = self._headers
        upgrade = headers.get("Upgrade", "").lower() == "websocket"
        connection = [word.strip() for word in headers.get("Connection", "").lower().split(",")]
        try:
            if not upgrade or "upgrade" not in connection or headers.get("Sec-WebSocket-Version") != "13":
                raise NotASocket
            if self._start_line.version == "HTTP/1.0":
                raise BadInput("a handshake is HTTP/1.1")
            if not origin_allowed(headers.get("Origin"), headers.get("Host", ""), self._door.policy.origins):
                raise ForeignOrigin
            request = HTTPServerRequest(connection=self._connection, start_line=self._start_line, headers=headers)
            handshake = Handshake(
                dialect=dialect,
                admission=self._door.admissions[route.surface.name],
                credential=dialect.credential or route.surface.credential,
                incoming=self._incoming(is_raw=True),
                request_id=self._request_id,
                language=self._language,
                refuse=lambda error: self._refused_handshake(route.surface.envelope, error),
            )
        except HTTPInputError:
            self._refusal = BadInput("not a WebSocket handshake")
        except EngineError as error:
            self._refusal = error
        else:
            return self._door.application.get_handler_delegate(
                request, SocketHandler, {"hub": self._door.hub, "handshake": handshake}
            )
        return None


def _start_line(status: int) -> ResponseStartLine:
    return ResponseStartLine("HTTP/1.1", status, _REASONS.get(status, "Unknown"))


def _segment(segment: str) -> str:
    try:
        value = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise BadInput("the path is not UTF-8") from None
    if "/" in value:
        raise BadInput("a slash inside a segment")
    return value
