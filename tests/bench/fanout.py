"""What it costs to tell a room something: our hub beside other servers, in one run.

::

    python -m tests.bench.fanout [rounds]

A thousand people are in one room; one after another says something, and everybody hears it: 200 bytes of JSON. Ours
takes it as a command of an admitted person, checks and limits it, gives it its position, and tells the room; the peers
pass on what they got. The figure is the server's CPU time per delivered message. Source: performance §1, G-17.

Goals: with 8 messages under way at most 0.6 µs, 40 times less than naive Tornado and 9 times less than ``websockets``;
one at a time at most 4 µs; 99 of 100 deliveries within 15 ms at 20 messages a second; 16 KiB for an idle socket; a
thousand rooms of ten at most a fifth dearer than one of a thousand; 200 readers that never read cost at most 64 MiB,
are closed within 10 s, and nobody else notices.
"""

import asyncio
import gc
import importlib.metadata
import importlib.util
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from adapters.clock import SystemClock, SystemRng
from engine.ports import Position
from handlers.wire.access import Admission, Caller, Presented, token_in
from handlers.wire.codec import write_json
from handlers.wire.http import Door, HttpPolicy, server_options
from handlers.wire.limits import Limiter, per_second
from handlers.wire.socket import Hub, SocketLimits
from handlers.wire.surface import Command, SocketDialect, Surface
from tests.bench.common import alternate, cpu_seconds, keep, median, pin, resident_bytes, serving, show
from tests.bench.crowd import Crowd, masked
from tests.support.fakes import RecordingLog
from tests.surfaces.wire.toy import ToyConfig, ToyEnvelope, answer, reason, refuse

PEOPLE: Final = 1_000
EVENT_BYTES: Final = 200
GOALS: Final = {
    "8 in flight, µs": 0.6,
    "naive Tornado / ours": 40.0,
    "websockets / ours": 9.0,
    "one at a time, µs": 4.0,
    "p99 at 20 a second, ms": 15.0,
    "idle socket, KiB": 16.0,
    "1,000 rooms of 10 / one of 1,000": 1.2,
    "never readers, MiB": 64.0,
    "never readers closed, s": 10.0,
    "p99 of the others, times": 1.5,
}


# --- ours ----------------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """What everybody hears."""

    room_id: str
    from_id: int
    nickname: str
    text: str


class Say(msgspec.Struct):
    text: str


class TellAll(msgspec.Struct):
    """Every room is told something once."""


class Count(msgspec.Struct):
    """How the server is."""


class Counted(msgspec.Struct):
    too_slow: int
    resident: int


class Nothing(msgspec.Struct):
    pass


@dataclass(frozen=True, slots=True)
class Person:
    person_id: int
    sign_in_id: str = ""

    def goes_by(self, claimed: str) -> bool:
        return claimed == str(self.person_id)


