"""Videos: publishing, liking, and finding them."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import BadInput, Banned, NotFound, StoreDown, TooLong
from engine.services import videos
from engine.services.videos import SHUFFLE_KEPT_MS, FeedOrder
from store.interfaces.ids import Snowflake
from store.interfaces.people import Ban, BanKind
from tests.support.socializing import Socializing, socializing


async def titles(app: Socializing, viewer, order: FeedOrder, **asked) -> list[str]:
    return [one.title for one in (await app.page(viewer, order, **asked)).videos]


async def whole_feed(app: Socializing, viewer, **asked) -> list[str]:
    """All pages of a feed, until it says that there is no more."""
    found: list[str] = []
    page, has_more = 1, True
    while has_more:
        shown = await app.page(viewer, page=page, page_size=4, **{"order": FeedOrder.RANDOM, **asked})
        found += [one.title for one in shown.videos]
        page, has_more = page + 1, shown.has_more
    return found


async def test_what_is_published_can_be_found():
    async with socializing() as app:
        video = await app.publish(title="  社团\u202e学姐 ", description="line\r\nline  ")

        assert (video.title, video.description) == ("社团学姐", "line\nline")
        assert video.at_ms == app.engine.node.now_ms()
        assert await app.engine.videos.get(app.tom.id, video.id) == video
        for order in FeedOrder:
            shown = await app.page(app.tom, order)
            assert (shown.videos, shown.total_count, shown.has_more) == ((video,), 1, False)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"title": ""}, BadInput),
        ({"title": " \u202e\n"}, BadInput),
        ({"title": "x" * 101}, TooLong),
        ({"description": "x" * 2_001}, TooLong),
        *(
            ({name: address}, BadInput)
            for name in ("video_url", "cover_url")
            for address in ("", "v.mp4", "/v.mp4", "ftp://a/v", "javascript:alert(1)", "data:video/mp4,x", "http://")
        ),
        ({"video_url": "https://a/ b"}, BadInput),
        ({"cover_url": "https://a/\nb"}, BadInput),
        ({"cover_url": "https://a/" + "b" * 2_040}, TooLong),
    ],
)
async def test_what_is_no_video_is_not_published(changes: dict[str, Any], refused: type[Exception]):
    async with socializing() as app:
        with pytest.raises(refused):
            await app.publish(**changes)

        assert (await app.page(app.mei, FeedOrder.LATEST)).total_count == 0


async def test_files_that_were_uploaded_here_need_no_host():
    async with socializing() as app:
        address = f"/uploads/{'a' * 64}.mp4"

        assert (await app.publish(video_url=address)).video_url == address
        for strange in ("/uploads/../../etc/passwd", "/uploads/a.mp4", address + "/x", f"//evil.example{address}"):
            with pytest.raises(BadInput):
                await app.publish(video_url=strange)


async def test_a_title_of_a_hundred_characters_is_not_too_long():
    async with socializing() as app:
        video = await app.publish(title=" " + "学" * 100, description="x" * 2_000)

        assert video.title == "学" * 100


async def test_private_videos_are_not_there_for_others():
    async with socializing() as app:
        video = await app.publish(title="secret", is_private=True)

        assert await app.engine.videos.get(app.mei.id, video.id) == video
        assert await app.engine.videos.toggle_like(app.mei, video.id)
        with pytest.raises(NotFound):
            await app.engine.videos.get(app.tom.id, video.id)
        with pytest.raises(NotFound):
            await app.engine.videos.toggle_like(app.tom, video.id)
        for order in FeedOrder:
            assert await titles(app, app.mei, order) == ["secret"]
            shown = await app.page(app.tom, order)
            assert (shown.videos, shown.total_count, shown.has_more) == ((), 0, False)
        assert (await app.engine.videos.get(app.mei.id, video.id)).likes_count == 1


async def test_a_like_is_one_for_each_person_and_taken_back_by_the_next():
    async with socializing() as app:
        video = await app.publish()
        likes = app.engine.videos

        turned = [await likes.toggle_like(who, video.id) for who in (app.tom, app.mei, app.tom, app.ann)]

        assert turned == [True, True, False, True]
        assert (await likes.get(app.tom.id, video.id)).likes_count == 2
        with pytest.raises(NotFound):
            await likes.toggle_like(app.tom, Snowflake(7))


async def test_fifty_toggles_at_once_leave_no_like():
    async with socializing() as app:
        video = await app.publish()

        await asyncio.gather(*(app.engine.videos.toggle_like(app.tom, video.id) for _ in range(50)))

        assert (await app.engine.videos.get(app.tom.id, video.id)).likes_count == 0


async def test_pages_say_how_many_there_are_and_whether_more_come():
    async with socializing() as app:
        for number in range(7):
            await app.publish(title=str(number), is_private=number == 3)

        first, last = [await app.page(app.mei, FeedOrder.LATEST, page=page, page_size=4) for page in (1, 2)]
        exact = await app.page(app.mei, FeedOrder.LATEST, page=1, page_size=7)
        beyond = await app.page(app.mei, FeedOrder.POPULAR, page=2**40, page_size=100)

        assert [one.title for one in (*first.videos, *last.videos)] == ["6", "5", "4", "3", "2", "1", "0"]
        assert [(one.total_count, one.has_more) for one in (first, last, exact)] == [(7, True), (7, False), (7, False)]
        assert (beyond.videos, beyond.total_count, beyond.has_more) == ((), 7, False)
        assert (await app.page(app.tom, FeedOrder.LATEST)).total_count == 6


async def test_page_numbers_lead_so_far_and_a_shuffle_to_the_end(monkeypatch):
    monkeypatch.setattr(videos, "DEPTH_MAX", 5)
    async with socializing() as app:
        for number in range(8):
            await app.publish(title=str(number))

        pages = [await app.page(app.tom, FeedOrder.LATEST, page=page, page_size=3) for page in (1, 2, 3)]

        assert [[one.title for one in page.videos] for page in pages] == [["7", "6", "5"], ["4", "3"], []]
        assert [page.has_more for page in pages] == [True, False, False]
        assert {page.total_count for page in pages} == {8}
        assert len(await whole_feed(app, app.tom, seed="mine")) == 8


async def test_popular_videos_come_first_and_of_equals_the_latest():
    async with socializing() as app:
        published = [await app.publish(title=str(number)) for number in range(4)]
        for who, number in ((app.tom, 0), (app.ann, 0), (app.tom, 2)):
            await app.engine.videos.toggle_like(who, published[number].id)

        assert await titles(app, app.tom, FeedOrder.POPULAR) == ["0", "2", "3", "1"]


async def test_with_a_seed_all_pages_together_have_each_video_once():
    async with socializing() as app:
        for number in range(30):
            await app.publish(title=str(number), is_private=number % 5 == 0)
        mine = [str(number) for number in range(30)]
        public = [title for number, title in enumerate(mine) if number % 5]

        orders = [await whole_feed(app, app.mei, seed=f"seed {number}") for number in range(6)]

        assert all(Counter(order) == Counter(mine) for order in orders)
        assert len({tuple(order) for order in orders}) == 6
        assert await whole_feed(app, app.mei, seed="seed 0") == orders[0]
        assert Counter(await whole_feed(app, app.tom, seed="seed 0")) == Counter(public)


async def test_a_list_that_has_been_begun_stays_as_it_is_whatever_is_published_meanwhile():
    async with socializing() as app:
        for number in range(25):
            await app.publish(title=str(number))
        asked = {"order": FeedOrder.RANDOM, "page_size": 10, "seed": "mine"}

        first = await app.page(app.tom, page=1, **asked)
        for number in range(25, 80):
            await app.publish(title=str(number))
        await app.publish(app.tom, title="private", is_private=True)
        second, third = [await app.page(app.tom, page=page, **asked) for page in (2, 3)]

        seen = [one.title for shown in (first, second, third) for one in shown.videos]
        assert Counter(seen) == Counter(str(number) for number in range(25))
        assert [shown.has_more for shown in (first, second, third)] == [True, True, False]
        # Beginning again is beginning with all there is.
        assert (await app.page(app.tom, page=1, **asked)).total_count == 81


async def test_who_comes_back_too_late_to_a_list_gets_what_there_is_then():
    async with socializing() as app:
        for number in range(12):
            await app.publish(title=str(number))
        asked = {"order": FeedOrder.RANDOM, "seed": "mine"}
        await app.page(app.tom, page=1, **asked)
        await app.publish(title="new")

        await app.stage.advance(SHUFFLE_KEPT_MS - 1)
        assert (await app.page(app.tom, page=2, **asked)).total_count == 12

        await app.stage.advance(1)
        assert (await app.page(app.tom, page=2, **asked)).total_count == 13


async def test_without_a_seed_every_list_is_another_one():
    async with socializing() as app:
        for number in range(20):
            await app.publish(title=str(number))

        lists = [await titles(app, app.tom, FeedOrder.RANDOM, page_size=20) for _ in range(10)]

        assert len({tuple(one) for one in lists}) == 10
        assert all(len(set(one)) == 20 for one in lists)


async def test_a_seed_is_no_novel():
    async with socializing() as app:
        with pytest.raises(TooLong):
            await app.page(app.tom, FeedOrder.RANDOM, seed="x" * 65)


async def test_who_is_banned_neither_publishes_nor_likes():
    async with socializing() as app:
        video = await app.publish()
        banned = replace(app.tom, ban=Ban(kind=BanKind.ACCOUNT, text="no", since_ms=0, until_ms=None))

        with pytest.raises(Banned):
            await app.publish(banned)
        with pytest.raises(Banned):
            await app.engine.videos.toggle_like(banned, video.id)


async def test_a_store_that_does_not_answer_is_said_to_be_down():
    async with socializing() as app:
        video = await app.publish()
        app.stores.is_down = True

        for act in (
            app.publish(),
            app.engine.videos.toggle_like(app.tom, video.id),
            app.engine.videos.get(app.tom.id, video.id),
            app.page(app.tom, FeedOrder.RANDOM),
        ):
            with pytest.raises(StoreDown):
                await act

        app.stores.is_down = False
