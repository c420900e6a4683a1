"""One request and its reply for every entry of the contract. The page of the documentation shows these very ones.

A golden says what has happened before (``given``), who asks, what is sent and what comes back, to the letter; where the
reply holds something random or signed, ``Like`` gives its form and an example for the page.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from engine.records import BanKind
from store.interfaces.ids import PersonId
from tests.surfaces.calls.scene import Scene
from tests.surfaces.pay import notice
from tests.surfaces.served import Given, Like

__all__ = ["GOLDENS", "MEI", "NOTIFIED", "REFUSALS", "TOM", "Golden", "Refusal"]

MEI, TOM, CALL = 10_001, 10_002, 50_001
ROOM = "room_1a2b3c4d_5e6f"


TOKEN = Like("0123456789abcdef0123456789abcdef", r"[0-9a-f]{32}")
SIGNATURE = Like("eJyrVgrx", r"[A-Za-z0-9*_-]{8,}")
ROOM_MADE = Like("room_1a2b3c4d_5e6f", r"room_[0-9a-f]{8}_[0-9a-f]{4}")


def push(stream: str) -> Like:
    """A signed address to push to."""
    return _signed("push", stream, re.escape(stream))


def play(stream: str) -> Like:
    """A signed address to play from."""
    return _signed("play", stream, re.escape(stream))


def _signed(host: str, stream: str, form: str) -> Like:
    signed = f"rtmp://{host}.example/live/8888_{stream}?bizid=8888&txSecret={'0' * 32}&txTime=6957D780"
    base = re.escape(f"rtmp://{host}.example/live/8888_")
    return Like(signed, base + form + r"\?bizid=8888&txSecret=[0-9a-f]{32}&txTime=[0-9A-F]{8}")


def _tested(host: str) -> Like:
    return _signed(host, "test_0011223344556677", "test_[0-9a-f]{16}")


def _test_page(end: str) -> Like:
    base = "http://play.example/live/8888_test_"
    return Like(f"{base}0011223344556677.{end}", re.escape(base) + rf"[0-9a-f]{{16}}\.{end}")


@dataclass(frozen=True)
class Golden:
    """``entry`` is the contract's id; ``who`` is mei, tom or nobody."""

    entry: str
    path: str
    who: str
    sent: dict[str, Any]
    reply: dict[str, Any]
    given: Given | None = None
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """What brings about the contract's example of an error."""

    entry: str
    who: str
    sent: dict[str, Any]
    given: Given | None = None


# --- what has happened before ----------------------------------------------------------------------------------------


async def mei_rings(scene: Scene) -> None:
    await scene.app(scene.mei, "live/callApplyMan", targetUserId=TOM)


async def three_minutes(scene: Scene) -> None:
    """The call of the documents' examples: three minutes at 10."""
    await scene.talks()
    await scene.clock.advance(60_000)
    for person in (scene.mei, scene.tom):
        await scene.app(person, "user/getCurrentUserInfo")
    await scene.clock.advance(60_000)
    await scene.app(scene.tom, "live/hangUpGirl", targetUserId=MEI)


async def mei_has_earned_before(scene: Scene) -> None:
    await scene.app(scene.mei, "user/updateUnitPrice", unitPrice=10)
    await scene.grant(scene.tom, 100)
    await scene.talks()
    await scene.app(scene.tom, "live/sendGift", giftId=1, amount=3)


async def warned(scene: Scene) -> None:
    await scene.engine.notices.warn(PersonId(MEI), "请注意着装")


async def banned_from_broadcasting(scene: Scene) -> None:
    await scene.ban(scene.mei, BanKind.BROADCAST, "直播违规")


async def paid_order(scene: Scene) -> None:
    order = await scene.app(scene.tom, "pay/createOrder", productId=1)
    await scene.ask("POST", "/app/pay/notify", notice(order["orderId"], fee_fen=600))


async def watched(scene: Scene) -> None:
    await scene.broadcasts()
    await scene.watches(scene.tom)


