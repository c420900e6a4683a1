"""The states of a paid call: a table, and one small pure function per row.

::

    ring ──▶ RINGING ──answer──▶ JOINING ──both connected──▶ CONNECTED ──┐
                │                   │                        (minutes)   │ hang up, no diamonds,
                │ declined,         │ not connected             │        │ lost, stopped
                │ cancelled,        │ in time                   ▼        │
                └── no answer ──────┴───────────────────────▶ ENDED ◀────┘

``step`` takes what the call is, what happened and when, and says what the call should become, what must be written
before anybody may believe it, and what to do after that. It performs nothing. Minutes that have begun are always paid
before anything else happens to a connected call: then ``Decision.again`` asks for the same message once more.

Knows no store, no clock and no socket. Source: CA-9 … CA-29, D-17 … D-21.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.call.messages import (
    Answer,
    Arrived,
    Decline,
    GraceOver,
    HangUp,
    JoinOver,
    Left,
    LowBalanceDue,
    Message,
    MinuteDue,
    MinutePaid,
    MinuteUnpayable,
    OpenRoom,
    Resume,
    RingOver,
    Start,
    Stop,
)
from engine.call.meter import boundary_ms, minutes_begun
from engine.errors import WrongPhase
from engine.events import (
    BalanceLow,
    CallAnswered,
    CallEnded,
    CallRoomOpened,
    CallStarted,
    Event,
    MinuteBegan,
    PartyLost,
    PartyReturned,
)
from engine.settings import Settings
from store.interfaces.calls import CallRecord, EndReason, HistoryLine, Phase, Side

__all__ = [
    "TRANSITIONS",
    "CallState",
    "Decision",
    "Effect",
    "PayMinute",
    "Rules",
    "SaveRecord",
    "Tell",
    "WakeAt",
    "WarnIfShort",
    "ended_record",
    "next_boundary_ms",
    "rules_of",
    "step",
]


HISTORY_LINES_MAX: Final = 200
"""The record is written whole at each change, so its story must not grow without bound (INV-20)."""

HISTORY_HEAD_LINES: Final = 20


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The lengths a call lives by, in milliseconds; see ``config.yaml``."""

    minute_ms: int
    join_ms: int
    grace_ms: int
    low_balance_notice_ms: int
    resume_window_ms: int


def rules_of(options: Settings) -> Rules:
    """The rules that the configuration asks for."""
    return Rules(
        minute_ms=options.billing.minute_ms,
        join_ms=options.calls.join_ms,
        grace_ms=options.calls.grace_ms,
        low_balance_notice_ms=options.calls.low_balance_notice_ms,
        resume_window_ms=options.calls.resume_window_ms,
    )


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """A call as its owner knows it: the record, and what need not outlive the owner.

    ``away`` are the sides known not to be there while the call is joining. ``grace_until_ms`` goes with an open gap.
    """

    record: CallRecord
    away: tuple[Side, ...] = ()
    grace_until_ms: int | None = None


class Tell(msgspec.Struct, frozen=True):
    """Tell one side."""

    side: Side
    event: Event


class WakeAt(msgspec.Struct, frozen=True):
    """Send ``message`` to this call at ``due_ms``, store time."""

    due_ms: int
    message: Message


class WarnIfShort(msgspec.Struct, frozen=True):
    """Look at the guest's balance; if the next minute is not covered, tell both ``event``."""

    event: BalanceLow


Effect = Tell | WakeAt | WarnIfShort


class SaveRecord(msgspec.Struct, frozen=True):
    """Write ``record``; its version is the next one."""

    record: CallRecord


