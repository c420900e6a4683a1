"""NOWPayments as a local server: takes orders, lets payers pay, and notifies as the real one does, and as others do.

For tests inside their own process, and as a process of its own for whoever develops a client::

    python -m tests.support.crypto_stand_in --port 9500
    GREENROOM_NOWPAYMENTS__STAND_IN=false GREENROOM_NOWPAYMENTS__BASE_URL=http://127.0.0.1:9500/v1 …
    curl -d '{"order_id": "…", "statuses": ["confirming", "finished"]}' http://127.0.0.1:9500/drive

It shares no code with the adapter that asks it: a mistake in signing must not cancel out. Numbers are held as floats
here, as the provider's JavaScript holds them, and written as JavaScript writes them.
"""

import argparse
import asyncio
import hashlib
import hmac
import itertools
import json
import math
import re
from typing import Any, Final

import tornado.web
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from tests.support.stand_ins import StandIn, TroubledHandler

__all__ = ["API_KEY", "IPN_SECRET", "CryptoStandIn", "stringify"]

API_KEY: Final = "V5Q4A6R-KZ6M2R5-PP6NAPY-HNKPXCE"
IPN_SECRET: Final = "Zp0hJ9vX2kQ7rT4wB8nL5mC1dF6gS3aY"


def stringify(value: Any, *, sort: bool = False, arrays: str = "kept", _only: set[str] | None = None) -> str:
    """``JSON.stringify``, and what the provider's samples do before it.

    ``arrays``: *kept*, *objects* (the sample for JavaScript of today), or *dropped* with ``sort`` (the older one, whose
    list of the top's keys also silences everything nested that is not called the same).
    """
    if arrays == "dropped" and isinstance(value, dict) and _only is None:
        _only = set(value)
    if isinstance(value, dict):
        names = sorted(value) if sort else list(value)
        kept = [name for name in names if _only is None or name in _only]
        members = [
            f"{json.dumps(name, ensure_ascii=False)}:{stringify(value[name], sort=sort, arrays=arrays, _only=_only)}"
            for name in kept
        ]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        items = [stringify(item, sort=sort, arrays=arrays, _only=_only) for item in value]
        if arrays == "objects":
            return "{" + ",".join(f'"{at}":{item}' for at, item in enumerate(items)) + "}"
        return "[" + ",".join(items) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(float(value))
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Number::toString of ECMAScript, from the shortest digits that give the number back."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "null"
    sign, magnitude = ("-", -value) if value < 0 else ("", value)
    mantissa, _, power = f"{magnitude!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    written = whole + fraction
    digits = written.lstrip("0")
    point = len(whole) + int(power or "0") - (len(written) - len(digits))  # Where it stands among the digits.
    digits = digits.rstrip("0")
    if 0 < point <= 21:
        text = digits.ljust(point, "0") if len(digits) <= point else f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        power = f"{'+' if point > 0 else '-'}{abs(point - 1)}"
        text = f"{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{power}"
    return sign + text


