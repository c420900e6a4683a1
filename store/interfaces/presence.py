"""Who has been seen lately, on any node, and what may expire by itself. All of this may vanish at any moment (D-1)."""

from collections.abc import Sequence
from typing import Protocol

from store.interfaces.ids import PersonId

__all__ = ["LimitStore", "PresenceStore"]


class PresenceStore(Protocol):
    """People seen by other nodes. Lossy by contract: an empty answer is always possible."""

    async def publish(self, surface: str, person_ids: Sequence[PersonId], *, expires_in_ms: int) -> None:
        """These people are here; each is forgotten ``expires_in_ms`` from now unless published again.

        Raises: Unavailable.
        """

    async def withdraw(self, surface: str, person_ids: Sequence[PersonId]) -> None:
        """These people have left.

        Raises: Unavailable.
        """

    async def present(self, surface: str, *, limit: int) -> tuple[PersonId, ...]:
        """Who is here, the most recently published first.

        Raises: Unavailable.
        """

    async def is_present(self, surface: str, person_id: PersonId) -> bool:
        """Whether this person is here.

        Raises: Unavailable.
        """


class LimitStore(Protocol):
    """Token buckets shared by all nodes."""

    async def take(self, key: str, *, rate: int, per_ms: int, burst: int) -> int:
        """Take one token of ``rate`` per ``per_ms`` with room for ``burst``; 0 when taken, else ms until one is there.

        Raises: Unavailable: the caller decides whether that lets through or not.
        """
