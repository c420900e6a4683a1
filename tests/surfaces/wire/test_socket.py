"""Sockets: who gets one, what is said over it, and how it ends."""

import asyncio
import os
import socket as sockets
import struct

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from engine.errors import BelowFloor
from handlers.wire.codec import read_json, write_json
from handlers.wire.http import HttpPolicy
from handlers.wire.limits import per_second
from handlers.wire.outbox import OutboxLimits
from handlers.wire.socket import SocketLimits
from tests.surfaces.wire.toy import Happened, Liked, Toy, exchange, serving

gen_test = pytest.mark.gen_test
real_loop = pytest.mark.real_loop
ORDER = {"type": "order", "id": 1, "data": {"giftId": "7", "amount": 2}}


class Ear:
    """A client's end of a socket."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.is_over = False

    async def hear(self):
        """The next frame as plain values; None when the server has closed."""
        async with asyncio.timeout(20):
            message = await self.connection.read_message()
        self.is_over = message is None
        return None if message is None else read_json(message.encode())

    async def ended(self):
        """(code, reason) once the server has closed; frames before it are skipped."""
        while await self.hear() is not None:
            pass
        return self.connection.close_code, self.connection.close_reason

    async def say(self, frame) -> None:
        await self.connection.write_message(frame if isinstance(frame, str) else write_json(frame).decode())


async def listen(port, token="t-1", *, path="/toy/ws", **headers) -> Ear:
    request = HTTPRequest(f"ws://127.0.0.1:{port}{path}?token={token}", headers=headers)
    ear = Ear(await websocket_connect(request))
    _open.append(ear)
    return ear


_open: list = []  # Clients of the running test, to be closed at its end.


@pytest.fixture(autouse=True)
def _hang_up(request):
    io_loop = request.getfixturevalue("io_loop") if request.node.get_closest_marker("gen_test") else None
    yield

    async def close():
        for ear in _open:
            ear.connection.close()
            while not ear.is_over:
                await ear.hear()

    if io_loop is not None:
        io_loop.run_sync(close)
    _open.clear()


async def until(condition) -> None:
    """Wait until ``condition()`` holds: the other end of a loopback connection has done what it has to."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


@gen_test
@pytest.mark.parametrize("path", ["/toy/ws", "/toy/ws/"])
async def test_what_a_person_is_told_comes_out_in_the_dialects_frames(toy, http_server, http_port, path):
    ear = await listen(http_port, path=path)
    await until(lambda: toy.hub.is_connected(1))

    toy.hub.tell(1, Happened("早上好"))
    toy.hub.tell(2, Happened("not for 1"))
    toy.hub.tell(1, object())
    for person_id in (2, 1):
        toy.hub.tell(person_id, Liked("x"))

    assert await ear.hear() == {"type": "happened", "data": {"text": "早上好"}}
    assert await ear.hear() == {"type": "liked", "data": {"text": "x"}}


@gen_test
async def test_a_command_is_answered_with_its_id(toy, http_server, http_port):
    ear = await listen(http_port)

    await ear.say(ORDER)

    assert (await ear.hear())["data"]["giftId"] == 7
    assert toy.engine.callers[0].person_id == 1


@gen_test
async def test_fields_may_stand_beside_the_type(http_server, http_port):
    ear = await listen(http_port)

    await ear.say({"type": "order", "id": "a", "giftId": 3})
    heard = await ear.hear()

    assert (heard["id"], heard["data"]["giftId"]) == ("a", 3)


@gen_test
@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ({"type": "nonsense", "id": 4}, "NOT_FOUND"),
        ({"type": "order", "id": 4, "data": {}}, "BAD_INPUT"),
        ({"type": "order", "id": 4, "data": {"giftId": {"$gt": 0}}}, "BAD_INPUT"),
        ({"type": "order", "id": 4, "data": {"giftId": 1, "note": "x" * 21}}, "TOO_LONG"),
    ],
)
async def test_a_command_that_is_refused_says_why_and_costs_nothing(toy, http_server, http_port, frame, error):
    ear = await listen(http_port)

    for _ in range(12):
        await ear.say(frame)
        assert await ear.hear() == {"type": "error", "id": 4, "error": error}

    assert toy.hub.is_connected(1)


