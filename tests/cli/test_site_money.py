"""``greenroom wallet`` and ``income`` for people of the site."""

import pytest

from adapters.datadir import DataDir
from tests.surfaces.admin.desk import at_the_desk
from tests.surfaces.admin.test_site_money import jliu_and_yi

pytestmark = pytest.mark.real_loop


@pytest.fixture
def data_dir(tmp_path):
    with DataDir(tmp_path / "var") as data_dir:
        yield data_dir


async def test_an_anchors_income_is_told_by_what_it_came_from(data_dir):
    async with at_the_desk(data_dir) as desk:
        await jliu_and_yi(desk)

        code, out, _ = await desk.type("income", "30001")
        _, as_csv, _ = await desk.type("income", "30001", "--csv")

        lines = [line.split() for line in out.splitlines()]
        assert code == 0
        assert lines[1] == ["day", "donations", "subscriptions", "admissions", "total", "min"]
        assert lines[3][:6] == ["2026-01-01", "40", "10", "30", "80", "0"]
        assert as_csv.splitlines()[0] == "day,donation_points,subscription_points,admission_points,points,minutes"
        assert out.splitlines()[-1] == "earned ever 80   holds 80   matches ledger: yes (3 lines)"


async def test_an_anchor_has_one_wallet_of_diamonds(data_dir):
    async with at_the_desk(data_dir) as desk:
        await jliu_and_yi(desk)
        words = ("wallet", "grant", "30001", "5", "--key", "k-1", "--reason", "a test", "--yes")

        granted = await desk.type(*words)
        code, lines, _ = await desk.type("wallet", "lines", "30001")

        assert granted == (0, "30001 jliu holds 85 diamonds (+5, key k-1)\n", "")
        assert code == 0
        assert lines.splitlines()[0].split() == ["at", "entry", "kind", "call", "minute", "diamonds", "note"]
