"""The description of the API against the real server: whatever a generator sends, no 5xx and no answer off the schema.

Three roles send it: nobody, a guest, an anchor. Source: G-21.
"""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.crash.client import HttpClient
from tests.crash.processes import ServerProcess, figure

CASES_MIN = 1_000
CHECKS = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"
GENERATOR = Path(sys.executable).with_name("schemathesis")


async def fuzz(folder: Path, base: str, token: str, user_id: int, seed: int) -> tuple[int, str]:
    """Run the generator with a credential; how many cases it sent, and what it said."""
    settings = folder / f"role{seed}.toml"
    settings.write_text(f'[parameters]\ntoken = "{token}"\nuserID = "{user_id}"\n', "utf-8")
    process = await asyncio.create_subprocess_exec(
        *(GENERATOR, "--config-file", settings, "run", f"{base}/openapi.json"),
        *("--phases", "examples,coverage,fuzzing", "-n", "10", "--checks", CHECKS, "--no-color", "--seed", str(seed)),
        "--generation-database=none",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    text = said.decode("utf-8", "replace")
    found = re.search(r"(\d+) generated, (\d+) passed", text)
    passed = process.returncode == 0 and found is not None and found[1] == found[2]
    return int(found[1]) if passed and found is not None else 0, text


@pytest.mark.crash
@pytest.mark.real_loop(deadline_s=240)
async def test_whatever_is_sent_no_answer_is_a_5xx_or_off_its_schema(tmp_path):
    # The limit would answer most of it, and hide what lies behind.
    settings = {"limits__default_rate": 100_000, "limits__default_burst": 100_000}
    async with ServerProcess(tmp_path / "data", **settings) as server:
        await server.start()
        base = f"http://127.0.0.1:{server.http_port}"
        roles = [("", 0)]
        client = HttpClient(lambda: server.http_port)
        for code, role in (("dev:fuzzed?diamonds=1000", "guest"), ("dev:fuzzer?role=master", "master")):
            answer = (await client.post("/app/login/weChatLogin", {"code": code, "role": role})).data
            roles.append((answer["token"], answer["userId"]))
        await client.close()

        outcomes = [await fuzz(tmp_path, base, token, user_id, seed) for seed, (token, user_id) in enumerate(roles)]

        counts = [count for count, _ in outcomes]
        figure("G-21", "api-fuzz-cases", sum(counts), f">={CASES_MIN}", ok=sum(counts) >= CASES_MIN)
        assert all(counts), next(text[-4_000:] for count, text in outcomes if not count)
        assert sum(counts) >= CASES_MIN
