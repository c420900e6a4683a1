"""What a check of ``doctor`` has to say."""

from enum import StrEnum
from typing import Final

import msgspec

__all__ = ["WAIT_FOR_STORE", "Check", "CheckResult", "unanswered"]

WAIT_FOR_STORE: Final = "greenroom doctor --watch"


class CheckResult(StrEnum):
    """How a check went."""

    OK = "ok"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check; a failed one names the next command."""

    name: str
    result: CheckResult
    detail: str
    next_command: str = ""


def unanswered(name: str) -> Check:
    """A check that could not be made, because the lasting store is away."""
    return Check(name=name, result=CheckResult.FAIL, detail="the store does not answer", next_command=WAIT_FOR_STORE)
