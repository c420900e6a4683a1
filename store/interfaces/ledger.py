"""The journal and the balances it implies.

An entry is one document with all its legs, which sum to zero in every currency it touches (INV-1). What an entry does
beside moving money, it does in the same transaction: it pays a minute of a call, an order or a subscription, or is a
donation (a *claim*), and it leaves a row in the outbox. Which moves are accepted is not decided here: ``post`` reads
the facts and hands them to a pure function of the engine, then writes what that function planned, all or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.donations import DonationRecord
from store.interfaces.ids import AccountId, CallId, EntryId, OrderId, PersonId
from store.interfaces.money import Currency, is_wallet
from store.interfaces.subscriptions import SubscriptionRecord

__all__ = [
    "Balance",
    "CallFence",
    "Claim",
    "Cost",
    "Decide",
    "DonationClaim",
    "Earned",
    "EntryKind",
    "Facts",
    "Held",
    "JournalEntry",
    "LedgerStore",
    "MinuteClaim",
    "Move",
    "OrderClaim",
    "OrderFence",
    "OutboxRow",
    "Outcome",
    "Plan",
    "Posting",
    "SubscriptionClaim",
    "Verdict",
]


class EntryKind(StrEnum):
    """What caused an entry."""

    MINUTE = "minute"
    GIFT = "gift"
    RECHARGE = "recharge"
    GRANT = "grant"
    DONATION = "donation"
    SUBSCRIPTION = "subscription"
    ADMISSION = "admission"
    """The right to enter a room, bought once and for good: the entry is the record of it."""


class Posting(msgspec.Struct, frozen=True):
    """One signed change of one account, in whole units of its currency."""

    account: AccountId
    amount: int


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event that must follow its money: written with the entry, sent after the commit, then removed (D-12).

    ``payload`` is opaque to the store. A row may be sent more than once; receivers know ``id``.
    """

    id: str
    person_ids: tuple[PersonId, ...]
    payload: bytes


class MinuteClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Pays minute ``minute`` of a call: three guards beside the entry's key (epoch, counter, clock).

    ``connects`` is set on minute 1 only: the call becomes *connected* and began at ``begins_at_ms``.
    """

    call_id: CallId
    epoch: int
    minute: int
    begins_at_ms: int
    early_ms_max: int
    connects: bool = False


class OrderClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Marks an order as paid by the provider's transaction ``transaction_id``."""

    order_id: OrderId
    transaction_id: str


class DonationClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Is ``donation``, which is kept with the entry and gets its time."""

    donation: DonationRecord


class SubscriptionClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Begins ``subscription``, unless one of the same two still runs then."""

    subscription: SubscriptionRecord


Claim = MinuteClaim | OrderClaim | DonationClaim | SubscriptionClaim


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What several wallets pay together: each gives all it has, in this order, until ``amount`` is paid.

    A unit counts the same in each of them, and goes to the house of its own currency. Source: QL-31.
    """

    wallets: tuple[AccountId, ...]
    amount: int


class Held(msgspec.Struct, frozen=True):
    """What a wallet holds at some moment, unfolded credits included."""

    account: AccountId
    amount: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that somebody wants. ``id`` is the natural key of its cause and decides its content (INV-4, D-6).

    ``cost`` is paid beside what ``postings`` say, which then debit no wallet: who pays how much of it is only known
    when the move is decided.
    """

    id: EntryId
    kind: EntryKind
    postings: tuple[Posting, ...]
    person_id: PersonId
    cost: Cost | None = None
    call_id: CallId | None = None
    minute: int | None = None
    note: str = ""
    claim: Claim | None = None
    outbox: OutboxRow | None = None

    @property
    def payers(self) -> tuple[AccountId, ...]:
        """The wallets that the move may debit."""
        if self.cost is not None:
            return self.cost.wallets
        return tuple([leg.account for leg in self.postings if leg.amount < 0 and is_wallet(leg.account)])


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A move that happened. Never updated, never deleted.

    ``at_ms`` is the store's time; ``payer_balance`` what the debited wallet held right after, unfolded credits left
    out. Of a shared cost, ``held`` says instead what each of its wallets held right after, in their order, and the
    legs that paid it come first in ``postings``.
    """

    id: EntryId
    kind: EntryKind
    postings: tuple[Posting, ...]
    person_id: PersonId
    call_id: CallId | None = None
    minute: int | None = None
    note: str = ""
    at_ms: int = 0
    payer_balance: int | None = None
    held: tuple[Held, ...] = ()


class CallFence(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger must know of a call to let a minute through."""

    epoch: int
    minutes_paid: int
    is_live: bool


