"""``greenroom wallet`` and ``income`` for people of the blind-date rooms."""

import pytest

from adapters.datadir import DataDir
from handlers.admin.cli.money import BOUGHT, UNIT, UNITS
from store.interfaces.ids import AccountId
from store.interfaces.money import Currency, currencies_of
from tests.surfaces.admin.desk import at_the_desk
from tests.surfaces.admin.test_gold import lin_and_bo


@pytest.fixture
def data_dir(tmp_path):
    with DataDir(tmp_path / "var") as data_dir:
        yield data_dir


@pytest.mark.real_loop
async def test_a_wallet_shows_gold_and_income(data_dir):
    async with at_the_desk(data_dir) as desk:
        await lin_and_bo(desk)

        code, out, _ = await desk.type("wallet", "show", "20001")

        assert code == 0
        assert [line.split() for line in out.splitlines() if "gold" in line or "income" in line] == [
            ["gold", "60"],
            ["income", "0"],
        ]


@pytest.mark.real_loop
@pytest.mark.parametrize(
    ("currency", "said"),
    [
        ((), "20001 person 20001 holds 65 gold (+5, key k-1)\n"),
        (("--currency", "qlive.gold"), "20001 person 20001 holds 65 gold (+5, key k-1)\n"),
        (("--currency", "income"), "20001 person 20001 holds 5 income (+5, key k-1)\n"),
    ],
)
async def test_gold_unless_said_is_granted(data_dir, currency, said):
    async with at_the_desk(data_dir) as desk:
        await lin_and_bo(desk)
        words = ("wallet", "grant", "20001", "5", *currency, "--key", "k-1", "--reason", "a test")

        dry = await desk.type(*words)
        done = await desk.type(*words, "--yes")

        assert "nothing has been done" in dry[1]
        assert done == (0, said, "")


@pytest.mark.real_loop
async def test_the_currency_of_another_surface_is_refused(data_dir):
    async with at_the_desk(data_dir) as desk:
        await lin_and_bo(desk)
        words = ("wallet", "grant", "20001", "5", "--currency", "diamonds", "--reason", "a test", "--yes")

        assert await desk.type(*words) == (4, "", "refused: 20001 has no wallet of diamonds (BAD_INPUT)\n")


@pytest.mark.real_loop
async def test_lines_and_income_are_told_in_their_own_currency(data_dir):
    async with at_the_desk(data_dir) as desk:
        await lin_and_bo(desk)

        _, lines, _ = await desk.type("wallet", "lines", "20001")
        code, income, _ = await desk.type("income", "20002")

        assert lines.splitlines()[0].split() == ["at", "entry", "kind", "call", "minute", "gold", "note"]
        assert code == 0
        assert income.splitlines()[0].split()[-1] == "income"
        assert income.splitlines()[-1] == "earned ever 20   holds 20   matches ledger: yes (1 line)"


@pytest.mark.real_loop
async def test_a_finding_names_the_purse_to_look_at(data_dir):
    async with at_the_desk(data_dir) as desk:
        await lin_and_bo(desk)
        await desk.stage.advance(1_000)
        desk.database.balances[AccountId("qlive.income/20002")] = 7

        code, out, _ = await desk.type("ledger", "verify")

        assert code == 1
        assert any(line.endswith("→ greenroom wallet lines 20002 --currency income") for line in out.splitlines()), out


def test_the_command_knows_every_currency():
    assert list(UNITS) == list(dict.fromkeys(currency.unit for currency in Currency))
    assert set(UNIT.choices) == {name for currency in Currency for name in (currency.unit, currency.value)}
    assert {surface: currencies_of(surface)[0].unit for surface in BOUGHT} == BOUGHT
