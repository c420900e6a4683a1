"""How fast files go in and out, and whether anybody else has to wait for them: our stack beside bare Tornado.

::

    python -m tests.bench.files [rounds]

Every server gets the same files of 64 MB, each of them another, one at a time and four at once, as multipart forms, and
gives them back. Ours finds the file in the form, hashes and keeps it, in this process or in a real mongod; of the
peers, ``stream_request_body`` throws away what comes, and ``StaticFileHandler`` reads from a disk that has it in
memory. So much a peer does not do, so the ratio is no goal. The lag of the loop is one: a piece of a file is small, and
whoever else is served by the process waits for no more than a few. Goal: 20 ms for 99 of 100, with a real mongod. "Per
CPU second" is of the server's own time, which says more than the clock where others use the machine.
"""

import asyncio
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler, StaticFileHandler, stream_request_body

from adapters.clock import SystemClock, SystemRng
from adapters.embedded import EmbeddedStores
from adapters.file_contents import MagicContents
from engine import settings
from engine.services.files import Files
from handlers.social import SocialOptions
from handlers.social.files import endpoints
from handlers.wire.access import Admission, Presented
from handlers.wire.http import Door, HttpPolicy, server_options
from handlers.wire.limits import Limiter, per_second
from handlers.wire.socket import Hub, SocketLimits
from handlers.wire.surface import Answer, Surface
from store.memory.blobs import MemoryBlobs
from store.memory.database import MemoryDatabase
from store.memory.quotas import MemoryQuotas
from store.mongo.blobs import MongoBlobs
from store.mongo.connection import Mongo
from store.mongo.indexes import prepare
from tests.bench.common import cpu_seconds, keep, median, pin, show
from tests.support.fakes import RecordingLog
from tests.support.records import a_person
from tests.surfaces.wire.toy import ToyConfig, ToyEnvelope

MB: Final = 1_000_000
LENGTH: Final = 64 * MB
PIECE: Final = 1024 * 1024
AT_ONCE: Final = 4
LAG_GOAL_MS: Final = 20.0
LOOK_S: Final = 0.002
BOUNDARY: Final = "----------------------------greenroom"
HEAD: Final = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()
TAIL: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
FILM: Final = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
NOISE: Final = hashlib.shake_128(b"noise").digest(PIECE)


class Quiet(RecordingLog):
    """Takes lines and forgets them: the peers write none."""

    def info(self, event: str, **fields: object) -> None:
        pass


