"""The endpoints' part of ``docs/surfaces/qlive.md``.

``python -m tests.surfaces.qlive.page`` writes it anew; a test fails while the page differs.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from handlers import qlive
from handlers.wire.access import PUBLIC
from handlers.wire.surface import Endpoint
from tests.surfaces.goldens import filled
from tests.surfaces.pages import Example, Page, as_json
from tests.surfaces.qlive.golden import GOLDENS
from tests.surfaces.qlive.scene import OPTIONS, Person

__all__ = ["PAGE"]

GOLDEN_OF = {golden.entry: golden for golden in GOLDENS}
CONTRACT = json.loads((Path(__file__).parent / "contract.json").read_text("utf-8"))
CAST: Any = SimpleNamespace(hong=Person("75003883", ""), mei=Person("10215436", ""), tom=Person("66766865", ""))
OF_PROVIDERS = {
    "qlive-pay-notify": Example(
        "xml",
        (
            "<xml>…<out_trade_no>…</out_trade_no><sign>…</sign></xml>",
            "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
        ),
    ),
    "qlive-im-notify": Example(
        "json",
        (
            as_json({"CallbackCommand": "State.StateChange", "Info": {"Action": "Logout", "To_Account": "66766865"}}),
            as_json({"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}),
        ),
    ),
}
WHO = {
    "qlive-pay-notify": "the payment provider",
    "qlive-im-notify": "the messaging service",
    "qlive-room-matchmaker-enter": "matchmakers",
    "qlive-room-live-end": "the room's matchmaker",
    "qlive-room-invite-micro": "the room's matchmaker",
    "qlive-room-leave-micro": "whoever sits, and the room's matchmaker",
    "qlive-room-apply-micro": "viewers",
    "qlive-room-accept-micro": "viewers who have applied or were invited",
    "qlive-room-refuse-micro": "viewers who have applied or were invited",
    "qlive-user-get-users-info": "whoever is in the room",
}


def _example(endpoint: Endpoint[Any, Any]) -> Example:
    if endpoint.is_raw:
        return OF_PROVIDERS[endpoint.source_id]
    golden = GOLDEN_OF[endpoint.source_id]
    return Example("json", (as_json(filled(CAST, golden.sent)), as_json(filled(CAST, golden.reply))))


def _who(endpoint: Endpoint[Any, Any]) -> str:
    return WHO.get(endpoint.source_id) or ("anybody" if endpoint.access is PUBLIC else "whoever is signed in")


PAGE: Final = Page(
    "qlive",
    qlive.surface(OPTIONS),
    CONTRACT,
    made_by="tests/surfaces/qlive/page.py",
    example_of=_example,
    who_asks=_who,
)


if __name__ == "__main__":
    PAGE.write()
