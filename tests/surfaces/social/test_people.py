"""Accounts and people, as clients see them."""

import asyncio
from typing import Any

import pytest

from engine.errors import StoreDown
from engine.records import BanKind
from handlers import social
from tests.surfaces.social.scene import PASSWORD, Person, Scene, on_line

gen_test = pytest.mark.gen_test
NEW = "jhinih@163.com"
IMAGE = "https://img.example/a.png"
PRIVATE = ("email", "Phone", "ClientIp", "ClientPort", "DeviceInfo")


async def registered(scene: Scene, name: str = "王鑫宇", email: str = NEW, **more: Any) -> Any:
    """The pair of somebody new."""
    sent = {"email": email, "code": await scene.mailed_code(email), "password": PASSWORD, "username": name}
    return await scene.told(None, "POST", "/api/login/register", sent | more)


def holding(pair: Any) -> Person:
    """Somebody of whom only the tokens are known."""
    return Person("", "", "", pair["atoken"], pair["rtoken"])


async def me(scene: Scene, who: Person) -> Any:
    return await scene.told(who, "GET", "/api/user/get-my-info")


# --- in and out ------------------------------------------------------------------------------------------------------


@gen_test
async def test_somebody_registers_and_is_signed_in_by_that():
    async with on_line() as scene:
        pair = await registered(scene, avatar=IMAGE)

        told = await me(scene, holding(pair))
        assert (told["username"], told["email"], told["avatar"], told["role"]) == ("王鑫宇", NEW, IMAGE, "0")
        assert told["bio"] == told["user"]["Bio"] == "王鑫宇很懒，什么都没留下"
        assert told["user"]["Phone"] == ""
        # What he came with and from is what his client was seen to be.
        assert told["user"]["DeviceInfo"].startswith("Tornado")
        assert told["user"]["ClientIp"] == "127.0.0.1"
        again = await scene.told(None, "POST", "/api/login/login", {"email": NEW, "password": PASSWORD})
        assert (await me(scene, holding(again)))["id"] == told["id"]


@gen_test
async def test_a_code_that_was_used_is_none_and_a_wrong_one_makes_nobody():
    async with on_line() as scene:
        code = await scene.mailed_code(NEW)
        sent = {"email": NEW, "code": code, "password": PASSWORD, "username": "new"}

        assert (
            await scene.refused(None, "POST", "/api/login/register", sent | {"code": f"{int(code) ^ 1:06d}"}) == 10008
        )
        await scene.told(None, "POST", "/api/login/register", sent)
        assert await scene.refused(None, "POST", "/api/login/register", sent | {"username": "newer"}) == 10008


@gen_test
async def test_only_whoever_reads_an_address_learns_whether_it_has_an_account():
    async with on_line() as scene:
        sent = {"email": scene.wxy.email, "code": "000000", "password": PASSWORD, "username": "new"}

        assert await scene.refused(None, "POST", "/api/login/register", sent) == 10008
        sent["code"] = await scene.mailed_code(scene.wxy.email)
        assert await scene.refused(None, "POST", "/api/login/register", sent) == 10010


@gen_test
async def test_a_mail_server_that_takes_no_mail_is_told_as_such():
    async with on_line() as scene:
        scene.mail.is_down = True

        assert await scene.refused(None, "POST", "/api/login/send-code", {"email": NEW}) == 60007

        scene.mail.is_down = False
        await scene.told(None, "POST", "/api/login/send-code", {"email": NEW})
        answered = await scene.call(None, "POST", "api/login/send-code", {"email": NEW})
        assert (answered.body["code"], answered.headers["Retry-After"]) == (-20007, "60")


@gen_test
async def test_an_unknown_address_and_a_wrong_password_get_the_same_answer():
    async with on_line() as scene:
        answers = [
            await scene.call(None, "POST", "api/login/login", {"email": email, "password": password})
            for email, password in (
                (scene.wxy.email, "654321"),
                ("nobody@example.com", PASSWORD),
                (scene.wxy.name, PASSWORD),
            )
        ]

        told = [{name: value for name, value in one.body.items() if name != "request_id"} for one in answers]
        assert told[0] == told[1] == told[2]
        assert told[0]["code"] == 10009


