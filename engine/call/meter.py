"""The minute grid of a paid call.

Knows when minutes begin and how many a length of talk owes. Knows no prices, no clock and no store: callers pass
times in. All times are the store's, in milliseconds; a call's grid is anchored at its start and moved only by
unbilled gaps, so lateness never accumulates (D-17).
"""

__all__ = ["boundary_ms", "minutes_begun"]


def boundary_ms(*, started_at_ms: int, unbilled_ms: int, minute: int, minute_ms: int) -> int:
    """When minute ``minute`` (1, 2, …) begins."""
    return started_at_ms + unbilled_ms + (minute - 1) * minute_ms


def minutes_begun(length_ms: int, *, minute_ms: int) -> int:
    """How many minutes ``length_ms`` of billable talk has begun, and so owes; at least 1.

    A boundary belongs to the minute it opens: exactly one minute of talk owes 2.

    Raises: ValueError: the length is negative; nothing here runs backwards.
    Source: CA-19.
    """
    if length_ms < 0:
        msg = f"a call cannot last {length_ms} ms"
        raise ValueError(msg)
    return length_ms // minute_ms + 1
