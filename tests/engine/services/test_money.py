"""Gifts, recharges, prices and statements: money outside the minute grid."""

import asyncio

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import BadInput, BelowFloor, Forbidden, KeyReused, NotFound
from store.interfaces.ledger import EntryKind
from store.interfaces.orders import OrderState
from tests.people import on_stage


async def test_a_gift_in_a_call_goes_to_the_anchor_and_both_hear_of_it():
    async with on_stage() as cast:
        await cast.connect()

        receipt = await cast.engine.gifts.give(cast.tom, 1, 3, to=None, key=None)
        await cast.stage.advance(1_000, seen=cast.both)

        assert receipt.balance_diamonds == 60
        assert await cast.stage.points(cast.mei) == 40
        assert "GiftSent" in cast.heard(cast.tom)
        assert "GiftSent" in cast.heard(cast.mei)
        assert await cast.stage.stores.ledger.unsent(10) == ()


async def test_a_gift_without_anybody_to_give_it_to_is_refused():
    async with on_stage() as cast:
        await cast.ring()  # Ringing is no call yet.

        with pytest.raises(NotFound):
            await cast.engine.gifts.give(cast.tom, 1, 1, to=None, key=None)


async def test_fifty_at_once_with_one_key_are_one_gift_and_equal_answers():
    async with on_stage() as cast:
        await cast.connect()

        receipts = await asyncio.gather(
            *(cast.engine.gifts.give(cast.tom, 1, 2, to=cast.mei.id, key="k1") for _ in range(50))
        )

        assert len({receipt.balance_diamonds for receipt in receipts}) == 1
        assert await cast.stage.diamonds(cast.tom) == 70


async def test_a_key_is_good_for_one_gift_only_and_outlives_the_call():
    async with on_stage() as cast:
        await cast.connect()
        first = await cast.engine.gifts.give(cast.tom, 1, 1, to=None, key="k1")
        with pytest.raises(KeyReused):
            await cast.engine.gifts.give(cast.tom, 1, 2, to=None, key="k1")
        await cast.hang_up()

        again = await cast.engine.gifts.give(cast.tom, 1, 1, to=None, key="k1")

        assert again == first


@pytest.mark.parametrize(("count", "refusal"), [(10, BelowFloor), (10**9, BadInput)])
async def test_a_gift_that_costs_too_much_changes_nothing(count, refusal):
    async with on_stage() as cast:
        await cast.connect()

        with pytest.raises(refusal):
            await cast.engine.gifts.give(cast.tom, 1, count, to=None, key=None)

        assert await cast.stage.diamonds(cast.tom) == 90


async def test_an_event_of_a_gift_survives_a_crash_between_commit_and_telling():
    async with on_stage() as cast:
        await cast.connect()
        cast.switch.is_down, cast.switch.only = True, "ledger.unsent"
        await cast.engine.gifts.give(cast.tom, 1, 1, to=None, key=None)
        await cast.stage.advance(1_000, seen=cast.both)
        cast.stage.log.take("outbox_not_reached")
        assert "GiftSent" not in cast.heard(cast.mei)

        cast.switch.is_down = False
        cast.engine.outbox.kick()
        await cast.stage.advance(1_000, seen=cast.both)

        assert "GiftSent" in cast.heard(cast.mei)


async def test_an_order_is_credited_once_however_often_and_late_the_notice_comes():
    async with on_stage() as cast:
        order, _payment = await cast.engine.recharge.create(cast.tom, 1, key="o1", address="127.0.0.1")
        notice = f"{order.id}:t1:{order.price}:1".encode()

        await asyncio.gather(*(cast.engine.recharge.notified(notice) for _ in range(5)))
        await cast.engine.recharge.notified(notice)

        assert await cast.stage.diamonds(cast.tom) == 160
        assert [each.state for each in await cast.engine.recharge.finished_of(cast.tom)] == [OrderState.PAID]


