"""Groups of the social app: made by an owner, joined by whoever knows their id (SO-39 … SO-44)."""

from collections.abc import Callable
from typing import Final

from engine.errors import AlreadyExists, BadInput, NotAMember, NotFound, RoomFull
from engine.node import Node
from engine.services.social_names import require_image
from engine.services.social_people import SocialPeople, SocialPerson
from engine.snowflakes import Snowflakes
from engine.storage import store_answers
from engine.texts import in_lines, one_line, seen
from engine.world import World
from store.interfaces.errors import Conflict
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.people import PersonRecord

__all__ = ["GROUPS_MAX", "Groups", "NameMissing", "NameOfDigits"]

GROUPS_MAX: Final = 500
"""So many groups one person may be in: he listens to all of them at once."""

MEMBERS_LISTED_MAX: Final = 1_000

NAME_CHARS_MAX: Final = 30
"""Source: contract (social-contact-create-community)."""


class NameMissing(BadInput):
    """A group has a name."""


class NameOfDigits(BadInput):
    """A name that could be taken for an id. Source: SO-41."""


class Groups:
    """Who made which group, and who is in it."""

    def __init__(self, world: World, *, node: Node, people: SocialPeople, snowflakes: Snowflakes) -> None:
        self.on_joined: Callable[[Joined], None] = lambda _joined: None
        """Hears of everybody who becomes a member here."""
        self._store = world.stores.groups
        self._node = node
        self._people = people
        self._snowflakes = snowflakes

    async def create(
        self, owner: PersonRecord, name: str, *, picture_url: str = "", description: str = ""
    ) -> GroupRecord:
        """A new group, with its owner in it.

        Raises: NameMissing. NameOfDigits. BadInput: longer than 30 characters; no picture (``icon``). AlreadyExists: he
            has one of that name. RoomFull: he is in as many groups as one may. StoreDown.
        """
        name = one_line(name)
        # What nobody sees, such as a space without width, makes neither a name nor one that is more than digits.
        if not seen(name).strip():
            raise NameMissing(field="name")
        if seen(name).strip().isdigit():
            raise NameOfDigits(field="name")
        if len(name) > NAME_CHARS_MAX:
            raise BadInput("at most 30 characters", field="name")
        require_image(picture_url, field="icon")
        await self._require_place(owner.id)
        group = GroupRecord(
            id=await self._snowflakes.next(),
            owner_id=owner.id,
            name=name,
            picture_url=picture_url,
            description=in_lines(description),
            created_at_ms=self._node.now_ms(),
        )
        with store_answers:
            try:
                await self._store.create(group)
            except Conflict:
                raise AlreadyExists from None
        self.on_joined(Joined(group.id, owner.id, group.created_at_ms))
        return group

    async def join(self, person: PersonRecord, group_id: Snowflake) -> None:
        """Be in the group; harmless for whoever is.

        Raises: NotFound (group). RoomFull: he is in as many groups as one may. StoreDown.
        """
        await self.get(group_id)
        with store_answers:
            if await self._store.is_member(group_id, person.id):
                return
        await self._require_place(person.id)
        joined = Joined(group_id, person.id, self._node.now_ms())
        with store_answers:
            is_new = await self._store.join(joined)
        if is_new:
            self.on_joined(joined)

    async def get(self, group_id: Snowflake) -> GroupRecord:
        """The group.

        Raises: NotFound (group). StoreDown.
        """
        with store_answers:
            group = await self._store.get(group_id)
        if group is None:
            raise NotFound("group")
        return group

    async def of_member(self, person_id: PersonId, group_id: Snowflake) -> GroupRecord:
        """The group, for somebody who is in it.

        Raises: NotFound (group). NotAMember. StoreDown.
        """
        group = await self.get(group_id)
        with store_answers:
            if not await self._store.is_member(group_id, person_id):
                raise NotAMember
        return group

    async def of(self, person_id: PersonId) -> tuple[GroupRecord, ...]:
        """The groups he is in, in the order in which he came to them.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.groups_of(person_id, limit=GROUPS_MAX)

    async def members(self, person_id: PersonId, group_id: Snowflake) -> tuple[SocialPerson, ...]:
        """The first ``MEMBERS_LISTED_MAX`` people in a group, for one of them.

        Raises: NotFound (group). NotAMember. StoreDown.
        """
        await self.of_member(person_id, group_id)
        with store_answers:
            ids = await self._store.members_of(group_id, limit=MEMBERS_LISTED_MAX)
        people = await self._people.many(ids)
        return tuple(people[one] for one in ids if one in people)

    async def owners(self, groups: tuple[GroupRecord, ...]) -> dict[PersonId, PersonRecord]:
        """Whose groups they are.

        Raises: StoreDown.
        """
        people = await self._people.many({group.owner_id for group in groups})
        return {person_id: shown.person for person_id, shown in people.items()}

    async def _require_place(self, person_id: PersonId) -> None:
        with store_answers:
            joined = await self._store.joined_by(person_id, limit=GROUPS_MAX)
        if len(joined) == GROUPS_MAX:
            # Not to the last one: whoever joins two at the same moment may be in one more, which harms nobody.
            raise RoomFull
