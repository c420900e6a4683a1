"""The surface against the contract's own table, and its printed description against the standard's validator."""

import pytest
from openapi_spec_validator import validate

from engine.errors import BadInput, Banned, Busy, EngineError, NotFound, TooLong, Unreachable
from handlers import calls
from handlers.calls.envelope import APP, CallsEnvelope, FeatureOff, row_of
from handlers.wire.asyncapi import asyncapi
from handlers.wire.openapi import openapi
from handlers.wire.surface import Endpoint, RawRequest
from tests.surfaces.calls.scene import OPTIONS
from tests.surfaces.contracts import contract_of, wire_fields

CONTRACT = tuple(contract_of("calls").values())
SURFACE = calls.surface(OPTIONS)
ENDPOINTS = {endpoint.source_id: endpoint for endpoint in SURFACE.endpoints}
JSON_ENTRIES = [entry for entry in CONTRACT if entry["id"] not in ("calls-weapp-ws", "calls-pay-notify")]
SOCKET = next(entry for entry in CONTRACT if entry["id"] == "calls-weapp-ws")


def by_id(entry):
    return entry["id"]


def test_there_are_fifty_endpoints_and_one_socket():
    assert len(CONTRACT) == 51
    assert ENDPOINTS.keys() | {socket.source_id for socket in SURFACE.sockets} == {entry["id"] for entry in CONTRACT}


@pytest.mark.parametrize("entry", [entry for entry in CONTRACT if entry is not SOCKET], ids=by_id)
def test_an_entry_is_served_under_its_method_path_and_aliases(entry):
    addresses = {f"{method} {path}" for method, path in ENDPOINTS[entry["id"]].addresses}

    assert addresses == {f"{entry['method']} {entry['path']}", *entry["aliases"]}


def test_the_socket_is_where_the_contract_has_it_and_tells_all_it_lists():
    told = {
        "call_apply",
        "call_reply",
        "call_room",
        "call_started",
        "call_tick",
        "call_ended",
        "notifyPusherChange",
        "CustomTextMsg",
        "linkmic",
        "gift",
        "audience",
        "warn",
        "exit",
    }

    (dialect,) = SURFACE.sockets

    assert dialect.path == SOCKET["path"]
    assert told <= dialect.events.keys()


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_parameter_is_a_field_of_the_request(entry):
    endpoint = ENDPOINTS[entry["id"]]
    # These make up the credential and are read there; a login's are its own.
    in_credential = {"token"} if entry["auth"] != "im_signature" else set()

    fields = wire_fields(endpoint.request)

    assert {param["name"] for param in entry["params"]} - in_credential <= fields.keys()
    for param in entry["params"]:
        if param["in"] != "query" and param["name"] not in in_credential:
            assert fields[param["name"]] == param["required"], param["name"]


@pytest.mark.parametrize("entry", JSON_ENTRIES, ids=by_id)
def test_every_documented_field_of_a_reply_is_a_field_of_its_shape(entry):
    endpoint: Endpoint = ENDPOINTS[entry["id"]]

    fields = wire_fields(endpoint.reply).keys()

    assert (entry["success"].keys() | entry["extra"].keys()) - {"code", "message"} <= fields


def test_the_notification_keeps_its_bytes():
    assert ENDPOINTS["calls-pay-notify"].request is RawRequest


def test_the_description_is_valid_openapi():
    described = openapi([SURFACE], title="Greenroom", version="0")

    validate(described)

    assert len(described["paths"]) == 55


def test_the_socket_is_described_with_all_its_frames():
    described = asyncapi([SURFACE], title="Greenroom", version="0")

    messages = described["channels"]["calls-weapp-ws"]["messages"]

    assert {"call_apply", "gift", "linkmic", "linkmic.command", "ping.answer"} <= messages.keys()


def test_production_has_no_test_addresses():
    in_production = calls.surface(calls.CallsOptions(is_dev=False))

    missing = ENDPOINTS.keys() - {endpoint.source_id for endpoint in in_production.endpoints}

    assert missing == {"calls-weapp-get-test-pushurl", "calls-weapp-get-test-rtmpaccurl"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("call"), 1004),
        (NotFound("order"), 1004),
        (NotFound("recipient"), 1004),
        (NotFound("gift"), 1004),
        (NotFound("person"), 1003),
        (NotFound("room"), 3),
        (NotFound("product"), 2),
        (NotFound("path"), 2),
        (TooLong("roomInfo"), 10),
        (TooLong("mergeParams"), 10),
        (TooLong("userInfo"), 2),
        (BadInput(field="mergeParams"), 10),
        (BadInput(field="roomInfo"), 2),
        (FeatureOff(), 1),
    ],
)
def test_some_refusals_depend_on_what_they_are_about(error, code):
    assert row_of(error).code == code


@pytest.mark.parametrize("error", [Banned(), Busy(), EngineError(), NotFound("room")], ids=repr)
def test_an_envelope_that_words_one_refusal_differently_leaves_the_others(error):
    worded = ENDPOINTS["calls-get-master-info"].envelope

    assert isinstance(worded, CallsEnvelope)
    assert worded.row(error) == APP.row(error)
    assert worded.row(Unreachable()).code == APP.row(Unreachable()).code
    assert worded.row(Unreachable()).said != APP.row(Unreachable()).said
