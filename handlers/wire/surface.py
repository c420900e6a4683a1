"""A surface as data: its endpoints, its sockets, its envelope.

Knows the form in which a dialect describes itself, and refuses descriptions that are incomplete. Knows no dialect, and
does nothing with a description: ``http`` and ``socket`` serve it, ``openapi`` and ``asyncapi`` print it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

import engine.errors
from engine.errors import BadInput, EngineError, Forbidden, NotFound, NotNow, Refused, TooLong
from engine.ports import Position
from handlers.wire.access import SIGNED_IN, Access, Caller, ReadCredential
from handlers.wire.fields import reader
from handlers.wire.language import Language
from handlers.wire.limits import Limit
from handlers.wire.streams import Streamed, StreamedRequest

__all__ = [
    "ERROR_CODES",
    "Answer",
    "BodyCut",
    "BodyTooLarge",
    "BodyTooSlow",
    "Command",
    "Endpoint",
    "Envelope",
    "Fields",
    "ForeignOrigin",
    "Frame",
    "MethodNotAllowed",
    "NoSuchPath",
    "NotASocket",
    "Opening",
    "RawRequest",
    "SocketDialect",
    "Surface",
    "TransportError",
    "UrlTooLong",
    "WithHeaders",
    "row_for",
    "total",
]

WantedT = TypeVar("WantedT", bound=msgspec.Struct)
ReplyT = TypeVar("ReplyT")
RowT = TypeVar("RowT")
Fields = Mapping[str, object]


class TransportError(EngineError):
    """Refused before any endpoint saw it. ``http_status`` is what HTTP has for it; an envelope may use another.

    The ``code`` of each kind is that of the engine error it also is, so a surface's table needs no row for it.
    """

    http_status: ClassVar[int] = 400


class NoSuchPath(TransportError, NotFound):
    """There is no endpoint here."""

    http_status = 404

    def __init__(self) -> None:
        super().__init__("path")


class MethodNotAllowed(TransportError, BadInput):
    """There is an endpoint here, for other methods."""

    http_status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("method not allowed")
        self.allowed = allowed


class BodyTooLarge(TransportError, TooLong):
    """The request body is over the limit."""

    http_status = 413

    def __init__(self) -> None:
        super().__init__("body")


class BodyTooSlow(TransportError, BadInput):
    """The request body did not arrive in time."""

    http_status = 408

    def __init__(self) -> None:
        super().__init__("the body did not arrive in time")


class BodyCut(TransportError, BadInput):
    """The client went away in the middle of its body. Nobody hears this but the log."""

    def __init__(self) -> None:
        super().__init__("the body broke off")


class UrlTooLong(TransportError, TooLong):
    """The request target is over the limit."""

    http_status = 414

    def __init__(self) -> None:
        super().__init__("url")


class NotASocket(TransportError, BadInput):
    """A plain request to the path of a socket."""

    http_status = 426

    def __init__(self) -> None:
        super().__init__("this is a WebSocket")


class ForeignOrigin(TransportError, Forbidden):
    """A page of an origin that is not on the list wants a socket. Source: ALL-19, SEC-11."""

    http_status = 403


def _codes() -> frozenset[str]:
    kinds = (getattr(engine.errors, name) for name in engine.errors.__all__)
    return frozenset(kind.code for kind in kinds if kind not in (Refused, NotNow))


ERROR_CODES: Final = _codes()
"""The stable codes of all engine errors, ``INTERNAL`` among them: what a surface has to have an answer to."""


def total(table: Mapping[str, RowT]) -> Mapping[str, RowT]:
    """``table`` (engine error code → the surface's own), once it is certain to have a row for every code.

    Raises: ValueError: a code is missing, or is none of the engine's.
    """
    if wrong := ERROR_CODES ^ table.keys():
        raise ValueError(f"no row, or a row too many: {', '.join(sorted(wrong))}")
    return MappingProxyType(dict(table))


def row_for(error: EngineError, table: Mapping[str, RowT]) -> RowT:
    """The row of a ``total`` table for ``error``; that of its nearest ancestor when its own code is not an engine's."""
    for kind in type(error).__mro__:
        code = getattr(kind, "code", "")
        if code in table:
            return table[code]
    return table[EngineError.code]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished reply. Nothing but an envelope makes one."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=UTF-8"


class Envelope(Protocol):
    """The outer form of all replies of a surface, and its only writer of bytes."""

    @property
    def media_type(self) -> str:
        """What kind of body it writes, such as ``application/json``."""

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """JSON Schema of a success around a reply of schema ``reply``, or, for None, of a failure."""

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:
        """The reply of an action, as plain values (msgspec's builtins of the reply struct)."""

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """A refusal. A bug arrives as a bare ``EngineError``, so that nothing of it can get out."""


@dataclass(frozen=True, slots=True)
class WithHeaders(Generic[ReplyT]):
    """A reply of an action, and headers for the client beside it: cookies, or where to go on."""

    reply: ReplyT
    headers: tuple[tuple[str, str], ...]


class RawRequest(msgspec.Struct, frozen=True):
    """The request of an endpoint that wants its body untouched, because a signature covers the bytes.

    ``in_path`` are the fields in the path's segments.
    """

    body: bytes
    headers: Mapping[str, str]
    query: Fields
    in_path: Fields = {}
    method: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[WantedT, ReplyT]):
    """One call of a surface: one action between two shapes.

    ``request`` and ``reply`` spell their fields as the wire does (``rename=``, ``msgspec.field(name=)``);
    ``RawRequest`` leaves the body alone, ``StreamedRequest`` does not wait for it; a reply that is ``Streamed`` is
    bytes and no envelope's. ``path`` may have whole segments in braces, which become fields. ``aliases`` are further
    paths, or ``"GET /path"`` for another method. Every path also answers with a slash at its end (ALL-10).
    """

    path: str
    request: type[WantedT]
    reply: type[ReplyT]
    action: Callable[[Caller[Any, Any], WantedT], Awaitable[ReplyT | WithHeaders[ReplyT]]]
    _: KW_ONLY
    summary: str
    source_id: str
    """Where the endpoint is written down: the id of its contract entry."""
    method: str = "POST"
    aliases: tuple[str, ...] = ()
    access: Access = SIGNED_IN
    limit: Limit | None = None
    """None is the server's default limit, not none at all."""
    credential: ReadCredential | None = None
    """None is the surface's way of carrying a credential."""
    envelope: Envelope | None = None
    """None is the surface's envelope; providers' notifications are answered in the provider's form."""
    security: tuple[str, ...] = ()
    """Names of the surface's security schemes that are needed together; empty: its first one."""
    body_bytes_max: int | None = None
    """The longest body of a ``StreamedRequest``; all others have the server's limit."""
    is_raw: bool = field(init=False, repr=False, compare=False)
    """Whether the action gets the body as it came."""
    read: Callable[[Fields], WantedT] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.access, Access):
            raise TypeError(f"{self.path}: access must be declared")
        if not self.path.startswith("/") or self.path.endswith("/"):
            raise ValueError(f"{self.path}: a path begins with a slash and does not end with one")
        if not self.summary or not self.source_id:
            raise ValueError(f"{self.path}: say what it is for and where that is written")
        object.__setattr__(self, "is_raw", issubclass(self.request, RawRequest | StreamedRequest))
        if self.access is Access.PROVIDER and not self.is_raw:
            raise TypeError(f"{self.path}: a provider's signature covers the raw body")
        if self.is_streamed != (self.body_bytes_max is not None):
            raise ValueError(f"{self.path}: a body that is streamed has a limit of its own, and no other has")
        object.__setattr__(self, "read", reader(self.request) if not self.is_raw else None)

    @property
    def is_streamed(self) -> bool:
        """Whether the action gets the body while it comes."""
        return issubclass(self.request, StreamedRequest)

    @property
    def gives_bytes(self) -> bool:
        """Whether the reply is bytes, and not fields for an envelope."""
        return self.reply is Streamed

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """(method, path) of the endpoint itself and of its aliases, without the slash at the end."""
        others = (alias.partition(" ") if " " in alias else (self.method, " ", alias) for alias in self.aliases)
        return ((self.method, self.path), *((method, path.rstrip("/")) for method, _, path in others))