class PayMinute(msgspec.Struct, frozen=True):
    """Pay minute ``minute``, which begins at ``begins_at_ms``. The answer comes back as a message."""

    minute: int
    begins_at_ms: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a message.

    ``state`` holds once ``write`` is confirmed; then ``effects`` happen, in order; then, if ``again``, the message is
    decided once more.
    """

    state: CallState
    write: SaveRecord | PayMinute | None = None
    effects: tuple[Effect, ...] = ()
    again: bool = False


def next_boundary_ms(record: CallRecord, rules: Rules) -> int:
    """When the next unpaid minute begins, gaps that are closed included."""
    assert record.started_at_ms is not None
    return boundary_ms(
        started_at_ms=record.started_at_ms,
        unbilled_ms=record.unbilled_ms,
        minute=record.minutes_paid + 1,
        minute_ms=rules.minute_ms,
    )


# --- small parts ---------------------------------------------------------------------------------------------------


def _both(event: Event) -> tuple[Effect, ...]:
    return (Tell(Side.GUEST, event), Tell(Side.ANCHOR, event))


def _saved(state: CallState, *effects: Effect, again: bool = False) -> Decision:
    """Write the record of ``state`` as its next version."""
    record = replace(state.record, version=state.record.version + 1)
    return Decision(state=replace(state, record=record), write=SaveRecord(record), effects=effects, again=again)


def _noted(record: CallRecord, at_ms: int, event: str, by: str) -> CallRecord:
    """``record`` with one line more; of a line that comes and goes all day, how it began and the latest is kept."""
    history = (*record.history, HistoryLine(at_ms=at_ms, event=event, by=by))
    if len(history) > HISTORY_LINES_MAX:
        history = (*history[:HISTORY_HEAD_LINES], *history[HISTORY_HEAD_LINES + 1 :])
    return replace(record, history=history)


def _nothing(state: CallState, _message: Message, _now_ms: int, _rules: Rules) -> Decision:
    """A late alarm, a repeat, or news that no longer matters."""
    return Decision(state=state)


def ended_record(record: CallRecord, *, at_ms: int, reason: EndReason, by: str) -> CallRecord:
    """``record`` as it is once it has ended, as its next version. Minutes that had begun are paid already."""
    return replace(
        _noted(record, at_ms, f"ended {reason}", by),
        phase=Phase.ENDED,
        ended_at_ms=at_ms,
        end_reason=reason,
        ended_by=by,
        gap_since_ms=None,
        absent=(),
        version=record.version + 1,
    )


def _ended(state: CallState, at_ms: int, reason: EndReason, by: str) -> Decision:
    record = ended_record(state.record, at_ms=at_ms, reason=reason, by=by)
    side = Side(by) if by in (Side.GUEST, Side.ANCHOR) else None
    event = CallEnded(call_id=record.id, reason=reason, minutes=record.minutes_paid, by=side)
    return Decision(state=CallState(record=record), write=SaveRecord(record), effects=_both(event))


def _owed(state: CallState, until_ms: int, rules: Rules) -> Decision | None:
    """Pay the first minute that had begun by ``until_ms`` and is not paid; None when there is none."""
    record = state.record
    assert record.started_at_ms is not None
    horizon_ms = until_ms if record.gap_since_ms is None else min(until_ms, record.gap_since_ms)
    length_ms = max(0, horizon_ms - record.started_at_ms - record.unbilled_ms)
    if record.minutes_paid >= minutes_begun(length_ms, minute_ms=rules.minute_ms):
        return None
    pay = PayMinute(record.minutes_paid + 1, next_boundary_ms(record, rules))
    return Decision(state=state, write=pay, again=True)


# --- ringing -------------------------------------------------------------------------------------------------------


def _joining(state: CallState, at_ms: int, by: Side, rules: Rules) -> CallState:
    record = _noted(state.record, at_ms, "answered", by)
    return replace(
        state, record=replace(record, phase=Phase.JOINING, answered_at_ms=at_ms, join_until_ms=at_ms + rules.join_ms)
    )


def _answer(state: CallState, message: Answer, _now_ms: int, rules: Rules) -> Decision:
    if message.by is state.record.rung_by:
        # The caller asks again: the same request still rings.
        return Decision(state=state)
    joining = _joining(state, message.at_ms, message.by, rules)
    return _saved(
        joining,
        WakeAt(message.at_ms + rules.join_ms, JoinOver()),
        *_both(CallAnswered(call_id=state.record.id, by=state.record.person(message.by))),
    )


def _decline(state: CallState, message: Decline, _now_ms: int, _rules: Rules) -> Decision:
    if message.by is state.record.rung_by:
        raise WrongPhase
    return _ended(state, message.at_ms, EndReason.REFUSED, message.by)


def _hang_up_ringing(state: CallState, message: HangUp, _now_ms: int, _rules: Rules) -> Decision:
    reason = EndReason.CANCELLED if message.by is state.record.rung_by else EndReason.REFUSED
    return _ended(state, message.at_ms, reason, message.by)


def _answered_by_deed(state: CallState, message: OpenRoom | Start, now_ms: int, rules: Rules) -> Decision:
    """There is no reply call for an anchor: making the room, or starting, is her answer to a guest's ring."""
    if state.record.rung_by is Side.ANCHOR:
        raise WrongPhase
    answered = _answer(state, Answer(Side.ANCHOR, message.at_ms), now_ms, rules)
    return replace(answered, again=True)


def _ring_over(state: CallState, _message: RingOver, now_ms: int, _rules: Rules) -> Decision:
    if now_ms < state.record.ring_until_ms:
        return Decision(state=state, effects=(WakeAt(state.record.ring_until_ms, RingOver()),))
    return _ended(state, state.record.ring_until_ms, EndReason.NO_ANSWER, "clock")


