"""Which moves of a batch are accepted: tables of cases, and what holds for any batch whatsoever."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.billing.posting import decide, is_balanced, same_content
from store.interfaces.ids import AccountId, CallId, EntryId, OrderId, PersonId
from store.interfaces.ledger import (
    CallFence,
    Cost,
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
from store.interfaces.money import Currency, currency_of, house, is_wallet
from tests.support.records import (
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
    an_admission,
    an_order,
    diamonds_of,
    donation_of,
    gold_of,
    income_of,
    points_of,
    site_of,
    subscription_of,
)

CALL = a_call()
ORDER = an_order()


def facts(**changes: Any) -> Facts:
    """Tom has 100 diamonds, his call with Mei has two minutes paid, his order waits to be paid."""
    known = Facts(
        now_ms=T0,
        posted={},
        balances={diamonds_of(TOM): 100},
        calls={CALL.id: CallFence(epoch=1, minutes_paid=2, is_live=True)},
        orders={ORDER.id: OrderFence(person_id=TOM, currency=DIAMONDS, amount=100, is_paid=False)},
    )
    return replace(known, **changes)


def entry_of(move: Move) -> JournalEntry:
    """The entry this move becomes when Tom's 100 diamonds are there."""
    (outcome,) = decide([move], facts()).outcomes
    assert outcome.entry is not None
    return outcome.entry


def verdicts(plan: Plan) -> list[Verdict]:
    return [outcome.verdict for outcome in plan.outcomes]


# --- legs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("legs", "is_fine"),
    [
        ([], False),
        ([(DIAMONDS, 5), (DIAMONDS, -5)], True),
        ([(DIAMONDS, 5), (DIAMONDS, -4)], False),
        ([(DIAMONDS, 5), (DIAMONDS, -3), (DIAMONDS, -2)], True),
        ([(DIAMONDS, 5), (POINTS, -5)], False),  # Never one currency for another.
        ([(DIAMONDS, 5), (DIAMONDS, -5), (POINTS, 2), (POINTS, -2)], True),
        ([(DIAMONDS, 5), (DIAMONDS, -5), (POINTS, 2)], False),
        ([(DIAMONDS, 0)], False),
        ([(DIAMONDS, 5), (DIAMONDS, -5), (DIAMONDS, 0)], False),
    ],
)
def test_legs_balance_in_each_currency_and_none_is_empty(legs: list[tuple[Currency, int]], is_fine: bool) -> None:
    postings = tuple(Posting(house(currency), amount) for currency, amount in legs)

    assert is_balanced(a_gift(TOM, MEI, 1, postings=postings)) is is_fine


def test_an_unbalanced_move_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="unbalanced move gift:10001:1"):
        decide([a_gift(TOM, MEI, 1, postings=(Posting(house(DIAMONDS), 1),))], facts())


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"claim": OrderClaim(order_id=ORDER.id, transaction_id="wx-1")}, True),  # What it pays is in its id.
        ({"outbox": OutboxRow(id="1", person_ids=(), payload=b"")}, True),
        ({"kind": EntryKind.MINUTE}, False),
        ({"person_id": BOB}, False),
        ({"call_id": CALL.id}, False),
        ({"minute": 1}, False),
        ({"note": "else"}, False),
        ({"postings": a_gift(TOM, MEI, 31).postings}, False),
        ({"postings": a_gift(TOM, MEI, 30).postings[::-1]}, False),
    ],
)
def test_content_is_all_that_the_journal_keeps_of_a_move(change: dict[str, Any], is_same: bool) -> None:
    move = a_gift(TOM, MEI, 30)

    assert same_content(entry_of(move), replace(move, **change)) is is_same


# --- one move ------------------------------------------------------------------------------------------------------


def test_a_gift_debits_now_and_credits_later() -> None:
    row = OutboxRow(id="row", person_ids=(TOM, MEI), payload=b"gift")
    gift = a_gift(TOM, MEI, 30, call_id=CALL.id, note="玫瑰", outbox=row)

    plan = decide([gift], facts())

    entry = JournalEntry(
        id=gift.id,
        kind=EntryKind.GIFT,
        postings=gift.postings,
        person_id=TOM,
        call_id=CALL.id,
        note="玫瑰",
        at_ms=T0,
        payer_balance=70,
    )
    assert plan == Plan(
        outcomes=(Outcome(verdict=Verdict.POSTED, entry=entry, balance=70),),
        entries=(entry,),
        debits={diamonds_of(TOM): 30},
        credits={points_of(MEI): {EntryKind.GIFT: Earned(1, 15)}},
        outbox=(row,),
    )


