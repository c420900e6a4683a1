"""A deployment's local time, in the forms in which documents write it.

Knows formats. Knows no clock and no surface.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

__all__ = ["Zone"]


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

    def to_iso(self, at_ms: int) -> str:
        """``2019-06-01T21:05:09``. Source: QL-44 (naive: the zone is known, and not said)."""
        return self._local(at_ms).strftime("%Y-%m-%dT%H:%M:%S")

    def to_offset(self, at_ms: int) -> str:
        """``2025-08-16T19:41:44.314+08:00``. Source: SO-14 (RFC 3339)."""
        return (self._local(at_ms) + timedelta(milliseconds=at_ms % 1000)).isoformat(timespec="milliseconds")

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self._zone)
