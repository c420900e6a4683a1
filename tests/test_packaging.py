"""What an installation brings along, and the import contracts that hold the architecture."""

import ast
import configparser
import importlib.metadata
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("adapters", "engine", "handlers", "store")
# A comment of setup.cfg stands on its own line, so that what is left of a value are requirements.
REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9-]+)(?P<version>[=<]=?[^;\s]+)(; (?P<marker>.+))?$")
# The only ones not pinned: bounds beside a pin, which say why the pin must not move (DS-6).
BOUNDS = {"pytest<10", "setuptools<82"}


@pytest.fixture(scope="module")
def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    return parser


def requirements(setup_cfg: configparser.ConfigParser) -> dict[str, list[str]]:
    lists = {"": setup_cfg["options"]["install_requires"], **setup_cfg["options.extras_require"]}
    return {extra: [line for line in text.splitlines() if line] for extra, text in lists.items()}


def imported_names(package: Path) -> set[str]:
    """Top-level names of everything that the modules of a package import."""
    names: set[str] = set()
    for module in package.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names


def test_every_dependency_is_pinned(setup_cfg):
    for requirement in itertools.chain.from_iterable(requirements(setup_cfg).values()):
        match = REQUIREMENT.match(requirement)
        assert match, requirement
        assert match["version"].startswith("==") or requirement in BOUNDS


def test_what_is_installed_here_is_what_is_pinned(setup_cfg):
    for extra in ("", "embedded", "dev"):
        for requirement in requirements(setup_cfg)[extra]:
            match = REQUIREMENT.match(requirement)
            assert match
            if match["version"].startswith("==") and not match["marker"]:
                assert importlib.metadata.version(match["name"]) == match["version"].removeprefix("=="), requirement


def test_everything_imported_is_declared(setup_cfg):
    distributions = importlib.metadata.packages_distributions()
    declared = {
        re.sub(r"[-_.]+", "-", match["name"].lower())
        for requirement in requirements(setup_cfg)[""]
        if (match := REQUIREMENT.match(requirement))
    }

    for package in PACKAGES:
        foreign = imported_names(ROOT / package) - set(sys.stdlib_module_names) - set(PACKAGES)
        for name in foreign:
            owners = {re.sub(r"[-_.]+", "-", owner.lower()) for owner in distributions.get(name, [name])}
            assert owners & declared, f"{package} imports {name}, which no dependency of ours brings"


def test_known_holes_are_below_the_pins(setup_cfg):
    tornado = next(line for line in requirements(setup_cfg)[""] if line.startswith("tornado=="))

    # Quadratic parsing of headers and cookies, and a flood of log lines (SEC-35).
    assert tuple(int(part) for part in tornado.removeprefix("tornado==").split(".")) >= (6, 5, 3)


def test_the_command_is_the_same_program(setup_cfg):
    assert setup_cfg["options"]["py_modules"].split() == ["greenroom", "server"]
    assert setup_cfg["options.entry_points"]["console_scripts"].split() == [
        "greenroom",
        "=",
        "greenroom:main",
    ]
    included = setup_cfg["options.packages.find"]["include"].split()
    assert included == [f"{package}*" for package in PACKAGES]
    # Without it a package stays behind when the tree is installed.
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module.parent


def test_pyproject_holds_only_what_setup_cfg_cannot():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    assert set(pyproject) == {"build-system", "tool"}
    assert set(pyproject["tool"]) == {"ruff"}
    assert pyproject["tool"]["ruff"]["lint"]["select"] == ["ALL"]


def test_each_rule_switched_off_has_its_reason_beside_it():
    for line in (ROOT / "pyproject.toml").read_text("utf-8").splitlines():
        if re.match(r'\s+"[A-Z]+\d*",', line):
            assert re.search(r'", # \S', line), line


def test_markers_and_warnings_are_strict(setup_cfg):
    options = setup_cfg["tool:pytest"]

    assert options["filterwarnings"].split()[0] == "error"
    assert "--strict-markers" in options["addopts"]
    assert {line.partition(":")[0].partition("(")[0] for line in options["markers"].splitlines() if line} == {
        "real_loop",
        "mongo",
        "crash",
        "slow",
    }


LAYERS = "Handlers ask the engine, the engine asks promises of the store"
PURE_ENGINE = "The engine sees no driver, no web framework, no clock and no randomness"
ENGINE_LAYERS = "Inside the engine: services over sessions over billing over actors"
PLANTED = {
    "engine/services/greedy.py": ("import handlers.wire", LAYERS),
    "engine/clocked.py": ("import time", PURE_ENGINE),
    "engine/actors/rich.py": ("import engine.billing", ENGINE_LAYERS),
    "handlers/calls/records.py": ("import store.interfaces.ledger", "Handlers know of the store its vocabulary only"),
    "handlers/calls/nosy.py": ("import handlers.site", "Surfaces are independent of each other"),
    "store/memory/climber.py": ("import engine", "The store knows nobody above it"),
    "store/mongo/ledger.py": ("import motor.motor_asyncio", "Motor is named in one file"),
    "adapters/impatient.py": ("import pymongo", "Drivers stay in the package of their store"),
    "store/mongo/hasty.py": ("import redis", "Redis stays in its package"),
}
ALLOWED = {
    "handlers/surfaces.py": "import handlers.calls\nimport handlers.site\n",
    "handlers/calls/envelope.py": "import handlers.wire\nimport store.interfaces.ids\nimport store.interfaces.money\n",
    "engine/services/honest.py": "import engine.billing\nimport store.interfaces.ledger\n",
    "store/mongo/connection.py": "import motor.motor_asyncio\nimport pymongo\n",
    "store/redis/connection.py": "import redis.asyncio\n",
    "adapters/embedded.py": "import engine.ports\nimport store.mongo\n",
}
MODULES = (
    *(f"engine/{name}/__init__.py" for name in ("actors", "billing", "call", "room", "services")),
    *(f"handlers/{name}/__init__.py" for name in ("calls", "site", "wire")),
    *(f"store/{name}/__init__.py" for name in ("interfaces", "memory", "mongo", "redis")),
    *(f"store/interfaces/{name}.py" for name in ("ids", "ledger", "money")),
    *(f"{package}/__init__.py" for package in PACKAGES),
    "engine/ports.py",
)


def broken_contracts(tree: Path, modules: dict[str, str]) -> set[str]:
    for path, text in {**dict.fromkeys(MODULES, ""), **ALLOWED, **modules}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    shutil.copy(ROOT / "setup.cfg", tree)
    verdict = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Contracts" in verdict.stdout, verdict.stderr
    return set(re.findall(r"^(.+) BROKEN", verdict.stdout, re.MULTILINE))


def test_each_import_contract_catches_what_it_is_for(tmp_path):
    assert broken_contracts(tmp_path / "good", {}) == set()

    assert broken_contracts(tmp_path / "bad", {path: line for path, (line, _) in PLANTED.items()}) == {
        contract for _, contract in PLANTED.values()
    }
