"""Donations: what moves, what is kept, who hears of it, and that asking twice is giving once."""

import asyncio

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import BadInput, Banned, BelowFloor, KeyReused, NotFound, StoreDown
from engine.events import DonationMade
from store.interfaces.ids import RoomId
from store.interfaces.ledger import EntryKind
from store.interfaces.money import Currency
from store.interfaces.people import Ban, BanKind, Role
from tests.people import Visit, on_a_date, on_a_visit


async def donate(visit: Visit, amount: int = 10, *, key=None, room_id=None, **who):
    """Yi gives jliu something, unless said."""
    people = {"user": visit.yi, "anchor": visit.jliu, **who}
    return await visit.engine.donations.donate(people["user"], people["anchor"], amount, key=key, room_id=room_id)


async def test_a_donation_goes_whole_to_the_anchor_and_is_kept_with_the_names_of_that_moment():
    async with on_a_visit() as visit:
        receipt = await donate(visit, 40)

        assert receipt.balance == 960
        assert await visit.diamonds(visit.yi, visit.jliu) == [960, 40]
        kept = receipt.donation
        assert (kept.user_id, kept.anchor_id, kept.amount) == (visit.yi.id, visit.jliu.id, 40)
        assert (kept.user_name, kept.anchor_name) == ("yi zhao", "jliu")
        renamed = replace(visit.yi, nickname="yi")
        second = await donate(visit, 1, user=renamed)
        assert second.donation.number == kept.number + 1
        assert [one.user_name for one in await visit.engine.donations.of_anchor(visit.jliu.id, limit=10)] == [
            "yi",
            "yi zhao",
        ]
        await visit.assert_sound()


@pytest.mark.parametrize(("percent", "amount", "earned"), [(100, 7, 7), (50, 7, 3), (33, 3, 0), (0, 9, 0)])
async def test_the_anchors_share_is_a_setting_and_sums_are_gross(percent: int, amount: int, earned: int):
    options = settings.Settings(site=settings.Site(anchor_share_percent=percent))
    async with on_a_visit(options) as visit:
        await donate(visit, amount)

        assert await visit.diamonds(visit.yi, visit.jliu) == [1_000 - amount, earned]
        assert await visit.engine.donations.given_by(visit.yi.id) == amount
        assert await visit.engine.donations.received_by(visit.jliu.id) == amount
        await visit.assert_sound()


async def test_nothing_given_is_an_empty_list_and_a_sum_of_0():
    async with on_a_visit() as visit:
        donations = visit.engine.donations

        assert await donations.of_user(visit.wei.id, limit=10) == ()
        assert (await donations.given_by(visit.wei.id), await donations.received_by(visit.jliu.id)) == (0, 0)


async def test_the_receipt_counts_what_came_in_a_moment_ago():
    async with on_a_visit() as visit:
        await visit.stage.advance(1_000)
        await visit.stage.grant(visit.yi, 500, key="just now")

        assert (await donate(visit, 100)).balance == 1_400


async def test_fifty_at_once_with_one_key_are_one_donation_and_equal_answers():
    async with on_a_visit() as visit:
        receipts = await asyncio.gather(*(donate(visit, key="k1") for _ in range(50)))

        assert len({(one.donation, one.balance) for one in receipts}) == 1
        assert await visit.diamonds(visit.yi, visit.jliu) == [990, 10]
        await visit.assert_sound()


async def test_a_repeat_tells_the_first_receipt_though_more_is_there_by_now():
    async with on_a_visit() as visit:
        first = await donate(visit, key="k1")
        await visit.stage.grant(visit.yi, 1_000, key="later")
        await donate(visit)

        assert await donate(visit, key="k1") == first


@pytest.mark.parametrize("percent", [0, 100])
async def test_a_key_is_good_for_one_amount_to_one_anchor(percent: int):
    options = settings.Settings(site=settings.Site(anchor_share_percent=percent))
    async with on_a_visit(options) as visit:
        await donate(visit, 10, key="k1")
        another = replace(visit.jliu, id=visit.wei.id)

        for changes in ({"amount": 11}, {"anchor": another}):
            with pytest.raises(KeyReused):
                await donate(visit, key="k1", **changes)
        await donate(visit, 10, key="k1", user=visit.wei)

        assert await visit.diamonds(visit.yi, visit.wei) == [990, 990]


