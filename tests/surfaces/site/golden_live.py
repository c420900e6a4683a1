"""Goldens of rooms on air, what is said there, and the anchor's side of them. Source: seeds/001 3 … 7, beyond seed."""

import json
from typing import Any

from engine.records import ShowKind
from tests.surfaces.goldens import Refusal
from tests.surfaces.served import Like
from tests.surfaces.site.golden import Golden
from tests.surfaces.site.scene import Scene

__all__ = ["ANCHOR_LINE", "GOLDENS", "INFO", "REFUSALS", "TINA", "tina_is_on_air"]

TINA: dict[str, Any] = {"character_name": "Tina", "character_date": "2025-07-03@18h17m20s"}
INFO: dict[str, Any] = {"title": "Tina's room", "describe": "hello", "coin_num": 10, "room_type": 1}
MINE = {"uid": "<jliu>"}
ROOM = "<jliu>_Tina"
NAMES = {"room_id": ROOM, "room_name": ROOM, "uid": "<jliu>"}
ANCHOR_LINE = {"name": "You", "is_user": True, "mes": "hello", "send_date": "July 11, 2025 5:51pm"}
AI_LINE = {"name": "Tina", "is_user": False, "mes": "Hi there!", "send_date": "July 11, 2025 6:13pm"}
GUEST_NAME = Like("游客a1B2c3", r"游客[A-Za-z0-9]{6}")
GUEST_ID = Like("4503599627370497", r"4[0-9]{15}")


async def tina_is_on_air(scene: Scene) -> None:
    answered = await scene.call(
        scene.jliu, "POST", "live/change_live_status/", {"uid": scene.jliu.id, "live_status": "start", **TINA}
    )
    assert answered.status == 200, answered


async def tina_is_described(scene: Scene) -> None:
    answered = await scene.call(scene.jliu, "POST", "live/add_room_info/", {"uid": scene.jliu.id, **TINA, **INFO})
    assert answered.status == 200, answered
    (show,) = await scene.engine.shows.of_anchor((await scene.record(scene.jliu)).id)
    assert show.info is not None
    assert show.info.kind is ShowKind.VIP


async def both(scene: Scene) -> None:
    await tina_is_described(scene)
    await tina_is_on_air(scene)


async def they_have_talked(scene: Scene) -> None:
    for line, html in ((ANCHOR_LINE, "<p>hello</p>"), (AI_LINE, "")):
        sent = {"uid": scene.jliu.id, "username": "jliu", **TINA, "data": json.dumps(line), "mes_html": html}
        assert (await scene.call(scene.jliu, "POST", "chat/chat_data/", sent)).status == 200


async def viewers_have_talked(scene: Scene) -> None:
    await tina_is_on_air(scene)
    for who, words in ((scene.yi, "hi"), (None, "hello")):
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_message": words}
        assert (await scene.call(who, "POST", "live/save_user_chat_history", sent)).status == 200


async def all_is_used_up(scene: Scene) -> None:
    anchor = await scene.record(scene.jliu)
    while (await scene.engine.quotas.take(anchor)).is_counted:
        pass


async def lan_is_on_air(scene: Scene) -> None:
    scene.lan = await scene.anchor("lan")  # type: ignore[attr-defined]  # For this one only.
    await scene.engine.show_rooms.start(await scene.record(scene.lan), "Lily")  # type: ignore[attr-defined]


