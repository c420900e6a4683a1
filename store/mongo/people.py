"""Accounts and sign-ins."""

import re
from collections.abc import Sequence
from typing import Any, Final

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import ID_MAX, PersonId
from store.interfaces.people import Ban, PersonRecord, Profile, Role, Session
from store.mongo.codec import document_of, fields_of, number, numbers, record_of, text
from store.mongo.collections import PEOPLE, SESSIONS
from store.mongo.connection import Document, Duplicate, Mongo

__all__ = ["MongoPeople", "MongoSessions"]

MANY_MAX: Final = 1000
ID_DIGITS_MAX: Final = len(str(ID_MAX))
NEWEST: Final = (("created_at_ms", -1), ("_id", -1))
LEAST_LATELY_USED: Final = (("seen_at_ms", 1), ("device", 1))


class MongoPeople:
    """``PeopleStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def add(self, person: PersonRecord) -> PersonRecord:
        try:
            await self._mongo.insert(PEOPLE, document_of(person))
        except Duplicate as duplicate:
            known = await self.by_external_id(person.surface, person.external_id)
            if known is None:
                raise Conflict(f"person {person.id} is somebody else") from duplicate
            return known
        return person

    async def get(self, person_id: PersonId) -> PersonRecord | None:
        return _person(await self._mongo.find_one(PEOPLE, {"_id": number(person_id)}))

    async def by_external_id(self, surface: str, external_id: str) -> PersonRecord | None:
        where = {"surface": text(surface), "external_id": text(external_id)}
        return _person(await self._mongo.find_one(PEOPLE, where))

    async def by_public_id(self, surface: str, public_id: str) -> PersonRecord | None:
        # The second half is for the empty one, which is nobody's.
        where = {"surface": text(surface), "public_id": {"$eq": text(public_id), "$gt": ""}}
        return _person(await self._mongo.find_one(PEOPLE, where))

    async def many(self, person_ids: Sequence[PersonId]) -> dict[PersonId, PersonRecord]:
        assert len(person_ids) <= MANY_MAX
        found = await self._mongo.find(PEOPLE, {"_id": {"$in": numbers(person_ids)}})
        people = {PersonId(int(document["_id"])): record_of(document, PersonRecord) for document in found}
        return {person_id: people[person_id] for person_id in person_ids if person_id in people}

    async def set_role(self, person_id: PersonId, role: Role, *, points_per_minute: int) -> None:
        await self._set(person_id, {"role": text(role.value), "points_per_minute": number(points_per_minute)})

    async def set_price(self, person_id: PersonId, points_per_minute: int) -> None:
        await self._set(person_id, {"points_per_minute": number(points_per_minute)})

    async def set_hidden(self, person_id: PersonId, *, is_hidden: bool) -> None:
        await self._set(person_id, {"is_hidden": bool(is_hidden)})

    async def set_profile(self, person_id: PersonId, profile: Profile) -> None:
        changed = {name: value for name, value in fields_of(profile).items() if value is not None}
        # Nothing to change is a change too: it tells whether there is such a person.
        await self._set(person_id, changed or {"_id": number(person_id)})

    async def note_login(self, person_id: PersonId, at_ms: int) -> None:
        await self._change(person_id, {"$max": {"last_login_at_ms": number(at_ms)}})

    async def set_ban(self, person_id: PersonId, ban: Ban | None) -> None:
        await self._set(person_id, {"ban": None if ban is None else fields_of(ban)})

    async def search(self, *, text: str = "", role: Role | None = None, limit: int = 50) -> tuple[PersonRecord, ...]:
        where: Document = {} if role is None else {"role": role.value}
        if text:
            beginning = f"^{re.escape(text)}"
            where["$or"] = [
                {"external_id": {"$eq": text}},
                {"public_id": {"$eq": text}},
                {"nickname": {"$regex": beginning}},
                *_by_number(text),
            ]
        found = await self._mongo.find(PEOPLE, where, sort=NEWEST, limit=limit)
        return tuple(record_of(document, PersonRecord) for document in found)

    async def _set(self, person_id: PersonId, fields: Document) -> None:
        await self._change(person_id, {"$set": fields})

    async def _change(self, person_id: PersonId, change: Document) -> None:
        if not await self._mongo.update(PEOPLE, {"_id": number(person_id)}, change):
            raise NotThere(f"no person {person_id}")


def _person(document: Document | None) -> PersonRecord | None:
    return None if document is None else record_of(document, PersonRecord)


def _by_number(wanted: str) -> list[dict[str, Any]]:
    """The condition that the id, written out, equals ``wanted``; none when no id is written so."""
    is_id = wanted.isascii() and wanted.isdigit() and len(wanted) <= ID_DIGITS_MAX and str(int(wanted)) == wanted
    return [{"_id": number(int(wanted))}] if is_id else []


class MongoSessions:
    """``SessionStore`` in MongoDB. A document is the place of a person and device: the last to sign in holds it."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def open(self, session: Session) -> None:
        place = f"{number(session.person_id)}:{text(session.device)}"
        await self._mongo.replace(SESSIONS, {"_id": place}, {"_id": place, **fields_of(session)})

    async def find(self, token_hash: str, *, idle_since_ms: int) -> Session | None:
        where = {"token_hash": text(token_hash), "seen_at_ms": {"$gte": number(idle_since_ms)}}
        document = await self._mongo.find_one(SESSIONS, where)
        return None if document is None else record_of(document, Session)

    async def of(self, person_id: PersonId) -> tuple[Session, ...]:
        found = await self._mongo.find(SESSIONS, {"person_id": number(person_id)}, sort=LEAST_LATELY_USED)
        return tuple(record_of(document, Session) for document in found)

    async def touch(self, token_hash: str, seen_at_ms: int) -> None:
        change = {"$max": {"seen_at_ms": number(seen_at_ms)}}
        await self._mongo.update(SESSIONS, {"token_hash": text(token_hash)}, change)

    async def close(self, token_hash: str) -> None:
        await self._mongo.delete(SESSIONS, {"token_hash": text(token_hash)})

    async def close_all(self, person_id: PersonId) -> None:
        await self._mongo.delete(SESSIONS, {"person_id": number(person_id)})
