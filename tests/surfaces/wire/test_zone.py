"""How times are written."""

from zoneinfo import ZoneInfoNotFoundError

import pytest

from handlers.wire.zone import Zone

AT_MS = 1_559_394_309_999


@pytest.mark.parametrize(
    ("zone", "day_and_hour"),
    [("Asia/Shanghai", "2019-06-01 21"), ("UTC", "2019-06-01 13"), ("America/New_York", "2019-06-01 09")],
)
def test_times_are_local_and_have_24_hours(zone, day_and_hour):
    written = (Zone(zone).to_minute(AT_MS), Zone(zone).to_second(AT_MS), Zone(zone).to_iso(AT_MS))

    assert written == (f"{day_and_hour}:05", f"{day_and_hour}:05:09", f"{day_and_hour}:05:09".replace(" ", "T"))


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("Asia/Shanghai", "2019-06-01T21:05:09.999+08:00"),
        ("UTC", "2019-06-01T13:05:09.999+00:00"),
        ("America/New_York", "2019-06-01T09:05:09.999-04:00"),
    ],
)
def test_a_time_with_its_offset_is_exact(zone, written):
    assert Zone(zone).to_offset(AT_MS) == written


def test_there_is_no_time_where_there_is_no_zone():
    with pytest.raises(ZoneInfoNotFoundError):
        Zone("Asia/Atlantis")
