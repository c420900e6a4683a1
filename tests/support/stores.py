"""The stores under test: the same promises, whatever keeps them.

``@on_every_store`` runs a test once on the memory stores and once on the real ones (marked ``mongo``), empty ones each
time. The store's clock is its own: ``store_now_ms`` asks for it, ``let_pass`` waits for it to move on.
"""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import pytest

from store.interfaces.stores import Stores
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.support.fakes import FakeClock

__all__ = ["MEMORY_EPOCH_MS", "StoreKind", "let_pass", "memory_now_ms", "on_every_store", "open_stores", "store_now_ms"]

StoreKind = Literal["memory", "real"]

MEMORY_EPOCH_MS: Final = 1_767_225_600_000  # What the memory store's clock shows when the loop's shows zero.


def memory_now_ms() -> int:
    """The memory stores' clock: the running loop's."""
    return MEMORY_EPOCH_MS + FakeClock().mono_ms()


@asynccontextmanager
async def open_stores(kind: StoreKind) -> AsyncIterator[Stores]:
    """Empty stores, gone afterwards."""
    if kind == "memory":
        yield memory_stores(MemoryDatabase(), memory_now_ms)
        return
    # Here, so that only those who run the real stores load their drivers.
    from tests.support.real_stores import open_real_stores  # noqa: PLC0415

    async with open_real_stores() as stores:
        yield stores


def on_every_store(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Run ``test(stores, …)`` on every kind of store; everything but ``stores`` comes from pytest as usual."""
    signature = inspect.signature(test)

    @functools.wraps(test)
    async def run(*, store_kind: StoreKind, **named: Any) -> None:
        async with open_stores(store_kind) as stores:
            await test(stores, **named)

    others = [one.replace(kind=one.KEYWORD_ONLY) for name, one in signature.parameters.items() if name != "stores"]
    kind = inspect.Parameter("store_kind", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(parameters=[kind, *others])  # type: ignore[attr-defined]  # pytest reads it.
    real = pytest.param("real", marks=[pytest.mark.mongo, pytest.mark.real_loop])
    parametrized: Callable[..., Coroutine[Any, Any, None]] = pytest.mark.parametrize("store_kind", ["memory", real])(
        run
    )
    return parametrized


async def store_now_ms(stores: Stores) -> int:
    """What the store's clock shows."""
    return (await stores.leases.begin("what time is it", lease_ms=1, supersedes=True)).now_ms


async def let_pass(length_ms: int) -> None:
    """Wait until the store's clock has moved on by more than ``length_ms``; only virtual time on memory stores."""
    await asyncio.sleep((length_ms + 1) / 1_000)