@gen_test
async def test_an_rtoken_gives_other_atokens_until_somebody_signs_out():
    async with on_line() as scene:
        sent = {"rtoken": scene.wxy.rtoken}
        first = await scene.told(None, "POST", "/api/login/refresh-token", sent)
        second = await scene.told(None, "POST", "/api/login/refresh-token", sent)
        assert (await me(scene, scene.wxy._replace(atoken=second["atoken"])))["id"] == scene.wxy.id

        await scene.told(scene.wxy, "POST", "/api/login/logout")

        assert await scene.refused(None, "POST", "/api/login/refresh-token", sent) == -20002
        for atoken in (scene.wxy.atoken, first["atoken"], second["atoken"]):
            assert await scene.refused(scene.wxy._replace(atoken=atoken), "GET", "/api/user/get-my-info") == -20002


@gen_test
async def test_what_is_no_rtoken_gives_nothing():
    async with on_line() as scene:
        words = await scene.words(scene.wxy)
        asked = {words["atoken"], words["ticket"], words["forged"], words["expired"], "x", "a.b.c"}
        for rtoken in asked:
            assert await scene.refused(None, "POST", "/api/login/refresh-token", {"rtoken": rtoken}) == -20002


@gen_test
async def test_signing_out_ends_this_sign_in_that_of_the_rtoken_and_nobody_elses():
    async with on_line() as scene:
        record = await scene.record(scene.wxy)
        other, third = await scene.sign_in(record), await scene.sign_in(record)

        await scene.told(scene.wxy, "POST", "/api/login/logout", {"rtoken": other.rtoken})
        await scene.told(third, "POST", "/api/login/logout", {"rtoken": scene.ann.rtoken})

        assert await scene.refused(other, "GET", "/api/user/get-my-info") == -20002
        assert (await me(scene, scene.ann))["id"] == scene.ann.id
        told = await scene.told(scene.ann, "GET", "/api/user/get-user-info", {"id": scene.wxy.id})
        assert told["user"]["IsLogout"] is True
        assert told["user"]["login_out_time"] == "2026-01-01T08:00:00.000+08:00"


@gen_test
async def test_whoever_is_banned_is_told_so_and_may_still_leave():
    async with on_line() as scene:
        await scene.ban(scene.wxy, BanKind.ACCOUNT, "广告")

        answered = await scene.call(scene.wxy, "GET", "api/user/get-my-info")
        assert (answered.body["code"], answered.body["message"]) == (-20008, "广告")
        sent = {"email": scene.wxy.email, "password": PASSWORD}
        assert await scene.refused(None, "POST", "/api/login/login", sent) == -20008
        assert await scene.refused(None, "POST", "/api/login/refresh-token", {"rtoken": scene.wxy.rtoken}) == -20008
        await scene.told(scene.wxy, "POST", "/api/login/logout")


# --- people ----------------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("path", ["/api/user/get-user-info", "/api/user/get-profile"])
async def test_one_is_told_of_whoever_was_asked_for_without_what_is_his_own_business(path):
    async with on_line() as scene:
        jhinih = await scene.told(scene.wxy, "GET", path, {"id": scene.jhinih.id})
        own = await scene.told(scene.wxy, "GET", path, {"id": scene.wxy.id})

        assert (jhinih["id"], jhinih["user"]["id"], jhinih["email"]) == (scene.jhinih.id, scene.jhinih.id, "")
        assert {name: jhinih["user"][name] for name in PRIVATE} == dict.fromkeys(PRIVATE, "")
        assert own == await scene.told(scene.wxy, "GET", path, {"id": ""}) == await scene.told(scene.wxy, "GET", path)
        assert own == await me(scene, scene.wxy)
        assert (own["email"], own["user"]["ClientIp"], own["user"]["DeviceInfo"]) == (
            scene.wxy.email,
            "127.0.0.1",
            "a phone",
        )


@gen_test
async def test_a_number_is_an_id_too():
    async with on_line() as scene:
        answered = await scene.ask(
            "GET", "/api/user/get-user-info", {"id": int(scene.jhinih.id)}, headers=scene.wxy.headers
        )

        assert answered.body["data"]["id"] == scene.jhinih.id


@gen_test
async def test_people_of_other_surfaces_and_numbers_from_inside_are_nobody():
    async with on_line() as scene:
        await scene.engine.site_people.register_viewer("viewer", "diamonds 960 for me", email="")
        for number in range(10_001, 10_006):
            assert await scene.refused(scene.wxy, "GET", "/api/user/get-user-info", {"id": str(number)}) == 10011


