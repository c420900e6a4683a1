"""Planted bugs of rooms: the simulator has to find each of them. As ``mutants``, which lists them with the others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from itertools import count
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

import engine.room.actor
import engine.room.audience
import engine.room.lifecycle
import engine.room.moderation
from engine.events import SeatTaken
from engine.ports import Position
from engine.room.actor import RoomActor
from engine.room.formats import Rules
from engine.room.history import History
from engine.room.lifecycle import step
from engine.room.messages import Away, Impose, Invite, Sit
from engine.room.roster import Roster
from engine.room.state import Decision, RoomState, Standing, Viewer, Went
from engine.services.blind_dates import BlindDates
from engine.services.rooms import Rooms
from engine.services.turns import Turns
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.rooms import RoomRecord
from store.memory.rooms import MemoryRooms

__all__ = ["ROOM_MUTANTS"]

Mutant = Callable[[], AbstractContextManager[Any]]
AGES_MS: Final = 10**10


@contextmanager
def _all_of(*mutants: Mutant) -> Iterator[None]:
    with ExitStack() as stack:
        for mutant in mutants:
            stack.enter_context(mutant())
        yield


def _stepping(changed: Callable[[RoomState, Any, int, Rules], Decision]) -> AbstractContextManager[Any]:
    def wrong(state: RoomState, message: Any, *, now_ms: int, rules: Rules) -> Decision:
        return changed(state, message, now_ms, rules)

    return patch.object(engine.room.actor, "step", wrong)


def _with_rules(kind: type, changed: Callable[[Rules], Rules]) -> AbstractContextManager[Any]:
    """Messages of one kind are decided by other rules."""
    return _stepping(
        lambda state, message, now_ms, rules: step(
            state, message, now_ms=now_ms, rules=changed(rules) if isinstance(message, kind) else rules
        )
    )


def _formats(rules: Rules, **changed: Any) -> Rules:
    return replace(rules, formats={kind: replace(form, **changed) for kind, form in rules.formats.items()})


def _written(decision: Decision, **changed: Any) -> Decision:
    """``decision`` with another record."""
    record = replace(decision.state.record, **changed)
    return replace(decision, state=replace(decision.state, record=record), write=record)


# --- seats ---------------------------------------------------------------------------------------------------------


def _endless_bench() -> AbstractContextManager[Any]:
    """Nobody looks whether the seat is taken."""

    def roomy(rules: Rules) -> Rules:
        formats = {
            kind: replace(form, seats=tuple(replace(seat, places=99) for seat in form.seats))
            for kind, form in rules.formats.items()
        }
        return replace(rules, formats=formats)

    return _with_rules(Sit, roomy)


def _sits_anywhere() -> AbstractContextManager[Any]:
    """The store does not keep anybody from sitting in two rooms."""
    return patch.object(MemoryRooms, "_sits_elsewhere", lambda _self, _room: False)


def _moves_at_once() -> AbstractContextManager[Any]:
    """Moves of one person do not wait for each other."""

    @asynccontextmanager
    async def unguarded(_self: Turns[PersonId], _person_id: PersonId) -> AsyncIterator[None]:
        yield

    return patch.object(Turns, "of", unguarded)


def _nobody_leaves() -> AbstractContextManager[Any]:
    """Whoever enters a room stays where he was as well."""
    leave_others = BlindDates._leave_others

    async def stay(self: BlindDates, person: Any, *, stays_in: RoomId | None) -> None:
        if stays_in is None:
            await leave_others(self, person, stays_in=None)

    return patch.object(BlindDates, "_leave_others", stay)


def _uninvited() -> AbstractContextManager[Any]:
    """An invitation never expires."""
    return _with_rules(Invite, lambda rules: _formats(rules, invitation_ms=AGES_MS))


def _others_forgotten() -> AbstractContextManager[Any]:
    """When somebody sits down, nobody else has applied any more."""

    def forgetful(state: RoomState, message: Any, now_ms: int, rules: Rules) -> Decision:
        decision = step(state, message, now_ms=now_ms, rules=rules)
        is_seated = isinstance(message, Sit) and decision.write is not None
        return _written(decision, applicants=()) if is_seated else decision

    return _stepping(forgetful)


def _told_before_kept() -> AbstractContextManager[Any]:
    """A seat is told before it is kept."""
    save = RoomActor._save

    async def eager(self: RoomActor, record: RoomRecord) -> None:
        for seat in record.seats:
            if seat not in self.record.seats:
                event = SeatTaken(
                    room_id=record.id,
                    person_id=seat.person_id,
                    seat=seat.seat,
                    stream=seat.stream,
                    face=seat.face,
                    status_code=record.status_code,
                )
                self.tools.sink.tell_room(record.id, event)
        await save(self, record)

    return patch.object(RoomActor, "_save", eager)


def _sometimes_unkept() -> AbstractContextManager[Any]:
    """A write is confirmed that was not made."""
    save = MemoryRooms.save
    numbers = count(1)

    async def optimistic(self: MemoryRooms, room: RoomRecord) -> None:
        if next(numbers) % 10:
            await save(self, room)

    return patch.object(MemoryRooms, "save", optimistic)


# --- owning --------------------------------------------------------------------------------------------------------


def _same_epoch() -> AbstractContextManager[Any]:
    """A claim changes the owner and not the epoch."""
    claim = MemoryRooms.claim

    async def quietly(self: MemoryRooms, room: RoomRecord, me: Any) -> RoomRecord | None:
        claimed = await claim(self, room, me)
        if claimed is not None:
            claimed = self._database.rooms[room.id] = replace(claimed, epoch=room.epoch)
        return claimed

    return patch.object(MemoryRooms, "claim", quietly)


def _unfenced() -> AbstractContextManager[Any]:
    """A room is saved by whoever believes to have it."""

    async def anyhow(self: MemoryRooms, room: RoomRecord) -> None:
        kept = self._database.rooms[room.id]
        self._keep(replace(room, owner=kept.owner, epoch=kept.epoch, version=kept.version + 1))

    return patch.object(MemoryRooms, "save", anyhow)


def _left_to_the_dead() -> AbstractContextManager[Any]:
    """Rooms of dead nodes are nobody's business."""

    async def not_mine(self: Rooms, me: Any) -> None:
        if me == self._node.id:
            await asyncio.sleep(0)

    return patch.object(Rooms, "_adopt", not_mine)


