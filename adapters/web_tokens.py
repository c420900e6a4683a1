"""Web tokens: JWTs that say who somebody is, signed by us and for us.

Knows keys, forms and dates. Knows nobody, and not whether a token has been revoked: that is the engine's business, for
which each token has an id and a family. Source: SITE-12, SEC-6, SEC-7, RFC 8725.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple, Protocol

import msgspec

from adapters.jws import is_signed, sign, split
from engine.errors import NotAToken, NotSignedIn, TokenExpired, TokenMisused
from engine.ports import TokenKind, WebClaims

__all__ = ["KEY_BYTES_MIN", "ReadPayload", "SignedWebTokens", "SigningKey", "SiteForm", "SocialForm", "TokenForm"]

KEY_BYTES_MIN: Final = 32
"""As long as what HS256 makes of it (RFC 7518 3.2)."""

LEEWAY_S: Final = 10
"""How far clocks may disagree. Our servers share the store's time, so it covers rounding and little more."""

CHARACTERS_MAX: Final = 2_048  # Ours have about 500; a longer one is nobody's, and not worth taking apart.

Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All a header may hold. What could name a key elsewhere (jku, x5u, jwk …) makes the token a foreign one."""

    alg: Literal["HS256"]
    kid: str
    typ: str


class _Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims. Those that only some people have are left out for everybody else."""

    iss: str
    aud: str
    token_type: TokenKind
    user_id: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
    jti: Id
    family: Id
    iat: Seconds
    nbf: Seconds
    exp: Seconds
    anchor: str = ""


_LETTERS: Final[Mapping[TokenKind, Literal["a", "r", "t"]]] = {
    TokenKind.ACCESS: "a",
    TokenKind.REFRESH: "r",
    TokenKind.TICKET: "t",
}
_KINDS: Final = {letter: kind for kind, letter in _LETTERS.items()}


class _SocialPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims that the social app's document shows (exp, role, userid, username), and what makes them safe."""

    exp: Seconds
    role: Annotated[int, msgspec.Meta(ge=0, le=99)]
    userid: Annotated[str, msgspec.Meta(pattern=r"\A[1-9][0-9]{0,18}\Z")]
    username: str
    typ: Literal["a", "r", "t"]
    jti: Id
    family: Id
    iss: str
    aud: str
    iat: Seconds
    nbf: Seconds
    path: str = ""


class TokenForm(Protocol):
    """How claims are written: one form for each surface that has tokens."""

    def written(self, claims: WebClaims, *, issuer: str, audience: str) -> bytes:
        """The payload, as JSON."""

    def read(self, payload: bytes) -> "ReadPayload":
        """What it says.

        Raises: ValueError: claims are missing, or not of their form.
        """

    def typ(self, kind: TokenKind) -> str:
        """What the header calls such a token."""


class ReadPayload(NamedTuple):
    """What a payload says, and from when on, by whom and for whom it does."""

    claims: WebClaims
    valid_from_s: int
    issuer: str
    audience: str


class SiteForm:
    """Of the website. Source: SITE-12."""

    def written(self, claims: WebClaims, *, issuer: str, audience: str) -> bytes:
        """The payload, as JSON."""
        return msgspec.json.encode(
            _Payload(
                iss=issuer,
                aud=audience,
                token_type=claims.kind,
                user_id=claims.user_id,
                jti=claims.token_id,
                family=claims.family_id,
                iat=claims.issued_at_s,
                nbf=claims.issued_at_s,
                exp=claims.expires_at_s,
                anchor=claims.anchor,
            )
        )

    def read(self, payload: bytes) -> ReadPayload:
        """What it says."""
        said = msgspec.json.decode(payload, type=_Payload)
        claims = WebClaims(
            kind=said.token_type,
            user_id=said.user_id,
            token_id=said.jti,
            family_id=said.family,
            issued_at_s=said.iat,
            expires_at_s=said.exp,
            anchor=said.anchor,
        )
        return ReadPayload(claims, max(said.nbf, said.iat), said.iss, said.aud)

    def typ(self, kind: TokenKind) -> str:
        """What the header calls such a token."""
        return f"{kind}+jwt"