async def mei_counts_likes(scene: Scene) -> None:
    await scene.broadcasts()
    await scene.weapp(scene.mei, "set_custom_field", roomID=ROOM, fieldName="likes", operation="inc")


async def tom_is_poor(scene: Scene) -> None:
    scene.tom = await scene.sign_in("poor")


async def tom_hides(scene: Scene) -> None:
    await scene.app(scene.tom, "user/updateDisplay", display=1)


async def forged(scene: Scene) -> None:
    scene.tom = scene.tom._replace(token="0" * 32)
    scene.mei = scene.mei._replace(token="0" * 32)


async def four_send(scene: Scene) -> None:
    await scene.broadcasts()
    for name in ("b", "c", "d"):
        await scene.sends(await scene.sign_in(name), ROOM)


async def one_watches(scene: Scene) -> None:
    """The room has place for one; see ``SMALL_ROOMS`` of the test."""
    await scene.broadcasts()
    await scene.watches(await scene.sign_in("early"))


OK = {"code": 0, "message": "成功"}
FINE = {"code": 0, "message": "请求成功"}
THE_CALL = {"recordId": CALL, "roomInstanceId": CALL}
PUSHER = {
    "userID": str(MEI),
    "userName": "小红",
    "userAvatar": "",
    "accelerateURL": play(f"{ROOM}_{MEI}"),
}
SHOWN_ROOM = {
    "roomID": ROOM,
    "roomInfo": "hello",
    "roomCreator": str(MEI),
    "mixedPlayURL": f"http://play.example/live/8888_{ROOM}_{MEI}.flv",
    "custom": {},
    "audienceCount": 0,
    "pushers": [PUSHER],
    "anchors": [PUSHER],
}