def _unwritten_page() -> AbstractContextManager[Any]:
    """A new owner goes on in the same epoch, from its first event."""
    init = History.__init__

    def same(self: History, _epoch: int, **bounds: int) -> None:
        init(self, 1, **bounds)

    return patch.object(History, "__init__", same)


def _restarted_in_its_epoch() -> AbstractContextManager[Any]:
    """A room that crashed goes on in its epoch, and counts from one again."""

    async def as_it_was(self: Rooms, room_id: RoomId) -> RoomRecord:
        record = await self._world.stores.rooms.get(room_id)
        assert record is not None
        return record

    return patch.object(Rooms, "_claim_anew", as_it_was)


# --- the audience --------------------------------------------------------------------------------------------------


def _counted_out_twice() -> AbstractContextManager[Any]:
    """Whoever is missed is counted out, although he was when he went."""
    gone: dict[tuple[RoomId, int], int] = {}
    without, count_of = engine.room.audience.without, engine.room.audience.count_of

    def swept(state: RoomState, people: Sequence[PersonId], *first: Any) -> Decision:
        decision = without(state, people, *first)
        key = (state.record.id, state.record.epoch)
        gone[key] = gone.get(key, 0) + sum(isinstance(effect, Went) for effect in decision.effects)
        return decision

    def counted(state: RoomState, form: Any) -> int:
        return count_of(state, form) - gone.get((state.record.id, state.record.epoch), 0)

    return _all_of(
        lambda: patch.object(engine.room.lifecycle, "without", swept),
        lambda: patch.object(engine.room.audience, "count_of", counted),
        lambda: patch.object(engine.room.actor, "count_of", counted),
    )


def _goes_on_hearing() -> AbstractContextManager[Any]:
    """Whoever goes out still hears what the room is told."""
    perform = RoomActor._perform

    def leaky(self: RoomActor, effect: Any) -> None:
        if isinstance(effect, Went):
            self.tools.on_went(self, effect.person_id)
        else:
            perform(self, effect)

    return patch.object(RoomActor, "_perform", leaky)


