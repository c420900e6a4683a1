"""Whatever comes, in whatever order: the rules of a room against a model of it that is sets and numbers.

After each message hold: a seat has one person and a person one seat (INV-13); who has come and not gone is who is
inside, and the room knows, or will be told, how many that is (INV-14); nobody moves but as the message allows (INV-18);
each write is the next version of the record, what is not written has not changed, and a refusal changes nothing.
"""

from collections.abc import Callable
from unittest import TestCase

import pytest
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.errors import (
    BadInput,
    Banned,
    EngineError,
    Forbidden,
    NotAMember,
    NotFound,
    RoomFull,
    WrongPhase,
)
from engine.events import AudienceChanged
from engine.room.audience import count_of, everybody, standing_of
from engine.room.messages import (
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
    Sit,
    StreamBegan,
    StreamEnded,
    StreamHeard,
    SweepDue,
    Unseat,
)
from engine.room.state import Came, Closed, CountAgain, LineClosed, LineOpened, SweepAgain, TellRoom, Went
from store.interfaces.ids import PersonId
from store.interfaces.rooms import Face, RoomKind, SanctionKind
from tests.engine.room.parts import BO, GUESTS, HONG, decide, enter, face_of, room, rules, sit

PEOPLE = (HONG, *GUESTS)
people = st.sampled_from(PEOPLE)
askers = st.sampled_from((HONG, HONG, None, BO))
POLICIES = ("open", "applied", "invited")

# From what to what a message may take the person it is about; whoever it is not about stays what he is, unless all go.
MAY_BECOME = {
    Enter: {("outside", "watching")},
    Leave: {("watching", "outside"), ("applied", "outside"), ("seated", "outside")},
    Apply: {("watching", "applied")},
    Decline: {("applied", "watching")},
    Sit: {("outside", "seated"), ("watching", "seated"), ("applied", "seated")},
    StreamBegan: {("outside", "seated"), ("watching", "seated"), ("applied", "seated")},
    Unseat: {("seated", "watching"), ("seated", "outside")},
    Impose: {("watching", "outside"), ("applied", "outside"), ("seated", "outside")},
    SweepDue: {("watching", "outside"), ("applied", "outside"), ("seated", "outside")},
}


