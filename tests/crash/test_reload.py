"""A running server reads its configuration again: what may change does, what may not is named, and nothing stops."""

import asyncio
import json
import os
import signal

import pytest

from tests.crash.client import HttpClient
from tests.crash.processes import ServerProcess, running_stores

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo, pytest.mark.real_loop(deadline_s=60)]

BASE = "/wx/api/qlive"
SHARE_ONLY = "qlive_client: {{program_shares: [{{title: {title}, image_url: ''}}]}}\nqlive: {{gifts: [{gift}]}}\n"
WHO_AND_WHY = json.dumps({"actor": "ada", "reason": "a test"}).encode()


async def title(client, token):
    configs = await client.get(f"{BASE}/get_configs/", headers=token)
    assert configs.status == 200
    return configs.data["PROGRAM_SHARE"][0]["title"]


async def test_a_running_server_takes_what_may_change_and_survives_what_cannot_be_read(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(SHARE_ONLY.format(title="old", gift="{id: 1, name: 玫瑰, gold: 1}"), "utf-8")
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores, config=file) as server,
    ):
        await server.start()
        people, operators = HttpClient(lambda: server.http_port), HttpClient(lambda: server.admin_port)
        duty = {"Authorization": f"Bearer {server.admin_token}", "Content-Type": "application/json"}
        code = {"appId": "wxca891295c56f2c79", "code": "dev:mei", "encryptedData": "x", "iv": "x"}
        created = (await people.post(f"{BASE}/qlive_user/", code)).data
        token = {"Authorization": f"QLiveToken {created['token']}"}
        assert await title(people, token) == "old"

        # By a signal.
        file.write_text(SHARE_ONLY.format(title="new", gift="{id: 1, name: 玫瑰, gold: 2}"), "utf-8")
        os.kill(server.pid, signal.SIGHUP)
        async with asyncio.timeout(10):
            while await title(people, token) != "new":
                await asyncio.sleep(0.05)

        # By the operators' API, with what has to wait.
        file.write_text("calls: {ring_ms: 5000}\n", "utf-8")
        reloaded = (await operators.post("/admin/v1/config/reload", WHO_AND_WHY, headers=duty)).data
        assert set(reloaded["changed"]) == {"qlive_client.program_shares", "qlive.gifts"}
        assert (reloaded["needs_restart"], reloaded["mistakes"]) == (["calls.ring_ms"], [])
        assert await title(people, token) == "优质好男人都在这里等你！"

        # With a mistake beside something that would be fine.
        file.write_text(SHARE_ONLY.format(title="newest", gift="{id: 1, name: 玫瑰, gold: free}"), "utf-8")
        refused = (await operators.post("/admin/v1/config/reload", WHO_AND_WHY, headers=duty)).data
        assert [mistake.partition(":")[0] for mistake in refused["mistakes"]] == ["qlive.gifts[0].gold"]
        assert refused["changed"] == []
        assert await title(people, token) == "优质好男人都在这里等你！"
        shown = (await operators.get("/admin/v1/config", headers=duty)).data["settings"]
        assert {one["path"]: one["value"] for one in shown}["calls.ring_ms"] == 30_000

        await people.close()
        await operators.close()
        assert await server.stop() == 0
