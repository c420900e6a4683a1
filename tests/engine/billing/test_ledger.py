"""Group commit: who waits together is committed together, whatever the store answers."""

import asyncio

import pytest

from engine.billing.entries import grant_move
from engine.errors import StoreDown
from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId
from store.interfaces.ledger import Verdict
from store.interfaces.money import Currency
from tests.people import on_stage

DIAMONDS = Currency.CALLS_DIAMONDS


def grant(key: str, amount: int = 1, person: int = 77):
    return grant_move(key=key, person_id=PersonId(person), currency=DIAMONDS, amount=amount, note="test")


class Counted:
    """A ledger store that counts batches and can be told to conflict."""

    def __init__(self, store) -> None:
        self._store = store
        self.batches: list[int] = []
        self.conflicts_left = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def post(self, moves, decide):
        self.batches.append(len(moves))
        await asyncio.sleep(0.01)
        if self.conflicts_left > 0:
            self.conflicts_left -= 1
            raise Conflict
        return await self._store.post(moves, decide)


async def test_moves_that_wait_together_are_committed_together():
    async with on_stage() as cast:
        ledger = cast.engine.ledger
        ledger._store = store = Counted(ledger._store)

        outcomes = await asyncio.gather(*(ledger.post(grant(f"g{n}")) for n in range(450)))

        assert {outcome.verdict for outcome in outcomes} == {Verdict.POSTED}
        assert store.batches == [200, 200, 50]


async def test_an_idle_ledger_does_not_wait_for_company():
    async with on_stage() as cast:
        before_ms = cast.stage.clock.mono_ms()

        await cast.engine.ledger.post(grant("alone"))

        assert cast.stage.clock.mono_ms() == before_ms


async def test_a_batch_that_keeps_conflicting_is_tried_in_halves():
    async with on_stage() as cast:
        ledger = cast.engine.ledger
        ledger._store = store = Counted(ledger._store)
        store.conflicts_left = 4

        outcomes = await asyncio.gather(*(ledger.post(grant(f"h{n}")) for n in range(8)))

        assert {outcome.verdict for outcome in outcomes} == {Verdict.POSTED}
        assert store.batches == [8, 8, 8, 8, 4, 4]


async def test_posting_twice_is_posting_once():
    async with on_stage() as cast:
        first = await cast.engine.ledger.post(grant("same", 5))
        again = await cast.engine.ledger.post(grant("same", 5))
        other = await cast.engine.ledger.post(grant("same", 6))
        cast.stage.log.take("ledger_key_mismatch")

        assert [first.verdict, again.verdict, other.verdict] == [Verdict.POSTED, Verdict.ALREADY, Verdict.MISMATCH]
        assert first.entry == again.entry


async def test_a_wallet_is_folded_before_it_is_refused():
    async with on_stage() as cast:
        ledger = cast.engine.ledger
        await ledger.post(grant("credit", 30))

        taken = await ledger.post(grant("debit", -30))

        assert taken.verdict is Verdict.POSTED


async def test_a_store_that_stays_down_fails_the_poster_at_his_deadline_and_nobody_hangs():
    async with on_stage() as cast:
        cast.switch.is_down, cast.switch.only = True, "ledger.post"
        before_ms = cast.stage.clock.mono_ms()

        with pytest.raises(StoreDown):
            await cast.engine.ledger.post(grant("late"))

        assert cast.stage.clock.mono_ms() - before_ms <= 5_500
        cast.switch.is_down = False
        assert (await cast.engine.ledger.post(grant("late"))).verdict is Verdict.POSTED


async def test_a_poster_who_goes_away_cuts_nothing():
    async with on_stage() as cast:
        task = asyncio.create_task(cast.engine.ledger.post(grant("gone", 3)))
        await asyncio.sleep(0)
        task.cancel()
        await cast.stage.clock.advance(1_000)

        assert (await cast.engine.ledger.post(grant("gone", 3))).verdict in (Verdict.ALREADY, Verdict.POSTED)
        assert (await cast.stage.stores.ledger.audit()).findings == ()
