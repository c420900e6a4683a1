"""What every ``OrderStore`` promises. How an order becomes *paid* is in ``test_contract_ledger.py``."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import OrderId
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.interfaces.stores import Stores
from tests.support.records import BOB, GOLD, T0, TOM, a_recharge, an_order
from tests.support.stores import on_every_store

NOWHERE = OrderId("order-99")


async def paid(stores: Stores, order: OrderRecord) -> OrderRecord:
    await stores.ledger.post([a_recharge(order)], decide)
    kept = await stores.orders.get(order.id)
    assert kept is not None
    assert kept.state is OrderState.PAID
    return kept


@on_every_store
async def test_an_order_comes_back_as_kept(stores: Stores) -> None:
    order = an_order(request_key="key-1", payment=b"\x00words", transaction_id="", finished_at_ms=None)

    assert await stores.orders.add(order) == order
    assert await stores.orders.get(order.id) == order
    assert await stores.orders.get(NOWHERE) is None


@on_every_store
async def test_the_same_request_of_the_same_person_is_the_same_order(stores: Stores) -> None:
    first = await stores.orders.add(an_order("order-1", request_key="key"))

    assert await stores.orders.add(an_order("order-2", request_key="key", product_id=9)) == first
    assert await stores.orders.get(OrderId("order-2")) is None

    of_bob = an_order("order-3", request_key="key", person_id=BOB)
    assert await stores.orders.add(of_bob) == of_bob


@on_every_store
async def test_the_same_request_gives_the_order_as_it_is_by_now(stores: Stores) -> None:
    order = await stores.orders.add(an_order(request_key="key"))
    waiting = await stores.orders.announced(order.id, b"words")

    assert await stores.orders.add(order) == waiting


@on_every_store
async def test_orders_without_a_request_key_are_all_different(stores: Stores) -> None:
    one, two = an_order("order-1"), an_order("order-2")

    assert await stores.orders.add(one) == one
    assert await stores.orders.add(two) == two


@on_every_store
@pytest.mark.parametrize("request_key", [None, "key"])
async def test_adding_the_same_order_again_is_fine(stores: Stores, request_key: str | None) -> None:
    order = an_order(request_key=request_key)
    await stores.orders.add(order)

    assert await stores.orders.add(order) == order


@on_every_store
@pytest.mark.parametrize(
    "change",
    [
        {"person_id": BOB},
        {"currency": GOLD},
        {"amount": 999},
        {"cashier": Cashier.NOWPAYMENTS},
        {"request_key": "other"},
        {"created_at_ms": T0 + 1},
    ],
)
async def test_the_id_of_another_order_is_a_conflict(stores: Stores, change: dict[str, object]) -> None:
    order = await stores.orders.add(an_order(request_key="key"))

    with pytest.raises(Conflict):
        await stores.orders.add(replace(order, **{"request_key": None, **change}))

    assert await stores.orders.get(order.id) == order


@on_every_store
async def test_one_of_many_orders_of_one_request_at_once_is_kept(stores: Stores) -> None:
    orders = [an_order(f"order-{number}", request_key="key") for number in range(8)]

    kept = await asyncio.gather(*(stores.orders.add(order) for order in orders))

    assert len({order.id for order in kept}) == 1
    there = [order.id for order in orders if await stores.orders.get(order.id)]
    assert there == [kept[0].id]


# --- states --------------------------------------------------------------------------------------------------------


@on_every_store
async def test_an_announced_order_waits_with_the_words_of_the_first_announcement(stores: Stores) -> None:
    order = await stores.orders.add(an_order())

    waiting = await stores.orders.announced(order.id, b"first")

    assert waiting == replace(order, state=OrderState.WAITING, payment=b"first")
    assert await stores.orders.announced(order.id, b"second") == waiting
    assert await stores.orders.get(order.id) == waiting


@on_every_store
async def test_an_unknown_order_cannot_be_announced(stores: Stores) -> None:
    with pytest.raises(NotThere):
        await stores.orders.announced(NOWHERE, b"words")


@on_every_store
@pytest.mark.parametrize("is_announced", [False, True])
async def test_an_open_order_fails_once_and_stays_failed(stores: Stores, is_announced: bool) -> None:
    order = await stores.orders.add(an_order())
    if is_announced:
        order = await stores.orders.announced(order.id, b"words")

    await stores.orders.failed(order.id, T0 + 5)
    await stores.orders.failed(order.id, T0 + 6)

    failed = replace(order, state=OrderState.FAILED, finished_at_ms=T0 + 5)
    assert await stores.orders.get(order.id) == failed
    assert await stores.orders.announced(order.id, b"late words") == failed
    assert await stores.orders.get(order.id) == failed


@on_every_store
async def test_an_unknown_order_fails_without_a_trace(stores: Stores) -> None:
    await stores.orders.failed(NOWHERE, T0)

    assert await stores.orders.get(NOWHERE) is None


@on_every_store
async def test_a_paid_order_stays_paid(stores: Stores) -> None:
    order = await paid(stores, await stores.orders.add(an_order()))

    await stores.orders.failed(order.id, T0 + 5)

    assert await stores.orders.announced(order.id, b"late words") == order
    assert await stores.orders.get(order.id) == order


# --- lists ---------------------------------------------------------------------------------------------------------


async def one_of_each(stores: Stores) -> dict[str, OrderRecord]:
    """Orders of Tom's in every state, one second after the other, and a failed one of Bob's."""
    names = ["intended", "waiting", "failed", "paid", "failed too", "bob's"]
    added = {
        name: await stores.orders.add(
            an_order(f"order-{number}", created_at_ms=T0 + 1_000 * number, person_id=BOB if name == "bob's" else TOM)
        )
        for number, name in enumerate(names)
    }
    await stores.orders.announced(added["waiting"].id, b"words")
    for name in ("failed", "failed too", "bob's"):
        await stores.orders.failed(added[name].id, added[name].created_at_ms + 10)
    await paid(stores, added["paid"])
    orders = {}
    for name, order in added.items():
        kept = await stores.orders.get(order.id)
        assert kept is not None
        orders[name] = kept
    return orders


@on_every_store
@pytest.mark.parametrize(("limit", "names"), [(10, ["failed too", "paid", "failed"]), (2, ["failed too", "paid"])])
async def test_finished_orders_of_a_person_come_newest_first(stores: Stores, limit: int, names: list[str]) -> None:
    orders = await one_of_each(stores)

    assert await stores.orders.finished_of(TOM, limit=limit) == tuple(orders[name] for name in names)


@on_every_store
@pytest.mark.parametrize(
    ("created_before_ms", "limit", "names"),
    [
        (T0 + 9_000, 10, ["intended", "waiting"]),
        (T0 + 9_000, 1, ["intended"]),
        (T0 + 1_001, 10, ["intended", "waiting"]),
        (T0 + 1_000, 10, ["intended"]),
        (T0, 10, []),
    ],
)
async def test_open_orders_of_anybody_from_before_a_moment_come_oldest_first(
    stores: Stores, created_before_ms: int, limit: int, names: list[str]
) -> None:
    orders = await one_of_each(stores)

    found = await stores.orders.open_before(created_before_ms, Cashier.WECHAT, limit=limit)

    assert found == tuple(orders[name] for name in names)


@on_every_store
async def test_open_orders_are_each_cashiers_own_and_can_be_gone_through_in_steps(stores: Stores) -> None:
    orders = [
        await stores.orders.add(an_order(f"order-{number}", cashier=cashier, created_at_ms=T0 + number // 3))
        for number, cashier in enumerate([Cashier.NOWPAYMENTS] * 5 + [Cashier.WECHAT])
    ]

    steps, after = [], None
    while found := await stores.orders.open_before(T0 + 9, Cashier.NOWPAYMENTS, after=after, limit=2):
        steps.append(found)
        after = found[-1]

    assert [order for step in steps for order in step] == orders[:5]
    assert len(steps) == 3
    assert await stores.orders.open_before(T0 + 9, Cashier.WECHAT, limit=9) == (orders[5],)


@on_every_store
async def test_a_cashiers_word_moves_on_from_where_it_may_in_any_state(stores: Stores) -> None:
    order = await stores.orders.add(an_order(cashier=Cashier.NOWPAYMENTS))
    await stores.orders.announced(order.id, b"words", payment_id="6422917718", status="waiting")

    assert await stores.orders.moved(order.id, "sending", before=["waiting", "confirming"])
    assert not await stores.orders.moved(order.id, "confirming", before=["waiting"])
    await paid(stores, order)
    assert await stores.orders.moved(order.id, "finished", before=["waiting", "sending"])
    assert not await stores.orders.moved(NOWHERE, "finished", before=["", "waiting"])

    kept = await stores.orders.get(order.id)
    assert kept is not None
    assert (kept.status, kept.payment_id, kept.state) == ("finished", "6422917718", OrderState.PAID)


@on_every_store
async def test_orders_can_be_found_by_the_cashiers_word_newest_first(stores: Stores) -> None:
    for number, status in enumerate(["refunded", "waiting", "partially_paid", ""]):
        order = await stores.orders.add(an_order(f"order-{number}", created_at_ms=T0 + number))
        await stores.orders.announced(order.id, b"words", status=status)

    async def names(*statuses: str, since_ms: int = T0, limit: int = 9) -> list[str]:
        return [one.id for one in await stores.orders.with_status(statuses, since_ms=since_ms, limit=limit)]

    assert await names("refunded", "partially_paid") == ["order-2", "order-0"]
    assert await names("refunded", "partially_paid", limit=1) == ["order-2"]
    assert await names("refunded", "partially_paid", since_ms=T0 + 1) == ["order-2"]
    assert await names("expired") == []
