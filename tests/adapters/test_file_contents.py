"""What a file is by what is in it."""

import asyncio
import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from adapters.file_contents import FORMATS, WAITING_MAX, MagicContents
from engine.errors import BadInput, MailboxFull, StoreDown
from engine.file_kinds import kind_of
from tests.support.installed import found, require_packages

pytestmark = pytest.mark.real_loop
CHUNK = 1_000


@pytest.fixture
def contents():
    made = MagicContents()
    yield made
    made.close()


def picture(kind: str, size: tuple[int, int] = (120, 90)) -> bytes:
    made = io.BytesIO()
    Image.effect_noise(size, 100).convert("RGB").save(made, kind)
    return made.getvalue()


async def check(contents: MagicContents, content: bytes, media_type: str, *, pixels_max: int = 120 * 90) -> None:
    async def read(number: int) -> bytes:
        return content[number * CHUNK : (number + 1) * CHUNK]

    await contents.check_picture(media_type, length=len(content), pixels_max=pixels_max, read=read, chunk_bytes=CHUNK)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("BMP", "image/bmp"),
        ("GIF", "image/gif"),
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("PNG", "image/apng"),
        ("WEBP", "image/webp"),
    ],
)
async def test_a_picture_is_one_of_its_kind_and_of_no_other(contents, kind, media_type):
    content = picture(kind)
    assert len(content) > 3 * CHUNK or kind == "WEBP"

    await check(contents, content, media_type)

    for other, name in FORMATS.items():
        if name != kind:
            with pytest.raises(BadInput):
                await check(contents, content, other)
    with pytest.raises(BadInput):
        await check(contents, content, media_type, pixels_max=120 * 90 - 1)


@pytest.mark.parametrize("media_type", sorted(FORMATS))
@pytest.mark.parametrize("content", [b"", b"x", b"x" * 5_000, b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"BM"])
async def test_what_is_no_picture_is_refused_whatever_a_parser_makes_of_it(contents, media_type, content):
    with pytest.raises(BadInput):
        await check(contents, content, media_type)


async def test_a_chunk_that_cannot_be_had_is_no_fault_of_the_picture(contents):
    async def away(number: int) -> bytes:
        raise StoreDown

    with pytest.raises(StoreDown):
        await contents.check_picture("image/png", length=9_000, pixels_max=99, read=away, chunk_bytes=CHUNK)


async def test_so_many_are_looked_at_and_the_others_are_told_to_wait(contents):
    gate = asyncio.Event()
    content: bytes = picture("PNG")

    async def read(number: int) -> bytes:
        await gate.wait()
        return content[number * CHUNK : (number + 1) * CHUNK]

    def one() -> asyncio.Task[None]:
        work = contents.check_picture("image/png", length=len(content), pixels_max=10**6, read=read, chunk_bytes=CHUNK)
        return asyncio.create_task(work)

    waiting = [one() for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(MailboxFull):
        await one()

    gate.set()
    await asyncio.gather(*waiting)
    await check(contents, content, "image/png")


FILMS = {
    "mp4": ("-c:v", "mpeg4"),
    "m4v": ("-c:v", "mpeg4"),
    "mov": ("-c:v", "mpeg4"),
    "mkv": ("-c:v", "mpeg4"),
    "avi": ("-c:v", "mpeg4"),
    "webm": ("-c:v", "libvpx"),
    "3gp": ("-c:v", "mpeg4"),
    "flv": ("-c:v", "flv"),
    "mpg": ("-c:v", "mpeg2video", "-r", "25"),
    "wmv": ("-c:v", "wmv2"),
}
SOUNDS = {
    "mp3": ("-c:a", "libmp3lame"),
    "m4a": ("-c:a", "aac"),
    "aac": ("-c:a", "aac"),
    "ogg": ("-c:a", "libvorbis"),
    "oga": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "wav": (),
    "flac": (),
    "weba": ("-c:a", "libopus", "-f", "webm"),
}


@pytest.mark.parametrize(("extension", "how"), [*FILMS.items(), *SOUNDS.items()])
async def test_what_is_made_as_a_film_or_a_sound_is_known_as_one(contents, tmp_path: Path, extension, how):
    require_packages({"ffmpeg": found("ffmpeg")})
    made = tmp_path / f"made.{extension}"
    source = "testsrc=size=176x144:rate=25:duration=1" if extension in FILMS else "sine=duration=1"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *how, str(made)], check=True, timeout=20)

    shown = contents.kind_of(made.read_bytes()[:8_192])

    assert kind_of(extension, shown).is_inline
