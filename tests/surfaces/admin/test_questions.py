"""Questions: what is told is what is kept, and a failed check says what to do next."""

import pytest
from msgspec.structs import replace
from openapi_spec_validator import validate

from handlers.admin.options import AdminOptions
from handlers.admin.surface import surface
from handlers.wire.openapi import openapi
from store.interfaces.ledger import Earned, EntryKind
from store.interfaces.money import Currency, wallet
from store.interfaces.notices import AuditLine
from tests.surfaces.admin.desk import LATE_MS, SHANGHAI, at_the_desk


@pytest.mark.real_loop
@pytest.mark.parametrize(
    "query",
    [
        "month=2026-1",
        "month=2026-13",
        "month=1969-12",
        "month=9999-01",
        "month=today",
        "from=2026-01-32",
        "to=20260101",
        "from=2026-01-02&to=2026-01-01",
        "from=2024-01-01&to=2026-01-01",
        "month=2026-01&from=2026-01-01",
    ],
)
async def test_a_span_that_is_none_is_refused(query):
    async with at_the_desk() as desk:
        status, reply = await desk.ask("GET", f"/admin/v1/users/10001/income?{query}")

        assert (status, reply["error"]) == (400, "BAD_INPUT")


@pytest.mark.real_loop
@pytest.mark.parametrize(
    "path", ["calls/0", "calls/-1", "calls/x", "calls/1e3", "users/9007199254740992", "users/%7B%7D"]
)
async def test_an_id_that_is_none_is_refused(path):
    async with at_the_desk() as desk:
        status, reply = await desk.ask("GET", f"/admin/v1/{path}")

        assert (status, reply["error"]) == (400, "BAD_INPUT")


@pytest.mark.real_loop
async def test_a_day_begins_where_the_deployment_is():
    async with at_the_desk(begins_at_ms=LATE_MS) as desk:
        await desk.cast.ring()
        await desk.stage.advance(120_000)
        before_midnight = await desk.get("/admin/v1/status")
        await desk.stage.advance(120_000)

        after_midnight = await desk.get("/admin/v1/status")

        assert sum(before_midnight["calls_today"].values()) == 1
        assert after_midnight["calls_today"] == {}


@pytest.mark.real_loop
async def test_a_call_whose_lines_do_not_pay_its_minutes_does_not_agree():
    async with at_the_desk() as desk:
        call = await desk.cast.connect()
        await desk.stage.advance(70_000, seen=desk.cast.both)
        await desk.cast.hang_up()
        fine = await desk.get(f"/admin/v1/calls/{call.id}/explanation")

        lines = desk.database.entries_of_call[call.id]
        halved = tuple(replace(posting, amount=posting.amount // 2) for posting in lines[1].postings)
        lines[1] = replace(lines[1], postings=halved)
        wrong = await desk.get(f"/admin/v1/calls/{call.id}/explanation")

        assert (fine["agrees"], fine["paid_diamonds"], fine["earned_points"]) == (True, 20, 20)
        assert (wrong["agrees"], wrong["paid_diamonds"], wrong["earned_points"]) == (False, 15, 15)


@pytest.mark.real_loop
async def test_an_income_whose_running_total_is_wrong_does_not_agree():
    async with at_the_desk() as desk:
        await desk.cast.connect()
        await desk.cast.hang_up()
        await desk.stage.advance(1_000)

        desk.database.earned[wallet(Currency.CALLS_POINTS, desk.mei.id)] = {EntryKind.MINUTE: Earned(1, 9)}

        assert (await desk.get("/admin/v1/users/10001/income"))["agrees"] is False


@pytest.mark.real_loop
async def test_a_grant_is_no_income():
    async with at_the_desk() as desk:
        await desk.act("/admin/v1/users/10001/wallet/grants", key="k-1", amount=9, currency="points")

        income = await desk.get("/admin/v1/users/10001/income?lines=1")

        assert (income["days"], income["lines"], income["earned_points"], income["held_points"]) == ([], [], 0, 9)
        assert income["agrees"] is True


@pytest.mark.real_loop
async def test_every_failed_check_names_the_next_command():
    async with at_the_desk() as desk:
        await desk.cast.connect()
        await desk.lose_the_actor(90_000)
        desk.database.balances[wallet(Currency.CALLS_DIAMONDS, desk.tom.id)] = 7
        found = (await desk.get("/admin/v1/doctor"))["checks"]

        desk.cast.switch.is_down = True
        cut_off = (await desk.get("/admin/v1/doctor"))["checks"]
        desk.cast.switch.is_down = False

        failed = {check["name"] for check in found if check["result"] == "fail"}
        assert failed == {"ledger", "calls past their end", "calls = actors"}
        assert [check["name"] for check in cut_off if check["result"] == "ok"] == ["node lease", "people in rooms"]
        for check in (*found, *cut_off):
            assert check["next_command"].startswith("greenroom ") or check["result"] == "ok", check


@pytest.mark.real_loop
async def test_a_store_that_does_not_answer_is_a_refusal_that_says_so():
    async with at_the_desk() as desk:
        desk.cast.switch.is_down = True

        for path in ("status", "calls", "calls/stuck", "users", "users/10001", "users/10001/wallet", "audit"):
            status, reply = await desk.ask("GET", f"/admin/v1/{path}")

            assert (status, reply["error"]) == (503, "STORE_UNAVAILABLE"), path
        for path in ("users/10002/ban", "users/10002/unban", "users/10002/warn"):
            assert (await desk.act(f"/admin/v1/{path}"))[0] == 503, path


@pytest.mark.real_loop
async def test_the_audit_is_as_long_as_somebody_wants():
    async with at_the_desk() as desk:
        for number in range(1, 6):
            line = AuditLine(id=number, at_ms=number, actor="ada", action="test", target="", reason=str(number))
            await desk.stage.stores.notices.audit(line)

        lines = (await desk.get("/admin/v1/audit?limit=3"))["lines"]

        assert [line["reason"] for line in lines] == ["5", "4", "3"]
        for limit in ("0", "1001", "x"):
            assert (await desk.ask("GET", f"/admin/v1/audit?limit={limit}"))[0] == 400


@pytest.mark.real_loop
async def test_nothing_secret_is_in_any_answer():
    async with at_the_desk() as desk:
        token = await desk.engine.identity.open_session(desk.tom, device="1")
        kept = next(iter(desk.database.sessions.values())).token_hash

        for method, path, route in desk.door.routes():
            if method == "GET":
                at = (
                    path.replace("{person_id}", "10002")
                    .replace("{call_id}", "1")
                    .replace("{room_id}", "x")
                    .replace("{person}", "10002")
                )
                _, reply = await desk.ask("GET", f"{at}?currency=diamonds")

                assert token not in repr(reply), route.target.path
                assert kept not in repr(reply), route.target.path


def test_the_description_lists_every_endpoint_with_its_security():
    admin = surface(AdminOptions(zone=SHANGHAI, is_dev=True))
    described = openapi((admin,), title="Greenroom", version="0")

    validate(described)
    assert set(described["paths"]) == {endpoint.path for endpoint in admin.endpoints}
    operations = [one for methods in described["paths"].values() for one in methods.values()]
    assert all(one["security"] for one in operations)
