"""Subscriptions: thirty days, at the anchor's price, once at a time."""

import asyncio

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import AlreadyExists, BadInput, Banned, BelowFloor, NotFound, StoreDown
from engine.events import SubscriptionBegun
from store.interfaces.people import Ban, BanKind
from tests.people import Visit, on_a_visit

DAY_MS = 86_400_000


async def subscribe(visit: Visit, *, amount=None, key=None, **who):
    """Yi subscribes to jliu, unless said."""
    people = {"user": visit.yi, "anchor": visit.jliu, **who}
    return await visit.engine.subscriptions.subscribe(people["user"], people["anchor"], amount=amount, key=key)


async def test_a_subscription_costs_what_the_anchor_asks_and_lasts_thirty_days_to_the_millisecond():
    async with on_a_visit() as visit:
        began_ms = visit.engine.node.now_ms()
        begun = await subscribe(visit, amount=10)

        assert (begun.since_ms, begun.until_ms) == (began_ms, began_ms + 30 * DAY_MS)
        assert begun.price == 10
        assert await visit.diamonds(visit.yi, visit.jliu) == [990, 10]
        assert await visit.engine.subscriptions.running_of(visit.yi.id) == (begun,)
        await visit.assert_sound()


async def test_it_runs_until_it_has_expired_and_can_then_be_renewed():
    async with on_a_visit() as visit:
        first = await visit.subscribed(visit.yi, left_ms=60_000)
        await visit.stage.advance(59_999)
        assert await visit.engine.subscriptions.running(visit.yi.id, visit.jliu.id) == first
        with pytest.raises(AlreadyExists):
            await subscribe(visit)

        await visit.stage.advance(1)

        assert await visit.engine.subscriptions.running(visit.yi.id, visit.jliu.id) is None
        assert await visit.engine.subscriptions.running_of(visit.yi.id) == ()
        second = await subscribe(visit)
        assert second.since_ms >= first.until_ms
        assert await visit.diamonds(visit.yi) == [980]
        await visit.assert_sound()


@pytest.mark.parametrize("price", [0, 10])
async def test_of_fifty_at_once_one_is_charged_and_the_others_are_told_that_it_runs(price: int):
    async with on_a_visit() as visit:
        await visit.engine.subscriptions.set_price(visit.jliu, price)

        async def after(pause_ms: int):
            await visit.stage.clock.sleep(pause_ms)
            return await subscribe(visit)

        found = await asyncio.gather(*(after(number) for number in range(50)), return_exceptions=True)

        assert sum(isinstance(one, AlreadyExists) for one in found) == 49
        assert await visit.diamonds(visit.yi) == [1_000 - price]
        await visit.assert_sound()


async def test_fifty_at_once_with_one_key_are_one_and_equal_answers():
    async with on_a_visit() as visit:

        async def after(pause_ms: int):
            await visit.stage.clock.sleep(pause_ms)
            return await subscribe(visit, key="k1")

        found = await asyncio.gather(*(after(number) for number in range(50)))

        assert len(set(found)) == 1
        assert await visit.diamonds(visit.yi) == [990]


async def test_a_key_does_not_renew_what_it_has_begun():
    async with on_a_visit() as visit:
        first = await visit.subscribed(visit.yi, left_ms=1_000, key="k1")
        await visit.stage.advance(1_000)

        assert await subscribe(visit, key="k1") == first
        assert await subscribe(visit, key="k2") != first
        assert await visit.diamonds(visit.yi) == [980]


async def test_the_price_is_the_anchors_and_what_the_client_says_is_only_compared():
    async with on_a_visit() as visit:
        subscriptions = visit.engine.subscriptions
        assert await subscriptions.price_of(visit.jliu.id) == 10
        await subscriptions.set_price(visit.jliu, 25)
        for amount in (10, 0, 26):
            with pytest.raises(BadInput):
                await subscribe(visit, amount=amount)

        assert (await subscribe(visit, amount=25)).price == 25
        assert await visit.diamonds(visit.yi) == [975]


