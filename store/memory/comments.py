"""Comments of videos and of comments."""

from msgspec.structs import replace

from store.interfaces.comments import CommentRecord
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.memory.database import MemoryDatabase
from store.memory.likable import ranked, toggle_like

__all__ = ["MemoryComments"]


class MemoryComments:
    """``CommentStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, comment: CommentRecord) -> None:
        videos, comments = self._database.videos, self._database.comments
        if comment.id in comments:
            raise Conflict(f"comment {comment.id} is another one")
        video, father = videos.get(comment.video_id), comments.get(comment.father_id)
        if video is None:
            raise NotThere(f"no video {comment.video_id}")
        if not comment.is_root:
            if father is None or father.video_id != comment.video_id:
                raise NotThere(f"no comment {comment.father_id} below video {comment.video_id}")
            comments[father.id] = replace(father, answers_count=father.answers_count + 1)
        videos[video.id] = replace(video, comments_count=video.comments_count + 1)
        comments[comment.id] = comment
        below = self._database.comments_below
        for parent_id in {comment.father_id, comment.video_id if comment.is_root else comment.father_id}:
            below.setdefault(parent_id, []).append(comment.id)

    async def get(self, comment_id: Snowflake) -> CommentRecord | None:
        return self._database.comments.get(comment_id)

    async def below(
        self,
        parent_id: Snowflake,
        ranking: Ranking,
        *,
        before_id: Snowflake | None = None,
        skip: int = 0,
        limit: int,
    ) -> tuple[CommentRecord, ...]:
        ids = self._database.comments_below.get(parent_id, [])
        found = [self._database.comments[one] for one in ids if before_id is None or one < before_id]
        return ranked(found, ranking, skip, limit)

    async def toggle_like(self, thing_id: Snowflake, person_id: PersonId, at_ms: int) -> bool:
        return toggle_like(self._database, self._database.comments, thing_id, person_id, at_ms)