def test_a_grant_debits_nobody() -> None:
    plan = decide([a_grant(BOB, 30)], facts())

    assert plan.debits == {}
    assert plan.credits == {diamonds_of(BOB): {EntryKind.GRANT: Earned(1, 30)}}
    assert plan.entries[0].payer_balance is None


@pytest.mark.parametrize(
    ("balances", "verdict", "balance"),
    [
        ({diamonds_of(TOM): 31}, Verdict.POSTED, 1),
        ({diamonds_of(TOM): 30}, Verdict.POSTED, 0),
        ({diamonds_of(TOM): 29}, Verdict.BELOW_FLOOR, 29),
        ({diamonds_of(TOM): 0}, Verdict.BELOW_FLOOR, 0),
        ({}, Verdict.BELOW_FLOOR, 0),
        ({points_of(TOM): 99}, Verdict.BELOW_FLOOR, 0),
    ],
)
def test_a_wallet_can_be_emptied_and_not_overdrawn(
    balances: dict[AccountId, int], verdict: Verdict, balance: int
) -> None:
    (outcome,) = decide([a_gift(TOM, MEI, 30)], facts(balances=balances)).outcomes

    assert (outcome.verdict, outcome.balance) == (verdict, balance)


@pytest.mark.parametrize(
    ("move", "verdict"),
    [
        (a_gift(TOM, MEI, 30), Verdict.ALREADY),
        (a_gift(TOM, MEI, 31), Verdict.MISMATCH),
        (a_gift(TOM, MEI, 30, kind=EntryKind.GRANT), Verdict.MISMATCH),
    ],
)
def test_a_taken_id_is_a_repeat_or_an_alarm(move: Move, verdict: Verdict) -> None:
    known = entry_of(a_gift(TOM, MEI, 30))

    # With nothing left to pay from: a repeat is recognised before anything else is looked at.
    plan = decide([move], facts(posted={known.id: known}, balances={}))

    assert verdicts(plan) == [verdict]
    assert plan.outcomes[0].entry == known
    assert replace(plan, outcomes=()) == Plan(outcomes=())


def test_a_repeated_minute_is_there_already_whoever_owns_the_call_by_now() -> None:
    known = entry_of(a_minute(CALL, 3))
    late = facts(posted={known.id: known}, calls={CALL.id: CallFence(epoch=5, minutes_paid=7, is_live=False)})

    assert verdicts(decide([a_minute(CALL, 3)], late)) == [Verdict.ALREADY]


def fence(**changes: Any) -> dict[CallId, CallFence]:
    return {CALL.id: replace(CallFence(epoch=1, minutes_paid=2, is_live=True), **changes)}


@pytest.mark.parametrize(
    ("known", "outcome"),
    [
        ({"calls": {}}, Outcome(verdict=Verdict.NOT_OWNER)),
        ({"calls": fence(epoch=2)}, Outcome(verdict=Verdict.NOT_OWNER)),
        ({"calls": fence(epoch=0)}, Outcome(verdict=Verdict.NOT_OWNER)),
        ({"calls": fence(epoch=2, is_live=False)}, Outcome(verdict=Verdict.NOT_OWNER)),
        ({"calls": fence(is_live=False)}, Outcome(verdict=Verdict.OUT_OF_TURN)),
        ({"calls": fence(minutes_paid=1)}, Outcome(verdict=Verdict.OUT_OF_TURN)),
        ({"calls": fence(minutes_paid=3)}, Outcome(verdict=Verdict.OUT_OF_TURN)),
        ({"now_ms": T0 + 58_999}, Outcome(verdict=Verdict.TOO_EARLY, early_ms=1)),
        ({"now_ms": T0}, Outcome(verdict=Verdict.TOO_EARLY, early_ms=59_000)),
        # Who is not there in time and cannot pay either hears of the time first: by then he may be able to.
        ({"now_ms": T0, "balances": {}}, Outcome(verdict=Verdict.TOO_EARLY, early_ms=59_000)),
        ({"balances": {diamonds_of(TOM): 49}}, Outcome(verdict=Verdict.BELOW_FLOOR, balance=49)),
    ],
)
def test_a_minute_has_to_pass_every_guard(known: dict[str, Any], outcome: Outcome) -> None:
    plan = decide([a_minute(CALL, 3, begins_at_ms=T0 + 60_000)], facts(**{"now_ms": T0 + 59_000, **known}))

    assert plan == Plan(outcomes=(outcome,))


