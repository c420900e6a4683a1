"""The endpoints' part of ``docs/surfaces/qlive.md``.

``python -m tests.surfaces.qlive.page`` writes it anew; a test fails while the page differs.
"""

from types import SimpleNamespace
from typing import Any, Final

from handlers import qlive
from handlers.wire.surface import Endpoint
from tests.surfaces.pages import Example, Page, as_json, of_golden, whoever
from tests.surfaces.qlive.golden import GOLDENS
from tests.surfaces.qlive.scene import OPTIONS, Person

__all__ = ["PAGE"]

GOLDEN_OF = {golden.entry: golden for golden in GOLDENS}
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
    return of_golden(CAST, GOLDEN_OF[endpoint.source_id])


def _who(endpoint: Endpoint[Any, Any]) -> str:
    return WHO.get(endpoint.source_id) or whoever(endpoint)


PAGE: Final = Page(
    "qlive",
    qlive.surface(OPTIONS),
    example_of=_example,
    who_asks=_who,
)


if __name__ == "__main__":
    PAGE.write()
