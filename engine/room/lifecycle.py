"""The rules of a live room, as pure functions: what each message does, from opening to closing.

``stage`` knows who sits, ``audience`` who watches, ``moderation`` who may not; here is what concerns the room as a
whole: what is said in it, its custom fields, how it falls silent, and how it ends. A room of the live_room protocol
becomes active with its first pusher and closes when its anchor gets up or when nobody has sent pictures for a while;
one that belongs to a call lives as long as the call does; a matchmaker's lives until she ends it or is lost.

Knows no store, no clock and no socket. Source: seed behaviour §3.2, §6 (LR-1 … LR-9).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from engine.errors import BadInput, Forbidden, NotAMember, NotFound, Silenced, TooLong
from engine.events import GiftSent, RoomClosed, RoomTextSaid
from engine.room import audience, moderation, stage
from engine.room.audience import counted, everybody, standing_of, without
from engine.room.formats import Format, Rules
from engine.room.messages import (
    Announce,
    Apply,
    Away,
    Beat,
    CountDue,
    Decline,
    Destroy,
    Enter,
    Impose,
    Invite,
    Leave,
    Lift,
    Like,
    Message,
    Say,
    SetField,
    ShowGiven,
    Sit,
    StreamBegan,
    StreamEnded,
    StreamHeard,
    SweepDue,
    Unseat,
)
from engine.room.state import (
    NO_VIEWERS,
    Closed,
    Combo,
    Decision,
    LineClosed,
    RoomState,
    Standing,
    SweepAgain,
    TellRoom,
    saved,
)
from store.interfaces.ids import ID_MAX
from store.interfaces.rooms import SanctionKind

__all__ = ["TRANSITIONS", "step"]


# --- ending --------------------------------------------------------------------------------------------------------


def _closed(state: RoomState, at_ms: int, form: Format, *, by_anchor: bool) -> Decision:
    inside = tuple(everybody(state, form))
    status_code = state.record.status_code + 1
    record = replace(state.record, closed_at_ms=at_ms, seats=(), applicants=(), status_code=status_code)
    lines = tuple(LineClosed(person_id, beat_ms) for person_id, beat_ms in state.beats.items())
    told = TellRoom(RoomClosed(room_id=record.id, status_code=status_code))
    empty = replace(state, record=record, audience=NO_VIEWERS, beats={}, cut_off={}, invitations={})
    return saved(empty, *lines, told, Closed(by_anchor, inside))


def _destroy(state: RoomState, message: Destroy, _now_ms: int, rules: Rules) -> Decision:
    if message.by is not None and message.by != state.record.anchor_id:
        raise Forbidden
    return _closed(state, message.at_ms, rules.formats[state.record.kind], by_anchor=message.by is not None)


def _unseat(state: RoomState, message: Unseat, now_ms: int, rules: Rules) -> Decision:
    down = stage.unseat(state, message, now_ms, rules)
    if message.person_id == state.record.anchor_id:
        return _closed(state, message.at_ms, rules.formats[state.record.kind], by_anchor=message.by is not None)
    return down


# --- silence -------------------------------------------------------------------------------------------------------


def _sweep(state: RoomState, message: SweepDue, now_ms: int, rules: Rules) -> Decision:
    form = rules.formats[state.record.kind]
    if form.held_by_pictures:
        return _sweep_pictures(state, message, now_ms, rules)
    gone = [away.person_id for away in message.away if _is_gone(state, away, now_ms, form)]
    if state.record.anchor_id in gone:
        return _closed(state, now_ms, form, by_anchor=False)
    return without(state, gone, SweepAgain(now_ms + rules.sweep_ms))


def _is_gone(state: RoomState, away: Away, now_ms: int, form: Format) -> bool:
    """Whether whoever has not been seen for so long is waited for no longer (QL-29)."""
    standing = standing_of(state, away.person_id, form)
    if standing is Standing.ANCHOR and form.anchor_silent_ms is None:
        return False
    if not away.had_line:
        grace_ms = form.lineless_ms
    elif standing is Standing.ANCHOR:
        grace_ms = form.anchor_silent_ms or 0
    elif standing is Standing.SEATED:
        grace_ms = form.seat_silent_ms
    else:
        grace_ms = form.viewer_silent_ms
    if away.is_awaited:
        grace_ms = max(grace_ms, form.return_ms)
    return now_ms - away.since_ms >= grace_ms


def _sweep_pictures(state: RoomState, message: SweepDue, now_ms: int, rules: Rules) -> Decision:
    """Take one silent seat away at a time; the rest of them at the next, immediate, sweep."""
    record, form = state.record, rules.formats[state.record.kind]
    for seat in record.seats:
        cut_off_ms = state.cut_off.get(seat.person_id, state.silent_since_ms)
        if now_ms - state.beats.get(seat.person_id, cut_off_ms) < form.seat_silent_ms:
            continue
        if seat.person_id == record.anchor_id and record.call_id is None:
            return _closed(state, now_ms, form, by_anchor=True)
        swept = stage.get_up(state, seat, now_ms, rules)
        return replace(swept, effects=(*swept.effects, SweepAgain(now_ms)))
    if form.empty_ms is not None and not record.seats:
        empty_since_ms = state.silent_since_ms if state.empty_since_ms is None else state.empty_since_ms
        if now_ms - empty_since_ms >= form.empty_ms:
            return _closed(state, now_ms, form, by_anchor=False)
    gone = [
        away.person_id
        for away in message.away
        if away.person_id in state.audience and _is_gone(state, away, now_ms, form)
    ]
    return without(state, gone, SweepAgain(now_ms + rules.sweep_ms))


# --- what is said and shown ----------------------------------------------------------------------------------------


def _say(state: RoomState, message: Say, now_ms: int, rules: Rules) -> Decision:
    _require_inside(state, message, rules)
    if state.sanction_of(message.person_id, SanctionKind.MUTE, now_ms=now_ms) is not None:
        raise Silenced
    said = RoomTextSaid(
        room_id=state.record.id, from_id=message.person_id, face=message.face, text=message.text, at_ms=now_ms
    )
    return Decision(state=state, effects=(TellRoom(said),))


def _like(state: RoomState, message: Like, _now_ms: int, rules: Rules) -> Decision:
    _require_inside(state, message, rules)
    return Decision(state=replace(state, likes_count=min(state.likes_count + message.count, ID_MAX)))


def _announce(state: RoomState, message: Announce, _now_ms: int, _rules: Rules) -> Decision:
    return Decision(state=state, effects=(TellRoom(message.event),))


def _show_given(state: RoomState, message: ShowGiven, now_ms: int, rules: Rules) -> Decision:
    """A gift that somebody gives again soon counts on; the money is none of ours, it has been paid."""
    gift = message.given
    if not isinstance(gift, GiftSent):
        return Decision(state=state, effects=(TellRoom(gift),))
    key = (gift.from_id, gift.to_id, gift.gift_id)
    combos = {known: combo for known, combo in state.combos.items() if combo.until_ms > now_ms}
    combo = Combo(combos[key].count + 1 if key in combos else 1, now_ms + rules.combo_ms)
    shown = TellRoom(replace(gift, combo=combo.count))
    return Decision(state=replace(state, combos=combos | {key: combo}), effects=(shown,))


def _require_inside(state: RoomState, message: Say | Like, rules: Rules) -> None:
    person_id, form = message.person_id, rules.formats[state.record.kind]
    if not state.is_member(person_id) and standing_of(state, person_id, form) is None:
        raise NotAMember


def _set_field(state: RoomState, message: SetField, _now_ms: int, rules: Rules) -> Decision:
    record = state.record
    is_on_stage = state.seat_of(message.by) is not None or message.by == record.anchor_id
    if not is_on_stage and (message.operation == "set" or not state.is_member(message.by)):
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
    return saved(replace(state, record=replace(record, custom={**record.custom, message.name: value})))


Rule = Callable[[RoomState, Any, int, Rules], Decision]

TRANSITIONS: Final[Mapping[type, Rule]] = MappingProxyType(
    {
        Enter: audience.enter,
        Leave: audience.leave,
        CountDue: audience.count_due,
        Apply: stage.apply,
        Invite: stage.invite,
        Decline: stage.decline,
        Sit: stage.sit,
        Unseat: _unseat,
        Beat: stage.beat,
        StreamBegan: stage.stream_began,
        StreamHeard: stage.stream_heard,
        StreamEnded: stage.stream_ended,
        Impose: moderation.impose,
        Lift: moderation.lift,
        Say: _say,
        Like: _like,
        Announce: _announce,
        ShowGiven: _show_given,
        SetField: _set_field,
        Destroy: _destroy,
        SweepDue: _sweep,
    }
)

_HARMLESS: Final = Destroy | SweepDue | CountDue | StreamHeard | StreamEnded | Leave | ShowGiven
"""What a room that is closed already takes without a word."""


def step(state: RoomState, message: Message, *, now_ms: int, rules: Rules) -> Decision:
    """Decide ``message``. Pure.

    Raises: NotFound: the room is closed. Forbidden, Banned, NotAMember, RoomFull, WrongPhase, TooLong, BadInput:
        refused; nothing changed.
    """
    if not state.record.is_open:
        if isinstance(message, _HARMLESS):
            return Decision(state=state)
        raise NotFound("room")
    decision = TRANSITIONS[type(message)](state, message, now_ms, rules)
    return counted(state, decision, now_ms, rules)
