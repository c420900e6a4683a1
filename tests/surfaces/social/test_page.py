"""The documentation page says what the surface is."""

import re

import pytest

from engine import errors
from handlers import social
from handlers.social import login
from handlers.social.access import NoBearer
from handlers.social.envelope import ENVELOPE, SocialEnvelope
from handlers.wire.access import NoCredential
from handlers.wire.fields import Malformed, MissingInput
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.social.page import PAGE
from tests.surfaces.social.scene import OPTIONS

SURFACE = social.surface(OPTIONS)
TEXT = PAGE.read()
ROWS = re.findall(r"^\| (-?\d+) \| ([^|]*) \| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
LISTED = {(int(code), name) for code, _, names in ROWS for name in re.findall(r"\w+", names)}
SAID = {int(code): re.split("[;:]", said)[0].strip() for code, said, _ in ROWS}
REFUSALS: list[tuple[SocialEnvelope, errors.EngineError]] = [
    (login.SENDING, errors.MailDown()),
    (login.REGISTERING, errors.AlreadyExists()),
    (login.SIGNING_IN, errors.NotSignedIn()),
    (login.RENEWING, errors.TokenExpired()),
    *(
        (ENVELOPE, error)
        for error in (
            NoCredential(),
            NoBearer(),
            Malformed("x"),
            MissingInput("x"),
            MissingInput("x", is_empty=True),
            errors.AlreadyExists(),
            errors.BadInput(),
            errors.BadInput(field="email"),
            errors.BadInput(field="code"),
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
            errors.NotAToken(),
            errors.NotFound("message"),
            errors.NotFound("person"),
            errors.NotFound("video"),
            errors.NotSignedIn(),
            errors.RoomFull(),
            errors.SessionEnded(),
            errors.StoreDown(),
            errors.TokenExpired(),
            errors.TokenMisused(),
            errors.TooLong("x"),
            errors.TooMany(retry_after_ms=1),
            errors.Unreachable(),
            errors.WrongPhase(),
            errors.WrongRole(),
        )
    ),
]


def test_its_endpoints_and_examples_are_those_of_the_tests():
    assert PAGE.written(TEXT) == TEXT, "python -m tests.surfaces.social.page writes it anew"


@pytest.mark.parametrize("address", [path for endpoint in SURFACE.endpoints for _, path in endpoint.addresses])
def test_it_names_every_path(address):
    assert f"{address}`" in TEXT


def test_it_lists_every_refusal_with_its_code_and_its_words():
    assert {name for _, name in LISTED} == ERROR_CODES
    told = {(envelope.row(error).code, error.code) for envelope, error in REFUSALS}
    assert told == LISTED
    for envelope, error in REFUSALS:
        row = envelope.row(error)
        assert error.code == "BANNED" or row.said.zh == SAID[row.code]
