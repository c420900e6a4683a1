"""Who of the social app is there: heard of within five minutes and not signed out since (SO-18).

Every request counts, and every open line for as long as it is open. The store is told of many at once, every other
second; so each node knows of the people of all nodes.
"""

from collections.abc import Sequence
from typing import Final

from engine import settings
from engine.errors import StoreDown
from engine.node import Node
from engine.presence import Presence
from engine.services.accounts import SOCIAL
from engine.services.social_people import SocialPeople, SocialPerson
from engine.services.welcome import is_shut_out
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import PersonId

__all__ = ["Online"]

TELL_MS: Final = 2_000
LINES_MS: Final = 30_000
TOLD_MAX: Final = 1_000


class Online:
    """Whereabouts of the people of the social app."""

    def __init__(
        self, world: World, options: settings.Settings, *, node: Node, presence: Presence, people: SocialPeople
    ) -> None:
        self._world = world
        self._members = world.stores.members
        self._options = options.social
        self._node = node
        self._presence = presence
        self._people = people
        self._heard_at_ms: dict[PersonId, int] = {}
        self._lines_told_at_ms = 0

    def heard(self, person_id: PersonId) -> None:
        """Somebody has asked something, or shown that his line is alive."""
        self._heard_at_ms[person_id] = self._node.now_ms()

    def left(self, person_id: PersonId) -> None:
        """Somebody has signed out; what he did before is no sign of him any more."""
        self._heard_at_ms.pop(person_id, None)

    async def people(self) -> Sequence[SocialPerson]:
        """Whoever is there and was not excluded, those heard of last first; so many as ``online_listed_max``.

        Raises: StoreDown.
        """
        await self.tell()
        since_ms = self._node.now_ms() - self._options.online_ms
        with store_answers:
            here = await self._members.active(since_ms, limit=self._options.online_listed_max)
        found = await self._people.many(here)
        shown = [found[person_id] for person_id in here if person_id in found]
        return [one for one in shown if not is_shut_out(one.person, self._node)]

    async def run(self) -> None:
        """Tell the store who was heard of."""
        while True:
            await self._world.clock.sleep(TELL_MS)
            now_ms = self._node.now_ms()
            if now_ms - self._lines_told_at_ms >= LINES_MS:
                self._lines_told_at_ms = now_ms
                self._heard_at_ms |= dict.fromkeys(self._presence.held(SOCIAL), now_ms)
            try:
                await self.tell()
            except StoreDown:
                continue  # They are heard of again, or are remembered here until it answers.

    async def tell(self) -> None:
        """Tell the store now.

        Raises: StoreDown: they are told next time.
        """
        while self._heard_at_ms:
            batch = {one: self._heard_at_ms[one] for one in list(self._heard_at_ms)[:TOLD_MAX]}
            with store_answers:
                await self._members.note_active(batch)
            for person_id, at_ms in batch.items():
                if self._heard_at_ms.get(person_id) == at_ms:
                    del self._heard_at_ms[person_id]
