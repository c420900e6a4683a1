"""One request and its reply for every entry of the contract. The page of the documentation shows these very ones.

Whoever asks is jhinih, wxy, zhao, ann or nobody. The goldens stand in one module for each chapter of the document; here
is what all those have in common.
"""

from dataclasses import dataclass
from typing import Any

from tests.surfaces import goldens
from tests.surfaces.served import Like

__all__ = ["CREATED_MS", "DONE", "EPOCH_S", "MOMENT", "SNOWFLAKE", "TOKEN", "Golden", "done"]

TOKEN = Like(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…", r"(eyJ[\w-]+\.[\w-]+\.[\w-]+)|(eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…)"
)
SNOWFLAKE = Like("2006515713438650369", r"[1-9][0-9]{18}")
CREATED_MS = Like("1767225600000", r"[0-9]{13}")
EPOCH_S = Like("1767225600", r"[0-9]{10}")
MOMENT = Like("2026-01-01T08:00:00.000+08:00", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00")


def done(data: Any) -> dict[str, Any]:
    """A success with ``data``."""
    return {"code": 20000, "message": "成功", "data": data}


DONE = done({})


@dataclass(frozen=True)
class Golden(goldens.Golden):
    """One of this surface: ``call`` is ``GET /api/user/get-my-info``."""

    @property
    def path(self) -> str:
        """The path."""
        return self.call.partition(" ")[2]
