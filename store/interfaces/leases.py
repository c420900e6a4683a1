"""Which nodes live: leases by the store's own clock, and death is final (D-13)."""

from typing import Protocol

import msgspec

from store.interfaces.ids import NodeId

__all__ = ["LeaseStore", "NodeLease"]


class NodeLease(msgspec.Struct, frozen=True, kw_only=True):
    """One incarnation of one node. ``now_ms`` is the store's time at the moment of the answer."""

    id: NodeId
    name: str
    start: int
    until_ms: int
    renewed_at_ms: int
    is_dead: bool
    now_ms: int


class LeaseStore(Protocol):
    """Node leases. No node clock is involved anywhere."""

    async def begin(self, name: str, *, lease_ms: int, supersedes: bool) -> NodeLease:
        """Start a new incarnation of ``name``.

        ``supersedes`` declares all earlier incarnations of the name dead at once: only for a caller who can prove it
        (the exclusive lock of the data folder).
        """

    async def renew(self, node_id: NodeId, *, lease_ms: int) -> NodeLease:
        """Prolong the lease to the store's now + ``lease_ms``. A dead node stays dead: look at ``is_dead``.

        Raises: NotThere: never begun.
        """

    async def end(self, node_id: NodeId) -> None:
        """Die on purpose."""

    async def bury(self) -> tuple[NodeLease, ...]:
        """Declare every node dead whose lease has run out; returns those that just died."""

    async def get(self, node_id: NodeId) -> NodeLease | None:
        """One incarnation, dead or alive, or None."""
