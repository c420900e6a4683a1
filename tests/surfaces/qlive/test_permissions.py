"""Who may ask what: every route the router has, for five kinds of callers. A route without a row fails (G-22)."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.records import BanKind
from tests.surfaces.goldens import filled
from tests.surfaces.qlive.scene import APP_ID, BASE, Person, Scene, on_air

gen_test = pytest.mark.gen_test

SEALED = {"encryptedData": "x", "iv": "x"}
MEI = {"user_id": "<mei>"}
LIVE = {"live_id": "<hong>"}
ROSE = MEI | {"gift_id": 1, "num": 1}

# What is sent; then the statuses for nobody, somebody banned, mei who is in no room, tom who sits and hong whose room
# it is. Whatever is about somebody is about mei.
TABLE: dict[str, tuple[Mapping[str, Any], int, int, int, int, int]] = {
    "POST qlive_user/login": ({"appId": APP_ID, "code": "dev:new"}, 200, 200, 200, 200, 200),
    "POST qlive_user": ({"appId": APP_ID, "code": "dev:new", **SEALED}, 200, 200, 200, 200, 200),
    "GET qlive_user/logout": ({}, 401, 200, 200, 200, 200),
    "POST qlive_user/logout": ({}, 401, 200, 200, 200, 200),
    "POST qlive_user/update_userinfo": ({"age": 40}, 401, 200, 200, 200, 200),
    "GET qlive_user/get_userinfo": (MEI, 401, 200, 200, 200, 200),
    "GET get_configs": ({}, 401, 200, 200, 200, 200),
    "GET qlive_like": (MEI, 401, 200, 200, 200, 200),
    # Nobody likes himself here.
    "POST qlive_like": (MEI | {"like_state": 1}, 401, 200, 400, 200, 200),
    "GET qlive_user/get_user_state": ({}, 401, 200, 200, 200, 200),
    "GET get_livelist": ({}, 401, 200, 200, 200, 200),
    "GET get_playurl": (LIVE, 401, 200, 200, 200, 200),
    "GET qlive_user/get_users_info": (LIVE | {"gender": 1}, 401, 400, 400, 200, 200),
    "POST qlive_room/matchmaker_enter": ({}, 401, 403, 403, 403, 200),
    "POST qlive_room/live_end": (LIVE, 401, 403, 403, 403, 200),
    # She has to end it.
    "GET qlive_room/leave_room": (LIVE, 401, 200, 200, 200, 400),
    "POST qlive_room/leave_room": (LIVE, 401, 200, 200, 200, 400),
    "POST qlive_room/apply_micro": (LIVE, 401, 403, 400, 400, 400),
    # He sits already.
    "POST qlive_room/accept_micro": (LIVE, 401, 403, 400, 200, 400),
    "POST qlive_room/refuse_micro": (LIVE, 401, 400, 400, 400, 400),
    # Mei is not in the room.
    "POST qlive_room/invite_micro": (LIVE | MEI, 401, 403, 403, 403, 400),
    "GET qlive_room/leave_micro": (LIVE | {"user_id": "<tom>"}, 401, 403, 403, 200, 200),
    "POST qlive_room/leave_micro": (LIVE | {"user_id": "<tom>"}, 401, 403, 403, 200, 200),
    "GET qlive_gift": ({}, 401, 200, 200, 200, 200),
    "GET get_giftlist": ({}, 401, 200, 200, 200, 200),
    # Nobody gives to himself; neither of the others can pay, which has the status of a success.
    "GET qlive_gift/push_gift": (ROSE, 401, 403, 400, 200, 200),
    "POST qlive_gift/push_gift": (ROSE, 401, 403, 400, 200, 200),
    "GET qlive_pay": ({}, 401, 200, 200, 200, 200),
    "POST qlive_pay": ({"block_id": 1}, 401, 403, 200, 200, 200),
}

# Outside services have signatures (test_orders, test_im_notify), and sockets no status (test_socket).
OTHERS = {"POST qlive_pay/notify", "POST im_notify", "GET ws"}
PUBLIC = {"POST qlive_user/login", "POST qlive_user"}


async def a_live(scene: Scene) -> Person:
    """Hong is live and tom sits; bob is banned."""
    await scene.live()
    await scene.sits(scene.tom)
    bob = await scene.sign_up("bob")
    await scene.ban(bob, BanKind.ACCOUNT)
    return bob


@gen_test
async def test_every_route_has_a_row():
    async with on_air() as scene:
        routes = {f"{method} {path.removeprefix(BASE + '/')}" for method, path, _ in scene.door.routes()}

        assert routes - {"GET ws"} == TABLE.keys() | OTHERS - {"GET ws"}


@gen_test
@pytest.mark.parametrize("row", TABLE)
async def test_a_route_lets_in_whom_it_should(row):
    sent, *expected = TABLE[row]
    method, _, name = row.partition(" ")
    async with on_air() as scene:
        bob = await a_live(scene)
        before = scene.dump()

        statuses = []
        for who in (None, bob, scene.mei, scene.tom, scene.hong):
            statuses.append((await scene.call(who, method, name, filled(scene, dict(sent)))).status)
            # Whoever was refused has changed nothing.
            assert statuses[-1] == 200 or scene.dump() == before
            before = scene.dump()

        assert statuses == expected


@gen_test
@pytest.mark.parametrize("row", sorted(TABLE.keys() - PUBLIC))
@pytest.mark.parametrize(
    ("credential", "detail"),
    [
        ("", "Authentication credentials were not provided."),
        ("QLiveToken", "Authentication credentials were not provided."),
        ("Bearer {token}", "Authentication credentials were not provided."),
        ("QLiveToken " + "0" * 40, "Invalid token."),
        ("QLiveToken {token}0", "Invalid token."),
        ("QLiveToken {token} {token}", "Invalid token."),
        ("QLiveToken $ne", "Invalid token."),
    ],
)
async def test_without_a_token_that_is_good_nobody_gets_in(row, credential, detail):
    method, _, name = row.partition(" ")
    async with on_air() as scene:
        before = scene.dump()
        headers = {"Authorization": credential.format(token=scene.tom.token)} if credential else {}

        answered = await scene.call(None, method, name, filled(scene, dict(TABLE[row][0])), headers=headers)

        assert (answered.status, answered.body["detail"]) == (401, detail)
        assert answered.headers["WWW-Authenticate"] == "QLiveToken"
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("row", sorted(TABLE.keys() - PUBLIC))
async def test_a_token_in_body_or_query_is_none_except_for_sockets(row):
    method, _, name = row.partition(" ")
    async with on_air() as scene:
        sent = {**filled(scene, dict(TABLE[row][0])), "token": scene.tom.token}

        assert (await scene.call(None, method, name, sent)).status == 401


@gen_test
@pytest.mark.parametrize("keyword", ["QLiveToken", "qlivetoken", "QLIVETOKEN", "qliveToken"])
async def test_the_keyword_may_be_written_in_letters_of_any_case(keyword):
    async with on_air() as scene:
        headers = {"Authorization": f"{keyword} {scene.tom.token}"}

        answered = await scene.call(None, "GET", "qlive_user/get_userinfo/", headers=headers)

        assert answered.body["user_id"] == scene.tom.id


@gen_test
async def test_a_token_of_another_surface_is_worth_nothing_here():
    async with on_air() as scene:
        elsewhere = await scene.engine.identity.sign_in("calls", "dev:小明", role="guest", device=None)

        for token in (elsewhere.token, elsewhere.token + "0" * 8):
            answered = await scene.call(Person("", token), "GET", "qlive_user/get_userinfo/")
            assert answered.status == 401
        assert elsewhere.person.id != (await scene.record(scene.tom)).id
