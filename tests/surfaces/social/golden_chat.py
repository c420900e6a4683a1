"""Goldens of what of the chat is no socket. Source: seeds/003 (生成一次性 30 秒 WebSocket ticket), beyond seed."""

from engine.services.conversations import Draft
from store.interfaces.ids import Snowflake
from tests.surfaces.goldens import Refusal
from tests.surfaces.social.golden import CREATED_MS, TOKEN, Golden, done
from tests.surfaces.social.golden_contacts import a_group_is_made, a_group_is_there
from tests.surfaces.social.scene import Scene

__all__ = ["GOLDENS", "REFUSALS"]


async def something_was_said(scene: Scene) -> None:
    """Jhinih has said something to a group that everybody is in."""
    await a_group_is_there(scene)
    jhinih, group_id = (await scene.record(scene.jhinih)).id, Snowflake(int(scene.group))  # type: ignore[attr-defined]
    said = await scene.engine.conversations.say_to_group(jhinih, group_id, Draft(text="hi"))
    scene.message = str(said.id)  # type: ignore[attr-defined]


SAID = {
    "id": "<message>",
    "Type": 2,
    "UserId": "<jhinih>",
    "UserName": "jhinih",
    "TargetId": "<group>",
    "TargetName": "三",
    "Media": 1,
    "Content": "hi",
    "Pic": "",
    "Url": "",
    "Desc": "",
    "Amount": 0,
    "CreateTime": CREATED_MS,
    "ReadTime": "",
}

GOLDENS: tuple[Golden, ...] = (
    Golden("social-chat-ws-ticket", "GET /api/chat/ws-ticket", "wxy", {}, done({"ticket": TOKEN})),
    Golden(
        "social-chat-history",
        "GET /api/chat/history",
        "wxy",
        {"target_id": "<group>", "type": "2"},
        done({"messages": [SAID]}),
        something_was_said,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("social-chat-ws-ticket", "nobody", {}),
    Refusal("social-chat-history", "wxy", {"target_id": "<group>", "type": "2"}, a_group_is_made),
)
