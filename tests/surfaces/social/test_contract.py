"""The surface against the contract's own table, and its printed description against the standard's validator."""

from typing import get_args

import pytest
from openapi_spec_validator import validate

from engine import errors
from engine.settings import SocialPath
from handlers import social
from handlers.social import login
from handlers.social.access import NoBearer
from handlers.social.envelope import ENVELOPE, Done, row_of
from handlers.wire.access import OPTIONAL, PUBLIC, SIGNED_IN, NoCredential
from handlers.wire.fields import Malformed, MissingInput
from handlers.wire.limits import Limit
from handlers.wire.openapi import openapi
from handlers.wire.surface import ERROR_CODES, MethodNotAllowed, NoSuchPath
from tests.surfaces.contracts import contract_of, wire_fields
from tests.surfaces.social.scene import OPTIONS

CONTRACT = tuple(contract_of("social").values())
SURFACE = social.surface(OPTIONS)
ENDPOINTS = {endpoint.source_id: endpoint for endpoint in SURFACE.endpoints}
SOCKET = "social-chat-ws"
HTTP = [entry for entry in CONTRACT if entry["id"] != SOCKET]
SERVED = [entry for entry in HTTP if entry["id"] in ENDPOINTS]
OF_FILES = ("social-file-upload", "social-uploads-get")
JSON_ENTRIES = [entry for entry in SERVED if entry["id"] not in OF_FILES]
ACCESS = {"none": PUBLIC, "optional": OPTIONAL, "atoken": SIGNED_IN}
PER_MS = {"second": 1_000, "4 seconds": 4_000, "minute": 60_000}
MUST_BE_COUNTED = {
    "social-login-send-code",
    "social-login-register",
    "social-login-login",
}


def by_id(entry):
    return entry["id"]


def test_every_entry_is_served_and_nothing_else():
    assert len(CONTRACT) == 34
    assert ENDPOINTS.keys() == {entry["id"] for entry in HTTP}
    assert len(SURFACE.endpoints) == len(HTTP)
    assert {socket.source_id for socket in SURFACE.sockets} == {SOCKET}


@pytest.mark.parametrize("entry", SERVED, ids=by_id)
def test_an_entry_is_served_under_its_method_path_and_aliases(entry):
    addresses = {f"{method} {path}" for method, path in ENDPOINTS[entry["id"]].addresses}

    documented = {f"{entry['method']} {entry['path']}", *entry["aliases"]}
    # What can be had can be asked about.
    asked_about = {f"HEAD {entry['path']}"} if entry["id"] == "social-uploads-get" else set()
    assert documented <= addresses <= documented | asked_about


@pytest.mark.parametrize("entry", SERVED, ids=by_id)
def test_who_may_ask_is_as_documented(entry):
    assert ENDPOINTS[entry["id"]].access is ACCESS[entry["auth"]]


@pytest.mark.parametrize("entry", SERVED, ids=by_id)
def test_the_limit_is_the_documented_one_counted_over_all_nodes(entry):
    endpoint, documented = ENDPOINTS[entry["id"]], entry["rate_limit"]

    if documented is None:
        assert endpoint.limit is None
        return
    # Without a burst of its own it is all at once: 每4秒8次 is two a second, eight at once. Source: SO-8.
    burst = documented["burst"] or documented["rate"]
    assert endpoint.limit == Limit(
        documented["rate"],
        PER_MS[documented["per"]],
        burst,
        shared=True,
        or_local=entry["id"] not in MUST_BE_COUNTED,
    )


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_parameter_is_a_field_of_the_request(entry):
    fields = wire_fields(ENDPOINTS[entry["id"]].request)

    for param in entry["params"]:
        name = param["name"]
        if name not in fields:
            # It says who asks, and is compared with who does: read by the credential, not by the request.
            assert name in ("user_id", "owner_id"), name
            continue
        assert fields[name] == param["required"], name


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_field_of_a_reply_is_a_field_of_its_shape(entry):
    shape = ENDPOINTS[entry["id"]].reply
    example = entry["success"]["data"]

    if example == {} and shape is Done:
        return
    assert example.keys() <= wire_fields(shape).keys()


def test_the_description_is_valid_openapi():
    validate(openapi([SURFACE], title="Greenroom", version="0"))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.EngineError(), 60001, "内部错误"),
        (errors.TokenExpired(), -20000, "token已过期"),
        (NoCredential(), -20001, "token为空"),
        (errors.NotSignedIn(), -20002, "token无效"),
        (errors.TokenMisused(), -20003, "token类型错误"),
        (errors.NotAToken(), -20004, "token格式错误"),
        (NoBearer(), -20005, "请求头中需要有Bearer字段"),
        (errors.TooMany(retry_after_ms=1), -20007, "请求过于频繁"),
        (errors.Forbidden(), -20008, "权限不足"),
        (errors.WrongRole(), -20008, "权限不足"),
        (errors.NotAMember(), -20008, "权限不足"),
        (errors.Banned(), -20008, "账号已被封禁"),
        (errors.BadInput(), 10001, "参数无效"),
        (errors.BadInput(field="title"), 10001, "参数无效"),
        (errors.TooLong("title"), 10001, "参数无效"),
        (errors.NotFound("video"), 10001, "参数无效"),
        (MissingInput("title", is_empty=True), 10002, "参数为空"),
        (Malformed("title"), 10003, "参数类型错误"),
        (MissingInput("title"), 10004, "参数缺失"),
        (errors.NotFound("message"), 10006, "消息不存在"),
        (errors.BadInput(field="email"), 10007, "邮箱格式错误"),
        (errors.BadInput(field="code"), 10008, "验证码无效"),
        (errors.NotFound("person"), 10011, "用户不存在"),
        (errors.AlreadyExists(), 10013, "不能重复添加"),
        (errors.StoreDown(), 60004, "数据库错误"),
        (errors.Draining(), 60001, "内部错误"),
        (NoSuchPath(), -43960, "接口不存在"),
        (MethodNotAllowed(("GET",)), 10001, "参数无效"),
    ],
    ids=repr,
)
def test_a_refusal_has_the_code_of_the_document(error, code, message):
    row = row_of(error)

    assert (row.code, row.said.zh) == (code, message)
    assert row.said.en


@pytest.mark.parametrize(
    ("envelope", "error", "code"),
    [
        (login.SENDING, errors.MailDown(), 60007),
        (login.REGISTERING, errors.AlreadyExists(), 10010),
        (login.SIGNING_IN, errors.NotSignedIn(), 10009),
        (login.RENEWING, errors.TokenExpired(), -20006),
        (login.RENEWING, errors.TokenMisused(), -20002),
        (login.RENEWING, errors.NotAToken(), -20002),
        (login.RENEWING, errors.NotSignedIn(), -20002),
        (ENVELOPE, errors.MailDown(), 60004),
    ],
)
def test_an_entry_may_have_codes_of_its_own(envelope, error, code):
    assert envelope.row(error).code == code


def test_the_paths_whose_level_can_be_set_are_those_for_people_who_are_signed_in():
    signed_in = {one.path for one in SURFACE.endpoints if one.access is SIGNED_IN}

    # Whoever is signed in may leave.
    assert set(get_args(SocialPath)) == signed_in - {"/api/login/logout"}


def test_every_refusal_of_the_engine_has_a_row():
    for code in ERROR_CODES:
        kind = next(one for one in vars(errors).values() if getattr(one, "code", None) == code)
        error = kind.__new__(kind)
        error.__dict__.update(field="", what="", retry_after_ms=1, text="", need=1, have=0, purses=())

        assert row_of(error).code != 20000
