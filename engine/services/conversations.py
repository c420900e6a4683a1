"""Talking to friends, in groups and to everybody, and reading it later (seed behaviour §4.6, SO-45 … SO-52).

Who may say what to whom, and read what. Whether somebody may is asked each time anew (SEC-11). How a message gets to
those it is for is ``deliveries``'.
"""

from typing import Final

import msgspec

from engine import settings
from engine.errors import BadInput, Forbidden, NotFound, WrongRole
from engine.node import Node
from engine.services.deliveries import Deliveries, conversation_of_group, conversation_of_two
from engine.services.friends import Friends
from engine.services.groups import GROUPS_MAX, Groups
from engine.services.social_people import SocialPeople, SocialPerson
from engine.services.welcome import require_welcome
from engine.snowflakes import Snowflakes
from engine.storage import store_answers
from engine.texts import in_lines
from engine.world import World
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import EVERYBODY, ConversationId, Media, MessageRecord
from store.interfaces.people import PersonRecord

__all__ = ["HISTORY_MAX", "LEVEL_TO_ALL", "Conversations", "Draft", "NoAssistant"]

HISTORY_MAX: Final = 50
"""Source: contract (social-chat-history)."""

LEVEL_TO_ALL: Final = 3
"""Who may speak to everybody. Source: SO-48."""


