"""The surface against the contract's own table, and its printed description against the standard's validator."""

from typing import get_args

import pytest
from openapi_spec_validator import validate

from engine.errors import BadInput, Banned, EngineError, Forbidden, NotFound, NotSignedIn, TooLong
from handlers import site
from handlers.site.envelope import Told, row_of
from handlers.wire.fields import MissingInput
from handlers.wire.openapi import openapi
from handlers.wire.redirect import Onward
from handlers.wire.surface import MethodNotAllowed, NoSuchPath, RawRequest
from tests.surfaces.contracts import contract_of, wire_fields
from tests.surfaces.site.scene import OPTIONS

CONTRACT = tuple(contract_of("site").values())
SURFACE = site.surface(OPTIONS)
ENDPOINTS = {path: one for one in reversed(SURFACE.endpoints) for _, path in one.addresses}
# The socket is another kind of entry.
HTTP = [entry for entry in CONTRACT if entry["id"] != "site-ws-room-chat"]
JSON_ENTRIES = [entry for entry in HTTP if not issubclass(ENDPOINTS[entry["path"].rstrip("/")].request, RawRequest)]
# Nobody is referred by anybody here: it is read over.
NOT_READ = {"site-google-login-url": {"ref"}}


def by_id(entry):
    return entry["id"]


def test_every_entry_is_served_and_nothing_else():
    assert len(CONTRACT) == 37
    assert {endpoint.source_id for endpoint in SURFACE.endpoints} == {entry["id"] for entry in HTTP}
    assert {socket.source_id for socket in SURFACE.sockets} == {"site-ws-room-chat"}


@pytest.mark.parametrize("entry", HTTP, ids=by_id)
def test_an_entry_is_served_under_its_method_path_and_aliases(entry):
    endpoints = [one for one in SURFACE.endpoints if one.source_id == entry["id"]]
    addresses = {f"{method} {path}" for one in endpoints for method, path in one.addresses}

    documented = {address.rstrip("/") for address in (f"{entry['method']} {entry['path']}", *entry["aliases"])}
    # A GET that changes something is offered as a POST as well. Source: ALL-15, SITE-14.
    offered = {f"POST {entry['path'].rstrip('/')}"} if entry["id"] == "site-login-out" else set()
    assert addresses == documented | offered


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_parameter_is_a_field_of_the_request(entry):
    request = ENDPOINTS[entry["path"].rstrip("/")].request
    fields = wire_fields(request)

    params = [param for param in entry["params"] if param["name"] not in NOT_READ.get(entry["id"], ())]
    documented = {param["name"]: param["required"] for param in params if param["in"] != "header"}
    assert documented.keys() <= fields.keys()
    assert {name for name, needed in documented.items() if needed} == {name for name in documented if fields[name]}


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_field_of_a_reply_is_a_field_of_its_shape(entry):
    shape = ENDPOINTS[entry["path"].rstrip("/")].reply
    example = entry["success"]

    if example is None:
        assert shape is Onward
        return
    assert example.keys() <= wire_fields(shape).keys()
    if "data" in example:
        assert shape.__origin__ is Told
        (data,) = get_args(shape)
        assert example["data"].keys() <= wire_fields(data).keys()


def test_the_description_is_valid_openapi():
    validate(openapi([SURFACE], title="Greenroom", version="0"))


@pytest.mark.parametrize(
    ("error", "status", "zh", "en"),
    [
        (MissingInput("code"), 400, "缺少参数 code", "code is missing"),
        (BadInput(field="anchor"), 400, "参数 anchor_id 不正确", "anchor_id is not acceptable"),
        (BadInput(), 400, "参数错误", "the request is not acceptable"),
        (TooLong("title"), 400, "title 过长", "title is too long"),
        (MethodNotAllowed(("GET",)), 405, "参数错误", "the request is not acceptable"),
        (NoSuchPath(), 404, "接口不存在", "no such path"),
        (NotFound("room"), 404, "直播间不存在", "no such room"),
        (NotFound("whatever"), 404, "不存在", "no such thing"),
        (NotSignedIn(), 401, "请先登录", "sign in first"),
        (Forbidden(), 403, "无权限", "not allowed"),
        (Banned("广告"), 403, "广告", "广告"),
        (Banned(), 403, "账号已被封禁", "this account is banned"),
        (EngineError(), 500, "内部错误", "internal error"),
    ],
    ids=repr,
)
def test_a_refusal_is_worded_in_both_languages(error, status, zh, en):
    row = row_of(error)

    assert (row.status, row.said.zh, row.said.en) == (status, zh, en)
