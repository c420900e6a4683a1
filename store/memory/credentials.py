"""How people sign in by a name of their own."""

from msgspec.structs import replace

from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.members import Member, MemberChange
from store.interfaces.people import PersonRecord, Profile
from store.memory.database import MemoryDatabase
from store.memory.members import changed_member
from store.memory.people import MemoryPeople

__all__ = ["MemoryCredentials"]


class MemoryCredentials:
    """``CredentialStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._people = MemoryPeople(database)

    async def register(self, person: PersonRecord, credential: Credential, member: Member | None = None) -> None:
        surface = credential.surface
        taken = (name for name in credential.names if (surface, name) in self._database.person_by_name)
        if any(taken) or credential.person_id in self._database.credentials:
            raise Conflict("a name is somebody else's")
        if (person.surface, person.external_id) in self._database.person_by_external_id:
            raise Conflict(f"{person.external_id} is somebody already")
        await self._people.add(person)
        self._database.credentials[credential.person_id] = credential
        for name in credential.names:
            self._database.person_by_name[surface, name] = credential.person_id
        if member is not None:
            self._database.members[member.person_id] = member

    async def change(
        self, before: Credential, after: Credential, *, profile: Profile, member: MemberChange | None = None
    ) -> None:
        surface, person_id = before.surface, before.person_id
        if self._kept(person_id) != before:
            raise Conflict("changed meanwhile")
        if any(self._database.person_by_name.get((surface, name), person_id) != person_id for name in after.names):
            raise Conflict("a name is somebody else's")
        for name in before.names:
            del self._database.person_by_name[surface, name]
        self._database.person_by_name |= {(surface, name): person_id for name in after.names}
        self._keep(after)
        person = self._database.people[person_id]
        del self._database.person_by_external_id[surface, person.external_id]
        self._database.person_by_external_id[surface, after.names[0]] = person_id
        self._database.people[person_id] = replace(person, external_id=after.names[0])
        await self._people.set_profile(person_id, profile)
        if member is not None:
            self._database.members[person_id] = changed_member(self._database.members[person_id], member)

    async def by_name(self, surface: str, name: str) -> Credential | None:
        known = self._database.person_by_name.get((surface, name))
        return None if known is None else self._database.credentials[known]

    async def of(self, person_id: PersonId) -> Credential | None:
        return self._database.credentials.get(person_id)

    async def set_password(self, person_id: PersonId, password_hash: str) -> None:
        self._keep(replace(self._kept(person_id), password_hash=password_hash))

    async def set_email(self, person_id: PersonId, email: str) -> None:
        self._keep(replace(self._kept(person_id), email=email))

    def _kept(self, person_id: PersonId) -> Credential:
        credential = self._database.credentials.get(person_id)
        if credential is None:
            raise NotThere(f"no way in for person {person_id}")
        return credential

    def _keep(self, credential: Credential) -> None:
        self._database.credentials[credential.person_id] = credential
