"""Signing in and out, guests, tokens and cookies, as clients see them. Google itself is in ``test_google``."""

import asyncio
import re

import pytest

from engine.errors import StoreDown
from engine.records import BanKind
from tests.surfaces.served import Answered
from tests.surfaces.site.scene import OPTIONS, OURS, PASSWORD, Person, Scene, cookies_of, on_air

gen_test = pytest.mark.gen_test
ENGLISH = {"Accept-Language": "en"}


async def who(scene: Scene, person: Person | None, headers: dict[str, str] | None = None) -> Answered:
    return await scene.call(person, "GET", "users/is_logged_in", headers=headers)


async def is_in(scene: Scene, person: Person) -> bool:
    """Whether the server knows him."""
    return bool((await who(scene, person)).body["data"]["user_info"]["status"])


def set_cookies(answered: Answered) -> list[str]:
    return list(answered.headers.get_list("Set-Cookie"))


# --- guests ----------------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("path", ["users/is_logged_in", "users/is_google_logged_in/"])
async def test_a_guest_keeps_his_name_by_a_cookie_that_he_is_given_once(path):
    async with on_air() as scene:
        first = await scene.call(None, "GET", path)
        cookie = cookies_of(first)["guestid"]

        again = await scene.call(None, "GET", path, headers={"Cookie": f"guestid={cookie}"})
        other = await scene.call(None, "GET", path)

        names = [one.body["data"]["user_info"]["uname"] for one in (first, again, other)]
        assert names[0] == names[1] != names[2]
        assert all(re.fullmatch("游客[A-Za-z0-9]{6}", name) for name in names)
        assert set_cookies(first) == [f"guestid={cookie}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax"]
        assert set_cookies(again) == []


@gen_test
async def test_a_forged_guest_is_a_new_one_and_a_guests_token_signs_nobody_in():
    async with on_air() as scene:
        cookie = cookies_of(await who(scene, None))["guestid"]
        name = (await who(scene, None, {"Cookie": f"guestid={cookie}"})).body["data"]["user_info"]["uname"]
        head, payload, seal = cookie.split(".")

        for forged in (f"{head}.{payload}.{seal[::-1]}", f"{head}.{payload}x.{seal}", "", "x", scene.wei.access):
            answered = await who(scene, None, {"Cookie": f"guestid={forged}"})
            assert answered.body["data"]["user_info"]["uname"] != name
        for headers in ({"Authorization": f"Bearer {cookie}"}, {"Cookie": f"sessionid={cookie}"}):
            assert not (await who(scene, None, headers)).body["data"]["user_info"]["status"]


@gen_test
async def test_somebody_with_an_account_is_no_guest():
    async with on_air() as scene:
        answered = await who(scene, scene.wei)

        assert set_cookies(answered) == []
        assert answered.body["data"]["user_info"] == {
            "uid": scene.wei.id,
            "status": True,
            "uname": "wei",
            "coin_num": 0,
        }


@gen_test
async def test_who_signs_in_by_a_password_is_nobody_to_google():
    async with on_air() as scene:
        answered = await scene.call(scene.wei, "GET", "users/is_google_logged_in/")

        assert (answered.status, answered.body["code"]) == (200, 1)
        assert answered.body["data"]["user_info"] == {
            "uid": None,
            "status": False,
            "uname": "wei",
            "google_id": None,
            "google_email": None,
            "coin_num": 0,
        }


# --- cookies and tokens ----------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "Max-Age=43200; Path=/; HttpOnly; SameSite=Lax"),
        ({"has_tls": True}, "Max-Age=43200; Path=/; HttpOnly; SameSite=Lax; Secure"),
        ({"has_tls": True, "has_other_origins": True}, "Max-Age=43200; Path=/; HttpOnly; SameSite=None; Secure"),
        # Browsers would throw None away.
        ({"has_other_origins": True}, "Max-Age=43200; Path=/; HttpOnly; SameSite=Lax"),
    ],
)
async def test_the_session_cookie_lives_twelve_hours_and_is_sent_no_further_than_it_must(options, attributes):
    surface = type(OPTIONS)(home_url="/home", **options)
    async with on_air(surface=surface) as scene:
        sent = {"username": "wei", "password": PASSWORD}

        answered = await scene.call(None, "POST", "users/user_login/", sent)

        (header,) = set_cookies(answered)
        assert re.fullmatch(r"sessionid=[0-9a-f]{64}; " + attributes, header)


@gen_test
async def test_cookie_and_token_are_the_same_person():
    async with on_air() as scene:
        by_cookie = scene.wei._replace(access="")

        assert (await who(scene, by_cookie)).body == (await who(scene, scene.wei)).body


