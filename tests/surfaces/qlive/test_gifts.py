"""Gifts: paid with gold and then with income, once however often they are asked for, and seen by the room."""

import asyncio

import pytest
from msgspec.structs import replace

from engine import settings
from store.interfaces.money import Currency
from tests.surfaces.qlive.golden import tom_and_mei_sit
from tests.surfaces.qlive.scene import BASE, OPTIONS, Person, Scene, on_air
from tests.surfaces.served import Answered

gen_test = pytest.mark.gen_test
MANY = settings.Settings(
    qlive=settings.Qlive(
        gifts=tuple(settings.QliveGift(id=number, name=f"g{number}", gold=number) for number in range(1, 10))
    )
)


async def push(
    scene: Scene, who: Person, to: Person, *, method: str = "GET", headers: dict[str, str] | None = None, **sent: object
) -> Answered:
    wanted = {"user_id": to.id, "gift_id": 1, "num": 1, **sent}
    return await scene.call(who, method, "qlive_gift/push_gift/", wanted, headers=headers)


async def purses(scene: Scene, who: Person) -> tuple[int, int]:
    shown = (await scene.call(who, "GET", "qlive_user/get_userinfo/")).body
    return shown["gold"], shown["income"]


async def give_income(scene: Scene, who: Person, amount: int) -> None:
    await scene.give((await scene.record(who)).id, Currency.QLIVE_INCOME, amount)


# --- paying ----------------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize(
    ("gold", "income", "num", "left", "earned"),
    [
        (10, 0, 10, (0, 0), 5),
        (10, 5, 9, (1, 5), 4),
        (10, 5, 11, (0, 4), 5),
        (10, 5, 15, (0, 0), 7),
        (0, 5, 1, (0, 4), 0),
    ],
)
async def test_gold_is_spent_first_and_the_whole_cost_counts_for_the_recipient(gold, income, num, left, earned):
    async with on_air() as scene:
        giver = await scene.sign_up("g", gender=1, **({"gold": gold} if gold else {}))
        if income:
            await give_income(scene, giver, income)

        given = (await push(scene, giver, scene.tom, num=num)).body

        assert (given["gold"], given["income"]) == left == await purses(scene, giver)
        assert (given["status"], given["code"], given["detail"]) == ("success", "success", "赠送成功")
        assert await purses(scene, scene.tom) == (0, earned)


@gen_test
async def test_too_little_in_both_purses_says_what_is_in_them_and_takes_nothing():
    async with on_air() as scene:
        await give_income(scene, scene.mei, 5)
        before = scene.dump()

        refused = await push(scene, scene.mei, scene.tom, num=16)

        assert refused.status == 200
        assert {name: refused.body[name] for name in ("status", "code", "gold", "income", "detail", "error")} == {
            "status": "failed",
            "code": "failed",
            "gold": 10,
            "income": 5,
            "detail": "账户余额不足",
            "error": "INSUFFICIENT_BALANCE",
        }
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("key", [{"headers": {"Idempotency-Key": "k-1"}}, {"request_id": "k-1"}])
async def test_the_same_key_again_gives_once_and_gets_the_first_answer(method, key):
    async with on_air() as scene:
        first = await push(scene, scene.mei, scene.tom, method=method, num=3, **key)
        await push(scene, scene.mei, scene.tom, num=1)

        again = await asyncio.gather(*(push(scene, scene.mei, scene.tom, method=method, num=3, **key) for _ in "ab"))

        assert {(answered.status, str(answered.body)) for answered in again} == {(200, str(first.body))}
        assert await purses(scene, scene.mei) == (6, 0)


@gen_test
async def test_a_key_stands_for_one_gift_of_one_giver():
    async with on_air() as scene:
        await give_income(scene, scene.tom, 10)
        key = {"headers": {"Idempotency-Key": "k-1"}}
        await push(scene, scene.mei, scene.tom, **key)

        another_number = await push(scene, scene.mei, scene.tom, num=2, **key)
        another_person = await push(scene, scene.mei, scene.hong, **key)
        of_another = await push(scene, scene.tom, scene.mei, **key)

        assert [(one.status, one.body.get("error")) for one in (another_number, another_person)] == [
            (400, "KEY_REUSED"),
            (400, "KEY_REUSED"),
        ]
        assert of_another.body["status"] == "success"
        # The header is the one that counts.
        both = await push(scene, scene.mei, scene.tom, request_id="k-2", **key)
        assert both.body["gold"] == 9


@gen_test
@pytest.mark.parametrize(
    "sent", [{"request_id": "a b"}, {"request_id": "$ne"}, {"headers": {"Idempotency-Key": "a.b"}}]
)
async def test_a_key_that_is_none_is_refused(sent):
    async with on_air() as scene:
        before = scene.dump()

        refused = await push(scene, scene.mei, scene.tom, **sent)

        assert (refused.status, refused.body["error"]) == (400, "BAD_INPUT")
        assert scene.dump() == before