def _restored_twice() -> AbstractContextManager[Any]:
    """A new owner finds those who sit in the audience as well."""
    init = RoomActor.__init__

    def twice(
        self: RoomActor, record: RoomRecord, tools: Any, viewers: Mapping[PersonId, Viewer] | None = None
    ) -> None:
        init(self, record, tools, viewers)
        audience = self.state.audience
        for seat in record.seats:
            audience = audience.set(seat.person_id, Viewer(face=seat.face, since_ms=seat.since_ms))
        self.state = replace(self.state, audience=audience)

    return patch.object(RoomActor, "__init__", twice)


def _not_restored() -> AbstractContextManager[Any]:
    """A new owner does not ask who was there."""

    async def nobody(_self: Roster, _room_id: RoomId, **_bounds: int) -> dict[PersonId, Viewer]:
        return {}

    return patch.object(Roster, "viewers", nobody)


def _missed(changed: Callable[[RoomState, Away, Any, bool], bool]) -> AbstractContextManager[Any]:
    is_gone = engine.room.lifecycle._is_gone

    def wrong(state: RoomState, away: Away, now_ms: int, form: Any) -> bool:
        standing = engine.room.audience.standing_of(state, away.person_id, form)
        return changed(state, away, standing, is_gone(state, away, now_ms, form))

    return patch.object(engine.room.lifecycle, "_is_gone", wrong)


def _impatient() -> AbstractContextManager[Any]:
    """Nobody waits for a lost line."""
    return _missed(lambda _state, away, _standing, is_gone: is_gone or away.had_line)


def _anchor_not_missed() -> AbstractContextManager[Any]:
    """A room waits for its matchmaker for ever."""
    return _missed(lambda _state, _away, standing, is_gone: is_gone and standing is not Standing.ANCHOR)


def _seat_not_missed() -> AbstractContextManager[Any]:
    """Whoever sits is never missed."""
    return _missed(lambda _state, _away, standing, is_gone: is_gone and standing is not Standing.SEATED)


def _viewer_not_missed() -> AbstractContextManager[Any]:
    """Whoever watches is never missed."""
    present = {Standing.ANCHOR, Standing.SEATED}
    return _missed(lambda _state, _away, standing, is_gone: is_gone and standing in present)


def _grace_from_long_ago() -> AbstractContextManager[Any]:
    """What a node had seen of people before it took their room over counts against them."""
    away_of = engine.room.audience.away_of

    def unfair(state: RoomState, form: Any, attendance: Callable[[PersonId], Any]) -> tuple[Away, ...]:
        found = []
        for away in away_of(state, form, attendance):
            seen = attendance(away.person_id)
            found.append(away if seen is None else replace(away, since_ms=seen.seen_at_ms))
        return tuple(found)

    return patch.object(engine.room.actor, "away_of", unfair)


# --- sanctions -----------------------------------------------------------------------------------------------------


def _banned_at_the_door() -> AbstractContextManager[Any]:
    """A kick keeps out whoever comes, not whoever is inside."""
    return patch.object(
        engine.room.moderation, "without", lambda state, _people, *first: Decision(state=state, effects=first)
    )


def _kick_unkept() -> AbstractContextManager[Any]:
    """A kick puts out and is not written down."""

    def lenient(state: RoomState, message: Any, now_ms: int, rules: Rules) -> Decision:
        decision = step(state, message, now_ms=now_ms, rules=rules)
        is_imposed = isinstance(message, Impose) and decision.write is not None
        return _written(decision, sanctions=state.record.sanctions) if is_imposed else decision

    return _stepping(lenient)


def _amnesty() -> AbstractContextManager[Any]:
    """A room that opens again has forgotten whom it had sent away."""
    reopen = MemoryRooms.reopen

    async def forgiving(self: MemoryRooms, room: RoomRecord) -> RoomRecord | None:
        return await reopen(self, replace(room, sanctions=()))

    return patch.object(MemoryRooms, "reopen", forgiving)


def _door_open() -> AbstractContextManager[Any]:
    """Nobody looks at bans at the door."""
    sanction_of = RoomState.sanction_of

    def blind(self: RoomState, person_id: PersonId, kind: Any, *, now_ms: int) -> Any:
        return None if kind == "ban" else sanction_of(self, person_id, kind, now_ms=now_ms)

    return patch.object(RoomState, "sanction_of", blind)


# --- the story -----------------------------------------------------------------------------------------------------


