"""Comments of videos and of comments: writing, liking and reading them. Source: SO-28 … SO-36."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import field

from engine.greenroom import Greenroom
from engine.records import CommentRecord, Ranking
from engine.services.comments import Stretch
from handlers.social.access import SocialCaller, claiming
from handlers.social.envelope import DONE, Done
from handlers.social.limits import OFTEN
from handlers.social.paging import PageNumber, page_of, size_of
from handlers.social.shapes import NOBODY, SnowflakeText, snowflake_of
from handlers.wire.codec import read_json, write_json
from handlers.wire.fields import Flag, also, blank
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = ["ENDPOINTS", "answer", "comment", "count", "like", "likes", "listed", "one"]

NO_VIDEO: Final = "0"
"""The video of an answer, which its father knows. Source: SO-29."""

Content = Annotated[Any, blank()]
"""What is said: any JSON value but null and an empty text. Source: SO-28."""


class CommentVideo(msgspec.Struct):
    """A comment of a video. ``owner_id`` is looked up, whatever it says; ``user_id`` is the caller or nobody."""

    video_id: SnowflakeText
    content: Content
    user_id: SnowflakeText = ""


class AnswerComment(msgspec.Struct):
    """An answer to a comment. ``owner_id`` is looked up, whatever it says; ``user_id`` is the caller or nobody."""

    father_id: SnowflakeText
    content: Content
    user_id: SnowflakeText = ""


class Commented(msgspec.Struct, kw_only=True):
    """The new comment's id, under both names."""

    id: str
    comment_id: str


class OneComment(msgspec.Struct):
    """Which comment."""

    id: Annotated[SnowflakeText, also("comment_id")]


class LikeComment(OneComment):
    """Which comment. ``owner_id`` is looked up, whatever it says; ``user_id`` is the caller or nobody."""

    user_id: SnowflakeText = ""


class LikesOfComment(msgspec.Struct):
    """Which comment, under the name that the original has here."""

    comment_id: Annotated[SnowflakeText, also("id")]


class OfWhat(msgspec.Struct):
    """Of which video, or where ``is_video`` is false of which comment."""

    id: Annotated[SnowflakeText, also("video_id", "comment_id")]
    is_video: Annotated[Flag, blank()] = True


class WhichComments(OfWhat):
    """A page of them; only those with an id below ``before_id``, if given."""

    before_id: SnowflakeText = ""
    page: PageNumber = 0
    page_size: PageNumber = 0
    order_by: Annotated[Ranking, blank()] = Ranking.LATEST


class CommentShown(msgspec.Struct, kw_only=True):
    """One comment, in the names of the document's table and in those of its example.

    ``content`` is what was sent; ``content_b64`` the base64 of its text, or of its JSON where it is no text.
    """

    id: str
    created_time: str = field(name="CreatedTime")
    updated_time: str = field(name="UpdatedTime")
    created_at: str
    updated_at: str
    content: Any
    content_b64: str
    video_id: str
    father_id: str
    user_id: str
    owner_id: str
    likes: str
    like_count: str
    comments: str


class CommentsShown(msgspec.Struct, kw_only=True):
    """``length`` is how many there are here."""

    comments: list[CommentShown]
    length: str


class OneShown(msgspec.Struct):
    """The comment."""

    comment: CommentShown


class CommentCount(msgspec.Struct):
    """How many comments; "member" is the document's word."""

    member: str


class CommentLikes(msgspec.Struct):
    """How many people like it."""

    comment_likes: str


async def comment(caller: SocialCaller, wanted: CommentVideo) -> Commented:
    """Comment a video."""
    made = await caller.engine.comments.comment(
        caller.principal.person, snowflake_of(wanted.video_id, "video_id"), write_json(wanted.content).decode()
    )
    return Commented(id=str(made.id), comment_id=str(made.id))


async def answer(caller: SocialCaller, wanted: AnswerComment) -> Commented:
    """Answer a comment."""
    made = await caller.engine.comments.answer(
        caller.principal.person, snowflake_of(wanted.father_id, "father_id"), write_json(wanted.content).decode()
    )
    return Commented(id=str(made.id), comment_id=str(made.id))


async def like(caller: SocialCaller, wanted: LikeComment) -> Done:
    """Like a comment, or no longer."""
    await caller.engine.comments.toggle_like(caller.principal.person, snowflake_of(wanted.id, "id"))
    return DONE


