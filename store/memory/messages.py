"""What people say to each other."""

from collections.abc import Callable, Collection

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import NOTHING, ConversationId, MessageRecord
from store.memory.database import MemoryDatabase

__all__ = ["MemoryMessages"]


class MemoryMessages:
    """``MessageStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def keep(self, message: MessageRecord) -> None:
        assert message.id > message.previous_id
        chain = self._database.messages_of.setdefault(message.conversation_id, [])
        if message.id in self._database.messages or (chain[-1] if chain else NOTHING) != message.previous_id:
            raise Conflict("another message came before")
        self._database.messages[message.id] = message
        chain.append(message.id)

    async def last_id_of(self, conversation_id: ConversationId) -> Snowflake:
        chain = self._database.messages_of.get(conversation_id)
        return chain[-1] if chain else NOTHING

    async def after(
        self, conversation_id: ConversationId, message_id: Snowflake, *, limit: int
    ) -> tuple[MessageRecord, ...]:
        ids = [one for one in self._database.messages_of.get(conversation_id, ()) if one > message_id]
        return tuple(self._database.messages[one] for one in ids[:limit])

    async def before(
        self, conversation_id: ConversationId, message_id: Snowflake | None, *, limit: int
    ) -> tuple[MessageRecord, ...]:
        ids = self._database.messages_of.get(conversation_id, ())
        earlier = [one for one in reversed(ids) if message_id is None or one < message_id]
        return tuple(self._database.messages[one] for one in earlier[:limit])

    async def newest(
        self,
        person_id: PersonId,
        others: Collection[ConversationId],
        *,
        after_id: Snowflake = NOTHING,
        before_id: Snowflake | None = None,
        limit: int,
    ) -> tuple[MessageRecord, ...]:
        wanted = self._in_order(lambda one: person_id in one.people or one.conversation_id in others)
        between = [one for one in wanted if one.id > after_id and (before_id is None or one.id < before_id)]
        return tuple(reversed(between[-limit:])) if limit else ()

    async def kept_after(self, message_id: Snowflake, *, limit: int) -> tuple[tuple[ConversationId, Snowflake], ...]:
        found = self._in_order(lambda one: one.id > message_id)[:limit]
        return tuple((one.conversation_id, one.id) for one in found)

    async def told_up_to(self, person_id: PersonId) -> Snowflake:
        return self._database.told_up_to.get(person_id, NOTHING)

    async def tell_up_to(self, told: dict[PersonId, Snowflake]) -> None:
        for person_id, message_id in told.items():
            self._database.told_up_to[person_id] = max(message_id, self._database.told_up_to.get(person_id, NOTHING))

    def _in_order(self, is_wanted: Callable[[MessageRecord], bool]) -> tuple[MessageRecord, ...]:
        wanted = filter(is_wanted, self._database.messages.values())
        return tuple(sorted(wanted, key=lambda one: one.id))
