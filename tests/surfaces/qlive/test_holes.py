"""The holes of the original, each with what would go through it. Source: seed behaviour §7.2.

Those in accounts (columns, signatures, tokens) are in ``test_people``; in payment, in ``test_orders``; in callbacks, in
``test_im_notify``.
"""

import asyncio

import pytest

from tests.surfaces.contracts import contract_of
from tests.surfaces.qlive.golden import tom_and_mei_sit
from tests.surfaces.qlive.scene import BASE, Scene, on_air

gen_test = pytest.mark.gen_test
CONTRACT = tuple(contract_of("qlive").values())
DOCUMENTED = {f"{entry['method']} {entry['path'].rstrip('/')}" for entry in CONTRACT} | {
    alias.rstrip("/") for entry in CONTRACT for alias in entry["aliases"]
}
EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What a view set of the framework has beside the documented actions: its lists, and one thing by its number.
GENERIC = ("qlive_user", "qlive_gift", "qlive_pay", "qlive_room", "qlive_like", "get_livelist", "get_configs")


async def seated(scene: Scene) -> dict[str, object]:
    """Who is on the microphones, as hong sees it."""
    inside = (await scene.call(scene.hong, "GET", "get_playurl/", {"live_id": scene.hong.id})).body
    return {name: inside[name].get("user_id") for name in ("owner", "male", "female")}


@gen_test
@pytest.mark.parametrize("who", ["tom", "mei"])
async def test_nobody_ends_the_live_of_another_nor_unseats_anybody_but_himself(who):
    async with on_air() as scene:
        await tom_and_mei_sit(scene)
        me, other = (scene.tom, scene.mei) if who == "tom" else (scene.mei, scene.tom)
        before = await seated(scene)

        ended = await scene.call(me, "POST", "qlive_room/live_end/", {"live_id": scene.hong.id})
        # With the other one's gender, too: the original cleared the seat by that alone.
        for sent in ({"user_id": other.id}, {"user_id": other.id, "gender": 1}, {"user_id": scene.hong.id}):
            refused = await scene.call(me, "GET", "qlive_room/leave_micro/", {"live_id": scene.hong.id, **sent})
            assert refused.status == 403
        mistaken = await scene.call(
            me, "GET", "qlive_room/leave_micro/", {"live_id": scene.hong.id, "gender": 2 if who == "tom" else 1}
        )

        assert (ended.status, mistaken.status) == (403, 200)
        gone = "male" if who == "tom" else "female"
        assert await seated(scene) == before | {gone: None}


@gen_test
async def test_nobody_takes_a_seat_uninvited_nor_from_outside_the_room():
    async with on_air() as scene:
        lan = await scene.sign_up("兰姐", gender=2, matchmaker=1)
        await scene.call(lan, "POST", "qlive_room/matchmaker_enter/")
        await scene.live()
        accept = {"live_id": scene.hong.id}

        outside = await scene.call(scene.tom, "POST", "qlive_room/accept_micro/", accept)
        await scene.watches(scene.tom)
        uninvited = await scene.call(scene.tom, "POST", "qlive_room/accept_micro/", accept)
        # Being wanted in one room is worth nothing in another.
        await scene.applies(scene.tom)
        elsewhere = await scene.call(scene.tom, "POST", "qlive_room/accept_micro/", {"live_id": lan.id})

        assert (outside.status, uninvited.status, elsewhere.status) == (400, 403, 400)
        assert await seated(scene) == {"owner": scene.hong.id, "male": None, "female": None}


@gen_test
async def test_nobody_looks_into_a_room_from_outside():
    async with on_air() as scene:
        await tom_and_mei_sit(scene)
        jack = await scene.sign_up("小刚", gender=1)

        refused = await scene.call(jack, "GET", "qlive_user/get_users_info/", {"live_id": scene.hong.id, "gender": 1})

        assert (refused.status, refused.body["detail"]) == (400, "not in this room")


