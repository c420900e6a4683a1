"""The journal and the balances it implies.

An entry is one document with all its legs, which sum to zero in every currency it touches (INV-1). What an entry does
beside moving money, it does in the same transaction: it pays a minute of a call or an order (a *claim*), and it
leaves a row in the outbox. Which moves are accepted is not decided here: ``post`` reads the facts and hands them to a
pure function of the engine, then writes what that function planned, all or nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import AccountId, CallId, EntryId, OrderId, PersonId

__all__ = [
    "Balance",
    "CallFence",
    "Claim",
    "Decide",
    "Earned",
    "EntryKind",
    "Facts",
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
    "Verdict",
]


class EntryKind(StrEnum):
    """What caused an entry."""

    MINUTE = "minute"
    GIFT = "gift"
    RECHARGE = "recharge"
    GRANT = "grant"


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


Claim = MinuteClaim | OrderClaim


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that somebody wants. ``id`` is the natural key of its cause and decides its content (INV-4, D-6)."""

    id: EntryId
    kind: EntryKind
    postings: tuple[Posting, ...]
    person_id: PersonId
    call_id: CallId | None = None
    minute: int | None = None
    note: str = ""
    claim: Claim | None = None
    outbox: OutboxRow | None = None


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A move that happened. Never updated, never deleted.

    ``at_ms`` is the store's time; ``payer_balance`` what the debited wallet held right after, unfolded credits left
    out.
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


class CallFence(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger must know of a call to let a minute through."""

    epoch: int
    minutes_paid: int
    is_live: bool


class OrderFence(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger must know of an order: who gets what for it, and whether it has been paid."""

    person_id: PersonId
    diamonds: int
    is_paid: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one snapshot of the store says about a batch of moves. ``now_ms`` is the store's clock (``$$NOW``).

    ``posted`` holds the entries that exist already among the ids asked for, ``balances`` the stored balances of the
    wallets that would be debited (absent = 0, unfolded credits left out).
    """

    now_ms: int
    posted: Mapping[EntryId, JournalEntry]
    balances: Mapping[AccountId, int]
    calls: Mapping[CallId, CallFence]
    orders: Mapping[OrderId, OrderFence]


class Verdict(StrEnum):
    """What became of one move."""

    POSTED = "posted"
    ALREADY = "already"
    """The same entry was there before: its effect is in the balances once."""
    BELOW_FLOOR = "below_floor"
    NOT_OWNER = "not_owner"
    OUT_OF_TURN = "out_of_turn"
    """The minute is not the next one, or the call is not live."""
    TOO_EARLY = "too_early"
    MISMATCH = "mismatch"
    """The id is taken by other content: an alarm, never an overwrite."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one move. ``entry`` is set when posted or already there; ``balance`` is the payer's at a refusal.

    ``early_ms`` goes with ``TOO_EARLY``: how long until the move would pass, by the store's clock.
    """

    verdict: Verdict
    entry: JournalEntry | None = None
    balance: int | None = None
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
        """Recompute everything from the journal in one snapshot and compare (INV-1…INV-3, INV-5). Slow."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What a full recomputation found. ``findings`` is empty when everything agrees."""

    entries_count: int
    accounts_count: int
    totals: Mapping[str, int]
    """Per currency: the sum of all wallets, unfolded credits included."""
    findings: tuple[str, ...]
