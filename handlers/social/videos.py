"""Short videos: the lists of them, publishing one, and likes. Source: SO-21 … SO-27."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import field

from engine.records import VideoRecord
from engine.services.videos import Draft, FeedOrder
from handlers.social.access import SocialCaller, claiming
from handlers.social.envelope import DONE, Done
from handlers.social.limits import OFTEN
from handlers.social.options import SocialOptions
from handlers.social.paging import PageNumber, page_of, size_of
from handlers.social.shapes import NOBODY, SnowflakeText, snowflake_of
from handlers.wire.fields import Flag, blank, text
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["endpoints", "like", "likes", "publish"]


class WhichVideos(msgspec.Struct):
    """A page of the videos that the caller may see. ``seed`` makes one shuffled list of all pages of that seed."""

    page: PageNumber = 0
    page_size: PageNumber = 0
    order_by: Annotated[FeedOrder, blank()] = FeedOrder.RANDOM
    seed: Annotated[str, text(64)] = ""


class VideoShown(msgspec.Struct, kw_only=True):
    """One video, in the names of the document's table and in those of its example. Source: SO-23."""

    id: str
    title: str
    description: str
    url: str
    video_url: str
    cover: str
    cover_url: str
    likes: str
    like_count: str
    comments: str
    comment_count: str
    shares: str
    share_count: str
    view_count: str
    user_id: str
    created_at: str
    updated_at: str
    publish_time: str = field(name="PublishTime")
    type: str
    is_private: bool


class VideosShown(msgspec.Struct, kw_only=True):
    """``page`` and ``page_size`` are what was meant, whatever was written. Source: SO-22."""

    data: list[VideoShown]
    page: str
    page_size: str
    total: str
    has_more: bool


class Publish(msgspec.Struct):
    """A new video; its files have been uploaded before. ``user_id`` is the caller or nobody."""

    video_path: Annotated[str, blank()]
    cover_path: Annotated[str, blank()]
    title: Annotated[str, blank()]
    description: str = ""
    is_private: Annotated[Flag, blank()] = False
    type: Annotated[Literal["video"], blank()] = "video"
    user_id: Annotated[SnowflakeText, blank()] = ""


class Published(msgspec.Struct, kw_only=True):
    """The new video's id, under both names. Source: SO-26."""

    id: str
    video_id: str


class OneVideo(msgspec.Struct):
    """Which video."""

    video_id: SnowflakeText


class LikeVideo(OneVideo):
    """Which video. ``owner_id`` is looked up, whatever it says; ``user_id`` is the caller or nobody."""

    user_id: SnowflakeText = ""


class VideoLikes(msgspec.Struct):
    """How many people like it."""

    video_likes: str


async def publish(caller: SocialCaller, wanted: Publish) -> Published:
    """Publish a video."""
    draft = Draft(
        video_url=wanted.video_path,
        cover_url=wanted.cover_path,
        title=wanted.title,
        description=wanted.description,
        is_private=wanted.is_private,
    )
    video = await caller.engine.videos.publish(caller.principal.person, draft)
    return Published(id=str(video.id), video_id=str(video.id))


async def like(caller: SocialCaller, wanted: LikeVideo) -> Done:
    """Like a video, or no longer."""
    await caller.engine.videos.toggle_like(caller.principal.person, snowflake_of(wanted.video_id, "video_id"))
    return DONE


async def likes(caller: SocialCaller, wanted: OneVideo) -> VideoLikes:
    """How many people like a video."""
    video_id = snowflake_of(wanted.video_id, "video_id")
    video = await caller.engine.videos.get(caller.principal.person_id, video_id)
    return VideoLikes(str(video.likes_count))


def endpoints(options: SocialOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    zone = Zone(options.time_zone)

    async def listed(caller: SocialCaller, wanted: WhichVideos) -> VideosShown:
        """Videos for the caller to see."""
        engine, page, page_size = caller.engine, page_of(wanted.page), size_of(wanted.page_size)
        found = await engine.videos.page(
            caller.principal.person_id, wanted.order_by, page=page, page_size=page_size, seed=wanted.seed
        )
        authors = await engine.social_people.many({one.author_id for one in found.videos})
        ids = {author_id: author.person.public_id for author_id, author in authors.items()}
        return VideosShown(
            data=[_shown(one, ids.get(one.author_id, NOBODY), zone) for one in found.videos],
            page=str(page),
            page_size=str(page_size),
            total=str(found.total_count),
            has_more=found.has_more,
        )

    return (
        Endpoint(
            "/api/videos",
            WhichVideos,
            VideosShown,
            listed,
            method="GET",
            summary="Videos (获取视频)",
            source_id="social-videos-list",
        ),
        Endpoint(
            "/api/videos/create-video",
            Publish,
            Published,
            publish,
            credential=claiming("user_id"),
            limit=OFTEN,
            summary="Publish a video (创建视频)",
            source_id="social-videos-create",
        ),
        Endpoint(
            "/api/videos/like-video",
            LikeVideo,
            Done,
            like,
            credential=claiming("user_id"),
            limit=OFTEN,
            summary="Like or unlike a video (点赞视频)",
            source_id="social-videos-like",
        ),
        Endpoint(
            "/api/videos/get-video-likes",
            OneVideo,
            VideoLikes,
            likes,
            method="GET",
            limit=OFTEN,
            summary="Number of likes of a video (获取视频点赞数)",
            source_id="social-videos-get-likes",
        ),
    )


def _shown(video: VideoRecord, author: str, zone: Zone) -> VideoShown:
    likes_count, comments_count, second = str(video.likes_count), str(video.comments_count), str(video.at_ms // 1_000)
    return VideoShown(
        id=str(video.id),
        title=video.title,
        description=video.description,
        url=video.video_url,
        video_url=video.video_url,
        cover=video.cover_url,
        cover_url=video.cover_url,
        likes=likes_count,
        like_count=likes_count,
        comments=comments_count,
        comment_count=comments_count,
        # Nothing in the document shares or watches a video in a way that we would hear of.
        shares="0",
        share_count="0",
        view_count="0",
        user_id=author,
        created_at=second,
        updated_at=second,
        publish_time=zone.to_offset(video.at_ms),
        type=video.kind,
        is_private=video.is_private,
    )
