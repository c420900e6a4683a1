"""Friends and groups as clients use them. Source: SO-37 … SO-44, seed behaviour §7.3."""

import asyncio

import pytest

from tests.surfaces.social.golden_contacts import a_group_is_made, a_group_is_there, wxy_has_friends
from tests.surfaces.social.scene import on_line

gen_test = pytest.mark.gen_test

ADD, FRIENDS = "/api/contact/add-friend", "/api/contact/get-friend-list"
CREATE, JOIN = "/api/contact/create-community", "/api/contact/join-community"
MEMBERS, GROUPS, LOADED = (f"/api/contact/{name}" for name in ("get-group-users", "get-group-list", "load-community"))


def names(told):
    return [one["username"] for one in told["users"]]


# --- friends -------------------------------------------------------------------------------------------------------


@gen_test
async def test_a_friendship_begins_for_both_at_once():
    async with on_line() as scene:
        await scene.told(scene.wxy, "POST", ADD, {"username": "JHINIH"})

        assert names(await scene.told(scene.wxy, "POST", FRIENDS)) == ["jhinih"]
        assert names(await scene.told(scene.jhinih, "POST", FRIENDS)) == ["wxy"]
        assert names(await scene.told(scene.zhao, "POST", FRIENDS)) == []


@gen_test
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"username": "wxy"}, 10012),
        ({"username": "jhinih"}, 10013),
        ({"username": "nobody here"}, 10011),
        ({"username": ""}, 10014),
        ({}, 10014),
        ({"username": "x" * 65}, 10001),
        ({"username": ["jhinih"]}, 10003),
    ],
)
async def test_why_somebody_does_not_become_a_friend(sent, code):
    async with on_line() as scene:
        await scene.told(scene.jhinih, "POST", ADD, {"username": "wxy"})

        assert await scene.refused(scene.wxy, "POST", ADD, sent) == code


@gen_test
async def test_two_who_add_each_other_at_the_same_moment_are_friends_once():
    async with on_line() as scene:
        codes = await asyncio.gather(
            *(
                scene.call(one, "POST", ADD[1:], {"username": other.name})
                for one, other in ((scene.wxy, scene.zhao), (scene.zhao, scene.wxy))
            )
        )

        assert sorted(answered.body["code"] for answered in codes) == [10013, 20000]
        assert names(await scene.told(scene.wxy, "POST", FRIENDS)) == ["zhao"]


@gen_test
async def test_friends_come_page_by_page_in_either_order():
    async with on_line() as scene:
        await wxy_has_friends(scene)
        await scene.told(scene.ann, "POST", ADD, {"username": "wxy"})

        async def page(**sent):
            return names(await scene.told(scene.wxy, "POST", FRIENDS, sent))

        assert await page(order_by="username") == ["ann", "jhinih", "zhao"]
        assert await page(page="1", page_size="2") == ["ann", "zhao"]
        assert await page(page="2", page_size="2") == ["jhinih"]
        assert await page(page="3", page_size="2") == []
        assert await page(page="2", page_size=1, order_by="username") == ["jhinih"]
        assert await scene.refused(scene.wxy, "POST", FRIENDS, {"order_by": "random"}) == 10001
        assert await scene.refused(scene.wxy, "POST", FRIENDS, {"user_id": scene.zhao.id}) == -20008


# --- groups --------------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"name": ""}, 10015),
        ({"name": "\u200e \n"}, 10015),
        ({}, 10015),
        ({"name": "12345"}, 10016),
        ({"name": "１２"}, 10016),
        ({"name": "\u200b"}, 10015),
        ({"name": "\u3164"}, 10015),
        ({"name": "1\u200b2"}, 10016),
        ({"name": "四", "icon": "javascript:alert(1)"}, 10001),
        ({"name": "四", "icon": "/uploads/../api/login/logout"}, 10001),
        ({"name": "三"}, 10013),
        ({"name": " 三 "}, 10013),
        ({"name": "x" * 31}, 10001),
        ({"name": "四", "owner_id": "<zhao>"}, -20008),
    ],
)
async def test_why_a_group_is_not_made(sent, code):
    async with on_line() as scene:
        await a_group_is_made(scene)
        filled = {name: scene.zhao.id if value == "<zhao>" else value for name, value in sent.items()}

        assert await scene.refused(scene.jhinih, "POST", CREATE, filled) == code
        assert len((await scene.told(scene.jhinih, "POST", LOADED))["groups"]) == 1


@gen_test
async def test_a_group_is_listed_with_what_was_said_of_it():
    async with on_line() as scene:
        sent = {"name": "30" + "字" * 28, "icon": "https://img.example/a.png", "desc": "\u202ewords "}
        made = await scene.told(scene.zhao, "POST", CREATE, sent)

        (group,) = (await scene.told(scene.zhao, "GET", GROUPS))["groups"]

        assert group["id"] == made["id"] == made["community_id"]
        assert (group["name"], group["img"], group["desc"]) == (sent["name"], sent["icon"], "words")
        assert (group["owner_id"], group["owner_name"]) == (scene.zhao.id, "zhao")


@gen_test
async def test_joining_twice_is_joining_once():
    async with on_line() as scene:
        await a_group_is_made(scene)
        for _ in range(2):
            await scene.told(scene.wxy, "POST", JOIN, {"community_id": scene.group})

        assert names(await scene.told(scene.jhinih, "GET", MEMBERS, {"community_id": scene.group})) == ["jhinih", "wxy"]
        assert await scene.refused(scene.wxy, "POST", JOIN, {"community_id": "三"}) == 10003


@gen_test
async def test_members_are_told_to_members_and_an_id_is_needed():
    async with on_line() as scene:
        await a_group_is_made(scene)

        assert await scene.refused(scene.zhao, "GET", MEMBERS, {"community_id": scene.group}) == -20008
        assert await scene.refused(scene.zhao, "GET", MEMBERS, {"community_id": "7"}) == 10018
        assert await scene.refused(scene.zhao, "GET", MEMBERS, {"community_id": ""}) == 10002
        assert await scene.refused(scene.zhao, "GET", MEMBERS) == 10004


@gen_test
async def test_both_lists_of_groups_are_the_same_and_only_ones_own():
    async with on_line() as scene:
        await a_group_is_there(scene)
        await scene.told(scene.zhao, "POST", CREATE, {"name": "四"})

        told = await scene.told(scene.zhao, "POST", LOADED)

        assert [group["name"] for group in told["groups"]] == ["三", "四"]
        assert told == await scene.told(scene.zhao, "GET", GROUPS)
        assert len((await scene.told(scene.wxy, "GET", GROUPS))["groups"]) == 1
        assert await scene.refused(scene.zhao, "GET", GROUPS, {"user_id": scene.wxy.id}) == -20008


@gen_test
async def test_nobody_is_in_more_groups_than_he_can_listen_to(monkeypatch):
    monkeypatch.setattr("engine.services.groups.GROUPS_MAX", 1)
    async with on_line() as scene:
        await a_group_is_made(scene)

        assert await scene.refused(scene.jhinih, "POST", CREATE, {"name": "四"}) == -43960
        await scene.told(scene.jhinih, "POST", JOIN, {"community_id": scene.group})
