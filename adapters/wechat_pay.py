"""WeChat Pay in its XML form (version 2): announcing orders, believing notifications, asking about orders.

Knows the provider's words and signatures. Knows no diamonds and no accounts: whether an order exists, costs what was
paid and has not been credited yet is the engine's business. Amounts are fen. Source: protocols 4.4, CA-29.
"""

import hashlib
import hmac
import html
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import DEADLINE_MS, OutsideService
from engine.errors import Forbidden, StoreDown
from engine.ports import Log, Payment, PaymentNotice

__all__ = [
    "BODY_BYTES_MAX",
    "DEV_APP_ID",
    "DEV_MERCHANT_ID",
    "NOTICE_ACCEPTED",
    "DevPay",
    "WeChatPay",
    "notice_refused",
    "signature",
]

BODY_BYTES_MAX: Final = 65_536
"""Longest notification that is looked at; real ones have about one kilobyte."""

NOTICE_ACCEPTED: Final = (
    b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
)
"""What the provider is told once a notification has done its work, or had done it before: it stops repeating it."""

DEV_APP_ID: Final = "wxgreenroomdev"
DEV_MERCHANT_ID: Final = "greenroom-dev"

MD5: Final = "MD5"
HMAC_SHA256: Final = "HMAC-SHA256"
# A signature's length says how it was made. Notifications leave sign_type out, and it is no secret anyway.
SIGNATURE_METHODS: Final[Mapping[int, Literal["MD5", "HMAC-SHA256"]]] = {32: MD5, 64: HMAC_SHA256}

ORDER_ID: Final = re.compile(r"[0-9A-Za-z_|*@-]{1,32}")
TRANSACTION_ID: Final = re.compile(r"[0-9A-Za-z]{1,32}")
FEE: Final = re.compile(r"[0-9]{1,12}")
PREPAY_ID: Final = re.compile(r"[0-9A-Za-z_=-]{1,64}")

# Refusals that pass by themselves or come from the payer; all others mean that our settings are wrong.
PASSING: Final = frozenset({"SYSTEMERROR", "FREQUENCY_LIMITED", "ORDERPAID", "ORDERCLOSED"})
UNPAID_YET: Final = frozenset({"NOTPAY", "USERPAYING", "ACCEPT"})
# Nothing will be paid any more, or it has been given back.
UNPAID_FOR_EVER: Final = frozenset({"CLOSED", "REVOKED", "PAYERROR", "REFUND"})


def signature(parameters: Mapping[str, str], *, key: str, method: Literal["MD5", "HMAC-SHA256"] = MD5) -> str:
    """The ``sign`` of ``parameters``, of which empty ones and ``sign`` itself do not count; upper-case hex."""
    pairs = [f"{name}={value}" for name, value in sorted(parameters.items()) if value and name != "sign"]
    text = "&".join([*pairs, f"key={key}"]).encode()
    if method == HMAC_SHA256:
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text).hexdigest().upper()  # noqa: S324 - the provider's default


def notice_refused(reason: str) -> bytes:
    """What the provider is told when a notification was not taken: it comes again later. ``reason`` is a few words."""
    return _write({"return_code": "FAIL", "return_msg": reason})


