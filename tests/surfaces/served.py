"""Surfaces over memory stores and a real HTTP server, asked as clients do; what every surface's scene stands on.

The outside services are the development ones, so that addresses and signatures have their real form. It is eight in
the morning in Shanghai on 1 January 2026, and stays so until a test lets time pass.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeVar
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import websocket_connect

from adapters.media_addresses import SignedAddresses, blind_date_addresses
from adapters.mixer import RecordingMixer
from adapters.nowpayments import DevNowPayments
from adapters.user_sig import UserSig
from adapters.wechat_pay import DevPay
from engine import settings
from engine.billing.entries import grant_move
from engine.greenroom import Greenroom
from engine.records import BanKind
from engine.world import World
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
from tests.support.web_services import web_services

__all__ = [
    "BOUNDARY",
    "IPN_SECRET",
    "NOW_S",
    "NO_NUMBERS",
    "OPERATORS",
    "PAY_KEY",
    "SDK_APP_ID",
    "Answered",
    "Called",
    "Ear",
    "FileSent",
    "Given",
    "Like",
    "Served",
    "lacking",
    "multipart",
    "unreadable",
    "until",
]

SDK_APP_ID = "1400000000"
IPN_SECRET = "a-secret-that-only-these-tests-have"
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
PAY_KEY = "a-key-that-only-these-tests-have"
NOW_S = STORE_EPOCH_MS // 1000

Given = Callable[[Any], Awaitable[object]]
"""What has happened before, to a scene."""

# Who was seen, how often somebody asked and which numbers were drawn is no effect of a request.
VOLATILE = {
    "attempts",
    "buckets",
    "codes",
    "leases",
    "listeners",
    "next_numbers",
    "publications_count",
    "sessions",
    "sightings",
    "sign_ins",
    "used_tokens",
}

# What a query for MongoDB would make of a field that is passed on as it came. Source: SEC-21.
OPERATORS: tuple[object, ...] = (
    {"$gt": ""},
    {"$ne": None},
    {"$regex": ".*"},
    {"$where": "1"},
    [{"$gt": ""}],
    ["x"],
    {"a.b": {"$in": [1]}},
)

# Neither a number nor money, however it is looked at. Source: SEC-24, F-20.
NO_NUMBERS: tuple[object, ...] = (
    0,
    -1,
    1.5,
    5.0,
    2**53,
    10**30,
    "1e3",
    "１",
    " 5",
    "5 ",
    "+5",
    "0x10",
    "5.0",
    "",
    "-0",
    "NaN",
    True,
    False,
    "true",
    "9" * 400,
)


def unreadable(field: str) -> tuple[bytes, ...]:
    """Bodies that are no fields, however they are looked at; those that say anything say it of ``field``."""
    name = field.encode()
    return (
        b"{",
        b"[1]",
        b'"token"',
        b'{"%b":"a","%b":"b"}' % (name, name),
        b'{"%b":NaN}' % name,
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        b"{" + b'"a":{' * 40 + b"}" * 41,
        b'{"%b":"\\ud800"}' % name,
        b"%b=%%ff" % name,
    )


ServedT = TypeVar("ServedT", bound="Served")


class Answered(NamedTuple):
    """A reply: HTTP status, headers, and the body as plain values (bytes where it is no JSON)."""

    status: int
    headers: Any
    body: Any


class FileSent(str):
    """A field of a form that is a file: what it is called, and what is in it."""

    __slots__ = ("content",)

    content: bytes

    def __new__(cls, name: str, content: bytes) -> Self:
        sent = super().__new__(cls, name)
        sent.content = content
        return sent


class Like:
    """Equal to every text of a form; ``example`` is one."""

    def __init__(self, example: str, form: str) -> None:
        self.example = example
        self._form = re.compile(form)
        assert self._form.fullmatch(example)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._form.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(self._form)

    def __repr__(self) -> str:
        return self.example


def lacking(example: object, reply: object, at: str = "$") -> list[str]:
    """Where ``reply`` lacks a field of ``example`` or has one of another type; a null says nothing of the type."""
    if example is None or reply is None:
        return []
    if type(example) is not type(reply):
        return [f"{at}: {type(example).__name__} expected"]
    if isinstance(example, dict) and isinstance(reply, dict):
        return [
            line
            for name, value in example.items()
            for line in (lacking(value, reply[name], f"{at}.{name}") if name in reply else [f"{at}.{name} is missing"])
        ]
    if isinstance(example, list) and isinstance(reply, list):
        return lacking(example[0], reply[0], f"{at}[0]") if example and reply else []
    return []


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

    async def answer_to(self, frame: object) -> Any:
        """What the server answers to ``frame``, whatever else is told meanwhile."""
        await self.say(frame)
        while (told := await self.hear())["type"] not in ("reply", "error", "pong"):
            pass
        return told

    async def ended(self) -> tuple[int, str]:
        """(code, reason) once the server has closed."""
        while await self.hear() is not None:
            pass
        return self.connection.close_code, self.connection.close_reason

    def close(self) -> None:
        self.connection.close()


class Served:
    """One server; a surface's scene adds the verbs of those who use it, and who is there from the beginning."""

    def __init__(
        self,
        options: settings.Settings,
        open_surfaces: Callable[[Greenroom], Sequence[Opened]],
        **services: Any,
    ) -> None:
        """``services`` are fields of the world that a test has in another way."""
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
            **web_services(lambda: NOW_S + self.clock.mono_ms() // 1_000),
            crypto=DevNowPayments(ipn_secret=IPN_SECRET, price_currency="usd", pay_currency="usdttrc20", log=self.log),
            payments=DevPay(api_key=PAY_KEY, now_s=lambda: NOW_S, nonce=lambda: "n"),
            media=SignedAddresses(
                push_host="push.example",
                play_host="play.example",
                biz_id="8888",
                push_keys=("a-key-to-push",),
                play_keys=("a-key-to-play",),
            ),
            blind_date_media=blind_date_addresses(
                push_host="push.example", play_host="play.example", push_keys=("a-key-to-push",)
            ),
            signatures=self.signatures,
            mixer=self.mixer,
        )
        self.engine = Greenroom(replace(world, **services), options)
        self.hub.presence = self.engine.presence
        self.door = routes(
            self.engine,
            open_surfaces(self.engine),
            hub=self.hub,
            limiter=Limiter(self.limits_clock),
            default_limit=per_second(10_000),
            policy=HttpPolicy(),
            version="0",
        )
        self.port = 0
        self._http = AsyncHTTPClient(force_instance=True)
        self._ears: list[Ear] = []

    async def come_in(self) -> None:
        """Those who are there from the beginning sign in."""
        raise NotImplementedError

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
        elif isinstance(body, dict) and any(isinstance(value, FileSent) for value in body.values()):
            sent = multipart(body)
            headers = {**(headers or {}), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        else:
            assert isinstance(body, dict)
            sent = urlencode(_as_text(body)).encode() if form else write_json(body)
        request = HTTPRequest(
            f"http://127.0.0.1:{self.port}{path}{'?' + urlencode(_as_text(query)) if query else ''}",
            method=method,
            body=sent if method == "POST" or sent else None,
            headers=headers or {},
            allow_nonstandard_methods=True,
            request_timeout=5,
            follow_redirects=False,
        )
        reply = await self._http.fetch(request, raise_error=False)
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        return Answered(reply.code, reply.headers, read_json(reply.body) if is_json and reply.body else reply.body)

    async def open_ear(self, path: str, query: dict[str, str], *, headers: dict[str, str] | None = None) -> Ear:
        """A socket; let in or not, it is open at first."""
        address = f"ws://127.0.0.1:{self.port}{path}?{urlencode(query)}"
        ear = Ear(await websocket_connect(HTTPRequest(address, headers=headers or {})))
        self._ears.append(ear)
        return ear

    # --- what has happened before ----------------------------------------------------------------------------------

    async def exclude(self, person_id: int, kind: BanKind = BanKind.ACCOUNT, text: str = "违规") -> None:
        """An operator excludes somebody."""
        await self.engine.notices.ban(PersonId(person_id), kind, text, until_ms=None)

    async def give(self, person_id: int, currency: Currency, amount: int) -> None:
        """An operator gives somebody something."""
        move = grant_move(
            key=f"scene:{person_id}:{amount}",
            person_id=PersonId(person_id),
            currency=currency,
            amount=amount,
            note="scene",
        )
        await self.engine.ledger.post(move)

    def dump(self) -> dict[str, str]:
        """All that is kept and that a request could have changed."""
        names = [field.name for field in fields(self.database) if field.name not in VOLATILE]
        return {name: repr(getattr(self.database, name)) for name in names}

    # --- its life --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(self, given: Given | None = None) -> AsyncIterator[Self]:
        """Up and running with everybody there, and after what is ``given``; ended afterwards."""
        await self.engine.start(supersedes=True)
        sock, self.port = bind_unused_port()
        server = HTTPServer(self.door, **server_options(_Http()))
        server.add_socket(sock)
        try:
            await self.come_in()
            if given is not None:
                await given(self)
            yield self
        finally:
            server.stop()
            self.hub.drain(retry_after_s=1)
            self._http.close()
            async with asyncio.timeout(10):
                for ear in self._ears:
                    await ear.ended()
                    ear.close()
                await server.close_all_connections()
                await self.tasks.cancel_all()


class Caller(Protocol):
    """Somebody whom a surface knows by headers."""

    @property
    def headers(self) -> dict[str, str]:
        """What every call of his carries."""


class Called(Served):
    """One whose paths all begin with ``base``, and whose people are known by their headers."""

    base: ClassVar[str]

    async def call(
        self,
        who: Caller | None,
        method: str,
        name: str,
        /,
        sent: dict[str, Any] | None = None,
        *,
        headers: dict[str, str] | None = None,
        form: bool = False,
    ) -> Answered:
        """The answer to ``<method> <base>/<name>``; fields go in the query of a GET, else in the body."""
        credential = {} if who is None else who.headers
        path, both = f"{self.base}/{name}", {**credential, **(headers or {})}
        if method == "GET":
            return await self.ask(method, path, query=sent, headers=both)
        return await self.ask(method, path, sent or {}, headers=both, form=form)


def multipart(fields: dict[str, Any]) -> bytes:
    """A form with files in it, as clients send it."""
    parts = []
    for name, value in fields.items():
        filename = f'; filename="{value}"' if isinstance(value, FileSent) else ""
        content = value.content if isinstance(value, FileSent) else str(value).encode()
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode())
        parts.append(content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _as_text(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a form or a query, flags written as clients write them."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}


class _Http:
    header_bytes_max = 16_384
    idle_timeout_ms = 5_000


async def until(condition: Any) -> None:
    """Wait until ``condition()`` holds: the other end of a loopback connection has done what it has to."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)
