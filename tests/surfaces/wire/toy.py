"""A dialect nobody speaks: small enough to see through, with one of everything the wire can do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import msgspec
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from engine.errors import Banned, EngineError, NotSignedIn
from handlers.wire.access import OPTIONAL, PROVIDER, PUBLIC, Admission, Caller, Incoming, Presented, token_in
from handlers.wire.codec import write_json
from handlers.wire.fields import Amount, Id, also, text
from handlers.wire.health import probes
from handlers.wire.http import Door, HttpPolicy, server_options
from handlers.wire.language import Language, Said
from handlers.wire.limits import Limiter, per_minute, per_second
from handlers.wire.plain import PLAIN
from handlers.wire.resume import Since
from handlers.wire.socket import Hub, SocketLimits
from handlers.wire.surface import (
    ERROR_CODES,
    Answer,
    Command,
    Endpoint,
    Opening,
    RawRequest,
    SocketDialect,
    Surface,
    row_for,
    total,
)
from tests.support.fakes import RecordingLog, SeededRng

CODES = total({code: number for number, code in enumerate(sorted(ERROR_CODES), start=1)})
MESSAGES = total({code: Said("不行", "no") for code in ERROR_CODES})


class ManualClock:
    """Time stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self._due: list[ManualTimer] = []

    def mono_ms(self) -> int:
        return self.now_ms

    def call_at(self, due_mono_ms: int, callback: Callable[[], None]) -> "ManualTimer":
        timer = ManualTimer(due_mono_ms, callback)
        self._due.append(timer)
        return timer

    async def sleep(self, length_ms: int) -> None:
        raise NotImplementedError

    def advance(self, length_ms: int) -> None:
        """Let time pass, running what falls due in its order."""
        end_ms = self.now_ms + length_ms
        while due := [timer for timer in self._due if timer.is_wanted and timer.due_ms <= end_ms]:
            timer = min(due, key=lambda one: one.due_ms)
            self._due.remove(timer)
            self.now_ms = max(self.now_ms, timer.due_ms)
            timer.callback()
        self.now_ms = end_ms


class ManualTimer:
    def __init__(self, due_ms: int, callback: Callable[[], None]) -> None:
        self.due_ms = due_ms
        self.callback = callback
        self.is_wanted = True

    def cancel(self) -> None:
        self.is_wanted = False


class ToyEnvelope:
    """``{"code", "message", "error"?, "request_id", …}``, always with HTTP 200, as the calls documents have it."""

    media_type = "application/json"

    def schema(self, reply):
        outer = {"type": "object", "properties": {"code": {"type": "integer"}}, "required": ["code"]}
        return outer if reply is None else {"allOf": [outer, reply]}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:
        assert isinstance(reply, dict)
        return Answer(200, write_json({"code": 0, "message": "ok", "request_id": request_id, **reply}))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        body = {
            "code": row_for(error, CODES),
            "message": row_for(error, MESSAGES).to(language),
            "error": error.code,
            "request_id": request_id,
            "field": getattr(error, "field", ""),
        }
        return Answer(200, write_json(body))


class NoticeEnvelope:
    """What the outside service wants to hear."""

    media_type = "text/xml"

    def schema(self, reply):
        return {"type": "string"}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:
        return Answer(200, b"<xml>SUCCESS</xml>", content_type="text/xml")

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        return Answer(200, b"<xml>FAIL</xml>", content_type="text/xml")


@dataclass(frozen=True)
class Person:
    person_id: int
    sign_in_id: str = ""

    def goes_by(self, claimed: str) -> bool:
        return claimed == str(self.person_id)


