"""The ledger under the faults that only a real server has (F-5, F-7): nothing twice, nothing half, nothing stuck."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from bson.int64 import Int64

from engine.billing.posting import decide
from store.interfaces.calls import CallRecord, Phase
from store.interfaces.errors import Conflict, StoreError, Unavailable
from store.interfaces.ids import PersonId
from store.interfaces.ledger import Move, Outcome, Verdict
from store.interfaces.stores import Stores
from store.opened import open_stores
from tests.support.real_stores import fail_commands, open_real_stores, real_servers
from tests.support.records import (
    ANN,
    BOB,
    MEI,
    SITE,
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

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

SHORT_MS = 600
"""A money deadline for tests that must wait for one."""


async def insist(stores: Stores, moves: Sequence[Move], *, for_s: float = 8.0) -> tuple[Outcome, ...]:
    """Post the same batch until it has its verdicts, as the ledger does."""
    async with asyncio.timeout(for_s):
        while True:
            try:
                return await stores.ledger.post(moves, decide)
            except (Conflict, Unavailable):
                await asyncio.sleep(0.02)


async def connected(stores: Stores) -> CallRecord:
    """Tom, who has 1,000 diamonds, and Mei are about to pay minute 1."""
    await insist(stores, [a_grant(TOM, 1_000)])
    await stores.ledger.fold(10)
    return await stores.calls.add(a_call(phase=Phase.JOINING))


async def assert_paid_once(stores: Stores, call: CallRecord) -> None:
    kept = await stores.calls.get(call.id)
    assert kept is not None
    assert (kept.phase, kept.minutes_paid) == (Phase.CONNECTED, 1)
    assert (await stores.ledger.balance_of(diamonds_of(TOM))).amount == 950
    assert (await stores.ledger.balance_of(points_of(MEI))).amount == 25
    assert len(await stores.ledger.entries_of_call(call.id)) == 1
    assert len(await stores.ledger.unsent(10)) == 1
    assert (await stores.ledger.audit()).findings == ()


async def test_a_commit_whose_answer_got_lost_is_asked_for_again():
    async with open_real_stores() as stores:
        call = await connected(stores)

        async with fail_commands("commitTransaction", times=1, closeConnection=True):
            (outcome,) = await stores.ledger.post([a_minute(call, 1)], decide)

        assert outcome.verdict is Verdict.POSTED
        await assert_paid_once(stores, call)


async def test_a_commit_that_nobody_confirms_is_unavailable_and_already_there_when_posted_again():
    async with open_real_stores(money_deadline_ms=SHORT_MS) as stores:
        call = await connected(stores)
        unconfirmed = {"code": 64, "errmsg": "waiting for replication timed out"}

        async with fail_commands("commitTransaction", writeConcernError=unconfirmed):
            begun = time.monotonic()
            with pytest.raises(Unavailable):
                await stores.ledger.post([a_minute(call, 1)], decide)
            assert time.monotonic() - begun < SHORT_MS / 1000 + 0.5
        (outcome,) = await insist(stores, [a_minute(call, 1)])

        assert outcome.verdict is Verdict.ALREADY
        await assert_paid_once(stores, call)


async def test_a_commit_that_never_gets_through_is_unavailable_and_posted_once_when_posted_again():
    async with open_real_stores(money_deadline_ms=SHORT_MS) as stores:
        call = await connected(stores)

        async with fail_commands("commitTransaction", closeConnection=True):
            with pytest.raises(Unavailable):
                await stores.ledger.post([a_minute(call, 1)], decide)
        (outcome,) = await insist(stores, [a_minute(call, 1)])

        assert outcome.verdict in {Verdict.POSTED, Verdict.ALREADY}
        await assert_paid_once(stores, call)


@pytest.mark.parametrize(
    ("code", "means"),
    [
        (251, Conflict),  # NoSuchTransaction
        (112, Conflict),  # WriteConflict
        (91, Unavailable),  # ShutdownInProgress
        (189, Unavailable),  # PrimarySteppedDown
    ],
)
@pytest.mark.parametrize("command", ["aggregate", "find", "update", "insert"])
async def test_a_statement_that_fails_leaves_nothing_behind(command: str, code: int, means: type[StoreError]):
    async with open_real_stores() as stores:
        call = await connected(stores)

        async with fail_commands(command, times=1, errorCode=code):
            with pytest.raises(means):
                await stores.ledger.post([a_minute(call, 1)], decide)
        assert await stores.ledger.entries_of_call(call.id) == ()
        (outcome,) = await insist(stores, [a_minute(call, 1)])

        assert outcome.verdict is Verdict.POSTED
        await assert_paid_once(stores, call)


@pytest.mark.parametrize("code", [251, 112])
async def test_a_commit_that_the_server_refuses_leaves_nothing_behind(code: int):
    async with open_real_stores() as stores:
        call = await connected(stores)

        async with fail_commands("commitTransaction", times=1, errorCode=code):
            with pytest.raises(Conflict):
                await stores.ledger.post([a_minute(call, 1)], decide)
        (outcome,) = await insist(stores, [a_minute(call, 1)])

        assert outcome.verdict is Verdict.POSTED
        await assert_paid_once(stores, call)


@pytest.mark.parametrize("code", [91, 189])
async def test_a_commit_during_a_change_of_the_primary_gets_through(code: int):
    async with open_real_stores() as stores:
        call = await connected(stores)

        async with fail_commands("commitTransaction", times=1, errorCode=code):
            (outcome,) = await stores.ledger.post([a_minute(call, 1)], decide)

        assert outcome.verdict is Verdict.POSTED
        await assert_paid_once(stores, call)


async def test_a_transaction_that_was_given_up_does_not_hold_its_wallets_for_a_minute():
    async with open_real_stores(money_deadline_ms=SHORT_MS) as stores:
        call = await connected(stores)

        async with fail_commands("insert", times=1, blockConnection=True, blockTimeMS=2 * SHORT_MS):
            with pytest.raises(Unavailable):
                await stores.ledger.post([a_minute(call, 1)], decide)
        begun = time.monotonic()
        (outcome,) = await insist(stores, [a_minute(call, 1)])

        assert outcome.verdict is Verdict.POSTED
        assert time.monotonic() - begun < 5
        await assert_paid_once(stores, call)


async def test_a_poster_who_goes_away_cuts_nothing():
    async with open_real_stores() as stores:
        call = await connected(stores)

        async with fail_commands("insert", times=1, blockConnection=True, blockTimeMS=200):
            posting = asyncio.create_task(stores.ledger.post([a_minute(call, 1)], decide))
            await asyncio.sleep(0.1)
            posting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await posting
            async with asyncio.timeout(5):
                while not await stores.ledger.entries_of_call(call.id):
                    await asyncio.sleep(0.01)

        await assert_paid_once(stores, call)


async def test_nodes_that_post_and_fold_at_once_lose_and_double_nothing():
    servers = await real_servers()
    async with open_real_stores() as one:
        async with await open_stores(
            mongo_uri=servers.mongo_uri, database=one.mongo.name, redis_url=servers.redis_url
        ) as other:
            people = (TOM, BOB, ANN)
            await insist(one, [a_grant(person, 1_000) for person in people])
            await one.ledger.fold(10)

            async def send(stores: Stores, node: str, sender: PersonId) -> list[Outcome]:
                # Every third gift is posted by both nodes: the first to come decides, the other is told.
                gifts = [a_gift(sender, MEI, 60, f"{'both' if n % 3 == 0 else node}:{n}") for n in range(12)]
                return [outcome for gift in gifts for outcome in await insist(stores, [gift])]

            async def fold(stores: Stores) -> None:
                for _ in range(10):
                    try:
                        await stores.ledger.fold(3)
                    except Conflict:
                        await asyncio.sleep(0.01)

            outcomes = await asyncio.gather(
                *(send(stores, node, sender) for stores, node in ((one, "a"), (other, "b")) for sender in people)
            )
            await asyncio.gather(fold(one), fold(other))

        for outcome_list in outcomes:
            assert {outcome.verdict for outcome in outcome_list} <= {
                Verdict.POSTED,
                Verdict.ALREADY,
                Verdict.BELOW_FLOOR,
            }
        # 20 different gifts of 60 want 1,200 of each; 16 fit into 1,000.
        for person in people:
            assert (await one.ledger.balance_of(diamonds_of(person))).amount == 40
        assert (await one.ledger.balance_of(points_of(MEI))).amount == 3 * 16 * 30
        assert (await one.ledger.audit()).findings == ()


@pytest.mark.parametrize(
    ("finding", "collection", "change"),
    [
        ("INV-1", "entries", {"$inc": {"amounts.1": 7}}),
        ("INV-3", "accounts", {"$inc": {"balance": 7}}),
        ("INV-3", "accounts", {"$inc": {"earned.grant.count": 7}}),
        ("INV-5", "calls", {"$inc": {"minutes_paid": 7}}),
        ("INV-8", "orders", {"$set": {"state": "waiting"}}),
        ("INV-8", "orders", {"$inc": {"amount": 7}}),
        ("INV-10", "donations", {"$inc": {"amount": 7}}),
        ("INV-10", "donations", None),
        ("INV-10", "donation_totals", {"$inc": {"amount": Int64(7)}}),
        ("INV-10", "donation_totals", None),
        ("INV-10", "pending_credits", {"$unset": {"donated": ""}}),
        ("INV-10", "subscriptions", {"$inc": {"since_ms": 7}}),
        ("INV-10", "subscriptions", {"$set": {"price": Int64(0)}}),
        ("INV-10", "subscriptions", None),
    ],
)
async def test_an_audit_finds_what_was_changed_by_hand(finding: str, collection: str, change: dict[str, object] | None):
    async with open_real_stores() as stores:
        call = await connected(stores)
        order = await stores.orders.add(an_order())
        await insist(stores, [a_minute(call, 1), a_recharge(order), a_grant(TOM, 100, "site", currency=SITE)])
        await stores.ledger.fold(10)
        await insist(stores, [a_donation(TOM, MEI, 10), a_subscription(TOM, MEI)])
        await stores.ledger.fold(10)
        await insist(stores, [a_donation(TOM, MEI, 5, "another", number=2)])
        assert (await stores.ledger.audit()).findings == ()

        if change is None:
            await stores.mongo.delete(collection, {})
        else:
            await stores.mongo.update(collection, {}, change)

        assert any(found.startswith(finding) for found in (await stores.ledger.audit()).findings)
