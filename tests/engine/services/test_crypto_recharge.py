"""Diamonds for a cryptocurrency: whatever the provider says, however often and in whatever order (G-13, INV-8)."""

import asyncio
import random
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import settings
from engine.errors import BadInput, Banned, DeadlinePassed, Forbidden, KeyReused, NotFound, ProviderDown, StoreDown
from engine.ports import CryptoStatus
from engine.services.accounts import SITE
from store.interfaces.ids import OrderId, PersonId
from store.interfaces.money import Currency, wallet
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.interfaces.people import Ban, BanKind
from store.interfaces.stores import Stores
from tests.invariants import Journal, snapshot_of, violations
from tests.people import AUTHENTIC, Stage, Visit, on_a_visit
from tests.support.records import a_person
from tests.support.stores import open_stores

UUID_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MINUTE_MS = 60_000


async def order(visit: Visit, usdt: int = 20, *, key: str | None = None, person: Any = None) -> OrderRecord:
    made, _payment = await visit.engine.crypto_recharge.create(person or visit.yi, usdt, key=key)
    return made


def notice(order: OrderRecord, status: str, *, payment_id: str = "", price: str = "", currency: str = "usd") -> bytes:
    return f"{order.id}:{payment_id or order.payment_id}:{status}:{price or order.price}:{currency}".encode()


async def hear(visit: Visit, order: OrderRecord, *statuses: str, **changes: str) -> None:
    """The provider says these of it."""
    for status in statuses:
        await visit.engine.crypto_recharge.notified(notice(order, status, **changes), AUTHENTIC)


async def status_of(visit: Visit, order: OrderRecord) -> str:
    return await visit.engine.crypto_recharge.status_of(visit.yi, order.id)


# --- ordering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("usdt", "diamonds"), [(12, 60), (20, 100), (100, 550)])
async def test_a_package_is_ordered_by_its_price_and_credited_when_it_is_finished(usdt: int, diamonds: int):
    async with on_a_visit() as visit:
        made, payment = await visit.engine.crypto_recharge.create(visit.yi, usdt, key=None)

        assert UUID_4.fullmatch(made.id)
        assert (made.price, made.amount, made.currency) == (usdt, diamonds, Currency.SITE_DIAMONDS)
        assert (made.cashier, made.state) == (Cashier.NOWPAYMENTS, OrderState.WAITING)
        assert (payment.payment_id, payment.pay_amount) == (made.payment_id, f"{usdt}.5")
        assert await status_of(visit, made) == "waiting"

        await hear(visit, made, "confirming", "confirmed", "sending", "finished")

        assert await status_of(visit, made) == "finished"
        assert await visit.diamonds(visit.yi) == [1_000 + diamonds]
        await visit.assert_sound()


@pytest.mark.parametrize("usdt", [0, 1, 13, -20, 10**9])
async def test_what_is_not_sold_is_not_ordered(usdt: int):
    async with on_a_visit() as visit:
        with pytest.raises(BadInput):
            await order(visit, usdt)

        assert visit.stage.crypto.created == []


async def test_packages_are_a_setting_that_can_change_while_an_order_waits():
    async with on_a_visit() as visit:
        made = await order(visit, 20)
        visit.engine.crypto_recharge.offer((settings.SitePackage(usdt=20, diamonds=7),))

        await hear(visit, made, "finished")

        assert await visit.diamonds(visit.yi) == [1_100]
        assert (await order(visit, 20)).amount == 7
        with pytest.raises(BadInput):
            await order(visit, 12)


async def test_who_is_banned_orders_nothing():
    async with on_a_visit() as visit:
        banned = replace(visit.yi, ban=Ban(kind=BanKind.ACCOUNT, text="封号", since_ms=0))

        with pytest.raises(Banned):
            await order(visit, person=banned)


async def test_ordering_at_once_with_one_key_is_one_order_and_one_payment():
    async with on_a_visit() as visit:
        made = await asyncio.gather(*(visit.engine.crypto_recharge.create(visit.yi, 20, key="k1") for _ in range(20)))

        assert len({(order.id, payment.pay_address) for order, payment in made}) == 1
        assert len(visit.stage.crypto.created) == 1
        with pytest.raises(KeyReused):
            await order(visit, 100, key="k1")


async def test_an_order_given_up_while_the_provider_thought_about_it_is_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
):
    async with on_a_visit() as visit:
        honest = visit.stage.crypto.create

        async def slow(**asked):
            payment = await honest(**asked)
            await visit.stage.stores.orders.failed(asked["order_id"], visit.engine.node.now_ms())
            return payment

        monkeypatch.setattr(visit.stage.crypto, "create", slow)

        for _ in range(2):
            with pytest.raises(ProviderDown):
                await order(visit, key="k1")


