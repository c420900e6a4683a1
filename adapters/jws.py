"""Signed tokens in their compact form: three parts of base64url.

Knows how such a token is taken apart, and whether one key and one algorithm made it. Knows no claims. Which key and
algorithm are meant is never the token's choice: whoever asks names both. Source: RFC 7515, RFC 8725, SEC-6.
"""

import base64
import re
from typing import Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["base64url", "is_signed", "sign", "split"]

COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_JWS: Final = jwt.PyJWS(algorithms=["HS256", "RS256"])


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def split(token: str, *, characters_max: int) -> tuple[bytes, bytes]:
    """Header and payload as JSON, neither of them believed yet.

    Raises: ValueError: too long, not three parts, or a part that could be written otherwise. Base64 leaves bits unused
        at the end of a part: with those changed, another token would say the same.
    """
    if len(token) > characters_max or not COMPACT.fullmatch(token):
        raise ValueError("not a compact token")
    header, payload, _ = (_canonical(part) for part in token.split("."))
    return header, payload


def _canonical(part: str) -> bytes:
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64url(data) != part:
        raise ValueError("not a compact token")
    return data


def is_signed(token: str, key: bytes | RSAPublicKey, algorithm: Literal["HS256", "RS256"]) -> bool:
    """Whether ``key`` signed the token by ``algorithm``, whatever its header says about either."""
    try:
        _JWS.decode_complete(token, key, algorithms=[algorithm])
    except jwt.PyJWTError:
        return False
    return True


def sign(payload: bytes, key: bytes, *, headers: dict[str, str]) -> str:
    """A token by HS256."""
    return _JWS.encode(payload, key, algorithm="HS256", headers=dict(headers))
