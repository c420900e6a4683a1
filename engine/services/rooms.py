"""All live rooms this node owns, of whatever kind: finds or makes the actor of one, and takes over what others left.

What a room of each kind is for is ``live_rooms``' and ``blind_dates``'. Source: D-13 … D-16, INV-12, INV-22.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from typing import Final

import msgspec

from engine import settings
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.actors.directory import Directory
from engine.actors.supervisor import Supervisor
from engine.errors import AlreadyExists, EngineError, NotAMember, NotFound, SessionEnded, StoreDown
from engine.events import Given
from engine.metrics import Metrics
from engine.node import Node
from engine.ports import Goodbye, Position
from engine.presence import Presence
from engine.room.actor import RoomActor, RoomTools
from engine.room.audience import everybody, standing_of
from engine.room.formats import Format, Rules
from engine.room.messages import Destroy, Impose, Leave, Lift, Like, Listen, Message, Say, ShowGiven, Unseat
from engine.room.roster import Roster, face_of
from engine.room.state import RoomState, Standing, Viewer
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import Conflict, StoreError, Unavailable
from store.interfaces.ids import NOBODY, NodeId, PersonId, RoomId
from store.interfaces.people import PersonRecord
from store.interfaces.rooms import RoomKind, RoomRecord, SanctionKind

__all__ = ["Place", "Rooms", "is_on_air"]

ASK_DEADLINE_MS: Final = 6_000
ADOPTED_MAX: Final = 100_000
ADOPTED_AT_ONCE_MAX: Final = 32
LOOKS: Final = 2
"""One is too few: what the store was asked for and did not confirm may take effect after the first."""
LIVES: Final = frozenset({RoomKind.BLIND_DATE, RoomKind.SHOW})
"""Kinds of rooms that are there only while there is something to watch."""
ROSTER_MS: Final = 30_000
"""How long the presence store remembers a viewer nobody vouches for: as long as one is waited for (QL-29)."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is, and as what; ``seat`` is empty unless he sits."""

    state: RoomState
    standing: Standing
    seat: str = ""


