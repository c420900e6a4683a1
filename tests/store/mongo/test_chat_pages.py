"""What chats and contacts ask of the database goes by an index, and looks at nothing but what it gives."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from store.interfaces.groups import Joined
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import ConversationId
from store.interfaces.stores import Stores
from store.mongo.codec import document_of
from store.opened import OpenedStores
from tests.support.messages import GROUP, OTHER_GROUP, PAIR, a_message
from tests.support.real_stores import open_real_stores, real_servers
from tests.support.records import T0, TOM

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

COUNT = 3_000
PAGE = 10
SLACK = 3
GROUPS = [ConversationId(f"g:{number}") for number in range(1_000, 1_300)]

ASKS: dict[str, tuple[int, Callable[[Stores], Awaitable[Any]]]] = {
    "the last of a conversation": (1, lambda stores: stores.messages.last_id_of(GROUP)),
    "what came after": (PAGE, lambda stores: stores.messages.after(GROUP, Snowflake(4_500), limit=PAGE)),
    "history": (PAGE, lambda stores: stores.messages.before(GROUP, None, limit=PAGE)),
    "older history": (PAGE, lambda stores: stores.messages.before(GROUP, Snowflake(4_500), limit=PAGE)),
    "what somebody has missed": (
        3 * PAGE,
        lambda stores: stores.messages.newest(TOM, (GROUP, OTHER_GROUP), after_id=Snowflake(100), limit=PAGE),
    ),
    "what somebody has missed who is in many groups": (
        5 * PAGE,
        lambda stores: stores.messages.newest(TOM, (GROUP, *GROUPS), after_id=Snowflake(100), limit=PAGE),
    ),
    "a sweep": (PAGE, lambda stores: stores.messages.kept_after(Snowflake(4_500), limit=PAGE)),
    "friends": (PAGE, lambda stores: stores.friends.friends_of(TOM, limit=PAGE)),
    "members": (PAGE, lambda stores: stores.groups.members_of(Snowflake(5), limit=PAGE)),
    "who joined lately": (PAGE, lambda stores: stores.groups.joined_since(T0 + 1_000, limit=PAGE)),
    "whether somebody is a member": (1, lambda stores: stores.groups.is_member(Snowflake(5), PersonId(20_010))),
    "what somebody has joined": (PAGE, lambda stores: stores.groups.joined_by(PersonId(20_010), limit=PAGE)),
}


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[OpenedStores, Any]]:
    """Filled stores, and the database, which notes what every query has looked at."""
    servers = await real_servers()
    async with open_real_stores() as stores, AsyncMongoClient[dict[str, Any]](servers.mongo_uri) as client:
        database = client[stores.mongo.name]
        documents = []
        for place, conversation in enumerate((GROUP, OTHER_GROUP, PAIR)):
            previous = 0
            for number in range(COUNT):
                message_id = 3 * number + place + 1
                document = document_of(a_message(message_id, previous, conversation))
                if not document["people"]:
                    del document["people"]
                documents.append(document)
                previous = message_id
        await database.messages.insert_many(documents)
        for number in range(3 * PAGE):
            await stores.friends.befriend(TOM, PersonId(20_000 + number), T0 + number)
            await stores.groups.join(Joined(Snowflake(5), PersonId(20_000 + number), T0 + 1_000 + number))
        await database.command({"profile": 2})
        try:
            yield stores, database
        finally:
            await database.command({"profile": 0})
            await database.drop_collection("system.profile")


async def test_everything_asked_goes_by_an_index_and_looks_at_no_more_than_it_gives():
    async with watched() as (stores, database):
        for name, (count, ask) in ASKS.items():
            asked = {"ns": {"$not": {"$regex": "profile$"}}, "planSummary": {"$exists": True}}
            before = await database["system.profile"].count_documents(asked)

            await ask(stores)

            seen = await database["system.profile"].find(asked).sort("ts", 1).skip(before).to_list()
            assert seen, name
            assert not any("COLLSCAN" in one["planSummary"] for one in seen), (name, seen)
            looked_at = sum(one["docsExamined"] for one in seen)
            assert looked_at <= count + SLACK * len(seen), (name, looked_at)
