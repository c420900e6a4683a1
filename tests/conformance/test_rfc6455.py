"""The server speaks RFC 6455 to the letter: every case of the table, against the real stack on a real socket.

Source: G-20, F-19.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from handlers.wire.codec import read_json
from handlers.wire.limits import per_second
from handlers.wire.socket import SocketLimits
from tests.conformance.cases import (
    CASES,
    FRAME_BYTES_MAX,
    GOING_ON,
    HANDSHAKES,
    MESSAGE_BYTES_MAX,
    NORMAL,
    ORDERED,
    POLICY,
    PROTOCOL,
    Case,
    HandshakeCase,
    command,
)
from tests.conformance.raw import (
    CLOSE,
    DEADLINE_S,
    PING,
    PONG,
    TEXT,
    RawClient,
    accept_of,
    close,
    connected,
    frame,
    pieces_of,
    request,
)
from tests.surfaces.wire.toy import Toy, serving

real_loop = pytest.mark.real_loop


def toy_at_full_speed() -> Toy:
    """How fast a client may talk is a matter of its own, and tested elsewhere."""
    return Toy(limits=SocketLimits(frames=per_second(100_000)))


def message_in(payload):
    answer = read_json(payload)
    return (answer["type"], answer["error" if answer["type"] == "error" else "id"])


class Conversation:
    """All that is heard on a connection until it ends."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self.messages: list[tuple[str, str]] = []
        self.pongs: list[bytes] = []
        self.close_payload: bytes | None = None

    async def listen(self, *, until_pong: bytes | None = None) -> None:
        """Until the server's close frame, or until this pong, which is not counted."""
        while (heard := await self._client.hear()) is not None:
            if heard.opcode == TEXT:
                self.messages.append(message_in(heard.payload))
            elif heard.opcode == CLOSE:
                self.close_payload = heard.payload
                return
            else:
                assert heard.opcode == PONG
                if heard.payload == until_pong:
                    return
                self.pongs.append(heard.payload)

    @property
    def close_code(self) -> int | None:
        """0: a close frame without one; None: no close frame."""
        if self.close_payload is None:
            return None
        return struct.unpack("!H", self.close_payload[:2])[0] if self.close_payload else 0


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[RawClient]:
    async with connected(port) as client:
        await client.send(request())
        assert (await client.answer()).status == 101
        yield client


@asynccontextmanager
async def served(toy: Toy) -> AsyncIterator[int]:
    """A server around ``toy``; in the end nothing may be left of any connection."""
    async with serving(toy) as port:
        yield port
        async with asyncio.timeout(DEADLINE_S):
            while toy.hub.sockets_count or toy.hub._address_counts:
                await asyncio.sleep(0.001)


async def closed_politely(client: RawClient) -> bool:
    await client.send(close(NORMAL))
    talk = Conversation(client)
    await talk.listen()
    return talk.close_code == NORMAL and await client.is_over()


@real_loop
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_a_client_sends_is_answered_as_the_rfc_has_it(case: Case):
    toy = toy_at_full_speed()
    async with served(toy) as port, opened(port) as client:
        talk = Conversation(client)

        await client.send(*case.sent)
        if case.fate == GOING_ON:
            await client.send(frame(PING, b"still there?"))
            await talk.listen(until_pong=b"still there?")
            assert talk.close_payload is None
            assert await closed_politely(client)
        else:
            await talk.listen()
            if case.fate == POLICY:
                await client.send(close(POLICY))
            # Whoever broke the rules, or has sent its close frame, need not do anything more.
            assert await client.is_over()
            assert talk.close_code == case.fate

    assert tuple(talk.messages) == case.messages
    assert tuple(talk.pongs) == case.pongs
    assert len(toy.engine.wanted) == sum(kind == "order" for kind, _ in case.messages)


@real_loop
@pytest.mark.parametrize("case", HANDSHAKES, ids=lambda case: case.name)
async def test_a_handshake_is_answered_as_the_rfc_has_it(case: HandshakeCase):
    toy = toy_at_full_speed()
    async with served(toy) as port, connected(port) as client:
        await client.send(*case.sent)
        answer = await client.answer()

        assert answer.status == case.status
        assert case.headers.items() <= answer.headers.items()
        if case.status == 101:
            assert answer.headers["upgrade"].lower() == "websocket"
            assert answer.headers["connection"].lower() == "upgrade"
            assert answer.headers["sec-websocket-accept"] == accept_of(case.key)
            assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & answer.headers.keys()
            talk = Conversation(client)
            await client.send(frame(TEXT, command()), frame(PING, b"?"))
            await talk.listen(until_pong=b"?")
            assert tuple(talk.messages) == ORDERED
            assert await closed_politely(client)
        else:
            assert toy.presented == []


@real_loop
@pytest.mark.parametrize("frames", [b"", frame(TEXT, command()), frame(TEXT, command())[:3], frame(PING, b"now")])
@pytest.mark.parametrize("bytes_count", [1, 64, 4_096])
async def test_what_comes_with_the_handshake_is_no_less_a_frame(frames, bytes_count):
    toy = toy_at_full_speed()
    async with served(toy) as port, connected(port) as client:
        await client.send(*pieces_of(request() + frames, bytes_count=bytes_count))
        assert (await client.answer()).status == 101
        await client.send(frame(TEXT, command())[len(frames) :], frame(PING, b"end"))
        talk = Conversation(client)
        await talk.listen(until_pong=b"end")

    assert talk.messages == ([] if frames[:1] == frame(PING)[:1] else list(ORDERED))


@real_loop
async def test_a_server_that_closes_first_waits_for_the_answer():
    toy = toy_at_full_speed()
    async with served(toy) as port, opened(port) as client:
        await client.send(frame(PING, b"in"))
        talk = Conversation(client)
        await talk.listen(until_pong=b"in")

        toy.hub.close(1, code=4003, reason="封")
        await talk.listen()
        # Whatever is still said is heard by nobody, a ping among it, until the answer comes.
        await client.send(frame(TEXT, command()), frame(PING, b"anybody?"), close(4003))

        assert talk.close_payload == struct.pack("!H", 4003) + "封".encode()
        assert await client.is_over()
    assert toy.engine.wanted == []


@real_loop
async def test_a_client_that_breaks_the_rules_while_a_close_is_on_its_way_is_not_told_twice():
    toy = toy_at_full_speed()
    async with served(toy) as port, opened(port) as client:
        await client.send(frame(PING, b"in"))
        talk = Conversation(client)
        await talk.listen(until_pong=b"in")

        toy.hub.close(1, code=4003, reason="")
        await talk.listen()
        await client.send(frame(0x3))

        assert talk.close_code == 4003
        assert await client.is_over()


@real_loop
async def test_what_was_queued_before_a_rule_was_broken_comes_before_the_close():
    toy = toy_at_full_speed()
    async with served(toy) as port, opened(port) as client:
        await client.send(frame(TEXT, command()) * 5 + frame(0x3))
        talk = Conversation(client)
        await talk.listen()

        assert (tuple(talk.messages), talk.close_code) == (ORDERED * 5, PROTOCOL)
        assert await client.is_over()


def test_the_table_is_as_long_as_it_has_to_be_and_names_each_case_once():
    names = [case.name for case in (*CASES, *HANDSHAKES)]

    assert len(names) >= 250
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.name for case in HANDSHAKES}) == len(HANDSHAKES)


def test_the_limits_of_the_table_are_the_servers():
    limits = SocketLimits()

    assert (limits.frame_bytes_max, 4 * limits.frame_bytes_max) == (FRAME_BYTES_MAX, MESSAGE_BYTES_MAX)
