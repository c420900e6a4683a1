"""The rate limits that the document writes down, each of them counted over all nodes and per endpoint (SO-8, ALL-13).

Where they cannot be counted, each node counts for itself; but then nobody signs in, and no code is mailed.
"""

from typing import Final

from handlers.wire.limits import Limit, per_minute, per_second

__all__ = ["OFTEN", "OF_DEPARTURES", "OF_RENEWALS", "OF_SIGN_INS", "OF_UPLOADS", "a_second"]

OFTEN: Final = per_minute(20, burst=40, shared=True, or_local=True)
"""每分钟20次，40次突发: of videos, comments, friends and groups."""

OF_UPLOADS: Final = per_minute(3, burst=5, shared=True, or_local=True)
"""每分钟3次，5次突发."""

OF_SIGN_INS: Final = per_minute(4, shared=True)
"""每分钟4次: names, codes and passwords could be guessed."""

OF_DEPARTURES: Final = per_minute(4, shared=True, or_local=True)
"""The same number; whoever leaves is not kept."""

OF_RENEWALS: Final = Limit(8, 4_000, 8, shared=True, or_local=True)
"""每4秒8次: eight at once, two a second. Nobody guesses an rtoken."""


def a_second(rate: int, *, burst: int) -> Limit:
    """每秒…次，…次突发, of what is asked of people."""
    return per_second(rate, burst=burst, shared=True, or_local=True)
