"""Web tokens: JWTs that say who somebody is, signed by us and for us.

Knows keys, forms and dates. Knows nobody, and not whether a token has been revoked: that is the engine's business, for
which each token has an id and a family. Source: SITE-12, SEC-6, SEC-7, RFC 8725.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from adapters.jws import is_signed, sign, split
from engine.errors import NotSignedIn
from engine.ports import TokenKind, WebClaims

__all__ = ["KEY_BYTES_MIN", "SignedWebTokens", "SigningKey"]

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
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """``lives_s`` is how long each kind is good. Raise ``ValueError`` without a key."""
        if not keys:
            raise ValueError("a key is needed")
        self._keys = {key.name: key for key in reversed(keys)}
        self._signing = keys[0]
        self._issuer = issuer
        self._audience = audience
        self._lives_s = dict(lives_s)
        self._new_id = new_id

    def issue(
        self, kind: TokenKind, *, user_id: int, now_s: int, family_id: str = "", token_id: str = "", anchor: str = ""
    ) -> tuple[str, WebClaims]:
        """A token and what it says; without ``family_id`` it begins a family of its own."""
        payload = _Payload(
            iss=self._issuer,
            aud=self._audience,
            token_type=kind,
            user_id=user_id,
            jti=token_id or self._new_id(),
            family=family_id or self._new_id(),
            iat=now_s,
            nbf=now_s,
            exp=now_s + self._lives_s[kind],
            anchor=anchor,
        )
        token = sign(
            msgspec.json.encode(payload),
            self._signing.value,
            headers={"kid": self._signing.name, "typ": _typ(kind)},
        )
        return token, _claims(payload)

    def read(self, token: str, kind: TokenKind, *, now_s: int) -> WebClaims:
        """What the token says.

        Raises: NotSignedIn: not one of ours, not of this kind, not yet or no longer good. The text tells which, and is
            for logs: whoever sent the token learns only that it is not good.
        """
        try:
            header_json, payload_json = split(token, characters_max=CHARACTERS_MAX)
            header = msgspec.json.decode(header_json, type=_Header)
        except ValueError:
            raise NotSignedIn("not a token of ours") from None
        key = self._keys.get(header.kid)
        if key is None or (key.until_s is not None and now_s >= key.until_s):
            raise NotSignedIn("signed with no key of ours")
        if not is_signed(token, key.value, header.alg):
            raise NotSignedIn("signature does not match")
        try:
            payload = msgspec.json.decode(payload_json, type=_Payload)
        except ValueError:
            raise NotSignedIn("claims are missing") from None
        if (payload.iss, payload.aud) != (self._issuer, self._audience):
            raise NotSignedIn("from or for somebody else")
        if (payload.token_type, header.typ) != (kind, _typ(kind)):
            raise NotSignedIn("of another kind")
        if now_s >= payload.exp + LEEWAY_S:
            raise NotSignedIn("expired")
        if now_s < max(payload.nbf, payload.iat) - LEEWAY_S:
            raise NotSignedIn("from the future")
        return _claims(payload)


def _typ(kind: TokenKind) -> str:
    return f"{kind}+jwt"


def _claims(payload: _Payload) -> WebClaims:
    return WebClaims(
        kind=payload.token_type,
        user_id=payload.user_id,
        token_id=payload.jti,
        family_id=payload.family,
        issued_at_s=payload.iat,
        expires_at_s=payload.exp,
        anchor=payload.anchor,
    )