@gen_test
async def test_tokens_carry_what_the_documents_say():
    async with on_air() as scene:
        claims = [
            scene.engine.world.web_tokens.read(one.access, "access", now_s=scene.engine.node.now_ms() // 1_000)
            for one in (scene.jliu, scene.wei)
        ]

        assert [claim.anchor for claim in claims] == [scene.jliu.id, ""]
        assert str(claims[1].user_id) == scene.wei.id
        assert {claim.expires_at_s - claim.issued_at_s for claim in claims} == {21_600}


@gen_test
@pytest.mark.parametrize("place", ["query", "body", "cookie", "header"])
async def test_a_credential_in_another_place_than_its_own_is_none(place):
    async with on_air() as scene:
        token, cookie = scene.wei.access, scene.wei.cookie
        sent = {"token": token, "access_token": token, "sessionid": cookie}
        match place:
            case "query":
                answered = await scene.ask("GET", "/api/users/is_logged_in", query=sent)
            case "body":
                answered = await scene.ask("GET", "/api/users/is_logged_in", sent)
            case "cookie":
                answered = await who(scene, None, {"Cookie": f"sessionid={token}; token={token}"})
            case _:
                answered = await who(scene, None, {"Authorization": f"Bearer {cookie}"})

        assert not answered.body["data"]["user_info"]["status"]


@gen_test
async def test_a_token_of_another_surface_is_worth_nothing_here_nor_the_other_way_round():
    async with on_air() as scene:
        elsewhere = await scene.engine.identity.sign_in("calls", "dev:wei", role="guest", device=None)

        assert not await is_in(scene, Person("", elsewhere.token))
        assert elsewhere.person.id != int(scene.wei.id)


@gen_test
async def test_a_refresh_token_buys_a_pair_once_and_again_only_for_a_lost_answer():
    async with on_air() as scene:
        renewed = await scene.call(None, "POST", "users/token_refresh/", {"refresh_token": scene.wei.refresh})
        again = await scene.call(None, "POST", "users/token_refresh/", {"refresh_token": scene.wei.refresh})
        fresh = Person("", renewed.body["data"]["access_token"])
        assert again.body["data"] == renewed.body["data"]
        assert await is_in(scene, fresh)

        await scene.clock.advance(12_000)
        stolen = await scene.call(
            None, "POST", "users/token_refresh/", {"refresh_token": scene.wei.refresh}, headers=ENGLISH
        )

        assert (stolen.status, stolen.body["message"]) == (401, "token expired or revoked")
        assert not await is_in(scene, fresh)
        assert not await is_in(scene, scene.wei)
        assert not await is_in(scene, scene.wei._replace(access=""))
        after = await scene.call(
            None, "POST", "users/token_refresh/", {"refresh_token": renewed.body["data"]["refresh_token"]}
        )
        assert after.status == 401
        scene.log.take("refresh_token_reused")


@gen_test
@pytest.mark.parametrize("token", ["<access>", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "x" * 2_048])
async def test_what_is_no_refresh_token_buys_nothing(token):
    async with on_air() as scene:
        sent = {"refresh_token": token.replace("<access>", scene.wei.access)}

        answered = await scene.call(None, "POST", "users/token_refresh/", sent)

        assert (answered.status, answered.body["code"]) == (401, 1)


# --- accounts --------------------------------------------------------------------------------------------------------


@gen_test
async def test_an_anchor_is_told_what_was_wrong_under_both_names_of_it():
    async with on_air() as scene:
        taken = await scene.call(
            None, "POST", "users/register/", {"username": "wei", "handle": "new", "password": PASSWORD}, headers=ENGLISH
        )
        short = await scene.call(None, "POST", "users/register/", {"username": "a", "handle": "b", "password": "1"})

        assert (taken.status, taken.body["message"], taken.body["err_message"]) == (
            400,
            "the user name is taken",
            "账户已注册",
        )
        assert short.status == 400
        assert short.body["err_message"] == short.body["message"] != ""


@gen_test
async def test_every_door_lets_in_its_own_and_tells_nothing_of_the_others():
    async with on_air() as scene:
        wrong = [
            ("users/user_login/", "jliu", PASSWORD),
            ("users/anchor_login/", "wei", PASSWORD),
            ("users/user_login/", "nobody", PASSWORD),
            ("users/user_login/", "wei", "x"),
            ("users/user_login/", "yi zhao", PASSWORD),
            ("users/anchor_login/", "wei", "x" * 200),
        ]

        answers = [
            await scene.call(None, "POST", path, {"username": name, "password": password}, headers=ENGLISH)
            for path, name, password in wrong
        ]

        for answered in answers:
            assert answered.status == 401
            assert {**answered.body, "request_id": ""} == {
                "code": 1,
                "message": "wrong user name or password",
                "error": "NOT_SIGNED_IN",
                "request_id": "",
            }
            assert set_cookies(answered) == []


@gen_test
async def test_guessing_at_a_password_is_told_to_wait_in_the_envelope_and_so_is_the_owner():
    async with on_air() as scene:
        statuses = []
        for number in range(8):
            sent = {"username": "wei", "password": f"guess {number}"}
            statuses.append((await scene.call(None, "POST", "users/user_login/", sent)).status)

        owner = await scene.call(None, "POST", "users/user_login/", {"username": "WEI", "password": PASSWORD})

        assert statuses == [401] * 6 + [429] * 2
        assert (owner.status, owner.body["code"], owner.headers["Retry-After"]) == (429, 1, "1")
        # Somebody who does not exist is guarded in the same way.
        nobody = [
            (await scene.call(None, "POST", "users/user_login/", {"username": "nobody", "password": "x"})).status
            for _ in range(8)
        ]
        assert nobody == statuses


@gen_test
async def test_the_banned_are_told_why_wherever_they_are_known_and_only_there():
    async with on_air() as scene:
        await scene.ban(scene.wei, BanKind.ACCOUNT, "广告")

        answers = [
            await who(scene, scene.wei),
            await who(scene, scene.wei._replace(access="")),
            await scene.call(None, "POST", "users/user_login/", {"username": "wei", "password": PASSWORD}),
            await scene.call(None, "POST", "users/token_refresh/", {"refresh_token": scene.wei.refresh}),
        ]
        guess = await scene.call(None, "POST", "users/user_login/", {"username": "wei", "password": "x"})

        assert {(one.status, one.body["code"], one.body["message"]) for one in answers} == {(403, 1, "广告")}
        assert guess.status == 401


# --- signing out -----------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("address", ["GET users/login_out", "POST users/login_out", "POST users/logout/"])
async def test_signing_out_ends_cookie_and_tokens_of_that_sign_in_and_no_other(address):
    method, _, name = address.partition(" ")
    async with on_air() as scene:
        other = await scene.log_in("wei")

        answered = await scene.call(scene.wei, method, name)

        assert (answered.status, answered.body) == (200, {"code": 0})
        assert cookies_of(answered)["sessionid"] == ""
        assert not await is_in(scene, scene.wei)
        assert not await is_in(scene, scene.wei._replace(access=""))
        refused = await scene.call(None, "POST", "users/token_refresh/", {"refresh_token": scene.wei.refresh})
        assert refused.status == 401
        assert await is_in(scene, other)


@gen_test
async def test_signing_out_without_being_signed_in_is_done_already():
    async with on_air() as scene:
        for headers in ({}, OURS, {"Authorization": "Bearer x"}, {"Cookie": "sessionid=x"} | OURS):
            for _ in range(2):
                answered = await scene.call(None, "GET", "users/login_out", headers=headers)
                assert (answered.status, answered.body) == (200, {"code": 0})


@gen_test
async def test_a_token_and_the_cookie_of_another_sign_in_both_end():
    async with on_air() as scene:
        other = await scene.log_in("wei")

        await scene.call(scene.wei, "POST", "users/logout/", headers={"Cookie": f"sessionid={other.cookie}"})

        assert not await is_in(scene, scene.wei)
        assert not await is_in(scene, other)


@gen_test
async def test_a_sign_out_that_the_store_does_not_confirm_has_failed(monkeypatch):
    async with on_air() as scene:

        async def down(*_anything):
            raise StoreDown

        monkeypatch.setattr(scene.engine.web_sign_ins, "close", down)

        answered = await scene.call(scene.wei, "GET", "users/login_out", headers=ENGLISH)

        assert (answered.status, answered.body["code"], answered.body["message"]) == (500, 1, "logout failed")


# --- requests of other people's pages --------------------------------------------------------------------------------


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Referer": "https://evil.example/api/users"},
    {"Referer": "evil"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://evil.example", "Referer": "<ours>/"},
)
OF_OURS = (
    {"Origin": "<ours>"},
    {"Referer": "<ours>/home"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
)


def as_sent(scene: Scene, headers: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("<ours>", f"http://127.0.0.1:{scene.port}") for name, value in headers.items()}


@gen_test
@pytest.mark.parametrize("address", ["GET users/login_out", "POST users/login_out", "GET users/google_logout/"])
@pytest.mark.parametrize("headers", [*FOREIGN, {}], ids=str)
async def test_a_cookie_changes_nothing_without_a_page_of_ours(address, headers):
    method, _, name = address.partition(" ")
    async with on_air() as scene:
        cookie = {"Cookie": f"sessionid={scene.wei.cookie}"}

        answered = await scene.call(None, method, name, headers=cookie | as_sent(scene, headers))

        assert (answered.status, answered.body["code"], answered.body["error"]) == (403, 1, "FORBIDDEN")
        assert await is_in(scene, scene.wei)


@gen_test
@pytest.mark.parametrize("headers", OF_OURS, ids=str)
async def test_a_page_of_ours_may(headers):
    async with on_air() as scene:
        cookie = {"Cookie": f"sessionid={scene.wei.cookie}"}

        answered = await scene.call(None, "POST", "users/logout/", headers=cookie | as_sent(scene, headers))

        assert answered.status == 200
        assert not await is_in(scene, scene.wei)


@gen_test
@pytest.mark.parametrize("headers", [*FOREIGN, {}], ids=str)
async def test_a_token_in_the_header_is_no_pages_doing(headers):
    async with on_air() as scene:
        answered = await scene.call(scene.wei, "GET", "users/login_out", headers=as_sent(scene, headers))

        assert answered.status == 200


@gen_test
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["user_login", "anchor_login", "register", "client_register", "token_refresh"])
async def test_nobody_is_signed_in_by_a_page_of_somebody_else(path, headers):
    async with on_air() as scene:
        before = scene.dump()
        sent = {"username": "wei", "handle": "wei", "password": PASSWORD, "refresh_token": scene.wei.refresh}

        answered = await scene.call(None, "POST", f"users/{path}/", sent, form=True, headers=as_sent(scene, headers))

        assert (answered.status, answered.body["error"]) == (403, "FORBIDDEN")
        assert set_cookies(answered) == []
        assert scene.dump() == before


# --- the envelope ----------------------------------------------------------------------------------------------------


@gen_test
async def test_a_bug_shows_nothing_of_itself(monkeypatch):
    async with on_air() as scene:

        async def break_down(*_anything):
            raise RuntimeError("canary")

        monkeypatch.setattr(scene.engine.statements, "held", break_down)

        answered = await scene.call(scene.wei, "GET", "users/is_logged_in", headers={"X-Request-Id": "r-1"})

        assert (answered.status, answered.body) == (
            500,
            {"code": 1, "message": "内部错误", "error": "INTERNAL", "request_id": "r-1"},
        )
        assert "canary" in repr(scene.log.take("request_failed"))


@gen_test
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/users", 404),
        ("GET", "/api/users/nothing/", 404),
        ("GET", "/api/live/nothing", 404),
        ("GET", "/api/balance/", 404),
        ("GET", "/api/subscription/x", 404),
        ("GET", "/api/follow_live/x", 404),
        ("GET", "/api/payment/x", 404),
        ("GET", "/api/chat/chat_data/x", 404),
        ("GET", "/ws/chat", 404),
        ("DELETE", "/api/users/is_logged_in", 405),
        ("GET", "/api/users/user_login/", 405),
        ("PUT", "/api/users/register", 405),
    ],
)
async def test_an_unknown_path_or_method_is_refused_in_the_envelope(method, path, status):
    async with on_air() as scene:
        answered = await scene.ask(method, path, headers=scene.wei.headers)

        assert (answered.status, answered.body["code"]) == (status, 1)
        assert answered.body["message"]


