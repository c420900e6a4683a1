"""Buying diamonds: an order, the provider's notification, the history. Source: seeds/004 §23; CA-29, protocols 4."""

from functools import partial
from typing import Any

import msgspec

from engine.records import OrderState
from handlers.calls.access import CallsCaller, guest_of
from handlers.calls.options import CallsOptions
from handlers.calls.shapes import Nothing
from handlers.wire.fields import Id
from handlers.wire.limits import per_second
from handlers.wire.members import money_key
from handlers.wire.pay_notice import notice_endpoint
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["create_order", "endpoints", "order_list"]


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
        pay_fee=order.price,
        time_stamp=payment.time_stamp,
        nonce_str=payment.nonce_str,
        package=payment.package,
        sign_type=payment.sign_type,
        pay_sign=payment.pay_sign,
    )


async def order_list(zone: Zone, caller: CallsCaller, _wanted: Nothing) -> OrderList:
    """Orders that were paid or failed; those still open are not shown."""
    orders = await caller.engine.recharge.finished_of(guest_of(caller))
    return OrderList(
        item_list=[
            OrderLine(
                pay_fee=order.price,
                pay_status_value="充值成功" if order.state is OrderState.PAID else "充值失败",
                pay_date_time=zone.to_second(order.finished_at_ms or order.created_at_ms),
            )
            for order in orders
        ]
    )


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
        notice_endpoint(
            "/app/pay/notify", summary="Payment notification: credit diamonds once", source_id="calls-pay-notify"
        ),
    )