@dataclass(frozen=True, slots=True)
class Command(Generic[WantedT, ReplyT]):
    """What a client may say over a socket: the same action between two shapes as an endpoint."""

    request: type[WantedT]
    reply: type[ReplyT]
    action: Callable[[Caller[Any, Any], WantedT], Awaitable[ReplyT]]
    _: KW_ONLY
    summary: str
    read: Callable[[Fields], WantedT] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", reader(self.request))


@dataclass(frozen=True, slots=True)
class Opening(Generic[WantedT]):
    """What a new connection begins with, and what its handshake's path and query may say about that."""

    request: type[WantedT]
    action: Callable[[Caller[Any, Any], WantedT], Awaitable[object]]
    """Enters the rooms that the connection is to hear, each with what it missed there; the event that it returns, if
    any, is told to this connection alone. An error turns the connection away."""
    _: KW_ONLY
    summary: str
    ended: Callable[[Caller[Any, Any]], None] | None = None
    """Hears once that a connection for which ``action`` was begun has gone, whether or not that had come to its end."""
    mark: Callable[[Caller[Any, Any]], object | None] | None = None
    """What is to be remembered with a ping: up to where the connection has been told everything; None: nothing new.

    Asked when all that was told has been handed to the socket. ``proved`` hears it when that ping is answered.
    """
    proved: Callable[[Caller[Any, Any], Any], None] | None = None
    read: Callable[[Fields], WantedT] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", reader(self.request))


