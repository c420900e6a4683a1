"""The data folder: one owner, private, and whole files only."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.datadir import DataDir, DataDirError

HOLDER = """
import sys
from pathlib import Path
from adapters.datadir import DataDir

folder = DataDir(Path(sys.argv[1]))
folder.write_ports({"http": 1})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    with DataDir(tmp_path / "var") as folder:
        yield folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_the_token_are_for_their_owner_only(folder):
    folder.admin_token()

    assert mode(folder.path) == 0o700
    assert mode(folder.path / "admin.token") == 0o600


def test_a_second_server_is_refused_and_told_who_has_the_folder(folder):
    with pytest.raises(DataDirError, match=rf"in use by process {os.getpid()};"):
        DataDir(folder.path)

    folder.close()
    folder.close()
    DataDir(folder.path).close()


def test_a_killed_server_gives_the_folder_back_and_its_ports_are_forgotten(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirError, match=rf"process {holder.pid};"):
            DataDir(tmp_path)
        holder.kill()
        holder.wait(10)

    assert (tmp_path / "ports.json").exists()
    with DataDir(tmp_path):
        assert not (tmp_path / "ports.json").exists()


def test_a_child_process_does_not_hold_the_folder_after_us(tmp_path):
    folder = DataDir(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        folder.close()

        DataDir(tmp_path).close()

        child.kill()


def test_ports_are_there_while_the_server_runs(folder):
    folder.write_ports({"http": 8000, "admin": 8001})
    folder.write_ports({"http": 8000, "admin": 8001, "mongo": 1, "redis": 2})

    assert json.loads((folder.path / "ports.json").read_text()) == {"http": 8000, "admin": 8001, "mongo": 1, "redis": 2}
    folder.close()
    assert not (folder.path / "ports.json").exists()


def test_token_and_name_are_made_once_and_kept(tmp_path):
    with DataDir(tmp_path) as folder:
        token, name = folder.admin_token(), folder.node_name()
    (tmp_path / "admin.token").chmod(0o644)

    with DataDir(tmp_path) as folder:
        assert folder.admin_token() == token
        assert folder.node_name() == name
        assert folder.node_name("configured") == "configured"
    assert len(bytes.fromhex(token)) == 32
    assert mode(tmp_path / "admin.token") == 0o600


def test_two_folders_have_nothing_in_common(tmp_path):
    with DataDir(tmp_path / "one") as one, DataDir(tmp_path / "two") as two:
        assert one.admin_token() != two.admin_token()
        assert one.node_name() != two.node_name()


def test_an_empty_file_is_no_token(folder):
    (folder.path / "admin.token").touch()

    assert folder.admin_token()


def test_a_path_that_is_no_folder_is_said_plainly(tmp_path):
    (tmp_path / "var").touch()

    with pytest.raises(DataDirError, match="cannot be used as data folder: File exists"):
        DataDir(tmp_path / "var")
