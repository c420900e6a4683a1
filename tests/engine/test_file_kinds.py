"""As what a file is given out."""

import pytest

from engine.errors import BadInput
from engine.file_kinds import FileKind, extension_of, kind_of

DOWNLOAD = FileKind(media_type="application/octet-stream")


@pytest.mark.parametrize(
    ("filename", "shown", "extension"),
    [
        ("a.mp4", "video/mp4", "mp4"),
        ("a.b.MP4", "", "mp4"),
        ("a.tar.gz", "", "gz"),
        (".bashrc", "", "bashrc"),
        ("照片.JPG", "image/jpeg", "jpg"),
        ("C:\\photos\\a.png", "", "png"),
        ("../../a.png", "", "png"),
        ("", "", "bin"),
        ("blob", "", "bin"),
        ("blob", "image/png", "png"),
        ("a.", "video/mp4", "mp4"),
        ("a.mp4 ", "", "bin"),
        ("a.mp4\n", "", "bin"),
        ("a.mp4\x00", "", "bin"),
        ("a.照片", "", "bin"),
        ("a.ｍｐ４", "", "bin"),
        ("a." + "x" * 10, "", "x" * 10),
        ("a." + "x" * 11, "", "bin"),
        ("a.m/4", "", "bin"),
    ],
)
def test_an_extension_is_letters_and_digits_or_what_the_content_is_usually_called(filename, shown, extension):
    assert extension_of(filename, shown) == extension


@pytest.mark.parametrize("extension", ["jpg", "png", "gif", "webp", "bmp", "mp4", "webm", "mp3", "ogg", "wav"])
@pytest.mark.parametrize("shown", ["", "text/html", "image/svg+xml", "application/pdf", "application/zip"])
def test_what_is_called_a_picture_a_film_or_a_sound_has_to_be_one(extension, shown):
    with pytest.raises(BadInput):
        kind_of(extension, shown)


@pytest.mark.parametrize(
    "extension", ["html", "htm", "svg", "xml", "js", "mjs", "css", "pdf", "swf", "wasm", "bin", ""]
)
@pytest.mark.parametrize("shown", ["", "text/html", "image/png", "video/mp4"])
def test_all_else_can_only_be_downloaded(extension, shown):
    assert kind_of(extension, shown) == DOWNLOAD


def test_a_document_is_one_for_the_program_of_its_kind_and_still_a_download():
    assert kind_of("pdf", "application/pdf") == FileKind(media_type="application/pdf")
    assert not kind_of("docx", "application/zip").is_inline
