"""Who is asking, and whether they may: from a credential to a ``Caller``.

Knows that a credential is presented, that somebody can tell whose it is, and that the claims in a request must agree
with it. Knows no token format, no person and no surface: where a token stands in a request is the surface's, what it is
worth the engine's.

The default is deny: an endpoint is for people who are signed in unless it says otherwise aloud.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from tornado.httputil import parse_cookie

from engine.errors import BadInput, Forbidden, NotSignedIn
from handlers.wire.language import Language
from handlers.wire.limits import Limit, Limiter

__all__ = [
    "OPTIONAL",
    "PROVIDER",
    "PUBLIC",
    "SIGNED_IN",
    "Access",
    "Admission",
    "Authenticate",
    "Caller",
    "GuestOf",
    "Incoming",
    "NoCredential",
    "Presented",
    "Principal",
    "ReadCredential",
    "Whence",
    "bearer",
    "client_address",
    "network_of",
    "origin_allowed",
    "token_in",
    "whence",
]

_KEY_LENGTH_MAX: Final = 255
"""Characters of an idempotency key; the stores index it."""


class NoCredential(NotSignedIn):
    """The request has no credential at all; dialects may word that otherwise than one that is worth nothing."""


class Access(StrEnum):
    """Who may call an endpoint."""

    SIGNED_IN = "signed in"
    """Whoever the credential names. What else is needed (a role, a membership) the engine checks."""

    OPTIONAL = "optional"
    """Anybody; a valid credential is used, one that is missing or no longer valid makes a guest.

    A guest is nobody, except where the surface knows its guests too.
    """

    PUBLIC = "public"
    """Anybody; a credential is not looked at."""

    PROVIDER = "provider"
    """An outside service, whose signature over the raw body the action checks before anything else."""


SIGNED_IN: Final = Access.SIGNED_IN
OPTIONAL: Final = Access.OPTIONAL
PUBLIC: Final = Access.PUBLIC
PROVIDER: Final = Access.PROVIDER


class Whence(Enum):
    """Whose page sent a request, as far as browsers tell; clients that are no browsers tell nothing. Source: SEC-13."""

    OURS = "ours"
    """One of our own origin or of a listed one, or the person himself, who has typed the address."""
    FOREIGN = "foreign"
    UNTOLD = "untold"


class Principal(Protocol):
    """The person a credential belongs to, as the engine knows them; only the id matters here."""

    @property
    def person_id(self) -> int:
        """The id inside the engine."""

    @property
    def sign_in_id(self) -> str:
        """By which sign-in the person is here; empty where they do not end one by one."""

    def goes_by(self, claimed: str) -> bool:
        """Whether ``claimed`` is what this person is called in requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request taken apart, before anybody looked at what it means.

    ``fields`` are body and query together (for a GET the query wins, else the body); ``query`` is the query alone.
    ``origins`` are those whose pages are ours, beside our own.
    """

    method: str
    path: str
    query: Mapping[str, object]
    fields: Mapping[str, object]
    headers: Mapping[str, str]
    address: str
    origins: frozenset[str] = frozenset()

    @property
    def whence(self) -> Whence:
        """Whose page sent it."""
        return whence(self.headers, self.origins)

    @property
    def cookies(self) -> Mapping[str, str]:
        """What the client keeps for us, or claims to."""
        header = self.headers.get("Cookie")
        return parse_cookie(header) if header else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A credential as a request presents it.

    ``scheme`` names its kind for the one who resolves it (``token``, ``im_signature``…). ``subject`` is the id that
    belongs to the credential itself, where it is a pair (``userID`` beside ``token``): if the two do not belong
    together it is no credential. ``claimed_ids`` are ids elsewhere in the request that say who the caller is; they may
    only agree. ``is_insisted``: whoever shows it wants to be nobody else, not even where guests are welcome. Source:
    ALL-3, CA-4.
    """

    scheme: str
    token: str
    subject: str = ""
    claimed_ids: tuple[str, ...] = ()
    is_insisted: bool = False


PrincipalT = TypeVar("PrincipalT", bound=Principal)
EngineT = TypeVar("EngineT")

ReadCredential = Callable[[Incoming], Presented | None]
"""How a surface carries its credential; None when the request has none."""

Authenticate = Callable[[Presented], Awaitable[PrincipalT]]
"""Whose credential it is. Raises NotSignedIn (nobody's), Banned, or StoreDown."""

GuestOf = Callable[[Incoming], PrincipalT]
"""Who somebody without a credential is, where a surface knows its guests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Generic[EngineT, PrincipalT]):
    """What an action learns of the one who asks."""

    engine: EngineT
    known: PrincipalT | None
    """The person, or None for a guest that the surface does not know, and for an outside service."""
    request_id: str
    language: Language
    idempotency_key: str
    """The key the client chose for this request, or empty."""
    address: str
    """Where the request came from, in front of the trusted proxies."""
    host: str = ""
    """The name by which the client asked for us: its own word, good for nothing but to be given back to it."""
    cookies: Mapping[str, str] = field(default_factory=dict)
    """What the client keeps for us, or claims to."""
    agent: str = ""
    """What the client calls itself."""

    @property
    def principal(self) -> PrincipalT:
        """The person; an action whose endpoint is for people who are signed in always has one.

        Raises: NotSignedIn: there is none.
        """
        if self.known is None:
            raise NotSignedIn
        return self.known

    @property
    def person_id(self) -> int:
        """The person's id. Raises NotSignedIn as ``principal`` does."""
        return self.principal.person_id


