"""The holes of the original that concern who somebody is, each with what would go through it. Source: §7.1.

State and target of the sign-in with Google are in ``test_google``, guests and cookies in ``test_people``; what concerns
money is in ``test_holes_of_money``.
"""

import pytest

from tests.surfaces.contracts import contract_of
from tests.surfaces.site.scene import BASE, PASSWORD, Person, on_air

gen_test = pytest.mark.gen_test
CONTRACT = tuple(contract_of("site").values())
EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")


@gen_test
async def test_an_address_that_anybody_can_write_into_a_header_neither_frees_nor_bans_anybody():
    async with on_air() as scene:
        statuses = []
        for number in range(110):
            sent = {"username": f"name{number}", "password": "x"}
            headers = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-Ip": f"198.51.100.{number}"}
            answered = await scene.call(None, "POST", "users/user_login/", sent, headers=headers)
            await scene.limits_clock.advance(100)
            statuses.append(answered.status)

        # One address, whatever it calls itself …
        assert statuses == [401] * 101 + [429] * 9
        # … which is let in again after a moment, and whoever is signed in has noticed nothing.
        await scene.clock.advance(1_000)
        assert (await scene.log_in("wei")).id == scene.wei.id
        assert (await scene.call(scene.yi, "GET", "users/is_logged_in")).status == 200


@gen_test
@pytest.mark.parametrize("name", ["user_id", "uid", "userID", "owner_id"])
async def test_nobody_is_somebody_by_saying_so(name):
    async with on_air() as scene:
        for who in (None, scene.wei):
            for method in ("GET", "POST"):
                path = "users/is_logged_in" if method == "GET" else "users/login_out"
                answered = await scene.call(who, method, path, {name: scene.yi.id})
                assert answered.status == 200
                if method == "GET":
                    assert answered.body["data"]["user_info"]["uid"] == ("" if who is None else scene.wei.id)

        assert await scene.uid_of(scene.yi) == scene.yi.id


@gen_test
@pytest.mark.parametrize(
    "text", ["' OR '1'='1", '{"$gt": ""}', "admin'--", "*", "wei\u0000", "../wei", "%00", "\\", "<script>"]
)
async def test_names_and_passwords_from_outside_are_values_and_never_part_of_a_query(text):
    async with on_air() as scene:
        before = scene.dump()
        for sent in ({"username": text, "password": PASSWORD}, {"username": "wei", "password": text}):
            for path in ("users/user_login/", "users/anchor_login/"):
                answered = await scene.call(None, "POST", path, sent)
                assert answered.status in (400, 401), (path, sent)
        for credential in (Person("", text.replace("\u0000", "")), Person("", cookie=text.replace("\u0000", ""))):
            info = (await scene.call(credential, "GET", "users/is_logged_in")).body["data"]["user_info"]
            assert not info["status"]

        assert scene.dump() == before


@gen_test
async def test_only_documented_routes_exist_and_no_method_of_a_framework_beside_them():
    documented = {f"{entry['method']} {entry['path'].rstrip('/')}" for entry in CONTRACT}
    documented |= {alias.rstrip("/") for entry in CONTRACT for alias in entry["aliases"]}
    async with on_air() as scene:
        routes = {f"{method} {path}" for method, path, _ in scene.door.routes()}
        before = scene.dump()

        for method in EVERY_METHOD:
            for name in ("users", "users/1", f"users/{scene.wei.id}", "users/admin", "admin", "users/user_login/1"):
                answered = await scene.ask(method, f"{BASE}/{name}/", headers=scene.jliu.headers)
                assert answered.status in (404, 405), (method, name)

        # Signing out is offered as a POST too. Source: ALL-15.
        assert routes - {"POST /api/users/login_out"} == documented
        assert scene.dump() == before
