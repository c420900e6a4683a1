"""Files over a real server: nothing is held in memory, and whoever is killed in the middle leaves nothing behind.

Source: SO-20, SEC-19, F-1, F-4.
"""

import asyncio
import hashlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.embedded import EmbeddedStores
from store.interfaces.blobs import CHUNK_BYTES
from store.interfaces.errors import StoreError
from store.mongo.codec import number
from store.mongo.collections import BLOB_CHUNKS, BLOB_HOLDERS, BLOBS, BLOBS_STAGED
from store.mongo.connection import Mongo
from tests.crash.client import HttpClient
from tests.crash.processes import ServerProcess, figure, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

HOST: Final = "127.0.0.1"
PIECE: Final = 1024 * 1024
LONG: Final = 100 * PIECE - 4_096
GROWTH_MAX: Final = 32 * PIECE
"""Two at a time, in and out, and whatever Python does not give back at once. As a whole they would be 400 MB."""

BOUNDARY: Final = "------------------------greenroom"
HEAD: Final = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()
TAIL: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
AWAY_S: Final = 5.0
"""Longer than any deadline of the server's."""
QUICK: Final = {"node__sweep_ms": 200, "node__lease_ms": 3_000, "node__renew_ms": 500}


class Sender:
    """Somebody who is signed in, and sends files as they come."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.server = server
        self.name = name
        self.sent_count = 0
        self.token = ""

    async def come_in(self) -> None:
        """A code by mail, an account, a sign-in."""
        email = f"{self.name}@example.com"
        http = HttpClient(lambda: self.server.http_port)
        try:
            await _told(http, "/api/login/send-code", {"email": email})
            code = await _mailed(self.server.data_dir / "mail", email)
            account = {"email": email, "password": "123456", "username": self.name, "code": code}
            await _told(http, "/api/login/register", account)
            signed_in = await _told(http, "/api/login/login", {"email": email, "password": "123456"})
            self.token = signed_in["atoken"]
        finally:
            await http.close()

    async def send(self, length: int, *, seed: int, until: Callable[[int], bool] | None = None) -> Any:
        """The answer to a film of ``length`` bytes; ``until`` says when to stop in the middle."""
        reader, writer = await asyncio.open_connection(HOST, self.server.http_port)
        whole = len(HEAD) + length + len(TAIL)
        lines = (
            "POST /api/file/upload HTTP/1.1",
            f"Host: {HOST}",
            f"Authorization: Bearer {self.token}",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            f"Content-Length: {whole}",
        )
        try:
            writer.write("\r\n".join((*lines, "", "")).encode() + HEAD)
            self.sent_count = 0
            for piece in film(length, seed):
                if until is not None and until(self.sent_count):
                    break
                writer.write(piece)
                await writer.drain()
                self.sent_count += len(piece)
            else:
                writer.write(TAIL)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
            return json.loads(body)
        finally:
            writer.close()

    async def fetch(self, path: str) -> tuple[int, str]:
        """How long the file is, and its digest."""
        reader, writer = await asyncio.open_connection(HOST, self.server.http_port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            digest, length = hashlib.sha256(), 0
            while piece := await reader.read(PIECE):
                digest.update(piece)
                length += len(piece)
            return length, digest.hexdigest()
        finally:
            writer.close()


def film(length: int, seed: int) -> list[bytes]:
    """Pieces of something that begins as a film does, others for each seed."""
    first = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + seed.to_bytes(4, "big")
    piece = hashlib.shake_128(first).digest(PIECE)
    pieces = [piece] * (length // PIECE + 1)
    pieces[0] = first + piece[len(first) :]
    pieces[-1] = piece[: length % PIECE]
    return pieces


def digest_of(length: int, seed: int) -> str:
    digest = hashlib.sha256()
    for piece in film(length, seed):
        digest.update(piece)
    return digest.hexdigest()


async def _told(http: HttpClient, path: str, fields: Mapping[str, object]) -> Any:
    answer = (await http.post(path, fields)).data
    assert answer["code"] == 20000, answer
    return answer["data"]


async def _mailed(folder: Path, email: str) -> str:
    """The code of the mail to ``email``."""
    async with asyncio.timeout(10):
        while not (found := _code(folder, email)):
            await asyncio.sleep(0.02)
    return found


def _code(folder: Path, email: str) -> str:
    for mail in folder.glob("*.eml"):
        said = mail.read_text("utf-8", "replace")
        found = re.search(r"(?<![0-9])([0-9]{6})(?![0-9])", said.partition("\n\n")[2])
        if email in said and found is not None:
            return found[1]
    return ""


def _memory(pid: int, what: str) -> int:
    """Bytes of a process: ``VmRSS`` now, ``VmHWM`` at most since they were looked at."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) * 1024


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


@asynccontextmanager
async def opened(uri: str) -> AsyncIterator[Mongo]:
    async with Mongo(uri, "greenroom", read_deadline_ms=5_000, money_deadline_ms=5_000) as mongo:
        yield mongo


async def counts(mongo: Mongo) -> dict[str, int]:
    """How many documents there are of each kind."""
    return {name: len(await mongo.distinct(name, "_id", {})) for name in (BLOBS, BLOB_CHUNKS, BLOBS_STAGED)}


NOTHING: Final = {BLOBS: 0, BLOB_CHUNKS: 0, BLOBS_STAGED: 0}


