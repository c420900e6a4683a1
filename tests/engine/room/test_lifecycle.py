"""What is said and shown in a room, its custom fields, and what makes one kind of room different from another."""

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import BadInput, Forbidden, NotAMember, NotFound, TooLong
from engine.events import GiftSent, RoomTextSaid
from engine.room.formats import rules_of
from engine.room.lifecycle import TRANSITIONS
from engine.room.messages import Destroy, Like, Message, Say, SetField, ShowGiven
from engine.room.state import TellRoom
from store.interfaces.ids import ID_MAX
from store.interfaces.rooms import RoomKind
from tests.engine.room.parts import BO, HONG, JIM, LIN, ROOM, after, decide, enter, face_of, room, sit


def say(person_id) -> Say:
    return Say(person_id=person_id, face=face_of(person_id), text="hello")


def like(person_id=BO, count=1) -> Like:
    return Like(person_id=person_id, count=count)


def gift(*, giver=BO, to=LIN, gift_id=1, event_id="g") -> GiftSent:
    return GiftSent(
        event_id=event_id,
        call_id=None,
        room_id=ROOM,
        from_id=giver,
        to_id=to,
        gift_id=gift_id,
        name="rose",
        image_url="",
        count=3,
        earned=1,
    )


# --- talk, hearts and gifts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [say, like])
@pytest.mark.parametrize(
    ("state", "inside"),
    [
        (after(room(), enter(BO)), {HONG, BO}),
        (after(room(RoomKind.OPEN), enter(BO), sit(JIM)), {BO, JIM}),
        (room(RoomKind.CALL), {HONG, BO}),
    ],
    ids=["blind date", "public", "call"],
)
def test_whoever_is_inside_may_talk_and_like_and_nobody_else(message, state, inside):
    for person_id in (HONG, BO, JIM, LIN):
        if person_id in inside:
            assert decide(state, message(person_id)).write is None
        else:
            with pytest.raises(NotAMember):
                decide(state, message(person_id))


def test_what_is_said_is_told_to_everybody_with_the_servers_word_for_who_said_it():
    decision = decide(after(room(), enter(BO)), say(BO), now_ms=1)

    said = RoomTextSaid(room_id=ROOM, from_id=BO, face=face_of(BO), text="hello", at_ms=1)
    assert decision.effects == (TellRoom(said),)


def test_likes_add_up_and_are_written_with_whatever_is_written_next():
    liked = after(room(), enter(BO), like(count=2), like(HONG, count=3))

    assert (liked.likes_count, liked.record.likes_count) == (5, 0)
    assert decide(liked, Destroy(by=HONG, at_ms=0)).write.likes_count == 5
    assert after(liked, like(count=ID_MAX)).likes_count == ID_MAX


def test_a_gift_given_again_soon_counts_on():
    state = room()

    combos = []
    for now_ms, present in [
        (0, gift()),
        (4_999, gift()),
        (5_000, gift(to=HONG)),
        (5_001, gift(gift_id=2)),
        (9_998, gift()),
        (14_998, gift()),
    ]:
        decision = decide(state, ShowGiven(given=present), now_ms=now_ms)
        state = decision.state
        (shown,) = decision.effects
        assert shown.event == replace(present, combo=shown.event.combo)
        combos.append(shown.event.combo)

    assert combos == [1, 2, 1, 1, 3, 1]
    assert len(state.combos) == 1


def test_a_gift_for_a_room_that_has_ended_is_shown_to_nobody():
    ended = after(room(), Destroy(by=HONG, at_ms=0))

    assert decide(ended, ShowGiven(given=gift())).effects == ()


# --- custom fields -------------------------------------------------------------------------------------------------


def field(operation="set", value="x", *, by=HONG, name="mood") -> SetField:
    return SetField(by=by, name=name, operation=operation, value=value)


@pytest.mark.parametrize(
    ("before", "operation", "value", "then"),
    [
        ({}, "set", "x", "x"),
        ({"mood": "x"}, "set", 7, 7),
        ({}, "inc", None, 1),
        ({"mood": 5}, "inc", 2, 7),
        ({"mood": 5}, "dec", None, 4),
        ({}, "dec", 3, -3),
    ],
)
def test_a_field_is_set_or_counted(before, operation, value, then):
    decision = decide(room(custom=before), field(operation, value))

    assert decision.write.custom == {"mood": then}


@pytest.mark.parametrize(
    ("before", "message", "error"),
    [
        ({}, field("set", None), BadInput),
        ({}, field("inc", "x"), BadInput),
        ({"mood": "x"}, field("inc", 1), BadInput),
        ({"mood": ID_MAX}, field("inc", 1), BadInput),
        ({"mood": -ID_MAX}, field("dec", 1), BadInput),
        ({}, field("set", "x" * 21), TooLong),
        ({}, field("set", "七" * 7), TooLong),
        ({"a": 1, "b": 2}, field("set", "x"), TooLong),
        ({}, field("set", "x", by=LIN), NotAMember),
        ({}, field("inc", 1, by=JIM), NotAMember),
    ],
)
def test_a_field_that_cannot_be_is_refused(before, message, error):
    with pytest.raises(error):
        decide(after(room(custom=before), enter(LIN)), message)


def test_whoever_watches_may_count_and_whoever_is_on_the_stage_may_say_anything():
    state = after(room(RoomKind.OPEN, custom={"a": 1, "mood": 1}), enter(LIN), sit(BO))

    assert after(state, field("inc", 1, by=LIN)).record.custom["mood"] == 2
    assert after(state, field("set", "x", by=BO)).record.custom["mood"] == "x"


# --- kinds of rooms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(RoomKind))
def test_only_its_anchor_and_the_platform_end_a_room(kind):
    state = room(kind)

    with pytest.raises(Forbidden):
        decide(state, Destroy(by=BO, at_ms=5))
    for by in (HONG, None):
        decision = decide(state, Destroy(by=by, at_ms=5))
        assert decision.write.closed_at_ms == 5
        assert decision.effects[-1].by_anchor is (by is HONG)


@pytest.mark.parametrize("message", [say(HONG), like(HONG), field()])
def test_nothing_is_said_in_a_room_that_has_ended(message):
    with pytest.raises(NotFound):
        decide(after(room(), Destroy(by=HONG, at_ms=0)), message)


def test_every_message_has_its_rule():
    assert set(TRANSITIONS) == set(Message.__args__)


def test_the_configuration_says_what_a_kind_of_room_is():
    chosen = settings.Settings(
        rooms=settings.Rooms(pushers_max=7, audience_max=11, pusher_silent_ms=8_000, empty_ms=9_000),
        qlive=settings.Qlive(seat_policy="invited", invitation_ms=1, viewer_grace_ms=2, seat_grace_ms=3, lineless_ms=4),
    )

    formats = rules_of(chosen).formats

    call, public, dating = formats[RoomKind.CALL], formats[RoomKind.OPEN], formats[RoomKind.BLIND_DATE]
    assert ([rule.places for rule in call.seats], call.audience_max, call.empty_ms) == ([2], 0, None)
    assert ([rule.places for rule in public.seats], public.audience_max, public.empty_ms) == ([7], 11, 9_000)
    assert [(rule.name, rule.places, rule.gender) for rule in dating.seats] == [("male", 1, 1), ("female", 1, 2)]
    assert (dating.seat_policy, dating.invitation_ms) == ("invited", 1)
    assert (dating.viewer_silent_ms, dating.seat_silent_ms, dating.lineless_ms) == (2, 3, 4)
    assert rules_of(chosen).sweep_ms == 2_000
