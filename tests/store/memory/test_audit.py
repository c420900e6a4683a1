"""The audit finds each kind of broken book, and names the invariant."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.calls import Phase
from store.interfaces.ids import AccountId, CallId, EntryId
from store.interfaces.ledger import Audit, Earned, EntryKind, Posting
from store.interfaces.orders import OrderState
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.support.records import (
    MEI,
    SITE,
    T0,
    TOM,
    a_call,
    a_donation,
    a_gift,
    a_grant,
    a_minute,
    a_recharge,
    a_subscription,
    an_order,
    diamonds_of,
    points_of,
)

CALL = CallId(50_001)
FIRST, SECOND = EntryId(f"call:{CALL}:m:1"), EntryId(f"call:{CALL}:m:2")


@pytest.fixture
def books() -> MemoryDatabase:
    return MemoryDatabase()


async def audited(books: MemoryDatabase, spoil: Callable[[MemoryDatabase], object] = lambda _books: None) -> Audit:
    """Honest books with a call of two minutes and a gift, partly folded, then spoilt, then audited."""
    stores = memory_stores(books, lambda: T0)
    await stores.ledger.post([a_grant(TOM, 1_000)], decide)
    await stores.ledger.fold(10)
    call = await stores.calls.add(a_call(phase=Phase.JOINING))
    await stores.ledger.post([a_minute(call, 1), a_minute(call, 2)], decide)
    await stores.ledger.fold(10)
    await stores.ledger.post([a_gift(TOM, MEI, 10)], decide)
    await stores.ledger.post([a_grant(TOM, 100, "site", currency=SITE)], decide)
    await stores.ledger.fold(10)
    await stores.ledger.post(
        [a_donation(TOM, MEI, 10), a_subscription(TOM, MEI), a_recharge(await stores.orders.add(an_order()))], decide
    )
    spoil(books)
    return await stores.ledger.audit()


async def test_honest_books_have_no_findings(books: MemoryDatabase) -> None:
    audit = await audited(books)

    assert audit == Audit(
        entries_count=8,
        accounts_count=4,
        totals={"calls.diamonds": 990, "calls.points": 55, "site.diamonds": 100},
        findings=(),
    )


def an_uneven_leg(books: MemoryDatabase) -> None:
    entry = books.entries[FIRST]
    books.entries[FIRST] = replace(entry, postings=(*entry.postings, Posting(AccountId("calls.points/house"), 1)))


def no_legs(books: MemoryDatabase) -> None:
    books.entries[EntryId("empty")] = replace(books.entries[FIRST], postings=(), kind=EntryKind.GRANT)


def a_debt(books: MemoryDatabase) -> None:
    books.balances[diamonds_of(TOM)] = -1


def a_wrong_balance(books: MemoryDatabase) -> None:
    books.balances[diamonds_of(TOM)] += 1


def money_from_nowhere(books: MemoryDatabase) -> None:
    books.balances[AccountId("calls.diamonds/77777")] = 5


def a_lost_pending_credit(books: MemoryDatabase) -> None:
    books.pending.clear()


def a_credit_folded_twice(books: MemoryDatabase) -> None:
    books.pending.append(books.pending[0])


def a_lost_entry(books: MemoryDatabase) -> None:
    del books.entries[SECOND]


def wrong_earnings(books: MemoryDatabase) -> None:
    books.earned[points_of(MEI)][EntryKind.MINUTE] = Earned(3, 50)


def an_uncounted_minute(books: MemoryDatabase) -> None:
    books.calls[CALL] = replace(books.calls[CALL], minutes_paid=1)


def a_minute_without_an_entry(books: MemoryDatabase) -> None:
    books.calls[CALL] = replace(books.calls[CALL], minutes_paid=3)


def a_minute_twice(books: MemoryDatabase) -> None:
    books.entries[SECOND] = replace(books.entries[SECOND], minute=1)


def a_lost_call(books: MemoryDatabase) -> None:
    del books.calls[CALL]


def a_lost_donation(books: MemoryDatabase) -> None:
    books.donations.clear()


def a_donation_of_more(books: MemoryDatabase) -> None:
    books.donations = {key: replace(one, amount=one.amount + 1) for key, one in books.donations.items()}


def a_lost_subscription(books: MemoryDatabase) -> None:
    books.subscriptions.clear()


def a_subscription_of_another_day(books: MemoryDatabase) -> None:
    books.subscriptions = {key: replace(one, since_ms=one.since_ms + 1) for key, one in books.subscriptions.items()}


def a_subscription_for_nothing(books: MemoryDatabase) -> None:
    books.subscriptions = {key: replace(one, price=0) for key, one in books.subscriptions.items()}


def an_order_that_waits_again(books: MemoryDatabase) -> None:
    books.orders = {key: replace(one, state=OrderState.WAITING) for key, one in books.orders.items()}


def an_order_of_more(books: MemoryDatabase) -> None:
    books.orders = {key: replace(one, amount=one.amount + 1) for key, one in books.orders.items()}


@pytest.mark.parametrize(
    ("spoil", "invariants"),
    [
        (an_uneven_leg, {"INV-1"}),
        (no_legs, {"INV-1"}),
        (a_debt, {"INV-2", "INV-3"}),
        (a_wrong_balance, {"INV-3"}),
        (money_from_nowhere, {"INV-3"}),
        (a_lost_pending_credit, {"INV-3"}),
        (a_credit_folded_twice, {"INV-3"}),
        (a_lost_entry, {"INV-3", "INV-5"}),
        (wrong_earnings, {"INV-3"}),
        (an_uncounted_minute, {"INV-5"}),
        (a_minute_without_an_entry, {"INV-5"}),
        (a_minute_twice, {"INV-5"}),
        (a_lost_call, {"INV-5"}),
        (a_lost_donation, {"INV-10"}),
        (a_donation_of_more, {"INV-10"}),
        (a_lost_subscription, {"INV-10"}),
        (a_subscription_of_another_day, {"INV-10"}),
        (a_subscription_for_nothing, {"INV-10"}),
        (an_order_that_waits_again, {"INV-8"}),
        (an_order_of_more, {"INV-8"}),
    ],
)
async def test_broken_books_are_found(
    books: MemoryDatabase, spoil: Callable[[MemoryDatabase], object], invariants: set[str]
) -> None:
    audit = await audited(books, spoil)

    assert {finding.partition(":")[0] for finding in audit.findings} == invariants
