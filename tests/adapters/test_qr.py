"""QR codes: a picture of whatever somebody could scan."""

import base64
import struct
import zlib

import pytest

from adapters import qr

ADDRESS = "TVPw1vYm71owVoB6NXfV4AUxRcrHPbNB86"


def pixels(png: bytes) -> list[str]:
    """The rows of a picture of one bit per pixel without filters, read from its chunks."""
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        (length,), name = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        content = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + content)
        if name == b"IHDR":
            size = struct.unpack(">II", content[:8])
        if name == b"IDAT":
            data += content
        at += 12 + length
    raw, stride = zlib.decompress(data), (size[0] + 7) // 8 + 1
    return [
        "".join(f"{byte:08b}" for byte in raw[row * stride + 1 : (row + 1) * stride])[: size[0]]
        for row in range(size[1])
    ]


def test_an_address_becomes_a_square_picture():
    picture = base64.b64decode(qr.draw(ADDRESS), validate=True)

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    rows = pixels(picture)
    assert len(rows) == len(rows[0]) >= 6 * 29
    # Three corners look alike, and there is a quiet zone around them.
    assert set("".join(rows[: 6 * 4])) == {rows[0][0]}
    assert len({row for row in rows if "0" in row and "1" in row}) >= 20


def test_other_texts_are_other_pictures():
    assert qr.draw(ADDRESS) != qr.draw(ADDRESS[::-1])
    assert qr.draw(ADDRESS) == qr.draw(ADDRESS)


@pytest.mark.parametrize("text", ["", "x" * 513, "中" * 171])
def test_what_nobody_could_scan_is_not_drawn(text):
    assert qr.draw(text) == ""
