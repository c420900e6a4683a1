"""Who may ask what: every route the router has, for five kinds of callers. A route without a row fails (G-22)."""

from collections.abc import Mapping

import pytest

from engine.records import BanKind
from tests.surfaces.calls.scene import Person, Scene, on_air

gen_test = pytest.mark.gen_test

MEI, TOM, CALL, ROOM = 10_001, 10_002, 50_001, "room_of_the_call"
PAIR_ROOM = {"roomID": ROOM}
FORGED = {"userName": "", "userAvatar": "", "pushURL": f"rtmp://push.example/live/8888_{ROOM}_{TOM}"}
COUNTING = {"fieldName": "likes", "operation": "inc"}

# What is sent; then the codes for nobody, somebody banned, another guest, the guest and the anchor of the call.
# All of them name tom, mei, their call and its room.
TABLE: dict[str, tuple[Mapping[str, object], int, int, int, int, int]] = {
    "POST /app/login/weChatLogin": ({"code": "dev:new"}, 0, 0, 0, 0, 0),
    "POST /app/login/weChatVersion": ({"version": 1, "terminalType": 3}, 0, 0, 0, 0, 0),
    "POST /app/live/callGirl": ({"targetUserId": MEI}, 7, 1006, 1003, 1003, 1005),
    "POST /app/live/getMatchInfo": ({"targetUserId": TOM}, 7, 1006, 1005, 1005, 0),
    "POST /app/live/callApplyGirl": ({"targetUserId": MEI}, 7, 1006, 1002, 0, 1005),
    "POST /app/live/callApplyMan": ({"targetUserId": TOM}, 7, 1006, 1005, 1005, 0),
    "POST /app/live/callReplyGirl": ({"targetUserId": MEI, "reply": 2}, 7, 1006, 1004, 1004, 1005),
    "POST /app/live/startCall": ({"targetUserId": TOM}, 7, 1006, 1005, 1005, 0),
    "POST /app/live/hangUpMan": ({"targetUserId": TOM}, 7, 1006, 1005, 1005, 0),
    "POST /app/live/hangUpGirl": ({"targetUserId": MEI}, 7, 1006, 1004, 0, 1005),
    "POST /app/live/getCallResultGuest": ({"roomInstanceId": CALL}, 7, 1004, 1004, 0, 1005),
    "POST /app/live/getCallResultMaster": ({"roomInstanceId": CALL}, 7, 1005, 1005, 1005, 0),
    "POST /app/live/getCallRecordDesc": ({"recordId": CALL}, 7, 1006, 1004, 0, 0),
    "POST /app/live/myCallRecord": ({}, 7, 1006, 0, 0, 0),
    "POST /app/live/getMyIncome": ({}, 7, 1006, 1005, 1005, 0),
    "POST /app/live/sendGift": ({"giftId": 1}, 7, 1006, 1004, 0, 1005),
    "POST /app/live/getGiftList": ({}, 7, 1006, 0, 0, 1005),
    "POST /app/live/getMasterInfo": ({"masterId": MEI}, 7, 1006, 0, 0, 1005),
    "POST /app/live/getGuestCurrentUserInfo": ({"guestId": TOM}, 7, 1006, 1005, 1005, 0),
    "POST /app/live/getWarnMessage": ({}, 7, 1005, 1005, 1005, 0),
    "POST /app/live/getExitMessage": ({}, 7, 1005, 1005, 1005, 0),
    "POST /app/live/messageForm": ({"formId": "f", "moduleName": "main"}, 7, 1006, 0, 0, 1005),
    "POST /app/user/getGuestList": ({}, 7, 1006, 1005, 1005, 0),
    "POST /app/user/getCurrentUserInfo": ({}, 7, 1006, 0, 0, 0),
    "POST /app/user/updateUnitPrice": ({"unitPrice": 20}, 7, 1006, 1005, 1005, 0),
    "POST /app/user/updateDisplay": ({"display": 1}, 7, 1006, 0, 0, 1005),
    "POST /app/user/getShareInfo": ({}, 7, 1006, 0, 0, 1005),
    "POST /app/pay/getOrderList": ({}, 7, 1006, 0, 0, 1005),
    "POST /app/pay/createOrder": ({"productId": 1}, 7, 1006, 0, 0, 1005),
    "POST /weapp/live_room/login": ({"sdkAppID": "1400000000", "userID": MEI, "userSig": "x"}, 7, 7, 7, 7, 7),
    "POST /weapp/live_room/logout": ({}, 7, 0, 0, 0, 0),
    "POST /weapp/live_room/create_room": ({"guestId": TOM}, 7, 1006, 1005, 1005, 0),
    "POST /weapp/live_room/destroy_room": (PAIR_ROOM, 7, 1006, 3, 3, 0),
    "POST /weapp/live_room/get_push_url": (PAIR_ROOM, 7, 1006, 3, 0, 0),
    "POST /weapp/live_room/get_anchor_url": ({}, 7, 1006, 0, 0, 0),
    "POST /weapp/live_room/get_room_list": ({"cnt": 9, "index": 0}, 7, 1006, 0, 0, 0),
    "POST /weapp/live_room/get_pushers": (PAIR_ROOM, 7, 1006, 3, 0, 0),
    "POST /weapp/live_room/get_anchors": (PAIR_ROOM, 7, 1006, 3, 0, 0),
    "POST /weapp/live_room/add_pusher": (PAIR_ROOM | FORGED, 7, 1006, 3, 3, 3),
    "POST /weapp/live_room/add_anchor": (PAIR_ROOM | FORGED, 7, 1006, 3, 3, 3),
    # The guest leaves himself, and then is no longer there for the creator to remove.
    "POST /weapp/live_room/delete_pusher": (PAIR_ROOM | {"userID": TOM}, 7, 1006, 3, 0, 5),
    "POST /weapp/live_room/delete_anchor": (PAIR_ROOM | {"userID": TOM}, 7, 1006, 3, 0, 5),
    "POST /weapp/live_room/pusher_heartbeat": (PAIR_ROOM, 7, 1006, 5, 0, 0),
    "POST /weapp/live_room/anchor_heartbeat": (PAIR_ROOM, 7, 1006, 5, 0, 0),
    "POST /weapp/live_room/add_audience": (PAIR_ROOM, 7, 1006, 3, 3, 3),
    "POST /weapp/live_room/delete_audience": (PAIR_ROOM, 7, 1006, 0, 0, 0),
    "POST /weapp/live_room/get_audiences": (PAIR_ROOM, 7, 1006, 3, 0, 0),
    "POST /weapp/live_room/get_custom_info": (PAIR_ROOM, 7, 1006, 3, 0, 0),
    "POST /weapp/live_room/get_custom_Info": (PAIR_ROOM, 7, 1006, 3, 0, 0),
    "POST /weapp/live_room/set_custom_field": (PAIR_ROOM | COUNTING, 7, 1006, 5, 0, 0),
    "POST /weapp/live_room/merge_stream": (PAIR_ROOM | {"mergeParams": {}}, 7, 1006, 3, 3, 0),
    "GET /weapp/utils/get_login_info": ({"userID": MEI}, 7, 1006, 3, 3, 0),
    "GET /weapp/utils/get_test_pushurl": ({}, 7, 1006, 0, 0, 0),
    "GET /weapp/utils/get_test_rtmpaccurl": ({}, 7, 1006, 0, 0, 0),
}

