"""What the pages print for a terminal, typed as printed at a server that has just been started."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.crash.processes import HERE, ServerProcess
from tests.support.installed import found, require_packages

pytestmark = [pytest.mark.slow, pytest.mark.mongo]

STEPS_S_MAX = 60.0


def printed(page: str, *headings: str) -> str:
    """What is to be typed below these headings of a page."""
    text = (HERE / page).read_text("utf-8")
    blocks = []
    for heading in headings:
        (block,) = re.findall(rf"^## {heading}\n.*?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        blocks.append(block)
    return "".join(blocks)


async def typed(words: str, server: ServerProcess, folder: Path) -> str:
    """What the terminal shows; nothing may fail."""
    require_packages({"curl": found("curl"), "openssl": found("openssl")})
    for word, here in (
        ("http://127.0.0.1:8000", f"http://127.0.0.1:{server.http_port}"),
        (".venv/bin/greenroom", f"{sys.executable} server.py"),
    ):
        words = words.replace(word, here)
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-eu", "-o", "pipefail", "-c", words),
        cwd=HERE,
        env={**os.environ, "GREENROOM_DATA_DIR": str(server.data_dir), "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(STEPS_S_MAX):
        said, _ = await shell.communicate()
    shown = said.decode("utf-8")
    assert shell.returncode == 0, shown
    return shown


def shows(shown: str, *parts: str) -> None:
    """These parts are there, one after the other."""
    at = 0
    for part in parts:
        at = shown.find(part, at)
        assert at >= 0, f"no {part} there, or too early:\n{shown}"


@pytest.mark.real_loop(deadline_s=120)
async def test_the_first_call_and_the_first_room_of_the_readme(tmp_path: Path):
    async with ServerProcess(tmp_path / "server", billing__minute_ms=5_000) as server:
        await server.start()

        shown = await typed(printed("README.md", "A first call", "A first room"), server, tmp_path)

        assert await server.stop() == 0
    shows(shown, "3分钟", "消耗150钻石", '"diamond":"350"', "获得150积分", '"detail":"OK"', '"gold":97', "male ", "tom")


@pytest.mark.real_loop(deadline_s=120)
async def test_the_evening_with_curl(tmp_path: Path):
    async with ServerProcess(tmp_path / "server") as server:
        await server.start()

        shown = await typed(printed("docs/surfaces/site.md", "An evening with curl"), server, tmp_path)

        assert await server.stop() == 0
    shows(
        shown,
        '"uname":"yi"',
        '"vip_status":false',
        "INSUFFICIENT_BALANCE",
        '"status":"finished"',
        '"coin_num":100',
        '"pay_coin_num":30,"remaining_balance":70',
        '"user_message":"good evening"',
        '"live_message":"Who is there?"',
        '"amount":40.0',
        '"remaining_balance":30.0',
        '"diamonds_paid":10.0',
        '"donation_amount":40.0',
        '"uname":"jliu","coin_num":80',
    )
    assert shown.splitlines()[-1] == '{"code":0}'


@pytest.mark.real_loop(deadline_s=120)
async def test_the_afternoon_with_curl(tmp_path: Path):
    async with ServerProcess(tmp_path / "server") as server:
        await server.start()

        shown = await typed(printed("docs/surfaces/social.md", "An afternoon with curl"), server, tmp_path)

        assert await server.stop() == 0
    shows(shown, "PNG", '"title":"Tea"', '"member":"2"', '"content":"Thanks"', '"content":"Lovely"', '"username":"tom"')
    assert '"code":-20002' in shown.splitlines()[-1]