GOLDENS: tuple[Golden, ...] = (
    Golden(
        "site-get-all-lives",
        "GET live/get_all_lives",
        "nobody",
        {},
        {
            "code": 0,
            "data": {
                "lives_info": [
                    {
                        **NAMES,
                        "username": "jliu",
                        "live_num": 0,
                        **TINA,
                        "room_info": INFO,
                    }
                ]
            },
        },
        both,
    ),
    Golden(
        "site-get-live-info",
        "GET live/get_live_info",
        "yi",
        {"uid": "<yi>", "room_id": ROOM},
        {
            "code": 0,
            "data": {
                "live_info": {
                    **NAMES,
                    "username": "jliu",
                    "live_num": 0,
                    "character_name": "Tina",
                    "live_status": True,
                    "title": "Tina's room",
                    "describe": "hello",
                },
                "vip_info": {"room_type": 1, "vip_status": False, "amount": 10},
                "follow_info": {"follow_status": False},
                "subscription_info": {"subscription_status": False, "amount": 10},
            },
        },
        both,
    ),
    Golden(
        "site-get-live-chat-history",
        "GET live/get_live_chat_history",
        "nobody",
        {"room_id": ROOM},
        {
            "code": 0,
            "data": {
                **NAMES,
                "username": "jliu",
                "chat_info": [
                    {
                        "is_user": True,
                        "live_message": "hello",
                        "live_message_html": "<p>hello</p>",
                        "sender_name": "jliu",
                        "send_date": "July 11, 2025 5:51pm",
                    },
                    {
                        "is_user": False,
                        "live_message": "Hi there!",
                        "live_message_html": "",
                        "sender_name": "Tina",
                        "send_date": "July 11, 2025 6:13pm",
                    },
                ],
            },
        },
        they_have_talked,
    ),
    Golden(
        "site-get-user-chat-history",
        "GET live/get_user_chat_history",
        "nobody",
        {"room_id": ROOM},
        {
            "code": 0,
            "data": {
                **NAMES,
                "username": "Tina",
                "chat_info": [
                    {
                        "uid": "<yi>",
                        "username": "yi zhao",
                        "send_date": "Jan 01, 2026 12:00AM",
                        "user_message": "hi",
                        "identity": 1,
                        "guest_id": "",
                    },
                    {
                        "uid": "0",
                        "username": GUEST_NAME,
                        "send_date": "Jan 01, 2026 12:00AM",
                        "user_message": "hello",
                        "identity": 0,
                        "guest_id": GUEST_ID,
                    },
                ],
            },
        },
        viewers_have_talked,
    ),
    Golden(
        "site-save-user-chat-history",
        "POST live/save_user_chat_history",
        "yi",
        {"room_id": ROOM, "room_name": ROOM, "username": "yi zhao", "user_message": "hi"},
        {"code": 0},
        tina_is_on_air,
    ),
    Golden(
        "site-chat-data",
        "POST chat/chat_data/",
        "jliu",
        {**MINE, "username": "jliu", **TINA, "data": json.dumps(ANCHOR_LINE), "mes_html": "<p>hello</p>"},
        {"code": 0, "message": "stored"},
    ),
    Golden(
        "site-get-live-status",
        "GET live/get_live_status/",
        "jliu",
        {**MINE, "username": "jliu"},
        {
            "code": 0,
            "data": {
                "live_status": [{**NAMES, "user_name": "jliu", **TINA, "status": True, "room_info": INFO}],
            },
        },
        both,
    ),
    Golden(
        "site-change-live-status",
        "POST live/change_live_status/",
        "jliu",
        {**MINE, "room_id": ROOM, **TINA, "live_status": "start"},
        {"code": 0, "message": "live status changed"},
    ),
    Golden(
        "site-add-room-info",
        "POST live/add_room_info/",
        "jliu",
        {**MINE, "user_name": "jliu", **TINA, **INFO},
        {"code": 0, "message": "room saved"},
    ),
    Golden(
        "site-check-api-limit",
        "POST live/check_api_limit/",
        "jliu",
        MINE,
        {
            "code": 0,
            "uid": "<jliu>",
            "date": "2026-01-01",
            "status": True,
            "count": 1,
            "surplus_count": 49,
            "message": "ok",
        },
    ),
    Golden(
        "site-mute-user",
        "POST live/mute_user/",
        "jliu",
        {"room_id": ROOM, "user_id": "<yi>", "muted": True, "seconds": 600},
        {"code": 0, "data": {"room_id": ROOM, "user_id": "<yi>", "muted": True}},
        tina_is_on_air,
    ),
    Golden(
        "site-redirect-to-random-room",
        "GET live/redirect_to_random_room/",
        "nobody",
        {},
        b"",
        tina_is_on_air,
        location="/home?room_id=<jliu>_Tina",
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("site-get-live-info", "yi", {"room_id": "<jliu>_Nobody"}),
    Refusal("site-get-live-chat-history", "yi", {}),
    Refusal("site-get-user-chat-history", "yi", {}),
    Refusal("site-save-user-chat-history", "yi", {"room_id": ROOM}, tina_is_on_air),
    Refusal("site-chat-data", "jliu", MINE),
    Refusal("site-get-live-status", "jliu", {}),
    Refusal("site-change-live-status", "jliu", {**MINE, **TINA, "live_status": "pause"}),
    Refusal("site-add-room-info", "jliu", {**MINE, **TINA, **INFO, "room_type": 3}),
    Refusal("site-check-api-limit", "jliu", MINE, all_is_used_up),
    Refusal("site-mute-user", "jliu", {"room_id": "<lan>_Lily", "user_id": "<yi>", "muted": True}, lan_is_on_air),
    Refusal("site-redirect-to-random-room", "nobody", {}),
)
