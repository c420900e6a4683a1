"""What every ``VideoStore`` promises."""

import asyncio

import pytest

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.stores import Stores
from store.interfaces.videos import EVERYBODY, Shelves, VideoRecord
from tests.support.records import ANN, MEI, T0, TOM
from tests.support.stores import on_every_store
from tests.support.videos import a_video


async def published(stores: Stores, *videos: VideoRecord) -> None:
    for video in videos:
        await stores.videos.publish(video)


async def titles(stores: Stores, viewer: PersonId, ranking: Ranking, **page: int) -> list[str]:
    page.setdefault("limit", 100)
    return [one.title for one in await stores.videos.ranked(viewer, ranking, **page)]


@on_every_store
async def test_a_video_is_there_as_it_was_published(stores: Stores) -> None:
    video = a_video(title="社团学姐", description="<b>&", is_private=True)
    await published(stores, video)

    assert await stores.videos.get(video.id) == video
    assert await stores.videos.get(Snowflake(1)) is None


@on_every_store
async def test_an_id_is_given_to_one_video(stores: Stores) -> None:
    await published(stores, a_video())

    with pytest.raises(Conflict):
        await stores.videos.publish(a_video(title="another"))

    assert await stores.videos.shelves(TOM) == Shelves(1, 0)
    assert await titles(stores, TOM, Ranking.LATEST) == ["video 0"]


@on_every_store
async def test_private_videos_are_counted_and_listed_for_their_author_only(stores: Stores) -> None:
    await published(
        stores,
        a_video(1),
        a_video(2, is_private=True),
        a_video(3, is_private=True, author_id=TOM),
        a_video(4),
        a_video(5, is_private=True),
    )

    assert [await stores.videos.shelves(viewer) for viewer in (MEI, TOM, ANN)] == [
        Shelves(2, 2),
        Shelves(2, 1),
        Shelves(2, 0),
    ]
    for ranking in Ranking:
        assert await titles(stores, MEI, ranking) == ["video 5", "video 4", "video 2", "video 1"]
        assert await titles(stores, TOM, ranking) == ["video 4", "video 3", "video 1"]
        assert await titles(stores, ANN, ranking) == ["video 4", "video 1"]


@on_every_store
async def test_popular_are_those_with_most_likes_and_of_as_many_the_latest(stores: Stores) -> None:
    videos = [a_video(number, is_private=number == 3) for number in range(5)]
    await published(stores, *videos)
    for number, likes_count in ((0, 2), (1, 1), (3, 1)):
        for liker in range(likes_count):
            await stores.videos.toggle_like(videos[number].id, PersonId(20_001 + liker), T0)

    ranked = ["video 0", "video 3", "video 1", "video 4", "video 2"]
    assert await titles(stores, MEI, Ranking.POPULAR) == ranked
    pages = [await titles(stores, MEI, Ranking.POPULAR, skip=skip, limit=2) for skip in (0, 2, 4, 6)]
    assert pages == [ranked[:2], ranked[2:4], ranked[4:], []]


@on_every_store
async def test_videos_published_at_once_get_places_without_a_gap(stores: Stores) -> None:
    videos = [a_video(number, is_private=number % 3 == 0) for number in range(30)]

    await asyncio.gather(*(stores.videos.publish(video) for video in videos))

    assert await stores.videos.shelves(MEI) == Shelves(20, 10)
    public = await stores.videos.at(EVERYBODY, range(25))
    own = await stores.videos.at(MEI, range(25))
    assert (sorted(public), sorted(own)) == ([*range(20)], [*range(10)])
    assert {one.id for one in (*public.values(), *own.values())} == {one.id for one in videos}


@on_every_store
async def test_places_are_looked_at_one_by_one(stores: Stores) -> None:
    await published(stores, *(a_video(number) for number in range(5)))

    found = await stores.videos.at(EVERYBODY, [3, 0, 7])

    assert {place: one.title for place, one in found.items()} == {0: "video 0", 3: "video 3"}
    assert await stores.videos.at(EVERYBODY, []) == {}
    assert await stores.videos.at(MEI, [0]) == {}


@on_every_store
async def test_a_like_is_put_and_taken_back_and_counted(stores: Stores) -> None:
    video = a_video()
    await published(stores, video, a_video(1))

    assert await stores.videos.toggle_like(video.id, TOM, T0)
    assert await stores.videos.toggle_like(video.id, ANN, T0)
    assert not await stores.videos.toggle_like(video.id, TOM, T0 + 1)

    assert [(await stores.videos.get(one.id)).likes_count for one in (video, a_video(1))] == [1, 0]  # type: ignore[union-attr]


@on_every_store
async def test_what_is_not_there_cannot_be_liked(stores: Stores) -> None:
    await published(stores, a_video())

    with pytest.raises(NotThere):
        await stores.videos.toggle_like(Snowflake(7), TOM, T0)

    # Nothing is left of it either, if it comes one day.
    await published(stores, a_video(id=Snowflake(7)))
    assert await stores.videos.toggle_like(Snowflake(7), TOM, T0)


@on_every_store
@pytest.mark.parametrize("times", [49, 50])
async def test_of_many_toggles_of_one_person_at_once_each_turns_over_the_last(stores: Stores, times: int) -> None:
    video = a_video()
    await published(stores, video)

    turned = await asyncio.gather(*(stores.videos.toggle_like(video.id, TOM, T0) for _ in range(times)))

    assert sum(turned) == (times + 1) // 2
    kept = await stores.videos.get(video.id)
    assert kept is not None
    assert kept.likes_count == times % 2


@on_every_store
async def test_the_likes_of_two_hundred_people_at_once_are_two_hundred(stores: Stores) -> None:
    video = a_video()
    await published(stores, video)

    people = [PersonId(20_001 + number) for number in range(200)]
    turned = await asyncio.gather(*(stores.videos.toggle_like(video.id, person, T0) for person in people))

    assert all(turned)
    kept = await stores.videos.get(video.id)
    assert kept is not None
    assert kept.likes_count == 200


@on_every_store
async def test_a_shuffle_is_remembered_until_it_expires_or_is_begun_anew(stores: Stores) -> None:
    videos = stores.videos
    assert await videos.shuffle(TOM, "seed", T0) is None

    await videos.begin_shuffle(TOM, "seed", Shelves(5, 2), expires_at_ms=T0 + 10)
    assert await videos.shuffle(TOM, "seed", T0 + 9) == Shelves(5, 2)
    assert await videos.shuffle(TOM, "other", T0) is None
    assert await videos.shuffle(ANN, "seed", T0) is None
    assert await videos.shuffle(TOM, "seed", T0 + 10) is None

    await videos.begin_shuffle(TOM, "seed", Shelves(6, 2), expires_at_ms=T0 + 20)
    assert await videos.shuffle(TOM, "seed", T0 + 10) == Shelves(6, 2)
