"""The owner of one call: carries out what ``lifecycle.step`` decides.

One message at a time: decide, get the write confirmed, apply, then tell. A turn does not end before its write is
confirmed or refused for good: while the store is down, messages wait in the mailbox with the times at which they
happened, and are judged by those when it is their turn.

Knows no HTTP and no rules of its own. Source: D-14, D-17, D-19.
"""

from collections.abc import Callable
from typing import Final, cast

import msgspec

from engine import settings
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.billing.entries import minute_move
from engine.billing.ledger import Ledger
from engine.call.lifecycle import (
    CallState,
    Effect,
    PayMinute,
    Rules,
    SaveRecord,
    Tell,
    WakeAt,
    WarnIfShort,
    step,
)
from engine.call.messages import Message, MinutePaid, MinuteUnpayable, Resume, RingOver, Stop
from engine.errors import SessionEnded, StoreDown
from engine.events import CallEnded
from engine.metrics import Metrics
from engine.node import Node
from engine.ports import Clock, Log, Sink
from store.interfaces.calls import CallRecord, CallStore, EndReason, Phase, Side
from store.interfaces.errors import NotOwner, Unavailable
from store.interfaces.ledger import Move, Outcome, Verdict
from store.interfaces.money import Currency, wallet

__all__ = ["CallActor", "CallTools"]

TOO_EARLY_MS_MAX: Final = 30_000
"""A store for which a minute is further away than this has turned its clock back; the call would hang."""


class CallTools(msgspec.Struct, frozen=True, kw_only=True):
    """What all calls of a node share."""

    store: CallStore
    ledger: Ledger
    node: Node
    clock: Clock
    alarms: AlarmClock
    sink: Sink
    log: Log
    metrics: Metrics
    rules: Rules
    options: settings.Calls
    on_started: Callable[["CallActor"], None]
    """The actor exists and may be told things; its record can be read."""
    on_gone: Callable[["CallActor"], None]
    """The actor exists no longer on this node, whether or not its call has ended."""


