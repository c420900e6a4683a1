"""RFC 6455 as a table: what a client sends after the handshake, what it hears, and what becomes of the connection.

The server of the table is the toy surface: a command ``order`` that is answered with its id, frames of JSON text up to
64 KiB (up to four times that a larger one is refused in an answer, beyond it the connection ends), no extension and no
subprotocol. What the RFC leaves to an application is said beside the case.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from handlers.wire.codec import write_json
from tests.conformance.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HEADERS,
    KEY,
    PING,
    PONG,
    TEXT,
    close,
    fragments,
    frame,
    pieces_of,
    request,
)

FRAME_BYTES_MAX: Final = 64 * 1024
"""Up to here a message is a command."""

MESSAGE_BYTES_MAX: Final = 4 * FRAME_BYTES_MAX
"""Up to here it gets an answer."""

GOING_ON: Final = -1
"""Fate: the connection is as good as before."""

EMPTY: Final = 0
"""Fate: ended with a close frame without a code."""

NORMAL: Final = 1000
PROTOCOL: Final = 1002
NOT_UTF8: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009

Message = tuple[str, str]
"""What an answer says: ("order", id) or ("error", code)."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """``sent`` goes out piece by piece; ``fate`` is the code of the server's close frame, or ``GOING_ON``."""

    name: str
    sent: tuple[bytes, ...]
    fate: int
    messages: tuple[Message, ...] = ()
    pongs: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HandshakeCase:
    """``status`` is 101, or that of the refusal; ``headers`` are some that the answer must have."""

    name: str
    sent: tuple[bytes, ...]
    status: int
    key: str = KEY
    headers: Mapping[str, str] = field(default_factory=dict)


def command(frame_id: str = "1", *, size: int | None = None) -> bytes:
    """A command with this id, ``size`` bytes long."""
    encoded = write_json({"type": "order", "id": frame_id, "data": {"giftId": 7}})
    return encoded if size is None else encoded + b" " * (size - len(encoded))


ORDERED: Final = (("order", "1"),)
NOT_JSON: Final = (("error", "BAD_INPUT"),)
LONG: Final = (("error", "TOO_LONG"),)


def _lives(name: str, *sent: bytes, messages: tuple[Message, ...] = (), pongs: tuple[bytes, ...] = ()) -> Case:
    return Case(name=name, sent=sent, fate=GOING_ON, messages=messages, pongs=pongs)


def _ends(
    name: str, fate: int, *sent: bytes, messages: tuple[Message, ...] = (), pongs: tuple[bytes, ...] = ()
) -> Case:
    return Case(name=name, sent=sent, fate=fate, messages=messages, pongs=pongs)


# --- §5.2: opcodes, reserved bits, masks ----------------------------------------------------------------------------


def _opcodes() -> Iterator[Case]:
    yield _lives("text", frame(TEXT, command()), messages=ORDERED)
    # The application knows no binary messages; RFC 6455 leaves to it what to say to them.
    yield _lives("binary", frame(BINARY, command()), messages=NOT_JSON)
    yield _lives("empty binary", frame(BINARY), messages=NOT_JSON)
    yield _lives("empty text", frame(TEXT), messages=NOT_JSON)
    yield _lives("two commands in one segment", frame(TEXT, command("1")) + frame(TEXT, command("2")),
                 messages=(("order", "1"), ("order", "2")))  # fmt: skip
    for opcode in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF):
        yield _ends(f"opcode {opcode}", PROTOCOL, frame(opcode, command()))
        yield _ends(f"opcode {opcode} without payload", PROTOCOL, frame(opcode))
        yield _ends(f"opcode {opcode} as a first fragment", PROTOCOL, frame(opcode, b"{", fin=False))
        yield _ends(f"opcode {opcode} inside a message", PROTOCOL,
                    frame(TEXT, b"{", fin=False) + frame(opcode) + frame(CONTINUATION, b"}"))  # fmt: skip
        yield _ends(f"opcode {opcode} after a good command", PROTOCOL, frame(TEXT, command()) + frame(opcode),
                    messages=ORDERED)  # fmt: skip


