"""How times and amounts are written."""

import pytest

from handlers.calls import times
from handlers.calls.times import Zone


@pytest.mark.parametrize(
    ("zone", "minute", "second"),
    [
        ("Asia/Shanghai", "2019-06-01 21:05", "2019-06-01 21:05:09"),
        ("UTC", "2019-06-01 13:05", "2019-06-01 13:05:09"),
        ("America/New_York", "2019-06-01 09:05", "2019-06-01 09:05:09"),
    ],
)
def test_times_are_local_and_have_24_hours(zone, minute, second):
    at_ms = 1_559_394_309_999

    assert (Zone(zone).to_minute(at_ms), Zone(zone).to_second(at_ms)) == (minute, second)


def test_amounts_carry_their_unit_without_a_space():
    written = (
        times.points(130),
        times.diamonds(0),
        times.minutes(3),
        times.points_per_minute(10),
        times.diamonds_per_minute(10),
    )

    assert written == ("130积分", "0钻石", "3分钟", "10积分/分钟", "10钻石/分钟")
