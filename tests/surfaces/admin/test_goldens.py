"""One evening at the operators' desk, request by request, exactly as it goes over the wire.

``GREENROOM_WRITE_GOLDEN=1`` writes ``golden.json`` anew; look at the difference before you keep it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from store.interfaces.ids import RoomId
from tests.surfaces.admin.desk import at_the_desk

GOLDEN = Path(__file__).with_name("golden.json")
MEI, TOM, WEI, ANN, CALL, NEXT_CALL = 10001, 10002, 10003, 10004, 50001, 50002
ACT = {"actor": "ada", "reason": "a test"}


async def connect(desk):
    await desk.cast.connect()
    await desk.stage.advance(150_000, seen=desk.cast.both)


async def end(desk):
    await desk.engine.gifts.give(desk.tom, 1, 2, to=desk.mei.id, key="roses")
    await desk.cast.hang_up()
    await desk.stage.advance(1_000)


async def connect_and_lose_the_actor(desk):
    await desk.cast.connect()
    await desk.lose_the_actor(90_000)


async def open_a_room(desk):
    await desk.engine.live_rooms.create(desk.mei, room_id=RoomId("room_1"), info="hello", guest_id=None)
    await desk.engine.live_rooms.add_pusher(
        desk.mei, RoomId("room_1"), name="阿宁", avatar_url="", push_address=f"push:room_1_{MEI}", info=None
    )
    await desk.engine.live_rooms.enter(desk.tom, RoomId("room_1"), described="Tom")


async def take_the_stage(desk):
    await desk.engine.live_rooms.add_pusher(
        desk.tom, RoomId("room_1"), name="Tom", avatar_url="", push_address=f"push:room_1_{TOM}", info=None
    )


async def sign_up_on_the_site(desk):
    await desk.engine.site_people.register_viewer("wei", "diamonds 960 for me", email="")


async def sign_up_to_the_social_app(desk):
    await desk.engine.social_people.register("ann", "123456", email="ann@example.com")


# What happens, or (method, path, body, Idempotency-Key).
STORY = (
    connect,
    ("GET", "/admin/v1/status", None, ""),
    ("GET", "/admin/v1/calls", None, ""),
    end,
    ("GET", f"/admin/v1/calls/{CALL}", None, ""),
    ("GET", f"/admin/v1/calls/{CALL}/explanation", None, ""),
    ("GET", "/admin/v1/calls/7", None, ""),
    connect_and_lose_the_actor,
    ("GET", "/admin/v1/calls/stuck", None, ""),
    ("GET", "/admin/v1/doctor", None, ""),
    ("POST", f"/admin/v1/calls/{NEXT_CALL}/end", ACT, ""),
    ("GET", "/admin/v1/users?text=To&role=guest&limit=5", None, ""),
    ("GET", f"/admin/v1/users/{MEI}", None, ""),
    ("POST", f"/admin/v1/users/{TOM}/warn", ACT, ""),
    ("POST", f"/admin/v1/users/{TOM}/ban", {**ACT, "kind": "broadcast", "length_ms": 3_600_000}, ""),
    ("POST", f"/admin/v1/users/{TOM}/unban", ACT, ""),
    ("POST", f"/admin/v1/users/{TOM}/role", {**ACT, "role": "anchor"}, ""),
    ("POST", f"/admin/v1/users/{TOM}/role", {**ACT, "role": "guest"}, ""),
    ("GET", f"/admin/v1/users/{TOM}/wallet", None, ""),
    ("POST", f"/admin/v1/users/{TOM}/wallet/grants", {**ACT, "amount": 5}, "g-1"),
    ("POST", f"/admin/v1/users/{TOM}/wallet/grants", {**ACT, "amount": -5_000}, "g-2"),
    ("POST", f"/admin/v1/users/{TOM}/wallet/grants", {**ACT, "amount": 5}, ""),
    ("GET", f"/admin/v1/users/{TOM}/wallet/lines?currency=diamonds&limit=2", None, ""),
    ("GET", f"/admin/v1/users/{MEI}/income?month=2026-01", None, ""),
    ("GET", f"/admin/v1/users/{MEI}/income?from=2026-01-01&to=2026-01-01&lines=true", None, ""),
    ("GET", "/admin/v1/ledger/verification", None, ""),
    ("POST", f"/admin/v1/users/{TOM}/sessions", ACT, ""),
    sign_up_on_the_site,
    ("POST", f"/admin/v1/users/{WEI}/password", ACT, ""),
    ("POST", f"/admin/v1/users/{TOM}/password", ACT, ""),
    sign_up_to_the_social_app,
    ("POST", f"/admin/v1/users/{ANN}/level", {**ACT, "level": 4}, ""),
    ("GET", "/admin/v1/config", None, ""),
    ("POST", "/admin/v1/config/reload", ACT, ""),
    open_a_room,
    ("GET", "/admin/v1/rooms", None, ""),
    ("GET", "/admin/v1/rooms/room_1", None, ""),
    ("GET", f"/admin/v1/rooms/room_1/people/{TOM}", None, ""),
    ("POST", "/admin/v1/rooms/room_1/mute", {**ACT, "person_id": TOM, "length_ms": 60_000}, ""),
    ("POST", "/admin/v1/rooms/room_1/unmute", {**ACT, "person_id": TOM}, ""),
    take_the_stage,
    ("GET", "/admin/v1/rooms/room_1/seats", None, ""),
    ("POST", "/admin/v1/rooms/room_1/unseat", {**ACT, "person_id": TOM}, ""),
    ("POST", "/admin/v1/rooms/room_1/unseat", {**ACT, "person_id": TOM}, ""),
    ("POST", "/admin/v1/rooms/room_1/kick", {**ACT, "person_id": TOM}, ""),
    ("POST", "/admin/v1/rooms/room_1/unban", {**ACT, "person_id": TOM}, ""),
    ("POST", "/admin/v1/rooms/room_1/ban", {**ACT, "person_id": TOM}, ""),
    ("POST", "/admin/v1/rooms/room_1/close", ACT, ""),
    ("GET", "/admin/v1/rooms/room_1", None, ""),
    ("GET", "/admin/v1/audit?limit=3", None, ""),
)


def declared(request: str) -> str:
    """The path of a request as its endpoint has it."""
    path = request.partition(" ")[2].partition("?")[0]
    for value, name in (
        (MEI, "person_id"),
        (TOM, "person_id"),
        (WEI, "person_id"),
        (ANN, "person_id"),
        (CALL, "call_id"),
        (NEXT_CALL, "call_id"),
        (7, "call_id"),
    ):
        path = path.replace(f"/{value}", f"/{{{name}}}")
    return path.replace("/room_1", "/{room_id}").replace("/people/{person_id}", "/people/{person}")


async def told() -> list[dict[str, Any]]:
    lines = []
    async with at_the_desk() as desk:
        for step in STORY:
            if callable(step):
                await step(desk)
                continue
            method, path, body, key = step
            status, reply = await desk.ask(method, path, body, headers={"Idempotency-Key": key} if key else {})
            lines.append({"request": f"{method} {path}", "body": body, "status": status, "reply": reply})
        asked = {(method, path) for method, path, _ in desk.door.routes()}
    assert asked == {(line["request"].partition(" ")[0], declared(line["request"])) for line in lines}
    return lines


@pytest.mark.real_loop
async def test_every_endpoint_answers_as_it_always_did():
    lines = await told()

    if os.environ.get("GREENROOM_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for line, golden in zip(lines, json.loads(GOLDEN.read_text("utf-8")), strict=True):
        assert line == golden, line["request"]
