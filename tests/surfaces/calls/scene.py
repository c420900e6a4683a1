"""The whole calls surface over memory stores and a real HTTP server, and people who use it as clients do.

``on_air()`` opens one; mei asks 10 points a minute and is an anchor, tom has 100 diamonds and is a guest. The outside
services are the development ones, so that addresses and signatures have their real form. It is eight in the morning in
Shanghai on 1 January 2026, and stays so until a test lets time pass.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import websocket_connect

from adapters.media_addresses import SignedAddresses
from adapters.mixer import RecordingMixer
from adapters.user_sig import UserSig
from adapters.wechat_pay import DEV_APP_ID, DEV_MERCHANT_ID, DevPay, signature
from engine import settings
from engine.billing.entries import grant_move
from engine.greenroom import Greenroom
from engine.records import BanKind
from engine.world import World
from handlers import calls
from handlers.calls.access import authenticate
from handlers.surfaces import Opened, routes
from handlers.wire.codec import read_json, write_json
from handlers.wire.http import HttpPolicy, server_options
from handlers.wire.limits import Limiter, per_second
from handlers.wire.socket import Hub, SocketLimits
from store.interfaces.ids import PersonId
from store.interfaces.money import Currency
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.people import STORE_EPOCH_MS, DevCodesOnly, OwnedTasks
from tests.support.fakes import RecordingLog, SeededRng
from tests.support.stepped_clock import SteppedClock

__all__ = ["Answered", "Ear", "Person", "Scene", "notice", "on_air", "until"]

SDK_APP_ID = "1400000000"
PAY_KEY = "a-key-that-only-these-tests-have"
NOW_S = STORE_EPOCH_MS // 1000

OPTIONS = calls.CallsOptions(
    share_title="和我视频聊天吧",
    share_image_url="https://img.example/share.png",
    review_versions=(7,),
    time_zone="Asia/Shanghai",
    is_dev=True,
)

# Who was seen, how often somebody asked and which numbers were drawn is no effect of a request.
VOLATILE = {"leases", "sightings", "publications_count", "buckets", "next_numbers", "sessions"}


class Person(NamedTuple):
    """Somebody with a token, as his client knows him."""

    id: int
    token: str

    @property
    def pair(self) -> dict[str, str]:
        """What every live_room call carries in its query."""
        return {"userID": str(self.id), "token": self.token}


class Answered(NamedTuple):
    """A reply: HTTP status, headers, and the body as plain values (bytes where it is no JSON)."""

    status: int
    headers: Any
    body: Any


class Ear:
    """A client's end of the socket."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._is_over = False

    async def hear(self) -> Any:
        """The next frame; None once the connection is over."""
        if self._is_over:
            return None
        async with asyncio.timeout(3):
            message = await self.connection.read_message()
        self._is_over = message is None
        return None if message is None else read_json(message.encode())

    async def hear_next(self, kind: str) -> Any:
        """The next frame of that type; other frames before it are skipped."""
        while (frame := await self.hear()) is not None:
            if frame["type"] == kind:
                return frame
        raise AssertionError(f"the socket closed before any {kind}")

    async def hear_of(self, kind: str) -> Any:
        """The data of the next frame of that type."""
        return (await self.hear_next(kind))["data"]

    async def say(self, frame: object) -> None:
        await self.connection.write_message(frame if isinstance(frame, str) else write_json(frame).decode())

    async def ended(self) -> tuple[int, str]:
        """(code, reason) once the server has closed."""
        while await self.hear() is not None:
            pass
        return self.connection.close_code, self.connection.close_reason

    def close(self) -> None:
        self.connection.close()


