"""What part of a file a request asks for, and whether its client has it already.

Knows the headers for that and their odd forms. Knows no file. Source: RFC 9110 §13, §14.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Part", "has_it", "part_of"]

_ONE_RANGE: Final = re.compile(r"(?i:bytes)=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*")
_TAG: Final = re.compile(r'(?:W/)?("[!#-~\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from ``first`` to ``last``, both of them included. There is none where ``last`` comes before."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many they are."""
        return self.last + 1 - self.first

    @property
    def is_none(self) -> bool:
        """Whether what was asked for is not there (416)."""
        return self.length <= 0


def part_of(headers: Mapping[str, str], *, length: int, tag: str) -> Part | None:
    """The part of a file of ``length`` bytes that is asked for; None: all of it.

    Whatever is not one plain range of bytes asks for all of it, several of them too, as a server may decide. So does a
    range of another state of the file than ``tag``.
    """
    asked = _ONE_RANGE.fullmatch(headers.get("Range", ""))
    condition = headers.get("If-Range")
    # A strong comparison; a date is never ours.
    if asked is None or (condition is not None and condition.strip() != tag):
        return None
    first, last, final = asked.groups()
    if final is not None:
        # Of none at the end of a file there is none.
        return Part(max(length - int(final), 0), length - 1) if int(final) else Part(length, length - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= length:
        return Part(length, length - 1)
    return Part(int(first), min(int(last), length - 1) if last else length - 1)


def has_it(headers: Mapping[str, str], tag: str) -> bool:
    """Whether the client says that it has what ``tag`` names (304)."""
    named = headers.get("If-None-Match", "")
    return named.strip() == "*" or tag in _TAG.findall(named)
