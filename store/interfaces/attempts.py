"""Attempts that failed, such as guesses at a password, and until when no other one is looked at. Source: SEC-16."""

from typing import Protocol

import msgspec

__all__ = ["AttemptStore", "Attempts"]


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """How many there were, until when the next one waits, and when all of it is forgotten."""

    count: int
    until_ms: int
    forget_at_ms: int


class AttemptStore(Protocol):
    """Attempts by a key of the caller's, such as a name or an address. What should be forgotten may be gone."""

    async def get(self, key: str) -> Attempts | None:
        """What is kept under the key, or None."""

    async def swap(self, key: str, before: Attempts | None, after: Attempts | None) -> bool:
        """Put ``after`` in the place of ``before`` (None is nothing there); whether it was ``before`` that was there.

        Of several who swap the same, one succeeds.
        """
