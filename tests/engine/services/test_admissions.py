"""Who may enter the anchors' rooms, and what paying for it buys."""

import asyncio

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import AlreadyExists, BadInput, Banned, BelowFloor, Busy, StoreDown, WrongPhase
from engine.events import AdmissionPaid
from engine.services.admissions import Pass, Right, price_to_enter
from engine.services.guests import GUESTS_FROM
from store.interfaces.ids import PersonId
from store.interfaces.people import Ban, BanKind
from store.interfaces.shows import ShowKind
from tests.people import Visit, on_a_visit

GUEST = PersonId(GUESTS_FROM + 5)
FREE, VIP, ONE_TO_ONE = ShowKind.FREE, ShowKind.VIP, ShowKind.ONE_TO_ONE


async def pay(visit: Visit, show, person=None, *, amount=None, key=None):
    """Yi pays, unless said."""
    return await visit.engine.admissions.pay(person or visit.yi, show, amount=amount, key=key)


async def rights(visit: Visit, show):
    """Of jliu, yi, wei and somebody without an account."""
    return [
        None if found is None else found.right
        for person_id in (visit.jliu.id, visit.yi.id, visit.wei.id, GUEST)
        for found in [await visit.engine.admissions.pass_of(person_id, show)]
    ]


@pytest.mark.parametrize(
    ("kind", "price", "paid", "subscribed"),
    [
        (FREE, 0, Right.FREE, Right.FREE),
        (FREE, 10, Right.FREE, Right.FREE),
        (VIP, 0, Right.FREE, Right.FREE),
        (VIP, 10, Right.PAID, Right.SUBSCRIBED),
        (ONE_TO_ONE, 10, Right.PAID, None),
    ],
)
async def test_the_right_to_enter_comes_from_the_price_the_owner_a_payment_or_a_subscription(
    kind: ShowKind, price: int, paid: Right, subscribed: Right | None
):
    async with on_a_visit() as visit:
        show = await visit.show(kind, price)
        if price_to_enter(show):
            await pay(visit, show)
        await visit.engine.subscriptions.subscribe(visit.wei, visit.jliu, amount=None, key=None)

        free = Right.FREE if paid is Right.FREE else None
        assert await rights(visit, show) == [free or Right.OWNER, paid, subscribed, free]


async def test_a_show_of_which_nothing_was_said_is_free():
    async with on_a_visit() as visit:
        show = await visit.engine.shows.introduce(visit.jliu, "Tina")

        assert await rights(visit, show) == [Right.FREE] * 4


async def test_a_subscription_opens_the_door_for_as_long_as_it_runs_and_a_payment_for_good():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 10)
        await pay(visit, show)
        await visit.subscribed(visit.wei, left_ms=1_000)
        assert await rights(visit, show) == [Right.OWNER, Right.PAID, Right.SUBSCRIBED, None]

        await visit.stage.advance(1_000)

        assert await rights(visit, show) == [Right.OWNER, Right.PAID, None, None]


async def test_entering_costs_what_the_room_costs_once_and_for_good_whatever_it_costs_later():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 30)

        receipt = await pay(visit, show, amount=30)

        assert (receipt.price, receipt.balance) == (30, 970)
        dearer = await visit.show(VIP, 50)
        for again in (show, dearer):
            with pytest.raises(AlreadyExists):
                await pay(visit, again)
        assert await visit.engine.admissions.pass_of(visit.yi.id, dearer) == Pass(Right.PAID)
        assert await visit.diamonds(visit.yi, visit.jliu) == [970, 30]
        await visit.assert_sound()


async def test_each_room_is_paid_for_on_its_own():
    async with on_a_visit() as visit:
        tina, sera = await visit.show(VIP, 30), await visit.show(VIP, 20, "Seraphina")
        await pay(visit, tina)

        assert await visit.engine.admissions.pass_of(visit.yi.id, sera) is None
        assert (await pay(visit, sera)).balance == 950


async def test_of_fifty_at_once_one_pays_and_the_others_are_told_that_it_is_paid():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 30)

        found = await asyncio.gather(*(pay(visit, show) for _ in range(50)), return_exceptions=True)

        assert sum(isinstance(one, AlreadyExists) for one in found) == 49
        assert await visit.diamonds(visit.yi) == [970]


async def test_the_key_that_paid_gets_its_receipt_again():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 30)
        found = await asyncio.gather(*(pay(visit, show, key="k1") for _ in range(10)))
        await visit.show(VIP, 99)

        assert len({(one.entry.id, one.price, one.balance) for one in found}) == 1
        assert await pay(visit, show, key="k1") == found[0]
        with pytest.raises(AlreadyExists):
            await pay(visit, show, key="k2")


