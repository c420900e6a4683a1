"""Mutes, kicks and bans: who may impose them, how long they hold, how many are remembered."""

import pytest

from engine.errors import Banned, Forbidden
from engine.events import Muted, SentAway
from engine.room.messages import Apply, Impose, Invite, Lift, Like, Say
from engine.room.state import Tell, Went
from store.interfaces.ids import PersonId
from store.interfaces.rooms import RoomKind, SanctionKind
from tests.engine.room.parts import BO, HONG, JIM, LIN, ROOM, after, decide, enter, face_of, named, names, room, sit

MUTE, BAN = SanctionKind.MUTE, SanctionKind.BAN


def impose(person_id=BO, kind=MUTE, *, by=HONG, until_ms=None) -> Impose:
    return Impose(by=by, person_id=person_id, kind=kind, until_ms=until_ms, at_ms=0)


def lift(person_id=BO, kind=MUTE, *, by=HONG) -> Lift:
    return Lift(by=by, person_id=person_id, kind=kind, at_ms=0)


def say(person_id=BO) -> Say:
    return Say(person_id=person_id, face=face_of(person_id), text="hello")


def kept(state) -> list[tuple[PersonId, SanctionKind, int | None]]:
    return [(one.person_id, one.kind, one.until_ms) for one in state.record.sanctions]


def watched(*people):
    return after(room(), *(enter(person_id) for person_id in people or (BO,)))


# --- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [impose(by=JIM), impose(by=BO), lift(by=JIM), lift(by=BO)])
def test_only_the_anchor_and_the_platform_may(message):
    with pytest.raises(Forbidden):
        decide(watched(), message)


@pytest.mark.parametrize("by", [HONG, None])
@pytest.mark.parametrize("kind", list(SanctionKind))
def test_the_anchor_is_above_it(by, kind):
    with pytest.raises(Forbidden):
        decide(room(), impose(HONG, kind, by=by))


@pytest.mark.parametrize("by", [HONG, None])
def test_who_imposed_it_is_written_down(by):
    decision = decide(watched(), impose(by=by))

    assert decision.write is not None
    assert [one.by for one in decision.write.sanctions] == [by]


# --- mutes ---------------------------------------------------------------------------------------------------------


def test_who_is_muted_says_nothing_until_it_ends_and_hears_on():
    decision = decide(watched(), impose(until_ms=60_000))

    assert decision.effects == (Tell(BO, Muted(room_id=ROOM, is_muted=True, until_ms=60_000)),)
    with pytest.raises(Forbidden):
        decide(decision.state, say(), now_ms=59_999)
    assert names(decide(decision.state, say(), now_ms=60_000)) == ["RoomTextSaid"]
    assert after(decision.state, Like(person_id=BO, count=1), now_ms=1).likes_count == 1


def test_a_mute_that_is_lifted_is_gone_and_he_is_told():
    decision = decide(after(watched(), impose()), lift())

    assert decision.effects == (Tell(BO, Muted(room_id=ROOM, is_muted=False, until_ms=None)),)
    assert names(decide(decision.state, say())) == ["RoomTextSaid"]


def test_lifting_what_is_not_in_force_changes_nothing():
    over = after(watched(), impose(until_ms=60_000))

    assert decide(watched(), lift()).state == watched()
    assert decide(over, lift(), now_ms=60_000).write is None
    assert decide(over, lift(kind=BAN)).write is None


# --- bans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        ((), []),
        ((enter(BO),), []),
        ((enter(BO), Apply(person_id=BO, at_ms=0)), []),
        ((enter(BO), Apply(person_id=BO, at_ms=0), sit(BO)), ["SeatLeft"]),
    ],
)
def test_whoever_is_banned_is_out_wherever_he_was(ways, told):
    state = after(room(), *ways)

    decision = decide(state, impose(kind=BAN, until_ms=60_000))

    assert decision.effects[0] == Tell(BO, SentAway(room_id=ROOM, until_ms=60_000))
    assert names(decision) == [named("SentAway", BO), *told]
    assert [effect for effect in decision.effects if isinstance(effect, Went)] == ([Went(BO)] if ways else [])
    assert decision.write == decision.state.record
    assert decision.write.version == state.record.version + 1
    assert (decision.write.seats, decision.write.applicants) == ((), ())


def test_a_ban_ends_an_invitation_too():
    state = after(watched(), Invite(by=HONG, person_id=BO, at_ms=0), impose(kind=BAN))

    assert state.invitations == {}


def test_who_is_let_in_again_was_not_muted_meanwhile():
    state = after(watched(), impose(kind=BAN), lift(kind=BAN))

    assert names(decide(after(state, enter(BO)), say())) == ["RoomTextSaid"]


def test_a_mute_outlives_a_visit():
    banned_and_muted = after(watched(), impose(), impose(kind=BAN), lift(kind=BAN), enter(BO))

    with pytest.raises(Forbidden):
        decide(banned_and_muted, say())


def test_nobody_is_sent_away_from_a_call_but_he_may_be_muted():
    call = room(RoomKind.CALL)

    with pytest.raises(Forbidden):
        decide(call, impose(kind=BAN))
    with pytest.raises(Forbidden):
        decide(after(call, impose()), say())


# --- how many ------------------------------------------------------------------------------------------------------


def test_one_of_a_kind_holds_and_the_latest_counts():
    state = after(watched(), impose(until_ms=60_000), impose(kind=BAN, until_ms=50_000), impose(until_ms=40_000))

    assert kept(state) == [(BO, BAN, 50_000), (BO, MUTE, 40_000)]


def test_what_is_over_is_forgotten_with_the_next_one():
    state = after(watched(BO, LIN), impose(until_ms=60_000))

    assert kept(after(state, impose(LIN), now_ms=60_000)) == [(LIN, MUTE, None)]


def test_when_there_are_too_many_the_one_that_would_end_first_makes_room():
    first, second, third, fourth = (PersonId(number) for number in range(1, 5))
    state = after(room(), impose(first), impose(second, until_ms=60_000), impose(third, until_ms=70_000))

    assert kept(after(state, impose(fourth))) == [(third, MUTE, 70_000), (first, MUTE, None), (fourth, MUTE, None)]


def test_what_was_just_imposed_is_never_what_makes_room():
    strangers = [PersonId(number) for number in range(1, 4)]
    state = after(room(), *(impose(person_id, BAN) for person_id in strangers), enter(BO))

    kicked = after(state, impose(kind=BAN, until_ms=600_000))

    assert len(kicked.record.sanctions) == 3
    with pytest.raises(Banned):
        decide(kicked, enter(BO))


def test_a_kick_does_not_shorten_a_ban():
    banned = after(watched(), impose(kind=BAN))

    assert kept(after(banned, impose(kind=BAN, until_ms=600_000))) == [(BO, BAN, None)]
    assert kept(after(watched(), impose(kind=BAN, until_ms=9_000), impose(kind=BAN))) == [(BO, BAN, None)]


@pytest.mark.parametrize("kind", [MUTE, BAN])
def test_an_anchor_neither_lifts_nor_shortens_what_the_platform_has_imposed(kind):
    state = after(watched(), impose(kind=kind, by=None, until_ms=60_000))

    with pytest.raises(Forbidden):
        decide(state, lift(kind=kind))
    assert kept(after(state, impose(kind=kind, until_ms=30_000))) == [(BO, kind, 60_000)]
    assert kept(after(state, impose(kind=kind, until_ms=90_000))) == [(BO, kind, 90_000)]
    assert kept(after(state, lift(kind=kind, by=None))) == []