# The notification has no caller (test_goldens), the socket no reply (test_socket).
OTHERS = {"POST /app/pay/notify", "GET /weapp/live_room/ws"}

# A body's userID is somebody else on purpose, or part of the credential itself.
ABOUT_OTHERS = {
    "POST /weapp/live_room/login",
    "POST /weapp/live_room/delete_pusher",
    "POST /weapp/live_room/delete_anchor",
}
PAIRED = sorted(row for row in TABLE if "/live_room/" in row and row not in ABOUT_OTHERS)


async def call_in_its_room(scene: Scene) -> tuple[Person, Person]:
    """Tom and mei talk, and send into their room; jack is a guest elsewhere, and bob is banned."""
    await scene.rings()
    made = await scene.weapp(scene.mei, "create_room", roomID=ROOM, guestId=TOM)
    assert made["recordId"] == CALL
    for person in (scene.mei, scene.tom):
        await scene.sends(person, ROOM)
    started = await scene.app(scene.mei, "live/startCall", targetUserId=TOM)
    assert started["code"] == 0
    jack, bob = await scene.sign_in("jack"), await scene.sign_in("bob")
    await scene.ban(bob, BanKind.ACCOUNT)
    return jack, bob


async def ask(scene: Scene, row: str, who: Person | None, sent: Mapping[str, object]) -> int:
    method, _, path = row.partition(" ")
    if method == "GET":
        token = {} if who is None else {"token": who.token}
        body = (await scene.ask("GET", path, query={**sent, **token})).body
    elif path.startswith("/weapp/live_room/"):
        pair = {"userID": "1", "token": "0" * 32} if who is None else who.pair
        body = (await scene.ask("POST", path, dict(sent), query=pair)).body
    else:
        body = await scene.app(who, path.removeprefix("/app/"), **sent)
    code = body["code"]
    assert isinstance(code, int)
    return code


@gen_test
async def test_every_route_has_a_row():
    async with on_air() as scene:
        routes = {f"{method} {path}" for method, path, _ in scene.door.routes()}

        assert routes == TABLE.keys() | OTHERS