class CountingLog(RecordingLog):
    """Remembers how sockets ended, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: Counter[object] = Counter()

    def info(self, event: str, **fields: object) -> None:
        if event == "socket_closed":
            self.ends[fields["code"]] += 1

    warning = info


@dataclass
class Engine:
    """Rooms that people are in from the moment they connect; person 0 is in none."""

    rooms_count: int
    log: CountingLog
    hub: Any = None
    seqs: Counter[str] = field(default_factory=Counter)

    def room_of(self, person_id: int) -> str:
        return f"room_{person_id % self.rooms_count:06}"

    def tell(self, room_id: str, from_id: int, text: str) -> None:
        self.seqs[room_id] += 1
        said = Said(room_id, 10_000_000 + from_id, "somebody", text)
        self.hub.tell_room(room_id, said, position=Position(1, 1_000_000 + self.seqs[room_id]))

    def person_connected(self, person_id: int, *, at_mono_ms: int) -> None:
        if person_id:
            self.hub.enter(person_id, self.room_of(person_id))

    def person_disconnected(self, person_id: int, *, at_mono_ms: int, heard_at_mono_ms: int) -> None:
        if person_id:
            self.hub.leave(person_id, self.room_of(person_id))


async def say(caller: Caller[Engine, Person], wanted: Say) -> Nothing:
    engine = caller.engine
    engine.tell(engine.room_of(caller.person_id), caller.person_id, wanted.text)
    return Nothing()


async def tell_all(caller: Caller[Engine, Person], wanted: TellAll) -> Nothing:
    for number in range(caller.engine.rooms_count):
        caller.engine.tell(f"room_{number:06}", 0, TEXT)
    return Nothing()


async def count(caller: Caller[Engine, Person], wanted: Count) -> Counted:
    gc.collect()
    return Counted(caller.engine.log.ends[4008], resident_bytes())


def encode_at(event: Said, position: Position) -> bytes:
    data = {"roomID": event.room_id, "userID": event.from_id, "nickName": event.nickname, "text": event.text}
    return write_json({"type": "said", "epoch": position.epoch, "seq": position.seq, "data": data})


TEXT: Final = "x" * (
    EVENT_BYTES - len(encode_at(Said("room_000000", 10_000_000, "somebody", ""), Position(1, 1_000_000)))
)
SAY: Final = masked(write_json({"type": "say", "id": 1, "data": {"text": TEXT}}))
TELL_ALL: Final = masked(write_json({"type": "tell_all", "id": 1, "data": {}}))
COUNT: Final = masked(write_json({"type": "count", "id": 1, "data": {}}))
REPLY_BYTES: Final = 2 + len(answer("say", 1, {}))
TOLD_BYTES: Final = 2 + len(answer("tell_all", 1, {}))
FRAME_BYTES: Final = 4 + EVENT_BYTES

# The crowd answers no pings, as it only counts, and the desk asks more often than people may.
LIMITS: Final = SocketLimits(
    per_address_max=100_000, ping_ms=3_600_000, dead_ms=7_200_000, frames=per_second(1_000_000)
)


async def authenticate(presented: Presented) -> Person:
    return Person(int(presented.token[2:]))


def ours(rooms_count: int) -> HTTPServer:
    clock, log = SystemClock(), CountingLog()
    dialect = SocketDialect(
        path="/bench/ws",
        summary="Hear and say",
        source_id="bench-ws",
        encode=lambda _event: None,
        encode_at=encode_at,
        events={"said": Said},
        answer=answer,
        refuse=refuse,
        reason=reason,
        commands={
            "say": Command(Say, Nothing, say, summary="Say"),
            "tell_all": Command(TellAll, Nothing, tell_all, summary="Tell"),
            "count": Command(Count, Counted, count, summary="Count"),
        },
    )
    surface = Surface(
        name="bench",
        title="Bench",
        prefixes=("/bench",),
        envelope=ToyEnvelope(),
        credential=token_in("token"),
        endpoints=(),
        sockets=(dialect,),
    )
    engine = Engine(rooms_count, log)
    engine.hub = Hub(clock=clock, log=log, limits=LIMITS, presence=engine)
    limit = per_second(1_000_000)
    admission: Admission[Any, Any] = Admission(
        engine=engine, authenticate=authenticate, limiter=Limiter(clock), default_limit=limit
    )
    door = Door(
        (surface,),
        admissions={"bench": admission},
        probes={},
        hub=engine.hub,
        clock=clock,
        rng=SystemRng(),
        log=log,
        policy=HttpPolicy(),
    )
    return HTTPServer(door, **server_options(ToyConfig()))


# --- peers: they pass on the 200 bytes that they are given ---------------------------------------------------------


async def serve_ours(rooms_count: int = 1) -> int:
    sock, port = bind_unused_port()
    ours(rooms_count).add_socket(sock)
    return port


async def serve_naive() -> int:
    handlers: set[WebSocketHandler] = set()

    class Chat(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            handlers.add(self)

        def on_message(self, message: str | bytes) -> None:
            for handler in handlers:
                handler.write_message(message)

        def on_close(self) -> None:
            handlers.discard(self)

    sock, port = bind_unused_port()
    HTTPServer(Application([("/ws", Chat)])).add_socket(sock)
    return port


async def serve_websockets() -> int:
    from websockets.asyncio.server import ServerConnection, broadcast, serve  # noqa: PLC0415 - a peer, if there is one

    connections: set[ServerConnection] = set()

    async def chat(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            async for message in connection:
                broadcast(connections, message)
        finally:
            connections.discard(connection)

    server = await serve(chat, "127.0.0.1", 0, compression=None, ping_interval=None)
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def serve_aiohttp() -> int:
    from aiohttp import web  # noqa: PLC0415 - a peer, if there is one

    sockets: set[Any] = set()

    async def chat(request: Any) -> Any:
        one = web.WebSocketResponse(compress=False)
        await one.prepare(request)
        sockets.add(one)
        try:
            async for message in one:
                for other in sockets:
                    await other.send_str(message.data)
        finally:
            sockets.discard(one)
        return one

    application = web.Application()
    application.router.add_get("/ws", chat)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    sock, port = bind_unused_port()
    await web.SockSite(runner, sock).start()
    return port


SERVERS: Final[dict[str, Callable[..., Any]]] = {
    "ours": serve_ours,
    "naive Tornado": serve_naive,
    "websockets": serve_websockets,
    "aiohttp": serve_aiohttp,
}
MESSAGES: Final = {"ours": (3_000, 500), "naive Tornado": (60, 60), "websockets": (300, 300), "aiohttp": (300, 300)}
"""How many are measured, many and one at a time: about as long for each."""


async def serve(name: str, *arguments: str) -> None:
    print(await SERVERS[name](*map(int, arguments)), flush=True)
    await asyncio.Event().wait()


def running(name: str, *arguments: int) -> AbstractContextManager[tuple[int, int]]:
    """(process id, port) of a server of its own."""
    return serving("tests.bench.fanout", name, *arguments)


# --- what is measured ----------------------------------------------------------------------------------------------


def path_at(name: str) -> Callable[[int], str]:
    return (lambda number: f"/bench/ws?token=t-{number}") if name == "ours" else (lambda _: "/ws")


def relay(name: str) -> tuple[bytes, int]:
    """What a member of the crowd says, and how many bytes all of them get for it."""
    if name == "ours":
        return SAY, PEOPLE * FRAME_BYTES + REPLY_BYTES
    return masked(b"x" * EVENT_BYTES), PEOPLE * FRAME_BYTES


def cost(name: str, pid: int, crowd: Crowd, *, in_flight: int) -> float:
    """CPU microseconds of the server per delivery."""
    frame, message_bytes = relay(name)
    messages = MESSAGES[name][in_flight == 1]
    before_s = cpu_seconds(pid)
    crowd.converse(frame, messages=messages, in_flight=in_flight, message_bytes=message_bytes)
    return (cpu_seconds(pid) - before_s) / messages / PEOPLE * 1e6


def asked(crowd: Crowd) -> Counted:
    """What the server says of itself, over the only connection of ``crowd``."""
    crowd.send(COUNT)
    (connection,) = crowd.sockets.values()
    connection.settimeout(30)
    reply = json.loads(connection.recv(4096)[2:])["data"]
    return Counted(**reply)


def idle_kib(*, sockets: int = 5_000) -> float:
    """Memory of the server per socket that only listens, beyond its first hundred."""
    with running("ours") as (_, port):
        desk = Crowd(port, 1, path_of=path_at("ours"), first=0)
        first = Crowd(port, 100, path_of=path_at("ours"))
        before = asked(desk).resident
        others = Crowd(port, sockets, path_of=path_at("ours"), first=101)
        grown = asked(desk).resident - before
        for crowd in (desk, first, others):
            crowd.close()
    return grown / sockets / 1024


def shape(rooms: int, people_each: int, *, rounds: int) -> list[float]:
    """CPU microseconds per delivery when every room is told one thing, and when all have heard it the next."""
    with running("ours", rooms) as (pid, port):
        desk = Crowd(port, 1, path_of=path_at("ours"), first=0)
        crowd = Crowd(port, rooms * people_each, path_of=path_at("ours"))
        people = rooms * people_each
        costs = []
        tellings = 200_000 // people
        for number in range(rounds + 1):
            before_s = cpu_seconds(pid)
            for _ in range(tellings):
                desk.send(TELL_ALL)
                crowd.hear(people * FRAME_BYTES)
                desk.hear(TOLD_BYTES)
            if number:
                costs.append((cpu_seconds(pid) - before_s) / tellings / people * 1e6)
        desk.close()
        crowd.close()
    return costs


def never_readers(*, slow_count: int = 200, told_bytes: int = 10_000_000) -> dict[str, float]:
    """A room with some who never read, told ``told_bytes`` as fast as the others read; beside it the same without."""
    text_bytes = 1_000
    say_much = masked(write_json({"type": "say", "id": 1, "data": {"text": "x" * text_bytes}}))
    frame_bytes = FRAME_BYTES + text_bytes - len(TEXT)
    readers = PEOPLE - slow_count
    figures: dict[str, float] = {}
    for slow in (0, slow_count):
        with running("ours") as (pid, port):
            desk = Crowd(port, 1, path_of=path_at("ours"), first=0)
            crowd = Crowd(port, readers, path_of=path_at("ours"))
            sleepers = Crowd(port, slow, path_of=path_at("ours"), first=readers + 1, receive_bytes=4096)
            before = asked(desk).resident
            most_bytes, closed_after_s = before, 0.0
            took_s: list[float] = []
            began_s = time.monotonic()
            for _ in range(told_bytes // frame_bytes // 100):
                took_s += crowd.converse(
                    say_much, messages=100, in_flight=8, message_bytes=readers * frame_bytes + REPLY_BYTES
                )
                most_bytes = max(most_bytes, resident_bytes(pid))
                if not closed_after_s and asked(desk).too_slow == slow:
                    closed_after_s = time.monotonic() - began_s
            while not closed_after_s and time.monotonic() - began_s < 30:
                time.sleep(0.1)
                if asked(desk).too_slow == slow:
                    closed_after_s = time.monotonic() - began_s
            p99_ms = statistics.quantiles(took_s, n=100)[98] * 1e3
            if slow:
                figures["MiB"] = (most_bytes - before) / 2**20
                figures["closed after, s"] = closed_after_s or float("inf")
                figures["p99 of the others, ms"] = p99_ms
            else:
                figures["MiB without them"] = (most_bytes - before) / 2**20
                figures["p99 without them, ms"] = p99_ms
            for one in (desk, crowd, sleepers):
                one.close()
    return figures


def main(rounds: int) -> None:
    pin(1)
    names = [name for name in SERVERS if name in ("ours", "naive Tornado") or importlib.util.find_spec(name)]
    for name in SERVERS.keys() - names:
        print(f"{name} is not installed, and is left out")
    peers = {name: importlib.metadata.version(name) for name in names if name in ("websockets", "aiohttp")}
    result: dict[str, Any] = {"people": PEOPLE, "event_bytes": EVENT_BYTES, "peers": peers}
    reached: dict[str, float] = {}
    servers = {name: running(name) for name in names}
    crowds: dict[str, tuple[int, Crowd]] = {}
    try:
        for name, server in servers.items():
            pid, port = server.__enter__()
            crowds[name] = (pid, Crowd(port, PEOPLE, path_of=path_at(name)))
        for title, in_flight in (("8 in flight", 8), ("one at a time", 1)):
            subjects = {
                name: lambda name=name, pid=pid, crowd=crowd, in_flight=in_flight: cost(
                    name, pid, crowd, in_flight=in_flight
                )
                for name, (pid, crowd) in crowds.items()
            }
            figures = alternate(subjects, rounds=rounds)
            print(f"-- {title}")
            show(figures, unit="CPU µs", subject="ours")
            result[title] = figures
            reached[f"{title}, µs"] = median(figures["ours"])
            if in_flight > 1:
                for peer in names[1:]:
                    reached[f"{peer} / ours"] = median(figures[peer]) / median(figures["ours"])
        frame, message_bytes = relay("ours")
        took_s = crowds["ours"][1].listen_at(frame, messages=200, per_second=20, message_bytes=message_bytes)
        reached["p99 at 20 a second, ms"] = statistics.quantiles(took_s, n=100)[98] * 1e3
    finally:
        for _, crowd in crowds.values():
            crowd.close()
        for server in servers.values():
            server.__exit__(None, None, None)
    reached["idle socket, KiB"] = idle_kib()
    shapes = {f"{rooms:,} x {people:,}": shape(rooms, people, rounds=rounds) for rooms, people in SHAPES}
    print("-- rooms x people in each, one message in each room at a time")
    show(shapes, unit="CPU µs", subject="1 x 1,000")
    result["shapes"] = shapes
    reached["1,000 rooms of 10 / one of 1,000"] = median(shapes["1,000 x 10"]) / median(shapes["1 x 1,000"])
    slow = result["never readers"] = never_readers()
    reached["never readers, MiB"] = slow["MiB"]
    reached["never readers closed, s"] = slow["closed after, s"]
    reached["p99 of the others, times"] = slow["p99 of the others, ms"] / slow["p99 without them, ms"]
    for goal, value in reached.items():
        if goal not in GOALS:
            print(f"{goal:36} {value:10.2f}")
            continue
        is_met = value >= GOALS[goal] if goal.endswith("/ ours") else value <= GOALS[goal]
        print(f"{goal:36} {value:10.2f} (goal {GOALS[goal]}) {'ok' if is_met else 'MISS'}")
    keep("fanout", {**result, "reached": reached, "goals": GOALS})


SHAPES: Final = ((1, 1_000), (10, 1_000), (1_000, 10))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        pin(0)
        asyncio.run(serve(*sys.argv[2:]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
