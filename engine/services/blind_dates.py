"""Blind-date rooms: a matchmaker opens hers, people watch, apply, are invited, sit and get up.

Everybody is in at most one such room at a time: whoever enters another leaves the first, and moves of one person come
one after another. One permanent room per matchmaker, named after her. Knows no wire words. Source: seed behaviour §3.2.
"""

from collections.abc import Sequence
from typing import Final

from engine import settings
from engine.errors import Forbidden, NotAMember, NotFound, RoomFull, SessionEnded, WrongPhase, WrongRole
from engine.node import Node
from engine.room.audience import everybody
from engine.room.messages import Apply, Decline, Destroy, Enter, Invite, Leave, Sit
from engine.room.roster import face_of
from engine.room.state import RoomState, Standing, Viewer
from engine.services.rooms import Place, Rooms
from engine.services.turns import Turns
from engine.services.welcome import require_welcome
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import RoomKind, RoomRecord

__all__ = ["BlindDates", "room_of"]

SURFACE: Final = "qlive"
KIND: Final = RoomKind.BLIND_DATE


def room_of(public_id: str) -> RoomId:
    """The room of the matchmaker with this id."""
    return RoomId(f"{SURFACE}:{public_id}")


class BlindDates:
    """The rooms of matchmakers on this node."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node, rooms: Rooms) -> None:
        self._world = world
        self._options = options.qlive
        self._node = node
        self._rooms = rooms
        self._moves: Turns[PersonId] = Turns()
        """Of one person one at a time, or two rooms entered at once would both be left."""

    # --- commands --------------------------------------------------------------------------------------------------

    async def open(self, matchmaker: PersonRecord) -> RoomState:
        """Her room goes live, or she comes back to it; nothing in it is reset while it is (QL-26).

        Raises: WrongRole: she is no matchmaker. Banned. SessionEnded: another node has it, for now. StoreDown.
        """
        if matchmaker.role is not Role.MATCHMAKER:
            raise WrongRole
        require_welcome(matchmaker, self._node)
        room_id = room_of(matchmaker.public_id)
        async with self._moves.of(matchmaker.id):
            await self._leave_others(matchmaker, stays_in=room_id)
            if not self._rooms.has(room_id):
                await self._rooms.remake(
                    RoomRecord(
                        id=room_id,
                        kind=KIND,
                        anchor_id=matchmaker.id,
                        anchor=face_of(matchmaker),
                        created_at_ms=self._node.now_ms(),
                        owner=self._node.id,
                    )
                )
            return self._rooms.get(room_id)

    async def end(self, person: PersonRecord, room_id: RoomId) -> None:
        """The live is over; ending it again is fine.

        Raises: NotFound: there is no such room. Forbidden: it is another's. SessionEnded: another node has it, for now.
            StoreDown.
        """
        if room_id != room_of(person.public_id):
            self.get(room_id)
            raise Forbidden
        if self._rooms.has(room_id):
            await self._rooms.ask(room_id, Destroy(by=person.id, at_ms=self._node.now_ms()))
        elif person.role is not Role.MATCHMAKER:
            raise NotFound("room")
        elif await self._rooms.goes_on_without(room_id):
            raise SessionEnded

    async def enter(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        """Watch a room, and leave any other; whoever is in it already stays what he is.

        Raises: NotFound. Banned: from this room. RoomFull. WrongPhase: his own live runs.
        """
        self.get(room_id)
        async with self._moves.of(person.id):
            place = self.place_of(person.id)
            if place is not None and place.standing is Standing.ANCHOR and place.state.record.id != room_id:
                raise WrongPhase
            entered = await self._rooms.ask(
                room_id, Enter(person_id=person.id, face=face_of(person), at_ms=self._node.now_ms())
            )
            await self._leave_others(person, stays_in=room_id)
            return entered

    async def leave(self, person: PersonRecord, room_id: RoomId) -> None:
        """Go out, off the stage too; fine as well for somebody who is not in.

        Raises: NotFound. WrongPhase: it is his own live, which he has to end.
        """
        self.get(room_id)
        async with self._moves.of(person.id):
            await self._rooms.ask(room_id, Leave(person_id=person.id, at_ms=self._node.now_ms()))

    async def leave_everywhere(self, person: PersonRecord) -> None:
        """Go out of whatever room one is in; a matchmaker's live ends (QL-13)."""
        async with self._moves.of(person.id):
            await self._leave_others(person, stays_in=None)

    async def apply(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        """Ask for a seat; twice is once.

        Raises: NotFound, NotAMember, Banned. WrongPhase: he is on the stage already.
        """
        require_welcome(person, self._node)
        return await self._ask(room_id, Apply(person_id=person.id, at_ms=self._node.now_ms()))

    async def invite(self, matchmaker: PersonRecord, room_id: RoomId, guest_id: PersonId) -> RoomState:
        """Offer a viewer the seat that is for him.

        Raises: NotFound. Forbidden: not her room. NotAMember: he is not in it. WrongPhase: he sits. Banned.
        """
        require_welcome(matchmaker, self._node)
        return await self._ask(room_id, Invite(by=matchmaker.id, person_id=guest_id, at_ms=self._node.now_ms()))

    async def sit(self, person: PersonRecord, room_id: RoomId) -> Place:
        """Take the seat that is for him; sitting there already is fine.

        Raises: RoomFull: somebody else sits there. Forbidden: nobody asked him onto the stage. NotFound, NotAMember,
            Banned, BadInput: there is no seat for his gender. WrongPhase: he is the matchmaker. Busy.
        """
        require_welcome(person, self._node)
        state = await self._ask(
            room_id,
            Sit(
                person_id=person.id,
                face=face_of(person),
                stream=person.public_id,  # Source: seed behaviour 3.2, addresses.
                at_ms=self._node.now_ms(),
            ),
        )
        place = self._rooms.place_in(state, person.id)
        if place is None or place.standing is not Standing.SEATED:
            raise RoomFull
        return place

    async def decline(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        """Turn an invitation down, or withdraw an application.

        Raises: NotFound, NotAMember. WrongPhase: he is on the stage.
        """
        return await self._ask(room_id, Decline(person_id=person.id, at_ms=self._node.now_ms()))

    async def get_up(self, person: PersonRecord, room_id: RoomId, seated_id: PersonId) -> None:
        """Leave the stage, or as the matchmaker take somebody off it; fine as well for somebody who does not sit.

        Raises: NotFound. Forbidden: it is neither his seat nor his room.
        """
        state = self.get(room_id)
        if person.id not in (seated_id, state.record.anchor_id):
            raise Forbidden
        try:
            await self._rooms.unseat(person, room_id, seated_id)
        except NotAMember:
            return

    def started(self, state: RoomState) -> None:
        """Whoever has gone to another room while this one was nobody's is in that one only."""
        record, now_ms = state.record, self._node.now_ms()
        if record.kind is not KIND:
            return
        for person_id in everybody(state, self._rooms.form(state)):
            others = [other for other in self._rooms.of(person_id, KIND) if other.record.id != record.id]
            # Of two rooms that a former owner still had him in, he has a seat, or has asked for one, in the right one.
            is_at_home = person_id not in state.audience or state.application_of(person_id) is not None
            left = others if is_at_home and all(_is_hearsay(other, person_id) for other in others) else [state]
            for room in left if others else ():
                self._rooms.tell(room.record.id, Leave(person_id=person_id, at_ms=now_ms))

    # --- questions -------------------------------------------------------------------------------------------------

    def get(self, room_id: RoomId) -> RoomState:
        """The room as its owner knows it now.

        Raises: NotFound.
        """
        state = self._rooms.get(room_id)
        if state.record.kind is not KIND:
            raise NotFound("room")
        return state

    def place_of(self, person_id: PersonId) -> Place | None:
        """The room that the person is in, and as what; None: in none."""
        for state in self._rooms.of(person_id, KIND):
            place = self._rooms.place_in(state, person_id)
            if place is not None:
                return place
        return None

    def room_of_both(self, one_id: PersonId, other_id: PersonId) -> RoomId | None:
        """The room that two people are in together, as whatever; None: in none."""
        one, other = self.place_of(one_id), self.place_of(other_id)
        if one is None or other is None or one.state.record.id != other.state.record.id:
            return None
        return one.state.record.id

    def require_inside(self, person: PersonRecord, room_id: RoomId) -> Place:
        """What the person is in this room.

        Raises: NotFound, NotAMember.
        """
        place = self._rooms.place_in(self.get(room_id), person.id)
        if place is None:
            raise NotAMember
        return place

    def listed(self) -> list[RoomState]:
        """Rooms that are live: the fullest first, of equally full ones the newest (QL-24)."""
        return sorted(
            self._rooms.owned(KIND),
            key=lambda state: (len(state.audience) + len(state.record.seats), state.record.created_at_ms),
            reverse=True,
        )

    def without_a_seat(self, state: RoomState, *, gender: int) -> list[tuple[PersonId, Viewer, bool]]:
        """Viewers of one gender, and whether each has applied: watchers first, those who changed longest ago first."""
        applied = {applicant.person_id: applicant.since_ms for applicant in state.record.applicants}
        found = [
            (person_id in applied, applied.get(person_id, viewer.since_ms), person_id, viewer)
            for person_id, viewer in state.audience.items()
            if viewer.face.gender == gender
        ]
        found.sort(key=lambda row: row[:3])
        return [(person_id, viewer, has_applied) for has_applied, _, person_id, viewer in found]

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _ask(self, room_id: RoomId, message: Apply | Invite | Sit | Decline) -> RoomState:
        self.get(room_id)
        return await self._rooms.ask(room_id, message)

    async def _leave_others(self, person: PersonRecord, *, stays_in: RoomId | None) -> None:
        states: Sequence[RoomState] = self._rooms.of(person.id, KIND)
        for state in states:
            record = state.record
            if record.id == stays_in:
                continue
            at_ms = self._node.now_ms()
            is_hers = record.anchor_id == person.id
            await self._rooms.ask(
                record.id, Destroy(by=person.id, at_ms=at_ms) if is_hers else Leave(person_id=person.id, at_ms=at_ms)
            )


def _is_hearsay(state: RoomState, person_id: PersonId) -> bool:
    """Whether the person only watches there, and nobody but the former owner has said so."""
    viewer = state.audience.get(person_id)
    has_applied = state.application_of(person_id) is not None
    return viewer is not None and viewer.since_ms <= state.silent_since_ms and not has_applied
