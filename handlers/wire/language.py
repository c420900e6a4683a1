"""Which language a caller reads. Knows the header and the two languages there are; the texts belong to the surfaces."""

from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

__all__ = ["Language", "Said", "choose"]

_HEADER_LENGTH_MAX: Final = 200
"""Characters of ``Accept-Language`` that are looked at; browsers send less than half of it."""


class Language(StrEnum):
    """The languages messages come in. Chinese first: the documents are Chinese. Source: DS-10."""

    ZH = "zh"
    EN = "en"


class Said(msgspec.Struct, frozen=True):
    """One message in both languages."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        """The message as somebody who reads ``language`` should get it."""
        return self.en if language is Language.EN else self.zh


def choose(accept_language: str | None) -> Language:
    """The language that ``Accept-Language`` asks for; Chinese unless English is wanted more."""
    return _choose(accept_language[:_HEADER_LENGTH_MAX]) if accept_language else Language.ZH


@lru_cache(maxsize=512)
def _choose(header: str) -> Language:
    wanted = {Language.ZH: 0.0, Language.EN: 0.0}
    for entry in header.split(","):
        tag, _, parameters = entry.strip().lower().partition(";")
        primary = tag.partition("-")[0].strip()
        if primary not in ("zh", "en"):
            continue
        language = Language(primary)
        wanted[language] = max(wanted[language], _weight(parameters))
    return Language.EN if wanted[Language.EN] > wanted[Language.ZH] else Language.ZH


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
