"""Goldens of videos: lists of them, publishing, likes. Source: seeds/003 (视频相关接口)."""

from typing import Any, Final

from tests.surfaces.goldens import Refusal
from tests.surfaces.social.golden import DONE, EPOCH_S, MOMENT, SNOWFLAKE, Golden, done
from tests.surfaces.social.scene import Scene

__all__ = ["GOLDENS", "REFUSALS", "UNKNOWN", "VIDEO", "a_video_is_liked", "a_video_is_there", "publish"]

VIDEO_URL = "https://media.example/59dbd7311ac3ce04d757421fef15964c01a2841149f388cac87f528d0d151ae9.mp4"
COVER_URL = "https://media.example/3c65c9a4a3d21cadf6df861e13e24743877e99af6532537c5fc8dc5ea6760e8e.jpg"
UNKNOWN: Final = "1956590792665344"
"""The document's own: it has lost digits."""

VIDEO: dict[str, Any] = {
    "video_path": VIDEO_URL,
    "cover_path": COVER_URL,
    "title": "社团学姐你最喜欢哪一位",
    "description": "美丽的女士",
    "is_private": False,
    "type": "video",
}


async def publish(scene: Scene, who: Any = None, **changed: Any) -> str:
    """Somebody, jhinih unless said, publishes a video; its id."""
    made = await scene.told(who or scene.jhinih, "POST", "/api/videos/create-video", {**VIDEO, **changed})
    return str(made["id"])


async def a_video_is_there(scene: Scene) -> None:
    scene.video = await publish(scene)  # type: ignore[attr-defined]  # For those who say "<video>".


async def a_video_is_liked(scene: Scene) -> None:
    await a_video_is_there(scene)
    await scene.told(scene.wxy, "POST", "/api/videos/like-video", {"video_id": scene.video})  # type: ignore[attr-defined]


GOLDENS: tuple[Golden, ...] = (
    Golden(
        "social-videos-list",
        "GET /api/videos",
        "wxy",
        {"page": "1", "page_size": "10", "order_by": "latest"},
        done(
            {
                "data": [
                    {
                        "id": "<video>",
                        "title": "社团学姐你最喜欢哪一位",
                        "description": "美丽的女士",
                        "url": VIDEO_URL,
                        "video_url": VIDEO_URL,
                        "cover": COVER_URL,
                        "cover_url": COVER_URL,
                        "likes": "1",
                        "like_count": "1",
                        "comments": "0",
                        "comment_count": "0",
                        "shares": "0",
                        "share_count": "0",
                        "view_count": "0",
                        "user_id": "<jhinih>",
                        "created_at": EPOCH_S,
                        "updated_at": EPOCH_S,
                        "PublishTime": MOMENT,
                        "type": "video",
                        "is_private": False,
                    }
                ],
                "page": "1",
                "page_size": "10",
                "total": "1",
                "has_more": False,
            }
        ),
        a_video_is_liked,
    ),
    Golden(
        "social-videos-create",
        "POST /api/videos/create-video",
        "jhinih",
        {**VIDEO, "user_id": "<jhinih>"},
        done({"id": SNOWFLAKE, "video_id": SNOWFLAKE}),
    ),
    Golden(
        "social-videos-like",
        "POST /api/videos/like-video",
        "wxy",
        {"video_id": "<video>", "owner_id": "<jhinih>", "user_id": "<wxy>"},
        DONE,
        a_video_is_there,
    ),
    Golden(
        "social-videos-get-likes",
        "GET /api/videos/get-video-likes",
        "zhao",
        {"video_id": "<video>"},
        done({"video_likes": "1"}),
        a_video_is_liked,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("social-videos-list", "wxy", {"order_by": "newest"}),
    Refusal("social-videos-create", "jhinih", {**VIDEO, "title": ""}),
    Refusal("social-videos-like", "wxy", {"video_id": UNKNOWN}),
    Refusal("social-videos-get-likes", "wxy", {"video_id": UNKNOWN}),
)
