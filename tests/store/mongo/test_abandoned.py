"""Transactions whose clients were killed or frozen: what they held is free once their node is known to be dead."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from store.interfaces.ids import NodeId
from store.opened import OpenedStores
from tests.support.real_stores import open_real_stores, real_servers
from tests.support.records import a_call

pytestmark = [pytest.mark.mongo, pytest.mark.real_loop]

ME: Final = NodeId("north#1")
MONEY_MS: Final = 500
SOON_S: Final = 1.0
HOLDER: Final = """
import sys, pymongo
client = pymongo.MongoClient(sys.argv[1], appname="greenroom")
session = client.start_session()
session.start_transaction()
client[sys.argv[2]].calls.update_one({}, {"$set": {"held": True}}, session=session)
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def somebody_holding_a_call(stores: OpenedStores) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process in the middle of a transaction that has written to the one call there is."""
    servers = await real_servers()
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, servers.mongo_uri, stores.mongo.name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        yield holder
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.communicate()


async def claim_s(stores: OpenedStores) -> float:
    """How long it takes to become the owner of the call."""
    began_s = time.monotonic()
    (call,) = await stores.calls.live()
    assert await stores.calls.claim(call, ME) is not None
    return time.monotonic() - began_s


async def test_what_a_killed_process_was_changing_can_be_claimed_by_its_successor():
    async with open_real_stores() as stores:
        await stores.calls.add(a_call())
        async with somebody_holding_a_call(stores) as holder:
            holder.kill()
            await holder.wait()

            await stores.leases.begin("north", lease_ms=1_000, supersedes=True)

            assert await claim_s(stores) < SOON_S


async def test_what_a_frozen_node_was_changing_can_be_claimed_by_those_who_bury_it():
    async with open_real_stores(money_deadline_ms=MONEY_MS) as stores:
        await stores.calls.add(a_call())
        await stores.leases.begin("south", lease_ms=MONEY_MS, supersedes=True)
        async with somebody_holding_a_call(stores) as holder:
            holder.send_signal(signal.SIGSTOP)
            while not await stores.leases.bury():
                await asyncio.sleep(MONEY_MS / 5_000)
            await asyncio.sleep(MONEY_MS / 1_000)
            await stores.mongo.end_abandoned()

            assert await claim_s(stores) < SOON_S


async def test_a_transaction_that_is_under_way_is_left_alone():
    async with open_real_stores() as stores:
        await stores.calls.add(a_call())
        async with somebody_holding_a_call(stores) as holder:
            await stores.mongo.end_abandoned()

            claiming = asyncio.create_task(claim_s(stores))
            await asyncio.wait([claiming], timeout=SOON_S / 2)
            assert not claiming.done()

            holder.kill()
            await holder.wait()
            await stores.mongo.end_abandoned()
            await claiming
