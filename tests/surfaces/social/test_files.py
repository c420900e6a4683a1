"""Files: in by a form, out by their name, and harmless whatever they are. Source: SO-20, SEC-19, contract."""

import asyncio
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib

import pytest
from msgspec.structs import replace
from PIL import Image

from engine import settings
from engine.records import BanKind
from handlers import social
from handlers.wire.forms import FORM_BYTES_MAX
from tests.support.broken_stores import switchable
from tests.support.installed import found, require_packages
from tests.surfaces.contracts import contract_of
from tests.surfaces.served import BOUNDARY, FileSent, multipart, until
from tests.surfaces.social.scene import OPTIONS, Person, Scene, on_line

pytestmark = pytest.mark.real_loop

CONTRACT = contract_of("social")
UPLOAD = "/api/file/upload"
FILM = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(range(256)) * 4
NAME = f"{hashlib.sha256(FILM).hexdigest()}.mp4"
HTML = b"<!doctype html><script>alert(document.cookie)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 8), **how) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size).save(made, kind, **how)
    return made.getvalue()


def png_of(width: int, height: int, beside: bytes = b"", packed: bytes = b"") -> bytes:
    """A PNG that says it is as large as that, in a hundred bytes; ``packed`` is in its chunk ``beside``."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    if beside:
        header += chunk(beside, b"k\x00\x00" + zlib.compress(packed))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10_000_000))
    return packed.getvalue()


async def send(scene: Scene, content: bytes = FILM, name: str = "a.mp4", who: Person | None = None):
    who = who or scene.jhinih
    await scene.limits_clock.advance(60_000)
    return await scene.ask("POST", UPLOAD, {"file": FileSent(name, content)}, headers=who.headers)


async def sent(scene: Scene, content: bytes = FILM, name: str = "a.mp4", who: Person | None = None) -> str:
    """Where it is, without the host."""
    answered = await send(scene, content, name, who)
    assert answered.body["code"] == 20000, answered
    return str(answered.body["data"]["url"]).removeprefix("https://media.example")


async def code_of(scene: Scene, content: bytes = FILM, name: str = "a.mp4", who: Person | None = None) -> int:
    answered = await send(scene, content, name, who)
    assert (answered.status, answered.body["data"]) == (200, {})
    return int(answered.body["code"])


def left(scene: Scene) -> dict[str, object]:
    """What is kept of files, staged ones that were given up aside: the sweep forgets them."""
    database = scene.database
    return {
        "files": dict(database.blobs),
        "chunks": {one for one, chunks in database.blob_chunks.items() if chunks},
        "staged": [one for one in database.blobs_staged.values() if not one.is_abandoned],
    }


NOTHING: dict[str, object] = {"files": {}, "chunks": set(), "staged": []}


# --- as the documents have it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [UPLOAD, UPLOAD + "/"])
async def test_a_file_is_answered_with_its_address_which_is_its_content(path):
    async with on_line() as scene:
        answered = await scene.ask("POST", path, {"file": FileSent("社团学姐.MP4", FILM)}, headers=scene.wxy.headers)

        assert answered.status == 200
        assert answered.body == {
            "code": 20000,
            "message": "成功",
            "data": {"url": f"https://media.example/uploads/{NAME}"},
        }
        example = CONTRACT["social-file-upload"]["success"]["data"]["url"]
        assert re.fullmatch(r".*/[0-9a-f]{64}\.mp4", example)
        assert answered.body["data"]["url"].rpartition("/")[2].count(".") == example.rpartition("/")[2].count(".")


async def test_where_no_address_is_set_it_is_the_one_the_client_asked():
    async with on_line(surface=replace(OPTIONS, public_url="")) as scene:
        answered = await send(scene)

        assert answered.body["data"]["url"] == f"http://127.0.0.1:{scene.port}/uploads/{NAME}"


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nobody's"}, None])
async def test_anybody_who_has_its_address_gets_it(end, headers):
    async with on_line() as scene:
        path = await sent(scene)

        answered = await scene.ask("GET", path + end, headers=scene.zhao.headers if headers is None else headers)

        assert (answered.status, answered.body) == (200, FILM)
        assert answered.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("name", [NAME, "x", "", NAME.replace(".mp4", ".mov"), NAME.replace(".mp4", "")])
async def test_what_is_not_there_is_refused_as_the_contract_says(name):
    async with on_line() as scene:
        if name != NAME:
            await sent(scene)

        answered = await scene.ask("GET", f"/uploads/{name}")

        expected = CONTRACT["social-uploads-get"]["error"]
        assert answered.status == 404
        assert answered.body["code"] == expected["body"]["code"]
        if name:
            assert {key: answered.body[key] for key in expected["body"]} == expected["body"]


async def test_the_contracts_example_of_an_error_is_what_comes_back():
    async with on_line() as scene:
        answered = await send(scene, HTML, "a.mp4")

        expected = CONTRACT["social-file-upload"]["error"]
        assert answered.status == expected["status"]
        assert {key: answered.body[key] for key in expected["body"]} == expected["body"]


async def test_the_documents_limit_is_kept():
    async with on_line() as scene:
        codes = []
        for number in range(7):
            body = {"file": FileSent("a.txt", bytes([number]))}
            answered = await scene.ask("POST", UPLOAD, body, headers=scene.jhinih.headers)
            codes.append(answered.body["code"])

        assert codes == [20000] * 5 + [-20007] * 2
        # One each twenty seconds; what is left of a millisecond counts as a second.
        assert int(answered.headers["Retry-After"]) == 21


# --- one content, one file --------------------------------------------------------------------------------------------


async def test_the_same_content_has_the_same_address_and_is_kept_once():
    async with on_line() as scene:
        first = await sent(scene, name="a.mp4")
        second = await sent(scene, name="other.mp4", who=scene.wxy)

        assert first == second
        assert len(scene.database.blobs) == len(left(scene)["chunks"]) == 1


async def test_the_same_content_at_the_same_time_is_one_file():
    async with on_line() as scene:
        people = (scene.jhinih, scene.wxy, scene.zhao, scene.ann)
        paths = await asyncio.gather(*(sent(scene, FILM * 1_000, who=who) for who in people))

        assert len(set(paths)) == 1
        assert len(scene.database.blobs) == len(left(scene)["chunks"]) == 1
        assert (await scene.ask("GET", paths[0])).body == FILM * 1_000


async def test_it_counts_once_for_each_who_sent_it_and_not_beyond_what_he_has_room_for():
    options = settings.Settings(files=settings.Files(person_bytes_max=3 * len(FILM)))
    async with on_line(options) as scene:
        for _ in range(4):
            await sent(scene)
        others = [FILM + bytes([number]) for number in range(3)]

        codes = [(await send(scene, one)).body["code"] for one in others]

        assert codes == [20000, 60002, 60002]
        assert (
            await scene.engine.world.stores.blobs.bytes_of((await scene.record(scene.jhinih)).id) == 2 * len(FILM) + 1
        )
        assert (await send(scene, others[1], who=scene.wxy)).body["code"] == 20000


async def test_parallel_files_get_nobody_beyond_his_room():
    options = settings.Settings(files=settings.Files(person_bytes_max=2 * len(FILM) + 10))
    async with on_line(options) as scene:
        files = [FileSent("a.mp4", FILM + bytes([number])) for number in range(5)]
        asked = (scene.ask("POST", UPLOAD, {"file": one}, headers=scene.wxy.headers) for one in files)

        codes = [answered.body["code"] for answered in await asyncio.gather(*asked)]

        assert sorted(codes) == [20000] * 2 + [60002] * 3
        assert len(scene.database.blobs) == len(left(scene)["chunks"]) == 2


async def test_so_many_in_a_day_and_no_more():
    async with on_line(settings.Settings(files=settings.Files(per_day_max=2))) as scene:
        answers = [await send(scene, bytes([number]), "a.txt") for number in range(3)]

        assert [one.body["code"] for one in answers] == [20000, 20000, -20007]
        assert 0 < int(answers[2].headers["Retry-After"]) <= 86_400
        assert (await send(scene, b"x", "a.txt", scene.wxy)).body["code"] == 20000


# --- what may be sent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "media_type", "is_inline"),
    [
        ("a.png", picture(), "image/png", True),
        ("a.PNG", picture(), "image/png", True),
        ("a.jpg", picture("JPEG"), "image/jpeg", True),
        ("a.jpeg", picture("JPEG"), "image/jpeg", True),
        ("a.gif", picture("GIF"), "image/gif", True),
        ("a.webp", picture("WEBP"), "image/webp", True),
        ("a.bmp", picture("BMP"), "image/bmp", True),
        ("a.mp4", FILM, "video/mp4", True),
        ("a.mov", FILM, "video/quicktime", True),
        ("a.mp3", b"ID3\x04" + bytes(100), "audio/mpeg", True),
        ("blob", FILM, "video/mp4", True),
        ("blob", picture(), "image/png", True),
        ("a.pdf", b"%PDF-1.7\n", "application/pdf", False),
        ("a.pdf", HTML, "application/octet-stream", False),
        ("a.zip", bomb(), "application/zip", False),
        ("a.txt", HTML, "application/octet-stream", False),
        ("a.html", HTML, "application/octet-stream", False),
        ("a.svg", SVG, "application/octet-stream", False),
        ("a.js", b"alert(1)", "application/octet-stream", False),
        ("a.php", b"<?php", "application/octet-stream", False),
        ("a.exe", b"MZ", "application/octet-stream", False),
        ("a.heic", HTML, "application/octet-stream", False),
        ("html", HTML, "application/octet-stream", False),
        ("a.mp4.html", FILM, "application/octet-stream", False),
        ("a.mp4\x00.html", FILM, "application/octet-stream", False),
        ("a." + "x" * 11, FILM, "video/mp4", True),
        # Both at once: what it is given out as is all that it can be.
        ("a.gif", picture("GIF") + HTML, "image/gif", True),
        ("a.jpg", picture("JPEG") + bomb(), "image/jpeg", True),
    ],
)
async def test_a_file_is_given_out_as_what_it_is_and_can_do_no_more(name, content, media_type, is_inline):
    async with on_line() as scene:
        path = await sent(scene, content, name)

        answered = await scene.ask("GET", path)

        assert re.fullmatch(r"/uploads/[0-9a-f]{64}\.[a-z0-9]{1,10}", path)
        assert (answered.status, answered.body) == (200, content)
        headers = answered.headers
        assert headers.get_list("Content-Type") == [media_type]
        assert headers["Content-Disposition"].partition(";")[0] == ("inline" if is_inline else "attachment")
        assert headers.get_list("X-Content-Type-Options") == ["nosniff"]
        assert headers.get_list("Content-Security-Policy") == ["sandbox; default-src 'none'"]
        assert headers.get_list("Cross-Origin-Resource-Policy") == ["cross-origin"]
        assert headers.get_list("Cache-Control") == ["public, max-age=31536000, immutable"]
        assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", SVG),
        ("a.jpg", HTML),
        ("a.png", HTML),
        ("a.gif", b"GIF"),
        ("a.gif", b"GIF89a/*"),
        ("a.mp4", HTML),
        ("a.mp3", HTML),
        ("a.webm", FILM),
        ("a.jpg", picture("PNG")),
        ("a.png", picture("JPEG")),
        ("a.jpg", FILM),
        ("a.html\x00.jpg", HTML),
        ("a.png", picture()[:40]),
        ("a.png", picture()[:-20] + bytes(20)),
        ("a.png", b"\x89PNG\r\n\x1a\n" + HTML),
        ("a.jpg", b"\xff\xd8\xff" + HTML),
        ("a.webp", b"RIFF\x00\x00\x00\x00WEBP" + HTML),
        ("a.bmp", b"BM" + HTML),
        ("a.png", png_of(10_000, 10_000)),
        ("a.png", png_of(2**31 - 1, 2**31 - 1)),
        ("a.png", png_of(8, 8, b"zTXt", bytes(5_000_000))),
        ("a.png", png_of(8, 8, b"iCCP", bytes(5_000_000))),
        ("a.gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00;"),
        ("a.mp4", b""),
        ("a.txt", b""),
    ],
)
async def test_what_is_not_what_it_is_called_is_refused_and_leaves_nothing(name, content):
    async with on_line() as scene:
        assert await code_of(scene, content, name) == 60002
        assert left(scene) == NOTHING


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "..\\..\\a.mp4", "C:\\a.mp4", "/etc/passwd", "a/b.mp4", "%2e%2e%2fa.mp4", "a\x00.mp4"],
)
async def test_its_own_name_is_nothing_but_an_extension(name):
    async with on_line() as scene:
        path = await sent(scene, FILM, name)

        assert path == f"/uploads/{NAME}"


@pytest.mark.parametrize(
    "path",
    [
        "/uploads/../server.py",
        "/uploads/..",
        "/uploads/.",
        "/uploads/%2e%2e/server.py",
        "/uploads/%2e%2e%2fserver.py",
        "/uploads/..%5cserver.py",
        "/uploads/C:%5cserver.py",
        "/uploads//etc/passwd",
        "/uploads/%00",
        f"/uploads/{NAME}%00.html",
        f"/uploads/{NAME}/x",
        f"/uploads/{NAME}/..",
        f"/uploads/x%2f{NAME}",
        f"/uploads/{NAME.upper()}",
        f"/uploads/{NAME}%0a",
        "/uploads",
        "/uploads/",
    ],
)
async def test_nothing_but_the_name_of_a_file_leads_to_one(path):
    async with on_line() as scene:
        await sent(scene)

        answered = await scene.ask("GET", path)

        assert isinstance(answered.body, dict)
        assert answered.body["code"] not in (0, 20000)
        assert answered.body["data"] == {}


@pytest.mark.parametrize("content", [picture(size=(100, 100)), png_of(71, 71)])
async def test_pictures_have_limits_of_their_own(content):
    options = settings.Settings(files=settings.Files(pixels_max=5_000, picture_bytes_max=200))
    async with on_line(options) as scene:
        assert await code_of(scene, content, "a.png") == 60002
        assert await sent(scene, png_of(70, 70), "a.png")
        assert await code_of(scene, picture() + bytes(200), "a.png") == 60002


async def test_a_picture_may_be_as_long_as_many_chunks():
    noise = Image.effect_noise((1_500, 1_500), 100)
    made = io.BytesIO()
    noise.save(made, "PNG")
    async with on_line() as scene:
        path = await sent(scene, made.getvalue(), "a.png")

        assert len(made.getvalue()) > 1_000_000
        assert (await scene.ask("GET", path)).body == made.getvalue()


# --- who may send -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_token", [True, False])
async def test_nobody_sends_who_is_not_signed_in(has_token):
    async with on_line() as scene:
        headers = {"Authorization": "Bearer x"} if has_token else {}

        answered = await scene.ask("POST", UPLOAD, {"file": FileSent("a.mp4", FILM)}, headers=headers)

        assert (answered.status, answered.body["data"]) == (200, {})
        assert answered.body["code"] == (-20004 if has_token else -20001)
        assert left(scene) == NOTHING


async def test_who_is_excluded_sends_nothing():
    async with on_line() as scene:
        await scene.ban(scene.jhinih, BanKind.ACCOUNT)

        assert await code_of(scene) == -20008
        assert left(scene) == NOTHING


async def test_a_level_may_be_asked_of_who_sends():
    async with on_line(surface=replace(OPTIONS, minimum_levels={UPLOAD: 1})) as scene:
        assert await code_of(scene) == -20008
        assert await sent(scene, who=scene.ann)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"file":"x"}',
        b"file=x",
        multipart({"file": "no file"}),
        multipart({"other": FileSent("a.mp4", FILM)}),
        multipart({"file": FileSent("a.mp4", FILM)})[:-9],
        multipart({"file": FileSent("a.mp4", FILM)}).replace(b"--\r\n", b"\r\n"),
    ],
)
@pytest.mark.parametrize("kind", [f"multipart/form-data; boundary={BOUNDARY}", "application/json", ""])
async def test_what_is_no_form_with_a_file_is_refused(body, kind):
    async with on_line() as scene:
        headers = {**scene.jhinih.headers, "Content-Type": kind}
        answered = await scene.ask("POST", UPLOAD, body, headers=headers)

        assert (answered.status, answered.body["code"]) == (200, 60002)
        assert left(scene) == NOTHING


# --- how it is sent ---------------------------------------------------------------------------------------------------


def raw(scene: Scene, body: bytes, *, length: int | None = None, more: str = "") -> bytes:
    return (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nAuthorization: {scene.jhinih.headers['Authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    ).encode() + body


BODY = multipart({"file": FileSent("a.mp4", FILM)})


async def exchanged(scene: Scene, request: bytes, *, is_cut: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            await writer.drain()
            if is_cut:
                writer.write_eof()
                return await reader.read()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return head + await reader.readexactly(length)
    finally:
        writer.close()


@pytest.mark.parametrize("cut_at", [0, 50, 200, len(BODY) - 40, len(BODY) - 3, len(BODY) - 1])
async def test_a_file_that_breaks_off_leaves_nothing(cut_at):
    async with on_line() as scene:
        assert await exchanged(scene, raw(scene, BODY[:cut_at], length=len(BODY)), is_cut=True) == b""

        await until(lambda: not scene.door.in_flight_count)
        assert left(scene) == NOTHING


@pytest.mark.parametrize("more", [1, 5_000])
async def test_more_is_promised_than_comes(more):
    async with on_line() as scene:
        await exchanged(scene, raw(scene, BODY, length=len(BODY) + more), is_cut=True)

        await until(lambda: not scene.door.in_flight_count)
        assert left(scene) == NOTHING


@pytest.mark.parametrize("less", [3, 50, 1_000])
async def test_less_is_promised_than_comes(less):
    async with on_line() as scene:
        answer = await exchanged(scene, raw(scene, BODY, length=len(BODY) - less))

        assert b"60002" in answer
        assert left(scene) == NOTHING


async def test_a_file_too_long_is_refused_as_soon_as_that_is_known():
    options = settings.Settings(files=settings.Files(bytes_max=500_000))
    async with on_line(options, surface=replace(OPTIONS, file_bytes_max=500_000)) as scene:
        assert await code_of(scene, FILM + bytes(500_000)) == 60002
        assert await sent(scene, FILM + bytes(500_000 - len(FILM)))
        # Nothing of this one is sent.
        declared = raw(scene, b"", length=500_000 + FORM_BYTES_MAX + 1)
        await scene.limits_clock.advance(60_000)
        assert b"60002" in await exchanged(scene, declared)


async def test_who_has_no_room_learns_it_before_he_sends():
    options = settings.Settings(files=settings.Files(person_bytes_max=1_000_000))
    async with on_line(options) as scene:
        assert b"60002" in await exchanged(scene, raw(scene, b"", length=2_000_000))
        assert left(scene) == NOTHING


async def test_a_slow_sender_is_given_up_and_leaves_nothing():
    async with on_line() as scene:
        large = multipart({"file": FileSent("a.mp4", FILM + bytes(600_000))})
        asked = asyncio.create_task(exchanged(scene, raw(scene, large[:400_000], length=len(large))))
        await until(lambda: scene.database.blob_chunks)
        await scene.clock.advance(60_000)

        assert b"60002" in await asked
        assert left(scene) == NOTHING


@pytest.mark.parametrize("call", ["stage", "put", "finish"])
async def test_a_store_that_is_away_takes_nothing_and_leaves_nothing(call):
    async with on_line() as scene:
        files = scene.engine.files
        stores, switch = switchable(scene.engine.world.stores)
        files._store = stores.blobs
        object.__setattr__(scene.engine.world, "stores", stores)
        switch.only, switch.is_down = f"blobs.{call}", True

        assert await code_of(scene) == 60002
        assert left(scene) == NOTHING

        switch.is_down, switch.loses_answers = False, True
        assert await code_of(scene) == 60002
        assert left(scene)["staged"] == [] or call == "stage"


# --- ranges -----------------------------------------------------------------------------------------------------------

LONG = FILM + bytes(range(251)) * 4_000


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=261119-261120", 261_119, 261_120),
        ("bytes=261120-522239", 261_120, 522_239),
        ("bytes=100-900000", 100, 900_000),
        ("bytes=-1", len(LONG) - 1, len(LONG) - 1),
        ("bytes=-300000", len(LONG) - 300_000, len(LONG) - 1),
        (f"bytes={len(LONG) - 1}-", len(LONG) - 1, len(LONG) - 1),
        ("bytes=5-99999999", 5, len(LONG) - 1),
    ],
)
async def test_a_range_is_given(asked, first, last):
    async with on_line() as scene:
        path = await sent(scene, LONG)

        answered = await scene.ask("GET", path, headers={"Range": asked})

        assert (answered.status, answered.body) == (206, LONG[first : last + 1])
        assert answered.headers["Content-Range"] == f"bytes {first}-{last}/{len(LONG)}"
        assert answered.headers["Content-Length"] == str(last + 1 - first)


async def test_a_range_that_is_not_there_is_refused_and_told_how_long_the_file_is():
    async with on_line() as scene:
        path = await sent(scene)

        answered = await scene.ask("GET", path, headers={"Range": f"bytes={len(FILM)}-"})

        assert (answered.status, answered.body) == (416, b"")
        assert answered.headers["Content-Range"] == f"bytes */{len(FILM)}"
        assert answered.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=a", "lines=1-2"])
async def test_several_ranges_or_none_that_can_be_read_are_the_whole(asked):
    async with on_line() as scene:
        path = await sent(scene)

        answered = await scene.ask("GET", path, headers={"Range": asked})

        assert (answered.status, answered.body) == (200, FILM)


async def test_who_has_it_already_is_told_so_and_a_part_fits_only_what_it_was_part_of():
    async with on_line() as scene:
        path = await sent(scene)
        tag = (await scene.ask("GET", path)).headers["ETag"]

        same = await scene.ask("GET", path, headers={"If-None-Match": f'"x", W/{tag}'})
        part = await scene.ask("GET", path, headers={"Range": "bytes=1-2", "If-Range": tag})
        whole = await scene.ask("GET", path, headers={"Range": "bytes=1-2", "If-Range": '"x"'})

        assert tag == f'"{hashlib.sha256(FILM).hexdigest()}"'
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
        assert (part.status, whole.status) == (206, 200)


async def test_the_headers_can_be_had_alone():
    async with on_line() as scene:
        path = await sent(scene)

        answered = await scene.ask("HEAD", path, headers={"Range": "bytes=1-2"})

        assert (answered.status, answered.body) == (200, b"")
        assert answered.headers["Content-Length"] == str(len(FILM))
        assert (await scene.ask("HEAD", f"/uploads/{'0' * 64}.mp4")).status == 404


# --- what uses them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["", "https://media.example"])
async def test_a_video_may_be_made_of_an_uploaded_file(host):
    async with on_line() as scene:
        path = await sent(scene)
        made = {"video_path": host + path, "cover_path": host + path, "title": "x", "type": "video"}

        await scene.told(scene.jhinih, "POST", "/api/videos/create-video", made)

        shown = await scene.told(scene.wxy, "GET", "/api/videos", {"order_by": "latest"})
        assert [one["url"] for one in shown["data"]] == [host + path]


async def test_an_address_is_ours_by_its_form():
    async with on_line() as scene:
        is_ours = scene.engine.files.is_ours

        assert is_ours(f"/uploads/{NAME}")
        for other in (
            "",
            NAME,
            f"/uploads/{NAME}/",
            f"/uploads/../{NAME}",
            f"//x/uploads/{NAME}",
            f"/uploads/{NAME}\n",
        ):
            assert not is_ours(other)


# --- a real film ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_index_first", [True, False])
async def test_a_player_seeks_in_a_film(tmp_path, has_index_first):
    require_packages({"ffmpeg": found("ffmpeg")})
    film = tmp_path / "film.mp4"
    made = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=20", "-c:v", "mpeg4", "-q:v", "2", "-g", "25")
    await _run("ffmpeg", "-v", "error", *made, *(("-movflags", "+faststart") if has_index_first else ()), str(film))
    content = film.read_bytes()
    async with on_line() as scene:
        path = await sent(scene, content, "film.mp4")
        address = f"http://127.0.0.1:{scene.port}{path}"

        probed = json.loads(
            await _run("ffprobe", "-v", "error", "-seekable", "1", "-show_format", "-of", "json", address)
        )
        scene.log.lines.clear()
        still = ("-frames:v", "1", "-f", "rawvideo", "-")
        of_it = await _run("ffmpeg", "-v", "error", "-seekable", "1", "-ss", "15", "-i", address, *still)
        of_the_file = await _run("ffmpeg", "-v", "error", "-ss", "15", "-i", str(film), *still)

        assert abs(float(probed["format"]["duration"]) - 20) < 0.5
        assert of_it == of_the_file
        assert len(of_it) > 100_000
        statuses = [line.fields["status"] for line in scene.log.lines if line.event == "http_request"]
        assert 206 in statuses


async def _run(*words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return out


def test_the_settings_of_the_surface_and_of_the_engine_begin_alike():
    assert social.SocialOptions().file_bytes_max == settings.Files().bytes_max