@gen_test
async def test_a_profile_is_read_flat_and_nested_and_the_flat_one_wins():
    async with on_line() as scene:
        nested = {
            "id": scene.wxy.id,
            "user": {
                "id": scene.ann.id,
                "username": "nested",
                "password": "$2a$10$cQBULo6pIuBd",
                "email": scene.wxy.email,
                "avatar": IMAGE,
                "role": "4",
                "Phone": "110",
                "ClientIp": "6.6.6.6",
                "IsLogout": True,
                "Bio": "nested bio",
            },
            "username": "flat",
        }

        assert await scene.told(scene.wxy, "POST", "/api/user/set-profile", nested) == {}

        told = await me(scene, scene.wxy)
        assert (told["username"], told["bio"], told["avatar"], told["role"]) == ("flat", "nested bio", IMAGE, "1")
        assert (told["user"]["Phone"], told["user"]["ClientIp"]) == ("110", "127.0.0.1")
        ann = await scene.told(scene.wxy, "GET", "/api/user/get-profile", {"id": scene.ann.id})
        assert (ann["username"], ann["bio"]) == ("ann", "ann很懒，什么都没留下")


@gen_test
async def test_another_address_needs_a_code_that_was_mailed_to_it():
    async with on_line() as scene:
        sent = {"email": NEW}
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", sent) == 10008
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", sent | {"code": "000000"}) == 10008
        code = await scene.mailed_code(scene.wxy.email)
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", sent | {"code": code}) == 10008

        await scene.told(scene.wxy, "POST", "/api/user/set-profile", sent | {"code": await scene.mailed_code(NEW)})

        assert (await me(scene, scene.wxy))["email"] == NEW
        await scene.told(None, "POST", "/api/login/login", {"email": NEW, "password": PASSWORD})


@gen_test
@pytest.mark.parametrize(
    ("more", "refusal"), [({"username": "ann"}, 10010), ({"username": "a:b"}, 10001), ({"avatar": "x"}, 10001)]
)
async def test_a_code_is_not_used_up_by_a_change_that_fails_for_something_else(more, refusal):
    async with on_line() as scene:
        sent = {"email": NEW, "code": await scene.mailed_code(NEW)}

        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", sent | more) == refusal
        await scene.told(scene.wxy, "POST", "/api/user/set-profile", sent)

        assert (await me(scene, scene.wxy))["email"] == NEW


@gen_test
@pytest.mark.parametrize("avatar", ["/uploads/../api/login/logout", "/uploads/", "/uploads/a/b.png", "javascript:x"])
async def test_a_picture_is_nothing_that_leads_elsewhere(avatar):
    async with on_line() as scene:
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", {"avatar": avatar}) == 10001
        await scene.told(scene.wxy, "POST", "/api/user/set-profile", {"avatar": f"/uploads/{'0' * 64}.png"})


@gen_test
async def test_an_address_of_somebody_else_is_not_taken_over_even_with_a_code():
    async with on_line() as scene:
        code = await scene.mailed_code(scene.ann.email)

        sent = {"email": scene.ann.email, "code": code}
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", sent) == 10010
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", {"username": "ANN"}) == 10010


@gen_test
async def test_administrators_change_what_others_say_and_nobody_else_does():
    async with on_line() as scene:
        sent = {"id": scene.jhinih.id, "bio": "removed"}
        assert await scene.refused(scene.wxy, "POST", "/api/user/set-profile", sent) == -20008
        for role, code in (("2", -20008), ("3", 20000)):
            await scene.told(scene.ann, "POST", "/api/user/set-role", {"id": scene.wxy.id, "role": role})
            answered = await scene.call(scene.wxy, "POST", "api/user/set-profile", sent)
            assert answered.body["code"] == code

        told = await me(scene, scene.jhinih)
        assert (told["bio"], told["role"]) == ("removed", "0")


@gen_test
async def test_levels_are_given_by_super_administrators_of_whom_the_last_one_stays():
    async with on_line() as scene:
        for role in ("4", "0"):
            assert (
                await scene.refused(scene.wxy, "POST", "/api/user/set-role", {"id": scene.wxy.id, "role": role})
                == -20008
            )
        assert await scene.refused(scene.ann, "POST", "/api/user/set-role", {"id": scene.ann.id, "role": "3"}) == -20008

        await scene.told(scene.ann, "POST", "/api/user/set-role", {"id": scene.wxy.id, "role": 4})
        await scene.told(scene.wxy, "POST", "/api/user/set-role", {"id": scene.ann.id, "role": "0"})

        assert (await me(scene, scene.ann))["role"] == "0"
        assert await scene.refused(scene.ann, "POST", "/api/user/set-role", {"id": scene.ann.id, "role": "4"}) == -20008


