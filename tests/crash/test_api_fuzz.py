"""The description of the API against the real server: whatever a generator sends, no 5xx and no answer off the schema.

Everybody sends it: nobody, a guest and an anchor of the calls surface, a viewer and a matchmaker of blind dates, a
viewer and an anchor of the website, a guest, a member and a super administrator of the social app.
Source: G-21.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.crash.client import HttpClient
from tests.crash.processes import ServerProcess, figure
from tests.support.crypto_stand_in import IPN_SECRET, CryptoStandIn

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
    roles += await roles_of_site(client)
    roles += await roles_of_social(client, server)
    await client.close()
    return roles


async def roles_of_site(client: HttpClient) -> list[Role]:
    """An anchor with a show on air, and a viewer who has 550 diamonds for it."""
    # Whoever signs out has nothing to do from then on; nobody tries that.
    paths = "^/api/(?!users/(login_out|logout|google_logout))"
    account = {"username": "fuzzed", "handle": "fuzzed", "password": "a password 4 the fuzzed"}
    anchor = (await client.post("/api/users/register/", account)).data["data"]
    herself = {"Authorization": f"Bearer {anchor['access_token']}"}
    show = {"uid": anchor["uid"], "character_name": "Tina", "title": "Tina", "coin_num": 1, "room_type": 1}
    await client.post("/api/live/add_room_info/", show, headers=herself)
    await client.post("/api/live/change_live_status/", show | {"live_status": "start"}, headers=herself)
    await client.post("/api/users/client_register/", account | {"username": "fuzzer"})
    viewer = (await client.post("/api/users/user_login/", account | {"username": "fuzzer"})).data["data"]
    himself = {"Authorization": f"Bearer {viewer['access_token']}"}
    user_id = (await client.get("/api/users/is_logged_in", headers=himself)).data["data"]["user_info"]["uid"]
    order = (await client.post("/api/payment/process_recharge/", {"crypto_amount": 100}, headers=himself)).data
    said = {name: order[name] for name in ("payment_id", "order_id", "pay_amount", "pay_currency")}
    paid = {**said, "payment_status": "finished", "price_amount": 100, "price_currency": "usd"}
    body, signature = CryptoStandIn(ipn_secret=IPN_SECRET).notice(paid)
    told = await client.post("/api/payment/payment_callback/", body, headers={"x-nowpayments-sig": signature})
    assert told.status == 200
    room = {"room_id": f"{anchor['uid']}_Tina", "anchor_id": anchor["uid"], "order_id": order["order_id"]}
    return [
        Role(paths=paths, parameters=room | {"user_id": user_id, "uid": user_id}, headers=himself),
        Role(paths=paths, parameters=room | {"user_id": user_id, "uid": anchor["uid"]}, headers=herself),
    ]


async def roles_of_social(client: HttpClient, server: ServerProcess) -> list[Role]:
    """A guest, a member and a super administrator, and a video, a comment and a group of the member's."""
    # Whoever signs out has nothing to do from then on; nobody tries that.
    paths = "^/(uploads|api/(login/(?!logout)|user/|file|videos|contact|chat/(history|ws-ticket)))"
    tokens = {}
    for name in ("guest", "member", "super"):
        email = f"{name}@example.com"
        await client.post("/api/login/send-code", {"email": email})
        (mail,) = [one for one in (server.data_dir / "mail").glob("*.eml") if f"To: {email}" in one.read_text("utf-8")]
        text = message_from_bytes(mail.read_bytes(), policy=default).get_content()
        code = text.partition("code is ")[2][:6]
        sent = {"email": email, "code": code, "password": "123456", "username": name}
        tokens[name] = (await client.post("/api/login/register", sent)).data["data"]["atoken"]
    desk = HttpClient(lambda: server.admin_port)
    operator = {"Authorization": f"Bearer {server.admin_token}"}
    for name, level in (("member", 2), ("super", 4)):
        (found,) = (await desk.get(f"/admin/v1/users?text={name}", headers=operator)).data["users"]
        act = {"actor": "ada", "reason": "fuzzing", "level": level}
        assert (await desk.post(f"/admin/v1/users/{found['id']}/level", act, headers=operator)).status == 200
    await desk.close()
    himself = {"Authorization": f"Bearer {tokens['member']}"}
    video = {"video_path": "https://media.example/a.mp4", "cover_path": "https://media.example/a.jpg", "title": "a"}
    made = (await client.post("/api/videos/create-video", video, headers=himself)).data["data"]
    said = {"video_id": made["id"], "content": "hello"}
    comment = (await client.post("/api/videos/comment-video", said, headers=himself)).data["data"]
    group = (await client.post("/api/contact/create-community", {"name": "a group"}, headers=himself)).data["data"]
    there = {"video_id": made["id"], "father_id": comment["id"], "comment_id": comment["id"]}
    there |= {"community_id": group["id"], "target_id": group["id"]}
    return [
        Role(paths=paths, parameters=there, headers={"Authorization": f"Bearer {token}"}) for token in tokens.values()
    ]


@pytest.mark.crash
@pytest.mark.real_loop(deadline_s=900)
async def test_whatever_is_sent_no_answer_is_a_5xx_or_off_its_schema(tmp_path):
    # The limit would answer most of it, and hide what lies behind.
    settings: dict[str, object] = {"limits__times": 100_000}
    settings["nowpayments__ipn_secret"] = IPN_SECRET
    async with ServerProcess(tmp_path / "data", **settings) as server:
        await server.start()
        base = f"http://127.0.0.1:{server.http_port}"

        outcomes = [await fuzz(tmp_path, base, role, seed) for seed, role in enumerate(await roles_at(server))]

        counts = [count for count, _ in outcomes]
        figure("G-21", "api-fuzz-cases", sum(counts), f">={CASES_MIN}", ok=sum(counts) >= CASES_MIN)
        assert all(counts), next(text[-4_000:] for count, text in outcomes if not count)
        assert sum(counts) >= CASES_MIN
