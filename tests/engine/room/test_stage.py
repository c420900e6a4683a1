"""Who sits, and how one gets there and down again: seed behaviour 3.2, row by row."""

import pytest
from msgspec.structs import replace

from engine.errors import BadInput, Banned, Forbidden, NotAMember, NotFound, RoomFull, WrongPhase
from engine.events import SeatOffered
from engine.room.audience import standing_of
from engine.room.messages import Apply, Beat, Decline, Destroy, Impose, Invite, Leave, StreamEnded, StreamHeard, Unseat
from engine.room.state import Came, Closed, RoomState, Standing, Tell, Went
from store.interfaces.rooms import Face, RoomKind, SanctionKind
from tests.engine.room.parts import (
    ANN,
    BO,
    HONG,
    JIM,
    LIN,
    ROOM,
    RULES,
    after,
    decide,
    enter,
    face_of,
    named,
    names,
    room,
    rules,
    sit,
)

BLIND_DATE = RULES.formats[RoomKind.BLIND_DATE]


def apply(person_id=BO, at_ms=0) -> Apply:
    return Apply(person_id=person_id, at_ms=at_ms)


def invite(person_id=BO, by=HONG) -> Invite:
    return Invite(by=by, person_id=person_id, at_ms=0)


def decline(person_id=BO, at_ms=0) -> Decline:
    return Decline(person_id=person_id, at_ms=at_ms)


def unseat(person_id=BO, by=None, at_ms=0) -> Unseat:
    return Unseat(by=by, person_id=person_id, at_ms=at_ms)


def leave(person_id=BO) -> Leave:
    return Leave(person_id=person_id, at_ms=0)


def standing(state: RoomState, person_id=BO) -> str:
    found = standing_of(state, person_id, BLIND_DATE)
    return "outside" if found is None else found.value


# How bo came to be what he is.
WAYS = {
    "outside": (),
    "watching": (enter(BO),),
    "applied": (enter(BO), apply()),
    "invited": (enter(BO), invite()),
    "applied and invited": (enter(BO), apply(), invite()),
    "seated": (enter(BO), apply(), sit(BO)),
}
SEAT_OF_JIM = (enter(JIM), apply(JIM), sit(JIM))
OUT = ["SeatLeft"]


def where(is_what: str) -> RoomState:
    return after(room(), *WAYS[is_what])


# --- the table -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "message", "then", "told", "is_kept"),
    [
        ("outside", enter(BO), "watching", [], False),
        ("watching", enter(BO), "watching", [], False),
        ("applied", enter(BO), "applied", [], False),
        ("seated", enter(BO), "seated", [], False),
        ("watching", apply(), "applied", [], True),
        ("applied", apply(), "applied", [], False),
        ("invited", apply(), "applied", [], True),
        ("watching", invite(), "watching", [named("SeatOffered", BO)], False),
        ("applied", invite(), "applied", [named("SeatOffered", BO)], False),
        ("applied", sit(BO), "seated", ["SeatTaken"], True),
        ("invited", sit(BO), "seated", [named("OfferAnswered", HONG), "SeatTaken"], True),
        ("applied and invited", sit(BO), "seated", [named("OfferAnswered", HONG), "SeatTaken"], True),
        ("seated", sit(BO), "seated", [], False),
        ("invited", decline(), "watching", [named("OfferAnswered", HONG)], False),
        ("applied", decline(), "watching", [named("OfferAnswered", HONG)], True),
        ("applied and invited", decline(), "watching", [named("OfferAnswered", HONG)], True),
        ("watching", decline(), "watching", [], False),
        ("seated", unseat(by=BO), "watching", ["SeatLeft"], True),
        ("seated", unseat(by=HONG), "watching", ["SeatLeft", named("SeatTakenAway", BO)], True),
        ("seated", unseat(by=None), "watching", ["SeatLeft", named("SeatTakenAway", BO)], True),
        ("outside", leave(), "outside", [], False),
        ("watching", leave(), "outside", [], False),
        ("applied", leave(), "outside", [], True),
        ("invited", leave(), "outside", [], False),
        ("seated", leave(), "outside", ["SeatLeft"], True),
    ],
)
def test_every_move_leads_where_the_table_says(before, message, then, told, is_kept):
    decision = decide(where(before), message)

    assert standing(decision.state) == then
    assert names(decision) == told
    assert (decision.write is not None) is is_kept
    if is_kept:
        assert decision.write == decision.state.record
        assert decision.write.version == where(before).record.version + 1


