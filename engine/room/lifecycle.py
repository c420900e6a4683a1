"""The rules of a live room, as pure functions.

A room is made, becomes active with its first pusher, and closes when its creator leaves or when nobody has sent
pictures for a while. A room that belongs to a call is open to the two of that call and lives as long as the call
does.

Knows no store, no clock and no socket. Source: seed behaviour §6, LR-1 … LR-9.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.errors import BadInput, Forbidden, NotAMember, NotFound, RoomFull, TooLong
from engine.events import AudienceChanged, Event, PushersChanged
from engine.room.messages import (
    AddPusher,
    Beat,
    Destroy,
    EnterAudience,
    LeaveAudience,
    Message,
    RemovePusher,
    SetField,
    StreamBegan,
    StreamEnded,
    StreamHeard,
    SweepDue,
)
from store.interfaces.ids import ID_MAX, PersonId
from store.interfaces.rooms import PusherRecord, RoomRecord

__all__ = [
    "TRANSITIONS",
    "Closed",
    "Decision",
    "Effect",
    "LineClosed",
    "LineOpened",
    "RoomState",
    "Rules",
    "SweepAgain",
    "TellRoom",
    "Viewer",
    "step",
]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a room; see ``config.yaml``."""

    pushers_max: int
    call_pushers_max: int
    audience_max: int
    pusher_silent_ms: int
    empty_ms: int
    custom_fields_max: int
    custom_field_bytes_max: int


class Viewer(msgspec.Struct, frozen=True):
    """One of the audience, with the text his client gave about him."""

    described: str
    since_ms: int


class RoomState(msgspec.Struct, frozen=True, kw_only=True):
    """A room as its owner knows it: the record, and what need not outlive the owner.

    ``beats`` are the pushers whose line is open, with the time of their last sign of life; ``silent_since_ms`` is from
    when on a pusher without a beat counts as silent (the owner's first moment), ``empty_since_ms`` when the last left.
    ``cut_off`` are the pushers whose pictures a media server saw stop, with the time of the last of them: until
    pictures come again, nothing that their clients say counts as a sign of life (ADR 5).
    """

    record: RoomRecord
    beats: Mapping[PersonId, int] = {}
    cut_off: Mapping[PersonId, int] = {}
    audience: Mapping[PersonId, Viewer] = {}
    silent_since_ms: int
    empty_since_ms: int | None = None

    def is_member(self, person_id: PersonId) -> bool:
        """Whether the person sends, watches, or is one of the room's call."""
        record = self.record
        return (
            person_id in self.audience
            or person_id in record.members
            or any(pusher.person_id == person_id for pusher in record.pushers)
        )


class TellRoom(msgspec.Struct, frozen=True):
    """Tell everybody in the room."""

    event: Event


class LineOpened(msgspec.Struct, frozen=True):
    """This person is held by his pictures from now on."""

    person_id: PersonId


class LineClosed(msgspec.Struct, frozen=True):
    """This person's pictures have stopped; ``heard_at_ms`` was his last sign of life."""

    person_id: PersonId
    heard_at_ms: int


class SweepAgain(msgspec.Struct, frozen=True):
    """Wake the room at ``due_ms``."""

    due_ms: int


class Closed(msgspec.Struct, frozen=True):
    """The room is closed; its owner may forget it."""

    by_creator: bool


