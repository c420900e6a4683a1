"""The full recomputation: what the journal implies, compared with what is kept beside it.

Changes nothing, and knows nothing of how entries came about. A finding begins with the name of the invariant it breaks.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from store.interfaces.ids import AccountId, CallId, EntryId, PersonId
from store.interfaces.ledger import Audit, Earned, EntryKind, JournalEntry, Posting
from store.interfaces.money import is_wallet
from store.interfaces.orders import OrderState
from store.memory.database import MemoryDatabase

__all__ = ["recompute"]


def recompute(database: MemoryDatabase) -> Audit:
    """Compare the journal with balances, totals and paid minutes, and with the records beside it.

    INV-1, INV-2, INV-3, INV-5, INV-8, INV-10.
    """
    holdings = _holdings(database)
    totals: Counter[str] = Counter()
    for account, amount in holdings.items():
        totals[_currency(account)] += amount
    findings = (
        *_unbalanced(database),
        *_below_zero(database),
        *_wrong_holdings(database, holdings),
        *_wrong_earnings(database),
        *_wrong_minutes(database),
        *_wrong_orders(database),
        *_wrong_donations(database),
        *_wrong_donation_totals(database),
        *_wrong_subscriptions(database),
    )
    return Audit(
        entries_count=len(database.entries),
        accounts_count=len(holdings),
        totals=dict(totals),
        findings=findings,
    )


def _currency(account: AccountId) -> str:
    # Not ``currency_of``: a currency nobody knows is something to find, not to fail on.
    return account.partition("/")[0]


def _holdings(database: MemoryDatabase) -> Counter[AccountId]:
    """What each wallet is kept to hold, unfolded credits included; every wallet of the journal is there."""
    holdings = Counter(dict.fromkeys((posting.account for _, posting in _wallet_postings(database)), 0))
    holdings.update(database.balances)
    for batch in database.pending:
        for account, kinds in batch.items():
            holdings[account] += sum(earned.amount for earned in kinds.values())
    return holdings


def _wallet_postings(database: MemoryDatabase) -> Iterator[tuple[JournalEntry, Posting]]:
    for entry in database.entries.values():
        for posting in entry.postings:
            if is_wallet(posting.account):
                yield entry, posting


def _unbalanced(database: MemoryDatabase) -> Iterator[str]:
    for entry in database.entries.values():
        sums: Counter[str] = Counter()
        for posting in entry.postings:
            sums[_currency(posting.account)] += posting.amount
        if not sums or any(sums.values()):
            yield f"INV-1: entry {entry.id} sums to {dict(sums)}"


def _below_zero(database: MemoryDatabase) -> Iterator[str]:
    for account, amount in database.balances.items():
        if amount < 0:
            yield f"INV-2: {account} holds {amount}"


def _wrong_holdings(database: MemoryDatabase, holdings: Counter[AccountId]) -> Iterator[str]:
    implied: Counter[AccountId] = Counter()
    for _, posting in _wallet_postings(database):
        implied[posting.account] += posting.amount
    for account, amount in holdings.items():
        if amount != implied[account]:
            yield f"INV-3: {account} holds {amount}, its entries sum to {implied[account]}"


def _wrong_earnings(database: MemoryDatabase) -> Iterator[str]:
    kept: dict[tuple[AccountId, EntryKind], Earned] = {}
    for batch in (database.earned, *database.pending):
        for account, kinds in batch.items():
            for kind, earned in kinds.items():
                _count(kept, account, kind, earned)
    implied: dict[tuple[AccountId, EntryKind], Earned] = {}
    for entry, posting in _wallet_postings(database):
        if posting.amount > 0:
            _count(implied, posting.account, entry.kind, Earned(1, posting.amount))
    for account, kind in sorted(kept.keys() | implied.keys()):
        has, should = kept.get((account, kind), Earned()), implied.get((account, kind), Earned())
        if has != should:
            yield f"INV-3: {account} earned {has} by {kind}, its entries say {should}"


def _count(
    totals: dict[tuple[AccountId, EntryKind], Earned], account: AccountId, kind: EntryKind, more: Earned
) -> None:
    so_far = totals.get((account, kind), Earned())
    totals[account, kind] = Earned(so_far.count + more.count, so_far.amount + more.amount)


def _wrong_minutes(database: MemoryDatabase) -> Iterator[str]:
    paid: dict[CallId, list[int]] = {call.id: [] for call in database.calls.values()}
    for entry in database.entries.values():
        if entry.kind is EntryKind.MINUTE and entry.call_id is not None and entry.minute is not None:
            paid.setdefault(entry.call_id, []).append(entry.minute)
    for call_id, minutes in paid.items():
        call = database.calls.get(call_id)
        counted = 0 if call is None else call.minutes_paid
        if sorted(minutes) != list(range(1, counted + 1)):
            yield f"INV-5: call {call_id} counts {counted} minutes, its entries are those of minutes {sorted(minutes)}"


def _wrong_orders(database: MemoryDatabase) -> Iterator[str]:
    paid = {EntryId(f"order:{one.id}"): one.amount for one in database.orders.values() if one.state is OrderState.PAID}
    yield from _unlike("INV-8", _moved_by(database, EntryKind.RECHARGE), paid)


def _wrong_donations(database: MemoryDatabase) -> Iterator[str]:
    kept = {one.id: one.amount for one in database.donations.values()}
    yield from _unlike("INV-10", _moved_by(database, EntryKind.DONATION), kept)


def _wrong_donation_totals(database: MemoryDatabase) -> Iterator[str]:
    given: Counter[PersonId] = Counter()
    received: Counter[PersonId] = Counter()
    for donation in database.donations.values():
        given[donation.user_id] += donation.amount
        received[donation.anchor_id] += donation.amount
    for what, added, kept in (
        ("given", given, database.donations_given),
        ("received", received, database.donations_received),
    ):
        for person_id in sorted(added.keys() | kept.keys()):
            if added[person_id] != kept.get(person_id, 0):
                yield (
                    f"INV-10: person {person_id} has {what} {kept.get(person_id, 0)} in donations,"
                    f" they add up to {added[person_id]}"
                )


def _moved_by(database: MemoryDatabase, kind: EntryKind) -> dict[EntryId, int]:
    """What the entries of a kind have moved: their first leg says."""
    return {one.id: -one.postings[0].amount for one in database.entries.values() if one.kind is kind and one.postings}


def _unlike(rule: str, moved: Mapping[EntryId, int], kept: Mapping[EntryId, int]) -> Iterator[str]:
    for entry_id in sorted(moved.keys() | kept.keys()):
        if moved.get(entry_id) != kept.get(entry_id):
            yield f"{rule}: {entry_id} moved {moved.get(entry_id, 0)}, its record says {kept.get(entry_id, 0)}"


def _wrong_subscriptions(database: MemoryDatabase) -> Iterator[str]:
    """Of each user and anchor, the newest that was paid must be the one that is kept, unless a free one came later."""
    paid: dict[str, int] = {}
    for entry in database.entries.values():
        if entry.kind is EntryKind.SUBSCRIPTION:
            _, user_id, anchor_id, since_ms = entry.id.split(":")
            pair = f"{user_id}:{anchor_id}"
            paid[pair] = max(paid.get(pair, 0), int(since_ms))
    kept = {f"{one.user_id}:{one.anchor_id}": one for one in database.subscriptions.values()}
    for pair in sorted(paid.keys() | kept.keys()):
        one = kept.get(pair)
        if one is None or not one.goes_with(paid.get(pair)):
            yield f"INV-10: subscription {pair} was paid from {paid.get(pair)} on, its record says {one}"
