"""Friends of the social app: added by name, at once and for both (SO-37, SO-38)."""

from typing import Final

from engine.errors import AlreadyExists, BadInput
from engine.node import Node
from engine.services.social_people import SocialPeople, SocialPerson
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord

__all__ = ["Friends", "NotYourself"]

LISTED_MAX: Final = 1_000
"""Who has more friends sees the latest of them where he asks for all at once."""


class NotYourself(BadInput):
    """Nobody is his own friend."""


class Friends:
    """Who is whose friend."""

    def __init__(self, world: World, *, node: Node, people: SocialPeople) -> None:
        self._store = world.stores.friends
        self._node = node
        self._people = people

    async def add(self, person: PersonRecord, username: str) -> None:
        """The two are friends from now on.

        Raises: NotFound (person). NotYourself. AlreadyExists: they are already. StoreDown.
        """
        other = await self._people.named(username)
        if other.person.id == person.id:
            raise NotYourself
        with store_answers:
            try:
                await self._store.befriend(person.id, other.person.id, self._node.now_ms())
            except Conflict:
                raise AlreadyExists from None

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        """Whether the two are friends.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.are_friends(one, other)

    async def latest(self, person_id: PersonId, *, skip: int = 0, limit: int = LISTED_MAX) -> tuple[SocialPerson, ...]:
        """His friends, the latest first.

        Raises: StoreDown.
        """
        with store_answers:
            ids = await self._store.friends_of(person_id, skip=skip, limit=limit)
        people = await self._people.many(ids)
        return tuple(people[one] for one in ids if one in people)

    async def by_name(self, person_id: PersonId, *, skip: int = 0, limit: int = LISTED_MAX) -> tuple[SocialPerson, ...]:
        """The latest ``LISTED_MAX`` of his friends in the order of their names, which they may change at any time.

        Raises: StoreDown.
        """
        friends = sorted(await self.latest(person_id), key=lambda one: (one.person.external_id, one.person.id))
        return tuple(friends[skip : skip + limit])
