"""The documentation page says what the surface is."""

import re

import pytest

from engine import errors
from handlers import site
from handlers.site import admissions, anchors, recharge, sign_in, subscriptions, users
from handlers.site.envelope import ENVELOPE, SiteEnvelope
from handlers.wire.redirect import RedirectEnvelope
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.site.page import PAGE
from tests.surfaces.site.scene import OPTIONS

SURFACE = site.surface(OPTIONS)
TEXT = PAGE.read()
ROWS = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
LISTED = {(int(status), name) for status, names in ROWS for name in re.findall(r"\w+", names)}
REFUSALS: list[tuple[SiteEnvelope | RedirectEnvelope, errors.EngineError]] = [
    (anchors.REGISTERING, errors.AlreadyExists()),
    (sign_in.REGISTERING, errors.AlreadyExists()),
    (sign_in.ARRIVING, errors.NotSignedIn()),
    (users.LOGGING_OUT, errors.StoreDown()),
    (subscriptions.SUBSCRIBING, errors.AlreadyExists()),
    (subscriptions.PRICING, errors.BadInput()),
    (admissions.PAYING, errors.AlreadyExists()),
    (admissions.PAYING, errors.WrongPhase()),
    (recharge.NOTIFYING, errors.Forbidden()),
    *(
        (ENVELOPE, error)
        for error in (
            errors.AlreadyExists(),
            errors.BadInput(),
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
            errors.NotFound("room"),
            errors.NotSignedIn(),
            errors.ProviderDown(),
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
    assert PAGE.written(TEXT) == TEXT, "python -m tests.surfaces.site.page writes it anew"


@pytest.mark.parametrize("address", [path for endpoint in SURFACE.endpoints for _, path in endpoint.addresses])
def test_it_names_every_path(address):
    assert f"{address}`" in TEXT


def test_it_lists_every_refusal_with_its_status():
    assert {name for _, name in LISTED} == ERROR_CODES
    for envelope, error in REFUSALS:
        status = envelope.failure(error, request_id="", language="zh").status
        assert (status, error.code) in LISTED, error
