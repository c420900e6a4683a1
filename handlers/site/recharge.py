"""Diamonds for a cryptocurrency: an order, how far it is, and what the provider notifies. Source: SITE-35, SITE 2.5.

The answers are flat. A notification is looked at by nobody before its signature was checked: this module passes on
bytes.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from handlers.site.access import SiteCaller, claiming, member_of
from handlers.site.envelope import ENVELOPE, Done, Row
from handlers.site.shapes import Uid
from handlers.wire.access import PROVIDER
from handlers.wire.fields import Id, blank, text
from handlers.wire.language import Said
from handlers.wire.limits import per_second
from handlers.wire.members import money_key
from handlers.wire.surface import Endpoint, RawRequest
from store.interfaces.ids import OrderId

__all__ = ["ENDPOINTS", "notified", "order", "status"]

SIGNATURE: Final = "x-nowpayments-sig"


class WantedRecharge(msgspec.Struct):
    """Which package, by its price in USDT; ``user_id`` is the caller or nobody."""

    crypto_amount: Annotated[Id, blank()]
    user_id: Uid = ""


class RechargeOrdered(msgspec.Struct, kw_only=True):
    """Where to pay how much of which currency.

    ``pay_memo`` must be given along where it is not empty: without it the money arrives and is nobody's. ``qr_code`` is
    a PNG of the address in base64, empty where the server draws none.
    """

    code: int = 0
    message: str = "Recharge initiated, waiting for confirmation"
    order_id: str
    payment_id: str
    pay_address: str
    pay_amount: float
    pay_currency: str
    pay_memo: str
    qr_code: str


class WhichOrder(msgspec.Struct):
    """Which order, in the path."""

    order_id: Annotated[str, text(64)]


class RechargeStatus(msgspec.Struct, kw_only=True):
    """How far it is, in the provider's word; *finished* is paid and credited."""

    code: int = 0
    status: str
    message: str = "Status retrieved"


async def order(caller: SiteCaller, wanted: WantedRecharge) -> RechargeOrdered:
    """Order a package; with the same ``Idempotency-Key`` again it is the same order."""
    engine = caller.engine
    made, payment = await engine.crypto_recharge.create(member_of(caller), wanted.crypto_amount, key=money_key(caller))
    return RechargeOrdered(
        order_id=made.id,
        payment_id=payment.payment_id,
        pay_address=payment.pay_address,
        pay_amount=float(payment.pay_amount),
        pay_currency=payment.pay_currency,
        pay_memo=payment.memo,
        qr_code=engine.world.draw_qr(payment.pay_address),
    )


async def status(caller: SiteCaller, wanted: WhichOrder) -> RechargeStatus:
    """How far an order of the caller's own is; of others' nobody learns that they are there."""
    said = await caller.engine.crypto_recharge.status_of(member_of(caller), OrderId(wanted.order_id))
    return RechargeStatus(status=said.value)


async def notified(caller: SiteCaller, wanted: RawRequest) -> Done:
    """The provider says what became of a payment; whatever is authentic is taken, also when it changes nothing."""
    await caller.engine.crypto_recharge.notified(wanted.body, wanted.headers.get(SIGNATURE, ""))
    return Done(message="ok")


NOTIFYING: Final = ENVELOPE.saying(
    FORBIDDEN=Row(HTTPStatus.BAD_REQUEST, Said("签名不正确", "signature does not match"))
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/payment/process_recharge",
        WantedRecharge,
        RechargeOrdered,
        order,
        credential=claiming("user_id"),
        # Each one is a question to the provider, who counts them.
        limit=per_second(20, shared=True),
        summary="Order diamonds for a cryptocurrency (充值接口)",
        source_id="site-process-recharge",
    ),
    Endpoint(
        "/api/payment/check_payment_status/{order_id}",
        WhichOrder,
        RechargeStatus,
        status,
        method="GET",
        summary="How far an order is (查询充值订单状态接口)",
        source_id="site-check-payment-status",
    ),
    Endpoint(
        "/api/payment/payment_callback",
        RawRequest,
        Done,
        notified,
        access=PROVIDER,
        envelope=NOTIFYING,
        # One address reports for everybody, and what it reports is money: it must not wait behind a default.
        limit=per_second(1_000),
        summary="The payment provider's notification",
        source_id="site-payment-callback",
    ),
)
"""The endpoints of this module."""
