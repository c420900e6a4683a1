"""Stores of one kind beside a model of what they should say: what such machines have in common."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from unittest import TestCase

from hypothesis import HealthCheck, Phase
from hypothesis import settings as effort
from hypothesis.stateful import RuleBasedStateMachine

from store.interfaces.stores import Stores
from tests.support.stores import StoreKind, open_stores

__all__ = ["StoreModel", "machine_of"]

T = TypeVar("T")


class StoreModel(RuleBasedStateMachine):
    """Opens the stores, and runs on a loop of its own what is asked of them."""

    kind: StoreKind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._opened = AsyncExitStack()
        self._stores: Stores = self._run(self._opened.enter_async_context(open_stores(self.kind)))

    def teardown(self) -> None:
        self._run(self._opened.aclose())
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


def machine_of(model: type[StoreModel], store_kind: StoreKind, *, examples: int, steps: int) -> type[TestCase]:
    """The test of ``model`` over stores of that kind."""
    machine: type[StoreModel] = type(model.__name__, (model,), {"kind": store_kind})
    machine.TestCase.settings = effort(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # On a real store, looking for a shorter story takes minutes.
        phases=[phase for phase in Phase if store_kind == "memory" or phase is not Phase.shrink],
    )
    return machine.TestCase
