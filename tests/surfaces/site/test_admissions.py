"""Paying for a room over HTTP: the room's price and no other, once and for good, and one place where there is one."""

import asyncio

import pytest

from engine.records import ShowInfo, ShowKind
from store.interfaces.money import Currency
from tests.surfaces.served import Answered
from tests.surfaces.site.scene import Person, Scene, on_air
from tests.surfaces.site.test_donations import held

gen_test = pytest.mark.gen_test
VIP = ShowInfo(title="", price=30, kind=ShowKind.VIP)
FOR_ONE = ShowInfo(title="", price=30, kind=ShowKind.ONE_TO_ONE)


async def describe(scene: Scene, info: ShowInfo = VIP) -> None:
    await scene.engine.shows.describe(await scene.record(scene.jliu), "Tina", info)


async def pay(scene: Scene, who: Person | None = None, *, key: str = "", **more: object) -> Answered:
    """Yi pays, unless said."""
    headers = {"Idempotency-Key": key} if key else None
    sent = {"room_id": f"{scene.jliu.id}_Tina", **more}
    return await scene.call(who or scene.yi, "POST", "live/pay_vip_coin", sent, headers=headers)


async def may_enter(scene: Scene, who: Person | None) -> bool:
    query = {"room_id": f"{scene.jliu.id}_Tina"}
    shown = (await scene.call(who, "GET", "live/get_live_info", query)).body["data"]["vip_info"]
    return bool(shown["vip_status"])


@gen_test
async def test_paying_opens_the_room_its_history_and_its_socket():
    async with on_air() as scene:
        await describe(scene)
        await scene.engine.show_rooms.start(await scene.record(scene.jliu), "Tina")
        await scene.give((await scene.record(scene.wei)).id, Currency.SITE_DIAMONDS, 50)
        query = {"room_id": f"{scene.jliu.id}_Tina"}
        path, token = f"/ws/chat/{scene.jliu.id}_Tina/", {"token": scene.wei.access}
        assert not await may_enter(scene, scene.wei)
        assert (await scene.call(scene.wei, "GET", "live/get_user_chat_history", query)).status == 403
        assert (await (await scene.open_ear(path, token)).ended())[0] == 4003

        paid = await pay(scene, scene.wei)

        assert (paid.body["data"]["pay_coin_num"], paid.body["data"]["remaining_balance"]) == (30, 20)
        assert await may_enter(scene, scene.wei)
        assert not await may_enter(scene, scene.yi)
        assert (await scene.call(scene.wei, "GET", "live/get_user_chat_history", query)).status == 200
        assert (await (await scene.open_ear(path, token)).hear())["type"] == "room_status"


@gen_test
async def test_a_second_payment_charges_nothing_and_says_so():
    async with on_air() as scene:
        await describe(scene)
        answers = await asyncio.gather(*(pay(scene) for _ in range(20)))

        refused = [one for one in answers if one.status != 200]
        assert len(refused) == 19
        assert {(one.status, one.body["code"], one.body["message"]) for one in refused} == {(409, 1, "已支付")}
        assert [await held(scene, who) for who in (scene.yi, scene.jliu)] == [930, 30]


@gen_test
async def test_the_key_that_paid_gets_its_answer_again():
    async with on_air() as scene:
        await describe(scene)
        first = await pay(scene, key="k")

        again, other = await pay(scene, key="k"), await pay(scene, key="other")

        assert again.body == first.body
        assert (other.status, other.body["error"]) == (409, "ALREADY_EXISTS")
        assert await held(scene, scene.yi) == 930


@gen_test
@pytest.mark.parametrize("amount", [0, 1, 29, 31, -30, -1, 30.5, "x", True, 2**53])
async def test_no_amount_of_the_clients_counts_but_the_rooms_price(amount):
    async with on_air() as scene:
        await describe(scene)
        before = scene.dump()

        answered = await pay(scene, amount=amount)

        assert (answered.status, answered.body["message"]) == (400, "参数 amount 不正确")
        assert scene.dump() == before


@gen_test
async def test_the_room_says_whose_it_is():
    async with on_air() as scene:
        await describe(scene)
        lan = await scene.anchor("lan")
        before = scene.dump()

        for anchor_id in (lan.id, scene.yi.id, "x"):
            answered = await pay(scene, anchor_id=anchor_id)
            assert (answered.status, answered.body["message"]) == (400, "参数 anchor_id 不正确")

        assert scene.dump() == before
        assert (await pay(scene, anchor_id=scene.jliu.id, room_name="whatever", amount="30")).status == 200


@gen_test
async def test_where_there_is_nothing_to_pay_nobody_pays():
    async with on_air() as scene:
        await describe(scene)
        own = await pay(scene, scene.jliu)
        await describe(scene, ShowInfo(title="", price=30, kind=ShowKind.FREE))
        free = await pay(scene)

        for answered in (own, free):
            assert (answered.status, answered.body["message"]) == (409, "该直播间无需支付")
        assert await held(scene, scene.yi) == 960


@gen_test
async def test_a_room_for_one_that_is_taken_sells_no_second_place():
    async with on_air() as scene:
        await describe(scene, FOR_ONE)
        await scene.engine.show_rooms.start(await scene.record(scene.jliu), "Tina")
        await scene.give((await scene.record(scene.wei)).id, Currency.SITE_DIAMONDS, 50)
        assert (await pay(scene, scene.wei)).status == 200
        ear = await scene.open_ear(f"/ws/chat/{scene.jliu.id}_Tina/", {"token": scene.wei.access})
        await ear.hear_next("room_status")
        before = scene.dump()

        occupied = await pay(scene)

        assert (occupied.status, occupied.body["code"], occupied.body["error"]) == (409, 1, "BUSY")
        assert occupied.body["message"] == "房间已被占用"
        assert scene.dump() == before


@gen_test
async def test_of_two_who_pay_for_one_place_at_once_one_is_charged():
    async with on_air() as scene:
        await describe(scene, FOR_ONE)
        await scene.give((await scene.record(scene.wei)).id, Currency.SITE_DIAMONDS, 960)

        answers = await asyncio.gather(pay(scene), pay(scene, scene.wei))

        assert sorted(one.status for one in answers) == [200, 409]
        assert sorted([await held(scene, scene.yi), await held(scene, scene.wei)]) == [930, 960]