class SocialForm:
    """Of the social app: the document's header and claims. Source: SO-3."""

    def written(self, claims: WebClaims, *, issuer: str, audience: str) -> bytes:
        """The payload, as JSON."""
        return msgspec.json.encode(
            _SocialPayload(
                exp=claims.expires_at_s,
                role=claims.level,
                userid=str(claims.user_id),
                username=claims.name,
                typ=_LETTERS[claims.kind],
                jti=claims.token_id,
                family=claims.family_id,
                iss=issuer,
                aud=audience,
                iat=claims.issued_at_s,
                nbf=claims.issued_at_s,
                path=claims.path,
            )
        )

    def read(self, payload: bytes) -> ReadPayload:
        """What it says."""
        said = msgspec.json.decode(payload, type=_SocialPayload)
        claims = WebClaims(
            kind=_KINDS[said.typ],
            user_id=int(said.userid),
            token_id=said.jti,
            family_id=said.family,
            issued_at_s=said.iat,
            expires_at_s=said.exp,
            name=said.username,
            level=said.role,
            path=said.path,
        )
        return ReadPayload(claims, max(said.nbf, said.iat), said.iss, said.aud)

    def typ(self, kind: TokenKind) -> str:  # noqa: ARG002 - clients see one kind of header, whatever is in it
        """What the header calls such a token."""
        return "JWT"


class SigningKey:
    """A key and the name that tokens call it by, which follows from it: whoever has the key needs no list of names."""

    def __init__(self, secret: str, *, until_s: int | None = None) -> None:
        """``until_s`` is when it stops being believed (UNIX seconds).

        Raises: ValueError: shorter than ``KEY_BYTES_MIN``.
        """
        if len(secret.encode()) < KEY_BYTES_MIN:
            raise ValueError(f"a key needs {KEY_BYTES_MIN} bytes")
        self.until_s = until_s
        # One secret serves several purposes; each has a key of its own, so that nothing signed for one means anything
        # for another.
        self.value = hmac.digest(secret.encode(), b"greenroom web tokens", hashlib.sha256)
        self.name = hashlib.sha256(self.value).hexdigest()[:16]


class SignedWebTokens:
    """``WebTokens`` of one audience. ``keys``: the first signs, all are believed, each until its date."""

    def __init__(
        self,
        *,
        keys: Sequence[SigningKey],
        issuer: str,
        audience: str,
        lives_s: Mapping[TokenKind, int],
        form: TokenForm | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """``lives_s`` is how long each kind is good; ``form`` None is the website's.

        Raise ``ValueError`` without a key.
        """
        if not keys:
            raise ValueError("a key is needed")
        self._keys = {key.name: key for key in reversed(keys)}
        self._signing = keys[0]
        self._issuer = issuer
        self._audience = audience
        self._lives_s = dict(lives_s)
        self._form = form or SiteForm()
        self._new_id = new_id

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
        """A token and what it says; without ``family_id`` it begins a family of its own."""
        claims = WebClaims(
            kind=kind,
            user_id=user_id,
            token_id=token_id or self._new_id(),
            family_id=family_id or self._new_id(),
            issued_at_s=now_s,
            expires_at_s=now_s + self._lives_s[kind],
            anchor=anchor,
            name=name,
            level=level,
            path=path,
        )
        token = sign(
            self._form.written(claims, issuer=self._issuer, audience=self._audience),
            self._signing.value,
            headers={"kid": self._signing.name, "typ": self._form.typ(kind)},
        )
        return token, claims

    def read(self, token: str, kind: TokenKind, *, now_s: int) -> WebClaims:
        """What the token says.

        Raises: NotSignedIn: not one of ours, not of this kind, not yet or no longer good. The text tells which, and is
            for logs: whoever sent the token learns only that it is not good, where the document tells him no more.
        """
        try:
            header_json, payload_json = split(token, characters_max=CHARACTERS_MAX)
            header = msgspec.json.decode(header_json, type=_Header)
        except ValueError:
            raise NotAToken("not a token of ours") from None
        key = self._keys.get(header.kid)
        if key is None or (key.until_s is not None and now_s >= key.until_s):
            raise NotSignedIn("signed with no key of ours")
        if not is_signed(token, key.value, header.alg):
            raise NotSignedIn("signature does not match")
        try:
            said = self._form.read(payload_json)
        except ValueError:
            raise NotSignedIn("claims are missing") from None
        if (said.issuer, said.audience) != (self._issuer, self._audience):
            raise NotSignedIn("from or for somebody else")
        if (said.claims.kind, header.typ) != (kind, self._form.typ(kind)):
            raise TokenMisused("of another kind")
        # The life of a ticket is a promise of seconds (SEC-10).
        if now_s >= said.claims.expires_at_s + (0 if kind is TokenKind.TICKET else LEEWAY_S):
            raise TokenExpired("expired")
        if now_s < said.valid_from_s - LEEWAY_S:
            raise NotSignedIn("from the future")
        return said.claims
