"""Times as the website's documents write them, all of them UTC. Knows formats. Knows no clock. Source: SITE-23, 28, 45.

Times come in as the store's milliseconds since 1970.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["chat_time", "iso_micros", "iso_seconds", "naive_seconds"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso_seconds(at_ms: int) -> str:
    """``2025-08-15T15:17:21Z``, of lists."""
    return _moment(at_ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_micros(at_ms: int) -> str:
    """``2025-08-15T15:17:21.167000Z``, of the answer to a donation."""
    return _moment(at_ms).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def naive_seconds(at_ms: int) -> str:
    """``2025-08-15 16:03:50``, of subscriptions."""
    return _moment(at_ms).strftime("%Y-%m-%d %H:%M:%S")


def chat_time(at_ms: int) -> str:
    """``Aug 15, 2025 03:17PM``, of what viewers say; in English wherever the server is."""
    moment = _moment(at_ms)
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * moment.month - 3 : 3 * moment.month]
    return f"{month} {moment:%d, %Y %I:%M}{'AM' if moment.hour < 12 else 'PM'}"  # noqa: PLR2004 - noon


def _moment(at_ms: int) -> datetime:
    # Exact, unlike a division by a thousand.
    return _EPOCH + timedelta(milliseconds=at_ms)
