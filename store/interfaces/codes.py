"""Codes that were mailed, each to be typed in once. Kept as hashes only. Source: SO-10, SEC-18."""

from typing import Protocol

import msgspec

__all__ = ["CodeStore", "MailedCode"]


class MailedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code, by ``sealed``, which only the code itself gives; so often it may still be tried, until then."""

    sealed: str
    tries_left: int
    sent_at_ms: int
    expires_at_ms: int


class CodeStore(Protocol):
    """Codes by a key of the caller's, one for each. One that has expired may be gone."""

    async def keep(self, key: str, code: MailedCode, *, unless_since_ms: int) -> MailedCode | None:
        """Keep ``code`` in place of the former one; or, if that was sent after ``unless_since_ms``, return it.

        Of several who do this at once, one is returned nothing.
        """

    async def try_once(self, key: str, *, now_ms: int) -> MailedCode | None:
        """Use up one try; the code as it is then, or None when there is none, no try is left or its time is over."""

    async def take(self, key: str, sealed: str) -> bool:
        """Drop the code if it is this one; of several who do this at once, one is told True."""