@gen_test
async def test_only_documented_routes_exist():
    async with on_air() as scene:
        routes = {f"{method} {path}" for method, path, _ in scene.door.routes()}

        assert routes == DOCUMENTED


@gen_test
@pytest.mark.parametrize("name", GENERIC)
async def test_nothing_is_listed_made_changed_or_deleted_by_a_method_of_the_framework(name):
    async with on_air() as scene:
        await tom_and_mei_sit(scene)
        before = scene.dump()

        for method in EVERY_METHOD:
            for path in (f"{BASE}/{name}/", f"{BASE}/{name}/1/", f"{BASE}/{name}/{scene.mei.id}/"):
                if f"{method} {path.rstrip('/')}" in DOCUMENTED:
                    continue
                answered = await scene.ask(
                    method, path, {"gold": 9} if method != "GET" else None, headers=scene.hong.headers
                )
                assert answered.status in (404, 405), (method, path)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("text", ["' OR '1'='1", "'; DROP TABLE qlive_room; --", '{"$gt": ""}', "%27", "\\", "（"])
async def test_ids_from_outside_are_values_and_never_part_of_a_query(text):
    async with on_air() as scene:
        await tom_and_mei_sit(scene)
        before = scene.dump()

        answers = [
            await scene.call(scene.tom, "GET", "get_playurl/", {"live_id": text}),
            await scene.call(scene.hong, "GET", "qlive_room/leave_micro/", {"live_id": scene.hong.id, "user_id": text}),
            await scene.call(scene.mei, "GET", "qlive_gift/push_gift/", {"user_id": text, "gift_id": 1, "num": 1}),
            await scene.call(scene.mei, "GET", "qlive_like/", {"user_id": text}),
        ]

        assert {answered.status for answered in answers} == {404}
        assert scene.dump() == before


@gen_test
async def test_both_purses_of_a_gift_change_together_and_once():
    async with on_air() as scene:
        rose = {"user_id": scene.tom.id, "gift_id": 1, "num": 5, "request_id": "again"}

        await asyncio.gather(*(scene.call(scene.mei, "GET", "qlive_gift/push_gift/", rose) for _ in range(5)))

        mei = (await scene.call(scene.mei, "GET", "qlive_user/get_userinfo/")).body
        tom = (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/")).body
        assert (mei["gold"], tom["income"]) == (5, 2)


@gen_test
async def test_what_one_room_is_told_is_not_shown_in_another():
    async with on_air() as scene:
        lan = await scene.sign_up("兰姐", gender=2, matchmaker=1)
        await scene.call(lan, "POST", "qlive_room/matchmaker_enter/")
        await tom_and_mei_sit(scene)

        other = (await scene.call(lan, "GET", "get_playurl/", {"live_id": lan.id})).body

        assert (other["owner"]["user_id"], other["anchor_info"]["nickname"]) == (lan.id, "兰姐")
        assert (other["male"], other["female"], other["num_list"], other["seq"]) == ({}, {}, [0, 0, 0, 0], 0)


@gen_test
async def test_neither_token_nor_signature_nor_push_address_is_written_down():
    async with on_air() as scene:
        await tom_and_mei_sit(scene)
        inside = (await scene.call(scene.tom, "GET", "get_playurl/", {"live_id": scene.hong.id})).body
        await scene.call(scene.tom, "GET", "nothing/")
        await scene.call(None, "GET", "get_livelist/", headers={"Authorization": "QLiveToken " + "a" * 40})
        signature = (await scene.call(scene.tom, "GET", "qlive_user/get_userinfo/")).body["user_sig"]

        logged = repr(scene.log.lines)
        secret = inside["push_url"].partition("txSecret=")[2].partition("&")[0]
        assert len(secret) == 32
        assert not any(word in logged for word in (scene.tom.token, scene.hong.token, "a" * 40, signature, secret))
