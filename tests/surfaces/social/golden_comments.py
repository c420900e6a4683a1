"""Goldens of comments. Source: seeds/003 (评论视频 … 获取评论数), beyond seed."""

from typing import Any, Final

from tests.surfaces.goldens import Refusal
from tests.surfaces.social.golden import CREATED_MS, DONE, EPOCH_S, SNOWFLAKE, Golden, done
from tests.surfaces.social.golden_videos import UNKNOWN, a_video_is_there
from tests.surfaces.social.scene import Scene

__all__ = ["GOLDENS", "REFUSALS", "WORDS", "a_comment_is_answered", "a_comment_is_there"]

WORDS: Final = "hongkong.example/3c65c9a4a3d21cad.jpg"
WORDS_B64: Final = "aG9uZ2tvbmcuZXhhbXBsZS8zYzY1YzlhNGEzZDIxY2FkLmpwZw=="

ROOT: dict[str, Any] = {
    "id": "<root>",
    "CreatedTime": CREATED_MS,
    "UpdatedTime": CREATED_MS,
    "created_at": EPOCH_S,
    "updated_at": EPOCH_S,
    "content": WORDS,
    "content_b64": WORDS_B64,
    "video_id": "<video>",
    "father_id": "<root>",
    "user_id": "<wxy>",
    "owner_id": "<jhinih>",
    "likes": "1",
    "like_count": "1",
    "comments": "1",
}
ANSWER: dict[str, Any] = {
    **ROOT,
    "id": "<reply>",
    "video_id": "0",
    "user_id": "<zhao>",
    "owner_id": "<wxy>",
    "likes": "0",
    "like_count": "0",
    "comments": "0",
}


async def a_comment_is_there(scene: Scene) -> None:
    """Wxy has commented jhinih's video."""
    await a_video_is_there(scene)
    sent = {"video_id": scene.video, "content": WORDS}  # type: ignore[attr-defined]
    scene.root = (await scene.told(scene.wxy, "POST", "/api/videos/comment-video", sent))["id"]  # type: ignore[attr-defined]


async def a_comment_is_answered(scene: Scene) -> None:
    """Zhao has answered it, and likes it."""
    await a_comment_is_there(scene)
    root = scene.root  # type: ignore[attr-defined]
    sent = {"father_id": root, "content": WORDS}
    scene.reply = (await scene.told(scene.zhao, "POST", "/api/videos/comment-comments", sent))["id"]  # type: ignore[attr-defined]
    await scene.told(scene.zhao, "POST", "/api/videos/like-comments", {"id": root})


GOLDENS: tuple[Golden, ...] = (
    Golden(
        "social-videos-comment",
        "POST /api/videos/comment-video",
        "wxy",
        {"video_id": "<video>", "content": WORDS, "user_id": "<wxy>"},
        done({"id": SNOWFLAKE, "comment_id": SNOWFLAKE}),
        a_video_is_there,
    ),
    Golden(
        "social-videos-comment-comments",
        "POST /api/videos/comment-comments",
        "zhao",
        {"content": WORDS, "user_id": "<zhao>", "father_id": "<root>"},
        done({"id": SNOWFLAKE, "comment_id": SNOWFLAKE}),
        a_comment_is_there,
    ),
    Golden(
        "social-videos-like-comments",
        "POST /api/videos/like-comments",
        "zhao",
        {"user_id": "<zhao>", "comment_id": "<root>"},
        DONE,
        a_comment_is_there,
    ),
    Golden(
        "social-videos-get-comments",
        "GET /api/videos/get-comments",
        "zhao",
        {"id": "<root>", "is_video": False, "page": "1", "page_size": "10", "order_by": "latest"},
        done({"comments": [ANSWER, ROOT], "length": "2"}),
        a_comment_is_answered,
    ),
    Golden(
        "social-videos-get-comment-all",
        "GET /api/videos/get-comment-all",
        "zhao",
        {"comment_id": "<root>"},
        done({"comment": ROOT}),
        a_comment_is_answered,
    ),
    Golden(
        "social-videos-get-comment-member",
        "GET /api/videos/get-comment-member",
        "zhao",
        {"id": "<root>", "is_video": False},
        done({"member": "1"}),
        a_comment_is_answered,
    ),
    Golden(
        "social-videos-get-comment-likes",
        "GET /api/videos/get-comment-likes",
        "zhao",
        {"comment_id": "<root>"},
        done({"comment_likes": "1"}),
        a_comment_is_answered,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("social-videos-comment", "wxy", {"video_id": UNKNOWN, "content": WORDS}),
    Refusal("social-videos-comment-comments", "wxy", {"father_id": UNKNOWN, "content": WORDS}),
    Refusal("social-videos-like-comments", "wxy", {"id": UNKNOWN}),
    Refusal("social-videos-get-comments", "wxy", {"id": UNKNOWN}),
    Refusal("social-videos-get-comment-all", "wxy", {"id": UNKNOWN}),
    Refusal("social-videos-get-comment-member", "wxy", {"id": UNKNOWN}),
    Refusal("social-videos-get-comment-likes", "wxy", {"comment_id": UNKNOWN}),
)
