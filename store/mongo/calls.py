"""Paid calls, live and ended.

The ledger moves some fields of the same documents (``ledger.py``); a save must never set those back.
"""

from typing import Final

from store.interfaces.calls import CallRecord, Phase
from store.interfaces.errors import Conflict, LiveCall, NotOwner
from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId
from store.mongo.codec import document_of, number, record_of
from store.mongo.collections import CALLS
from store.mongo.connection import Document, Duplicate, Mongo
from store.mongo.ownership import Graveyard, change_owner, takeable_owners

__all__ = ["MongoCalls", "call_document"]

OLDEST: Final = (("rung_at_ms", 1), ("_id", 1))
NEWEST: Final = (("rung_at_ms", -1), ("_id", -1))
LEDGER_FIELDS: Final = ("phase", "started_at_ms", "minutes_paid")


class MongoCalls:
    """``CallStore`` in MongoDB.

    Beside the record a document has ``live`` and ``people``: a unique index over the people of live documents is what
    keeps a person in one call at a time, on whichever side (INV-13).
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._graveyard = Graveyard(mongo)

    async def add(self, call: CallRecord) -> CallRecord:
        try:
            await self._mongo.insert(CALLS, call_document(call))
        except Duplicate as duplicate:
            kept = await self.get(call.id)
            if kept is None:
                raise LiveCall(PersonId(int(duplicate.key["people"]))) from duplicate
            if kept.origin != call.origin:
                raise Conflict(f"call {call.id} is another one") from duplicate
            return kept
        return call

    async def save(self, call: CallRecord) -> None:
        fields = call_document(call)
        key = fields.pop("_id")
        before = {"_id": key, "epoch": fields["epoch"], "version": number(call.version - 1), "live": True}
        for name in LEDGER_FIELDS:
            del fields[name]
        # A pipeline, because the phase depends on the phase before; every value is marked as a value, whatever it says.
        change = {name: {"$literal": value} for name, value in fields.items()}
        if await self._mongo.update(CALLS, before, [{"$set": {**change, "phase": _phase_after(call.phase)}}]):
            return
        kept = await self.get(call.id)
        if kept is None or (kept.epoch, kept.version) != (call.epoch, call.version):
            raise NotOwner

    async def get(self, call_id: CallId) -> CallRecord | None:
        return _call(await self._mongo.find_one(CALLS, {"_id": number(call_id)}))

    async def live_of(self, person_id: PersonId) -> CallRecord | None:
        return _call(await self._mongo.find_one(CALLS, {"people": number(person_id), "live": True}))

    async def last_between(self, guest_id: PersonId, anchor_id: PersonId) -> CallRecord | None:
        where = {"guest_id": number(guest_id), "anchor_id": number(anchor_id)}
        return _call(await self._mongo.find_one(CALLS, where, sort=NEWEST))

    async def of_person(self, person_id: PersonId, *, skip: int, limit: int) -> tuple[CallRecord, ...]:
        return _calls(await self._mongo.find(CALLS, {"people": number(person_id)}, sort=NEWEST, skip=skip, limit=limit))

    async def live(self, *, limit: int = 1000) -> tuple[CallRecord, ...]:
        return _calls(await self._mongo.find(CALLS, {"live": True}, sort=OLDEST, limit=limit))

    async def adoptable(self, me: NodeId, *, limit: int = 1000) -> tuple[CallRecord, ...]:
        owners = await takeable_owners(self._mongo, CALLS, {"live": True}, me)
        return _calls(await self._mongo.find(CALLS, {"live": True, "owner": {"$in": owners}}, sort=OLDEST, limit=limit))

    async def claim(self, call: CallRecord, me: NodeId, *, unowned_since_ms: int | None = None) -> CallRecord | None:
        if not await self._graveyard.may_take(call.owner, me):
            return None
        as_read = {"_id": number(call.id), "owner": call.owner, "epoch": number(call.epoch), "live": True}
        change = change_owner(me, call.epoch + 1)
        if unowned_since_ms is not None:
            change["$set"]["unowned_since_ms"] = number(unowned_since_ms)
        return _call(await self._mongo.find_and_update(CALLS, as_read, change))

    async def release(self, call_id: CallId, epoch: int) -> None:
        where = {"_id": number(call_id), "epoch": number(epoch), "live": True}
        await self._mongo.update(CALLS, where, change_owner(NOBODY, epoch + 1))

    async def counts_today(self, since_ms: int) -> dict[str, int]:
        rows = await self._mongo.aggregate(
            CALLS,
            [
                {"$match": {"rung_at_ms": {"$gte": number(since_ms)}}},
                {"$group": {"_id": {"$ifNull": ["$end_reason", "$phase"]}, "count": {"$sum": 1}}},
            ],
        )
        return {row["_id"]: int(row["count"]) for row in rows}


def call_document(call: CallRecord) -> Document:
    """The call as it is kept."""
    document = document_of(call)
    return {**document, "people": [document["guest_id"], document["anchor_id"]], "live": call.is_live}


def _call(document: Document | None) -> CallRecord | None:
    return None if document is None else record_of(document, CallRecord)


def _calls(documents: list[Document]) -> tuple[CallRecord, ...]:
    return tuple(record_of(document, CallRecord) for document in documents)


def _phase_after(phase: Phase) -> object:
    """The phase after a save. Into *connected* a call is moved by the ledger alone, and out of it only to its end."""
    if phase is Phase.CONNECTED:
        return "$phase"
    if phase is Phase.ENDED:
        return Phase.ENDED.value
    return {"$cond": [{"$eq": ["$phase", Phase.CONNECTED.value]}, "$phase", phase.value]}
