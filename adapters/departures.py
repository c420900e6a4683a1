"""What a browser carries while it is away at a sign-in page, so that only its own return is believed.

A departure is a random ``state``. The nonce and the PKCE verifier follow from it and from a key of ours, so the
browser keeps the state alone, dated and signed, and neither of the other two ever leaves this server before its time.
Knows no provider. Source: SEC-12, SITE-15, RFC 7636, RFC 9700.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from adapters.jws import base64url
from engine.errors import NotSignedIn

__all__ = ["LIFE_S", "Departures", "Passport", "challenge"]

LIFE_S: Final = 600
"""Long enough to find a password and a second factor."""

BOUND: Final = re.compile(r"(?P<state>[A-Za-z0-9_-]{32})\.(?P<until_s>[0-9]{1,12})\.(?P<seal>[A-Za-z0-9_-]{43})")
STATE_BYTES: Final = 24

ENDED_MAX: Final = 100_000
"""Departures remembered as ended. Beyond that the oldest are forgotten: their codes have been used up as well."""


class Passport(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of one departure: ``state`` and ``nonce`` are told to the provider, ``verifier`` when it is over."""

    state: str
    nonce: str
    verifier: str


def challenge(verifier: str) -> str:
    """What the provider is told of the verifier in advance (PKCE, S256)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


class Departures:
    """Begins departures and ends each once.

    That an ended one does not end again is remembered in this process alone. At another server of ours the provider
    refuses the same code, which works once as well.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str],
        now_s: Callable[[], int],
        new_state: Callable[[], str] = lambda: secrets.token_urlsafe(STATE_BYTES),
    ) -> None:
        """``keys``: the first signs, all are believed, so that the key can be replaced. ``ValueError`` without one."""
        if not keys or not all(keys):
            raise ValueError("a key is needed")
        self._keys = tuple(hmac.digest(key.encode(), b"greenroom departures", hashlib.sha256) for key in keys)
        self._now_s = now_s
        self._new_state = new_state
        self._ended: dict[str, int] = {}  # State to when it is void anyway; in the order in which they ended.

    def begin(self) -> tuple[Passport, str]:
        """A departure, and what the browser keeps of it."""
        state = self._new_state()
        until_s = self._now_s() + LIFE_S
        key = self._keys[0]
        return _passport(key, state), f"{state}.{until_s}.{_seal(key, state, until_s)}"

    def end(self, *, state: str, bound: str) -> Passport:
        """A browser is back with ``state``, having kept ``bound``.

        Raises: NotSignedIn: what it kept is not ours, not of this departure, too old, or was used before.
        """
        kept = BOUND.fullmatch(bound)
        if kept is None:
            raise NotSignedIn("this browser has not departed")
        until_s = int(kept["until_s"])
        key = self._key_of(kept["state"], until_s, kept["seal"])
        if key is None:
            raise NotSignedIn("this browser has not departed")
        if not hmac.compare_digest(state.encode(), kept["state"].encode()):
            raise NotSignedIn("another departure")
        now_s = self._now_s()
        if now_s >= until_s:
            raise NotSignedIn("departed too long ago")
        if kept["state"] in self._ended:
            raise NotSignedIn("this departure is over")
        self._remember(kept["state"], until_s, now_s)
        return _passport(key, kept["state"])

    def _key_of(self, state: str, until_s: int, seal: str) -> bytes | None:
        for key in self._keys:
            if hmac.compare_digest(_seal(key, state, until_s), seal):
                return key
        return None

    def _remember(self, state: str, until_s: int, now_s: int) -> None:
        self._ended[state] = until_s
        while True:
            oldest = next(iter(self._ended))
            if self._ended[oldest] > now_s and len(self._ended) <= ENDED_MAX:
                return
            del self._ended[oldest]


def _seal(key: bytes, state: str, until_s: int) -> str:
    return _derived(key, f"bound:{state}.{until_s}")


def _passport(key: bytes, state: str) -> Passport:
    return Passport(state=state, nonce=_derived(key, f"nonce:{state}"), verifier=_derived(key, f"verifier:{state}"))


def _derived(key: bytes, text: str) -> str:
    return base64url(hmac.digest(key, text.encode(), hashlib.sha256))
