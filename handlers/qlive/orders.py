"""Buying gold: what is on sale, an order, the provider's notification. Source: QL-37 … QL-39, protocols 4.

The answer to an order is the documents' own envelope around WeChat's five fields: ``content`` is their JSON text, and
``sign`` is HMAC-SHA256 over ``timestamp`` and ``content``, one behind the other, in hex, with the payment key, so that
a merchant's own backend can tell that it has passed on what we said. WeChat looks at ``content`` alone.
"""

import hashlib
import hmac
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.errors import EngineError, ProviderDown
from engine.services.accounts import QLIVE
from handlers.qlive.access import QliveCaller
from handlers.qlive.envelope import ENVELOPE, Row, as_documented
from handlers.qlive.options import QliveOptions
from handlers.qlive.shapes import Nothing
from handlers.wire.codec import write_json
from handlers.wire.fields import Id, blank
from handlers.wire.limits import per_second
from handlers.wire.members import money_key
from handlers.wire.pay_notice import notice_endpoint
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["create_order", "endpoints", "packages"]

_PAY: Final = "/wx/api/qlive/qlive_pay"
_FEN: Final = 100


class PackageShown(msgspec.Struct):
    """A pack of gold, in text; the price is in yuan."""

    id: str
    gold: str
    price: str


class WantedOrder(msgspec.Struct):
    """Which pack of gold."""

    block_id: Annotated[Id, blank()]


class Ordered(msgspec.Struct, kw_only=True):
    """``content`` is JSON text of what ``wx.requestPayment`` is called with."""

    success: Literal["success"] = "success"
    timestamp: str
    sign: str
    content: str


async def packages(caller: QliveCaller, _wanted: Nothing) -> list[PackageShown]:
    """What is on sale, the cheapest first."""
    return [
        PackageShown(
            id=str(pack.id), gold=str(pack.amount), price=f"{pack.price_fen // _FEN}.{pack.price_fen % _FEN:02d}"
        )
        for pack in caller.engine.recharge.packs(QLIVE)
    ]


async def create_order(sign_key: str, zone: Zone, caller: QliveCaller, wanted: WantedOrder) -> Ordered:
    """Order a pack; with the same ``Idempotency-Key`` again it is the same order."""
    order, payment = await caller.engine.recharge.create(
        caller.principal.person, wanted.block_id, key=money_key(caller), address=caller.address
    )
    timestamp = zone.to_second(order.created_at_ms)
    content = write_json(
        {
            "timeStamp": payment.time_stamp,
            "nonceStr": payment.nonce_str,
            "package": payment.package,
            "signType": payment.sign_type,
            "paySign": payment.pay_sign,
        }
    ).decode()
    sign = hmac.digest(sign_key.encode(), f"{timestamp}{content}".encode(), hashlib.sha256).hex()
    return Ordered(timestamp=timestamp, sign=sign, content=content)


def _failed(_error: EngineError) -> Mapping[str, object]:
    return {"success": "failed"}


# Only the provider's refusal: that our own store is away is said as everywhere.
ORDERING: Final = ENVELOPE.saying({ProviderDown: Row(HTTPStatus.OK, as_documented("payment order refused"), _failed)})


def endpoints(options: QliveOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            _PAY,
            Nothing,
            list[PackageShown],
            packages,
            method="GET",
            summary="Recharge packages (获取充值模块)",
            source_id="qlive-pay-blocks",
        ),
        Endpoint(
            _PAY,
            WantedOrder,
            Ordered,
            partial(create_order, options.sign_key, Zone(options.time_zone)),
            limit=per_second(20, shared=True),
            envelope=ORDERING,
            summary="Create a WeChat payment order (充值)",
            source_id="qlive-pay-create",
        ),
        notice_endpoint(
            f"{_PAY}/notify",
            summary="WeChat payment notification: verify, credit gold once",
            source_id="qlive-pay-notify",
        ),
    )
