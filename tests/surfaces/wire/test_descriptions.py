"""OpenAPI and AsyncAPI, as printed from the toys."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from handlers.wire.asyncapi import asyncapi
from handlers.wire.codec import write_json
from handlers.wire.openapi import openapi
from handlers.wire.socket import CLOSE_CODES, CloseCode
from tests.surfaces.wire.toy import PLAY, TOY

REST = json.loads(write_json(openapi((TOY, PLAY), title="Toys", version="1")))
SOCKETS = json.loads(write_json(asyncapi((TOY, PLAY), title="Toys", version="1")))


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(document, reference):
    for part in reference.removeprefix("#/").split("/"):
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


def test_the_document_is_openapi():
    OpenAPIV31SpecValidator(REST).validate()


def test_every_address_of_every_endpoint_is_in_it():
    described = {(method.upper(), path) for path, methods in REST["paths"].items() for method in methods}

    assert described == {address for surface in (TOY, PLAY) for one in surface.endpoints for address in one.addresses}


def test_who_may_call_is_in_it():
    def security(path, method="post"):
        return REST["paths"][path][method]["security"]

    assert security("/toy/order") == [{"toy.token": []}]
    assert security("/toy/items/{item_id}", "get") == [{"toy.token": []}, {}]
    assert security("/toy/item", "get") == []
    assert security("/toy/notify") == []


def test_bounds_parameters_and_the_envelope_are_in_it():
    order = REST["paths"]["/toy/order"]["post"]
    shape = REST["components"]["schemas"]["Order"]
    parameters = {one["name"]: one for one in REST["paths"]["/toy/items/{item_id}"]["get"]["parameters"]}

    assert shape["properties"]["giftId"]["minimum"] == 1
    assert shape["required"] == ["giftId"]
    assert set(order["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }
    answer = order["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["anyOf"][0]["allOf"][0]["required"] == ["code"]
    assert (parameters["item_id"]["in"], parameters["item_id"]["required"]) == ("path", True)
    assert (parameters["word"]["in"], parameters["word"]["required"]) == ("query", False)
    assert REST["paths"]["/toy/notify"]["post"]["responses"]["200"]["content"].keys() == {"text/xml"}


@pytest.mark.parametrize("document", [REST, SOCKETS])
def test_every_reference_leads_somewhere(document):
    for reference in references(document):
        assert resolve(document, reference) is not None


def test_events_commands_and_close_codes_are_in_the_other():
    channel = SOCKETS["channels"]["toy-ws"]

    assert SOCKETS["asyncapi"] == "3.0.0"
    assert channel["address"] == "/toy/ws"
    assert set(channel["messages"]) == {"happened", "liked", "order.command", "order.answer"}
    assert SOCKETS["operations"]["toy-ws.order"]["action"] == "receive"
    assert all(str(int(code)) in channel["description"] for code in CLOSE_CODES)
    assert set(CLOSE_CODES) == set(CloseCode)