class CryptoStandIn(StandIn):
    """Orders, payments and notifications.

    ``refusal`` is (status, code) that orders get from now on; ``changes`` is laid over each answer. While ``is_deaf``,
    it takes an order and never answers, as when a connection breaks at the wrong moment.
    """

    def __init__(self, *, api_key: str = API_KEY, ipn_secret: str = IPN_SECRET) -> None:
        super().__init__()
        self.api_key = api_key
        self.ipn_secret = ipn_secret
        self.refusal: tuple[int, str] | None = None
        self.changes: dict[str, Any] = {}
        self.is_deaf = False
        self.payments: dict[int, dict[str, Any]] = {}
        self._numbers = itertools.count(5_077_125_051, 1_234_567)

    # What it is asked

    def take_order(self, order: dict[str, Any]) -> dict[str, Any]:
        payment_id = next(self._numbers)
        seed = hashlib.sha256(str(payment_id).encode()).hexdigest()
        payment = {
            "payment_id": payment_id,
            "payment_status": "waiting",
            "pay_address": "T" + re.sub("[0OIl]", "x", seed)[:33],
            "payin_extra_id": None,
            "price_amount": order["price_amount"],
            "price_currency": order["price_currency"],
            "pay_amount": round(order["price_amount"] * 0.99581965, 6),
            "actually_paid": 0,
            "pay_currency": order["pay_currency"],
            "order_id": order.get("order_id"),
            "order_description": order.get("order_description"),
            "purchase_id": payment_id + 1,
            "ipn_callback_url": order.get("ipn_callback_url"),
            "created_at": "2026-01-01T00:00:00.000Z",
        }
        self.payments[payment_id] = payment
        # Text here, a number everywhere else.
        return {**payment, "payment_id": str(payment_id), "purchase_id": str(payment_id + 1)} | self.changes

    def payment_of(self, order_id: str) -> dict[str, Any]:
        """The first payment of the order."""
        return next(payment for payment in self.payments.values() if payment["order_id"] == order_id)

    # What its payers do

    def drive(self, order_id: str, status: str, **changes: Any) -> dict[str, Any]:
        """The payment of the order goes to ``status``, and nobody is told, as when a notification is lost."""
        payment = self.payment_of(order_id)
        payment["payment_status"] = status
        if status in ("finished", "sending", "confirmed"):
            payment["actually_paid"] = payment["pay_amount"]
        if status == "partially_paid":
            payment["actually_paid"] = payment["pay_amount"] / 2
        payment.update(changes)
        return payment

    def deposit_again(self, order_id: str, **changes: Any) -> dict[str, Any]:
        """Somebody pays to the same address once more: a payment of its own, that names its parent."""
        parent = self.payment_of(order_id)
        payment = {**parent, "payment_id": next(self._numbers), "parent_payment_id": parent["payment_id"], **changes}
        self.payments[payment["payment_id"]] = payment
        return payment

    # What it tells

    def notice(
        self,
        payment: dict[str, Any],
        *,
        form: str = "kept",
        secret: str | None = None,
        **changes: Any,
    ) -> tuple[bytes, str]:
        """A notification about ``payment`` as it is now, and its signature.

        ``form`` says how it is signed (see ``stringify``), ``secret`` by whom; ``changes`` are laid over it before.
        """
        told = {
            "parent_payment_id": None,
            **payment,
            "invoice_id": None,
            "actually_paid_at_fiat": 0,
            "outcome_amount": 19.5,
            "outcome_currency": "usdttrc20",
            "payment_extra_ids": None,
            "fee": {
                "currency": "usdttrc20",
                "depositFee": 0.09853637216235617,
                "withdrawalFee": 0,
                "serviceFee": 1e-7,
            },
            **changes,
        }
        for name in ("ipn_callback_url", "created_at"):
            told.pop(name, None)
        signed = stringify(told, sort=True, arrays=form)
        digest = hmac.new((secret or self.ipn_secret).encode(), signed.encode(), "sha512").hexdigest()
        return stringify(told).encode(), digest

    async def tell(self, address: str, *notices: tuple[bytes, str]) -> list[int]:
        """Post notifications one after the other; the statuses of the answers."""
        http = AsyncHTTPClient(force_instance=True)
        try:
            return [
                (
                    await http.fetch(
                        address,
                        method="POST",
                        body=body,
                        headers={"Content-Type": "application/json", "x-nowpayments-sig": signature},
                        request_timeout=3,
                        follow_redirects=False,
                        raise_error=False,
                    )
                ).code
                for body, signature in notices
            ]
        finally:
            http.close()

    def application(self) -> tornado.web.Application:
        arguments = {"stand_in": self}
        return tornado.web.Application(
            [
                (r"/v1/payment", _OrderHandler, arguments),
                (r"/v1/payment/([^/]+)", _PaymentHandler, arguments),
                (r"/drive", _DriveHandler, arguments),
            ],
            log_function=lambda _handler: None,
        )


class _ApiHandler(TroubledHandler):
    """What needs the key."""

    async def is_answered(self) -> bool:
        if await self.in_trouble():
            return True
        if self.request.headers.get("x-api-key") != self.stand_in.api_key:
            self.say(403, {"statusCode": 403, "code": "INVALID_API_KEY", "message": "Invalid api key"})
            return True
        return False

    def say(self, status: int, answer: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(stringify(answer))


class _OrderHandler(_ApiHandler):
    async def post(self) -> None:
        order = json.loads(self.request.body)
        self.stand_in.requests.append(order)
        if await self.is_answered():
            return
        if self.stand_in.refusal:
            status, code = self.stand_in.refusal
            self.say(status, {"statusCode": status, "code": code, "message": "as told"})
            return
        answer = self.stand_in.take_order(order)
        if self.stand_in.is_deaf:
            self.request.connection.stream.close()  # type: ignore[union-attr]
            return
        self.say(201, answer)


class _PaymentHandler(_ApiHandler):
    async def get(self, payment_id: str) -> None:
        if await self.is_answered():
            return
        payment = self.stand_in.payments.get(int(payment_id) if payment_id.isdigit() else 0)
        if payment is None:
            self.say(404, {"statusCode": 404, "code": "PAYMENT_NOT_FOUND", "message": "Payment not found"})
            return
        self.say(200, {**payment, "outcome_amount": 19.5, **self.stand_in.changes})


class _DriveHandler(TroubledHandler):
    """``{"order_id", "statuses": […], "times": 1, "form": "kept", "secret": null, "changes": {}}``: do, and notify."""

    async def post(self) -> None:
        wish = json.loads(self.request.body)
        address = self.stand_in.payment_of(wish["order_id"])["ipn_callback_url"]
        notices = []
        for status in wish["statuses"]:
            payment = self.stand_in.drive(wish["order_id"], status)
            notice = self.stand_in.notice(
                payment, form=wish.get("form", "kept"), secret=wish.get("secret"), **wish.get("changes", {})
            )
            notices += [notice] * wish.get("times", 1)
        self.write({"codes": await self.stand_in.tell(address, *notices)})


async def _serve(port: int, stand_in: CryptoStandIn) -> None:
    sockets = bind_sockets(port, "127.0.0.1")
    HTTPServer(stand_in.application()).add_sockets(sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9500)
    parser.add_argument("--api-key", default=API_KEY)
    parser.add_argument("--ipn-secret", default=IPN_SECRET)
    wanted = parser.parse_args()
    asyncio.run(_serve(wanted.port, CryptoStandIn(api_key=wanted.api_key, ipn_secret=wanted.ipn_secret)))