async def test_the_first_price_is_a_setting():
    options = settings.Settings(site=settings.Site(subscription_price=7, anchor_share_percent=50))
    async with on_a_visit(options) as visit:
        await subscribe(visit)

        assert await visit.diamonds(visit.yi, visit.jliu) == [993, 3]


async def test_for_nothing_nothing_moves():
    async with on_a_visit() as visit:
        await visit.engine.subscriptions.set_price(visit.jliu, 0)

        free = await subscribe(visit, amount=0)

        assert free.price == 0
        assert await visit.engine.subscriptions.running_of(visit.yi.id) == (free,)
        with pytest.raises(AlreadyExists):
            await subscribe(visit)
        assert await visit.diamonds(visit.yi, visit.jliu) == [1_000, 0]
        await visit.assert_sound()


@pytest.mark.parametrize("price", [-1, 1_000_000_001])
async def test_a_price_that_cannot_be_is_refused(price: int):
    async with on_a_visit() as visit:
        with pytest.raises(BadInput):
            await visit.engine.subscriptions.set_price(visit.jliu, price)


async def test_who_cannot_or_may_not_subscribe_is_refused_and_charged_nothing():
    async with on_a_visit() as visit:
        poor = await visit.stage.stores.people.add(replace(visit.yi, id=30_009, external_id="poor"))
        banned = replace(visit.yi, ban=Ban(kind=BanKind.ACCOUNT, text="封号", since_ms=0))
        for changes, refusal in (
            ({"user": visit.jliu}, BadInput),
            ({"anchor": visit.wei}, NotFound),
            ({"user": banned}, Banned),
            ({"user": poor}, BelowFloor),
        ):
            with pytest.raises(refusal):
                await subscribe(visit, **changes)

        assert await visit.diamonds(visit.yi, visit.jliu, poor) == [1_000, 0, 0]
        assert await visit.engine.subscriptions.latest(poor.id, visit.jliu.id) is None


async def test_a_lost_answer_charges_once():
    async with on_a_visit() as visit:
        visit.switch.loses_answers, visit.switch.only = True, "ledger.post"
        with pytest.raises(StoreDown):
            await subscribe(visit, key="k1")
        visit.switch.loses_answers = False

        begun = await subscribe(visit, key="k1")
        with pytest.raises(AlreadyExists):
            await subscribe(visit)

        assert await visit.engine.subscriptions.running_of(visit.yi.id) == (begun,)
        assert await visit.diamonds(visit.yi) == [990]
        await visit.assert_sound()


@pytest.mark.parametrize("price", [0, 10])
async def test_both_hear_of_it_once(price: int):
    async with on_a_visit() as visit:
        await visit.engine.subscriptions.set_price(visit.jliu, price)
        begun = await subscribe(visit, key="k1")
        await visit.stage.advance(1_000)
        await subscribe(visit, key="k1")
        await visit.stage.advance(10_000)

        for person in (visit.yi, visit.jliu):
            (event,) = [told for told in visit.stage.heard.events[person.id] if isinstance(told, SubscriptionBegun)]
            assert (event.from_name, event.to_name) == ("yi zhao", "jliu")
            assert (event.price, event.until_ms) == (price, begun.until_ms)
        await visit.assert_sound()


async def test_they_hear_of_it_also_when_nobody_knew_that_it_was_paid():
    async with on_a_visit() as visit:
        visit.switch.loses_answers, visit.switch.only = True, "ledger.post"
        with pytest.raises(StoreDown):
            await subscribe(visit)
        visit.switch.loses_answers = False

        await visit.stage.advance(20_000)

        assert [visit.stage.heard.kinds(person).count("SubscriptionBegun") for person in (visit.yi, visit.jliu)] == [
            1,
            1,
        ]
