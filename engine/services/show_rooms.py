"""Shows as they happen: when one is on air, and who is at it.

A show is on air from the anchor's start, or her client's first word, until she stops or nothing has been heard of it
for days. Whoever has a connection open at it is at the show: while it is on air he is inside, and counted; else he
waits, and comes in when it begins. He goes with his last connection, or when his right to be there ends. Keeps no lines
and knows no wire words.

Source: SITE-31, SITE-32, SITE-34, SITE-37, SITE-38, SITE-41, INV-14.
"""

import asyncio
from typing import Final

from engine import settings
from engine.errors import (
    Busy,
    EngineError,
    Forbidden,
    NotAMember,
    NotFound,
    Refused,
    RoomFull,
    SessionEnded,
    WrongPhase,
    WrongRole,
)
from engine.events import RightEnded, RoomClosed
from engine.node import Node
from engine.ports import Position
from engine.room.messages import Destroy, Enter, Leave
from engine.room.roster import face_of
from engine.room.state import RoomState
from engine.services.admissions import Admissions, Pass, kind_to_enter, price_to_enter
from engine.services.rooms import Rooms
from engine.services.shows import Shows
from engine.services.turns import Turns
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import RoomKind, RoomRecord, SanctionKind
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord

__all__ = ["ShowRooms"]

KIND: Final = RoomKind.SHOW
AT_ONCE_MAX: Final = 32
"""So many people's rights are looked up at a time."""


class _Visit:
    """One connection of one person at a show; ``waits``: it is to be let in when there is something to hear.

    Once it is, ``kind`` is what the show was to enter then, and ``until_ms`` when the right to be there expires.
    """

    __slots__ = ("connection", "kind", "person", "room_id", "until_ms", "waits")

    def __init__(self, person: PersonRecord, room_id: RoomId, connection: str) -> None:
        self.person = person
        self.room_id = room_id
        self.connection = connection
        self.waits = True
        self.kind: ShowKind | None = None
        self.until_ms: int | None = None

    def has(self, right: Pass, show: ShowRecord) -> None:
        """The person may be inside."""
        self.kind = kind_to_enter(show)
        self.until_ms = right.until_ms

    def is_due(self, show: ShowRecord, now_ms: int) -> bool:
        """Whether it is to be let in, or may be inside no longer."""
        if self.waits or self.kind is None:
            return self.waits
        return self.kind is not kind_to_enter(show) or (self.until_ms is not None and self.until_ms <= now_ms)


