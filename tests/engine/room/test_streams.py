"""Names of streams, and what pictures mean to a room: pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Banned, Forbidden
from engine.room.messages import Beat, Impose, Sit, StreamBegan, StreamEnded, StreamHeard, SweepDue, Unseat
from engine.room.state import LineClosed, LineOpened
from engine.room.streams import StreamName, is_trial, read_stream, stream_of
from store.interfaces.ids import ID_MAX, PersonId, RoomId
from store.interfaces.rooms import Face, RoomKind, SanctionKind
from tests.engine.room.parts import BO, HONG, JIM, ROOM, after, decide
from tests.engine.room.parts import room as a_room

STREAM = stream_of(HONG, ROOM)


def room(kind=RoomKind.OPEN, **changes):
    return a_room(kind, **changes)


def began(person_id=HONG, at_ms=1_000, stream=None) -> StreamBegan:
    return StreamBegan(
        person_id=person_id, stream=stream or stream_of(person_id, ROOM), face=Face(nickname="known"), at_ms=at_ms
    )


def heard(at_ms, stream=STREAM) -> StreamHeard:
    return StreamHeard(person_id=HONG, stream=stream, at_ms=at_ms)


def ended(heard_at_ms, stream=STREAM) -> StreamEnded:
    return StreamEnded(person_id=HONG, stream=stream, heard_at_ms=heard_at_ms)


def added(stream=STREAM, at_ms=1_000) -> Sit:
    return Sit(person_id=HONG, stream=stream, face=Face(nickname="herself", avatar_url="a"), at_ms=at_ms)


def unseat(at_ms) -> Unseat:
    return Unseat(by=HONG, person_id=HONG, at_ms=at_ms)


# Names


@given(
    st.integers(1, ID_MAX).map(PersonId),
    st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).map(RoomId),
)
def test_a_name_tells_whom_and_which_room_it_was_made_for(person_id, room_id):
    assert read_stream(stream_of(person_id, room_id)) == StreamName(person_id, room_id)


@pytest.mark.parametrize(
    "stream",
    ["", "room", "room_", "_10001", "room_010001", "room_10001a", "room_-1", "0", "room_１２", "room_9007199254740992",
     "room 1_10001", "room_10001\n", "r" * 65 + "_10001", "room_10001?x=1"],
)  # fmt: skip
def test_other_names_are_nobodys(stream):
    assert read_stream(stream) is None


@pytest.mark.parametrize(
    ("stream", "is_one"),
    [("test_00112233aabbccdd", True), ("test_00112233aabbccd", False), ("best_00112233aabbccdd", False)],
)
def test_names_to_try_with_are_known_by_their_form(stream, is_one):
    assert is_trial(stream) is is_one


# A room and its pictures


def test_pictures_make_a_pusher_whom_his_client_may_describe_later():
    decision = decide(room(), began())
    assert [seat.face.nickname for seat in decision.state.record.seats] == ["known"]
    assert LineOpened(HONG) in decision.effects

    described = after(decision.state, added())

    assert [(seat.face.nickname, seat.stream) for seat in described.record.seats] == [("herself", STREAM)]
    assert described.record.status_code == 2
    assert decide(described, added(at_ms=2_000)).write is None


def test_a_reconnection_keeps_the_description_and_writes_nothing():
    described = after(room(), added())

    decision = decide(described, began(at_ms=2_000))

    assert decision.write is None
    assert decision.state.beats == {HONG: 2_000}


def test_the_room_of_a_call_takes_pictures_of_its_two_only():
    state = room(RoomKind.CALL)

    assert len(after(state, began(HONG), began(BO)).record.seats) == 2
    with pytest.raises(Forbidden):
        after(state, began(JIM))


def test_an_end_loses_the_line_at_once_and_the_place_after_a_while():
    state = after(room(), began())

    decision = decide(state, ended(5_000), now_ms=6_000)

    assert decision.effects == (LineClosed(HONG, 5_000),)
    assert after(decision.state, SweepDue(), now_ms=24_999).record.is_open
    assert not after(decision.state, SweepDue(), now_ms=25_000).record.is_open


def test_who_is_cut_off_is_kept_by_pictures_and_by_nothing_his_client_says():
    lost = after(room(), began(), ended(5_000))

    told = after(lost, Beat(person_id=HONG, at_ms=24_000), added(at_ms=24_000))
    assert told.beats == {}
    assert not after(told, SweepDue(), now_ms=25_000).record.is_open

    for sign in (heard(24_000), began(at_ms=24_000)):
        decision = decide(lost, sign, now_ms=24_000)
        assert LineOpened(HONG) in decision.effects
        back = after(decision.state, Beat(person_id=HONG, at_ms=40_000), SweepDue(), now_ms=59_999)
        assert back.record.is_open


def test_pictures_of_another_stream_mean_nothing_to_a_room():
    state = after(room(), began())

    for message in (heard(9_000, stream="10001"), ended(9_000, stream="10001")):
        assert after(state, message) == state
    assert after(room(), heard(1), ended(1)) == room()


def test_a_room_that_is_closed_hears_of_pictures_without_an_error():
    closed = after(room(), began(), unseat(2_000))

    assert not closed.record.is_open
    assert after(closed, heard(3_000), ended(3_000)) == closed


def test_who_left_and_comes_back_is_not_cut_off_any_more():
    bos_room = room(anchor_id=BO)
    lost = after(bos_room, began(), ended(5_000))

    back = after(lost, unseat(6_000), added(at_ms=7_000))

    assert back.beats == {HONG: 7_000}


def test_who_is_banned_may_not_begin_either():
    banned = after(room(anchor_id=BO), Impose(by=BO, person_id=HONG, kind=SanctionKind.BAN, until_ms=None, at_ms=0))

    with pytest.raises(Banned):
        decide(banned, began())