async def test_an_order_that_the_provider_does_not_take_has_failed_and_so_has_its_key():
    async with on_a_visit() as visit:
        visit.stage.crypto.is_away = True
        for _ in range(2):
            with pytest.raises(ProviderDown):
                await order(visit, key="k1")
        visit.stage.crypto.is_away = False

        with pytest.raises(ProviderDown):
            await order(visit, key="k1")
        (failed,) = await visit.stage.stores.orders.finished_of(visit.yi.id, limit=9)
        assert failed.state is OrderState.FAILED
        assert await status_of(visit, failed) == "failed"
        assert (await order(visit, key="k2")).state is OrderState.WAITING


async def test_a_repeat_of_a_request_that_died_is_told_to_come_again_and_its_order_ends():
    async with on_a_visit() as visit:
        visit.switch.is_down, visit.switch.only = True, "orders.announced"
        with pytest.raises(StoreDown):
            await order(visit, key="k1")
        visit.switch.is_down = False

        with pytest.raises(DeadlinePassed):
            await order(visit, key="k1")
        await visit.stage.advance(32 * MINUTE_MS)

        with pytest.raises(ProviderDown):
            await order(visit, key="k1")
        assert visit.stage.crypto.asked == []


# --- what is said of it --------------------------------------------------------------------------------------------


async def test_a_word_moves_only_forward():
    async with on_a_visit() as visit:
        made = await order(visit)
        seen = []
        for status in ("confirming", "waiting", "sending", "confirmed", "finished", "confirming", "expired"):
            await hear(visit, made, status)
            seen.append(await status_of(visit, made))

        assert seen == ["confirming", "confirming", "sending", "sending", "finished", "finished", "finished"]
        assert await visit.diamonds(visit.yi) == [1_100]


@pytest.mark.parametrize("status", [one.value for one in CryptoStatus if one is not CryptoStatus.FINISHED])
async def test_nothing_but_finished_credits(status: str):
    async with on_a_visit() as visit:
        made = await order(visit)

        await hear(visit, made, status, status)

        assert await visit.diamonds(visit.yi) == [1_000]
        assert await status_of(visit, made) == status
        if status == "partially_paid":
            assert visit.stage.log.take("order_partially_paid")["order_id"] == made.id


@pytest.mark.parametrize("end", ["expired", "failed"])
async def test_money_that_comes_after_the_end_is_credited(end: str):
    async with on_a_visit() as visit:
        made = await order(visit)
        await hear(visit, made, end)
        kept = await visit.stage.stores.orders.get(made.id)
        assert kept is not None
        assert kept.state is OrderState.FAILED

        await hear(visit, made, "finished")

        assert await status_of(visit, made) == "finished"
        assert await visit.diamonds(visit.yi) == [1_100]
        await visit.assert_sound()


@pytest.mark.parametrize("said", [("finished", "refunded"), ("refunded", "finished")])
async def test_what_was_credited_and_given_back_stays_and_somebody_is_told_once(said: tuple[str, str]):
    async with on_a_visit() as visit:
        made = await order(visit)

        await hear(visit, made, *said, *said)

        assert visit.stage.log.take("order_credited_and_refunded")["order_id"] == made.id
        assert "order_credited_and_refunded" not in visit.stage.log.events()
        assert await status_of(visit, made) == "refunded"
        assert await visit.diamonds(visit.yi) == [1_100]


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "19"},
        {"price": "20.000001"},
        {"price": "100"},
        {"currency": "eur"},
        {"payment_id": "p999"},
    ],
)
async def test_a_notice_that_is_unlike_its_order_credits_nothing_and_is_told(changes: dict[str, str]):
    async with on_a_visit() as visit:
        made = await order(visit)

        await hear(visit, made, "finished", **changes)

        assert visit.stage.log.take("payment_unlike_its_order")["order_id"] == made.id
        assert await status_of(visit, made) == "waiting"
        assert await visit.diamonds(visit.yi) == [1_000]


async def test_the_same_price_written_otherwise_is_the_same_price():
    async with on_a_visit() as visit:
        made = await order(visit)

        await hear(visit, made, "finished", price="20.00")

        assert await visit.diamonds(visit.yi) == [1_100]


async def test_a_notice_of_another_payment_than_the_orders_parent_credits_nothing():
    async with on_a_visit() as visit:
        made = await order(visit)
        verify = visit.stage.crypto.verify
        visit.stage.crypto.verify = lambda *said: replace(verify(*said), parent_payment_id="p7")

        await hear(visit, made, "finished")

        visit.stage.log.take("payment_unlike_its_order")
        assert await visit.diamonds(visit.yi) == [1_000]


