"""Gold and income: gifts that two purses pay for, and packs of gold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import settings
from engine.billing.tariff import share_of
from engine.errors import BadInput, Banned, BelowFloor, KeyReused, NotFound, ProviderDown, StoreDown
from engine.events import GiftSent
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.ledger import EntryKind
from store.interfaces.money import Currency
from store.interfaces.orders import OrderState
from store.interfaces.people import Ban, BanKind, PersonRecord
from tests.invariants import snapshot_of, violations
from tests.people import Cast, on_stage
from tests.support.records import a_person

ROSE, CHOCOLATE, RING = 1, 2, 3  # For 1, 10 and 520 gold.
ROOM = RoomId("qlive:66766865")


class Party:
    """Lin and bo, two people of the blind-date rooms, on a stage."""

    def __init__(self, cast: Cast, lin: PersonRecord, bo: PersonRecord) -> None:
        self.stage = cast.stage
        self.switch = cast.switch
        self.engine = cast.engine
        self.tom = cast.tom
        self.lin = lin
        self.bo = bo

    async def give(self, gift_id: int, count: int, **more: Any) -> Any:
        """Lin gives bo something."""
        wanted: dict[str, Any] = {"giver": self.lin, "recipient": self.bo, "key": None, "room_id": None, **more}
        return await self.engine.gold_gifts.give(gift_id=gift_id, count=count, **wanted)

    async def purses(self, person: PersonRecord) -> tuple[int, int]:
        """Gold and income."""
        held = self.engine.statements.held
        return await held(person.id, Currency.QLIVE_GOLD), await held(person.id, Currency.QLIVE_INCOME)

    async def assert_sound(self) -> None:
        """All books agree."""
        assert violations(await snapshot_of(self.stage.stores)) == []


@asynccontextmanager
async def at_the_party(
    options: settings.Settings | None = None, *, gold: int = 0, income: int = 0
) -> AsyncIterator[Party]:
    """Lin has that much; what she has is not folded yet."""
    async with on_stage(options) as cast:
        lin, bo = [
            await cast.stage.stores.people.add(
                a_person(PersonId(number), surface="qlive", external_id=f"openid-{number}")
            )
            for number in (20_001, 20_002)
        ]
        if gold:
            await cast.stage.grant(lin, gold)
        if income:
            await cast.stage.grant(lin, income, currency=Currency.QLIVE_INCOME)
        yield Party(cast, lin, bo)


# --- gifts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gold", "income", "count", "left", "earned"),
    [
        (100, 0, 3, (70, 0), 15),
        (30, 5, 3, (0, 5), 15),
        (29, 5, 3, (0, 4), 15),
        (0, 30, 3, (0, 0), 15),
        (5, 5, 1, (0, 0), 5),
    ],
)
async def test_gold_pays_first_and_income_the_rest_and_the_recipient_earns_of_the_whole(
    gold: int, income: int, count: int, left: tuple[int, int], earned: int
):
    async with at_the_party(gold=gold, income=income) as party:
        receipt = await party.give(CHOCOLATE, count)

        assert (receipt.gold, receipt.income) == left
        assert await party.purses(party.lin) == left
        assert await party.purses(party.bo) == (0, earned)
        await party.assert_sound()


@pytest.mark.parametrize(
    ("cost", "percent", "earned"), [(1, 50, 0), (2, 50, 1), (3, 50, 1), (999, 33, 329), (7, 0, 0), (7, 100, 7)]
)
def test_what_a_gift_earns_is_rounded_down_on_its_whole_cost(cost: int, percent: int, earned: int):
    assert share_of(cost, percent=percent) == earned


async def test_the_percentage_is_a_setting():
    options = settings.Settings(qlive=replace(settings.Qlive(), income_percent=33))
    async with at_the_party(options, gold=40) as party:
        await party.give(CHOCOLATE, 3)

        assert await party.purses(party.bo) == (0, 9)


async def test_what_two_purses_cannot_pay_is_refused_and_both_are_told():
    async with at_the_party(gold=15, income=4) as party:
        with pytest.raises(BelowFloor) as refusal:
            await party.give(CHOCOLATE, 2)

        assert (refusal.value.need, refusal.value.have, refusal.value.purses) == (20, 19, (15, 4))
        assert await party.purses(party.lin) == (15, 4)
        assert await party.purses(party.bo) == (0, 0)


async def test_who_is_given_something_can_give_it_away_at_once():
    async with at_the_party(gold=100) as party:
        await party.give(CHOCOLATE, 10)

        receipt = await party.give(CHOCOLATE, 5, giver=party.bo, recipient=party.lin)

        assert (receipt.gold, receipt.income) == (0, 0)
        assert await party.purses(party.lin) == (0, 25)
        await party.assert_sound()


async def test_both_hear_of_a_gift_and_in_which_room_it_was():
    async with at_the_party(gold=100) as party:
        receipt = await party.give(CHOCOLATE, 2, room_id=ROOM)
        await party.stage.advance(1_000)

        for person in (party.lin, party.bo):
            (event,) = [told for told in party.stage.heard.events[person.id] if isinstance(told, GiftSent)]
            assert event.event_id == receipt.entry.id
            assert (event.from_id, event.to_id, event.room_id) == (party.lin.id, party.bo.id, ROOM)
            assert (event.giver.nickname, event.recipient.nickname) == (party.lin.nickname, party.bo.nickname)
            assert (event.gift_id, event.count, event.earned) == (CHOCOLATE, 2, 10)
            assert (event.name, event.image_url) == ("巧克力", "https://img.example/chocolate.png")


async def test_fifty_at_once_with_one_key_are_one_gift_and_equal_answers():
    async with at_the_party(gold=15, income=30) as party:
        receipts = await asyncio.gather(*(party.give(CHOCOLATE, 2, key="k1") for _ in range(50)))

        assert {(receipt.gold, receipt.income) for receipt in receipts} == {(0, 25)}
        assert await party.purses(party.lin) == (0, 25)
        await party.assert_sound()


async def test_a_repeat_tells_the_first_receipt_though_there_is_new_gold():
    async with at_the_party(gold=15, income=30) as party:
        first = await party.give(CHOCOLATE, 2, key="k1")
        await party.stage.grant(party.lin, 1_000, key="later")

        assert await party.give(CHOCOLATE, 2, key="k1") == first
        assert await party.purses(party.lin) == (1_000, 25)


async def test_a_repeat_tells_the_first_receipt_though_nobody_can_give_that_any_more():
    async with at_the_party(gold=100) as party:
        first = await party.give(CHOCOLATE, 2, key="k1")
        party.engine.gold_gifts.offer(())

        assert await party.give(CHOCOLATE, 2, key="k1") == first
        with pytest.raises(NotFound):
            await party.give(CHOCOLATE, 2, key="k2")


async def test_a_key_is_good_for_one_gift_to_one_person():
    async with at_the_party(gold=100) as party:
        await party.give(ROSE, 1, key="k1")  # Too cheap to earn anything: no leg names who was given it.
        other = replace(party.bo, id=PersonId(20_003))

        for changes in ({"count": 2}, {"gift_id": CHOCOLATE}, {"recipient": other}):
            with pytest.raises(KeyReused):
                await party.give(**{"gift_id": ROSE, "count": 1, "key": "k1", **changes})

        assert await party.purses(party.lin) == (99, 0)


@pytest.mark.parametrize(
    ("gift_id", "count", "refusal"),
    [(9, 1, NotFound), (ROSE, 0, BadInput), (ROSE, -1, BadInput), (ROSE, 10_000, BadInput), (RING, 9_999, BelowFloor)],
)
async def test_a_gift_that_cannot_be_is_refused(gift_id: int, count: int, refusal: type[Exception]):
    async with at_the_party(gold=100) as party:
        with pytest.raises(refusal):
            await party.give(gift_id, count)

        assert await party.purses(party.lin) == (100, 0)


async def test_a_gift_beyond_the_largest_amount_is_refused():
    options = settings.Settings(billing=replace(settings.Billing(), amount_max=100))
    async with at_the_party(options, gold=1_000) as party:
        with pytest.raises(BadInput):
            await party.give(ROSE, 101)

        assert (await party.give(ROSE, 100)).gold == 900


async def test_nobody_gives_to_himself():
    async with at_the_party(gold=100) as party:
        with pytest.raises(BadInput):
            await party.give(ROSE, 1, recipient=party.lin)


async def test_who_is_banned_gives_nothing():
    async with at_the_party(gold=100) as party:
        banned = replace(party.lin, ban=Ban(kind=BanKind.ACCOUNT, text="封号", since_ms=0))

        with pytest.raises(Banned):
            await party.give(ROSE, 1, giver=banned)


async def test_a_store_that_is_down_takes_nothing_and_with_the_same_key_again_it_is_one_gift():
    async with at_the_party(gold=100) as party:
        party.switch.is_down, party.switch.only = True, "ledger.post"
        with pytest.raises(StoreDown):
            await party.give(CHOCOLATE, 1, key="k1")
        party.switch.is_down = False

        assert (await party.give(CHOCOLATE, 1, key="k1")).gold == 90
        await party.assert_sound()


people = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("gold"), people, st.integers(1, 60)),
    st.tuples(st.just("income"), people, st.integers(1, 60)),
    st.tuples(st.just("give"), people, people, st.integers(1, 90)),
    st.tuples(st.just("wait"), st.sampled_from([1, 250, 1_000])),
)


@effort(max_examples=60)
@given(story=st.lists(steps, max_size=25), percent=st.integers(0, 100))
async def test_no_story_makes_or_loses_a_unit_and_income_never_pays_while_there_is_gold(
    story: list[tuple[Any, ...]], percent: int
):
    options = settings.Settings(qlive=replace(settings.Qlive(), income_percent=percent))
    async with at_the_party(options) as party:
        cast = [party.lin, party.bo, replace(party.bo, id=PersonId(20_003), external_id="openid-20003")]
        await party.stage.stores.people.add(cast[2])
        expected = [[0, 0] for _ in cast]

        for number, step in enumerate(story):
            match step:
                case ("gold" | "income" as unit, who, amount):
                    currency = Currency(f"qlive.{unit}")
                    await party.stage.grant(cast[who], amount, currency=currency, key=str(number))
                    expected[who][currency is Currency.QLIVE_INCOME] += amount
                case ("give", giver, recipient, cost) if giver != recipient:
                    has = expected[giver]
                    if cost > sum(has):
                        with pytest.raises(BelowFloor) as refusal:
                            await party.give(ROSE, cost, giver=cast[giver], recipient=cast[recipient])
                        assert refusal.value.purses == tuple(has)
                    else:
                        receipt = await party.give(ROSE, cost, giver=cast[giver], recipient=cast[recipient])
                        by_gold = min(cost, has[0])
                        expected[giver] = [has[0] - by_gold, has[1] - (cost - by_gold)]
                        expected[recipient][1] += cost * percent // 100
                        assert [receipt.gold, receipt.income] == expected[giver]
                case ("wait", length_ms):
                    await party.stage.advance(length_ms)

        assert [list(await party.purses(person)) for person in cast] == expected
        await party.assert_sound()


async def test_what_was_earned_by_day_counts_gifts_and_not_what_was_spent():
    async with at_the_party(gold=100) as party:
        await party.give(CHOCOLATE, 4)
        await party.give(CHOCOLATE, 1, giver=party.bo, recipient=party.lin)
        await party.stage.grant(party.bo, 7, currency=Currency.QLIVE_INCOME)

        income = await party.engine.statements.income_of(party.bo.id, Currency.QLIVE_INCOME)
        (day,) = await party.engine.statements.income_by_day(
            party.bo.id, Currency.QLIVE_INCOME, since_ms=0, until_ms=2**60, offset_ms=28_800_000
        )

        assert (income.points, income.minutes, set(income.by_kind)) == (20, 0, {EntryKind.GIFT})
        assert (day.gift_points, day.call_points, day.minutes) == (20, 0, 0)


# --- orders --------------------------------------------------------------------------------------------------------


async def order(party: Party, person: PersonRecord, product_id: int = 1, key: str | None = None) -> Any:
    return await party.engine.recharge.create(person, product_id, key=key, address="127.0.0.1")


async def test_a_pack_of_gold_is_credited_once_however_often_and_late_the_notice_comes():
    async with at_the_party() as party:
        wanted, payment = await order(party, party.lin)
        notice = f"{wanted.id}:t1:{wanted.price}:1".encode()

        await asyncio.gather(*(party.engine.recharge.notified(notice) for _ in range(5)))
        await party.engine.recharge.notified(notice)

        assert (wanted.currency, wanted.amount, wanted.price) == (Currency.QLIVE_GOLD, 60, 600)
        assert payment.package == f"prepay_id=p{wanted.id}"
        assert await party.purses(party.lin) == (60, 0)
        assert [each.state for each in await party.engine.recharge.finished_of(party.lin)] == [OrderState.PAID]
        await party.assert_sound()


async def test_the_same_product_is_another_thing_on_each_surface():
    async with at_the_party() as party:
        of_lin, _ = await order(party, party.lin, 2)
        of_tom, _ = await order(party, party.tom, 2)

        for each in (of_lin, of_tom):
            await party.engine.recharge.notified(f"{each.id}:t{each.id}:{each.price}:1".encode())

        assert await party.purses(party.lin) == (300, 0)
        assert await party.stage.diamonds(party.tom) == 100 + 300
        await party.assert_sound()


async def test_a_notice_of_another_amount_credits_nothing():
    async with at_the_party() as party:
        wanted, _ = await order(party, party.lin)

        with pytest.raises(NotFound):
            await party.engine.recharge.notified(f"{wanted.id}:t1:{wanted.price + 1}:1".encode())
        party.stage.log.take("payment_of_wrong_amount")

        assert await party.purses(party.lin) == (0, 0)


async def test_lost_notices_of_both_surfaces_lose_no_money_and_are_asked_for_once():
    async with at_the_party() as party:
        asked: list[tuple[str, str]] = []
        query = party.stage.payments.query

        async def counted(order_id: str, *, surface: str) -> Any:
            asked.append((order_id, surface))
            return await query(order_id, surface=surface)

        party.stage.payments.query = counted
        for person in (party.lin, party.tom):
            wanted, _ = await order(party, person)
            notice = f"{wanted.id}:t{wanted.id}:{wanted.price}:1".encode()
            party.stage.payments.paid[wanted.id] = party.stage.payments.verify(notice)

        await party.stage.advance(180_000)

        assert await party.purses(party.lin) == (60, 0)
        assert await party.stage.diamonds(party.tom) == 160
        assert len(asked) == len(set(asked)) == 2
        assert {surface for _, surface in asked} == {"qlive", "calls"}


async def test_a_provider_that_does_not_take_the_order_is_told_apart_from_our_store():
    async with at_the_party() as party:
        create = party.stage.payments.create

        async def refuse(**_order: Any) -> Any:
            raise StoreDown

        party.stage.payments.create = refuse
        with pytest.raises(ProviderDown):
            await order(party, party.lin, key="o1")
        party.stage.payments.create = create
        party.switch.is_down, party.switch.only = True, "orders.add"
        with pytest.raises(StoreDown) as down:
            await order(party, party.lin, key="o1")
        party.switch.is_down = False
        wanted, _ = await order(party, party.lin, key="o1")

        assert not isinstance(down.value, ProviderDown)
        assert party.stage.payments.created == [wanted.id]


async def test_packs_are_listed_the_cheapest_first():
    packages = (
        settings.QlivePackage(id=7, gold=500, price_fen=5_000),
        settings.QlivePackage(id=3, gold=9, price_fen=90),
    )
    options = settings.Settings(qlive=replace(settings.Qlive(), packages=packages))
    async with at_the_party(options) as party:
        packs = party.engine.recharge.packs("qlive")

        assert [(pack.id, pack.amount, pack.price_fen) for pack in packs] == [(3, 9, 90), (7, 500, 5_000)]
        assert [pack.amount for pack in party.engine.recharge.packs("calls")] == [60, 300, 1_280]
        assert party.engine.recharge.packs("social") == ()


async def test_a_pack_that_is_not_sold_is_not_found_and_a_key_is_good_for_one_pack():
    async with at_the_party() as party:
        with pytest.raises(NotFound):
            await order(party, party.lin, 99)
        await order(party, party.lin, 1, key="o1")
        with pytest.raises(KeyReused):
            await order(party, party.lin, 2, key="o1")