async def test_a_price_that_changes_while_two_pay_is_one_payment_and_no_alarm():
    async with on_a_visit() as visit:
        cheap, dear = await visit.show(VIP, 30), await visit.show(VIP, 50)

        found = await asyncio.gather(pay(visit, cheap), pay(visit, dear), return_exceptions=True)

        assert [type(one).__name__ for one in found] == ["AdmissionReceipt", "AlreadyExists"]
        assert await visit.diamonds(visit.yi) == [970]


async def test_what_the_client_says_is_only_compared():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 30)

        for amount in (0, 29, 31, -30):
            with pytest.raises(BadInput):
                await pay(visit, show, amount=amount)


async def test_where_there_is_nothing_to_pay_nobody_pays():
    async with on_a_visit() as visit:
        await visit.stage.grant(visit.jliu, 100)
        for show in (await visit.show(FREE, 10), await visit.show(VIP, 0)):
            with pytest.raises(WrongPhase):
                await pay(visit, show)
        with pytest.raises(WrongPhase):
            await pay(visit, await visit.show(VIP, 10), visit.jliu)

        assert await visit.diamonds(visit.yi, visit.jliu) == [1_000, 100]


async def test_who_cannot_or_may_not_pay_has_no_right():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 1_001)
        banned = replace(visit.yi, ban=Ban(kind=BanKind.ACCOUNT, text="封号", since_ms=0))

        with pytest.raises(BelowFloor):
            await pay(visit, show)
        with pytest.raises(Banned):
            await pay(visit, show, banned)

        assert await visit.engine.admissions.pass_of(visit.yi.id, show) is None


async def test_a_lost_answer_is_one_payment_and_the_same_key_has_its_receipt():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 30)
        visit.switch.loses_answers, visit.switch.only = True, "ledger.post"
        with pytest.raises(StoreDown):
            await pay(visit, show, key="k1")
        visit.switch.loses_answers = False

        assert (await pay(visit, show, key="k1")).balance == 970


# --- one-to-one ----------------------------------------------------------------------------------------------------


def let_in(visit: Visit, *people) -> None:
    visit.engine.rooms.people_in = lambda _room_id: {person.id for person in people}  # type: ignore[method-assign, assignment]


async def test_while_somebody_is_in_a_one_to_one_room_nobody_else_gets_in_or_pays():
    async with on_a_visit() as visit:
        show = await visit.show(ONE_TO_ONE, 30)
        let_in(visit, visit.jliu, visit.wei)
        admissions = visit.engine.admissions

        with pytest.raises(Busy):
            await pay(visit, show)
        with pytest.raises(Busy):
            admissions.require_place(visit.yi.id, show)
        for person in (visit.wei, visit.jliu):
            admissions.require_place(person.id, show)
        admissions.require_place(visit.yi.id, await visit.show(VIP, 30, "Seraphina"))

        assert await visit.diamonds(visit.yi) == [1_000]


async def test_of_two_who_pay_at_once_for_the_only_place_one_is_charged():
    async with on_a_visit() as visit:
        show = await visit.show(ONE_TO_ONE, 30)

        found = await asyncio.gather(pay(visit, show), pay(visit, show, visit.wei), return_exceptions=True)

        assert [type(one).__name__ for one in found] == ["AdmissionReceipt", "Busy"]
        assert await visit.diamonds(visit.yi, visit.wei) == [970, 1_000]


async def test_a_place_waits_a_while_for_who_has_paid_and_not_for_who_could_not():
    async with on_a_visit() as visit:
        show = await visit.show(ONE_TO_ONE, 1_000)
        await visit.engine.donations.donate(visit.wei, visit.jliu, 1, key=None, room_id=None)
        with pytest.raises(BelowFloor):
            await pay(visit, show, visit.wei)
        await pay(visit, show)
        await visit.stage.grant(visit.wei, 1, key="more")

        await visit.stage.advance(29_000)
        with pytest.raises(Busy):
            await pay(visit, show, visit.wei)
        await visit.stage.advance(1_000)

        assert (await pay(visit, show, visit.wei)).balance == 0


async def test_how_many_may_be_inside_is_a_setting():
    options = settings.Settings(site=settings.Site(one_to_one_guests_max=2))
    async with on_a_visit(options) as visit:
        show = await visit.show(ONE_TO_ONE, 30)
        let_in(visit, visit.jliu, visit.wei)

        assert (await pay(visit, show)).balance == 970


async def test_both_hear_of_a_payment_once():
    async with on_a_visit() as visit:
        show = await visit.show(VIP, 30)
        paid = await pay(visit, show, key="k1")
        await visit.stage.advance(1_000)
        await pay(visit, show, key="k1")
        with pytest.raises(AlreadyExists):
            await pay(visit, show)
        await visit.stage.advance(10_000)

        for person in (visit.yi, visit.jliu):
            (event,) = [told for told in visit.stage.heard.events[person.id] if isinstance(told, AdmissionPaid)]
            assert (event.event_id, event.room_id) == (paid.entry.id, show.id)
            assert (event.from_name, event.price) == ("yi zhao", 30)
        await visit.assert_sound()