# --- who is there ----------------------------------------------------------------------------------------------------


@gen_test
async def test_whoever_asks_is_online_and_strangers_see_no_more_than_the_document_may_show():
    async with on_line() as scene:
        await me(scene, scene.wxy)

        by_nobody = (await scene.told(None, "GET", "/api/contact/get-user-list-online"))["users"]
        by_wxy = (await scene.told(scene.wxy, "GET", "/api/contact/get-user-list-online"))["users"]

        assert {one["username"] for one in by_nobody} == {"jhinih", "wxy", "zhao", "ann"}
        for one in (*by_nobody, *by_wxy):
            is_own = one in by_wxy and one["id"] == scene.wxy.id
            assert is_own or {name: one[name] for name in PRIVATE} == dict.fromkeys(PRIVATE, "")
            assert (one["IsLogout"], one["HeartbeatTime"][:10]) == (False, "2026-01-01")


@gen_test
async def test_whoever_has_signed_out_is_not_online():
    async with on_line() as scene:
        await scene.told(scene.wxy, "POST", "/api/login/logout")

        users = (await scene.told(None, "GET", "/api/contact/get-user-list-online"))["users"]
        assert {one["username"] for one in users} == {"jhinih", "zhao", "ann"}


@gen_test
async def test_whoever_is_excluded_is_not_shown_as_online():
    async with on_line() as scene:
        await scene.ban(scene.wxy)

        users = (await scene.told(None, "GET", "/api/contact/get-user-list-online"))["users"]
        assert {one["username"] for one in users} == {"jhinih", "zhao", "ann"}


@gen_test
async def test_who_has_signed_out_on_one_device_is_there_on_the_other():
    async with on_line() as scene:
        other = await scene.sign_in(await scene.record(scene.wxy))
        await scene.told(other, "POST", "/api/login/logout")

        assert (await me(scene, scene.wxy))["user"]["IsLogout"] is False


@gen_test
async def test_a_list_that_cannot_be_read_is_an_error_of_the_database():
    async with on_line() as scene:

        async def people() -> None:
            raise StoreDown

        scene.engine.online.people = people

        assert await scene.refused(None, "GET", "/api/contact/get-user-list-online") == 60004


# --- holes of the original (seed behaviour §7.3) ---------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("path", ["/api/login/get-token", "/api/user/get-token", "/api/get-token", "/api/login/token"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_is_given_a_token_for_nothing(path, method):
    async with on_line() as scene:
        answered = await scene.ask(method, path, None if method == "GET" else {"id": scene.ann.id})

        assert answered.status == 404
        if path != "/api/get-token":
            assert (answered.body["code"], answered.body["data"]) == (-43960, {})


@gen_test
async def test_fifty_who_register_with_one_code_at_once_make_one_account():
    async with on_line() as scene:
        code = await scene.mailed_code(NEW)
        await scene.limits_clock.advance(3_600_000)
        asked = [scene.engine.mailed_codes.redeem(NEW, code, address=f"192.0.2.{number}") for number in range(50)]

        done = await asyncio.gather(*asked, return_exceptions=True)

        assert sum(one is None for one in done) == 1


@gen_test
async def test_a_level_in_a_token_that_was_forged_or_is_old_gives_nothing():
    async with on_line() as scene:
        tokens, now_s = scene.engine.world.social_tokens, scene.engine.node.now_ms() // 1_000
        said = tokens.read(scene.wxy.atoken, "access", now_s=now_s)
        proud, _ = tokens.issue(said.kind, user_id=said.user_id, now_s=now_s, family_id=said.family_id, level=4)

        sent = {"id": scene.wxy.id, "role": "4"}
        assert await scene.refused(scene.wxy._replace(atoken=proud), "POST", "/api/user/set-role", sent) == -20008


@gen_test
async def test_a_token_of_another_persons_sign_in_is_nobodys():
    async with on_line() as scene:
        tokens, now_s = scene.engine.world.social_tokens, scene.engine.node.now_ms() // 1_000
        said = tokens.read(scene.ann.atoken, "access", now_s=now_s)
        mixed, _ = tokens.issue(said.kind, user_id=int(scene.wxy.id), now_s=now_s, family_id=said.family_id)

        assert await scene.refused(scene.wxy._replace(atoken=mixed), "GET", "/api/user/get-my-info") == -20002


def test_every_path_is_below_a_prefix_that_is_this_surfaces_alone():
    assert not {"/api", "/api/users", "/api/chat", "/ws/chat"} & set(social.PREFIXES)