@gen_test
@pytest.mark.parametrize(
    "path", ["/api", "/api/user", "/api/user/login", "/api/usersx", "/api/chat", "/api/chat/ws", "/ws", "/apiusers"]
)
async def test_what_only_begins_like_a_path_of_the_site_is_none(path):
    async with on_air() as scene:
        answered = await scene.ask("GET", path)

        assert (answered.status, answered.body.keys()) == (404, {"error", "message", "request_id"})


@gen_test
async def test_more_than_the_limit_is_refused_with_the_time_to_wait():
    async with on_air() as scene:
        sent = {"refresh_token": "x"}
        answers = [await scene.call(None, "POST", "users/token_refresh/", sent) for _ in range(41)]

        last = answers[-1]

        assert (last.status, last.body["code"], last.headers["Retry-After"]) == (429, 1, "1")


@gen_test
async def test_neither_password_nor_token_nor_cookie_is_written_down():
    async with on_air() as scene:
        await scene.call(scene.wei, "GET", "users/is_logged_in")
        await scene.call(None, "POST", "users/user_login/", {"username": "wei", "password": "canary 1 password"})
        await scene.call(None, "POST", "users/token_refresh/", {"refresh_token": scene.wei.refresh})
        await asyncio.sleep(0)

        logged = repr(scene.log.lines)
        secrets = (scene.wei.access, scene.wei.refresh, scene.wei.cookie, PASSWORD, "canary", "user@example.com")
        assert not any(word in logged for word in secrets)
        kept = repr(scene.database.sign_ins) + repr(scene.database.people) + repr(scene.database.credentials)
        assert not any(word in kept for word in secrets)
