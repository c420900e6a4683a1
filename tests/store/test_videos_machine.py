"""Videos, comments, likes and all counts of them, against a model, whatever is done in whatever order.

The model knows who likes what and what hangs below what, and counts by looking; the stores must say the same with the
counts that they keep.
"""

import asyncio
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, multiple, rule
from msgspec.structs import replace

from store.interfaces.comments import CommentRecord
from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import LikableStore, Ranking
from store.interfaces.videos import EVERYBODY, Shelves, VideoRecord
from tests.support.records import ANN, MEI, T0, TOM
from tests.support.store_machines import StoreModel, machine_of
from tests.support.videos import a_comment, a_video, an_answer

ThingT = TypeVar("ThingT", VideoRecord, CommentRecord)

PEOPLE = (MEI, TOM, ANN)
people = st.sampled_from(PEOPLE)
crowds = st.lists(people, min_size=1, max_size=6)


class Model(StoreModel):
    """The stores beside what they should say."""

    videos = Bundle("videos")
    comments = Bundle("comments")

    def __init__(self) -> None:
        super().__init__()
        self._all_videos: list[VideoRecord] = []
        self._all_comments: list[CommentRecord] = []
        self._likers: dict[Snowflake, set[PersonId]] = {}
        self._changed: set[Snowflake] = set()
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    # --- what is done ----------------------------------------------------------------------------------------------

    @rule(target=videos, author=people, is_private=st.booleans(), count=st.integers(1, 3))
    def publish(self, author: PersonId, is_private: bool, count: int) -> Any:
        made = [a_video(self._next(), author_id=author, is_private=is_private) for _ in range(count)]

        async def at_once() -> None:
            await asyncio.gather(*(self._stores.videos.publish(one) for one in made))

        self._run(at_once())
        self._all_videos += made
        self._changed.update(one.id for one in made)
        return multiple(*made)

    @rule(target=comments, video=videos, author=people)
    def comment(self, video: VideoRecord, author: PersonId) -> CommentRecord:
        return self._add(a_comment(self._next(), video, author_id=author))

    @rule(target=comments, father=comments, author=people)
    def answer(self, father: CommentRecord, author: PersonId) -> CommentRecord:
        return self._add(an_answer(self._next(), father, author_id=author))

    @rule(father=comments, number=st.integers(1, 5))
    def answer_what_is_not_there(self, father: CommentRecord, number: int) -> None:
        orphan = an_answer(900_000 + number, father, father_id=Snowflake(number))
        strange = an_answer(900_000 + number, father, video_id=Snowflake(number))

        for wrong in (orphan, strange):
            with pytest.raises(NotThere):
                self._run(self._stores.comments.add(wrong))

    @rule(video=videos, crowd=crowds)
    def like_video(self, video: VideoRecord, crowd: list[PersonId]) -> None:
        self._toggle(self._stores.videos, video.id, crowd)

    @rule(comment=comments, crowd=crowds)
    def like_comment(self, comment: CommentRecord, crowd: list[PersonId]) -> None:
        self._toggle(self._stores.comments, comment.id, crowd)

    @rule(number=st.integers(1, 5), person=people)
    def like_what_is_not_there(self, number: int, person: PersonId) -> None:
        for store in (self._stores.videos, self._stores.comments):
            with pytest.raises(NotThere):
                self._run(store.toggle_like(Snowflake(number), person, T0))

    def _add(self, comment: CommentRecord) -> CommentRecord:
        self._run(self._stores.comments.add(comment))
        self._all_comments.append(comment)
        self._changed |= {comment.id, comment.father_id, comment.video_id}
        return comment

    def _toggle(self, store: LikableStore, thing_id: Snowflake, crowd: list[PersonId]) -> None:
        """Everybody in the crowd at once, some of them several times."""

        async def at_once() -> list[bool]:
            return await asyncio.gather(*(store.toggle_like(thing_id, person, T0) for person in crowd))

        likers = self._likers.setdefault(thing_id, set())
        turned = self._run(at_once())
        for person in {*crowd}:
            # Whoever comes first of his own, they take turns.
            said = sorted(is_there for liker, is_there in zip(crowd, turned, strict=True) if liker == person)
            begins = person not in likers
            assert said == sorted(begins ^ bool(number % 2) for number in range(len(said)))
            if len(said) % 2:
                likers ^= {person}
        self._changed.add(thing_id)

    # --- what must hold --------------------------------------------------------------------------------------------

    def _video(self, video: VideoRecord) -> VideoRecord:
        below = sum(one.video_id == video.id for one in self._all_comments)
        return self._counted(video, comments_count=below)

    def _comment(self, comment: CommentRecord) -> CommentRecord:
        answers = sum(one.father_id == comment.id and not one.is_root for one in self._all_comments)
        return self._counted(comment, answers_count=answers)

    def _counted(self, thing: ThingT, **counts: int) -> ThingT:
        return replace(thing, likes_count=len(self._likers.get(thing.id, ())), **counts)

    @invariant()
    def what_was_touched_is_as_the_model_has_it(self) -> None:
        async def look() -> None:
            for thing_id in self._changed:
                found = await self._stores.comments.below(thing_id, Ranking.LATEST, limit=100)
                assert found == tuple(ranked(self._below(thing_id), Ranking.LATEST))
            for video in self._all_videos:
                if video.id in self._changed:
                    assert await self._stores.videos.get(video.id) == self._video(video)
            for comment in self._all_comments:
                if comment.id in self._changed:
                    assert await self._stores.comments.get(comment.id) == self._comment(comment)

        self._run(look())
        self._changed.clear()

    @rule(viewer=people, ranking=st.sampled_from(Ranking), skip=st.integers(0, 6), limit=st.integers(1, 6))
    def list_videos(self, viewer: PersonId, ranking: Ranking, skip: int, limit: int) -> None:
        visible = [self._video(one) for one in self._all_videos if one.shelf in (EVERYBODY, viewer)]

        found = self._run(self._stores.videos.ranked(viewer, ranking, skip=skip, limit=limit))
        shelves = self._run(self._stores.videos.shelves(viewer))

        assert found == tuple(ranked(visible, ranking)[skip : skip + limit])
        own_count = sum(one.is_private for one in visible)
        assert shelves == Shelves(len(visible) - own_count, own_count)

    @rule(shelf=st.sampled_from((EVERYBODY, *PEOPLE)))
    def look_along_a_shelf(self, shelf: PersonId) -> None:
        standing = {one.id for one in self._all_videos if one.shelf == shelf}

        found = self._run(self._stores.videos.at(shelf, range(len(standing) + 2)))

        assert sorted(found) == [*range(len(standing))]
        assert {one.id for one in found.values()} == standing

    @rule(
        parent=videos | comments,
        ranking=st.sampled_from(Ranking),
        before=st.none() | st.integers(0, 4),
        skip=st.integers(0, 2),
        limit=st.integers(1, 6),
    )
    def list_comments(
        self,
        *,
        parent: VideoRecord | CommentRecord,
        ranking: Ranking,
        before: int | None,
        skip: int,
        limit: int,
    ) -> None:
        """``before`` counts those that are there, so that where the list begins is often one of them."""
        below = ranked(self._below(parent.id), Ranking.LATEST)
        before_id = below[before].id if before is not None and before < len(below) else None

        found = self._run(self._stores.comments.below(parent.id, ranking, before_id=before_id, skip=skip, limit=limit))

        wanted = [one for one in below if before_id is None or one.id < before_id]
        assert found == tuple(ranked(wanted, ranking)[skip : skip + limit])

    def _below(self, parent_id: Snowflake) -> list[CommentRecord]:
        return [
            self._comment(one)
            for one in self._all_comments
            if one.father_id == parent_id or (one.is_root and one.video_id == parent_id)
        ]


def ranked(things: list[Any], ranking: Ranking) -> list[Any]:
    return sorted(things, key=lambda one: (ranking is Ranking.POPULAR and one.likes_count, one.id), reverse=True)


TestMemoryStores = machine_of(Model, "memory", examples=100, steps=30)


@pytest.mark.slow
@pytest.mark.mongo
class TestRealStores(machine_of(Model, "real", examples=15, steps=30)):  # type: ignore[misc]
    """The same on MongoDB."""