class WeChatPay:
    """``PaymentProvider`` at WeChat Pay itself.

    ``app_id`` is the mini-program's whose people pay, ``app_ids`` those of surfaces that have one of their own.
    ``api_keys``: the first signs, all are believed, so that the key can be replaced. ``notify_url`` is where WeChat
    reports.
    """

    def __init__(
        self,
        *,
        app_id: str,
        app_ids: Mapping[str, str] = MappingProxyType({}),
        merchant_id: str,
        api_keys: Sequence[str],
        notify_url: str,
        base_url: str,
        http: AsyncHTTPClient,
        log: Log,
        deadline_ms: int = DEADLINE_MS,
        now_s: Callable[[], int] = lambda: int(time.time()),
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """Raise ``ValueError`` where an id or a key is missing or empty."""
        self._merchant = _Merchant(
            app_id=app_id, app_ids=app_ids, merchant_id=merchant_id, api_keys=api_keys, now_s=now_s, nonce=nonce
        )
        self._notify_url = notify_url
        self._base_url = base_url.rstrip("/")
        self._service = OutsideService(name="wechat_pay", http=http, log=log, deadline_ms=deadline_ms)
        self._log = log

    async def create(
        self, *, order_id: str, fee_fen: int, open_id: str, title: str, address: str, surface: str
    ) -> Payment:
        """Announce the order under our id; ``address`` is the payer's IP address. Repeating it as it was is harmless.

        Raises: StoreDown: the provider did not answer or refused. What only an operator can mend is logged as an error.
        """
        assert fee_fen > 0
        answer = await self._ask(
            "/pay/unifiedorder",
            surface,
            {
                "body": title,
                "out_trade_no": order_id,
                "total_fee": str(fee_fen),
                "spbill_create_ip": address,
                "notify_url": self._notify_url,
                "trade_type": "JSAPI",
                "openid": open_id,
            },
        )
        if answer.get("result_code") != "SUCCESS":
            raise self._refused(answer.get("err_code", ""))
        prepay_id = answer.get("prepay_id", "")
        if not PREPAY_ID.fullmatch(prepay_id):
            raise self._garbled("no prepay_id")
        return self._merchant.payment(prepay_id, surface)

    def verify(self, body: bytes) -> PaymentNotice:
        """Check signature, merchant and application of a notification, before anything else looks at it.

        Raises: Forbidden: not authentic, not ours, or not parseable.
        """
        return self._merchant.notice(body)

    async def query(self, order_id: str, *, surface: str) -> PaymentNotice | None:
        """What the provider says of this order; None while it is unpaid or unknown to it.

        An order that was closed, failed or given back is a notice that says ``paid=False``.

        Raises: StoreDown: the provider did not answer, or in a way that cannot be believed.
        """
        answer = await self._ask("/pay/orderquery", surface, {"out_trade_no": order_id})
        if answer.get("result_code") != "SUCCESS":
            if answer.get("err_code") == "ORDERNOTEXIST":
                return None
            raise self._refused(answer.get("err_code", ""))
        if answer.get("out_trade_no") != order_id:
            raise self._garbled("another order")
        state = answer.get("trade_state", "")
        if state in UNPAID_YET:
            return None
        if state != "SUCCESS" and state not in UNPAID_FOR_EVER:
            raise self._garbled("unknown state")
        try:
            return _read_notice(answer, paid=state == "SUCCESS")
        except ValueError as error:
            raise self._garbled(str(error)) from None

    async def _ask(self, path: str, surface: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """The parameters of an authentic answer."""
        question = _write(self._merchant.signed(parameters, surface))
        body = await self._service.ask(self._base_url + path, body=question, content_type="text/xml; charset=utf-8")
        try:
            answer = _read(body)
        except ValueError:
            raise self._garbled("not XML") from None
        if answer.get("return_code") != "SUCCESS":
            # Only mistakes in how we asked are answered this way, and without a signature.
            self._log.error("wechat_pay_misconfigured", reason=answer.get("return_msg", "")[:100])
            raise StoreDown("wechat_pay: question refused")
        if not self._merchant.is_authentic(answer):
            raise self._garbled("not authentic")
        return answer

    def _refused(self, err_code: str) -> StoreDown:
        shown = err_code[:32]
        if err_code in PASSING:
            self._log.warning("wechat_pay_refused", err_code=shown)
        else:
            self._log.error("wechat_pay_misconfigured", reason=shown)
        return StoreDown(f"wechat_pay: {shown}")

    def _garbled(self, reason: str) -> StoreDown:
        self._log.error("wechat_pay_garbled", reason=reason)
        return StoreDown(f"wechat_pay: {reason}")


class DevPay:
    """``PaymentProvider`` for development: takes every order, asks nobody, and nobody can pay.

    Its answers have the form of real ones, and its notifications need the signature of ``api_key``: whoever knows the
    key of a development server can play the provider.
    """

    def __init__(
        self,
        *,
        api_key: str,
        now_s: Callable[[], int] = lambda: int(time.time()),
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """Raise ``ValueError`` where the key is empty."""
        self._merchant = _Merchant(
            app_id=DEV_APP_ID, app_ids={}, merchant_id=DEV_MERCHANT_ID, api_keys=(api_key,), now_s=now_s, nonce=nonce
        )

    async def create(
        self,
        *,
        order_id: str,
        fee_fen: int,  # noqa: ARG002 - the port's, as the next
        open_id: str,  # noqa: ARG002
        title: str,  # noqa: ARG002
        address: str,  # noqa: ARG002
        surface: str,
    ) -> Payment:
        """Signed fields around a prepay id that no WeChat knows; the same for the same order."""
        return self._merchant.payment(f"dev-{order_id}", surface)

    def verify(self, body: bytes) -> PaymentNotice:
        """As ``WeChatPay.verify``, for the development ids.

        Raises: Forbidden: not authentic, not ours, or not parseable.
        """
        return self._merchant.notice(body)

    async def query(self, order_id: str, *, surface: str) -> PaymentNotice | None:  # noqa: ARG002 - the port's
        """None: unpaid."""
        return None


class _Merchant:
    """Who we are to the provider, and how that is proved in both directions."""

    def __init__(
        self,
        *,
        app_id: str,
        app_ids: Mapping[str, str],
        merchant_id: str,
        api_keys: Sequence[str],
        now_s: Callable[[], int],
        nonce: Callable[[], str],
    ) -> None:
        if not app_id or not merchant_id or not api_keys or not all(api_keys):
            raise ValueError("application, merchant and a key are needed")
        self._app_id = app_id
        self._app_ids = app_ids
        self._merchant_id = merchant_id
        self._api_keys = tuple(api_keys)
        self._now_s = now_s
        self._nonce = nonce

    def signed(self, parameters: Mapping[str, str], surface: str) -> dict[str, str]:
        """``parameters`` as one of our own requests."""
        request = {
            "appid": self._app_of(surface),
            "mch_id": self._merchant_id,
            "nonce_str": self._nonce(),
            **parameters,
        }
        return {**request, "sign": signature(request, key=self._api_keys[0])}

    def payment(self, prepay_id: str, surface: str) -> Payment:
        """What the mini-program hands to WeChat; this signature has names of its own."""
        parameters = {
            "appId": self._app_of(surface),
            "timeStamp": str(self._now_s()),
            "nonceStr": self._nonce(),
            "package": f"prepay_id={prepay_id}",
            "signType": MD5,
        }
        return Payment(
            prepay_id=prepay_id,
            time_stamp=parameters["timeStamp"],
            nonce_str=parameters["nonceStr"],
            package=parameters["package"],
            sign_type=MD5,
            pay_sign=signature(parameters, key=self._api_keys[0]),
        )

    def notice(self, body: bytes) -> PaymentNotice:
        """Raises: Forbidden: as the port says."""
        try:
            parameters = _read(body)
        except ValueError:
            raise Forbidden("not a notification") from None
        if parameters.get("return_code") != "SUCCESS" or not self.is_authentic(parameters):
            raise Forbidden("sign error")
        try:
            return _read_notice(parameters, paid=_is_success(parameters))
        except ValueError as error:
            raise Forbidden(str(error)) from None

    def is_authentic(self, parameters: Mapping[str, str]) -> bool:
        """Whether one of our keys signed this, and for us."""
        given = parameters.get("sign", "")
        method = SIGNATURE_METHODS.get(len(given))
        if method is None:
            return False
        # The text that is signed joins values with &. One that holds it could be several parameters, or hide some.
        if any("&" in value for value in parameters.values()):
            return False
        # Lists, not generators: everything is compared, whatever differs.
        matches = [_equal(given, signature(parameters, key=key, method=method)) for key in self._api_keys]
        apps = [_equal(parameters.get("appid", ""), ours) for ours in (self._app_id, *self._app_ids.values())]
        return any(matches) and any(apps) and _equal(parameters.get("mch_id", ""), self._merchant_id)

    def _app_of(self, surface: str) -> str:
        return self._app_ids.get(surface, self._app_id)


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _is_success(parameters: Mapping[str, str]) -> bool:
    result = parameters.get("result_code")
    if result not in ("SUCCESS", "FAIL"):
        raise ValueError("no result")
    return result == "SUCCESS"


def _read_notice(parameters: Mapping[str, str], *, paid: bool) -> PaymentNotice:
    """The facts among authentic parameters. Only what was paid has to name an amount and a transaction.

    Raises: ValueError: in a few words.
    """
    order_id = parameters.get("out_trade_no", "")
    transaction_id = parameters.get("transaction_id", "")
    fee = parameters.get("total_fee", "")
    if not ORDER_ID.fullmatch(order_id):
        raise ValueError("no order")
    if (paid or transaction_id) and not TRANSACTION_ID.fullmatch(transaction_id):
        raise ValueError("no transaction")
    if (paid or fee) and not FEE.fullmatch(fee):
        raise ValueError("no amount")
    if parameters.get("fee_type", "") not in ("", "CNY"):
        raise ValueError("another currency")
    return PaymentNotice(order_id=order_id, transaction_id=transaction_id, fee_fen=int(fee or "0"), paid=paid)


def _read(body: bytes) -> dict[str, str]:
    """The parameters in a document of the form ``<xml><name>value</name>…</xml>``.

    Raises: ValueError: too long, not UTF-8, not XML, of another form, with a document type, or with a name twice.
    """
    if len(body) > BODY_BYTES_MAX:
        raise ValueError("too long")
    try:
        # As text: then a declared encoding has no say. Without a document type there are no entities to follow.
        root = fromstring(body.decode(), forbid_dtd=True)
    except ParseError:
        raise ValueError("not XML") from None
    if root.tag != "xml":
        raise ValueError("not of the provider's form")
    parameters: dict[str, str] = {}
    for child in root:
        if len(child) or child.attrib or child.tag in parameters:
            raise ValueError("not of the provider's form")
        parameters[child.tag] = child.text or ""
    return parameters


def _write(parameters: Mapping[str, str]) -> bytes:
    inner = "".join(f"<{name}>{html.escape(value, quote=False)}</{name}>" for name, value in parameters.items())
    return f"<xml>{inner}</xml>".encode()
