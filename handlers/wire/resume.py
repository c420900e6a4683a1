"""Where a client stood in a room's story, as it says so when it comes back.

Knows that the two numbers mean something only together. Knows no room.
"""

import msgspec

from engine.ports import Position
from handlers.wire.fields import Count

__all__ = ["Since"]


class Since(msgspec.Struct, kw_only=True):
    """``epoch`` and ``seq`` of the last frame the client took in; both, or neither for one that begins anew.

    Source: INV-15, reliability e.5.
    """

    epoch: Count | None = None
    seq: Count | None = None

    def __post_init__(self) -> None:
        """Raises: ValueError: one of the two without the other."""
        if (self.epoch is None) != (self.seq is None):
            raise ValueError("epoch and seq go together")

    @property
    def position(self) -> Position | None:
        """The two as one."""
        return None if self.epoch is None or self.seq is None else Position(self.epoch, self.seq)