@dataclass
class ToyEngine:
    """Keeps what the actions were asked for, which is all that the wire owes the engine."""

    wanted: list[object] = field(default_factory=list)
    callers: list[Caller[Any, Any]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None


class Place(msgspec.Struct, rename="camel"):
    room_id: Id
    seat_number: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1


class Order(msgspec.Struct, rename="camel"):
    gift_id: Id
    amount: Amount = 1
    note: Annotated[str, text(20)] = ""
    is_loud: bool = False
    target_id: Annotated[Id | None, also("girlId", "manId")] = None
    places: list[Place] = []
    place: Place | None = None
    weight: float = 0.0


class Whence(Since, kw_only=True):
    word: Annotated[str, text(20)] = ""


class Ordered(msgspec.Struct, rename="camel"):
    gift_id: int
    amount: int
    note: str
    is_loud: bool
    target_id: int | None


class Nothing(msgspec.Struct):
    pass


class Item(msgspec.Struct):
    item_id: Id
    word: str = ""


class Shown(msgspec.Struct):
    item_id: int
    word: str
    person_id: int | None


class Happened(msgspec.Struct, frozen=True, tag=True):
    text: str


class Liked(msgspec.Struct, frozen=True, tag=True):
    text: str
    droppable = True


async def order(caller: Caller[ToyEngine, Person], wanted: Order) -> Ordered:
    engine = caller.engine
    engine.callers.append(caller)
    engine.wanted.append(wanted)
    if engine.gate is not None:
        await engine.gate.wait()
    if engine.error is not None:
        raise engine.error
    return Ordered(wanted.gift_id, wanted.amount, wanted.note, wanted.is_loud, wanted.target_id)


async def show(caller: Caller[ToyEngine, Person], wanted: Item) -> Shown:
    return Shown(wanted.item_id, wanted.word, caller.known.person_id if caller.known else None)


async def nothing(caller: Caller[ToyEngine, Person], wanted: Nothing) -> Nothing:
    caller.engine.callers.append(caller)
    return Nothing()


async def begin(caller: Caller[ToyEngine, Person], wanted: Whence) -> object:
    caller.engine.wanted.append(wanted)
    if caller.engine.error is not None:
        raise caller.engine.error
    return Happened(wanted.word) if wanted.word else None


async def notify(caller: Caller[ToyEngine, Person], wanted: RawRequest) -> Nothing:
    caller.engine.wanted.append(wanted)
    if b"forged" in wanted.body:
        raise NotSignedIn
    return Nothing()


def credential(incoming: Incoming) -> Presented | None:
    token = incoming.fields.get("token")
    claimed = incoming.fields.get("userId")
    if not isinstance(token, str):
        return None
    return Presented(scheme="token", token=token, claimed_ids=(str(claimed),) if claimed is not None else ())


ENDPOINTS = (
    Endpoint("/toy/order", Order, Ordered, order, summary="Order", source_id="toy-order", aliases=("/toy/buy",)),
    Endpoint("/toy/item", Item, Shown, show, method="GET", access=PUBLIC, summary="Look", source_id="toy-item"),
    Endpoint(
        "/toy/items/{item_id}", Item, Shown, show, method="GET", access=OPTIONAL, summary="Look", source_id="toy-items"
    ),
    Endpoint("/toy/rare", Nothing, Nothing, nothing, limit=per_minute(3), summary="Rare", source_id="toy-rare"),
    Endpoint(
        "/toy/login",
        Nothing,
        Nothing,
        nothing,
        access=PUBLIC,
        limit=per_minute(3, shared=True),
        summary="Come in",
        source_id="toy-login",
    ),
    Endpoint(
        "/toy/notify",
        RawRequest,
        Nothing,
        notify,
        access=PROVIDER,
        envelope=NoticeEnvelope(),
        summary="Be told",
        source_id="toy-notify",
    ),
)


def encode(event: object) -> bytes | None:
    if isinstance(event, (Happened, Liked)):
        return write_json({"type": type(event).__name__.lower(), "data": {"text": event.text}})
    return None


def answer(kind: str, frame_id: object, reply: object) -> bytes:
    return write_json({"type": kind, "id": frame_id, "data": reply})


def refuse(error: EngineError, frame_id: object, language: Language) -> bytes:
    return write_json({"type": "error", "id": frame_id, "error": error.code})


def reason(error: EngineError, language: Language) -> str:
    return Said("鉴权失败", "not let in").to(language)


DIALECT = SocketDialect(
    path="/toy/ws",
    summary="Hear and say",
    source_id="toy-ws",
    encode=encode,
    events={"happened": Happened, "liked": Liked},
    answer=answer,
    refuse=refuse,
    reason=reason,
    commands={"order": Command(Order, Ordered, order, summary="Order")},
)

OPENING = replace(
    DIALECT,
    path="/toy/begin",
    aliases=("/toy/begin/{word}",),
    source_id="toy-begin",
    opening=Opening(
        Whence, begin, summary="Where it stood", ended=lambda caller: caller.engine.ended.append(caller.request_id)
    ),
)

TOY = Surface(
    name="toy",
    title="Toy",
    prefixes=("/toy",),
    envelope=ToyEnvelope(),
    credential=credential,
    security={"token": {"type": "apiKey", "in": "query", "name": "token"}},
    endpoints=ENDPOINTS,
    sockets=(DIALECT, OPENING),
)

PLAY = Surface(
    name="play",
    title="Play",
    prefixes=("/toy/play", "/toyota"),
    envelope=PLAIN,
    credential=token_in("token"),
    endpoints=(Endpoint("/toyota/none", Nothing, Nothing, nothing, summary="None", source_id="play-none"),),
)


@dataclass(frozen=True)
class ToyConfig:
    header_bytes_max: int = 16_384
    idle_timeout_ms: int = 5_000


class Toy:
    """A whole wire around a toy engine, with everything that can be looked at or set from outside."""

    def __init__(self, *, policy: HttpPolicy | None = None, limits: SocketLimits | None = None, shared=None) -> None:
        self.clock = ManualClock()
        self.log = RecordingLog()
        self.engine = ToyEngine()
        self.presence: list[tuple[object, ...]] = []
        self.is_ready = True
        self.metrics = b"greenroom_toys 1\n"
        self.presented: list[Presented] = []
        limiter = Limiter(self.clock, shared=shared)
        admission = Admission(
            engine=self.engine, authenticate=self.authenticate, limiter=limiter, default_limit=per_second(20, burst=40)
        )
        self.hub = Hub(clock=self.clock, log=self.log, limits=limits or SocketLimits(), presence=self)
        self.door = Door(
            (TOY, PLAY),
            admissions={"toy": admission, "play": admission},
            probes=probes(
                ready=self.ready,
                version={"version": "0"},
                metrics=lambda: self.metrics,
                documents={"/openapi.json": {"openapi": "3.1.0"}},
            ),
            hub=self.hub,
            clock=self.clock,
            rng=SeededRng(),
            log=self.log,
            policy=policy or HttpPolicy(body_bytes_max=64 * 1024, trusted_proxies=frozenset({"10.0.0.1"})),
        )

    async def authenticate(self, presented: Presented) -> Person:
        self.presented.append(presented)
        if presented.token == "banned":
            raise Banned
        if presented.token == "buggy":
            raise RuntimeError("canary-in-authenticate")
        if not presented.token.startswith("t-"):
            raise NotSignedIn
        return Person(int(presented.token[2:]))

    async def ready(self) -> dict[str, bool]:
        return {"store": self.is_ready}

    def person_connected(self, person_id: int, *, at_mono_ms: int) -> None:
        self.presence.append(("here", person_id, at_mono_ms))

    def person_disconnected(self, person_id: int, *, at_mono_ms: int, heard_at_mono_ms: int) -> None:
        self.presence.append(("gone", person_id, at_mono_ms, heard_at_mono_ms))

    def server(self, sock) -> HTTPServer:
        server = HTTPServer(self.door, **server_options(ToyConfig()))
        server.add_socket(sock)
        return server


@asynccontextmanager
async def serving(toy: Toy) -> AsyncIterator[int]:
    """A real server around ``toy`` on a loopback port."""
    sock, port = bind_unused_port()
    server = toy.server(sock)
    try:
        yield port
    finally:
        server.stop()
        toy.hub.drain(retry_after_s=1)
        async with asyncio.timeout(10):
            await server.close_all_connections()


async def exchange(port: int, request: bytes, *, deadline_s: float = 20.0) -> bytes:
    """Send ``request`` as it is, and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(deadline_s):
            return await reader.read()
    finally:
        writer.close()
