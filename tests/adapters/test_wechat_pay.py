"""WeChat Pay: the official vectors, a local server that speaks the protocol, and notifications nobody may believe."""

import contextlib
import re
from typing import Any

import pytest
import tornado.web
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from adapters import wechat_pay
from adapters.wechat_pay import (
    DEV_APP_ID,
    DEV_MERCHANT_ID,
    NOTICE_ACCEPTED,
    DevPay,
    WeChatPay,
    notice_refused,
    signature,
)
from engine.errors import Forbidden, StoreDown
from engine.ports import PaymentNotice
from tests.support.fakes import RecordingLog
from tests.support.stand_ins import PayStandIn, serving

ORDER_ID = "20190601210509000001"
ORDER: dict[str, Any] = {
    "order_id": ORDER_ID,
    "fee_fen": 600,
    "open_id": "oTEST0001",
    "title": "60 钻石 <& more>",
    "address": "203.0.113.7",
    "surface": "calls",
}
NOTIFY_URL = "https://greenroom.example/app/pay/notify"


def provider(stand_in, *, base_url="http://127.0.0.1:1", http=None, log=None, **changes):
    arguments = {
        "app_id": stand_in.app_id,
        "merchant_id": stand_in.merchant_id,
        "api_keys": (stand_in.api_key,),
        "notify_url": NOTIFY_URL,
        "base_url": base_url,
        "http": http,
        "log": log or RecordingLog(),
    }
    return WeChatPay(**(arguments | changes))


@contextlib.asynccontextmanager
async def wechat_pay_at(stand_in, **changes):
    """``WeChatPay`` that asks ``stand_in``."""
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with serving(stand_in) as base_url:
            yield provider(stand_in, base_url=base_url, http=http, **changes)
    finally:
        http.close()


# Signatures


@pytest.mark.parametrize(
    ("method", "sign"),
    [
        ("MD5", "9A0A8659F005D6984697E2CA0A9CF3B7"),
        ("HMAC-SHA256", "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"),
    ],
)
def test_signatures_are_the_official_ones(method, sign):
    parameters = {
        "nonce_str": "ibuaiVcKdpRxkhJA",
        "mch_id": "10000100",
        "appid": "wxd930ea5d5a258f4f",
        "device_info": "1000",
        "body": "test",
        "attach": "",
        "sign": "not part of it",
    }

    assert signature(parameters, key="192006250b4c09247ec02edce69f6a2d", method=method) == sign


def test_the_clients_signature_is_the_official_one():
    parameters = {
        "appId": "wxd930ea5d5a258f4f",
        "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
        "package": "prepay_id=wx20141027200939",
        "signType": "MD5",
        "timeStamp": "1414561699",
    }

    assert signature(parameters, key="192006250b4c09247ec02edce69f6a2d") == "CA390558A71240FF750786F733216DBC"


# Orders


@pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256"])
@pytest.mark.real_loop(deadline_s=10)
async def test_an_order_is_announced_and_the_client_can_pay_it(sign_type):
    stand_in = PayStandIn(sign_type=sign_type)

    async with wechat_pay_at(stand_in, now_s=lambda: 1_559_394_309, nonce=lambda: "5K8264ILTKCH16CQ") as pay:
        payment = await pay.create(**ORDER)

    order = stand_in.orders[ORDER_ID]
    assert order["total_fee"] == "600"
    assert order["body"] == "60 钻石 <& more>"
    assert order["openid"] == "oTEST0001"
    assert order["spbill_create_ip"] == "203.0.113.7"
    assert order["notify_url"] == NOTIFY_URL
    assert order["trade_type"] == "JSAPI"
    assert (payment.time_stamp, payment.nonce_str, payment.sign_type) == ("1559394309", "5K8264ILTKCH16CQ", "MD5")
    assert payment.package == f"prepay_id={payment.prepay_id}"
    assert payment.prepay_id.startswith("wx2026")
    assert payment.pay_sign == stand_in.sign(
        {
            "appId": stand_in.app_id,
            "timeStamp": "1559394309",
            "nonceStr": "5K8264ILTKCH16CQ",
            "package": payment.package,
            "signType": "MD5",
        },
        sign_type="MD5",
    )


