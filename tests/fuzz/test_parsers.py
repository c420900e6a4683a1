"""Hundreds of thousands of broken inputs on everything that reads what strangers send: no crash, and none takes long.

Inputs are good ones, cut, spliced, repeated and bent by a seeded generator; the same seed gives the same inputs. A
parser may refuse in its own words, and do nothing else. ``GREENROOM_FUZZ_INPUTS`` asks for more (a long run: 20
million), ``GREENROOM_FUZZ_SEED`` for others. Source: G-19, F-19 … F-21.
"""

import asyncio
import contextlib
import json
import os
import random
import time
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final

import pytest
from tornado.iostream import StreamClosedError
from tornado.websocket import _WebSocketParams

from adapters.user_sig import ESCAPES, UserSig
from adapters.wechat_pay import DEV_APP_ID, DEV_MERCHANT_ID, DevPay, signature
from engine.errors import BadInput, EngineError, Forbidden
from handlers.calls.access import app_token, utils_token, weapp_pair
from handlers.wire.access import Incoming, bearer, client_address, origin_allowed, token_in
from handlers.wire.codec import read_body, read_json, read_pairs
from handlers.wire.language import choose
from handlers.wire.socket import _StrictProtocol, read_typed
from handlers.wire.surface import Endpoint
from tests.conformance.cases import CASES
from tests.conformance.raw import connected, frame, request
from tests.surfaces.wire.toy import ENDPOINTS, Toy, serving

INPUTS_COUNT: Final = int(os.environ.get("GREENROOM_FUZZ_INPUTS", "400000"))
SEED: Final = int(os.environ.get("GREENROOM_FUZZ_SEED", "1"))
SLOW_S: Final = 0.1
ATTEMPTS_COUNT: Final = 3
"""An input is slow when it is so each time: the machine has other things to do, too."""

NOW_S: Final = 1_767_225_600
KEY: Final = "fuzz-key"
ORDER: Final[Endpoint] = next(endpoint for endpoint in ENDPOINTS if endpoint.path == "/toy/order")
SIGNATURES: Final = UserSig(app_id="1400000000", keys=(KEY,), life_s=3_600)
PAY: Final = DevPay(api_key=KEY, now_s=lambda: NOW_S, nonce=lambda: "0")

Read = Callable[[bytes], object]


# --- what is read, and by whom ---------------------------------------------------------------------------------------


def read_order(data: bytes) -> object:
    """As a request's body is read: codec, then fields."""
    return ORDER.read(read_body(data))


def read_json_as_others_do(data: bytes) -> object:
    """What we take for JSON must be JSON to the standard library too, and mean the same."""
    value = read_json(data)
    other = json.loads(data)
    assert other == value, "two readers see two values"
    return value


def read_token(data: bytes) -> object:
    """Everything that looks at headers and fields before anybody is known."""
    text = data.decode("latin-1")
    fields = {"token": text, "userID": text[:9]}
    incoming = Incoming(
        method="POST", path="/", query=fields, fields=fields, headers={"Authorization": text}, address="::1"
    )
    for read in (bearer(), token_in("token"), app_token, utils_token, weapp_pair):
        read(incoming)
    client_address("10.0.0.1", text, {"10.0.0.1"})
    origin_allowed(text, "greenroom.example", ())
    choose(text)
    return None


def read_form(data: bytes) -> object:
    return read_pairs(data.decode("latin-1"))


def read_user_sig(data: bytes) -> object:
    return SIGNATURES.holds(data.decode("latin-1"), "tom", now_s=NOW_S)


def read_packed_user_sig(data: bytes) -> object:
    """Bent inside, and packed properly."""
    return SIGNATURES.holds(b64encode(zlib.compress(data, 1)).decode().translate(ESCAPES), "tom", now_s=NOW_S)


def read_notification(data: bytes) -> object:
    return PAY.verify(data)


