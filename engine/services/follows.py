"""Following rooms of the site (SITE-36)."""

from typing import Final

from engine.node import Node
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.shows import ShowRecord

__all__ = ["Follows"]

LISTED_MAX: Final = 1_000


class Follows:
    """Who follows which room."""

    def __init__(self, world: World, *, node: Node) -> None:
        self._store = world.stores.follows
        self._node = node

    async def set(self, person_id: PersonId, show: ShowRecord, *, follows: bool | None) -> bool:
        """Follow the room or not, or where nothing is said the other way round; whether the person follows it now.

        Raises: StoreDown.
        """
        with store_answers:
            match follows:
                case None:
                    return await self._store.toggle(person_id, show.id, self._node.now_ms())
                case True:
                    await self._store.follow(person_id, show.id, self._node.now_ms())
                case False:
                    await self._store.unfollow(person_id, show.id)
        return follows

    async def follows(self, person_id: PersonId, room_id: RoomId) -> bool:
        """Whether the person follows the room.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.follows(person_id, room_id)

    async def rooms_of(self, person_id: PersonId) -> tuple[RoomId, ...]:
        """The rooms he follows, those he followed last first.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.rooms_of(person_id, limit=LISTED_MAX)
