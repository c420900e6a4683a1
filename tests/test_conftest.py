"""The rules of ``conftest.py`` are themselves broken on purpose here, each in a run of pytest of its own."""

import subprocess
import sys
from pathlib import Path

HEAD = """
import asyncio, logging, time, pytest
from hypothesis import given, settings, strategies as st
from tests.support.fakes import PlainSpawn, RecordingLog
"""
ROOT = Path(__file__).parent.parent


def outcome(tmp_path: Path, body: str) -> str:
    """The output of pytest for a module with ``body`` in it."""
    (tmp_path / "test_it.py").write_text(HEAD + body)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-q",
        "-c",
        "/dev/null",
    ]
    command += ["-p", "no:randomly", "--rootdir", str(tmp_path), str(tmp_path / "test_it.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_good_tests_of_every_kind_pass(tmp_path: Path) -> None:
    body = """
async def test_virtual():
    await asyncio.sleep(3_600)

@pytest.mark.real_loop
async def test_real():
    before = time.monotonic()
    await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - before >= 0.009

@pytest.mark.gen_test
async def test_tornado():
    from tornado.ioloop import IOLoop
    assert IOLoop.current()

@pytest.mark.parametrize("factor", [1, 2])
@settings(max_examples=5)
@given(length=st.integers(0, 9))
async def test_given(length, factor):
    await asyncio.sleep(length * factor)
    assert asyncio.get_running_loop().time() == length * factor

@pytest.mark.logs("disk is .* full")
async def test_announced():
    logging.getLogger("x").warning("disk is %s full", "nearly")

def test_taken():
    log = RecordingLog()
    log.error("bad", why=1)
    assert log.take("bad") == {"why": 1}
"""

    text = outcome(tmp_path, body)

    assert "7 passed" in text, text


def test_careless_tests_fail_each_with_its_reason(tmp_path: Path) -> None:
    body = """
async def test_leaves_a_task():
    asyncio.create_task(asyncio.sleep(9), name="left")

async def test_logs():
    logging.getLogger("x").warning("boo")

async def test_logs_by_the_port():
    RecordingLog().warning("boo", call_id=7)

async def test_waits_for_nothing():
    await asyncio.Event().wait()

async def test_has_a_task_that_dies():
    PlainSpawn()(asyncio.wait_for(asyncio.Event().wait(), 1), name="doomed")
    await asyncio.sleep(2)

async def test_is_wrong():
    assert 1 == 2

@pytest.mark.real_loop(deadline_s=0.1)
async def test_hangs():
    await asyncio.Event().wait()

async def test_is_fine_after_all_of_them():
    pass
"""

    text = outcome(tmp_path, body)

    assert "7 failed, 1 passed" in text, text
    for complaint in (
        "still running at the end:\nleft",
        "WARNING x: boo",
        "warning boo {'call_id': 7}",
        "DeadlockError",
        "task doomed died",
        "assert 1 == 2",
        "TimeoutError",
    ):
        assert complaint in text, complaint
