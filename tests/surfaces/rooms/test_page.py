"""The page says all that the socket does."""

import re
from pathlib import Path

import pytest

from handlers.rooms.socket import DIALECT
from tests.surfaces.contracts import wire_fields

PAGE = (Path(__file__).parents[3] / "docs" / "surfaces" / "rooms.md").read_text("utf-8")
TOLD, SAID = (PAGE.split(f"\n## {chapter}\n")[1].split("\n## ")[0] for chapter in ("Told", "Said"))


def row_of(chapter: str, name: str) -> set[str]:
    """All names in the row of that name."""
    (row,) = [line for line in chapter.splitlines() if line.startswith(f"| `{name}` |")]
    return set(re.findall(r"`([a-z_]+)`", row))


@pytest.mark.parametrize("name", DIALECT.events)
def test_what_is_told_is_on_it_with_all_its_fields(name):
    assert row_of(TOLD, name) >= wire_fields(DIALECT.events[name]).keys()


@pytest.mark.parametrize("name", DIALECT.commands)
def test_what_may_be_said_is_on_it_with_all_its_fields(name):
    assert row_of(SAID, name) >= wire_fields(DIALECT.commands[name].request).keys()


def test_nothing_is_on_it_that_there_is_not():
    told = re.findall(r"^\| `([a-z_]+)` \|", TOLD, re.MULTILINE)
    said = re.findall(r"^\| `([a-z_]+)` \|", SAID, re.MULTILINE)

    assert set(told) == DIALECT.events.keys()
    assert set(said) == DIALECT.commands.keys()
