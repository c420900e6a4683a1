"""The documentation page says what the surface is."""

import re

import pytest

from engine import errors
from handlers import qlive
from handlers.qlive import gifts, microphone, orders, rooms
from handlers.qlive.envelope import ENVELOPE, QliveEnvelope
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.qlive.page import PAGE
from tests.surfaces.qlive.scene import OPTIONS

SURFACE = qlive.surface(OPTIONS)
TEXT = PAGE.read()
ROWS = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
LISTED = {(int(status), name) for status, names in ROWS for name in re.findall(r"\w+", names)}
REFUSALS: list[tuple[QliveEnvelope, errors.EngineError]] = [
    (gifts.GIVING, errors.BelowFloor(need=1, have=0)),
    (microphone.ACCEPTING, errors.RoomFull()),
    (rooms.OPENING, errors.Banned()),
    (orders.ORDERING, errors.ProviderDown()),
    (orders.ORDERING, errors.StoreDown()),
    *(
        (ENVELOPE, error)
        for error in (
            errors.AlreadyExists(),
            errors.BadInput(),
            errors.Banned(),
            errors.Busy(),
            errors.DeadlinePassed(),
            errors.Draining(),
            errors.EngineError(),
            errors.Forbidden(),
            errors.KeyReused(),
            errors.MailboxFull(),
            errors.NotAMember(),
            errors.NotFound("room"),
            errors.NotSignedIn(),
            errors.RoomFull(),
            errors.SessionEnded(),
            errors.StoreDown(),
            errors.TooLong("x"),
            errors.TooMany(retry_after_ms=1),
            errors.Unreachable(),
            errors.WrongPhase(),
            errors.WrongRole(),
        )
    ),
]


def test_its_endpoints_and_examples_are_those_of_the_tests():
    assert PAGE.written(TEXT) == TEXT, "python -m tests.surfaces.qlive.page writes it anew"


@pytest.mark.parametrize("address", [path for endpoint in SURFACE.endpoints for _, path in endpoint.addresses])
def test_it_names_every_path(address):
    assert f"{address}`" in TEXT


def test_it_lists_every_refusal_with_its_status():
    assert {name for _, name in LISTED} == ERROR_CODES
    for envelope, error in REFUSALS:
        assert (envelope.row(error).status, error.code) in LISTED, error
