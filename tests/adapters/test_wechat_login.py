"""Sign-in codes: WeChat's, asked of a local server that speaks its protocol, and development's."""

import contextlib
import logging

import pytest
from tornado.httpclient import AsyncHTTPClient

from adapters.wechat_login import DevCodes, WeChatCodes
from engine.errors import BadInput, EngineError, NotSignedIn, StoreDown, TooMany
from engine.ports import SealedProfile, WeChatProfile
from tests.support.fakes import RecordingLog
from tests.support.stand_ins import WeChatLoginStandIn, seal, serving

SECRET = "a-secret-of-the-application"
OTHER_APP = {"wx7777777777777777": "a-secret-of-the-other"}
NOW_S = 1_767_225_600


@contextlib.asynccontextmanager
async def wechat(stand_in, *, log=None, app_secret=SECRET, deadline_ms=5_000, now_s=lambda: NOW_S):
    """``WeChatCodes`` that asks ``stand_in``."""
    http = AsyncHTTPClient(force_instance=True)
    try:
        async with serving(stand_in) as base_url:
            yield WeChatCodes(
                apps={stand_in.app_id: app_secret, **OTHER_APP},
                base_url=base_url,
                http=http,
                log=log or RecordingLog(),
                deadline_ms=deadline_ms,
                now_s=now_s,
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


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_may_be_for_another_mini_program_of_ours():
    stand_in = WeChatLoginStandIn(app_id="wx7777777777777777", app_secret="a-secret-of-the-other")
    stand_in.grant("code", "oTEST0001")
    http = AsyncHTTPClient(force_instance=True)

    async with serving(stand_in) as base_url:
        codes = WeChatCodes(apps={"wx1": "x", **OTHER_APP}, base_url=base_url, http=http, log=RecordingLog())
        identity = await codes.identify("code", app_id="wx7777777777777777")
    http.close()

    assert identity.open_id == "oTEST0001"
    assert stand_in.requests[0]["appid"] == "wx7777777777777777"


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_for_somebody_elses_mini_program_is_not_asked_about():
    stand_in = WeChatLoginStandIn()

    async with wechat(stand_in) as codes:
        with pytest.raises(BadInput) as refused:
            await codes.identify("code", app_id="wx0000000000000000")

    assert refused.value.field == "app_id"
    assert stand_in.requests == []


@pytest.mark.real_loop(deadline_s=10)
async def test_a_sealed_profile_is_opened_with_the_key_of_its_code():
    stand_in = WeChatLoginStandIn()
    stand_in.grant("code", "oTEST0001")
    told = {"openId": "oTEST0001", "nickName": "小红", "gender": 2, "avatarUrl": "https://thirdwx.qlogo.cn/1"}
    encrypted, iv = seal(told, app_id=stand_in.app_id, timestamp=NOW_S, session_key=stand_in.session_key)

    async with wechat(stand_in) as codes:
        identity = await codes.identify("code", sealed=SealedProfile(encrypted_data=encrypted, iv=iv))

    assert identity.open_id == "oTEST0001"
    assert identity.profile == WeChatProfile(nickname="小红", gender=2, avatar_url="https://thirdwx.qlogo.cn/1")
    assert identity.attributes == {}


@pytest.mark.real_loop(deadline_s=10)
async def test_a_profile_sealed_with_another_key_signs_nobody_in(caplog):
    stand_in = WeChatLoginStandIn()
    stand_in.grant("code", "oTEST0001")
    encrypted, iv = seal({}, app_id=stand_in.app_id, timestamp=NOW_S, session_key="AAECAwQFBgcICQoLDA0ODw==")

    with caplog.at_level(logging.DEBUG):
        async with wechat(stand_in) as codes:
            with pytest.raises(BadInput) as refused:
                await codes.identify("code", sealed=SealedProfile(encrypted_data=encrypted, iv=iv))

    assert refused.value.field == "sealed_profile"
    assert stand_in.session_key not in repr(refused.value)
    assert not [record for record in caplog.records if stand_in.session_key in record.getMessage()]


# Development


class OtherCodes:
    async def identify(self, code, *, app_id="", sealed=None):
        assert (app_id, sealed) in (("", None), ("wx1", SealedProfile(encrypted_data="x", iv="y")))
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
    with pytest.raises(TooMany):
        await codes.identify("033", app_id="wx1", sealed=SealedProfile(encrypted_data="x", iv="y"))
    assert (await codes.identify("dev:tom")).open_id == "dev:tom"


async def test_a_dev_code_is_for_any_mini_program_unless_ours_are_named():
    sealed = SealedProfile(encrypted_data="not even base64!", iv="")
    anybodys, ours = DevCodes(env="dev"), DevCodes(env="dev", app_ids=["wx1"])

    assert (await anybodys.identify("dev:tom", app_id="wx2", sealed=sealed)).open_id == "dev:tom"
    assert (await ours.identify("dev:tom", app_id="wx1", sealed=sealed)).open_id == "dev:tom"
    assert (await ours.identify("dev:tom")).open_id == "dev:tom"
    with pytest.raises(BadInput) as refused:
        await ours.identify("dev:tom", app_id="wx2")
    assert refused.value.field == "app_id"


@pytest.mark.parametrize("env", ["production", "", "Dev"])
def test_dev_codes_exist_in_development_only(env):
    with pytest.raises(ValueError, match="anybody"):
        DevCodes(env=env)