@gen_test
async def test_a_refusal_and_a_bug_in_an_action_come_out_by_their_code(toy, http_server, http_port):
    ear = await listen(http_port)
    toy.engine.error = BelowFloor(need=2, have=1)
    await ear.say(ORDER)
    refused = await ear.hear()

    toy.engine.error = RuntimeError("canary")
    await ear.say(ORDER)
    bug = await ear.hear()

    assert refused["error"] == "INSUFFICIENT_BALANCE"
    assert bug == {"type": "error", "id": 1, "error": "INTERNAL"}
    assert toy.log.take("socket_failed")


@gen_test
@pytest.mark.parametrize(
    ("token", "code"), [("", 4001), ("nobody", 4001), ("banned", 4003), ("t-1&userId=2", 4003), ("buggy", 1011)]
)
async def test_who_may_not_have_a_socket_is_told_by_the_close_code(toy, http_server, http_port, token, code):
    ear = await listen(http_port, token)

    assert (await ear.ended())[0] == code
    assert toy.hub.people_count == 0
    assert toy.presence == []
    if token == "buggy":
        toy.log.take("socket_failed")


@gen_test
async def test_the_reason_is_in_the_language_of_the_client(http_server, http_port):
    zh = await listen(http_port, "nobody")
    en = await listen(http_port, "nobody", **{"Accept-Language": "en"})

    assert await zh.ended() == (4001, "鉴权失败")
    assert await en.ended() == (4001, "not let in")


@gen_test
async def test_the_query_that_nobody_may_read_is_bad_input(http_server, http_port):
    with pytest.raises(HTTPClientError) as refused:
        await listen(http_port, "t-1&token=t-2")

    assert refused.value.code == 400
    assert read_json(refused.value.response.body)["error"] == "BAD_INPUT"


@gen_test
@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (None, True),
        ("https://ours.com", True),
        ("http://{host}", True),
        ("https://evil.com", False),
        ("null", False),
        ("https://ours.com.evil", False),
        ("https://evil-ours.com", False),
        ("http://[", False),
    ],
)
async def test_a_page_of_a_foreign_origin_gets_no_socket(io_loop, origin, is_allowed):
    toy = Toy(policy=HttpPolicy(origins=frozenset({"https://ours.com"})))

    async with serving(toy) as port:
        headers = {"Origin": origin.format(host=f"127.0.0.1:{port}")} if origin else {}
        if is_allowed:
            ear = await listen(port, **headers)
            await until(lambda: toy.hub.is_connected(1))
            ear.connection.close()
        else:
            with pytest.raises(HTTPClientError) as refused:
                await listen(port, **headers)
            assert refused.value.code == 403
            assert read_json(refused.value.response.body)["error"] == "FORBIDDEN"
            assert toy.presented == []


@gen_test
async def test_a_plain_request_to_a_socket_is_told_so_in_the_envelope(client):
    status, _, reply = await client.get("/toy/ws?token=t-1")

    assert (status, reply["error"]) == (426, "BAD_INPUT")


BAD_FRAMES = [
    "hello",
    "{",
    "[1]",
    "7",
    '{"id":1}',
    '{"type":7}',
    '{"type":"order","id":{}}',
    '{"type":"order","data":[]}',
]


@gen_test
@pytest.mark.parametrize("frame", [*BAD_FRAMES, '{"type":"order","type":"order"}', '{"type":"order","data":{"x":NaN}}'])
async def test_a_frame_that_is_none_gets_an_error_and_ten_in_a_row_the_end(toy, http_server, http_port, frame):
    ear = await listen(http_port)

    for _ in range(10):
        await ear.say(frame)

    assert [await ear.hear() for _ in range(9)] == 9 * [{"type": "error", "id": None, "error": "BAD_INPUT"}]
    assert (await ear.ended())[0] == 1008


@gen_test
async def test_a_binary_frame_and_one_over_the_limit_get_an_error(toy, http_server, http_port):
    ear = await listen(http_port)

    await ear.connection.write_message(b"{}", binary=True)
    await ear.say('{"type":"' + "x" * 65_536 + '"}')
    heard = [await ear.hear(), await ear.hear()]
    await ear.say(ORDER)

    assert [frame["error"] for frame in heard] == ["BAD_INPUT", "TOO_LONG"]
    assert (await ear.hear())["type"] == "order"


