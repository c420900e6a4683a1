"""One question to an outside service: how long it takes, how much is read, and what is left when nobody waits."""

import asyncio
import contextlib

import pytest
import tornado.web
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import BYTES_MAX, OutsideService
from engine.errors import StoreDown
from tests.support.fakes import RecordingLog
from tests.support.stand_ins import StandIn, WeChatLoginStandIn, serving


class Echo(StandIn):
    """Answers with as many bytes as asked for, or with the question."""

    def application(self):
        class Handler(tornado.web.RequestHandler):
            def get(self):
                self.write(b"x" * int(self.get_query_argument("bytes")))

            def post(self):
                self.write(self.request.headers["Content-Type"].encode() + b"|" + self.request.body)

        return tornado.web.Application([("/", Handler)], log_function=lambda _handler: None)


@contextlib.asynccontextmanager
async def service_at(stand_in, *, log=None, deadline_ms=5_000):
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with serving(stand_in) as base_url:
            log = log or RecordingLog()
            yield OutsideService(name="a_service", http=http, log=log, deadline_ms=deadline_ms), base_url
    finally:
        http.close()


@pytest.mark.real_loop(deadline_s=10)
async def test_a_question_is_posted_as_it_is():
    async with service_at(Echo()) as (service, base_url):
        answer = await service.ask(base_url, body="<ä>".encode(), content_type="text/xml")

    assert answer == "text/xml|<ä>".encode()


@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_has_a_greatest_length():
    log = RecordingLog()

    async with service_at(Echo(), log=log) as (service, base_url):
        answer = await service.ask(f"{base_url}/?bytes={BYTES_MAX}")
        with pytest.raises(StoreDown):
            await service.ask(f"{base_url}/?bytes={BYTES_MAX + 1}")

    assert len(answer) == BYTES_MAX
    assert log.take("outside_service_unanswered") == {"service": "a_service", "reason": "answer too long"}


@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_takes_at_most_its_deadline_also_for_those_who_queue():
    stand_in = WeChatLoginStandIn()
    stand_in.trouble = "hang"
    log = RecordingLog()
    loop = asyncio.get_running_loop()

    async with service_at(stand_in, log=log, deadline_ms=200) as (service, base_url):
        began_s = loop.time()
        # The client has ten connections.
        questions = (service.ask(f"{base_url}/sns/jscode2session") for _ in range(25))
        answers = await asyncio.gather(*questions, return_exceptions=True)
        took_s = loop.time() - began_s

    assert {type(answer) for answer in answers} == {StoreDown}
    assert 0.19 <= took_s < 1.5
    for _ in range(25):
        assert log.take("outside_service_unanswered")["service"] == "a_service"


@pytest.mark.real_loop(deadline_s=10)
async def test_somebody_who_stops_waiting_leaves_no_trace():
    stand_in = WeChatLoginStandIn()
    stand_in.trouble = "hang"

    async with service_at(stand_in) as (service, base_url):
        waiting = asyncio.ensure_future(service.ask(f"{base_url}/sns/jscode2session"))
        await stand_in.arrived.wait()
        waiting.cancel()

        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.real_loop(deadline_s=10)
async def test_a_server_that_is_not_there_is_a_retry():
    log = RecordingLog()
    async with serving(Echo()) as base_url:
        pass

    async with service_at(Echo(), log=log) as (service, _):
        with pytest.raises(StoreDown):
            await service.ask(base_url)

    assert log.take("outside_service_unanswered") == {"service": "a_service", "reason": "ConnectionRefusedError"}


class Teller(StandIn):
    """Answers with the status that the path names, and something to read."""

    def application(self):
        class Handler(tornado.web.RequestHandler):
            def get(self, status):
                self.set_status(int(status))
                self.set_header("Cache-Control", "max-age=60")
                self.write("told")

        return tornado.web.Application([("/([0-9]+)", Handler)], log_function=lambda _handler: None)


@pytest.mark.parametrize("status", [200, 201, 400, 401, 404, 429])
@pytest.mark.real_loop(deadline_s=10)
async def test_a_service_may_tell_by_its_status_what_is_wrong(status):
    async with service_at(Teller()) as (service, base_url):
        answer = await service.exchange(f"{base_url}/{status}")

    assert (answer.code, answer.body, answer.headers["Cache-Control"]) == (status, b"told", "max-age=60")


@pytest.mark.parametrize("status", [302, 307, 500, 502, 503])
@pytest.mark.real_loop(deadline_s=10)
async def test_a_redirection_and_a_failure_tell_nothing(status):
    log = RecordingLog()

    async with service_at(Teller(), log=log) as (service, base_url):
        with pytest.raises(StoreDown):
            await service.exchange(f"{base_url}/{status}")

    assert log.take("outside_service_unanswered") == {"service": "a_service", "reason": f"HTTP {status}"}


@pytest.mark.parametrize("status", [201, 400, 404])
@pytest.mark.real_loop(deadline_s=10)
async def test_who_only_wants_the_answer_takes_no_other_status(status):
    log = RecordingLog()

    async with service_at(Teller(), log=log) as (service, base_url):
        with pytest.raises(StoreDown):
            await service.ask(f"{base_url}/{status}")

    assert log.take("outside_service_unanswered")["reason"] == f"HTTP {status}"
