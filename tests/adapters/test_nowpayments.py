"""NOWPayments: orders, notifications that are believed and those that are not, and what a lost answer leaves behind."""

import asyncio
import contextlib
import hmac
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tornado.web
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient

from adapters.nowpayments import BODY_BYTES_MAX, DevNowPayments, NoNowPayments, NowPayments
from engine.errors import Forbidden, StoreDown
from engine.ports import CryptoNotice, CryptoStatus
from tests.support.crypto_stand_in import API_KEY, IPN_SECRET, CryptoStandIn, stringify
from tests.support.fakes import RecordingLog
from tests.support.stand_ins import StandIn, serving

ORDER = "e8e3297a-a363-48c3-83c7-d427a1eb76ee"
CALLBACK = "https://live.cn/api/payment/payment_callback/"
# The documented secret of the documented vectors (protocols 5.3).
VECTOR_SECRET = "greenroom-ipn-secret"


def client_of(
    base_url: str = "http://127.0.0.1:1/v1", *, http: Any = None, log: Any = None, **more: Any
) -> NowPayments:
    arguments: dict[str, Any] = {
        "api_key": API_KEY,
        "ipn_secrets": (IPN_SECRET,),
        "callback_url": CALLBACK,
        "base_url": base_url,
        "price_currency": "usd",
        "pay_currency": "usdttrc20",
        "http": http,
        "log": log or RecordingLog(),
    }
    return NowPayments(**arguments | more)


@contextlib.asynccontextmanager
async def at(stand_in: CryptoStandIn, *, log: Any = None, **more: Any) -> AsyncIterator[NowPayments]:
    """``NowPayments`` that asks ``stand_in``."""
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with serving(stand_in) as base_url:
            yield client_of(f"{base_url}/v1", http=http, log=log, **more)
    finally:
        http.close()


async def order(payments: NowPayments, order_id: str = ORDER, price: int = 20) -> Any:
    return await payments.create(order_id=order_id, price=price, title="100 钻石")


# Orders


@pytest.mark.real_loop(deadline_s=10)
async def test_an_order_gets_an_address_and_a_quote():
    provider = CryptoStandIn()

    async with at(provider) as payments:
        payment = await order(payments)

    # Text in this one answer; the quote of the documents' example, as it was written.
    assert payment.payment_id == "5077125051"
    assert (payment.pay_amount, payment.pay_currency, payment.memo) == ("19.916393", "usdttrc20", "")
    assert payment.pay_address == provider.payments[5077125051]["pay_address"]
    assert provider.requests == [
        {
            "price_amount": 20,
            "price_currency": "usd",
            "pay_currency": "usdttrc20",
            "order_id": ORDER,
            "order_description": "100 钻石",
            "ipn_callback_url": CALLBACK,
        }
    ]


@pytest.mark.parametrize(
    ("pay_amount", "written"), [(20, "20"), (20.0, "20"), (1e-7, "1e-7"), (0.00001, "0.00001"), (0.1, "0.1")]
)
@pytest.mark.real_loop(deadline_s=10)
async def test_the_quote_stays_as_the_provider_wrote_it(pay_amount, written):
    provider = CryptoStandIn()
    provider.changes = {"pay_amount": pay_amount, "payin_extra_id": "8812345"}

    async with at(provider) as payments:
        payment = await order(payments)

    assert type(payment.pay_amount) is str
    assert (payment.pay_amount, payment.memo) == (written, "8812345")


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_id": None}, {"payment_id": ""}, {"payment_id": "../1"}, {"payment_id": "x" * 41}, {"payment_id": []},
        {"pay_address": None}, {"pay_address": ""}, {"pay_address": "short"}, {"pay_address": "with space in it"},
        {"pay_address": 1}, {"pay_amount": None}, {"pay_amount": 0}, {"pay_amount": -1}, {"pay_amount": "much"},
        {"pay_amount": [20]}, {"pay_amount": True}, {"pay_amount": 10**40}, {"payin_extra_id": "\n"},
        {"order_id": "another"}, {"order_id": None}, {"price_amount": 21}, {"price_currency": "eur"},
        {"pay_currency": "btc"}, {"payment_status": "unheard"}, {"payment_status": None},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_that_is_not_about_our_order_is_none(changes):
    provider = CryptoStandIn()
    provider.changes = changes
    log = RecordingLog()

    async with at(provider, log=log) as payments:
        with pytest.raises(StoreDown):
            await order(payments)

    assert log.take("nowpayments_garbled")


