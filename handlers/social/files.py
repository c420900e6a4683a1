"""Uploading a file, and giving it out again. Source: SO-20, SEC-19, seeds/003 上传文件.

A file is given out by its name alone, to anybody who has it: players and pages fetch without a credential. What it may
do there, its headers say: be shown as the one thing that it is, or be saved.
"""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec

from engine.errors import NotFound
from engine.services.files import File, Files
from handlers.social.access import SocialCaller
from handlers.social.envelope import ENVELOPE, Row, SocialEnvelope
from handlers.social.limits import OF_UPLOADS
from handlers.social.options import SocialOptions
from handlers.wire.access import OPTIONAL
from handlers.wire.forms import FORM_BYTES_MAX, file_in
from handlers.wire.home import home_of
from handlers.wire.language import Said
from handlers.wire.ranges import Part, has_it, part_of
from handlers.wire.streams import Streamed, StreamedRequest
from handlers.wire.surface import Endpoint, RawRequest

__all__ = ["FIELD", "endpoints", "give", "upload"]

FIELD: Final = "file"

_FAILED: Final = Row(60002, Said("文件上传失败", "the file was not uploaded"))
_NOT_HERE: Final = Row(-43960, Said("失败", "failed"))

UPLOADING: Final = ENVELOPE.saying(
    BAD_INPUT=_FAILED,
    TOO_LONG=_FAILED,
    INTERNAL=_FAILED,
    OVERLOADED=_FAILED,
    DRAINING=_FAILED,
    DEADLINE_PASSED=_FAILED,
    STORE_UNAVAILABLE=_FAILED,
)
GIVING: Final = SocialEnvelope(has_statuses=True, kinds={NotFound: _NOT_HERE})

SAFELY: Final = (
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)
"""Nothing in a file runs as ours, and pages of other origins may show it: it is theirs to watch, as the address is."""

FOR_EVER: Final = ("Cache-Control", "public, max-age=31536000, immutable")
"""Another content would have another name."""


class Uploaded(msgspec.Struct):
    """Where it is."""

    url: str


async def upload(options: SocialOptions, caller: SocialCaller, wanted: StreamedRequest) -> Uploaded:
    """Take a file of any kind in; the same content has the same address, whoever sends it."""
    files, person = caller.engine.files, caller.principal.person
    await files.expect(person, max((wanted.length or 0) - FORM_BYTES_MAX, 0))
    part = await file_in(wanted.body, wanted.headers.get("Content-Type", ""), field=FIELD)
    file = await files.take(person, part.filename, part.content)
    return Uploaded(home_of(options.public_url, caller.host) + files.address_of(file))


async def give(caller: SocialCaller, wanted: RawRequest) -> Streamed:
    """All of a file, or the part that is asked for."""
    files = caller.engine.files
    file = await files.find(str(wanted.in_path["name"]))
    tag = f'"{file.digest}"'
    if has_it(wanted.headers, tag):
        return Streamed(status=HTTPStatus.NOT_MODIFIED, headers=(("ETag", tag), FOR_EVER, *SAFELY))
    # Ranges are of a GET only. Source: RFC 9110 §14.2.
    part = part_of(wanted.headers, length=file.length, tag=tag) if wanted.method == "GET" else None
    if part is None:
        return _answer(files, file, Part(0, file.length - 1), HTTPStatus.OK)
    if part.is_none:
        nowhere = (("Content-Range", f"bytes */{file.length}"), *SAFELY)
        return Streamed(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=nowhere)
    where = (("Content-Range", f"bytes {part.first}-{part.last}/{file.length}"),)
    return _answer(files, file, part, HTTPStatus.PARTIAL_CONTENT, where)


def _answer(files: Files, file: File, part: Part, status: int, where: tuple[tuple[str, str], ...] = ()) -> Streamed:
    # The name is digits, letters and a dot: it needs no quoting that anybody could break out of.
    disposition = f'{"inline" if file.kind.is_inline else "attachment"}; filename="{file.name}"'
    return Streamed(
        status=status,
        content_type=file.kind.media_type,
        length=part.length,
        body=files.read(file, part.first, part.last),
        headers=(
            ("ETag", f'"{file.digest}"'),
            FOR_EVER,
            *SAFELY,
            ("Accept-Ranges", "bytes"),
            ("Content-Disposition", disposition),
            *where,
        ),
    )


def endpoints(options: SocialOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/api/file/upload",
            StreamedRequest,
            Uploaded,
            partial(upload, options),
            summary="Upload a file",
            source_id="social-file-upload",
            limit=OF_UPLOADS,
            envelope=UPLOADING,
            body_bytes_max=options.file_bytes_max + FORM_BYTES_MAX,
        ),
        Endpoint(
            "/uploads/{name}",
            RawRequest,
            Streamed,
            give,
            method="GET",
            access=OPTIONAL,
            summary="An uploaded file, or a range of it",
            source_id="social-uploads-get",
            envelope=GIVING,
        ),
    )
