"""What operators ask about live rooms and do in them. Every act leaves an audit line before it is done (SEC-31).

Rooms are those of this node; one that another node has is shown as it is kept. Knows no rules: what an act does is the
room's business, what is wrong with rooms is ``room_checks``'.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from heapq import nsmallest
from typing import Final

import msgspec

from engine import settings
from engine.errors import BadInput, NotFound
from engine.node import Node
from engine.ports import Position
from engine.presence import Presence
from engine.room.state import RoomState, Standing, Viewer
from engine.services.checks import WAIT_FOR_STORE, Check, CheckResult, unanswered
from engine.services.room_checks import Finding, abandoned, crowded, lingering, misplaced, torn
from engine.services.rooms import Rooms, is_on_air
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import StoreError
from store.interfaces.ids import ID_MAX, NOBODY, NodeId, PersonId, RoomId
from store.interfaces.leases import NodeLease
from store.interfaces.people import PersonRecord
from store.interfaces.rooms import RoomRecord, Sanction, SanctionKind, SeatRecord

__all__ = [
    "OperatorRooms",
    "PersonInRoom",
    "RoomCounts",
    "RoomSeen",
    "SanctionKind",
    "SeatSeen",
]

VIEWERS_SHOWN_MAX: Final = 50
ROOMS_MAX: Final = 100_000
SUSPECTS_MAX: Final = 100
"""Looked at again, one by one; with more of them than this, those are enough to know."""

Note = Callable[[str, str, str, str], Awaitable[None]]
"""Writes an audit line: actor, action, target, reason. Raises: StoreDown."""


class RoomCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The rooms of this node in numbers; ``viewers`` are different people, in however many rooms each is."""

    rooms_open: int
    rooms_on_air: int
    seats_taken: int
    applicants: int
    viewers: int


class RoomSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A room as this node has it, and where its story stands; without a ``position``, as it is kept.

    Whoever does not have a room does not know who watches it. ``viewers`` are the first of them to have come.
    """

    state: RoomState
    position: Position | None
    viewers: Sequence[tuple[PersonId, Viewer]] = ()
    now_ms: int


class SeatSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One seat of the stage, free or taken.

    ``is_held``: whoever sits there is here by a line; ``heard_at_ms`` is his last sign of life.
    """

    seat: str
    taken: SeatRecord | None = None
    is_held: bool = False
    heard_at_ms: int | None = None


class PersonInRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, what he is in a room (None: not in it), and what is in force against him there."""

    person: PersonRecord
    room_id: RoomId
    standing: Standing | None
    seat: str
    sanctions: tuple[Sanction, ...]


class OperatorRooms:
    """The operators' side of live rooms."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        rooms: Rooms,
        presence: Presence,
        note: Note,
    ) -> None:
        self._world = world
        self._options = options
        self._node = node
        self._rooms = rooms
        self._presence = presence
        self._note = note

    # --- questions -------------------------------------------------------------------------------------------------

    def counts(self) -> RoomCounts:
        """How many of everything."""
        rooms = self._rooms.owned()
        return RoomCounts(
            rooms_open=len(rooms),
            rooms_on_air=sum(is_on_air(state.record) for state in rooms),
            seats_taken=sum(len(state.record.seats) for state in rooms),
            applicants=sum(len(state.record.applicants) for state in rooms),
            viewers=len(set[PersonId]().union(*(state.audience for state in rooms))),
        )

    def owned(self) -> tuple[RoomState, ...]:
        """All rooms of this node, those of calls included."""
        return self._rooms.owned()

    async def room(self, room_id: RoomId) -> RoomSeen:
        """One open room.

        Raises: NotFound, StoreDown.
        """
        now_ms = self._node.now_ms()
        try:
            state = self._rooms.get(room_id)
        except NotFound:
            kept = await self._kept(room_id)
            if kept is None or not kept.is_open:
                raise
            state = RoomState(record=kept, likes_count=kept.likes_count, silent_since_ms=now_ms)
            return RoomSeen(state=state, position=None, now_ms=now_ms)
        return self._seen(state)

    def stage(self, room_id: RoomId) -> tuple[SeatSeen, ...]:
        """Every place of a room's stage, free ones too.

        Raises: NotFound: this node has no such room.
        """
        state = self._rooms.get(room_id)
        places: list[SeatSeen] = []
        for rule in self._rooms.form(state).seats:
            taken = [self._seat(state, seat) for seat in state.record.seats if seat.seat == rule.name]
            places += taken
            places += [SeatSeen(seat=rule.name)] * (rule.places - len(taken))
        return tuple(places)

    async def person(self, room_id: RoomId, text: str) -> PersonInRoom:
        """Somebody by his id, or by the one that the surface of the room shows; he need not be in the room.

        Raises: NotFound, StoreDown. BadInput: two people have that id, the one so and the other so.
        """
        state = self._rooms.get(room_id)
        people = self._world.stores.people
        with store_answers:
            anchor = await people.get(state.record.anchor_id)
            surface = "" if anchor is None else anchor.surface
            shown = await people.by_public_id(surface, text) if text else None
            is_id = text.isascii() and text.isdigit() and int(text) <= ID_MAX
            named = await people.get(PersonId(int(text))) if is_id else None
        found = {one.id: one for one in (shown, named) if one is not None and one.surface == surface}
        if not found:
            raise NotFound("person")
        if len(found) > 1:
            raise BadInput(f"{text} is one person's id, and shown as another's: {sorted(found)}", field="person")
        return self._in_room(state, next(iter(found.values())))

    # --- acts ------------------------------------------------------------------------------------------------------

    async def impose(
        self,
        room_id: RoomId,
        person_id: PersonId,
        kind: SanctionKind,
        *,
        length_ms: int | None,
        actor: str,
        reason: str,
    ) -> PersonInRoom:
        """Mute or ban somebody in a room for ``length_ms``, or until it is lifted.

        Raises: NotFound, StoreDown. Forbidden: it is her own room.
        """
        until_ms = None if length_ms is None else self._node.now_ms() + length_ms
        return await self._act(
            f"room.{kind}",
            room_id,
            person_id,
            lambda: self._rooms.impose(None, room_id, person_id, kind, until_ms=until_ms),
            actor=actor,
            reason=reason,
        )

    async def kick(
        self, room_id: RoomId, person_id: PersonId, *, length_ms: int | None, actor: str, reason: str
    ) -> PersonInRoom:
        """Send somebody out of a room for ``length_ms``, or for as long as anchors do.

        Raises: as ``impose``.
        """
        until_ms = self._node.now_ms() + (length_ms or self._options.rooms.kick_ms)
        return await self._act(
            "room.kick",
            room_id,
            person_id,
            lambda: self._rooms.impose(None, room_id, person_id, SanctionKind.BAN, until_ms=until_ms),
            actor=actor,
            reason=reason,
        )

    async def lift(
        self, room_id: RoomId, person_id: PersonId, kind: SanctionKind, *, actor: str, reason: str
    ) -> PersonInRoom:
        """Take a mute, or a ban or kick, back; harmless without one.

        Raises: NotFound, StoreDown.
        """
        return await self._act(
            f"room.un{kind}",
            room_id,
            person_id,
            lambda: self._rooms.lift(None, room_id, person_id, kind),
            actor=actor,
            reason=reason,
        )

    async def unseat(self, room_id: RoomId, person_id: PersonId, *, actor: str, reason: str) -> PersonInRoom:
        """Take somebody off the stage; a room whose anchor sits there like everybody closes with her.

        Raises: NotFound, StoreDown. NotAMember: he does not sit.
        """
        return await self._act(
            "room.unseat",
            room_id,
            person_id,
            lambda: self._rooms.unseat(None, room_id, person_id),
            actor=actor,
            reason=reason,
        )

    async def close(self, room_id: RoomId, *, actor: str, reason: str) -> RoomSeen:
        """Close a room of this node; it as it was. A call that it belongs to goes on until it is ended itself.

        Raises: NotFound, StoreDown.
        """
        room = self._seen(self._rooms.get(room_id))
        await self._note(actor, "room.close", room_id, reason)
        await self._rooms.close(room_id)
        return room

    # --- checks ----------------------------------------------------------------------------------------------------

    async def checks(self) -> tuple[Check, ...]:
        """Whether rooms, seats and people are as they should be."""
        torn_name, owners_name, seats_name = "rooms = actors", "rooms have owners", "seats"
        try:
            kept = await self._world.stores.rooms.open_rooms(limit=ROOMS_MAX)
            found = await self._torn(kept)
            owners = await self._owners_of(kept)
        except StoreError:
            return (*map(unanswered, (torn_name, owners_name, seats_name)), await self._check_people())
        # Sweeps come at intervals of up to one and a half times this.
        patience_ms = 3 * self._options.node.sweep_ms
        alone = abandoned(kept, owners, patience_ms=patience_ms)
        seats_count = sum(len(record.seats) for record in kept)
        return (
            _check(torn_name, found, f"{len(self._rooms.owned())} here"),
            _check(owners_name, alone, f"{len(kept)} open, nodes: {len(owners)}", next_command=WAIT_FOR_STORE),
            _check(seats_name, crowded(kept, self._rooms.rules), f"{seats_count} taken"),
            await self._check_people(),
        )

    async def _torn(self, kept: Sequence[RoomRecord]) -> list[Finding]:
        me, now_ms = self._node.id, self._node.now_ms()
        here, by_id = self._here(), {record.id: record for record in kept}
        ours = [record.id for record in kept if record.owner == me]
        suspects = [
            room_id
            for room_id in dict.fromkeys((*ours, *here))
            if torn(room_id, by_id.get(room_id), here.get(room_id), me=me, now_ms=now_ms)
        ]
        found: list[Finding] = []
        for room_id in suspects[:SUSPECTS_MAX]:
            # Rooms are opened, taken over and closed while we ask: whatever was seen only once was no fault.
            again = await self._world.stores.rooms.get(room_id)
            found += torn(room_id, again, self._here().get(room_id), me=me, now_ms=now_ms)
        return found

    async def _owners_of(self, kept: Sequence[RoomRecord]) -> dict[NodeId, NodeLease | None]:
        owners = sorted({record.owner for record in kept} - {NOBODY})
        return {owner: await self._world.stores.leases.get(owner) for owner in owners}

    async def _check_people(self) -> Check:
        found = list[Finding]()
        for state in self._rooms.owned():
            await asyncio.sleep(0)  # A full house takes longer to look through than anybody should wait.
            now_ms = self._node.now_ms()
            if state.record.is_open:
                found += misplaced(state, now_ms=now_ms)
                found += lingering(state, self._rooms.rules, self._presence.attendance, now_ms=now_ms)
        return _check("people in rooms", found, f"{self.counts().viewers} watching")

    # --- parts -----------------------------------------------------------------------------------------------------

    def _here(self) -> dict[RoomId, RoomRecord]:
        return {state.record.id: state.record for state in self._rooms.owned()}

    def _seen(self, state: RoomState) -> RoomSeen:
        first = nsmallest(VIEWERS_SHOWN_MAX, state.audience.items(), key=lambda one: (one[1].since_ms, one[0]))
        return RoomSeen(
            state=state,
            position=self._rooms.position(state.record.id),
            viewers=first,
            now_ms=self._node.now_ms(),
        )

    def _seat(self, state: RoomState, seat: SeatRecord) -> SeatSeen:
        """By pictures where those hold people, else by presence."""
        person_id = seat.person_id
        if self._rooms.form(state).held_by_pictures:
            heard_at_ms = state.beats.get(person_id, state.cut_off.get(person_id))
            return SeatSeen(seat=seat.seat, taken=seat, is_held=person_id in state.beats, heard_at_ms=heard_at_ms)
        seen = self._presence.attendance(person_id)
        if seen is None:
            return SeatSeen(seat=seat.seat, taken=seat)
        return SeatSeen(seat=seat.seat, taken=seat, is_held=seen.is_held, heard_at_ms=seen.seen_at_ms)

    def _in_room(self, state: RoomState, person: PersonRecord) -> PersonInRoom:
        place = self._rooms.place_in(state, person.id) if state.record.is_open else None
        in_force = (state.sanction_of(person.id, kind, now_ms=self._node.now_ms()) for kind in SanctionKind)
        return PersonInRoom(
            person=person,
            room_id=state.record.id,
            standing=None if place is None else place.standing,
            seat="" if place is None else place.seat,
            sanctions=tuple(sanction for sanction in in_force if sanction is not None),
        )

    async def _act(
        self,
        action: str,
        room_id: RoomId,
        person_id: PersonId,
        do: Callable[[], Awaitable[RoomState]],
        *,
        actor: str,
        reason: str,
    ) -> PersonInRoom:
        self._rooms.get(room_id)
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        if person is None:
            raise NotFound("person")
        await self._note(actor, action, f"{room_id}/{person_id}", reason)
        return self._in_room(await do(), person)

    async def _kept(self, room_id: RoomId) -> RoomRecord | None:
        with store_answers:
            return await self._world.stores.rooms.get(room_id)


def _check(name: str, found: Sequence[Finding], fine: str, *, next_command: str = "") -> Check:
    if not found:
        return Check(name=name, result=CheckResult.OK, detail=fine)
    first = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return Check(
        name=name,
        result=CheckResult.FAIL,
        detail=f"{first.room_id} {first.what}{more}",
        next_command=next_command or f"greenroom rooms show {first.room_id}",
    )