@pytest.mark.parametrize(
    ("refusal", "line"),
    [
        ((400, "AMOUNT_MINIMAL_ERROR"), ("error", "nowpayments_misconfigured")),
        ((401, "AUTH_REQUIRED"), ("error", "nowpayments_misconfigured")),
        ((403, "INVALID_API_KEY"), ("error", "nowpayments_misconfigured")),
        ((429, "TOO_MANY"), ("warning", "nowpayments_refused")),
        ((500, "INTERNAL"), ("warning", "outside_service_unanswered")),
        ((503, "DOWN"), ("warning", "outside_service_unanswered")),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_each_refusal_has_its_meaning(refusal, line):
    provider = CryptoStandIn()
    provider.refusal = refusal
    log = RecordingLog()

    async with at(provider, log=log) as payments:
        with pytest.raises(StoreDown):
            await order(payments)

    assert [(one.level, one.event) for one in log.lines] == [line]
    log.take(line[1])


@pytest.mark.parametrize("trouble", ["hang", "down", "redirect", "huge", "cut", "garbage"])
@pytest.mark.real_loop(deadline_s=10)
async def test_no_usable_answer_is_a_retry_and_tells_nobody_the_key(trouble, caplog):
    provider = CryptoStandIn()
    provider.trouble = trouble
    log = RecordingLog()

    with caplog.at_level(logging.DEBUG):
        async with at(provider, log=log, deadline_ms=150 if trouble == "hang" else 5_000) as payments:
            for ask in (order(payments), payments.query("1")):
                with pytest.raises(StoreDown) as caught:
                    await ask
                told = [repr(caught.value), repr(caught.value.__context__)]
                line = log.take("nowpayments_garbled" if trouble == "garbage" else "outside_service_unanswered")
                assert API_KEY not in "".join([*told, repr(line)])

    assert provider.redirected_count == 0
    assert not [record for record in caplog.records if API_KEY in record.getMessage()]


@pytest.mark.parametrize(
    "missing", [{"api_key": ""}, {"ipn_secrets": ()}, {"ipn_secrets": ("",)}, {"ipn_secrets": (" ",)}]
)
def test_half_an_account_is_none(missing):
    with pytest.raises(ValueError, match="needed"):
        client_of(**missing)


# Asking


@pytest.mark.real_loop(deadline_s=10)
async def test_a_payment_can_be_asked_about():
    provider = CryptoStandIn()

    async with at(provider) as payments:
        payment = await order(payments)
        before = await payments.query(payment.payment_id)
        provider.drive(ORDER, "finished")
        after = await payments.query(payment.payment_id)

    assert before == CryptoNotice(
        payment_id="5077125051",
        order_id=ORDER,
        status=CryptoStatus.WAITING,
        price_amount=Decimal(20),
        price_currency="usd",
        pay_amount=Decimal("19.916393"),
        pay_currency="usdttrc20",
        actually_paid=Decimal(0),
    )
    assert after is not None
    assert (after.status, after.actually_paid) == (CryptoStatus.FINISHED, Decimal("19.916393"))


@pytest.mark.real_loop(deadline_s=10)
async def test_a_payment_nobody_knows_is_none():
    async with at(CryptoStandIn()) as payments:
        assert await payments.query("404") is None


@pytest.mark.parametrize("payment_id", ["", "../auth", "1/2", "1?x=1", "中", "1" * 41])
async def test_what_cannot_be_a_payment_is_not_asked_about(payment_id):
    assert await client_of().query(payment_id) is None


@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_about_another_payment_is_not_believed():
    provider = CryptoStandIn()
    log = RecordingLog()

    async with at(provider, log=log) as payments:
        payment = await order(payments)
        provider.changes = {"payment_id": 1}
        with pytest.raises(StoreDown):
            await payments.query(payment.payment_id)

    assert log.take("nowpayments_garbled") == {"reason": "another payment"}


# Notifications that are believed


def test_the_documented_vector_is_authentic():
    body = (
        b'{"actually_paid":19.916393,"actually_paid_at_fiat":0,"fee":{"currency":"usdttrc20","depositFee":0.09853637216235617,'
        b'"serviceFee":0.1,"withdrawalFee":0},"order_description":null,"order_id":"e8e3297a-a363-48c3-83c7-d427a1eb76ee",'
        b'"outcome_amount":19.5,"outcome_currency":"usdttrc20","pay_address":"TVPw1vYm71owVoB6NXfV4AUxRcrHPbNB86",'
        b'"pay_amount":19.916393,"pay_currency":"usdttrc20","payment_id":5077125051,"payment_status":"finished",'
        b'"price_amount":20,"price_currency":"usd","purchase_id":"6084744717"}'
    )
    digest = (
        "bce9eb19a889e383980b26bb2682a09515d2d902c8f29c8095227c94e724972b"
        "6b05e1a123cc1445baf4e64549588cf66f6a328cb3419eeb415ac9ac5a2b28d0"
    )

    notice = client_of(ipn_secrets=(VECTOR_SECRET,)).verify(body, digest)

    assert notice == CryptoNotice(
        payment_id="5077125051",
        order_id=ORDER,
        status=CryptoStatus.FINISHED,
        price_amount=Decimal(20),
        price_currency="usd",
        pay_amount=Decimal("19.916393"),
        pay_currency="usdttrc20",
        actually_paid=Decimal("19.916393"),
    )


TRAP = '{"b":1e-7,"a":20,"e":0.00001,"g":"中/é\\n","l":[5513339153,7],"z":{"y":1,"x":2}}'
TRAP_KEPT = '{"a":20,"b":1e-7,"e":0.00001,"g":"中/é\\n","l":[5513339153,7],"z":{"x":2,"y":1}}'
TRAP_OBJECTS = TRAP_KEPT.replace("[5513339153,7]", '{"0":5513339153,"1":7}')


def signed(text: str, secret: str = VECTOR_SECRET) -> str:
    return hmac.new(secret.encode(), text.encode(), "sha512").hexdigest()


def test_the_documented_traps_begin_as_documented():
    assert signed(TRAP_KEPT).startswith("66b07d6a9c15c8c9bb037114")
    assert signed(TRAP_OBJECTS).startswith("baa6b14e90faed179702b936")


@pytest.mark.parametrize("text", [TRAP_KEPT, TRAP_OBJECTS])
def test_numbers_texts_and_both_forms_of_arrays_are_signed_as_they_stand(text):
    # Authentic, and about nothing we sell.
    assert client_of(ipn_secrets=(VECTOR_SECRET,)).verify(TRAP.encode(), signed(text)) is None


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        ('{"b": 5.0, "a": 1e21}', '{"a":1e21,"b":5.0}'),
        ('{"n": -0, "m": 1E+2, "l": 100000000000000000000000}', '{"l":100000000000000000000000,"m":1E+2,"n":-0}'),
        ('{"é": "é", "z": "\\u00e9"}', '{"z":"é","é":"é"}'),
        ('{"a": "\\/", "b": "/"}', '{"a":"/","b":"/"}'),
        ('{"a": "\\u2028\\u0007\\t\\b\\"\\\\"}', '{"a":"\u2028\\u0007\\t\\b\\"\\\\"}'),
        ('{"B":1,"a":2,"A":3,"_":4}', '{"A":3,"B":1,"_":4,"a":2}'),
        ('{"\U0001f3ad":1,"\ufb01":2}', '{"\U0001f3ad":1,"\ufb01":2}'),
        ('{"o":{"10":1,"b":{"d":1,"c":[]}},"e":{}}', '{"e":{},"o":{"10":1,"b":{"c":[],"d":1}}}'),
        ('[{"b":1,"a":[2]}]', '{"0":{"a":{"0":2},"b":1}}'),
        ("[1,2,3,4,5,6,7,8,9,10,11]", '{"0":1,"1":2,"2":3,"3":4,"4":5,"5":6,"6":7,"7":8,"8":9,"9":10,"10":11}'),
        ('{"t":true,"f":false,"n":null}', '{"f":false,"n":null,"t":true}'),
        ("7", "7"),
    ],
)  # fmt: skip
def test_what_is_signed_is_written_as_javascript_writes_it(body, canonical):
    assert client_of(ipn_secrets=(VECTOR_SECRET,)).verify(body.encode(), signed(canonical)) is None


documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abzé中_", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(documents, st.sampled_from(["kept", "objects"]))
def test_whatever_a_provider_in_javascript_signs_is_authentic(document, form):
    body = stringify({"document": document})
    digest = signed(stringify({"document": document}, sort=True, arrays=form), IPN_SECRET)

    assert client_of().verify(body.encode(), digest) is None


@pytest.mark.parametrize("form", ["kept", "objects"])
def test_a_notification_of_the_stand_in_is_read(form):
    provider = CryptoStandIn()
    provider.take_order({"price_amount": 12, "price_currency": "usd", "pay_currency": "usdttrc20", "order_id": ORDER})
    payment = provider.drive(ORDER, "partially_paid", actually_paid=1e-7)

    notice = client_of().verify(*provider.notice(payment, form=form, payment_extra_ids=[1, 2]))

    assert notice is not None
    assert (notice.order_id, notice.status) == (ORDER, CryptoStatus.PARTIALLY_PAID)
    assert (notice.price_amount, notice.actually_paid) == (Decimal(12), Decimal("0.0000001"))
    assert all(type(amount) is Decimal for amount in (notice.price_amount, notice.pay_amount, notice.actually_paid))


@pytest.mark.parametrize("status", CryptoStatus)
def test_every_status_is_known(status):
    notice = client_of().verify(*told(payment_status=status.value))

    assert notice is not None
    assert notice.status is status


