"""The documentation page says what the surface is."""

import re

import pytest

from engine import errors
from handlers import calls
from handlers.calls.envelope import FeatureOff, row_of
from handlers.calls.socket import DIALECT
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.calls.page import PAGE
from tests.surfaces.calls.scene import OPTIONS

SURFACE = calls.surface(OPTIONS)
ERRORS = [
    errors.AlreadyExists(),
    errors.BadInput(),
    errors.BadInput(field="mergeParams"),
    errors.Banned(),
    errors.BelowFloor(need=1, have=0),
    errors.Busy(),
    errors.DeadlinePassed(),
    errors.Draining(),
    errors.EngineError(),
    errors.Forbidden(),
    errors.KeyReused(),
    errors.MailboxFull(),
    errors.NotAMember(),
    *(errors.NotFound(what) for what in ("call", "room", "person", "product", "path")),
    errors.NotSignedIn(),
    errors.RoomFull(),
    errors.SessionEnded(),
    errors.StoreDown(),
    errors.TooLong("roomInfo"),
    errors.TooLong("text"),
    errors.TooMany(retry_after_ms=1),
    errors.Unreachable(),
    errors.WrongPhase(),
    errors.WrongRole(),
    FeatureOff(),
]
TEXT = PAGE.read()


def test_its_endpoints_and_examples_are_those_of_the_tests():
    assert PAGE.written(TEXT) == TEXT, "python -m tests.surfaces.calls.page writes it anew"


@pytest.mark.parametrize("address", [path for endpoint in SURFACE.endpoints for _, path in endpoint.addresses])
def test_it_names_every_path(address):
    assert f"{address}`" in TEXT


def test_it_names_every_type_of_frame():
    assert {f"| `{kind}`" in TEXT or f", `{kind}` |" in TEXT for kind in (*DIALECT.events, *DIALECT.commands)} == {True}


def test_it_lists_every_code_beside_the_names_that_get_it():
    rows = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)*) ?\|", TEXT, re.MULTILINE)
    listed = {(int(code), name) for code, names in rows for name in re.findall(r"\w+", names)}

    assert {name for _, name in listed} == ERROR_CODES | {"FEATURE_OFF"}
    for kind in ERRORS:
        assert (row_of(kind).code, kind.code) in listed
