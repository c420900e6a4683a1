"""One request and its reply for every entry of the contract. The page of the documentation shows these very ones.

Whoever asks is hong, mei, tom or nobody. Ids that people show are random too: ``"<mei>"`` stands for hers.
"""

from tests.surfaces.goldens import Golden, Refusal
from tests.surfaces.qlive.scene import APP_ID, Scene
from tests.surfaces.served import Like

__all__ = ["GOLDENS", "NOBODY_ID", "REFUSALS", "tom_and_mei_sit"]

TOKEN = Like("d18c8d9db48fcb06cee8083d159c8661c9a65a29", r"[0-9a-f]{40}")
SIGNATURE = Like("eJyrVgrx", r"[A-Za-z0-9*_-]{8,}")
NEW_ID = Like("66766865", r"[1-9][0-9]{7}")
ANOTHER_ID = Like("20193847", r"[1-9][0-9]{7}")
NOBODY_ID = "99999999"
PUSHED_TO = Like(
    f"rtmp://push.example/live/66766865?txSecret={'0' * 32}&txTime=6957c180",
    r"rtmp://push\.example/live/[1-9][0-9]{7}\?txSecret=[0-9a-f]{32}&txTime=[0-9a-f]{8}",
)


# --- what has happened before ----------------------------------------------------------------------------------------


async def tom_sits(scene: Scene) -> None:
    await scene.sits_live(scene.tom)


async def mei_likes_tom(scene: Scene) -> None:
    await scene.call(scene.mei, "POST", "qlive_like/", {"user_id": scene.tom.id, "like_state": 1})


async def tom_and_mei_sit(scene: Scene) -> None:
    await tom_sits(scene)
    await scene.sits(scene.mei)


async def tom_watches(scene: Scene) -> None:
    await scene.live()
    await scene.watches(scene.tom)


async def tom_applies(scene: Scene) -> None:
    await scene.live()
    await scene.applies(scene.tom)


async def another_was_faster(scene: Scene) -> None:
    await tom_applies(scene)
    await scene.sits(await scene.sign_up("小刚", gender=1))


async def mei_watches_and_two_men_want_more(scene: Scene) -> None:
    await scene.sits_live(scene.mei)
    await tom_applies(scene)
    await scene.watches(await scene.sign_up("小刚", gender=1))
    await scene.applies(await scene.sign_up("小芳", gender=2))


async def hong_is_banned(scene: Scene) -> None:
    await scene.ban(scene.hong)


async def forged(scene: Scene) -> None:
    scene.tom = scene.tom._replace(token="0" * 40)


# --- the goldens -----------------------------------------------------------------------------------------------------

SIGNED = {"user_sign": SIGNATURE, "user_sig": SIGNATURE, "sdk_app_id": "1400000000"}
MEI_SHOWN = {
    "user_id": "<mei>",
    "nickname": "小红",
    "gender": 2,
    "age": 27,
    "face_url": "https://img.example/2001.jpg",
    "area": "310100",
    "height": 165,
    "is_matchmaker": False,
    "last_login_time": None,
    "create_time": "2026-01-01T08:00:00",
    "rate": "0.5",
}
TO_HERSELF = {
    "user_sig": SIGNATURE,
    "user_sign": SIGNATURE,
    "user_sig_expired": "2026-01-08T08:00:00",
    "gold": 10,
    "income": 0,
}
TO_OTHERS = {"user_sig": "", "user_sign": "", "user_sig_expired": None, "gold": 0, "income": 0}
HONG_ON = {
    "play_url": "rtmp://play.example/live/<hong>",
    "nickname": "红姐",
    "area": "310100",
    "age": 35,
    "user_id": "<hong>",
    "face_url": "",
    "gender": 2,
}
TOM_ON = HONG_ON | {
    "play_url": "rtmp://play.example/live/<tom>",
    "nickname": "小明",
    "age": 30,
    "user_id": "<tom>",
    "gender": 1,
}
MEI_ON = HONG_ON | {
    "play_url": "rtmp://play.example/live/<mei>",
    "nickname": "小红",
    "age": 27,
    "user_id": "<mei>",
    "face_url": "https://img.example/2001.jpg",
}
CODE = {"appId": APP_ID, "code": "dev:小明"}
SEALED = {"encryptedData": "LtwXY/thRoRMyUSJgcCEQA==", "iv": "EBESExQVFhcYGRobHB0eHw=="}

