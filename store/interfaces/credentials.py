"""How people sign in by a name of their own: kept apart from their public face (DS-8), and as hashes only."""

from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId
from store.interfaces.members import Member, MemberChange
from store.interfaces.people import PersonRecord, Profile

__all__ = ["Credential", "CredentialStore"]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One person's way in.

    ``names`` are what he is found by, in the form in which they are compared; each is one person's on that surface.
    ``password_hash`` is empty where somebody else answers for him. ``email`` is for himself only (ALL-2).
    """

    person_id: PersonId
    surface: str
    names: tuple[str, ...]
    password_hash: str = ""
    email: str = ""

    def __repr__(self) -> str:
        return f"Credential(person_id={self.person_id!r}, surface={self.surface!r})"


class CredentialStore(Protocol):
    """Ways in, one for each person who has any."""

    async def register(self, person: PersonRecord, credential: Credential, member: Member | None = None) -> None:
        """Keep a new person together with his way in, and with what the social app has of him; or nothing of all.

        Raises: Conflict: a name, the id or the public id is somebody's already.
        """

    async def by_name(self, surface: str, name: str) -> Credential | None:
        """Whose name that is, or None."""

    async def of(self, person_id: PersonId) -> Credential | None:
        """How the person signs in, or None."""

    async def change(
        self, before: Credential, after: Credential, *, profile: Profile, member: MemberChange | None = None
    ) -> None:
        """Put ``after`` in the place of ``before``, and change what the person says of himself; or nothing of all.

        His external id becomes the first of his names.

        Raises: Conflict: another name is somebody's already, or ``before`` is not what is there. NotThere: nobody.
        """

    async def set_password(self, person_id: PersonId, password_hash: str) -> None:
        """Keep another hash from now on.

        Raises: NotThere: the person has no way in.
        """

    async def set_email(self, person_id: PersonId, email: str) -> None:
        """Keep another address from now on.

        Raises: NotThere: the person has no way in.
        """
