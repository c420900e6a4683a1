"""What the social app keeps of its people."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId
from store.interfaces.members import TOP_LEVEL, Member, MemberChange
from store.mongo.codec import fields_of, number, numbers, record_of, text
from store.mongo.collections import COUNTERS, MEMBERS
from store.mongo.connection import Document, Mongo, Transaction
from store.mongo.contended import Contended

__all__ = ["MongoMembers", "member_document", "member_statement"]

LAST_FIRST: Final = (("active_at_ms", -1), ("_id", -1))
HAS_NOT_LEFT: Final = {"$or": [{"logged_out_at_ms": 0}, {"$expr": {"$gt": ["$active_at_ms", "$logged_out_at_ms"]}}]}
DEMOTIONS: Final = {"_id": "demotions"}
"""Touched by each of them, so that of two at once one sees the other."""


def member_document(member: Member) -> Document:
    """A member as he is kept: his number is the key."""
    fields = fields_of(member)
    return {"_id": fields.pop("person_id"), **fields}


def member_statement(person_id: PersonId, change: MemberChange) -> Document:
    """The statement that makes ``change``."""
    said = {name: text(value) for name in ("bio", "phone") if (value := getattr(change, name)) is not None}
    update: Document = {"$max": {"level": number(change.level_min), "updated_at_ms": number(change.at_ms)}}
    return {"q": {"_id": number(person_id)}, "u": {**update, "$set": said} if said else update}


class _NobodyLeft(Exception):
    """Nobody of the top level would be left."""


class MongoMembers:
    """``MemberStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._contended = Contended(mongo)

    async def get(self, person_id: PersonId) -> Member | None:
        document = await self._mongo.find_one(MEMBERS, {"_id": number(person_id)})
        return None if document is None else _member(document)

    async def many(self, person_ids: Collection[PersonId]) -> dict[PersonId, Member]:
        found = await self._mongo.find(MEMBERS, {"_id": {"$in": numbers(person_ids)}})
        return {member.person_id: member for member in map(_member, found)}

    async def set_level(self, person_id: PersonId, level: int, *, at_ms: int) -> bool:
        where, top = {"_id": number(person_id)}, number(TOP_LEVEL)
        change = {"$set": {"level": number(level)}, "$max": {"updated_at_ms": number(at_ms)}}

        async def change_level(transaction: Transaction) -> None:
            before = await transaction.find(MEMBERS, where, fields={"level": 1})
            if not before:
                raise NotThere(f"person {person_id} is no member")
            await transaction.update(MEMBERS, [{"q": where, "u": change}])
            if before[0]["level"] != TOP_LEVEL or level == TOP_LEVEL:
                return
            await transaction.update(COUNTERS, [{"q": DEMOTIONS, "u": {"$inc": {"next": number(1)}}, "upsert": True}])
            if not await transaction.find(MEMBERS, {"level": top}, fields={"_id": 1}, limit=1):
                raise _NobodyLeft

        try:
            await self._contended.run(DEMOTIONS["_id"], change_level)
        except _NobodyLeft:
            return False
        return True

    async def note_login(self, person_id: PersonId, at_ms: int, *, device: str, address: str) -> None:
        times = {"login_at_ms": number(at_ms), "active_at_ms": number(at_ms)}
        whence = {"device": text(device), "address": text(address)}
        await self._change(person_id, {"$max": times, "$set": whence})

    async def note_logout(self, person_id: PersonId, at_ms: int) -> None:
        await self._change(person_id, {"$max": {"logged_out_at_ms": number(at_ms)}})

    async def note_active(self, at_ms: Mapping[PersonId, int]) -> None:
        statements: list[Document] = [
            {"q": {"_id": number(person_id)}, "u": {"$max": {"active_at_ms": number(heard_at_ms)}}}
            for person_id, heard_at_ms in at_ms.items()
        ]
        if statements:
            await self._mongo.update_each(MEMBERS, statements)

    async def active(self, since_ms: int, *, limit: int) -> tuple[PersonId, ...]:
        where = {"active_at_ms": {"$gte": number(since_ms)}, **HAS_NOT_LEFT}
        found = await self._mongo.find(MEMBERS, where, sort=LAST_FIRST, limit=limit)
        return tuple(PersonId(int(document["_id"])) for document in found)

    async def _change(self, person_id: PersonId, change: Document) -> None:
        if not await self._mongo.update(MEMBERS, {"_id": number(person_id)}, change):
            raise NotThere(f"person {person_id} is no member")


def _member(document: dict[str, Any]) -> Member:
    return record_of({"person_id": document["_id"], **document}, Member)