@gen_test
@pytest.mark.parametrize("row", TABLE)
async def test_a_route_lets_in_whom_it_should(row):
    sent, *expected = TABLE[row]
    async with on_air() as scene:
        jack, bob = await call_in_its_room(scene)
        before = scene.dump()

        codes = []
        for who in (None, bob, jack, scene.tom, scene.mei):
            codes.append(await ask(scene, row, who, sent))
            # Whoever was refused has changed nothing.
            assert codes[-1] == 0 or scene.dump() == before
            before = scene.dump()

        assert codes == expected


@gen_test
@pytest.mark.parametrize("row", PAIRED)
async def test_a_token_and_a_user_that_do_not_belong_together_are_no_credential(row):
    async with on_air() as scene:
        await call_in_its_room(scene)
        before = scene.dump()
        path = row.partition(" ")[2]

        mixed = {"userID": str(MEI), "token": scene.tom.token}
        answered = await scene.ask("POST", path, dict(TABLE[row][0]), query=mixed)
        without_user = await scene.ask("POST", path, dict(TABLE[row][0]), query={"token": scene.tom.token})

        assert (answered.body["code"], without_user.body["code"]) == (7, 7)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("row", PAIRED)
async def test_a_body_cannot_say_that_somebody_else_asks(row):
    async with on_air() as scene:
        await call_in_its_room(scene)
        before = scene.dump()
        path = row.partition(" ")[2]

        answered = await scene.ask("POST", path, {**TABLE[row][0], "userID": str(MEI)}, query=scene.tom.pair)

        assert answered.body["code"] == 3
        assert scene.dump() == before


@gen_test
async def test_a_banned_anchor_still_learns_why_and_what_she_earned():
    async with on_air() as scene:
        await scene.talks()
        await scene.ban(scene.mei, BanKind.ACCOUNT, "违规直播")

        bill = await scene.app(scene.mei, "live/getCallResultMaster", roomInstanceId=CALL)
        reason = await scene.app(scene.mei, "live/getExitMessage")
        refused = await scene.app(scene.mei, "live/getMyIncome")

        assert (bill["code"], bill["title"], bill["streamStatus"]) == (0, "违规直播", 0)
        assert bill["callPoint"] == "获得10积分"
        assert reason["exitMessage"] == "违规直播"
        assert (refused["code"], refused["message"]) == (1006, "违规直播")


@gen_test
async def test_a_signature_signs_in_its_own_user_only():
    async with on_air() as scene:
        info = (await scene.ask("GET", "/weapp/utils/get_login_info", query={"token": scene.tom.token})).body
        app = {"sdkAppID": info["sdkAppID"], "userSig": info["userSig"]}

        own = await scene.ask("POST", "/weapp/live_room/login", query={**app, "userID": str(TOM)})
        foreign = await scene.ask("POST", "/weapp/live_room/login", query={**app, "userID": str(MEI)})
        by_token = await scene.ask(
            "POST", "/weapp/live_room/login", query={**app, "userID": str(TOM), "userSig": scene.tom.token}
        )
        foreign_token = await scene.ask(
            "POST", "/weapp/live_room/login", query={**app, "userID": str(MEI), "userSig": scene.tom.token}
        )
        other_app = await scene.ask(
            "POST", "/weapp/live_room/login", query={**app, "userID": str(TOM), "sdkAppID": "1"}
        )

        assert [answered.body["code"] for answered in (own, foreign, by_token, foreign_token, other_app)] == [
            0,
            7,
            0,
            7,
            4,
        ]


@gen_test
async def test_a_live_room_session_and_an_app_token_work_in_each_others_place_until_logout():
    async with on_air() as scene:
        logged_in = await scene.ask(
            "POST",
            "/weapp/live_room/login",
            query={"sdkAppID": "1400000000", "userID": str(TOM), "userSig": scene.tom.token},
        )
        im = Person(TOM, logged_in.body["token"])

        both = [
            (await scene.app(im, "user/getCurrentUserInfo"))["code"],
            (await scene.weapp(scene.tom, "logout"))["code"],
        ]
        after = [(await scene.app(person, "user/getCurrentUserInfo"))["code"] for person in (im, scene.tom)]

        assert both == [0, 0]
        assert after == [0, 7]


@gen_test
async def test_nobody_becomes_an_anchor_by_asking_for_it():
    async with on_air() as scene:
        refused = await scene.app(None, "login/weChatLogin", code="dev:eve", role="master")
        again = await scene.app(None, "login/weChatLogin", code="dev:小红")

        assert refused["code"] == 1005
        assert again["role"] == "master"


@gen_test
async def test_a_code_that_is_none_signs_nobody_in():
    async with on_air() as scene:
        before = scene.dump()

        refused = await scene.app(None, "login/weChatLogin", code="wx-unknown")

        assert (refused["code"], refused["message"]) == (7, "登录凭证无效")
        assert scene.dump() == before
