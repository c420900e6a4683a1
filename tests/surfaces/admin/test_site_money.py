"""What operators ask and do about the money of the site."""

import pytest
from msgspec.structs import replace

from store.interfaces.ids import PersonId
from store.interfaces.orders import Cashier
from store.interfaces.people import PersonRecord, Role
from store.interfaces.shows import ShowInfo, ShowKind
from tests.support.records import SITE as DIAMONDS
from tests.support.records import a_person, an_order
from tests.surfaces.admin.desk import Desk, at_the_desk

pytestmark = pytest.mark.real_loop

JLIU, YI = "/admin/v1/users/30001", "/admin/v1/users/30002"


async def jliu_and_yi(desk: Desk) -> tuple[PersonRecord, PersonRecord]:
    """An anchor of the site, and somebody with 1,000 diamonds who gives her 40, subscribes for 10 and enters for 30."""
    jliu, yi = [
        await desk.stage.stores.people.add(
            a_person(PersonId(number), surface="site", external_id=name, public_id=uid, role=role, nickname=name)
        )
        for number, name, uid, role in (
            (30_001, "jliu", "gGAlOXloThS9r8d5HgeBzg", Role.ANCHOR),
            (30_002, "yi", "", Role.GUEST),
        )
    ]
    await desk.stage.grant(yi, 1_000)
    engine = desk.engine
    await engine.donations.donate(yi, jliu, 40, key=None, room_id=None)
    await engine.subscriptions.subscribe(yi, jliu, amount=10, key=None)
    show = await engine.shows.describe(jliu, "Tina", ShowInfo(title="", price=30, kind=ShowKind.VIP))
    await engine.admissions.pay(yi, show, amount=30, key=None)
    return jliu, yi


async def test_a_wallet_shows_diamonds_and_its_lines_say_what_they_were():
    async with at_the_desk() as desk:
        await jliu_and_yi(desk)

        held = await desk.get(f"{YI}/wallet")
        lines = (await desk.get(f"{YI}/wallet/lines?currency=site.diamonds"))["lines"]

        assert {name: held[name] for name in held if name != "person"} == {"diamonds": 920}
        assert [(line["kind"], line["amount"]) for line in lines] == [
            ("admission", -30),
            ("subscription", -10),
            ("donation", -40),
            ("grant", 1_000),
        ]


async def test_diamonds_are_granted_to_the_wallet_of_the_site():
    async with at_the_desk() as desk:
        await jliu_and_yi(desk)

        status, held = await desk.act(f"{YI}/wallet/grants", key="k-1", amount=5)

        assert (status, held["diamonds"]) == (200, 925)
        ((_, _, target, _),) = await desk.audit()
        assert target == f"{DIAMONDS}/30002 +5"


async def test_income_tells_what_it_came_from_and_leaves_out_what_was_bought():
    async with at_the_desk() as desk:
        jliu, _ = await jliu_and_yi(desk)
        made, _ = await desk.engine.crypto_recharge.create(jliu, 12, key=None)
        said = f"{made.id}:{made.payment_id}:finished:12:usd".encode()
        await desk.engine.crypto_recharge.notified(said, "signed")

        income = await desk.get(f"{JLIU}/income?lines=1")

        assert (income["currency"], income["earned_points"], income["held_points"]) == ("diamonds", 80, 140)
        parts = {name: income[f"{name}_points"] for name in ("donation", "subscription", "admission", "gift", "call")}
        assert parts == {"donation": 40, "subscription": 10, "admission": 30, "gift": 0, "call": 0}
        assert income["lines_count"] == 3
        assert income["agrees"] is True


async def test_verification_counts_what_is_kept_beside_the_entries():
    async with at_the_desk() as desk:
        await jliu_and_yi(desk)
        fine = await desk.get("/admin/v1/ledger/verification")

        desk.database.donations.clear()
        found = await desk.get("/admin/v1/ledger/verification")

        assert fine["findings"] == []
        assert fine["totals"]["site.diamonds"] == 1_000
        assert [finding.partition(":")[0] for finding in found["findings"]] == ["INV-10"] * 3


@pytest.mark.parametrize(("status", "result"), [("partially_paid", "fail"), ("refunded", "ok"), ("waiting", "ok")])
async def test_doctor_names_orders_for_which_only_part_of_the_money_came(status: str, result: str):
    async with at_the_desk() as desk:
        now_ms = desk.engine.node.now_ms()
        order = replace(an_order("order-7", cashier=Cashier.NOWPAYMENTS), created_at_ms=now_ms)
        await desk.stage.stores.orders.add(order)
        await desk.stage.stores.orders.announced(order.id, b"words", payment_id="p1", status=status)

        checks = (await desk.get("/admin/v1/doctor"))["checks"]

        (check,) = [one for one in checks if one["name"] == "crypto orders"]
        assert check["result"] == result
        assert ("order-7" in check["detail"]) == (result == "fail")
