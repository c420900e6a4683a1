"""Comments: writing, liking and reading them."""

import pytest
from msgspec.structs import replace

from engine.errors import BadInput, Banned, NotFound, StoreDown, TooLong
from engine.services import comments
from engine.services.comments import Stretch
from store.interfaces.ids import Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.people import Ban, BanKind
from tests.support.socializing import Socializing, socializing

LATEST = Stretch(ranking=Ranking.LATEST, page=1, page_size=10)


async def counted(app: Socializing, video_id: Snowflake) -> int:
    return (await app.engine.videos.get(app.mei.id, video_id)).comments_count


async def test_comments_hang_below_their_video_and_their_father():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()

        root = await threads.comment(app.tom, video.id, '"hello"')
        answer = await threads.answer(app.ann, root.id, '"hi"')
        deep = await threads.answer(app.tom, answer.id, '{"a": 1}')

        assert (root.father_id, root.video_id, root.owner_id) == (root.id, video.id, app.mei.id)
        assert (answer.father_id, answer.video_id, answer.owner_id) == (root.id, video.id, app.tom.id)
        assert (deep.father_id, deep.video_id, deep.owner_id) == (answer.id, video.id, app.ann.id)
        assert await counted(app, video.id) == 3
        kept = [await threads.get(app.ann.id, one.id) for one in (root, answer, deep)]
        assert [one.answers_count for one in kept] == [1, 1, 0]
        assert await threads.of_video(app.ann.id, video.id, LATEST) == (kept[0],)
        assert await threads.of_comment(app.ann.id, root.id, LATEST) == (kept[1], kept[0])
        assert await threads.of_comment(app.ann.id, answer.id, LATEST) == (kept[2],)


async def test_pages_and_what_lies_before_an_id():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()
        made = [await threads.comment(app.tom, video.id, str(number)) for number in range(7)]
        await threads.toggle_like(app.ann, made[1].id)

        async def asked(**changes):
            stretch = replace(LATEST, page_size=3, **changes)
            return [int(one.content) for one in await threads.of_video(app.ann.id, video.id, stretch)]

        assert [await asked(page=page) for page in (1, 2, 3, 4, 2**40)] == [[6, 5, 4], [3, 2, 1], [0], [], []]
        assert await asked(before_id=made[3].id) == [2, 1, 0]
        assert await asked(before_id=made[0].id) == []
        assert await asked(ranking=Ranking.POPULAR) == [1, 6, 5]
        assert await asked(ranking=Ranking.POPULAR, before_id=made[3].id) == [1, 2, 0]


async def test_page_numbers_lead_so_far_and_an_id_further(monkeypatch):
    monkeypatch.setattr(comments, "DEPTH_MAX", 3)
    async with socializing() as app:
        video = await app.publish()
        made = [await app.engine.comments.comment(app.tom, video.id, str(number)) for number in range(6)]

        async def asked(**changes):
            stretch = replace(LATEST, page_size=2, **changes)
            return [int(one.content) for one in await app.engine.comments.of_video(app.ann.id, video.id, stretch)]

        assert [await asked(page=page) for page in (1, 2, 3)] == [[5, 4], [3], []]
        assert await asked(before_id=made[3].id) == [2, 1]


async def test_below_a_private_video_nobody_else_reads_writes_or_likes():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish(is_private=True)
        root = await threads.comment(app.mei, video.id, '"mine"')

        for act in (
            threads.comment(app.tom, video.id, '"x"'),
            threads.answer(app.tom, root.id, '"x"'),
            threads.get(app.tom.id, root.id),
            threads.toggle_like(app.tom, root.id),
            threads.of_video(app.tom.id, video.id, LATEST),
            threads.of_comment(app.tom.id, root.id, LATEST),
        ):
            with pytest.raises(NotFound):
                await act

        assert await threads.toggle_like(app.mei, root.id)
        assert await counted(app, video.id) == 1


async def test_what_is_not_there_is_neither_commented_nor_answered():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()
        root = await threads.comment(app.tom, video.id, "1")

        for act in (
            threads.comment(app.tom, Snowflake(7), "1"),
            threads.answer(app.tom, Snowflake(7), "1"),
            # A video is no comment, and a comment no video.
            threads.answer(app.tom, video.id, "1"),
            threads.comment(app.tom, root.id, "1"),
            threads.of_video(app.tom.id, root.id, LATEST),
            threads.of_comment(app.tom.id, video.id, LATEST),
            threads.toggle_like(app.tom, video.id),
        ):
            with pytest.raises(NotFound):
                await act

        assert await counted(app, video.id) == 1


async def test_a_comment_has_some_content_and_not_too_much():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()
        longest = f'"{"学" * 1_998}"'

        assert (await threads.comment(app.tom, video.id, longest)).content == longest
        with pytest.raises(TooLong):
            await threads.comment(app.tom, video.id, longest + " ")
        with pytest.raises(BadInput):
            await threads.comment(app.tom, video.id, "")

        assert await counted(app, video.id) == 1


async def test_likes_of_a_comment_are_one_for_each_person():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()
        root = await threads.comment(app.tom, video.id, "1")

        turned = [await threads.toggle_like(who, root.id) for who in (app.tom, app.mei, app.tom)]

        assert turned == [True, True, False]
        assert (await threads.get(app.tom.id, root.id)).likes_count == 1
        assert (await app.engine.videos.get(app.tom.id, video.id)).likes_count == 0


async def test_who_is_banned_neither_comments_nor_likes():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()
        root = await threads.comment(app.tom, video.id, "1")
        banned = replace(app.tom, ban=Ban(kind=BanKind.ACCOUNT, text="no", since_ms=0, until_ms=None))

        for act in (
            threads.comment(banned, video.id, "1"),
            threads.answer(banned, root.id, "1"),
            threads.toggle_like(banned, root.id),
        ):
            with pytest.raises(Banned):
                await act

        assert await counted(app, video.id) == 1


async def test_a_store_that_does_not_answer_is_said_to_be_down():
    async with socializing() as app:
        threads, video = app.engine.comments, await app.publish()
        root = await threads.comment(app.tom, video.id, "1")
        app.stores.is_down = True

        for act in (
            threads.comment(app.tom, video.id, "1"),
            threads.answer(app.tom, root.id, "1"),
            threads.get(app.tom.id, root.id),
            threads.toggle_like(app.tom, root.id),
            threads.of_video(app.tom.id, video.id, LATEST),
        ):
            with pytest.raises(StoreDown):
                await act

        app.stores.is_down = False