class Unconnected:
    """A stream that has been sent ``data`` and then cut; what is written to it is gone."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.io_loop = SimpleNamespace(time=lambda: 0.0, add_timeout=lambda *_: 1, remove_timeout=lambda _: None)

    async def read_bytes(self, count: int, *, partial: bool = False) -> bytes:
        if self._at + count > len(self._data):
            raise StreamClosedError
        self._at += count
        return self._data[self._at - count : self._at]

    def write(self, data: bytes) -> SimpleNamespace:
        return SimpleNamespace(done=lambda: True, add_done_callback=lambda _: None)

    def closed(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Reader(_StrictProtocol):
    """The server's reader of frames, with nobody behind it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(self, mask_outgoing=False, params=_WebSocketParams(max_message_size=256 * 1024))
        self.stream = Unconnected(data)  # type: ignore[assignment]
        self.bug: BaseException | None = None

    async def _fail(self, code, reason) -> None:
        self.client_terminated = True

    def _write_frame(self, fin, opcode, data, flags=0):
        return self.stream.write(data)

    def on_message(self, message) -> None:
        # As ``SocketHandler`` does it, which refuses what this raises.
        with contextlib.suppress(BadInput):
            value = read_json(message if isinstance(message, bytes) else message.encode())
            if isinstance(value, dict):
                read_typed(value)

    def on_ping(self, data) -> None:
        pass

    def on_pong(self, data) -> None:
        pass

    def on_ws_connection_close(self, close_code=None, close_reason=None) -> None:
        pass

    def log_exception(self, typ, value, tb) -> None:
        self.bug = value


def read_frames(data: bytes) -> object:
    reader = Reader(data)
    work = reader._receive_frame_loop()
    with contextlib.suppress(StopIteration):
        while True:
            work.send(None)
    if reader.bug is not None:
        raise reader.bug
    return None


# --- good inputs -----------------------------------------------------------------------------------------------------


def _notification() -> bytes:
    parameters = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": DEV_APP_ID,
        "mch_id": DEV_MERCHANT_ID,
        "out_trade_no": "20190601210509000001",
        "transaction_id": "4200000000000000000000000001",
        "total_fee": "600",
    }
    signed = {**parameters, "sign": signature(parameters, key=KEY)}
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in signed.items())
    return f"<xml>{inner}</xml>".encode()


SIGNED: Final = SIGNATURES.sign("tom", now_s=NOW_S).encode()
TICKET: Final = (
    b'{"TLS.ver":"2.0","TLS.identifier":"tom","TLS.sdkappid":1400000000,"TLS.expire":3600,"TLS.time":1767225600,'
    b'"TLS.sig":"bm8="}'
)
JSON: Final = (
    b'{"giftId":"7","amount":2,"note":"\xe4\xbd\xa0\xe5\xa5\xbd","isLoud":true,"targetId":null,"weight":1.5e3}',
    b'{"giftId":1,"places":[{"roomId":"12","seatNumber":9},{"roomId":13}],"place":{"roomId":1}}',
    b'[1,-2.5e-7,"\\u4f60\\ud83d\\ude00\\n",[],{},[[[[null]]]],1e308,0,-0.0,9223372036854775807]',
    b'"text"',
    b"[" * 32 + b"]" * 32,
)
FORMS: Final = (
    b"giftId=7&amount=2&note=%E4%BD%A0+x&isLoud=true",
    b"token=abc&targetUserId=10001&a=&b&=c",
    b"giftId=1&note=%00%ff%zz&x=" + b"%41" * 20,
)
MULTIPART: Final = (
    (
        b'--b0\r\nContent-Disposition: form-data; name="giftId"\r\n\r\n7\r\n'
        b'--b0\r\nContent-Disposition: form-data; name="note"; filename="a"\r\nContent-Type: text/plain\r\n\r\nx\r\n'
        b"--b0\r\nContent-Disposition: form-data; name*=utf-8''amount\r\n\r\n2\r\n--b0--\r\n"
    ),
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--',
)
TOKENS: Final = (
    b"Bearer 0123456789abcdef0123456789abcdef",
    b"203.0.113.7, 10.0.0.1",
    b"https://greenroom.example:8443",
    b"http://[::1]:80/",
    b"en-US,en;q=0.9,zh;q=0.8,*;q=0.1",
)
FRAMES: Final = tuple(b"".join(case.sent) for case in CASES if sum(map(len, case.sent)) < 4_096)
WORDS: Final = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\u", b"\\", b"\\ud800", b"NaN", b"-Infinity", b"1e999", b"0" * 40),
    *(b"9" * 400, b"true", b"null", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00", b"\r\n", b"\n"),
    *(b"--", b"--b0", b"&", b"=", b";", b"%", b"%u", b"+", b'name="', b"filename*=", b"<", b">", b"<![CDATA[", b"]]>"),
    *(b"&lt;", b"&#0;", b"&x;", b"<!DOCTYPE x>", b"<?xml version='1.0' encoding='utf-7'?>", b"</xml>", b"*", b"_"),
    *(b"q=nan", b"q=1e309", b"::", b"%00", b"999999999999", b"[" * 1_000, b'{"a":' * 500, b"&a=b" * 300, b"x" * 5_000),
)