class Admission(Generic[EngineT, PrincipalT]):
    """Lets requests in or refuses them: credential, claims, rate limit, in this order."""

    __slots__ = ("_authenticate", "_default_limit", "_engine", "_guest_of", "limiter")

    def __init__(
        self,
        *,
        engine: EngineT,
        authenticate: Authenticate[PrincipalT],
        limiter: Limiter,
        default_limit: Limit,
        guest_of: GuestOf[PrincipalT] | None = None,
    ) -> None:
        """``guest_of`` is None where guests are nobody."""
        self._engine = engine
        self._authenticate = authenticate
        self._guest_of = guest_of
        self.limiter = limiter
        self._default_limit = default_limit

    async def admit(
        self,
        incoming: Incoming,
        *,
        endpoint: str,
        access: Access,
        credential: ReadCredential,
        limit: Limit | None,
        request_id: str,
        language: Language,
    ) -> Caller[EngineT, PrincipalT]:
        """The caller of ``endpoint``, by whom one more request has been counted.

        A request that is refused for its credential counts for the address it came from, so that guessing has a limit
        too.

        Raises: NotSignedIn, Banned, Forbidden (claims to be somebody else), TooMany, StoreDown, BadInput (idempotency
        key).
        """
        limit = limit or self._default_limit
        presented = credential(incoming)
        try:
            known = await self._who(presented, access)
        except NotSignedIn:
            await self.limiter.take(endpoint, network_of(incoming.address), limit)
            raise
        # A guest can be another one with every request, so what he asks counts for where he asks from.
        client = f"#{known.person_id}" if known is not None else network_of(incoming.address)
        await self.limiter.take(endpoint, client, limit)
        if known is None and access is OPTIONAL and self._guest_of is not None:
            known = self._guest_of(incoming)
        if known is not None and presented is not None and not all(map(known.goes_by, presented.claimed_ids)):
            raise Forbidden("the request claims to come from somebody else")
        return Caller(
            engine=self._engine,
            known=known,
            request_id=request_id,
            language=language,
            idempotency_key=_idempotency_key(incoming.headers),
            address=incoming.address,
            host=incoming.headers.get("Host", ""),
            cookies=incoming.cookies,
            agent=incoming.headers.get("User-Agent", ""),
        )

    async def _who(self, presented: Presented | None, access: Access) -> PrincipalT | None:
        if access is PUBLIC or access is PROVIDER:
            return None
        if presented is None or not presented.token:
            if access is OPTIONAL:
                return None
            raise NoCredential
        try:
            return await self._authenticate(presented)
        except NotSignedIn:
            if access is OPTIONAL and not presented.is_insisted:
                return None
            raise


def token_in(name: str, *, scheme: str = "token") -> ReadCredential:
    """A credential in the field ``name`` of the body or the query."""

    def read(incoming: Incoming) -> Presented | None:
        token = incoming.fields.get(name)
        return Presented(scheme=scheme, token=token) if isinstance(token, str) and token else None

    return read


def bearer(*, scheme: str = "bearer", word: str = "Bearer") -> ReadCredential:
    """A credential in the ``Authorization`` header, after ``word``."""

    def read(incoming: Incoming) -> Presented | None:
        kind, _, token = incoming.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        return Presented(scheme=scheme, token=token) if kind.lower() == word.lower() and token else None

    return read


def client_address(peer: str, forwarded_for: str | None, trusted_proxies: Collection[str]) -> str:
    """The address a request really came from: the last one in the chain that is no proxy of ours.

    ``X-Forwarded-For`` is what anybody writes into it, except for the part our own proxies appended. Source: ALL-13,
    SEC-15.
    """
    if forwarded_for is None or peer not in trusted_proxies:
        return peer
    for hop in reversed(forwarded_for.split(",")):
        candidate = hop.strip()
        if candidate in trusted_proxies:
            continue
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            return peer
    return peer


def origin_allowed(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Whether a page of ``origin`` may talk to us: our own origin, or a listed one.

    Native clients have none, and may. Source: ALL-19.
    """
    if origin is None or origin in allowed:
        return True
    try:
        page = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    # The opaque origin, "null", has no host at all.
    return page != "" and page == host.lower()


def whence(headers: Mapping[str, str], allowed: Collection[str]) -> Whence:
    """Whose page sent a request with these headers; ``allowed`` are origins beside our own."""
    origin, host = headers.get("Origin"), headers.get("Host", "")
    site, page = headers.get("Sec-Fetch-Site"), headers.get("Referer")
    page_origin = None if page is None else "/".join(page.split("/", 3)[:3])
    if origin is not None:
        is_ours = origin_allowed(origin, host, allowed)
    elif site is not None:
        # Links have no Origin: which page of another origin one is on, only Referer tells.
        is_ours = site in ("same-origin", "none") or page_origin in allowed
    elif page_origin is not None:
        is_ours = origin_allowed(page_origin, host, allowed)
    else:
        return Whence.UNTOLD
    return Whence.OURS if is_ours else Whence.FOREIGN


def network_of(address: str) -> str:
    """What is counted for one client without a name: an IPv6 subscriber has a whole /64 of addresses, others one."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address, 64), strict=False))
    except ValueError:
        return address


def _idempotency_key(headers: Mapping[str, str]) -> str:
    key = headers.get("Idempotency-Key", "")
    if key and (len(key) > _KEY_LENGTH_MAX or not key.isascii() or not key.isprintable()):
        raise BadInput("Idempotency-Key is not acceptable", field="Idempotency-Key")
    return key
