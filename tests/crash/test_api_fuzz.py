"""The description of the API against the real server: whatever a generator sends, no 5xx and no answer off the schema.

Everybody sends it: nobody, a guest and an anchor of the calls surface, a viewer and a matchmaker of blind dates.
Source: G-21.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.client import HttpClient
from tests.crash.processes import ServerProcess, figure

CASES_MIN = 1_000


class Role(NamedTuple):
    """Who sends: to which paths, with which parameters and headers throughout."""

    paths: str
    parameters: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}


CHECKS = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"
GENERATOR = Path(sys.executable).with_name("schemathesis")


async def fuzz(folder: Path, base: str, role: Role, seed: int) -> tuple[int, str]:
    """Run the generator with a credential; how many cases it sent, and what it said."""
    settings = folder / f"role{seed}.toml"
    lines = [f'{name} = "{value}"' for name, value in role.parameters.items()]
    settings.write_text("\n".join(["[parameters]", *lines, ""]), "utf-8")
    headers = [word for name, value in role.headers.items() for word in ("-H", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(
        *(GENERATOR, "--config-file", settings, "run", f"{base}/openapi.json"),
        *("--phases", "examples,coverage,fuzzing", "-n", "10", "--checks", CHECKS, "--no-color", "--seed", str(seed)),
        *("--include-path-regex", role.paths, *headers),
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


async def roles_at(server: ServerProcess) -> list[Role]:
    """Somebody of each kind, where there is something for him to do."""
    client = HttpClient(lambda: server.http_port)
    roles = [Role(paths="^/")]
    for code, kind in (("dev:fuzzed?diamonds=1000", "guest"), ("dev:fuzzer?role=master", "master")):
        answer = (await client.post("/app/login/weChatLogin", {"code": code, "role": kind})).data
        parameters = {"token": str(answer["token"]), "userID": str(answer["userId"])}
        roles.append(Role(paths="^/w?e?app/", parameters=parameters))
    ids = []
    for code in ("dev:hong?matchmaker=1&gold=1000", "dev:tom?gold=1000"):
        sent = {"appId": "wx", "code": code, "encryptedData": "x", "iv": "x"}
        answer = (await client.post("/wx/api/qlive/qlive_user/", sent)).data
        ids.append(str(answer["user_id"]))
        headers = {"Authorization": f"QLiveToken {answer['token']}"}
        # In her live, where most of it is possible.
        parameters = {"live_id": ids[0], "user_id": ids[0]}
        roles.append(Role(paths="^/wx/", parameters=parameters, headers=headers))
    await client.close()
    return roles


@pytest.mark.crash
@pytest.mark.real_loop(deadline_s=360)
async def test_whatever_is_sent_no_answer_is_a_5xx_or_off_its_schema(tmp_path):
    # The limit would answer most of it, and hide what lies behind.
    settings = {"limits__default_rate": 100_000, "limits__default_burst": 100_000}
    async with ServerProcess(tmp_path / "data", **settings) as server:
        await server.start()
        base = f"http://127.0.0.1:{server.http_port}"

        outcomes = [await fuzz(tmp_path, base, role, seed) for seed, role in enumerate(await roles_at(server))]

        counts = [count for count, _ in outcomes]
        figure("G-21", "api-fuzz-cases", sum(counts), f">={CASES_MIN}", ok=sum(counts) >= CASES_MIN)
        assert all(counts), next(text[-4_000:] for count, text in outcomes if not count)
        assert sum(counts) >= CASES_MIN
