"""People and their sign-ins."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import asdict, replace

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.people import Ban, PersonRecord, Profile, Role, Session
from store.memory.database import MemoryDatabase

__all__ = ["MemoryPeople", "MemorySessions"]

MANY_MAX: Final = 1000


class MemoryPeople:
    """``PeopleStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, person: PersonRecord) -> PersonRecord:
        key = (person.surface, person.external_id)
        known = self._database.person_by_external_id.get(key)
        if known is not None:
            return self._database.people[known]
        public_key = (person.surface, person.public_id)
        if person.id in self._database.people or public_key in self._database.person_by_public_id:
            raise Conflict(f"person {person.id} is somebody else")
        self._database.people[person.id] = person
        self._database.person_by_external_id[key] = person.id
        if person.public_id:
            self._database.person_by_public_id[public_key] = person.id
        return person

    async def get(self, person_id: PersonId) -> PersonRecord | None:
        return self._database.people.get(person_id)

    async def by_external_id(self, surface: str, external_id: str) -> PersonRecord | None:
        known = self._database.person_by_external_id.get((surface, external_id))
        return None if known is None else self._database.people[known]

    async def by_public_id(self, surface: str, public_id: str) -> PersonRecord | None:
        known = self._database.person_by_public_id.get((surface, public_id))
        return None if known is None else self._database.people[known]

    async def many(self, person_ids: Sequence[PersonId]) -> dict[PersonId, PersonRecord]:
        assert len(person_ids) <= MANY_MAX
        people = self._database.people
        return {person_id: people[person_id] for person_id in person_ids if person_id in people}

    async def set_role(self, person_id: PersonId, role: Role, *, points_per_minute: int) -> None:
        self._keep(replace(self._kept(person_id), role=role, points_per_minute=points_per_minute))

    async def set_price(self, person_id: PersonId, points_per_minute: int) -> None:
        self._keep(replace(self._kept(person_id), points_per_minute=points_per_minute))

    async def set_hidden(self, person_id: PersonId, *, is_hidden: bool) -> None:
        self._keep(replace(self._kept(person_id), is_hidden=is_hidden))

    async def set_profile(self, person_id: PersonId, profile: Profile) -> None:
        changed = {name: value for name, value in asdict(profile).items() if value is not None}
        self._keep(replace(self._kept(person_id), **changed))

    async def note_login(self, person_id: PersonId, at_ms: int) -> None:
        person = self._kept(person_id)
        self._keep(replace(person, last_login_at_ms=max(at_ms, person.last_login_at_ms or 0)))

    async def set_ban(self, person_id: PersonId, ban: Ban | None) -> None:
        self._keep(replace(self._kept(person_id), ban=ban))

    async def search(self, *, text: str = "", role: Role | None = None, limit: int = 50) -> tuple[PersonRecord, ...]:
        found = [
            person
            for person in self._database.people.values()
            if (role is None or person.role is role)
            and (text in (str(person.id), person.external_id, person.public_id) or person.nickname.startswith(text))
        ]
        found.sort(key=lambda person: (person.created_at_ms, person.id), reverse=True)
        return tuple(found[:limit])

    def _kept(self, person_id: PersonId) -> PersonRecord:
        person = self._database.people.get(person_id)
        if person is None:
            raise NotThere(f"no person {person_id}")
        return person

    def _keep(self, person: PersonRecord) -> None:
        self._database.people[person.id] = person


class MemorySessions:
    """``SessionStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def open(self, session: Session) -> None:
        self._forget([kept for kept in self._of(session.person_id) if kept.device == session.device])
        self._database.sessions[session.token_hash] = session

    async def find(self, token_hash: str, *, idle_since_ms: int) -> Session | None:
        session = self._database.sessions.get(token_hash)
        return session if session is not None and session.seen_at_ms >= idle_since_ms else None

    async def of(self, person_id: PersonId) -> tuple[Session, ...]:
        return tuple(sorted(self._of(person_id), key=lambda session: (session.seen_at_ms, session.device)))

    async def touch(self, token_hash: str, seen_at_ms: int) -> None:
        session = self._database.sessions.get(token_hash)
        if session is not None and session.seen_at_ms < seen_at_ms:
            self._database.sessions[token_hash] = replace(session, seen_at_ms=seen_at_ms)

    async def close(self, token_hash: str) -> None:
        self._database.sessions.pop(token_hash, None)

    async def close_all(self, person_id: PersonId) -> None:
        self._forget(self._of(person_id))

    def _of(self, person_id: PersonId) -> list[Session]:
        return [session for session in self._database.sessions.values() if session.person_id == person_id]

    def _forget(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            del self._database.sessions[session.token_hash]
