"""The ports: everything the engine wants from outside, as small protocols.

The engine imports no clock, no randomness, no driver and no web framework; whoever builds a ``World`` (``server.py``,
a test, the simulator) decides what they are. That is what lets the same engine run under virtual time with planted
faults.
"""

from collections.abc import Coroutine, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import Event
    from store.interfaces.ids import PersonId, RoomId

__all__ = [
    "Clock",
    "CodeExchange",
    "Log",
    "MediaAddresses",
    "Mixer",
    "Payment",
    "PaymentNotice",
    "PaymentProvider",
    "PersonSignature",
    "Position",
    "Provider",
    "Rng",
    "Sink",
    "Spawn",
    "StreamCutter",
    "StreamQuery",
    "Timer",
    "WeChatIdentity",
]


class Timer(Protocol):
    """A callback that has been promised for later."""

    def cancel(self) -> None:
        """Withdraw the promise; harmless when it was kept or withdrawn before."""


class Clock(Protocol):
    """Monotonic time. Nothing in the engine reads wall time: what must last is in the store's time."""

    def mono_ms(self) -> int:
        """Milliseconds since some fixed moment; never runs backwards."""

    def call_at(self, due_mono_ms: int, callback: "Callable[[], None]") -> Timer:
        """Run ``callback`` on the loop once ``mono_ms()`` has reached ``due_mono_ms``."""

    async def sleep(self, length_ms: int) -> None:
        """Return after ``length_ms`` of monotonic time."""


class Rng(Protocol):
    """Randomness; the real one is cryptographic, the simulator's is seeded."""

    def below(self, limit: int) -> int:
        """A whole number from 0 to ``limit - 1``."""

    def hex(self, bytes_count: int) -> str:
        """``bytes_count`` random bytes as lower-case hex."""


class Spawn(Protocol):
    """Starts tasks that somebody owns: strongly referenced, and reported when they die unexpectedly."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run ``work`` in the background."""


class Log(Protocol):
    """Structured log lines: an event name and its fields; no tokens, no bodies, no contact data."""

    def info(self, event: str, **fields: object) -> None:
        """A session's life."""

    def warning(self, event: str, **fields: object) -> None:
        """A limit did its work."""

    def error(self, event: str, **fields: object) -> None:
        """A person must look."""


class Position(msgspec.Struct, frozen=True):
    """Where an event stands in the story of its room: number ``seq`` of ``epoch``, counted without holes.

    Only together do the two mean something: a new epoch begins its own count. Source: INV-15, reliability e.5.
    """

    epoch: int
    seq: int


class Sink(Protocol):
    """Where events for people and rooms go: the open sockets of this node.

    What a person is told, and what a room is told that he is in, reaches each of his sockets in the order of the calls.
    Two rooms have no common order. An event whose class has a true attribute ``droppable`` may be lost to a reader who
    is behind; whoever is too far behind for the others is closed with 4008.
    """

    def tell(self, person_id: "PersonId", event: "Event") -> None:
        """Queue ``event`` for all sockets of the person; nothing happens when there is none."""

    def enter(
        self,
        person_id: "PersonId",
        room_id: "RoomId",
        *,
        connection: str | None = None,
        backlog: "Sequence[tuple[Event, Position | None]]" = (),
    ) -> None:
        """The person hears what the room is told from now on, and before that ``backlog``; no hole, no repeat.

        With all sockets he has now or opens later, until he leaves; or, if he has it, with one ``connection`` only
        (``request_id`` of its caller), until he leaves with it or it closes. A socket that hears the room already has
        missed nothing, and is given no backlog.
        """

    def leave(self, person_id: "PersonId", room_id: "RoomId", *, connection: str | None = None) -> None:
        """The person, or one connection of his, hears what the room was told so far and no more.

        Harmless when he is not in it.
        """

    def tell_room(self, room_id: "RoomId", event: "Event", *, position: Position | None = None) -> None:
        """Queue ``event`` for everybody who is in the room now, whoever they are: it is put into bytes once."""

    def end_room(self, room_id: "RoomId") -> None:
        """Everybody leaves the room, after what it was told; harmless when nobody is in it."""

    def close(self, person_id: "PersonId", *, code: int, reason: str) -> None:
        """Close all sockets of the person (4003 banned, 1012 restart …)."""


class WeChatIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who WeChat says has signed in. ``attributes`` is filled by the development stand-in only."""

    open_id: str
    attributes: dict[str, str] = {}


class CodeExchange(Protocol):
    """Turns a ``wx.login`` code into a person (protocols 3.1; ``dev:NAME`` codes in development)."""

    async def identify(self, code: str) -> WeChatIdentity:
        """Exchange the code; it works once.

        Raises:
            NotSignedIn: unknown, used or expired code, or a person WeChat blocks.
            TooMany: WeChat's own limit.
            StoreDown: WeChat did not answer; the client gets a new code and tries again.
        """


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """What a mini-program needs for ``wx.requestPayment``; field names are WeChat's."""

    prepay_id: str
    time_stamp: str
    nonce_str: str
    package: str
    sign_type: str
    pay_sign: str


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An authentic notification. ``fee_fen`` is what was really paid, in fen."""

    order_id: str
    transaction_id: str
    fee_fen: int
    paid: bool


class PaymentProvider(Protocol):
    """WeChat Pay in its XML form (protocols 4.4)."""

    async def create(self, *, order_id: str, fee_fen: int, open_id: str, title: str, address: str) -> Payment:
        """Announce the order to the provider under our id. Repeating it with equal arguments is harmless.

        Raises: StoreDown: the provider did not answer or refused for the moment.
        """

    def verify(self, body: bytes) -> PaymentNotice:
        """Check signature, merchant and application of a notification, before anything else looks at it.

        Raises: Forbidden: not authentic, not ours, or not parseable.
        """

    async def query(self, order_id: str) -> PaymentNotice | None:
        """What the provider says of this order; None while it is unpaid or unknown to it."""


class Provider(StrEnum):
    """A kind of media server, as far as it reports to us."""

    NGINX = "nginx"
    """nginx-rtmp: asks before it lets a stream in, reports while it runs, says when it ends (protocols 7.1)."""
    CSS = "css"
    """Tencent's live service: checks signatures by itself, and tells afterwards what happened (protocols 1.2)."""


StreamQuery = Sequence[tuple[str, str]]
"""The parameters behind a stream's name, in their order and as often as they came."""


class StreamCutter(Protocol):
    """Ends running streams at one kind of media server; an address is looked at only when a connection begins."""

    async def cut(self, name: str) -> None:
        """Cut the stream that the media server calls ``name``; harmless when there is none.

        Raises: StoreDown: the media server did not confirm it.
        """


class MediaAddresses(Protocol):
    """Signed stream addresses (LR-5, LR-6, protocols 1.1). ``now_s`` is UNIX seconds."""

    def push(self, stream: str, *, now_s: int, until_s: int | None = None) -> str:
        """Address that publishes ``stream``; valid one day unless ``until_s`` comes earlier."""

    def accelerated(self, stream: str, *, now_s: int) -> str:
        """Signed rtmp play address."""

    def mixed(self, stream: str) -> str:
        """http-flv play address."""

    def is_push_address(self, address: str, stream: str, *, now_s: int) -> bool:
        """Whether ``address`` is one that ``push`` gave for exactly this stream and is still valid."""

    def pushed(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        """The stream that a client publishes at a media server as ``name`` below ``app``.

        None when ``query`` does not hold exactly one signature of ours for it and one expiry after ``now_s``.
        """

    def played(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        """As ``pushed``, for a client that watches."""


class PersonSignature(Protocol):
    """UserSig of the messaging service (protocols 2.1)."""

    @property
    def app_id(self) -> str:
        """The sdkAppID the signatures are for."""

    def sign(self, user_id: str, *, now_s: int) -> str:
        """A signature for ``user_id``."""

    def holds(self, signature: str, user_id: str, *, now_s: int) -> bool:
        """Whether the signature is ours, for this user, and not expired."""


class Mixer(Protocol):
    """Mixes the streams of a room into one."""

    async def mix(self, room_id: str, description: object) -> None:
        """Pass ``description`` on.

        Raises: BadInput: the media server does not take it.
        """
