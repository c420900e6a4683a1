"""What only a store with a clock in our hands can show of the ledger."""

from collections.abc import Sequence

from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.calls import Phase
from store.interfaces.ledger import Earned, EntryKind, Facts, Move, Plan, Verdict
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.support.records import MEI, T0, TOM, a_call, a_gift, a_grant, a_minute, diamonds_of


async def test_a_minute_passes_from_the_very_millisecond_on_that_the_refusal_named() -> None:
    now_ms = T0
    stores = memory_stores(MemoryDatabase(), lambda: now_ms)
    await stores.ledger.post([a_grant(TOM, 100)], decide)
    await stores.ledger.fold(10)
    wanted = a_minute(await stores.calls.add(a_call(phase=Phase.JOINING)), 1, begins_at_ms=T0 + 5_000)

    (early,) = await stores.ledger.post([wanted], decide)
    assert (early.verdict, early.early_ms) == (Verdict.TOO_EARLY, 4_000)

    now_ms += 3_999
    (still_early,) = await stores.ledger.post([wanted], decide)
    assert (still_early.verdict, still_early.early_ms) == (Verdict.TOO_EARLY, 1)

    now_ms += 1
    (outcome,) = await stores.ledger.post([wanted], decide)
    assert outcome.verdict is Verdict.POSTED
    assert outcome.entry is not None
    assert outcome.entry.at_ms == T0 + 4_000


async def test_a_decision_is_asked_once_and_written_at_once() -> None:
    database = MemoryDatabase()
    stores = memory_stores(database, lambda: T0)
    await stores.ledger.post([a_grant(TOM, 100)], decide)
    await stores.ledger.fold(10)
    posting = stores.ledger.post([a_gift(TOM, MEI, 10)], decide)

    # Driven by hand: a call that never waits cannot be interrupted between what it reads and what it writes.
    try:
        posting.send(None)
    except StopIteration as done:
        (outcome,) = done.value

    assert outcome.verdict is Verdict.POSTED
    assert database.entries[outcome.entry.id] == outcome.entry


async def test_what_a_plan_is_made_of_can_change_without_changing_the_books() -> None:
    stores = memory_stores(MemoryDatabase(), lambda: T0)
    kinds = {EntryKind.GRANT: Earned(1, 100)}

    def careless(moves: Sequence[Move], facts: Facts) -> Plan:
        return replace(decide(moves, facts), credits={diamonds_of(TOM): kinds})

    await stores.ledger.post([a_grant(TOM, 100)], careless)
    kinds.clear()

    assert (await stores.ledger.audit()).findings == ()
