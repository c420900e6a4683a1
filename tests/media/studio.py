"""A real nginx with its rtmp module, real senders, and the whole server over memory stores on real time.

nginx runs the very file that users copy, with its ports and paths replaced. Everything is started here, on free
loopback ports and in a temporary folder, and always ended.
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from adapters.clock import SystemClock, SystemRng
from adapters.config import Config, Media, MediaHooks
from adapters.media_addresses import SignedAddresses, blind_date_addresses
from adapters.mixer import RecordingMixer
from adapters.nowpayments import NoNowPayments
from adapters.stream_cutters import NginxCutter
from adapters.user_sig import UserSig
from adapters.wechat_pay import DevPay
from engine import settings
from engine.greenroom import Greenroom
from engine.ports import Provider
from engine.world import World
from handlers.surfaces import doors
from handlers.wire.codec import read_json
from handlers.wire.http import server_options
from handlers.wire.socket import Hub, SocketLimits
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.people import DevCodesOnly, OwnedTasks
from tests.support.fakes import RecordingLog
from tests.support.installed import found, require_packages
from tests.support.web_services import web_services

__all__ = ["Nginx", "Person", "Sender", "Studio", "in_studio", "require_media_tools", "until"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx-rtmp.conf"
MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
DEADLINE_S = 12.0
OPTIONS = settings.Settings(streams=settings.Streams(silent_ms=2_000), rooms=settings.Rooms(pusher_silent_ms=4_000))


def require_media_tools() -> None:
    """Skip where nginx-rtmp or ffmpeg are not installed; on CI that is a failure."""
    require_packages({"nginx": found("nginx"), "libnginx-mod-rtmp": MODULE, "ffmpeg": found("ffmpeg")})


async def until(condition: Callable[[], Any], *, deadline_s: float = DEADLINE_S) -> float:
    """Wait until it holds; how long that took, in seconds."""
    began = time.monotonic()
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


class Person(NamedTuple):
    """Somebody with a token."""

    id: int
    token: str


class Sender:
    """An ffmpeg that sends a test picture in real time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(timeout=5)


