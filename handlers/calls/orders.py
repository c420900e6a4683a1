"""Buying diamonds: an order, the provider's notification, the history. Source: seeds/004 §23; CA-29, protocols 4."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from engine.errors import EngineError, Forbidden
from engine.records import OrderState
from handlers.calls.access import CallsCaller, guest_of, money_key
from handlers.calls.options import CallsOptions
from handlers.calls.shapes import Done, Nothing
from handlers.calls.times import Zone
from handlers.wire.access import PROVIDER
from handlers.wire.fields import Id
from handlers.wire.language import Language
from handlers.wire.limits import per_second
from handlers.wire.surface import Answer, Endpoint, RawRequest

__all__ = ["NOTICE", "create_order", "endpoints", "notified", "order_list"]

_XML: Final = "<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{text}]]></return_msg></xml>"
_TAKEN: Final = _XML.format(code="SUCCESS", text="OK").encode()
_NOT_AUTHENTIC: Final = _XML.format(code="FAIL", text="sign error").encode()
_NOT_TAKEN: Final = _XML.format(code="FAIL", text="not taken").encode()


class NoticeEnvelope:
    """What the payment provider wants to hear: that it may stop telling us, or that it has to tell us again."""

    media_type = "text/xml"

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:  # noqa: ARG002 - the same in both cases
        """XML of ``return_code`` and ``return_msg``."""
        properties = {name: {"type": "string"} for name in ("return_code", "return_msg")}
        return {"type": "object", "properties": properties, "xml": {"name": "xml"}}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Dealt with, also when it changed nothing."""
        return _xml(_TAKEN)

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Not authentic, or not dealt with."""
        return _xml(_NOT_AUTHENTIC if isinstance(error, Forbidden) else _NOT_TAKEN)


NOTICE: Final = NoticeEnvelope()


class WantedOrder(msgspec.Struct, rename="camel"):
    """Which pack of diamonds."""

    product_id: Id


class OrderCreated(msgspec.Struct, rename="camel", kw_only=True):
    """The order, and beside it the fields of ``wx.requestPayment`` as WeChat names them. The fee is in fen."""

    order_id: str
    pay_fee: int
    time_stamp: str
    nonce_str: str
    package: str
    sign_type: str
    pay_sign: str


class OrderLine(msgspec.Struct, rename="camel", kw_only=True):
    """One finished order; the fee in fen."""

    pay_fee: int
    pay_status_value: str
    pay_date_time: str


class OrderList(msgspec.Struct, rename="camel"):
    """Finished orders, newest first."""

    item_list: list[OrderLine]


async def create_order(caller: CallsCaller, wanted: WantedOrder) -> OrderCreated:
    """Order a pack; with the same ``Idempotency-Key`` again it is the same order."""
    order, payment = await caller.engine.recharge.create(
        guest_of(caller), wanted.product_id, key=money_key(caller), address=caller.address
    )
    return OrderCreated(
        order_id=order.id,
        pay_fee=order.fee_fen,
        time_stamp=payment.time_stamp,
        nonce_str=payment.nonce_str,
        package=payment.package,
        sign_type=payment.sign_type,
        pay_sign=payment.pay_sign,
    )


async def notified(caller: CallsCaller, wanted: RawRequest) -> Done:
    """The provider says that something was paid; its signature covers the bytes, so nothing here reads them."""
    await caller.engine.recharge.notified(wanted.body)
    return Done()


async def order_list(zone: Zone, caller: CallsCaller, _wanted: Nothing) -> OrderList:
    """Orders that were paid or failed; those still open are not shown."""
    orders = await caller.engine.recharge.finished_of(guest_of(caller))
    return OrderList(
        item_list=[
            OrderLine(
                pay_fee=order.fee_fen,
                pay_status_value="充值成功" if order.state is OrderState.PAID else "充值失败",
                pay_date_time=zone.to_second(order.finished_at_ms or order.created_at_ms),
            )
            for order in orders
        ]
    )


def _xml(body: bytes) -> Answer:
    return Answer(200, body, content_type="text/xml; charset=UTF-8")


def endpoints(options: CallsOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/app/pay/getOrderList",
            Nothing,
            OrderList,
            partial(order_list, Zone(options.time_zone)),
            summary="Recharge history (支付记录)",
            source_id="calls-pay-get-order-list",
        ),
        Endpoint(
            "/app/pay/createOrder",
            WantedOrder,
            OrderCreated,
            create_order,
            limit=per_second(20, shared=True),
            summary="Create a WeChat payment order",
            source_id="calls-pay-create-order",
        ),
        Endpoint(
            "/app/pay/notify",
            RawRequest,
            Done,
            notified,
            access=PROVIDER,
            envelope=NOTICE,
            # One address reports for everybody, and what it reports is money: it must not wait behind a default.
            limit=per_second(1_000),
            summary="Payment notification: credit diamonds once",
            source_id="calls-pay-notify",
        ),
    )
