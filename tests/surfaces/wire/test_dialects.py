"""Sockets with more than one dialect, with words that are no frames, and with proofs that what was told has arrived."""

import asyncio
from dataclasses import replace

import pytest
from tornado.websocket import websocket_connect

from engine.errors import BadInput
from handlers.wire.codec import read_json, write_json
from handlers.wire.limits import per_second
from handlers.wire.socket import SocketLimits
from handlers.wire.surface import Opening
from tests.surfaces.served import until
from tests.surfaces.wire.test_socket import shaken
from tests.surfaces.wire.toy import DIALECT, Happened, Nothing, Toy, serving

real_loop = pytest.mark.real_loop


async def opened(toy: Toy, port: int):
    """A client's end and the server's end of a socket."""
    connection = await websocket_connect(f"ws://127.0.0.1:{port}/toy/ws?token=t-1")
    await until(lambda: toy.hub.is_connected(1))
    (socket,) = toy.hub._of_person[1]
    return connection, socket


async def heard(connection):
    async with asyncio.timeout(5):
        return await connection.read_message()


# --- proofs --------------------------------------------------------------------------------------------------------


class Marks:
    """What is to be marked next, and what was proved."""

    def __init__(self) -> None:
        self.next: object | None = None
        self.asked_count = 0
        self.proved: list[object] = []

    def mark(self, _caller):
        self.asked_count += 1
        return self.next

    @property
    def dialect(self):
        opening = Opening(Nothing, self.nothing, summary="Nothing", mark=self.mark, proved=self.prove)
        return replace(DIALECT, opening=opening, words={"ping": b"pong"})

    def prove(self, _caller, mark):
        self.proved.append(mark)

    @staticmethod
    async def nothing(_caller, _wanted):
        return None


@real_loop
async def test_the_answer_to_a_ping_proves_what_was_marked_with_it():
    toy, marks = Toy(), Marks()
    async with serving(toy) as port:
        connection, socket = await opened(toy, port)
        socket.speak(marks.dialect)

        for marks.next in ("first", None, "second"):
            asked_count = marks.asked_count
            toy.clock.advance(25_000)
            await until(lambda asked_count=asked_count: marks.asked_count > asked_count)
            connection.protocol._write_frame(True, 0x9, b"")
            await asyncio.sleep(0.01)

        await until(lambda: len(marks.proved) == 2)
        assert marks.proved == ["first", "second"]
        connection.close()


@real_loop
async def test_a_pong_proves_nothing_twice_and_nothing_that_was_not_asked():
    toy, marks = Toy(), Marks()
    async with serving(toy) as port:
        connection, socket = await opened(toy, port)
        socket.speak(marks.dialect)
        for data in (b"", b"0", b"1", b"2"):
            connection.protocol._write_frame(True, 0xA, data)
        await connection.write_message("ping")
        assert await heard(connection) == "pong"
        assert marks.proved == []

        marks.next = "told"
        toy.clock.advance(25_000)
        await until(lambda: marks.proved)
        connection.protocol._write_frame(True, 0xA, b"1")
        await connection.write_message("ping")
        await heard(connection)

        assert marks.proved == ["told"]
        connection.close()


@real_loop
async def test_whoever_talks_is_asked_for_a_proof_at_once_but_not_all_the_time():
    toy, marks = Toy(), Marks()
    marks.next = "told"
    async with serving(toy) as port:
        connection, socket = await opened(toy, port)
        socket.speak(marks.dialect)
        toy.clock.advance(2_000)
        for _ in range(5):
            await connection.write_message("ping")
            assert await heard(connection) == "pong"
        await until(lambda: marks.proved)

        assert marks.asked_count == 1
        connection.close()


@real_loop
async def test_nothing_is_marked_while_something_waits_that_a_ping_would_overtake():
    toy, marks = Toy(), Marks()
    marks.next = "told"
    async with serving(toy) as port:
        _, writer = await shaken(port, buffer_bytes=4096)
        await until(lambda: toy.hub.is_connected(1))
        (socket,) = toy.hub._of_person[1]
        socket.speak(marks.dialect)
        async with asyncio.timeout(20):
            while not socket.outbox.is_holding_back:
                toy.hub.tell(1, Happened("x" * 30_000))
                toy.hub.flush()
                await asyncio.sleep(0)

        assert not socket.has_left
        assert socket._mark() is None
        assert marks.asked_count == 0
        writer.close()


# --- words ---------------------------------------------------------------------------------------------------------


@real_loop
async def test_words_are_answered_and_counted_and_others_are_bad_frames():
    toy = Toy(limits=SocketLimits(frames=per_second(1, burst=2)))
    async with serving(toy) as port:
        connection, socket = await opened(toy, port)
        socket.speak(Marks().dialect)
        for word in ("ping", "ping", "ping", "pong"):
            await connection.write_message(word)

        said = [await heard(connection) for _ in range(4)]

        assert said[:2] == ["pong", "pong"]
        assert [read_json(one.encode())["error"] for one in said[2:]] == ["TOO_MANY_REQUESTS", "BAD_INPUT"]
        connection.close()


# --- several dialects ----------------------------------------------------------------------------------------------


@real_loop
async def test_the_first_frame_says_what_a_connection_speaks_and_its_rooms_go_on_without_a_hole():
    toy = Toy()
    loud = replace(DIALECT, encode=lambda event: write_json({"LOUD": event.text}))

    def spoken_as(value):
        if value.get("type") != "loud":
            raise BadInput("of no dialect")
        return loud

    async with serving(toy) as port:
        connection, socket = await opened(toy, port)
        socket.speak(replace(DIALECT, spoken_as=spoken_as))
        toy.hub.enter(1, "room")
        toy.hub.tell_room("room", Happened("1"))
        await connection.write_message('{"type":"other"}')
        first = [read_json((await heard(connection)).encode()) for _ in range(2)]
        assert {str(one.get("data") or one.get("error")) for one in first} == {"{'text': '1'}", "BAD_INPUT"}

        toy.hub.tell_room("room", Happened("2"))
        toy.hub.respeak(socket, loud)
        toy.hub.tell_room("room", Happened("3"))
        toy.hub.tell(1, Happened("4"))

        assert read_json((await heard(connection)).encode())["data"] == {"text": "2"}
        assert [read_json((await heard(connection)).encode()) for _ in range(2)] == [{"LOUD": "3"}, {"LOUD": "4"}]
        connection.close()
        await until(lambda: not toy.hub.is_connected(1))
        toy.hub.leave(1, "room")
        assert toy.hub.rooms_count == 0