@dataclass(frozen=True, slots=True)
class Frame:
    """A client's frame taken apart: which command, the id its answer should carry, and the fields."""

    kind: str
    frame_id: object
    fields: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketDialect:
    """One socket of a surface: how events and commands look in its frames, which are JSON text as bytes."""

    path: str
    summary: str
    source_id: str
    encode: Callable[[Any], bytes | None]
    """An event as this dialect shows it, None when it does not. Called once, however many sockets listen."""
    encode_at: Callable[[Any, Position], bytes | None] | None = None
    """The same for an event of a room with its position; None: this dialect shows no positions."""
    events: Mapping[str, type[msgspec.Struct]]
    """Event name on the wire → shape of what ``encode`` writes; for the printed description."""
    answer: Callable[[str, object, object], bytes | tuple[bytes, ...]]
    """(command, frame id, reply as plain values) → frame, or several, or none where the answer is what is told."""
    refuse: Callable[[EngineError, object, Language], bytes]
    """(error, frame id, language) → frame."""
    reason: Callable[[EngineError, Language], str]
    """Why a socket is not let in, for its close frame; cut to what fits there."""
    commands: Mapping[str, Command[Any, Any]] = field(default_factory=dict)
    opening: Opening[Any] | None = None
    """None: a new connection hears at once whatever rooms its person is in."""
    aliases: tuple[str, ...] = ()
    access: Access = SIGNED_IN
    """``OPTIONAL`` only where the surface knows its guests: a socket is always somebody's."""
    credential: ReadCredential | None = None
    limit: Limit | None = None
    """Of the handshake, per client; None is the server's default."""
    read: Callable[[Mapping[str, object]], Frame] | None = None
    """How a frame is taken apart; None: ``{"type", "id", "data"}``, where fields may also stand beside ``type``."""
    words: Mapping[str, bytes] = field(default_factory=dict)
    """Words that are no JSON, and what is answered to them."""
    spoken_as: Callable[[Mapping[str, object]], "SocketDialect"] | None = None
    """How a connection speaks from the first frame on that says so: one path may have several dialects.

    Until then this one is spoken. All of them have the same ``opening``. It raises BadInput: the frame is of none.
    """
    is_admitted_first: bool = False
    """Whether a bad credential is refused by HTTP, before the handshake; otherwise by a close frame after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One API dialect.

    ``prefixes`` are whole leading path segments; what is unknown below them is refused in this surface's envelope.
    """

    name: str
    title: str
    prefixes: tuple[str, ...]
    envelope: Envelope
    credential: ReadCredential
    endpoints: tuple[Endpoint[Any, Any], ...]
    sockets: tuple[SocketDialect, ...] = ()
    security: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Ways to carry a credential, by name, as OpenAPI security schemes; endpoints use the first unless they say so."""

    def __post_init__(self) -> None:
        for prefix in self.prefixes:
            if not prefix.startswith("/") or prefix.endswith("/"):
                raise ValueError(f"{prefix}: a prefix begins with a slash and does not end with one")
        below = tuple(prefix + "/" for prefix in self.prefixes)
        paths = [path for endpoint in self.endpoints for _, path in endpoint.addresses]
        paths += [path for socket in self.sockets for path in (socket.path, *socket.aliases)]
        for path in paths:
            if not path.startswith(below) and path not in self.prefixes:
                raise ValueError(f"{path}: is below none of {self.name}'s prefixes")
