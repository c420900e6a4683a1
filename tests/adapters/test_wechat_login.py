"""Sign-in codes: WeChat's, asked of a local server that speaks its protocol, and development's."""

import contextlib
import logging

import pytest
from tornado.httpclient import AsyncHTTPClient

from adapters.wechat_login import DevCodes, WeChatCodes
from engine.errors import EngineError, NotSignedIn, StoreDown, TooMany
from tests.support.fakes import RecordingLog
from tests.support.stand_ins import WeChatLoginStandIn, serving

SECRET = "a-secret-of-the-application"


@contextlib.asynccontextmanager
async def wechat(stand_in, *, log=None, app_secret=SECRET, deadline_ms=5_000):
    """``WeChatCodes`` that asks ``stand_in``."""
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with serving(stand_in) as base_url:
            yield WeChatCodes(
                app_id=stand_in.app_id,
                app_secret=app_secret,
                base_url=base_url,
                http=http,
                log=log or RecordingLog(),
                deadline_ms=deadline_ms,
            )
    finally:
        http.close()


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_becomes_the_person_wechat_names():
    stand_in = WeChatLoginStandIn()
    stand_in.grant("033mEfFa1", "oTEST0001")

    async with wechat(stand_in) as codes:
        identity = await codes.identify("033mEfFa1")

    assert identity.open_id == "oTEST0001"
    assert identity.attributes == {}
    assert stand_in.requests == [
        {
            "appid": stand_in.app_id,
            "secret": SECRET,
            "js_code": "033mEfFa1",
            "grant_type": "authorization_code",
        }
    ]


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_works_once():
    stand_in = WeChatLoginStandIn()
    stand_in.grant("once", "oTEST0001")

    async with wechat(stand_in) as codes:
        await codes.identify("once")

        with pytest.raises(NotSignedIn):
            await codes.identify("once")