async def test_a_notice_of_no_order_of_this_kind_is_told_and_changes_nothing():
    async with on_a_visit() as visit:
        made = await order(visit)
        by_wechat, _payment = await visit.engine.recharge.create(
            replace(visit.yi, surface="calls"), 1, key=None, address="127.0.0.1"
        )

        for unknown in (replace(made, id=OrderId("nowhere")), replace(by_wechat, payment_id="p1")):
            await hear(visit, unknown, "finished")
            visit.stage.log.take("payment_for_unknown_order")
        await visit.engine.crypto_recharge.notified(b"", AUTHENTIC)  # About nothing that we sell.

        assert await visit.diamonds(visit.yi) == [1_000]


async def test_an_order_whose_payment_was_never_heard_of_is_not_credited():
    async with on_a_visit() as visit:
        visit.switch.is_down, visit.switch.only = True, "orders.announced"
        with pytest.raises(StoreDown):
            await order(visit, key="k1")
        visit.switch.is_down = False
        (made,) = await visit.stage.stores.orders.open_before(2**53, Cashier.NOWPAYMENTS, limit=9)

        await hear(visit, made, "finished", payment_id="p1")

        visit.stage.log.take("payment_unlike_its_order")
        assert await visit.diamonds(visit.yi) == [1_000]


async def test_a_forged_notice_never_gets_as_far_as_the_order():
    async with on_a_visit() as visit:
        made = await order(visit)

        with pytest.raises(Forbidden):
            await visit.engine.crypto_recharge.notified(notice(made, "finished"), "forged")

        assert await visit.diamonds(visit.yi) == [1_000]


async def test_an_order_is_its_owners_to_look_at():
    async with on_a_visit() as visit:
        made = await order(visit)

        for person, order_id in ((visit.wei, made.id), (visit.yi, OrderId("nowhere"))):
            with pytest.raises(NotFound):
                await visit.engine.crypto_recharge.status_of(person, order_id)


@pytest.mark.parametrize("call", ["orders.get", "ledger.post", "orders.moved"])
@pytest.mark.parametrize("flaw", ["is_down", "loses_answers"])
async def test_a_notice_that_a_store_did_not_confirm_is_wanted_again_and_credits_once(call: str, flaw: str):
    async with on_a_visit() as visit:
        made = await order(visit)
        setattr(visit.switch, flaw, True)
        visit.switch.only = call
        with pytest.raises(StoreDown):
            await hear(visit, made, "finished")
        setattr(visit.switch, flaw, False)

        await hear(visit, made, "finished")

        assert await status_of(visit, made) == "finished"
        assert await visit.diamonds(visit.yi) == [1_100]


# --- asking --------------------------------------------------------------------------------------------------------


async def test_a_lost_notice_loses_no_money():
    async with on_a_visit() as visit:
        made = await order(visit)
        visit.stage.crypto.said[made.payment_id] = visit.stage.crypto.verify(notice(made, "finished"), AUTHENTIC)

        await visit.stage.advance(29 * MINUTE_MS)
        assert visit.stage.crypto.asked == []
        await visit.stage.advance(3 * MINUTE_MS)

        assert await visit.diamonds(visit.yi) == [1_100]
        assert visit.stage.crypto.asked == [made.payment_id]


async def test_each_order_gets_its_turn_however_many_wait_before_it():
    async with on_a_visit() as visit:
        made = [await order(visit) for _ in range(120)]
        visit.stage.crypto.said[made[-1].payment_id] = visit.stage.crypto.verify(
            notice(made[-1], "finished"), AUTHENTIC
        )

        await visit.stage.advance(36 * MINUTE_MS)

        assert await visit.diamonds(visit.yi) == [1_100]
        asked = visit.stage.crypto.asked
        assert set(asked) == {one.payment_id for one in made}
        assert max(map(asked.count, asked)) - min(map(asked.count, set(asked) - {made[-1].payment_id})) <= 1


async def test_a_provider_that_does_not_answer_about_one_order_holds_up_none_behind_it():
    async with on_a_visit() as visit:
        first, second = await order(visit), await order(visit)
        visit.stage.crypto.said[second.payment_id] = visit.stage.crypto.verify(notice(second, "finished"), AUTHENTIC)
        query = visit.stage.crypto.query

        async def partly(payment_id: str) -> Any:
            if payment_id == first.payment_id:
                raise StoreDown
            return await query(payment_id)

        visit.stage.crypto.query = partly
        await visit.stage.advance(33 * MINUTE_MS)

        assert await visit.diamonds(visit.yi) == [1_100]
        while "reconciling_failed" in visit.stage.log.events():
            visit.stage.log.take("reconciling_failed")