class Model:
    """What a room should be. Raises what it should refuse, before it changes anything."""

    def __init__(self, kind: RoomKind, policy: str) -> None:
        self.form = rules(seat_policy=policy).formats[kind]
        self.policy = self.form.seat_policy
        self.is_open = True
        self.watching: set[PersonId] = set()
        self.applied: set[PersonId] = set()
        self.seated: dict[PersonId, str] = {}
        self.invited: dict[PersonId, int] = {}
        self.beats: dict[PersonId, int] = {}
        self.cut_off: dict[PersonId, int] = {}
        self.sanctions: dict[tuple[PersonId, SanctionKind], tuple[int, PersonId | None]] = {}
        self.likes_count = 0
        self.empty_since_ms = 0
        self.members = {BO, HONG} if self.form.is_for_members else set()
        self.is_anchor_apart = not self.form.held_by_pictures

    # --- questions

    def standing(self, person_id: PersonId) -> str:
        if not self.is_open:
            return "outside"
        if self.is_anchor_apart and person_id == HONG:
            return "anchor"
        if person_id in self.seated:
            return "seated"
        if person_id in self.watching:
            return "applied" if person_id in self.applied else "watching"
        return "outside"

    def inside(self) -> set[PersonId]:
        if not self.is_open:
            return set()
        anchor = {HONG} if self.is_anchor_apart else set()
        return anchor | self.watching | set(self.seated) | self.members

    def count(self) -> int:
        return len(self.inside()) if self.form.counts_everybody else len(self.watching)

    def is_under(self, person_id: PersonId, kind: SanctionKind, now_ms: int) -> bool:
        return self.sanctions.get((person_id, kind), (0, None))[0] > now_ms

    def require_watching(self, person_id: PersonId) -> None:
        if person_id not in self.watching:
            raise WrongPhase if self.standing(person_id) in ("anchor", "seated") else NotAMember

    # --- moves

    def put_out(self, person_id: PersonId) -> None:
        for kept in (self.watching, self.applied):
            kept.discard(person_id)
        for known in (self.seated, self.invited, self.beats, self.cut_off):
            known.pop(person_id, None)

    def close(self) -> None:
        for person_id in PEOPLE:
            self.put_out(person_id)
        self.is_open = False

    def get_up(self, person_id: PersonId, now_ms: int) -> None:
        self.put_out(person_id)
        if not self.form.held_by_pictures:
            self.watching.add(person_id)
        if not self.seated:
            self.empty_since_ms = now_ms

    def sit(self, person_id: PersonId, now_ms: int) -> None:
        if self.members and person_id not in self.members:
            raise Forbidden
        if self.is_under(person_id, SanctionKind.BAN, now_ms):
            raise Banned
        if self.standing(person_id) == "anchor":
            raise WrongPhase
        if person_id not in self.seated:
            if not self.form.held_by_pictures:
                if person_id not in self.watching:
                    raise NotAMember
                is_invited = self.invited.get(person_id, 0) > now_ms
                if not (
                    is_invited or self.policy == "open" or (person_id in self.applied and self.policy == "applied")
                ):
                    raise Forbidden
            seat = self.form.seat_for(face_of(person_id).gender)
            if seat is None:
                raise BadInput
            if list(self.seated.values()).count(seat.name) == seat.places:
                if person_id not in self.invited:
                    raise RoomFull
                del self.invited[person_id]
                return
            self.put_out(person_id)
            self.seated[person_id] = seat.name
            if list(self.seated.values()).count(seat.name) == seat.places:
                rivals = [one for one in self.invited if seat.gender in (None, face_of(one).gender)]
                for one in rivals:
                    del self.invited[one]
        if self.form.held_by_pictures and person_id not in self.cut_off:
            self.beats[person_id] = now_ms

    def sweep(self, away: dict[PersonId, Away], now_ms: int) -> None:
        form = self.form
        for person_id in list(self.seated) if form.held_by_pictures else ():
            heard_ms = self.beats.get(person_id, self.cut_off.get(person_id, 0))
            if now_ms - heard_ms < form.seat_silent_ms:
                continue
            if person_id == HONG and not self.members:
                self.close()
                return
            self.get_up(person_id, now_ms)
        if form.empty_ms is not None and not self.seated and now_ms - self.empty_since_ms >= form.empty_ms:
            self.close()
            return
        gone = {person_id for person_id, one in away.items() if now_ms - one.since_ms >= self.grace_ms(one)}
        if self.is_anchor_apart and HONG in gone:
            self.close()
            return
        for person_id in gone if self.is_anchor_apart else gone & self.watching:
            self.put_out(person_id)

    def grace_ms(self, away: Away) -> int:
        standing = self.standing(away.person_id)
        if standing == "anchor" and self.form.anchor_silent_ms is None:
            return 2**62
        by_standing = {"anchor": self.form.anchor_silent_ms or 0, "seated": self.form.seat_silent_ms}
        grace_ms = by_standing.get(standing, self.form.viewer_silent_ms) if away.had_line else self.form.lineless_ms
        return max(grace_ms, self.form.return_ms) if away.is_awaited else grace_ms


