"""Goldens of accounts and people. Source: seeds/003 (登录, 用户, 在线用户列表)."""

from typing import Any

from engine.ports import TokenKind
from tests.surfaces.goldens import Refusal
from tests.surfaces.social.golden import CREATED_MS, DONE, EPOCH_S, MOMENT, TOKEN, Golden, done
from tests.surfaces.social.scene import PASSWORD, Scene

__all__ = ["GOLDENS", "REFUSALS", "a_user"]

NEW = "jhinih@163.com"
IMAGE = "https://img.example/ca3a10f8e7fbe4291206386d8f17e6036168c18d454ca595f668cb6dc6038b84.png"
BIO = "很懒，什么都没留下"


def a_user(name: str, *, is_own: bool = False, role: str = "0") -> dict[str, Any]:
    """A user of the cast, as others see him, or he himself."""
    return {
        "id": f"<{name}>",
        "CreatedTime": CREATED_MS,
        "UpdatedTime": CREATED_MS,
        "username": f"<{name}.name>",
        "email": f"<{name}.email>" if is_own else "",
        "avatar": "",
        "role": role,
        "Phone": "",
        "ClientIp": "127.0.0.1" if is_own else "",
        "ClientPort": "",
        "LoginTime": MOMENT,
        "HeartbeatTime": MOMENT,
        "login_out_time": "",
        "IsLogout": False,
        "DeviceInfo": "a phone" if is_own else "",
        "Bio": f"<{name}.name>{BIO}",
        "bio": f"<{name}.name>{BIO}",
        "create_at": EPOCH_S,
    }


def whole(name: str, *, is_own: bool = False) -> dict[str, Any]:
    """The same with the documented fields beside it."""
    user = a_user(name, is_own=is_own)
    return {"user": user} | {
        field: user[field] for field in ("id", "username", "avatar", "role", "bio", "create_at", "email")
    }


async def a_code_is_mailed(scene: Scene) -> None:
    scene.code = await scene.mailed_code(NEW)


async def the_rtoken_is_of_last_week(scene: Scene) -> None:
    rtoken = scene.token_of(scene.wxy, TokenKind.REFRESH, age_s=8 * 86_400)
    scene.wxy = scene.wxy._replace(rtoken=rtoken)


async def only_ann_is_left(scene: Scene) -> None:
    for one in (scene.jhinih, scene.wxy, scene.zhao):
        await scene.told(one, "POST", "/api/login/logout")


PAIR = {"atoken": TOKEN, "rtoken": TOKEN}
ANEW = {
    "email": NEW,
    "code": "<code>",
    "password": PASSWORD,
    "username": "王鑫宇",
    "avatar": IMAGE,
}

GOLDENS: tuple[Golden, ...] = (
    Golden("social-login-send-code", "POST /api/login/send-code", "nobody", {"email": NEW}, DONE),
    Golden("social-login-register", "POST /api/login/register", "nobody", ANEW, done(PAIR), a_code_is_mailed),
    Golden(
        "social-login-login",
        "POST /api/login/login",
        "nobody",
        {"email": "<wxy.email>", "password": PASSWORD},
        done(PAIR),
    ),
    Golden(
        "social-login-refresh-token",
        "POST /api/login/refresh-token",
        "nobody",
        {"rtoken": "<wxy.rtoken>"},
        done({"atoken": TOKEN}),
    ),
    Golden("social-login-logout", "POST /api/login/logout", "wxy", {"rtoken": "<wxy.rtoken>"}, DONE),
    Golden(
        "social-user-get-user-info", "GET /api/user/get-user-info", "wxy", {"id": "<jhinih>"}, done(whole("jhinih"))
    ),
    Golden("social-user-get-my-info", "GET /api/user/get-my-info", "wxy", {}, done(whole("wxy", is_own=True))),
    Golden("social-user-get-profile", "GET /api/user/get-profile", "wxy", {"id": "<jhinih>"}, done(whole("jhinih"))),
    Golden(
        "social-user-set-profile",
        "POST /api/user/set-profile",
        "wxy",
        {
            "id": "<wxy>",
            "username": "wxy2",
            "avatar": IMAGE,
            "bio": "hello",
            "email": "<wxy.email>",
        },
        DONE,
    ),
    Golden("social-user-set-role", "POST /api/user/set-role", "ann", {"id": "<wxy>", "role": "1"}, DONE),
    Golden(
        "social-contact-get-user-list-online",
        "GET /api/contact/get-user-list-online",
        "nobody",
        {},
        done({"users": [a_user("ann", role="4")]}),
        only_ann_is_left,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("social-login-send-code", "nobody", {"email": "jhinih"}),
    Refusal("social-login-register", "nobody", ANEW | {"code": "000000"}),
    Refusal("social-login-login", "nobody", {"email": "<wxy.email>", "password": "654321"}),
    Refusal("social-login-refresh-token", "nobody", {"rtoken": "<wxy.rtoken>"}, the_rtoken_is_of_last_week),
    Refusal("social-login-logout", "nobody", {}),
    Refusal("social-user-get-user-info", "wxy", {"id": "1954574560636440576"}),
    Refusal("social-user-get-my-info", "nobody", {}),
    Refusal("social-user-get-profile", "wxy", {"id": "1954574560636440576"}),
    Refusal("social-user-set-profile", "wxy", {"id": "<jhinih>", "bio": "hello"}),
    Refusal("social-user-set-role", "wxy", {"id": "<wxy>", "role": "4"}),
)
