"""The owner of one live room: carries out what ``lifecycle.step`` decides. Knows no HTTP and no rules of its own."""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec
from immutables import Map
from msgspec.structs import replace

from engine import settings
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.errors import Busy, NotAMember, SessionEnded
from engine.events import Event, RoomShown
from engine.node import Node
from engine.ports import Clock, Log, Position, Sink
from engine.room.audience import away_of, count_of, everybody, standing_of
from engine.room.formats import Format, Rules
from engine.room.history import History
from engine.room.lifecycle import step
from engine.room.messages import Attendance, CountDue, Listen, Message, ShowGiven, SweepDue
from engine.room.state import (
    Came,
    Closed,
    CountAgain,
    Effect,
    LineClosed,
    LineOpened,
    RoomState,
    SweepAgain,
    Tell,
    TellRoom,
    Viewer,
    Went,
)
from store.interfaces.errors import Conflict, NotOwner, Unavailable
from store.interfaces.ids import PersonId
from store.interfaces.rooms import RoomRecord, RoomStore, SanctionKind

__all__ = ["RoomActor", "RoomTools"]


class RoomTools(msgspec.Struct, frozen=True, kw_only=True):
    """What all rooms of a node share. ``on_closed`` learns whether the anchor closed it."""

    store: RoomStore
    node: Node
    clock: Clock
    alarms: AlarmClock
    sink: Sink
    log: Log
    rules: Rules
    options: settings.Rooms
    retry_ms: int
    attendance: Callable[[PersonId], Attendance | None]
    line_opened: Callable[[PersonId], None]
    line_closed: Callable[[PersonId, int], None]
    on_came: Callable[["RoomActor", PersonId], None]
    on_went: Callable[["RoomActor", PersonId], None]
    on_started: Callable[["RoomActor"], None]
    on_gone: Callable[["RoomActor"], None]
    on_closed: Callable[[RoomRecord, bool], None]


