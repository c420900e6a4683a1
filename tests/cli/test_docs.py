"""``docs/operations.md`` names everything that an operator can meet."""

import re
from pathlib import Path

import pytest
from click import Group

from engine.metrics import Metrics
from handlers.admin.cli import asking
from handlers.admin.cli.main import greenroom
from handlers.admin.options import AdminOptions
from handlers.admin.surface import surface
from tests.surfaces.admin.desk import SHANGHAI, at_the_desk

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
ERROR_LINE = re.compile(r"log\.error\(\s*\"(\w+)\"")


def commands(group: Group, *path: str):
    for name, command in group.commands.items():
        if isinstance(command, Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join(("greenroom", *path, name))


@pytest.mark.parametrize("name", list(Metrics().all()))
def test_every_metric_is_explained(name):
    assert f"| `{name}` |" in PAGE


def test_no_metric_is_explained_that_there_is_not():
    assert set(re.findall(r"greenroom_\w+", PAGE)) == set(Metrics().all())


@pytest.mark.parametrize("command", list(commands(greenroom)))
def test_every_command_is_explained(command):
    assert re.search(rf"`{command}[` ]", PAGE)


def test_every_path_is_listed_and_no_other():
    asked = {f"{one.method} {one.path}" for one in surface(AdminOptions(zone=SHANGHAI, is_dev=True)).endpoints}

    assert set(re.findall(r"`((?:GET|POST) /admin/[^`]+)`", PAGE)) == asked


def test_every_exit_code_is_explained():
    for code in (asking.FINE, asking.FOUND, asking.USAGE, asking.UNREACHABLE, asking.REFUSED):
        assert f"\n| {code} | " in PAGE


@pytest.mark.real_loop
async def test_every_check_is_explained():
    async with at_the_desk() as desk:
        for check in await desk.engine.operator.doctor():
            assert f"\n| {check.name} | " in PAGE


def test_every_log_line_that_asks_for_a_person_is_explained():
    sources = [
        path for package in ("adapters", "engine", "handlers", "store") for path in (ROOT / package).rglob("*.py")
    ]
    sources.append(ROOT / "server.py")
    asked = {name for path in sources for name in ERROR_LINE.findall(path.read_text("utf-8"))}

    assert asked
    assert {name for name in asked if f"`{name}`" not in PAGE} == set()
