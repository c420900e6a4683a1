"""Days where the deployment is."""

import datetime as dt
import zoneinfo

import pytest

from engine.errors import BadInput
from handlers.admin.days import day_began_ms, day_name, span

SHANGHAI = zoneinfo.ZoneInfo("Asia/Shanghai")
HOUR_MS = 3_600_000


def at(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1_000)


NOW_MS = at("2025-08-14T01:30:00+08:00")


@pytest.mark.parametrize(
    ("month", "first", "last", "since", "until"),
    [
        ("", "", "", "2025-08-01", "2025-08-15"),
        ("2025-02", "", "", "2025-02-01", "2025-03-01"),
        ("2024-02", "", "", "2024-02-01", "2024-03-01"),
        ("2025-12", "", "", "2025-12-01", "2026-01-01"),
        ("", "2025-08-13", "2025-08-13", "2025-08-13", "2025-08-14"),
        ("", "2025-08-13", "", "2025-08-13", "2025-08-15"),
        ("", "", "2025-07-03", "2025-07-01", "2025-07-04"),
    ],
)
def test_a_span_is_whole_local_days(month, first, last, since, until):
    asked = span(month=month, first=first, last=last, now_ms=NOW_MS, zone=SHANGHAI)

    assert asked.since_ms == at(f"{since}T00:00:00+08:00")
    assert asked.until_ms == at(f"{until}T00:00:00+08:00")
    assert asked.offset_ms == 8 * HOUR_MS


def test_a_year_is_enough_and_a_day_more_is_too_much():
    span(month="", first="2024-01-01", last="2024-12-31", now_ms=NOW_MS, zone=SHANGHAI)
    with pytest.raises(BadInput):
        span(month="", first="2024-01-01", last="2025-01-01", now_ms=NOW_MS, zone=SHANGHAI)


def test_the_same_moment_is_another_day_elsewhere():
    assert day_name(NOW_MS, SHANGHAI) == "2025-08-14"
    assert day_name(NOW_MS, dt.UTC) == "2025-08-13"
    assert day_began_ms(NOW_MS, SHANGHAI) == at("2025-08-14T00:00:00+08:00")
    assert day_began_ms(NOW_MS, dt.UTC) == at("2025-08-13T00:00:00+00:00")


def test_midnight_belongs_to_the_day_it_begins():
    midnight_ms = at("2025-08-14T00:00:00+08:00")

    assert day_began_ms(midnight_ms, SHANGHAI) == midnight_ms
    assert day_name(midnight_ms - 1, SHANGHAI) == "2025-08-13"