class OrderFence(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger must know of an order: who gets what for it, and whether it has been paid."""

    person_id: PersonId
    currency: Currency
    amount: int
    is_paid: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one snapshot of the store says about a batch of moves. ``now_ms`` is the store's clock (``$$NOW``).

    ``posted`` holds the entries that exist already among the ids asked for, ``balances`` the stored balances of the
    wallets that would be debited (absent = 0, unfolded credits left out). ``subscribed_until_ms`` says when the latest
    subscription expires of each user and anchor for whom one is claimed. ``unfolded`` are those credits, of wallets
    that share a cost only: the others are not asked for, as this is a question more.
    """

    now_ms: int
    posted: Mapping[EntryId, JournalEntry]
    balances: Mapping[AccountId, int]
    calls: Mapping[CallId, CallFence]
    orders: Mapping[OrderId, OrderFence]
    subscribed_until_ms: Mapping[tuple[PersonId, PersonId], int] = {}
    unfolded: Mapping[AccountId, int] = {}


class Verdict(StrEnum):
    """What became of one move."""

    POSTED = "posted"
    ALREADY = "already"
    """The same entry was there before: its effect is in the balances once."""
    BELOW_FLOOR = "below_floor"
    UNFOLDED = "unfolded"
    """Its wallets hold enough for the shared cost, but not all that it needs of it is folded yet."""
    NOT_OWNER = "not_owner"
    OUT_OF_TURN = "out_of_turn"
    """Its claim has no place: not the next minute, or the call is not live, an order is paid, a subscription runs."""
    TOO_EARLY = "too_early"
    MISMATCH = "mismatch"
    """The id is taken by other content: an alarm, never an overwrite."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one move. ``entry`` is set when posted or already there; ``balance`` is the payer's at a refusal.

    ``held`` is set when a shared cost is refused: what its wallets hold, in their order. ``early_ms`` goes with
    ``TOO_EARLY``: how long until the move would pass, by the store's clock.
    """

    verdict: Verdict
    entry: JournalEntry | None = None
    balance: int | None = None
    held: tuple[Held, ...] = ()
    early_ms: int | None = None


class Earned(msgspec.Struct, frozen=True):
    """How often and how much an account was credited by entries of one kind, ever."""

    count: int = 0
    amount: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to write for a batch: every part of it, or nothing.

    ``debits`` are positive and taken from stored balances that ``Facts`` showed to suffice. ``credits`` are kept
    aside as one pending document and folded into balances later (D-7), per account and kind of entry.
    """

    outcomes: tuple[Outcome, ...]
    entries: tuple[JournalEntry, ...] = ()
    debits: Mapping[AccountId, int] = {}
    credits: Mapping[AccountId, Mapping[EntryKind, Earned]] = {}
    minutes: tuple[MinuteClaim, ...] = ()
    orders: tuple[OrderClaim, ...] = ()
    donations: tuple[DonationRecord, ...] = ()
    subscriptions: tuple[SubscriptionRecord, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()


Decide = Callable[[Sequence[Move], Facts], Plan]
"""Pure: may run several times for one batch, and must answer the same to the same."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet holds, unfolded credits included, and what it ever earned, by kind of entry."""

    amount: int = 0
    earned: Mapping[EntryKind, Earned] = {}


class LedgerStore(Protocol):
    """Entries, balances and what moves with them."""

    async def post(self, moves: Sequence[Move], decide: Decide) -> tuple[Outcome, ...]:
        """Read the facts about ``moves``, let ``decide`` plan, write the plan in one transaction, return its outcomes.

        Acknowledged means committed by a majority.

        Raises:
            Conflict: another transaction was in the way; nothing was written; the same batch again is fine.
            Unavailable: unknown; the same batch again is safe, entries that got through come back as ``ALREADY``.
        """

    async def fold(self, batches_max: int) -> int:
        """Move the oldest pending credits into balances; returns how many pending documents are gone.

        Raises: Conflict, Unavailable: as ``post``; folding again is always safe.
        """

    async def balance_of(self, account: AccountId) -> Balance:
        """The wallet's balance and totals in one consistent look; zeros for an account nobody has used."""

    async def entry(self, entry_id: EntryId) -> JournalEntry | None:
        """One entry, or None."""

    async def entries_of_call(self, call_id: CallId) -> tuple[JournalEntry, ...]:
        """All entries that name this call (minutes and gifts), oldest first; at most 10,000."""

    async def entries_of(
        self, account: AccountId, *, since_ms: int = 0, until_ms: int = 2**62, limit: int = 1000
    ) -> tuple[JournalEntry, ...]:
        """Entries that touch the wallet with ``since_ms <= at_ms < until_ms``, newest first."""

    async def unsent(self, limit: int) -> tuple[OutboxRow, ...]:
        """Rows of the outbox, oldest first."""

    async def sent(self, row_ids: Sequence[str]) -> None:
        """Remove rows; ids that are gone already are fine."""

    async def audit(self) -> "Audit":
        """Recompute all from the journal in one snapshot and compare (INV-1…INV-3, INV-5, INV-8, INV-10). Slow."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What a full recomputation found. ``findings`` is empty when everything agrees."""

    entries_count: int
    accounts_count: int
    totals: Mapping[str, int]
    """Per currency: the sum of all wallets, unfolded credits included."""
    findings: tuple[str, ...]