@pytest.mark.parametrize("now_ms", [T0 + 59_000, T0 + 59_001, T0 + 60_000, T0 + 90_000_000])
def test_a_minute_of_the_owner_in_its_turn_and_time_passes(now_ms: int) -> None:
    wanted = a_minute(CALL, 3, begins_at_ms=T0 + 60_000)

    plan = decide([wanted], facts(now_ms=now_ms))

    assert verdicts(plan) == [Verdict.POSTED]
    assert plan.minutes == (wanted.claim,)
    assert plan.entries[0].minute == 3


@pytest.mark.parametrize(
    ("orders", "verdict"),
    [
        ({ORDER.id: OrderFence(person_id=TOM, currency=DIAMONDS, amount=100, is_paid=False)}, Verdict.POSTED),
        ({ORDER.id: OrderFence(person_id=TOM, currency=DIAMONDS, amount=100, is_paid=True)}, Verdict.OUT_OF_TURN),
        ({ORDER.id: OrderFence(person_id=TOM, currency=GOLD, amount=100, is_paid=False)}, Verdict.MISMATCH),
        ({ORDER.id: OrderFence(person_id=TOM, currency=DIAMONDS, amount=99, is_paid=False)}, Verdict.MISMATCH),
        ({ORDER.id: OrderFence(person_id=BOB, currency=DIAMONDS, amount=100, is_paid=False)}, Verdict.MISMATCH),
        ({}, Verdict.OUT_OF_TURN),
    ],
)
def test_an_order_is_paid_once(orders: dict[OrderId, OrderFence], verdict: Verdict) -> None:
    move = a_recharge(ORDER)

    plan = decide([move], facts(orders=orders))

    assert verdicts(plan) == [verdict]
    assert plan.orders == ((move.claim,) if verdict is Verdict.POSTED else ())


# --- a cost that two purses share ----------------------------------------------------------------------------------

UNFOLDED = Verdict.UNFOLDED
BELOW = Verdict.BELOW_FLOOR


@pytest.mark.parametrize(
    ("stored", "unfolded", "paid", "held"),
    [
        ((100, 0), (0, 0), (30, 0), (70, 0)),
        ((30, 50), (0, 0), (30, 0), (0, 50)),
        ((29, 50), (0, 0), (29, 1), (0, 49)),
        ((0, 30), (0, 0), (0, 30), (0, 0)),
        ((20, 10), (0, 0), (20, 10), (0, 0)),
        ((30, 0), (5, 7), (30, 0), (5, 7)),  # What is not folded is not needed, and told.
        ((20, 30), (0, 5), (20, 10), (0, 25)),
    ],
)
def test_gold_pays_first_and_income_the_rest(
    stored: tuple[int, int], unfolded: tuple[int, int], paid: tuple[int, int], held: tuple[int, int]
) -> None:
    gift = a_gold_gift(TOM, MEI, 30)

    plan = decide([gift], of_two_purses(stored, unfolded))

    (entry,) = plan.entries
    gold_paid, income_paid = paid
    payment = (
        (gold_of(TOM), -gold_paid),
        (house(GOLD), gold_paid),
        (income_of(TOM), -income_paid),
        (house(INCOME), income_paid),
    )
    assert entry.postings == (*(Posting(*leg) for leg in payment if leg[1]), *gift.postings)
    assert entry.held == (Held(gold_of(TOM), held[0]), Held(income_of(TOM), held[1]))
    assert entry.payer_balance is None
    assert plan.outcomes == (Outcome(verdict=Verdict.POSTED, entry=entry),)
    assert plan.credits == {income_of(MEI): {EntryKind.GIFT: Earned(1, 15)}}