def told(*, form: str = "kept", secret: str | None = None, **changes: Any) -> tuple[bytes, str]:
    """An honest notification of a finished payment, changed before it is signed."""
    provider = CryptoStandIn()
    provider.take_order({"price_amount": 20, "price_currency": "usd", "pay_currency": "usdttrc20", "order_id": ORDER})
    return provider.notice(provider.drive(ORDER, "finished"), form=form, secret=secret, **changes)


def test_a_second_deposit_names_the_payment_it_belongs_to():
    notice = client_of().verify(*told(payment_id=1, parent_payment_id=5077125051))

    assert notice is not None
    assert (notice.payment_id, notice.parent_payment_id) == ("1", "5077125051")


@pytest.mark.parametrize("payment_id", [5077125051, "5077125051"])
def test_a_payment_is_the_same_as_a_number_and_as_text(payment_id):
    notice = client_of().verify(*told(payment_id=payment_id))

    assert notice is not None
    assert notice.payment_id == "5077125051"


def test_a_secret_is_replaced_without_a_gap():
    payments = client_of(ipn_secrets=("the-new-one", f"  {IPN_SECRET}\n"))

    assert payments.verify(*told()) is not None
    assert payments.verify(*told(secret="the-new-one")) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_withdrawal_id": "1"},
        {"payment_status": "unheard_of"},
        {"payment_status": None},
        {"price_amount": None},
        {"price_amount": -20},
        {"price_amount": [20]},
        {"price_amount": "20 usd"},
        {"price_amount": True},
        {"pay_amount": 1e300},
        {"actually_paid": "NaN"},
        {"payment_id": "../1"},
        {"payment_id": {"$gt": ""}},
        {"order_id": {"$gt": ""}},
        {"price_currency": ["usd"]},
    ],
    ids=repr,
)
def test_what_is_authentic_and_none_of_ours_is_answered_and_does_nothing(changes):
    log = RecordingLog(strict=False)

    assert client_of(log=log).verify(*told(**changes)) is None


def test_a_notification_of_ours_that_cannot_be_understood_alarms_operators():
    log = RecordingLog()

    client_of(log=log).verify(*told(payment_status="unheard_of"))

    assert log.take("nowpayments_notice_garbled") == {"reason": "unknown status"}


