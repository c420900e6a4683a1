"""Which moves of a batch are accepted.

Pure: the rules of the ledger over the facts of one snapshot (D-8). Moves are decided in the order in which they came,
each on what the ones before it left over; a refused move never disturbs another. Knows no store and no clock.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from store.interfaces.donations import DonationRecord
from store.interfaces.ids import AccountId, CallId, EntryId, OrderId, PersonId
from store.interfaces.ledger import (
    Cost,
    DonationClaim,
    Earned,
    EntryKind,
    Facts,
    Held,
    JournalEntry,
    MinuteClaim,
    Move,
    OrderClaim,
    OutboxRow,
    Outcome,
    Plan,
    Posting,
    SubscriptionClaim,
    Verdict,
)
from store.interfaces.money import currency_of, house, is_wallet, wallet
from store.interfaces.subscriptions import SubscriptionRecord

__all__ = ["decide", "is_balanced", "same_content"]

Shares = dict[AccountId, int]
"""Who pays how much of a shared cost; whoever pays nothing is left out."""


def is_balanced(move: Move) -> bool:
    """Whether the legs sum to zero in every currency, and no leg is empty (INV-1).

    What a shared cost adds to them is balanced by itself, and all that the move debits.
    """
    sums: dict[str, int] = {}
    for posting in move.postings:
        if posting.amount == 0:
            return False
        currency = posting.account.partition("/")[0]
        sums[currency] = sums.get(currency, 0) + posting.amount
    if move.cost is None:
        return bool(sums) and not any(sums.values())
    is_paid_by_cost = all(leg.amount > 0 or not is_wallet(leg.account) for leg in move.postings)
    return move.cost.amount > 0 and is_paid_by_cost and not any(sums.values())


def same_content(entry: JournalEntry, move: Move) -> bool:
    """Whether the entry is what the move asks for: a repeat, and not another thing under the same key (INV-4).

    Of a shared cost it is the sum that counts: who has how much may have changed since. An admission is the same at
    whatever price, and whoever asks: who enters what is in its key, and nobody pays for it twice (SITE-30).
    """
    if entry.kind is EntryKind.ADMISSION:
        return move.kind is EntryKind.ADMISSION
    return (
        entry.kind == move.kind
        and _is_paid_as_asked(entry, move)
        and entry.person_id == move.person_id
        and entry.call_id == move.call_id
        and entry.minute == move.minute
        and entry.note == move.note
    )


def _is_paid_as_asked(entry: JournalEntry, move: Move) -> bool:
    if move.cost is None:
        return entry.postings == move.postings
    wallets = move.cost.wallets
    shares = {leg.account: -leg.amount for leg in entry.postings if leg.amount < 0 and leg.account in wallets}
    return sum(shares.values()) == move.cost.amount and entry.postings == (*_payment(shares), *move.postings)


def _payment(shares: Shares) -> tuple[Posting, ...]:
    """The legs by which each pays his share to the house of his currency."""
    return tuple(
        leg
        for account, share in shares.items()
        for leg in (Posting(account, -share), Posting(house(currency_of(account)), share))
    )


class _Batch:
    """What the accepted moves of one batch add up to so far."""

    __slots__ = (
        "balances",
        "credits",
        "debits",
        "donations",
        "entries",
        "facts",
        "minutes",
        "orders",
        "outbox",
        "paid_minutes",
        "posted",
        "subscribed_until_ms",
        "subscriptions",
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
        self.donations: list[DonationRecord] = []
        self.subscribed_until_ms: dict[tuple[PersonId, PersonId], int] = dict(facts.subscribed_until_ms)
        self.subscriptions: list[SubscriptionRecord] = []
        self.outbox: list[OutboxRow] = []

    def consider(self, move: Move) -> Outcome:
        """Decide one move, and take it into account when it passes."""
        assert is_balanced(move), f"unbalanced move {move.id}"
        known = self.posted.get(move.id)
        if known is not None:
            if same_content(known, move):
                return Outcome(verdict=Verdict.ALREADY, entry=known, balance=known.payer_balance)
            return Outcome(verdict=Verdict.MISMATCH, entry=known)
        refusal = self._claim_refusal(move)
        if refusal is not None:
            return refusal
        legs = self._legs(move)
        return legs if isinstance(legs, Outcome) else self._accept(move, legs)

    def _claim_refusal(self, move: Move) -> Outcome | None:
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
                bought = Posting(wallet(order.currency, order.person_id), order.amount)
                if order.person_id != move.person_id or bought not in move.postings:
                    return Outcome(verdict=Verdict.MISMATCH)
            case SubscriptionClaim(subscription=subscription):
                pair = (subscription.user_id, subscription.anchor_id)
                if self.subscribed_until_ms.get(pair, 0) > subscription.since_ms:
                    return Outcome(verdict=Verdict.OUT_OF_TURN)
        return None

    def _legs(self, move: Move) -> tuple[Posting, ...] | Outcome:
        """The legs of its entry, or the refusal when its wallets cannot pay them."""
        if move.cost is not None:
            held = self._held(move.cost)
            if sum(one.amount for one in held) < move.cost.amount:
                return Outcome(verdict=Verdict.BELOW_FLOOR, held=held)
            shares = self._shares(move.cost)
            if shares is None:
                return Outcome(verdict=Verdict.UNFOLDED, held=held)
            return (*_payment(shares), *move.postings)
        left: dict[AccountId, int] = {}
        for posting in move.postings:
            if posting.amount < 0 and is_wallet(posting.account):
                # By wallet, not by leg: two legs that are covered one by one may not be covered together.
                balance = self.balances.get(posting.account, 0)
                left[posting.account] = left.get(posting.account, balance) + posting.amount
                if left[posting.account] < 0:
                    return Outcome(verdict=Verdict.BELOW_FLOOR, balance=balance)
        return move.postings

    def _shares(self, cost: Cost) -> Shares | None:
        """Who pays how much of a cost that is covered; None when somebody's turn comes too early.

        That is when a wallet before him holds credits still: they must be folded and spent first (QL-31).
        """
        shares: Shares = {}
        rest = cost.amount
        for account in cost.wallets:
            share = min(rest, self.balances.get(account, 0))
            rest -= share
            if rest and self._unfolded(account):
                return None
            if share:
                shares[account] = share
        assert not rest, "a cost that is not covered"
        return shares

    def _held(self, cost: Cost) -> tuple[Held, ...]:
        return tuple(Held(account, self.balances.get(account, 0) + self._unfolded(account)) for account in cost.wallets)

    def _unfolded(self, account: AccountId) -> int:
        """Credits of the wallet that cannot be spent yet, those of this batch included."""
        of_batch = self.credits.get(account, {})
        return self.facts.unfolded.get(account, 0) + sum(earned.amount for earned in of_batch.values())

    def _accept(self, move: Move, legs: tuple[Posting, ...]) -> Outcome:
        payer_balance: int | None = None
        for posting in legs:
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
            postings=legs,
            person_id=move.person_id,
            call_id=move.call_id,
            minute=move.minute,
            note=move.note,
            at_ms=self.facts.now_ms,
            payer_balance=payer_balance if move.cost is None else None,
            held=() if move.cost is None else self._held(move.cost),
        )
        self.entries.append(entry)
        self.posted[entry.id] = entry
        match move.claim:
            case MinuteClaim() as claim:
                self.minutes.append(claim)
                self.paid_minutes[claim.call_id] = claim.minute
            case OrderClaim() as claim:
                self.orders[claim.order_id] = claim
            case DonationClaim(donation=donation):
                self.donations.append(replace(donation, at_ms=entry.at_ms))
            case SubscriptionClaim(subscription=subscription):
                self.subscriptions.append(subscription)
                self.subscribed_until_ms[subscription.user_id, subscription.anchor_id] = subscription.until_ms
        if move.outbox is not None:
            self.outbox.append(move.outbox)
        return Outcome(verdict=Verdict.POSTED, entry=entry, balance=entry.payer_balance)


def decide(moves: Sequence[Move], facts: Facts) -> Plan:
    """Plan what a batch writes. Every wallet that ``moves`` debit must be in ``facts.balances`` if it has a balance.

    Every wallet that shares a cost must be in ``facts.unfolded`` too, if it has credits there.

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
        donations=tuple(batch.donations),
        subscriptions=tuple(batch.subscriptions),
        outbox=tuple(batch.outbox),
    )