class RoomMachine(RuleBasedStateMachine):
    """One room of one kind."""

    kind: RoomKind

    @initialize(policy=st.sampled_from(POLICIES))
    def open(self, policy: str) -> None:
        self.bounds = rules(seat_policy=policy)
        self.form = self.bounds.formats[self.kind]
        self.model = Model(self.kind, policy)
        self.state = room(self.kind)
        self.now_ms = 0
        self.hearing = self.model.inside()
        self.lines: set[PersonId] = set()
        self.told = (self.model.count(), 0)
        self.count_due_ms: int | None = None
        self.is_swept = True

    def put(self, message: Message, about: PersonId | None, expected: Callable[[], None]) -> None:
        """Let the room and the model decide ``message``, and compare all that can be compared."""
        before = {person_id: self.model.standing(person_id) for person_id in PEOPLE}
        refusal: type[EngineError] | None = None
        if self.model.is_open:
            try:
                expected()
            except EngineError as error:
                refusal = type(error)
        elif not isinstance(message, Destroy | SweepDue | CountDue | StreamHeard | StreamEnded | Leave):
            refusal = NotFound
        if refusal is not None:
            with pytest.raises(refusal):
                decide(self.state, message, now_ms=self.now_ms, by=self.bounds)
            return
        decision = decide(self.state, message, now_ms=self.now_ms, by=self.bounds)
        was, self.state = self.state, decision.state
        if decision.write is None:
            assert self.state.record is was.record
        else:
            assert decision.write is self.state.record
            assert decision.write.version == was.record.version + 1
        for effect in decision.effects:
            self.happen(effect)
        for person_id in PEOPLE:
            move = (before[person_id], self.model.standing(person_id))
            if move[0] != move[1] and self.model.is_open:
                assert person_id == about or isinstance(message, SweepDue), message
                assert move in MAY_BECOME[type(message)], message

    def happen(self, effect: object) -> None:
        match effect:
            case Came(person_id):
                assert person_id not in self.hearing
                self.hearing.add(person_id)
            case Went(person_id):
                self.hearing.remove(person_id)
            case LineOpened(person_id):
                assert person_id not in self.lines
                self.lines.add(person_id)
            case LineClosed(person_id, heard_at_ms):
                assert heard_at_ms <= self.now_ms
                self.lines.remove(person_id)
            case Closed(_, inside):
                assert sorted(inside) == sorted(self.hearing)
                self.hearing = set()
            case CountAgain(due_ms):
                assert self.count_due_ms is None
                assert self.now_ms < due_ms <= self.now_ms + self.bounds.count_every_ms
                self.count_due_ms = due_ms
            case SweepAgain(due_ms):
                self.is_swept = due_ms > self.now_ms
            case TellRoom(AudienceChanged() as event):
                self.told = (event.count, event.likes_count)

    # --- what comes ------------------------------------------------------------------------------------------------

    @rule(length_ms=st.sampled_from((1, 100, 499, 500, 5_000, 19_999, 20_000, 30_000, 60_000)))
    def time_passes(self, length_ms: int) -> None:
        self.now_ms += length_ms

    @precondition(lambda self: self.count_due_ms is not None and self.count_due_ms <= self.now_ms)
    @rule()
    def count_is_due(self) -> None:
        self.count_due_ms = None
        self.put(CountDue(), None, lambda: None)

    @rule(person_id=people)
    def enters(self, person_id: PersonId) -> None:
        model = self.model

        def expected() -> None:
            if model.members:
                raise Forbidden
            if model.is_under(person_id, SanctionKind.BAN, self.now_ms):
                raise Banned
            if model.standing(person_id) == "outside":
                if len(model.watching) == model.form.audience_max:
                    raise RoomFull
                model.watching.add(person_id)

        self.put(enter(person_id, at_ms=self.now_ms), person_id, expected)

    @rule(person_id=people)
    def leaves(self, person_id: PersonId) -> None:
        model = self.model

        def expected() -> None:
            if model.standing(person_id) == "anchor":
                raise WrongPhase
            if not (model.form.held_by_pictures and person_id in model.seated):
                model.put_out(person_id)

        self.put(Leave(person_id=person_id, at_ms=self.now_ms), person_id, expected)

    @rule(person_id=people)
    def applies(self, person_id: PersonId) -> None:
        def expected() -> None:
            self.model.require_watching(person_id)
            self.model.applied.add(person_id)

        self.put(Apply(person_id=person_id, at_ms=self.now_ms), person_id, expected)

    @rule(by=st.sampled_from((HONG, HONG, BO)), person_id=people)
    def is_invited(self, by: PersonId, person_id: PersonId) -> None:
        model = self.model

        def expected() -> None:
            if by != HONG:
                raise Forbidden
            model.require_watching(person_id)
            model.invited = {one: until_ms for one, until_ms in model.invited.items() if until_ms > self.now_ms}
            model.invited[person_id] = self.now_ms + model.form.invitation_ms

        self.put(Invite(by=by, person_id=person_id, at_ms=self.now_ms), None, expected)

    @rule(person_id=people)
    def declines(self, person_id: PersonId) -> None:
        def expected() -> None:
            self.model.require_watching(person_id)
            self.model.applied.discard(person_id)
            self.model.invited.pop(person_id, None)

        self.put(Decline(person_id=person_id, at_ms=self.now_ms), person_id, expected)

    @rule(person_id=people)
    def sits(self, person_id: PersonId) -> None:
        message = sit(person_id, at_ms=self.now_ms)
        self.put(message, person_id, lambda: self.model.sit(person_id, self.now_ms))

    @rule(person_id=people)
    def has_no_gender(self, person_id: PersonId) -> None:
        if self.model.standing(person_id) != "applied" or self.model.policy != "applied":
            return

        def expected() -> None:
            if self.model.is_anchor_apart:
                raise BadInput
            self.model.sit(person_id, self.now_ms)

        message = Sit(person_id=person_id, face=Face(), stream=str(person_id), at_ms=self.now_ms)
        self.put(message, person_id, expected)

    @rule(by=askers, person_id=people, is_oneself=st.booleans())
    def is_unseated(self, by: PersonId | None, person_id: PersonId, is_oneself: bool) -> None:
        model, asker = self.model, person_id if is_oneself else by

        def expected() -> None:
            if asker not in (person_id, HONG, None):
                raise Forbidden
            if person_id not in model.seated:
                raise NotAMember
            if person_id == HONG:
                model.close()
            else:
                model.get_up(person_id, self.now_ms)

        self.put(Unseat(by=asker, person_id=person_id, at_ms=self.now_ms), person_id, expected)

    @rule(person_id=people)
    def beats(self, person_id: PersonId) -> None:
        model = self.model

        def expected() -> None:
            if not model.form.held_by_pictures:
                raise WrongPhase
            if person_id not in model.seated:
                raise NotAMember
            if person_id not in model.cut_off:
                model.beats[person_id] = self.now_ms

        self.put(Beat(person_id=person_id, at_ms=self.now_ms), None, expected)

    @rule(person_id=people)
    def begins_to_send(self, person_id: PersonId) -> None:
        model = self.model

        def expected() -> None:
            cut_off_ms = model.cut_off.pop(person_id, None)
            try:
                model.sit(person_id, self.now_ms)
            except EngineError:
                if cut_off_ms is not None:
                    model.cut_off[person_id] = cut_off_ms
                raise

        face, stream = face_of(person_id), str(person_id)
        self.put(StreamBegan(person_id=person_id, stream=stream, face=face, at_ms=self.now_ms), person_id, expected)

    @rule(person_id=people, is_over=st.booleans(), is_his=st.booleans())
    def pictures_come_or_stop(self, person_id: PersonId, is_over: bool, is_his: bool) -> None:
        model, stream, now_ms = self.model, str(person_id) if is_his else "another", self.now_ms

        def expected() -> None:
            if is_his and person_id in model.seated and model.form.held_by_pictures:
                model.cut_off.pop(person_id, None)
                model.beats.pop(person_id, None)
                (model.cut_off if is_over else model.beats)[person_id] = now_ms

        heard = StreamHeard(person_id=person_id, stream=stream, at_ms=now_ms)
        ended = StreamEnded(person_id=person_id, stream=stream, heard_at_ms=now_ms)
        self.put(ended if is_over else heard, person_id, expected)

    @rule(person_id=people, is_said=st.booleans())
    def says_or_likes(self, person_id: PersonId, is_said: bool) -> None:
        model = self.model

        def expected() -> None:
            if person_id not in model.inside():
                raise NotAMember
            if is_said and model.is_under(person_id, SanctionKind.MUTE, self.now_ms):
                raise Forbidden
            model.likes_count += not is_said

        said = Say(person_id=person_id, face=face_of(person_id), text="hello")
        self.put(said if is_said else Like(person_id=person_id, count=1), None, expected)

    @rule(
        by=askers,
        person_id=people,
        kind=st.sampled_from(SanctionKind),
        length_ms=st.none() | st.sampled_from((1_000, 60_000)),
    )
    def is_sanctioned(
        self, by: PersonId | None, person_id: PersonId, kind: SanctionKind, length_ms: int | None
    ) -> None:
        model, now_ms = self.model, self.now_ms

        def expected() -> None:
            is_ban_of_call = kind is SanctionKind.BAN and bool(model.members)
            if by not in (HONG, None) or person_id == HONG or is_ban_of_call:
                raise Forbidden
            wanted = (2**62 if length_ms is None else now_ms + length_ms, by)
            model.sanctions = {key: held for key, held in model.sanctions.items() if held[0] > now_ms}
            former = model.sanctions.pop((person_id, kind), None)
            if former is not None and former[0] >= wanted[0]:
                is_above = former[1] is None and by is not None
                wanted = former if kind is SanctionKind.BAN or is_above else wanted
            if len(model.sanctions) == self.bounds.sanctions_max:
                del model.sanctions[min(model.sanctions, key=lambda key: model.sanctions[key][0])]
                # They are kept as they were sorted then, the oldest of those that end together first.
                model.sanctions = dict(sorted(model.sanctions.items(), key=lambda one: one[1][0]))
            model.sanctions[person_id, kind] = wanted
            if kind is SanctionKind.BAN:
                if model.form.held_by_pictures and person_id in model.seated:
                    model.get_up(person_id, now_ms)
                model.put_out(person_id)

        until_ms = None if length_ms is None else now_ms + length_ms
        message = Impose(by=by, person_id=person_id, kind=kind, until_ms=until_ms, at_ms=now_ms)
        self.put(message, person_id, expected)

    @rule(by=askers, person_id=people, kind=st.sampled_from(SanctionKind))
    def is_pardoned(self, by: PersonId | None, person_id: PersonId, kind: SanctionKind) -> None:
        def expected() -> None:
            is_under = self.model.is_under(person_id, kind, self.now_ms)
            is_above = is_under and self.model.sanctions[person_id, kind][1] is None and by is not None
            if by not in (HONG, None) or is_above:
                raise Forbidden
            self.model.sanctions.pop((person_id, kind), None)

        self.put(Lift(by=by, person_id=person_id, kind=kind, at_ms=self.now_ms), None, expected)

    @rule(
        away=st.dictionaries(
            people,
            st.tuples(st.sampled_from((0, 10_000, 30_000, 60_000, 3_600_000)), st.booleans(), st.booleans()),
            max_size=3,
        )
    )
    def is_swept_through(self, away: dict[PersonId, tuple[int, bool, bool]]) -> None:
        found = {
            person_id: Away(
                person_id=person_id, since_ms=self.now_ms - silent_ms, had_line=had_line, is_awaited=is_awaited
            )
            for person_id, (silent_ms, had_line, is_awaited) in away.items()
            if person_id in self.model.inside()
        }
        message = SweepDue(tuple(found.values()))
        self.is_swept = False
        self.put(message, None, lambda: self.model.sweep(found, self.now_ms))
        # One silent seat a time: the rest of them by the next, immediate, sweeps.
        while self.state.record.is_open and not self.is_swept:
            self.put(message, None, lambda: None)

    @precondition(lambda self: len(self.model.watching) > 1)
    @rule(by=askers)
    def ends(self, by: PersonId | None) -> None:
        def expected() -> None:
            if by == BO:
                raise Forbidden
            self.model.close()

        self.put(Destroy(by=by, at_ms=self.now_ms), None, expected)

    # --- what holds ------------------------------------------------------------------------------------------------

    @invariant()
    def everybody_is_where_the_model_has_him(self) -> None:
        state, model, record = self.state, self.model, self.state.record
        assert record.is_open is model.is_open
        assert set(state.audience) == model.watching
        assert {one.person_id for one in record.applicants} == model.applied
        assert {seat.person_id: seat.seat for seat in record.seats} == model.seated
        assert (state.invitations, state.beats, state.cut_off) == (model.invited, model.beats, model.cut_off)
        if model.is_open:
            for person_id in PEOPLE:
                found = standing_of(state, person_id, self.form)
                assert ("outside" if found is None else found.value) == model.standing(person_id)

    @invariant()
    def a_seat_has_one_person_and_a_person_one_seat(self) -> None:
        seats = self.state.record.seats
        assert len({seat.person_id for seat in seats}) == len(seats)
        for seat_rule in self.form.seats:
            taken = [seat for seat in seats if seat.seat == seat_rule.name]
            assert len(taken) <= seat_rule.places
            assert all(seat_rule.admits(seat.face.gender) for seat in taken)

    @invariant()
    def whoever_came_and_did_not_go_is_inside(self) -> None:
        assert self.hearing == self.model.inside()
        assert self.lines == set(self.state.beats)
        if self.model.is_open:
            inside = everybody(self.state, self.form)
            assert len(inside) == len(set(inside))
            assert set(inside) == self.hearing

    @invariant()
    def the_room_knows_how_many_it_is_or_will_be_told(self) -> None:
        if self.model.is_open:
            now = (count_of(self.state, self.form), self.state.likes_count)
            assert now == (self.model.count(), self.model.likes_count)
            assert self.told == now or self.count_due_ms is not None

    @invariant()
    def what_was_imposed_is_remembered(self) -> None:
        kept = {(one.person_id, one.kind): (one.until_ms, one.by) for one in self.state.record.sanctions}
        in_force = {
            key: (None if until_ms == 2**62 else until_ms, by)
            for key, (until_ms, by) in self.model.sanctions.items()
            if until_ms > self.now_ms
        }
        assert len(kept) == len(self.state.record.sanctions) <= self.bounds.sanctions_max
        assert {key: held for key, held in kept.items() if held[0] is None or held[0] > self.now_ms} == in_force


def machine_of(room_kind: RoomKind) -> type[TestCase]:
    """The test that drives rooms of this kind."""

    class Machine(RoomMachine):
        kind = room_kind

    Machine.TestCase.settings = effort(max_examples=120, stateful_step_count=40, deadline=None)
    return Machine.TestCase


TestBlindDate = machine_of(RoomKind.BLIND_DATE)
TestOpenRoom = machine_of(RoomKind.OPEN)
TestCallRoom = machine_of(RoomKind.CALL)
TestShow = machine_of(RoomKind.SHOW)