class Scene:
    """One server, and the verbs of those who use it."""

    mei: Person
    tom: Person

    def __init__(self, options: settings.Settings, surface_options: calls.CallsOptions) -> None:
        self.clock = SteppedClock()
        # Apart, so that buckets can fill while nothing else happens.
        self.limits_clock = SteppedClock()
        self.log = RecordingLog()
        self.database = MemoryDatabase()
        self.tasks = OwnedTasks()
        self.mixer = RecordingMixer()
        self.signatures = UserSig(app_id=SDK_APP_ID, keys=("a-key-for-signatures",), life_s=604_800)
        self.hub = Hub(clock=self.clock, log=self.log, limits=SocketLimits())
        stores = memory_stores(self.database, lambda: STORE_EPOCH_MS + self.clock.mono_ms())
        world = World(
            clock=self.clock,
            rng=SeededRng(),
            spawn=self.tasks,
            log=self.log,
            sink=self.hub,
            stores=stores,
            codes=DevCodesOnly(),
            payments=DevPay(api_key=PAY_KEY, now_s=lambda: NOW_S, nonce=lambda: "n"),
            media=SignedAddresses(
                push_host="push.example",
                play_host="play.example",
                biz_id="8888",
                push_keys=("a-key-to-push",),
                play_keys=("a-key-to-play",),
            ),
            signatures=self.signatures,
            mixer=self.mixer,
        )
        self.engine = Greenroom(world, options)
        self.hub.presence = self.engine.presence
        self.surface = calls.surface(surface_options)
        self.door = routes(
            self.engine,
            (Opened(self.surface, authenticate(self.engine)),),
            hub=self.hub,
            limiter=Limiter(self.limits_clock),
            default_limit=per_second(10_000),
            policy=HttpPolicy(),
            version="0",
        )
        self.port = 0
        self._http = AsyncHTTPClient(force_instance=True)
        self._ears: list[Ear] = []

    # --- asking ----------------------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, Any] | None = None,
        form: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answered:
        """One request; ``body`` is sent as JSON, as a form, or as it is when it is bytes."""
        if isinstance(body, bytes) or body is None:
            sent = body or b""
        else:
            assert isinstance(body, dict)
            sent = urlencode(body).encode() if form else write_json(body)
        request = HTTPRequest(
            f"http://127.0.0.1:{self.port}{path}{'?' + urlencode(query) if query else ''}",
            method=method,
            body=sent if method == "POST" else None,
            headers=headers or {},
            allow_nonstandard_methods=True,
            request_timeout=5,
        )
        reply = await self._http.fetch(request, raise_error=False)
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        return Answered(reply.code, reply.headers, read_json(reply.body) if is_json else reply.body)

    async def app(self, who: Person | None, name: str, /, headers: Any = None, **sent: object) -> Any:
        """The body of the answer to ``POST /app/<name>``."""
        token = {} if who is None else {"token": who.token}
        return (await self.ask("POST", f"/app/{name}", {**token, **sent}, headers=headers)).body

    async def weapp(self, who: Person, name: str, /, **sent: object) -> Any:
        """The body of the answer to ``POST /weapp/live_room/<name>``."""
        return (await self.ask("POST", f"/weapp/live_room/{name}", sent, query=who.pair)).body

    async def listen(self, who: Person, **query: str) -> Ear:
        """A socket of this person; let in or not, it is open at first."""
        address = f"ws://127.0.0.1:{self.port}/weapp/live_room/ws?{urlencode({**who.pair, **query})}"
        ear = Ear(await websocket_connect(HTTPRequest(address)))
        self._ears.append(ear)
        return ear

    # --- what has happened before ----------------------------------------------------------------------------------

    async def sign_in(self, name: str, *, role: str = "guest", **attributes: object) -> Person:
        """Somebody new, or somebody known again."""
        code = f"dev:{name}?" + "&".join(f"{key}={value}" for key, value in {"role": role, **attributes}.items())
        signed_in = await self.app(None, "login/weChatLogin", code=code, role=role)
        assert signed_in["code"] == 0, signed_in
        return Person(signed_in["userId"], signed_in["token"])

    async def rings(self) -> int:
        """Tom rings mei; the number of the call."""
        number = (await self.app(self.tom, "live/callApplyGirl", targetUserId=self.mei.id))["recordId"]
        assert isinstance(number, int)
        return number

    async def talks(self) -> int:
        """Tom and mei are in a call, and minute 1 is paid."""
        number = await self.rings()
        started = await self.app(self.mei, "live/startCall", targetUserId=self.tom.id)
        assert started["code"] == 0, started
        return number

    async def broadcasts(self, who: Person | None = None, room_id: str = "room_1a2b3c4d_5e6f") -> str:
        """Mei, or somebody else, sends into a public room."""
        anchor = who or self.mei
        made = await self.weapp(anchor, "create_room", roomInfo="hello", roomID=room_id)
        assert made["code"] == 0, made
        await self.sends(anchor, room_id)
        return room_id

    async def sends(self, who: Person, room_id: str) -> None:
        """Somebody becomes a pusher of a room."""
        address = await self.weapp(who, "get_push_url", roomID=room_id)
        added = await self.weapp(
            who, "add_pusher", roomID=room_id, userName="小红", userAvatar="", pushURL=address["pushURL"]
        )
        assert added["code"] == 0, added

    async def watches(self, who: Person, room_id: str = "room_1a2b3c4d_5e6f") -> None:
        """Somebody is in a room's audience."""
        entered = await self.weapp(who, "add_audience", roomID=room_id, userInfo='{"nick":"小明"}')
        assert entered["code"] == 0, entered

    async def ban(self, who: Person, kind: BanKind = BanKind.ACCOUNT, text: str = "违规") -> None:
        """An operator excludes somebody."""
        await self.engine.notices.ban(PersonId(who.id), kind, text, until_ms=None)

    async def grant(self, who: Person, diamonds: int) -> None:
        """An operator gives diamonds."""
        move = grant_move(
            key=f"scene:{who.id}:{diamonds}",
            person_id=PersonId(who.id),
            currency=Currency.CALLS_DIAMONDS,
            amount=diamonds,
            note="scene",
        )
        await self.engine.ledger.post(move)

    def dump(self) -> dict[str, str]:
        """All that is kept and that a request could have changed."""
        names = [field.name for field in fields(self.database) if field.name not in VOLATILE]
        return {name: repr(getattr(self.database, name)) for name in names}

    # --- its life --------------------------------------------------------------------------------------------------

    async def open(self) -> HTTPServer:
        await self.engine.start(supersedes=True)
        sock, self.port = bind_unused_port()
        server = HTTPServer(self.door, **server_options(_Http()))
        server.add_socket(sock)
        self.mei = await self.sign_in(
            "小红", role="master", gender=2, age=25, price=10, avatar="https://img.example/2001.jpg"
        )
        self.tom = await self.sign_in("小明", age=30, diamonds=100, avatar="https://img.example/1001.jpg")
        return server

    async def close(self, server: HTTPServer) -> None:
        server.stop()
        self.hub.drain(retry_after_s=1)
        self._http.close()
        async with asyncio.timeout(10):
            for ear in self._ears:
                await ear.ended()
                ear.close()
            await server.close_all_connections()
            await self.tasks.cancel_all()


