"""Both doors of a server on virtual rooms, and media servers that knock at them with what they are known to send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from adapters.config import Config, Media, MediaHooks
from adapters.media_addresses import SignedAddresses, blind_date_addresses
from engine.greenroom import Greenroom
from engine.world import World
from handlers.surfaces import doors
from handlers.wire.codec import write_json
from handlers.wire.http import server_options
from handlers.wire.socket import Hub, SocketLimits
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import Role
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.people import STORE_EPOCH_MS, Stage, fast_settings
from tests.support.stepped_clock import SteppedClock

__all__ = ["CSS_KEY", "CSS_PATH", "NOW_S", "ROOM", "Booth", "in_booth"]

ROOM = RoomId("room_1a2b3c4d_5e6f")
NOW_S = STORE_EPOCH_MS // 1000
CSS_PATH = "0f3b9c5e7a2d4861f0e9"
CSS_KEY = "greenroom-cb-key"
PUSH_HOST = "push.example.com"


class Said(NamedTuple):
    """What was answered."""

    status: int
    body: bytes
    headers: Any


class Booth:
    """mei has an open room without pictures."""

    def __init__(self, *, peers: tuple[str, ...], css: bool) -> None:
        hooks = MediaHooks(nginx_peers=peers, css_path=CSS_PATH if css else "", css_key=CSS_KEY if css else "")
        self.config = Config(media=Media(push_host=PUSH_HOST, hooks=hooks))
        media = self.config.media
        self.addresses = SignedAddresses(
            push_host=media.push_host,
            play_host=media.play_host,
            biz_id=media.biz_id,
            push_keys=(media.push_key,),
            play_keys=(media.play_key,),
        )
        # The same key and the same media server: only the names tell the two apart.
        self.date_addresses = blind_date_addresses(
            push_host=media.push_host, play_host=media.play_host, push_keys=(media.push_key,)
        )
        self.clock = SteppedClock()
        stores = memory_stores(MemoryDatabase(), lambda: STORE_EPOCH_MS + self.clock.mono_ms())
        self.stage = Stage(stores, fast_settings())
        before = self.stage.world
        world = World(
            clock=self.clock,
            rng=before.rng,
            spawn=before.spawn,
            log=before.log,
            sink=before.sink,
            stores=stores,
            codes=before.codes,
            google=before.google,
            passwords=before.passwords,
            web_tokens=before.web_tokens,
            social_tokens=before.social_tokens,
            payments=before.payments,
            crypto=before.crypto,
            media=self.addresses,
            blind_date_media=self.date_addresses,
            signatures=before.signatures,
            mixer=before.mixer,
            draw_qr=before.draw_qr,
            mail=before.mail,
            seal_code=before.seal_code,
            contents=before.contents,
        )
        self.engine = self.stage.engine = Greenroom(world, fast_settings())
        self.log = self.stage.log
        self._http = AsyncHTTPClient(force_instance=True)
        self._servers: list[HTTPServer] = []
        self._ports: dict[str, int] = {}

    async def open(self) -> None:
        await self.engine.start(supersedes=True)
        hub = Hub(clock=self.clock, log=self.log, limits=SocketLimits())
        both = doors(self.config, self.engine, hub, admin_token="0123456789abcdef" * 4, version="0")
        for name, door in zip(("people", "operators"), both, strict=True):
            sock, self._ports[name] = bind_unused_port()
            server = HTTPServer(door, **server_options(self.config.http))
            server.add_socket(sock)
            self._servers.append(server)
        self.mei = await self.stage.sign_in("dev:mei?role=master", role=Role.ANCHOR)
        await self.engine.live_rooms.create(self.mei, room_id=ROOM, info="", guest_id=None)
        self.name = f"8888_{ROOM}_{self.mei.id}"

    async def close(self) -> None:
        self._http.close()
        for server in self._servers:
            server.stop()
            await server.close_all_connections()
        await self.stage.tasks.cancel_all()

    # --- nginx-rtmp --------------------------------------------------------------------------------------------------

    def pushed(self, person_id: PersonId | None = None, *, until_s: int | None = None) -> list[tuple[str, str]]:
        """The query of a push address for the room."""
        address = self.addresses.push(f"{ROOM}_{person_id or self.mei.id}", now_s=NOW_S, until_s=until_s)
        return pairs_of(address)

    def played(self) -> list[tuple[str, str]]:
        """The query of a play address for mei's stream."""
        return pairs_of(self.addresses.accelerated(f"{ROOM}_{self.mei.id}", now_s=NOW_S))

    def fields(self, hook: str, query: list[tuple[str, str]], **changes: str | None) -> list[tuple[str, str]]:
        """The fields of a hook in the order in which nginx-rtmp sends them; the client's query comes last."""
        first = {
            "app": "live", "flashver": "FMLE/3.0 (compatible; Lavf59", "swfurl": "", "tcurl": "rtmp://x/live",
            "pageurl": "", "addr": "192.0.2.7", "clientid": "1",
        }  # fmt: skip
        middle = {
            "publish": {"call": "publish", "name": self.name, "type": "live"},
            "play": {"call": "play", "name": self.name, "start": "4294965296", "duration": "0", "reset": "0"},
            "update": {"call": "update_publish", "time": "3", "timestamp": "3000", "name": self.name},
            "publish_done": {"call": "publish_done", "name": self.name},
            "play_done": {"call": "play_done", "name": self.name},
        }[hook]
        said = {**first, **middle, **changes}
        return [*((key, value) for key, value in said.items() if value is not None), *query]

    async def hook(self, hook: str, query: list[tuple[str, str]], **changes: str | None) -> int:
        """Post it as nginx-rtmp does; the status that it goes by."""
        return (
            await self.post("operators", f"/media/nginx/{hook}", urlencode(self.fields(hook, query, **changes)))
        ).status

    # --- Tencent -----------------------------------------------------------------------------------------------------

    async def notice(self, sent: dict[str, object], *, path: str = CSS_PATH) -> int:
        """Post a notice."""
        return (await self.post("people", f"/media/css/{path}", write_json(sent))).status

    # --- both --------------------------------------------------------------------------------------------------------

    async def post(self, door: str, path: str, body: str | bytes, *, method: str = "POST", **headers: str) -> Said:
        request = HTTPRequest(
            f"http://127.0.0.1:{self._ports[door]}{path}",
            method=method,
            body=body if method == "POST" else None,
            headers=headers,
            request_timeout=5,
        )
        reply = await self._http.fetch(request, raise_error=False)
        return Said(reply.code, reply.body, reply.headers)

    def running(self) -> list[str]:
        return [stream.name for stream in self.engine.streams.live()]

    def on_air(self) -> list[str]:
        return [state.record.id for state in self.engine.live_rooms.listed(skip=0, limit=10)]


def pairs_of(address: str) -> list[tuple[str, str]]:
    """The parameters of an address."""
    return [(key, value) for key, _, value in (pair.partition("=") for pair in address.partition("?")[2].split("&"))]


@asynccontextmanager
async def in_booth(*, peers: tuple[str, ...] = ("127.0.0.1",), css: bool = True) -> AsyncIterator[Booth]:
    """A server, ended afterwards."""
    booth = Booth(peers=peers, css=css)
    try:
        await booth.open()
        yield booth
    finally:
        await booth.close()