@pytest.mark.parametrize(
    ("errcode", "error", "line"),
    [
        (-1, StoreDown, None),
        (40029, NotSignedIn, None),
        (40163, NotSignedIn, None),
        (40226, NotSignedIn, None),
        (45011, TooMany, None),
        (40013, StoreDown, ("error", "wechat_login_misconfigured")),
        (40125, StoreDown, ("error", "wechat_login_misconfigured")),
        (41002, StoreDown, ("error", "wechat_login_misconfigured")),
        (41004, StoreDown, ("error", "wechat_login_misconfigured")),
        (41008, StoreDown, ("error", "wechat_login_misconfigured")),
        (99999, StoreDown, ("warning", "wechat_login_refused")),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_each_errcode_has_its_meaning(errcode, error, line):
    stand_in = WeChatLoginStandIn()
    stand_in.refuse("code", errcode)
    log = RecordingLog()

    async with wechat(stand_in, log=log) as codes:
        with pytest.raises(error) as caught:
            await codes.identify("code")

    assert isinstance(caught.value, EngineError)
    assert [(one.level, one.event) for one in log.lines] == ([line] if line else [])
    if line:
        assert log.take(line[1]) == {"errcode": errcode}


@pytest.mark.real_loop(deadline_s=10)
async def test_wechats_own_limit_says_when_to_come_back():
    stand_in = WeChatLoginStandIn()
    stand_in.refuse("code", 45011)

    async with wechat(stand_in) as codes:
        with pytest.raises(TooMany) as caught:
            await codes.identify("code")

    assert caught.value.retry_after_ms == 60_000


@pytest.mark.parametrize("code", ["", " ", "a b", "a\nb", "中文", "x" * 257])
@pytest.mark.real_loop(deadline_s=10)
async def test_what_cannot_be_a_code_is_not_asked_about(code):
    stand_in = WeChatLoginStandIn()

    async with wechat(stand_in) as codes:
        with pytest.raises(NotSignedIn):
            await codes.identify(code)

    assert stand_in.requests == []


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_cannot_add_parameters_to_the_question():
    stand_in = WeChatLoginStandIn()

    async with wechat(stand_in) as codes:
        with pytest.raises(NotSignedIn):
            await codes.identify("x&appid=other#&grant_type=y%26")

    assert stand_in.requests[0]["js_code"] == "x&appid=other#&grant_type=y%26"
    assert stand_in.requests[0]["appid"] == stand_in.app_id


@pytest.mark.parametrize(
    ("trouble", "line"),
    [
        ("hang", "outside_service_unanswered"),
        ("down", "outside_service_unanswered"),
        ("redirect", "outside_service_unanswered"),
        ("huge", "outside_service_unanswered"),
        ("cut", "outside_service_unanswered"),
        ("garbage", "wechat_login_garbled"),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_no_usable_answer_is_a_retry_and_tells_nobody_the_secret(trouble, line, caplog):
    stand_in = WeChatLoginStandIn()
    stand_in.trouble = trouble
    log = RecordingLog()

    with caplog.at_level(logging.DEBUG):
        async with wechat(stand_in, log=log, deadline_ms=150 if trouble == "hang" else 5_000) as codes:
            with pytest.raises(StoreDown) as caught:
                await codes.identify("code")

    assert stand_in.requests[0]["secret"] == SECRET
    assert stand_in.redirected_count == 0
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in repr(log.take(line))
    assert log.lines == []
    assert not [record for record in caplog.records if SECRET in record.getMessage()]


@pytest.mark.real_loop(deadline_s=10)
async def test_a_wrong_secret_alarms_operators_without_showing_it():
    stand_in = WeChatLoginStandIn()
    log = RecordingLog()

    async with wechat(stand_in, log=log, app_secret="a-wrong-secret") as codes:
        with pytest.raises(StoreDown):
            await codes.identify("code")

    assert log.take("wechat_login_misconfigured") == {"errcode": 40125}


# Development


class OtherCodes:
    async def identify(self, code):
        raise TooMany(retry_after_ms=len(code))


@pytest.mark.parametrize(
    ("code", "open_id", "attributes"),
    [
        ("dev:tom", "dev:tom", {"nickname": "tom"}),
        ("dev:小美", "dev:小美", {"nickname": "小美"}),
        ("dev:tom?", "dev:tom", {"nickname": "tom"}),
        (
            "dev:mei?role=master&gender=2&price=50",
            "dev:mei",
            {"nickname": "mei", "role": "master", "gender": "2", "price": "50"},
        ),
        ("dev:tom?nickname=%E5%B0%8F%E7%BE%8E&sign=", "dev:tom", {"nickname": "小美", "sign": ""}),
    ],
)
async def test_a_dev_code_is_a_name_and_its_attributes(code, open_id, attributes):
    codes = DevCodes(env="dev")

    identity = await codes.identify(code)

    assert (identity.open_id, identity.attributes) == (open_id, attributes)
    assert await codes.identify(code) == identity


@pytest.mark.parametrize(
    "code",
    [
        "dev:",
        "dev:?role=master",
        "dev:a b",
        "dev:" + "x" * 65,
        "dev:mei?role",
        "dev:mei?role=master&role=guest",
        "dev:mei?Role=master",
        "dev:mei?=1",
        "dev:mei?name=%ff",
        "dev:mei?name=" + "x" * 201,
        "dev:mei?" + "&".join(f"a{number}=1" for number in range(33)),
        "033mEfFa1",
        "",
    ],
)
async def test_any_other_code_signs_nobody_in(code):
    with pytest.raises(NotSignedIn):
        await DevCodes(env="dev").identify(code)


async def test_other_codes_go_to_wechat_where_there_is_one():
    codes = DevCodes(env="dev", others=OtherCodes())

    with pytest.raises(TooMany) as caught:
        await codes.identify("033")

    assert caught.value.retry_after_ms == 3
    assert (await codes.identify("dev:tom")).open_id == "dev:tom"


@pytest.mark.parametrize("env", ["production", "", "Dev"])
def test_dev_codes_exist_in_development_only(env):
    with pytest.raises(ValueError, match="anybody"):
        DevCodes(env=env)
