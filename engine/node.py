"""This node's life in the store's eyes: its lease, its idea of the store's time, and what it has slept through.

A node owns sessions as long as it lives; it lives as long as it renews its lease by the store's own clock, and death
is final (D-13). Between renewals it may believe in itself for 80 % of the lease (D-15): after that it charges nothing
until a renewal is confirmed. Having been asleep (a paused process, a suspended machine) is an outage: what this node
owned must be taken over anew, as another node would.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from engine import settings
from engine.metrics import Metrics
from engine.ports import Clock, Log, Rng
from engine.storeclock import StoreClock
from store.interfaces.errors import StoreError
from store.interfaces.ids import NOBODY, NodeId
from store.interfaces.leases import LeaseStore, NodeLease

__all__ = ["Node"]

BELIEF_PERCENT: Final = 80


async def _nothing_to_drop(_last_proof_ms: int) -> None:
    """What an outage means to a node that owns nothing."""


class Node:
    """One incarnation of this server at a time."""

    def __init__(
        self,
        leases: LeaseStore,
        options: settings.Node,
        *,
        clock: Clock,
        rng: Rng,
        log: Log,
        metrics: Metrics,
    ) -> None:
        self._leases = leases
        self._options = options
        self._clock = clock
        self._rng = rng
        self._log = log
        self._metrics = metrics
        self._confirmed_mono_ms: int | None = None
        self.id: NodeId = NOBODY
        self.store_clock = StoreClock(clock)
        self.last_proof_ms = 0
        """The store's time of the last confirmed renewal: until then this node certainly ran."""
        self.on_outage: Callable[[int], Awaitable[None]] = _nothing_to_drop
        """Awaited, before anything may be charged again, with ``last_proof_ms`` from before this node slept or died."""

    async def begin(self, *, supersedes: bool) -> None:
        """Start a new incarnation. ``supersedes`` as in ``LeaseStore.begin``.

        Raises: StoreError: the store did not take it.
        """
        asked_mono_ms = self._clock.mono_ms()
        lease = await self._leases.begin(self._options.name, lease_ms=self._options.lease_ms, supersedes=supersedes)
        self._take(lease, asked_mono_ms)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            before_mono_ms = self._clock.mono_ms()
            await self._clock.sleep(self._options.renew_ms)
            late_ms = self._clock.mono_ms() - before_mono_ms - self._options.renew_ms
            await self._renew(slept=late_ms >= self._options.lease_ms // 2)

    def is_confirmed(self) -> bool:
        """Whether the lease was confirmed recently enough to act on it."""
        if self._confirmed_mono_ms is None:
            return False
        age_ms = self._clock.mono_ms() - self._confirmed_mono_ms
        return age_ms * 100 < self._options.lease_ms * BELIEF_PERCENT

    def now_ms(self) -> int:
        """The store's time, as this node knows it."""
        return self.store_clock.now_ms()

    def sweep_pause_ms(self) -> int:
        """How long to wait before the next sweep; jittered, so that nodes do not sweep in step."""
        return self._options.sweep_ms // 2 + self._rng.below(self._options.sweep_ms)

    async def end(self) -> None:
        """Give the lease back; sessions must have been released before."""
        self._confirmed_mono_ms = None
        await self._leases.end(self.id)

    async def _renew(self, *, slept: bool) -> None:
        asked_mono_ms = self._clock.mono_ms()
        try:
            lease = await self._leases.renew(self.id, lease_ms=self._options.lease_ms)
        except StoreError:
            self._log.warning("lease_not_renewed", node=self.id)
            return
        if lease.is_dead:
            self._log.error("node_declared_dead", node=self.id)
            self._confirmed_mono_ms = None
            last_proof_ms = self.last_proof_ms
            try:
                await self.begin(supersedes=False)
            except StoreError:
                return
            self._metrics.lease_outages.add()
            await self.on_outage(last_proof_ms)
            return
        last_proof_ms = self.last_proof_ms
        jumped = self.store_clock.learn(
            lease.now_ms, asked_mono_ms=asked_mono_ms, answered_mono_ms=self._clock.mono_ms()
        )
        if jumped or slept:
            self._log.error("node_was_asleep", node=self.id, last_proof_ms=last_proof_ms, now_ms=lease.now_ms)
            self._metrics.lease_outages.add()
            await self.on_outage(last_proof_ms)
        self._metrics.lease_renewals.add()
        self._confirmed_mono_ms = asked_mono_ms
        self.last_proof_ms = lease.now_ms

    def _take(self, lease: NodeLease, asked_mono_ms: int) -> None:
        self.id = lease.id
        self.store_clock.learn(lease.now_ms, asked_mono_ms=asked_mono_ms, answered_mono_ms=self._clock.mono_ms())
        self._confirmed_mono_ms = asked_mono_ms
        self.last_proof_ms = lease.now_ms
