"""What every ``SubscriptionStore`` promises, and every ledger about subscriptions."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.errors import Conflict
from store.interfaces.ledger import Move, Verdict
from store.interfaces.stores import Stores
from store.interfaces.subscriptions import SubscriptionRecord
from tests.support.records import ANN, BOB, MEI, SITE, T0, TOM, a_grant, a_subscription, site_of, subscription_of
from tests.support.stores import on_every_store


def free(since_ms: int = T0, **changes: object) -> SubscriptionRecord:
    return replace(
        SubscriptionRecord(user_id=TOM, anchor_id=MEI, since_ms=since_ms, until_ms=since_ms + 1_000, price=0),
        **changes,
    )


async def rich(stores: Stores) -> None:
    await stores.ledger.post([a_grant(TOM, 100, currency=SITE)], decide)
    await stores.ledger.fold(100)


async def verdicts(stores: Stores, *moves: Move) -> list[Verdict]:
    return [outcome.verdict for outcome in await stores.ledger.post(moves, decide)]


async def left(stores: Stores) -> int:
    return (await stores.ledger.balance_of(site_of(TOM))).amount


@on_every_store
async def test_a_subscription_is_kept_with_what_it_cost(stores: Stores) -> None:
    await rich(stores)
    move = a_subscription(TOM, MEI, request_key="click")

    assert await verdicts(stores, move) == [Verdict.POSTED]

    assert await stores.subscriptions.latest(TOM, MEI) == subscription_of(move)
    assert await stores.subscriptions.latest(MEI, TOM) is None
    assert await left(stores) == 90


@on_every_store
@pytest.mark.parametrize(("later_ms", "verdict"), [(1, "out_of_turn"), (999, "out_of_turn"), (1_000, "posted")])
async def test_one_that_runs_is_not_paid_for_again_and_one_that_has_expired_is(
    stores: Stores, later_ms: int, verdict: str
) -> None:
    await rich(stores)
    first, second = a_subscription(TOM, MEI), a_subscription(TOM, MEI, T0 + later_ms)
    await verdicts(stores, first)

    assert await verdicts(stores, second) == [verdict]

    kept = second if verdict == "posted" else first
    assert await stores.subscriptions.latest(TOM, MEI) == subscription_of(kept)
    assert await left(stores) == (80 if verdict == "posted" else 90)
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_two_in_one_batch_are_one(stores: Stores) -> None:
    await rich(stores)

    found = await verdicts(stores, a_subscription(TOM, MEI), a_subscription(TOM, MEI, T0 + 1), a_subscription(TOM, ANN))

    assert found == [Verdict.POSTED, Verdict.OUT_OF_TURN, Verdict.POSTED]
    assert await left(stores) == 80


@on_every_store
async def test_of_many_at_once_one_is_paid_for(stores: Stores) -> None:
    await rich(stores)

    async def subscribe(number: int) -> Verdict:
        while True:
            try:
                (verdict,) = await verdicts(stores, a_subscription(TOM, MEI, T0 + number))
            except Conflict:
                await asyncio.sleep(0.01)
            else:
                return verdict

    found = await asyncio.gather(*(subscribe(number) for number in range(8)))

    assert sorted(found) == [Verdict.OUT_OF_TURN] * 7 + [Verdict.POSTED]
    assert await left(stores) == 90
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_the_same_move_again_is_there_already_also_when_it_has_expired(stores: Stores) -> None:
    await rich(stores)
    first = a_subscription(TOM, MEI)
    await verdicts(stores, first, a_subscription(TOM, MEI, T0 + 5_000))

    assert await verdicts(stores, first) == [Verdict.ALREADY]
    latest = await stores.subscriptions.latest(TOM, MEI)
    assert latest is not None
    assert latest.since_ms == T0 + 5_000


@on_every_store
async def test_running_ones_of_a_user_come_newest_first(stores: Stores) -> None:
    await rich(stores)
    of_mei, of_ann, of_bob = (a_subscription(TOM, who, T0 + 10 * n) for n, who in enumerate((MEI, ANN, BOB)))
    await verdicts(stores, of_ann, of_mei, of_bob)

    running = await stores.subscriptions.running_of(TOM, at_ms=T0 + 1_000, limit=10)

    assert running == (subscription_of(of_bob), subscription_of(of_ann))
    assert await stores.subscriptions.running_of(TOM, at_ms=T0 + 1_000, limit=1) == running[:1]
    assert await stores.subscriptions.running_of(MEI, at_ms=0, limit=10) == ()


@on_every_store
async def test_one_that_costs_nothing_begins_unless_one_runs(stores: Stores) -> None:
    assert await stores.subscriptions.begin(free())
    assert await stores.subscriptions.begin(free())
    assert not await stores.subscriptions.begin(free(T0 + 999))
    assert await stores.subscriptions.latest(TOM, MEI) == free()

    assert await stores.subscriptions.begin(free(T0 + 1_000))
    assert await stores.subscriptions.latest(TOM, MEI) == free(T0 + 1_000)
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_of_many_free_ones_at_once_one_begins(stores: Stores) -> None:
    begun = await asyncio.gather(*(stores.subscriptions.begin(free(T0 + number)) for number in range(8)))

    assert begun.count(True) == 1


@on_every_store
async def test_free_and_paid_ones_follow_each_other(stores: Stores) -> None:
    await rich(stores)
    await stores.subscriptions.begin(free())

    assert await verdicts(stores, a_subscription(TOM, MEI, T0 + 500)) == [Verdict.OUT_OF_TURN]
    assert await verdicts(stores, a_subscription(TOM, MEI, T0 + 1_000)) == [Verdict.POSTED]
    assert not await stores.subscriptions.begin(free(T0 + 1_500))
    assert await stores.subscriptions.begin(free(T0 + 2_000))
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_an_anchor_asks_what_she_said_last_and_may_ask_nothing(stores: Stores) -> None:
    assert await stores.subscriptions.price_of(MEI) is None

    for price in (15, 0, 2**40):
        await stores.subscriptions.set_price(MEI, price)
        assert await stores.subscriptions.price_of(MEI) == price

    assert await stores.subscriptions.price_of(ANN) is None
