"""nginx-rtmp's hooks with the fields it is known to send, and with those that a client can slip in. Source: 7.1."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from engine.errors import BadInput
from handlers.media.nginx import HOOKS, read_hook, surface
from handlers.media.options import NginxOptions
from tests.surfaces.media.booth import NOW_S, in_booth

EXAMPLE = Path(__file__).parents[3] / "examples" / "nginx-rtmp.conf"
PAGE = Path(__file__).parents[3] / "docs" / "surfaces" / "media.md"
pytestmark = pytest.mark.real_loop(deadline_s=20)


def with_value(query, name, value):
    return [(key, value if key == name else said) for key, said in query]


async def test_the_life_of_a_stream():
    async with in_booth() as booth:
        assert await booth.hook("publish", booth.pushed()) == 204
        assert booth.on_air() != []

        assert await booth.hook("update", booth.pushed()) == 204
        assert await booth.hook("publish_done", booth.pushed()) == 204
        assert booth.running() == []


async def test_an_answer_is_a_status_without_a_body():
    async with in_booth() as booth:
        allowed = await booth.post(
            "operators", "/media/nginx/publish", urlencode(booth.fields("publish", booth.pushed()))
        )
        denied = await booth.post("operators", "/media/nginx/publish", urlencode(booth.fields("publish", [])))

        assert (allowed.status, allowed.body) == (204, b"")
        assert (denied.status, denied.body) == (403, b"")
        assert "Location" not in {*allowed.headers, *denied.headers}


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("no signature", lambda query: [pair for pair in query if pair[0] != "txSecret"]),
        ("no expiry", lambda query: [pair for pair in query if pair[0] != "txTime"]),
        ("nothing", lambda _query: []),
        ("a wrong signature", lambda query: with_value(query, "txSecret", "0" * 32)),
        ("another expiry", lambda query: with_value(query, "txTime", "7FFFFFFF")),
        ("no hex", lambda query: with_value(query, "txTime", "tomorrow")),
        ("another account", lambda query: with_value(query, "bizid", "9999")),
        ("two signatures", lambda query: [*query, next(pair for pair in query if pair[0] == "txSecret")]),
        ("two expiries", lambda query: [*query, ("txTime", "7FFFFFFF")]),
        ("an expiry in front", lambda query: [("txTime", "7FFFFFFF"), *query]),
        *((f"a second {name}", lambda query, name=name: [*query, (name, "victim")])
          for name in ("name", "app", "addr", "call", "clientid")),
    ],
)  # fmt: skip
async def test_what_a_client_may_not_publish_with(why, change):
    async with in_booth() as booth:
        assert await booth.hook("publish", change(booth.pushed())) == 403
        assert booth.running() == []


async def test_an_address_is_good_until_its_expiry_and_for_its_own_stream():
    async with in_booth() as booth:
        assert await booth.hook("publish", booth.pushed(until_s=NOW_S)) == 403
        assert await booth.hook("publish", booth.pushed(), name="8888_10001") == 403
        assert await booth.hook("publish", booth.pushed(), name=booth.name.removeprefix("8888_")) == 403
        assert await booth.hook("publish", booth.pushed(), app="other") == 403
        assert await booth.hook("publish", booth.pushed(until_s=NOW_S + 1)) == 204


@pytest.mark.parametrize(
    "changes",
    [{"name": None}, {"name": ""}, {"name": "a b"}, {"name": "%2520"}, {"name": "流"}, {"name": "a/../b"},
     {"name": "x" * 161}, {"clientid": None}, {"clientid": ""}, {"clientid": "one"}, {"clientid": "-1"}],
)  # fmt: skip
async def test_a_hook_without_a_usable_name_and_client_is_denied(changes):
    async with in_booth() as booth:
        assert await booth.hook("publish", booth.pushed(), **changes) == 403


async def test_the_path_says_what_happened_and_the_fields_do_not():
    async with in_booth() as booth:
        assert await booth.hook("publish", booth.pushed()) == 204

        # The words of an injecting client, had they come first.
        assert await booth.hook("play", booth.played(), call="publish_done") == 204
        assert booth.running() == [booth.name]
        assert await booth.hook("publish_done", booth.pushed(), call="publish") == 204
        assert booth.running() == []


async def test_the_first_value_counts_where_a_report_has_two():
    async with in_booth() as booth:
        await booth.hook("publish", booth.pushed())

        injected = [("clientid", "9"), ("name", "victim"), ("timestamp", "1"), ("call", "update_play")]
        assert await booth.hook("update", [*booth.pushed(), *injected]) == 204
        assert await booth.hook("publish_done", [*booth.pushed(), ("clientid", "9")]) == 204

        assert booth.running() == []


async def test_the_end_of_a_second_sender_is_not_the_end_of_the_first():
    async with in_booth() as booth:
        assert await booth.hook("publish", booth.pushed(), clientid="4") == 204

        assert await booth.hook("publish", booth.pushed(), clientid="31") == 403
        assert await booth.hook("publish_done", booth.pushed(), clientid="31") == 204

        assert booth.running() == [booth.name]


async def test_a_report_of_a_stream_that_began_before_us_is_believed_by_the_address_it_began_with():
    async with in_booth() as booth:
        expired = booth.pushed(until_s=NOW_S - 60)

        assert await booth.hook("update", expired, time="30") == 403
        assert await booth.hook("update", expired, time="61") == 204
        assert booth.running() == [booth.name]


async def test_a_player_is_no_publisher():
    async with in_booth() as booth:
        assert await booth.hook("play", booth.played()) == 204
        assert await booth.hook("update", booth.played(), call="update_play") == 204
        assert await booth.hook("play_done", booth.played()) == 204
        assert booth.running() == []

        for query in ([], booth.pushed(), [*booth.played(), ("name", "other")]):
            assert await booth.hook("play", query) == 403


async def test_a_report_that_nobody_can_judge_just_now_ends_nothing():
    async with in_booth() as booth:
        await booth.engine.rooms.drop_all()

        # The room is open and not ours: whoever begins has to come again, whoever runs goes on.
        assert await booth.hook("publish", booth.pushed()) == 409
        assert await booth.hook("update", booth.pushed()) == 204


async def test_hooks_are_believed_from_the_listed_machines_only():
    async with in_booth(peers=("192.0.2.1",)) as booth:
        for hook in HOOKS:
            assert await booth.hook(hook, booth.pushed()) == 403
        form = urlencode(booth.fields("publish", booth.pushed()))
        said = await booth.post("operators", "/media/nginx/publish", form, **{"X-Forwarded-For": "192.0.2.1"})
        assert said.status == 403
        assert booth.running() == []


async def test_there_are_no_hooks_on_the_peoples_door_nor_without_media_servers():
    async with in_booth(peers=()) as booth:
        form = urlencode(booth.fields("publish", booth.pushed()))
        for door in ("people", "operators"):
            assert (await booth.post(door, "/media/nginx/publish", form)).status == 404
    async with in_booth() as booth:
        assert (await booth.post("people", "/media/nginx/publish", form)).status == 404


async def test_what_is_no_hook_is_denied():
    async with in_booth() as booth:
        for body in ("", "\0\xff", b"\xff\xfe", "{}", "&" * 2_000, "name=" + "%ff" * 50):
            assert (await booth.post("operators", "/media/nginx/publish", body)).status == 403
        assert (await booth.post("operators", "/media/nginx/connect", "")).status == 404
        assert (await booth.post("operators", "/media/nginx/publish", "", method="GET")).status == 405


async def test_no_signature_is_written_down():
    async with in_booth() as booth:
        await booth.hook("publish", booth.pushed())
        await booth.hook("publish", booth.pushed(), name="8888_10001")

        secret = dict(booth.pushed())["txSecret"]
        assert secret not in repr(booth.log.lines)


def test_decoration_that_is_not_utf8_hides_nothing():
    hook = read_hook(b"app=live&flashver=%ff%fe&pageurl=\xff&addr=&clientid=7&call=publish&name=8888_a_1&txTime=5")

    assert (hook.name, hook.client_id, hook.query) == ("8888_a_1", "7", (("txTime", "5"),))


def test_a_form_of_a_thousand_and_one_fields_is_refused():
    with pytest.raises(BadInput):
        read_hook(b"name=a&clientid=1" + b"&x=1" * 1_000)


def test_the_example_names_hooks_that_exist_and_the_page_names_all_of_them():
    paths = {endpoint.path for endpoint in surface(NginxOptions(peers=frozenset({"127.0.0.1"}))).endpoints}
    named = re.findall(r"^\s+on_(\w+)\s+http://127\.0\.0\.1:8001(\S+);", EXAMPLE.read_text("utf-8"), re.MULTILINE)

    assert {hook for hook, _ in named} == {"publish", "publish_done", "play", "update"}
    assert all(path == f"/media/nginx/{hook}" and path in paths for hook, path in named)
    assert paths == set(re.findall(r"`POST (/media/nginx/\w+)`", PAGE.read_text("utf-8")))
