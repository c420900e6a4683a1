"""What people say to each other."""

from collections.abc import Collection
from typing import Final

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import NOTHING, ConversationId, MessageRecord
from store.mongo.codec import document_of, number, record_of, text, texts
from store.mongo.collections import MESSAGES, TOLD
from store.mongo.connection import Document, Duplicate, Mongo

__all__ = ["MongoMessages"]

CONVERSATIONS_AT_ONCE_MAX: Final = 100
"""More than some 200 ranges of an index are no longer merged in its order: everything in them would be sorted."""


class MongoMessages:
    """``MessageStore`` in MongoDB.

    One insertion keeps a message: the index over (conversation, previous message) lets only one come after another, so
    nothing has to be locked and nobody waits for a conversation. ``people`` is left out where it is empty.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def keep(self, message: MessageRecord) -> None:
        assert message.id > message.previous_id
        document = document_of(message)
        if not message.people:
            del document["people"]
        try:
            await self._mongo.insert(MESSAGES, document)
        except Duplicate as duplicate:
            raise Conflict("another message came before") from duplicate

    async def last_id_of(self, conversation_id: ConversationId) -> Snowflake:
        where = {"conversation_id": text(conversation_id)}
        found = await self._mongo.find_one(MESSAGES, where, sort=(("_id", -1),))
        return NOTHING if found is None else Snowflake(int(found["_id"]))

    async def after(
        self, conversation_id: ConversationId, message_id: Snowflake, *, limit: int
    ) -> tuple[MessageRecord, ...]:
        where = {"conversation_id": text(conversation_id), "_id": {"$gt": number(message_id)}}
        return await self._at_once(where, 1, limit)

    async def before(
        self, conversation_id: ConversationId, message_id: Snowflake | None, *, limit: int
    ) -> tuple[MessageRecord, ...]:
        where: Document = {"conversation_id": text(conversation_id)}
        if message_id is not None:
            where["_id"] = {"$lt": number(message_id)}
        found = await self._mongo.find(MESSAGES, where, sort=(("_id", -1),), limit=limit)
        return tuple(record_of(document, MessageRecord) for document in found)

    async def newest(
        self,
        person_id: PersonId,
        others: Collection[ConversationId],
        *,
        after_id: Snowflake = NOTHING,
        before_id: Snowflake | None = None,
        limit: int,
    ) -> tuple[MessageRecord, ...]:
        between: Document = {"$gt": number(after_id)}
        if before_id is not None:
            between["$lt"] = number(before_id)
        ids = texts(others)
        places = range(0, len(ids), CONVERSATIONS_AT_ONCE_MAX)
        among: list[Document] = [{"people": number(person_id)}]
        among += [{"conversation_id": {"$in": ids[place : place + CONVERSATIONS_AT_ONCE_MAX]}} for place in places]
        found: list[MessageRecord] = []
        # No conversation is in two of them, so each is seen at one moment.
        for where in among:
            found += await self._at_once(where | {"_id": between}, -1, limit)
        return tuple(sorted(found, key=lambda one: one.id, reverse=True)[:limit])

    async def kept_after(self, message_id: Snowflake, *, limit: int) -> tuple[tuple[ConversationId, Snowflake], ...]:
        pipeline: list[Document] = [
            {"$match": {"_id": {"$gt": number(message_id)}}},
            {"$sort": {"_id": 1}},
            {"$limit": limit},
            {"$project": {"conversation_id": 1}},
        ]
        found = await self._mongo.aggregate(MESSAGES, pipeline)
        return tuple((ConversationId(one["conversation_id"]), Snowflake(int(one["_id"]))) for one in found)

    async def told_up_to(self, person_id: PersonId) -> Snowflake:
        found = await self._mongo.find_one(TOLD, {"_id": number(person_id)})
        return NOTHING if found is None else Snowflake(int(found["message_id"]))

    async def tell_up_to(self, told: dict[PersonId, Snowflake]) -> None:
        statements = [
            {"q": {"_id": number(person_id)}, "u": {"$max": {"message_id": number(message_id)}}, "upsert": True}
            for person_id, message_id in told.items()
        ]
        if statements:
            await self._mongo.update_each(TOLD, statements)

    async def _at_once(self, where: Document, direction: int, limit: int) -> tuple[MessageRecord, ...]:
        """What matches, as of one moment: a scan lets in behind it what has come since, and may see what followed."""
        if limit == 0:
            return ()
        pipeline: list[Document] = [{"$match": where}, {"$sort": {"_id": direction}}, {"$limit": limit}]
        found = await self._mongo.aggregate_at_once(MESSAGES, pipeline)
        return tuple(record_of(document, MessageRecord) for document in found)