GOLDENS: tuple[Golden, ...] = (
    Golden("calls-call-girl", "/app/live/callGirl", "tom", {"targetUserId": MEI}, OK | THE_CALL, Scene.broadcasts),
    Golden(
        "calls-get-match-info",
        "/app/live/getMatchInfo",
        "mei",
        {"targetUserId": TOM},
        OK | {"matchStatus": 1} | THE_CALL,
        Scene.rings,
    ),
    Golden("calls-hang-up-man", "/app/live/hangUpMan", "mei", {"targetUserId": TOM}, OK, Scene.talks),
    Golden("calls-hang-up-girl", "/app/live/hangUpGirl", "tom", {"targetUserId": MEI}, OK, Scene.talks),
    Golden(
        "calls-send-gift",
        "/app/live/sendGift",
        "tom",
        {"giftId": 1, "amount": 2, "targetUserId": MEI},
        OK | {"diamond": "70"},
        Scene.talks,
        headers={"Idempotency-Key": "gift-1"},
    ),
    Golden(
        "calls-get-gift-list",
        "/app/live/getGiftList",
        "tom",
        {},
        OK
        | {
            "itemList": [
                {"giftId": 1, "giftName": "玫瑰", "giftImgUrl": "https://img.example/rose.png", "giftCost": 10},
                {"giftId": 2, "giftName": "巧克力", "giftImgUrl": "https://img.example/chocolate.png", "giftCost": 50},
                {"giftId": 3, "giftName": "跑车", "giftImgUrl": "https://img.example/car.png", "giftCost": 1_000},
            ]
        },
    ),
    Golden("calls-call-apply-girl", "/app/live/callApplyGirl", "tom", {"targetUserId": MEI}, OK | THE_CALL),
    Golden("calls-call-apply-man", "/app/live/callApplyMan", "mei", {"targetUserId": TOM}, OK | THE_CALL),
    Golden(
        "calls-call-reply-girl",
        "/app/live/callReplyGirl",
        "tom",
        {"targetUserId": MEI, "reply": 1},
        OK | THE_CALL,
        mei_rings,
    ),
    Golden(
        "calls-weapp-create-room",
        "/weapp/live_room/create_room",
        "mei",
        {"roomInfo": "hello", "guestId": TOM},
        FINE | {"roomID": ROOM_MADE} | THE_CALL,
        Scene.rings,
    ),
    Golden(
        "calls-get-guest-list",
        "/app/user/getGuestList",
        "mei",
        {"page": 1, "pageSize": 50},
        OK | {"itemList": [{"userId": TOM, "nickname": "小明", "headImg": "https://img.example/1001.jpg", "age": 30}]},
    ),
    Golden("calls-start-call", "/app/live/startCall", "mei", {"targetUserId": TOM}, OK | THE_CALL, Scene.rings),
    Golden(
        "calls-get-call-record-desc",
        "/app/live/getCallRecordDesc",
        "mei",
        {"recordId": CALL},
        OK
        | {
            "nickname": "小明",
            "age": 30,
            "recordTime": "2026-01-01 08:00",
            "status": 2,
            "unitPrice": "10积分/分钟",
            "callTime": "3分钟",
            "callPoint": "获得30积分",
            "headImg": "https://img.example/1001.jpg",
        },
        three_minutes,
    ),
    Golden(
        "calls-get-master-info",
        "/app/live/getMasterInfo",
        "tom",
        {"masterId": MEI},
        OK
        | {
            "masterId": MEI,
            "liveStatus": 3,
            "nickname": "小红",
            "age": 25,
            "imgUrl": "https://img.example/2001.jpg",
            "unitPrice": "10积分",
            "unitPriceDiamond": "10钻石",
        },
    ),
    Golden(
        "calls-get-call-result-guest",
        "/app/live/getCallResultGuest",
        "tom",
        {"roomInstanceId": CALL},
        OK
        | {
            "nickname": "小红",
            "unitPrice": "10钻石/分钟",
            "callTime": "3分钟",
            "callDiamond": "消耗30钻石",
            "headImg": "https://img.example/2001.jpg",
            "diamond": "70",
            "title": "",
            "streamStatus": 1,
        },
        three_minutes,
    ),
    Golden(
        "calls-get-call-result-master",
        "/app/live/getCallResultMaster",
        "mei",
        {"roomInstanceId": CALL},
        OK
        | {
            "nickname": "小明",
            "unitPrice": "10积分/分钟",
            "callTime": "3分钟",
            "callPoint": "获得30积分",
            "headImg": "https://img.example/1001.jpg",
            "point": "30",
            "title": "",
            "streamStatus": 1,
        },
        three_minutes,
    ),
    Golden(
        "calls-get-current-user-info",
        "/app/user/getCurrentUserInfo",
        "tom",
        {},
        OK | {"diamond": "100", "display": 0},
    ),
    Golden(
        "calls-update-unit-price",
        "/app/user/updateUnitPrice",
        "mei",
        {"unitPrice": 10},
        OK | {"unitPrice": 10},
    ),
    Golden("calls-update-display", "/app/user/updateDisplay", "tom", {"display": 1}, OK | {"display": 1}),
    Golden(
        "calls-my-call-record",
        "/app/live/myCallRecord",
        "tom",
        {},
        OK
        | {
            "itemList": [
                {
                    "userId": MEI,
                    "recordId": CALL,
                    "nickName": "小红",
                    "nickname": "小红",
                    "recordDatetime": "2026-01-01 08:00",
                    "age": "25",
                    "imgUrl": "https://img.example/2001.jpg",
                    "headImg": "https://img.example/2001.jpg",
                }
            ]
        },
        three_minutes,
    ),
    Golden(
        "calls-get-my-income",
        "/app/live/getMyIncome",
        "mei",
        {},
        OK | {"point": "40积分", "callTime": "1分钟"},
        mei_has_earned_before,
    ),
    Golden(
        "calls-get-guest-current-user-info",
        "/app/live/getGuestCurrentUserInfo",
        "mei",
        {"guestId": TOM},
        OK | {"onlineStatus": 3},
    ),
    Golden(
        "calls-pay-get-order-list",
        "/app/pay/getOrderList",
        "tom",
        {},
        OK
        | {
            "itemList": [
                {"payFee": 600, "payStatusValue": "充值成功", "payDateTime": "2026-01-01 08:00:00"},
            ]
        },
        paid_order,
    ),
    Golden(
        "calls-weapp-get-push-url",
        "/weapp/live_room/get_push_url",
        "tom",
        {"roomID": ROOM},
        FINE
        | {
            "pushURL": push(f"{ROOM}_{TOM}"),
            "accelerateURL": play(f"{ROOM}_{TOM}"),
            "playURL": play(f"{ROOM}_{MEI}"),
        },
        Scene.broadcasts,
    ),
    Golden(
        "calls-get-share-info",
        "/app/user/getShareInfo",
        "tom",
        {},
        OK | {"title": "和我视频聊天吧", "imgUrl": "https://img.example/share.png"},
    ),
    Golden("calls-wechat-version", "/app/login/weChatVersion", "nobody", {"version": 8, "terminalType": 3}, OK),
    Golden(
        "calls-get-warn-message",
        "/app/live/getWarnMessage",
        "mei",
        {},
        OK | {"warnMessage": "请注意着装"},
        warned,
    ),
    Golden(
        "calls-get-exit-message",
        "/app/live/getExitMessage",
        "mei",
        {},
        OK | {"exitMessage": "直播违规"},
        banned_from_broadcasting,
    ),
    Golden(
        "calls-message-form",
        "/app/live/messageForm",
        "tom",
        {"formId": "wx2019060121050900", "moduleName": "pay"},
        OK,
    ),
    Golden(
        "calls-weapp-login",
        "/weapp/live_room/login",
        "nobody",
        {"sdkAppID": "1400000000", "userID": str(MEI), "userSig": "<mei's signature>", "platform": "1"},
        FINE | {"userID": str(MEI), "token": TOKEN, "timestamp": 1_767_225_600_000},
    ),
    Golden("calls-weapp-logout", "/weapp/live_room/logout", "mei", {}, FINE),
    Golden(
        "calls-weapp-get-room-list",
        "/weapp/live_room/get_room_list",
        "tom",
        {"cnt": 20, "index": 0},
        FINE | {"rooms": [SHOWN_ROOM]},
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-get-pushers",
        "/weapp/live_room/get_pushers",
        "tom",
        {"roomID": ROOM},
        FINE | SHOWN_ROOM | {"roomStatusCode": 1},
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-destroy-room", "/weapp/live_room/destroy_room", "mei", {"roomID": ROOM}, FINE, Scene.broadcasts
    ),
    Golden(
        "calls-weapp-add-pusher",
        "/weapp/live_room/add_pusher",
        "tom",
        {"roomID": ROOM, "userName": "小明", "userAvatar": "", "pushURL": "<tom's push address>"},
        FINE,
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-delete-pusher",
        "/weapp/live_room/delete_pusher",
        "mei",
        {"roomID": ROOM, "userID": str(MEI)},
        FINE,
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-pusher-heartbeat",
        "/weapp/live_room/pusher_heartbeat",
        "mei",
        {"roomID": ROOM, "roomStatusCode": 0},
        FINE | {"roomStatusCode": 1, "pushers": [PUSHER], "anchors": [PUSHER]},
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-add-audience",
        "/weapp/live_room/add_audience",
        "tom",
        {"roomID": ROOM, "userInfo": '{"nick":"小明"}'},
        FINE,
        Scene.broadcasts,
    ),
    Golden("calls-weapp-delete-audience", "/weapp/live_room/delete_audience", "tom", {"roomID": ROOM}, FINE, watched),
    Golden(
        "calls-weapp-get-audiences",
        "/weapp/live_room/get_audiences",
        "mei",
        {"roomID": ROOM},
        FINE | {"audienceCount": 1, "audiences": [{"userID": str(TOM), "userInfo": '{"nick":"小明"}'}]},
        watched,
    ),
    Golden(
        "calls-weapp-get-custom-info",
        "/weapp/live_room/get_custom_info",
        "tom",
        {"roomID": ROOM},
        FINE | {"customInfo": '{"likes":1}', "custom": {"likes": 1}},
        mei_counts_likes,
    ),
    Golden(
        "calls-weapp-set-custom-field",
        "/weapp/live_room/set_custom_field",
        "mei",
        {"roomID": ROOM, "fieldName": "likes", "operation": "inc"},
        FINE | {"customInfo": '{"likes":1}', "custom": {"likes": 1}},
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-merge-stream",
        "/weapp/live_room/merge_stream",
        "mei",
        {"roomID": ROOM, "mergeParams": {"interface": "Mix_StreamV2"}},
        FINE
        | {
            "result": {"code": 0, "message": "", "timestamp": 1_767_225_600},
            "merge_code": 0,
            "merge_msg": "",
        },
        Scene.broadcasts,
    ),
    Golden(
        "calls-weapp-get-anchor-url",
        "/weapp/live_room/get_anchor_url",
        "mei",
        {},
        FINE | {"pushURL": push(str(MEI)), "accelerateURL": play(str(MEI)), "playURL": ""},
    ),
    Golden(
        "calls-weapp-get-login-info",
        "/weapp/utils/get_login_info",
        "mei",
        {"userID": str(MEI)},
        FINE
        | {
            "sdkAppID": "1400000000",
            "accType": "",
            "accountType": "",
            "userID": str(MEI),
            "userSig": SIGNATURE,
        },
        method="GET",
    ),
    Golden(
        "calls-weapp-get-test-pushurl",
        "/weapp/utils/get_test_pushurl",
        "mei",
        {},
        FINE
        | {
            "url_push": _tested("push"),
            "url_play_flv": _test_page("flv"),
            "url_play_rtmp": _tested("play"),
            "url_play_hls": _test_page("m3u8"),
            "url_play_acc": _tested("play"),
        },
        method="GET",
    ),
    Golden(
        "calls-weapp-get-test-rtmpaccurl",
        "/weapp/utils/get_test_rtmpaccurl",
        "mei",
        {},
        FINE | {"url_rtmpacc": _tested("play")},
        method="GET",
    ),
    Golden(
        "calls-login-wechat",
        "/app/login/weChatLogin",
        "nobody",
        {"code": "dev:小红", "terminalType": 3, "role": "master"},
        OK
        | {
            "token": TOKEN,
            "userId": MEI,
            "role": "master",
            "sdkAppID": "1400000000",
            "userSig": SIGNATURE,
        },
    ),
    Golden(
        "calls-pay-create-order",
        "/app/pay/createOrder",
        "tom",
        {"productId": 1},
        OK
        | {
            "orderId": "017672256000000000000001",
            "payFee": 600,
            "timeStamp": "1767225600",
            "nonceStr": "n",
            "package": "prepay_id=dev-017672256000000000000001",
            "signType": "MD5",
            "paySign": Like("0" * 32, r"[0-9A-F]{32}"),
        },
        headers={"Idempotency-Key": "order-1"},
    ),
)
"""All entries but the notification, which is no JSON (``NOTIFIED``), and the socket, which has tests of its own."""