@gen_test
async def test_one_good_frame_makes_up_for_nine_bad_ones(toy, http_server, http_port):
    ear = await listen(http_port)

    for _ in range(3):
        for _ in range(9):
            await ear.say("bad")
            await ear.hear()
        toy.clock.advance(1_000)
        await ear.say(ORDER)
        assert (await ear.hear())["type"] == "order"


@gen_test
async def test_a_frame_far_over_the_limit_ends_the_socket(http_server, http_port):
    ear = await listen(http_port)

    await ear.say("x" * 300_000)

    assert (await ear.ended())[0] in (1009, 1006, None)


@gen_test
async def test_a_connection_may_only_talk_so_fast(io_loop):
    toy = Toy(limits=SocketLimits(frames=per_second(1, burst=2)))

    async with serving(toy) as port:
        ear = await listen(port)
        for _ in range(3):
            await ear.say(ORDER)
        heard = [await ear.hear() for _ in range(3)]
        toy.clock.advance(1_000)
        await ear.say(ORDER)
        later = await ear.hear()

    assert [frame["type"] for frame in heard] == ["order", "order", "error"]
    assert heard[2]["error"] == "TOO_MANY_REQUESTS"
    assert later["type"] == "order"


@gen_test
async def test_the_first_and_the_last_socket_of_a_person_are_news(toy, http_server, http_port):
    opened_at_ms = toy.clock.now_ms
    one = await listen(http_port)
    two = await listen(http_port)
    await until(lambda: toy.hub.sockets_count == 2)
    toy.clock.advance(400)

    one.connection.close()
    await until(lambda: toy.hub.sockets_count == 1)
    during = list(toy.presence)
    two.connection.close()
    await until(lambda: toy.hub.sockets_count == 0)

    assert during == [("here", 1, opened_at_ms)]
    assert toy.presence[1:] == [("gone", 1, opened_at_ms + 400, opened_at_ms)]
    assert toy.hub.people_count == 0


@gen_test
async def test_one_socket_more_than_a_person_may_have_replaces_the_oldest(io_loop):
    toy = Toy(limits=SocketLimits(per_person_max=2))

    async with serving(toy) as port:
        first = await listen(port)
        await until(lambda: toy.hub.sockets_count == 1)
        await listen(port)
        await listen(port)

        assert await first.ended() == (4009, "replaced")
        await until(lambda: toy.hub.sockets_count == 2)
    assert [news[0] for news in toy.presence] == ["here", "gone"]


@gen_test
async def test_an_address_may_only_have_so_many_sockets(io_loop):
    toy = Toy(limits=SocketLimits(per_address_max=2))

    async with serving(toy) as port:
        one = await listen(port, "t-1")
        await listen(port, "t-2")
        await until(lambda: toy.hub.sockets_count == 2)
        refused = await listen(port, "t-3")
        ended = await refused.ended()
        one.connection.close()
        await until(lambda: toy.hub.sockets_count == 1)
        await listen(port, "t-3")
        await until(lambda: toy.hub.is_connected(3))

    assert ended == (1013, "too many connections")


@gen_test
async def test_a_handshake_is_rate_limited(io_loop):
    toy = Toy()

    async with serving(toy) as port:
        codes = [(await (await listen(port, "nobody")).ended()) for _ in range(41)]

    assert {code for code, _ in codes[:40]} == {4001}
    assert codes[40] == (1013, "retry_after=1")


@gen_test
async def test_a_person_may_be_put_out_after_hearing_why(toy, http_server, http_port):
    ear = await listen(http_port)
    await until(lambda: toy.hub.is_connected(1))

    toy.hub.tell(1, Happened("banned"))
    toy.hub.close(1, code=4003, reason="封" * 100)
    gone_at_once = not toy.hub.is_connected(1)
    toy.hub.tell(1, Happened("too late"))

    assert gone_at_once
    assert await ear.hear() == {"type": "happened", "data": {"text": "banned"}}
    assert await ear.hear() is None
    assert (ear.connection.close_code, ear.connection.close_reason) == (4003, "封" * 41)


