"""Comments of videos and of comments."""

from typing import Any

from store.interfaces.comments import CommentRecord
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.mongo.codec import document_of, number, numbers, record_of
from store.mongo.collections import COMMENTS, VIDEOS
from store.mongo.connection import Document, Mongo, Transaction
from store.mongo.contended import Contended
from store.mongo.likable import SORTS, toggle_like

__all__ = ["MongoComments", "comment_document"]


class MongoComments:
    """``CommentStore`` in MongoDB."""

    def __init__(self, mongo: Mongo, contended: Contended) -> None:
        self._mongo = mongo
        self._contended = contended

    async def add(self, comment: CommentRecord) -> None:
        document = comment_document(comment)
        video = {"_id": number(comment.video_id)}
        father = {"_id": number(comment.father_id), "video_id": number(comment.video_id)}

        async def keep(transaction: Transaction) -> None:
            if not await transaction.update(VIDEOS, [{"q": video, "u": {"$inc": {"comments_count": number(1)}}}]):
                raise NotThere(f"no video {comment.video_id}")
            if not comment.is_root:
                count = {"q": father, "u": {"$inc": {"answers_count": number(1)}}}
                if not await transaction.update(COMMENTS, [count]):
                    raise NotThere(f"no comment {comment.father_id} below video {comment.video_id}")
            await transaction.insert(COMMENTS, [document])

        # In the line of the video, where whoever likes it stands too.
        await self._contended.run(comment.video_id, keep)

    async def get(self, comment_id: Snowflake) -> CommentRecord | None:
        document = await self._mongo.find_one(COMMENTS, {"_id": number(comment_id)})
        return None if document is None else record_of(document, CommentRecord)

    async def below(
        self,
        parent_id: Snowflake,
        ranking: Ranking,
        *,
        before_id: Snowflake | None = None,
        skip: int = 0,
        limit: int,
    ) -> tuple[CommentRecord, ...]:
        where: dict[str, Any] = {"below": number(parent_id)}
        if before_id is not None:
            where["_id"] = {"$lt": number(before_id)}
        found = await self._mongo.find(COMMENTS, where, sort=SORTS[ranking], skip=skip, limit=limit)
        return tuple(record_of(document, CommentRecord) for document in found)

    async def toggle_like(self, thing_id: Snowflake, person_id: PersonId, at_ms: int) -> bool:
        return await toggle_like(self._contended, COMMENTS, thing_id, person_id, at_ms)


def comment_document(comment: CommentRecord) -> Document:
    """A comment as it is kept: beside its record it has ``below``, what it is listed below."""
    below = (comment.video_id, comment.id) if comment.is_root else (comment.father_id,)
    return {**document_of(comment), "below": numbers(below)}
