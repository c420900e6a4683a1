"""Acts: each says who and why, leaves one audit line, and happens once or not at all (SEC-31)."""

import re
from collections.abc import Mapping
from dataclasses import fields

import pytest

from engine.ports import SealedProfile
from handlers.admin.options import AdminOptions
from handlers.admin.surface import surface
from store.interfaces.ids import RoomId
from store.interfaces.people import BanKind
from tests.surfaces.admin.desk import SHANGHAI, at_the_desk

# Path, further fields, and the action and target that the audit knows it by.
ACTS: tuple[tuple[str, Mapping[str, object], str, str], ...] = (
    ("/admin/v1/calls/50001/end", {}, "call.end", "50001"),
    ("/admin/v1/users/10002/warn", {}, "person.warn", "10002"),
    ("/admin/v1/users/10002/ban", {}, "person.ban.account", "10002"),
    ("/admin/v1/users/10002/ban", {"kind": "broadcast"}, "person.ban.broadcast", "10002"),
    ("/admin/v1/users/10002/unban", {}, "person.unban", "10002"),
    ("/admin/v1/users/10002/role", {"role": "anchor"}, "person.role.anchor", "10002"),
    ("/admin/v1/users/10002/wallet/grants", {"amount": 7}, "wallet.grant", "calls.diamonds/10002 +7"),
    (
        "/admin/v1/users/10001/wallet/grants",
        {"amount": 9, "currency": "points"},
        "wallet.grant",
        "calls.points/10001 +9",
    ),
    ("/admin/v1/users/10003/password", {}, "person.password", "10003"),
    ("/admin/v1/users/10004/level", {"level": 4}, "person.level.4", "10004"),
    ("/admin/v1/users/10002/sessions", {}, "person.session", "10002"),
    ("/admin/v1/config/reload", {}, "config.reload", "config"),
    ("/admin/v1/rooms/room_1/close", {}, "room.close", "room_1"),
    *(
        (f"/admin/v1/rooms/room_1/{act}", {"person_id": 10002}, f"room.{act}", "room_1/10002")
        for act in ("kick", "mute", "unmute", "ban", "unban", "unseat")
    ),
)


async def prepare(desk):
    await desk.engine.live_rooms.create(desk.mei, room_id=RoomId("room_1"), info="", guest_id=None)
    await desk.engine.live_rooms.add_pusher(
        desk.tom, RoomId("room_1"), name="Tom", avatar_url="", push_address="push:room_1_10002", info=None
    )
    await desk.cast.ring()
    await desk.engine.site_people.register_viewer("wei", "diamonds 960 for me", email="")
    await desk.engine.social_people.register("ann", "123456", email="ann@example.com")


def test_every_act_is_in_the_table():
    posts = {one.path for one in surface(AdminOptions(zone=SHANGHAI, is_dev=True)).endpoints if one.method == "POST"}
    known = {path.replace("50001", "{call_id}").replace("room_1", "{room_id}") for path, *_ in ACTS}
    known = {re.sub("1000[1234]", "{person_id}", path) for path in known}

    assert known == posts


@pytest.mark.real_loop
@pytest.mark.parametrize(("path", "more", "action", "target"), ACTS)
async def test_an_act_leaves_exactly_one_line_with_who_and_why(path, more, action, target):
    async with at_the_desk() as desk:
        await prepare(desk)

        status, reply = await desk.act(path, key="k-1", **more)

        assert status == 200, reply
        assert await desk.audit() == [("ada", action, target, "a test")]


@pytest.mark.real_loop
@pytest.mark.parametrize(("path", "more"), [(path, more) for path, more, *_ in ACTS])
@pytest.mark.parametrize(
    "who_and_why",
    [
        {"actor": ""},
        {"actor": "  "},
        {"actor": None},
        {"reason": ""},
        {"reason": "\t"},
        {"reason": None},
        {"reason": {}},
    ],
    ids=str,
)
async def test_an_act_that_does_not_say_who_and_why_is_refused_and_changes_nothing(path, more, who_and_why):
    async with at_the_desk() as desk:
        await prepare(desk)
        before = dump(desk)

        status, reply = await desk.act(path, key="k-1", **{**more, **who_and_why})

        assert (status, reply["error"]) == (400, "BAD_INPUT")
        assert dump(desk) == before


def dump(desk):
    return {field.name: repr(getattr(desk.database, field.name)) for field in fields(desk.database)}


@pytest.mark.real_loop
@pytest.mark.parametrize(
    "path",
    [
        "/admin/v1/calls/7/end",
        "/admin/v1/users/7/warn",
        "/admin/v1/users/7/ban",
        "/admin/v1/users/7/unban",
        "/admin/v1/users/7/sessions",
        "/admin/v1/users/7/password",
        "/admin/v1/users/10002/password",
        "/admin/v1/rooms/nowhere/close",
    ],
)
async def test_what_is_not_there_leaves_no_line(path):
    async with at_the_desk() as desk:
        status, reply = await desk.act(path)

        assert (status, reply["error"]) == (404, "NOT_FOUND")
        assert await desk.audit() == []