@pytest.mark.parametrize(
    ("stored", "unfolded", "verdict"),
    [
        ((29, 0), (0, 0), BELOW),
        ((0, 0), (0, 0), BELOW),
        ((10, 10), (5, 4), BELOW),  # Folding would not help.
        ((29, 0), (1, 0), UNFOLDED),
        ((10, 100), (5, 0), UNFOLDED),  # Income must not pay while there is gold.
        ((10, 15), (0, 5), UNFOLDED),
        ((0, 0), (0, 30), UNFOLDED),
    ],
)
def test_what_two_purses_cannot_pay_or_not_yet_changes_nothing(
    stored: tuple[int, int], unfolded: tuple[int, int], verdict: Verdict
) -> None:
    plan = decide([a_gold_gift(TOM, MEI, 30)], of_two_purses(stored, unfolded))

    held = (Held(gold_of(TOM), stored[0] + unfolded[0]), Held(income_of(TOM), stored[1] + unfolded[1]))
    assert plan == Plan(outcomes=(Outcome(verdict=verdict, held=held),))


def of_two_purses(stored: tuple[int, int], unfolded: tuple[int, int]) -> Facts:
    purses = (gold_of(TOM), income_of(TOM))
    return facts(
        balances=dict(zip(purses, stored, strict=True)),
        unfolded={purse: amount for purse, amount in zip(purses, unfolded, strict=True) if amount},
    )


@pytest.mark.parametrize(
    ("repeat", "verdict"),
    [
        (a_gold_gift(TOM, MEI, 30), Verdict.ALREADY),
        (a_gold_gift(TOM, MEI, 31), Verdict.MISMATCH),
        (a_gold_gift(TOM, BOB, 30), Verdict.MISMATCH),
        (a_gold_gift(TOM, MEI, 30, note="else"), Verdict.MISMATCH),
        (a_gold_gift(TOM, MEI, 30, cost=Cost(wallets=(income_of(TOM),), amount=30)), Verdict.MISMATCH),
    ],
)
def test_a_repeat_is_one_however_the_cost_would_be_split_by_now(repeat: Move, verdict: Verdict) -> None:
    (known,) = decide([a_gold_gift(TOM, MEI, 30)], of_two_purses((10, 50), (0, 0))).entries
    later = replace(of_two_purses((100, 0), (0, 0)), posted={known.id: known})

    (outcome,) = decide([repeat], later).outcomes

    assert (outcome.verdict, outcome.entry) == (verdict, known)


def test_gifts_of_one_batch_count_on_what_is_left_of_both_purses() -> None:
    gifts = [a_gold_gift(TOM, MEI, 30, key=str(number)) for number in range(4)]

    plan = decide(gifts, of_two_purses((50, 20), (0, 0)))

    assert verdicts(plan) == [Verdict.POSTED, Verdict.POSTED, BELOW, BELOW]
    assert plan.debits == {gold_of(TOM): 50, income_of(TOM): 10}
    assert [tuple(held.amount for held in entry.held) for entry in plan.entries] == [(20, 20), (0, 10)]


def test_gold_that_the_same_batch_credits_is_waited_for() -> None:
    plan = decide([a_grant(TOM, 5, currency=GOLD), a_gold_gift(TOM, MEI, 30)], of_two_purses((10, 100), (0, 0)))

    assert verdicts(plan) == [Verdict.POSTED, UNFOLDED]


@pytest.mark.parametrize(
    "changes",
    [
        {"cost": Cost(wallets=(gold_of(TOM),), amount=0)},
        {"postings": (Posting(gold_of(TOM), -1), Posting(house(GOLD), 1))},  # Debits are the cost's alone.
        {"postings": (Posting(house(INCOME), -1), Posting(income_of(MEI), 2))},
    ],
)
def test_a_shared_cost_beside_legs_that_do_not_belong_to_it_is_a_bug(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="unbalanced move"):
        decide([a_gold_gift(TOM, MEI, 30, **changes)], facts())


def test_a_gift_too_cheap_to_earn_anything_is_paid_all_the_same() -> None:
    (entry,) = decide([a_gold_gift(TOM, MEI, 1)], of_two_purses((1, 0), (0, 0))).entries

    assert entry.postings == (Posting(gold_of(TOM), -1), Posting(house(GOLD), 1))


# --- several moves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "expected", "left"),
    [
        ([60, 60], "+-", 40),
        ([60, 60, 40], "+-+", 0),
        ([101, 100], "-+", 0),
        ([40, 40, 40, 20, 1], "++-+-", 0),
    ],
)
def test_moves_of_one_payer_are_decided_in_order_each_on_what_is_left(
    amounts: list[int], expected: str, left: int
) -> None:
    plan = decide([a_gift(TOM, MEI, amount, key=str(n)) for n, amount in enumerate(amounts)], facts())

    assert "".join("+" if verdict is Verdict.POSTED else "-" for verdict in verdicts(plan)) == expected
    assert 100 - plan.debits[diamonds_of(TOM)] == left


