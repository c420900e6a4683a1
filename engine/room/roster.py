"""Who watches which room, told to the presence store, so that a new owner begins with those whom the former one had.

Viewers are kept nowhere else (e.5). The store may have forgotten them; then they come back one by one.
"""

from collections.abc import Mapping
from typing import Final

from engine.ports import Clock, Log
from engine.room.state import Viewer
from store.interfaces.errors import StoreError
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PeopleStore, PersonRecord
from store.interfaces.presence import PresenceStore
from store.interfaces.rooms import Face

__all__ = ["Roster", "face_of"]

PEOPLE_AT_ONCE_MAX: Final = 1_000
REFRESHES: Final = 3
"""How often somebody is published again before he would be forgotten."""


def face_of(person: PersonRecord) -> Face:
    """What everybody in a room may see of a person."""
    return Face(
        public_id=person.public_id,
        nickname=person.nickname,
        avatar_url=person.avatar_url,
        gender=person.gender,
        age=person.age,
        area=person.area,
    )


class _Changes:
    __slots__ = ("came", "went")

    def __init__(self) -> None:
        self.came: dict[PersonId, None] = {}
        self.went: dict[PersonId, None] = {}


class Roster:
    """Publishes the viewers of this node's rooms, for ``expires_ms`` each time."""

    def __init__(
        self,
        presence: PresenceStore,
        people: PeopleStore,
        *,
        every_ms: int,
        expires_ms: int,
        clock: Clock,
        log: Log,
    ) -> None:
        self._presence = presence
        self._people = people
        self._every_ms = every_ms
        self._expires_ms = expires_ms
        self._clock = clock
        self._log = log
        self._here: dict[RoomId, dict[PersonId, None]] = {}
        self._changes: dict[RoomId, _Changes] = {}

    def came(self, room_id: RoomId, person_id: PersonId) -> None:
        """The person is in the room."""
        self._here.setdefault(room_id, {})[person_id] = None
        changes = self._changes.setdefault(room_id, _Changes())
        changes.came[person_id] = None
        changes.went.pop(person_id, None)

    def went(self, room_id: RoomId, person_id: PersonId) -> None:
        """He is not in it any more."""
        here = self._here.get(room_id, {})
        here.pop(person_id, None)
        if not here:
            self._here.pop(room_id, None)
        changes = self._changes.setdefault(room_id, _Changes())
        changes.went[person_id] = None
        changes.came.pop(person_id, None)

    def dropped(self, room_id: RoomId) -> None:
        """This node has the room no longer; whoever has it next finds everybody where they were."""
        self._here.pop(room_id, None)
        self._changes.pop(room_id, None)

    async def viewers(self, room_id: RoomId, *, limit: int, now_ms: int) -> Mapping[PersonId, Viewer]:
        """Who was there according to the store, as far as it still knows.

        Raises: StoreError: the people could not be looked up; that the presence store is silent is no error.
        """
        try:
            ids = await self._presence.present(_key(room_id), limit=limit)
        except StoreError:
            self._log.warning("roster_not_read", room_id=room_id)
            return {}
        found: dict[PersonId, PersonRecord] = {}
        for first in range(0, len(ids), PEOPLE_AT_ONCE_MAX):
            found |= await self._people.many(ids[first : first + PEOPLE_AT_ONCE_MAX])
        # What a client said of him is gone with the node it was said to.
        return {
            person_id: Viewer(face=face_of(found[person_id]), described="{}", since_ms=now_ms)
            for person_id in ids
            if person_id in found
        }

    async def run(self) -> None:
        """Publish who came, withdraw who went, and everybody anew before they are forgotten, until cancelled."""
        refreshed_at_ms = self._clock.mono_ms()
        while True:
            await self._clock.sleep(self._every_ms)
            is_due = self._clock.mono_ms() - refreshed_at_ms >= self._expires_ms // REFRESHES
            if is_due:
                refreshed_at_ms = self._clock.mono_ms()
                for room_id, here in self._here.items():
                    self._changes.setdefault(room_id, _Changes()).came |= here
            changes, self._changes = self._changes, {}
            for room_id, change in changes.items():
                try:
                    if change.came:
                        await self._presence.publish(_key(room_id), tuple(change.came), expires_in_ms=self._expires_ms)
                    if change.went:
                        await self._presence.withdraw(_key(room_id), tuple(change.went))
                except StoreError:
                    # They are published again with the next refreshment; who went is forgotten by himself.
                    self._log.warning("roster_not_published", room_id=room_id)


def _key(room_id: RoomId) -> str:
    return f"room/{room_id}"
