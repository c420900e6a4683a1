"""WeChat's sign-in and WeChat Pay as local servers that speak the real protocols and do what a test tells them.

They share no code with the adapters they are asked by: a mistake in signing must not cancel out. So XML is read with a
regular expression here, and signatures are made from the vendor's description once more.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import AsyncGenerator
from typing import Any, Final
from xml.sax.saxutils import unescape

import tornado.web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

__all__ = ["PayStandIn", "StandIn", "TroubledHandler", "WeChatLoginStandIn", "seal", "serving"]


class StandIn:
    """How any service can misbehave.

    ``trouble`` is one of "" (none), *hang*, *garbage*, *huge*, *redirect*, *down* (HTTP 502) and *cut* (connection).
    ``arrived`` is set once a first question has come, ``closing`` when no more will be answered.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self.requests: list[dict[str, str]] = []
        self.redirected_count = 0
        self.arrived = asyncio.Event()
        self.closing = asyncio.Event()

    def application(self) -> tornado.web.Application:
        raise NotImplementedError


class TroubledHandler(tornado.web.RequestHandler):
    """Answers for ``stand_in``, in whatever trouble that is."""

    def initialize(self, stand_in: Any) -> None:
        self.stand_in = stand_in

    async def in_trouble(self) -> bool:
        """Misbehave as told; whether an answer has been given that way."""
        self.stand_in.arrived.set()
        match self.stand_in.trouble:
            case "hang":
                await self.stand_in.closing.wait()
            case "garbage":
                self.write(b"<html>\xff\xfe{]")
            case "huge":
                self.write(b" " * 1_000_000)
            case "redirect":
                self.redirect("/elsewhere?" + self.request.query)
            case "down":
                self.set_status(502)
            case "cut":
                self.request.connection.stream.close()  # type: ignore[union-attr]
            case _:
                return False
        return True


class _Elsewhere(TroubledHandler):
    def get(self) -> None:
        self.stand_in.redirected_count += 1
        self.write("{}")

    post = get


@contextlib.asynccontextmanager
async def serving(stand_in: StandIn) -> AsyncGenerator[str, None]:
    """Serve on a free port of this machine; gives the base address, and leaves nothing behind."""
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(stand_in.application())
    server.add_sockets(sockets)
    try:
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        stand_in.closing.set()
        server.stop()
        await server.close_all_connections()


# Sign-in


class WeChatLoginStandIn(StandIn):
    """``jscode2session``: codes that were granted work once, then they are 40029."""

    def __init__(self, *, app_id: str = "wx8888888888888888", app_secret: str = "a-secret-of-the-application") -> None:
        super().__init__()
        self.app_id = app_id
        self.app_secret = app_secret
        self.session_key = "HyVFkGl5F5OQWJZZaNzBBg=="
        self._open_ids: dict[str, str] = {}
        self._errors: dict[str, int] = {}

    def grant(self, code: str, open_id: str) -> None:
        """``code`` is what ``wx.login`` gave to the person ``open_id``."""
        self._open_ids[code] = open_id

    def refuse(self, code: str, errcode: int) -> None:
        """Answer ``code`` with that error from now on."""
        self._errors[code] = errcode

    def answer(self, query: dict[str, str]) -> dict[str, object]:
        if query.get("appid") != self.app_id:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if query.get("secret") != self.app_secret:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        if query.get("grant_type") != "authorization_code":
            return {"errcode": 40002, "errmsg": "invalid grant_type"}
        code = query.get("js_code", "")
        if code in self._errors:
            return {"errcode": self._errors[code], "errmsg": "as told"}
        open_id = self._open_ids.pop(code, "")
        if not open_id:
            return {"errcode": 40029, "errmsg": "invalid code, rid: 5f0f3c1a-0c8c3b9e-2d1b0c6a"}
        return {"session_key": self.session_key, "openid": open_id}

    def application(self) -> tornado.web.Application:
        return tornado.web.Application(
            [
                ("/sns/jscode2session", _LoginHandler, {"stand_in": self}),
                ("/elsewhere", _Elsewhere, {"stand_in": self}),
            ],
            log_function=lambda _handler: None,
        )


class _LoginHandler(TroubledHandler):
    async def get(self) -> None:
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        self.stand_in.requests.append(query)
        if not await self.in_trouble():
            answer = self.stand_in.answer(query)
            self.write(answer)
            self.set_header("Content-Type", "text/plain")  # As the real one does.


