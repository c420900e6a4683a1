"""What the structure promises: an engine without an ambient world, modules that say what they are, nothing dead.

Import directions are contracts in ``setup.cfg``; this is what those cannot say.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("engine", "store", "handlers", "adapters")
WORLD = frozenset(
    {
        "datetime", "logging", "motor", "os", "pymongo", "bson", "random", "redis", "secrets", "socket", "structlog",
        "sys", "threading", "time", "tornado", "uuid",
    }
)  # fmt: skip


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def ambient(source: str) -> list[str]:
    """What a module of the engine reaches for that should have come in through a port."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [alias.name for alias in names if alias.name.partition(".")[0] in WORLD]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in WORLD:
                found.append(module)
            case ast.Call(func=ast.Name(id="print" | "open" | "input" as name)):
                found.append(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep" | "create_task" as name)):
                # One free turn of the loop is no time; everything else is the clock's and the spawner's.
                is_yield = name == "sleep" and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
                if not is_yield:
                    found.append(f"asyncio.{name}")
    return found


@pytest.mark.parametrize("path", modules("engine"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_engine_reaches_for_nothing_outside(path):
    assert ambient(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from datetime import datetime",
        "import tornado.web",
        "from pymongo import errors",
        "print('here')",
        "import asyncio\nasyncio.create_task(work())",
        "import asyncio\nasyncio.sleep(1)",
    ],
)
def test_the_look_for_an_ambient_world_finds_one(line):
    assert ambient(line)


@pytest.mark.parametrize(
    "path", [path for package in PACKAGES for path in modules(package)], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_module_says_what_it_is_for(path):
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))

    assert docstring
    assert len(docstring) > 15


def test_no_module_is_dead():
    imported: set[str] = set()
    for path in [*(path for package in (*PACKAGES, "tests") for path in modules(package)), ROOT / "server.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    imported |= {alias.name for alias in names}
                case ast.ImportFrom(module=str(module), names=names):
                    imported |= {module, *(f"{module}.{alias.name}" for alias in names)}
    named = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for package in PACKAGES for path in modules(package)
    }

    assert {name for name in named if not name.endswith("__init__")} <= imported


def test_motor_is_named_in_one_file_only():
    naming = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package)
        if any(
            (isinstance(node, ast.Import) and any(alias.name.startswith("motor") for alias in node.names))
            or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("motor"))
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    ]  # fmt: skip

    assert naming == ["store/mongo/connection.py"]