def test_a_notification_need_not_say_what_is_paid_in():
    notice = client_of().verify(*told(pay_amount=None, pay_currency=None, actually_paid=None))

    assert notice is not None
    assert (notice.pay_amount, notice.pay_currency, notice.actually_paid) == (None, "", Decimal(0))


def test_a_notification_without_an_order_has_none():
    notice = client_of().verify(*told(order_id=None))

    assert notice is not None
    assert notice.order_id == ""


# Notifications that are not


def test_nobody_without_the_secret_is_believed():
    for secret in ("another", IPN_SECRET.lower(), IPN_SECRET[:-1], API_KEY):
        with pytest.raises(Forbidden, match="does not match"):
            client_of().verify(*told(secret=secret))


def test_a_form_that_leaves_nested_values_unsigned_is_never_believed():
    body, digest = told(form="dropped")
    honest, good_digest = told()

    assert body == honest
    assert digest != good_digest
    with pytest.raises(Forbidden, match="does not match"):
        client_of().verify(body, digest)


def test_no_character_of_a_notification_can_be_changed():
    payments = client_of(log=RecordingLog(strict=False))
    body, digest = told()

    for at_ in range(len(body)):
        changed = body[:at_] + bytes([body[at_] ^ 1]) + body[at_ + 1 :]
        with pytest.raises(Forbidden):
            payments.verify(changed, digest)


def test_no_number_can_be_written_otherwise():
    body, digest = told()

    for written, otherwise in ((b":20,", b":20.0,"), (b":20,", b":2e1,"), (b":20,", b':"20",'), (b"19.5", b"19.50")):
        assert written in body
        with pytest.raises(Forbidden, match="does not match"):
            client_of().verify(body.replace(written, otherwise, 1), digest)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0" * 128,
        "0" * 127,
        "0" * 129,
        "x" * 128,
        "中" * 128,
        "\n" + "0" * 128,
        "sha512=" + "0" * 128,
        "\ud800" * 128,
    ],
)
def test_what_is_no_signature_is_none(signature):
    with pytest.raises(Forbidden):
        client_of().verify(told()[0], signature)


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b'{"payment_status":"waiting","payment_status":"finished"}', '{"payment_status":"finished"}'),
        (b'{"a":{"b":1,"b":2}}', '{"a":{"b":2}}'),
        (b'{"a":NaN}', '{"a":NaN}'),
        (b'{"a":Infinity}', '{"a":Infinity}'),
        (b'{"a":1}{"a":2}', '{"a":1}'),
        (b'{"a":1,}', '{"a":1}'),
        (b"{'a':1}", '{"a":1}'),
        (b'{"a":01}', '{"a":01}'),
        (b'{"a":"\n"}', '{"a":"\\n"}'),
        (b'{"a":"\xff"}', '{"a":"\ufffd"}'),
        (b'\xef\xbb\xbf{"a":1}', '{"a":1}'),
        ('{"a":1}'.encode("utf-16"), '{"a":1}'),
        (b'{"a":"\\ud800"}', '{"a":"\\ud800"}'),
        (b"", ""),
        (b"[" * 30_000, ""),
        (b"[" * 33 + b"]" * 33, "[" * 33 + "]" * 33),
        (b'{"a":' * 33 + b"1" + b"}" * 33, '{"a":' * 33 + "1" + "}" * 33),
        (b'"' + b"x" * BODY_BYTES_MAX + b'"', '"' + "x" * BODY_BYTES_MAX + '"'),
    ],
    ids=range(18),
)
def test_a_body_that_two_readers_could_read_differently_is_refused_whoever_signed_it(body, canonical):
    with pytest.raises(Forbidden, match="not a notification"):
        client_of(ipn_secrets=(VECTOR_SECRET,)).verify(body, signed(canonical))


@given(st.binary(max_size=300), st.text("0123456789abcdef", min_size=128, max_size=128))
def test_noise_is_refused_and_breaks_nothing(body, signature):
    with pytest.raises(Forbidden):
        client_of().verify(body, signature)


# How far a payment has come


