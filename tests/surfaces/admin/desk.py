"""A real operators' listener over an engine on memory stores, in one loop.

Sockets need a real loop, and its time is the machine's; the engine's stands still until a test moves it on, so that
every time in an answer is known.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from adapters.config import Shown
from adapters.datadir import DataDir
from adapters.running_config import Reloaded
from engine.greenroom import Greenroom
from handlers.admin.access import authenticate
from handlers.admin.cli.main import main
from handlers.admin.options import AdminOptions
from handlers.admin.surface import surface
from handlers.wire.access import Admission
from handlers.wire.codec import read_json, write_json
from handlers.wire.http import Door, HttpPolicy, server_options
from handlers.wire.limits import Limit, Limiter, per_second
from handlers.wire.socket import Hub, SocketLimits
from store.interfaces.people import Role
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.people import Cast, Date, Stage, fast_settings
from tests.support.broken_stores import switchable
from tests.support.fakes import SeededRng
from tests.support.stepped_clock import SteppedClock

TOKEN = "0123456789abcdef" * 4
NOON_MS = 1_767_240_000_000  # 2026-01-01 12:00 in Shanghai
LATE_MS = NOON_MS + 11 * 3_600_000 + 57 * 60_000  # 23:57
SHANGHAI = dt.timezone(dt.timedelta(hours=8))


class ServerConfig:
    header_bytes_max = 16_384
    body_timeout_ms = 5_000
    idle_timeout_ms = 5_000


class FewSettings:
    """A configuration of three settings, of which a reload changes one, unless there are ``mistakes``."""

    def __init__(self) -> None:
        self.mistakes: tuple[str, ...] = ()
        self.title = Shown(value="和我视频聊天吧", origin="built-in")

    def settings(self) -> dict[str, Shown]:
        return {
            "http.port": Shown(value=8_000, origin="flag"),
            "share.title": self.title,
            "pay.api_key": Shown(value="****", origin="GREENROOM_PAY__API_KEY"),
        }

    async def reload(self) -> Reloaded:
        if self.mistakes:
            return Reloaded(mistakes=self.mistakes)
        self.title = Shown(value="来聊", origin="config.yaml")
        return Reloaded(changed=("share.title",), needs_restart=("calls.ring_ms",))


class Desk:
    """The cast, and somebody at the operators' desk who asks over HTTP and types commands."""

    config: FewSettings

    def __init__(
        self, cast: Cast, *, database: MemoryDatabase, door: Door, port: int, token: str, data_dir: DataDir | None
    ) -> None:
        self.cast = cast
        self.stage = cast.stage
        self.engine = cast.engine
        self.mei = cast.mei
        self.tom = cast.tom
        self.database = database
        self.door = door
        self.url = f"http://127.0.0.1:{port}"
        self.token = token
        self.data_dir = data_dir
        self._http = AsyncHTTPClient(force_instance=True)

    async def lose_the_actor(self, length_ms: int) -> None:
        """For so long, the call's actor is gone and no sweep gets as far as finding that out."""
        await self.engine.calls.drop_all()
        self.cast.switch.is_down, self.cast.switch.only = True, "leases.bury"
        await self.stage.advance(length_ms)
        self.cast.switch.is_down, self.cast.switch.only = False, ""
        while "sweep_failed" in self.stage.log.events():
            self.stage.log.take("sweep_failed")

    async def date(self) -> Date:
        """Hong the matchmaker, bo and lin have signed up; nobody is in a room."""
        hong = await self.stage.join("dev:hong?gender=2&matchmaker=1&nickname=红娘")
        bo = await self.stage.join("dev:bo?gender=1")
        return Date(self.stage, self.cast.switch, hong, bo, await self.stage.join("dev:lin?gender=2"))

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> tuple[int, Any]:
        """HTTP status and what came back."""
        token = self.token if token is None else token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        request = HTTPRequest(
            self.url + path,
            method=method,
            body=None if body is None else write_json(body),
            headers={**sent, "X-Request-Id": "r-1", "Accept-Language": "en", **(headers or {})},
            allow_nonstandard_methods=True,
            request_timeout=5,
        )
        reply = await self._http.fetch(request, raise_error=False)
        return reply.code, read_json(reply.body)

    async def get(self, path: str, **more: Any) -> Any:
        """What came back, which must be fine."""
        status, reply = await self.ask("GET", path, **more)
        assert status == 200, reply
        return reply

    async def act(self, path: str, *, key: str = "", **fields: object) -> tuple[int, Any]:
        """Do something as ada, because of a test."""
        body = {"actor": "ada", "reason": "a test", **fields}
        return await self.ask("POST", path, body, headers={"Idempotency-Key": key} if key else {})

    async def audit(self) -> list[tuple[str, str, str, str]]:
        """Who did what to whom and why, newest first."""
        lines = (await self.get("/admin/v1/audit"))["lines"]
        return [(line["actor"], line["action"], line["target"], line["reason"]) for line in lines]

    async def type(self, *argv: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Type ``greenroom …`` and return its exit code, output and complaints."""
        assert self.data_dir is not None
        found = () if env is not None else ("--data-dir", str(self.data_dir.path))
        return await asyncio.to_thread(typed, *found, *argv)

    def close(self) -> None:
        self._http.close()


def typed(*argv: str) -> tuple[int, str, str]:
    """Type ``greenroom …`` where no server needs to run."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(argv))
    return code, out.getvalue(), err.getvalue()


@asynccontextmanager
async def at_the_desk(
    data_dir: DataDir | None = None, *, is_dev: bool = True, limit: Limit | None = None, begins_at_ms: int = NOON_MS
) -> AsyncIterator[Desk]:
    """mei asks 10 points a minute, tom has 1,000 diamonds; it is noon in Shanghai unless said."""
    clock = SteppedClock()
    database = MemoryDatabase()
    stores, switch = switchable(memory_stores(database, lambda: begins_at_ms + clock.mono_ms()))
    stage = Stage(stores, fast_settings())
    stage.world = dataclasses.replace(stage.world, clock=clock)
    stage.engine = Greenroom(stage.world, fast_settings())
    stage.clock = clock  # type: ignore[assignment] # it does what FakeClock does
    await stage.start()
    token = data_dir.admin_token() if data_dir is not None else TOKEN
    config = FewSettings()
    door = Door(
        (surface(AdminOptions(zone=SHANGHAI, is_dev=is_dev, config=config)),),
        admissions={
            "admin": Admission(
                engine=stage.engine,
                authenticate=authenticate(token),
                limiter=Limiter(clock),
                default_limit=limit or per_second(1_000),
            )
        },
        probes={},
        hub=Hub(clock=clock, log=stage.log, limits=SocketLimits()),
        clock=clock,
        rng=SeededRng(),
        log=stage.log,
        policy=HttpPolicy(body_bytes_max=64 * 1024),
    )
    server = HTTPServer(door, **server_options(ServerConfig()))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    if data_dir is not None:
        data_dir.write_ports({"admin": port})
    mei = await stage.sign_in("dev:mei?role=master&gender=2&age=25&price=10&nickname=阿宁", role=Role.ANCHOR)
    tom = await stage.sign_in("dev:tom?age=30&diamonds=1000&nickname=Tom")
    cast = Cast(stage, switch, mei, tom)
    desk = Desk(cast, database=database, door=door, port=port, token=token, data_dir=data_dir)
    desk.config = config
    try:
        yield desk
    finally:
        desk.close()
        server.stop()
        async with asyncio.timeout(10):
            await server.close_all_connections()
            await stage.tasks.cancel_all()
