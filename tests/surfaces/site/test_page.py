"""The documentation page lists all refusals of the surface."""

import re

from engine import errors
from handlers.site import admissions, anchors, recharge, sign_in, subscriptions, users
from handlers.site.envelope import ENVELOPE, SiteEnvelope
from handlers.wire.redirect import RedirectEnvelope
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.pages import REFUSALS
from tests.surfaces.site.page import PAGE

TEXT = PAGE.read()
ROWS = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
LISTED = {(int(status), name) for status, names in ROWS for name in re.findall(r"\w+", names)}
CASES: list[tuple[SiteEnvelope | RedirectEnvelope, errors.EngineError]] = [
    (anchors.REGISTERING, errors.AlreadyExists()),
    (sign_in.REGISTERING, errors.AlreadyExists()),
    (sign_in.ARRIVING, errors.NotSignedIn()),
    (users.LOGGING_OUT, errors.StoreDown()),
    (subscriptions.SUBSCRIBING, errors.AlreadyExists()),
    (subscriptions.PRICING, errors.BadInput()),
    (admissions.PAYING, errors.AlreadyExists()),
    (admissions.PAYING, errors.WrongPhase()),
    (recharge.NOTIFYING, errors.Forbidden()),
    (ENVELOPE, errors.ProviderDown()),
    *((ENVELOPE, error) for error in REFUSALS),
]


def test_it_lists_every_refusal_with_its_status():
    assert {name for _, name in LISTED} == ERROR_CODES
    for envelope, error in CASES:
        status = envelope.failure(error, request_id="", language="zh").status
        assert (status, error.code) in LISTED, error
