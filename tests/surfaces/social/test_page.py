"""The documentation page lists all refusals of the surface."""

import re

from engine import errors
from handlers.social import login
from handlers.social.access import NoBearer
from handlers.social.envelope import ENVELOPE, SocialEnvelope
from handlers.wire.access import NoCredential
from handlers.wire.fields import Malformed, MissingInput
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.pages import REFUSALS
from tests.surfaces.social.page import PAGE

TEXT = PAGE.read()
ROWS = re.findall(r"^\| (-?\d+) \| ([^|]*) \| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
LISTED = {(int(code), name) for code, _, names in ROWS for name in re.findall(r"\w+", names)}
SAID = {int(code): re.split("[;:]", said)[0].strip() for code, said, _ in ROWS}
CASES: list[tuple[SocialEnvelope, errors.EngineError]] = [
    (login.SENDING, errors.MailDown()),
    (login.REGISTERING, errors.AlreadyExists()),
    (login.SIGNING_IN, errors.NotSignedIn()),
    (login.RENEWING, errors.TokenExpired()),
    *(
        (ENVELOPE, error)
        for error in (
            *REFUSALS,
            NoCredential(),
            NoBearer(),
            Malformed("x"),
            MissingInput("x"),
            MissingInput("x", is_empty=True),
            errors.BadInput(field="email"),
            errors.BadInput(field="code"),
            errors.NotAToken(),
            errors.NotFound("message"),
            errors.NotFound("person"),
            errors.NotFound("video"),
            errors.TokenExpired(),
            errors.TokenMisused(),
        )
    ),
]


def test_it_lists_every_refusal_with_its_code_and_its_words():
    assert {name for _, name in LISTED} == ERROR_CODES
    told = {(envelope.row(error).code, error.code) for envelope, error in CASES}
    assert told == LISTED
    for envelope, error in CASES:
        row = envelope.row(error)
        assert error.code == "BANNED" or row.said.zh == SAID[row.code]