async def listed(caller: SocialCaller, wanted: WhichComments) -> CommentsShown:
    """Comments of a video, or of a comment."""
    engine, viewer_id, id_ = caller.engine, caller.principal.person_id, snowflake_of(wanted.id, "id")
    stretch = Stretch(
        ranking=wanted.order_by,
        page=page_of(wanted.page),
        page_size=size_of(wanted.page_size),
        before_id=snowflake_of(wanted.before_id, "before_id") if wanted.before_id else None,
    )
    read = engine.comments.of_video if wanted.is_video else engine.comments.of_comment
    comments = await _shown(engine, await read(viewer_id, id_, stretch))
    return CommentsShown(comments=comments, length=str(len(comments)))


async def one(caller: SocialCaller, wanted: OneComment) -> OneShown:
    """One comment."""
    engine = caller.engine
    found = await engine.comments.get(caller.principal.person_id, snowflake_of(wanted.id, "id"))
    (shown,) = await _shown(engine, (found,))
    return OneShown(shown)


async def count(caller: SocialCaller, wanted: OfWhat) -> CommentCount:
    """How many comments there are below a video, or answers to a comment."""
    engine, viewer_id, id_ = caller.engine, caller.principal.person_id, snowflake_of(wanted.id, "id")
    if wanted.is_video:
        return CommentCount(str((await engine.videos.get(viewer_id, id_)).comments_count))
    return CommentCount(str((await engine.comments.get(viewer_id, id_)).answers_count))


async def likes(caller: SocialCaller, wanted: LikesOfComment) -> CommentLikes:
    """How many people like a comment."""
    comment_id = snowflake_of(wanted.comment_id, "comment_id")
    found = await caller.engine.comments.get(caller.principal.person_id, comment_id)
    return CommentLikes(str(found.likes_count))


async def _shown(engine: Greenroom, comments: Iterable[CommentRecord]) -> list[CommentShown]:
    kept = tuple(comments)
    people = await engine.social_people.many({id_ for each in kept for id_ in (each.author_id, each.owner_id)})
    ids = {person_id: shown.person.public_id for person_id, shown in people.items()}
    return [_one_shown(each, ids) for each in kept]


def _one_shown(kept: CommentRecord, ids: Mapping[PersonId, str]) -> CommentShown:
    content = read_json(kept.content.encode())
    likes_count, second = str(kept.likes_count), str(kept.at_ms // 1_000)
    return CommentShown(
        id=str(kept.id),
        created_time=str(kept.at_ms),
        updated_time=str(kept.at_ms),
        created_at=second,
        updated_at=second,
        content=content,
        content_b64=b64encode((content if isinstance(content, str) else kept.content).encode()).decode(),
        video_id=str(kept.video_id) if kept.is_root else NO_VIDEO,
        father_id=str(kept.father_id),
        user_id=ids.get(kept.author_id, NOBODY),
        owner_id=ids.get(kept.owner_id, NOBODY),
        likes=likes_count,
        like_count=likes_count,
        comments=str(kept.answers_count),
    )


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/videos/comment-video",
        CommentVideo,
        Commented,
        comment,
        credential=claiming("user_id"),
        limit=OFTEN,
        summary="Comment a video (评论视频)",
        source_id="social-videos-comment",
    ),
    Endpoint(
        "/api/videos/comment-comments",
        AnswerComment,
        Commented,
        answer,
        credential=claiming("user_id"),
        limit=OFTEN,
        summary="Answer a comment (评论评论)",
        source_id="social-videos-comment-comments",
    ),
    Endpoint(
        "/api/videos/like-comments",
        LikeComment,
        Done,
        like,
        credential=claiming("user_id"),
        limit=OFTEN,
        summary="Like or unlike a comment (点赞评论)",
        source_id="social-videos-like-comments",
    ),
    Endpoint(
        "/api/videos/get-comments",
        WhichComments,
        CommentsShown,
        listed,
        method="GET",
        limit=OFTEN,
        summary="Comments of a video or of a comment (获取评论)",
        source_id="social-videos-get-comments",
    ),
    Endpoint(
        "/api/videos/get-comment-all",
        OneComment,
        OneShown,
        one,
        method="GET",
        limit=OFTEN,
        summary="One comment (获取评论详情)",
        source_id="social-videos-get-comment-all",
    ),
    Endpoint(
        "/api/videos/get-comment-member",
        OfWhat,
        CommentCount,
        count,
        method="GET",
        limit=OFTEN,
        summary="Number of comments (获取评论数)",
        source_id="social-videos-get-comment-member",
    ),
    Endpoint(
        "/api/videos/get-comment-likes",
        LikesOfComment,
        CommentLikes,
        likes,
        method="GET",
        limit=OFTEN,
        summary="Number of likes of a comment",
        source_id="social-videos-get-comment-likes",
    ),
)
"""The endpoints of this module."""
