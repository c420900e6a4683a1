"""Sign-in with Google, by OpenID Connect: away with a browser, back with a code, and who that is.

What Tornado's own mixin leaves out is what matters here: the return is bound to the browser, the code to us by PKCE,
and the id token is checked in every part that somebody could have exchanged. Knows no accounts, no cookies and no
addresses but the configured ones: nobody can tell it where to send a browser. Source: protocols 6, SITE-15, SEC-12.
"""

import time
from collections.abc import Callable, Collection
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

import msgspec
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import DEADLINE_MS, Answer, OutsideService
from adapters.departures import LIFE_S, Departures, Passport, challenge
from adapters.dev_codes import is_dev_code, read_dev_code, refuse_outside_development
from adapters.google_keys import GoogleKeys
from adapters.jws import is_signed, split
from engine.errors import NotSignedIn, StoreDown
from engine.ports import Departure, GoogleIdentity, GoogleLogin, Log

__all__ = ["DEV_CLIENT", "DevGoogle", "GoogleClient", "GoogleSignIn", "NoGoogle"]

SCOPE: Final = "openid email profile"
CODE_CHARS_MAX: Final = 2_048
TOKEN_CHARS_MAX: Final = 16_384  # Google's have about 1,200.
HTTP_OK: Final = 200

LEEWAY_S: Final = 30
"""How far Google's clock and ours may disagree (SEC-6)."""

ISSUED_S_MAX: Final = 600
"""The code has just been exchanged, so the token is new; an older one is a copy."""

# Refusals that come from the browser: the code was used, is old, or belongs to another departure.
CODE_REFUSED: Final = frozenset({"invalid_grant"})
# Client id, secret or callback address are wrong: nobody can sign in until an operator has corrected the settings.
MISCONFIGURED: Final = frozenset({"invalid_client", "unauthorized_client", "redirect_uri_mismatch", "invalid_scope"})


class GoogleClient(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are to Google, and where Google is. ``callback_url`` is registered there, to the letter."""

    client_id: str
    client_secret: str = ""
    callback_url: str
    issuer: str = "https://accounts.google.com"
    authorize_url: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    keys_url: str = "https://www.googleapis.com/oauth2/v3/certs"

    def __repr__(self) -> str:
        return f"GoogleClient(client_id={self.client_id!r})"

    def departure(self, passport: Passport) -> str:
        """Where a browser is sent."""
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.callback_url,
            "response_type": "code",
            "scope": SCOPE,
            "state": passport.state,
            "nonce": passport.nonce,
            "code_challenge": challenge(passport.verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.authorize_url}?{urlencode(query)}"


DEV_CLIENT: Final = GoogleClient(client_id="greenroom-dev", callback_url="http://127.0.0.1:8000/")
"""For development servers that have no registration: the address has its form and leads nowhere."""


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an answer that are read; the access token is not used."""

    id_token: str = ""
    error: str = ""


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key is named, and never brought along (jwk, jku, x5u …)."""

    alg: Literal["RS256"]
    kid: str = ""
    typ: str = "JWT"


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    aud: str | list[str]
    exp: int
    iat: int
    nonce: str
    sub: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,255}\Z")]
    azp: str = ""
    nbf: int = 0
    name: str = ""
    email: str = ""
    # Older answers of Google write it as text.
    email_verified: bool | str = False


class GoogleSignIn:
    """``GoogleLogin`` at Google itself."""

    def __init__(
        self,
        *,
        client: GoogleClient,
        departures: Departures,
        http: AsyncHTTPClient,
        log: Log,
        deadline_ms: int = DEADLINE_MS,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """Raise ``ValueError`` where a part of the registration is missing."""
        if not client.client_id or not client.client_secret or not client.callback_url:
            raise ValueError("client id, secret and callback address are needed")
        self._client = client
        self._departures = departures
        self._service = OutsideService(name="google_login", http=http, log=log, deadline_ms=deadline_ms)
        self._keys = GoogleKeys(address=client.keys_url, service=self._service, log=log, now_s=now_s)
        self._log = log
        self._now_s = now_s
        # Google writes its own name with and without the scheme.
        self._issuers: Collection[str] = frozenset({client.issuer, client.issuer.removeprefix("https://")})

    def begin(self) -> Departure:
        """Send a browser off."""
        passport, bound = self._departures.begin()
        return Departure(address=self._client.departure(passport), bound=bound, life_s=LIFE_S)

    async def finish(self, *, code: str, state: str, bound: str) -> GoogleIdentity:
        """A browser is back; nothing else is looked at before it has proved to be the one that left.

        Raises:
            NotSignedIn: not this browser's departure, or one that is over or too long ago; or Google does not know the
                code; or its token does not hold, which is logged.
            StoreDown: Google did not answer, or not to us because of our settings.
        """
        passport = self._departures.end(state=state, bound=bound)
        if not code or len(code) > CODE_CHARS_MAX:
            raise NotSignedIn("not a code")
        token = await self._exchange(code, passport)
        claims = await self._verify(token, passport)
        is_verified = claims.email_verified in (True, "true")
        return GoogleIdentity(sub=claims.sub, name=claims.name, email=claims.email if is_verified else "")

    async def _exchange(self, code: str, passport: Passport) -> str:
        """The id token for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret,
            "redirect_uri": self._client.callback_url,
            "code_verifier": passport.verifier,
        }
        answer = await self._service.exchange(
            self._client.token_url, body=urlencode(form).encode(), content_type="application/x-www-form-urlencoded"
        )
        tokens = _read_tokens(answer)
        if answer.code == HTTP_OK and tokens is not None and tokens.id_token:
            return tokens.id_token
        raise self._refusal(answer.code, tokens)

    def _refusal(self, status: int, tokens: _Tokens | None) -> NotSignedIn | StoreDown:
        if status == HTTP_OK or tokens is None:
            self._log.warning("google_login_garbled", reason="no id token")
            return StoreDown("google_login: answer not understood")
        if tokens.error in CODE_REFUSED:
            return NotSignedIn("Google does not know this code")
        if tokens.error in MISCONFIGURED:
            self._log.error("google_login_misconfigured", error=tokens.error)
        else:
            self._log.warning("google_login_refused", status=status)
        return StoreDown(f"google_login: HTTP {status}")

    async def _verify(self, token: str, passport: Passport) -> _Claims:
        """What the id token says, once nothing is wrong with it."""
        try:
            header_json, claims_json = split(token, characters_max=TOKEN_CHARS_MAX)
            header = msgspec.json.decode(header_json, type=_Header)
        except ValueError:
            raise self._untrue("form") from None
        key = await self._keys.find(header.kid)
        if key is None:
            raise self._untrue("key")
        if not is_signed(token, key, header.alg):
            raise self._untrue("signature")
        try:
            claims = msgspec.json.decode(claims_json, type=_Claims)
        except ValueError:
            raise self._untrue("claims") from None
        wrong = self._wrong_claim(claims, passport)
        if wrong:
            raise self._untrue(wrong)
        return claims

    def _wrong_claim(self, claims: _Claims, passport: Passport) -> str:
        """The name of the first claim that does not hold; empty when all do."""
        now_s = self._now_s()
        ours = self._client.client_id
        checks = (
            ("iss", claims.iss in self._issuers),
            # For others as well is not for us: one of them could bring it here.
            ("aud", claims.aud in (ours, [ours])),
            ("azp", claims.azp in ("", ours)),
            ("exp", now_s < claims.exp + LEEWAY_S),
            ("iat", now_s - ISSUED_S_MAX <= claims.iat <= now_s + LEEWAY_S),
            ("nbf", claims.nbf <= now_s + LEEWAY_S),
            ("nonce", claims.nonce == passport.nonce),
        )
        return next((name for name, holds in checks if not holds), "")

    def _untrue(self, reason: str) -> NotSignedIn:
        # It came from Google's own address, so this is no slip of somebody's fingers.
        self._log.error("google_login_token_untrue", reason=reason)
        return NotSignedIn(f"Google's token does not hold: {reason}")


