"""What a call costs, without a store and with one read: our stack beside Tornado's own ways to answer the same request.

::

    python -m tests.bench.rest [rounds]

Every server gets the same POST (a token and four fields as JSON) over 64 kept connections and answers some 300 bytes of
JSON. Ours reads, admits, limits, validates and wraps; the peers only answer. The figure is the server's CPU time per
request. Goals: ours at most 1.25 times the lean ``RequestHandler``; with one read of MongoDB, at most 1.1 times the
lean one with motor. Source: performance §2.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import motor.motor_tornado
import msgspec
import ujson
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from adapters.clock import SystemClock, SystemRng
from adapters.embedded import EmbeddedStores
from handlers.wire.access import Admission, Presented, token_in
from handlers.wire.fields import Amount, Id, text
from handlers.wire.http import Door, HttpPolicy, server_options
from handlers.wire.limits import Limiter, per_second
from handlers.wire.socket import Hub, SocketLimits
from handlers.wire.surface import Endpoint, Surface
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Role
from store.mongo.connection import Mongo
from store.mongo.people import MongoPeople
from tests.bench.common import alternate, cpu_seconds, keep, median, pin, show
from tests.support.fakes import RecordingLog
from tests.surfaces.wire.toy import ToyConfig, ToyEnvelope

CONNECTIONS: Final = 64
DATABASE: Final = "bench"
REQUESTS: Final = 10_000
GOAL: Final = 1.25
READING_GOAL: Final = 1.1
PERSON_ID: Final = PersonId(10_001)
BODY: Final = b'{"token":"0123456789abcdef0123456789abcdef","targetUserId":"1001","giftId":7,"amount":3,"note":"hello"}'
REQUEST: Final = (
    b"POST /app/live/sendGift HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
NOTE: Final = "x" * 200


class SendGift(msgspec.Struct, rename="camel"):
    target_user_id: Id
    gift_id: Id
    amount: Annotated[int, msgspec.Meta(ge=1, le=9_999)] = 1
    note: Annotated[str, text(100)] = ""


class GiftSent(msgspec.Struct, rename="camel"):
    diamond: str
    record_id: Amount
    note: str


@dataclass(frozen=True, slots=True)
class Person:
    person_id: int
    sign_in_id: str = ""

    def goes_by(self, claimed: str) -> bool:
        return claimed == str(self.person_id)


async def send_gift(caller, wanted: SendGift) -> GiftSent:
    return GiftSent(diamond=str(wanted.amount), record_id=caller.person_id, note=NOTE)


async def read_and_send(caller, wanted: SendGift) -> GiftSent:
    person = await caller.engine.get(PERSON_ID)
    return GiftSent(diamond=str(wanted.amount), record_id=person.id, note=person.nickname)


async def authenticate(presented: Presented) -> Person:
    return PEOPLE[presented.token]


PEOPLE: Final = {"0123456789abcdef0123456789abcdef": Person(1)}


class QuietLog(RecordingLog):
    """Takes lines and forgets them: the peers write none."""

    def info(self, event: str, **fields: object) -> None:
        pass


def ours(*, log_every_count: int, action: Any = send_gift, engine: Any = None) -> Any:
    clock, log = SystemClock(), QuietLog()
    endpoint = Endpoint("/app/live/sendGift", SendGift, GiftSent, action, summary="Gift", source_id="gift")
    surface = Surface(
        name="bench",
        title="Bench",
        prefixes=("/app",),
        envelope=ToyEnvelope(),
        credential=token_in("token"),
        endpoints=(endpoint,),
    )
    limit = per_second(1_000_000)
    admission = Admission(engine=engine, authenticate=authenticate, limiter=Limiter(clock), default_limit=limit)
    door = Door(
        (surface,),
        admissions={"bench": admission},
        probes={},
        hub=Hub(clock=clock, log=log, limits=SocketLimits()),
        clock=clock,
        rng=SystemRng(),
        log=log,
        policy=HttpPolicy(log_every_count=log_every_count),
    )
    return HTTPServer(door, **server_options(ToyConfig()))


def ours_reading(uri: str) -> Any:
    mongo = Mongo(uri, DATABASE, read_deadline_ms=2_000, money_deadline_ms=5_000)
    return ours(log_every_count=100, action=read_and_send, engine=MongoPeople(mongo))


def lean_with_motor(uri: str) -> HTTPServer:
    people: Any = motor.motor_tornado.MotorClient(uri)[DATABASE]["people"]

    class LeanWithMotor(Lean):
        async def post(self):
            fields = ujson.loads(self.request.body)
            person = await people.find_one({"_id": PERSON_ID})
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            reply = {
                "code": 0,
                "message": "ok",
                "request_id": "0123456789abcdef",
                "diamond": str(fields["amount"]),
                "note": person["nickname"],
            }
            self.finish(ujson.dumps(reply))

    return handler(LeanWithMotor)


class Default(RequestHandler):
    def post(self):
        self.write({"code": 0, "message": "ok", "request_id": "0123456789abcdef", "diamond": "3", "note": NOTE})


class Lean(RequestHandler):
    def compute_etag(self):
        return None

    def post(self):
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(
            ujson.dumps({"code": 0, "message": "ok", "request_id": "0123456789abcdef", "diamond": "3", "note": NOTE})
        )


class LeanReading(Lean):
    def post(self):
        fields = ujson.loads(self.request.body)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        reply = {
            "code": 0,
            "message": "ok",
            "request_id": "0123456789abcdef",
            "diamond": str(fields["amount"]),
            "note": NOTE,
        }
        self.finish(ujson.dumps(reply))


def handler(kind: type[RequestHandler]) -> HTTPServer:
    return HTTPServer(Application([("/app/live/sendGift", kind)], log_function=lambda _: None))


def bare() -> HTTPServer:
    def answer(request: HTTPServerRequest) -> None:
        body = ujson.dumps({"code": 0, "message": "ok", "request_id": "0", "diamond": "3", "note": NOTE}).encode()
        headers = HTTPHeaders({"Content-Type": "application/json", "Content-Length": str(len(body))})
        assert request.connection is not None
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, body)
        request.connection.finish()

    return HTTPServer(answer)


SERVERS: Final[dict[str, Callable[[str], HTTPServer]]] = {
    "ours": lambda _uri: ours(log_every_count=100),
    "ours, a line for each": lambda _uri: ours(log_every_count=1),
    "lean RequestHandler": lambda _uri: handler(Lean),
    "lean RequestHandler that reads": lambda _uri: handler(LeanReading),
    "default RequestHandler": lambda _uri: handler(Default),
    "bare HTTPServer callback": lambda _uri: bare(),
    "ours, one read": ours_reading,
    "lean with motor, one read": lean_with_motor,
}


async def keep_stores() -> None:
    """A mongod with one person in it, for as long as this process lives; prints its address."""
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedStores(Path(folder), with_redis=False) as stores:
            mongo = Mongo(stores.mongo_uri, DATABASE, read_deadline_ms=2_000, money_deadline_ms=5_000)
            await MongoPeople(mongo).add(
                PersonRecord(
                    id=PERSON_ID,
                    surface="bench",
                    external_id="bench",
                    role=Role.GUEST,
                    created_at_ms=0,
                    nickname=NOTE,
                )
            )
            print(stores.mongo_uri, flush=True)
            await asyncio.Event().wait()


async def serve(name: str, uri: str) -> None:
    sock, port = bind_unused_port()
    server = SERVERS[name](uri)
    server.add_socket(sock)
    print(port, flush=True)
    await asyncio.Event().wait()


class Asker(asyncio.Protocol):
    """One kept connection: asks, and asks again when it has been answered."""

    def __init__(self, left: list[int], done: asyncio.Future) -> None:
        self.left = left
        self.done = done
        self.buffer = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        if b" 200 " not in head or NOTE.encode() not in body:
            raise AssertionError(self.buffer)
        self.buffer = b""
        self.left[0] -= 1
        if self.left[0] >= 0:
            self.transport.write(REQUEST)
        elif not self.done.done():
            self.done.set_result(None)


async def ask(port: int, requests_count: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = [requests_count]
    transports = [
        (await loop.create_connection(lambda: Asker(left, done), "127.0.0.1", port))[0] for _ in range(CONNECTIONS)
    ]
    async with asyncio.timeout(60):
        await done
    for transport in transports:
        transport.abort()


def measure(process: subprocess.Popen, port: int) -> float:
    """CPU microseconds of the server per request."""
    before_s = cpu_seconds(process.pid)
    asyncio.run(ask(port, REQUESTS))
    return (cpu_seconds(process.pid) - before_s) / REQUESTS * 1e6


def main(rounds: int) -> None:
    pin(1)
    running = {}
    store = subprocess.Popen([sys.executable, "-m", "tests.bench.rest", "stores"], stdout=subprocess.PIPE, text=True)
    assert store.stdout is not None
    uri = store.stdout.readline().strip()
    try:
        for name in SERVERS:
            command = [sys.executable, "-m", "tests.bench.rest", "serve", name, uri]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            running[name] = (process, int(process.stdout.readline()))
        subjects = {name: lambda one=one: measure(*one) for name, one in running.items()}
        figures = alternate(subjects, rounds=rounds)
    finally:
        store.kill()
        for process in (store, *(process for process, _ in running.values())):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    show(figures, unit="CPU µs", subject="lean RequestHandler")
    ratio = median(figures["ours"]) / median(figures["lean RequestHandler"])
    print(f"ours / lean RequestHandler: {ratio:.2f} (goal {GOAL}) {'ok' if ratio <= GOAL else 'MISS'}")
    reading = median(figures["ours, one read"]) / median(figures["lean with motor, one read"])
    verdict = "ok" if reading <= READING_GOAL else "MISS"
    print(f"ours / lean with motor, one read: {reading:.2f} (goal {READING_GOAL}) {verdict}")
    keep(
        "rest",
        {
            "unit": "CPU µs per request",
            "requests": REQUESTS,
            "figures": figures,
            "ratio": ratio,
            "goal": GOAL,
            "ratio_with_one_read": reading,
            "goal_with_one_read": READING_GOAL,
        },
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        pin(0)
        asyncio.run(serve(sys.argv[2], sys.argv[3]))
    elif sys.argv[1:2] == ["stores"]:
        asyncio.run(keep_stores())
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
