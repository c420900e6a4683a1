"""What every ``LedgerStore`` promises, with the engine's own ``decide`` and with reckless ones.

Whoever posts or folds may be told ``Conflict`` and then does it again, so ``post`` and ``fold`` here do, a few times.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import pytest
from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.calls import CallRecord, Phase
from store.interfaces.errors import Conflict
from store.interfaces.ids import CallId, EntryId, NodeId, OrderId, PersonId
from store.interfaces.ledger import (
    Balance,
    CallFence,
    Decide,
    Earned,
    EntryKind,
    Facts,
    Held,
    JournalEntry,
    MinuteClaim,
    Move,
    OrderClaim,
    OrderFence,
    OutboxRow,
    Outcome,
    Plan,
    Posting,
    Verdict,
)
from store.interfaces.money import house
from store.interfaces.orders import OrderState
from store.interfaces.stores import Stores
from tests.support.records import (
    ANN,
    BOB,
    DIAMONDS,
    GOLD,
    INCOME,
    MEI,
    POINTS,
    SITE,
    T0,
    TOM,
    a_call,
    a_donation,
    a_gift,
    a_gold_gift,
    a_grant,
    a_minute,
    a_recharge,
    a_subscription,
    an_order,
    diamonds_of,
    donation_of,
    ended,
    gold_of,
    income_of,
    points_of,
    subscription_of,
)
from tests.support.stores import let_pass, on_every_store, store_now_ms

ALL: Final = 1_000
TRIES_MAX: Final = 100

Result = TypeVar("Result")


async def again_on_conflict(call: Callable[[], Awaitable[Result]]) -> Result:
    for _ in range(TRIES_MAX):
        try:
            return await call()
        except Conflict:
            await asyncio.sleep(0.005)  # As the ledger does: another transaction was in the way.
    pytest.fail("conflicts without end")


async def post(stores: Stores, *moves: Move, by: Decide = decide) -> tuple[Outcome, ...]:
    return await again_on_conflict(lambda: stores.ledger.post(moves, by))


async def fold(stores: Stores, batches_max: int = ALL) -> int:
    return await again_on_conflict(lambda: stores.ledger.fold(batches_max))


async def rich(stores: Stores, person_id: PersonId, amount: int) -> None:
    """Give somebody diamonds that can be spent."""
    (outcome,) = await post(stores, a_grant(person_id, amount, key="to begin with"))
    assert outcome.verdict is Verdict.POSTED
    await fold(stores)


async def joining(stores: Stores, **changes: Any) -> CallRecord:
    return await stores.calls.add(a_call(**{"phase": Phase.JOINING, **changes}))


async def diamonds(stores: Stores, person_id: PersonId) -> int:
    return (await stores.ledger.balance_of(diamonds_of(person_id))).amount


async def points(stores: Stores, person_id: PersonId) -> int:
    return (await stores.ledger.balance_of(points_of(person_id))).amount


def verdicts(outcomes: Sequence[Outcome]) -> list[Verdict]:
    return [outcome.verdict for outcome in outcomes]


async def look(stores: Stores) -> dict[str, object]:
    """Everything a refused or failed batch must leave as it was."""
    people = (TOM, BOB, MEI, ANN)
    return {
        "diamonds": [await stores.ledger.balance_of(diamonds_of(one)) for one in people],
        "points": [await stores.ledger.balance_of(points_of(one)) for one in people],
        "entries": [await stores.ledger.entries_of(diamonds_of(one)) for one in people],
        "outbox": await stores.ledger.unsent(ALL),
        "call": await stores.calls.get(CallId(50_001)),
        "order": await stores.orders.get(OrderId("order-1")),
        "audit": await stores.ledger.audit(),
    }


# --- entries -------------------------------------------------------------------------------------------------------


@on_every_store
async def test_a_posted_move_is_an_entry_with_all_that_the_move_said(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    gift = a_gift(TOM, MEI, 30, call_id=CallId(50_007), minute=4, note="玫瑰 × 3")
    before_ms = await store_now_ms(stores)

    (outcome,) = await post(stores, gift)

    after_ms = await store_now_ms(stores)
    entry = outcome.entry
    assert outcome.verdict is Verdict.POSTED
    assert entry is not None
    assert entry == JournalEntry(
        id=gift.id,
        kind=EntryKind.GIFT,
        postings=gift.postings,
        person_id=TOM,
        call_id=CallId(50_007),
        minute=4,
        note="玫瑰 × 3",
        at_ms=entry.at_ms,
        payer_balance=70,
    )
    # One millisecond of tolerance: a snapshot's clock may be the one of its beginning.
    assert before_ms - 1 <= entry.at_ms <= after_ms
    assert await stores.ledger.entry(gift.id) == entry


@on_every_store
async def test_an_unknown_entry_is_none(stores: Stores) -> None:
    assert await stores.ledger.entry(EntryId("gift:1:1")) is None


@on_every_store
async def test_posting_again_finds_the_entry_and_moves_nothing(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    (first,) = await post(stores, a_gift(TOM, MEI, 30))
    await post(stores, a_gift(TOM, MEI, 5, key="in between"))

    (second,) = await post(stores, a_gift(TOM, MEI, 30))

    assert second.verdict is Verdict.ALREADY
    assert second.entry == first.entry
    assert await diamonds(stores, TOM) == 65
    assert len(await stores.ledger.entries_of(diamonds_of(TOM))) == 3


@on_every_store
async def test_a_batch_may_hold_the_same_move_twice(stores: Stores) -> None:
    await rich(stores, TOM, 100)

    outcomes = await post(stores, a_gift(TOM, MEI, 30), a_gift(TOM, MEI, 30))

    assert verdicts(outcomes) == [Verdict.POSTED, Verdict.ALREADY]
    assert outcomes[0].entry == outcomes[1].entry
    assert await diamonds(stores, TOM) == 70


@on_every_store
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_gift(TOM, MEI, 31), id="another amount"),
        pytest.param(a_gift(TOM, ANN, 30), id="another receiver"),
        pytest.param(a_gift(TOM, MEI, 30, kind=EntryKind.MINUTE), id="another kind"),
        pytest.param(a_gift(TOM, MEI, 30, person_id=BOB), id="another person"),
        pytest.param(a_gift(TOM, MEI, 30, call_id=CallId(50_001)), id="another call"),
        pytest.param(a_gift(TOM, MEI, 30, minute=2), id="another minute"),
        pytest.param(a_gift(TOM, MEI, 30, note="else"), id="another note"),
    ],
)
async def test_other_content_under_a_taken_id_is_a_mismatch_and_overwrites_nothing(stores: Stores, other: Move) -> None:
    await rich(stores, TOM, 100)
    (first,) = await post(stores, a_gift(TOM, MEI, 30))
    before = await look(stores)

    (outcome,) = await post(stores, other)

    assert (outcome.verdict, outcome.entry) == (Verdict.MISMATCH, first.entry)
    assert await stores.ledger.entry(other.id) == first.entry
    assert await look(stores) == before


@on_every_store
async def test_one_of_many_equal_moves_at_once_is_posted(stores: Stores) -> None:
    await rich(stores, TOM, 100)

    outcomes = await asyncio.gather(*(post(stores, a_gift(TOM, MEI, 30)) for _ in range(6)))

    assert Counter(outcome.verdict for (outcome,) in outcomes) == {Verdict.POSTED: 1, Verdict.ALREADY: 5}
    assert len({outcome.entry for (outcome,) in outcomes}) == 1
    assert (await diamonds(stores, TOM), await points(stores, MEI)) == (70, 15)


@on_every_store
async def test_amounts_beyond_32_bits_are_exact(stores: Stores) -> None:
    await rich(stores, TOM, 2**53 - 1)

    (outcome,) = await post(stores, a_gift(TOM, MEI, 2**40 + 1))

    assert outcome.entry is not None
    assert outcome.entry.payer_balance == 2**53 - 2**40 - 2
    assert await diamonds(stores, TOM) == 2**53 - 2**40 - 2
    assert await points(stores, MEI) == 2**39
    assert await stores.ledger.entry(outcome.entry.id) == outcome.entry


@on_every_store
async def test_a_batch_of_two_hundred_lands_whole(stores: Stores) -> None:
    await post(stores, *(a_grant(PersonId(20_000 + number), 10) for number in range(200)))
    await fold(stores)

    gifts = [a_gift(PersonId(20_000 + number), MEI, 10) for number in range(200)]
    outcomes = await post(stores, *gifts)

    assert set(verdicts(outcomes)) == {Verdict.POSTED}
    assert [outcome.entry.id for outcome in outcomes if outcome.entry] == [gift.id for gift in gifts]
    assert await stores.ledger.balance_of(points_of(MEI)) == Balance(
        amount=1_000, earned={EntryKind.GIFT: Earned(200, 1_000)}
    )
    assert (await stores.ledger.audit()).findings == ()


# --- the floor -----------------------------------------------------------------------------------------------------


@on_every_store
@pytest.mark.parametrize(
    ("amount", "verdict", "balance", "left"),
    [
        (99, Verdict.POSTED, 1, 1),
        (100, Verdict.POSTED, 0, 0),
        (101, Verdict.BELOW_FLOOR, 100, 100),
        (2**60, Verdict.BELOW_FLOOR, 100, 100),
    ],
)
async def test_a_wallet_can_be_emptied_and_not_overdrawn(
    stores: Stores, amount: int, verdict: Verdict, balance: int, left: int
) -> None:
    await rich(stores, TOM, 100)

    (outcome,) = await post(stores, a_gift(TOM, MEI, amount))

    assert (outcome.verdict, outcome.balance) == (verdict, balance)
    assert (outcome.entry is None) is (verdict is Verdict.BELOW_FLOOR)
    assert await diamonds(stores, TOM) == left


@on_every_store
async def test_a_wallet_nobody_has_used_holds_nothing(stores: Stores) -> None:
    (outcome,) = await post(stores, a_gift(TOM, MEI, 1))

    assert (outcome.verdict, outcome.balance) == (Verdict.BELOW_FLOOR, 0)
    assert await stores.ledger.balance_of(diamonds_of(TOM)) == Balance()
    assert await stores.ledger.audit() == replace(await stores.ledger.audit(), entries_count=0, findings=())


@on_every_store
async def test_a_credit_is_shown_at_once_and_can_be_spent_once_folded(stores: Stores) -> None:
    await post(stores, a_grant(TOM, 100))
    assert await diamonds(stores, TOM) == 100

    (early,) = await post(stores, a_gift(TOM, MEI, 60))
    assert (early.verdict, early.balance) == (Verdict.BELOW_FLOOR, 0)

    await fold(stores)
    (later,) = await post(stores, a_gift(TOM, MEI, 60))
    assert (later.verdict, later.balance) == (Verdict.POSTED, 40)


@on_every_store
async def test_an_entry_says_what_the_payer_had_left_unfolded_credits_left_out(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    await post(stores, a_grant(TOM, 1_000, key="unfolded"))

    outcomes = await post(stores, a_gift(TOM, MEI, 30, key="a"), a_gift(TOM, MEI, 30, key="b"), a_grant(BOB, 5))

    assert [outcome.entry.payer_balance for outcome in outcomes if outcome.entry] == [70, 40, None]
    assert await diamonds(stores, TOM) == 1_040


@on_every_store
async def test_a_refused_move_is_answered_alone_and_the_others_pass(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    await rich(stores, BOB, 10)

    outcomes = await post(
        stores,
        a_gift(TOM, MEI, 80, key="passes"),
        a_gift(TOM, MEI, 30, key="too much"),
        a_gift(BOB, MEI, 10),
        a_gift(TOM, MEI, 20, key="just fits"),
    )

    assert verdicts(outcomes) == [Verdict.POSTED, Verdict.BELOW_FLOOR, Verdict.POSTED, Verdict.POSTED]
    assert outcomes[1].balance == 20
    assert (await diamonds(stores, TOM), await diamonds(stores, BOB)) == (0, 0)
    assert await stores.ledger.entry(a_gift(TOM, MEI, 30, key="too much").id) is None


@on_every_store
async def test_many_at_once_spend_no_more_than_there_is(stores: Stores) -> None:
    await rich(stores, TOM, 100)

    outcomes = await asyncio.gather(*(post(stores, a_gift(TOM, MEI, 30, key=str(number))) for number in range(8)))

    assert Counter(outcome.verdict for (outcome,) in outcomes) == {Verdict.POSTED: 3, Verdict.BELOW_FLOOR: 5}
    assert sorted(outcome.entry.payer_balance or 0 for (outcome,) in outcomes if outcome.entry) == [10, 40, 70]
    assert (await diamonds(stores, TOM), await points(stores, MEI)) == (10, 45)
    assert (await stores.ledger.audit()).findings == ()


# --- a cost that two purses share ----------------------------------------------------------------------------------


async def two_purses(stores: Stores, gold: int, income: int, person_id: PersonId = TOM) -> None:
    """Give somebody gold and income that can be spent."""
    for currency, amount in ((GOLD, gold), (INCOME, income)):
        if amount:
            await post(stores, a_grant(person_id, amount, f"first {currency}", currency=currency))
    await fold(stores)


async def purses(stores: Stores, person_id: PersonId = TOM) -> tuple[int, int]:
    of_gold, of_income = gold_of(person_id), income_of(person_id)
    return (await stores.ledger.balance_of(of_gold)).amount, (await stores.ledger.balance_of(of_income)).amount


async def insist(stores: Stores, move: Move) -> Outcome:
    """Post as the ledger does: whatever is not folded in time is folded."""
    while True:
        (outcome,) = await post(stores, move)
        if outcome.verdict is not Verdict.UNFOLDED:
            return outcome
        await fold(stores)


@on_every_store
@pytest.mark.parametrize(
    ("gold", "income", "verdict", "left"),
    [
        (100, 0, Verdict.POSTED, (70, 0)),
        (30, 10, Verdict.POSTED, (0, 10)),
        (29, 10, Verdict.POSTED, (0, 9)),
        (0, 30, Verdict.POSTED, (0, 0)),
        (20, 9, Verdict.BELOW_FLOOR, (20, 9)),
        (0, 0, Verdict.BELOW_FLOOR, (0, 0)),
    ],
)
async def test_gold_pays_first_and_income_the_rest(
    stores: Stores, gold: int, income: int, verdict: Verdict, left: tuple[int, int]
) -> None:
    await two_purses(stores, gold, income)

    (outcome,) = await post(stores, a_gold_gift(TOM, MEI, 30))

    told = outcome.held if outcome.entry is None else outcome.entry.held
    assert outcome.verdict is verdict
    assert told == (Held(gold_of(TOM), left[0]), Held(income_of(TOM), left[1]))
    assert await purses(stores) == left
    assert await purses(stores, MEI) == (0, 15 if verdict is Verdict.POSTED else 0)
    if outcome.entry is not None:
        assert await stores.ledger.entry(outcome.entry.id) == outcome.entry
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_a_repeat_gets_the_first_entry_though_the_cost_would_be_split_otherwise_by_now(stores: Stores) -> None:
    await two_purses(stores, 10, 50)
    (first,) = await post(stores, a_gold_gift(TOM, MEI, 30))
    await post(stores, a_grant(TOM, 100, currency=GOLD))
    await fold(stores)

    (again,) = await post(stores, a_gold_gift(TOM, MEI, 30))
    (other,) = await post(stores, a_gold_gift(TOM, MEI, 31))

    assert (again.verdict, again.entry) == (Verdict.ALREADY, first.entry)
    assert (other.verdict, other.entry) == (Verdict.MISMATCH, first.entry)
    assert await purses(stores) == (100, 30)


@on_every_store
async def test_income_that_is_not_folded_is_counted_and_spent_once_it_is(stores: Stores) -> None:
    await two_purses(stores, 10, 0)
    await two_purses(stores, 100, 0, BOB)
    await post(stores, a_gold_gift(BOB, TOM, 60))

    (early,) = await post(stores, a_gold_gift(TOM, MEI, 40))
    (too_much,) = await post(stores, a_gold_gift(TOM, MEI, 41, key="too much"))
    later = await insist(stores, a_gold_gift(TOM, MEI, 40))

    held = (Held(gold_of(TOM), 10), Held(income_of(TOM), 30))
    assert (early.verdict, early.held) == (Verdict.UNFOLDED, held)
    assert (too_much.verdict, too_much.held) == (Verdict.BELOW_FLOOR, held)
    assert later.verdict is Verdict.POSTED
    assert await purses(stores) == (0, 0)
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_income_does_not_pay_while_there_is_gold_that_is_not_folded(stores: Stores) -> None:
    await two_purses(stores, 10, 100)
    order = await stores.orders.add(an_order(currency=GOLD, amount=60))
    await post(stores, a_recharge(order))

    (early,) = await post(stores, a_gold_gift(TOM, MEI, 40))
    later = await insist(stores, a_gold_gift(TOM, MEI, 40))

    assert early.verdict is Verdict.UNFOLDED
    assert later.verdict is Verdict.POSTED
    assert await purses(stores) == (30, 100)


@on_every_store
async def test_what_is_not_folded_and_not_needed_is_told_among_what_is_held(stores: Stores) -> None:
    await two_purses(stores, 50, 0)
    await post(stores, a_grant(TOM, 7, currency=INCOME), a_grant(TOM, 5, key="2", currency=GOLD))

    (outcome,) = await post(stores, a_gold_gift(TOM, MEI, 40))

    assert outcome.entry is not None
    assert outcome.entry.held == (Held(gold_of(TOM), 15), Held(income_of(TOM), 7))


@on_every_store
async def test_many_gifts_at_once_out_of_nearly_empty_purses_take_what_there_is_and_no_more(stores: Stores) -> None:
    await two_purses(stores, 50, 45)

    gifts = [a_gold_gift(TOM, MEI, 30, key=str(number)) for number in range(6)]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*(post(stores, gift) for gift in gifts))]

    assert Counter(outcome.verdict for outcome in outcomes) == {Verdict.POSTED: 3, Verdict.BELOW_FLOOR: 3}
    held = [tuple(one.amount for one in outcome.entry.held) for outcome in outcomes if outcome.entry]
    assert sorted(held, reverse=True) == [(20, 45), (0, 35), (0, 5)]
    assert {outcome.held for outcome in outcomes if not outcome.entry} == {
        (Held(gold_of(TOM), 0), Held(income_of(TOM), 5))
    }
    assert await purses(stores) == (0, 5)
    assert await purses(stores, MEI) == (0, 45)
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_a_recharge_beside_gifts_is_spent_before_income_or_after_the_gift(stores: Stores) -> None:
    await two_purses(stores, 10, 100)
    order = await stores.orders.add(an_order(currency=GOLD, amount=60))
    gifts = [a_gold_gift(TOM, MEI, 30, key=str(number)) for number in range(3)]

    async def recharge() -> Outcome:
        (outcome,) = await post(stores, a_recharge(order))
        return outcome

    outcomes = await asyncio.gather(*(insist(stores, gift) for gift in gifts), recharge())

    assert {outcome.verdict for outcome in outcomes} == {Verdict.POSTED}
    assert sum(await purses(stores)) == 170 - 90
    for outcome in outcomes:
        assert outcome.entry is not None
        took_income = any(leg.account == income_of(TOM) and leg.amount < 0 for leg in outcome.entry.postings)
        assert not (took_income and outcome.entry.held[0].amount)
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_people_who_give_to_each_other_at_once_lose_and_make_nothing(stores: Stores) -> None:
    people = (TOM, BOB, MEI)
    for person_id in people:
        await two_purses(stores, 20, 10, person_id)
    gifts = [
        a_gold_gift(sender, receiver, 10, key=f"{receiver}:{number}")
        for number in range(3)
        for sender in people
        for receiver in people
        if sender != receiver
    ]

    outcomes = await asyncio.gather(*(insist(stores, gift) for gift in gifts))
    await fold(stores)

    given = sum(outcome.verdict is Verdict.POSTED for outcome in outcomes)
    assert {outcome.verdict for outcome in outcomes} <= {Verdict.POSTED, Verdict.BELOW_FLOOR}
    assert sum([sum(await purses(stores, person_id)) for person_id in people]) == 90 - 5 * given
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
async def test_statements_of_both_purses_show_what_each_has_paid(stores: Stores) -> None:
    await two_purses(stores, 10, 50)
    (outcome,) = await post(stores, a_gold_gift(TOM, MEI, 30))

    for account, of_whom in ((gold_of(TOM), -10), (income_of(TOM), -20), (income_of(MEI), 15)):
        newest, *_ = await stores.ledger.entries_of(account)
        assert newest == outcome.entry
        assert sum(leg.amount for leg in newest.postings if leg.account == account) == of_whom


# --- facts and plans -----------------------------------------------------------------------------------------------


@on_every_store
async def test_decide_is_given_the_facts_about_the_batch(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    call = await joining(stores)
    await post(stores, a_minute(call, 1), a_grant(TOM, 7, key="unfolded"))
    posted = await stores.ledger.entry(a_minute(call, 1).id)
    order = await stores.orders.add(an_order())
    seen: list[Facts] = []

    def watched(moves: Sequence[Move], facts: Facts) -> Plan:
        seen.append(facts)
        return decide(moves, facts)

    unknown = a_call(50_009)
    batch = [a_minute(call, 1), a_minute(call, 2), a_minute(unknown, 1), a_recharge(order), a_gift(BOB, MEI, 1)]
    await post(stores, *batch, a_recharge(an_order("order-9")), by=watched)

    facts = seen[-1]
    assert abs(facts.now_ms - await store_now_ms(stores)) < 5_000
    assert facts.posted == {a_minute(call, 1).id: posted}
    assert (facts.balances.get(diamonds_of(TOM), 0), facts.balances.get(diamonds_of(BOB), 0)) == (50, 0)
    assert facts.calls == {call.id: CallFence(epoch=1, minutes_paid=1, is_live=True)}
    assert facts.orders == {order.id: OrderFence(person_id=TOM, currency=DIAMONDS, amount=100, is_paid=False)}


@on_every_store
async def test_ended_calls_and_paid_orders_are_told_as_such(stores: Stores) -> None:
    call = await joining(stores)
    await stores.calls.save(ended(call))
    order = await stores.orders.add(an_order())
    await post(stores, a_recharge(order))
    seen: list[Facts] = []

    def watched(moves: Sequence[Move], facts: Facts) -> Plan:
        seen.append(facts)
        return decide(moves, facts)

    await post(stores, a_minute(call, 1), a_recharge(order, id=EntryId("another")), by=watched)

    assert seen[-1].calls == {call.id: CallFence(epoch=1, minutes_paid=0, is_live=False)}
    assert seen[-1].orders == {order.id: OrderFence(person_id=TOM, currency=DIAMONDS, amount=100, is_paid=True)}


@on_every_store
async def test_a_decision_that_fails_writes_nothing(stores: Stores) -> None:
    class DecisionFailedError(Exception):
        pass

    def failing(_moves: Sequence[Move], _facts: Facts) -> Plan:
        raise DecisionFailedError

    await rich(stores, TOM, 100)
    before = await look(stores)

    with pytest.raises(DecisionFailedError):
        await stores.ledger.post([a_gift(TOM, MEI, 30)], failing)

    assert await look(stores) == before
    assert verdicts(await post(stores, a_gift(TOM, MEI, 30))) == [Verdict.POSTED]


@on_every_store
async def test_a_plan_that_writes_nothing_is_fine(stores: Stores) -> None:
    outcome = Outcome(verdict=Verdict.OUT_OF_TURN)

    assert await post(stores, a_grant(TOM, 5), by=lambda _moves, _facts: Plan(outcomes=(outcome,))) == (outcome,)
    assert await stores.ledger.entry(a_grant(TOM, 5).id) is None


def overdraft(plan: Plan) -> Plan:
    return replace(plan, debits={**plan.debits, diamonds_of(TOM): 101})


def overdraft_of_nothing(plan: Plan) -> Plan:
    return replace(plan, debits={**plan.debits, diamonds_of(ANN): 1})


def taken_id(plan: Plan) -> Plan:
    (entry, *others) = plan.entries
    return replace(plan, entries=(replace(entry, id=EntryId(f"grant:{TOM}:to begin with")), *others))


def minute(**changes: Any) -> Callable[[Plan], Plan]:
    claim = MinuteClaim(call_id=CallId(50_001), epoch=1, minute=2, begins_at_ms=T0, early_ms_max=0)
    return lambda plan: replace(plan, minutes=(replace(claim, **changes),))


def order(name: str) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, orders=(OrderClaim(order_id=OrderId(name), transaction_id="wx-9"),))


def subscription(since_ms: int) -> Callable[[Plan], Plan]:
    wanted = subscription_of(a_subscription(TOM, MEI, since_ms))
    return lambda plan: replace(plan, subscriptions=(wanted,))


def donation(plan: Plan) -> Plan:
    return replace(plan, donations=(donation_of(a_donation(TOM, MEI, 5)),))


@on_every_store
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(overdraft, id="an overdraft"),
        pytest.param(overdraft_of_nothing, id="an overdraft of an unused wallet"),
        pytest.param(taken_id, id="an id that is taken"),
        pytest.param(minute(epoch=2), id="a minute of a foreign epoch"),
        pytest.param(minute(minute=3), id="a minute too far"),
        pytest.param(minute(minute=1), id="a minute that is paid"),
        pytest.param(minute(call_id=CallId(50_009)), id="a minute of no call"),
        pytest.param(minute(call_id=CallId(50_002), minute=1), id="a minute of an ended call"),
        pytest.param(order("order-1"), id="an order that is paid"),
        pytest.param(order("order-9"), id="no order"),
        pytest.param(subscription(T0 + 999), id="a subscription while one runs"),
        pytest.param(donation, id="a donation that is kept"),
    ],
)
async def test_the_store_guards_what_a_wrong_decision_would_break_and_writes_no_part_of_it(
    stores: Stores, spoil: Callable[[Plan], Plan]
) -> None:
    await rich(stores, TOM, 150)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))
    over = await joining(stores, id=CallId(50_002), guest_id=BOB, anchor_id=ANN)
    await stores.calls.save(ended(over))
    await post(stores, a_grant(TOM, 100, "site", currency=SITE))
    await fold(stores)
    await post(stores, a_subscription(TOM, MEI), a_donation(TOM, MEI, 5))
    await post(stores, a_recharge(await stores.orders.add(an_order())))
    before = await look(stores)

    with pytest.raises(Conflict):
        await stores.ledger.post(
            [a_grant(BOB, 5), a_gift(TOM, MEI, 10)], lambda moves, facts: spoil(decide(moves, facts))
        )

    assert await look(stores) == before
    assert verdicts(await post(stores, a_grant(BOB, 5), a_gift(TOM, MEI, 10))) == [Verdict.POSTED] * 2


# --- minutes -------------------------------------------------------------------------------------------------------


@on_every_store
async def test_minute_1_connects_the_call_and_the_next_ones_count_on(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    begins_at_ms = await store_now_ms(stores) - 200_000

    (first,) = await post(stores, a_minute(call, 1, begins_at_ms=begins_at_ms))

    connected = replace(call, phase=Phase.CONNECTED, started_at_ms=begins_at_ms, minutes_paid=1)
    assert first.verdict is Verdict.POSTED
    assert await stores.calls.get(call.id) == connected
    assert (await diamonds(stores, TOM), await points(stores, MEI)) == (950, 25)

    outcomes = await post(
        stores,
        a_minute(call, 2, begins_at_ms=begins_at_ms + 60_000),
        a_minute(call, 3, begins_at_ms=begins_at_ms + 120_000),
    )

    assert verdicts(outcomes) == [Verdict.POSTED] * 2
    assert await stores.calls.get(call.id) == replace(connected, minutes_paid=3)
    assert (await diamonds(stores, TOM), await points(stores, MEI)) == (850, 75)
    assert (await stores.ledger.audit()).findings == ()


@on_every_store
@pytest.mark.parametrize(
    ("number", "changes", "verdict"),
    [
        (2, {"epoch": 2}, Verdict.NOT_OWNER),
        (2, {"epoch": 0}, Verdict.NOT_OWNER),
        (2, {"call_id": CallId(50_009)}, Verdict.NOT_OWNER),
        (1, {}, Verdict.OUT_OF_TURN),
        (3, {}, Verdict.OUT_OF_TURN),
    ],
)
async def test_a_minute_that_is_not_the_next_of_its_owner_is_refused(
    stores: Stores, number: int, changes: dict[str, Any], verdict: Verdict
) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))
    before = await look(stores)
    wanted = a_minute(call, number, id=EntryId("under another id"))
    assert isinstance(wanted.claim, MinuteClaim)

    (outcome,) = await post(stores, replace(wanted, claim=replace(wanted.claim, **changes)))

    assert outcome == Outcome(verdict=verdict)
    assert await look(stores) == before


@on_every_store
async def test_an_ended_call_pays_no_minute(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))
    await stores.calls.save(ended(call))
    before = await look(stores)

    (outcome,) = await post(stores, a_minute(call, 2))

    assert outcome == Outcome(verdict=Verdict.OUT_OF_TURN)
    assert await look(stores) == before


@on_every_store
async def test_a_paid_minute_posted_again_is_there_already_even_after_the_end_and_a_takeover(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    (first,) = await post(stores, a_minute(call, 1))
    mine = await stores.calls.claim(call, NodeId("me#1"))
    assert mine is not None
    await stores.calls.save(ended(mine))

    outcomes = await post(stores, a_minute(call, 1), a_minute(mine, 1))

    assert [(outcome.verdict, outcome.entry) for outcome in outcomes] == [(Verdict.ALREADY, first.entry)] * 2
    assert await diamonds(stores, TOM) == 950


@on_every_store
async def test_after_a_takeover_only_the_new_owner_pays(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))
    mine = await stores.calls.claim(call, NodeId("me#1"))
    assert mine is not None
    assert mine.minutes_paid == 1

    assert verdicts(await post(stores, a_minute(call, 2))) == [Verdict.NOT_OWNER]
    assert verdicts(await post(stores, a_minute(mine, 2))) == [Verdict.POSTED]


@on_every_store
async def test_a_minute_is_not_paid_before_its_time_by_the_stores_clock(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    before = await look(stores)
    begins_at_ms = await store_now_ms(stores) + 60_000

    (outcome,) = await post(stores, a_minute(call, 1, begins_at_ms=begins_at_ms))

    assert outcome.early_ms is not None
    assert outcome == Outcome(verdict=Verdict.TOO_EARLY, early_ms=outcome.early_ms)
    # A second of it is allowed; the rest of the tolerance is what the machine may need to get here.
    assert 49_000 < outcome.early_ms <= 59_000
    assert await look(stores) == before


@on_every_store
async def test_a_minute_that_came_too_early_passes_when_its_time_has_come(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    begins_at_ms = await store_now_ms(stores) + 1_000 + 200
    wanted = a_minute(call, 1, begins_at_ms=begins_at_ms)
    (outcome,) = await post(stores, wanted)
    assert outcome.verdict is Verdict.TOO_EARLY
    assert outcome.early_ms is not None

    await let_pass(outcome.early_ms)

    assert verdicts(await post(stores, wanted)) == [Verdict.POSTED]


@on_every_store
async def test_a_minute_the_guest_cannot_pay_leaves_the_call_as_it_was(stores: Stores) -> None:
    await rich(stores, TOM, 49)
    call = await joining(stores)
    before = await look(stores)

    (outcome,) = await post(stores, a_minute(call, 1))

    assert outcome == Outcome(verdict=Verdict.BELOW_FLOOR, balance=49)
    assert await look(stores) == before


@on_every_store
async def test_a_minute_is_paid_once_however_many_try(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))

    rivals = [a_minute(call, 2, id=EntryId(f"rival {number}")) for number in range(6)]
    outcomes = await asyncio.gather(*(post(stores, rival) for rival in rivals))

    assert Counter(outcome.verdict for (outcome,) in outcomes) == {Verdict.POSTED: 1, Verdict.OUT_OF_TURN: 5}
    kept = await stores.calls.get(call.id)
    assert kept is not None
    assert kept.minutes_paid == 2
    assert await diamonds(stores, TOM) == 900


@on_every_store
async def test_a_minute_and_the_end_at_once_leave_a_call_whose_minutes_are_its_entries(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))

    (outcome,), _ = await asyncio.gather(
        post(stores, a_minute(call, 2)), again_on_conflict(lambda: stores.calls.save(ended(call)))
    )

    kept = await stores.calls.get(call.id)
    assert kept is not None
    assert not kept.is_live
    assert kept.minutes_paid == (2 if outcome.verdict is Verdict.POSTED else 1)
    assert outcome.verdict in (Verdict.POSTED, Verdict.OUT_OF_TURN)
    assert len(await stores.ledger.entries_of_call(call.id)) == kept.minutes_paid


# --- orders --------------------------------------------------------------------------------------------------------


@on_every_store
@pytest.mark.parametrize("state", [OrderState.INTENDED, OrderState.WAITING, OrderState.FAILED])
async def test_a_recharge_marks_its_order_paid_whatever_it_was(stores: Stores, state: OrderState) -> None:
    kept = await stores.orders.add(an_order())
    if state is OrderState.WAITING:
        kept = await stores.orders.announced(kept.id, b"words")
    if state is OrderState.FAILED:
        await stores.orders.failed(kept.id, T0 + 5)

    (outcome,) = await post(stores, a_recharge(kept, "wx-1"))

    assert outcome.verdict is Verdict.POSTED
    assert outcome.entry is not None
    assert await stores.orders.get(kept.id) == replace(
        kept, state=OrderState.PAID, transaction_id="wx-1", finished_at_ms=outcome.entry.at_ms
    )
    assert await diamonds(stores, TOM) == 100


@on_every_store
async def test_an_order_is_credited_once_whatever_claims_it(stores: Stores) -> None:
    kept = await stores.orders.add(an_order())
    await post(stores, a_recharge(kept, "wx-1"))
    before = await look(stores)

    outcomes = await post(
        stores,
        a_recharge(kept, "wx-1"),
        a_recharge(kept, "wx-2", id=EntryId("under another id")),
        a_recharge(an_order("order-9"), "wx-3"),
    )

    assert verdicts(outcomes) == [Verdict.ALREADY, Verdict.OUT_OF_TURN, Verdict.OUT_OF_TURN]
    assert await look(stores) == before


@on_every_store
async def test_one_of_many_claims_of_an_order_at_once_wins(stores: Stores) -> None:
    kept = await stores.orders.add(an_order())
    rivals = [a_recharge(kept, f"wx-{number}", id=EntryId(f"rival {number}")) for number in range(6)]

    outcomes = await asyncio.gather(*(post(stores, rival) for rival in rivals))

    assert Counter(outcome.verdict for (outcome,) in outcomes) == {Verdict.POSTED: 1, Verdict.OUT_OF_TURN: 5}
    winner = next(number for number, (outcome,) in enumerate(outcomes) if outcome.verdict is Verdict.POSTED)
    paid = await stores.orders.get(kept.id)
    assert paid is not None
    assert (paid.state, paid.transaction_id) == (OrderState.PAID, f"wx-{winner}")
    assert await diamonds(stores, TOM) == 100


# --- outbox --------------------------------------------------------------------------------------------------------


def announced(move: Move, payload: bytes = b"\x00\xff said") -> Move:
    return replace(move, outbox=OutboxRow(id=f"told:{move.id}", person_ids=(TOM, MEI), payload=payload))


@on_every_store
async def test_a_row_waits_in_the_outbox_for_each_posted_move_that_has_one(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    moves = [announced(a_gift(TOM, MEI, 60, key="a")), announced(a_gift(TOM, MEI, 60, key="b")), a_grant(BOB, 5)]

    await post(stores, *moves)
    await post(stores, *moves)

    assert await stores.ledger.unsent(ALL) == (moves[0].outbox,)


@on_every_store
async def test_rows_come_oldest_first_and_go_when_sent(stores: Stores) -> None:
    rows = []
    for number in range(4):
        move = announced(a_grant(TOM, 5, key=str(number)))
        await post(stores, move)
        await let_pass(3)
        assert move.outbox is not None
        rows.append(move.outbox)
    assert await stores.ledger.unsent(2) == tuple(rows[:2])

    await stores.ledger.sent([rows[0].id, rows[2].id])
    await stores.ledger.sent([rows[0].id, "never there"])
    await stores.ledger.sent([])

    assert await stores.ledger.unsent(ALL) == (rows[1], rows[3])


@on_every_store
async def test_a_repeated_move_is_not_told_again_after_it_was_sent(stores: Stores) -> None:
    move = announced(a_grant(TOM, 5))
    await post(stores, move)
    assert move.outbox is not None
    await stores.ledger.sent([move.outbox.id])

    await post(stores, move)

    assert await stores.ledger.unsent(ALL) == ()


# --- folding -------------------------------------------------------------------------------------------------------


@on_every_store
async def test_folding_takes_the_oldest_batches_and_says_how_many(stores: Stores) -> None:
    assert await fold(stores) == 0
    for person_id in (TOM, BOB, ANN):
        await post(stores, a_grant(person_id, 10))
        await let_pass(3)

    assert await fold(stores, 1) == 1
    outcomes = await post(stores, *(a_gift(person_id, MEI, 10) for person_id in (TOM, BOB, ANN)))
    assert verdicts(outcomes) == [Verdict.POSTED, Verdict.BELOW_FLOOR, Verdict.BELOW_FLOOR]

    # Bob's and Ann's, and the one with Mei's points.
    assert await fold(stores, 10) == 3
    assert await fold(stores, 10) == 0


@on_every_store
async def test_a_batch_of_many_credits_is_one_to_fold_and_one_without_credits_is_none(stores: Stores) -> None:
    await post(stores, *(a_grant(person_id, 10) for person_id in (TOM, BOB, ANN)))
    assert await fold(stores) == 1

    fee = a_gift(TOM, MEI, 10, postings=(Posting(diamonds_of(TOM), -10), Posting(house(DIAMONDS), 10)))
    (outcome,) = await post(stores, fee)
    assert outcome.verdict is Verdict.POSTED
    assert await fold(stores) == 0


@on_every_store
async def test_refused_and_repeated_moves_leave_nothing_to_fold(stores: Stores) -> None:
    await rich(stores, TOM, 10)

    await post(stores, a_gift(TOM, MEI, 11), a_grant(TOM, 10, key="to begin with"))

    assert await fold(stores) == 0


@on_every_store
async def test_balances_and_totals_are_the_same_before_and_after_folding(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1))
    await post(stores, a_gift(TOM, MEI, 30, key="a"), a_gift(TOM, MEI, 10, key="b"))
    expected = Balance(amount=45, earned={EntryKind.MINUTE: Earned(1, 25), EntryKind.GIFT: Earned(2, 20)})
    assert await stores.ledger.balance_of(points_of(MEI)) == expected

    await fold(stores, 1)
    assert await stores.ledger.balance_of(points_of(MEI)) == expected
    await fold(stores)
    assert await stores.ledger.balance_of(points_of(MEI)) == expected

    await post(stores, a_gift(TOM, MEI, 2, key="c"))
    assert await stores.ledger.balance_of(points_of(MEI)) == Balance(
        amount=46, earned={EntryKind.MINUTE: Earned(1, 25), EntryKind.GIFT: Earned(3, 21)}
    )


@on_every_store
async def test_spending_does_not_lessen_what_was_earned(stores: Stores) -> None:
    await rich(stores, TOM, 100)
    await post(stores, a_gift(TOM, MEI, 60))

    assert await stores.ledger.balance_of(diamonds_of(TOM)) == Balance(
        amount=40, earned={EntryKind.GRANT: Earned(1, 100)}
    )


@on_every_store
async def test_who_folds_and_posts_at_once_loses_and_doubles_nothing(stores: Stores) -> None:
    await post(stores, *(a_grant(PersonId(20_000 + number), 100) for number in range(6)))
    await fold(stores)
    for number in range(6):
        await post(stores, a_gift(PersonId(20_000 + number), MEI, 10, key="before"))

    async def gift(number: int) -> int:
        (outcome,) = await post(stores, a_gift(PersonId(20_000 + number), MEI, 10, key="during"))
        assert outcome.verdict is Verdict.POSTED
        return 0

    folded = await asyncio.gather(*(work for n in range(6) for work in (gift(n), fold(stores, 2))))
    rest = await fold(stores)

    assert sum(folded) + rest == 12
    assert await stores.ledger.balance_of(points_of(MEI)) == Balance(amount=60, earned={EntryKind.GIFT: Earned(12, 60)})
    assert (await stores.ledger.audit()).findings == ()


# --- reading -------------------------------------------------------------------------------------------------------


@on_every_store
async def test_an_account_nobody_has_used_holds_zeros(stores: Stores) -> None:
    assert await stores.ledger.balance_of(points_of(MEI)) == Balance(amount=0, earned={})
    assert await stores.ledger.entries_of(points_of(MEI)) == ()
    assert await stores.ledger.entries_of_call(CallId(50_001)) == ()


@on_every_store
async def test_entries_of_a_call_come_oldest_first(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    wanted = [a_minute(call, 1), a_gift(TOM, MEI, 10, key="in it", call_id=call.id), a_minute(call, 2)]
    for move in wanted:
        await post(stores, move, a_gift(TOM, MEI, 1, key=f"beside {move.id}"))
        await let_pass(3)

    entries = await stores.ledger.entries_of_call(call.id)

    assert [entry.id for entry in entries] == [move.id for move in wanted]
    assert entries[0] == await stores.ledger.entry(wanted[0].id)


async def three_gifts(stores: Stores) -> list[JournalEntry]:
    """Entries of Tom's that touch Mei's wallet, oldest first, each in a millisecond of its own."""
    await rich(stores, TOM, 100)
    entries = []
    for number in range(3):
        await let_pass(3)
        (outcome,) = await post(stores, a_gift(TOM, MEI, 10, key=str(number)))
        assert outcome.entry is not None
        entries.append(outcome.entry)
    return entries


@on_every_store
async def test_entries_of_a_wallet_come_newest_first(stores: Stores) -> None:
    first, second, third = await three_gifts(stores)
    await post(stores, a_grant(BOB, 5))

    assert await stores.ledger.entries_of(points_of(MEI)) == (third, second, first)
    assert await stores.ledger.entries_of(points_of(MEI), limit=2) == (third, second)
    assert (await stores.ledger.entries_of(diamonds_of(TOM)))[:3] == (third, second, first)
    assert await stores.ledger.entries_of(diamonds_of(MEI)) == ()


@on_every_store
async def test_a_stretch_of_entries_includes_its_beginning_and_not_its_end(stores: Stores) -> None:
    first, second, third = await three_gifts(stores)
    mei = points_of(MEI)

    assert await stores.ledger.entries_of(mei, since_ms=second.at_ms) == (third, second)
    assert await stores.ledger.entries_of(mei, since_ms=second.at_ms + 1) == (third,)
    assert await stores.ledger.entries_of(mei, until_ms=second.at_ms) == (first,)
    assert await stores.ledger.entries_of(mei, until_ms=second.at_ms + 1) == (second, first)
    assert await stores.ledger.entries_of(mei, since_ms=first.at_ms, until_ms=third.at_ms) == (second, first)
    assert await stores.ledger.entries_of(mei, since_ms=third.at_ms + 1) == ()


@on_every_store
async def test_a_long_list_is_read_page_by_page_by_its_times(stores: Stores) -> None:
    expected = (await three_gifts(stores))[::-1]
    seen: list[JournalEntry] = []
    until_ms = 2**62

    for _ in expected:
        page = await stores.ledger.entries_of(points_of(MEI), until_ms=until_ms, limit=1)
        seen.extend(page)
        until_ms = page[-1].at_ms

    assert seen == expected
    assert await stores.ledger.entries_of(points_of(MEI), until_ms=until_ms, limit=1) == ()


# --- audit ---------------------------------------------------------------------------------------------------------


@on_every_store
async def test_an_audit_of_honest_books_finds_nothing_and_counts_everything(stores: Stores) -> None:
    await rich(stores, TOM, 1_000)
    call = await joining(stores)
    await post(stores, a_minute(call, 1), a_minute(call, 2))
    await post(stores, a_gift(TOM, ANN, 100), a_gift(BOB, ANN, 100))
    kept = await stores.orders.add(an_order(person_id=BOB, amount=77))
    await post(stores, a_recharge(kept))

    for _ in range(2):
        audit = await stores.ledger.audit()
        assert audit.findings == ()
        assert audit.entries_count == 5
        assert audit.accounts_count == 4  # The diamonds of Tom and Bob, the points of Mei and Ann.
        assert audit.totals == {str(DIAMONDS): 800 + 77, str(POINTS): 50 + 50}
        await fold(stores)


@on_every_store
async def test_an_audit_of_empty_books_finds_nothing(stores: Stores) -> None:
    audit = await stores.ledger.audit()

    assert (audit.entries_count, audit.accounts_count, audit.findings) == (0, 0, ())
    assert not any(audit.totals.values())