# --- joining -------------------------------------------------------------------------------------------------------


def _answer_again(state: CallState, message: Answer, _now_ms: int, _rules: Rules) -> Decision:
    if message.by is state.record.rung_by and state.record.phase is not Phase.JOINING:
        raise WrongPhase
    return Decision(state=state)


def _open_room(state: CallState, message: OpenRoom, _now_ms: int, _rules: Rules) -> Decision:
    if state.record.room_id == message.room_id:
        return Decision(state=state)
    if state.record.room_id is not None:
        raise WrongPhase
    record = replace(_noted(state.record, message.at_ms, "room opened", Side.ANCHOR), room_id=message.room_id)
    event = CallRoomOpened(call_id=record.id, room_id=message.room_id)
    return _saved(replace(state, record=record), *_both(event))


def _connect(state: CallState, at_ms: int) -> Decision:
    """Minute 1, if the anchor has said so and nobody is known to be away."""
    if not state.record.start_stated or state.away:
        return Decision(state=state)
    return Decision(state=state, write=PayMinute(1, at_ms))


def _start(state: CallState, message: Start, _now_ms: int, _rules: Rules) -> Decision:
    away = (Side.GUEST,) if message.guest_is_away else ()
    if state.record.start_stated:
        return _connect(replace(state, away=away), message.at_ms)
    record = replace(_noted(state.record, message.at_ms, "start", Side.ANCHOR), start_stated=True)
    # First keep her statement, then decide again: if both are there, minute 1 is the second write.
    return _saved(replace(state, record=record, away=away), again=True)


def _arrived_joining(state: CallState, message: Arrived, _now_ms: int, _rules: Rules) -> Decision:
    state = replace(state, away=tuple(side for side in state.away if side is not message.side))
    return _connect(state, message.at_ms)


def _left_joining(state: CallState, message: Left, _now_ms: int, _rules: Rules) -> Decision:
    return Decision(state=replace(state, away=tuple(dict.fromkeys((*state.away, message.side)))))


def _join_over(state: CallState, _message: JoinOver, now_ms: int, _rules: Rules) -> Decision:
    assert state.record.join_until_ms is not None
    if now_ms < state.record.join_until_ms:
        return Decision(state=state, effects=(WakeAt(state.record.join_until_ms, JoinOver()),))
    return _ended(state, state.record.join_until_ms, EndReason.NOT_CONNECTED, "clock")


def _hang_up_joining(state: CallState, message: HangUp, _now_ms: int, _rules: Rules) -> Decision:
    return _ended(state, message.at_ms, EndReason.HUNG_UP, message.by)


def _stop_unstarted(state: CallState, message: Stop, _now_ms: int, _rules: Rules) -> Decision:
    return _ended(state, message.at_ms, message.reason, message.by)


# --- connected -----------------------------------------------------------------------------------------------------


def _minute_paid(state: CallState, message: MinutePaid, _now_ms: int, rules: Rules) -> Decision:
    """The ledger has moved the record on; follow it, and tell."""
    record = replace(state.record, minutes_paid=message.minute)
    effects: tuple[Effect, ...] = ()
    if message.minute == 1:
        record = replace(record, phase=Phase.CONNECTED, started_at_ms=message.begins_at_ms)
        effects = _both(CallStarted(call_id=record.id, started_at_ms=message.begins_at_ms))
    minute_began = MinuteBegan(call_id=record.id, minute=message.minute, guest_diamonds=None)
    effects = (
        *effects,
        Tell(Side.GUEST, replace(minute_began, guest_diamonds=message.guest_diamonds)),
        Tell(Side.ANCHOR, minute_began),
    )
    if record.gap_since_ms is None:
        due_ms = next_boundary_ms(record, rules)
        effects = (*effects, WakeAt(due_ms, MinuteDue(message.minute + 1, due_ms)))
        if message.guest_diamonds < record.price.diamonds:
            notice = WakeAt(due_ms - rules.low_balance_notice_ms, LowBalanceDue(message.minute + 1))
            effects = (*effects, notice)
    return Decision(state=CallState(record=record, grace_until_ms=state.grace_until_ms), effects=effects)


def _minute_unpayable(state: CallState, message: MinuteUnpayable, _now_ms: int, _rules: Rules) -> Decision:
    return _ended(state, message.begins_at_ms, EndReason.NO_DIAMONDS, "clock")


