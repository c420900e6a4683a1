"""Groups and who is in them."""

from typing import Final

from store.interfaces.errors import Conflict
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from store.mongo.codec import document_of, number, numbers, record_of
from store.mongo.collections import GROUPS, MEMBERSHIPS
from store.mongo.connection import Document, Duplicate, Mongo, Transaction

__all__ = ["MongoGroups"]

IN_ORDER: Final = (("at_ms", 1), ("group_id", 1), ("person_id", 1))


class MongoGroups:
    """``GroupStore`` in MongoDB. The key of a membership is group and person, so that nobody is in one twice."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def create(self, group: GroupRecord) -> None:
        document = document_of(group)
        membership = _document_of(Joined(group.id, group.owner_id, group.created_at_ms))

        async def both(transaction: Transaction) -> None:
            await transaction.insert(GROUPS, [document])
            await transaction.insert(MEMBERSHIPS, [membership])

        try:
            await self._mongo.transaction(both)
        except Duplicate as duplicate:
            raise Conflict("he has one of that name") from duplicate

    async def get(self, group_id: Snowflake) -> GroupRecord | None:
        found = await self._mongo.find_one(GROUPS, {"_id": number(group_id)})
        return None if found is None else record_of(found, GroupRecord)

    async def join(self, joined: Joined) -> bool:
        try:
            await self._mongo.insert(MEMBERSHIPS, _document_of(joined))
        except Duplicate:
            return False
        return True

    async def is_member(self, group_id: Snowflake, person_id: PersonId) -> bool:
        return await self._mongo.find_one(MEMBERSHIPS, {"_id": _key(group_id, person_id)}) is not None

    async def groups_of(self, person_id: PersonId, *, limit: int) -> tuple[GroupRecord, ...]:
        ids = [one.group_id for one in await self.joined_by(person_id, limit=limit)]
        found = await self._mongo.find(GROUPS, {"_id": {"$in": numbers(ids)}}) if ids else []
        groups = {int(document["_id"]): record_of(document, GroupRecord) for document in found}
        return tuple(groups[group_id] for group_id in ids)

    async def joined_by(self, person_id: PersonId, *, limit: int) -> tuple[Joined, ...]:
        return await self._joined({"person_id": number(person_id)}, limit)

    async def members_of(self, group_id: Snowflake, *, limit: int) -> tuple[PersonId, ...]:
        return tuple(one.person_id for one in await self._joined({"group_id": number(group_id)}, limit))

    async def joined_since(self, at_ms: int, *, limit: int) -> tuple[Joined, ...]:
        return await self._joined({"at_ms": {"$gte": number(at_ms)}}, limit)

    async def _joined(self, where: Document, limit: int) -> tuple[Joined, ...]:
        found = await self._mongo.find(MEMBERSHIPS, where, sort=IN_ORDER, limit=limit)
        return tuple(
            Joined(Snowflake(int(one["group_id"])), PersonId(int(one["person_id"])), int(one["at_ms"])) for one in found
        )


def _document_of(joined: Joined) -> Document:
    return {
        "_id": _key(joined.group_id, joined.person_id),
        "group_id": number(joined.group_id),
        "person_id": number(joined.person_id),
        "at_ms": number(joined.at_ms),
    }


def _key(group_id: Snowflake, person_id: PersonId) -> str:
    return f"{number(group_id)}:{number(person_id)}"
