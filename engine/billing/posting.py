"""Which moves of a batch are accepted.

Pure: the rules of the ledger over the facts of one snapshot (D-8). Moves are decided in the order in which they came,
each on what the ones before it left over; a refused move never disturbs another. Knows no store and no clock.
"""

from collections.abc import Sequence

from store.interfaces.ids import AccountId, CallId, EntryId, OrderId
from store.interfaces.ledger import (
    Earned,
    EntryKind,
    Facts,
    JournalEntry,
    MinuteClaim,
    Move,
    OrderClaim,
    OutboxRow,
    Outcome,
    Plan,
    Verdict,
)
from store.interfaces.money import is_wallet

__all__ = ["decide", "is_balanced", "same_content"]


def is_balanced(move: Move) -> bool:
    """Whether the legs sum to zero in every currency, and no leg is empty (INV-1)."""
    sums: dict[str, int] = {}
    for posting in move.postings:
        if posting.amount == 0:
            return False
        currency = posting.account.partition("/")[0]
        sums[currency] = sums.get(currency, 0) + posting.amount
    return bool(sums) and not any(sums.values())


def same_content(entry: JournalEntry, move: Move) -> bool:
    """Whether the entry is what the move asks for: a repeat, and not another thing under the same key (INV-4)."""
    return (
        entry.kind == move.kind
        and entry.postings == move.postings
        and entry.person_id == move.person_id
        and entry.call_id == move.call_id
        and entry.minute == move.minute
        and entry.note == move.note
    )


class _Batch:
    """What the accepted moves of one batch add up to so far."""

    __slots__ = (
        "balances",
        "credits",
        "debits",
        "entries",
        "facts",
        "minutes",
        "orders",
        "outbox",
        "paid_minutes",
        "posted",
    )

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.posted: dict[EntryId, JournalEntry] = dict(facts.posted)
        self.balances: dict[AccountId, int] = dict(facts.balances)
        self.paid_minutes: dict[CallId, int] = {}
        self.entries: list[JournalEntry] = []
        self.debits: dict[AccountId, int] = {}
        self.credits: dict[AccountId, dict[EntryKind, Earned]] = {}
        self.minutes: list[MinuteClaim] = []
        self.orders: dict[OrderId, OrderClaim] = {}
        self.outbox: list[OutboxRow] = []

    def consider(self, move: Move) -> Outcome:
        """Decide one move, and take it into account when it passes."""
        assert is_balanced(move), f"unbalanced move {move.id}"
        known = self.posted.get(move.id)
        if known is not None:
            if same_content(known, move):
                return Outcome(verdict=Verdict.ALREADY, entry=known, balance=known.payer_balance)
            return Outcome(verdict=Verdict.MISMATCH, entry=known)
        refusal = self._refusal(move)
        if refusal is not None:
            return refusal
        return self._accept(move)

    def _refusal(self, move: Move) -> Outcome | None:
        match move.claim:
            case MinuteClaim() as claim:
                call = self.facts.calls.get(claim.call_id)
                if call is None or call.epoch != claim.epoch:
                    return Outcome(verdict=Verdict.NOT_OWNER)
                if not call.is_live or self.paid_minutes.get(claim.call_id, call.minutes_paid) != claim.minute - 1:
                    return Outcome(verdict=Verdict.OUT_OF_TURN)
                earliest_ms = claim.begins_at_ms - claim.early_ms_max
                if self.facts.now_ms < earliest_ms:
                    # A node whose clock runs ahead of the store's must not charge ahead of it.
                    return Outcome(verdict=Verdict.TOO_EARLY, early_ms=earliest_ms - self.facts.now_ms)
            case OrderClaim() as claim:
                order = self.facts.orders.get(claim.order_id)
                if order is None or order.is_paid or claim.order_id in self.orders:
                    return Outcome(verdict=Verdict.OUT_OF_TURN)
                if order.person_id != move.person_id or all(leg.amount != order.diamonds for leg in move.postings):
                    return Outcome(verdict=Verdict.MISMATCH)
        left: dict[AccountId, int] = {}
        for posting in move.postings:
            if posting.amount < 0 and is_wallet(posting.account):
                # By wallet, not by leg: two legs that are covered one by one may not be covered together.
                balance = self.balances.get(posting.account, 0)
                left[posting.account] = left.get(posting.account, balance) + posting.amount
                if left[posting.account] < 0:
                    return Outcome(verdict=Verdict.BELOW_FLOOR, balance=balance)
        return None

    def _accept(self, move: Move) -> Outcome:
        payer_balance: int | None = None
        for posting in move.postings:
            if not is_wallet(posting.account):
                continue
            if posting.amount < 0:
                payer_balance = self.balances.get(posting.account, 0) + posting.amount
                self.balances[posting.account] = payer_balance
                self.debits[posting.account] = self.debits.get(posting.account, 0) - posting.amount
            else:
                # Not spendable within this batch: a credit reaches the balance by folding (D-7).
                kinds = self.credits.setdefault(posting.account, {})
                earned = kinds.get(move.kind, Earned())
                kinds[move.kind] = Earned(earned.count + 1, earned.amount + posting.amount)
        entry = JournalEntry(
            id=move.id,
            kind=move.kind,
            postings=move.postings,
            person_id=move.person_id,
            call_id=move.call_id,
            minute=move.minute,
            note=move.note,
            at_ms=self.facts.now_ms,
            payer_balance=payer_balance,
        )
        self.entries.append(entry)
        self.posted[entry.id] = entry
        match move.claim:
            case MinuteClaim() as claim:
                self.minutes.append(claim)
                self.paid_minutes[claim.call_id] = claim.minute
            case OrderClaim() as claim:
                self.orders[claim.order_id] = claim
        if move.outbox is not None:
            self.outbox.append(move.outbox)
        return Outcome(verdict=Verdict.POSTED, entry=entry, balance=payer_balance)


def decide(moves: Sequence[Move], facts: Facts) -> Plan:
    """Plan what a batch writes. Every wallet that ``moves`` debit must be in ``facts.balances`` if it has a balance.

    Two minutes of one call in one batch are fine; the later one counts on the earlier.
    """
    batch = _Batch(facts)
    outcomes = tuple(batch.consider(move) for move in moves)
    return Plan(
        outcomes=outcomes,
        entries=tuple(batch.entries),
        debits=batch.debits,
        credits=batch.credits,
        minutes=tuple(batch.minutes),
        orders=tuple(batch.orders.values()),
        outbox=tuple(batch.outbox),
    )
