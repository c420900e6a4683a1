"""Who watches, how many everybody is, and how long somebody who is silent is waited for."""

import pytest
from msgspec.structs import replace

from engine.errors import Banned, Forbidden, RoomFull
from engine.events import AudienceChanged, CrowdChanged
from engine.room.audience import count_of, crowd_of, everybody
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
    Like,
    Say,
    SweepDue,
    Unseat,
)
from engine.room.state import Came, Closed, CountAgain, LineClosed, SweepAgain, Tell, TellRoom, Went
from store.interfaces.ids import PersonId
from store.interfaces.rooms import RoomKind, SanctionKind
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
    names,
    room,
    sit,
)

KINDS = [RoomKind.OPEN, RoomKind.BLIND_DATE]
HOUR_MS = 3_600_000


def leave(person_id=BO) -> Leave:
    return Leave(person_id=person_id, at_ms=0)


def apply(person_id=BO) -> Apply:
    return Apply(person_id=person_id, at_ms=0)


def count(state) -> int:
    return count_of(state, RULES.formats[state.record.kind])


def counts(decision) -> list[int]:
    """The numbers that the room is told."""
    return [
        effect.event.count
        for effect in decision.effects
        if isinstance(effect, TellRoom) and isinstance(effect.event, AudienceChanged)
    ]


def seated(person_id, state=None):
    return after(room() if state is None else state, enter(person_id), apply(person_id), sit(person_id))


# --- coming and going ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_enters_hears_the_room_until_he_leaves(kind):
    came = decide(room(kind), enter(BO, at_ms=5))
    went = decide(came.state, leave())

    assert came.effects[0] == Came(BO)
    assert came.state.audience[BO].since_ms == 5
    assert went.effects[0] == Went(BO)
    assert BO not in went.state.audience


@pytest.mark.parametrize("kind", KINDS)
def test_entering_twice_is_once_and_leaving_without_being_in_is_fine(kind):
    inside = after(room(kind), enter(BO, at_ms=5))

    again = decide(inside, enter(BO, at_ms=9))

    assert (again.state, again.effects) == (inside, ())
    assert after(room(kind), leave()) == room(kind)


def test_whoever_enters_again_is_seen_as_he_is_now_and_has_been_there_since_he_came():
    anew = Enter(person_id=BO, face=replace(face_of(BO), nickname="bo"), described="{}", at_ms=9)

    viewer = after(room(), enter(BO, at_ms=5), anew).audience[BO]

    assert (viewer.face.nickname, viewer.described, viewer.since_ms) == ("bo", "{}", 5)


def test_the_anchor_and_the_seated_are_inside_already():
    state = seated(BO)

    assert decide(state, enter(BO)).effects == ()
    assert decide(state, enter(HONG)).effects == ()


@pytest.mark.parametrize("kind", KINDS)
def test_the_audience_has_so_many_places_and_neither_the_stage_nor_the_anchor_takes_one(kind):
    state = after(room(kind), sit(HONG), sit(BO)) if kind is RoomKind.OPEN else seated(BO)

    full = after(state, enter(LIN), enter(ANN), enter(JIM))

    with pytest.raises(RoomFull):
        decide(full, enter(PersonId(20_000)))


def test_a_calls_room_has_no_audience():
    with pytest.raises(Forbidden):
        decide(room(RoomKind.CALL), enter(BO))


def test_who_is_banned_does_not_come_in_until_the_ban_ends():
    ban = Impose(by=HONG, person_id=BO, kind=SanctionKind.BAN, until_ms=600_000, at_ms=0)
    state = after(room(), ban)

    with pytest.raises(Banned):
        decide(state, enter(BO), now_ms=599_999)
    assert BO in after(state, enter(BO), now_ms=600_000).audience


# --- how many ------------------------------------------------------------------------------------------------------


def test_in_a_matchmakers_room_everybody_counts_and_in_others_only_who_watches():
    dating = after(seated(BO), enter(LIN), apply(LIN), enter(ANN))
    public = after(room(RoomKind.OPEN), sit(HONG), sit(BO), enter(LIN))

    assert count(dating) == len(everybody(dating, RULES.formats[RoomKind.BLIND_DATE])) == 4
    assert count(public) == 1


def test_people_are_counted_and_told_at_once_and_then_not_before_half_a_second():
    first = decide(room(), enter(BO), now_ms=10_000)
    second = decide(first.state, enter(LIN), now_ms=10_100)
    third = decide(second.state, enter(ANN), now_ms=10_200)
    due = decide(third.state, CountDue(), now_ms=10_500)
    later = decide(due.state, leave(ANN), now_ms=11_000)

    assert counts(first) == [2]
    assert (counts(second), second.effects[-1]) == ([], CountAgain(10_500))
    assert (counts(third), third.effects) == ([], (Came(ANN),))
    assert counts(due) == [4]
    assert counts(later) == [3]


def test_likes_are_told_with_the_number_of_people():
    state = after(room(), enter(BO), now_ms=10_000)

    decision = decide(after(state, Like(person_id=BO, count=3), now_ms=10_001), CountDue(), now_ms=10_500)

    assert decision.effects[0] == TellRoom(AudienceChanged(room_id=ROOM, count=2, likes_count=3), is_kept=False)


@pytest.mark.parametrize(
    "message",
    [apply(), Invite(by=HONG, person_id=BO, at_ms=0), Say(person_id=BO, face=face_of(BO), text="hi"), enter(BO)],
)
def test_only_what_changes_a_number_is_counted(message):
    state = after(room(), enter(BO), now_ms=10_000)

    decision = decide(state, message, now_ms=20_000)

    assert bool(counts(decision)) is isinstance(message, Apply)


