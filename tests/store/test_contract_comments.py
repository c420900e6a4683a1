"""What every ``CommentStore`` promises."""

import asyncio

import pytest

from store.interfaces.comments import CommentRecord
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.stores import Stores
from tests.support.records import MEI, T0, TOM
from tests.support.stores import on_every_store
from tests.support.videos import FIRST_COMMENT, a_comment, a_video, an_answer


async def written(stores: Stores, *comments: CommentRecord) -> None:
    for comment in comments:
        await stores.comments.add(comment)


async def numbers_below(stores: Stores, parent_id: int, ranking: Ranking = Ranking.LATEST, **page: int) -> list[int]:
    """The comments below something, by their numbers."""
    before = page.pop("before", None)
    found = await stores.comments.below(
        Snowflake(parent_id),
        ranking,
        before_id=None if before is None else Snowflake(FIRST_COMMENT + before),
        **{"limit": 100, **page},
    )
    return [one.id - FIRST_COMMENT for one in found]


async def counts(stores: Stores, *comments: CommentRecord) -> list[int]:
    """What is counted at the first video, and answers at each of the comments."""
    video = await stores.videos.get(a_video().id)
    kept = [await stores.comments.get(one.id) for one in comments]
    assert video is not None
    return [video.comments_count, *(one.answers_count for one in kept if one is not None)]


@on_every_store
async def test_a_comment_is_there_as_it_was_written(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    comment = a_comment(content='{"$gt": ["<b>", null, 1.5, "\\u0000"]}')
    await written(stores, comment)

    assert await stores.comments.get(comment.id) == comment
    assert await stores.comments.get(Snowflake(1)) is None


@on_every_store
async def test_a_video_counts_all_below_it_and_a_comment_its_answers(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    await stores.videos.publish(a_video(1))
    root = a_comment()
    answer = an_answer(1, root)
    deep = an_answer(2, answer)
    await written(stores, root, answer, deep, an_answer(3, deep), an_answer(4, root), a_comment(5, a_video(1)))

    assert await counts(stores, root, answer, deep) == [5, 2, 1, 1]


@on_every_store
async def test_below_a_video_are_its_roots_and_below_a_comment_itself_and_its_answers(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    root, other = a_comment(), a_comment(1)
    answer = an_answer(2, root)
    await written(stores, root, other, answer, an_answer(3, answer), an_answer(4, root))

    assert await numbers_below(stores, a_video().id) == [1, 0]
    assert await numbers_below(stores, root.id) == [4, 2, 0]
    # An answer is no root: it is not listed below itself.
    assert await numbers_below(stores, answer.id) == [3]
    assert await numbers_below(stores, 77) == []


@on_every_store
async def test_comments_are_ranked_and_come_in_pages(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    comments = [a_comment(number) for number in range(6)]
    await written(stores, *comments)
    for number, likes_count in ((1, 3), (3, 1), (4, 1), (0, 1)):
        for liker in range(likes_count):
            await stores.comments.toggle_like(comments[number].id, PersonId(20_001 + liker), T0)
    video_id = a_video().id

    assert await numbers_below(stores, video_id, skip=1, limit=2) == [4, 3]
    assert await numbers_below(stores, video_id, before=3, limit=2) == [2, 1]
    assert await numbers_below(stores, video_id, before=3, skip=2, limit=2) == [0]
    assert await numbers_below(stores, video_id, before=0) == []
    assert await numbers_below(stores, video_id, Ranking.POPULAR) == [1, 4, 3, 0, 5, 2]
    assert await numbers_below(stores, video_id, Ranking.POPULAR, skip=2, limit=3) == [3, 0, 5]
    assert await numbers_below(stores, video_id, Ranking.POPULAR, before=4) == [1, 3, 0, 2]


@on_every_store
async def test_what_is_commented_must_be_there(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    await stores.videos.publish(a_video(1))
    root = a_comment()
    await written(stores, root)

    for orphan in (
        a_comment(1, a_video(2)),
        a_comment(2, father_id=Snowflake(FIRST_COMMENT + 9)),
        an_answer(3, root, video_id=a_video(1).id),
    ):
        with pytest.raises(NotThere):
            await stores.comments.add(orphan)
        assert await stores.comments.get(orphan.id) is None

    assert await counts(stores, root) == [1, 0]
    assert await numbers_below(stores, a_video().id) == [0]


@on_every_store
async def test_an_id_is_given_to_one_comment(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    root = a_comment()
    await written(stores, root)

    with pytest.raises(Conflict):
        await stores.comments.add(a_comment(content='"another"'))

    assert await stores.comments.get(root.id) == root
    assert await counts(stores, root) == [1, 0]


@on_every_store
async def test_comments_and_likes_at_once_are_all_counted(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    root = a_comment()
    await written(stores, root)

    await asyncio.gather(
        *(stores.comments.add(an_answer(number, root)) for number in range(1, 41)),
        *(stores.comments.add(a_comment(number)) for number in range(41, 61)),
        *(stores.comments.toggle_like(root.id, PersonId(20_001 + number), T0) for number in range(40)),
        *(stores.videos.toggle_like(a_video().id, PersonId(20_001 + number), T0) for number in range(20)),
    )

    assert await counts(stores, root) == [61, 40]
    kept, video = await stores.comments.get(root.id), await stores.videos.get(a_video().id)
    assert kept is not None
    assert video is not None
    assert (kept.likes_count, video.likes_count) == (40, 20)
    assert await numbers_below(stores, root.id) == [*range(40, 0, -1), 0]


@on_every_store
async def test_likes_of_a_comment_are_its_own(stores: Stores) -> None:
    await stores.videos.publish(a_video())
    first, second = a_comment(), a_comment(1)
    await written(stores, first, second)

    assert await stores.comments.toggle_like(first.id, TOM, T0)
    assert await stores.comments.toggle_like(first.id, MEI, T0)
    assert not await stores.comments.toggle_like(first.id, TOM, T0)
    with pytest.raises(NotThere):
        await stores.comments.toggle_like(a_video().id, TOM, T0)

    kept = [await stores.comments.get(one.id) for one in (first, second)]
    assert [one.likes_count for one in kept if one is not None] == [1, 0]