NOTIFIED = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"

REFUSALS: tuple[Refusal, ...] = (
    Refusal("calls-call-girl", "tom", {"targetUserId": MEI}),
    Refusal("calls-get-match-info", "tom", {"targetUserId": MEI}),
    Refusal("calls-hang-up-man", "mei", {"targetUserId": TOM}),
    Refusal("calls-hang-up-girl", "tom", {"targetUserId": MEI}),
    Refusal("calls-send-gift", "tom", {"giftId": 3}, Scene.talks),
    Refusal("calls-get-gift-list", "tom", {}, forged),
    Refusal("calls-call-apply-girl", "tom", {"targetUserId": MEI}, tom_is_poor),
    Refusal("calls-call-apply-man", "mei", {"targetUserId": TOM}, tom_hides),
    Refusal("calls-call-reply-girl", "tom", {"targetUserId": MEI, "reply": 1}),
    Refusal("calls-weapp-create-room", "mei", {"roomInfo": "x" * 1_025}),
    Refusal("calls-get-guest-list", "mei", {}, forged),
    Refusal("calls-start-call", "mei", {"targetUserId": TOM}),
    Refusal("calls-get-call-record-desc", "mei", {"recordId": 1}),
    Refusal("calls-get-master-info", "tom", {"masterId": TOM}),
    Refusal("calls-get-call-result-guest", "tom", {"roomInstanceId": 1}),
    Refusal("calls-get-call-result-master", "mei", {"roomInstanceId": 1}),
    Refusal("calls-get-current-user-info", "tom", {}, forged),
    Refusal("calls-update-unit-price", "mei", {"unitPrice": 0}),
    Refusal("calls-update-display", "tom", {"display": 2}),
    Refusal("calls-my-call-record", "tom", {}, forged),
    Refusal("calls-get-my-income", "mei", {}, forged),
    Refusal("calls-get-guest-current-user-info", "mei", {"guestId": MEI}),
    Refusal("calls-pay-get-order-list", "tom", {}, forged),
    Refusal("calls-weapp-get-push-url", "tom", {}, forged),
    Refusal("calls-get-share-info", "tom", {}, forged),
    Refusal("calls-wechat-version", "nobody", {"version": 7, "terminalType": 3}),
    Refusal("calls-get-warn-message", "mei", {}, forged),
    Refusal("calls-get-exit-message", "mei", {}, forged),
    Refusal("calls-message-form", "tom", {"formId": "f", "moduleName": "elsewhere"}),
    Refusal("calls-weapp-login", "nobody", {"sdkAppID": "1400000000", "userID": str(MEI)}),
    Refusal("calls-weapp-logout", "mei", {}, forged),
    Refusal("calls-weapp-get-room-list", "tom", {"cnt": 20, "index": 0}, forged),
    Refusal("calls-weapp-get-pushers", "tom", {"roomID": ROOM}),
    Refusal("calls-weapp-destroy-room", "mei", {"roomID": ROOM}),
    Refusal(
        "calls-weapp-add-pusher",
        "tom",
        {"roomID": ROOM, "userName": "", "userAvatar": "", "pushURL": "<tom's push address>"},
        four_send,
    ),
    Refusal("calls-weapp-delete-pusher", "mei", {"roomID": ROOM, "userID": str(MEI)}),
    Refusal("calls-weapp-pusher-heartbeat", "tom", {"roomID": ROOM}, Scene.broadcasts),
    Refusal("calls-weapp-add-audience", "tom", {"roomID": ROOM}, one_watches),
    Refusal("calls-weapp-delete-audience", "tom", {"roomID": ROOM}),
    Refusal("calls-weapp-get-audiences", "tom", {"roomID": ROOM}),
    Refusal("calls-weapp-get-custom-info", "tom", {"roomID": ROOM}),
    Refusal("calls-weapp-set-custom-field", "mei", {"roomID": ROOM, "fieldName": "likes", "operation": "inc"}),
    Refusal("calls-weapp-merge-stream", "mei", {"roomID": ROOM, "mergeParams": "{"}, Scene.broadcasts),
    Refusal("calls-weapp-get-anchor-url", "mei", {}, forged),
    Refusal("calls-weapp-get-login-info", "mei", {}, forged),
    Refusal("calls-weapp-get-test-pushurl", "mei", {}, forged),
    Refusal("calls-weapp-get-test-rtmpaccurl", "mei", {}, forged),
    Refusal("calls-login-wechat", "nobody", {}),
    Refusal("calls-pay-create-order", "tom", {}),
)
