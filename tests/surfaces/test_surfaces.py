"""The doors: which surfaces stand behind which, and what stands beside them."""

import json
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from adapters.config import Config, Http, Share
from engine import settings
from handlers.surfaces import doors, refit
from handlers.wire.http import server_options
from handlers.wire.socket import Hub, SocketLimits
from tests.people import on_stage

CONFIG = Config(share=Share(title="来聊"), http=Http(origins=("https://page.example",)))
TOKEN = "0123456789abcdef" * 4


async def ask(http: AsyncHTTPClient, port: int, path: str, **fields: object) -> object:
    """The body of a reply to a form."""
    answer = await http.fetch(f"http://127.0.0.1:{port}{path}", method="POST", body=urlencode(fields))
    return json.loads(answer.body)


async def replies(*addresses: tuple[str, str]) -> list[tuple[int, object]]:
    """Status and body for each (door, path): ``people`` or ``operators``."""
    async with on_stage() as cast:
        hub = Hub(clock=cast.stage.clock, log=cast.stage.log, limits=SocketLimits())
        people, operators = doors(
            CONFIG, cast.engine, hub, admin_token=TOKEN, version="1.2.3", metrics=lambda: b"greenroom_up 1\n"
        )
        ports, servers = {}, []
        for name, door in (("people", people), ("operators", operators)):
            sock, ports[name] = bind_unused_port()
            server = HTTPServer(door, **server_options(CONFIG.http))
            server.add_socket(sock)
            servers.append(server)
        http = AsyncHTTPClient(force_instance=True)
        answers = [
            await http.fetch(f"http://127.0.0.1:{ports[door]}{path}", raise_error=False) for door, path in addresses
        ]
        http.close()
        for server in servers:
            server.stop()
            await server.close_all_connections()
        return [
            (
                answer.code,
                json.loads(answer.body) if "json" in answer.headers["Content-Type"] else answer.body,
            )
            for answer in answers
        ]


@pytest.mark.gen_test
@pytest.mark.parametrize("door", ["people", "operators"])
async def test_both_doors_tell_how_the_node_is(door):
    paths = ("/healthz", "/readyz", "/version", "/metrics")

    (health, ready, version, metrics) = await replies(*((door, path) for path in paths))

    assert health == (200, {"status": "ok"})
    assert ready == (200, {"status": "ready", "checks": {"store": True, "accepting": True}})
    assert version == (200, {"name": "greenroom", "version": "1.2.3"})
    assert metrics == (200, b"greenroom_up 1\n")


@pytest.mark.gen_test
async def test_each_door_describes_its_own_surfaces():
    (people, operators) = await replies(("people", "/openapi.json"), ("operators", "/openapi.json"))

    assert isinstance(people[1], dict)
    assert isinstance(operators[1], dict)
    assert {path.split("/")[1] for path in people[1]["paths"]} == {"api", "app", "uploads", "weapp", "wx"}
    assert {path.split("/")[1] for path in operators[1]["paths"]} == {"admin", "media"}


@pytest.mark.gen_test
async def test_operators_paths_do_not_exist_on_the_peoples_door_nor_the_other_way_round():
    (guessed, refused, app) = await replies(
        ("people", "/admin/v1/status"), ("operators", "/admin/v1/status"), ("operators", "/app/live/callGirl")
    )

    assert (guessed[0], refused[0], app[0]) == (404, 401, 404)


@pytest.mark.gen_test
async def test_an_unknown_path_below_a_surface_is_answered_in_its_envelope_and_others_plainly():
    (below, beside) = await replies(("people", "/app/none"), ("people", "/none"))

    assert (below[0], beside[0]) == (200, 404)


@pytest.mark.gen_test
async def test_another_configuration_is_shown_and_sold_by_without_a_restart():
    async with on_stage() as cast:
        hub = Hub(clock=cast.stage.clock, log=cast.stage.log, limits=SocketLimits())
        people, _ = doors(CONFIG, cast.engine, hub, admin_token=TOKEN, version="0")
        sock, port = bind_unused_port()
        server = HTTPServer(people, **server_options(CONFIG.http))
        server.add_socket(sock)
        http = AsyncHTTPClient(force_instance=True)
        token = await cast.engine.identity.open_session(cast.tom, device="1")
        fish = settings.Gift(id=9, name="鱼", image_url="", cost_diamonds=1)
        other = Config(share=Share(title="回来"), gifts=(fish,), products=())
        before = await ask(http, port, "/app/user/getShareInfo", token=token)

        refit(people, other, cast.engine)
        cast.engine.offer(other.settings)

        after = await ask(http, port, "/app/user/getShareInfo", token=token)
        gifts = await ask(http, port, "/app/live/getGiftList", token=token)
        rose = await ask(http, port, "/app/live/sendGift", token=token, giftId=1)
        pack = await ask(http, port, "/app/pay/createOrder", token=token, productId=1)
        http.close()
        server.stop()
        await server.close_all_connections()
        assert isinstance(before, dict)
        assert isinstance(after, dict)
        assert (before["title"], after["title"]) == ("来聊", "回来")
        assert [gift["giftId"] for gift in gifts["itemList"]] == [9]
        assert (rose["message"], pack["message"]) == ("礼物不存在", "商品不存在")
