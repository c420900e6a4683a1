"""What people write about themselves and to each other, made fit to be kept and shown. Knows no field and no limit."""

import re
import unicodedata
from typing import Final

__all__ = ["cut_to_width", "in_lines", "is_web_address", "one_line", "seen", "speakable"]

_UNSPEAKABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHAPELESS: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are printable by their kind and yet show nothing: fillers, and selectors of variants."""
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f/?#]+[^\s\x00-\x1f\x7f]*", re.IGNORECASE)

WIDE: Final = 3
"""Units of a CJK character, as the originals counted bytes. Source: QL-8."""


def speakable(text: str) -> str:
    """``text`` in one line, without control and direction characters and without space around it. Source: ALL-18."""
    return _UNSPEAKABLE.sub("", text.replace("\n", " ")).strip()


def in_lines(text: str) -> str:
    """``text`` in its own lines, each as ``speakable`` has it but for the space at its beginning."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_UNSPEAKABLE.sub("", line.replace("\t", "    ")).rstrip() for line in lines).strip()


def one_line(text: str) -> str:
    """``speakable``, in the composed form, so that what looks the same is the same. Source: SEC-32."""
    return speakable(unicodedata.normalize("NFC", text))


def seen(text: str) -> str:
    """What of ``text`` anybody sees: two names that differ in nothing else look the same. Source: SEC-32."""
    return "".join(sign for sign in _SHAPELESS.sub("", text) if sign.isprintable())


def cut_to_width(text: str, units_max: int) -> str:
    """The beginning of ``text`` that is at most ``units_max`` wide; a CJK character is 3 wide, others are 1.

    Source: QL-8.
    """
    units_left = units_max
    for place, character in enumerate(text):
        units_left -= WIDE if unicodedata.east_asian_width(character) in "WF" else 1
        if units_left < 0:
            return text[:place].rstrip()
    return text


def is_web_address(text: str) -> bool:
    """Whether ``text`` is of the form of an address that a browser fetches a picture from."""
    return _WEB_ADDRESS.fullmatch(text) is not None
