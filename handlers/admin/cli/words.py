"""Times, lengths and names as operators read them. Times are of the zone that the terminal is in."""

import time

__all__ = ["clean", "clock", "count", "length", "moment", "signed"]

UNKNOWN = "–"


def moment(at_ms: int | None) -> str:
    """A date with its time."""
    return UNKNOWN if at_ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1_000))


def clock(at_ms: int | None) -> str:
    """A time of day."""
    return UNKNOWN if at_ms is None else time.strftime("%H:%M:%S", time.localtime(at_ms / 1_000))


def length(length_ms: int | None) -> str:
    """How long something takes or took: ``00:37:51``, ``3d 04:12:00``."""
    if length_ms is None:
        return UNKNOWN
    minutes, seconds = divmod(max(0, length_ms) // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours:02}:{minutes:02}:{seconds:02}"
    return f"{days}d {text}" if days else text


def count(number: int, noun: str) -> str:
    """``1 call``, ``2 calls``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def signed(amount: int) -> str:
    """An amount that says which way it went; 0 goes nowhere."""
    return f"{amount:+d}" if amount else "0"


def clean(text: str) -> str:
    """``text`` without what a terminal would obey: people choose their names themselves. Source: SEC-28, SEC-32."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "�" for one in text)
