"""Bodies too large to hold: who waits for whom, and what a client gets to read when it is told no."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from engine.errors import BadInput, Forbidden, StoreDown
from handlers.wire.access import PUBLIC, Caller, Presented
from handlers.wire.http import LINGER_MS, STREAM_BYTES_PER_S_MIN, STREAMS_END_MS, SWALLOWED_BYTES_MAX
from handlers.wire.limits import per_minute
from handlers.wire.streams import Streamed, StreamedRequest
from handlers.wire.surface import Endpoint, RawRequest, Surface
from tests.surfaces.wire.toy import TOY, Nothing, Toy, ToyEnvelope, exchange, serving

BYTES_MAX = 1_000_000
PIECE = b"p" * 100_000


class Bulk:
    """Takes bodies and gives them, as slowly as a test wants."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended: list[str] = []
        self.refused: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.given = 0
        self.pieces_count = 3
        self.fails_at: int | None = None
        self.length: int | None = None

    async def take(self, caller: Caller, wanted: StreamedRequest) -> Nothing:
        if self.refused is not None:
            raise self.refused
        try:
            async for piece in wanted.body:
                self.pieces.append(piece)
                await self.gate.wait()
        except Exception as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("whole")
        return Nothing()

    async def stop_early(self, caller: Caller, wanted: StreamedRequest) -> Nothing:
        async for piece in wanted.body:
            self.pieces.append(piece)
            raise BadInput("enough")
        return Nothing()

    async def give(self, caller: Caller, wanted: RawRequest) -> Streamed:
        length = self.pieces_count * len(PIECE) if self.length is None else self.length
        headers = (("Cache-Control", "immutable"), ("ETag", '"e"'))
        return Streamed(status=200, content_type="video/mp4", length=length, body=self.body(), headers=headers)

    async def body(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self.pieces_count):
                await self.gate.wait()
                if number == self.fails_at:
                    raise StoreDown
                self.given += 1
                yield PIECE
        finally:
            self.ended.append("closed")

    async def nothing_new(self, caller: Caller, wanted: RawRequest) -> Streamed:
        return Streamed(status=304, headers=(("ETag", '"e"'),))

    def surface(self) -> Surface:
        def take(path: str, action, **how) -> Endpoint:
            return Endpoint(
                path, StreamedRequest, Nothing, action, summary="Take", source_id=path, body_bytes_max=BYTES_MAX, **how
            )

        def give(path: str, action) -> Endpoint:
            return Endpoint(
                path, RawRequest, Streamed, action, method="GET", access=PUBLIC, summary="Give", source_id=path
            )

        return Surface(
            name="bulk",
            title="Bulk",
            prefixes=("/bulk",),
            envelope=ToyEnvelope(),
            credential=lambda incoming: (
                Presented(scheme="token", token=incoming.headers["X-Token"]) if "X-Token" in incoming.headers else None
            ),
            endpoints=(
                take("/bulk/take", self.take),
                take("/bulk/rare", self.take, access=PUBLIC, limit=per_minute(1)),
                take("/bulk/early", self.stop_early, access=PUBLIC),
                give("/bulk/give", self.give),
                give("/bulk/same", self.nothing_new),
            ),
        )


@asynccontextmanager
async def bulk_served(**how) -> AsyncIterator[tuple[Toy, Bulk, int]]:
    toy, bulk = Toy(**how), Bulk()
    toy.door.offer((TOY, bulk.surface()), admissions={**toy.door.admissions, "bulk": toy.door.admissions["toy"]})
    async with serving(toy) as port:
        yield toy, bulk, port


def head(path: str = "/bulk/take", *, length: int | None = None, more: str = "X-Token: t-1\r\n") -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{size}\r\n{more}\r\n".encode()