def ours(blobs: Any, quotas: Any) -> HTTPServer:
    """The two endpoints of files behind a door, for one person who may send without end."""
    clock, log, person = SystemClock(), Quiet(), a_person()
    stores = SimpleNamespace(blobs=blobs, quotas=quotas)
    world: Any = SimpleNamespace(
        stores=stores, clock=clock, rng=SystemRng(), log=log, contents=MagicContents(), spawn=None
    )
    node: Any = SimpleNamespace(now_ms=lambda: time.time_ns() // 1_000_000)
    options = settings.Files(person_bytes_max=10**14, per_day_max=10**6)
    files = Files(world, settings.Settings(files=options), node=node)

    async def authenticate(presented: Presented) -> Any:
        return SimpleNamespace(person_id=person.id, person=person, goes_by=lambda _claimed: True)

    limit = per_second(1_000_000)
    surface = Surface(
        name="bench",
        title="Bench",
        prefixes=("/api", "/uploads"),
        envelope=ToyEnvelope(),
        credential=lambda _incoming: Presented(scheme="token", token="x"),
        endpoints=endpoints(SocialOptions()),
    )
    engine = SimpleNamespace(files=files)
    limiter = Limiter(clock, shared=_Generous())
    admission: Any = Admission(engine=engine, authenticate=authenticate, limiter=limiter, default_limit=limit)
    door = Door(
        (surface,),
        admissions={"bench": admission},
        probes={"/lag": Lag().answer},
        hub=Hub(clock=clock, log=log, limits=SocketLimits()),
        clock=clock,
        rng=SystemRng(),
        log=log,
        policy=HttpPolicy(),
    )
    return HTTPServer(door, **server_options(ToyConfig()))


class _Generous:
    async def take(self, _key: str, *, rate: int, per_ms: int, burst: int) -> int:
        return 0


class Lag:
    """How late the loop was for something that wanted to happen, in all but one of a hundred cases."""

    def __init__(self) -> None:
        self._seen_ms: list[float] = []
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while True:
            due_s = time.perf_counter() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._seen_ms.append((time.perf_counter() - due_s) * 1_000)

    def since(self) -> str:
        seen_ms, self._seen_ms = sorted(self._seen_ms), []
        return f"{seen_ms[len(seen_ms) * 99 // 100] if seen_ms else 0.0:.3f}"

    async def answer(self) -> Answer:
        return Answer(200, self.since().encode(), content_type="text/plain")


@stream_request_body
class Swallow(RequestHandler):
    """What a handler does at least: takes the pieces, and says how long they were."""

    def prepare(self) -> None:
        self.count = 0
        connection: Any = self.request.connection
        connection.set_max_body_size(2 * LENGTH)

    def data_received(self, chunk: bytes) -> None:
        self.count += len(chunk)

    def post(self) -> None:
        self.finish({"count": self.count})


def bare(folder: str) -> HTTPServer:
    lag = Lag()

    class Late(RequestHandler):
        def get(self) -> None:
            self.finish(lag.since())

    (Path(folder) / "film.mp4").write_bytes(b"".join(film(0)))
    paths: list[Any] = [
        ("/api/file/upload", Swallow),
        ("/uploads/(.*)", StaticFileHandler, {"path": folder}),
        ("/lag", Late),
    ]
    return HTTPServer(Application(paths, log_function=lambda _: None), max_buffer_size=2 * LENGTH)


async def server_of(name: str, uri: str, folder: str) -> HTTPServer:
    if name == "bare Tornado":
        return bare(folder)
    if name == "ours, in memory":
        database = MemoryDatabase()
        return ours(MemoryBlobs(database), MemoryQuotas(database))
    mongo = Mongo(uri, "bench", read_deadline_ms=10_000, money_deadline_ms=10_000)
    await prepare(mongo)
    return ours(MongoBlobs(mongo), MemoryQuotas(MemoryDatabase()))


SERVERS: Final = ("bare Tornado", "ours, in memory", "ours, in MongoDB")


async def serve(name: str, uri: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sock, port = bind_unused_port()
        server = await server_of(name, uri, folder)
        server.add_socket(sock)
        print(port, flush=True)
        await asyncio.Event().wait()


def film(seed: int) -> list[bytes]:
    """A film that nobody has sent before."""
    pieces = [NOISE] * (LENGTH // PIECE) + [NOISE[: LENGTH % PIECE]]
    first = FILM + seed.to_bytes(16, "big")
    pieces[0] = first + NOISE[len(first) :]
    return pieces


async def upload(port: int, seed: int) -> str:
    """Send one; its path."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        whole = len(HEAD) + LENGTH + len(TAIL)
        writer.write(
            f"POST /api/file/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {whole}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nConnection: close\r\n\r\n".encode()
            + HEAD
        )
        for piece in film(seed):
            writer.write(piece)
            await writer.drain()
        writer.write(TAIL)
        answer = await reader.read()
    finally:
        writer.close()
    assert b" 200 " in answer, answer
    found = answer.partition(b"/uploads/")[2].partition(b'"')[0]
    return f"/uploads/{found.decode() or 'film.mp4'}"


async def download(port: int, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4 * PIECE)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        count = 0
        while piece := await reader.read(PIECE):
            count += len(piece)
    finally:
        writer.close()
    assert count == LENGTH, count


@asynccontextmanager
async def running(name: str, uri: str) -> AsyncIterator[tuple[int, int]]:
    command = [sys.executable, "-m", "tests.bench.files", "--serve", name, uri]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        pin(0, pid=process.pid)
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.kill()
        await process.wait()


async def lag_of(port: int) -> float:
    return float((await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/lag")).body)


async def measure(name: str, uri: str, seed: int) -> dict[str, float]:
    """MB/s in and out, one at a time and several at once, and the lag meanwhile, in ms."""
    figures: dict[str, float] = {}
    async with running(name, uri) as (port, pid):

        async def timed(what: str, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
            await lag_of(port)
            began_s, began_cpu_s = time.perf_counter(), cpu_seconds(pid)
            done = await asyncio.gather(*work)
            megabytes = len(work) * LENGTH / MB
            figures[f"{what}, {len(work)} at once"] = megabytes / (time.perf_counter() - began_s)
            figures[f"{what}, {len(work)} at once, per CPU second"] = megabytes / (cpu_seconds(pid) - began_cpu_s)
            figures[f"lag {what}, {len(work)} at once"] = await lag_of(port)
            return done

        for count in (1, AT_ONCE):
            paths = await timed("in", [upload(port, one) for one in range(seed + count, seed + 2 * count)])
            await timed("out", [download(port, path) for path in paths])
    return figures


async def compare(rounds: int) -> None:
    pin(1)
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedStores(Path(folder), with_redis=False) as stores:
            for number in range(rounds + 1):
                for name in SERVERS:
                    for what, figure in (await measure(name, stores.mongo_uri, number * 1_000)).items():
                        if number:
                            found.setdefault(what, {}).setdefault(name, []).append(figure)
    for what, figures in found.items():
        print(f"\n{what}")
        show(figures, unit="ms" if what.startswith("lag") else "MB/s", subject=SERVERS[0])
    lag_ms = max(median(figures[SERVERS[-1]]) for what, figures in found.items() if what.startswith("lag"))
    verdict = "ok" if lag_ms <= LAG_GOAL_MS else "MISS"
    print(f"\nlag of {SERVERS[-1]}: {lag_ms:.1f} ms, goal {LAG_GOAL_MS:.0f}: {verdict}")
    print(keep("files", found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(*sys.argv[2:]))
    else:
        asyncio.run(compare(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
