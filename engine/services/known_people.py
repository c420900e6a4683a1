"""Whose credentials have been looked up lately, so that the store is not asked with every request.

Knows credentials as opaque strings. Knows no store: whoever asks looks up what is not known.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from engine.ports import Clock
from store.interfaces.ids import PersonId
from store.interfaces.members import Member
from store.interfaces.people import PersonRecord

__all__ = ["Known", "KnownPeople"]

KNOWN_MS: Final = 1_000
"""How long a credential is believed without asking: the bound of SEC-9 on a node that did not hear of a change."""

KNOWN_MAX: Final = 50_000
LOOKUPS_MAX: Final = 32
"""Credentials looked up at once. When thousands come back at one moment, they wait in line here: all at the store
together would miss its deadlines, and shut it for everybody else (F-23)."""


class Known(msgspec.Struct, frozen=True):
    """Whose it is; ``sign_in_id`` is that of the sign-in it stands for, where the surface has such.

    ``member`` is what the social app keeps of its people, None elsewhere.
    """

    person: PersonRecord
    sign_in_id: str = ""
    member: Member | None = None


class KnownPeople:
    """People by their credentials, for a second each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[Known, int]] = {}  # In the order in which they were looked up.
        self._credentials_of: dict[PersonId, set[str]] = {}
        self._lookups = asyncio.Semaphore(LOOKUPS_MAX)

    async def look_up(self, credential: str, find: Callable[[], Awaitable[Known]]) -> Known:
        """Whose it is, as known or as ``find`` says.

        Raises: what ``find`` raises; then nothing is known.
        """
        known = self.get(credential)
        if known is None:
            async with self._lookups:
                known = self.keep(credential, await find())
        return known

    def get(self, credential: str) -> Known | None:
        """Whose it is, if that was looked up within the last second."""
        known, until_mono_ms = self._known.get(credential, (None, 0))
        if known is not None and self._clock.mono_ms() >= until_mono_ms:
            self.drop(credential)
            return None
        return known

    def keep(self, credential: str, known: Known) -> Known:
        """It has just been looked up."""
        self.drop(credential)
        self._known[credential] = known, self._clock.mono_ms() + KNOWN_MS
        self._credentials_of.setdefault(known.person.id, set()).add(credential)
        if len(self._known) > KNOWN_MAX:
            self.drop(next(iter(self._known)))
        return known

    def drop(self, credential: str) -> None:
        """Look this one up again; harmless when it is not known."""
        known, _ = self._known.pop(credential, (None, 0))
        if known is not None:
            credentials = self._credentials_of[known.person.id]
            credentials.discard(credential)
            if not credentials:
                del self._credentials_of[known.person.id]

    def forget(self, person_id: PersonId) -> None:
        """Something about this person has changed: look up all that is his again."""
        for credential in tuple(self._credentials_of.get(person_id, ())):
            self.drop(credential)