@pytest.mark.real_loop
async def test_a_grant_with_the_same_key_happens_once():
    async with at_the_desk() as desk:
        grants = "/admin/v1/users/10002/wallet/grants"

        first = await desk.act(grants, key="k-1", amount=5)
        again = await desk.act(grants, key="k-1", amount=5)
        other = await desk.act(grants, key="k-1", amount=6)

        assert first[1]["diamonds"] == again[1]["diamonds"] == 1_005
        assert (other[0], other[1]["error"]) == (409, "KEY_REUSED")
        assert desk.stage.log.take("ledger_key_mismatch")
        assert await desk.stage.diamonds(desk.tom) == 1_005


@pytest.mark.real_loop
@pytest.mark.parametrize(
    "amount", [0, None, "", "1e3", 1.5, True, [], {"$gt": 0}, 1_000_000_001, -1_000_000_001, 2**63, "5 "], ids=repr
)
async def test_an_amount_that_is_none_is_refused(amount):
    async with at_the_desk() as desk:
        status, reply = await desk.act("/admin/v1/users/10002/wallet/grants", key="k-1", amount=amount)

        assert (status, reply["error"]) == (400, "BAD_INPUT")
        assert await desk.stage.diamonds(desk.tom) == 1_000


@pytest.mark.real_loop
async def test_more_than_somebody_has_cannot_be_taken():
    async with at_the_desk() as desk:
        status, reply = await desk.act("/admin/v1/users/10002/wallet/grants", key="k-1", amount=-1_001)

        assert (status, reply["detail"]) == (409, "need 1001, have 1000")
        assert await desk.stage.diamonds(desk.tom) == 1_000


@pytest.mark.real_loop
async def test_a_ban_ends_the_call_and_is_over_after_its_time():
    async with at_the_desk() as desk:
        call = await desk.cast.connect()

        _, banned = await desk.act("/admin/v1/users/10002/ban", length_ms=60_000)
        ended = await desk.get(f"/admin/v1/calls/{call.id}")

        assert banned["ban"]["until_ms"] - banned["ban"]["since_ms"] == 60_000
        assert (ended["end_reason"], ended["minutes_paid"]) == ("banned", 1)
        person = await desk.engine.operator.person(desk.tom.id)
        assert person.ban is not None
        assert person.ban.kind is BanKind.ACCOUNT
        assert person.ban_at(banned["ban"]["until_ms"]) is None


@pytest.mark.real_loop
async def test_a_minted_token_is_the_persons_and_leaves_his_own_alone():
    async with at_the_desk() as desk:
        own = await desk.engine.identity.open_session(desk.tom, device="1")

        _, opened = await desk.act("/admin/v1/users/10002/sessions")

        for token in (own, opened["token"]):
            assert (await desk.engine.identity.who(token, surface="calls")).id == desk.tom.id


@pytest.mark.real_loop
async def test_somebody_becomes_what_his_surface_has_and_nothing_else():
    async with at_the_desk() as desk:
        sealed = SealedProfile(encrypted_data="", iv="")
        signed_up = await desk.engine.identity.sign_up("qlive", "dev:hong", app_id="", sealed=sealed)
        hong = signed_up.person
        assert (await desk.engine.identity.who(signed_up.token, surface="qlive")).role == "guest"

        refused = [
            await desk.act(f"/admin/v1/users/{person}/role", role=role)
            for person, role in ((hong.id, "anchor"), (desk.tom.id, "matchmaker"), (hong.id, "host"))
        ]
        _, approved = await desk.act(f"/admin/v1/users/{hong.id}/role", role="matchmaker")

        assert [(status, reply["error"]) for status, reply in refused] == [(400, "BAD_INPUT")] * 3
        assert (approved["role"], approved["public_id"], approved["points_per_minute"]) == (
            "matchmaker",
            hong.public_id,
            0,
        )
        # At once, not when what is remembered of the token has grown old.
        assert (await desk.engine.identity.who(signed_up.token, surface="qlive")).role == "matchmaker"
        assert len(await desk.audit()) == 1


@pytest.mark.real_loop
async def test_in_production_nobody_opens_sessions_for_others():
    async with at_the_desk(is_dev=False) as desk:
        status, reply = await desk.act("/admin/v1/users/10002/sessions")

        assert (status, reply["error"]) == (403, "FORBIDDEN")
        assert await desk.audit() == []
        assert desk.database.sessions.keys() == {
            key for key, session in desk.database.sessions.items() if session.device != "operator"
        }
