"""Node leases by the database's clock (``$$NOW``): no node's clock is involved anywhere."""

from typing import Final

from store.interfaces.errors import NotThere
from store.interfaces.ids import NodeId
from store.interfaces.leases import NodeLease
from store.mongo.codec import number, record_of, text
from store.mongo.collections import COUNTERS, NODES
from store.mongo.connection import Document, Mongo

__all__ = ["MongoLeases"]

NOW_MS: Final = {"$toLong": "$$NOW"}
HAS_LAPSED: Final = {"is_dead": False, "$expr": {"$lt": ["$until_ms", NOW_MS]}}


class MongoLeases:
    """``LeaseStore`` in MongoDB. ``now_ms`` of a document is when it was written last."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def begin(self, name: str, *, lease_ms: int, supersedes: bool) -> NodeLease:
        # Numbers are never reused, so one that a lost answer wasted does no harm: its node was never begun.
        counted = await self._mongo.find_and_update(
            COUNTERS, {"_id": f"node:{text(name)}"}, {"$inc": {"next": number(1)}}, or_insert=True
        )
        assert counted is not None
        start = number(counted["next"])
        if supersedes:
            await self._mongo.update_all(NODES, {"name": name, "start": {"$lt": start}}, {"$set": {"is_dead": True}})
            await self._mongo.end_abandoned()
        born = {"name": {"$literal": name}, "start": start, "is_dead": False}
        document = await self._mongo.find_and_update(
            NODES, {"_id": f"{name}#{start}"}, [{"$set": {**born, **_renewed(lease_ms)}}], or_insert=True
        )
        assert document is not None
        return record_of(document, NodeLease)

    async def renew(self, node_id: NodeId, *, lease_ms: int) -> NodeLease:
        alive = {"_id": text(node_id), "is_dead": False}
        document = await self._mongo.find_and_update(NODES, alive, [{"$set": _renewed(lease_ms)}])
        if document is not None:
            return record_of(document, NodeLease)
        lease = await self.get(node_id)
        if lease is None:
            raise NotThere(f"no node {node_id}")
        return lease

    async def end(self, node_id: NodeId) -> None:
        await self._mongo.update(NODES, {"_id": text(node_id)}, {"$set": {"is_dead": True}})

    async def bury(self) -> tuple[NodeLease, ...]:
        buried: list[NodeLease] = []
        for lapsed in await self._mongo.find(NODES, HAS_LAPSED):
            # Again with the condition: it may have renewed, or somebody else may bury it at this moment.
            document = await self._mongo.find_and_update(
                NODES, {"_id": lapsed["_id"], **HAS_LAPSED}, [{"$set": {"is_dead": True, "now_ms": NOW_MS}}]
            )
            if document is not None:
                buried.append(record_of(document, NodeLease))
        if buried:
            await self._mongo.end_abandoned()
        return tuple(buried)

    async def get(self, node_id: NodeId) -> NodeLease | None:
        found = await self._mongo.aggregate(NODES, [{"$match": {"_id": text(node_id)}}, {"$set": {"now_ms": NOW_MS}}])
        return record_of(found[0], NodeLease) if found else None


def _renewed(lease_ms: int) -> Document:
    return {"until_ms": {"$add": [NOW_MS, number(lease_ms)]}, "renewed_at_ms": NOW_MS, "now_ms": NOW_MS}
