"""What every ``DonationStore`` promises, and every ledger about donations."""

import asyncio

from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.donations import DonationRecord
from store.interfaces.errors import Conflict
from store.interfaces.ids import EntryId, PersonId
from store.interfaces.ledger import Move, Verdict
from store.interfaces.stores import Stores
from tests.support.records import ANN, BOB, MEI, SITE, TOM, a_donation, a_grant, donation_of, site_of
from tests.support.stores import let_pass, on_every_store

NOWHERE = EntryId("don:1:nowhere")


async def rich(stores: Stores, *people: PersonId) -> None:
    await stores.ledger.post([a_grant(person, 1_000, currency=SITE) for person in people], decide)
    await stores.ledger.fold(100)


async def donated(stores: Stores, *moves: Move) -> list[DonationRecord]:
    outcomes = await stores.ledger.post(moves, decide)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.POSTED] * len(moves)
    kept = [await stores.donations.get(move.id) for move in moves]
    found = [donation for donation in kept if donation is not None]
    assert len(found) == len(kept)
    return found


@on_every_store
async def test_a_donation_is_kept_with_its_entry_and_has_its_time(stores: Stores) -> None:
    await rich(stores, TOM)
    move = a_donation(TOM, MEI, 10, number=4)

    (kept,) = await donated(stores, move)

    entry = await stores.ledger.entry(move.id)
    assert entry is not None
    assert kept == replace(donation_of(move), at_ms=entry.at_ms)
    assert [held.amount for held in entry.held] == [990]
    assert (await stores.ledger.balance_of(site_of(MEI))).amount == 10
    assert await stores.donations.get(NOWHERE) is None


@on_every_store
async def test_a_repeat_keeps_the_first_record(stores: Stores) -> None:
    await rich(stores, TOM)
    (first,) = await donated(stores, a_donation(TOM, MEI, 10, number=4))

    (outcome,) = await stores.ledger.post([a_donation(TOM, MEI, 10, number=5)], decide)

    assert outcome.verdict is Verdict.ALREADY
    assert await stores.donations.get(first.id) == first
    assert await stores.donations.of_user(TOM, limit=10) == (first,)


@on_every_store
async def test_what_cannot_be_paid_leaves_no_record(stores: Stores) -> None:
    await rich(stores, TOM)
    move = a_donation(TOM, MEI, 1_001)

    (outcome,) = await stores.ledger.post([move], decide)

    assert outcome.verdict is Verdict.BELOW_FLOOR
    assert [held.amount for held in outcome.held] == [1_000]
    assert await stores.donations.get(move.id) is None


@on_every_store
async def test_many_at_once_from_a_nearly_empty_wallet_take_what_there_is_and_keep_that_many_records(
    stores: Stores,
) -> None:
    await rich(stores, TOM)

    async def give(number: int) -> Verdict:
        while True:
            try:
                (outcome,) = await stores.ledger.post([a_donation(TOM, MEI, 300, str(number), number=number)], decide)
            except Conflict:
                await asyncio.sleep(0.01)
            else:
                return outcome.verdict

    verdicts = await asyncio.gather(*(give(number) for number in range(1, 9)))

    assert verdicts.count(Verdict.POSTED) == 3
    assert len(await stores.donations.of_user(TOM, limit=100)) == 3
    assert await stores.donations.received_by(MEI) == 900
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_lists_come_newest_first_and_of_one_moment_by_number_page_by_page(stores: Stores) -> None:
    await rich(stores, TOM, BOB)
    older = await donated(stores, a_donation(TOM, MEI, 1, "a", number=9), a_donation(TOM, MEI, 2, "b", number=10))
    await let_pass(5)
    newer = await donated(stores, a_donation(TOM, ANN, 3, "c", number=2), a_donation(BOB, MEI, 4, "d", number=1))

    of_tom = await stores.donations.of_user(TOM, limit=10)
    of_mei = await stores.donations.of_anchor(MEI, limit=10)

    assert of_tom == (newer[0], older[1], older[0])
    assert of_mei == (newer[1], older[1], older[0])
    assert await stores.donations.of_anchor(MEI, skip=1, limit=1) == (older[1],)
    assert await stores.donations.of_anchor(MEI, skip=3, limit=1) == ()
    assert await stores.donations.of_user(ANN, limit=10) == ()


@on_every_store
async def test_sums_are_of_both_sides_and_of_donations_alone(stores: Stores) -> None:
    await rich(stores, TOM, BOB)
    await donated(
        stores, a_donation(TOM, MEI, 10, "a"), a_donation(TOM, ANN, 2**33 // 10**8, "b"), a_donation(BOB, MEI, 30, "c")
    )

    for _ in range(2):
        assert await stores.donations.given_by(TOM) == 10 + 2**33 // 10**8
        assert await stores.donations.received_by(MEI) == 40
        assert await stores.donations.given_by(MEI) == 0
        assert await stores.donations.received_by(TOM) == 0
        await stores.ledger.fold(100)

    await donated(stores, a_donation(TOM, MEI, 5, "d"))
    assert await stores.donations.received_by(MEI) == 45


@on_every_store
async def test_sums_count_what_users_gave_though_nothing_of_it_is_the_anchors(stores: Stores) -> None:
    await rich(stores, TOM)
    await donated(stores, replace(a_donation(TOM, MEI, 1), postings=()))

    for _ in range(2):
        assert await stores.donations.received_by(MEI) == 1
        assert (await stores.ledger.balance_of(site_of(MEI))).amount == 0
        assert (await stores.ledger.audit()).findings == ()
        await stores.ledger.fold(100)