def test_the_anchor_learns_who_is_there_and_who_has_applied():
    state = after(seated(BO), enter(JIM), enter(LIN), apply(JIM), enter(ANN), apply(ANN))

    told = decide(state, CountDue(), now_ms=10_000).effects[-1]

    assert told == Tell(HONG, crowd_of(state))
    assert crowd_of(state) == CrowdChanged(
        room_id=ROOM, men_count=2, men_applied_count=1, women_count=2, women_applied_count=1
    )


def test_who_applied_as_a_man_and_is_a_woman_now_is_counted_as_one_woman():
    state = after(room(), enter(JIM), apply(JIM))

    crowd = crowd_of(after(state, Enter(person_id=JIM, face=face_of(LIN), at_ms=0)))

    assert (crowd.men_count, crowd.men_applied_count) == (0, 0)
    assert (crowd.women_count, crowd.women_applied_count) == (1, 1)


def test_a_room_that_ends_is_told_of_no_more_numbers():
    state = after(room(), enter(BO), enter(LIN))

    ended = decide(state, Destroy(by=HONG, at_ms=0), now_ms=60_000)

    assert counts(ended) == []
    assert decide(ended.state, CountDue(), now_ms=60_500).effects == ()


# --- silence -------------------------------------------------------------------------------------------------------


def away(person_id, *, since_ms=0, had_line=True) -> Away:
    return Away(person_id=person_id, since_ms=since_ms, had_line=had_line)


@pytest.mark.parametrize(
    ("who", "had_line", "grace_ms"),
    [
        ("watching", True, 30_000),
        ("applied", True, 30_000),
        ("seated", True, 60_000),
        ("anchor", True, 60_000),
        ("watching", False, 1_800_000),
        ("seated", False, 1_800_000),
        ("anchor", False, 1_800_000),
    ],
)
def test_how_long_somebody_is_waited_for(who, had_line, grace_ms):
    state = {
        "watching": after(room(), enter(BO)),
        "applied": after(room(), enter(BO), apply()),
        "seated": seated(BO),
        "anchor": after(room(), enter(BO)),
    }[who]
    person_id = HONG if who == "anchor" else BO
    gone = SweepDue((away(person_id, since_ms=1_000, had_line=had_line),))

    waited = decide(state, gone, now_ms=999 + grace_ms)
    given_up = decide(state, gone, now_ms=1_000 + grace_ms)

    assert waited.state == state
    assert waited.effects == (SweepAgain(5_999 + grace_ms),)
    if who == "anchor":
        assert given_up.effects[-1] == Closed(by_anchor=False, inside=(HONG, BO))
    else:
        assert Went(BO) in given_up.effects
        assert names(given_up) == (["SeatLeft"] if who == "seated" else [])
        assert (given_up.write is None) is (who == "watching")


def test_all_who_have_gone_go_in_one_sweep():
    state = after(seated(BO, seated(LIN)), enter(JIM), enter(ANN), apply(ANN))

    decision = decide(state, SweepDue((away(BO), away(LIN), away(JIM), away(ANN))), now_ms=60_000)

    assert names(decision) == ["SeatLeft", "SeatLeft"]
    assert [effect.person_id for effect in decision.effects if isinstance(effect, Went)] == [BO, LIN, JIM, ANN]
    assert decision.write.version == state.record.version + 1
    assert count(decision.state) == 1
    assert SweepAgain(65_000) in decision.effects


def test_a_viewer_of_a_public_room_goes_when_he_is_silent_and_a_pusher_when_his_pictures_are():
    state = after(room(RoomKind.OPEN), sit(HONG), sit(BO), enter(LIN))
    kept = after(state, Beat(person_id=HONG, at_ms=60_000))

    first = decide(kept, SweepDue((away(BO), away(HONG), away(LIN))), now_ms=60_000)
    second = decide(first.state, SweepDue((away(LIN),)), now_ms=60_000)

    assert names(first) == ["SeatLeft"]
    assert {LineClosed(BO, 0), Went(BO), SweepAgain(60_000)} <= set(first.effects)
    assert second.effects[:2] == (SweepAgain(65_000), Went(LIN))
    assert second.state.record.is_open


def test_a_public_room_that_nobody_sends_into_closes_after_a_while():
    state = after(room(RoomKind.OPEN), sit(BO), Unseat(by=BO, person_id=BO, at_ms=10_000))

    assert after(state, SweepDue(), now_ms=39_999).record.is_open
    assert decide(state, SweepDue(), now_ms=40_000).effects[-1] == Closed(by_anchor=False, inside=())
    assert not after(room(RoomKind.OPEN), SweepDue(), now_ms=30_000).record.is_open


def test_the_room_of_a_call_outlives_its_pictures():
    state = after(room(RoomKind.CALL), sit(HONG), sit(BO))

    once = decide(state, SweepDue(), now_ms=HOUR_MS)
    twice = decide(once.state, SweepDue(), now_ms=HOUR_MS)

    assert twice.state.record.seats == ()
    assert after(twice.state, SweepDue(), now_ms=2 * HOUR_MS).record.is_open


def test_withdrawing_an_application_is_not_leaving():
    state = after(room(), enter(BO), apply(), Decline(person_id=BO, at_ms=0))

    assert count(state) == 2