@gen_test
async def test_ten_at_once_never_spend_more_than_there_is():
    async with on_air() as scene:
        answers = await asyncio.gather(*(push(scene, scene.mei, scene.tom, num=3) for _ in range(10)))

        assert [one.body["status"] for one in answers].count("success") == 3
        assert (await purses(scene, scene.mei), await purses(scene, scene.tom)) == ((1, 0), (0, 3))


@gen_test
@pytest.mark.parametrize(
    ("sent", "status", "detail"),
    [
        ({"gift_id": 99}, 404, "Not found."),
        ({"num": 10_000}, 400, "Invalid num."),
        ({"num": 0}, 400, "Invalid num."),
        ({"num": -5}, 400, "Invalid num."),
        ({"user_id": "<mei>"}, 400, "Invalid user_id."),
        # A price is looked up; what a client says of it is left alone.
        ({"gold": 0, "price": 0, "num": 11}, 200, "账户余额不足"),
    ],
)
async def test_a_gift_that_cannot_be_given_takes_nothing(sent, status, detail):
    async with on_air() as scene:
        before = scene.dump()

        wanted = {name: scene.mei.id if value == "<mei>" else value for name, value in sent.items()}
        refused = await push(scene, scene.mei, scene.tom, **wanted)

        assert (refused.status, refused.body["detail"]) == (status, detail)
        assert scene.dump() == before


@gen_test
async def test_a_banned_person_gives_nothing():
    async with on_air() as scene:
        await scene.ban(scene.mei, text="广告")
        before = scene.dump()

        refused = await push(scene, scene.mei, scene.tom)

        assert (refused.status, refused.body["detail"]) == (403, "广告")
        assert scene.dump() == before


# --- where it is seen ------------------------------------------------------------------------------------------------


@gen_test
async def test_a_gift_is_shown_in_the_room_in_which_both_are_and_otherwise_to_the_two_alone():
    async with on_air() as scene:
        await tom_and_mei_sit(scene)
        jack = await scene.sign_up("小刚", gender=1)
        ears = {who: await scene.open_ear(f"{BASE}/ws/", {"token": who.token}) for who in (scene.hong, scene.tom, jack)}
        for ear in ears.values():
            await ear.say({"type": "ping"})
            await ear.hear_next("pong")

        await push(scene, scene.mei, jack, num=2)
        outside = await ears[jack].hear_next("gift")
        await push(scene, scene.mei, scene.tom, num=3)
        inside = [await ears[who].hear_next("gift") for who in (scene.hong, scene.tom)]

        assert (outside["content"]["gift_num"], outside.get("group_id")) == (2, None)
        # Neither has heard of the one that was given outside.
        assert [(frame["content"]["gift_num"], frame["group_id"]) for frame in inside] == [(3, scene.hong.id)] * 2


# --- the catalogue ---------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("name", ["qlive_gift", "get_giftlist"])
async def test_the_catalogue_comes_in_pages_of_eight_whose_links_lead_to_each_other(name):
    async with on_air(MANY) as scene:
        first = (await scene.call(scene.tom, "GET", f"{name}/")).body
        base = "https://live.example/wx/api/qlive/qlive_gift/"

        assert (first["count"], first["next"], first["previous"]) == (9, f"{base}?page=2", None)
        assert [gift["id"] for gift in first["results"]] == list(range(1, 9))
        path, _, query = first["next"].removeprefix("https://live.example").partition("?")
        second = (await scene.ask("GET", f"{path}?{query}", headers=scene.tom.headers)).body
        assert (second["count"], second["next"], second["previous"]) == (9, None, f"{base}?page=1")
        assert [gift["id"] for gift in second["results"]] == [9]
        missing = await scene.call(scene.tom, "GET", f"{name}/", {"page": 3})
        assert (missing.status, missing.body["detail"]) == (404, "Invalid page.")


@gen_test
@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("live.example", "http://live.example"),
        ("evil.example/x?", ""),
        ('"><script>', ""),
        ("a@b", ""),
    ],
)
async def test_without_an_address_of_our_own_links_lead_to_where_the_client_asked(host, base):
    async with on_air(MANY, surface=replace(OPTIONS, public_url="")) as scene:
        headers = {**scene.tom.headers, "Host": host}

        page = (await scene.ask("GET", f"{BASE}/qlive_gift/", headers=headers)).body

        assert page["next"] == f"{base}/wx/api/qlive/qlive_gift/?page=2"


@gen_test
async def test_an_empty_catalogue_is_an_empty_first_page():
    async with on_air(settings.Settings(qlive=settings.Qlive(gifts=()))) as scene:
        page = (await scene.call(scene.tom, "GET", "qlive_gift/")).body

        assert page == {"count": 0, "next": None, "previous": None, "results": []}