GOLDENS: tuple[Golden, ...] = (
    Golden(
        "qlive-user-login",
        "POST qlive_user/login/",
        "nobody",
        CODE,
        {
            "status": 0,
            "token": TOKEN,
            "user_id": "<tom>",
            **SIGNED,
            "login_type": 1,
            "user_type": 3,
            "live_room_name": "红姐",
            "live_id": "<hong as a number>",
            "group_id": "<hong>",
        },
        tom_sits,
    ),
    Golden(
        "qlive-user-create",
        "POST qlive_user/",
        "nobody",
        CODE | {"code": "dev:小李"} | SEALED,
        {"token": TOKEN, "user_id": NEW_ID, **SIGNED},
    ),
    Golden(
        "qlive-user-update-userinfo",
        "POST qlive_user/update_userinfo/",
        "mei",
        {"nickname": "红红", "gender": "", "age": 28, "area": "110101", "face_url": ""},
        MEI_SHOWN | TO_HERSELF | {"nickname": "红红", "age": 28, "area": "110101"},
    ),
    Golden(
        "qlive-user-get-userinfo",
        "GET qlive_user/get_userinfo/",
        "tom",
        {"user_id": "<mei>"},
        MEI_SHOWN | TO_OTHERS,
    ),
    Golden("qlive-user-logout", "GET qlive_user/logout/", "tom", {}, {"detail": "OK"}, tom_sits),
    Golden(
        "qlive-get-configs",
        "GET get_configs/",
        "tom",
        {},
        {
            "PROGRAM_SHARE": [
                {"title": "优质好男人都在这里等你！", "src": "https://img.example/a.png"},
                {"title": "单身相亲女士聚集地", "src": "https://img.example/b.png"},
                {"title": "介绍对象也能赚钱？", "src": "https://img.example/c.png"},
                {"title": "一大波优质相亲者在这里等你", "src": "https://img.example/d.png"},
            ],
            "LIVEROOM_SHARE": [
                {"title": "又有一对情侣在一起了", "src": "https://img.example/e.png"},
                {"title": "介绍对象成功了", "src": "https://img.example/f.png"},
                {"title": "牵线又一次成功，你来吗？", "src": "https://img.example/g.png"},
            ],
            "INDEX_BANNER": "https://img.example/banner.png",
            "BACKGROUND": {"color": "#f69c9a", "height": 1954, "src": "https://img.example/bg.png"},
        },
    ),
    Golden("qlive-like-set", "POST qlive_like/", "mei", {"user_id": "<tom>", "like_state": 1}, {"detail": "ok"}),
    Golden("qlive-like-get", "GET qlive_like/", "mei", {"user_id": "<tom>"}, {"like_state": 1}, mei_likes_tom),
    Golden(
        "qlive-user-get-state",
        "GET qlive_user/get_user_state/",
        "tom",
        {},
        {"live_room_name": "红姐", "live_id": "<hong as a number>", "group_id": "<hong>", "user_type": 1},
        tom_watches,
    ),
    Golden(
        "qlive-get-livelist",
        "GET get_livelist/",
        "tom",
        {"page": 1},
        [
            {
                "id": "<hong as a number>",
                "group_id": "<hong>",
                "room_name": "红姐",
                "room_image": "",
                "player": {"boy": "", "girl": "https://img.example/2001.jpg"},
                "audience_count": 3,
            }
        ],
        tom_and_mei_sit,
    ),
    Golden(
        "qlive-get-playurl",
        "GET get_playurl/",
        "tom",
        {"live_id": "<hong>"},
        {
            "anchor_info": {"nickname": "红姐", "face_url": ""},
            "owner": HONG_ON,
            "male": TOM_ON,
            "female": MEI_ON,
            "user_type": 3,
            "push_url": PUSHED_TO,
            "num_list": [0, 1, 0, 1],
            "live_id": "<hong as a number>",
            "group_id": "<hong>",
            "audience_count": 3,
            "epoch": 1,
            "seq": 2,
        },
        tom_and_mei_sit,
    ),
    Golden(
        "qlive-user-get-users-info",
        "GET qlive_user/get_users_info/",
        "mei",
        {"live_id": "<hong>", "gender": 1, "page": 1},
        [
            {"user_id": ANOTHER_ID, "face_url": "", "state": 0, "nickname": "小刚", "user_type": 1},
            {"user_id": "<tom>", "face_url": "", "state": 1, "nickname": "小明", "user_type": 2},
        ],
        mei_watches_and_two_men_want_more,
    ),
    Golden(
        "qlive-room-apply-micro",
        "POST qlive_room/apply_micro/",
        "tom",
        {"live_id": "<hong>"},
        {"detail": "OK"},
        tom_watches,
    ),
    Golden(
        "qlive-room-accept-micro",
        "POST qlive_room/accept_micro/",
        "tom",
        {"live_id": "<hong as a number>"},
        TOM_ON | {"push_url": PUSHED_TO, "code": "success"},
        tom_applies,
    ),
    Golden(
        "qlive-room-refuse-micro",
        "POST qlive_room/refuse_micro/",
        "tom",
        {"live_id": "<hong>"},
        {"detail": "OK"},
        tom_applies,
    ),
    Golden(
        "qlive-room-invite-micro",
        "POST qlive_room/invite_micro/",
        "hong",
        {"live_id": "<hong>", "user_id": "<tom>"},
        {"detail": "OK"},
        tom_watches,
    ),
    Golden(
        "qlive-room-leave-micro",
        "GET qlive_room/leave_micro/",
        "hong",
        {"live_id": "<hong>", "user_id": "<tom>", "gender": 1},
        {"detail": "OK"},
        tom_sits,
    ),
    Golden(
        "qlive-room-matchmaker-enter",
        "POST qlive_room/matchmaker_enter/",
        "hong",
        {},
        {
            "status": "ok",
            "user_id": "<hong>",
            "live_id": "<hong>",
            "nickname": "红姐",
            "face_url": "",
            "push_url": PUSHED_TO,
            "play_url": "rtmp://play.example/live/<hong>",
            "group_id": "<hong>",
        },
    ),
    Golden(
        "qlive-room-live-end", "POST qlive_room/live_end/", "hong", {"live_id": "<hong>"}, {"detail": "OK"}, tom_sits
    ),
    Golden(
        "qlive-room-leave-room", "GET qlive_room/leave_room/", "tom", {"live_id": "<hong>"}, {"detail": "OK"}, tom_sits
    ),
    Golden(
        "qlive-gift-list",
        "GET qlive_gift/",
        "tom",
        {"page": 1},
        {
            "count": 3,
            "next": None,
            "previous": None,
            "results": [
                {"id": 1, "name": "玫瑰", "image": "https://img.example/rose.png", "gold": 1, "effect": ""},
                {"id": 2, "name": "巧克力", "image": "https://img.example/chocolate.png", "gold": 10, "effect": ""},
                {"id": 3, "name": "钻戒", "image": "https://img.example/ring.png", "gold": 520, "effect": "ring"},
            ],
        },
    ),
    Golden(
        "qlive-gift-push",
        "GET qlive_gift/push_gift/",
        "mei",
        {"user_id": "<tom>", "gift_id": 1, "num": 3},
        {"status": "success", "code": "success", "gold": 7, "income": 0, "detail": "赠送成功"},
        tom_and_mei_sit,
        headers={"Idempotency-Key": "gift-1"},
    ),
    Golden(
        "qlive-pay-blocks",
        "GET qlive_pay/",
        "tom",
        {},
        [
            {"id": "1", "gold": "60", "price": "6.00"},
            {"id": "2", "gold": "300", "price": "30.00"},
            {"id": "3", "gold": "1280", "price": "128.00"},
        ],
    ),
    Golden(
        "qlive-pay-create",
        "POST qlive_pay/",
        "tom",
        {"block_id": 1},
        {
            "success": "success",
            "timestamp": "2026-01-01 08:00:00",
            "sign": Like("0" * 64, r"[0-9a-f]{64}"),
            "content": Like(
                '{"timeStamp":"1767225600","nonceStr":"n","package":"prepay_id=dev-017672256000000000000001",'
                '"signType":"MD5","paySign":"00000000000000000000000000000000"}',
                r'\{"timeStamp":"1767225600","nonceStr":"n","package":"prepay_id=dev-[0-9]{24}",'
                r'"signType":"MD5","paySign":"[0-9A-F]{32}"\}',
            ),
        },
        headers={"Idempotency-Key": "order-1"},
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("qlive-user-login", "nobody", CODE | {"code": "wx-unknown"}),
    Refusal("qlive-user-update-userinfo", "mei", {"gender": 3}),
    Refusal("qlive-user-get-userinfo", "mei", {"user_id": NOBODY_ID}),
    Refusal("qlive-user-logout", "nobody", {}),
    Refusal("qlive-get-configs", "nobody", {}),
    Refusal("qlive-like-set", "mei", {"user_id": "<tom>", "like_state": 2}),
    Refusal("qlive-like-get", "mei", {"user_id": NOBODY_ID}),
    Refusal("qlive-user-get-state", "nobody", {}),
    Refusal("qlive-get-livelist", "tom", {"page": 0}),
    Refusal("qlive-get-playurl", "tom", {"live_id": "<hong>"}),
    Refusal("qlive-user-get-users-info", "tom", {"live_id": NOBODY_ID, "gender": 1}),
    Refusal("qlive-room-apply-micro", "mei", {"live_id": "<hong>"}, tom_sits),
    Refusal("qlive-room-accept-micro", "tom", {"live_id": "<hong>"}, another_was_faster),
    Refusal("qlive-room-refuse-micro", "mei", {"live_id": "<hong>"}, tom_sits),
    Refusal("qlive-room-invite-micro", "mei", {"live_id": "<hong>", "user_id": "<tom>"}, tom_watches),
    Refusal("qlive-room-leave-micro", "mei", {"live_id": "<hong>", "user_id": "<tom>"}, tom_sits),
    Refusal("qlive-room-matchmaker-enter", "hong", {}, hong_is_banned),
    Refusal("qlive-room-live-end", "tom", {"live_id": "<hong>"}, tom_sits),
    Refusal("qlive-room-leave-room", "tom", {"live_id": "<hong>"}),
    Refusal("qlive-gift-list", "tom", {"page": 2}),
    Refusal("qlive-gift-push", "tom", {"user_id": "<mei>", "gift_id": 1, "num": 1}),
    Refusal("qlive-pay-blocks", "nobody", {}),
)
"""The contract's example for create needs WeChat itself, and the one for an order a provider that refuses it:
``test_people`` and ``test_orders`` have them."""
