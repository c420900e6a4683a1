"""The owner of one live room: carries out what ``lifecycle.step`` decides. Knows no HTTP and no rules of its own."""

from collections.abc import Callable
from typing import cast

import msgspec

from engine import settings
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.errors import SessionEnded
from engine.node import Node
from engine.ports import Clock, Log, Sink
from engine.room.lifecycle import (
    Closed,
    Effect,
    LineClosed,
    LineOpened,
    RoomState,
    Rules,
    SweepAgain,
    TellRoom,
    step,
)
from engine.room.messages import LeaveAudience, Message, SweepDue
from store.interfaces.errors import NotOwner, Unavailable
from store.interfaces.ids import PersonId
from store.interfaces.rooms import RoomRecord, RoomStore

__all__ = ["RoomActor", "RoomTools"]


class RoomTools(msgspec.Struct, frozen=True, kw_only=True):
    """What all rooms of a node share. ``on_closed`` learns whether the creator closed it."""

    store: RoomStore
    node: Node
    clock: Clock
    alarms: AlarmClock
    sink: Sink
    log: Log
    rules: Rules
    options: settings.Rooms
    retry_ms: int
    is_here: Callable[[PersonId], bool]
    line_opened: Callable[[PersonId], None]
    line_closed: Callable[[PersonId, int], None]
    on_started: Callable[["RoomActor"], None]
    on_gone: Callable[["RoomActor"], None]
    on_closed: Callable[[RoomRecord, bool], None]


class RoomActor(Actor):
    """One room that this node owns."""

    __slots__ = ("state", "tools")

    def __init__(self, record: RoomRecord, tools: RoomTools) -> None:
        self.tools = tools
        self.state = RoomState(record=record, silent_since_ms=tools.node.now_ms())

    @property
    def record(self) -> RoomRecord:
        """The room as last confirmed."""
        return self.state.record

    async def started(self) -> None:
        """Let in whom the record knows, and begin to sweep."""
        self.tools.on_started(self)
        for person_id in _everybody(self.state):
            self.tools.sink.enter(person_id, self.record.id)
        await self._perform(SweepAgain(self.tools.node.now_ms() + self.tools.rules.pusher_silent_ms // 4))

    async def stopped(self) -> None:
        """Whatever happens, nobody stays held by a room that is gone, or goes on listening to it."""
        for person_id, beat_ms in self.state.beats.items():
            self.tools.line_closed(person_id, beat_ms)
        self.tools.on_gone(self)

    async def discarded(self) -> None:
        """Nor by one that crashed."""
        await self.stopped()

    async def receive(self, message: object) -> RoomState:
        """Decide and carry out ``message``; the answer to an ask is the room afterwards.

        Raises: what ``step`` raises; SessionEnded: this node owns the room no longer.
        """
        if isinstance(message, SweepDue):
            self._send_away_the_gone()
        before = self.state
        decision = step(before, cast("Message", message), now_ms=self.tools.node.now_ms(), rules=self.tools.rules)
        if decision.write is not None:
            await self._save(decision.write)
        self.state = decision.state
        came, went = _moved(before, decision.state)
        for person_id in came:
            self.tools.sink.enter(person_id, self.record.id)
        for effect in decision.effects:
            await self._perform(effect)
        for person_id in went:
            self.tools.sink.leave(person_id, self.record.id)  # They hear of it first.
        return self.state

    def _send_away_the_gone(self) -> None:
        """Viewers have no heartbeat: whoever has not been seen on this surface lately watches no longer."""
        for person_id in self.state.audience:
            if not self.tools.is_here(person_id):
                self.ref.tell(LeaveAudience(person_id=person_id, at_ms=self.tools.node.now_ms()))

    async def _save(self, record: RoomRecord) -> None:
        while True:
            try:
                await self.tools.store.save(record)
            except Unavailable:
                await self.tools.clock.sleep(self.tools.retry_ms)
                if not self.ref.is_alive:
                    raise SessionEnded from None
            except NotOwner:
                self.tools.log.warning("room_fenced", room_id=record.id, epoch=record.epoch)
                self.stop()
                raise SessionEnded from None
            else:
                return

    async def _perform(self, effect: Effect) -> None:
        tools = self.tools
        match effect:
            case TellRoom(event):
                tools.sink.tell_room(self.record.id, event)
            case LineOpened(person_id):
                tools.line_opened(person_id)
            case LineClosed(person_id, heard_at_ms):
                tools.line_closed(person_id, heard_at_ms)
            case SweepAgain(due_ms):
                tools.alarms.set(tools.node.store_clock.mono_ms(due_ms), self.ref, SweepDue())
            case Closed(by_creator):
                tools.log.info("room_closed", room_id=self.record.id)
                tools.on_closed(self.record, by_creator)
                self.stop()


def _everybody(state: RoomState) -> list[PersonId]:
    """Who hears what the room is told, each once, in a fixed order."""
    record = state.record
    return list(dict.fromkeys((*(pusher.person_id for pusher in record.pushers), *state.audience, *record.members)))


def _moved(before: RoomState, after: RoomState) -> tuple[list[PersonId], list[PersonId]]:
    """Who came and who went."""
    # Heartbeats change neither, and there are many of them.
    if after.audience is before.audience and after.record.pushers is before.record.pushers:
        return [], []
    were, are = _everybody(before), _everybody(after)
    were_set, are_set = set(were), set(are)
    return [one for one in are if one not in were_set], [one for one in were if one not in are_set]
