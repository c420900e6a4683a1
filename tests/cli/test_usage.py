"""The ``greenroom`` command where no server is: usage, exit codes, what it imports."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from handlers.admin.cli.main import greenroom
from tests.surfaces.admin.desk import typed

ROOT = Path(__file__).parents[2]
HEAVY = {"tornado", "motor", "pymongo", "redis", "msgspec", "ujson", "engine", "store", "adapters", "handlers.wire"}


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GREENROOM_URL", "GREENROOM_ADMIN_TOKEN", "GREENROOM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


def commands(group: click.Group = greenroom, *path: str):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def test_without_a_server_every_command_says_what_to_do():
    code, out, err = typed("status")

    assert (code, out) == (3, "")
    assert err == (
        "not reachable: no server runs over ./var: start one (python server.py run), "
        "or say --data-dir, or --url and --token\n"
    )


def test_a_server_that_has_gone_is_not_reachable(tmp_path):
    (tmp_path / "ports.json").write_text('{"admin": 1}')
    (tmp_path / "admin.token").write_text("secret")

    code, _, err = typed("status", "--data-dir", str(tmp_path))

    assert (code, err) == (3, "not reachable: http://127.0.0.1:1 does not answer (Connection refused)\n")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"http": 1}', '{"admin": "x"}', '{"admin": null}'])
def test_a_broken_ports_file_is_no_server(tmp_path, text):
    (tmp_path / "ports.json").write_text(text)

    assert typed("status", "--data-dir", str(tmp_path))[0] == 3


def test_a_folder_without_a_token_says_so(tmp_path):
    (tmp_path / "ports.json").write_text('{"admin": 1}')

    code, _, err = typed("status", "--data-dir", str(tmp_path))

    assert code == 3
    assert "admin.token cannot be read (No such file or directory): say --token" in err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("bogus",),
        ("calls", "explain"),
        ("calls", "explain", "x"),
        ("calls", "end", "5"),
        ("calls", "--stuck", "ls"),
        ("users", "ban", "5", "--reason", "x", "--for", "long"),
        ("wallet", "grant", "5", "much", "--reason", "x"),
        ("wallet", "grant", "5", "6", "--bogus", "--reason", "x"),
        ("income", "5", "--bogus"),
        ("status", "--watch", "0"),
        ("status", "--url", "http://127.0.0.1:1"),
        ("status", "--url", "127.0.0.1:1", "--token", "x"),
        ("status", "--url", "ftp://x", "--token", "x"),
        ("status", "--url", "http://127.0.0.1:1", "--token", "x\r\ny"),
    ],
    ids=" ".join,
)
def test_what_is_not_understood_exits_with_2(words):
    code, out, err = typed(*words)

    assert code == 2
    assert err or out


def test_every_command_has_help():
    for path, command in commands():
        if path == ("run",):
            continue
        code, out, _ = typed(*path, "--help")

        assert code == 0, path
        assert command.help, path
        assert out.startswith("Usage: greenroom"), path


def test_every_question_has_json_and_every_act_asks_why():
    groups_only = {("wallet",), ("ledger",), ("token",), ("config",), ("run",)}
    for path, command in commands():
        names = {option for parameter in command.params for option in parameter.opts}
        if path not in groups_only:
            assert {"--json", "--data-dir", "--url", "--token"} <= names, path
        if "--yes" in names:
            assert {"--reason", "--actor"} <= names, path


def test_the_command_imports_nothing_of_the_server():
    program = (
        "import sys; from handlers.admin.cli.main import main; main(['status']); main(['calls', '--help']);"
        "print(*sys.modules, sep='\\n')"
    )
    listed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"GREENROOM_DATA_DIR": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.splitlines()

    loaded = {name for name in listed if name in HEAVY or name.partition(".")[0] in HEAVY | {"rich"}}
    assert loaded == set()


def test_run_makes_way_for_the_server(monkeypatch):
    executed = []
    monkeypatch.setattr("os.execv", lambda program, arguments: executed.append((program, arguments)))

    typed("run", "--port", "0", "--help")

    assert executed == [(sys.executable, [sys.executable, "-m", "server", "run", "--port", "0", "--help"])]


def test_a_reader_that_leaves_early_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)

    left = subprocess.run(
        [sys.executable, "-m", "handlers.admin.cli.main", "--help"],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )

    os.close(writing)
    assert (left.returncode, left.stderr) == (0, b"")