def test_what_a_batch_credits_cannot_be_spent_in_it() -> None:
    plan = decide([a_grant(BOB, 100), a_gift(BOB, MEI, 1)], facts())

    assert verdicts(plan) == [Verdict.POSTED, Verdict.BELOW_FLOOR]
    assert plan.outcomes[1].balance == 0


def test_credits_are_summed_up_by_account_and_kind() -> None:
    moves = [a_gift(TOM, MEI, 10, key="a"), a_gift(TOM, MEI, 20, key="b"), a_minute(CALL, 3), a_grant(TOM, 5)]

    assert decide(moves, facts()).credits == {
        points_of(MEI): {EntryKind.GIFT: Earned(2, 15), EntryKind.MINUTE: Earned(1, 25)},
        diamonds_of(TOM): {EntryKind.GRANT: Earned(1, 5)},
    }


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([3, 4], [Verdict.POSTED, Verdict.POSTED]),
        ([4, 3], [Verdict.OUT_OF_TURN, Verdict.POSTED]),
        ([3, 5], [Verdict.POSTED, Verdict.OUT_OF_TURN]),
        ([3, 3], [Verdict.POSTED, Verdict.ALREADY]),
        ([3, 4, 5], [Verdict.POSTED, Verdict.POSTED, Verdict.BELOW_FLOOR]),
    ],
)
def test_minutes_of_one_call_count_on_each_other(minutes: list[int], expected: list[Verdict]) -> None:
    plan = decide([a_minute(CALL, minute) for minute in minutes], facts())

    assert verdicts(plan) == expected


def test_a_minute_that_was_refused_does_not_count() -> None:
    dear = a_minute(CALL, 3, id=EntryId("dear"), postings=a_gift(TOM, MEI, 101).postings)

    assert verdicts(decide([dear, a_minute(CALL, 4)], facts())) == [Verdict.BELOW_FLOOR, Verdict.OUT_OF_TURN]


def test_an_order_is_paid_once_in_one_batch() -> None:
    rival = a_recharge(ORDER, "wx-2", id=EntryId("rival"))

    plan = decide([a_recharge(ORDER, "wx-1"), rival], facts())

    assert verdicts(plan) == [Verdict.POSTED, Verdict.OUT_OF_TURN]
    assert plan.orders == (OrderClaim(order_id=ORDER.id, transaction_id="wx-1"),)


def test_no_moves_no_plan() -> None:
    assert decide([], facts()) == Plan(outcomes=())


# --- any batch -----------------------------------------------------------------------------------------------------

PEOPLE = [PersonId(number) for number in range(1, 5)]
CALLS = [a_call(number, guest_id=PEOPLE[number], anchor_id=PEOPLE[3]) for number in range(3)]
ORDERS = [an_order(f"order-{number}", person_id=PEOPLE[number]) for number in range(3)]

keys = st.sampled_from(["a", "b", "c"])
people = st.sampled_from(PEOPLE)
amounts = st.integers(1, 60)


@st.composite
def gifts(draw: st.DrawFn) -> Move:
    return a_gift(draw(people), draw(people), draw(amounts), key=draw(keys))


@st.composite
def gold_gifts(draw: st.DrawFn) -> Move:
    return a_gold_gift(draw(people), draw(people), draw(amounts), key=f"gold {draw(keys)}")


@st.composite
def grants(draw: st.DrawFn) -> Move:
    currency = draw(st.sampled_from([DIAMONDS, GOLD, INCOME]))
    return a_grant(draw(people), draw(amounts), f"{currency} {draw(keys)}", currency=currency)


@st.composite
def minutes(draw: st.DrawFn) -> Move:
    call = replace(draw(st.sampled_from(CALLS)), epoch=draw(st.integers(1, 2)))
    minute = draw(st.integers(1, 4))
    row = OutboxRow(id=f"row {call.id} {minute}", person_ids=(call.guest_id,), payload=b"")
    return a_minute(call, minute, begins_at_ms=T0 + draw(st.sampled_from([0, 60_000])), outbox=row)


