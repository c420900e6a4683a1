"""Days and months where the deployment is, as spans of the store's time.

Pure. A zone that changes its clocks within a span keeps the offset that the span began with: rows of days after the
change begin an hour off, totals stay what they are.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from engine.errors import BadInput

__all__ = ["Span", "day_began_ms", "day_name", "span"]

SPAN_DAYS_MAX: Final = 366

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """Whole local days from ``first`` to ``last``: ``since_ms`` ≤ t < ``until_ms``; ``offset_ms`` from UTC."""

    first: date
    last: date
    since_ms: int
    until_ms: int
    offset_ms: int


def day_began_ms(now_ms: int, zone: tzinfo) -> int:
    """When the local day of that moment began."""
    return _midnight_ms(_local(now_ms, zone).date(), zone)


def day_name(at_ms: int, zone: tzinfo) -> str:
    """The local day of that moment, such as ``2025-08-13``."""
    return _local(at_ms, zone).date().isoformat()


def span(*, month: str, first: str, last: str, now_ms: int, zone: tzinfo) -> Span:
    """The days asked for: a ``month``, or ``first`` to ``last`` (both counted); with nothing said, this month so far.

    Raises: BadInput: not a date, both said at once, the wrong way round, or more than a year.
    """
    if month and (first or last):
        raise BadInput("either a month, or from and to", field="month")
    today = _local(now_ms, zone).date()
    if month:
        begin = _date(f"{month}-01" if _MONTH.fullmatch(month) else "", field="month")
        end = (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    else:
        end = _date(last, field="to") if last else today
        begin = _date(first, field="from") if first else end.replace(day=1)
    if not timedelta() <= end - begin < timedelta(days=SPAN_DAYS_MAX):
        raise BadInput("from is after to, or more than a year before it", field="from")
    since_ms = _midnight_ms(begin, zone)
    offset = _local(since_ms, zone).utcoffset()
    assert offset is not None
    return Span(
        first=begin,
        last=end,
        since_ms=since_ms,
        until_ms=_midnight_ms(end + timedelta(days=1), zone),
        offset_ms=offset // timedelta(milliseconds=1),
    )


def _local(at_ms: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    return (datetime.combine(day, time(), zone) - _EPOCH) // timedelta(milliseconds=1)


def _date(text: str, *, field: str) -> date:
    try:
        day = date.fromisoformat(text) if len(text) == len("2025-08-13") else None
    except ValueError:
        day = None
    # The first and the last years have months that begin or end outside of what can be counted.
    if day is None or not 1970 <= day.year < 9999:  # noqa: PLR2004 - the bounds of the calendar
        raise BadInput(f"{field} is not a date", field=field)
    return day