@pytest.mark.parametrize(
    ("before", "message", "error"),
    [
        ("outside", apply(), NotAMember),
        ("outside", invite(), NotAMember),
        ("outside", decline(), NotAMember),
        ("outside", sit(BO), NotAMember),
        ("outside", unseat(by=BO), NotAMember),
        ("watching", sit(BO), Forbidden),
        ("watching", invite(by=JIM), Forbidden),
        ("watching", unseat(by=BO), NotAMember),
        ("seated", apply(), WrongPhase),
        ("seated", invite(), WrongPhase),
        ("seated", decline(), WrongPhase),
        ("seated", unseat(by=JIM), Forbidden),
        ("watching", apply(HONG), WrongPhase),
        ("watching", invite(HONG), WrongPhase),
        ("watching", decline(HONG), WrongPhase),
        ("watching", sit(HONG), WrongPhase),
        ("watching", unseat(HONG, by=HONG), NotAMember),
        ("watching", leave(HONG), WrongPhase),
    ],
)
def test_every_other_move_is_refused(before, message, error):
    with pytest.raises(error):
        decide(where(before), message)


@pytest.mark.parametrize("message", [enter(BO), apply(), invite(), decline(), sit(BO), unseat(by=BO)])
def test_nobody_moves_in_a_room_that_has_ended(message):
    ended = after(where("seated"), Destroy(by=HONG, at_ms=9))

    with pytest.raises(NotFound):
        decide(ended, message)
    assert after(ended, leave(), Destroy(by=HONG, at_ms=10)) == ended


def test_the_end_puts_everybody_out_and_frees_the_seats():
    state = after(where("seated"), enter(LIN), apply(LIN), enter(ANN), invite(ANN))

    decision = decide(state, Destroy(by=HONG, at_ms=9))

    assert names(decision) == ["RoomClosed"]
    assert decision.effects[-1] == Closed(by_anchor=True, inside=(HONG, BO, *state.audience))
    assert (decision.state.record.seats, decision.state.record.applicants) == ((), ())
    assert not decision.state.audience
    assert not decision.state.invitations
    assert decision.state.record.closed_at_ms == 9


# --- who gets the seat ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "may_sit"),
    [
        ("open", {"watching", "applied", "invited", "applied and invited"}),
        ("applied", {"applied", "invited", "applied and invited"}),
        ("invited", {"invited", "applied and invited"}),
    ],
)
@pytest.mark.parametrize("before", ["watching", "applied", "invited", "applied and invited"])
def test_what_it_takes_to_sit_is_the_policys(policy, may_sit, before):
    if before in may_sit:
        assert standing(after(where(before), sit(BO), by=rules(seat_policy=policy))) == "seated"
    else:
        with pytest.raises(Forbidden):
            decide(where(before), sit(BO), by=rules(seat_policy=policy))


@pytest.mark.parametrize("policy", ["open", "applied", "invited"])
def test_whoever_is_not_inside_sits_nowhere(policy):
    with pytest.raises(NotAMember):
        decide(room(), sit(BO), by=rules(seat_policy=policy))


def test_of_two_who_want_the_last_seat_the_second_is_refused_and_stays_what_he_was():
    state = after(where("applied"), *SEAT_OF_JIM)

    with pytest.raises(RoomFull):
        decide(state, sit(BO))


def test_who_was_invited_to_a_seat_that_is_taken_loses_the_invitation_and_nothing_else():
    # Invited after jim sat down, or the invitation were void already.
    state = after(where("applied"), *SEAT_OF_JIM, invite())

    decision = decide(state, sit(BO))

    assert standing(decision.state) == Standing.APPLIED
    assert (names(decision), decision.write) == ([], None)
    assert decision.state.invitations == {}


def test_a_seat_taken_makes_the_other_invitations_for_it_void():
    state = after(room(), enter(BO), enter(JIM), enter(LIN), invite(BO), invite(JIM), invite(LIN))

    seated = after(state, sit(BO))

    assert set(seated.invitations) == {LIN}


def test_a_man_and_a_woman_have_a_seat_each():
    state = after(where("seated"), enter(LIN), apply(LIN), sit(LIN))

    assert {seat.person_id: seat.seat for seat in state.record.seats} == {BO: "male", LIN: "female"}
    assert [seat.stream for seat in state.record.seats] == [str(BO), str(LIN)]


def test_there_is_no_seat_for_somebody_of_no_gender():
    nobody_knows = replace(sit(BO), face=Face(gender=0))

    with pytest.raises(BadInput):
        decide(where("applied"), nobody_knows)


def test_every_change_of_the_seats_has_a_number_of_its_own():
    state = where("seated")

    for message in (enter(LIN), apply(LIN), sit(LIN), unseat(by=HONG), leave(LIN), Destroy(by=HONG, at_ms=0)):
        before, state = state, after(state, message)
        is_change = state.record.seats != before.record.seats or not state.record.is_open
        assert state.record.status_code - before.record.status_code == is_change


