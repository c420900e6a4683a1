"""Deadlines, majorities and the circuit, against a server that does not play along."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from engine.billing.posting import decide
from store.interfaces.errors import Conflict, Unavailable
from store.interfaces.ledger import Verdict
from store.interfaces.orders import Cashier
from store.mongo.codec import document_of
from store.mongo.connection import Duplicate, Mongo
from store.opened import OpenedStores, open_stores
from tests.support.real_stores import fail_commands, open_real_stores, real_servers
from tests.support.records import MEI, T0, TOM, a_call, a_gift, a_grant, a_person, diamonds_of, next_version, points_of

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

READ_MS = 700
MONEY_MS = 1_000
TOLERANCE_S = 0.5
GIFTS = [a_gift(TOM, MEI, 1, f"{number}") for number in range(4)]
OPERATORS: list[Any] = [{"$gt": ""}, {"$ne": None}, ["calls"]]


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process hangs: connections stay open and nothing answers."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def length_s(call: Callable[[], Awaitable[object]]) -> float:
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await call()
    return time.monotonic() - begun


def calls_of(stores: OpenedStores) -> list[Callable[[], Awaitable[object]]]:
    """Some of everything: reads, writes, aggregates, takeovers."""
    return [
        lambda: stores.people.get(TOM),
        lambda: stores.people.search(text="x"),
        lambda: stores.people.add(a_person()),
        lambda: stores.calls.add(a_call()),
        lambda: stores.calls.live_of(TOM),
        lambda: stores.leases.begin("north", lease_ms=1, supersedes=True),
        lambda: stores.ledger.balance_of(diamonds_of(TOM)),
        lambda: stores.ledger.entries_of(points_of(MEI)),
        lambda: stores.orders.open_before(T0, Cashier.WECHAT, limit=10),
        lambda: stores.notices.audit_tail(10),
    ]


async def test_majorities_are_set_whatever_the_address_says():
    servers = await real_servers()
    careless = f"{servers.mongo_uri}&w=1&journal=false&readConcernLevel=local&readPreference=secondary&timeoutMS=90000"

    async with Mongo(careless, "test", read_deadline_ms=READ_MS, money_deadline_ms=MONEY_MS) as mongo:
        database = mongo._database

    assert database.write_concern.document == {"w": "majority", "j": True}
    assert database.read_concern.level == "majority"
    assert database.read_preference.mode == 0
    assert database.client.delegate.options.timeout == READ_MS / 1000


async def test_a_transaction_commits_by_majority_on_a_snapshot(monkeypatch):
    started: list[dict[str, Any]] = []
    async with open_real_stores() as stores:
        await stores.ledger.post([a_grant(TOM, 10)], decide)
        (session,) = stores.mongo._sessions
        begin = session.start_transaction

        def noted(**how: Any) -> None:
            started.append(how)
            begin(**how)

        monkeypatch.setattr(session, "start_transaction", noted)

        await stores.ledger.post([a_grant(TOM, 10, "2")], decide)

    assert started[0]["write_concern"].document == {"w": "majority", "j": True}
    assert started[0]["read_concern"].level == "snapshot"


def test_the_driver_has_threads_enough_for_a_silent_server():
    assert os.environ["MOTOR_MAX_WORKERS"] == "64"


async def test_a_frozen_server_holds_nobody_longer_than_his_deadline():
    servers = await real_servers()
    async with open_real_stores(read_deadline_ms=READ_MS, money_deadline_ms=MONEY_MS) as stores:
        await stores.ledger.post([a_grant(TOM, 100)], decide)
        await stores.ledger.fold(10)

        with frozen(servers.mongo_pid):
            readers = [length_s(call) for call in calls_of(stores) * 4]
            posters = [length_s(partial(stores.ledger.post, [gift], decide)) for gift in GIFTS]
            lengths_s = await asyncio.gather(*readers, *posters)
            at_once_s = [await length_s(call) for call in calls_of(stores)]

        assert max(lengths_s[:-4]) < READ_MS / 1000 + TOLERANCE_S
        assert max(lengths_s[-4:]) < MONEY_MS / 1000 + TOLERANCE_S
        assert max(at_once_s) < 0.05
        await assert_recovers(stores)


async def assert_recovers(stores: OpenedStores) -> None:
    """Everything works again within five seconds (G-9), and every gift that was tried happened at most once."""
    begun = time.monotonic()
    async with asyncio.timeout(10):
        while True:
            try:
                outcomes = await stores.ledger.post(GIFTS, decide)
            except (Conflict, Unavailable):
                await asyncio.sleep(0.05)
            else:
                break
    assert time.monotonic() - begun < 5
    assert {outcome.verdict for outcome in outcomes} <= {Verdict.POSTED, Verdict.ALREADY}
    assert (await stores.ledger.balance_of(diamonds_of(TOM))).amount == 96
    assert (await stores.ledger.audit()).findings == ()
    assert stores.mongo.is_answering


async def test_a_server_that_is_not_there_is_unavailable_in_time():
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await open_stores(
            mongo_uri="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=90000",
            database="test",
            redis_url="redis://127.0.0.1:9/0",
            read_deadline_ms=300,
        )

    assert time.monotonic() - begun < 1.5


async def test_a_write_whose_connection_breaks_is_repeated_once_by_the_driver():
    async with open_real_stores() as stores:
        async with fail_commands("insert", times=1, closeConnection=True):
            await stores.people.add(a_person())

        assert await stores.people.get(TOM) == a_person()


async def test_a_write_that_never_gets_through_is_unavailable():
    async with open_real_stores(read_deadline_ms=READ_MS) as stores:
        async with fail_commands("insert", closeConnection=True):
            with pytest.raises(Unavailable):
                await stores.people.add(a_person())

        assert await stores.people.add(a_person()) == a_person()


async def test_a_taken_key_says_which_one_it_is():
    async with open_real_stores() as stores:
        await stores.people.add(a_person())

        with pytest.raises(Duplicate) as taken:
            await stores.mongo.insert("people", document_of(a_person(MEI, external_id=f"openid-{TOM}")))

        assert taken.value.key == {"surface": "calls", "external_id": f"openid-{TOM}"}


async def test_what_is_no_plain_value_never_reaches_a_query():
    async with open_real_stores() as stores:
        await stores.people.add(a_person())

        for operator in OPERATORS:
            with pytest.raises(TypeError):
                await stores.people.by_external_id("calls", operator)
            with pytest.raises(TypeError):
                await stores.people.get(operator)
            with pytest.raises(TypeError):
                await stores.sessions.find(operator, idle_since_ms=0)


async def test_a_nickname_is_searched_as_it_is_written():
    async with open_real_stores() as stores:
        await stores.people.add(a_person(nickname="(.*) $where"))
        await stores.people.add(a_person(MEI, nickname="mei"))

        assert [person.id for person in await stores.people.search(text="(.*)")] == [TOM]
        assert [person.id for person in await stores.people.search(text=".")] == []


async def test_a_value_that_looks_like_an_expression_is_kept_as_it_is():
    async with open_real_stores() as stores:
        call = await stores.calls.add(a_call())
        lease = await stores.leases.begin("$$NOW", lease_ms=1_000, supersedes=True)

        await stores.calls.save(next_version(call, ended_by="$phase"))

        kept = await stores.calls.get(call.id)
        assert kept is not None
        assert kept.ended_by == "$phase"
        assert lease.name == "$$NOW"