@st.composite
def recharges(draw: st.DrawFn) -> Move:
    order = draw(st.sampled_from(ORDERS))
    return a_recharge(order, id=EntryId(f"order:{order.id}:{draw(keys)}"))


moves = gifts() | gold_gifts() | minutes() | recharges() | grants()
batches = st.lists(moves, max_size=20)

PURSES = [purse_of(person) for person in PEOPLE for purse_of in (gold_of, income_of)]
OTHERS = [wallet_of(person) for person in PEOPLE for wallet_of in (diamonds_of, points_of)]


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    calls = st.builds(CallFence, epoch=st.integers(1, 2), minutes_paid=st.integers(0, 3), is_live=st.booleans())
    orders = st.builds(
        OrderFence, person_id=people, currency=st.just(DIAMONDS), amount=st.just(100), is_paid=st.booleans()
    )
    known = Facts(
        now_ms=T0,
        posted={},
        balances=draw(st.dictionaries(st.sampled_from(PURSES + OTHERS), st.integers(0, 150))),
        unfolded=draw(st.dictionaries(st.sampled_from(PURSES), st.integers(1, 60), max_size=4)),
        calls=draw(st.dictionaries(st.sampled_from([call.id for call in CALLS]), calls)),
        orders=draw(st.dictionaries(st.sampled_from([order.id for order in ORDERS]), orders)),
    )
    # Some of what is asked for happened before.
    return after(known, decide(draw(st.lists(moves, max_size=5)), known))


def after(known: Facts, plan: Plan) -> Facts:
    """The facts once the plan is written, and nothing is folded yet."""
    debits = Counter(known.balances)
    debits.subtract(plan.debits)
    unfolded = Counter(known.unfolded)
    for account, kinds in plan.credits.items():
        if account in PURSES:
            unfolded[account] += sum(earned.amount for earned in kinds.values())
    calls = dict(known.calls)
    for claim in plan.minutes:
        calls[claim.call_id] = replace(calls[claim.call_id], minutes_paid=claim.minute)
    paid = {claim.order_id: replace(known.orders[claim.order_id], is_paid=True) for claim in plan.orders}
    return replace(
        known,
        posted={**known.posted, **{entry.id: entry for entry in plan.entries}},
        balances=dict(debits),
        calls=calls,
        orders={**known.orders, **paid},
        unfolded=dict(unfolded),
    )


def wallet_sums(entries: Sequence[JournalEntry], *, sign: int) -> Counter[AccountId]:
    """By wallet: the sum of all debits (``sign`` -1) or credits (1) of these entries, as a positive number."""
    sums: Counter[AccountId] = Counter()
    for entry in entries:
        for posting in entry.postings:
            if is_wallet(posting.account) and posting.amount * sign > 0:
                sums[posting.account] += posting.amount * sign
    return sums


@given(batch=batches, known=any_facts())
def test_no_wallet_ever_goes_below_zero(batch: list[Move], known: Facts) -> None:
    plan = decide(batch, known)

    assert plan.debits == wallet_sums(plan.entries, sign=-1)
    assert all(amount >= 0 for amount in after(known, plan).balances.values())
    assert all(entry.payer_balance is None or entry.payer_balance >= 0 for entry in plan.entries)


@given(batch=batches, known=any_facts())
def test_a_shared_cost_is_paid_whole_and_income_only_pays_what_gold_cannot(batch: list[Move], known: Facts) -> None:
    for move, outcome in zip(batch, decide(batch, known).outcomes, strict=True):
        if outcome.verdict is not Verdict.POSTED or outcome.entry is None or move.cost is None:
            continue
        paid = wallet_sums([outcome.entry], sign=-1)
        gold, income = outcome.entry.held
        assert (gold.account, income.account) == move.cost.wallets
        assert sum(paid.values()) == move.cost.amount
        assert min(gold.amount, income.amount) >= 0
        assert paid.keys() <= set(move.cost.wallets)
        assert income.account not in paid or not gold.amount


@given(batch=batches, known=any_facts())
def test_a_shared_cost_is_refused_only_if_its_wallets_are_short_of_it(batch: list[Move], known: Facts) -> None:
    for move, outcome in zip(batch, decide(batch, known).outcomes, strict=True):
        if move.cost is not None and outcome.held:
            is_short = sum(held.amount for held in outcome.held) < move.cost.amount
            assert outcome.verdict is (Verdict.BELOW_FLOOR if is_short else Verdict.UNFOLDED)