def _reserved_bits() -> Iterator[Case]:
    kinds = {"text": TEXT, "binary": BINARY, "close": CLOSE, "ping": PING, "pong": PONG}
    for rsv, (name, opcode) in itertools.product(range(1, 8), kinds.items()):
        yield _ends(f"RSV {rsv:03b} on a {name}", PROTOCOL, frame(opcode, rsv=rsv))
    for rsv in range(1, 8):
        yield _ends(f"RSV {rsv:03b} on a continuation", PROTOCOL,
                    frame(TEXT, command()[:9], fin=False) + frame(CONTINUATION, command()[9:], rsv=rsv))  # fmt: skip
    # Nobody agreed on compression, so RSV1 means nothing. Source: RFC 7692 §6.
    yield _ends("a compressed command", PROTOCOL, frame(TEXT, b"\xaaV*\xa9,HU\xb2R\xcaOJK-R\xaa\x05\x00", rsv=4))


def _masks() -> Iterator[Case]:
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"{}\x22:"):
        yield _lives(f"mask {mask.hex()}", frame(TEXT, command(), mask=mask), messages=ORDERED)
    first, last = (
        frame(TEXT, command()[:5], fin=False, mask=b"abcd"),
        frame(CONTINUATION, command()[5:], mask=b"\0\1\2\3"),
    )
    yield _lives("another mask for each fragment", first + last, messages=ORDERED)
    unmasked = {
        "text": frame(TEXT, command(), mask=None),
        "empty text": frame(TEXT, mask=None),
        "binary": frame(BINARY, command(), mask=None),
        "ping": frame(PING, b"x", mask=None),
        "pong": frame(PONG, mask=None),
        "close": close(NORMAL, mask=None),
        "first fragment": frame(TEXT, command()[:5], fin=False, mask=None) + frame(CONTINUATION, command()[5:]),
        "last fragment": frame(TEXT, command()[:5], fin=False) + frame(CONTINUATION, command()[5:], mask=None),
        "text of 126 bytes": frame(TEXT, command(size=126), mask=None),
        "text of 65536 bytes": frame(TEXT, command(size=65_536), mask=None),
    }
    for name, sent in unmasked.items():
        yield _ends(f"no mask: {name}", PROTOCOL, sent)
    yield _ends("no mask on the second command", PROTOCOL, frame(TEXT, command()), frame(TEXT, command(), mask=None),
                messages=ORDERED)  # fmt: skip


# --- §5.2: lengths ---------------------------------------------------------------------------------------------------


def _lengths() -> Iterator[Case]:
    least = len(command())
    for size in (least, 124, 125, 126, 127, 128, 65_534, 65_535, FRAME_BYTES_MAX):
        yield _lives(f"a command of {size} bytes", frame(TEXT, command(size=size)), messages=ORDERED)
    for size in (FRAME_BYTES_MAX + 1, MESSAGE_BYTES_MAX - 1, MESSAGE_BYTES_MAX):
        yield _lives(f"a message of {size} bytes", frame(TEXT, command(size=size)), messages=LONG)
    for size in (MESSAGE_BYTES_MAX + 1, 2 * MESSAGE_BYTES_MAX, 4 * MESSAGE_BYTES_MAX):
        yield _ends(f"a message of {size} bytes, sent whole", TOO_BIG, frame(TEXT, command(size=size)))
    for power in (20, 31, 32, 40, 62):
        yield _ends(f"a length of 2^{power}, of which nothing comes", TOO_BIG, frame(TEXT, length=1 << power))
        yield _ends(f"a length of 2^{power} on a continuation", TOO_BIG,
                    frame(TEXT, b"{", fin=False) + frame(CONTINUATION, length=1 << power))  # fmt: skip
    yield _ends("a length of 2^63 - 1", TOO_BIG, frame(TEXT, length=(1 << 63) - 1))
    # The most significant bit of the long form must be 0.
    for length in (1 << 63, (1 << 63) + 1, (1 << 64) - 1):
        yield _ends(f"a length of {length:#x}", PROTOCOL, frame(TEXT, length=length))
        yield _ends(f"a binary length of {length:#x}", PROTOCOL, frame(BINARY, length=length))
    # The least number of bytes must be used.
    for size, width in ((0, 3), (1, 3), (125, 3), (0, 9), (125, 9), (126, 9), (65_535, 9)):
        yield _ends(f"a length of {size} in {width} bytes", PROTOCOL, frame(TEXT, b" " * size, width=width))
    for size in (0, 1, 125):
        yield _ends(f"a ping of {size} in three bytes", PROTOCOL, frame(PING, b" " * size, width=3))
    half = MESSAGE_BYTES_MAX // 2
    yield _lives("fragments up to the limit", fragments([command(size=half), b" " * half]), messages=LONG)
    yield _ends("fragments over the limit by one", TOO_BIG, fragments([command(size=half), b" " * (half + 1)]))
    yield _ends("fragments over the limit, one byte in the last", TOO_BIG,
                fragments([command(size=half), b" " * half, b" "]))  # fmt: skip
    yield _ends("a message that never ends", TOO_BIG,
                frame(TEXT, fin=False) + frame(CONTINUATION, b" " * 60_000, fin=False) * 5)  # fmt: skip
    yield _lives("a limit is each message's own", *[frame(TEXT, command(size=FRAME_BYTES_MAX))] * 6,
                 messages=ORDERED * 6)  # fmt: skip


