"""NOWPayments: addresses to which somebody can pay in a cryptocurrency, and what became of them.

Knows the provider's words and signatures. Knows no diamonds and no accounts: whether an order exists, costs what was
paid and has not been credited yet is the engine's business. Amounts are never floats: a notice has decimals, and what
goes on to a payer stays the text that the provider wrote. Source: protocols 5, SITE 2.5, SEC-23.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import DEADLINE_MS, Answer, OutsideService
from adapters.canonical_json import Json, Number, canonical, has_array, read
from engine.errors import Forbidden, StoreDown
from engine.ports import CryptoNotice, CryptoPayment, CryptoStatus, Log

__all__ = ["BODY_BYTES_MAX", "DevNowPayments", "NoNowPayments", "NowPayments"]

BODY_BYTES_MAX: Final = 65_536
"""Longest notification that is looked at; real ones have about one kilobyte."""

HTTP_OK: Final = 200
HTTP_CREATED: Final = 201
HTTP_NOT_FOUND: Final = 404
HTTP_TOO_MANY: Final = 429

SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
PAYMENT_ID: Final = re.compile(r"[0-9A-Za-z]{1,40}")
ADDRESS: Final = re.compile(r"[!-~]{8,256}")
MEMO: Final = re.compile(r"[ -~]{0,128}")
AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?(?:[eE]-[0-9]{1,2})?")
"""A number of JSON, not negative and of few digits: none can grow when it is worked with."""


class NowPayments:
    """``CryptoPayments`` at the provider itself, or at its sandbox.

    ``ipn_secrets`` are all believed, so that the secret can be replaced. ``callback_url`` is where the provider
    reports.
    """

    def __init__(
        self,
        *,
        api_key: str,
        ipn_secrets: Sequence[str],
        callback_url: str,
        base_url: str,
        price_currency: str,
        pay_currency: str,
        http: AsyncHTTPClient,
        log: Log,
        deadline_ms: int = DEADLINE_MS,
    ) -> None:
        """Raise ``ValueError`` where a key or a secret is missing or empty."""
        if not api_key:
            raise ValueError("an API key is needed")
        self._headers = {"x-api-key": api_key}
        self._notices = _Notices(ipn_secrets, log)
        self._callback_url = callback_url
        self._base_url = base_url.rstrip("/")
        self._price_currency = price_currency
        self._pay_currency = pay_currency
        self._service = OutsideService(name="nowpayments", http=http, log=log, deadline_ms=deadline_ms)
        self._log = log

    async def create(self, *, order_id: str, price: int, title: str) -> CryptoPayment:
        """Ask for an address to which ``price`` can be paid. Asking twice makes two payments.

        Raises: StoreDown: the provider did not answer or refused; whether there is a payment now is unknown. What only
            an operator can mend is logged as an error.
        """
        assert price > 0
        order = {
            "price_amount": price,
            "price_currency": self._price_currency,
            "pay_currency": self._pay_currency,
            "order_id": order_id,
            "order_description": title,
            "ipn_callback_url": self._callback_url,
        }
        answer = await self._service.exchange(
            f"{self._base_url}/payment",
            body=msgspec.json.encode(order),
            content_type="application/json",
            headers=self._headers,
        )
        fields = self._read(answer)
        try:
            payment, notice = _read_payment(fields), _read_notice(fields)
        except ValueError as error:
            raise self._garbled(str(error)) from None
        asked = (order_id, Decimal(price), self._price_currency, self._pay_currency)
        if (notice.order_id, notice.price_amount, notice.price_currency, notice.pay_currency) != asked:
            raise self._garbled("another order")
        return payment

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:
        """Check a notification before anything else looks at it. None: authentic, and about nothing we sell.

        Raises: Forbidden: not authentic, or not parseable.
        """
        return self._notices.verify(body, signature)

    async def query(self, payment_id: str) -> CryptoNotice | None:
        """What the provider says of this payment now; None when it knows none.

        Raises: StoreDown: no answer, or one that cannot be believed.
        """
        if not PAYMENT_ID.fullmatch(payment_id):
            return None
        answer = await self._service.exchange(f"{self._base_url}/payment/{payment_id}", headers=self._headers)
        if answer.code == HTTP_NOT_FOUND:
            return None
        fields = self._read(answer)
        try:
            notice = _read_notice(fields)
        except ValueError as error:
            raise self._garbled(str(error)) from None
        if notice.payment_id != payment_id:
            raise self._garbled("another payment")
        return notice

    def _read(self, answer: Answer) -> dict[str, Json]:
        """The fields of a good answer."""
        try:
            fields = read(answer.body, bytes_max=BODY_BYTES_MAX)
        except ValueError:
            fields = None
        if answer.code not in (HTTP_OK, HTTP_CREATED):
            raise self._refused(answer.code, fields)
        if not isinstance(fields, dict):
            raise self._garbled("not an object")
        return fields

    def _refused(self, status: int, fields: Json) -> StoreDown:
        code = fields.get("code") if isinstance(fields, dict) else None
        shown = code[:64] if isinstance(code, str) else ""
        if status == HTTP_TOO_MANY:
            self._log.warning("nowpayments_refused", status=status)
        else:
            # A wrong key, a currency that is no longer taken, a package below the smallest amount: ours to mend.
            self._log.error("nowpayments_misconfigured", status=status, code=shown)
        return StoreDown(f"nowpayments: HTTP {status} {shown}".rstrip())

    def _garbled(self, reason: str) -> StoreDown:
        self._log.error("nowpayments_garbled", reason=reason)
        return StoreDown(f"nowpayments: {reason}")


class DevNowPayments:
    """``CryptoPayments`` for development: gives every order an address that nobody can pay to, and asks nobody.

    The same order gets the same payment. Notifications need the signature of ``ipn_secret``: whoever knows the secret
    of a development server can play the provider.
    """

    def __init__(self, *, ipn_secret: str, price_currency: str, pay_currency: str, log: Log) -> None:
        """Raise ``ValueError`` where the secret is empty."""
        self._notices = _Notices((ipn_secret,), log)
        self._price_currency = price_currency
        self._pay_currency = pay_currency

    async def create(self, *, order_id: str, price: int, title: str) -> CryptoPayment:  # noqa: ARG002 - the port's
        """Numbers made from the order's id, and the documents' own rate: 19.916393 for 20."""
        digest = hashlib.sha256(order_id.encode()).hexdigest()
        quote = (Decimal(price) * Decimal("0.99581965")).quantize(Decimal("0.000001"))
        return CryptoPayment(
            payment_id=str(10**9 + int(digest[:12], 16) % (9 * 10**9)),
            # No address has a zero in it: whoever tries to pay is stopped by his own wallet.
            pay_address=f"T0{digest[:32]}",
            pay_amount=format(quote, "f"),
            pay_currency=self._pay_currency,
            price_currency=self._price_currency,
        )

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:
        """As ``NowPayments.verify``."""
        return self._notices.verify(body, signature)

    async def query(self, payment_id: str) -> CryptoNotice | None:  # noqa: ARG002 - the port's
        """None: nobody keeps any."""
        return None


class NoNowPayments:
    """``CryptoPayments`` where we have no account at the provider."""

    async def create(self, *, order_id: str, price: int, title: str) -> CryptoPayment:  # noqa: ARG002 - the port's
        """Raises: StoreDown: always."""
        raise _not_configured()

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:  # noqa: ARG002 - the port's
        """Raises: Forbidden: always."""
        raise Forbidden("nobody may notify us")

    async def query(self, payment_id: str) -> CryptoNotice | None:  # noqa: ARG002 - the port's
        """Raises: StoreDown: always."""
        raise _not_configured()


def _not_configured() -> StoreDown:
    return StoreDown("payment in cryptocurrencies is not configured")


class _Notices:
    """Which notifications are believed."""

    def __init__(self, secrets: Sequence[str], log: Log) -> None:
        # The provider's own page shows the secret with spaces around it, and signs without.
        self._secrets = tuple(secret.strip().encode() for secret in secrets)
        if not self._secrets or not all(self._secrets):
            raise ValueError("an IPN secret is needed")
        self._log = log

    def verify(self, body: bytes, signature: str) -> CryptoNotice | None:
        """Raises: Forbidden: as the port says."""
        if not SIGNATURE.fullmatch(signature):
            raise Forbidden("no signature")
        try:
            document = read(body, bytes_max=BODY_BYTES_MAX)
            texts = [canonical(document)]
            # The provider's sample for JavaScript turns arrays into objects, those for PHP and Python do not; which one
            # its own server follows is nowhere said.
            if has_array(document):
                texts.append(canonical(document, arrays_as_objects=True))
        except ValueError:
            raise Forbidden("not a notification") from None
        # A list, not a generator: everything is compared, whatever differs.
        matches = [
            hmac.compare_digest(hmac.new(secret, text, hashlib.sha512).hexdigest(), signature)
            for secret in self._secrets
            for text in texts
        ]
        if not any(matches):
            raise Forbidden("signature does not match")
        return self._read(document)

    def _read(self, document: Json) -> CryptoNotice | None:
        """The facts of an authentic notification. Whatever is none of ours is answered as well, or it comes again."""
        if not isinstance(document, dict) or "payment_id" not in document or "batch_withdrawal_id" in document:
            return None  # A payout, or a kind that we have not heard of.
        try:
            return _read_notice(document)
        except ValueError as error:
            self._log.error("nowpayments_notice_garbled", reason=str(error))
            return None


def _read_notice(fields: dict[str, Json]) -> CryptoNotice:
    """Raises: ValueError: in a few words."""
    try:
        status = CryptoStatus(_text(fields, "payment_status"))
    except ValueError:
        raise ValueError("unknown status") from None
    return CryptoNotice(
        payment_id=_payment_id(fields, "payment_id"),
        order_id=_text(fields, "order_id"),
        status=status,
        price_amount=_amount(fields, "price_amount"),
        price_currency=_text(fields, "price_currency").lower(),
        pay_amount=_amount(fields, "pay_amount") if fields.get("pay_amount") is not None else None,
        pay_currency=_text(fields, "pay_currency").lower(),
        actually_paid=_amount(fields, "actually_paid") if fields.get("actually_paid") is not None else Decimal(0),
        parent_payment_id=_payment_id(fields, "parent_payment_id") if fields.get("parent_payment_id") else "",
    )


def _read_payment(fields: dict[str, Json]) -> CryptoPayment:
    """Raises: ValueError: in a few words."""
    address, memo = _text(fields, "pay_address"), _text(fields, "payin_extra_id")
    if not ADDRESS.fullmatch(address) or not MEMO.fullmatch(memo):
        raise ValueError("no address")
    if not _amount(fields, "pay_amount"):
        raise ValueError("no pay_amount")
    return CryptoPayment(
        payment_id=_payment_id(fields, "payment_id"),
        pay_address=address,
        pay_amount=str(fields["pay_amount"]),
        pay_currency=_text(fields, "pay_currency").lower(),
        price_currency=_text(fields, "price_currency").lower(),
        memo=memo,
    )


def _text(fields: dict[str, Json], name: str) -> str:
    """The text of that name; empty where it is null or missing."""
    value = fields.get(name)
    if value is None:
        return ""
    # A number is text here as well: memos and ids are written either way.
    if not isinstance(value, str):
        raise ValueError(f"no {name}")  # noqa: TRY004 - of the answer, not of our program
    return str(value)


def _payment_id(fields: dict[str, Json], name: str) -> str:
    """Text in the answer to an order, a number everywhere else (protocols 5.1)."""
    value = _text(fields, name)
    if not PAYMENT_ID.fullmatch(value):
        raise ValueError(f"no {name}")
    return value


def _amount(fields: dict[str, Json], name: str) -> Decimal:
    value = fields.get(name)
    # In lists, amounts are text at times.
    if not isinstance(value, Number | str) or not AMOUNT.fullmatch(value):
        raise ValueError(f"no {name}")
    return Decimal(value)