def test_statuses_move_forward_only():
    ranks = {status: status.rank for status in CryptoStatus}

    assert (
        ranks[CryptoStatus.WAITING]
        < ranks[CryptoStatus.CONFIRMING]
        < ranks[CryptoStatus.CONFIRMED]
        < ranks[CryptoStatus.SENDING]
        < ranks[CryptoStatus.EXPIRED]
        == ranks[CryptoStatus.FAILED]
        < ranks[CryptoStatus.PARTIALLY_PAID]
        < ranks[CryptoStatus.FINISHED]
        < ranks[CryptoStatus.REFUNDED]
    )


# Development, and none


async def test_a_development_order_has_the_documents_quote_and_can_be_notified():
    payments = DevNowPayments(
        ipn_secret="greenroom-dev-ipn-secret", price_currency="usd", pay_currency="usdttrc20", log=RecordingLog()
    )

    payment = await payments.create(order_id=ORDER, price=20, title="100")

    assert payment.pay_amount == "19.916393"
    assert payment == await payments.create(order_id=ORDER, price=20, title="100")
    assert payment.payment_id.isdigit()
    assert len(payment.payment_id) == 10
    assert payment.pay_address != (await payments.create(order_id="other", price=20, title="100")).pay_address
    assert payments.verify(*told(secret="greenroom-dev-ipn-secret")) is not None
    with pytest.raises(Forbidden):
        payments.verify(*told())
    assert await payments.query(payment.payment_id) is None


async def test_without_an_account_nothing_is_sold_and_nobody_believed():
    payments = NoNowPayments()

    for ask in (
        payments.create(order_id=ORDER, price=20, title=""),
        payments.query("1"),
    ):
        with pytest.raises(StoreDown, match="not configured"):
            await ask
    with pytest.raises(Forbidden):
        payments.verify(*told())


# The stand-in as a process of its own


class Till(StandIn):
    """Where notifications arrive: it believes what ``payments`` believes, and keeps what it heard."""

    def __init__(self, payments: NowPayments) -> None:
        super().__init__()
        self.heard: list[CryptoNotice | None] = []
        self.payments = payments

    def application(self) -> tornado.web.Application:
        till = self

        class Handler(tornado.web.RequestHandler):
            def post(self) -> None:
                try:
                    notice = till.payments.verify(self.request.body, self.request.headers.get("x-nowpayments-sig", ""))
                except Forbidden:
                    self.set_status(400)
                else:
                    till.heard.append(notice)

        return tornado.web.Application([("/callback", Handler)], log_function=lambda _handler: None)


@pytest.mark.real_loop(deadline_s=30)
async def test_the_stand_in_plays_the_whole_story_from_a_process_of_its_own():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crypto_stand_in", "--port", "0"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    http = AsyncHTTPClient(force_instance=True)
    try:
        assert process.stdout is not None
        base_url = (await asyncio.to_thread(process.stdout.readline)).strip()
        till = Till(client_of())
        async with serving(till) as address:
            payments = client_of(base_url, http=http, callback_url=f"{address}/callback")
            payment = await order(payments)

            async def drive(*statuses: str, **more: Any) -> list[int]:
                wish = json.dumps({"order_id": ORDER, "statuses": statuses, **more})
                answer = await http.fetch(base_url.removesuffix("/v1") + "/drive", method="POST", body=wish)
                codes: list[int] = json.loads(answer.body)["codes"]
                return codes

            assert await drive("confirming", "finished", times=2) == [200, 200, 200, 200]
            assert await drive("waiting", form="objects", changes={"payment_extra_ids": [1]}) == [200]
            assert await drive("refunded", secret="forged") == [400]
            assert await drive("finished", form="dropped") == [400]
            now = await payments.query(payment.payment_id)
    finally:
        http.close()
        process.terminate()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()

    assert [notice.status for notice in till.heard if notice is not None] == [
        CryptoStatus.CONFIRMING,
        CryptoStatus.CONFIRMING,
        CryptoStatus.FINISHED,
        CryptoStatus.FINISHED,
        CryptoStatus.WAITING,
    ]
    assert {notice.payment_id for notice in till.heard if notice is not None} == {payment.payment_id}
    assert now is not None
    assert now.status is CryptoStatus.FINISHED
