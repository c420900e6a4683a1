"""Planted faults for tests: a process that dies, fails or stalls at a named point. Never in production.

The points are the calls to the stores, before and after each: ``ledger.post.after`` is "committed, nobody told yet",
``ledger.sent.before`` is "told, not marked". So no line of the engine knows of them. A failpoint is written
``POINT=MODE`` or ``POINT=MODE@N`` (at the N-th passing, default 1); modes are ``kill`` (this process, as kill -9),
``fail`` (the store's *unavailable*) and ``stall:MS``. Source: F-2.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from typing import Any, Final

from store.interfaces.errors import Unavailable
from store.interfaces.stores import Stores

__all__ = ["FailpointError", "with_failpoints"]

MODES: Final = ("kill", "fail", "stall")


class FailpointError(Exception):
    """A failpoint that cannot be understood."""


class _Failpoint:
    def __init__(self, text: str) -> None:
        self.point, _, rest = text.partition("=")
        mode, _, nth = rest.partition("@")
        self.mode, _, length = mode.partition(":")
        numbers = [number for number in (nth, length) if number]
        if self.mode not in MODES or not self.point or not all(number.isdigit() for number in numbers):
            message = f"failpoint {text!r} is not POINT=kill|fail|stall:MS[@N]"
            raise FailpointError(message)
        self.left_count = int(nth or 1)
        self.length_ms = int(length or 0)

    async def passed(self) -> None:
        self.left_count -= 1
        if self.left_count != 0:
            return
        if self.mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "stall":
            await asyncio.sleep(self.length_ms / 1_000)
        else:
            raise Unavailable


class _Watched:
    """A store whose every call passes two points."""

    def __init__(self, name: str, store: object, failpoints: Sequence[_Failpoint]) -> None:
        self._name = name
        self._store = store
        self._failpoints = failpoints

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._store, name)

        async def watched(*arguments: Any, **named: Any) -> Any:
            await self._pass(f"{self._name}.{name}.before")
            answer = await method(*arguments, **named)
            await self._pass(f"{self._name}.{name}.after")
            return answer

        return watched

    async def _pass(self, point: str) -> None:
        for failpoint in self._failpoints:
            if failpoint.point == point:
                await failpoint.passed()


def with_failpoints(stores: Stores, texts: Sequence[str]) -> Stores:
    """``stores``, or the same with faults planted.

    Raises: FailpointError: a text is not understood, or names no store call.
    """
    if not texts:
        return stores
    failpoints = [_Failpoint(text) for text in texts]
    for failpoint in failpoints:
        store, _, rest = failpoint.point.partition(".")
        method, _, moment = rest.partition(".")
        if moment not in ("before", "after") or not hasattr(getattr(stores, store, None), method):
            message = f"there is no point {failpoint.point!r}"
            raise FailpointError(message)
    watched: dict[str, Any] = {
        field.name: _Watched(field.name, getattr(stores, field.name), failpoints) for field in fields(Stores)
    }
    return Stores(**watched)