def _minute_due(state: CallState, message: MinuteDue, now_ms: int, rules: Rules) -> Decision:
    record = state.record
    if message.minute != record.minutes_paid + 1 or record.gap_since_ms is not None:
        return Decision(state=state)
    due_ms = next_boundary_ms(record, rules)
    if now_ms < due_ms or message.due_ms < due_ms:
        # The grid has moved since this alarm rang. What happened before the new boundary may still wait behind it in
        # the mailbox, so it is not judged now, even if it has passed: the next alarm comes after all that.
        return Decision(state=state, effects=(WakeAt(due_ms, MinuteDue(message.minute, due_ms)),))
    return Decision(state=state, write=PayMinute(message.minute, due_ms))


def _low_balance_due(state: CallState, message: LowBalanceDue, now_ms: int, rules: Rules) -> Decision:
    record = state.record
    if message.minute != record.minutes_paid + 1 or record.gap_since_ms is not None:
        return Decision(state=state)
    left_ms = max(0, next_boundary_ms(record, rules) - now_ms)
    return Decision(state=state, effects=(WarnIfShort(BalanceLow(call_id=record.id, left_ms=left_ms)),))


def _left(state: CallState, message: Left, _now_ms: int, rules: Rules) -> Decision:
    owed = _owed(state, message.at_ms, rules)
    if owed is not None:
        return owed
    record = state.record
    if message.side in record.absent:
        return Decision(state=state)
    record = _noted(replace(record, absent=(*record.absent, message.side)), message.at_ms, "lost", message.side)
    event = PartyLost(call_id=record.id, person_id=record.person(message.side), grace_ms=rules.grace_ms)
    told = Tell(message.side.other, event)
    # A dead line is noticed late, perhaps after a minute was paid or another gap was closed: what is charged never lies
    # inside a gap (INV-6), and no gap counts twice.
    returns_ms = [line.at_ms for line in record.history if line.event == "back"]
    gap_since_ms = max(message.at_ms, next_boundary_ms(record, rules) - rules.minute_ms, *returns_ms)
    if record.gap_since_ms is not None and record.gap_since_ms <= gap_since_ms:
        return _saved(replace(state, record=record), told)
    until_ms = gap_since_ms + rules.grace_ms
    gone = replace(state, record=replace(record, gap_since_ms=gap_since_ms), grace_until_ms=until_ms)
    return _saved(gone, told, WakeAt(until_ms, GraceOver(gap_since_ms)))


def _arrived(state: CallState, message: Arrived, _now_ms: int, rules: Rules) -> Decision:
    record = state.record
    if message.side not in record.absent:
        return Decision(state=state)
    gap_since_ms = record.gap_since_ms
    assert gap_since_ms is not None
    assert state.grace_until_ms is not None
    if message.at_ms >= state.grace_until_ms:
        return _ended(state, state.grace_until_ms, EndReason.LOST, "clock")
    absent = tuple(side for side in record.absent if side is not message.side)
    record = _noted(replace(record, absent=absent), message.at_ms, "back", message.side)
    told = Tell(message.side.other, PartyReturned(call_id=record.id, person_id=record.person(message.side)))
    if absent:
        return _saved(replace(state, record=record), told)
    unbilled_ms = record.unbilled_ms + max(0, message.at_ms - gap_since_ms)
    record = replace(record, gap_since_ms=None, unbilled_ms=unbilled_ms)
    due_ms = next_boundary_ms(record, rules)
    due = WakeAt(due_ms, MinuteDue(record.minutes_paid + 1, due_ms))
    return _saved(CallState(record=record), told, due)


def _grace_over(state: CallState, message: GraceOver, now_ms: int, _rules: Rules) -> Decision:
    if state.record.gap_since_ms != message.gap_since_ms or state.grace_until_ms is None:
        return Decision(state=state)
    if now_ms < state.grace_until_ms:
        return Decision(state=state, effects=(WakeAt(state.grace_until_ms, message),))
    return _ended(state, state.grace_until_ms, EndReason.LOST, "clock")


def _hang_up(state: CallState, message: HangUp, _now_ms: int, rules: Rules) -> Decision:
    return _owed(state, message.at_ms, rules) or _ended(state, message.at_ms, EndReason.HUNG_UP, message.by)


def _stop(state: CallState, message: Stop, _now_ms: int, rules: Rules) -> Decision:
    # A call that we end ourselves at a boundary does not owe the minute that the boundary would open.
    return _owed(state, message.at_ms - 1, rules) or _ended(state, message.at_ms, message.reason, message.by)


# --- taking over ---------------------------------------------------------------------------------------------------


def _resume_ringing(state: CallState, _message: Resume, now_ms: int, rules: Rules) -> Decision:
    return _ring_over(state, RingOver(), now_ms, rules)


