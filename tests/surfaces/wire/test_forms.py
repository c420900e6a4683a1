"""Finding the file in a form, however its bytes come."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import BadInput
from handlers.wire.forms import file_in

KIND = "multipart/form-data; boundary=xx"


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for first in range(0, len(body), size):
        yield body[first : first + size]


def part(content: bytes, name: str = "file", filename: str | None = "a.mp4") -> bytes:
    said = "" if filename is None else f'; filename="{filename}"'
    return f'--xx\r\nContent-Disposition: form-data; name="{name}"{said}\r\n\r\n'.encode() + content + b"\r\n"


END = b"--xx--"


async def found(body: bytes, size: int = 7, kind: str = KIND) -> tuple[str, bytes]:
    one = await file_in(in_pieces(body, size), kind, field="file")
    return one.filename, b"".join([piece async for piece in one.content])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("content", [b"", b"abc", b"\r\n--x", b"\r\n--xy\r\n" * 50, bytes(range(256)) * 9, b"\r" * 99])
@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\nan epilogue"])
async def test_a_file_is_the_same_however_its_bytes_come(size, content, tail):
    body = part(b"1", "user_id", None) + part(content) + part(b"x" * 100, "other", "b.txt") + END + tail

    assert await found(body, size) == ("a.mp4", content)


NEARLY_ENDS = st.lists(st.sampled_from([b"\r", b"\n", b"--", b"xx", b"\r\n--x", b"y"])).map(b"".join)


@given(
    content=st.binary(max_size=300) | NEARLY_ENDS,
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_a_file_is_the_same_wherever_the_bytes_are_cut(content, cuts):
    assume(b"\r\n--xx" not in b"\r\n" + content)
    body = part(content) + END

    async def pieces() -> AsyncIterator[bytes]:
        rest = body
        for size in itertools.cycle(cuts):
            if not rest:
                return
            yield rest[:size]
            rest = rest[size:]

    async def read() -> bytes:
        one = await file_in(pieces(), KIND, field="file")
        return b"".join([piece async for piece in one.content])

    assert asyncio.run(read()) == content


@given(body=st.binary(max_size=400).map(lambda tail: part(b"abc")[:60] + tail) | st.binary(max_size=200))
def test_whatever_comes_is_a_file_or_refused(body):
    async def read() -> None:
        with suppress(BadInput):
            one = await file_in(in_pieces(body, 17), KIND, field="file")
            async for _ in one.content:
                pass

    asyncio.run(read())


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=xx",
        'Multipart/Form-Data; charset=utf-8; Boundary="xx"',
    ],
)
async def test_the_form_may_be_announced_in_several_ways(kind):
    assert await found(part(b"abc") + END, kind=kind) == ("a.mp4", b"abc")


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=é",
        "multipart/mixed; boundary=xx",
        'multipart/form-data; boundary="x\ny"',
    ],
)
async def test_what_is_not_announced_as_a_form_is_none(kind):
    with pytest.raises(BadInput):
        await found(part(b"abc") + END, kind=kind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        b"not a form at all",
        part(b"abc", "other") + END,
        part(b"abc", "file", None) + END,
        part(b"abc"),
        part(b"abc")[:-1],
        part(b"abc") + b"--xx",
        part(b"abc") + part(b"def") + END,
        part(b"abc") + b"--xx\r\nnonsense\r\n\r\n" + END,
        b"--xx\r\nContent-Disposition: form-data; filename=a.mp4\r\n\r\nabc\r\n" + END,
        b"--xx\r\nContent-Type: video/mp4\r\n\r\nabc\r\n" + END,
        b"--xx\r\n" + b"X: y\r\n" * 20 + part(b"abc")[6:] + END,
        b"--xx\r\nX: " + b"y" * 10_000 + b"\r\n" + part(b"abc")[6:] + END,
        b"".join(part(b"1", f"field{number}", None) for number in range(20)) + part(b"abc") + END,
        b"--xx\r\nContent-Disposition: form-data; name=\xff; filename=a\r\n\r\nabc\r\n" + END,
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
async def test_a_form_that_is_broken_or_has_no_file_is_refused(body, size):
    with pytest.raises(BadInput):
        await found(body, size)


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\a\\b.jpg", "a\\b", "", "照片.png", "a;b.png", "a%22b.png"])
async def test_a_file_may_be_called_anything(name):
    filename, content = await found(part(b"abc", filename=name) + END)

    assert content == b"abc"
    assert isinstance(filename, str)


async def test_a_body_that_breaks_off_is_told_as_it_is():
    class Gone(Exception):
        pass

    async def breaking() -> AsyncIterator[bytes]:
        yield part(b"abc" * 100)[:200]
        raise Gone

    one = await file_in(breaking(), KIND, field="file")

    with pytest.raises(Gone):
        _ = [piece async for piece in one.content]
