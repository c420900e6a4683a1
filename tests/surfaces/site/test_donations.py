"""Donating over HTTP: what an amount may look like, what comes back, who looks at what, and who hears of it."""

import asyncio

import pytest

from engine import settings
from store.interfaces.money import Currency
from tests.surfaces.served import Answered
from tests.surfaces.site.scene import Person, Scene, on_air

gen_test = pytest.mark.gen_test
FIFTY_FIFTY = settings.Settings(site=settings.Site(anchor_share_percent=50))


async def donate(
    scene: Scene, amount: object = 10, *, who: Person | None = None, key: str = "", form: bool = False, **more: object
) -> Answered:
    """Yi donates to jliu, unless said."""
    sent = {"anchor_id": scene.jliu.id, "amount": amount, **more}
    headers = {"Idempotency-Key": key} if key else None
    return await scene.call(who or scene.yi, "POST", "balance/make_donation/", sent, headers=headers, form=form)


async def held(scene: Scene, who: Person) -> int:
    """The diamonds that somebody has."""
    held = (await scene.call(who, "GET", "users/is_logged_in")).body["data"]["user_info"]["coin_num"]
    assert isinstance(held, int)
    return held


async def list_of(scene: Scene, whose: str, **query: object) -> list[dict[str, object]]:
    """The donations of yi (``user``) or of jliu (``anchor``)."""
    sent = query if whose == "user" else {"anchor_id": scene.jliu.id, **query}
    answered = await scene.call(scene.yi, "GET", f"balance/get_{whose}_donations/", sent)
    assert answered.status == 200, answered
    lines = answered.body["data"][f"{whose}_donations"]
    assert isinstance(lines, list)
    return lines


# --- amounts ---------------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize("amount", [10, 10.0, "10", "10.0", "10.00"])
async def test_ten_is_ten_however_it_is_written(amount, form):
    async with on_air() as scene:
        answered = await donate(scene, amount, form=form)

        assert answered.body["data"]["amount"] == 10.0
        assert type(answered.body["data"]["amount"]) is float
        assert [await held(scene, who) for who in (scene.yi, scene.jliu)] == [950, 10]


@gen_test
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
async def test_what_is_no_whole_positive_amount_is_refused_and_moves_nothing(form):
    wrong: tuple[object, ...] = (
        *(10.5, "10.5", "10.", ".5", "10,0", "1e3", "１０", " 10", "10 ", "+10", "0x10", "10.0x", "NaN", "-10.00"),
        *(
            0,
            0.0,
            "0.00",
            -1,
            -10,
            -10.0,
            2**53,
            float(2**53),
            10**30,
            1e300,
            "9" * 400,
            "1" * 400 + ".0",
            True,
            "true",
        ),
    )
    async with on_air() as scene:
        before = scene.dump()

        for amount in wrong:
            await scene.limits_clock.advance(100)
            answered = await donate(scene, amount, form=form)
            assert (answered.status, answered.body["message"]) == (400, "参数 amount 不正确"), amount
        assert scene.dump() == before


@gen_test
async def test_more_than_the_largest_amount_is_no_amount_and_more_than_there_is_none_either():
    async with on_air() as scene:
        before = scene.dump()

        answers = [await donate(scene, amount) for amount in (961, 10**15)]

        assert [(one.status, one.body["error"]) for one in answers] == [
            (400, "INSUFFICIENT_BALANCE"),
            (400, "BAD_INPUT"),
        ]
        assert scene.dump() == before


# --- once, and from a receipt ----------------------------------------------------------------------------------------


@gen_test
async def test_the_same_key_again_gets_the_first_answer_and_moves_nothing():
    async with on_air() as scene:
        first = await donate(scene, key="k")
        await donate(scene)
        before = scene.dump()

        again = await donate(scene, key="k")
        other = await donate(scene, 11, key="k")

        assert again.body == first.body
        assert (other.status, other.body["error"]) == (409, "KEY_REUSED")
        assert scene.dump() == before


@gen_test
async def test_of_many_at_once_each_is_answered_with_what_was_left_right_after_it():
    async with on_air() as scene:
        answers = await asyncio.gather(*(donate(scene, 100) for _ in range(20)))

        told = [one.body["data"]["remaining_balance"] for one in answers if one.status == 200]
        assert sorted(told, reverse=True) == [960.0 - 100 * number for number in range(1, 10)]
        assert {(one.status, one.body["message"]) for one in answers if one.status != 200} == {(400, "钻石余额不足")}
        assert [await held(scene, who) for who in (scene.yi, scene.jliu)] == [60, 900]


@gen_test
async def test_a_key_that_can_be_none_is_refused():
    async with on_air() as scene:
        for key in ("a b", "é", "x" * 65, "{}"):
            answered = await donate(scene, key=key)
            assert (answered.status, answered.body["error"]) == (400, "BAD_INPUT")
        assert await list_of(scene, "user") == []


# --- to whom ---------------------------------------------------------------------------------------------------------


@gen_test
async def test_only_anchors_are_given_to_and_nobody_gives_to_himself():
    async with on_air() as scene:
        await scene.give((await scene.record(scene.jliu)).id, Currency.SITE_DIAMONDS, 50)
        before = scene.dump()

        to_nobody = [await donate(scene, anchor_id=one) for one in ("x" * 22, scene.wei.id, scene.yi.id, 10**15)]
        to_herself = await donate(scene, who=scene.jliu)

        assert {(one.status, one.body["message"]) for one in to_nobody} == {(404, "主播不存在")}
        assert (to_herself.status, to_herself.body["message"]) == (400, "参数 anchor_id 不正确")
        assert scene.dump() == before


