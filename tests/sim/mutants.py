"""Planted bugs: the simulator has to find each of them, or its silence says nothing.

A mutant changes one rule for as long as its context lasts, from outside: nothing of this is in the engine. Some take
away several of the layers that guard one thing; those name the layers they leave.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

import engine.billing.ledger
import engine.billing.posting
import engine.call.actor
import engine.call.lifecycle
import engine.services.recharge
from engine.billing.entries import recharge_move
from engine.billing.ledger import Ledger
from engine.billing.posting import decide
from engine.call.actor import CallActor
from engine.call.lifecycle import Decision, PayMinute, SaveRecord, WakeAt, next_boundary_ms, step
from engine.call.messages import Arrived, GraceOver, HangUp, Left, Message, Resume, Start
from engine.errors import BelowFloor, StoreDown
from engine.events import MinuteBegan
from engine.outbox import Outbox
from engine.presence import Presence
from engine.services.gifts import Gifts
from store.interfaces.calls import CallRecord, Phase, Side
from store.interfaces.errors import StoreError
from store.interfaces.ids import EntryId
from store.interfaces.ledger import CallFence, Facts, MinuteClaim, Move, Outcome, Plan, Verdict
from store.memory.calls import MemoryCalls
from store.memory.leases import MemoryLeases
from store.memory.ledger import MemoryLedger
from tests.sim.room_mutants import ROOM_MUTANTS
from tests.sim.site_mutants import SITE_MUTANTS

__all__ = ["MUTANTS", "Mutant"]

Mutant = Callable[[], AbstractContextManager[Any]]


@contextmanager
def _all_of(*mutants: Mutant) -> Iterator[None]:
    with ExitStack() as stack:
        for mutant in mutants:
            stack.enter_context(mutant())
        yield


# --- the three guards of a minute ----------------------------------------------------------------------------------


def _without_key() -> AbstractContextManager[Any]:
    """A minute that is asked for again is not recognised by its key."""
    numbers = count()
    post = MemoryLedger.post

    async def attempt(self: MemoryLedger, moves: Sequence[Move], decided: Any) -> Any:
        fresh = [
            replace(move, id=EntryId(f"{move.id}:{next(numbers)}"))
            if isinstance(move.claim, MinuteClaim) and move.id in self._database.entries
            else move
            for move in moves
        ]
        return await post(self, fresh, decided)

    return patch.object(MemoryLedger, "post", attempt)


def _fence_saying(**lies: Any) -> Callable[[CallFence, MinuteClaim], CallFence]:
    def lie(fence: CallFence, claim: MinuteClaim) -> CallFence:
        told = {name: value(claim) for name, value in lies.items()}
        return replace(fence, **told)

    return lie


@contextmanager
def _believing(**lies: Any) -> Iterator[None]:
    """Every minute claim meets a call that fits it, in what ``lies`` names; decision and store both believe it."""
    lie = _fence_saying(**lies)

    def gullible(moves: Sequence[Move], facts: Facts) -> Plan:
        claims = {move.claim.call_id: move.claim for move in moves if isinstance(move.claim, MinuteClaim)}
        calls = {call_id: lie(fence, claims[call_id]) for call_id, fence in facts.calls.items()}
        return decide(moves, replace(facts, calls=calls))

    def calls_after(self: MemoryLedger, minutes: Sequence[MinuteClaim]) -> Mapping[Any, CallRecord]:
        calls: dict[Any, CallRecord] = {}
        for claim in minutes:
            call = calls.get(claim.call_id) or self._database.calls[claim.call_id]
            call = replace(call, minutes_paid=max(call.minutes_paid, claim.minute))
            if claim.connects:
                call = replace(call, phase=Phase.CONNECTED, started_at_ms=claim.begins_at_ms)
            calls[call.id] = call
        return calls

    with (
        patch.object(engine.billing.ledger, "decide", gullible),
        patch.object(MemoryLedger, "_calls_after", calls_after),
    ):
        yield


def _without_counter() -> AbstractContextManager[Any]:
    return _believing(minutes_paid=lambda claim: claim.minute - 1, is_live=lambda _claim: True)


def _without_counter_and_epoch() -> AbstractContextManager[Any]:
    return _believing(
        minutes_paid=lambda claim: claim.minute - 1, is_live=lambda _claim: True, epoch=lambda claim: claim.epoch
    )


def _with_stale_resume() -> AbstractContextManager[Any]:
    """Whoever takes a call over begins a minute back."""
    return _stepping(
        lambda state, message, now_ms, rules: step(
            replace(state, record=replace(state.record, minutes_paid=max(1, state.record.minutes_paid - 1)))
            if isinstance(message, Resume) and state.record.phase is Phase.CONNECTED
            else state,
            message,
            now_ms=now_ms,
            rules=rules,
        )
    )


# --- the call's own rules ------------------------------------------------------------------------------------------


def _stepping(changed: Callable[[Any, Message, int, Any], Decision]) -> AbstractContextManager[Any]:
    def wrong(state: Any, message: Message, *, now_ms: int, rules: Any) -> Decision:
        return changed(state, message, now_ms, rules)

    return patch.object(engine.call.actor, "step", wrong)


def _sampled_at_alarms() -> AbstractContextManager[Any]:
    """Connected time by when news is read, not by when it happened (reliability h-1)."""

    def late(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        if isinstance(message, Arrived | Left | HangUp):
            message = replace(message, at_ms=now_ms)
        return step(state, message, now_ms=now_ms, rules=rules)

    return _stepping(late)


def _billed_grace() -> AbstractContextManager[Any]:
    """A gap that was closed is charged as if they had talked."""

    def greedy(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        decision = step(state, message, now_ms=now_ms, rules=rules)
        if isinstance(message, Arrived) and isinstance(decision.write, SaveRecord):
            record = replace(decision.write.record, unbilled_ms=state.record.unbilled_ms)
            return replace(decision, state=replace(decision.state, record=record), write=SaveRecord(record))
        return decision

    return _stepping(greedy)


def _endless_grace() -> AbstractContextManager[Any]:
    """Nobody is ever gone for too long."""

    def patient(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        if isinstance(message, GraceOver):
            return Decision(state=state)
        return step(state, message, now_ms=now_ms, rules=rules)

    return _stepping(patient)


def _begun_minute_forgotten() -> AbstractContextManager[Any]:
    """Hanging up does not pay what has begun; only alarms do."""
    return patch.object(engine.call.lifecycle, "_owed", lambda *_arguments: None)


def _one_minute_too_many() -> AbstractContextManager[Any]:
    """Settling pays the minute that would come next, once more."""

    def generous(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        decision = step(state, message, now_ms=now_ms, rules=rules)
        is_end = isinstance(message, HangUp) and state.record.phase is Phase.CONNECTED and not decision.again
        if is_end and state.record.gap_since_ms is None and "settled" not in state.record.ended_by:
            marked = replace(state, record=replace(state.record, ended_by="settled"))
            pay = PayMinute(state.record.minutes_paid + 1, now_ms)
            return Decision(state=marked, write=pay, again=True)
        return decision

    return _stepping(generous)


def _ended_twice() -> AbstractContextManager[Any]:
    """Who has lost the call to another owner ends it all the same, and an ended call may be ended again."""
    save = MemoryCalls.save

    async def overwrite(self: MemoryCalls, call: CallRecord) -> None:
        kept = self._database.calls.get(call.id)
        if kept is None or call.is_live:
            await save(self, call)
        elif kept.is_live:
            await save(self, replace(call, epoch=kept.epoch, version=kept.version + 1))
        elif kept.ended_at_ms != call.ended_at_ms:
            self._database.calls[call.id] = call

    return patch.object(MemoryCalls, "save", overwrite)


def _away_ignored() -> AbstractContextManager[Any]:
    """Minute 1 begins though the guest is known to be away."""

    def hasty(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        if isinstance(message, Start):
            message = replace(message, guest_is_away=False)
        return step(state, message, now_ms=now_ms, rules=rules)

    return _stepping(hasty)


def _told_before_paid() -> AbstractContextManager[Any]:
    """The event goes out before the commit."""
    pay = CallActor._pay

    async def eager(self: CallActor, minute: int, begins_at_ms: int) -> Message:
        event = MinuteBegan(call_id=self.record.id, minute=minute, guest_diamonds=None)
        self.tools.sink.tell(self.record.anchor_id, event)
        return await pay(self, minute, begins_at_ms)

    return patch.object(CallActor, "_pay", eager)


# --- taking over ---------------------------------------------------------------------------------------------------


def _outage_counts_as_talk() -> AbstractContextManager[Any]:
    """A call that is taken over goes on as if nothing had been."""

    def seamless(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        record = state.record
        if isinstance(message, Resume) and record.phase is Phase.CONNECTED and record.gap_since_ms is None:
            due_ms = next_boundary_ms(record, rules)
            minute = engine.call.messages.MinuteDue(record.minutes_paid + 1, 2**62)
            return Decision(state=state, effects=(WakeAt(due_ms, minute),))
        return step(state, message, now_ms=now_ms, rules=rules)

    return _stepping(seamless)


def _gap_from_long_ago() -> AbstractContextManager[Any]:
    """The gap of a takeover begins a minute before the last proof that somebody owned the call."""

    def unfair(state: Any, message: Message, now_ms: int, rules: Any) -> Decision:
        decision = step(state, message, now_ms=now_ms, rules=rules)
        record = decision.state.record
        is_gap_new = (
            isinstance(message, Resume) and record.gap_since_ms is not None and state.record.gap_since_ms is None
        )
        if not is_gap_new or record.started_at_ms is None:
            return decision
        record = replace(record, gap_since_ms=record.gap_since_ms - rules.minute_ms)
        return replace(decision, state=replace(decision.state, record=record), write=SaveRecord(record))

    return _stepping(unfair)


def _revived() -> AbstractContextManager[Any]:
    """A dead node renews its lease and lives."""
    renew = MemoryLeases.renew

    async def resurrect(self: MemoryLeases, node_id: Any, *, lease_ms: int) -> Any:
        lease = self._database.leases[node_id]
        self._database.leases[node_id] = replace(lease, is_dead=False)
        return await renew(self, node_id, lease_ms=lease_ms)

    return patch.object(MemoryLeases, "renew", resurrect)


def _lease_by_node_clocks() -> AbstractContextManager[Any]:
    """Each node judges leases by its own clock, which may be a few seconds off."""
    bury = MemoryLeases.bury

    async def by_my_clock(self: MemoryLeases) -> Any:
        honest = self._now_ms
        self._now_ms = lambda: honest() + 9_000
        try:
            return await bury(self)
        finally:
            self._now_ms = honest

    return patch.object(MemoryLeases, "bury", by_my_clock)


def _same_epoch() -> AbstractContextManager[Any]:
    """A claim changes the owner and not the epoch."""
    claim = MemoryCalls.claim

    async def quietly(self: MemoryCalls, call: CallRecord, me: Any, **proof: Any) -> CallRecord | None:
        claimed = await claim(self, call, me, **proof)
        if claimed is not None:
            claimed = self._database.calls[call.id] = replace(claimed, epoch=call.epoch)
        return claimed

    return patch.object(MemoryCalls, "claim", quietly)


def _claimed_from_the_living() -> AbstractContextManager[Any]:
    """A sweep takes any call that is not its own."""
    import store.memory.calls  # noqa: PLC0415  # what is patched

    return patch.object(store.memory.calls, "may_take", lambda *_arguments: True)


# --- money ---------------------------------------------------------------------------------------------------------


def _each_notification_credits() -> AbstractContextManager[Any]:
    """Every notification credits anew."""
    numbers = count()
    honest = recharge_move

    def wrong(order: Any, *, transaction_id: str) -> Move:
        move = honest(order, transaction_id=transaction_id)
        return replace(move, id=EntryId(f"{move.id}:{next(numbers)}"), claim=None)

    return patch.object(engine.services.recharge, "recharge_move", wrong)


def _any_amount_credits() -> AbstractContextManager[Any]:
    """What was paid is not compared with what was ordered."""
    honest = engine.services.recharge.Recharge._apply

    async def wrong(self: Any, notice: Any) -> None:
        try:
            order = await self._world.stores.orders.get(notice.order_id)
        except StoreError as error:
            raise StoreDown from error
        await honest(self, notice if order is None else replace(notice, fee_fen=order.price))

    return patch.object(engine.services.recharge.Recharge, "_apply", wrong)


def _checked_before_debited_after() -> AbstractContextManager[Any]:
    """The balance is read, and debited some time later, whatever it is by then."""
    facts_of = MemoryLedger._facts
    last: dict[int, tuple[int, dict[Any, int]]] = {}

    def stale(self: MemoryLedger, moves: Sequence[Move]) -> Facts:
        facts = facts_of(self, moves)
        key = id(self._database)
        at_ms, balances = last.get(key, (0, {}))
        if facts.now_ms - at_ms > 500:
            last.clear()
            last[key] = (facts.now_ms, dict(self._database.balances))
            return facts
        return replace(facts, balances={**facts.balances, **{k: v for k, v in balances.items() if k in facts.balances}})

    return _all_of(
        lambda: patch.object(MemoryLedger, "_facts", stale),
        lambda: patch.object(MemoryLedger, "_guard", lambda _self, _plan: None),
    )


def _entry_without_debit() -> AbstractContextManager[Any]:
    """Entry and balances are two transactions; what happens between them is luck."""
    write = MemoryLedger._write
    numbers = count(1)

    def half(self: MemoryLedger, plan: Plan, calls: Any, now_ms: int) -> None:
        if next(numbers) % 10 == 0:
            plan = replace(plan, debits={})
        write(self, plan, calls, now_ms)

    return patch.object(MemoryLedger, "_write", half)


def _unknown_is_failed() -> AbstractContextManager[Any]:
    """A commit without an answer counts as refused."""
    give = Gifts.give

    async def sure(self: Gifts, *args: Any, **named: Any) -> Any:
        try:
            return await give(self, *args, **named)
        except StoreDown:
            raise BelowFloor(need=1, have=0) from None

    commit = Ledger._still_in_time

    def impatient(self: Ledger, batch: list[Any]) -> list[Any]:
        for waiting in batch:
            waiting.deadline_mono_ms = 0
        return commit(self, batch)

    return _all_of(lambda: patch.object(Gifts, "give", sure), lambda: patch.object(Ledger, "_still_in_time", impatient))


def _fold_keeps() -> AbstractContextManager[Any]:
    """Folding adds the credits and leaves them where they were."""
    fold = MemoryLedger.fold

    async def hoard(self: MemoryLedger, batches_max: int) -> int:
        kept = list(self._database.pending)[:1]
        folded = await fold(self, batches_max)
        self._database.pending.extend(kept)
        return folded

    return patch.object(MemoryLedger, "fold", hoard)


def _never_folded_before_refusal() -> AbstractContextManager[Any]:
    """A wallet is refused though what it lacks is only not folded yet."""

    async def no(_self: Ledger, _move: Move) -> bool:
        return False

    return patch.object(Ledger, "_covered_by_unfolded", no)


def _key_ignored() -> AbstractContextManager[Any]:
    """A gift with a key is a new gift each time."""
    give = Gifts.give
    numbers = count()

    async def forgetful(self: Gifts, guest: Any, gift_id: int, amount: int, *, to: Any, key: str | None) -> Any:
        if key is not None:
            key = f"{key}.{next(numbers)}"
        return await give(self, guest, gift_id, amount, to=to, key=key)

    return patch.object(Gifts, "give", forgetful)


def _early_minutes() -> AbstractContextManager[Any]:
    """The store does not look at its own clock before it takes a minute."""

    def blind(moves: Sequence[Move], facts: Facts) -> Plan:
        return decide(
            [
                replace(move, claim=replace(move.claim, early_ms_max=10**12))
                if isinstance(move.claim, MinuteClaim)
                else move
                for move in moves
            ],
            facts,
        )

    return patch.object(engine.billing.ledger, "decide", blind)


# --- people and events ---------------------------------------------------------------------------------------------


def _two_calls_each() -> AbstractContextManager[Any]:
    """Nothing in the store keeps a person from having two calls."""
    add = MemoryCalls.add

    async def careless(self: MemoryCalls, call: CallRecord) -> CallRecord:
        for side in Side:
            self._database.live_call_of.pop(call.person(side), None)
        return await add(self, call)

    return patch.object(MemoryCalls, "add", careless)


def _marked_before_sent() -> AbstractContextManager[Any]:
    """The outbox forgets a row before it is told."""

    async def tell(self: Outbox) -> None:
        try:
            rows = await self._store.unsent(200)
            if rows:
                await self._store.sent([row.id for row in rows])
            for row in rows:
                await self._tell_one(row)
        except StoreError:
            pass
        finally:
            self._is_telling = False

    return patch.object(Outbox, "_tell", tell)


def _never_swept() -> AbstractContextManager[Any]:
    """What the outbox could not tell at once, it tells with the next gift."""

    async def run(self: Outbox) -> None:
        await asyncio.get_running_loop().create_future()

    return patch.object(Outbox, "run", run)


def _silence_unheard() -> AbstractContextManager[Any]:
    """Who has no line is never lost."""
    return patch.object(Presence, "_listen_for_silence", lambda _self, _person: None)


def _acknowledged_unkept() -> AbstractContextManager[Any]:
    """The ledger answers before the store has confirmed."""
    post = MemoryLedger.post

    async def optimistic(self: MemoryLedger, moves: Sequence[Move], decided: Any) -> tuple[Outcome, ...]:
        outcomes = await post(self, moves, decided)
        if any(move.outbox is not None for move in moves) and len(self._database.entries) % 7 == 0:
            for move, outcome in zip(moves, outcomes, strict=True):
                if outcome.verdict is Verdict.POSTED and move.outbox is not None:
                    del self._database.entries[move.id]
        return outcomes

    return patch.object(MemoryLedger, "post", optimistic)


MUTANTS: Final[Mapping[str, Mutant]] = MappingProxyType(
    {
        "a minute without key, counter and epoch": lambda: _all_of(_without_key, _without_counter_and_epoch),
        "a minute with its counter and epoch alone": _without_key,
        "a minute with its key alone, resumed one back": lambda: _all_of(
            _without_counter_and_epoch, _with_stale_resume
        ),
        "a minute with its epoch alone": lambda: _all_of(_without_key, _without_counter),
        "connected time sampled when news is read": _sampled_at_alarms,
        "a gap is charged": _billed_grace,
        "grace never ends": _endless_grace,
        "a begun minute is forgotten": _begun_minute_forgotten,
        "settling pays one more": _one_minute_too_many,
        "a call ends twice": _ended_twice,
        "minute 1 without the guest": _away_ignored,
        "event before commit": _told_before_paid,
        "an outage counts as talk": _outage_counts_as_talk,
        "a takeover's gap from long ago": _gap_from_long_ago,
        "a dead node revives": _revived,
        "leases by node clocks": _lease_by_node_clocks,
        "a claim keeps the epoch": _same_epoch,
        "calls are claimed from the living": _claimed_from_the_living,
        "each notification credits": _each_notification_credits,
        "any amount credits": _any_amount_credits,
        "checked before, debited after": _checked_before_debited_after,
        "entry and debit apart": _entry_without_debit,
        "unknown counts as failed": _unknown_is_failed,
        "a fold that does not delete": _fold_keeps,
        "refused before folded": _never_folded_before_refusal,
        "an idempotency key is ignored": _key_ignored,
        "minutes by fast clocks": _early_minutes,
        "two calls for one person": _two_calls_each,
        "outbox marked before sent": _marked_before_sent,
        "outbox never swept": _never_swept,
        "silence goes unheard": _silence_unheard,
        "acknowledged and not kept": _acknowledged_unkept,
        **ROOM_MUTANTS,
        **SITE_MUTANTS,
    }
)
"""Each by what it does."""
