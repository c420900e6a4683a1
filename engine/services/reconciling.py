"""Asking cashiers again and again about orders that stay open: a lost notification loses no money."""

from collections.abc import Awaitable, Callable
from typing import Final

from engine.errors import EngineError
from engine.world import World
from store.interfaces.errors import StoreError

__all__ = ["reconcile_for_ever"]

EVERY_MS: Final = 60_000


async def reconcile_for_ever(reconcile: Callable[[], Awaitable[None]], world: World) -> None:
    """One round each minute, until cancelled. A round that fails is only a round less."""
    while True:
        await world.clock.sleep(EVERY_MS)
        try:
            await reconcile()
        except (StoreError, EngineError):
            world.log.warning("reconciling_failed")
