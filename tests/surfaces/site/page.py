"""The endpoints' part of ``docs/surfaces/site.md``.

``python -m tests.surfaces.site.page`` writes it anew; a test fails while the page differs.
"""

from types import SimpleNamespace
from typing import Any, Final

from handlers import site
from handlers.wire.surface import Endpoint
from tests.surfaces.contracts import contract_of
from tests.surfaces.goldens import filled
from tests.surfaces.pages import Example, Page, as_json, of_golden, whoever
from tests.surfaces.site.goldens import GOLDENS
from tests.surfaces.site.scene import OPTIONS, Person

__all__ = ["PAGE"]

GOLDEN_OF = {golden.path: golden for golden in GOLDENS}
CONTRACT = contract_of("site")
UID = "gGAlOXloThS9r8d5HgeBzg"
TOKEN = "eyJhbGciOiJIUzI1NiIs…"
CAST: Any = SimpleNamespace(
    jliu=Person(UID, TOKEN, TOKEN, "…"),
    yi=Person("6", TOKEN, TOKEN, "…"),
    wei=Person("7", TOKEN, TOKEN, "…"),
    state="…",
    bound="…",
    order="e8e3297a-a363-48c3-83c7-d427a1eb76ee",
)
OF_PROVIDERS = {
    "site-payment-callback": Example(
        "json",
        (
            as_json({"payment_id": 6422917718, "payment_status": "finished", "order_id": CAST.order, "…": "…"}),
            as_json({"code": 0, "message": "ok"}),
        ),
    ),
}
ANCHORS: Final = frozenset(entry["id"] for entry in CONTRACT.values() if entry["auth"] == "anchor_jwt")


def _example(endpoint: Endpoint[Any, Any]) -> Example:
    if endpoint.is_raw:
        return OF_PROVIDERS[endpoint.source_id]
    golden = GOLDEN_OF[endpoint.path]
    if golden.location:
        return Example("json", (as_json(filled(CAST, golden.sent)), f"302, Location: {golden.location}"))
    return of_golden(CAST, golden)


def _who(endpoint: Endpoint[Any, Any]) -> str:
    if endpoint.is_raw:
        return "the payment provider"
    if endpoint.source_id in ANCHORS:
        return "the anchor whose it is"
    return whoever(endpoint)


PAGE: Final = Page(
    "site",
    site.surface(OPTIONS),
    example_of=_example,
    who_asks=_who,
)


if __name__ == "__main__":
    PAGE.write()