def _resumed_too_early() -> AbstractContextManager[Any]:
    """Whoever comes back is told the last thing he heard once more."""
    after = History.after

    def before(self: History, position: Position) -> Any:
        if position.seq == 0:
            return after(self, position)
        return after(self, Position(position.epoch, position.seq - 1)) or after(self, position)

    return patch.object(History, "after", before)


def _resumed_too_late() -> AbstractContextManager[Any]:
    """Whoever comes back is not told the first thing he missed."""
    after = History.after

    def beyond(self: History, position: Position) -> Any:
        missed = after(self, position)
        return missed and missed[1:]

    return patch.object(History, "after", beyond)


def _resumed_beyond_memory() -> AbstractContextManager[Any]:
    """Whoever has missed more than is remembered is told the rest, as if it were all."""

    def what_there_is(self: History, position: Position) -> Any:
        if position.epoch != self.epoch or not 0 <= position.seq <= self.seq:
            return None
        told = list(enumerate(reversed(self._events)))
        return [
            (event, Position(self.epoch, self.seq - back))
            for back, (_, event) in reversed(told)
            if self.seq - back > position.seq
        ]

    return patch.object(History, "after", what_there_is)


def _gift_shown_again() -> AbstractContextManager[Any]:
    """A gift that the outbox tells twice is shown twice."""
    return patch.object(History, "has_shown", lambda _self, _event_id: False)


def _gift_told_anywhere() -> AbstractContextManager[Any]:
    """A node that does not have the room of a gift tells it as if it had none; and ends it unseen."""

    async def gone(_self: Rooms, _room_id: RoomId) -> bool:
        return False

    return patch.object(Rooms, "goes_on_without", gone)


def _combo_without_end() -> AbstractContextManager[Any]:
    """Gifts count on however long ago the last was."""
    return _stepping(
        lambda state, message, now_ms, rules: step(
            state, message, now_ms=now_ms, rules=replace(rules, combo_ms=AGES_MS)
        )
    )


def _combo_of_one() -> AbstractContextManager[Any]:
    """Each gift is the first in a row."""

    def fresh(state: RoomState, message: Any, now_ms: int, rules: Rules) -> Decision:
        decision = step(state, message, now_ms=now_ms, rules=rules)
        return replace(decision, state=replace(decision.state, combos={}))

    return _stepping(fresh)


ROOM_MUTANTS: Final[Mapping[str, Mutant]] = MappingProxyType(
    {
        "two people on one seat": _endless_bench,
        "a seat in two rooms, the store's guard off": _sits_anywhere,
        "a seat in two rooms, all guards off": lambda: _all_of(_sits_anywhere, _moves_at_once, _nobody_leaves),
        "moves of one person at once": _moves_at_once,
        "who enters does not leave": _nobody_leaves,
        "an invitation never expires": _uninvited,
        "whoever sits clears the applications": _others_forgotten,
        "a seat is told before it is kept": _told_before_kept,
        "a room's write is confirmed and not made": _sometimes_unkept,
        "a room's claim keeps the epoch": _same_epoch,
        "a room's owner is not fenced": _unfenced,
        "rooms of the dead are left": _left_to_the_dead,
        "a new owner tells in the old epoch": _unwritten_page,
        "a crashed room counts from one again": _restarted_in_its_epoch,
        "counted out twice, at close and timeout": _counted_out_twice,
        "who goes out goes on hearing": _goes_on_hearing,
        "viewers are restored twice": _restored_twice,
        "viewers are not restored": _not_restored,
        "a lost line is not waited for": _impatient,
        "a lost matchmaker is not missed": _anchor_not_missed,
        "a lost seat is never free": _seat_not_missed,
        "a lost viewer stays": _viewer_not_missed,
        "silence from before the takeover": _grace_from_long_ago,
        "bans are looked at in the door only": _banned_at_the_door,
        "bans are not looked at in the door": _door_open,
        "a kick is not written down": _kick_unkept,
        "a room that reopens has forgotten bans": _amnesty,
        "resumed one too early": _resumed_too_early,
        "resumed one too late": _resumed_too_late,
        "resumed beyond memory": _resumed_beyond_memory,
        "a gift is shown twice": _gift_shown_again,
        "a gift is told where its room is not": _gift_told_anywhere,
        "gifts in a row without end": _combo_without_end,
        "gifts in a row are never counted": _combo_of_one,
    }
)
"""Each by what it does."""
