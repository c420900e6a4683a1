"""Owners and epochs of live sessions, the same for calls and rooms (D-13, D-14)."""

from typing import Final

from store.interfaces.ids import NOBODY, NodeId
from store.mongo.codec import number, text
from store.mongo.collections import NODES
from store.mongo.connection import Document, Mongo

__all__ = ["Graveyard", "change_owner", "takeable_owners"]

REMEMBERED_MAX: Final = 100


async def takeable_owners(mongo: Mongo, collection: str, live: Document, me: NodeId) -> list[str]:
    """Owners among the live documents that ``me`` may take over from: nobody, dead nodes, and itself."""
    owners = await mongo.distinct(collection, "owner", live)
    dead = await mongo.find(NODES, {"_id": {"$in": owners}, "is_dead": True})
    return [NOBODY, text(me), *(node["_id"] for node in dead)]


class Graveyard:
    """Nodes known to be dead. Death is final: what was found once is not asked again for each session."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._dead: dict[NodeId, None] = {}

    async def may_take(self, owner: NodeId, me: NodeId) -> bool:
        """Whether ``me`` may claim what ``owner`` holds."""
        if owner in (NOBODY, me) or owner in self._dead:
            return True
        if await self._mongo.find_one(NODES, {"_id": text(owner), "is_dead": True}) is None:
            return False
        self._dead[owner] = None
        if len(self._dead) > REMEMBERED_MAX:
            del self._dead[next(iter(self._dead))]
        return True


def change_owner(owner: NodeId, epoch: int) -> Document:
    """The change that makes ``owner`` the owner, from the epoch before on."""
    return {"$set": {"owner": text(owner), "epoch": number(epoch)}}
