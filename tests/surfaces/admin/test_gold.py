"""What operators ask and do about the money of the blind-date rooms."""

import pytest

from handlers.admin.money import Grant, WantedLines
from store.interfaces.ids import PersonId
from store.interfaces.money import Currency
from store.interfaces.people import PersonRecord
from tests.support.records import a_person
from tests.surfaces.admin.desk import Desk, at_the_desk

pytestmark = pytest.mark.real_loop

AT = "/admin/v1/users/20001"


async def lin_and_bo(desk: Desk) -> tuple[PersonRecord, PersonRecord]:
    """Two people of the blind-date rooms; lin has 100 gold and gives bo something for 40."""
    lin, bo = [
        await desk.stage.stores.people.add(a_person(PersonId(number), surface="qlive", external_id=f"openid-{number}"))
        for number in (20_001, 20_002)
    ]
    await desk.stage.grant(lin, 100)
    await desk.engine.gold_gifts.give(lin, bo, 2, 4, key=None, room_id=None)
    return lin, bo


async def test_a_wallet_shows_the_currencies_of_its_surface_and_no_other():
    async with at_the_desk() as desk:
        await lin_and_bo(desk)

        of_lin = await desk.get(f"{AT}/wallet")
        of_tom = await desk.get("/admin/v1/users/10002/wallet")

        assert {name: of_lin[name] for name in of_lin if name != "person"} == {"gold": 60, "income": 0}
        assert {name: of_tom[name] for name in of_tom if name != "person"} == {"diamonds": 1_000, "points": 0}


@pytest.mark.parametrize(
    ("asked", "gold", "income"),
    [
        ({"amount": 5}, 65, 0),
        ({"amount": -60, "currency": "gold"}, 0, 0),
        ({"amount": 5, "currency": "qlive.gold"}, 65, 0),
        ({"amount": 7, "currency": "income"}, 60, 7),
        ({"amount": 7, "currency": "qlive.income"}, 60, 7),
    ],
)
async def test_gold_unless_said_and_income_can_be_given_and_taken(asked: dict[str, object], gold: int, income: int):
    async with at_the_desk() as desk:
        await lin_and_bo(desk)

        status, held = await desk.act(f"{AT}/wallet/grants", key="k-1", **asked)

        assert (status, held["gold"], held["income"]) == (200, gold, income)
        ((_, action, target, _),) = await desk.audit()
        wanted = Currency.QLIVE_INCOME if "income" in str(asked.get("currency")) else Currency.QLIVE_GOLD
        assert (action, target) == ("wallet.grant", f"{wanted}/20001 {asked['amount']:+d}")


@pytest.mark.parametrize(
    ("person", "currency"),
    [("20001", "diamonds"), ("20001", "calls.points"), ("10002", "gold"), ("10002", "qlive.income")],
)
async def test_the_currency_of_another_surface_is_refused_and_nothing_is_noted(person: str, currency: str):
    async with at_the_desk() as desk:
        await lin_and_bo(desk)
        at = f"/admin/v1/users/{person}/wallet"

        granted, refusal = await desk.act(f"{at}/grants", key="k-1", amount=5, currency=currency)
        listed, _ = await desk.ask("GET", f"{at}/lines?currency={currency}")

        assert (granted, listed) == (400, 400)
        assert refusal["error"] == "BAD_INPUT"
        assert await desk.audit() == []


async def test_lines_of_each_purse_show_what_it_paid_or_got():
    async with at_the_desk() as desk:
        await lin_and_bo(desk)

        paid = (await desk.get(f"{AT}/wallet/lines?currency=gold"))["lines"]
        got = (await desk.get("/admin/v1/users/20002/wallet/lines?currency=qlive.income"))["lines"]

        assert [(line["kind"], line["amount"]) for line in paid] == [("gift", -40), ("grant", 100)]
        assert [(line["kind"], line["amount"], line["note"]) for line in got] == [("gift", 20, "2×4 → 20002")]


async def test_income_is_what_gifts_earned_whatever_of_it_was_spent():
    async with at_the_desk() as desk:
        lin, bo = await lin_and_bo(desk)
        await desk.engine.gold_gifts.give(bo, lin, 1, 8, key=None, room_id=None)

        of_bo = await desk.get("/admin/v1/users/20002/income?lines=1")

        assert (of_bo["currency"], of_bo["earned_points"], of_bo["held_points"]) == ("income", 20, 12)
        assert (of_bo["gift_points"], of_bo["call_points"], of_bo["lines_count"]) == (20, 0, 1)
        assert [line["amount"] for line in of_bo["lines"]] == [20]
        assert of_bo["agrees"] is True


async def test_a_purse_that_was_changed_by_hand_is_found():
    async with at_the_desk() as desk:
        await lin_and_bo(desk)
        await desk.stage.advance(1_000)
        fine = await desk.get("/admin/v1/ledger/verification")
        account = next(account for account in desk.database.balances if account == "qlive.gold/20001")

        desk.database.balances[account] += 1
        found = await desk.get("/admin/v1/ledger/verification")

        assert fine["findings"] == []
        assert (fine["totals"]["qlive.gold"], fine["totals"]["qlive.income"]) == (60, 20)
        assert any("INV-3: qlive.gold/20001" in finding for finding in found["findings"])


def test_every_currency_can_be_named_by_its_unit_and_in_full():
    named = {name for currency in Currency for name in (currency.unit, currency.value)}

    for shape in (Grant, WantedLines):
        described = str(shape.__annotations__["currency"])
        assert {name for name in named if f"'{name}'" in described} == named, shape
