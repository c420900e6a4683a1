"""Google's public keys, fetched when needed and kept for as long as Google says.

Knows where they are and how they are read. Knows no tokens. Source: protocols 6.1 (4), RFC 7517.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from tornado.httputil import HTTPHeaders

from adapters.asking import OutsideService
from engine.errors import StoreDown
from engine.ports import Log

__all__ = ["GoogleKeys"]

MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)
KEPT_S_MIN: Final = 60
"""Kept at least this long, whatever the answer says; else every sign-in would ask."""

KEPT_S_MAX: Final = 86_400
"""A key that Google has withdrawn is gone here a day later at the latest."""

REFETCH_S: Final = 60
"""An unknown key is looked for at most this often: anybody can make up the name of one."""

RSA_BITS_MIN: Final = 2_048


class _Key(msgspec.Struct, frozen=True, kw_only=True):
    kty: str
    kid: str = ""
    use: str = "sig"
    alg: str = "RS256"
    n: str = ""
    e: str = ""


class _KeySet(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[_Key]


class GoogleKeys:
    """The keys that sign id tokens, by their ``kid``."""

    def __init__(self, *, address: str, service: OutsideService, log: Log, now_s: Callable[[], int]) -> None:
        self._address = address
        self._service = service
        self._log = log
        self._now_s = now_s
        self._keys: Mapping[str, RSAPublicKey] = MappingProxyType({})
        self._fetched_at_s: int | None = None
        self._until_s = 0
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> RSAPublicKey | None:
        """The key of that name, or the only one where no name is given.

        Raises: StoreDown: the keys had to be fetched, and could not be.
        """
        await self._fetch_if(self._are_old)
        if self._pick(kid) is None:
            await self._fetch_if(lambda: self._pick(kid) is None and self._may_refetch())
        return self._pick(kid)

    async def _fetch_if(self, needed: Callable[[], bool]) -> None:
        """Fetch, unless somebody else who came earlier has done so meanwhile."""
        if not needed():
            return
        async with self._fetching:
            if needed():
                await self._fetch()

    def _are_old(self) -> bool:
        return self._now_s() >= self._until_s

    def _may_refetch(self) -> bool:
        return self._fetched_at_s is None or self._now_s() >= self._fetched_at_s + REFETCH_S

    def _pick(self, kid: str) -> RSAPublicKey | None:
        if kid:
            return self._keys.get(kid)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    async def _fetch(self) -> None:
        answer = await self._service.exchange(self._address)
        try:
            read = msgspec.json.decode(answer.body, type=_KeySet).keys
        except ValueError:
            read = []
        keys = {key.kid: public for key in read if (public := _public_key(key)) is not None}
        if not keys:
            self._log.warning("google_login_garbled", reason="no keys")
            raise StoreDown("google_login: no keys")
        self._keys = MappingProxyType(keys)
        self._fetched_at_s = self._now_s()
        self._until_s = self._fetched_at_s + _kept_s(answer.headers)


def _public_key(key: _Key) -> RSAPublicKey | None:
    """None for a key of another kind, or one too weak to be believed."""
    if (key.kty, key.use, key.alg) != ("RSA", "sig", "RS256"):
        return None
    parts: dict[str, Any] = {"kty": "RSA", "n": key.n, "e": key.e}
    try:
        public = RSAAlgorithm.from_jwk(parts)
    except (jwt.PyJWTError, ValueError):
        return None
    return public if isinstance(public, RSAPublicKey) and public.key_size >= RSA_BITS_MIN else None


def _kept_s(headers: HTTPHeaders) -> int:
    control = headers.get("Cache-Control", "")
    age = headers.get("Age", "")
    found = MAX_AGE.search(control)
    if found is None or "no-store" in control.lower() or "no-cache" in control.lower():
        return KEPT_S_MIN
    already_s = int(age) if age.isascii() and age.isdigit() else 0
    return max(KEPT_S_MIN, min(KEPT_S_MAX, int(found[1]) - already_s))