Effect = TellRoom | LineOpened | LineClosed | SweepAgain | Closed


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: ``state`` holds once ``write`` is confirmed, then ``effects`` happen in order."""

    state: RoomState
    write: RoomRecord | None = None
    effects: tuple[Effect, ...] = ()


def _saved(state: RoomState, *effects: Effect) -> Decision:
    record = replace(state.record, version=state.record.version + 1)
    return Decision(state=replace(state, record=record), write=record, effects=effects)


def _pushers_changed(state: RoomState, pushers: tuple[PusherRecord, ...], *effects: Effect) -> Decision:
    record = replace(state.record, pushers=pushers, status_code=state.record.status_code + 1)
    told = TellRoom(PushersChanged(room_id=record.id, status_code=record.status_code))
    return _saved(replace(state, record=record), *effects, told)


def _pusher(record: RoomRecord, person_id: PersonId) -> PusherRecord | None:
    return next((pusher for pusher in record.pushers if pusher.person_id == person_id), None)


def _closed(state: RoomState, at_ms: int, *, by_creator: bool) -> Decision:
    record = replace(state.record, closed_at_ms=at_ms, pushers=(), status_code=state.record.status_code + 1)
    lines = tuple(LineClosed(person_id, beat_ms) for person_id, beat_ms in state.beats.items())
    told = TellRoom(PushersChanged(room_id=record.id, status_code=record.status_code))
    return _saved(replace(state, record=record, beats={}, cut_off={}), *lines, told, Closed(by_creator=by_creator))


def _heard(state: RoomState, person_id: PersonId, at_ms: int) -> tuple[RoomState, tuple[Effect, ...]]:
    """A sign of life of a pusher, which opens his line; none while he is cut off."""
    if person_id in state.cut_off:
        return state, ()
    opened = () if person_id in state.beats else (LineOpened(person_id),)
    return replace(state, beats={**state.beats, person_id: at_ms}), opened


def _without(kept: Mapping[PersonId, int], person_id: PersonId) -> Mapping[PersonId, int]:
    return {key: at_ms for key, at_ms in kept.items() if key != person_id}


def _add_pusher(state: RoomState, message: AddPusher, _now_ms: int, rules: Rules) -> Decision:
    record, person_id = state.record, message.person_id
    if record.call_id is not None and person_id not in record.members:
        raise Forbidden
    heard, opened = _heard(state, person_id, message.at_ms)
    present = _pusher(record, person_id)
    if present is not None:
        described = replace(present, stream=message.stream, name=message.name, avatar_url=message.avatar_url)
        if described == present:
            return Decision(state=heard, effects=opened)
        # A media server may have told of him before he could describe himself.
        pushers = tuple(described if pusher is present else pusher for pusher in record.pushers)
        return _pushers_changed(heard, pushers, *opened)
    if len(record.pushers) >= (rules.call_pushers_max if record.call_id is not None else rules.pushers_max):
        raise RoomFull
    pusher = PusherRecord(
        person_id=person_id,
        stream=message.stream,
        name=message.name,
        avatar_url=message.avatar_url,
        since_ms=message.at_ms,
    )
    audience = {viewer_id: viewer for viewer_id, viewer in state.audience.items() if viewer_id != person_id}
    moved = replace(heard, audience=audience, empty_since_ms=None)
    return _pushers_changed(moved, (*record.pushers, pusher), *opened)


def _stream_began(state: RoomState, message: StreamBegan, now_ms: int, rules: Rules) -> Decision:
    """As adding a pusher; whoever is one already keeps his description, and is cut off no longer."""
    person_id = message.person_id
    state = replace(state, cut_off=_without(state.cut_off, person_id))
    known = _pusher(state.record, person_id) or message
    added = AddPusher(
        person_id=person_id,
        stream=message.stream,
        name=known.name,
        avatar_url=known.avatar_url,
        at_ms=message.at_ms,
    )
    return _add_pusher(state, added, now_ms, rules)


def _sends(state: RoomState, person_id: PersonId, stream: str) -> bool:
    pusher = _pusher(state.record, person_id)
    return pusher is not None and pusher.stream == stream


def _stream_heard(state: RoomState, message: StreamHeard, _now_ms: int, _rules: Rules) -> Decision:
    person_id = message.person_id
    if not _sends(state, person_id, message.stream):
        return Decision(state=state)
    heard, opened = _heard(replace(state, cut_off=_without(state.cut_off, person_id)), person_id, message.at_ms)
    return Decision(state=heard, effects=opened)


def _stream_ended(state: RoomState, message: StreamEnded, _now_ms: int, _rules: Rules) -> Decision:
    """The line is lost at once; the place is kept as for any silent pusher, as encoders reconnect."""
    person_id, heard_at_ms = message.person_id, message.heard_at_ms
    if not _sends(state, person_id, message.stream):
        return Decision(state=state)
    closed = (LineClosed(person_id, heard_at_ms),) if person_id in state.beats else ()
    cut_off = {**state.cut_off, person_id: heard_at_ms}
    return Decision(state=replace(state, beats=_without(state.beats, person_id), cut_off=cut_off), effects=closed)


def _without_pusher(state: RoomState, gone: PusherRecord, at_ms: int) -> Decision:
    record = state.record
    pushers = tuple(pusher for pusher in record.pushers if pusher is not gone)
    beat_ms = state.beats.get(gone.person_id)
    closed = () if beat_ms is None else (LineClosed(gone.person_id, beat_ms),)
    left = replace(
        state,
        beats=_without(state.beats, gone.person_id),
        cut_off=_without(state.cut_off, gone.person_id),
        empty_since_ms=None if pushers else at_ms,
    )
    return _pushers_changed(left, pushers, *closed)


def _remove_pusher(state: RoomState, message: RemovePusher, _now_ms: int, _rules: Rules) -> Decision:
    record = state.record
    if message.by not in (message.person_id, record.creator_id):
        raise Forbidden
    gone = _pusher(record, message.person_id)
    if gone is None:
        raise NotAMember
    if message.person_id == record.creator_id:
        return _closed(state, message.at_ms, by_creator=True)
    return _without_pusher(state, gone, message.at_ms)


def _beat(state: RoomState, message: Beat, _now_ms: int, _rules: Rules) -> Decision:
    if _pusher(state.record, message.person_id) is None:
        raise NotAMember
    heard, opened = _heard(state, message.person_id, message.at_ms)
    return Decision(state=heard, effects=opened)


def _audience_changed(state: RoomState, audience: Mapping[PersonId, Viewer]) -> Decision:
    told = TellRoom(AudienceChanged(room_id=state.record.id, count=len(audience)))
    return Decision(state=replace(state, audience=audience), effects=(told,))


def _enter_audience(state: RoomState, message: EnterAudience, _now_ms: int, rules: Rules) -> Decision:
    record, person_id = state.record, message.person_id
    if record.call_id is not None:
        raise Forbidden
    if _pusher(record, person_id) is not None:
        return Decision(state=state)
    viewer = Viewer(message.described, message.at_ms)
    if person_id in state.audience:
        return Decision(state=replace(state, audience={**state.audience, person_id: viewer}))
    if len(state.audience) >= rules.audience_max:
        raise RoomFull
    return _audience_changed(state, {**state.audience, person_id: viewer})


def _leave_audience(state: RoomState, message: LeaveAudience, _now_ms: int, _rules: Rules) -> Decision:
    if message.person_id not in state.audience:
        return Decision(state=state)
    return _audience_changed(state, {key: value for key, value in state.audience.items() if key != message.person_id})


def _set_field(state: RoomState, message: SetField, _now_ms: int, rules: Rules) -> Decision:
    record = state.record
    is_pusher = _pusher(record, message.by) is not None or message.by == record.creator_id
    if not is_pusher and (message.operation == "set" or not state.is_member(message.by)):
        raise NotAMember
    if message.name not in record.custom and len(record.custom) >= rules.custom_fields_max:
        raise TooLong("fieldName")
    before = record.custom.get(message.name, 0)
    value: str | int
    if message.operation == "set":
        if message.value is None:
            raise BadInput(field="value")
        value = message.value
    else:
        by = 1 if message.value is None else message.value
        if not isinstance(by, int) or not isinstance(before, int):
            raise BadInput(field="value")
        value = before + by if message.operation == "inc" else before - by
        if abs(value) > ID_MAX:
            raise BadInput(field="value")
    if len(str(value).encode()) > rules.custom_field_bytes_max:
        raise TooLong("value")
    return _saved(replace(state, record=replace(record, custom={**record.custom, message.name: value})))


def _destroy(state: RoomState, message: Destroy, _now_ms: int, _rules: Rules) -> Decision:
    if message.by is not None and message.by != state.record.creator_id:
        raise Forbidden
    return _closed(state, message.at_ms, by_creator=message.by is not None)


def _sweep(state: RoomState, _message: SweepDue, now_ms: int, rules: Rules) -> Decision:
    """Remove one silent pusher at a time; the rest of them at the next, immediate, sweep."""
    record = state.record
    for pusher in record.pushers:
        cut_off_ms = state.cut_off.get(pusher.person_id, state.silent_since_ms)
        if now_ms - state.beats.get(pusher.person_id, cut_off_ms) < rules.pusher_silent_ms:
            continue
        if pusher.person_id == record.creator_id and record.call_id is None:
            return _closed(state, now_ms, by_creator=True)
        swept = _without_pusher(state, pusher, now_ms)
        return replace(swept, effects=(*swept.effects, SweepAgain(now_ms)))
    if record.call_id is None and not record.pushers:
        empty_since_ms = state.silent_since_ms if state.empty_since_ms is None else state.empty_since_ms
        if now_ms - empty_since_ms >= rules.empty_ms:
            return _closed(state, now_ms, by_creator=False)
    return Decision(state=state, effects=(SweepAgain(now_ms + rules.pusher_silent_ms // 4),))


Rule = Callable[[RoomState, Any, int, Rules], Decision]

TRANSITIONS: Final[Mapping[type, Rule]] = MappingProxyType(
    {
        AddPusher: _add_pusher,
        RemovePusher: _remove_pusher,
        Beat: _beat,
        StreamBegan: _stream_began,
        StreamHeard: _stream_heard,
        StreamEnded: _stream_ended,
        EnterAudience: _enter_audience,
        LeaveAudience: _leave_audience,
        SetField: _set_field,
        Destroy: _destroy,
        SweepDue: _sweep,
    }
)


def step(state: RoomState, message: Message, *, now_ms: int, rules: Rules) -> Decision:
    """Decide ``message``. Pure.

    Raises: NotFound: the room is closed. Forbidden, NotAMember, RoomFull, TooLong, BadInput: refused; nothing changed.
    """
    if not state.record.is_open:
        if isinstance(message, Destroy | SweepDue | StreamHeard | StreamEnded):
            return Decision(state=state)
        raise NotFound("room")
    return TRANSITIONS[type(message)](state, message, now_ms, rules)
