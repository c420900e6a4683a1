"""What a room remembers of its story: no holes, bounded, and the same for whoever comes back as for who never left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import GiftSent, RoomTextSaid
from engine.ports import Position
from engine.room.history import History
from store.interfaces.rooms import Face
from tests.engine.room.parts import BO, LIN, ROOM

EPOCH = 3

pauses_ms = st.lists(st.sampled_from((0, 1, 40, 99, 100, 250)), max_size=60)
"""How long it was before each event."""


def said(number: int) -> RoomTextSaid:
    return RoomTextSaid(room_id=ROOM, from_id=BO, face=Face(), text=str(number), at_ms=0)


def a_gift(event_id: str) -> GiftSent:
    return GiftSent(
        event_id=event_id,
        call_id=None,
        room_id=ROOM,
        from_id=BO,
        to_id=LIN,
        gift_id=1,
        name="rose",
        image_url="",
        count=1,
        earned=1,
    )


def told(events_max: int, pauses: list[int]) -> tuple[History, list[tuple[RoomTextSaid, Position]]]:
    """A history, and what somebody has who heard everything."""
    history = History(EPOCH, events_max=events_max, length_ms=100)
    heard, now_ms = [], 1_000
    for number, pause_ms in enumerate(pauses):
        now_ms += pause_ms
        heard.append((said(number), history.tell(said(number), now_ms=now_ms)))
    return history, heard


@given(st.integers(0, 20), pauses_ms)
def test_positions_have_no_hole_whatever_is_forgotten(events_max, pauses):
    history, heard = told(events_max, pauses)

    assert [position for _, position in heard] == [Position(EPOCH, seq) for seq in range(1, len(heard) + 1)]
    assert history.position == Position(EPOCH, len(heard))


@given(st.integers(0, 20), pauses_ms)
def test_it_keeps_the_latest_and_neither_too_many_nor_too_old_ones(events_max, pauses):
    history, heard = told(events_max, pauses)

    kept = list(history._events)

    assert [event for _, event in kept] == [event for event, _ in heard][len(heard) - len(kept) :]
    assert len(kept) <= events_max
    assert all(at_ms > 1_000 + sum(pauses) - 100 for at_ms, _ in kept)


@given(st.integers(0, 20), pauses_ms, st.integers(0, 60))
def test_who_comes_back_is_given_just_what_he_missed_or_told_that_it_cannot_be_said(events_max, pauses, seq):
    history, heard = told(events_max, pauses)

    missed = history.after(Position(EPOCH, seq))

    if missed is None:
        assert seq > len(heard) or len(heard) - seq > len(history._events)
    else:
        assert list(missed) == heard[seq:]


@pytest.mark.parametrize(
    "position",
    [Position(EPOCH, 3), Position(EPOCH, -1), Position(EPOCH - 1, 1), Position(EPOCH + 1, 1), Position(EPOCH + 1, 0)],
)
def test_a_place_in_another_story_is_none_in_this_one(position):
    history, _ = told(20, [0, 0])

    assert history.after(position) is None


def test_somebody_who_missed_nothing_needs_nothing_even_if_all_is_forgotten():
    history, _ = told(0, [0, 0])

    assert history.after(Position(EPOCH, 2)) == []
    assert history.after(Position(EPOCH, 1)) is None


def test_before_the_first_event_there_is_nothing_to_miss():
    history, _ = told(20, [])

    assert history.after(Position(EPOCH, 0)) == []
    assert history.after(Position(EPOCH, 1)) is None


def test_a_gift_is_known_as_shown_while_it_is_remembered():
    history, _ = told(2, [0])
    history.tell(a_gift("g"), now_ms=1_000)

    assert history.has_shown("g")
    assert not history.has_shown("another")
    for number in (1, 2):
        history.tell(said(number), now_ms=1_000)
    assert not history.has_shown("g")
