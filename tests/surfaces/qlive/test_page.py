"""The documentation page lists all refusals of the surface."""

import re

from engine import errors
from handlers.qlive import gifts, microphone, orders, rooms
from handlers.qlive.envelope import ENVELOPE, QliveEnvelope
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.pages import REFUSALS
from tests.surfaces.qlive.page import PAGE

TEXT = PAGE.read()
ROWS = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
LISTED = {(int(status), name) for status, names in ROWS for name in re.findall(r"\w+", names)}
CASES: list[tuple[QliveEnvelope, errors.EngineError]] = [
    (gifts.GIVING, errors.BelowFloor(need=1, have=0)),
    (microphone.ACCEPTING, errors.RoomFull()),
    (rooms.OPENING, errors.Banned()),
    (orders.ORDERING, errors.ProviderDown()),
    (orders.ORDERING, errors.StoreDown()),
    # Only a gift is ever too expensive.
    *((ENVELOPE, error) for error in REFUSALS if not isinstance(error, errors.BelowFloor)),
]


def test_it_lists_every_refusal_with_its_status():
    assert {name for _, name in LISTED} == ERROR_CODES
    for envelope, error in CASES:
        assert (envelope.row(error).status, error.code) in LISTED, error
