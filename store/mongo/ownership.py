"""Owners and epochs of live sessions, the same for calls and rooms (D-13, D-14)."""

from store.interfaces.ids import NOBODY, NodeId
from store.mongo.codec import number, text
from store.mongo.collections import NODES
from store.mongo.connection import Document, Mongo

__all__ = ["change_owner", "is_takeable", "takeable_owners"]


async def takeable_owners(mongo: Mongo, collection: str, live: Document, me: NodeId) -> list[str]:
    """Owners among the live documents that ``me`` may take over from: nobody, dead nodes, and itself."""
    owners = await mongo.distinct(collection, "owner", live)
    dead = await mongo.find(NODES, {"_id": {"$in": owners}, "is_dead": True})
    return [NOBODY, text(me), *(node["_id"] for node in dead)]


async def is_takeable(mongo: Mongo, owner: NodeId, me: NodeId) -> bool:
    """Whether ``me`` may claim what ``owner`` holds. Death is final, so the answer "yes" stays true."""
    if owner in (NOBODY, me):
        return True
    return await mongo.find_one(NODES, {"_id": text(owner), "is_dead": True}) is not None


def change_owner(owner: NodeId, epoch: int) -> Document:
    """The change that makes ``owner`` the owner, from the epoch before on."""
    return {"$set": {"owner": text(owner), "epoch": number(epoch)}}