async def test_an_order_nobody_pays_is_given_up_some_day_and_a_late_payment_still_counts():
    async with on_a_visit() as visit:
        made = await order(visit)
        old = replace(made, id=OrderId("old"), created_at_ms=made.created_at_ms - 15 * 86_400_000)
        await visit.stage.stores.orders.add(old)

        await visit.engine.crypto_recharge.reconcile()

        assert (await visit.stage.stores.orders.get(made.id)).state is OrderState.WAITING
        assert await status_of(visit, old) == "failed"
        await hear(visit, old, "finished")
        assert await visit.diamonds(visit.yi) == [1_100]


# --- any order, any number -----------------------------------------------------------------------------------------

STATUSES = [one.value for one in CryptoStatus]


@effort(max_examples=100)
@given(said=st.lists(st.sampled_from(STATUSES), max_size=12), at_once=st.booleans())
async def test_an_order_is_credited_once_if_and_only_if_finished_was_said(said: list[str], at_once: bool):
    async with on_a_visit() as visit:
        made = await order(visit)

        if at_once:
            await asyncio.gather(*(hear(visit, made, status) for status in said))
        else:
            await hear(visit, made, *said)

        assert await visit.diamonds(visit.yi) == [1_100 if "finished" in said else 1_000]
        ranks = [CryptoStatus(status).rank for status in said]
        assert CryptoStatus(await status_of(visit, made)).rank == max(ranks, default=0)
        if "refunded" in said and "finished" in said:
            visit.stage.log.take("order_credited_and_refunded")
        for event in ("order_credited_and_refunded", "order_partially_paid"):
            while event in visit.stage.log.events():
                visit.stage.log.take(event)
        await visit.assert_sound()


async def flood(stores: Stores, *, orders_count: int, notices_count: int, at_once: int) -> list[float]:
    """That many notices about that many orders at two nodes at once; how long each took, in seconds.

    Each order has its own story, told one to five times over and shuffled with all others; one in ten is forged.
    """
    rng = random.Random(13)
    stages = [Stage(stores, replace(settings.Settings(), node=settings.Node(name=name))) for name in ("one", "two")]
    for stage in stages:
        await stage.start()
    try:
        person = await stores.people.add(a_person(PersonId(30_002), surface=SITE, external_id="yi"))
        made = [(await stages[0].engine.crypto_recharge.create(person, 12, key=None))[0] for _ in range(orders_count)]
        story = ["waiting", "confirming", "confirmed", "sending"]
        ends = [rng.choice(["finished", "finished", "finished", "expired", "failed"]) for _ in made]
        letters: list[tuple[bytes, str]] = []
        while len(letters) < notices_count:
            for one, end in zip(made, ends, strict=True):
                status = rng.choice([*story, end])
                letters += [(notice(one, status), AUTHENTIC)] * rng.randint(1, 5)
                if rng.random() < 0.35:
                    letters.append((notice(one, "finished"), "forged"))
        letters = letters[: notices_count - len(made)]
        letters += [(notice(one, end), AUTHENTIC) for one, end in zip(made, ends, strict=True)]
        rng.shuffle(letters)
        assert len(letters) == notices_count
        assert sum(signature != AUTHENTIC for _, signature in letters) > notices_count // 15
        gate, took, forged = asyncio.Semaphore(at_once), [], []

        async def deliver(letter: tuple[bytes, str]) -> None:
            async with gate:
                began = time.perf_counter()
                try:
                    await rng.choice(stages).engine.crypto_recharge.notified(*letter)
                except Forbidden:
                    forged.append(letter)
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(deliver(letter) for letter in letters))

        assert len(forged) == sum(signature != AUTHENTIC for _, signature in letters)
        journal = Journal()
        for one, end in zip(made, ends, strict=True):
            kept = await stores.orders.get(one.id)
            assert kept is not None
            assert kept.status == end
            assert kept.state is (OrderState.PAID if end == "finished" else OrderState.FAILED)
            if end == "finished":
                journal.paid(one.id, one.price)
        held = await stores.ledger.balance_of(wallet(Currency.SITE_DIAMONDS, person.id))
        assert held.amount == 60 * ends.count("finished")
        assert violations(await snapshot_of(stores), journal) == []
        return sorted(took)
    finally:
        for stage in stages:
            await stage.tasks.cancel_all()


async def test_ten_thousand_notices_at_two_nodes_credit_each_order_once():
    async with open_stores("memory") as stores:
        took = await flood(stores, orders_count=500, notices_count=10_000, at_once=50)

        assert took[len(took) * 99 // 100] <= 0.5


@pytest.mark.mongo
@pytest.mark.real_loop
async def test_as_many_as_there_is_time_for_do_the_same_in_a_real_store():
    async with open_stores("real") as stores:
        took = await flood(stores, orders_count=25, notices_count=500, at_once=20)

        assert took[len(took) * 99 // 100] <= 3.0  # What the provider gives; other tests run beside this one.
