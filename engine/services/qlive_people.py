"""People of the blind-date rooms: found by the id they show, and what they say of themselves."""

from msgspec.structs import replace

from engine.errors import BadInput, NotFound, WrongPhase
from engine.node import Node
from engine.services.accounts import NICKNAME_WIDTH_MAX, QLIVE, unfit_for_blind_dates
from engine.services.identity import Identity
from engine.storage import store_answers
from engine.texts import cut_to_width, one_line
from engine.world import World
from store.interfaces.people import PersonRecord, Profile

__all__ = ["QlivePeople"]


class QlivePeople:
    """Finding people, their profiles, and whom they like."""

    def __init__(self, world: World, *, node: Node, identity: Identity) -> None:
        self._world = world
        self._node = node
        self._identity = identity

    async def person(self, public_id: str) -> PersonRecord:
        """Who shows this id.

        Raises: NotFound: nobody. StoreDown.
        """
        with store_answers:
            person = await self._world.stores.people.by_public_id(QLIVE, public_id)
        if person is None:
            raise NotFound("person")
        return person

    async def change(self, person: PersonRecord, wanted: Profile, *, is_seated: bool) -> PersonRecord:
        """The person with another profile. A nickname is cut to what there is room for. Source: QL-8, QL-41.

        Raises:
            BadInput: a field is not acceptable; nothing has changed.
            WrongPhase: another gender, while the person has a seat for this one.
            StoreDown.
        """
        if field := unfit_for_blind_dates(wanted):
            raise BadInput(f"{field} is not acceptable", field=field)
        if is_seated and wanted.gender not in (None, person.gender):
            raise WrongPhase("a seat is for one gender")
        if wanted.nickname is not None:
            nickname = cut_to_width(one_line(wanted.nickname), NICKNAME_WIDTH_MAX)
            # Of a name that is nothing but control characters nothing is left; then the one there is stays.
            wanted = replace(wanted, nickname=nickname or None)
        with store_answers:
            await self._world.stores.people.set_profile(person.id, wanted)
            changed = await self._world.stores.people.get(person.id)
        assert changed is not None, f"person {person.id} vanished"
        self._identity.forget(person.id)
        return changed

    async def set_like(self, person: PersonRecord, public_id: str, *, is_liked: bool) -> None:
        """Like somebody, or no longer. Source: QL-40.

        Raises: NotFound: nobody shows that id. BadInput: it is the person himself. StoreDown.
        """
        liked = await self.person(public_id)
        if liked.id == person.id:
            raise BadInput("nobody likes himself here", field="user_id")
        likes = self._world.stores.likes
        with store_answers:
            if is_liked:
                await likes.like(person.id, liked.id, self._node.now_ms())
            else:
                await likes.unlike(person.id, liked.id)

    async def likes(self, person: PersonRecord, public_id: str) -> bool:
        """Whether the person likes the one who shows that id.

        Raises: NotFound. StoreDown.
        """
        liked = await self.person(public_id)
        with store_answers:
            return await self._world.stores.likes.likes(person.id, liked.id)