def _resume_joining(state: CallState, _message: Resume, now_ms: int, rules: Rules) -> Decision:
    # Nobody has been seen by this owner yet: both must show themselves before minute 1.
    return _join_over(replace(state, away=(Side.GUEST, Side.ANCHOR)), JoinOver(), now_ms, rules)


def _resume_connected(state: CallState, message: Resume, now_ms: int, rules: Rules) -> Decision:
    """Go on if what is paid still covers now; otherwise nobody can know that they still talked (CA-28, D-18)."""
    record = state.record
    paid_until_ms = next_boundary_ms(record, rules)
    if record.gap_since_ms is not None:
        gap_since_ms = record.gap_since_ms
    elif now_ms < paid_until_ms + rules.resume_window_ms:
        # No earlier than the paid minute: what is charged never lies inside a gap (INV-6).
        gap_since_ms = min(now_ms, max(message.last_proof_ms, paid_until_ms - rules.minute_ms))
    else:
        return _ended(state, paid_until_ms, EndReason.OUTAGE, "store")
    record = _noted(record, now_ms, "taken over", "store")
    record = replace(record, gap_since_ms=gap_since_ms, absent=(Side.GUEST, Side.ANCHOR))
    until_ms = now_ms + rules.grace_ms
    waiting = CallState(record=record, grace_until_ms=until_ms)
    return _saved(waiting, WakeAt(until_ms, GraceOver(gap_since_ms)))


def _refuse(_state: CallState, _message: Message, _now_ms: int, _rules: Rules) -> Decision:
    raise WrongPhase


Rule = Callable[[CallState, Any, int, Rules], Decision]

TRANSITIONS: Final[Mapping[tuple[Phase, type], Rule]] = MappingProxyType(
    {
        (Phase.RINGING, Answer): _answer,
        (Phase.RINGING, Decline): _decline,
        (Phase.RINGING, OpenRoom): _answered_by_deed,
        (Phase.RINGING, Start): _answered_by_deed,
        (Phase.RINGING, HangUp): _hang_up_ringing,
        (Phase.RINGING, Stop): _stop_unstarted,
        (Phase.RINGING, RingOver): _ring_over,
        (Phase.RINGING, Resume): _resume_ringing,
        (Phase.JOINING, Answer): _answer_again,
        (Phase.JOINING, OpenRoom): _open_room,
        (Phase.JOINING, Start): _start,
        (Phase.JOINING, HangUp): _hang_up_joining,
        (Phase.JOINING, Stop): _stop_unstarted,
        (Phase.JOINING, Arrived): _arrived_joining,
        (Phase.JOINING, Left): _left_joining,
        (Phase.JOINING, JoinOver): _join_over,
        (Phase.JOINING, MinutePaid): _minute_paid,
        (Phase.JOINING, MinuteUnpayable): _minute_unpayable,
        (Phase.JOINING, Resume): _resume_joining,
        (Phase.CONNECTED, Answer): _answer_again,
        (Phase.CONNECTED, OpenRoom): _open_room,
        (Phase.CONNECTED, Start): _nothing,
        (Phase.CONNECTED, HangUp): _hang_up,
        (Phase.CONNECTED, Stop): _stop,
        (Phase.CONNECTED, Arrived): _arrived,
        (Phase.CONNECTED, Left): _left,
        (Phase.CONNECTED, MinuteDue): _minute_due,
        (Phase.CONNECTED, LowBalanceDue): _low_balance_due,
        (Phase.CONNECTED, MinutePaid): _minute_paid,
        (Phase.CONNECTED, MinuteUnpayable): _minute_unpayable,
        (Phase.CONNECTED, GraceOver): _grace_over,
        (Phase.CONNECTED, Resume): _resume_connected,
        (Phase.ENDED, HangUp): _nothing,
        (Phase.ENDED, Stop): _nothing,
        (Phase.ENDED, Answer): _refuse,
        (Phase.ENDED, Decline): _refuse,
        (Phase.ENDED, OpenRoom): _refuse,
        (Phase.ENDED, Start): _refuse,
        (Phase.JOINING, Decline): _refuse,
        (Phase.CONNECTED, Decline): _refuse,
    }
)
"""What each phase does with each message. A pair that is not here is news that no longer matters."""


def step(state: CallState, message: Message, *, now_ms: int, rules: Rules) -> Decision:
    """Decide ``message``. Pure.

    Raises: WrongPhase: the command makes no sense in this phase, or contradicts what the same person said; nothing
    changed.
    """
    return TRANSITIONS.get((state.record.phase, type(message)), _nothing)(state, message, now_ms, rules)
