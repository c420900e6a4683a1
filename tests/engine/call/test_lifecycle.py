"""The call's table: every documented transition, what is refused, and what must never break whatever happens."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.call.lifecycle import (
    TRANSITIONS,
    CallState,
    PayMinute,
    Rules,
    SaveRecord,
    Tell,
    WakeAt,
    step,
)
from engine.call.messages import (
    Answer,
    Arrived,
    Decline,
    GraceOver,
    HangUp,
    JoinOver,
    Left,
    LowBalanceDue,
    MinuteDue,
    MinutePaid,
    MinuteUnpayable,
    OpenRoom,
    Resume,
    RingOver,
    Start,
    Stop,
)
from engine.call.meter import minutes_begun
from engine.errors import WrongPhase
from store.interfaces.calls import CallRecord, EndReason, Phase, Price, Side
from store.interfaces.ids import CallId, NodeId, PersonId, RoomId

T0 = 1_767_225_600_000
RULES = Rules(minute_ms=60_000, join_ms=60_000, grace_ms=20_000, low_balance_notice_ms=15_000, resume_window_ms=0)
ROOM = RoomId("room_1")


def ringing(rung_by: Side = Side.GUEST) -> CallState:
    return CallState(
        record=CallRecord(
            id=CallId(1),
            guest_id=PersonId(10),
            anchor_id=PersonId(20),
            rung_by=rung_by,
            phase=Phase.RINGING,
            price=Price(points=10, diamonds=10, earned_points=10),
            rung_at_ms=T0,
            ring_until_ms=T0 + 30_000,
            owner=NodeId("n#1"),
        )
    )


class Owner:
    """Runs messages through ``step`` as an actor does, with a ledger that pays as long as there are diamonds."""

    def __init__(self, state: CallState, *, diamonds: int = 10**9, rules: Rules = RULES) -> None:
        self.state = state
        self.diamonds = diamonds
        self.rules = rules
        self.paid: list[tuple[int, int]] = []
        self.saved: list[CallRecord] = []
        self.told: list[tuple[Side, str]] = []
        self.alarms: list[WakeAt] = []

    @property
    def record(self) -> CallRecord:
        return self.state.record

    def tell(self, message, now_ms: int) -> None:
        pending = [message]
        while pending:
            current = pending.pop()
            decision = step(self.state, current, now_ms=now_ms, rules=self.rules)
            answer: MinutePaid | MinuteUnpayable | None = None
            match decision.write:
                case SaveRecord(record):
                    self.saved.append(record)
                case PayMinute(minute, begins_at_ms):
                    if self.diamonds < self.record.price.diamonds:
                        answer = MinuteUnpayable(minute, begins_at_ms)
                    else:
                        self.diamonds -= self.record.price.diamonds
                        self.paid.append((minute, begins_at_ms))
                        answer = MinutePaid(minute, begins_at_ms, self.diamonds)
            self.state = decision.state
            for effect in decision.effects:
                match effect:
                    case Tell(side, event):
                        self.told.append((side, type(event).__name__))
                    case WakeAt():
                        self.alarms.append(effect)
            if decision.again:
                pending.append(current)
            if answer is not None:
                pending.append(answer)

    def run_alarms(self, until_ms: int) -> None:
        """Fire every alarm that is due by ``until_ms``, each at its time."""
        while due := [alarm for alarm in self.alarms if alarm.due_ms <= until_ms]:
            first = min(due, key=lambda alarm: alarm.due_ms)
            self.alarms.remove(first)
            self.tell(first.message, max(first.due_ms, T0))


def connected(**options) -> Owner:
    owner = Owner(ringing(), **options)
    owner.tell(Start(guest_is_away=False, at_ms=T0), T0)
    assert owner.record.phase is Phase.CONNECTED
    return owner


@pytest.mark.parametrize(
    ("rung_by", "message", "phase", "reason"),
    [
        (Side.ANCHOR, Answer(Side.GUEST, T0 + 1), Phase.JOINING, None),
        (Side.GUEST, Answer(Side.ANCHOR, T0 + 1), Phase.JOINING, None),  # mutual request
        (Side.GUEST, Answer(Side.GUEST, T0 + 1), Phase.RINGING, None),  # the caller asks again
        (Side.ANCHOR, Decline(Side.GUEST, T0 + 1), Phase.ENDED, EndReason.REFUSED),
        (Side.GUEST, HangUp(Side.ANCHOR, T0 + 1), Phase.ENDED, EndReason.REFUSED),
        (Side.GUEST, HangUp(Side.GUEST, T0 + 1), Phase.ENDED, EndReason.CANCELLED),
        (Side.ANCHOR, HangUp(Side.ANCHOR, T0 + 1), Phase.ENDED, EndReason.CANCELLED),
        (Side.ANCHOR, HangUp(Side.GUEST, T0 + 1), Phase.ENDED, EndReason.REFUSED),
        (Side.GUEST, OpenRoom(ROOM, T0 + 1), Phase.JOINING, None),
        (Side.GUEST, Start(guest_is_away=False, at_ms=T0 + 1), Phase.CONNECTED, None),
        (Side.GUEST, Start(guest_is_away=True, at_ms=T0 + 1), Phase.JOINING, None),
        (Side.GUEST, Stop(EndReason.BANNED, "operator", T0 + 1), Phase.ENDED, EndReason.BANNED),
        (Side.GUEST, Left(Side.GUEST, T0 + 1), Phase.RINGING, None),
    ],
)
def test_a_ringing_call_goes_where_the_table_says(rung_by, message, phase, reason):
    owner = Owner(ringing(rung_by))

    owner.tell(message, T0 + 1)

    assert owner.record.phase is phase
    assert owner.record.end_reason is reason


@pytest.mark.parametrize(
    ("rung_by", "message"),
    [
        (Side.ANCHOR, Start(guest_is_away=False, at_ms=T0)),  # nothing is charged before the guest has agreed
        (Side.ANCHOR, OpenRoom(ROOM, T0)),
        (Side.GUEST, Decline(Side.GUEST, T0)),
    ],
)
def test_what_makes_no_sense_while_ringing_is_refused_and_changes_nothing(rung_by, message):
    state = ringing(rung_by)

    with pytest.raises(WrongPhase):
        step(state, message, now_ms=T0, rules=RULES)


def test_an_unanswered_ring_ends_at_its_deadline_however_late_the_alarm_comes():
    owner = Owner(ringing())

    owner.tell(RingOver(), T0 + 29_999)
    assert owner.record.phase is Phase.RINGING
    owner.tell(RingOver(), T0 + 45_000)

    assert owner.record.end_reason is EndReason.NO_ANSWER
    assert owner.record.ended_at_ms == T0 + 30_000
    assert owner.paid == []


def test_joining_ends_uncharged_when_the_two_do_not_connect_in_time():
    owner = Owner(ringing())
    owner.tell(Start(guest_is_away=True, at_ms=T0), T0)

    owner.tell(JoinOver(), T0 + 60_000)

    assert owner.record.end_reason is EndReason.NOT_CONNECTED
    assert owner.paid == []


def test_minute_one_waits_for_a_guest_who_is_known_to_be_away():
    owner = Owner(ringing())
    owner.tell(Start(guest_is_away=True, at_ms=T0), T0)
    assert owner.paid == []

    owner.tell(Arrived(Side.GUEST, T0 + 7_000), T0 + 7_100)

    assert owner.paid == [(1, T0 + 7_000)]
    assert owner.record.started_at_ms == T0 + 7_000


def test_starting_twice_pays_once():
    owner = connected()

    owner.tell(Start(guest_is_away=False, at_ms=T0 + 5), T0 + 5)

    assert owner.paid == [(1, T0)]


@pytest.mark.parametrize(
    ("hung_up_after_ms", "minutes"),
    [(1, 1), (59_999, 1), (60_000, 2), (60_001, 2), (119_999, 2), (120_000, 3)],
)
def test_a_call_is_billed_by_the_minutes_it_began(hung_up_after_ms, minutes):
    owner = connected()

    owner.tell(HangUp(Side.GUEST, T0 + hung_up_after_ms), T0 + hung_up_after_ms + 40)

    assert owner.record.minutes_paid == minutes
    assert owner.record.ended_at_ms == T0 + hung_up_after_ms
    assert [begins for _, begins in owner.paid] == [T0 + n * 60_000 for n in range(minutes)]


def test_minutes_are_charged_on_the_grid_by_alarms_alone():
    owner = connected()

    owner.run_alarms(T0 + 185_000)

    assert owner.paid == [(n + 1, T0 + n * 60_000) for n in range(4)]


def test_an_alarm_that_comes_early_is_set_again_and_charges_nothing():
    owner = connected()
    owner.alarms.clear()

    owner.tell(MinuteDue(2, T0 + 60_000), T0 + 59_999)

    assert owner.paid == [(1, T0)]
    assert owner.alarms == [WakeAt(T0 + 60_000, MinuteDue(2, T0 + 60_000))]


def test_an_alarm_set_before_a_gap_does_not_judge_what_came_after_it():
    """The store was away: the old alarm, and behind it news of a line lost before the new boundary, wait together."""
    owner = connected()
    owner.tell(Left(Side.GUEST, T0 + 5_000), T0 + 65_000)
    owner.tell(Arrived(Side.GUEST, T0 + 7_000), T0 + 65_000)

    owner.tell(MinuteDue(2, T0 + 60_000), T0 + 65_000)
    owner.tell(Left(Side.GUEST, T0 + 61_000), T0 + 65_000)
    owner.run_alarms(T0 + 65_000)

    assert owner.paid == [(1, T0)]
    assert owner.record.gap_since_ms == T0 + 61_000


def test_a_doubled_alarm_changes_nothing():
    owner = connected()

    owner.tell(MinuteDue(2, T0 + 60_000), T0 + 60_000)
    owner.tell(MinuteDue(2, T0 + 60_000), T0 + 60_001)

    assert len(owner.paid) == 2


def test_the_call_ends_at_the_boundary_that_cannot_be_paid():
    owner = connected(diamonds=25)

    owner.run_alarms(T0 + 300_000)

    assert owner.record.end_reason is EndReason.NO_DIAMONDS
    assert owner.record.ended_at_ms == T0 + 120_000
    assert owner.record.minutes_paid == 2
    assert owner.diamonds == 5


def test_a_guest_who_cannot_pay_the_next_minute_is_warned_before_it():
    owner = connected(diamonds=15)

    assert WakeAt(T0 + 45_000, LowBalanceDue(2)) in owner.alarms


def test_a_gap_is_not_billed_and_moves_the_grid():
    owner = connected()
    owner.tell(Left(Side.GUEST, T0 + 50_000), T0 + 50_000)

    owner.tell(Arrived(Side.GUEST, T0 + 65_000), T0 + 65_000)
    owner.run_alarms(T0 + 80_000)

    assert owner.record.unbilled_ms == 15_000
    assert owner.paid == [(1, T0), (2, T0 + 75_000)]


def test_a_minute_that_had_begun_before_the_line_was_lost_is_still_owed():
    owner = connected()

    owner.tell(Left(Side.GUEST, T0 + 61_000), T0 + 61_500)

    assert owner.paid == [(1, T0), (2, T0 + 60_000)]
    assert owner.record.gap_since_ms == T0 + 61_000


def test_a_gap_never_begins_before_the_minute_that_was_paid_last():
    owner = connected()
    owner.run_alarms(T0 + 60_000)

    owner.tell(Left(Side.GUEST, T0 + 40_000), T0 + 62_000)

    assert owner.record.gap_since_ms == T0 + 60_000


def test_both_must_be_back_before_the_clock_runs_again():
    owner = connected()
    owner.tell(Left(Side.GUEST, T0 + 10_000), T0 + 10_000)
    owner.tell(Left(Side.ANCHOR, T0 + 12_000), T0 + 12_000)

    owner.tell(Arrived(Side.GUEST, T0 + 15_000), T0 + 15_000)
    assert owner.record.gap_since_ms == T0 + 10_000
    owner.tell(Arrived(Side.ANCHOR, T0 + 18_000), T0 + 18_000)

    assert owner.record.unbilled_ms == 8_000
    assert owner.record.absent == ()


@pytest.mark.parametrize("came_back", [False, True])
def test_a_line_lost_for_longer_than_the_grace_ends_the_call(came_back):
    owner = connected()
    owner.tell(Left(Side.ANCHOR, T0 + 10_000), T0 + 10_000)

    if came_back:
        owner.tell(Arrived(Side.ANCHOR, T0 + 30_000), T0 + 30_000)
    else:
        owner.tell(GraceOver(T0 + 10_000), T0 + 31_000)

    assert owner.record.end_reason is EndReason.LOST
    assert owner.record.ended_at_ms == T0 + 30_000
    assert owner.record.minutes_paid == 1


def test_a_call_that_the_platform_ends_at_a_boundary_does_not_owe_what_the_boundary_opens():
    owner = connected()

    owner.tell(Stop(EndReason.OUTAGE, "store", T0 + 60_000), T0 + 90_000)

    assert owner.record.minutes_paid == 1


def test_an_ended_call_stays_as_it_is():
    owner = connected()
    owner.tell(HangUp(Side.GUEST, T0 + 5_000), T0 + 5_000)
    ended = owner.record

    owner.tell(HangUp(Side.ANCHOR, T0 + 6_000), T0 + 6_000)
    owner.tell(MinuteDue(2, T0 + 60_000), T0 + 60_000)
    owner.tell(Left(Side.GUEST, T0 + 60_000), T0 + 60_000)

    assert owner.record == ended
    with pytest.raises(WrongPhase):
        owner.tell(Start(guest_is_away=False, at_ms=T0), T0)


@pytest.mark.parametrize(
    ("now_ms", "window_ms", "reason"),
    [
        (T0 + 59_999, 0, None),  # what is paid still covers now
        (T0 + 60_000, 0, EndReason.OUTAGE),  # nobody can know that they still talked
        (T0 + 60_000, 10_000, None),
        (T0 + 70_000, 10_000, EndReason.OUTAGE),
    ],
)
def test_a_call_that_is_taken_over_goes_on_only_within_what_is_paid(now_ms, window_ms, reason):
    owner = connected()
    owner.rules = replace(RULES, resume_window_ms=window_ms)

    owner.tell(Resume(T0 + 40_000), now_ms)

    assert owner.record.end_reason is reason
    assert owner.record.minutes_paid == 1
    if reason is EndReason.OUTAGE:
        assert owner.record.ended_at_ms == T0 + 60_000
    else:
        assert owner.record.absent == (Side.GUEST, Side.ANCHOR)
        assert owner.record.gap_since_ms == T0 + 40_000


def test_after_a_take_over_both_get_the_whole_grace_to_come_back():
    owner = connected()
    owner.tell(Resume(T0 + 10_000), T0 + 35_000)

    owner.tell(Arrived(Side.GUEST, T0 + 50_000), T0 + 50_000)
    owner.tell(Arrived(Side.ANCHOR, T0 + 54_000), T0 + 54_000)

    assert owner.record.end_reason is None
    assert owner.record.unbilled_ms == 44_000


def test_the_story_of_a_line_that_flaps_all_day_stays_bounded_and_keeps_its_ends():
    owner = connected()
    for second in range(1, 400):
        owner.tell(Left(Side.GUEST, T0 + second * 100), T0 + second * 100)
        owner.tell(Arrived(Side.GUEST, T0 + second * 100 + 50), T0 + second * 100 + 50)

    assert len(owner.record.history) == 200
    assert owner.record.history[0].event == "answered"
    assert owner.record.history[-1].at_ms == T0 + 39_950
    assert owner.record.unbilled_ms == 399 * 50


def test_every_pair_of_the_table_names_a_real_phase_and_message():
    for phase, message_type in TRANSITIONS:
        assert isinstance(phase, Phase)
        assert message_type.__module__ == "engine.call.messages"


moments = st.integers(0, 400_000)
sides = st.sampled_from(Side)
happenings = st.one_of(
    st.builds(lambda side, at: (at, lambda t: Left(side, t)), sides, moments),
    st.builds(lambda side, at: (at, lambda t: Arrived(side, t)), sides, moments),
    st.builds(lambda minute, at: (at, lambda t: MinuteDue(minute, t)), st.integers(1, 8), moments),
    st.builds(lambda at: (at, lambda t: Start(guest_is_away=False, at_ms=t)), moments),
    st.builds(lambda side, at: (at, lambda t: HangUp(side, t)), sides, st.integers(200_000, 400_000)),
    st.builds(lambda at: (at, lambda t: Resume(t - 1_000)), moments),
)


@settings(max_examples=300)
@given(events=st.lists(happenings, max_size=20), late_ms=st.integers(0, 3_000))
def test_whatever_happens_minutes_are_paid_once_in_order_and_never_more_than_the_talk_owes(events, late_ms):
    owner = connected()

    for at, make in sorted(events, key=lambda pair: pair[0]):
        owner.run_alarms(T0 + at)
        if owner.record.phase is Phase.ENDED:
            break
        owner.tell(make(T0 + at), T0 + at + late_ms)

    record = owner.record
    assert [minute for minute, _ in owner.paid] == list(range(1, record.minutes_paid + 1))
    end_ms = record.ended_at_ms or (T0 + 400_000 + late_ms)
    talk_ms = end_ms - T0 - record.unbilled_ms
    assert record.minutes_paid <= minutes_begun(max(0, talk_ms), minute_ms=60_000)
    begun = [begins for _, begins in owner.paid]
    assert all(later - earlier >= 60_000 for earlier, later in pairwise(begun))


@settings(max_examples=100)
@given(late=st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_late_alarms_never_drift_the_minute_grid(late):
    owner = connected()

    for n, late_ms in enumerate(late, start=1):
        owner.tell(MinuteDue(n + 1, T0 + n * 60_000), T0 + n * 60_000 + late_ms)

    assert [begins for _, begins in owner.paid] == [T0 + n * 60_000 for n in range(len(late) + 1)]