# --- §5.4: fragments -------------------------------------------------------------------------------------------------


def _fragmented() -> Iterator[Case]:
    whole = command()
    for count in (2, 3, 4, 8):
        size = -(-len(whole) // count)
        yield _lives(f"a command in {count} fragments", fragments(pieces_of(whole, bytes_count=size)), messages=ORDERED)
        yield _lives(f"a binary message in {count} fragments",
                     fragments(pieces_of(whole, bytes_count=size), opcode=BINARY), messages=NOT_JSON)  # fmt: skip
    yield _lives("one byte in each fragment", fragments(pieces_of(whole)), messages=ORDERED)
    yield _lives("one byte in each fragment, each alone", *pieces_of(fragments(pieces_of(whole)), bytes_count=7),
                 messages=ORDERED)  # fmt: skip
    yield _lives("an empty first fragment", fragments([b"", whole]), messages=ORDERED)
    yield _lives("an empty last fragment", fragments([whole, b""]), messages=ORDERED)
    yield _lives("empty fragments around and inside", fragments([b"", whole[:7], b"", b"", whole[7:], b""]),
                 messages=ORDERED)  # fmt: skip
    yield _lives("nothing but empty fragments", fragments([b"", b"", b""]), messages=NOT_JSON)
    yield _lives("two commands in fragments", fragments([command("1")[:8], command("1")[8:]]) * 2,
                 messages=ORDERED * 2)  # fmt: skip
    yield _lives("a whole command behind one in fragments",
                 fragments([whole[:8], whole[8:]]) + frame(TEXT, command("2")),
                 messages=(("order", "1"), ("order", "2")))  # fmt: skip

    parts = (whole[:5], whole[5:20], whole[20:])
    yield _lives("a ping between fragments", fragments(parts[:2], between=frame(PING, b"p")), messages=NOT_JSON,
                 pongs=(b"p",))  # fmt: skip
    yield _lives("a ping after each fragment", fragments(parts, between=frame(PING, b"p")), messages=ORDERED,
                 pongs=(b"p", b"p"))  # fmt: skip
    yield _lives("a ping of 125 bytes between fragments", fragments(parts, between=frame(PING, b"p" * 125)),
                 messages=ORDERED, pongs=(b"p" * 125, b"p" * 125))  # fmt: skip
    yield _lives("a pong after each fragment", fragments(parts, between=frame(PONG, b"p")), messages=ORDERED)
    yield _lives("pings and pongs after each byte",
                 fragments(pieces_of(whole), between=frame(PING) + frame(PONG)), messages=ORDERED,
                 pongs=(b"",) * (len(whole) - 1))  # fmt: skip
    yield _ends("a close between fragments", NORMAL, frame(TEXT, parts[0], fin=False) + close(NORMAL))
    yield _ends("a close between fragments and the rest of them", NORMAL, fragments(parts, between=close(NORMAL)))

    yield _ends("a continuation of nothing", PROTOCOL, frame(CONTINUATION, whole))
    yield _ends("a continuation of nothing that goes on", PROTOCOL, frame(CONTINUATION, whole, fin=False))
    yield _ends("an empty continuation of nothing", PROTOCOL, frame(CONTINUATION))
    yield _ends("a continuation after a whole command", PROTOCOL, frame(TEXT, whole) + frame(CONTINUATION, whole),
                messages=ORDERED)  # fmt: skip
    yield _ends("a continuation after a last fragment", PROTOCOL,
                fragments([whole[:5], whole[5:]]) + frame(CONTINUATION, b"x"), messages=ORDERED)  # fmt: skip
    yield _ends("a continuation after a ping", PROTOCOL, frame(PING, b"x") + frame(CONTINUATION, whole), pongs=(b"x",))
    for (outer, first), (inner, second), fin in itertools.product(
        (("text", TEXT), ("binary", BINARY)), (("text", TEXT), ("binary", BINARY)), (True, False)
    ):
        yield _ends(f"a {'whole' if fin else 'fragmented'} {inner} inside a {outer}", PROTOCOL,
                    frame(first, b"{", fin=False) + frame(second, whole, fin=fin))  # fmt: skip
    yield _ends("a new message after a ping inside a message", PROTOCOL,
                frame(TEXT, b"{", fin=False) + frame(PING) + frame(TEXT, whole), pongs=(b"",))  # fmt: skip


# --- §5.5: control frames --------------------------------------------------------------------------------------------


def _control() -> Iterator[Case]:
    for size in (0, 1, 2, 64, 124, 125):
        payload = bytes(range(131, 131 + size)) if size <= 64 else b"\xff" * size
        yield _lives(f"a ping of {size} bytes", frame(PING, payload), pongs=(payload,))
        yield _lives(f"a pong of {size} bytes that nobody asked for", frame(PONG, payload))
        yield _lives(f"a ping of {size} bytes in single bytes", *pieces_of(frame(PING, payload)), pongs=(payload,))
    names = {"ping": PING, "pong": PONG, "close": CLOSE}
    for (name, opcode), size in itertools.product(names.items(), (126, 127, 65_535, 65_536)):
        payload = b"\x03\xe8" + b"x" * (size - 2)
        yield _ends(f"a {name} of {size} bytes", PROTOCOL, frame(opcode, payload))
    for name, opcode in names.items():
        payload = b"\x03\xe8"
        yield _ends(f"a fragmented {name}", PROTOCOL, frame(opcode, payload, fin=False))
        yield _ends(f"an empty fragmented {name}", PROTOCOL, frame(opcode, fin=False))
        yield _ends(f"a fragmented {name} and its rest", PROTOCOL,
                    frame(opcode, payload, fin=False) + frame(CONTINUATION, b""))  # fmt: skip
        yield _ends(f"a fragmented {name} inside a message", PROTOCOL,
                    frame(TEXT, b"{", fin=False) + frame(opcode, payload, fin=False))  # fmt: skip
        yield _ends(f"a {name} of 126 bytes inside a message", PROTOCOL,
                    frame(TEXT, b"{", fin=False) + frame(opcode, b"\x03\xe8" + b"x" * 124))  # fmt: skip
        yield _ends(f"a {name} that claims 2^63 bytes", PROTOCOL, frame(opcode, length=1 << 63))
    pings = tuple(b"%d" % number for number in range(10))
    yield _lives("ten pings", *[frame(PING, ping) for ping in pings], pongs=pings)
    yield _lives("a ping around a command", frame(PING, b"1") + frame(TEXT, command()) + frame(PING, b"2"),
                 messages=ORDERED, pongs=(b"1", b"2"))  # fmt: skip
    yield _lives("a pong and a ping of the same payload", frame(PONG, b"same") + frame(PING, b"same"), pongs=(b"same",))
    yield _lives("a ping that is no text", frame(PING, b"\xff\xfe\x00\xc0"), pongs=(b"\xff\xfe\x00\xc0",))
    yield _ends("a ping, then an end without a close frame's code", EMPTY, frame(PING, b"x") + close(), pongs=(b"x",))


# --- §5.5.1, §7.4: closing -------------------------------------------------------------------------------------------

GOOD_CODES: Final = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
BAD_CODES: Final = (0, 1, 255, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000, 2999, 5000, 10_000, 65_535)


def _closes() -> Iterator[Case]:
    yield _ends("a close without a code", EMPTY, close())
    for code in GOOD_CODES:
        yield _ends(f"a close of {code}", code, close(code))
        yield _ends(f"a close of {code} with a reason", code, close(code, "再见 good bye".encode()))
    for code in BAD_CODES:
        yield _ends(f"a close of {code}", PROTOCOL, close(code))
        yield _ends(f"a close of {code} with a reason", PROTOCOL, close(code, b"bye"))
    for byte in (b"\x00", b"\x03", b"\xff"):
        yield _ends(f"a close of the one byte {byte.hex()}", PROTOCOL, frame(CLOSE, byte))
    for size in (1, 2, 122, 123):
        yield _ends(f"a close with a reason of {size} bytes", NORMAL, close(NORMAL, b"x" * size))
    yield _ends("a close with a reason of 124 bytes", PROTOCOL, close(NORMAL, b"x" * 124))
    yield _ends("a close with a reason of 41 letters of three bytes", NORMAL, close(NORMAL, "封".encode() * 41))
    for name, text in BAD_TEXTS.items():
        yield _ends(f"a close with a reason that is no text: {name}", NOT_UTF8, close(NORMAL, text))
    for name, text in GOOD_TEXTS.items():
        yield _ends(f"a close with a reason that is text: {name}", NORMAL, close(NORMAL, text))
    yield _ends("a close of 1005 with a reason that is no text", PROTOCOL, close(1005, b"\xff"))
    yield _ends("a close in single bytes", NORMAL, *pieces_of(close(NORMAL, b"bye")))
    # After a close frame nothing counts any more.
    yield _ends("a command behind a close", NORMAL, close(NORMAL) + frame(TEXT, command()))
    yield _ends("a ping behind a close", NORMAL, close(NORMAL) + frame(PING, b"x"))
    yield _ends("another close behind a close", NORMAL, close(NORMAL) + close(1001))
    yield _ends("nonsense behind a close", NORMAL, close(NORMAL) + b"\xff" * 64)
    yield _ends("a command behind a frame that is none", PROTOCOL, frame(0x3) + frame(TEXT, command()))
    yield _ends("a ping behind a frame that is none", PROTOCOL, frame(0x3) + frame(PING, b"x"))
    yield _ends("a close behind a frame that is none", PROTOCOL, frame(0x3) + close(NORMAL))
    yield _ends("a command, then a close", NORMAL, frame(TEXT, command()) + close(NORMAL), messages=ORDERED)
    # Ten messages in a row that are no commands are the application's own limit; it then waits for our close frame.
    yield _ends("ten messages that are no commands", POLICY, frame(TEXT, b"x") * 10, messages=NOT_JSON * 9)


# --- §8.1: text ------------------------------------------------------------------------------------------------------

GOOD_TEXTS: Final[Mapping[str, bytes]] = {
    "one byte, last": b"\x7f",
    "two bytes, first": b"\xc2\x80",
    "two bytes, last": b"\xdf\xbf",
    "three bytes, first": b"\xe0\xa0\x80",
    "before the surrogates": b"\xed\x9f\xbf",
    "behind the surrogates": b"\xee\x80\x80",
    "replacement character": b"\xef\xbf\xbd",
    "no character U+FDD0": b"\xef\xb7\x90",
    "no character U+FFFE": b"\xef\xbf\xbe",
    "three bytes, last": b"\xef\xbf\xbf",
    "four bytes, first": b"\xf0\x90\x80\x80",
    "no character U+1FFFF": b"\xf0\x9f\xbf\xbf",
    "four bytes, last": b"\xf4\x8f\xbf\xbf",
    "byte order mark inside": b"a\xef\xbb\xbfb",
    "Greek": "κόσμε".encode(),
    "a family": "👨‍👩‍👧".encode(),
}
BAD_TEXTS: Final[Mapping[str, bytes]] = {
    "a continuation alone": b"\x80",
    "the last continuation alone": b"\xbf",
    "two continuations alone": b"\x80\xbf",
    "two bytes without the second": b"\xc2",
    "two bytes and a letter": b"\xc2a",
    "three bytes without the third": b"\xe4\xb8",
    "three bytes without the second": b"\xe4",
    "three bytes and a letter": b"\xe4\xb8a",
    "four bytes without the fourth": b"\xf0\x9d\x84",
    "four bytes without the third": b"\xf0\x9d",
    "four bytes without the second": b"\xf0",
    "four bytes and a letter": b"\xf0\x9d\x84a",
    "overlong slash in two": b"\xc0\xaf",
    "overlong slash in three": b"\xe0\x80\xaf",
    "overlong slash in four": b"\xf0\x80\x80\xaf",
    "overlong zero": b"\xc0\x80",
    "last overlong in two": b"\xc1\xbf",
    "last overlong in three": b"\xe0\x9f\xbf",
    "last overlong in four": b"\xf0\x8f\xbf\xbf",
    "first high surrogate": b"\xed\xa0\x80",
    "last high surrogate": b"\xed\xaf\xbf",
    "first low surrogate": b"\xed\xb0\x80",
    "last low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "behind the last character": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "Latin-1": b"caf\xe9",
    "UTF-16": "hé".encode("utf-16-le"),
}


def _with_id(text: bytes) -> bytes:
    """A command around ``text`` as its id, whatever ``text`` is."""
    return command("@").replace(b"@", text)


def _texts() -> Iterator[Case]:
    for name, text in GOOD_TEXTS.items():
        answer = (("order", text.decode()),)
        whole = _with_id(text)
        yield _lives(f"text: {name}", frame(TEXT, whole), messages=answer)
        yield _lives(f"text in single bytes: {name}", fragments(pieces_of(whole)), messages=answer)
    for name, text in BAD_TEXTS.items():
        whole = _with_id(text)
        yield _ends(f"no text: {name}", NOT_UTF8, frame(TEXT, whole))
        yield _ends(f"no text in single bytes: {name}", NOT_UTF8, fragments(pieces_of(whole)))
        yield _ends(f"no text and nothing else: {name}", NOT_UTF8, frame(TEXT, text))
        # A binary message may hold it.
    yield _lives("no text, but not said to be", frame(BINARY, b"\xff\xfe"), messages=NOT_JSON)
    # A letter may be cut by a fragment anywhere, and only the whole is judged.
    letters = "é中𝄞"
    whole = _with_id(letters.encode())
    start = whole.index(letters.encode())
    for cut in range(start + 1, start + len(letters.encode())):
        halves = (whole[:cut], whole[cut:])
        yield _lives(f"letters cut at byte {cut - start}", fragments(halves), messages=(("order", letters),))
        yield _lives(f"letters cut at byte {cut - start}, with a ping between",
                     fragments(halves, between=frame(PING, b"p")),
                     messages=(("order", letters),), pongs=(b"p",))  # fmt: skip
    yield _ends("a letter whose rest is in the next message", NOT_UTF8,
                frame(TEXT, "中".encode()[:2]) + frame(TEXT, "中".encode()[2:]))  # fmt: skip
    yield _ends("a letter whose rest is in a ping", NOT_UTF8,
                fragments([b"\xe4\xb8", b"a"], between=frame(PING, b"\xad")), pongs=(b"\xad",))  # fmt: skip
    yield _ends("no text behind a command", NOT_UTF8, frame(TEXT, command()) + frame(TEXT, b"\xff"), messages=ORDERED)


# --- bytes as the network likes to hand them on ----------------------------------------------------------------------


def _splits() -> Iterator[Case]:
    for size, name in ((None, "short"), (126, "middle"), (65_536, "long")):
        sent = frame(TEXT, command(size=size))
        for cut in range(1, 15):
            yield _lives(f"a {name} frame cut at byte {cut}", sent[:cut], sent[cut:], messages=ORDERED)
    conversation = (
        frame(TEXT, command("1")) + frame(PING, b"p") + fragments([command("2")[:9], command("2")[9:]]) + frame(PONG)
    )
    both = (("order", "1"), ("order", "2"))
    for size in (1, 2, 3, 5, 13):
        yield _lives(f"a conversation in pieces of {size}", *pieces_of(conversation, bytes_count=size), messages=both,
                     pongs=(b"p",))  # fmt: skip
    yield _lives("a conversation in one piece", conversation, messages=both, pongs=(b"p",))


def _all(*sections: Iterable[Case]) -> tuple[Case, ...]:
    return tuple(itertools.chain(*sections))


CASES: Final = _all(
    _opcodes(), _reserved_bits(), _masks(), _lengths(), _fragmented(), _control(), _closes(), _texts(), _splits()
)
"""All of them."""


# --- §4: the handshake -----------------------------------------------------------------------------------------------

UPGRADE_REQUIRED: Final = {"sec-websocket-version": "13", "upgrade": "websocket"}


def _opens(name: str, *sent: bytes, key: str = KEY) -> HandshakeCase:
    return HandshakeCase(name=name, sent=sent, status=101, key=key)


def _refused(name: str, status: int, *sent: bytes, headers: Mapping[str, str] | None = None) -> HandshakeCase:
    return HandshakeCase(name=name, sent=sent, status=status, headers=headers or {})


def _required(name: str, *sent: bytes) -> HandshakeCase:
    return _refused(name, 426, *sent, headers=UPGRADE_REQUIRED)


def _good_handshakes() -> Iterator[HandshakeCase]:
    yield _opens("as in the RFC", request())
    for value in ("WebSocket", "WEBSOCKET", "webSocket", "  websocket  "):
        yield _opens(f"Upgrade: {value!r}", request({"Upgrade": value}))
    for value in (
        "upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade, keep-alive", "keep-alive,Upgrade",
        "keep-alive ,\tupgrade", "foo, Upgrade, bar",
    ):  # fmt: skip
        yield _opens(f"Connection: {value!r}", request({"Connection": value}))
    yield _opens("Connection in two lines", request({"Connection": ("keep-alive", "Upgrade")}))
    yield _opens("an empty reason for nothing: Sec-WebSocket-Protocol nobody speaks",
                 request({"Sec-WebSocket-Protocol": "chat, superchat"}))  # fmt: skip
    for offer in (
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; nonsense=1",
        "x-webkit-deflate-frame",
        "foo, bar; baz=2, permessage-deflate",
        'foo; bar="permessage-deflate"',
    ):
        yield _opens(f"offered and declined: {offer}", request({"Sec-WebSocket-Extensions": offer}))
    yield _opens("offered and declined in two lines",
                 request({"Sec-WebSocket-Extensions": ("permessage-deflate", "foo")}))  # fmt: skip
    for key in (
        "AQIDBAUGBwgJCgsMDQ4PEA==",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "/////////////////////w==",
        "x3JJHMbDL1EzLkh9GBhXDw==",
    ):
        yield _opens(f"key {key}", request({"Sec-WebSocket-Key": key}), key=key)
    names = {name.lower(): value for name, value in HEADERS.items()}
    yield _opens("header names in lower case", request({**dict.fromkeys(HEADERS), **names}))
    names = {name.upper(): value for name, value in HEADERS.items()}
    yield _opens("header names in upper case", request({**dict.fromkeys(HEADERS), **names}))
    yield _opens("headers in another order", request(dict.fromkeys(HEADERS) | dict(reversed(tuple(HEADERS.items())))))
    yield _opens("headers nobody knows", request({"X-Forwarded-Proto": "https", "Cookie": "a=b", "DNT": "1"}))
    yield _opens("our own origin", request({"Origin": "http://greenroom.example"}))
    yield _opens("a body that is said to be empty", request({"Content-Length": "0"}))
    yield _opens("in single bytes", *pieces_of(request()))
    yield _opens("in pieces of seven", *pieces_of(request(), bytes_count=7))
    yield _opens("cut before its last byte", request()[:-1], request()[-1:])
    yield _opens("the other path, with a slash", request(target="/toy/ws/?token=t-1"))


def _bad_handshakes() -> Iterator[HandshakeCase]:
    no_handshakes: dict[str, dict[str, str | tuple[str, ...] | None]] = {
        "no Upgrade": {"Upgrade": None},
        "Upgrade: h2c": {"Upgrade": "h2c"},
        "Upgrade: empty": {"Upgrade": ""},
        "Upgrade: websockets": {"Upgrade": "websockets"},
        "no Connection": {"Connection": None},
        "Connection: close": {"Connection": "close"},
        "Connection: keep-alive": {"Connection": "keep-alive"},
        "Connection: xupgrade": {"Connection": "xupgrade"},
        "Connection: empty": {"Connection": ""},
        "a plain request": {
            "Upgrade": None,
            "Connection": None,
            "Sec-WebSocket-Key": None,
            "Sec-WebSocket-Version": None,
        },
    }
    for name, changed in no_handshakes.items():
        yield _required(name, request(changed))
    for version in ("0", "7", "8", "12", "14", "99", "255", "-13", "13.0", "013", "", "x", "13, 8", "8, 13"):
        yield _required(f"version {version!r}", request({"Sec-WebSocket-Version": version}))
    yield _required("no version", request({"Sec-WebSocket-Version": None}))
    yield _required("two versions", request({"Sec-WebSocket-Version": ("8", "13")}))
    yield _required("the version twice", request({"Sec-WebSocket-Version": ("13", "13")}))
    bad = 400
    yield _refused("no key", bad, request({"Sec-WebSocket-Key": None}))
    yield _refused("the key twice", bad, request({"Sec-WebSocket-Key": (KEY, KEY)}))
    yield _refused("two keys", bad, request({"Sec-WebSocket-Key": (KEY, "AQIDBAUGBwgJCgsMDQ4PEA==")}))
    for name, key in {
        "empty": "",
        "of 15 bytes": "AQIDBAUGBwgJCgsMDQ4P",
        "of 17 bytes": "AQIDBAUGBwgJCgsMDQ4PEBE=",
        "of one byte": "AQ==",
        "without its padding": "dGhlIHNhbXBsZSBub25jZQ",
        "that is no base64": "!!!!!!!!!!!!!!!!!!!!!!==",
        "with a letter of another alphabet": "dGhlIHNhbXBsZSBub25jZ-==",
        "with a space inside": "dGhlIHNhbXBs ZSBub25jZQ==",
        "not of ASCII": "dGhlIHNhbXBsZSBub25jZé==",
        "of a megabyte's beginning": "A" * 4_096,
    }.items():
        yield _refused(f"a key {name}", bad, request({"Sec-WebSocket-Key": key}))
    yield _refused("no Host", bad, request({"Host": None}))
    yield _refused("HTTP/1.0", bad, request(version="HTTP/1.0"))
    yield _refused("a foreign origin", 403, request({"Origin": "https://evil.example"}))
    yield _refused("the origin null", 403, request({"Origin": "null"}))
    yield _refused("a query that cannot be read", bad, request(target="/toy/ws?token=t-1&token=t-2"))
    yield _refused("HEAD", bad, request(method="HEAD"))
    # Where there is no socket the surface answers as it always does: with 200, and what is wrong in the body.
    in_the_envelope = 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        yield _refused(method, in_the_envelope, request({"Content-Length": "0"}, method=method))
    yield _refused("a path without a socket", in_the_envelope, request(target="/toy/wss?token=t-1"))


HANDSHAKES: Final = (*_good_handshakes(), *_bad_handshakes())
"""All of them."""