class CallActor(Actor):
    """One call that this node owns."""

    __slots__ = ("_is_given_up", "_last_proof_ms", "state", "tools")

    def __init__(self, record: CallRecord, tools: CallTools, *, last_proof_ms: int | None = None) -> None:
        """``last_proof_ms`` is set for a call that is taken over: until then somebody owned it."""
        self.tools = tools
        self.state = CallState(record=record)
        self._last_proof_ms = last_proof_ms
        self._is_given_up = False

    @property
    def record(self) -> CallRecord:
        """The call as last confirmed; a frozen value that anybody may read."""
        return self.state.record

    @property
    def is_taken_over(self) -> bool:
        """Whether another owner, or an earlier life of this one, had the call before."""
        return self._last_proof_ms is not None

    async def started(self) -> None:
        """Set the first alarm, or pick up where the last owner stopped."""
        self.tools.on_started(self)
        if self._last_proof_ms is None:
            await self._perform(WakeAt(self.record.ring_until_ms, RingOver()))
            return
        try:
            await self.receive(Resume(self._last_proof_ms))
        except BaseException:
            # Fenced, or a bug: who has not started is not stopped either, and the two must not stay busy with it.
            self.tools.on_gone(self)
            raise

    async def stopped(self) -> None:
        """Let go of the two."""
        self.tools.on_gone(self)

    async def discarded(self) -> None:
        """Let go of the two; whoever takes this actor's place takes them back."""
        self.tools.on_gone(self)

    async def receive(self, message: object) -> CallRecord:
        """Decide and carry out ``message``; the answer to an ask is the call afterwards.

        Raises: WrongPhase: refused; nothing changed. SessionEnded: this node owns the call no longer.
        """
        pending = [cast("Message", message)]
        while pending:
            current = pending.pop()
            decision = step(self.state, current, now_ms=self.tools.node.now_ms(), rules=self.tools.rules)
            try:
                answer = await self._confirm(decision.write)
            except NotOwner:
                self.tools.log.warning("call_fenced", call_id=self.record.id, epoch=self.record.epoch)
                self.stop()
                raise SessionEnded from None
            self.state = decision.state
            for effect in decision.effects:
                await self._perform(effect)
            if decision.again:
                pending.append(current)
            if answer is not None:
                pending.append(answer)
        if self.record.phase is Phase.ENDED:
            self._finish()
        return self.record

    # --- writes ----------------------------------------------------------------------------------------------------

    async def _confirm(self, write: SaveRecord | PayMinute | None) -> Message | None:
        match write:
            case None:
                return None
            case SaveRecord(record):
                await self._save(record)
                return None
            case PayMinute(minute, begins_at_ms):
                return await self._pay(minute, begins_at_ms)

    async def _save(self, record: CallRecord) -> None:
        while True:
            try:
                await self.tools.store.save(record)
            except Unavailable:
                await self._pause()
            else:
                return

    async def _pay(self, minute: int, begins_at_ms: int) -> Message:
        """Get minute ``minute`` paid or refused, however long the store takes."""
        tools = self.tools
        move = minute_move(
            self.record, minute=minute, begins_at_ms=begins_at_ms, early_ms_max=tools.options.early_ms_max
        )
        while True:
            outcome = await self._post(move)
            if outcome is None:
                if tools.options.on_store_down == "terminate":
                    return await self._find_out(minute, begins_at_ms)
                self._give_up_if_overdue(begins_at_ms + tools.rules.minute_ms)
                await self._pause()
                continue
            match outcome.verdict:
                case Verdict.POSTED | Verdict.ALREADY:
                    tools.metrics.billing_lag_ms.observe(max(0, tools.node.now_ms() - begins_at_ms))
                    assert outcome.balance is not None
                    return MinutePaid(minute, begins_at_ms, outcome.balance)
                case Verdict.BELOW_FLOOR:
                    return MinuteUnpayable(minute, begins_at_ms)
                case Verdict.NOT_OWNER:
                    raise NotOwner
                case Verdict.TOO_EARLY:
                    assert outcome.early_ms is not None
                    if outcome.early_ms > TOO_EARLY_MS_MAX:
                        return Stop(EndReason.OUTAGE, "store", begins_at_ms)
                    await self._pause()
                case Verdict.OUT_OF_TURN | Verdict.MISMATCH:
                    # The record here and the one in the store tell different stories: start over from the store's.
                    msg = f"minute {minute} of call {self.record.id}: {outcome.verdict}"
                    raise RuntimeError(msg)

    async def _post(self, move: Move) -> Outcome | None:
        """The ledger's verdict, or None while this node or the store cannot confirm anything."""
        if not self.tools.node.is_confirmed():
            return None
        try:
            return await self.tools.ledger.post(move)
        except StoreDown:
            return None

    async def _find_out(self, minute: int, begins_at_ms: int) -> Message:
        """Under *terminate*: the call ends at this boundary, unless the unknown commit turns out to have happened."""
        while True:
            try:
                kept = await self.tools.store.get(self.record.id)
            except Unavailable:
                await self._pause()
                continue
            if kept is not None and kept.epoch == self.record.epoch and kept.minutes_paid >= minute:
                return MinutePaid(minute, begins_at_ms, 0)
            return Stop(EndReason.OUTAGE, "store", begins_at_ms)

    def _give_up_if_overdue(self, until_ms: int) -> None:
        """One unconfirmed minute is lent; when it is over, so is the call, whether the store knows it or not (D-19)."""
        if self._is_given_up or self.tools.node.now_ms() < until_ms:
            return
        self._is_given_up = True
        self.tools.metrics.billing_unconfirmed.add()
        self.ref.tell(Stop(EndReason.OUTAGE, "store", until_ms))
        event = CallEnded(call_id=self.record.id, reason=EndReason.OUTAGE, minutes=self.record.minutes_paid)
        for side in Side:
            self.tools.sink.tell(self.record.person(side), event)

    async def _pause(self) -> None:
        await self.tools.clock.sleep(self.tools.options.retry_ms)
        if not self.ref.is_alive:
            raise SessionEnded

    # --- effects ---------------------------------------------------------------------------------------------------

    async def _perform(self, effect: Effect) -> None:
        tools = self.tools
        match effect:
            case Tell(side, event):
                tools.sink.tell(self.record.person(side), event)
            case WakeAt(due_ms, message):
                tools.alarms.set(tools.node.store_clock.mono_ms(due_ms), self.ref, message)
            case WarnIfShort(event):
                try:
                    balance = await tools.ledger.balance_of(wallet(Currency.CALLS_DIAMONDS, self.record.guest_id))
                except StoreDown:
                    return  # Only a hint (D-21).
                if balance.amount < self.record.price.diamonds:
                    for side in Side:
                        tools.sink.tell(self.record.person(side), event)

    def _finish(self) -> None:
        record = self.record
        assert record.end_reason is not None
        self.tools.metrics.calls_ended.add(record.end_reason)
        self.tools.log.info(
            "call_ended", call_id=record.id, reason=record.end_reason, minutes=record.minutes_paid, by=record.ended_by
        )
        self.stop()