async def swept(mongo: Mongo) -> dict[str, int]:
    """What is left when the deadlines of what was staged have passed; here they pass at once."""
    async with asyncio.timeout(20):
        while await mongo.update_all(BLOBS_STAGED, {}, {"$set": {"expires_at_ms": number(0)}}):
            await asyncio.sleep(0.1)
    return await counts(mongo)


@pytest.mark.real_loop(deadline_s=180)
async def test_files_of_a_hundred_megabytes_go_in_and_out_and_none_of_them_is_held(tmp_path):
    async with running_stores(tmp_path / "stores") as stores, ServerProcess(tmp_path / "server", stores) as server:
        await server.start()
        senders = [Sender(server, name) for name in ("jhinih", "wxy")]
        for sender in senders:
            await sender.come_in()
        warm = await senders[0].send(5 * PIECE, seed=0)
        await senders[0].fetch(_path(warm))
        before = _memory(server.pid, "VmRSS")
        _forget_peak(server.pid)

        answers = await asyncio.gather(*(one.send(LONG, seed=n) for n, one in enumerate(senders, 1)))
        grown_in = _memory(server.pid, "VmHWM") - before
        _forget_peak(server.pid)
        fetched = await asyncio.gather(*(senders[0].fetch(_path(answer)) for answer in answers))
        grown_out = _memory(server.pid, "VmHWM") - before

        assert fetched == [(LONG, digest_of(LONG, n)) for n in (1, 2)]
        assert [_path(answer) for answer in answers] == [f"/uploads/{digest_of(LONG, n)}.mp4" for n in (1, 2)]
        for name, grown in (("in", grown_in), ("out", grown_out)):
            aim, ok = f"<={GROWTH_MAX // PIECE}", grown <= GROWTH_MAX
            figure("SO-20", f"memory-of-200-MB-{name}-MB", f"{grown / PIECE:.1f}", aim, ok=ok)
        assert max(grown_in, grown_out) <= GROWTH_MAX
        await server.stop()


@pytest.mark.real_loop(deadline_s=120)
async def test_a_file_outlives_a_mongod_that_is_back_soon_and_nothing_is_left_of_it_when_that_is_not(tmp_path):
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, **QUICK) as server,
    ):
        await server.start()
        sender = Sender(server, "jhinih")
        await sender.come_in()
        dying: list[asyncio.Task[None]] = []

        def kill_at(sent: int) -> bool:
            if sent == 20 * PIECE:
                dying.append(asyncio.create_task(_keep_dead(stores, AWAY_S)))
            return False

        def kill_once_at(sent: int) -> bool:
            if sent == 20 * PIECE:
                os.kill(stores.mongo_pid, signal.SIGKILL)
            return False

        refused = await sender.send(LONG, seed=1, until=kill_at)
        await asyncio.gather(*dying)

        assert (refused["code"], refused["data"]) == (60002, {})
        async with opened(stores.mongo_uri) as mongo:
            assert (await _when_back(mongo))[BLOBS] == 0
            assert await swept(mongo) == NOTHING
            assert await mongo.find(BLOB_HOLDERS, {}) == []

            taken = await sender.send(LONG, seed=1, until=kill_once_at)

            if taken["code"] == 20000:
                assert _path(taken) == f"/uploads/{digest_of(LONG, 1)}.mp4"
                assert await sender.fetch(_path(taken)) == (LONG, digest_of(LONG, 1))
            await _when_back(mongo)
            await swept(mongo)
            chunks_count = -(-LONG // CHUNK_BYTES) if taken["code"] == 20000 else 0
            assert await counts(mongo) == {**NOTHING, BLOBS: min(chunks_count, 1), BLOB_CHUNKS: chunks_count}
        await server.stop()


async def _keep_dead(stores: EmbeddedStores, length_s: float) -> None:
    """Kill mongod, and every one that takes its place, for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(length_s):
            while True:
                with suppress(ProcessLookupError):
                    os.kill(stores.mongo_pid, signal.SIGKILL)
                await asyncio.sleep(0.05)


@pytest.mark.real_loop(deadline_s=120)
async def test_a_server_that_is_killed_in_the_middle_of_a_file_keeps_nothing_of_it(tmp_path):
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, **QUICK) as server,
    ):
        await server.start()
        sender = Sender(server, "jhinih")
        await sender.come_in()

        def kill_at(sent: int) -> bool:
            if sent == 20 * PIECE:
                os.kill(server.pid, signal.SIGKILL)
            return False

        with pytest.raises((OSError, EOFError)):
            await sender.send(LONG, seed=1, until=kill_at)
        await server.wait()

        async with opened(stores.mongo_uri) as mongo:
            left = await counts(mongo)
            assert (left[BLOBS], left[BLOBS_STAGED]) == (0, 1)
            assert left[BLOB_CHUNKS] > 0
            await server.start()
            assert await swept(mongo) == NOTHING
        await server.stop()


async def _when_back(mongo: Mongo) -> dict[str, int]:
    async with asyncio.timeout(20):
        while True:
            try:
                return await counts(mongo)
            except StoreError:
                await asyncio.sleep(0.1)


def _path(answer: Any) -> str:
    assert answer["code"] == 20000, answer
    return str(answer["data"]["url"]).partition("/uploads/")[1] + str(answer["data"]["url"]).partition("/uploads/")[2]