@pytest.mark.real_loop(deadline_s=10)
async def test_people_of_another_mini_program_pay_in_theirs():
    stand_in = PayStandIn(app_id="wx0blinddates00000")
    log = RecordingLog()

    async with wechat_pay_at(
        stand_in, app_id="wx0calls0000000000", app_ids={"qlive": stand_in.app_id}, nonce=lambda: "n", log=log
    ) as pay:
        payment = await pay.create(**ORDER | {"surface": "qlive"})
        unpaid = await pay.query(ORDER_ID, surface="qlive")
        with pytest.raises(StoreDown):
            await pay.create(**ORDER | {"order_id": "20190601210509000002"})

    log.take("wechat_pay_misconfigured")
    assert stand_in.orders[ORDER_ID]["openid"] == "oTEST0001"
    assert payment.prepay_id
    assert unpaid is None


@pytest.mark.real_loop(deadline_s=10)
async def test_announcing_an_order_again_is_harmless():
    stand_in = PayStandIn()

    async with wechat_pay_at(stand_in) as pay:
        first = await pay.create(**ORDER)
        second = await pay.create(**ORDER)

    assert len(stand_in.orders) == 1
    assert first.nonce_str != second.nonce_str
    assert all(re.fullmatch(r"[0-9a-f]{32}", payment.nonce_str) for payment in (first, second))


