"""The surface against the contract's own table, and its printed description against the standard's validator."""

import pytest
from openapi_spec_validator import validate

from engine.errors import BadInput, Banned, EngineError, Forbidden, NotAMember, NotFound, TooMany
from handlers import qlive
from handlers.qlive.envelope import row_of
from handlers.wire.access import NoCredential
from handlers.wire.fields import MissingInput
from handlers.wire.openapi import openapi
from handlers.wire.surface import MethodNotAllowed, RawRequest
from tests.surfaces.contracts import contract_of, wire_fields
from tests.surfaces.qlive.scene import OPTIONS

CONTRACT = tuple(contract_of("qlive").values())
SURFACE = qlive.surface(OPTIONS)
ENDPOINTS = {endpoint.source_id: endpoint for endpoint in SURFACE.endpoints}
SERVED = [entry for entry in CONTRACT if entry["id"] in ENDPOINTS]
JSON_ENTRIES = [entry for entry in SERVED if not issubclass(ENDPOINTS[entry["id"]].request, RawRequest)]


def by_id(entry):
    return entry["id"]


def test_every_endpoint_is_an_entry():
    assert len(CONTRACT) == 27
    assert ENDPOINTS.keys() <= {entry["id"] for entry in CONTRACT}


@pytest.mark.parametrize("entry", SERVED, ids=by_id)
def test_an_entry_is_served_under_its_method_path_and_aliases(entry):
    addresses = {f"{method} {path}" for method, path in ENDPOINTS[entry["id"]].addresses}

    documented = {f"{entry['method']} {entry['path']}", *entry["aliases"]}
    assert addresses == {address.rstrip("/") for address in documented}


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_parameter_is_a_field_of_the_request(entry):
    fields = wire_fields(ENDPOINTS[entry["id"]].request)

    assert {param["name"] for param in entry["params"]} <= fields.keys()
    for param in entry["params"]:
        assert fields[param["name"]] == param["required"], param["name"]


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_field_of_a_reply_is_a_field_of_its_shape(entry):
    shape = ENDPOINTS[entry["id"]].reply
    example = entry["success"]
    if isinstance(example, list):
        (shape,), example = shape.__args__, example[0]

    assert example.keys() <= wire_fields(shape).keys()


def test_the_description_is_valid_openapi():
    validate(openapi([SURFACE], title="Greenroom", version="0"))


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (NoCredential(), 401, "Authentication credentials were not provided."),
        (MissingInput("code"), 400, "missing parameter"),
        (BadInput(field="gender"), 400, "Invalid gender."),
        (BadInput(field="avatar_url"), 400, "Invalid face_url."),
        (BadInput(field="app_id"), 400, "Invalid appId."),
        (BadInput(field="sealed_profile"), 400, "profile data could not be decrypted"),
        (BadInput(), 400, "参数错误"),
        (MethodNotAllowed(("GET",)), 405, "参数错误"),
        (Forbidden(), 403, "You do not have permission to perform this action."),
        (Banned("广告"), 403, "广告"),
        (Banned(), 403, "账号已被封禁"),
        (NotFound("person"), 404, "Not found."),
        (NotFound("page"), 404, "Invalid page."),
        (NotAMember(), 400, "not in this room"),
        (TooMany(retry_after_ms=1_001), 429, "Request was throttled. Expected available in 2 seconds."),
        (EngineError(), 500, "内部错误"),
    ],
    ids=repr,
)
def test_a_refusal_is_worded_as_documented_or_in_our_words(error, status, detail):
    row = row_of(error)

    assert (row.status, row.said.zh) == (status, detail)