@given(batch=batches, known=any_facts())
def test_entries_sum_to_zero_in_every_currency_and_credits_are_exactly_theirs(batch: list[Move], known: Facts) -> None:
    plan = decide(batch, known)

    sums: Counter[Currency] = Counter()
    for entry in plan.entries:
        for posting in entry.postings:
            sums[currency_of(posting.account)] += posting.amount
    assert not any(sums.values())
    credited = {account: sum(one.amount for one in kinds.values()) for account, kinds in plan.credits.items()}
    assert credited == wallet_sums(plan.entries, sign=1)


@given(batch=batches, known=any_facts())
def test_each_id_is_written_once_and_every_move_has_its_answer(batch: list[Move], known: Facts) -> None:
    plan = decide(batch, known)

    ids = [entry.id for entry in plan.entries]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & set(known.posted)
    assert len(plan.outcomes) == len(batch)
    for move, outcome in zip(batch, plan.outcomes, strict=True):
        is_there = outcome.verdict in (Verdict.POSTED, Verdict.ALREADY)
        assert is_there is (outcome.entry is not None and same_content(outcome.entry, move))


@given(batch=batches, known=any_facts())
def test_entries_come_in_the_order_of_their_moves(batch: list[Move], known: Facts) -> None:
    plan = decide(batch, known)

    posted = [
        (move, outcome) for move, outcome in zip(batch, plan.outcomes, strict=True) if outcome.verdict is Verdict.POSTED
    ]
    assert [move.id for move, _ in posted] == [entry.id for entry in plan.entries]
    assert tuple(outcome.entry for _, outcome in posted) == plan.entries
    assert tuple(move.claim for move, _ in posted if isinstance(move.claim, MinuteClaim)) == plan.minutes
    assert tuple(move.outbox for move, _ in posted if move.outbox) == plan.outbox


@given(batch=batches, known=any_facts())
def test_a_batch_is_decided_as_if_its_moves_came_one_by_one(batch: list[Move], known: Facts) -> None:
    outcomes: list[Outcome] = []
    now = known
    for move in batch:
        plan = decide([move], now)
        outcomes.extend(plan.outcomes)
        now = after(now, plan)

    whole = decide(batch, known)

    assert whole.outcomes == tuple(outcomes)
    assert after(known, whole) == now


@given(batch=batches, known=any_facts())
def test_a_refused_move_disturbs_no_other(batch: list[Move], known: Facts) -> None:
    plan = decide(batch, known)
    passed = [n for n, outcome in enumerate(plan.outcomes) if outcome.verdict in (Verdict.POSTED, Verdict.ALREADY)]

    without = decide([batch[n] for n in passed], known)

    assert without == replace(plan, outcomes=tuple(plan.outcomes[n] for n in passed))


@given(batch=batches, known=any_facts())
def test_the_same_batch_again_changes_nothing_more(batch: list[Move], known: Facts) -> None:
    first = decide(batch, known)
    posted = [n for n, outcome in enumerate(first.outcomes) if outcome.verdict is Verdict.POSTED]

    again = decide([batch[n] for n in posted], after(known, first))

    assert set(verdicts(again)) <= {Verdict.ALREADY}
    assert [outcome.entry for outcome in again.outcomes] == [first.outcomes[n].entry for n in posted]
    assert replace(again, outcomes=()) == Plan(outcomes=())


@given(batch=batches, known=any_facts())
def test_minutes_of_a_call_are_paid_without_a_gap_by_its_owner_alone(batch: list[Move], known: Facts) -> None:
    plan = decide(batch, known)

    paid = {call_id: call.minutes_paid for call_id, call in known.calls.items()}
    for claim in plan.minutes:
        call = known.calls[claim.call_id]
        assert (claim.epoch, call.is_live) == (call.epoch, True)
        assert claim.minute == paid[claim.call_id] + 1
        assert known.now_ms >= claim.begins_at_ms - claim.early_ms_max
        paid[claim.call_id] = claim.minute
    assert len({claim.order_id for claim in plan.orders}) == len(plan.orders)
    assert not any(known.orders[claim.order_id].is_paid for claim in plan.orders)


@given(batch=batches, known=any_facts())
def test_deciding_is_pure(batch: list[Move], known: Facts) -> None:
    before = repr(known)

    assert decide(batch, known) == decide(batch, known)
    assert repr(known) == before


