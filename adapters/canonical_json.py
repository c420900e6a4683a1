"""JSON that a signature covers: read without losing how its numbers were written, and written in one way only.

The standard parser is used here, and not the wire's codec: it alone hands over numbers as they stand. What was 1e-7 or
20.0 would come back from a float as something else, and no signature over it would match. Knows no service.
Source: protocols 5.3 (traps 1 to 5).
"""

import json
from collections.abc import Callable
from typing import Final, TypeAlias

__all__ = ["DEPTH_MAX", "Json", "Number", "canonical", "has_array", "read"]

DEPTH_MAX: Final = 32
"""Deeper than any honest document, and far from the bottom of the stack (SEC-26)."""


class Number(str):
    """A number as it was written. It is text on purpose: nothing calculates with it by accident."""

    __slots__ = ()


Json: TypeAlias = bool | str | Number | list["Json"] | dict[str, "Json"] | None


def read(body: bytes, *, bytes_max: int) -> Json:
    """The document in ``body``.

    Raises: ValueError: too long or too deep, not UTF-8, not JSON, a key twice in one object, or NaN or Infinity.
    """
    if len(body) > bytes_max:
        raise ValueError("too long")
    try:
        document: Json = json.loads(
            body.decode(),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse,
            object_pairs_hook=_without_doubles,
        )
    except RecursionError:
        raise ValueError("too deep") from None
    if _depth_exceeds(document, DEPTH_MAX):
        raise ValueError("too deep")
    return document


def canonical(document: Json, *, arrays_as_objects: bool = False) -> bytes:
    """``document`` with keys sorted at every level and nothing between its parts, as JavaScript writes it.

    With ``arrays_as_objects`` an array is written as an object whose keys are its indexes, in their order.

    Raises: ValueError: a text that has no UTF-8 form.
    """

    def write(value: Json) -> str:
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case Number():
                return value
            case str():
                return _quoted(value)
            case list() if arrays_as_objects:
                return "{" + ",".join(f'"{index}":{write(item)}' for index, item in enumerate(value)) + "}"
            case list():
                return "[" + ",".join(map(write, value)) + "]"
            case dict():
                keys = sorted(value, key=_as_javascript_compares)
                return "{" + ",".join(f"{_quoted(key)}:{write(value[key])}" for key in keys) + "}"

    return write(document).encode()


def has_array(document: Json) -> bool:
    """Whether there is an array anywhere in ``document``."""
    match document:
        case list():
            return True
        case dict():
            return any(map(has_array, document.values()))
        case _:
            return False


# ensure_ascii off: an order's title may be Chinese, and is signed as it stands.
_quoted: Final[Callable[[str], str]] = json.JSONEncoder(ensure_ascii=False).encode


def _as_javascript_compares(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is no number")


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        # Which of two is meant depends on who reads it.
        raise ValueError("a key comes twice")
    return document


def _depth_exceeds(document: Json, levels: int) -> bool:
    match document:
        case dict():
            inner = list(document.values())
        case list():
            inner = document
        case _:
            return False
    return levels == 0 or any(_depth_exceeds(item, levels - 1) for item in inner)
