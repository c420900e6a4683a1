"""Bytes to plain values and back: the one place that reads or writes JSON.

Knows JSON, forms and their limits. Knows no endpoint, no field and no meaning: what comes out is made of dict, list,
str, int, float, bool and None, and what it should have been is for ``fields`` to say.

ujson reads quickly and forgives much: repeated keys, ``NaN``, ``01``, ``-``, half surrogates, raw line ends in strings.
What it forgives is refused here, from the text with its strings taken out, so that two readers never see two requests
in one body.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import ujson
from tornado.httputil import HTTPInputError, ParseMultipartConfig, parse_multipart_form_data

from engine.errors import BadInput

__all__ = ["DEPTH_MAX", "KEYS_MAX", "read_all_pairs", "read_body", "read_json", "read_pairs", "write_json"]

DEPTH_MAX: Final = 32
"""How deep objects and lists may nest. Source: SEC-26."""

KEYS_MAX: Final = 1_000
"""How many members, or form fields, one body may have in all. Source: SEC-26."""

# Possessive, so that a string that does not end costs one pass and not every way to cut it. A raw control character
# ends the match early and leaves its quotes behind, which is how it is found.
_STRINGS: Final = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+"')

# What ujson lets through outside strings: a quote left over, NaN and Infinity, 01, a lone minus, 1. and 1.e5.
_FORGIVEN: Final = re.compile(r'["NI]|(?:^|[\[:,\s])-?0[0-9]|-(?![0-9])|\.(?![0-9])')

_BOUNDARY_BYTES_MAX: Final = 70
"""Source: RFC 2046 §5.1.1."""

_MULTIPART: Final = ParseMultipartConfig(max_parts=100)


def write_json(value: object) -> bytes:
    """``value`` as UTF-8 JSON, as people read it: no escaped slashes, no escaped letters.

    Raises: OverflowError: there is a NaN or an infinity in it, which no JSON reader has to accept.
    """
    return ujson.dumps(value, ensure_ascii=False, escape_forward_slashes=False, allow_nan=False).encode()


def read_json(body: bytes) -> object:
    """The one JSON value in ``body``.

    Raises:
        BadInput: not JSON as RFC 8259 has it (UTF-8, no byte order mark), a key twice in one object, a number that is
        none or
            does not fit a float, half a surrogate, nested deeper than ``DEPTH_MAX``, more members than ``KEYS_MAX``.
            Source: SEC-26, F-20.
    """
    try:
        text = body.decode()
        value: object = ujson.loads(text)
    except (ValueError, OverflowError, RecursionError):
        raise BadInput("not JSON") from None
    outside_strings = _STRINGS.sub("", text)
    if _FORGIVEN.search(outside_strings):
        raise BadInput("not JSON")
    keys_count = _count_keys(value)
    if keys_count > KEYS_MAX:
        raise BadInput("too many members")
    # Each member has one colon outside strings; where fewer members came out, one has replaced another of its name.
    if keys_count != outside_strings.count(":"):
        raise BadInput("a key comes twice")
    if "\\u" in text:
        try:
            ujson.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadInput("half a surrogate") from None
    return value


def read_body(body: bytes) -> Mapping[str, object]:
    """The fields of a request body, be it JSON, a form or a multipart form.

    What it is shows in its first bytes: mini-program clients send JSON under a form's content type and the other way
    round, so nobody asks for the content type. An empty body has no fields. Parts of a multipart form that are files
    are left out.

    Raises: BadInput: cannot be read, is no object, or gives one field twice. Source: ALL-9, F-20, F-21.
    """
    body = body.strip(b" \t\r\n")
    # A byte order mark is JSON too, for the reader of JSON to refuse.
    if body[:1] in (b"{", b"[", b"\xef"):
        value = read_json(body)
        if not isinstance(value, dict):
            raise BadInput("an object is expected")
        return value
    if body.startswith(b"--"):
        return _read_multipart(body)
    if body and b"=" not in body:
        # JSON that is no object, or anything else: who sends it means something, and we do not know what.
        raise BadInput("not a form")
    try:
        return read_pairs(body.decode())
    except UnicodeDecodeError:
        raise BadInput("not a form") from None


def read_pairs(encoded: str) -> dict[str, object]:
    """The fields of a query string or a urlencoded form; values are strings.

    Raises: BadInput: over ``KEYS_MAX`` fields, not UTF-8 below the percent signs, or one field given twice.
    """
    if not encoded:
        return {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=KEYS_MAX)
    except ValueError:
        raise BadInput("not a form") from None
    return _each_once(pairs)


def read_all_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """The fields of a urlencoded form in their order and as often as they come, for whom a double means something.

    What is not UTF-8 below the percent signs is replaced: no field of interest has such letters, and another one may
    not hide it.

    Raises: BadInput: over ``KEYS_MAX`` fields.
    """
    try:
        text = encoded.decode("ascii", "replace")
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=KEYS_MAX)
    except ValueError:
        raise BadInput("not a form") from None


def _count_keys(value: object) -> int:
    """How many members all objects in ``value`` have; checks depth and floats on the way, without recursion."""
    keys_count = 0
    level: list[object] = [value]
    depth = 0
    while level:
        deeper: list[object] = []
        for one in level:
            if type(one) is dict:
                keys_count += len(one)
                deeper.extend(one.values())
            elif type(one) is list:
                deeper.extend(one)
            elif type(one) is float and one - one != 0.0:
                raise BadInput("a number is out of range")
            else:
                continue
            if depth == DEPTH_MAX:
                raise BadInput("nested too deeply")
        level = deeper
        depth += 1
    return keys_count


def _read_multipart(body: bytes) -> Mapping[str, object]:
    # The body's own first line is the boundary, also when the content type has lost it.
    first_line, _, _ = body.partition(b"\r\n")
    boundary = first_line[2:]
    if not 0 < len(boundary) <= _BOUNDARY_BYTES_MAX:
        raise BadInput("not a multipart form")
    arguments: dict[str, list[bytes]] = {}
    try:
        parse_multipart_form_data(boundary, body, arguments, {}, config=_MULTIPART)
        return _each_once((name, value.decode()) for name, values in arguments.items() for value in values)
    except (HTTPInputError, ValueError):
        raise BadInput("not a multipart form") from None


def _each_once(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            raise BadInput("a field comes twice", field=name)
        fields[name] = value
    return fields
