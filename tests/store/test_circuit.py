"""When a store that does not answer is left alone, and when it is asked again."""

import asyncio

import pytest

from store.circuit import Circuit
from store.interfaces.errors import Unavailable


class Server:
    """Answers probes when it is up, and counts them."""

    def __init__(self) -> None:
        self.is_up = False
        self.probes_count = 0

    async def probe(self) -> None:
        self.probes_count += 1
        if not self.is_up:
            raise Unavailable


async def test_three_misses_in_a_row_open_it():
    circuit = Circuit(Server().probe)

    circuit.missed()
    circuit.missed()
    circuit.check()
    circuit.missed()

    with pytest.raises(Unavailable):
        circuit.check()
    await circuit.close()


async def test_an_answer_in_between_keeps_it_closed():
    circuit = Circuit(Server().probe)

    for _ in range(5):
        circuit.missed()
        circuit.missed()
        circuit.answered()

    circuit.check()


async def test_it_probes_once_a_second_and_closes_when_the_store_answers():
    server = Server()
    circuit = Circuit(server.probe)
    for _ in range(3):
        circuit.missed()

    await asyncio.sleep(10.5)
    assert (circuit.is_open, server.probes_count) == (True, 10)
    server.is_up = True
    await asyncio.sleep(1)

    assert not circuit.is_open
    await asyncio.sleep(10)
    assert server.probes_count == 11


async def test_it_takes_three_misses_again_after_that():
    server = Server()
    circuit = Circuit(server.probe)
    for _ in range(3):
        circuit.missed()
    server.is_up = True
    await asyncio.sleep(1.5)

    circuit.missed()
    circuit.missed()

    circuit.check()


async def test_closing_it_ends_the_probes():
    server = Server()
    circuit = Circuit(server.probe)
    for _ in range(3):
        circuit.missed()

    await circuit.close()
    await asyncio.sleep(5)

    assert server.probes_count == 0
