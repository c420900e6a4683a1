"""How much of what costs us money an anchor may use in a day: calls of her character's AI."""

from typing import Final

import msgspec

from engine import settings
from engine.errors import WrongRole
from engine.node import Node
from engine.storage import store_answers
from engine.world import World
from store.interfaces.people import PersonRecord, Role

__all__ = ["DAY_MS", "Quotas", "Used"]

DAY_MS: Final = 86_400_000


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What was used of a day's quota; ``is_counted``: there was one left, and it has been taken.

    ``at_ms`` lies in that day, which is one of UTC.
    """

    at_ms: int
    is_counted: bool
    count: int
    left: int


class Quotas:
    """Counts by anchor and day. Source: seed behaviour §2.8."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node) -> None:
        self._store = world.stores.quotas
        self._node = node
        self._count_max = options.site.ai_calls_per_day

    async def take(self, anchor: PersonRecord) -> Used:
        """Count one more call, if there is one left today.

        Raises: WrongRole: she is no anchor. StoreDown: it may have been counted.
        """
        if anchor.role is not Role.ANCHOR:
            raise WrongRole
        now_ms = self._node.now_ms()
        with store_answers:
            count = await self._store.take(anchor.id, now_ms // DAY_MS, count_max=self._count_max)
        if count is None:
            return Used(at_ms=now_ms, is_counted=False, count=self._count_max, left=0)
        return Used(at_ms=now_ms, is_counted=True, count=count, left=self._count_max - count)