@dataclass(frozen=True)
class Target:
    """A reader, what it may refuse with, and how large its part of all inputs is."""

    read: Read
    good: tuple[bytes, ...]
    share: int
    refuses: tuple[type[Exception], ...] = (BadInput,)


TARGETS: Final = {
    "json": Target(read_json_as_others_do, JSON, 5),
    "body": Target(read_order, (*JSON[:2], *FORMS, *MULTIPART), 3, (EngineError,)),
    "form": Target(read_form, FORMS, 3),
    "multipart": Target(read_body, MULTIPART, 3),
    "token": Target(read_token, TOKENS, 2),
    "signature": Target(read_user_sig, (SIGNED, SIGNED[:40]), 1, ()),
    "signature inside": Target(read_packed_user_sig, (TICKET,), 2, ()),
    "notification": Target(read_notification, (_notification(),), 2, (Forbidden,)),
    "frames": Target(read_frames, FRAMES, 4),
}
SHARES_COUNT: Final = sum(target.share for target in TARGETS.values())
CONNECTIONS_COUNT: Final = max(200, INPUTS_COUNT // 5_000)
"""How many of the inputs for frames go through a whole server, too."""


def bent(rng: random.Random, good: tuple[bytes, ...]) -> bytes:
    """A good input after one to six accidents."""
    data = rng.choice(good)
    for _ in range(rng.randint(1, 6)):
        at, to = rng.randint(0, len(data)), rng.randint(0, len(data))
        match rng.randrange(8):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + rng.choice(WORDS) + data[at:]
            case 2:
                data = data[:at] + rng.randbytes(rng.randint(1, 4)) + data[at + 1 :]
            case 3:
                data = data[: min(at, to)] + data[max(at, to) :]
            case 4:
                data = data[:at] + data[min(at, to) : max(at, to)] + data[at:]
            case 5:
                other = rng.choice(good)
                data = data[:at] + other[rng.randint(0, len(other)) :]
            case 6:
                data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :] if at < len(data) else b""
            case _:
                data = data[:at] + rng.choice(WORDS)
    return data


def cpu_s_of(read: Read, data: bytes, refuses: tuple[type[Exception], ...]) -> float:
    """How long reading took this thread. Raises what the reader must not raise, with the input beside it."""
    begun_s = time.thread_time()
    try:
        read(data)
    except refuses:
        pass
    except Exception as error:
        error.add_note(f"input: {data!r}")
        raise
    return time.thread_time() - begun_s


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_parser_or_keeps_it_busy(name, capsys):
    target = TARGETS[name]
    rng = random.Random(f"{SEED} {name}")
    wanted_count = -(-INPUTS_COUNT * target.share // SHARES_COUNT)
    slowest_s, tried_count, slow = 0.0, 0, []

    while tried_count < wanted_count:
        data = bent(rng, target.good)
        took_s = cpu_s_of(target.read, data, target.refuses)
        if took_s > SLOW_S:
            took_s = min(cpu_s_of(target.read, data, target.refuses) for _ in range(ATTEMPTS_COUNT))
        if took_s > SLOW_S:
            slow.append(data)
        slowest_s = max(slowest_s, took_s)
        tried_count += 1

    with capsys.disabled():
        print(f"\n{name}: {tried_count} inputs, slowest {slowest_s * 1_000:.1f} ms, seed {SEED}")
    assert slow == []
    assert tried_count >= wanted_count


@pytest.mark.real_loop
async def test_no_frames_break_the_server(capsys):
    rng = random.Random(f"{SEED} connections")
    toy = Toy()

    async with serving(toy) as port:
        for _ in range(CONNECTIONS_COUNT):
            toy.clock.advance(100)
            async with connected(port) as client:
                await client.send(request())
                assert (await client.answer()).status == 101
                with contextlib.suppress(ConnectionError):
                    await client.send(bent(rng, FRAMES))
        async with asyncio.timeout(20):
            while toy.hub.sockets_count or toy.hub._address_counts:
                await asyncio.sleep(0.001)
        async with connected(port) as client:
            await client.send(request(), frame(0x9, b"alive"))
            assert (await client.answer()).status == 101
            assert await client.hear() == (0xA, b"alive")

    with capsys.disabled():
        print(f"\nconnections: {CONNECTIONS_COUNT} inputs, seed {SEED}")


def test_the_inputs_are_as_many_as_were_promised():
    counts = [-(-INPUTS_COUNT * target.share // SHARES_COUNT) for target in TARGETS.values()]

    assert sum(counts) >= max(200_000, INPUTS_COUNT)