class _Http:
    header_bytes_max = 16_384
    idle_timeout_ms = 5_000


@asynccontextmanager
async def on_air(
    options: settings.Settings | None = None, *, surface: calls.CallsOptions = OPTIONS
) -> AsyncIterator[Scene]:
    """A server with its cast, ended afterwards."""
    scene = Scene(options or settings.Settings(), surface)
    server = await scene.open()
    try:
        yield scene
    finally:
        await scene.close(server)


def notice(order_id: str, *, fee_fen: int, key: str = PAY_KEY, result: str = "SUCCESS") -> bytes:
    """A payment notification as the provider signs it."""
    said = {
        "return_code": "SUCCESS",
        "result_code": result,
        "appid": DEV_APP_ID,
        "mch_id": DEV_MERCHANT_ID,
        "nonce_str": "n",
        "openid": "dev",
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "total_fee": str(fee_fen),
        "cash_fee": str(fee_fen),
        "transaction_id": f"tx{order_id}",
        "out_trade_no": order_id,
        "time_end": "20190601210509",
    }
    said["sign"] = signature(said, key=key)
    return ("<xml>" + "".join(f"<{name}>{value}</{name}>" for name, value in said.items()) + "</xml>").encode()


async def until(condition: Any) -> None:
    """Wait until ``condition()`` holds: the other end of a loopback connection has done what it has to."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)
