"""The endpoints' part of ``docs/surfaces/social.md``.

``python -m tests.surfaces.social.page`` writes it anew; a test fails while the page differs.
"""

from types import SimpleNamespace
from typing import Any, Final

from handlers import social
from handlers.wire.surface import Endpoint
from tests.surfaces.pages import Example, Page, as_json, of_golden
from tests.surfaces.social.goldens import GOLDENS
from tests.surfaces.social.scene import OPTIONS, Person

__all__ = ["PAGE"]

GOLDEN_OF = {golden.call: golden for golden in GOLDENS}
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…"


class Cast(SimpleNamespace):
    """The cast as the page shows it; whatever else a golden speaks of has an id of its own."""

    def __getattr__(self, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(name)
        return "2006515713438650371"


CAST: Any = Cast(
    jhinih=Person("2006515713438650368", "jhinih", "jhinih@example.com", TOKEN, TOKEN),
    wxy=Person("2006515713438650369", "wxy", "wxy@example.com", TOKEN, TOKEN),
    zhao=Person("2006515713438650370", "zhao", "zhao@example.com", TOKEN, TOKEN),
    ann=Person("2006515713438650372", "ann", "ann@example.com", TOKEN, TOKEN),
    code="786739",
)
NAME = "59dbd7311ac3ce04d757421fef15964c01a2841149f388cac87f528d0d151ae9.mp4"
OF_FILES = {
    "social-file-upload": Example(
        "",
        (
            "a multipart form with the field file",
            as_json({"code": 20000, "message": "成功", "data": {"url": f"https://media.example/uploads/{NAME}"}}),
        ),
    ),
    "social-uploads-get": Example("", (f"GET /uploads/{NAME}", "200, 206 with Range, 304, 404 or 416; the bytes")),
}


def _example(endpoint: Endpoint[Any, Any]) -> Example:
    if endpoint.source_id in OF_FILES:
        return OF_FILES[endpoint.source_id]
    return of_golden(CAST, GOLDEN_OF[f"{endpoint.method} {endpoint.path}"])


PAGE: Final = Page(
    "social",
    social.surface(OPTIONS),
    example_of=_example,
)


if __name__ == "__main__":
    PAGE.write()
