"""The one file in a multipart form, found while the form comes in.

Knows the form and its limits. Knows no meaning: what the file is called and holds is the client's word.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final, NamedTuple, TypeAlias

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from engine.errors import BadInput

__all__ = ["FORM_BYTES_MAX", "FilePart", "file_in"]

FORM_BYTES_MAX: Final = 64 * 1024
"""What a form may have beside its file: boundaries, headers and other fields."""

SEGMENTS_MAX: Final = 16
HEADERS_MAX: Final = 8
HEADER_BYTES_MAX: Final = 4 * 1024
BOUNDARY_BYTES_MAX: Final = 70
"""Source: RFC 2046 §5.1.1."""

Event: TypeAlias = MultipartSegment | bytes | None
"""A segment begins, goes on, and ends."""


class FilePart(NamedTuple):
    """A file on its way. ``content`` comes to its end only when the whole form has come to its own."""

    filename: str
    content: AsyncIterator[bytes]


async def file_in(body: AsyncIterator[bytes], content_type: str, *, field: str) -> FilePart:
    """The file in ``field``. Other fields are passed over.

    Raises: BadInput: no such form, or no file in that field. Iterating over the content raises it too: the form breaks
    off, or has two such files; and whatever ``body`` raises. What comes behind the form's end is passed over.
    """
    events = _events(body, _boundary(content_type))
    try:
        async for event in events:
            if isinstance(event, MultipartSegment) and _is_file(event, field):
                return FilePart(event.filename or "", _content(events, field))
    except BaseException:
        await events.aclose()
        raise
    raise BadInput("no file", field=field)


async def _content(events: AsyncGenerator[Event, None], field: str) -> AsyncIterator[bytes]:
    async with aclosing(events):
        async for event in events:
            if event is None:
                break
            assert isinstance(event, bytes)
            yield event
        async for event in events:
            if isinstance(event, MultipartSegment) and _is_file(event, field):
                raise BadInput("more than one file", field=field)


async def _events(body: AsyncIterator[bytes], boundary: str) -> AsyncGenerator[Event, None]:
    try:
        with PushMultipartParser(
            boundary,
            max_header_size=HEADER_BYTES_MAX,
            max_header_count=HEADERS_MAX,
            max_segment_count=SEGMENTS_MAX,
        ) as parser:
            async for piece in body:
                for event in parser.parse(piece):
                    yield event
    except MultipartError:
        raise BadInput("not a multipart form") from None


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= BOUNDARY_BYTES_MAX or not boundary.isascii():
        raise BadInput("a multipart form is expected", field="Content-Type")
    return boundary


def _is_file(segment: MultipartSegment, field: str) -> bool:
    return segment.name == field and segment.filename is not None
