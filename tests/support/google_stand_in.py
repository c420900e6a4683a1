"""Google's sign-in as a local server that speaks the real protocol, keeps to it, and lies as a test tells it.

It shares no code with the adapter that asks it: tokens are put together and signed from the RFCs once more. What a
public provider for tests leaves out is checked here: the PKCE verifier, the secret and the callback address of whoever
exchanges a code.
"""

import base64
import functools
import hashlib
import itertools
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import tornado.web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.stand_ins import StandIn, TroubledHandler

__all__ = ["GoogleStandIn", "compact", "encoded", "rs256", "rsa_key"]


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of its own for each name; making one takes long enough to do it once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().replace("=", "")


def compact(header: Any, payload: Any, sign: Any) -> str:
    """A token of these parts; ``sign`` gets what is to be signed and gives the signature."""
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def rs256(key: rsa.RSAPrivateKey) -> Any:
    """What ``compact`` needs in order to sign with ``key``."""
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


class GoogleStandIn(StandIn):
    """The token and certificate endpoints, and the person at the sign-in page as ``approve``.

    ``claims`` and ``header`` are laid over those of each id token (None takes one out); ``signer`` names the key that
    signs, ``published`` those that are told of, by ``kid``. ``forge`` makes a whole token of the honest claims instead.
    ``refusal`` is (status, error) that every code gets from now on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.client_id = "1090-greenroom.apps.googleusercontent.com"
        self.client_secret = "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"
        self.base_url = ""
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.signer = "first"
        self.published = {"first": rsa_key("first")}
        self.more_keys: list[dict[str, Any]] = []
        self.cache_control = "public, max-age=20000, must-revalidate, no-transform"
        self.forge: Any = None
        self.refusal: tuple[int, str] | None = None
        self.token_changes: dict[str, Any] = {}
        self.key_requests_count = 0
        self._codes: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def approve(self, address: str, **person: Any) -> dict[str, str]:
        """Somebody at the page ``address`` signs in; what his browser then brings to the callback address."""
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert parts.path == "/authorize"
        assert query["client_id"] == self.client_id
        assert query["response_type"] == "code"
        assert set(query["scope"].split(" ")) == {"openid", "email", "profile"}
        assert query["code_challenge_method"] == "S256"
        code = f"4/0A{next(self._numbers)}"
        self._codes[code] = {"query": query, "person": {"sub": "1090000000000000000000"} | person}
        return {"code": code, "state": query["state"]}

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.refusal:
            return self.refusal[0], {"error": self.refusal[1], "error_description": "as told"}
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return 401, {"error": "invalid_client", "error_description": "Unauthorized"}
        granted = self._codes.pop(form.get("code", ""), None)
        if granted is None:
            return 400, {"error": "invalid_grant", "error_description": "Malformed auth code."}
        if form.get("redirect_uri") != granted["query"]["redirect_uri"]:
            return 400, {"error": "redirect_uri_mismatch", "error_description": "Bad Request"}
        challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if challenge != granted["query"]["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "Invalid code verifier."}
        answer = {
            "access_token": "ya29.a-token-for-the-rest-of-google",
            "expires_in": 3599,
            "scope": "openid",
            "token_type": "Bearer",
            "id_token": self._id_token(granted),
        }
        return 200, {name: value for name, value in (answer | self.token_changes).items() if value is not None}

    def _id_token(self, granted: dict[str, Any]) -> str:
        now_s = int(time.time())
        claims = {
            "iss": self.base_url,
            "azp": self.client_id,
            "aud": self.client_id,
            "iat": now_s,
            "exp": now_s + 3600,
            "nonce": granted["query"]["nonce"],
            "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
            "hd": "example.com",
            **granted["person"],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": self.signer, "typ": "JWT", **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        if self.forge:
            return str(self.forge(header, claims))
        return compact(header, claims, rs256(rsa_key(self.signer)))

    def certificates(self) -> dict[str, Any]:
        self.key_requests_count += 1
        return {"keys": [*self.more_keys, *(_jwk(kid, key) for kid, key in self.published.items())]}

    def application(self) -> tornado.web.Application:
        return tornado.web.Application(
            [("/token", _TokenHandler, {"stand_in": self}), ("/certs", _CertificatesHandler, {"stand_in": self})],
            log_function=lambda _handler: None,
        )


def _jwk(kid: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    parts = {"n": numbers.n, "e": numbers.e}
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        **{name: encoded(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in parts.items()},
    }


class _TokenHandler(TroubledHandler):
    async def post(self) -> None:
        assert self.request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = {name: self.get_body_argument(name, strip=False) for name in self.request.body_arguments}
        self.stand_in.requests.append(form)
        if not await self.in_trouble():
            status, answer = self.stand_in.exchange(form)
            self.set_status(status)
            self.write(answer)


class _CertificatesHandler(TroubledHandler):
    def get(self) -> None:
        self.set_header("Cache-Control", self.stand_in.cache_control)
        self.write(self.stand_in.certificates())
