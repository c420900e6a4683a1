"""Sign-ins of people with web tokens or a session cookie: what revokes them, since tokens themselves only expire.

A sign-in is what its cookie and all its tokens stand for. When it is closed, none of them is worth anything any more.
Source: SITE-11, SITE-12, SEC-8, SEC-9.
"""

from collections.abc import Collection
from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId

__all__ = ["SignIn", "SignInStore", "TokenPair"]


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of a refresh token and of the access token that came with it. The tokens themselves are nowhere."""

    refresh_id: str
    access_id: str
    issued_at_s: int


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has signed in. ``id`` is the family of his tokens; ``expires_at_ms`` when the last of all this has.

    ``cookie_hash`` is SHA-256 of the cookie's value and empty without one. ``pair`` is None without tokens; of several
    pairs, each of which was bought with the refresh token of the one before, it is the last.
    """

    id: str
    person_id: PersonId
    opened_at_ms: int
    expires_at_ms: int
    cookie_hash: str = ""
    cookie_until_ms: int = 0
    pair: TokenPair | None = None
    former_refresh_id: str = ""


class SignInStore(Protocol):
    """Sign-ins that have not been closed. One that has expired may be gone."""

    async def open(self, sign_in: SignIn, *, keep_max: int) -> None:
        """Keep a new one; of the person's others the newest, so that there are at most ``keep_max`` in all."""

    async def get(self, sign_in_id: str) -> SignIn | None:
        """One sign-in, or None."""

    async def by_cookie(self, cookie_hash: str) -> SignIn | None:
        """One sign-in, or None; nobody has the empty cookie."""

    async def rotate(self, sign_in_id: str, used: str, pair: TokenPair, *, expires_at_ms: int) -> SignIn | None:
        """Replace the pair whose refresh token is ``used``, of which only the id is kept; what is there afterwards.

        Nothing changes where another pair is in force: of two who use one token, one sees his ``pair`` in the answer.
        None: there is no such sign-in.
        """

    async def among(self, sign_in_ids: Collection[str]) -> frozenset[str]:
        """Those of the given sign-ins that are there; at most 10,000 ids."""

    async def use(self, token_id: str, *, forget_at_ms: int) -> bool:
        """Note that a token that is good for one use has been used; whether this was the first time.

        It is remembered until ``forget_at_ms`` at least.
        """

    async def close(self, sign_in_id: str) -> None:
        """Forget one; harmless when it is not there."""

    async def close_all(self, person_id: PersonId) -> None:
        """Forget all of a person."""
