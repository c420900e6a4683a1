"""What people may send in, and as what it is given out: by its extension and its content together.

A picture, a film or a sound is given out as such, if it is what it is called; called one and being something else it is
refused. Everything else may be sent in too, and can only be downloaded: what a browser would run (HTML, SVG, scripts)
never gets to run as ours. Source: SO-20, SEC-19.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from engine.errors import BadInput

__all__ = ["EXTENSION_MAX", "FileKind", "extension_of", "kind_of"]

EXTENSION_MAX: Final = 10

OTHERS: Final = "application/octet-stream"
NAMELESS: Final = "bin"

_EXTENSION: Final = re.compile(rf"\.([A-Za-z0-9]{{1,{EXTENSION_MAX}}})\Z")


class FileKind(msgspec.Struct, frozen=True, kw_only=True):
    """As what a file is given out. ``is_picture``: it has to be readable as one, too."""

    media_type: str
    is_inline: bool = False
    is_picture: bool = False


class _Row(msgspec.Struct, frozen=True):
    """``shown`` are the contents that fit the extension, as their first bytes show them."""

    media_type: str
    shown: frozenset[str]


def _row(media_type: str, *shown: str) -> _Row:
    return _Row(media_type, frozenset(shown or (media_type,)))


# One container, whose brands say little of what is in it; phones mix them up freely.
_ISO: Final = ("video/mp4", "video/x-m4v", "video/quicktime", "video/3gpp", "audio/mp4")
_MATROSKA: Final = ("video/webm", "video/x-matroska")
_ZIP: Final = "application/zip"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"

_PICTURES: Final[Mapping[str, _Row]] = {
    "bmp": _row("image/bmp"),
    "gif": _row("image/gif"),
    "jpeg": _row("image/jpeg"),
    "jpg": _row("image/jpeg"),
    "png": _row("image/png", "image/png", "image/apng"),
    "webp": _row("image/webp"),
}
_FILMS_AND_SOUNDS: Final[Mapping[str, _Row]] = {
    "3gp": _row("video/3gpp", *_ISO),
    "aac": _row("audio/aac"),
    "amr": _row("audio/amr"),
    "avi": _row("video/x-msvideo"),
    "flac": _row("audio/flac", "audio/x-flac"),
    "flv": _row("video/x-flv"),
    "m4a": _row("audio/mp4", *_ISO),
    "m4v": _row("video/mp4", *_ISO),
    "mkv": _row("video/x-matroska", *_MATROSKA),
    "mov": _row("video/quicktime", *_ISO),
    "mp3": _row("audio/mpeg"),
    "mp4": _row("video/mp4", *_ISO),
    "mpeg": _row("video/mpeg"),
    "mpg": _row("video/mpeg"),
    "oga": _row("audio/ogg"),
    "ogg": _row("audio/ogg"),
    "ogv": _row("video/ogg", "audio/ogg"),
    "opus": _row("audio/ogg"),
    "wav": _row("audio/wav", "audio/x-wav"),
    "weba": _row("audio/webm", *_MATROSKA),
    "webm": _row("video/webm", *_MATROSKA),
    "wmv": _row("video/x-ms-wmv"),
}
# For programs that the person chooses; whatever else is called so is a download of no kind.
_DOCUMENTS: Final[Mapping[str, _Row]] = {
    "doc": _row("application/msword"),
    "docx": _row(f"{_OFFICE}.wordprocessingml.document", f"{_OFFICE}.wordprocessingml.document", _ZIP),
    "pdf": _row("application/pdf"),
    "pptx": _row(f"{_OFFICE}.presentationml.presentation", f"{_OFFICE}.presentationml.presentation", _ZIP),
    "xls": _row("application/vnd.ms-excel"),
    "xlsx": _row(f"{_OFFICE}.spreadsheetml.sheet", f"{_OFFICE}.spreadsheetml.sheet", _ZIP),
    "zip": _row(_ZIP),
}
_MEDIA: Final[Mapping[str, _Row]] = MappingProxyType({**_PICTURES, **_FILMS_AND_SOUNDS})

_USUAL: Final = MappingProxyType(
    {
        "audio/aac": "aac",
        "audio/amr": "amr",
        "audio/mp4": "m4a",
        "audio/mpeg": "mp3",
        "audio/ogg": "ogg",
        "audio/x-flac": "flac",
        "audio/x-wav": "wav",
        "image/apng": "png",
        "image/bmp": "bmp",
        "image/gif": "gif",
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/webp": "webp",
        "video/3gpp": "3gp",
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/webm": "webm",
        "video/x-m4v": "m4v",
        "video/x-matroska": "mkv",
    }
)
"""What a file is called whose name does not say: pages send what they have made themselves as "blob"."""


def extension_of(filename: str, shown: str) -> str:
    """The extension under which a file is kept: that of its name, else the usual one of what its content ``shown``."""
    found = _EXTENSION.search(filename)
    return found[1].lower() if found is not None else _USUAL.get(shown, NAMELESS)


def kind_of(extension: str, shown: str) -> FileKind:
    """As what a file is given out that is called ``extension``; ``shown`` is the media type of its first bytes.

    Raises: BadInput: it is called a picture, a film or a sound, and is none or another.
    """
    row = _MEDIA.get(extension)
    if row is not None:
        if shown not in row.shown:
            raise BadInput("the content is not what the name says", field="file")
        return FileKind(media_type=row.media_type, is_inline=True, is_picture=extension in _PICTURES)
    document = _DOCUMENTS.get(extension)
    if document is not None and shown in document.shown:
        return FileKind(media_type=document.media_type)
    return FileKind(media_type=OTHERS)
