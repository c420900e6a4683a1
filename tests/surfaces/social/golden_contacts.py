"""Goldens of friends and groups. Source: seeds/003 (添加好友 … 加载群聊)."""

from typing import Any

from tests.surfaces.goldens import Refusal
from tests.surfaces.social.golden import CREATED_MS, DONE, EPOCH_S, SNOWFLAKE, Golden, done
from tests.surfaces.social.golden_people import a_user
from tests.surfaces.social.scene import Scene

__all__ = ["GOLDENS", "REFUSALS", "a_group_is_there"]

GROUP = {
    "id": "<group>",
    "CreatedTime": CREATED_MS,
    "UpdatedTime": CREATED_MS,
    "name": "三",
    "owner_id": "<jhinih>",
    "owner_name": "jhinih",
    "img": "",
    "desc": "",
    "description": "",
    "creator_id": "<jhinih>",
    "created_at": EPOCH_S,
    "updated_at": EPOCH_S,
}


async def somebody_new(scene: Scene) -> None:
    """Xin is nobody's friend."""
    scene.xin = await scene.newcomer("王鑫宇")  # type: ignore[attr-defined]


async def wxy_has_friends(scene: Scene) -> None:
    """Wxy has added jhinih, and later zhao has added wxy."""
    await scene.told(scene.wxy, "POST", "/api/contact/add-friend", {"username": "jhinih"})
    await scene.clock.advance(10)
    await scene.told(scene.zhao, "POST", "/api/contact/add-friend", {"user_name": "wxy"})


async def a_group_is_made(scene: Scene) -> None:
    """Jhinih has made one; nobody else is in it."""
    made: dict[str, Any] = await scene.told(scene.jhinih, "POST", "/api/contact/create-community", {"name": "三"})
    scene.group = made["id"]  # type: ignore[attr-defined]


async def a_group_is_there(scene: Scene) -> None:
    """Everybody is in it."""
    await a_group_is_made(scene)
    for one in (scene.wxy, scene.zhao, scene.ann):
        await scene.clock.advance(10)
        await scene.told(one, "POST", "/api/contact/join-community", {"community_id": scene.group})  # type: ignore[attr-defined]


MEMBERS = [a_user("jhinih"), a_user("wxy", is_own=True), a_user("zhao"), a_user("ann", role="4")]
# The address is shown only where somebody asks for himself alone.
MEMBERS[1] = MEMBERS[1] | {"email": ""}

GOLDENS: tuple[Golden, ...] = (
    Golden(
        "social-contact-add-friend",
        "POST /api/contact/add-friend",
        "wxy",
        {"user_name": "<xin.name>"},
        DONE,
        somebody_new,
    ),
    Golden(
        "social-contact-get-friend-list",
        "POST /api/contact/get-friend-list",
        "wxy",
        {},
        done({"users": [a_user("zhao"), a_user("jhinih")]}),
        wxy_has_friends,
    ),
    Golden(
        "social-contact-get-group-users",
        "GET /api/contact/get-group-users",
        "wxy",
        {"community_id": "<group>"},
        done({"users": MEMBERS}),
        a_group_is_there,
    ),
    Golden(
        "social-contact-get-group-list",
        "GET /api/contact/get-group-list",
        "wxy",
        {},
        done({"groups": [GROUP]}),
        a_group_is_there,
    ),
    Golden(
        "social-contact-create-community",
        "POST /api/contact/create-community",
        "wxy",
        {"owner_name": "jhinih", "name": "四", "icon": "", "desc": ""},
        done({"id": SNOWFLAKE, "community_id": SNOWFLAKE}),
    ),
    Golden(
        "social-contact-join-community",
        "POST /api/contact/join-community",
        "wxy",
        {"community_id": "<group>"},
        DONE,
        a_group_is_made,
    ),
    Golden(
        "social-contact-load-community",
        "POST /api/contact/load-community",
        "wxy",
        {},
        done({"groups": [GROUP]}),
        a_group_is_there,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("social-contact-add-friend", "wxy", {"username": "nobody here"}),
    Refusal("social-contact-get-friend-list", "nobody", {}),
    Refusal("social-contact-get-group-users", "wxy", {"community_id": "1956774945174327296"}),
    Refusal("social-contact-get-group-list", "nobody", {}),
    Refusal("social-contact-create-community", "wxy", {"name": " "}),
    Refusal("social-contact-join-community", "wxy", {"community_id": "1956774945174327296"}),
    Refusal("social-contact-load-community", "nobody", {}),
)
