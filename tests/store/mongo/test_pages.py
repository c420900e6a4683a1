"""A page costs what is on it, however many there are: every list goes by an index, and looks at nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bson.int64 import Int64
from msgspec.structs import replace
from pymongo import AsyncMongoClient

from store.interfaces.ids import Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.videos import EVERYBODY
from store.mongo.codec import document_of
from store.mongo.comments import comment_document
from store.opened import OpenedStores
from tests.support.real_stores import open_real_stores, real_servers
from tests.support.records import MEI, TOM
from tests.support.videos import FIRST_COMMENT, FIRST_VIDEO, a_comment, a_video, an_answer

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

VIDEOS_COUNT = 3_000
COMMENTS_COUNT = 3_000
PAGE = 10


def video_documents() -> list[dict[str, Any]]:
    """Of Mei's, every tenth is private."""
    documents, places = [], {EVERYBODY: 0, MEI: 0}
    for number in range(VIDEOS_COUNT):
        video = replace(a_video(number, is_private=number % 10 == 0), likes_count=number * 7 % 100)
        documents.append({**document_of(video), "shelf": Int64(video.shelf), "place": Int64(places[video.shelf])})
        places[video.shelf] += 1
    return documents


def comment_documents() -> list[dict[str, Any]]:
    """Roots of the first video, and as many answers to the first of them."""
    roots = [a_comment(number, likes_count=number * 7 % 20) for number in range(COMMENTS_COUNT)]
    answers = [an_answer(COMMENTS_COUNT + number, roots[0]) for number in range(COMMENTS_COUNT)]
    return [comment_document(one) for one in (*roots, *answers)]


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[OpenedStores, Any]]:
    """Filled stores, and the database, which notes what every query has looked at."""
    servers = await real_servers()
    async with open_real_stores() as stores, AsyncMongoClient[dict[str, Any]](servers.mongo_uri) as client:
        database = client[stores.mongo.name]
        await database.videos.insert_many(video_documents())
        await database.comments.insert_many(comment_documents())
        await database.command({"profile": 2})
        try:
            yield stores, database
        finally:
            await database.command({"profile": 0})
            await database.drop_collection("system.profile")


async def looks(database: Any) -> dict[str, Any]:
    """What the last query of a list has looked at."""
    (last,) = await database["system.profile"].find({"op": "query"}).sort({"$natural": -1}).limit(1).to_list()
    assert isinstance(last, dict)
    return last


def below(parent_id: int, ranking: Ranking, **page: Any) -> Any:
    return lambda stores: stores.comments.below(Snowflake(parent_id), ranking, limit=PAGE, **page)


def ranked(viewer: Any, ranking: Ranking, **page: Any) -> Any:
    return lambda stores: stores.videos.ranked(viewer, ranking, limit=PAGE, **page)


MIDDLE = Snowflake(FIRST_COMMENT + COMMENTS_COUNT // 2)
DEEP = 490

LISTS: dict[str, tuple[Any, int, int]] = {
    # What is asked, how many documents it may look at, and how many keys of an index.
    "latest": (ranked(TOM, Ranking.LATEST), PAGE + 1, PAGE + 3),
    "latest with private ones": (ranked(MEI, Ranking.LATEST), PAGE + 2, PAGE + 4),
    "popular": (ranked(TOM, Ranking.POPULAR), PAGE + 1, PAGE + 3),
    "popular with private ones": (ranked(MEI, Ranking.POPULAR), PAGE + 2, PAGE + 4),
    "latest, page 50": (ranked(MEI, Ranking.LATEST, skip=DEEP), PAGE + 2, DEEP + PAGE + 4),
    "random": (lambda stores: stores.videos.at(EVERYBODY, [*range(0, 2_000, 200)]), PAGE, 2 * PAGE + 1),
    "comments of a video": (below(FIRST_VIDEO, Ranking.LATEST), PAGE, PAGE + 1),
    "popular comments of a video": (below(FIRST_VIDEO, Ranking.POPULAR), PAGE, PAGE + 1),
    "answers": (below(FIRST_COMMENT, Ranking.LATEST), PAGE, PAGE + 1),
    "comments before one": (below(FIRST_VIDEO, Ranking.LATEST, before_id=MIDDLE), PAGE, PAGE + 2),
    # Twenty different numbers of likes, each at most one step.
    "popular comments before one": (below(FIRST_VIDEO, Ranking.POPULAR, before_id=MIDDLE), PAGE, PAGE + 22),
    "comments, page 50": (below(FIRST_VIDEO, Ranking.LATEST, skip=DEEP), PAGE, DEEP + PAGE + 1),
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_goes_by_an_index_and_looks_at_its_page_only(name: str):
    ask, documents_max, keys_max = LISTS[name]
    async with watched() as (stores, database):
        found = await ask(stores)
        seen = await looks(database)

    assert len(found) == PAGE
    assert seen["docsExamined"] <= documents_max
    assert seen["keysExamined"] <= keys_max
    assert "IXSCAN" in seen["planSummary"]
    assert not seen.get("hasSortStage", False)


async def test_the_number_of_all_videos_is_read_and_not_counted():
    async with watched() as (stores, database):
        await stores.videos.shelves(MEI)
        seen = await looks(database)

    assert seen["ns"].endswith(".shelves")
    assert seen["docsExamined"] <= 2
