"""What a minute costs, and what a minute, a gift and whatever else people pay for earn.

Pure arithmetic on whole numbers; the rounding rules are written here, once.
"""

import msgspec

from engine import settings
from store.interfaces.calls import Price

__all__ = ["Tariff", "share_of", "tariff_of"]


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """Exchange and share. Both are set in ``config.yaml`` and apply to what begins afterwards."""

    diamonds_per_100_points: int
    anchor_share_percent: int

    def price(self, points_per_minute: int) -> Price:
        """The price of a minute for an anchor who asks ``points_per_minute``.

        What the guest pays is rounded up to whole diamonds, what the anchor earns is rounded down to whole points.

        Source: CA-18, CA-20.
        """
        return Price(
            points=points_per_minute,
            diamonds=-(-points_per_minute * self.diamonds_per_100_points // 100),
            earned_points=points_per_minute * self.anchor_share_percent // 100,
        )

    def gift_points(self, cost_diamonds: int) -> int:
        """What the anchor earns by gifts worth ``cost_diamonds``: back through the same exchange, rounded down."""
        return cost_diamonds * self.anchor_share_percent // self.diamonds_per_100_points


def tariff_of(options: settings.Billing) -> Tariff:
    """The tariff that the configuration asks for."""
    return Tariff(
        diamonds_per_100_points=options.diamonds_per_100_points, anchor_share_percent=options.anchor_share_percent
    )


def share_of(price: int, *, percent: int) -> int:
    """So much of ``price`` is whoever earns it to have, rounded down; the rest stays with the house."""
    return price * percent // 100