class RoomActor(Actor):
    """One room that this node owns. ``viewers`` are those that the former owner is known to have had."""

    __slots__ = ("history", "state", "tools")

    def __init__(self, record: RoomRecord, tools: RoomTools, viewers: Mapping[PersonId, Viewer] | None = None) -> None:
        self.tools = tools
        audience = dict(viewers or {})
        audience |= {one.person_id: Viewer(face=one.face, since_ms=one.since_ms) for one in record.applicants}
        for person_id in (*(seat.person_id for seat in record.seats), record.anchor_id):
            audience.pop(person_id, None)
        now_ms = tools.node.now_ms()
        state = RoomState(record=record, likes_count=record.likes_count, silent_since_ms=now_ms)
        # Whoever was sent away last may still have been among them when the former owner died.
        welcome = {
            person_id: viewer
            for person_id, viewer in audience.items()
            if state.sanction_of(person_id, SanctionKind.BAN, now_ms=now_ms) is None
        }
        self.state = replace(state, audience=Map(welcome))
        self.history = History(
            record.epoch, events_max=tools.options.history_events_max, length_ms=tools.options.history_ms
        )

    @property
    def record(self) -> RoomRecord:
        """The room as last confirmed."""
        return self.state.record

    @property
    def form(self) -> Format:
        """The rules of its kind."""
        return self.tools.rules.formats[self.record.kind]

    async def started(self) -> None:
        """Let in whom the record knows, and begin to sweep."""
        self.tools.on_started(self)
        for person_id in everybody(self.state, self.form):
            self._perform(Came(person_id))
        self._perform(SweepAgain(self.tools.node.now_ms() + self.tools.rules.sweep_ms))

    async def stopped(self) -> None:
        """Whatever happens, nobody stays held by a room that is gone, or goes on listening to it."""
        for person_id, beat_ms in self.state.beats.items():
            self.tools.line_closed(person_id, beat_ms)
        for person_id in everybody(self.state, self.form):
            self.tools.on_went(self, person_id)
        self.tools.on_gone(self)

    async def discarded(self) -> None:
        """Nor by one that crashed."""
        await self.stopped()

    async def receive(self, message: object) -> RoomState:
        """Decide and carry out ``message``; the answer to an ask is the room afterwards.

        Raises: what ``step`` raises; Busy: he sits in another room; SessionEnded: this node owns the room no longer.
        """
        match message:
            case Listen():
                self._listen(message)
                return self.state
            case ShowGiven() if self.history.has_shown(message.given.event_id):
                return self.state
            case SweepDue():
                message = SweepDue(away_of(self.state, self.form, self.tools.attendance))
        now_ms = self.tools.node.now_ms()
        decision = step(self.state, cast("Message", message), now_ms=now_ms, rules=self.tools.rules)
        if decision.write is not None:
            await self._save(decision.write)
        self.state = decision.state
        for effect in decision.effects:
            self._perform(effect)
        return self.state

    def _listen(self, message: Listen) -> None:
        """Show the room to one connection, and what it missed, before it hears what comes next."""
        person_id, since = message.person_id, message.since
        if standing_of(self.state, person_id, self.form) is None:
            raise NotAMember
        missed = None if since is None else self.history.after(since)
        shown = self._shown(person_id, is_recovered=missed is not None)
        # What was recovered goes on from where the client stands; what was not, from where the room does.
        stands_at = self.history.position if since is None or missed is None else since
        backlog: list[tuple[Event, Position]] = [(shown, stands_at), *(missed or ())]
        self.tools.sink.enter(person_id, self.record.id, connection=message.connection, backlog=backlog)

    def _shown(self, person_id: PersonId, *, is_recovered: bool) -> RoomShown:
        state, record = self.state, self.record
        standing, seat = standing_of(state, person_id, self.form), state.seat_of(person_id)
        return RoomShown(
            room_id=record.id,
            is_recovered=is_recovered,
            standing="" if standing is None else standing.value,
            seat="" if seat is None else seat.seat,
            anchor_id=record.anchor_id,
            anchor=record.anchor,
            seats=record.seats,
            count=count_of(state, self.form),
            likes_count=state.likes_count,
        )

    async def _save(self, record: RoomRecord) -> None:
        while True:
            try:
                await self.tools.store.save(record)
            except Unavailable:
                await self.tools.clock.sleep(self.tools.retry_ms)
                if not self.ref.is_alive:
                    raise SessionEnded from None
            except Conflict:
                raise Busy from None
            except NotOwner:
                self.tools.log.warning("room_fenced", room_id=record.id, epoch=record.epoch)
                self.stop()
                raise SessionEnded from None
            else:
                return

    def _perform(self, effect: Effect) -> None:
        tools, record = self.tools, self.record
        match effect:
            case TellRoom(event, is_kept):
                position = self.history.tell(event, now_ms=tools.node.now_ms()) if is_kept else None
                tools.sink.tell_room(record.id, event, position=position)
            case Tell(person_id, event):
                tools.sink.tell(person_id, event)
            case Came(person_id):
                if not self.form.heard_by_connection:
                    shown = self._shown(person_id, is_recovered=False)
                    tools.sink.enter(person_id, record.id, backlog=[(shown, self.history.position)])
                tools.on_came(self, person_id)
            case Went(person_id):
                tools.sink.leave(person_id, record.id)
                tools.on_went(self, person_id)
            case LineOpened(person_id):
                tools.line_opened(person_id)
            case LineClosed(person_id, heard_at_ms):
                tools.line_closed(person_id, heard_at_ms)
            case SweepAgain(due_ms):
                tools.alarms.set(tools.node.store_clock.mono_ms(due_ms), self.ref, SweepDue())
            case CountAgain(due_ms):
                tools.alarms.set(tools.node.store_clock.mono_ms(due_ms), self.ref, CountDue())
            case Closed(by_anchor, inside):
                tools.log.info("room_closed", room_id=record.id)
                for person_id in inside:
                    tools.on_went(self, person_id)
                tools.on_closed(record, by_anchor)
                self.stop()
