"""The ports: everything the engine wants from outside, as small protocols.

The engine imports no clock, no randomness, no driver and no web framework; whoever builds a ``World`` (``server.py``,
a test, the simulator) decides what they are. That is what lets the same engine run under virtual time with planted
faults.
"""

from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from engine.events import Event
    from store.interfaces.ids import PersonId, RoomId

__all__ = [
    "Clock",
    "CodeExchange",
    "CodeSeal",
    "CryptoNotice",
    "CryptoPayment",
    "CryptoPayments",
    "CryptoStatus",
    "Departure",
    "FileContents",
    "Goodbye",
    "GoogleIdentity",
    "GoogleLogin",
    "Log",
    "Mail",
    "MediaAddresses",
    "Mixer",
    "PasswordCheck",
    "PasswordRules",
    "Passwords",
    "Payment",
    "PaymentNotice",
    "PaymentProvider",
    "PersonSignature",
    "Position",
    "Provider",
    "QrPicture",
    "ReadChunk",
    "Rng",
    "SealedProfile",
    "Sink",
    "Spawn",
    "StreamCutter",
    "StreamQuery",
    "Timer",
    "TokenKind",
    "WeChatIdentity",
    "WeChatProfile",
    "WebClaims",
    "WebTokens",
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


class Goodbye(IntEnum):
    """Why the engine closes somebody's sockets: the close codes of ALL-16 that are the engine's to give."""

    RESTART = 1012
    """What he listened to is elsewhere now, or will be: come back."""
    SIGNED_OUT = 4001
    BANNED = 4003


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

    def flush(self) -> None:
        """Hand over now what was told: whoever writes down that it was told does so first.

        What rooms are told may be held back for a moment, and would be lost with this process.
        """

    def close(self, person_id: "PersonId", *, code: Goodbye, reason: str, sign_in_id: str = "") -> None:
        """Close all sockets of the person, or only those that were opened with this sign-in of his."""


class WeChatProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What WeChat tells of a person. ``gender``: 0 not told, 1 man, 2 woman. Anything may be empty (protocols 3.2)."""

    nickname: str = ""
    avatar_url: str = ""
    gender: int = 0


class SealedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as a client hands it on: only whoever exchanges the code that it came with can open it. Base64."""

    encrypted_data: str
    iv: str


class WeChatIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who WeChat says has signed in. ``attributes`` is filled by the development stand-in only."""

    open_id: str
    profile: WeChatProfile = WeChatProfile()
    attributes: dict[str, str] = {}


class CodeExchange(Protocol):
    """Turns a ``wx.login`` code into a person (protocols 3.1; ``dev:NAME`` codes in development)."""

    async def identify(self, code: str, *, app_id: str = "", sealed: SealedProfile | None = None) -> WeChatIdentity:
        """Exchange the code; it works once.

        ``app_id`` names the mini-program that the code is for, empty the first one. With ``sealed``, the identity has a
        profile.

        Raises:
            BadInput: no such mini-program of ours (``app_id``), or the profile cannot be opened, or was sealed for
                another mini-program or person (``sealed_profile``).
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

    async def create(
        self, *, order_id: str, fee_fen: int, open_id: str, title: str, address: str, surface: str
    ) -> Payment:
        """Announce the order to the provider under our id. Repeating it with equal arguments is harmless.

        ``surface`` is whose people buy: an ``open_id`` is known to one mini-program only.

        Raises: StoreDown: the provider did not answer or refused for the moment.
        """

    def verify(self, body: bytes) -> PaymentNotice:
        """Check signature, merchant and application of a notification, before anything else looks at it.

        Raises: Forbidden: not authentic, not ours, or not parseable.
        """

    async def query(self, order_id: str, *, surface: str) -> PaymentNotice | None:
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
        """Rtmp play address, signed where anybody looks at that."""

    def mixed(self, stream: str) -> str:
        """http-flv play address."""

    def is_push_address(self, address: str, stream: str, *, now_s: int) -> bool:
        """Whether ``address`` is one that ``push`` gave for exactly this stream and is still valid."""

    def pushed(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        """The stream that a client publishes at a media server as ``name`` below ``app``.

        None when ``query`` does not hold exactly one signature of ours for it and one expiry after ``now_s``.
        """

    def played(self, app: str, name: str, query: StreamQuery, *, now_s: int) -> str | None:
        """As ``pushed``, for a client that watches; where play addresses are not signed, ``query`` does not matter."""


class PersonSignature(Protocol):
    """UserSig of the messaging service (protocols 2.1)."""

    @property
    def app_id(self) -> str:
        """The sdkAppID the signatures are for."""

    @property
    def life_s(self) -> int:
        """How long a signature is good."""

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


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """The way to Google's sign-in page: where the browser is sent, and what it keeps until it comes back.

    ``bound`` belongs into a cookie of that browser alone (HttpOnly, Secure, SameSite=Lax, for ``life_s``); it goes
    nowhere else, and is dropped when the browser is back.
    """

    address: str
    bound: str
    life_s: int


class GoogleIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who Google says has signed in. Accounts are known by ``sub``: never by ``email``, which changes hands.

    ``email`` is empty unless Google has verified it. ``attributes`` is filled by the development stand-in only.
    """

    sub: str
    name: str = ""
    email: str = ""
    attributes: dict[str, str] = {}


class GoogleLogin(Protocol):
    """Sign-in with Google (protocols 6; ``dev:NAME`` codes in development)."""

    def begin(self) -> Departure:
        """Send a browser off.

        Raises: StoreDown: sign-in with Google is not set up here.
        """

    async def finish(self, *, code: str, state: str, bound: str) -> GoogleIdentity:
        """A browser is back with ``code`` and ``state``; ``bound`` is what it has kept. Each departure ends once.

        Raises:
            NotSignedIn: not this browser's departure, or one that is over or too long ago; or Google does not know the
                code, or speaks of somebody in a way that does not hold. The person begins again.
            StoreDown: Google did not answer, or sign-in with it is not set up here. The person begins again.
        """


class CryptoStatus(StrEnum):
    """How far a payment in a cryptocurrency has come, in the provider's words (SITE 2.5, protocols 5.2)."""

    WAITING = "waiting"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    SENDING = "sending"
    PARTIALLY_PAID = "partially_paid"
    FINISHED = "finished"
    FAILED = "failed"
    REFUNDED = "refunded"
    EXPIRED = "expired"

    @property
    def rank(self) -> int:
        """A payment goes to statuses of higher rank only; whatever else is heard of it is old."""
        return _RANKS[self]


_RANKS = {
    CryptoStatus.WAITING: 0,
    CryptoStatus.CONFIRMING: 1,
    CryptoStatus.CONFIRMED: 2,
    CryptoStatus.SENDING: 3,
    # The end, unless money comes in late; it does happen.
    CryptoStatus.FAILED: 4,
    CryptoStatus.EXPIRED: 4,
    # Some money is there and an operator has to see it, also after the end.
    CryptoStatus.PARTIALLY_PAID: 5,
    CryptoStatus.FINISHED: 9,
    # After "finished" it is for a person to look at: what was credited stays.
    CryptoStatus.REFUNDED: 10,
}


class CryptoPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What a person needs in order to pay.

    ``pay_amount`` is the number as the provider wrote it; the price itself is in ``price_currency``. ``memo`` has to
    be shown beside the address where it is not empty: without it the money arrives and belongs to nobody.
    """

    payment_id: str
    pay_address: str
    pay_amount: str
    pay_currency: str
    price_currency: str
    memo: str = ""


class CryptoNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says of a payment. Nothing here has been compared with an order yet.

    ``parent_payment_id`` is not empty for money that came in beside the payment it names: a second deposit, or one in
    another currency, for which the price of the order is never credited. ``order_id`` is empty where the payment is not
    one of our orders; ``pay_amount`` and ``pay_currency`` are None and empty where it does not say.
    """

    payment_id: str
    order_id: str
    status: CryptoStatus
    price_amount: Decimal
    price_currency: str
    pay_amount: Decimal | None = None
    pay_currency: str = ""
    actually_paid: Decimal = Decimal(0)
    parent_payment_id: str = ""


class CryptoPayments(Protocol):
    """NOWPayments (protocols 5)."""

    async def create(self, *, order_id: str, price: int, title: str) -> CryptoPayment:
        """Ask for an address to which ``price`` (whole units of the price's currency) can be paid.

        Asking twice makes two payments.

        Raises: StoreDown: the provider did not answer or refused; whether there is a payment now is unknown.
        """

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:
        """Check a notification before anything else looks at it. None: authentic, and about nothing we sell.

        Raises: Forbidden: not authentic, or not parseable.
        """

    async def query(self, payment_id: str) -> CryptoNotice | None:
        """What the provider says of this payment now; None when it knows none.

        Raises: StoreDown: no answer, or one that cannot be believed.
        """


ReadChunk = Callable[[int], Coroutine[Any, Any, bytes]]
"""Gives a chunk of a file by its number, from 0; all but the last are of one length."""


class FileContents(Protocol):
    """Tells what a file is by what is in it, whatever it is called (SEC-19)."""

    def kind_of(self, head: bytes) -> str:
        """The media type that the first bytes show; empty: none that is known."""

    async def check_picture(
        self, media_type: str, *, length: int, pixels_max: int, read: ReadChunk, chunk_bytes: int
    ) -> None:
        """Look whether it is a picture of that kind, and of at most so many pixels; nothing is unpacked.

        Raises: BadInput: it is not. MailboxFull: too many are looked at already. Whatever ``read`` raises.
        """


class QrPicture(Protocol):
    """Draws a QR code."""

    def __call__(self, text: str) -> str:
        """A PNG as base64; empty where pictures cannot be drawn here (SITE 2.5)."""


class PasswordRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a new password must be. Characters, not bytes; SEC-17, where a document says nothing else."""

    characters_min: int = 8
    characters_max: int = 64
    must_mix: bool = False
    """Whether it needs a letter and a digit."""
    may_be_common: bool = False
    """Whether it may be one of those that everybody tries first, because a document's own example is."""


class PasswordCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a password was the right one; ``renewed`` is a hash to keep in place of the old one, or empty."""

    is_right: bool
    renewed: str = ""


class Passwords(Protocol):
    """Hashes passwords, slowly and beside the loop (SEC-17)."""

    async def hash(self, password: str, rules: PasswordRules) -> str:
        """What to keep of a new password.

        Raises:
            BadInput: against the rules, or one of those that everybody tries first (field ``password``).
            TooLong: too many characters or bytes.
            MailboxFull: too many are waiting already.
        """

    async def check(self, password: str, hashed: str | None) -> PasswordCheck:
        """Compare; None is a person who does not exist, whose answer takes as long (SEC-16).

        Raises: MailboxFull: too many are waiting already.
        """


class Mail(Protocol):
    """Hands over mails."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """One plain text to one address. It is handed over when this returns, not delivered.

        Raises: MailDown: it was not taken, or nobody knows. Neither what it said nor to whom goes into a log.
        """


class CodeSeal(Protocol):
    """Makes something of a short code that it can be checked by, and not guessed from (SEC-18)."""

    def __call__(self, code: str, *, address: str, purpose: str) -> str:
        """The same for the same three, and different from all else; whoever sees it has no use for it."""


class TokenKind(StrEnum):
    """What a web token is good for; one kind is never taken for another (SEC-6)."""

    ACCESS = "access"
    REFRESH = "refresh"
    GUEST = "guest"
    """Good for no right at all: it tells that this guest is the one who was here before."""
    TICKET = "ticket"
    """Good for opening one socket, once (SEC-10)."""


class WebClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a web token says. Whether it has been revoked since is not in it.

    ``user_id`` is the id by which a surface shows somebody. ``family_id`` is common to all tokens that descend from
    one sign-in. ``anchor`` is the uid of an anchor, empty for anybody else. ``name`` and ``level`` are for
    clients to show; nothing is decided by them. ``path`` is that of the only socket a ticket is good for.
    """

    kind: TokenKind
    user_id: int
    token_id: str
    family_id: str
    issued_at_s: int
    expires_at_s: int
    anchor: str = ""
    name: str = ""
    level: int = 0
    path: str = ""


class WebTokens(Protocol):
    """Signed tokens that carry their own facts (SITE-12, SEC-6, SEC-7). ``now_s`` is UNIX seconds."""

    def issue(
        self,
        kind: TokenKind,
        *,
        user_id: int,
        now_s: int,
        family_id: str = "",
        token_id: str = "",
        anchor: str = "",
        name: str = "",
        level: int = 0,
        path: str = "",
    ) -> tuple[str, WebClaims]:
        """A token and what it says; without ``family_id`` it begins a family of its own.

        Ids are 32 hex digits, made where none are given. The same arguments, ids among them, make the same token for as
        long as the key is the same.
        """

    def read(self, token: str, kind: TokenKind, *, now_s: int) -> WebClaims:
        """What the token says.

        Raises:
            NotAToken: of no form that a token has.
            TokenExpired: no longer good.
            TokenMisused: good, and of another kind.
            NotSignedIn: not one of ours, or not yet good.
        """