def seal(told: object, *, app_id: str, timestamp: int, session_key: str) -> tuple[str, str]:
    """``encryptedData`` and ``iv`` as WeChat hands them to a client; ``told`` gets the watermark if it is an object."""
    if isinstance(told, dict):
        told = {**told, "watermark": {"appid": app_id, "timestamp": timestamp}}
    plain = told if isinstance(told, bytes) else json.dumps(told).encode()
    missing = 16 - len(plain) % 16
    iv = bytes(range(16, 32))
    encryptor = Cipher(algorithms.AES(base64.b64decode(session_key)), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
    return base64.b64encode(sealed).decode(), base64.b64encode(iv).decode()


# Payment

_ELEMENT: Final = re.compile(r"<(\w+)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", re.DOTALL)
_REQUIRED: Final = frozenset(
    {"appid", "mch_id", "nonce_str", "sign", "body", "out_trade_no", "total_fee"}
    | {"spbill_create_ip", "notify_url", "trade_type", "openid"}
)


def _parse(body: bytes) -> dict[str, str]:
    inner = body.decode().removeprefix("<xml>").removesuffix("</xml>")
    return {name: cdata or unescape(text) for name, cdata, text in _ELEMENT.findall(inner)}


def _serialize(fields: dict[str, str]) -> bytes:
    parts = [f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items()]
    return "\n".join(["<xml>", *parts, "</xml>"]).encode("utf8")


class PayStandIn(StandIn):
    """``unifiedorder`` and ``orderquery``, and notifications whenever a test wants them.

    ``sign_type`` is how answers and notifications are signed; requests may be signed either way. ``refusal`` is an
    ``err_code`` that orders get from now on; ``changes`` is laid over each signed answer, before signing it.
    """

    def __init__(
        self,
        *,
        app_id: str = "wx8888888888888888",
        merchant_id: str = "1900000001",
        api_key: str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        sign_type: str = "MD5",
    ) -> None:
        super().__init__()
        self.app_id = app_id
        self.merchant_id = merchant_id
        self.api_key = api_key
        self.sign_type = sign_type
        self.refusal = ""
        self.changes: dict[str, str] = {}
        self.is_signing_badly = False
        self.orders: dict[str, dict[str, str]] = {}
        self.states: dict[str, str] = {}
        self._transactions: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def sign(self, fields: dict[str, str], *, sign_type: str | None = None) -> str:
        text = ""
        for name in sorted(fields):
            if name != "sign" and fields[name] != "":
                text += name + "=" + fields[name] + "&"
        text += "key=" + self.api_key
        if (sign_type or self.sign_type) == "MD5":
            return hashlib.new("md5", text.encode("utf8")).hexdigest().upper()
        return hmac.new(self.api_key.encode("utf8"), text.encode("utf8"), "sha256").hexdigest().upper()

    def notice(self, order_id: str, *, fee_fen: int | None = None, **changes: str) -> bytes:
        """The signed notification that ``order_id`` was paid, with the amount ordered unless told another one.

        ``changes`` are laid over its fields before it is signed; an empty value removes a field.
        """
        order = self.orders.get(order_id, {})
        fields = {
            "appid": self.app_id,
            "attach": "",
            "bank_type": "CMB_DEBIT",
            "cash_fee": str(order.get("total_fee", "0") if fee_fen is None else fee_fen),
            "fee_type": "CNY",
            "is_subscribe": "N",
            "mch_id": self.merchant_id,
            "nonce_str": f"{next(self._numbers):032d}",
            "openid": order.get("openid", "oTEST0001"),
            "out_trade_no": order_id,
            "result_code": "SUCCESS",
            "return_code": "SUCCESS",
            "time_end": "20260101080005",
            "total_fee": str(order.get("total_fee", "0") if fee_fen is None else fee_fen),
            "trade_type": "JSAPI",
            "transaction_id": self._transaction_of(order_id),
        } | changes
        fields = {name: value for name, value in fields.items() if value}
        return _serialize({**fields, "sign": self.sign(fields)})

    def forged_notice(self, order_id: str, *, fee_fen: int) -> bytes:
        """A notification by somebody who knows everything but the key."""
        honest_key = self.api_key
        self.api_key = "ffffffffffffffffffffffffffffffff"
        try:
            return self.notice(order_id, fee_fen=fee_fen)
        finally:
            self.api_key = honest_key

    def pay(self, order_id: str) -> None:
        """The payer pays; nobody is told, as when a notification is lost."""
        assert order_id in self.orders
        self.states[order_id] = "SUCCESS"

    async def notify(self, order_id: str, *, times: int = 1, body: bytes | None = None) -> list[dict[str, str]]:
        """Post a notification (the honest one unless given ``body``) where the order said, and return the answers."""
        body = self.notice(order_id) if body is None else body
        http = AsyncHTTPClient(force_instance=True)
        try:
            answers = []
            for _ in range(times):
                answer = await http.fetch(
                    self.orders[order_id]["notify_url"],
                    method="POST",
                    body=body,
                    headers={"Content-Type": "text/xml"},
                    request_timeout=10,
                    raise_error=False,
                )
                answers.append(_parse(answer.body))
            return answers
        finally:
            http.close()

    def take_order(self, fields: dict[str, str]) -> dict[str, str]:
        missing = sorted(_REQUIRED - {name for name in fields if fields[name]})
        if missing:
            return {"return_code": "FAIL", "return_msg": f"缺少参数 {missing[0]}"}
        if not self._is_ours(fields):
            return {"return_code": "FAIL", "return_msg": "签名错误"}
        if self.refusal:
            return self._signed({"result_code": "FAIL", "err_code": self.refusal, "err_code_des": "as told"})
        order_id = fields["out_trade_no"]
        order = {name: value for name, value in fields.items() if name not in ("nonce_str", "sign")}
        known = {name: value for name, value in self.orders.get(order_id, order).items() if name in order}
        if known != order:
            return self._signed(
                {"result_code": "FAIL", "err_code": "OUT_TRADE_NO_USED", "err_code_des": "商户订单号重复"}
            )
        if self.states.get(order_id) == "SUCCESS":
            return self._signed({"result_code": "FAIL", "err_code": "ORDERPAID", "err_code_des": "该订单已支付"})
        self.orders.setdefault(order_id, order)
        self.states.setdefault(order_id, "NOTPAY")
        prepay_id = f"wx2026010108000500000000{next(self._numbers):014d}"
        return self._signed({"result_code": "SUCCESS", "prepay_id": prepay_id, "trade_type": "JSAPI"})

    def tell_order(self, fields: dict[str, str]) -> dict[str, str]:
        if not self._is_ours(fields):
            return {"return_code": "FAIL", "return_msg": "签名错误"}
        order_id = fields.get("out_trade_no", "")
        if order_id not in self.orders:
            return self._signed(
                {"result_code": "FAIL", "err_code": "ORDERNOTEXIST", "err_code_des": "此交易订单号不存在"}
            )
        state = self.states[order_id]
        answer = {"result_code": "SUCCESS", "out_trade_no": order_id, "trade_state": state}
        if state in ("SUCCESS", "REFUND"):
            answer |= {"total_fee": self.orders[order_id]["total_fee"], "fee_type": "CNY"}
            answer |= {"transaction_id": self._transaction_of(order_id), "time_end": "20260101080005"}
        return self._signed(answer)

    def _transaction_of(self, order_id: str) -> str:
        return self._transactions.setdefault(order_id, f"42000000002026{len(self._transactions) + 1:014d}")

    def _is_ours(self, fields: dict[str, str]) -> bool:
        signed_by = [self.sign(fields, sign_type=sign_type) for sign_type in ("MD5", "HMAC-SHA256")]
        names_us = fields.get("appid") == self.app_id and fields.get("mch_id") == self.merchant_id
        return names_us and fields.get("sign") in signed_by

    def _signed(self, fields: dict[str, str]) -> dict[str, str]:
        answer = {
            "return_code": "SUCCESS",
            "return_msg": "OK",
            "appid": self.app_id,
            "mch_id": self.merchant_id,
            "nonce_str": f"{next(self._numbers):032d}",
            **fields,
            **self.changes,
        }
        return {**answer, "sign": "0" * 32 if self.is_signing_badly else self.sign(answer)}

    def application(self) -> tornado.web.Application:
        return tornado.web.Application(
            [
                ("/pay/unifiedorder", _PayHandler, {"stand_in": self, "answer": self.take_order}),
                ("/pay/orderquery", _PayHandler, {"stand_in": self, "answer": self.tell_order}),
                ("/elsewhere", _Elsewhere, {"stand_in": self}),
            ],
            log_function=lambda _handler: None,
        )


class _PayHandler(TroubledHandler):
    def initialize(self, stand_in: Any, answer: Any) -> None:  # type: ignore[override]
        super().initialize(stand_in)
        self.answer = answer

    async def post(self) -> None:
        fields = _parse(self.request.body)
        self.stand_in.requests.append(fields)
        if not await self.in_trouble():
            self.set_header("Content-Type", "text/plain")
            self.write(_serialize(self.answer(fields)))