@gen_test
async def test_anchors_have_a_purse_like_everybody_and_may_give_to_each_other():
    async with on_air() as scene:
        lan = await scene.anchor("lan")
        await donate(scene, 30)

        answered = await donate(scene, 20, who=scene.jliu, anchor_id=lan.id)

        assert (answered.body["data"]["user_name"], answered.body["data"]["remaining_balance"]) == ("jliu", 10.0)


# --- looking at it ---------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("whose", ["user", "anchor"])
async def test_lists_are_newest_first_and_come_in_pages_to_those_who_ask(whose):
    async with on_air() as scene:
        for amount in (1, 2, 3, 4, 5):
            await donate(scene, amount)  # All in one moment.
        await scene.clock.advance(999)
        await donate(scene, 6)

        async def amounts(**query: object) -> list[object]:
            return [line["donation_amount"] for line in await list_of(scene, whose, **query)]

        assert await amounts() == await amounts(page=1) == await amounts(page="") == [6, 5, 4, 3, 2, 1]
        assert [await amounts(page=page, page_size=4) for page in (1, 2, 3)] == [[6, 5, 4, 3], [2, 1], []]


@gen_test
@pytest.mark.parametrize("whose", ["user", "anchor"])
@pytest.mark.parametrize("sent", [{"page": 0}, {"page": -1}, {"page": 10_001}, {"page": "x"}, {"page_size": 101}])
async def test_a_page_that_cannot_be_is_refused(whose, sent):
    async with on_air() as scene:
        query = {"anchor_id": scene.jliu.id, **sent}

        answered = await scene.call(scene.yi, "GET", f"balance/get_{whose}_donations/", query)

        assert (answered.status, answered.body["error"]) == (400, "BAD_INPUT")


@gen_test
async def test_where_nothing_was_given_lists_are_empty_and_sums_nought():
    async with on_air() as scene:
        anchor = {"anchor_id": scene.jliu.id}
        totals = [
            (await scene.call(scene.wei, "GET", "balance/get_user_total_donated/")).body["data"],
            (await scene.call(None, "GET", "balance/get_anchor_total_received/", anchor)).body["data"],
        ]

        assert [await list_of(scene, "user"), await list_of(scene, "anchor")] == [[], []]
        assert totals == [{"total_donated": 0.0}, {"total_received": 0.0}]
        assert all(type(one) is float for total in totals for one in total.values())


@gen_test
async def test_sums_are_of_donations_only_and_the_same_on_both_sides_whatever_the_house_keeps():
    async with on_air(FIFTY_FIFTY) as scene:
        for _ in range(4):
            await donate(scene)
        anchor = {"anchor_id": scene.jliu.id}
        assert (await scene.call(scene.yi, "POST", "subscription/subscribe_to_anchor/", anchor)).status == 200

        given = await scene.call(scene.yi, "GET", "balance/get_user_total_donated/")
        received = await scene.call(None, "GET", "balance/get_anchor_total_received/", anchor)

        assert given.body["data"] == {"total_donated": 40.0}
        assert received.body["data"] == {"total_received": 40.0}
        assert [await held(scene, who) for who in (scene.yi, scene.jliu)] == [910, 25]


@gen_test
async def test_what_an_anchor_was_given_is_public_and_tells_no_more_than_names_and_amounts():
    async with on_air() as scene:
        await donate(scene)

        answered = await scene.call(None, "GET", "balance/get_anchor_donations/", {"anchor_id": scene.jliu.id})

        (line,) = answered.body["data"]["anchor_donations"]
        assert line.keys() == {"donation_id", "user_name", "donation_amount", "donation_date"}


@gen_test
async def test_a_fraction_of_a_second_is_shown_to_the_giver_and_left_out_of_lists():
    async with on_air() as scene:
        await scene.clock.advance(21_167)

        told = (await donate(scene)).body["data"]["donation_date"]

        assert told == "2026-01-01T00:00:21.167000Z"
        assert [line["donation_date"] for line in await list_of(scene, "user")] == ["2026-01-01T00:00:21Z"]


# --- who hears of it -------------------------------------------------------------------------------------------------


@gen_test
async def test_the_anchors_room_in_which_the_giver_is_hears_of_it_once():
    async with on_air() as scene:
        await scene.give((await scene.record(scene.wei)).id, Currency.SITE_DIAMONDS, 50)
        await scene.engine.show_rooms.start(await scene.record(scene.jliu), "Tina")
        guest = await scene.open_ear(f"/ws/chat/{scene.jliu.id}_Tina/", {})
        await guest.hear_next("room_status")
        wei = await scene.open_ear(f"/ws/chat/{scene.jliu.id}_Tina/", {"token": scene.wei.access})
        await wei.hear_next("room_status")

        first = await donate(scene, who=scene.wei, key="k")
        await donate(scene, who=scene.wei, key="k")
        await donate(scene, 7, who=scene.wei)

        for ear in (guest, wei):
            told = [await ear.hear_of("donation") for _ in range(2)]
            assert [one["amount"] for one in told] == [10, 7]
            assert told[0]["donation_id"] == first.body["data"]["donation_id"]
            assert (told[0]["user_name"], told[0]["anchor_name"]) == ("wei", "jliu")
