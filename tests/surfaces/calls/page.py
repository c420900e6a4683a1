"""The endpoints' part of ``docs/surfaces/calls.md``.

``python -m tests.surfaces.calls.page`` writes it anew; a test fails while the page differs.
"""

from typing import Any, Final

from handlers import calls
from handlers.wire.surface import Endpoint
from tests.surfaces.calls.golden import GOLDENS, NOTIFIED
from tests.surfaces.calls.scene import OPTIONS
from tests.surfaces.contracts import contract_of
from tests.surfaces.pages import Example, Page, as_json, whoever

__all__ = ["PAGE"]

GOLDEN_OF = {golden.entry: golden for golden in GOLDENS}
CONTRACT = contract_of("calls")
ACTOR = {entry["id"]: entry["actor"] for entry in CONTRACT.values()}
REQUEST_OF_XML = "<xml>…<out_trade_no>…</out_trade_no><sign>…</sign></xml>"
TOKEN = {"token": "0123456789abcdef0123456789abcdef"}


def _example(endpoint: Endpoint[Any, Any]) -> Example:
    if endpoint.is_raw:
        return Example("xml", (REQUEST_OF_XML, NOTIFIED))
    golden = GOLDEN_OF[endpoint.source_id]
    is_carried_apart = golden.who == "nobody" or golden.path.startswith("/weapp/live_room/")
    return Example("json", (as_json(golden.sent if is_carried_apart else TOKEN | golden.sent), as_json(golden.reply)))


def _who(endpoint: Endpoint[Any, Any]) -> str:
    if endpoint.is_raw:
        return "the payment provider"
    actor: str = ACTOR[endpoint.source_id]
    return actor or whoever(endpoint)


PAGE: Final = Page(
    "calls",
    calls.surface(OPTIONS),
    example_of=_example,
    who_asks=_who,
)


if __name__ == "__main__":
    PAGE.write()
