"""How this surface writes amounts: numbers with their unit attached.

Knows formats. Knows no record. Source: CA-7.
"""

__all__ = ["diamonds", "diamonds_per_minute", "minutes", "points", "points_per_minute"]


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
