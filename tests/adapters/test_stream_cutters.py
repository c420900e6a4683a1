"""Cutting streams, at local servers that answer as the real ones do. Source: protocols 1.3, 7.1."""

import contextlib
import json

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from adapters.stream_cutters import CssCutter, NginxCutter, tc3_authorization
from engine.errors import StoreDown
from tests.support.fakes import RecordingLog
from tests.support.stand_ins import StandIn, serving

pytestmark = pytest.mark.real_loop(deadline_s=10)
NAME = "room_10086_42"
BODY = b'{"AppName":"live","DomainName":"push.example.com","StreamName":"room_10086_42"}'
SIGNATURE = "91dd60f47928444388d0db177252a9895a19678444813073cae7e1c841beee3a"


class Service(StandIn):
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__()
        self.status, self.answer = status, answer
        self.asked: list[HTTPServerRequest] = []

    def application(self) -> Application:
        return Application([(".*", Answering, {"service": self})])


class Answering(RequestHandler):
    def initialize(self, service: Service) -> None:
        self.service = service

    def get(self) -> None:
        self.service.asked.append(self.request)
        self.set_status(self.service.status)
        self.write(self.service.answer)

    post = get


@contextlib.asynccontextmanager
async def service(answer: bytes, *, status: int = 200):
    stand_in = Service(status, answer)
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with serving(stand_in) as base:
            yield base, http, stand_in.asked
    finally:
        http.close()


def css(base, http, log) -> CssCutter:
    return CssCutter(
        secret_id="AKIDexample",
        secret_key="greenroom-tc3-secret",
        push_host="push.example.com",
        app="live",
        http=http,
        log=log,
        api_url=base + "/",
        now_s=lambda: 1_767_225_600,
    )


def test_the_signature_is_that_of_the_vendors_own_library():
    authorization = tc3_authorization(
        "AKIDexample", "greenroom-tc3-secret", action="DropLiveStream", body=BODY, at_s=1_767_225_600
    )

    assert authorization == (
        "TC3-HMAC-SHA256 Credential=AKIDexample/2026-01-01/live/tc3_request, "
        f"SignedHeaders=content-type;host;x-tc-action, Signature={SIGNATURE}"
    )


async def test_the_live_service_is_told_to_drop_a_stream():
    async with service(b'{"Response":{"RequestId":"1"}}') as (base, http, asked):
        await css(base, http, RecordingLog()).cut(NAME)

    (request,) = asked
    assert (request.method, request.body) == ("POST", BODY)
    assert {name: request.headers[name] for name in ("Host", "X-TC-Action", "X-TC-Version", "X-TC-Timestamp")} == {
        "Host": "live.tencentcloudapi.com",
        "X-TC-Action": "DropLiveStream",
        "X-TC-Version": "2018-08-01",
        "X-TC-Timestamp": "1767225600",
    }
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["Authorization"].endswith(SIGNATURE)


async def test_a_refusal_of_the_live_service_is_for_an_operator():
    log = RecordingLog()
    refusal = {"Response": {"RequestId": "1", "Error": {"Code": "AuthFailure.SignatureFailure", "Message": "…"}}}
    async with service(json.dumps(refusal).encode()) as (base, http, _):
        with pytest.raises(StoreDown):
            await css(base, http, log).cut(NAME)

    assert log.take("css_api_refused") == {"reason": "AuthFailure.SignatureFailure"}


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b"<html>", b'{"Response":{}}'])
async def test_what_is_not_the_live_services_answer_confirms_nothing(answer):
    async with service(answer) as (base, http, _):
        with pytest.raises(StoreDown):
            await css(base, http, RecordingLog()).cut(NAME)


def test_half_a_credential_is_none():
    with pytest.raises(ValueError, match="key"):
        CssCutter(secret_id="a", secret_key="", push_host="", app="", http=None, log=RecordingLog())


@pytest.mark.parametrize("answer", [b"1", b"0", b"1\n"])
async def test_nginx_is_told_to_drop_a_publisher(answer):
    async with service(answer) as (base, http, asked):
        cutter = NginxCutter(control_url=f"{base}/control/", app="live", http=http, log=RecordingLog())
        await cutter.cut(NAME)

    assert [request.uri for request in asked] == ["/control/drop/publisher?app=live&name=room_10086_42"]


@pytest.mark.logs("tornado.access: (404|500)")
@pytest.mark.parametrize(("status", "answer"), [(200, b"<html>hello</html>"), (200, b""), (404, b"0"), (500, b"1")])
async def test_what_is_not_nginx_confirms_nothing(status, answer):
    log = RecordingLog()
    async with service(answer, status=status) as (base, http, _):
        with pytest.raises(StoreDown):
            await NginxCutter(control_url=f"{base}/control", app="live", http=http, log=log).cut(NAME)

    if status != 200:
        assert log.take("outside_service_unanswered")["service"] == "nginx_control"
