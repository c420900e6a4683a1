"""Subscribing over HTTP: the anchor's price and no other, thirty days, and what is charged together with the record."""

import asyncio

import pytest

from engine.billing.entries import subscription_move
from engine.services.subscriptions import SUBSCRIPTION_MS
from store.interfaces.subscriptions import SubscriptionRecord
from tests.support.records import subscription_begun
from tests.surfaces.served import Answered
from tests.surfaces.site.scene import Scene, on_air
from tests.surfaces.site.test_donations import held

gen_test = pytest.mark.gen_test


async def subscribe(scene: Scene, *, key: str = "", **more: object) -> Answered:
    """Yi subscribes to jliu."""
    headers = {"Idempotency-Key": key} if key else None
    sent = {"anchor_id": scene.jliu.id, **more}
    return await scene.call(scene.yi, "POST", "subscription/subscribe_to_anchor/", sent, headers=headers)


async def ask(scene: Scene, amount: object) -> Answered:
    """Jliu asks another price."""
    return await scene.call(scene.jliu, "POST", "subscription/set_price/", {"amount": amount})


async def running(scene: Scene) -> list[dict[str, object]]:
    """Yi's subscriptions."""
    answered = await scene.call(scene.yi, "GET", "subscription/get_subscriptions/")
    lines = answered.body["data"]["subscriptions"]
    assert isinstance(lines, list)
    return lines


async def subscribed(scene: Scene, *, left_ms: int) -> None:
    """Yi has paid for a subscription nearly thirty days ago."""
    until_ms = scene.engine.node.now_ms() + left_ms
    yi, jliu = await scene.record(scene.yi), await scene.record(scene.jliu)
    taken = SubscriptionRecord(
        user_id=yi.id,
        anchor_id=jliu.id,
        since_ms=until_ms - SUBSCRIPTION_MS,
        until_ms=until_ms,
        price=10,
    )
    await scene.engine.ledger.post(subscription_move(taken, subscription_begun(taken, yi, jliu), earned=10))


@gen_test
@pytest.mark.parametrize("amount", [10, 10.0, "10.00", "", None])
async def test_it_costs_what_she_asks_whether_the_client_says_so_or_nothing(amount):
    async with on_air() as scene:
        answered = await subscribe(scene, amount=amount)

        assert (answered.status, answered.body["data"]["diamonds_paid"]) == (200, 10.0)
        assert type(answered.body["data"]["diamonds_paid"]) is float
        assert [await held(scene, who) for who in (scene.yi, scene.jliu)] == [950, 10]


@gen_test
@pytest.mark.parametrize("amount", [0, 1, 9, 11, -10, 10.5, "x", True])
async def test_a_client_that_says_another_price_is_charged_nothing(amount):
    async with on_air() as scene:
        before = scene.dump()

        answered = await subscribe(scene, amount=amount)

        assert (answered.status, answered.body["message"]) == (400, "参数 amount 不正确")
        assert scene.dump() == before


@gen_test
async def test_the_price_is_the_anchors_to_set_and_what_runs_stays_as_it_was():
    async with on_air() as scene:
        await ask(scene, 20)
        assert (await subscribe(scene, amount=10)).status == 400
        assert (await subscribe(scene, amount=20)).body["data"]["diamonds_paid"] == 20.0

        await ask(scene, 99)

        assert [line["diamonds_paid"] for line in await running(scene)] == [20.0]


@gen_test
@pytest.mark.parametrize("amount", [-1, 1.5, "x", "", True, 10**15, 2**53, "1e1", None])
async def test_a_price_that_is_none_is_refused(amount):
    async with on_air() as scene:
        before = scene.dump()

        answered = await ask(scene, amount)

        assert (answered.status, answered.body["message"]) == (400, "amount 须为不小于 0 的整数")
        assert scene.dump() == before


@gen_test
async def test_a_price_of_nothing_is_one_too():
    async with on_air() as scene:
        assert (await ask(scene, 0)).body == {"code": 0}

        answered = await subscribe(scene)

        assert answered.body["data"]["diamonds_paid"] == 0.0
        assert await held(scene, scene.yi) == 960
        assert len(await running(scene)) == 1


@gen_test
async def test_while_one_runs_another_is_refused_and_nothing_is_charged():
    async with on_air() as scene:
        await subscribe(scene)
        await scene.clock.advance(1)
        before = scene.dump()

        refused = await subscribe(scene)

        assert (refused.status, refused.body["error"]) == (400, "ALREADY_EXISTS")
        assert scene.dump() == before


@gen_test
async def test_of_many_at_once_one_is_charged():
    async with on_air() as scene:
        await asyncio.gather(*(subscribe(scene) for _ in range(20)))

        assert await held(scene, scene.yi) == 950
        assert len(await running(scene)) == 1


@gen_test
async def test_after_thirty_days_to_the_millisecond_it_is_over_and_can_be_renewed():
    async with on_air() as scene:
        # Taken thirty days less two milliseconds ago.
        await subscribed(scene, left_ms=2)
        await scene.clock.advance(1)
        assert (await subscribe(scene)).status == 400
        assert [line["expiry_date"] for line in await running(scene)] == ["2026-01-01 00:00:00"]

        await scene.clock.advance(1)

        assert await running(scene) == []
        assert (await subscribe(scene)).body["data"]["expiry_date"] == "2026-01-31 00:00:00"
        assert await held(scene, scene.yi) == 940


@gen_test
async def test_the_same_key_again_gets_the_first_answer():
    async with on_air() as scene:
        first = await subscribe(scene, key="k")

        again = await subscribe(scene, key="k")

        assert again.body == first.body
        assert await held(scene, scene.yi) == 950


@gen_test
async def test_the_newest_subscription_is_listed_first():
    async with on_air() as scene:
        lan = await scene.anchor("lan")
        await subscribe(scene)
        await scene.clock.advance(1_000)
        await subscribe(scene, anchor_id=lan.id)

        assert [line["anchor_id"] for line in await running(scene)] == [lan.id, scene.jliu.id]


@gen_test
async def test_whoever_cannot_pay_is_not_subscribed():
    async with on_air() as scene:
        await ask(scene, 961)
        before = scene.dump()

        answered = await subscribe(scene)

        assert (answered.status, answered.body["error"]) == (400, "INSUFFICIENT_BALANCE")
        assert scene.dump() == before


@gen_test
async def test_nobody_subscribes_to_himself_or_to_somebody_who_is_no_anchor():
    async with on_air() as scene:
        sent = {"anchor_id": scene.jliu.id}
        to_herself = await scene.call(scene.jliu, "POST", "subscription/subscribe_to_anchor/", sent)
        to_nobody = await subscribe(scene, anchor_id=scene.wei.id)

        assert [one.status for one in (to_herself, to_nobody)] == [400, 404]