async def test_a_notice_of_another_amount_or_an_unknown_order_credits_nothing():
    async with on_stage() as cast:
        order, _payment = await cast.engine.recharge.create(cast.tom, 1, key=None, address="127.0.0.1")

        with pytest.raises(NotFound):
            await cast.engine.recharge.notified(f"{order.id}:t1:{order.price - 1}:1".encode())
        with pytest.raises(NotFound):
            await cast.engine.recharge.notified(b"nobody:t1:600:1")
        cast.stage.log.take("payment_of_wrong_amount")
        cast.stage.log.take("payment_for_unknown_order")

        assert await cast.stage.diamonds(cast.tom) == 100


async def test_ordering_again_with_the_same_key_is_the_same_order():
    async with on_stage() as cast:
        first, payment = await cast.engine.recharge.create(cast.tom, 1, key="o1", address="127.0.0.1")

        again, repeated = await cast.engine.recharge.create(cast.tom, 1, key="o1", address="127.0.0.1")
        with pytest.raises(KeyReused):
            await cast.engine.recharge.create(cast.tom, 2, key="o1", address="127.0.0.1")

        assert (again.id, repeated) == (first.id, payment)
        assert cast.stage.payments.created == [first.id]


async def test_a_lost_notice_loses_no_money():
    async with on_stage() as cast:
        order, _payment = await cast.engine.recharge.create(cast.tom, 1, key=None, address="127.0.0.1")
        cast.stage.payments.paid[order.id] = cast.stage.payments.verify(f"{order.id}:t1:{order.price}:1".encode())

        await cast.stage.advance(180_000)

        assert await cast.stage.diamonds(cast.tom) == 160


async def test_an_order_nobody_pays_fails_and_a_late_payment_still_counts():
    async with on_stage() as cast:
        order, _payment = await cast.engine.recharge.create(cast.tom, 1, key=None, address="127.0.0.1")
        await cast.stage.advance(7_400_000)
        assert [each.state for each in await cast.engine.recharge.finished_of(cast.tom)] == [OrderState.FAILED]

        await cast.engine.recharge.notified(f"{order.id}:t1:{order.price}:1".encode())

        assert await cast.stage.diamonds(cast.tom) == 160


async def test_a_forged_notice_never_gets_as_far_as_the_order():
    async with on_stage() as cast:

        def refuse(body: bytes):
            raise Forbidden

        cast.stage.payments.verify = refuse
        with pytest.raises(Forbidden):
            await cast.engine.recharge.notified(b"anything")


async def test_a_running_call_keeps_its_price():
    async with on_stage() as cast:
        await cast.connect()
        await cast.engine.profiles.set_price(cast.mei, 50)

        await cast.stage.advance(61_000, seen=cast.both)
        ended = await cast.hang_up()

        assert ended.price.points == 10
        assert await cast.stage.diamonds(cast.tom) == 80
        mei = await cast.engine.profiles.person(cast.mei.id)
        assert mei is not None
        assert mei.points_per_minute == 50


@pytest.mark.parametrize("price", [0, -1, 10_001])
async def test_a_price_outside_its_bounds_is_refused(price):
    async with on_stage() as cast:
        with pytest.raises(BadInput):
            await cast.engine.profiles.set_price(cast.mei, price)


async def test_income_counts_minutes_and_gifts_apart():
    async with on_stage() as cast:
        await cast.connect()
        await cast.engine.gifts.give(cast.tom, 1, 2, to=None, key=None)
        await cast.stage.advance(61_000, seen=cast.both)
        await cast.hang_up()

        income = await cast.engine.statements.income_of(cast.mei.id)

        assert (income.points, income.minutes) == (40, 2)
        assert income.by_kind[EntryKind.GIFT].amount == 20
        days = await cast.engine.statements.income_by_day(cast.mei.id, since_ms=0, until_ms=2**60, offset_ms=28_800_000)
        assert [(day.gift_points, day.call_points, day.minutes) for day in days] == [(20, 20, 2)]


async def test_the_share_and_the_exchange_are_applied_once_and_rounded_for_the_house():
    options = settings.Settings(
        billing=replace(settings.Billing(), diamonds_per_100_points=150, anchor_share_percent=50)
    )
    async with on_stage(options, price=7) as cast:
        await cast.connect()
        ended = await cast.hang_up()

        assert (ended.price.points, ended.price.diamonds, ended.price.earned_points) == (7, 11, 3)
        assert await cast.stage.diamonds(cast.tom) == 89
        assert await cast.stage.points(cast.mei) == 3