def _read_tokens(answer: Answer) -> _Tokens | None:
    try:
        return msgspec.json.decode(answer.body, type=_Tokens)
    except ValueError:
        # The error may quote the answer, and with it a token.
        return None


class DevGoogle:
    """``GoogleLogin`` for development: the code ``dev:NAME`` signs in NAME, with attributes behind it.

    A departure is needed all the same, and ends once: only what Google would have done is left out. Such a person's
    ``sub`` is *dev:NAME*, the e-mail address what the attribute ``email`` says. Every other code goes to ``others``,
    where there are any; with them, ``departures`` are theirs. Source: ALL-20, DS-9.
    """

    def __init__(
        self,
        *,
        env: str,
        departures: Departures,
        client: GoogleClient = DEV_CLIENT,
        others: GoogleLogin | None = None,
    ) -> None:
        """Raise ``ValueError`` in every ``env`` but *dev*, as anybody could sign in as anybody."""
        refuse_outside_development(env)
        self._departures = departures
        self._client = client
        self._others = others

    def begin(self) -> Departure:
        """Send a browser off; without ``others`` to an address that leads nowhere."""
        passport, bound = self._departures.begin()
        return Departure(address=self._client.departure(passport), bound=bound, life_s=LIFE_S)

    async def finish(self, *, code: str, state: str, bound: str) -> GoogleIdentity:
        """Read a ``dev:`` code, or pass another one on.

        Raises: NotSignedIn: as the port says; also malformed, or not a ``dev:`` code and nobody else to ask.
        """
        if not is_dev_code(code) and self._others is not None:
            return await self._others.finish(code=code, state=state, bound=bound)
        self._departures.end(state=state, bound=bound)
        if not is_dev_code(code):
            raise NotSignedIn("only dev: codes are taken here")
        read = read_dev_code(code)
        return GoogleIdentity(
            sub=read.id,
            name=read.attributes.get("nickname", read.name),
            email=read.attributes.get("email", ""),
            attributes=read.attributes,
        )


class NoGoogle:
    """``GoogleLogin`` where nobody has registered us with Google."""

    def begin(self) -> Departure:
        """Raises: StoreDown: always."""
        raise StoreDown("google login is not configured")

    async def finish(self, *, code: str, state: str, bound: str) -> GoogleIdentity:  # noqa: ARG002 - the port's
        """Raises: StoreDown: always."""
        raise StoreDown("google login is not configured")