@pytest.mark.parametrize(
    ("amount", "refusal"), [(0, BadInput), (-5, BadInput), (1_000_000_001, BadInput), (1_001, BelowFloor)]
)
async def test_an_amount_that_cannot_be_is_refused_and_changes_nothing(amount: int, refusal: type[Exception]):
    async with on_a_visit() as visit:
        with pytest.raises(refusal):
            await donate(visit, amount)

        assert await visit.diamonds(visit.yi, visit.jliu) == [1_000, 0]
        assert await visit.engine.donations.of_user(visit.yi.id, limit=10) == ()


async def test_a_refusal_says_what_there_is():
    async with on_a_visit() as visit:
        with pytest.raises(BelowFloor) as refusal:
            await donate(visit, 1_001)

    assert (refusal.value.need, refusal.value.have) == (1_001, 1_000)


async def test_nobody_gives_to_himself_or_to_who_is_no_anchor_or_while_he_is_banned():
    async with on_a_visit() as visit:
        await visit.stage.grant(visit.jliu, 100)
        banned = replace(visit.yi, ban=Ban(kind=BanKind.ACCOUNT, text="封号", since_ms=0))

        with pytest.raises(BadInput):
            await donate(visit, user=visit.jliu)
        with pytest.raises(NotFound):
            await donate(visit, anchor=visit.wei)
        with pytest.raises(Banned):
            await donate(visit, user=banned)

        assert await visit.diamonds(visit.jliu, visit.yi, visit.wei) == [100, 1_000, 1_000]


async def test_an_anchor_spends_what_she_was_given_at_once():
    async with on_a_visit() as visit:
        other = await visit.stage.stores.people.add(
            replace(visit.jliu, id=30_009, external_id="pride", public_id="qwWaYqUnT6qJLr_7iRlQoA", nickname="pride")
        )
        await donate(visit, 100)

        receipt = await donate(visit, 60, user=visit.jliu, anchor=other)

        assert receipt.balance == 40
        assert await visit.diamonds(visit.jliu, other) == [40, 60]
        await visit.assert_sound()


async def test_both_hear_of_it_once_and_which_room_is_to_see_it():
    async with on_a_visit() as visit:
        room_id = RoomId("site:gGAlOXloThS9r8d5HgeBzg_Tina")
        receipt = await donate(visit, 25, key="k1", room_id=room_id)
        await visit.stage.advance(1_000)
        await donate(visit, 25, key="k1", room_id=room_id)
        await visit.stage.advance(1_000)

        for person in (visit.yi, visit.jliu):
            (event,) = [told for told in visit.stage.heard.events[person.id] if isinstance(told, DonationMade)]
            assert (event.event_id, event.room_id) == (receipt.donation.id, room_id)
            assert (event.number, event.amount) == (receipt.donation.number, 25)
            assert (event.from_name, event.to_name) == ("yi zhao", "jliu")


async def test_everybody_in_its_room_sees_a_donation_once_however_often_it_is_told():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.stage.grant(date.bo, 100, currency=Currency.SITE_DIAMONDS)
        anchor = replace(date.hong, role=Role.ANCHOR)
        date.switch.is_down, date.switch.only = True, "ledger.sent"
        await date.engine.donations.donate(date.bo, anchor, 25, key=None, room_id=date.room_id)
        await date.stage.advance(100)
        date.stage.log.take("outbox_not_reached")
        date.switch.is_down = False

        await date.stage.advance(20_000)

        for person in date.all:
            assert date.heard(person).count("DonationMade") == 1
        assert await date.stage.stores.ledger.unsent(10) == ()


async def test_a_store_that_loses_its_answer_or_is_down_charges_once_with_the_same_key_again():
    async with on_a_visit() as visit:
        for flaw in ("is_down", "loses_answers"):
            setattr(visit.switch, flaw, True)
            visit.switch.only = "ledger.post"
            with pytest.raises(StoreDown):
                await donate(visit, key="k1")
            setattr(visit.switch, flaw, False)

        assert (await donate(visit, key="k1")).balance == 990
        await visit.assert_sound()


async def test_what_an_anchor_earned_by_day_tells_donations_apart_and_leaves_out_what_was_bought():
    async with on_a_visit() as visit:
        await donate(visit, 30)
        await visit.stage.grant(visit.jliu, 7)
        statements = visit.engine.statements

        income = await statements.income_of(visit.jliu.id, Currency.SITE_DIAMONDS)
        (day,) = await statements.income_by_day(
            visit.jliu.id, Currency.SITE_DIAMONDS, since_ms=0, until_ms=2**60, offset_ms=0
        )

        assert (income.points, set(income.by_kind)) == (30, {EntryKind.DONATION})
        assert (day.donation_points, day.gift_points, day.call_points) == (30, 0, 0)
