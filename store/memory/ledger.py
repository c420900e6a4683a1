"""The journal and the balances it implies."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec.structs import replace

from store.interfaces.calls import CallRecord, Phase
from store.interfaces.errors import Conflict
from store.interfaces.ids import AccountId, CallId, EntryId, OrderId, PersonId
from store.interfaces.ledger import (
    Audit,
    Balance,
    CallFence,
    Decide,
    Earned,
    EntryKind,
    Facts,
    JournalEntry,
    MinuteClaim,
    Move,
    OrderClaim,
    OrderFence,
    OutboxRow,
    Outcome,
    Plan,
    SubscriptionClaim,
)
from store.interfaces.money import is_wallet
from store.interfaces.orders import OrderState
from store.interfaces.subscriptions import SubscriptionRecord
from store.memory.audit import recompute
from store.memory.database import MemoryDatabase

__all__ = ["MemoryLedger"]

CALL_ENTRIES_MAX: Final = 10_000


class MemoryLedger:
    """``LedgerStore`` in memory."""

    def __init__(self, database: MemoryDatabase, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def post(self, moves: Sequence[Move], decide: Decide) -> tuple[Outcome, ...]:
        facts = self._facts(moves)
        plan = decide(moves, facts)
        # Everything is checked before anything is written: that is the whole transaction.
        calls = self._calls_after(plan.minutes)
        self._guard(plan)
        self._write(plan, calls, facts.now_ms)
        return plan.outcomes

    async def fold(self, batches_max: int) -> int:
        pending = self._database.pending
        count = min(batches_max, len(pending))
        for _ in range(count):
            for account, kinds in pending.popleft().items():
                earned = self._database.earned.setdefault(account, {})
                _add(earned, kinds)
                balance = self._database.balances.get(account, 0)
                self._database.balances[account] = balance + _sum(kinds)
        return count

    async def balance_of(self, account: AccountId) -> Balance:
        amount = self._database.balances.get(account, 0)
        earned = dict(self._database.earned.get(account, {}))
        for batch in self._database.pending:
            kinds = batch.get(account, {})
            _add(earned, kinds)
            amount += _sum(kinds)
        return Balance(amount=amount, earned=earned)

    async def entry(self, entry_id: EntryId) -> JournalEntry | None:
        return self._database.entries.get(entry_id)

    async def entries_of_call(self, call_id: CallId) -> tuple[JournalEntry, ...]:
        return tuple(self._database.entries_of_call.get(call_id, [])[:CALL_ENTRIES_MAX])

    async def entries_of(
        self, account: AccountId, *, since_ms: int = 0, until_ms: int = 2**62, limit: int = 1000
    ) -> tuple[JournalEntry, ...]:
        entries = reversed(self._database.entries_of_account.get(account, []))
        return tuple([entry for entry in entries if since_ms <= entry.at_ms < until_ms][:limit])

    async def unsent(self, limit: int) -> tuple[OutboxRow, ...]:
        return tuple(self._database.outbox.values())[:limit]

    async def sent(self, row_ids: Sequence[str]) -> None:
        for row_id in row_ids:
            self._database.outbox.pop(row_id, None)

    async def audit(self) -> Audit:
        return recompute(self._database)

    def _facts(self, moves: Sequence[Move]) -> Facts:
        database = self._database
        claims = [move.claim for move in moves]
        call_ids = {claim.call_id for claim in claims if isinstance(claim, MinuteClaim)}
        order_ids = {claim.order_id for claim in claims if isinstance(claim, OrderClaim)}
        pairs = [_pair(claim.subscription) for claim in claims if isinstance(claim, SubscriptionClaim)]
        payers = {account for move in moves for account in move.payers}
        sharers = {account for move in moves if move.cost is not None for account in move.cost.wallets}
        return Facts(
            now_ms=self._now_ms(),
            posted={move.id: database.entries[move.id] for move in moves if move.id in database.entries},
            balances={account: database.balances[account] for account in payers if account in database.balances},
            calls={call_id: _fence(database.calls[call_id]) for call_id in call_ids if call_id in database.calls},
            orders={order_id: self._order_fence(order_id) for order_id in order_ids if order_id in database.orders},
            subscribed_until_ms={
                pair: database.subscriptions[pair].until_ms for pair in pairs if pair in database.subscriptions
            },
            unfolded=self._unfolded(sharers) if sharers else {},
        )

    def _unfolded(self, accounts: AbstractSet[AccountId]) -> Mapping[AccountId, int]:
        amounts: Counter[AccountId] = Counter()
        for batch in self._database.pending:
            for account in accounts & batch.keys():
                amounts[account] += _sum(batch[account])
        return dict(amounts)

    def _order_fence(self, order_id: OrderId) -> OrderFence:
        order = self._database.orders[order_id]
        return OrderFence(
            person_id=order.person_id,
            currency=order.currency,
            amount=order.amount,
            is_paid=order.state is OrderState.PAID,
        )

    def _calls_after(self, minutes: Iterable[MinuteClaim]) -> Mapping[CallId, CallRecord]:
        """The calls as they are once those minutes are paid.

        Raises: Conflict: one of the three guards of a minute does not hold.
        """
        calls: dict[CallId, CallRecord] = {}
        for claim in minutes:
            call = calls.get(claim.call_id) or self._database.calls.get(claim.call_id)
            if call is None or not call.is_live or call.epoch != claim.epoch or call.minutes_paid != claim.minute - 1:
                raise Conflict(f"minute {claim.minute} of call {claim.call_id} cannot be paid")
            call = replace(call, minutes_paid=claim.minute)
            if claim.connects:
                call = replace(call, phase=Phase.CONNECTED, started_at_ms=claim.begins_at_ms)
            calls[call.id] = call
        return calls

    def _guard(self, plan: Plan) -> None:
        """The store's own guards, whatever was decided (D-5); the rest of them is in ``_calls_after``.

        Raises:
            Conflict: an id is taken, a wallet would go below zero, an order is paid or unknown, or a subscription runs.
        """
        database = self._database
        _refuse_repeats("entry", [entry.id for entry in plan.entries], database.entries)
        _refuse_repeats("donation", [donation.id for donation in plan.donations], database.donations)
        _refuse_repeats("outbox row", [row.id for row in plan.outbox], database.outbox)
        for account, amount in plan.debits.items():
            if database.balances.get(account, 0) < amount:
                raise Conflict(f"{account} does not hold {amount}")
        for claim in plan.orders:
            order = database.orders.get(claim.order_id)
            if order is None or order.state is OrderState.PAID:
                raise Conflict(f"order {claim.order_id} cannot be paid")
        for subscription in plan.subscriptions:
            latest = database.subscriptions.get(_pair(subscription))
            if latest is not None and latest.runs_at(subscription.since_ms):
                raise Conflict(f"a subscription of person {subscription.user_id} runs still")

    def _write(self, plan: Plan, calls: Mapping[CallId, CallRecord], now_ms: int) -> None:
        database = self._database
        for entry in plan.entries:
            database.entries[entry.id] = entry
            # Once per account, should two legs ever touch the same one.
            for account in dict.fromkeys(posting.account for posting in entry.postings if is_wallet(posting.account)):
                database.entries_of_account.setdefault(account, []).append(entry)
            if entry.call_id is not None:
                database.entries_of_call.setdefault(entry.call_id, []).append(entry)
        for account, amount in plan.debits.items():
            database.balances[account] = database.balances.get(account, 0) - amount
        if plan.credits:
            database.pending.append({account: dict(kinds) for account, kinds in plan.credits.items()})
        database.calls.update(calls)
        for claim in plan.orders:
            database.orders[claim.order_id] = replace(
                database.orders[claim.order_id],
                state=OrderState.PAID,
                transaction_id=claim.transaction_id,
                finished_at_ms=now_ms,
            )
        for donation in plan.donations:
            database.donations[donation.id] = donation
            for totals, person_id in (
                (database.donations_given, donation.user_id),
                (database.donations_received, donation.anchor_id),
            ):
                totals[person_id] = totals.get(person_id, 0) + donation.amount
        database.subscriptions.update((_pair(subscription), subscription) for subscription in plan.subscriptions)
        database.outbox.update((row.id, row) for row in plan.outbox)


def _fence(call: CallRecord) -> CallFence:
    return CallFence(epoch=call.epoch, minutes_paid=call.minutes_paid, is_live=call.is_live)


def _pair(subscription: SubscriptionRecord) -> tuple[PersonId, PersonId]:
    return subscription.user_id, subscription.anchor_id


def _sum(kinds: Mapping[EntryKind, Earned]) -> int:
    return sum(earned.amount for earned in kinds.values())


def _add(totals: dict[EntryKind, Earned], kinds: Mapping[EntryKind, Earned]) -> None:
    for kind, more in kinds.items():
        so_far = totals.get(kind, Earned())
        totals[kind] = Earned(so_far.count + more.count, so_far.amount + more.amount)


def _refuse_repeats(what: str, ids: Sequence[str], taken: Container[str]) -> None:
    if len(set(ids)) < len(ids) or any(one in taken for one in ids):
        raise Conflict(f"one {what} of this batch is there already")
