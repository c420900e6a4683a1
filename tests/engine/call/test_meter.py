"""The minute grid: where minutes begin, and how many a length of talk owes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.call.meter import boundary_ms, minutes_begun

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("length_ms", "minutes"),
    [
        (0, 1),  # a minute is owed once it begins
        (59_999, 1),
        (60_000, 2),  # the boundary belongs to the minute it opens
        (119_999, 2),
        (120_000, 3),
        (3_600_000, 61),
    ],
)
def test_a_length_owes_the_minutes_it_has_begun(length_ms, minutes):
    assert minutes_begun(length_ms, minute_ms=MINUTE_MS) == minutes


def test_nothing_runs_backwards():
    with pytest.raises(ValueError, match="cannot last"):
        minutes_begun(-1, minute_ms=MINUTE_MS)


@given(started=st.integers(0, 2**42), unbilled=st.integers(0, 10**7), minute=st.integers(1, 10_000))
def test_the_grid_is_anchored_at_the_start_and_moved_by_gaps_only(started, unbilled, minute):
    begins = boundary_ms(started_at_ms=started, unbilled_ms=unbilled, minute=minute, minute_ms=MINUTE_MS)

    assert begins == started + unbilled + (minute - 1) * MINUTE_MS
    assert minutes_begun(begins - started - unbilled, minute_ms=MINUTE_MS) == minute
