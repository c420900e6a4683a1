"""What a connection begins with: its query, what it is to hear, and what it is told alone."""

import pytest
from tornado.websocket import websocket_connect

from engine.errors import Banned, NotFound, StoreDown
from engine.ports import Position
from handlers.wire.asyncapi import asyncapi
from handlers.wire.codec import read_json
from tests.surfaces.served import until
from tests.surfaces.wire.toy import TOY, Happened

gen_test = pytest.mark.gen_test


async def listen(port, query=""):
    return await websocket_connect(f"ws://127.0.0.1:{port}/toy/begin?token=t-1{query}")


async def ended(connection):
    while await connection.read_message() is not None:
        pass
    connection.close()
    return connection.close_code, connection.close_reason


@gen_test
@pytest.mark.parametrize(
    ("query", "position"), [("", None), ("&epoch=3&seq=0", Position(3, 0)), ("&epoch=0&seq=17", Position(0, 17))]
)
async def test_the_query_says_where_the_client_stood(toy, http_server, http_port, query, position):
    connection = await listen(http_port, query + "&word=hello&unknown=1")

    heard = await connection.read_message()

    assert read_json(heard.encode()) == {"type": "happened", "data": {"text": "hello"}}
    assert (toy.engine.wanted[0].position, toy.presence[0][:2]) == (position, ("here", 1))
    connection.close()
    await ended(connection)


@gen_test
async def test_what_stands_in_the_path_is_asked_for_as_well_and_counts_before_the_query(toy, http_server, http_port):
    address = f"ws://127.0.0.1:{http_port}/toy/begin/%E4%BD%A0%E5%A5%BD?token=t-1&word=other"
    connection = await websocket_connect(address)

    heard = await connection.read_message()

    assert read_json(heard.encode())["data"] == {"text": "你好"}
    connection.close()
    await ended(connection)


@gen_test
async def test_the_end_of_a_connection_is_told_once_whoever_ended_it(toy, http_server, http_port):
    first, second = await listen(http_port), await listen(http_port)
    await until(lambda: len(toy.engine.wanted) == 2)

    first.close()
    await ended(first)
    await until(lambda: len(toy.engine.ended) == 1)
    toy.hub.close(1, code=4001, reason="signed out")
    await ended(second)

    assert len(set(toy.engine.ended)) == len(toy.engine.ended) == 2


@gen_test
async def test_a_connection_that_is_turned_away_has_ended_too(toy, http_server, http_port):
    toy.engine.error = NotFound("room")

    await ended(await listen(http_port))

    assert len(toy.engine.ended) == 1


@gen_test
@pytest.mark.parametrize("query", ["&epoch=1", "&seq=1", "&epoch=1&seq=x", "&epoch=-1&seq=0", "&word=" + "x" * 21])
async def test_a_query_that_is_not_acceptable_leaves_no_trace(toy, http_server, http_port, query):
    connection = await listen(http_port, query)

    assert await ended(connection) == (1008, "鉴权失败")
    assert (toy.presence, toy.engine.wanted, toy.engine.ended, toy.hub.sockets_count) == ([], [], [], 0)


@gen_test
async def test_what_it_is_told_at_first_nobody_else_is_and_it_hears_no_rooms_by_itself(toy, http_server, http_port):
    toy.hub.enter(1, "room")
    first = await listen(http_port)
    second = await listen(http_port, "&word=mine")
    heard = [await second.read_message()]

    toy.hub.tell_room("room", Happened("room"))
    toy.hub.enter(1, "room")
    toy.hub.tell_room("room", Happened("again"))
    heard += [await one.read_message() for one in (first, second)]

    assert [read_json(one.encode())["data"]["text"] for one in heard] == ["mine", "again", "again"]
    for connection in (first, second):
        connection.close()
        await ended(connection)


@gen_test
@pytest.mark.parametrize(
    ("error", "code"),
    [(NotFound("room"), 1008), (Banned("x"), 4003), (StoreDown(), 1013), (RuntimeError("canary"), 1011)],
)
async def test_an_error_turns_the_connection_away(toy, http_server, http_port, error, code):
    toy.engine.error = error
    connection = await listen(http_port)

    found, reason = await ended(connection)

    assert found == code
    assert "canary" not in reason
    assert [what[0] for what in toy.presence] == ["here", "gone"]
    if code == 1011:
        assert toy.log.take("socket_failed")


def test_the_query_is_part_of_the_description():
    document = asyncapi([TOY], title="Toy", version="1")

    binding = document["channels"]["toy-begin"]["bindings"]["ws"]
    name = binding["query"]["$ref"].rpartition("/")[2]
    assert document["components"]["schemas"][name]["properties"].keys() == {"epoch", "seq", "word"}
    assert document["channels"]["toy-ws"]["bindings"]["ws"] == {"method": "GET"}