class Rooms:
    """The rooms of this node."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        presence: Presence,
        alarms: AlarmClock,
        rules: Rules,
        metrics: Metrics,
    ) -> None:
        self.rules = rules
        self.on_closed: Callable[[RoomRecord, bool], None] = _nothing
        """Hears of each room that has closed, and whether its anchor closed it."""
        self.on_started: Callable[[RoomState], None] = _nothing_yet
        """Hears of each room that this node has from now on, with those who are in it already."""
        self.on_sweep: Callable[[], Awaitable[None]] = _nothing_soon
        """Runs with every sweep, after rooms have been taken over."""
        self._world = world
        self._options = options.rooms
        self._node = node
        self._presence = presence
        self._owned: dict[RoomId, RoomActor] = {}
        self._of_person: dict[PersonId, dict[RoomId, RoomActor]] = {}
        self._doubtful: dict[RoomId, int] = {}  # Perhaps ours, without an actor; how often to look yet.
        self._bereft: dict[RoomId, RoomState] = {}  # Of those that this node had: who is left here without a room.
        self._adopting: set[RoomId] = set()
        self._roster = Roster(
            world.stores.presence,
            world.stores.people,
            every_ms=options.presence.publish_every_ms,
            expires_ms=ROSTER_MS,
            clock=world.clock,
            log=world.log,
        )
        self._directory: Directory[RoomId] = Directory(
            supervisor=Supervisor(
                "room", clock=world.clock, log=world.log, on_crash=lambda _kind: metrics.actor_crashes.add()
            ),
            clock=world.clock,
            spawn=world.spawn,
            messages_max=options.rooms.mailbox_messages_max,
        )
        self._tools = RoomTools(
            store=world.stores.rooms,
            node=node,
            clock=world.clock,
            alarms=alarms,
            sink=world.sink,
            log=world.log,
            rules=rules,
            options=options.rooms,
            retry_ms=options.calls.retry_ms,
            attendance=presence.attendance,
            line_opened=presence.line_opened,
            line_closed=lambda person_id, heard_at_ms: presence.line_closed(person_id, heard_at_ms=heard_at_ms),
            on_came=self._came,
            on_went=self._went,
            on_started=self._started,
            on_gone=self._gone,
            on_closed=self._closed,
        )
        metrics.rooms_live.read = lambda: len(self._owned)

    # --- what every kind of room can ---------------------------------------------------------------------------------

    async def ask(self, room_id: RoomId, message: Message | Listen) -> RoomState:
        """Put ``message`` to the room; the room afterwards.

        Raises: NotFound: this node has no such room. SessionEnded: somebody else has it. What the room refuses.
        """
        actor = self._owned.get(room_id)
        if actor is None and room_id in self._bereft:
            raise SessionEnded
        if actor is None:
            raise NotFound("room")
        state = await actor.ref.ask(message, deadline_ms=ASK_DEADLINE_MS)
        assert isinstance(state, RoomState)
        return state

    def tell(self, room_id: RoomId, message: Message) -> None:
        """Put ``message`` to the room without waiting; nothing happens when it is not here."""
        actor = self._owned.get(room_id)
        if actor is not None:
            actor.ref.tell(message)

    async def close(self, room_id: RoomId) -> None:
        """Close a room from the platform's side; harmless when it is closed."""
        if room_id in self._owned:
            await self.ask(room_id, Destroy(by=None, at_ms=self._node.now_ms()))

    async def say(self, person: PersonRecord, room_id: RoomId, text: str) -> None:
        """Say something to everybody in a room one is in.

        Raises: NotFound, NotAMember, Banned. Forbidden: he is muted there.
        """
        require_welcome(person, self._node)
        await self.ask(room_id, Say(person_id=person.id, face=face_of(person), text=text))

    async def like(self, person: PersonRecord, room_id: RoomId, count: int) -> RoomState:
        """Tap the heart ``count`` times.

        Raises: NotFound, NotAMember, Banned.
        """
        require_welcome(person, self._node)
        return await self.ask(room_id, Like(person_id=person.id, count=count))

    async def listen(
        self, person: PersonRecord, room_id: RoomId, *, connection: str, since: Position | None
    ) -> RoomState:
        """Let one connection of somebody inside hear the room: first ``RoomShown``, then what it missed.

        Raises: NotFound, NotAMember.
        """
        return await self.ask(room_id, Listen(person_id=person.id, connection=connection, since=since))

    async def impose(
        self, by: PersonRecord | None, room_id: RoomId, person_id: PersonId, kind: SanctionKind, *, until_ms: int | None
    ) -> RoomState:
        """Mute or ban somebody in a room; ``by`` is its anchor, None the platform.

        Raises: NotFound. Forbidden: not the anchor, or against her.
        """
        return await self.ask(
            room_id,
            Impose(
                by=None if by is None else by.id,
                person_id=person_id,
                kind=kind,
                until_ms=until_ms,
                at_ms=self._node.now_ms(),
            ),
        )

    async def kick(self, by: PersonRecord | None, room_id: RoomId, person_id: PersonId) -> RoomState:
        """Ban somebody for a while: out, and not at once in again.

        Raises: as ``impose``.
        """
        until_ms = self._node.now_ms() + self._options.kick_ms
        return await self.impose(by, room_id, person_id, SanctionKind.BAN, until_ms=until_ms)

    async def lift(
        self, by: PersonRecord | None, room_id: RoomId, person_id: PersonId, kind: SanctionKind
    ) -> RoomState:
        """Take a sanction back; harmless without one.

        Raises: NotFound, Forbidden.
        """
        return await self.ask(
            room_id,
            Lift(by=None if by is None else by.id, person_id=person_id, kind=kind, at_ms=self._node.now_ms()),
        )

    async def unseat(self, by: PersonRecord | None, room_id: RoomId, person_id: PersonId) -> RoomState:
        """Take somebody off the stage: oneself, as the anchor anybody, or from the platform's side.

        Raises: NotFound, NotAMember, Forbidden.
        """
        at_ms = self._node.now_ms()
        return await self.ask(room_id, Unseat(by=None if by is None else by.id, person_id=person_id, at_ms=at_ms))

    async def dismiss(self, person_id: PersonId, *, may_watch: bool) -> None:
        """Whoever is excluded from the platform is on no stage any more, and his own rooms are closed.

        Raises: NotNow: it could not be done everywhere; again is fine.
        """
        at_ms = self._node.now_ms()
        for actor in tuple(self._of_person.get(person_id, {}).values()):
            state = actor.state
            message: Message
            if state.record.anchor_id == person_id:
                message = Destroy(by=None, at_ms=at_ms)
            elif state.seat_of(person_id) is not None and (may_watch or self.form(state).held_by_pictures):
                message = Unseat(by=None, person_id=person_id, at_ms=at_ms)
            elif not may_watch:
                message = Leave(person_id=person_id, at_ms=at_ms)
            else:
                continue
            with suppress(NotFound, NotAMember):  # He was faster.
                await self.ask(state.record.id, message)

    async def tell_given(self, given: Given, person_ids: Iterable[PersonId]) -> None:
        """Let the room of something given see it, in its order, and tell those of ``person_ids`` who are not in there.

        Raises: NotNow: the room did not take it, or its owner is to tell it; again is fine.
        """
        inside: Collection[PersonId] = ()
        if given.room_id is not None and given.room_id in self._owned:
            state = await self.ask(given.room_id, ShowGiven(given=given))
            inside = everybody(state, self.form(state)) if state.record.is_open else ()
        elif (
            given.room_id is not None
            and given.room_id not in self._directory.parked
            and await self.goes_on_without(given.room_id)
        ):
            raise SessionEnded
        for person_id in person_ids:
            if person_id not in inside:
                self._world.sink.tell(person_id, given)

    # --- questions -------------------------------------------------------------------------------------------------

    async def goes_on_without(self, room_id: RoomId) -> bool:
        """Whether a room that this node does not have is open all the same: another has it, or somebody soon will.

        Raises: StoreDown.
        """
        with store_answers:
            record = await self._world.stores.rooms.get(room_id)
        return record is not None and record.is_open

    def has(self, room_id: RoomId) -> bool:
        """Whether this node has the room."""
        return room_id in self._owned

    def get(self, room_id: RoomId) -> RoomState:
        """The room as its owner knows it now.

        Raises: NotFound. SessionEnded: this node has just lost it; somebody will have it again.
        """
        actor = self._owned.get(room_id)
        if actor is None and room_id in self._bereft:
            raise SessionEnded
        if actor is None or not actor.record.is_open:
            raise NotFound("room")
        return actor.state

    def position(self, room_id: RoomId) -> Position:
        """Where the room's story stands.

        Raises: NotFound.
        """
        actor = self._owned.get(room_id)
        if actor is None:
            raise NotFound("room")
        return actor.history.position

    def owned(self, kind: RoomKind | None = None) -> tuple[RoomState, ...]:
        """All rooms this node owns, or those of one kind."""
        return tuple(actor.state for actor in self._owned.values() if kind is None or actor.record.kind is kind)

    def of(self, person_id: PersonId, kind: RoomKind) -> tuple[RoomState, ...]:
        """The rooms of a kind that the person is in."""
        actors = self._of_person.get(person_id, {}).values()
        return tuple(actor.state for actor in actors if actor.record.kind is kind and actor.record.is_open)

    def people_in(self, room_id: RoomId) -> Collection[PersonId]:
        """Everybody in the room, its anchor included where the kind counts her; nobody where this node has it not."""
        actor = self._owned.get(room_id)
        if actor is None or not actor.record.is_open:
            return ()
        return everybody(actor.state, self.form(actor.state))

    def place_in(self, state: RoomState, person_id: PersonId) -> Place | None:
        """What the person is in this room."""
        standing = standing_of(state, person_id, self.form(state))
        if standing is None:
            return None
        seat = state.seat_of(person_id)
        return Place(state=state, standing=standing, seat="" if seat is None else seat.seat)

    def form(self, state: RoomState) -> Format:
        """The rules of a room's kind."""
        return self.rules.formats[state.record.kind]

    # --- owning ----------------------------------------------------------------------------------------------------

    async def make(self, room: RoomRecord) -> RoomRecord:
        """Keep a new room, and own it.

        Raises: AlreadyExists, StoreDown. SessionEnded: it is kept, and to be taken over.
        """
        try:
            kept = await self._world.stores.rooms.add(room)
        except Conflict as error:
            raise AlreadyExists from error
        except StoreError as error:
            self._doubt(room.id)
            raise StoreDown from error
        await self._own(kept)
        self._world.log.info("room_made", room_id=kept.id, anchor=kept.anchor_id, call_id=kept.call_id)
        return kept

    async def remake(self, room: RoomRecord) -> RoomRecord:
        """Make a room that may have been there before and closed, and own it; what was imposed in it still holds.

        Raises: SessionEnded: it is open, and somebody else has it (for now). StoreDown.
        """
        try:
            former = await self._world.stores.rooms.get(room.id)
            if former is None:
                return await self.make(room)
            anew = msgspec.structs.replace(
                room,
                sanctions=tuple(
                    one for one in former.sanctions if one.until_ms is None or one.until_ms > room.created_at_ms
                ),
                status_code=former.status_code + 1,
                epoch=former.epoch,
                version=former.version + 1,
            )
            opened = None if former.is_open else await self._world.stores.rooms.reopen(anew)
        except AlreadyExists as error:
            raise SessionEnded from error
        except StoreError as error:
            self._doubt(room.id)
            raise StoreDown from error
        if opened is None:
            self._doubt(room.id)
            raise SessionEnded
        await self._own(opened)
        self._world.log.info("room_opened_again", room_id=opened.id, anchor=opened.anchor_id)
        return opened

    async def run(self) -> None:
        """Sweep until cancelled: take over the rooms of dead nodes."""
        while True:
            await self._world.clock.sleep(self._node.sweep_pause_ms())
            try:
                await self._adopt(NOBODY)
                for room_id in tuple(self._doubtful):
                    await self._look_at(room_id)
                await self.on_sweep()
            except (StoreError, EngineError):
                self._world.log.warning("sweep_failed")

    async def publish(self) -> None:
        """Tell the presence store who is in which room, until cancelled."""
        await self._roster.run()

    async def take_over(self) -> None:
        """Take over all rooms that are nobody's, a dead node's, or this node's from before.

        Raises: StoreError.
        """
        await self._adopt(self._node.id)

    async def drop_all(self) -> None:
        """Stop every actor without closing its room; somebody will take it over."""
        await self._directory.stop_all()

    async def _adopt(self, me: NodeId) -> None:
        """Claim and own what ``RoomStore.adoptable`` shows, some at a time."""
        found = await self._world.stores.rooms.adoptable(me, limit=ADOPTED_MAX)
        # One that was given up here is left to others.
        records = [record for record in found if record.id not in {*self._owned, *self._directory.parked}]
        for first in range(0, len(records), ADOPTED_AT_ONCE_MAX):
            await asyncio.gather(*(self._adopt_one(record) for record in records[first : first + ADOPTED_AT_ONCE_MAX]))

    async def _adopt_one(self, record: RoomRecord) -> None:
        """Claim and own one room, unless somebody else was faster. One that resists holds up none of the others."""
        # A second claim while the first is under way, or while a crashed actor begins again, would fence that one.
        if record.id in self._adopting or self._directory.get(record.id) is not None:
            return
        self._adopting.add(record.id)
        try:
            claimed = await self._world.stores.rooms.claim(record, self._node.id)
            if claimed is not None:
                await self._own(claimed, is_new=False)
        except Unavailable:
            # It may be ours by now, and would have no actor: the sweep looks.
            self._doubt(record.id)
            self._world.log.warning("room_not_claimed", room_id=record.id)
        except SessionEnded:
            return  # It closed as it was taken over, or this node began anew.
        except StoreDown:
            self._doubt(record.id)
        finally:
            self._adopting.discard(record.id)

    async def _own(self, room: RoomRecord, *, is_new: bool = True) -> None:
        """Have an actor for a room that has just been kept as this node's.

        Raises: SessionEnded: this node has begun anew since it asked for the room, and must take it over.
        """
        if room.owner != self._node.id:
            raise SessionEnded
        first = [room]

        async def make() -> Actor:
            if first and is_new:
                return RoomActor(first.pop(), self._tools)
            with store_answers:
                record = first.pop() if first else await self._claim_anew(room.id)
                return RoomActor(record, self._tools, await self._former_viewers(record))

        await self._directory.spawn(room.id, make)

    async def _claim_anew(self, room_id: RoomId) -> RoomRecord:
        """The room of an actor that has crashed, in another epoch: what it told last is forgotten (INV-15).

        Raises: NotFound: it is closed, or somebody else's. StoreError.
        """
        kept = await self._world.stores.rooms.get(room_id)
        claimed = None if kept is None else await self._world.stores.rooms.claim(kept, self._node.id)
        if claimed is None or claimed.owner != self._node.id:
            raise NotFound("room")
        return claimed

    async def _former_viewers(self, record: RoomRecord) -> dict[PersonId, Viewer]:
        """Those that the roster knows, and those that were here when this node had the room last."""
        limit = self.rules.formats[record.kind].audience_max
        if not limit:
            return {}
        known = await self._roster.viewers(record.id, limit=limit, now_ms=self._node.now_ms())
        before = self._bereft.get(record.id)
        return {**({} if before is None else before.audience), **known}

    def _doubt(self, room_id: RoomId) -> None:
        self._doubtful[room_id] = LOOKS

    async def _look_at(self, room_id: RoomId) -> None:
        """See what has become of a room that may be ours, and own it if so."""
        record = await self._world.stores.rooms.get(room_id)
        looks_left = self._doubtful.pop(room_id, 0) - 1
        if looks_left > 0:
            self._doubtful[room_id] = looks_left
        is_mine = record is not None and record.is_open and record.owner == self._node.id
        is_still_to_come = False
        if record is not None and is_mine and room_id not in {*self._owned, *self._directory.parked}:
            await self._adopt_one(record)
            is_still_to_come = room_id not in self._owned
        if not is_still_to_come:
            self._send_on(room_id)

    def _send_on(self, room_id: RoomId) -> None:
        """Whoever still waits here for a room that went elsewhere is to look for it anew (D-13)."""
        state = self._bereft.pop(room_id, None)
        if state is not None and room_id not in self._owned:
            for person_id in everybody(state, self.form(state)):
                self._world.sink.close(person_id, code=Goodbye.RESTART, reason="retry_after=1")

    # --- the actors' callbacks -------------------------------------------------------------------------------------

    def _came(self, actor: RoomActor, person_id: PersonId) -> None:
        rooms = self._of_person.setdefault(person_id, {})
        if actor.record.id in rooms:
            rooms[actor.record.id] = actor
            return
        rooms[actor.record.id] = actor
        self._presence.attend(person_id)
        self._roster.came(actor.record.id, person_id)

    def _went(self, actor: RoomActor, person_id: PersonId) -> None:
        rooms = self._of_person.get(person_id, {})
        if rooms.get(actor.record.id) is not actor:
            return
        del rooms[actor.record.id]
        if not rooms:
            del self._of_person[person_id]
        self._presence.unattend(person_id)
        self._roster.went(actor.record.id, person_id)

    def _started(self, actor: RoomActor) -> None:
        self._owned[actor.record.id] = actor
        self._bereft.pop(actor.record.id, None)
        self.on_started(actor.state)

    def _closed(self, record: RoomRecord, by_anchor: bool) -> None:  # noqa: FBT001  # a callback's shape
        self.on_closed(record, by_anchor)

    def _gone(self, actor: RoomActor) -> None:
        if self._owned.get(actor.record.id) is actor:
            del self._owned[actor.record.id]
            self._world.sink.end_room(actor.record.id)
        if actor.record.is_open:
            self._roster.dropped(actor.record.id)
            self._doubt(actor.record.id)  # Fenced by ourselves, or cut short: the sweep looks.
            self._bereft[actor.record.id] = actor.state


def is_on_air(record: RoomRecord) -> bool:
    """Whether there is something to watch: a live that runs, or in a public room somebody who sends pictures."""
    is_public = record.kind in LIVES or (record.kind is RoomKind.OPEN and bool(record.seats))
    return record.is_open and is_public


def _nothing(_record: RoomRecord, _by_anchor: bool) -> None:  # noqa: FBT001  # a callback's shape
    """Nobody minds."""


def _nothing_yet(_state: RoomState) -> None:
    """Nobody minds."""


async def _nothing_soon() -> None:
    """Nobody minds."""
