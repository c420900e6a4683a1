"""How this surface writes times and amounts: local time of the deployment, and numbers with their unit attached.

Knows formats. Knows no clock and no record. Source: CA-7, CA-8.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

__all__ = ["Zone", "diamonds", "diamonds_per_minute", "minutes", "points", "points_per_minute"]


class Zone:
    """The deployment's local time. Times come in as the store's milliseconds since 1970."""

    def __init__(self, name: str) -> None:
        """Raise ``zoneinfo.ZoneInfoNotFoundError`` where there is no such zone."""
        self._zone = ZoneInfo(name)

    def to_minute(self, at_ms: int) -> str:
        """``2019-06-01 21:05``. Source: CA-8 (``yyyy-MM-dd HH24:mm``)."""
        return self._local(at_ms).strftime("%Y-%m-%d %H:%M")

    def to_second(self, at_ms: int) -> str:
        """``2019-06-01 21:05:09``. Source: CA-8 (``hh`` means 24 hours as well)."""
        return self._local(at_ms).strftime("%Y-%m-%d %H:%M:%S")

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self._zone)


def points(count: int) -> str:
    """``130积分``."""
    return f"{count}积分"


def diamonds(count: int) -> str:
    """``30钻石``."""
    return f"{count}钻石"


def minutes(count: int) -> str:
    """``3分钟``."""
    return f"{count}分钟"


def points_per_minute(count: int) -> str:
    """``10积分/分钟``."""
    return f"{points(count)}/分钟"


def diamonds_per_minute(count: int) -> str:
    """``10钻石/分钟``."""
    return f"{diamonds(count)}/分钟"
