"""How people sign in by a name of their own."""

from msgspec.structs import replace

from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord
from store.memory.database import MemoryDatabase
from store.memory.people import MemoryPeople

__all__ = ["MemoryCredentials"]


class MemoryCredentials:
    """``CredentialStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._people = MemoryPeople(database)

    async def register(self, person: PersonRecord, credential: Credential) -> None:
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
