"""A page of every long list, with a million rows beside the same with ten thousand, on a real mongod.

Run ``python -m tests.bench.paging``. Each list is one ``Table``: the documents that fill it, and what is asked of it
through its store. Rows are put there by the driver, as no API would in an evening; what is asked alternates between the
two sizes, so that a change of the machine's speed hits both. Beside the times stand the keys and documents that the
server has looked at, from its profiler: they are why the times stay as they are.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bson.int64 import Int64
from pymongo import MongoClient

from engine.services.shuffles import Shuffle
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.likable import Ranking
from store.interfaces.videos import EVERYBODY
from store.mongo.codec import document_of
from store.mongo.collections import COMMENTS, FRIENDSHIPS, MESSAGES, SHELVES, VIDEOS
from store.mongo.comments import comment_document
from store.opened import OpenedStores
from tests.bench.common import keep, median
from tests.support.messages import GROUP, OTHER_GROUP, a_message
from tests.support.real_stores import open_real_stores, real_servers
from tests.support.records import MEI, TOM
from tests.support.videos import FIRST_COMMENT, FIRST_VIDEO, a_comment, a_video

PAGE: Final = 10
DEEP: Final = 49 * PAGE
PRIVATE_EVERY: Final = 1_000
"""One in so many videos is a private one of the viewer's."""
LIKES_MAX: Final = 1_000
BATCH: Final = 10_000
WARM: Final = 30
"""Questions of each kind that do not count."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filled:
    """Stores with ``count`` rows in each table."""

    stores: OpenedStores
    count: int
    rng: random.Random

    @property
    def middle(self) -> int:
        """A row somewhere in the middle, seldom the same."""
        return self.count // 2 + self.rng.randrange(self.count // 10)


Ask = Callable[[Filled], Awaitable[object]]


class Table(NamedTuple):
    """One long list: collection → its documents for so many rows, and name → what is asked of it."""

    name: str
    documents: Callable[[int], Mapping[str, Iterator[Document]]]
    asks: Mapping[str, Ask]


# --- videos --------------------------------------------------------------------------------------------------------


def _videos(count: int) -> Mapping[str, Iterator[Document]]:
    template = document_of(a_video())
    rng = random.Random(5)

    def documents() -> Iterator[Document]:
        places = {EVERYBODY: 0, MEI: 0}
        for number in range(count):
            is_private = number % PRIVATE_EVERY == 0
            shelf = MEI if is_private else EVERYBODY
            yield template | {
                "_id": Int64(FIRST_VIDEO + number),
                "title": f"video {number}",
                "is_private": is_private,
                "likes_count": Int64(rng.randrange(LIKES_MAX)),
                "shelf": Int64(shelf),
                "place": Int64(places[shelf]),
            }
            places[shelf] += 1

    own_count = -(-count // PRIVATE_EVERY)
    shelves = ((EVERYBODY, count - own_count), (MEI, own_count))
    return {
        VIDEOS: documents(),
        SHELVES: iter([{"_id": Int64(shelf), "count": Int64(there)} for shelf, there in shelves]),
    }


def _ranked(ranking: Ranking, skip: int = 0) -> Ask:
    return lambda filled: filled.stores.videos.ranked(MEI, ranking, skip=skip, limit=PAGE)


def _shuffled(skip: int = 0) -> Ask:
    async def ask(filled: Filled) -> object:
        videos = filled.stores.videos
        shelves = await videos.shelves(MEI)
        shuffle = Shuffle(str(filled.rng.random()), shelves.public_count + shelves.own_count)
        places = shuffle.part(skip, PAGE)
        own = [place - shelves.public_count for place in places if place >= shelves.public_count]
        found = await videos.at(EVERYBODY, [place for place in places if place < shelves.public_count])
        assert len(found) + len(await videos.at(MEI, own)) == PAGE
        return found

    return ask


def _like(filled: Filled) -> Awaitable[object]:
    person = PersonId(filled.rng.randrange(1, 2**40))
    return filled.stores.videos.toggle_like(Snowflake(FIRST_VIDEO + filled.middle), person, 1)


def _publish(filled: Filled) -> Awaitable[object]:
    # In ids far above those that are there.
    return filled.stores.videos.publish(a_video(2**40 + filled.rng.randrange(2**40)))


# --- comments of one video -----------------------------------------------------------------------------------------


def _comments(count: int) -> Mapping[str, Iterator[Document]]:
    template = comment_document(a_comment())
    rng = random.Random(6)

    def documents() -> Iterator[Document]:
        for number in range(count):
            id_ = Int64(FIRST_COMMENT + number)
            yield template | {
                "_id": id_,
                "father_id": id_,
                "likes_count": Int64(rng.randrange(LIKES_MAX)),
                "below": [Int64(FIRST_VIDEO), id_],
            }

    video = {**document_of(a_video()), "shelf": Int64(EVERYBODY), "place": Int64(0)}
    return {VIDEOS: iter([video]), COMMENTS: documents()}


def _below(ranking: Ranking, *, skip: int = 0, is_before: bool = False) -> Ask:
    def ask(filled: Filled) -> Awaitable[object]:
        before_id = Snowflake(FIRST_COMMENT + filled.middle) if is_before else None
        return filled.stores.comments.below(Snowflake(FIRST_VIDEO), ranking, before_id=before_id, skip=skip, limit=PAGE)

    return ask


def _comment(filled: Filled) -> Awaitable[object]:
    number = 2**40 + filled.rng.randrange(2**40)
    return filled.stores.comments.add(a_comment(number))


# --- messages of one group, and what they are asked for ------------------------------------------------------------


def _messages(count: int) -> Mapping[str, Iterator[Document]]:
    template = document_of(a_message(1))
    del template["people"]

    def documents() -> Iterator[Document]:
        for number in range(1, count + 1):
            yield template | {"_id": Int64(number), "previous_id": Int64(number - 1)}

    return {MESSAGES: documents()}


def _history(*, is_before: bool = False) -> Ask:
    def ask(filled: Filled) -> Awaitable[object]:
        before_id = Snowflake(filled.middle) if is_before else None
        return filled.stores.messages.before(GROUP, before_id, limit=PAGE)

    return ask


def _missed(filled: Filled) -> Awaitable[object]:
    after_id = Snowflake(filled.count - PAGE)
    return filled.stores.messages.newest(TOM, (GROUP, OTHER_GROUP), after_id=after_id, limit=10 * PAGE)


def _after(filled: Filled) -> Awaitable[object]:
    return filled.stores.messages.after(GROUP, Snowflake(filled.middle), limit=PAGE)


def _say(filled: Filled) -> Awaitable[object]:
    number = 2**40 + filled.rng.randrange(2**40)
    return filled.stores.messages.keep(a_message(number, number - 1))


# --- friends of one person -----------------------------------------------------------------------------------------


def _friends(count: int) -> Mapping[str, Iterator[Document]]:
    def documents() -> Iterator[Document]:
        for number in range(1, count + 1):
            other = Int64(TOM + number)
            yield {"_id": f"{TOM}:{other}", "people": [Int64(TOM), other], "at_ms": Int64(number)}

    return {FRIENDSHIPS: documents()}


def _latest(skip: int = 0) -> Ask:
    return lambda filled: filled.stores.friends.friends_of(TOM, skip=skip, limit=PAGE)


TABLES: Final = (
    Table(
        "videos",
        _videos,
        {
            "latest, page 1": _ranked(Ranking.LATEST),
            "latest, page 50": _ranked(Ranking.LATEST, DEEP),
            "popular, page 1": _ranked(Ranking.POPULAR),
            "popular, page 50": _ranked(Ranking.POPULAR, DEEP),
            "random, page 1": _shuffled(),
            "random, page 50": _shuffled(DEEP),
            "how many": lambda filled: filled.stores.videos.shelves(MEI),
            "like one": _like,
            "publish one": _publish,
        },
    ),
    Table(
        "comments of one video",
        _comments,
        {
            "latest, page 1": _below(Ranking.LATEST),
            "latest, page 50": _below(Ranking.LATEST, skip=DEEP),
            "before one in the middle": _below(Ranking.LATEST, is_before=True),
            "popular, page 1": _below(Ranking.POPULAR),
            "popular, page 50": _below(Ranking.POPULAR, skip=DEEP),
            "popular before one in the middle": _below(Ranking.POPULAR, is_before=True),
            "comment": _comment,
        },
    ),
    Table(
        "messages of one group",
        _messages,
        {
            "history, newest": _history(),
            "history before one in the middle": _history(is_before=True),
            "after one in the middle": _after,
            "what somebody has missed": _missed,
            "the last one": lambda filled: filled.stores.messages.last_id_of(GROUP),
            "say something": _say,
        },
    ),
    Table("friends of one person", _friends, {"latest, page 1": _latest(), "latest, page 50": _latest(DEEP)}),
)


# --- measuring -----------------------------------------------------------------------------------------------------


def fill(database: Any, table: Table, count: int) -> float:
    """Put the rows there; seconds."""
    began_s = time.perf_counter()
    for collection, documents in table.documents(count).items():
        batch: list[Document] = []
        for document in documents:
            batch.append(document)
            if len(batch) == BATCH:
                database[collection].insert_many(batch, ordered=False)
                batch = []
        if batch:
            database[collection].insert_many(batch, ordered=False)
    return time.perf_counter() - began_s


async def measured_us(ask: Ask, both: Sequence[Filled], times: int) -> list[float]:
    """The median time of one at each size; they take turns, one by one."""
    took_us: list[list[float]] = [[] for _ in both]
    for number in range(WARM + times):
        for filled, figures in zip(both, took_us, strict=True):
            began_s = time.perf_counter()
            await ask(filled)
            if number >= WARM:
                figures.append((time.perf_counter() - began_s) * 1e6)
    return [median(figures) for figures in took_us]


async def looks(ask: Ask, filled: Filled, database: Any) -> str:
    """What the server says that it has looked at for one."""
    database.command({"profile": 2})
    await ask(filled)
    database.command({"profile": 0})
    asked = {
        "ns": {"$not": {"$regex": "profile$"}},
        "planSummary": {"$exists": True},
        "op": {"$in": ["query", "command"]},
    }
    seen = [*database["system.profile"].find(asked, {"keysExamined": 1, "docsExamined": 1, "planSummary": 1})]
    database.drop_collection("system.profile")
    keys, documents = (sum(one[name] for one in seen) for name in ("keysExamined", "docsExamined"))
    return f"{keys} keys, {documents} documents" + (
        ", A WHOLE COLLECTION" if any("COLLSCAN" in one["planSummary"] for one in seen) else ""
    )


async def compare(table: Table, both: Sequence[Filled], client: Any, times: int) -> dict[str, Any]:
    """Print and return what each question costs at both sizes."""
    result: dict[str, Any] = {}
    many = both[-1]
    for name, ask in table.asks.items():
        small, large = await measured_us(ask, both, times)
        looked_at = await looks(ask, many, client[many.stores.mongo.name])
        print(f"{name:34} {small:9.0f} us {large:9.0f} us  {large / small:5.2f} x   {looked_at}")
        result[name] = {"few_us": small, "many_us": large, "ratio": large / small, "many_looks_at": looked_at}
    return result


async def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=400)
    parser.add_argument("--only", default="", help="the beginning of a table's name")
    wanted = parser.parse_args()
    result: dict[str, Any] = {"few": wanted.few, "many": wanted.many}
    servers = await real_servers()
    for table in TABLES:
        if not table.name.startswith(wanted.only):
            continue
        async with AsyncExitStack() as opened:
            client: MongoClient[Document] = opened.enter_context(MongoClient(servers.mongo_uri))
            both: list[Filled] = []
            for count in (wanted.few, wanted.many):
                stores = await opened.enter_async_context(open_real_stores())
                database = client[stores.mongo.name]
                # Dropped by hand: the next one would empty it document by document.
                opened.callback(client.drop_database, stores.mongo.name)
                took_s = fill(database, table, count)
                print(f"{table.name}: {count} rows in {took_s:.0f} s")
                both.append(Filled(stores, count, random.Random(7)))
            result[table.name] = await compare(table, both, client, wanted.times)
    if not wanted.only:
        print(keep("paging", result))


if __name__ == "__main__":
    asyncio.run(main())