@pytest.mark.parametrize(
    ("err_code", "line"),
    [
        ("SYSTEMERROR", ("warning", "wechat_pay_refused")),
        ("ORDERPAID", ("warning", "wechat_pay_refused")),
        ("OUT_TRADE_NO_USED", ("error", "wechat_pay_misconfigured")),
        ("NOAUTH", ("error", "wechat_pay_misconfigured")),
        ("APPID_MCHID_NOT_MATCH", ("error", "wechat_pay_misconfigured")),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_a_refused_order_is_a_retry_and_operators_hear_of_what_is_theirs(err_code, line):
    stand_in = PayStandIn()
    stand_in.refusal = err_code
    log = RecordingLog()

    async with wechat_pay_at(stand_in, log=log) as pay:
        with pytest.raises(StoreDown):
            await pay.create(**ORDER)

    assert [(one.level, one.event) for one in log.lines] == [line]
    assert err_code in log.take(line[1]).values()


@pytest.mark.real_loop(deadline_s=10)
async def test_a_wrong_key_of_ours_alarms_operators_without_showing_it():
    stand_in = PayStandIn()
    log = RecordingLog()

    async with wechat_pay_at(stand_in, log=log, api_keys=("wrong-key",)) as pay:
        with pytest.raises(StoreDown):
            await pay.create(**ORDER)

    assert stand_in.orders == {}
    assert log.take("wechat_pay_misconfigured") == {"reason": "签名错误"}


@pytest.mark.parametrize(
    ("trouble", "line"),
    [
        ("hang", "outside_service_unanswered"),
        ("down", "outside_service_unanswered"),
        ("redirect", "outside_service_unanswered"),
        ("huge", "outside_service_unanswered"),
        ("cut", "outside_service_unanswered"),
        ("garbage", "wechat_pay_garbled"),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_no_usable_answer_is_a_retry(trouble, line):
    stand_in = PayStandIn()
    stand_in.trouble = trouble
    log = RecordingLog()

    async with wechat_pay_at(stand_in, log=log, deadline_ms=150 if trouble == "hang" else 5_000) as pay:
        with pytest.raises(StoreDown):
            await pay.create(**ORDER)
        with pytest.raises(StoreDown):
            await pay.query(ORDER_ID, surface="calls")

    assert stand_in.redirected_count == 0
    log.take(line)
    log.take(line)
    assert log.lines == []


@pytest.mark.parametrize(
    "changes",
    [
        {"appid": "wx0000000000000000"},
        {"mch_id": "1900000002"},
        {"prepay_id": ""},
        {"prepay_id": "wx1 2"},
        {"prepay_id": "wx1&package=2"},
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_that_is_not_for_us_is_not_used(changes):
    stand_in = PayStandIn()
    stand_in.changes = changes
    log = RecordingLog()

    async with wechat_pay_at(stand_in, log=log) as pay:
        with pytest.raises(StoreDown):
            await pay.create(**ORDER)

    log.take("wechat_pay_garbled")


@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_that_somebody_else_signed_is_not_used():
    stand_in = PayStandIn()
    log = RecordingLog()

    async with wechat_pay_at(stand_in, log=log) as pay:
        await pay.create(**ORDER)
        stand_in.pay(ORDER_ID)
        stand_in.is_signing_badly = True

        with pytest.raises(StoreDown):
            await pay.query(ORDER_ID, surface="calls")
        with pytest.raises(StoreDown):
            await pay.create(**ORDER)

    assert log.take("wechat_pay_garbled") == {"reason": "not authentic"}
    assert log.take("wechat_pay_garbled") == {"reason": "not authentic"}


# Questions


@pytest.mark.parametrize(
    ("state", "paid"),
    [
        ("NOTPAY", None),
        ("USERPAYING", None),
        ("ACCEPT", None),
        ("SUCCESS", True),
        ("CLOSED", False),
        ("REVOKED", False),
        ("PAYERROR", False),
        ("REFUND", False),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_the_provider_knows_what_became_of_an_order(state, paid):
    stand_in = PayStandIn()

    async with wechat_pay_at(stand_in) as pay:
        await pay.create(**ORDER)
        stand_in.states[ORDER_ID] = state
        notice = await pay.query(ORDER_ID, surface="calls")

    assert (notice and notice.paid) is paid
    if notice and paid:
        assert (notice.order_id, notice.fee_fen) == (ORDER_ID, 600)
        assert notice == pay.verify(stand_in.notice(ORDER_ID))


@pytest.mark.real_loop(deadline_s=10)
async def test_an_order_unknown_to_the_provider_is_unpaid():
    async with wechat_pay_at(PayStandIn()) as pay:
        assert await pay.query("never-announced", surface="calls") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": "20190601210509000002"},
        {"trade_state": "SOMETHING"},
        {"trade_state": ""},
        {"total_fee": ""},
        {"total_fee": "-600"},
        {"total_fee": "6.00"},
        {"transaction_id": ""},
        {"fee_type": "USD"},
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_about_something_else_is_no_payment(changes):
    stand_in = PayStandIn()
    log = RecordingLog()

    async with wechat_pay_at(stand_in, log=log) as pay:
        await pay.create(**ORDER)
        stand_in.pay(ORDER_ID)
        stand_in.changes = changes

        with pytest.raises(StoreDown):
            await pay.query(ORDER_ID, surface="calls")

    log.take("wechat_pay_garbled")


# Notifications


@pytest.mark.parametrize("sign_type", ["MD5", "HMAC-SHA256"])
def test_an_authentic_notification_says_what_was_paid(sign_type):
    stand_in = PayStandIn(sign_type=sign_type)

    notice = provider(stand_in).verify(stand_in.notice(ORDER_ID, fee_fen=601))

    assert notice == PaymentNotice(
        order_id=ORDER_ID, transaction_id="4200000000202600000000000001", fee_fen=601, paid=True
    )


def test_a_failed_payment_is_authentic_and_unpaid():
    stand_in = PayStandIn()
    body = stand_in.notice(ORDER_ID, result_code="FAIL", transaction_id="", total_fee="", err_code="PAYERROR")

    notice = provider(stand_in).verify(body)

    assert notice == PaymentNotice(order_id=ORDER_ID, transaction_id="", fee_fen=0, paid=False)


def test_notifications_outlive_the_replacement_of_the_key():
    stand_in = PayStandIn()
    body = stand_in.notice(ORDER_ID, fee_fen=600)

    assert provider(stand_in, api_keys=("new", stand_in.api_key)).verify(body).paid
    with pytest.raises(Forbidden):
        provider(stand_in, api_keys=("new",)).verify(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"appid": "wx0000000000000000"},
        {"appid": ""},
        {"mch_id": "1900000002"},
        {"mch_id": ""},
        {"return_code": "FAIL"},
        {"return_code": ""},
        {"result_code": ""},
        {"result_code": "success"},
        {"out_trade_no": ""},
        {"out_trade_no": "x" * 33},
        {"out_trade_no": "a b"},
        {"transaction_id": ""},
        {"transaction_id": "{}"},
        {"total_fee": ""},
        {"total_fee": "-1"},
        {"total_fee": "6.0"},
        {"total_fee": "+6"},
        {"total_fee": " 6"},
        {"total_fee": "六"},
        {"total_fee": "٦"},
        {"total_fee": "1" * 13},
        {"fee_type": "USD"},
        {"attach": "a&result_code=SUCCESS"},
    ],
)
def test_a_notification_that_is_signed_but_not_for_us_or_of_no_use_is_refused(changes):
    stand_in = PayStandIn()
    body = stand_in.notice(ORDER_ID, **({"fee_fen": 600} | changes))

    with pytest.raises(Forbidden):
        provider(stand_in).verify(body)


def test_a_parameter_cannot_hide_in_the_one_before_it():
    stand_in = PayStandIn()
    body = stand_in.notice(ORDER_ID, fee_fen=600, device_info="1000", fee_type="USD")

    # The text that is signed stays the same.
    hidden = body.replace(
        b"<device_info><![CDATA[1000]]></device_info>", b"<device_info>1000&amp;fee_type=USD</device_info>"
    ).replace(b"<fee_type><![CDATA[USD]]></fee_type>", b"")

    assert hidden != body
    with pytest.raises(Forbidden):
        provider(stand_in).verify(hidden)


def test_a_forged_notification_is_refused():
    stand_in = PayStandIn()

    with pytest.raises(Forbidden):
        provider(stand_in).verify(stand_in.forged_notice(ORDER_ID, fee_fen=600))


def changed(old, new):
    return lambda body: body.replace(old, new)


SIGN = re.compile(rb"<sign>.*</sign>")


@pytest.mark.parametrize(
    "change",
    [
        changed(b"[600]", b"[60000]"),
        changed(ORDER_ID.encode(), b"20190601210509000002"),
        changed(b"FAIL", b"SUCCESS"),
        lambda body: SIGN.sub(b"", body),
        lambda body: SIGN.sub(b"<sign></sign>", body),
        lambda body: SIGN.sub(lambda found: found.group().lower(), body),
        lambda body: SIGN.sub(b"<sign>" + b"0" * 32 + b"</sign>", body),
        lambda body: SIGN.sub(b"<sign>" + b"0" * 64 + b"</sign>", body),
        lambda body: SIGN.sub(b"<sign>" + "零".encode() * 32 + b"</sign>", body),
        changed(b"</xml>", b"<total_fee>60000</total_fee></xml>"),
        changed(b"<xml>", b"<xml><total_fee>60000</total_fee>"),
        changed(b"</xml>", b"<sign>00</sign></xml>"),
        changed(b"</xml>", b"<extra>1</extra></xml>"),
        changed(b"xml>", b"root>"),
        changed(b"<total_fee>", b"<total_fee a='1'>"),
        changed(b"<attach>", b"<attach><b>1</b>"),
        lambda body: b"<!DOCTYPE xml>" + body,
        lambda body: b'<!DOCTYPE xml [<!ENTITY a "600">]>' + body.replace(b"<![CDATA[600]]>", b"&a;"),
        lambda body: b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + body,
        lambda body: b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd">' + body,
        changed(b"<xml>", b"<xml><a>&a;</a>"),
        lambda body: body[:-1],
        lambda body: body + body,
        lambda body: body.decode().encode("utf-16"),
        lambda body: body + b" " * 65_536,
        lambda body: b"\x00" + body,
        lambda body: body + b"\xff",
        lambda _body: b"",
        lambda _body: b"<xml/>",
        lambda _body: b"<a>" * 20_000,
        lambda _body: b"<xml>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"</xml>",
        lambda _body: b"appid=1&mch_id=2",
        lambda _body: b"{}",
    ],
)
def test_a_notification_that_was_touched_is_refused(change):
    stand_in = PayStandIn()
    body = stand_in.notice(ORDER_ID, fee_fen=600)
    if change(body) == body:
        body = stand_in.notice(ORDER_ID, fee_fen=600, result_code="FAIL", attach="note")

    assert change(body) != body
    assert provider(stand_in).verify(body).order_id == ORDER_ID
    with pytest.raises(Forbidden):
        provider(stand_in).verify(change(body))


def test_a_declared_encoding_has_no_say():
    stand_in = PayStandIn()
    body = stand_in.notice(ORDER_ID, fee_fen=600)

    for encoding in (b"UTF-8", b"gbk", b"rot13", b"utf-7"):
        declared = b'<?xml version="1.0" encoding="' + encoding + b'"?>' + body
        assert provider(stand_in).verify(declared).fee_fen == 600


@given(st.binary(max_size=300) | st.text(alphabet="<>/xml&;![]CDATA-\"'= a\n", max_size=300).map(str.encode))
def test_no_bytes_at_all_cause_anything_but_a_refusal(body):
    with pytest.raises(Forbidden):
        provider(PayStandIn()).verify(body)


@given(st.data())
def test_one_changed_byte_is_never_another_payment(data):
    stand_in = PayStandIn()
    body = bytearray(stand_in.notice(ORDER_ID, fee_fen=600))
    honest = provider(stand_in).verify(bytes(body))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    try:
        notice = provider(stand_in).verify(bytes(body))
    except Forbidden:
        return

    assert notice == honest  # White space between elements, for example, means nothing.


@pytest.mark.parametrize("reason", ["sign error", "a < b & c", "]]>", "签名错误"])
def test_the_provider_can_read_our_answers(reason):
    assert wechat_pay._read(NOTICE_ACCEPTED) == {"return_code": "SUCCESS", "return_msg": "OK"}
    assert wechat_pay._read(notice_refused(reason)) == {"return_code": "FAIL", "return_msg": reason}


@pytest.mark.real_loop(deadline_s=10)
async def test_notifications_come_more_than_once_over_the_wire():
    stand_in = PayStandIn()
    pay = provider(stand_in)
    heard: list[PaymentNotice] = []

    class Notify(tornado.web.RequestHandler):
        def post(self):
            try:
                heard.append(pay.verify(self.request.body))
            except Forbidden:
                self.write(notice_refused("sign error"))
            else:
                self.write(NOTICE_ACCEPTED)

    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(tornado.web.Application([("/notify", Notify)], log_function=lambda _handler: None))
    server.add_sockets(sockets)
    stand_in.orders[ORDER_ID] = {
        "total_fee": "600",
        "notify_url": f"http://127.0.0.1:{sockets[0].getsockname()[1]}/notify",
    }

    try:
        honest = await stand_in.notify(ORDER_ID, times=2)
        wrong = await stand_in.notify(ORDER_ID, body=stand_in.notice(ORDER_ID, fee_fen=1))
        forged = await stand_in.notify(ORDER_ID, body=stand_in.forged_notice(ORDER_ID, fee_fen=600))
    finally:
        server.stop()
        await server.close_all_connections()

    assert honest + wrong == [{"return_code": "SUCCESS", "return_msg": "OK"}] * 3
    assert forged == [{"return_code": "FAIL", "return_msg": "sign error"}]
    assert [notice.fee_fen for notice in heard] == [600, 600, 1]
    assert len({notice.transaction_id for notice in heard}) == 1


# Development


async def test_in_development_every_order_is_taken_and_stays_unpaid():
    key = "greenroom-dev-pay-key"
    pay = DevPay(api_key=key, now_s=lambda: 1_559_394_309)

    payment = await pay.create(**ORDER)

    assert payment.prepay_id == f"dev-{ORDER_ID}"
    assert payment.pay_sign == PayStandIn(api_key=key).sign(
        {
            "appId": DEV_APP_ID,
            "timeStamp": "1559394309",
            "nonceStr": payment.nonce_str,
            "package": f"prepay_id=dev-{ORDER_ID}",
            "signType": "MD5",
        }
    )
    assert await pay.query(ORDER_ID, surface="calls") is None


def test_in_development_whoever_has_the_key_plays_the_provider():
    tester = PayStandIn(app_id=DEV_APP_ID, merchant_id=DEV_MERCHANT_ID, api_key="greenroom-dev-pay-key")
    pay = DevPay(api_key="greenroom-dev-pay-key")

    assert pay.verify(tester.notice(ORDER_ID, fee_fen=600)).paid
    with pytest.raises(Forbidden):
        pay.verify(tester.forged_notice(ORDER_ID, fee_fen=600))


@pytest.mark.parametrize(
    "changes", [{"app_id": ""}, {"merchant_id": ""}, {"api_keys": ()}, {"api_keys": ("",)}, {"api_keys": ("new", "")}]
)
def test_there_is_no_payment_without_ids_and_a_key(changes):
    with pytest.raises(ValueError, match="needed"):
        provider(PayStandIn(), **changes)


def test_nor_in_development_without_a_key():
    with pytest.raises(ValueError, match="needed"):
        DevPay(api_key="")
