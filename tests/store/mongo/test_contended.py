"""Likes and comments from several nodes at once, and through faults: counted once each, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.videos import EVERYBODY
from store.mongo import contended
from store.opened import OpenedStores, open_stores
from tests.support.real_stores import fail_commands, open_database, open_real_stores, real_servers
from tests.support.records import MEI, T0, TOM
from tests.support.videos import a_comment, a_video, an_answer

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

VIDEO = a_video()
TRANSIENT = ["TransientTransactionError"]


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[OpenedStores, OpenedStores]]:
    """Two servers' stores over one database."""
    servers = await real_servers()
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(open_database())
        one, other = [
            await opened.enter_async_context(
                await open_stores(mongo_uri=servers.mongo_uri, database=database, redis_url=servers.redis_url)
            )
            for _ in range(2)
        ]
        yield one, other


async def likes_count(stores: OpenedStores, video_id: Snowflake = VIDEO.id) -> int:
    kept = await stores.videos.get(video_id)
    assert kept is not None
    return kept.likes_count


async def test_fifty_toggles_of_one_person_on_two_nodes_end_where_they_began():
    async with two_nodes() as nodes:
        await nodes[0].videos.publish(VIDEO)

        turned = await asyncio.gather(
            *(nodes[number % 2].videos.toggle_like(VIDEO.id, TOM, T0) for number in range(50))
        )

        assert sum(turned) == 25
        assert await likes_count(nodes[0]) == 0
        assert await nodes[1].videos.toggle_like(VIDEO.id, TOM, T0)


async def test_all_that_two_nodes_do_to_one_video_at_once_is_counted():
    async with two_nodes() as nodes:
        await nodes[0].videos.publish(VIDEO)
        root = a_comment()
        await nodes[0].comments.add(root)

        await asyncio.gather(
            *(nodes[number % 2].videos.toggle_like(VIDEO.id, PersonId(20_001 + number), T0) for number in range(60)),
            *(nodes[number % 2].comments.add(an_answer(number, root)) for number in range(1, 31)),
        )

        kept = await nodes[0].videos.get(VIDEO.id)
        assert kept is not None
        assert (kept.likes_count, kept.comments_count) == (60, 31)


async def test_videos_published_on_two_nodes_at_once_have_places_without_a_gap():
    async with two_nodes() as nodes:
        await asyncio.gather(*(nodes[number % 2].videos.publish(a_video(number)) for number in range(30)))

        assert sorted(await nodes[0].videos.at(EVERYBODY, range(40))) == [*range(30)]
        assert (await nodes[1].videos.shelves(MEI)).public_count == 30


@pytest.mark.parametrize("command", ["delete", "insert", "update", "commitTransaction"])
async def test_a_like_that_others_were_in_the_way_of_is_tried_again(command: str):
    async with open_real_stores() as stores:
        await stores.videos.publish(VIDEO)

        async with fail_commands(command, times=3, errorCode=112, errorLabels=TRANSIENT):
            assert await stores.videos.toggle_like(VIDEO.id, TOM, T0)

        assert await likes_count(stores) == 1


async def test_a_like_whose_confirmation_was_lost_is_counted_once():
    async with open_real_stores() as stores:
        await stores.videos.publish(VIDEO)

        async with fail_commands("commitTransaction", times=1, closeConnection=True):
            assert await stores.videos.toggle_like(VIDEO.id, TOM, T0)

        assert await likes_count(stores) == 1


async def test_who_is_always_in_the_way_of_others_is_told_so_and_has_changed_nothing(monkeypatch):
    monkeypatch.setattr(contended, "TRIES_MAX", 3)
    async with open_real_stores() as stores:
        await stores.videos.publish(VIDEO)

        async with fail_commands("insert", errorCode=112, errorLabels=TRANSIENT):
            with pytest.raises(Conflict):
                await stores.videos.toggle_like(VIDEO.id, TOM, T0)

        assert await likes_count(stores) == 0
        assert await stores.videos.toggle_like(VIDEO.id, TOM, T0)


async def test_nobody_waits_for_ever_in_a_crowd_and_who_gives_up_changes_nothing(monkeypatch):
    monkeypatch.setattr(contended, "LINE_S_MAX", 0.2)
    async with open_real_stores() as stores:
        await stores.videos.publish(VIDEO)

        async with fail_commands("commitTransaction", times=1, blockConnection=True, blockTimeMS=1_000):
            first, second = await asyncio.gather(
                stores.videos.toggle_like(VIDEO.id, TOM, T0),
                stores.videos.toggle_like(VIDEO.id, MEI, T0),
                return_exceptions=True,
            )

        assert first is True
        assert isinstance(second, Conflict)
        assert await likes_count(stores) == 1
        assert await stores.videos.toggle_like(VIDEO.id, MEI, T0)


async def test_of_a_comment_that_is_not_confirmed_all_is_there_or_nothing():
    async with open_real_stores() as stores:
        await stores.videos.publish(VIDEO)
        root = a_comment()
        await stores.comments.add(root)
        numbers = range(1, 13)

        async with fail_commands("insert", times=2, closeConnection=True):
            kept = await asyncio.gather(
                *(stores.comments.add(an_answer(number, root)) for number in numbers), return_exceptions=True
            )

        there = [await stores.comments.get(an_answer(number, root).id) for number in numbers]
        video, father = await stores.videos.get(VIDEO.id), await stores.comments.get(root.id)
        assert video is not None
        assert father is not None
        found_count = sum(one is not None for one in there)
        assert any(kept)
        assert found_count >= sum(one is None for one in kept)
        assert (video.comments_count, father.answers_count) == (found_count + 1, found_count)