@gen_test
async def test_a_restart_tells_everybody_when_to_come_back_and_lets_nobody_in(toy, http_server, http_port):
    one = await listen(http_port, "t-1")
    two = await listen(http_port, "t-2")
    await until(lambda: toy.hub.people_count == 2)

    toy.hub.drain(retry_after_s=7)

    assert await one.ended() == (1012, "retry_after=7")
    assert await two.ended() == (1012, "retry_after=7")
    late = await listen(http_port, "t-3")
    assert (await late.ended())[0] == 1012


@gen_test
async def test_a_silent_connection_is_asked_and_given_up_after_a_minute(toy, http_server, http_port):
    ear = await listen(http_port)
    await until(lambda: toy.hub.is_connected(1))
    # A client that no longer takes anything from its connection answers no ping either.
    ear.connection.on_message_callback = None
    ear.connection.stream._handle_read = lambda: None
    ear.connection.protocol.stream.io_loop.remove_handler(ear.connection.protocol.stream.fileno())

    toy.clock.advance(60_000)
    still_here = toy.hub.is_connected(1)
    toy.clock.advance(1_000)
    await until(lambda: not toy.hub.is_connected(1))

    assert still_here
    assert toy.presence[-1] == ("gone", 1, 1_061_000, 1_000_000)
    ear.connection.protocol.stream.close()


@gen_test
async def test_a_connection_that_answers_pings_stays(toy, http_server, http_port):
    await listen(http_port)
    await until(lambda: toy.hub.is_connected(1))
    (socket,) = toy.hub._of_person[1]

    for _ in range(8):
        heard_at_ms = socket.heard_at_ms
        toy.clock.advance(25_000)
        await until(lambda: socket.heard_at_ms > heard_at_ms)  # noqa: B023 - called before it changes

    assert toy.hub.is_connected(1)


@gen_test
async def test_an_event_is_encoded_once_for_everybody(toy, http_server, http_port, monkeypatch):
    ears = [await listen(http_port, f"t-{person}") for person in (1, 1, 2, 3)]
    await until(lambda: toy.hub.sockets_count == 4)
    encoded = []
    monkeypatch.setattr("tests.surfaces.wire.toy.write_json", lambda value: encoded.append(value) or write_json(value))
    event = Happened("once")

    for person_id in (1, 2, 3):
        toy.hub.tell(person_id, event)

    for ear in ears:
        assert (await ear.hear())["data"] == {"text": "once"}
    assert len(encoded) == 1


@real_loop
async def test_a_reader_that_does_not_read_is_closed_and_memory_stays_bounded():
    limits = SocketLimits(outbox=OutboxLimits(bytes_max=64 * 1024, frames_max=100_000))
    toy = Toy(limits=limits)
    async with serving(toy) as port:
        reader, writer = await shaken(port, buffer_bytes=4096)
        await until(lambda: toy.hub.is_connected(1))
        (socket,) = toy.hub._of_person[1]
        most_bytes = 0

        for _ in range(2_000):
            toy.hub.tell(1, Happened("x" * 8_000))
            most_bytes = max(most_bytes, socket.outbox.waiting_bytes)
            await asyncio.sleep(0)
            if not toy.hub.is_connected(1):
                break

        assert not toy.hub.is_connected(1)
        assert most_bytes <= 64 * 1024
        frames = await read_frames(reader)
        assert frames[-1] == (0x8, struct.pack(">H", 4008) + b"too slow")
        writer.close()
    assert toy.log.take("socket_closed")["code"] == 4008


@real_loop
async def test_a_reader_that_is_behind_for_too_long_is_closed():
    toy = Toy()
    async with serving(toy) as port:
        _, writer = await shaken(port, buffer_bytes=4096)
        await until(lambda: toy.hub.is_connected(1))
        (socket,) = toy.hub._of_person[1]
        async with asyncio.timeout(20):
            while not socket.outbox.waiting_bytes:
                toy.hub.tell(1, Happened("x" * 30_000))
                await asyncio.sleep(0)

        toy.clock.advance(10_000)
        still_here = toy.hub.is_connected(1)
        toy.clock.advance(1_000)

        assert still_here
        assert not toy.hub.is_connected(1)
        assert toy.log.take("socket_closed")["code"] == 4008
        writer.close()


