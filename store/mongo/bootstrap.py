"""Makes a freshly started mongod a replica set of one: transactions need a set, a lone server has none.

Used by the embedded store only; a configured MongoDB is somebody else's to set up. Knows no process and no folder.
"""

import asyncio
import contextlib
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

__all__ = ["SET_NAME", "become_primary", "move_member"]

SET_NAME: Final = "rs0"
POLL_S: Final = 0.01
# Of one command over loopback; a server that hangs is asked again on another connection.
COMMAND_MS_MAX: Final = 2_000


async def become_primary(port: int) -> None:
    """Return once the server on this loopback port takes writes as the only member of its set.

    Works for an empty folder and for one that was a set before, on the same port. The caller sets the deadline. The
    connection used is closed again: a client opened before the set exists goes on believing that there is none.
    """
    async with _client(port) as client:
        while not await _is_primary(client, port):  # noqa: ASYNC110 - another process gives no event to wait for
            await asyncio.sleep(POLL_S)


async def move_member(port: int) -> None:
    """Write into the stored configuration that the set's only member now lives on ``port``.

    The server must run without ``--replSet``. Asking the set itself to reconfigure does not do: it first looks for
    itself at the old address, and hangs for as long as a stranger who sits there says nothing. The caller sets the
    deadline.
    """
    moved = {"$set": {"members.0.host": _address(port)}, "$inc": {"version": 1}}
    async with _client(port) as client:
        while True:
            with contextlib.suppress(PyMongoError):
                await client.local.system.replset.update_one({"_id": SET_NAME}, moved)
                return
            await asyncio.sleep(POLL_S)


def _address(port: int) -> str:
    return f"127.0.0.1:{port}"


def _client(port: int) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(
        "127.0.0.1", port, directConnection=True, timeoutMS=COMMAND_MS_MAX, serverSelectionTimeoutMS=COMMAND_MS_MAX
    )


async def _is_primary(client: AsyncMongoClient[dict[str, Any]], port: int) -> bool:
    try:
        hello = await client.admin.command("hello")
        if not hello.get("setName"):
            member = {"_id": 0, "host": _address(port)}
            await client.admin.command("replSetInitiate", {"_id": SET_NAME, "members": [member]})
    except PyMongoError:
        # Between two states a set answers many things (23, already initialized, is one); the primary's own word counts.
        return False
    return bool(hello.get("isWritablePrimary"))
