"""Videos and comments of the cast, ready to be varied. Later numbers are later ids."""

from typing import Any, Final

from msgspec.structs import replace

from store.interfaces.comments import CommentRecord
from store.interfaces.ids import Snowflake
from store.interfaces.videos import VideoRecord
from tests.support.records import MEI, T0, TOM

__all__ = ["FIRST_COMMENT", "FIRST_VIDEO", "a_comment", "a_video", "an_answer"]

FIRST_VIDEO: Final = 1_956_590_790_532_665_344
FIRST_COMMENT: Final = 1_956_725_200_238_153_728


def a_video(number: int = 0, **changes: Any) -> VideoRecord:
    """Mei's, for everybody, unless said."""
    video = VideoRecord(
        id=Snowflake(FIRST_VIDEO + number),
        author_id=MEI,
        title=f"video {number}",
        description="",
        video_url="https://media.example/v.mp4",
        cover_url="https://media.example/c.jpg",
        kind="video",
        is_private=False,
        at_ms=T0 + number,
    )
    return replace(video, **changes)


def a_comment(number: int = 0, video: VideoRecord | None = None, **changes: Any) -> CommentRecord:
    """Tom's, of Mei's first video, unless said."""
    video, comment_id = video or a_video(), Snowflake(FIRST_COMMENT + number)
    comment = CommentRecord(
        id=comment_id,
        video_id=video.id,
        father_id=comment_id,
        author_id=TOM,
        owner_id=video.author_id,
        content=f'"comment {number}"',
        at_ms=T0 + number,
    )
    return replace(comment, **changes)


def an_answer(number: int, father: CommentRecord, **changes: Any) -> CommentRecord:
    """Mei's."""
    answer = a_comment(number, video_id=father.video_id, father_id=father.id, author_id=MEI, owner_id=father.author_id)
    return replace(answer, **changes)