class ShowRooms:
    """The shows of this node."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        rooms: Rooms,
        shows: Shows,
        admissions: Admissions,
    ) -> None:
        self._world = world
        self._options = options.site
        self._node = node
        self._rooms = rooms
        self._shows = shows
        self._admissions = admissions
        self._starts: Turns[RoomId] = Turns()
        self._at: dict[RoomId, dict[PersonId, dict[str, _Visit]]] = {}
        self._of: dict[tuple[PersonId, str], dict[RoomId, _Visit]] = {}
        self._heard_at_ms: dict[RoomId, int] = {}
        """When an anchor's client last said anything, of rooms on air where that is known here."""

    # --- on air ----------------------------------------------------------------------------------------------------

    async def start(self, anchor: PersonRecord, character: str, *, date: str = "") -> ShowRecord:
        """The anchor's show of that character is on air; again is fine, and resets nothing.

        Raises: BadInput (``character``), TooLong. WrongRole: she is no anchor. Banned. StoreDown.
            SessionEnded: another node has it, for now.
        """
        if anchor.role is not Role.ANCHOR:
            raise WrongRole
        require_welcome(anchor, self._node)
        show = await self._shows.introduce(anchor, character, date=date)
        async with self._starts.of(show.id):
            if not self._rooms.has(show.id):
                await self._rooms.remake(
                    RoomRecord(
                        id=show.id,
                        kind=KIND,
                        anchor_id=anchor.id,
                        anchor=face_of(anchor),
                        created_at_ms=self._node.now_ms(),
                        owner=self._node.id,
                    )
                )
        self._heard_at_ms[show.id] = self._node.now_ms()
        return show

    async def stop(self, anchor: PersonRecord, room_id: RoomId) -> None:
        """The show is off air; again is fine.

        Raises: NotFound: no such show. Forbidden: another's. SessionEnded: another node has it, for now. StoreDown.
        """
        show = await self._shows.get(room_id)
        if show.anchor_id != anchor.id:
            raise Forbidden
        if await self.is_on_air(room_id):
            await self._rooms.ask(room_id, Destroy(by=anchor.id, at_ms=self._node.now_ms()))

    async def describe(self, anchor: PersonRecord, character: str, info: ShowInfo, *, date: str = "") -> ShowRecord:
        """Say what the show is; whoever is inside and may not be any more is told so and out, here or elsewhere soon.

        Raises: as ``Shows.describe``.
        """
        show = await self._shows.describe(anchor, character, info, date=date)
        if show.id in self._at:
            self._world.spawn(self._look_after(show), name="show-described")
        return show

    async def mute(
        self, anchor: PersonRecord, room_id: RoomId, person_id: PersonId, *, is_muted: bool, length_ms: int | None
    ) -> None:
        """Let somebody, there or not, say nothing at one's show for so long (None: until it is lifted), or talk again.

        Raises: NotFound: no such show. Forbidden: another's, or she herself, or the platform has muted him.
            WrongPhase: it is off air. SessionEnded: another node has it, for now. StoreDown.
        """
        show = await self._shows.get(room_id)
        if show.anchor_id != anchor.id:
            raise Forbidden
        if not await self.is_on_air(room_id):
            raise WrongPhase
        if is_muted:
            until_ms = None if length_ms is None else self._node.now_ms() + length_ms
            await self._rooms.impose(anchor, room_id, person_id, SanctionKind.MUTE, until_ms=until_ms)
        else:
            await self._rooms.lift(anchor, room_id, person_id, SanctionKind.MUTE)

    # --- being there -----------------------------------------------------------------------------------------------

    async def visit(
        self, person: PersonRecord, room_id: RoomId, *, connection: str, since: Position | None
    ) -> RoomClosed | None:
        """One connection is at the show from now on, until it is ``gone``; what to tell it if that is off air.

        Raises: NotFound: no such show. Forbidden: no right to enter. Banned: from everything, or from this show.
            Busy, RoomFull: there is no place left. SessionEnded: another node has it, for now. StoreDown.
        """
        # Before anything is waited for, as the connection may close meanwhile.
        visit = _Visit(person, room_id, connection)
        self._at.setdefault(room_id, {}).setdefault(person.id, {})[connection] = visit
        self._of.setdefault((person.id, connection), {})[room_id] = visit
        try:
            require_welcome(person, self._node)
            show = await self._shows.get(room_id)
            if not await self.is_on_air(room_id):
                await self.require_right(person, show)
                return RoomClosed(room_id=room_id, status_code=0)
            await self._bring_in(visit, show, since=since)
        except BaseException:
            self._remove(visit)
            raise
        return None

    def gone(self, person_id: PersonId, connection: str) -> None:
        """The connection is closed; harmless when it was at no show."""
        for visit in tuple(self._of.get((person_id, connection), {}).values()):
            self._remove(visit)

    def leave(self, person_id: PersonId, room_id: RoomId, connection: str) -> None:
        """The connection is at this show no longer; harmless when it was not."""
        visit = self._of.get((person_id, connection), {}).get(room_id)
        if visit is not None:
            self._remove(visit)

    async def require_right(self, person: PersonRecord, show: ShowRecord) -> Pass:
        """Why he may enter, and for how long.

        Raises: Forbidden: he may not, as he has neither paid nor subscribed. StoreDown.
        """
        right = await self._admissions.pass_of(person.id, show)
        if right is None:
            raise Forbidden("not paid")
        return right

    def started(self, state: RoomState) -> None:
        """This node has the room from now on: whoever waits at the show comes in, and who was in comes in anew."""
        here = self._visits(state.record.id)
        if state.record.kind is KIND and here:
            for visit in here:
                visit.waits = True
            self._world.spawn(self._bring_all_in(state.record.id), name="show-starts")

    async def sweep(self) -> None:
        """End shows nobody has heard of for too long; let in whoever that failed for so far, and out who is to be out.

        Raises: StoreError, EngineError: could not be done for all.
        """
        now_ms = self._node.now_ms()
        on_air = self._rooms.owned(KIND)
        self._heard_at_ms = {
            state.record.id: self._heard_at_ms[state.record.id]
            for state in on_air
            if state.record.id in self._heard_at_ms
        }
        visited = await self._shows.many([state.record.id for state in on_air if state.record.id in self._at])
        for state in on_air:
            room_id = state.record.id
            if await self._is_forgotten(state.record, now_ms):
                await self._rooms.close(room_id)
                continue
            if room_id in visited:
                await self._look_after(visited[room_id])
            # Those that a former owner has had inside may come to this node; it waits for them as for everybody.
            if now_ms - state.silent_since_ms >= self._rooms.form(state).return_ms:
                for person_id in state.audience:
                    if not self._is_at(person_id, room_id):
                        self._rooms.tell(room_id, Leave(person_id=person_id, at_ms=now_ms))

    # --- questions -------------------------------------------------------------------------------------------------

    def get(self, room_id: RoomId) -> RoomState:
        """The show as its owner knows it now.

        Raises: NotFound: it is not on air. SessionEnded: this node has just lost it.
        """
        state = self._rooms.get(room_id)
        if state.record.kind is not KIND:
            raise NotFound("room")
        return state

    async def require_on_air(self, room_id: RoomId) -> RoomState:
        """The show as it is now.

        Raises: NotFound: it is off air. SessionEnded: another node has it, for now. StoreDown.
        """
        if not await self.is_on_air(room_id):
            raise NotFound("room")
        return self.get(room_id)

    async def is_on_air(self, room_id: RoomId) -> bool:
        """Whether the show is on air, and this node has it.

        Raises: SessionEnded: another node has it, for now. StoreDown.
        """
        if self.on_air(room_id) is None and await self._rooms.goes_on_without(room_id):
            raise SessionEnded
        return self.on_air(room_id) is not None

    def listed(self) -> list[RoomState]:
        """Shows on air: those with the most viewers first, of equally full ones the newest."""
        return sorted(
            (state for state in self._rooms.owned(KIND) if state.record.is_open),
            key=lambda state: (len(state.audience), state.record.created_at_ms),
            reverse=True,
        )

    def any_on_air(self) -> RoomState:
        """One of the shows on air, whichever.

        Raises: NotFound: there is none.
        """
        states = self.listed()
        if not states:
            raise NotFound("room")
        return states[self._world.rng.below(len(states))]

    def on_air(self, room_id: RoomId) -> RoomState | None:
        """The show, if this node has it on air."""
        try:
            return self.get(room_id)
        except (NotFound, SessionEnded):
            return None

    def visited_by(self, person_id: PersonId, connection: str) -> RoomId:
        """The show that the connection is at.

        Raises: NotAMember: at none.
        """
        for room_id in self._of.get((person_id, connection), {}):
            return room_id
        raise NotAMember

    def shared_by(self, user_id: PersonId, anchor_id: PersonId) -> RoomId | None:
        """The anchor's show that the user is inside of, if any."""
        states = self._rooms.of(user_id, KIND)
        return next((state.record.id for state in states if state.record.anchor_id == anchor_id), None)

    @property
    def visits_count(self) -> int:
        """Connections at shows."""
        return sum(map(len, self._of.values()))

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _is_forgotten(self, record: RoomRecord, now_ms: int) -> bool:
        silent_since_ms = now_ms - self._options.on_air_ms
        if max(record.created_at_ms, self._heard_at_ms.get(record.id, 0)) > silent_since_ms:
            return False
        # What was heard before this node had the room, it has to look up once.
        with store_answers:
            heard_at_ms = await self._world.stores.chats.last_record_at_ms(record.id)
        self._heard_at_ms[record.id] = heard_at_ms or 0
        return self._heard_at_ms[record.id] <= silent_since_ms

    async def _bring_all_in(self, room_id: RoomId) -> None:
        """Let in whoever waits, or leave it to the sweep."""
        try:
            show = await self._shows.get(room_id)
        except EngineError:
            return
        await self._look_after(show)

    async def _look_after(self, show: ShowRecord) -> None:
        """Let in whoever waits, and out whoever may be inside no longer; with whom it fails, the sweep tries again."""
        if self.on_air(show.id) is None:
            return
        now_ms = self._node.now_ms()
        due = [visit for visit in self._visits(show.id) if visit.is_due(show, now_ms)]
        for first in range(0, len(due), AT_ONCE_MAX):
            await asyncio.gather(*(self._look_at(visit, show) for visit in due[first : first + AT_ONCE_MAX]))

    async def _look_at(self, visit: _Visit, show: ShowRecord) -> None:
        try:
            if visit.waits:
                await self._bring_in(visit, show, since=None)
            else:
                visit.has(await self.require_right(visit.person, show), show)
        except Forbidden:
            self._turn_out(visit, show)
        except (Busy, RoomFull):
            return  # A place may become free.
        except Refused as error:
            visit.waits = False
            self._world.log.info("visitor_not_let_in", room_id=show.id, error=error.code)
        except EngineError:
            return

    def _turn_out(self, visit: _Visit, show: ShowRecord) -> None:
        """Nobody hears what he has no right to: the person is at the show no longer, with whatever connection."""
        person_id = visit.person.id
        if not self._stands(visit):
            return
        for one in tuple(self._at[show.id][person_id].values()):
            self._world.sink.leave(person_id, show.id, connection=one.connection)
            self._remove(one)
        told = RightEnded(room_id=show.id, kind=kind_to_enter(show), price=price_to_enter(show))
        self._world.sink.tell(person_id, told)
        self._world.log.info("visitor_turned_out", room_id=show.id, person=person_id)

    async def _bring_in(self, visit: _Visit, show: ShowRecord, *, since: Position | None) -> None:
        """Let a connection hear a show that is on air, and its person be inside."""
        person, room_id = visit.person, visit.room_id
        visit.has(await self.require_right(person, show), show)
        self._admissions.require_place(person.id, show)
        is_for_one = show.info is not None and show.info.kind is ShowKind.ONE_TO_ONE
        places = self._options.one_to_one_guests_max if is_for_one else None
        entering = Enter(person_id=person.id, face=face_of(person), places=places, at_ms=self._node.now_ms())
        await self._rooms.ask(room_id, entering)
        if self._stands(visit):
            await self._rooms.listen(person, room_id, connection=visit.connection, since=since)
            visit.waits = False
        else:
            self._let_out(visit)  # He went as he came.

    def _visits(self, room_id: RoomId) -> list[_Visit]:
        return [visit for visits in self._at.get(room_id, {}).values() for visit in visits.values()]

    def _stands(self, visit: _Visit) -> bool:
        return self._of.get((visit.person.id, visit.connection), {}).get(visit.room_id) is visit

    def _is_at(self, person_id: PersonId, room_id: RoomId) -> bool:
        return person_id in self._at.get(room_id, {})

    def _remove(self, visit: _Visit) -> None:
        if not self._stands(visit):
            return
        room_id, person_id, connection = visit.room_id, visit.person.id, visit.connection
        here = self._at[room_id]
        del here[person_id][connection], self._of[person_id, connection][room_id]
        if not here[person_id]:
            del here[person_id]
        if not here:
            del self._at[room_id]
        if not self._of[person_id, connection]:
            del self._of[person_id, connection]
        self._let_out(visit)

    def _let_out(self, visit: _Visit) -> None:
        """He is inside no longer, unless he is with another connection; the anchor always is."""
        state = self.on_air(visit.room_id)
        person_id = visit.person.id
        if state is None or state.record.anchor_id == person_id or self._is_at(person_id, visit.room_id):
            return
        self._rooms.tell(visit.room_id, Leave(person_id=person_id, at_ms=self._node.now_ms()))
