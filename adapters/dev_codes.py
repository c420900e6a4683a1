"""``dev:NAME`` codes: how a development server is told who signs in, wherever a third party's code is taken.

``dev:mei?role=master&gender=2`` is NAME *mei* with two attributes, written as a query string. Knows no surface and no
third party; whoever takes such codes makes sure that it happens in development only. Source: ALL-20, DS-9.
"""

import re
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from engine.errors import NotSignedIn

__all__ = ["DevCode", "is_dev_code", "read_dev_code", "refuse_outside_development"]

PREFIX: Final = "dev:"
NAME: Final = re.compile(r"[\w.-]{1,64}")
ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
ATTRIBUTES_MAX: Final = 32
VALUE_CHARS_MAX: Final = 200


class DevCode(msgspec.Struct, frozen=True, kw_only=True):
    """What such a code says. ``id`` is the person's id at the third party there is none of: ``dev:NAME``."""

    id: str
    name: str
    attributes: dict[str, str]


def refuse_outside_development(env: str) -> None:
    """Raise ``ValueError`` in every ``env`` but *dev*, as anybody could sign in as anybody."""
    if env != "dev":
        raise ValueError(f"dev: codes sign in anybody; env is {env}")


def is_dev_code(code: str) -> bool:
    """Whether ``code`` is meant as one of these, well-formed or not."""
    return code.startswith(PREFIX)


def read_dev_code(code: str) -> DevCode:
    """Read a code that ``is_dev_code``.

    Raises: NotSignedIn: malformed.
    """
    name, _, query = code.removeprefix(PREFIX).partition("?")
    if not NAME.fullmatch(name):
        raise NotSignedIn("no name behind dev:")
    return DevCode(id=f"{PREFIX}{name}", name=name, attributes=_read_attributes(query) if query else {})


def _read_attributes(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=ATTRIBUTES_MAX
        )
    except ValueError:
        raise NotSignedIn("attributes behind dev: are not a query string") from None
    attributes = dict(pairs)
    if len(attributes) != len(pairs):
        raise NotSignedIn("an attribute behind dev: comes twice")
    for key, value in pairs:
        if not ATTRIBUTE.fullmatch(key) or len(value) > VALUE_CHARS_MAX:
            raise NotSignedIn("an attribute behind dev: is malformed")
    return attributes