def test_two_legs_of_one_wallet_are_covered_together_or_not_at_all():
    account = AccountId("calls.diamonds/1")
    move = Move(
        id=EntryId("double"),
        kind=EntryKind.GIFT,
        postings=(Posting(account, -60), Posting(account, -60), Posting(house(Currency.CALLS_DIAMONDS), 120)),
        person_id=PersonId(1),
    )
    facts = Facts(now_ms=0, posted={}, balances={account: 100}, calls={}, orders={})

    assert decide([move], facts).outcomes[0].verdict is Verdict.BELOW_FLOOR


# --- what the site sells -------------------------------------------------------------------------------------------

RICH = {site_of(TOM): 100}


def test_a_donation_goes_by_way_of_the_house_and_its_record_gets_its_time() -> None:
    move = a_donation(TOM, MEI, 30)

    plan = decide([move], facts(balances=RICH, unfolded={site_of(TOM): 7}))

    (entry,) = plan.entries
    assert [(leg.account, leg.amount) for leg in entry.postings] == [
        (site_of(TOM), -30),
        (house(SITE), 30),
        (house(SITE), -30),
        (site_of(MEI), 30),
    ]
    assert entry.held == (Held(site_of(TOM), 77),)
    assert plan.donations == (replace(donation_of(move), at_ms=T0),)
    assert plan.credits == {site_of(MEI): {EntryKind.DONATION: Earned(1, 30)}}


def test_a_donation_that_is_there_or_cannot_be_paid_keeps_no_record() -> None:
    paid = decide([a_donation(TOM, MEI, 30)], facts(balances=RICH)).entries[0]

    again = decide([a_donation(TOM, MEI, 30, number=2)], facts(balances=RICH, posted={paid.id: paid}))
    other = decide([a_donation(TOM, MEI, 31)], facts(balances=RICH, posted={paid.id: paid}))
    poor = decide([a_donation(TOM, MEI, 30)], facts(balances={}))

    assert [verdicts(plan) for plan in (again, other, poor)] == [
        [Verdict.ALREADY],
        [Verdict.MISMATCH],
        [Verdict.BELOW_FLOOR],
    ]
    assert [plan.donations for plan in (again, other, poor)] == [()] * 3


@pytest.mark.parametrize(
    ("until_ms", "verdict"),
    [
        (None, Verdict.POSTED),
        (T0 - 1, Verdict.POSTED),
        (T0, Verdict.POSTED),
        (T0 + 1, Verdict.OUT_OF_TURN),
    ],
)
def test_a_subscription_begins_where_the_last_one_has_ended(until_ms: int | None, verdict: Verdict) -> None:
    former = {} if until_ms is None else {(TOM, MEI): until_ms}
    other = {(TOM, BOB): T0 + 10**9, (MEI, TOM): T0 + 10**9}
    move = a_subscription(TOM, MEI)

    plan = decide([move], facts(balances=RICH, subscribed_until_ms={**former, **other}))

    assert verdicts(plan) == [verdict]
    is_posted = verdict is Verdict.POSTED
    assert plan.subscriptions == ((subscription_of(move),) if is_posted else ())
    assert plan.debits == ({site_of(TOM): 10} if is_posted else {})


def test_a_subscription_counts_on_those_before_it_in_its_batch() -> None:
    moves = [a_subscription(TOM, MEI), a_subscription(TOM, MEI, T0 + 999), a_subscription(TOM, MEI, T0 + 1_000)]

    plan = decide(moves, facts(balances=RICH))

    assert verdicts(plan) == [Verdict.POSTED, Verdict.OUT_OF_TURN, Verdict.POSTED]


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        (an_admission(TOM), Verdict.ALREADY),
        (an_admission(TOM, price=99, note="s:2"), Verdict.ALREADY),
        (replace(an_admission(TOM), kind=EntryKind.DONATION), Verdict.MISMATCH),
    ],
)
def test_an_admission_is_bought_once_at_whatever_price(again: Move, verdict: Verdict) -> None:
    (paid,) = decide([an_admission(TOM)], facts(balances=RICH)).entries

    (outcome,) = decide([again], facts(balances=RICH, posted={paid.id: paid})).outcomes

    assert (outcome.verdict, outcome.entry) == (verdict, paid)
