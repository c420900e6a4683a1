"""What the database enforces by itself, whoever writes (D-5), and which index each query takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bson.int64 import Int64
from msgspec.structs import replace
from pymongo import AsyncMongoClient
from pymongo.errors import WriteError

from engine.billing.posting import decide
from store.interfaces.errors import Conflict, LiveCall
from store.interfaces.ids import OrderId
from store.interfaces.notices import MessageForm
from store.mongo.indexes import prepare
from store.opened import OpenedStores
from tests.support.real_stores import open_real_stores, real_servers
from tests.support.records import (
    ANN,
    BOB,
    MEI,
    SITE,
    T0,
    TOM,
    a_call,
    a_donation,
    a_grant,
    a_person,
    a_subscription,
    an_order,
)
from tests.support.videos import a_comment, a_video

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]


@asynccontextmanager
async def beside(stores: OpenedStores) -> AsyncIterator[Any]:
    """The same database through a client that knows none of our rules."""
    servers = await real_servers()
    async with AsyncMongoClient[dict[str, Any]](servers.mongo_uri) as client:
        yield client[stores.mongo.name]


async def fill(stores: OpenedStores) -> None:
    await stores.calls.add(a_call())
    await stores.orders.add(an_order())
    await stores.people.add(a_person())
    await stores.ledger.post([a_grant(TOM, 100)], decide)
    await stores.ledger.fold(10)
    await stores.ledger.post([a_grant(TOM, 100, "2", currency=SITE)], decide)
    await stores.ledger.fold(10)
    await stores.ledger.post([a_donation(TOM, MEI, 5), a_subscription(TOM, MEI)], decide)
    await stores.subscriptions.set_price(MEI, 10)
    await stores.videos.publish(a_video())
    await stores.videos.toggle_like(a_video().id, TOM, T0)
    await stores.comments.add(a_comment())


@pytest.mark.parametrize(
    ("collection", "change"),
    [
        ("accounts", {"$inc": {"balance": Int64(-101)}}),
        ("accounts", {"$inc": {"balance": 0.5}}),
        ("accounts", {"$set": {"balance": 5}}),
        ("accounts", {"$set": {"earned.grant.amount": -5}}),
        ("accounts", {"$unset": {"balance": ""}}),
        ("entries", {"$set": {"amounts.0": 1.5}}),
        ("entries", {"$set": {"accounts": []}}),
        ("entries", {"$set": {"kind": "present"}}),
        ("calls", {"$set": {"minutes_paid": Int64(-1)}}),
        ("calls", {"$inc": {"minutes_paid": 0.5}}),
        ("calls", {"$set": {"epoch": "2"}}),
        ("entries", {"$set": {"held": [{"account": "qlive.gold/1", "amount": Int64(-1)}]}}),
        ("orders", {"$set": {"amount": 1.0}}),
        ("orders", {"$set": {"currency": "gold"}}),
        ("orders", {"$set": {"state": "maybe"}}),
        ("orders", {"$set": {"cashier": "somebody"}}),
        ("donations", {"$set": {"amount": Int64(0)}}),
        ("donations", {"$unset": {"anchor_id": ""}}),
        ("pending_credits", {"$set": {"donated.0.amount": 5}}),
        ("subscriptions", {"$set": {"until_ms": 5}}),
        ("subscription_prices", {"$set": {"price": Int64(-1)}}),
        ("people", {"$set": {"points_per_minute": Int64(-1)}}),
        ("videos", {"$inc": {"likes_count": Int64(-2)}}),
        ("videos", {"$inc": {"comments_count": 0.5}}),
        ("videos", {"$unset": {"place": ""}}),
        ("comments", {"$inc": {"answers_count": Int64(-1)}}),
        ("comments", {"$set": {"father_id": "1"}}),
        ("shelves", {"$set": {"count": Int64(0)}}),
        ("likes_of_things", {"$unset": {"person_id": ""}}),
    ],
)
async def test_a_document_that_breaks_a_rule_is_refused(collection: str, change: dict[str, Any]):
    async with open_real_stores() as stores, beside(stores) as database:
        await fill(stores)

        with pytest.raises(WriteError) as refused:
            await database[collection].update_one({}, change)

    assert refused.value.code == 121


async def test_nodes_that_start_at_the_same_moment_do_not_disturb_each_other():
    async with open_real_stores() as stores, beside(stores) as database:
        for name in await database.list_collection_names():
            await database.drop_collection(name)

        await asyncio.gather(*(prepare(stores.mongo) for _ in range(4)))

        await fill(stores)
        with pytest.raises(LiveCall):
            await stores.calls.add(a_call(50_002))


async def test_of_calls_that_begin_at_once_with_the_same_person_one_gets_through():
    async with open_real_stores() as stores:
        others = (BOB, ANN, MEI, TOM)
        calls = [a_call(50_001 + number, guest_id=TOM, anchor_id=other) for number, other in enumerate(others[:3])]
        calls.append(a_call(50_009, guest_id=BOB, anchor_id=TOM))

        results = await asyncio.gather(*(stores.calls.add(call) for call in calls), return_exceptions=True)

        refused = [result for result in results if isinstance(result, LiveCall)]
        assert len(refused) == 3
        assert all(refusal.person_id in {TOM, BOB} for refusal in refused)


async def test_one_request_makes_one_order_however_often_it_comes_at_once():
    async with open_real_stores() as stores:
        orders = [an_order(f"order-{number}", request_key="click") for number in range(20)]

        kept = await asyncio.gather(*(stores.orders.add(order) for order in orders))

        assert len({order.id for order in kept}) == 1
        assert await stores.orders.get(kept[0].id) == kept[0]


async def test_an_order_of_the_same_id_and_another_request_is_another_order():
    async with open_real_stores() as stores:
        await stores.orders.add(an_order(request_key="click"))

        with pytest.raises(Conflict):
            await stores.orders.add(replace(an_order(request_key="another"), id=OrderId("order-1")))


async def test_forms_expire_by_themselves():
    async with open_real_stores() as stores, beside(stores) as database:
        old = MessageForm(form_id="old", person_id=TOM, module="ring", at_ms=T0, expires_at_ms=T0 + 1)
        new = replace(old, form_id="new", expires_at_ms=4_000_000_000_000)
        for form in (old, new):
            await stores.notices.keep_form(form, keep_max=10)

        admin = database.client.admin
        await admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
        try:
            async with asyncio.timeout(10):
                while await database.forms.count_documents({}) > 1:
                    await asyncio.sleep(0.05)
        finally:
            await admin.command({"setParameter": 1, "ttlMonitorEnabled": False})

        assert await stores.notices.take_form(TOM, "ring", T0) == new


QUERIES: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("people", {"surface": "calls", "external_id": "x"}, {}),
    ("people", {"surface": "qlive", "public_id": {"$eq": "66766865", "$gt": ""}}, {}),
    ("people", {}, {"created_at_ms": -1, "_id": -1}),
    ("people", {"$or": [{"external_id": "x"}, {"nickname": {"$regex": "^x"}}, {"_id": Int64(1)}]}, {}),
    ("people", {"$or": [{"external_id": "x"}, {"public_id": {"$eq": "x"}}]}, {}),
    ("sessions", {"token_hash": "x", "seen_at_ms": {"$gte": Int64(1)}}, {}),
    ("sessions", {"person_id": Int64(1)}, {}),
    ("credentials", {"surface": "site", "names": "x"}, {}),
    ("sign_ins", {"cookie_hash": {"$eq": "x", "$gt": ""}}, {}),
    ("sign_ins", {"person_id": Int64(1)}, {"opened_at_ms": -1, "_id": -1}),
    ("sign_ins", {"_id": "x", "pair.refresh_id": "x"}, {}),
    ("entries", {"call_id": Int64(1)}, {"at_ms": 1, "place": 1}),
    ("entries", {"wallets": "x", "at_ms": {"$gte": Int64(1), "$lt": Int64(2)}}, {"at_ms": -1, "place": -1}),
    ("pending_credits", {"credits.account": "x"}, {}),
    ("pending_credits", {"donated.key": {"$eq": "x", "$gt": ""}}, {}),
    ("pending_credits", {}, {"_id": 1}),
    ("outbox", {}, {"at_ms": 1, "place": 1}),
    ("calls", {"people": Int64(1), "live": True}, {}),
    ("calls", {"people": Int64(1)}, {"rung_at_ms": -1, "_id": -1}),
    ("calls", {"guest_id": Int64(1), "anchor_id": Int64(2)}, {"rung_at_ms": -1, "_id": -1}),
    ("calls", {"live": True}, {"rung_at_ms": 1, "_id": 1}),
    ("calls", {"live": True, "owner": {"$in": ["", "a#1"]}}, {"rung_at_ms": 1, "_id": 1}),
    ("calls", {"rung_at_ms": {"$gte": Int64(1)}}, {}),
    ("rooms", {"open": True}, {"created_at_ms": 1, "_id": 1}),
    ("rooms", {"open": True, "owner": {"$in": ["", "a#1"]}}, {"created_at_ms": 1, "_id": 1}),
    ("orders", {"person_id": Int64(1), "request_key": "x"}, {}),
    ("orders", {"person_id": Int64(1), "state": {"$in": ["paid", "failed"]}}, {"created_at_ms": -1, "_id": -1}),
    ("orders", {"cashier": "wechat", "state": {"$in": ["intended", "waiting"]}}, {"created_at_ms": 1, "_id": 1}),
    ("orders", {"status": {"$in": ["refunded", "x"], "$gt": ""}}, {"created_at_ms": -1, "_id": -1}),
    ("donations", {"user_id": Int64(1)}, {"at_ms": -1, "number": -1}),
    ("donations", {"anchor_id": Int64(1)}, {"at_ms": -1, "number": -1}),
    ("subscriptions", {"user_id": Int64(1), "until_ms": {"$gt": Int64(1)}}, {"until_ms": -1, "anchor_id": -1}),
    ("shows", {"anchor_id": Int64(1)}, {"created_at_ms": 1, "_id": 1}),
    ("follows", {"person_id": Int64(1)}, {"at_ms": -1, "room_id": -1}),
    ("viewer_lines", {"double": "x", "at_ms": {"$gt": Int64(1)}}, {}),
    ("viewer_lines", {"room_id": "x"}, {"at_ms": -1, "_id": -1}),
    ("anchor_records", {"double": "x", "at_ms": {"$gt": Int64(1)}}, {}),
    ("anchor_records", {"room_id": "x"}, {"at_ms": -1, "_id": -1}),
    ("anchor_records", {"room_id": "x", "spoken": True}, {"at_ms": -1, "_id": -1}),
    ("warnings", {"person_id": Int64(1)}, {"at_ms": -1, "_id": -1}),
    ("forms", {"person_id": Int64(1), "module": "x"}, {"at_ms": 1, "_id": 1}),
    ("nodes", {"is_dead": False}, {}),
]


async def test_no_query_reads_a_whole_collection_or_sorts_by_itself():
    async with open_real_stores() as stores, beside(stores) as database:
        await fill(stores)
        bad = []
        for collection, where, sort in QUERIES:
            command = {"find": collection, "filter": where, "sort": sort}
            plan = await database.command({"explain": command, "verbosity": "queryPlanner"})
            stages = set(_stages(plan["queryPlanner"]["winningPlan"]))
            if stages & {"COLLSCAN", "SORT"}:
                bad.append((collection, where, sort, sorted(stages)))

    assert bad == []


def _stages(plan: Any) -> list[str]:
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("stage"), str):
                found.append(part["stage"])
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(plan)
    return found