class NoAssistant(NotFound):
    """There is no assistant here. Source: SO-49."""

    def __init__(self) -> None:
        super().__init__("assistant")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to say; ``text`` may be empty where ``url`` is what he says."""

    text: str = ""
    media: Media = Media.TEXT
    url: str = ""
    picture_url: str = ""
    description: str = ""
    amount: int = 0


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    conversation_id: ConversationId
    public_id: str = ""
    name: str = ""
    people: tuple[PersonId, ...] = ()


class Conversations:
    """Everything that people say to each other on the social app."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        people: SocialPeople,
        friends: Friends,
        groups: Groups,
        snowflakes: Snowflakes,
    ) -> None:
        self._options = options.social
        self._node = node
        self._people = people
        self._friends = friends
        self._groups = groups
        self._group_store = world.stores.groups
        self._messages = world.stores.messages
        self._snowflakes = snowflakes
        self.deliveries = Deliveries(world, node=node, snowflakes=snowflakes, backlog_max=options.social.backlog_max)
        groups.on_joined = self.deliveries.joined

    # --- saying ----------------------------------------------------------------------------------------------------

    async def say_to_person(self, sender_id: PersonId, public_id: Snowflake, draft: Draft) -> MessageRecord:
        """Say something to one other person.

        Raises: NotFound (person). BadInput: to oneself. Forbidden: to a stranger. Banned. StoreDown.
        """
        sender = await self._sender(sender_id)
        other = (await self._people.find(public_id)).person
        if other.id == sender.person.id:
            raise BadInput("nobody talks to himself", field="to")
        await self._require_friends(sender.person.id, other.id)
        target = _Target(
            conversation_id=conversation_of_two(sender.person.id, other.id),
            public_id=other.public_id,
            name=other.nickname,
            people=(sender.person.id, other.id),
        )
        return await self._say(sender.person, target, draft)

    async def say_to_group(self, sender_id: PersonId, group_id: Snowflake, draft: Draft) -> MessageRecord:
        """Say something to all members of a group, as one of them.

        Raises: NotFound (group). NotAMember. Banned. StoreDown.
        """
        sender = await self._sender(sender_id)
        group = await self._groups.of_member(sender.person.id, group_id)
        target = _Target(conversation_id=conversation_of_group(group.id), public_id=str(group.id), name=group.name)
        return await self._say(sender.person, target, draft)

    async def say_to_all(self, sender_id: PersonId, draft: Draft) -> MessageRecord:
        """Say something to everybody.

        Raises: WrongRole: not an administrator. Banned. StoreDown.
        """
        sender = await self._sender(sender_id)
        if sender.member.level < LEVEL_TO_ALL:
            raise WrongRole
        return await self._say(sender.person, _Target(conversation_id=EVERYBODY), draft)

    async def ask_assistant(self, sender_id: PersonId, text: str) -> tuple[Snowflake, str, int]:
        """Id, text and time of what an assistant answers, which nobody else hears and nobody keeps.

        Raises: NoAssistant. Banned. StoreDown.
        """
        if not self._options.echo_bot:
            raise NoAssistant
        await self._sender(sender_id)
        return await self._snowflakes.next(), text, self._node.now_ms()

    # --- reading ---------------------------------------------------------------------------------------------------

    async def with_person(
        self, person_id: PersonId, public_id: Snowflake, *, before_id: Snowflake | None, count: int
    ) -> tuple[MessageRecord, ...]:
        """What the two have said to each other, newest first, before a message; at most ``HISTORY_MAX``.

        Raises: NotFound (person). BadInput: with oneself. StoreDown.
        """
        other = (await self._people.find(public_id)).person
        if other.id == person_id:
            raise BadInput("nobody talks to himself", field="to")
        return await self._before(conversation_of_two(person_id, other.id), before_id, count)

    async def in_group(
        self, person_id: PersonId, group_id: Snowflake, *, before_id: Snowflake | None, count: int
    ) -> tuple[MessageRecord, ...]:
        """What was said in a group, for a member.

        Raises: NotFound (group). NotAMember. StoreDown.
        """
        group = await self._groups.of_member(person_id, group_id)
        return await self._before(conversation_of_group(group.id), before_id, count)

    async def to_all(self, *, before_id: Snowflake | None, count: int) -> tuple[MessageRecord, ...]:
        """What was said to everybody.

        Raises: StoreDown.
        """
        return await self._before(EVERYBODY, before_id, count)

    async def everywhere(
        self, person_id: PersonId, *, before_id: Snowflake | None, count: int
    ) -> tuple[MessageRecord, ...]:
        """What was said in any conversation he is in.

        Raises: StoreDown.
        """
        with store_answers:
            joined = await self._group_store.joined_by(person_id, limit=GROUPS_MAX)
            others = [EVERYBODY, *(conversation_of_group(one.group_id) for one in joined)]
            return await self._messages.newest(person_id, others, before_id=before_id, limit=min(count, HISTORY_MAX))

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _sender(self, person_id: PersonId) -> SocialPerson:
        """The person as he is now, not as when his socket opened."""
        people = await self._people.many((person_id,))
        if person_id not in people:
            raise NotFound("person")
        require_welcome(people[person_id].person, self._node)
        return people[person_id]

    async def _require_friends(self, one: PersonId, other: PersonId) -> None:
        if not self._options.open_private_chat and not await self._friends.are_friends(one, other):
            raise Forbidden("only friends talk with each other")

    async def _say(self, sender: PersonRecord, target: _Target, draft: Draft) -> MessageRecord:
        def make(message_id: Snowflake, previous_id: Snowflake, at_ms: int) -> MessageRecord:
            return MessageRecord(
                id=message_id,
                conversation_id=target.conversation_id,
                previous_id=previous_id,
                people=target.people,
                sender_id=sender.id,
                sender_public_id=sender.public_id,
                sender_name=sender.nickname,
                target_public_id=target.public_id,
                target_name=target.name,
                media=draft.media,
                text=draft.text,
                url=draft.url,
                picture_url=draft.picture_url,
                description=in_lines(draft.description),
                amount=draft.amount,
                at_ms=at_ms,
            )

        return await self.deliveries.keep(target.conversation_id, make)

    async def _before(
        self, conversation_id: ConversationId, before_id: Snowflake | None, count: int
    ) -> tuple[MessageRecord, ...]:
        with store_answers:
            return await self._messages.before(conversation_id, before_id, limit=min(count, HISTORY_MAX))