@real_loop
async def test_what_may_be_lost_is_lost_first_and_the_rest_comes_in_order():
    toy = Toy(limits=SocketLimits(outbox=OutboxLimits(bytes_max=4 * 1024 * 1024, frames_max=10_000)))
    async with serving(toy) as port:
        reader, writer = await shaken(port, buffer_bytes=4096)
        await until(lambda: toy.hub.is_connected(1))

        sent = []
        for number in range(4_000):
            event = Liked(f"{number}" + "x" * 2_000) if number % 2 else Happened(f"{number}")
            toy.hub.tell(1, event)
            if not number % 2:
                sent.append(str(number))
            if number % 50 == 0:
                await asyncio.sleep(0)
        toy.hub.close(1, code=4003, reason="")
        frames = await read_frames(reader)
        writer.close()

    heard = [read_json(payload) for opcode, payload in frames if opcode == 0x1]
    assert [frame["data"]["text"] for frame in heard if frame["type"] == "happened"] == sent
    liked = [int(frame["data"]["text"].rstrip("x")) for frame in heard if frame["type"] == "liked"]
    assert liked == sorted(liked)
    assert toy.hub.dropped_count == 2_000 - len(liked)


# -- frames as they may come from anybody -----------------------------------------------------------------------------


async def shaken(port, *, buffer_bytes=None, token="t-1"):
    """A raw connection after the handshake."""
    sock = sockets.socket()
    if buffer_bytes:
        sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, buffer_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=buffer_bytes or 65_536)
    writer.write(
        f"GET /toy/ws?token={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    return reader, writer


async def read_frames(reader):
    """All frames until the server closes: (opcode, payload)."""
    frames = []
    async with asyncio.timeout(15):
        try:
            while True:
                first, length = await reader.readexactly(2)
                if length == 126:
                    (length,) = struct.unpack(">H", await reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack(">Q", await reader.readexactly(8))
                frames.append((first & 0x0F, await reader.readexactly(length)))
                if frames[-1][0] == 0x8:
                    return frames
        except (asyncio.IncompleteReadError, ConnectionError):
            return frames


def frame(opcode, payload=b"", *, fin=True, masked=True, rsv=0, length=None):
    first = (0x80 if fin else 0) | rsv | opcode
    size = len(payload) if length is None else length
    if size < 126:
        head = struct.pack(">BB", first, size | (0x80 if masked else 0))
    elif size < 65_536:
        head = struct.pack(">BBH", first, 126 | (0x80 if masked else 0), size)
    else:
        head = struct.pack(">BBQ", first, 127 | (0x80 if masked else 0), size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


GOOD = write_json(ORDER)
FATAL_FRAMES = {
    "RSV1": frame(1, GOOD, rsv=0x40),
    "RSV2": frame(1, GOOD, rsv=0x20),
    "RSV3": frame(1, GOOD, rsv=0x10),
    "RSV on a ping": frame(9, rsv=0x40),
    **{f"opcode {opcode}": frame(opcode, GOOD) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "opcode 3 in fragments": frame(3, GOOD, fin=False) + frame(0, b""),
    "text without a mask": frame(1, GOOD, masked=False),
    "a ping without a mask": frame(9, b"x", masked=False),
    "a close without a mask": frame(8, masked=False),
    "a fragment without a mask": frame(1, GOOD[:5], fin=False, masked=False) + frame(0, GOOD[5:]),
    "a last fragment without a mask": frame(1, GOOD[:5], fin=False) + frame(0, GOOD[5:], masked=False),
    "a ping of 126 bytes": frame(9, b"x" * 126),
    "a close of 126 bytes": frame(8, struct.pack(">H", 1000) + b"x" * 124),
    "a fragmented ping": frame(9, b"x", fin=False),
    "a fragmented close": frame(8, struct.pack(">H", 1000), fin=False),
    "a continuation of nothing": frame(0, GOOD),
    "a new message inside another": frame(1, b"{", fin=False) + frame(1, GOOD),
    "bad UTF-8": frame(1, b"\xff\xfe"),
    "cut UTF-8": frame(1, "中".encode()[:2]),
    "an overlong slash": frame(1, b'{"type":"\xc0\xaf"}'),
    "a surrogate in UTF-8": frame(1, b'{"type":"\xed\xa0\x80"}'),
    "a close of one byte": frame(8, b"\x03"),
    **{
        f"close code {code}": frame(8, struct.pack(">H", code))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)
    },
    "a close reason that is not UTF-8": frame(8, struct.pack(">H", 1000) + b"\xff"),
    "a length of 2^63": frame(1, b"", length=2**63),
    "a length of 2^63 - 1": frame(1, b"", length=2**63 - 1),
    "a length over every limit": frame(1, b"", length=2**20),
    "fragments over every limit": b"".join(
        [frame(1, b"x" * 60_000, fin=False), *[frame(0, b"x" * 60_000, fin=False) for _ in range(5)]]
    ),
}


@real_loop
@pytest.mark.parametrize("sent", FATAL_FRAMES.values(), ids=FATAL_FRAMES.keys())
async def test_a_frame_that_is_against_the_protocol_ends_the_connection_and_reaches_nobody(sent):
    toy = Toy()
    async with serving(toy) as port:
        reader, writer = await shaken(port)
        await until(lambda: toy.hub.is_connected(1))

        writer.write(sent)
        frames = await read_frames(reader)
        await until(lambda: not toy.hub.is_connected(1))
        writer.close()
        alive = await exchange(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert toy.engine.wanted == []
    assert all(opcode in (0x8, 0xA) for opcode, _ in frames)
    assert alive.startswith(b"HTTP/1.1 200")


@real_loop
@pytest.mark.parametrize(
    "sent",
    [
        frame(1, GOOD),
        frame(1, GOOD[:9], fin=False) + frame(0, GOOD[9:]),
        frame(1, GOOD[:9], fin=False) + frame(9, b"x") + frame(0, b"", fin=False) + frame(0, GOOD[9:]),
        frame(10, b"unasked") + frame(9, b"x" * 125) + frame(1, GOOD),
        frame(1, GOOD + b" " * 1_000),
        frame(1, GOOD + b" " * 65_000),
    ],
    # What is sent is masked anew each time, and a name must not be.
    ids=["whole", "halves", "a ping between", "a pong before", "spaces behind", "more of them"],
)
async def test_whole_or_in_fragments_a_command_is_one_command(sent):
    toy = Toy()
    async with serving(toy) as port:
        reader, writer = await shaken(port)

        writer.write(sent)
        await until(lambda: toy.engine.wanted)
        writer.write(frame(8, struct.pack(">H", 1000) + b"bye"))
        frames = await read_frames(reader)
        writer.close()

    assert len(toy.engine.wanted) == 1
    assert [payload for opcode, payload in frames if opcode == 0x8] == [struct.pack(">H", 1000)]


@real_loop
@pytest.mark.parametrize("cut", range(0, len(frame(1, GOOD)), 7))
async def test_a_connection_cut_inside_a_frame_is_forgotten(cut):
    toy = Toy()
    async with serving(toy) as port:
        _, writer = await shaken(port)
        await until(lambda: toy.hub.is_connected(1))

        writer.write(frame(1, GOOD)[:cut])
        writer.transport.abort() if cut % 2 else writer.close()
        await until(lambda: not toy.hub.is_connected(1))

    assert toy.engine.wanted == []
    assert toy.hub._address_counts == {}


HANDSHAKE = {
    "Host": "x",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@real_loop
@pytest.mark.parametrize(
    "changed",
    [
        {"Upgrade": None},
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": None},
        {"Sec-WebSocket-Key": None},
        {"Host": None},
        {"Host": "a,b"},
        {"Origin": "https://evil.com"},
    ],
)
async def test_a_handshake_that_is_none_is_refused_in_the_envelope(changed):
    headers = {name: value for name, value in {**HANDSHAKE, **changed}.items() if value is not None}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    toy = Toy()

    async with serving(toy) as port:
        answer = await exchange(port, f"GET /toy/ws?token=t-1 HTTP/1.1\r\n{lines}\r\n{last}".encode())

    assert answer.startswith(b"HTTP/1.1")
    assert b" 101 " not in answer
    assert b'"error":' in answer
    assert toy.presented == []