class Nginx:
    """One nginx over a folder of its own."""

    def __init__(self, folder: Path, *, rtmp_port: int, control_port: int, hooks_port: int) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        text = EXAMPLE.read_text("utf-8")
        for said, here in (
            ("user www-data;", ""),
            ("/run/nginx.pid", f"{folder}/nginx.pid"),
            ("/var/log/nginx/error.log", f"{folder}/error.log"),
            ("listen 1935;", f"listen 127.0.0.1:{rtmp_port};"),
            ("listen 127.0.0.1:8080;", f"listen 127.0.0.1:{control_port};"),
            ("http://127.0.0.1:8001/", f"http://127.0.0.1:{hooks_port}/"),
            ("notify_update_timeout 3s;", "notify_update_timeout 400ms;"),
            ("access_log off;", "access_log off;\n" + _temporary_paths(folder)),
        ):
            assert said in text, said
            text = text.replace(said, here)
        (folder / "nginx.conf").write_text(text, "utf-8")
        self._control = control_port

    async def start(self) -> None:
        program, log = found("nginx"), self._folder / "error.log"
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-p", self._folder, "-c", self._folder / "nginx.conf", "-e", log,
             "-g", "daemon off; master_process off;"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(DEADLINE_S):
            while not await self._listens():
                assert self._process.poll() is None, (self._folder / "error.log").read_text("utf-8")
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=5)
            self._process = None

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._control)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class Studio:
    """The server, its media server, and who uses them."""

    nginx: Nginx
    mei: Person

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = SystemClock()
        self.log = RecordingLog()
        self.database = MemoryDatabase()
        self._http = AsyncHTTPClient(force_instance=True)
        self._senders: list[Sender] = []
        self._sockets = {name: bind_unused_port() for name in ("people", "operators")}
        self._servers: list[HTTPServer] = []
        self.rtmp_port, control_port = _free_ports(2)
        self.config = Config(
            media=Media(
                push_host=f"127.0.0.1:{self.rtmp_port}",
                play_host=f"127.0.0.1:{self.rtmp_port}",
                hooks=MediaHooks(nginx_control=f"http://127.0.0.1:{control_port}/control"),
            )
        )
        self.nginx = Nginx(
            folder, rtmp_port=self.rtmp_port, control_port=control_port, hooks_port=self._sockets["operators"][1]
        )

    # --- the server --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the server; a second time it is the same one after a restart, over the same data."""
        self.tasks = OwnedTasks()
        media = self.config.media
        self.addresses = SignedAddresses(
            push_host=media.push_host,
            play_host=media.play_host,
            biz_id=media.biz_id,
            push_keys=(media.push_key,),
            play_keys=(media.play_key,),
        )
        self.date_addresses = blind_date_addresses(
            push_host=media.push_host, play_host=media.play_host, push_keys=(media.push_key,)
        )
        hub = Hub(clock=self.clock, log=self.log, limits=SocketLimits())
        world = World(
            clock=self.clock,
            rng=SystemRng(),
            spawn=self.tasks,
            log=self.log,
            sink=hub,
            stores=memory_stores(self.database, lambda: time.time_ns() // 1_000_000),
            codes=DevCodesOnly(),
            **web_services(lambda: int(time.time())),
            crypto=NoNowPayments(),
            payments=DevPay(api_key="a-key-that-only-these-tests-have"),
            media=self.addresses,
            blind_date_media=self.date_addresses,
            signatures=UserSig(app_id="1400000000", keys=("a-key-for-signatures",), life_s=604_800),
            mixer=RecordingMixer(),
            cutters={
                Provider.NGINX: NginxCutter(
                    control_url=media.hooks.nginx_control, app=media.app, http=self._http, log=self.log
                )
            },
        )
        self.engine = Greenroom(world, OPTIONS)
        hub.presence = self.engine.presence
        await self.engine.start(supersedes=True)
        both = doors(self.config, self.engine, hub, admin_token="0123456789abcdef" * 4, version="0")
        for door, name in zip(both, ("people", "operators"), strict=True):
            server = HTTPServer(door, **server_options(self.config.http))
            server.add_socket(self._sockets[name][0].dup())
            self._servers.append(server)

    async def stop(self) -> None:
        """Stop it as a killed process stops; its ports stay its own."""
        for server in self._servers:
            server.stop()
            await server.close_all_connections()
        self._servers.clear()
        await self.tasks.cancel_all()

    # --- people ------------------------------------------------------------------------------------------------------

    async def ask(self, path: str, query: dict[str, str] | None = None, **sent: object) -> Any:
        """The body of the answer to one request on the people's door."""
        address = f"http://127.0.0.1:{self._sockets['people'][1]}{path}?{urlencode(query or {})}"
        reply = await self._http.fetch(HTTPRequest(address, method="POST", body=urlencode(sent), request_timeout=5))
        return read_json(reply.body)

    async def sign_in(self, name: str, role: str) -> Person:
        signed_in = await self.ask("/app/login/weChatLogin", code=f"dev:{name}?role={role}&price=10", role=role)
        return Person(signed_in["userId"], signed_in["token"])

    async def weapp(self, who: Person, name: str, **sent: object) -> Any:
        answer = await self.ask(f"/weapp/live_room/{name}", {"userID": str(who.id), "token": who.token}, **sent)
        assert answer["code"] == 0, answer
        return answer

    async def room(self, who: Person) -> tuple[str, str]:
        """A new room of this person, and the push address for it."""
        room_id = (await self.weapp(who, "create_room", roomInfo="hello"))["roomID"]
        return room_id, (await self.weapp(who, "get_push_url", roomID=room_id))["pushURL"]

    async def listed(self) -> list[str]:
        """The rooms on air, as everybody sees them."""
        return [room["roomID"] for room in (await self.weapp(self.mei, "get_room_list", cnt=10, index=0))["rooms"]]

    def heard(self) -> list[str]:
        """The streams on air, as the server knows them."""
        return [stream.name for stream in self.engine.streams.live() if not stream.is_silent]

    # --- streams -----------------------------------------------------------------------------------------------------

    def push(self, address: str) -> Sender:
        """Begin to send."""
        return self._run("-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10", "-c:v", "flv", "-g", "10",
                         "-t", "60", "-f", "flv", address)  # fmt: skip

    def watch(self, address: str) -> Sender:
        """Watch for a moment, and end."""
        return self._run("-probesize", "32k", "-analyzeduration", "500000", "-fflags", "nobuffer", "-rw_timeout",
                         "5000000", "-i", address, "-t", "0.3", "-f", "null", "-")  # fmt: skip

    def _run(self, *words: str) -> Sender:
        process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-loglevel", "error", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        sender = Sender(process)
        self._senders.append(sender)
        return sender

    async def close(self) -> None:
        for sender in self._senders:
            sender.end()
        self.nginx.kill()
        await self.stop()
        self._http.close()
        for sock, _ in self._sockets.values():
            sock.close()


@asynccontextmanager
async def in_studio(folder: Path) -> AsyncIterator[Studio]:
    """Server and media server, and mei the anchor, ended afterwards."""
    require_media_tools()
    studio = Studio(folder)
    try:
        await studio.start()
        await studio.nginx.start()
        studio.mei = await studio.sign_in("mei", "master")
        yield studio
    finally:
        await studio.close()


def _temporary_paths(folder: Path) -> str:
    return "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )


def _free_ports(count: int) -> list[int]:
    found = [bind_unused_port() for _ in range(count)]
    for sock, _ in found:
        sock.close()
    return [port for _, port in found]
