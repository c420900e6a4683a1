"""The page says all that the socket does."""

import re
from pathlib import Path

import msgspec
import pytest

from handlers.rooms.socket import DIALECT

PAGE = (Path(__file__).parents[3] / "docs" / "surfaces" / "rooms.md").read_text("utf-8")
TOLD, SAID = (PAGE.split(f"\n## {chapter}\n")[1].split("\n## ")[0] for chapter in ("Told", "Said"))


def row_of(chapter: str, name: str) -> set[str]:
    """All names in the row of that name."""
    (row,) = [line for line in chapter.splitlines() if line.startswith(f"| `{name}` |")]
    return set(re.findall(r"`([a-z_]+)`", row))


def fields_of(shape: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(shape)}


@pytest.mark.parametrize("name", DIALECT.events)
def test_what_is_told_is_on_it_with_all_its_fields(name):
    assert row_of(TOLD, name) >= fields_of(DIALECT.events[name])


@pytest.mark.parametrize("name", DIALECT.commands)
def test_what_may_be_said_is_on_it_with_all_its_fields(name):
    assert row_of(SAID, name) >= fields_of(DIALECT.commands[name].request)


def test_nothing_is_on_it_that_there_is_not():
    told = re.findall(r"^\| `([a-z_]+)` \|", TOLD, re.MULTILINE)
    said = re.findall(r"^\| `([a-z_]+)` \|", SAID, re.MULTILINE)

    assert set(told) == DIALECT.events.keys()
    assert set(said) == DIALECT.commands.keys()