def test_whoever_sits_is_heard_from_no_second_time_and_whoever_gets_up_stays():
    down = decide(where("seated"), unseat(by=BO, at_ms=70))

    assert Came(BO) not in decide(where("applied"), sit(BO)).effects
    assert Went(BO) not in down.effects
    assert down.state.audience[BO].since_ms == 70
    assert down.state.audience[BO].face == face_of(BO)


# --- invitations ---------------------------------------------------------------------------------------------------


def test_an_invitation_holds_for_half_a_minute_and_asking_again_makes_it_longer():
    invited = after(where("watching"), invite(), now_ms=1_000)

    assert decide(where("watching"), invite(), now_ms=1_000).effects[0] == Tell(
        BO, SeatOffered(room_id=ROOM, until_ms=31_000)
    )
    assert standing(after(invited, sit(BO), now_ms=30_999)) == "seated"
    with pytest.raises(Forbidden):
        decide(invited, sit(BO), now_ms=31_000)
    assert standing(after(after(invited, invite(), now_ms=20_000), sit(BO), now_ms=49_999)) == "seated"


def test_invitations_that_have_run_out_are_forgotten():
    state = after(room(), enter(BO), enter(LIN), invite(BO))

    assert set(after(state, invite(LIN), now_ms=30_000).invitations) == {LIN}


def test_whoever_declined_may_be_asked_and_may_apply_again():
    declined = after(where("applied and invited"), decline(at_ms=50))

    assert declined.audience[BO].since_ms == 50
    assert standing(after(declined, apply(), sit(BO))) == "seated"
    assert standing(after(declined, invite(), sit(BO))) == "seated"


def test_an_invitation_does_not_outlive_a_visit():
    state = after(where("invited"), leave(), enter(BO))

    with pytest.raises(Forbidden):
        decide(state, sit(BO))


# --- seats that are held by pictures -------------------------------------------------------------------------------


def test_whoever_may_send_pictures_sits_down_without_being_in_the_room_and_is_out_when_he_gets_up():
    sat = decide(room(RoomKind.OPEN), sit(BO))
    up = decide(sat.state, unseat(by=BO))

    assert Came(BO) in sat.effects
    assert Went(BO) in up.effects
    assert BO not in up.state.audience


def test_a_viewer_who_begins_to_send_is_a_viewer_no_more():
    decision = decide(after(room(RoomKind.OPEN), enter(BO)), sit(BO))

    assert Came(BO) not in decision.effects
    assert BO not in decision.state.audience


def test_there_are_so_many_seats_and_no_more():
    full = after(room(RoomKind.OPEN), sit(HONG), sit(BO), sit(LIN))

    with pytest.raises(RoomFull):
        decide(full, sit(JIM))


def test_the_two_of_a_call_sit_and_get_up_in_a_room_that_they_hear_all_along():
    state = room(RoomKind.CALL)

    sat = decide(state, sit(BO))
    up = decide(sat.state, unseat(by=BO))

    assert not {Came(BO), Went(BO)} & {*sat.effects, *up.effects}
    with pytest.raises(Forbidden):
        decide(state, sit(JIM))


def test_the_room_ends_when_its_anchor_gets_up():
    state = after(room(RoomKind.OPEN), sit(HONG), sit(BO))

    decision = decide(state, unseat(HONG, by=HONG))

    assert decision.effects[-1] == Closed(by_anchor=True, inside=(HONG, BO))
    with pytest.raises(Forbidden):
        decide(state, unseat(HONG, by=BO))


def test_whoever_is_banned_sends_no_pictures_into_the_room_either():
    ban = Impose(by=HONG, person_id=BO, kind=SanctionKind.BAN, until_ms=None, at_ms=0)
    seated = after(room(RoomKind.OPEN), sit(BO))

    decision = decide(seated, ban)

    assert names(decision) == [named("SentAway", BO), "SeatLeft"]
    assert decision.effects[-1] == Went(BO)
    with pytest.raises(Banned):
        decide(decision.state, sit(BO))


def test_whoever_sits_already_may_describe_himself_anew():
    described = replace(sit(BO), face=replace(face_of(BO), nickname="bo"))

    decision = decide(where("seated"), described)

    assert names(decision) == ["SeatTaken"]
    assert [seat.face.nickname for seat in decision.state.record.seats] == ["bo"]
    assert decision.state.seat_of(BO).since_ms == where("seated").seat_of(BO).since_ms


def test_pictures_hold_nobody_where_people_are_held_by_being_there():
    state = where("seated")

    with pytest.raises(WrongPhase):
        decide(state, Beat(person_id=BO, at_ms=5))
    assert after(state, StreamHeard(person_id=BO, stream=str(BO), at_ms=5)) == state
    assert after(state, StreamEnded(person_id=BO, stream=str(BO), heard_at_ms=5)) == state
