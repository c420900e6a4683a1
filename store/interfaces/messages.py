"""What people say to each other, conversation by conversation.

A conversation is a chain: each message names the one before it, and no two name the same. So whoever keeps a message
has known the one before, and the order of a conversation is one for everybody, on whatever node: that of its ids. Ids
of two conversations say nothing about which was kept first.
"""

from collections.abc import Collection
from enum import IntEnum
from typing import Final, NewType, Protocol

import msgspec

from store.interfaces.ids import PersonId, Snowflake

__all__ = ["EVERYBODY", "NOTHING", "ConversationId", "Media", "MessageRecord", "MessageStore"]

ConversationId = NewType("ConversationId", str)
"""``p:LOWER:HIGHER`` of two people, ``g:GROUP`` of a group, or ``EVERYBODY``."""

EVERYBODY: Final = ConversationId("all")

NOTHING: Final = Snowflake(0)
"""What the first message of a conversation comes after."""


class Media(IntEnum):
    """What a message is. Source: seed behaviour §4.6."""

    TEXT = 1
    STICKER = 2
    VOICE = 3
    IMAGE = 4


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One message, with the names that people and groups had then.

    ``previous_id`` is the message before it in its conversation, ``NOTHING`` for the first. ``people`` are the two of a
    private conversation, empty for others. ``target_*`` is who or what it was said to: a person, a group, or nothing
    where it was said to everybody. What else there is, clients send along.
    """

    id: Snowflake
    conversation_id: ConversationId
    previous_id: Snowflake
    people: tuple[PersonId, ...] = ()
    sender_id: PersonId
    sender_public_id: str
    sender_name: str
    target_public_id: str
    target_name: str
    media: Media = Media.TEXT
    text: str
    url: str = ""
    picture_url: str = ""
    description: str = ""
    amount: int = 0
    at_ms: int


class MessageStore(Protocol):
    """Messages, and how far each person has certainly been told. Messages never change."""

    async def keep(self, message: MessageRecord) -> None:
        """Keep a message, whose id is greater than that of the one before it.

        Raises: Conflict: another one comes after ``previous_id``, or has that id. Nothing changed.
        """

    async def last_id_of(self, conversation_id: ConversationId) -> Snowflake:
        """The newest message of the conversation; ``NOTHING`` when there is none."""

    async def after(
        self, conversation_id: ConversationId, message_id: Snowflake, *, limit: int
    ) -> tuple[MessageRecord, ...]:
        """What comes after a message of a conversation, or a moment of it, oldest first."""

    async def before(
        self, conversation_id: ConversationId, message_id: Snowflake | None, *, limit: int
    ) -> tuple[MessageRecord, ...]:
        """What comes before it, newest first; the newest of all for None."""

    async def newest(
        self,
        person_id: PersonId,
        others: Collection[ConversationId],
        *,
        after_id: Snowflake = NOTHING,
        before_id: Snowflake | None = None,
        limit: int,
    ) -> tuple[MessageRecord, ...]:
        """Of the person's private conversations and the ``others``, the newest between two ids, newest first.

        Of each conversation it is what was there at one moment: where a message is, so are those before it (within the
        two ids and the limit).
        """

    async def kept_after(self, message_id: Snowflake, *, limit: int) -> tuple[tuple[ConversationId, Snowflake], ...]:
        """Which messages of which conversations have greater ids, in their order."""

    async def told_up_to(self, person_id: PersonId) -> Snowflake:
        """Up to which message the person has certainly been told; ``NOTHING`` where that is not known."""

    async def tell_up_to(self, told: dict[PersonId, Snowflake]) -> None:
        """These have certainly been told up to these; whoever is further already stays there."""
