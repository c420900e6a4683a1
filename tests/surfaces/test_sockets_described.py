"""The description of all sockets that people have: complete, and without a reference that leads nowhere."""

import json

import pytest

from handlers import calls, qlive, rooms, site, social
from handlers.wire.asyncapi import asyncapi
from tests.surfaces.calls.scene import OPTIONS as CALLS_OPTIONS
from tests.surfaces.qlive.scene import OPTIONS as QLIVE_OPTIONS
from tests.surfaces.site.scene import OPTIONS as SITE_OPTIONS
from tests.surfaces.social.scene import OPTIONS as SOCIAL_OPTIONS

SURFACES = (
    calls.surface(CALLS_OPTIONS),
    qlive.surface(QLIVE_OPTIONS),
    site.surface(SITE_OPTIONS),
    social.surface(SOCIAL_OPTIONS),
    rooms.SURFACE,
)
DIALECTS = {dialect.source_id: dialect for surface in SURFACES for dialect in surface.sockets}
DOCUMENT = asyncapi(SURFACES, title="Greenroom", version="0")


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def resolved(reference):
    found = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def test_every_socket_is_a_channel_and_json_can_hold_it_all():
    expected = {"calls-weapp-ws", "qlive-ws", "site-ws-room-chat", "social-chat-ws", "rooms-ws"}
    assert DOCUMENT["channels"].keys() == DIALECTS.keys() == expected
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_reference_leads_somewhere():
    for reference in references(DOCUMENT):
        assert resolved(reference)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_channel_has_every_event_and_command_and_what_a_connection_may_begin_with(name):
    dialect, channel = DIALECTS[name], DOCUMENT["channels"][name]

    commands = {f"{kind}.{part}" for kind in dialect.commands for part in ("command", "answer")}
    assert channel["messages"].keys() == dialect.events.keys() | commands
    assert ("query" in channel["bindings"]["ws"]) == (dialect.opening is not None)
    assert channel["address"] == dialect.path


def test_what_stands_in_a_path_is_a_parameter_of_the_channel():
    assert DOCUMENT["channels"]["site-ws-room-chat"]["parameters"].keys() == {"room_id"}
    assert "parameters" not in DOCUMENT["channels"]["rooms-ws"]