class Line:
    """A client that does one thing at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, what: bytes) -> None:
        self.writer.write(what)
        async with asyncio.timeout(5):
            await self.writer.drain()

    async def headers(self) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def reply(self) -> tuple[str, bytes]:
        """Headers, and the body that they announce."""
        headers = await self.headers()
        length = int(headers.lower().split("content-length: ")[1].split("\r\n")[0])
        async with asyncio.timeout(5):
            return headers, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.read()


@asynccontextmanager
async def line(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def error_of(reply: bytes) -> str:
    return reply.partition(b'"error":"')[2].partition(b'"')[0].decode()


# --- in ---------------------------------------------------------------------------------------------------------------


@pytest.mark.real_loop
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_comes_in_pieces_and_is_all_there(is_chunked):
    sent = bytes(range(256)) * 2_000
    async with bulk_served() as (_, bulk, port), line(port) as client:
        if is_chunked:
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (sent[:300_000], sent[300_000:]))
            await client.say(head() + chunks + b"0\r\n\r\n")
        else:
            await client.say(head(length=len(sent)) + sent)
        _, reply = await client.reply()

        assert b'"code":0' in reply
        assert b"".join(bulk.pieces) == sent
        assert len(bulk.pieces) > 2
        assert max(map(len, bulk.pieces)) <= 64 * 1024
        assert bulk.ended == ["whole"]
        # The line is good for another one.
        await client.say(head(length=2) + b"hi")
        assert b'"code":0' in (await client.reply())[1]


@pytest.mark.real_loop
async def test_a_client_is_read_from_no_faster_than_the_action_reads():
    async with bulk_served() as (_, bulk, port), line(port) as client:
        bulk.gate.clear()
        await client.say(head(length=BYTES_MAX) + b"x" * 300_000)
        await until(lambda: bulk.pieces)
        for _ in range(50):
            await asyncio.sleep(0)

        assert len(bulk.pieces) == 1

        bulk.gate.set()
        await client.say(b"x" * (BYTES_MAX - 300_000))
        assert b'"code":0' in (await client.reply())[1]
        assert sum(map(len, bulk.pieces)) == BYTES_MAX


@pytest.mark.real_loop
@pytest.mark.parametrize(
    ("more", "refused", "error"),
    [
        ("", None, "NOT_SIGNED_IN"),
        ("X-Token: banned\r\n", None, "BANNED"),
        ("X-Token: t-1\r\n", Forbidden("no"), "FORBIDDEN"),
        ("X-Token: t-1\r\n", RuntimeError("canary"), "INTERNAL"),
    ],
)
async def test_who_may_not_send_learns_it_before_he_has_sent_anything(more, refused, error):
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        bulk.refused = refused
        await client.say(head(length=BYTES_MAX, more=more))
        headers, reply = await client.reply()

        assert error_of(reply) == error
        assert "Connection: close" in headers
        assert bulk.pieces == []
        if error == "INTERNAL":
            toy.log.take("request_failed")
            assert b"canary" not in reply


@pytest.mark.real_loop
async def test_who_asks_first_is_told_to_go_on_only_when_somebody_listens():
    expect = "X-Token: t-1\r\nExpect: 100-continue\r\n"
    async with bulk_served() as (_, bulk, port):
        async with line(port) as client:
            await client.say(head(length=2, more=expect))
            assert (await client.headers()).startswith("HTTP/1.1 100")
            await client.say(b"hi")
            assert b'"code":0' in (await client.reply())[1]

        bulk.refused = Forbidden("no")
        async with line(port) as client:
            await client.say(head(length=2, more=expect))
            headers, reply = await client.reply()

            assert headers.startswith("HTTP/1.1 200")
            assert error_of(reply) == "FORBIDDEN"
            assert await client.rest() == b""


@pytest.mark.real_loop
async def test_who_sends_all_of_it_first_gets_to_read_that_it_was_refused():
    async with bulk_served() as (_, bulk, port):
        whole = await exchange(port, head(length=BYTES_MAX, more="") + b"x" * BYTES_MAX)

        assert error_of(whole) == "NOT_SIGNED_IN"
        assert bulk.pieces == []


@pytest.mark.real_loop
async def test_a_body_declared_too_long_is_refused_at_once():
    async with bulk_served() as (_, bulk, port), line(port) as client:
        await client.say(head(length=10**15))
        _, reply = await client.reply()

        assert error_of(reply) == "TOO_LONG"
        assert bulk.pieces == []


@pytest.mark.real_loop
async def test_a_body_that_gets_too_long_is_refused_when_it_does():
    async with bulk_served() as (_, bulk, port), line(port) as client:
        await client.say(head() + b"%x\r\n" % (2 * BYTES_MAX) + b"x" * (BYTES_MAX + 1))
        _, reply = await client.reply()

        assert error_of(reply) == "TOO_LONG"
        assert bulk.ended == ["BodyTooLarge"]
        assert sum(map(len, bulk.pieces)) <= BYTES_MAX


@pytest.mark.real_loop
async def test_an_action_that_has_had_enough_is_answered_while_the_rest_still_comes():
    async with bulk_served() as (_, bulk, port):
        whole = await exchange(port, head("/bulk/early", length=BYTES_MAX) + b"x" * BYTES_MAX)

        assert error_of(whole) == "BAD_INPUT"
        assert len(bulk.pieces) == 1


@pytest.mark.real_loop
async def test_nobody_is_listened_to_for_ever_after_he_has_been_refused():
    async with bulk_served() as (toy, _, port), line(port) as client:
        await client.say(head(more=""))
        await client.reply()
        toy.clock.advance(LINGER_MS)

        assert await client.rest() == b""


@pytest.mark.real_loop
async def test_nobody_is_listened_to_without_end_after_he_has_been_refused():
    async with bulk_served() as (_, _, port), line(port) as client:
        await client.say(head(more=""))
        await client.reply()

        sent_count = 0
        with suppress(ConnectionError):
            while sent_count < 5 * SWALLOWED_BYTES_MAX:
                await client.say(b"100000\r\n" + b"x" * 1024 * 1024 + b"\r\n")
                sent_count += 1024 * 1024

        # And what the kernels hold between us.
        assert SWALLOWED_BYTES_MAX <= sent_count < 5 * SWALLOWED_BYTES_MAX


@pytest.mark.real_loop
async def test_a_limit_counts_before_the_body():
    async with bulk_served() as (_, bulk, port):
        for error in ("", "TOO_MANY_REQUESTS"):
            async with line(port) as client:
                await client.say(head("/bulk/rare", length=2) + (b"hi" if not error else b""))
                assert error_of((await client.reply())[1]) == error

        assert bulk.pieces == [b"hi"]


@pytest.mark.real_loop
@pytest.mark.parametrize("sent", [b"", b"x" * 70_000])
async def test_a_client_that_goes_away_in_the_middle_ends_the_body(sent):
    async with bulk_served() as (toy, bulk, port):
        async with line(port) as client:
            await client.say(head(length=BYTES_MAX) + sent)
            await until(lambda: sum(map(len, bulk.pieces)) == len(sent))

        await until(lambda: bulk.ended)
        await until(lambda: not toy.door.in_flight_count)
        assert bulk.ended == ["BodyCut"]


@pytest.mark.real_loop
async def test_a_sender_of_whom_nothing_is_heard_is_given_up():
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        await client.say(head(length=BYTES_MAX) + b"x")
        await until(lambda: bulk.pieces)
        toy.clock.advance(30_000)
        _, reply = await client.reply()

        assert error_of(reply) == "BAD_INPUT"
        assert bulk.ended == ["BodyTooSlow"]
        assert await client.rest() == b""


@pytest.mark.real_loop
async def test_a_sender_who_drips_is_given_up_however_often_he_drips():
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        await client.say(head(length=BYTES_MAX) + b"x")
        for drip in range(2, 5):
            await until(lambda drip=drip: sum(map(len, bulk.pieces)) == drip - 1)
            toy.clock.advance(9_900)
            await client.say(b"x")
        await until(lambda: sum(map(len, bulk.pieces)) == 4)
        toy.clock.advance(400)

        await until(lambda: bulk.ended)
        assert bulk.ended == ["BodyTooSlow"]


@pytest.mark.real_loop
async def test_a_sender_who_keeps_up_the_least_speed_may_take_as_long_as_it_takes():
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        await client.say(head(length=BYTES_MAX))
        sent = 0
        while sent < BYTES_MAX:
            piece = min(20 * STREAM_BYTES_PER_S_MIN, BYTES_MAX - sent)
            await client.say(b"x" * piece)
            sent += piece
            await until(lambda: sum(map(len, bulk.pieces)) == sent)  # noqa: B023 - asked at once
            toy.clock.advance(20_000)

        assert b'"code":0' in (await client.reply())[1]


@pytest.mark.real_loop
async def test_time_in_which_the_client_waits_for_us_is_not_his():
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        bulk.gate.clear()
        await client.say(head(length=100_000) + b"x" * 100_000)
        await until(lambda: bulk.pieces)
        toy.clock.advance(300_000)
        bulk.gate.set()

        assert b'"code":0' in (await client.reply())[1]


@pytest.mark.real_loop
async def test_a_door_that_closes_does_not_wait_for_streams_without_end():
    async with bulk_served() as (toy, bulk, port), line(port) as sender, line(port) as viewer:
        bulk.pieces_count = 1_000
        viewer.reader._limit = 1
        await sender.say(head(length=BYTES_MAX) + b"x")
        await viewer.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: bulk.pieces and bulk.given)
        toy.door.drain()
        toy.clock.advance(STREAMS_END_MS - 1)
        assert toy.door.in_flight_count == 2
        toy.clock.advance(1)

        async with asyncio.timeout(5):
            await toy.door.drained()
        assert error_of((await sender.reply())[1]) == "DRAINING"
        assert sorted(bulk.ended) == ["Draining", "closed"]
        async with line(port) as late:
            await late.say(head(length=BYTES_MAX) + b"x")
            assert error_of((await late.reply())[1]) == "DRAINING"


# --- out --------------------------------------------------------------------------------------------------------------


@pytest.mark.real_loop
async def test_an_answer_is_given_piece_by_piece_under_its_own_headers():
    async with bulk_served() as (_, bulk, port), line(port) as client:
        await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        headers, body = await client.reply()

        assert body == PIECE * 3
        assert headers.count("Cache-Control") == 1
        assert {"Cache-Control: immutable", "Content-Type: video/mp4", "X-Content-Type-Options: nosniff"} <= set(
            headers.split("\r\n")
        )
        assert bulk.ended == ["closed"]
        await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.reply())[1] == PIECE * 3


@pytest.mark.real_loop
async def test_nothing_is_read_for_who_wants_the_headers_only():
    async with bulk_served() as (_, bulk, port), line(port) as client:
        await client.say(b"HEAD /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        headers = await client.headers()

        assert "Content-Length: 300000" in headers
        assert bulk.given == 0
        await client.say(b"GET /bulk/same HTTP/1.1\r\nHost: x\r\n\r\n")
        headers = await client.headers()
        assert headers.startswith("HTTP/1.1 304")
        assert "Content-Length" not in headers
        assert "Content-Type:" not in headers
        await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.reply())[1] == PIECE * 3


@pytest.mark.real_loop
async def test_no_more_is_read_than_the_client_takes():
    async with bulk_served() as (_, bulk, port), line(port) as client:
        bulk.pieces_count = 1_000
        client.reader._limit = 1  # The least it reads ahead.
        await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: bulk.given)
        before = -1
        while before != bulk.given:
            before = bulk.given
            await asyncio.sleep(0.1)

        # What the kernels hold between us, which is some megabytes.
        assert bulk.given < 150


@pytest.mark.real_loop
async def test_a_client_that_goes_away_ends_the_reading():
    async with bulk_served() as (toy, bulk, port):
        bulk.pieces_count = 1_000
        async with line(port) as client:
            await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.headers()

        await until(lambda: bulk.ended)
        await until(lambda: not toy.door.in_flight_count)
        assert bulk.given < 1_000


@pytest.mark.real_loop
async def test_a_client_that_takes_nothing_is_given_up():
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        bulk.pieces_count = 1_000
        client.reader._limit = 1
        await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        before = -1
        while before != bulk.given:
            before = bulk.given
            await asyncio.sleep(0.1)
        toy.clock.advance(30_000)

        await until(lambda: bulk.ended)
        await until(lambda: not toy.door.in_flight_count)
        assert toy.log.lines[-1].fields["outcome"] == "ok"


@pytest.mark.real_loop
@pytest.mark.parametrize(
    ("fails_at", "length", "outcome"),
    [(1, None, "STORE_UNAVAILABLE"), (None, 400_000, "INTERNAL"), (None, 200_000, "INTERNAL")],
)
async def test_an_answer_that_breaks_off_is_seen_to(fails_at, length, outcome):
    async with bulk_served() as (toy, bulk, port), line(port) as client:
        bulk.fails_at, bulk.length = fails_at, length
        await client.say(b"GET /bulk/give HTTP/1.1\r\nHost: x\r\n\r\n")
        headers = await client.headers()
        body = await client.rest()

        assert set(body) == {PIECE[0]}
        assert len(body) <= (length or 300_000)
        assert f"Content-Length: {length or 300_000}" in headers
        if outcome == "INTERNAL":
            toy.log.take("request_failed")
        assert toy.log.lines[-1].fields["outcome"] == outcome
