"""The documentation page lists all frames and all refusals of the surface."""

import re

from engine import errors
from handlers.calls.envelope import FeatureOff, row_of
from handlers.calls.socket import DIALECT
from handlers.wire.surface import ERROR_CODES
from tests.surfaces.calls.page import PAGE
from tests.surfaces.pages import REFUSALS

ERRORS = [
    *REFUSALS,
    errors.BadInput(field="mergeParams"),
    *(errors.NotFound(what) for what in ("call", "person", "product", "path")),
    errors.TooLong("roomInfo"),
    errors.TooLong("text"),
    FeatureOff(),
]
TEXT = PAGE.read()


def test_it_names_every_type_of_frame():
    assert {f"| `{kind}`" in TEXT or f", `{kind}` |" in TEXT for kind in (*DIALECT.events, *DIALECT.commands)} == {True}


def test_it_lists_every_code_beside_the_names_that_get_it():
    rows = re.findall(r"^\| (\d+) \| ((?:`\w+`(?:, )?)*) ?\|", TEXT, re.MULTILINE)
    listed = {(int(code), name) for code, names in rows for name in re.findall(r"\w+", names)}

    assert {name for _, name in listed} == ERROR_CODES | {"FEATURE_OFF"}
    for kind in ERRORS:
        assert (row_of(kind).code, kind.code) in listed
