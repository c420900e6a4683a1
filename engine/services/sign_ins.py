"""Being signed in, and the end of it, for people with web tokens (SITE-11, SO-5, SEC-9).

All that one sign-in gives out stands and falls with its record, which every node asks about once a second for whoever
is active: tokens themselves only expire. Knows no token: what a sign-in gives out, and what that is worth, is
``web_sign_ins``' and ``social_sign_ins``'.
"""

from typing import Final

from engine.errors import NotSignedIn
from engine.node import Node
from engine.ports import Goodbye
from engine.presence import Presence
from engine.services.known_people import Known, KnownPeople
from engine.services.welcome import is_shut_out
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import StoreError
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord
from store.interfaces.sign_ins import SignIn, TokenPair

__all__ = ["ID_BYTES", "SIGN_INS_MAX", "SignIns"]

SIGN_INS_MAX: Final = 50
"""Kept per person; whoever signs in once more is signed out where he has been for longest (INV-20)."""

ID_BYTES: Final = 16
SWEEP_MS: Final = 1_000
ASKED_MAX: Final = 1_000


class SignIns:
    """What sign-ins of all kinds have in common."""

    def __init__(self, world: World, *, node: Node, known: KnownPeople, presence: Presence) -> None:
        self._world = world
        self._store = world.stores.sign_ins
        self._node = node
        self._known = known
        self._presence = presence
        self._watched: dict[PersonId, set[str]] = {}

    # --- out -------------------------------------------------------------------------------------------------------

    async def close(self, sign_in_id: str, person_id: PersonId) -> None:
        """Sign out: whatever stands for this sign-in is worth nothing any more. Harmless when it was not.

        Sockets that were opened with it are closed; the person's others stay.

        Raises: StoreDown.
        """
        with store_answers:
            await self._store.close(sign_in_id)
        self._cut_off(person_id, sign_in_id)

    async def close_all(self, person_id: PersonId) -> None:
        """Sign somebody out everywhere.

        Raises: StoreDown.
        """
        with store_answers:
            await self._store.close_all(person_id)
        self._cut_off(person_id)

    # --- open sockets ----------------------------------------------------------------------------------------------

    def watch(self, known: Known) -> None:
        """Somebody has opened a socket with this sign-in: when it ends, on whatever node, so do his sockets here."""
        self._watched.setdefault(known.person.id, set()).add(known.sign_in_id)

    async def run(self) -> None:
        """Look once a second after the sign-ins and people that open sockets depend on (SEC-9, SEC-11)."""
        while True:
            await self._world.clock.sleep(SWEEP_MS)
            for person_id in [one for one in self._watched if not self._has_line(one)]:
                del self._watched[person_id]
            people = list(self._watched)
            for place in range(0, len(people), ASKED_MAX):
                try:
                    await self._look_after(people[place : place + ASKED_MAX])
                except StoreError:
                    break  # Nobody is signed out because the store is away; it is asked again in a second.

    async def _look_after(self, people: list[PersonId]) -> None:
        # As of now: who opens another one meanwhile is looked after the next time.
        watched = {person_id: frozenset(self._watched.get(person_id, ())) for person_id in people}
        wanted = list(frozenset().union(*watched.values()))
        records = await self._world.stores.people.many(people)
        there: set[str] = set()
        for place in range(0, len(wanted), ASKED_MAX):
            there |= await self._store.among(wanted[place : place + ASKED_MAX])
        for person_id in people:
            for sign_in_id in watched[person_id] - there:
                self._cut_off(person_id, sign_in_id)
            if person_id not in records or is_shut_out(records[person_id], self._node):
                self._known.forget(person_id)
                self._watched.pop(person_id, None)
                self._world.sink.close(person_id, code=Goodbye.BANNED, reason="banned")

    def _has_line(self, person_id: PersonId) -> bool:
        attendance = self._presence.attendance(person_id)
        return attendance is not None and attendance.is_held

    def _cut_off(self, person_id: PersonId, sign_in_id: str = "") -> None:
        """Close the sockets that were opened with this sign-in, or, where none is named, with any."""
        self._known.forget(person_id)
        if sign_in_id:
            self._watched.get(person_id, set()).discard(sign_in_id)
        else:
            self._watched.pop(person_id, None)
        self._world.sink.close(person_id, code=Goodbye.SIGNED_OUT, reason="signed out", sign_in_id=sign_in_id)

    # --- parts of those who know what a sign-in gives out ----------------------------------------------------------

    def _now_s(self) -> int:
        return self._node.now_ms() // 1_000

    def _new_pair(self) -> TokenPair:
        rng = self._world.rng
        return TokenPair(refresh_id=rng.hex(ID_BYTES), access_id=rng.hex(ID_BYTES), issued_at_s=self._now_s())

    async def _alive(self, sign_in: SignIn | None) -> Known:
        if sign_in is None or self._node.now_ms() >= sign_in.expires_at_ms:
            raise NotSignedIn("signed out")
        return Known(await self._person(sign_in.person_id), sign_in.id)

    async def _by_id(self, sign_in_id: str) -> Known:
        with store_answers:
            sign_in = await self._store.get(sign_in_id)
        return await self._alive(sign_in)

    async def _person(self, person_id: PersonId) -> PersonRecord:
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        if person is None:
            raise NotSignedIn("nobody")
        return person
