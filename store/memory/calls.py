"""Paid calls, live and ended."""

from collections.abc import Iterable

from msgspec.structs import replace

from store.interfaces.calls import CallRecord, Phase
from store.interfaces.errors import Conflict, LiveCall, NotOwner
from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId
from store.memory.database import MemoryDatabase
from store.memory.ownership import may_take

__all__ = ["MemoryCalls"]


class MemoryCalls:
    """``CallStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, call: CallRecord) -> CallRecord:
        kept = self._database.calls.get(call.id)
        if kept is not None:
            if kept.origin == call.origin:
                return kept
            raise Conflict(f"call {call.id} is another one")
        parties = (call.guest_id, call.anchor_id)
        for person_id in parties:
            if person_id in self._database.live_call_of:
                raise LiveCall(person_id)
        self._database.calls[call.id] = call
        for person_id in parties:
            self._database.calls_of_person.setdefault(person_id, []).append(call.id)
            if call.is_live:
                self._database.live_call_of[person_id] = call.id
        return call

    async def save(self, call: CallRecord) -> None:
        kept = self._database.calls.get(call.id)
        if kept is None or kept.epoch != call.epoch:
            raise NotOwner
        if kept.version == call.version:
            return
        if not kept.is_live or kept.version != call.version - 1:
            raise NotOwner
        self._database.calls[call.id] = replace(
            call, phase=_phase(kept, call), started_at_ms=kept.started_at_ms, minutes_paid=kept.minutes_paid
        )
        if not call.is_live:
            for person_id in (kept.guest_id, kept.anchor_id):
                del self._database.live_call_of[person_id]

    async def get(self, call_id: CallId) -> CallRecord | None:
        return self._database.calls.get(call_id)

    async def live_of(self, person_id: PersonId) -> CallRecord | None:
        call_id = self._database.live_call_of.get(person_id)
        return None if call_id is None else self._database.calls[call_id]

    async def last_between(self, guest_id: PersonId, anchor_id: PersonId) -> CallRecord | None:
        calls = (call for call in self._calls_of(guest_id) if (call.guest_id, call.anchor_id) == (guest_id, anchor_id))
        return max(calls, key=_age, default=None)

    async def of_person(self, person_id: PersonId, *, skip: int, limit: int) -> tuple[CallRecord, ...]:
        return tuple(sorted(self._calls_of(person_id), key=_age, reverse=True)[skip : skip + limit])

    async def live(self, *, limit: int = 1000) -> tuple[CallRecord, ...]:
        return tuple(self._live()[:limit])

    async def adoptable(self, me: NodeId, *, limit: int = 1000) -> tuple[CallRecord, ...]:
        return tuple([call for call in self._live() if may_take(self._database, me, call.owner)][:limit])

    async def claim(self, call: CallRecord, me: NodeId, *, unowned_since_ms: int | None = None) -> CallRecord | None:
        kept = self._database.calls.get(call.id)
        if kept is None or not kept.is_live or (kept.owner, kept.epoch) != (call.owner, call.epoch):
            return None
        if not may_take(self._database, me, kept.owner):
            return None
        mine = replace(kept, owner=me, epoch=kept.epoch + 1)
        if unowned_since_ms is not None:
            mine = replace(mine, unowned_since_ms=unowned_since_ms)
        self._database.calls[call.id] = mine
        return mine

    async def release(self, call_id: CallId, epoch: int) -> None:
        kept = self._database.calls.get(call_id)
        if kept is not None and kept.is_live and kept.epoch == epoch:
            self._database.calls[call_id] = replace(kept, owner=NOBODY, epoch=epoch + 1)

    async def counts_today(self, since_ms: int) -> dict[str, int]:
        counts: dict[str, int] = {}
        for call in self._database.calls.values():
            if call.rung_at_ms >= since_ms:
                name = str(call.end_reason or call.phase)
                counts[name] = counts.get(name, 0) + 1
        return counts

    def _calls_of(self, person_id: PersonId) -> Iterable[CallRecord]:
        return (self._database.calls[call_id] for call_id in self._database.calls_of_person.get(person_id, ()))

    def _live(self) -> list[CallRecord]:
        return sorted(
            (self._database.calls[call_id] for call_id in set(self._database.live_call_of.values())), key=_age
        )


def _age(call: CallRecord) -> tuple[int, CallId]:
    return (call.rung_at_ms, call.id)


def _phase(kept: CallRecord, call: CallRecord) -> Phase:
    """The phase after a save. Into *connected* a call is moved by the ledger alone, and out of it only to its end."""
    if call.is_live and Phase.CONNECTED in (kept.phase, call.phase):
        return kept.phase
    return call.phase
