"""Node leases by the store's clock."""

from collections.abc import Callable

from msgspec.structs import replace

from store.interfaces.errors import NotThere
from store.interfaces.ids import NodeId
from store.interfaces.leases import NodeLease
from store.memory.database import MemoryDatabase

__all__ = ["MemoryLeases"]


class MemoryLeases:
    """``LeaseStore`` in memory."""

    def __init__(self, database: MemoryDatabase, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def begin(self, name: str, *, lease_ms: int, supersedes: bool) -> NodeLease:
        leases = self._database.leases
        earlier = [lease for lease in leases.values() if lease.name == name]
        if supersedes:
            for lease in earlier:
                leases[lease.id] = replace(lease, is_dead=True)
        now_ms = self._now_ms()
        start = len(earlier) + 1
        lease = NodeLease(
            id=NodeId(f"{name}#{start}"),
            name=name,
            start=start,
            until_ms=now_ms + lease_ms,
            renewed_at_ms=now_ms,
            is_dead=False,
            now_ms=now_ms,
        )
        leases[lease.id] = lease
        return lease

    async def renew(self, node_id: NodeId, *, lease_ms: int) -> NodeLease:
        lease = self._database.leases.get(node_id)
        if lease is None:
            raise NotThere(f"no node {node_id}")
        now_ms = self._now_ms()
        if lease.is_dead:
            return replace(lease, now_ms=now_ms)
        lease = replace(lease, until_ms=now_ms + lease_ms, renewed_at_ms=now_ms, now_ms=now_ms)
        self._database.leases[node_id] = lease
        return lease

    async def end(self, node_id: NodeId) -> None:
        lease = self._database.leases.get(node_id)
        if lease is not None:
            self._database.leases[node_id] = replace(lease, is_dead=True)

    async def bury(self) -> tuple[NodeLease, ...]:
        now_ms = self._now_ms()
        lapsed = [lease for lease in self._database.leases.values() if not lease.is_dead and lease.until_ms < now_ms]
        dead = tuple(replace(lease, is_dead=True, now_ms=now_ms) for lease in lapsed)
        self._database.leases.update((lease.id, lease) for lease in dead)
        return dead

    async def get(self, node_id: NodeId) -> NodeLease | None:
        lease = self._database.leases.get(node_id)
        return None if lease is None else replace(lease, now_ms=self._now_ms())
