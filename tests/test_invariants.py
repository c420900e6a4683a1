"""The checker is checked: one planted break for each rule, and a story in which nothing is broken."""

from collections.abc import Callable
from dataclasses import replace as with_fields

import pytest
from msgspec.structs import replace

from engine.events import CallEnded, GiftSent, MinuteBegan
from store.interfaces.calls import EndReason, HistoryLine, Phase
from store.interfaces.ids import CallId, EntryId, NodeId, PersonId
from store.interfaces.ledger import EntryKind, Held, JournalEntry, OutboxRow, Posting
from store.interfaces.money import Currency, external, wallet
from store.interfaces.orders import OrderState
from store.interfaces.shows import ShowKind
from tests.engine.services.test_gold import at_the_party
from tests.invariants import RULES, Journal, Snapshot, leftovers, snapshot_of, violations
from tests.people import Cast, on_a_visit, on_stage
from tests.support.records import an_order, gold_of, income_of

LIN = PersonId(20_001)
Break = Callable[[Snapshot, Journal], Snapshot]


async def a_story(cast: Cast) -> tuple[Snapshot, Snapshot, Journal]:
    """Two minutes of talk with a gift, hung up; the stores before the end and after, and what people heard."""
    journal = Journal()
    call = await cast.connect()
    receipt = await cast.engine.gifts.give(cast.tom, 1, 1, to=None, key="rose")
    journal.entry_told(receipt.entry.id)
    await cast.stage.advance(70_000, seen=cast.both)
    before = await snapshot_of(cast.stage.stores)
    ended = await cast.hang_up()
    journal.call_told(call.id, ended.phase, ended.minutes_paid)
    await cast.stage.advance(2_000)
    for person_id, events in cast.stage.heard.events.items():
        for event in events:
            journal.event_told(person_id, event)
    return before, await snapshot_of(cast.stage.stores), journal


def only_call(snapshot: Snapshot) -> CallId:
    (call_id,) = snapshot.calls
    return call_id


def changed_call(**changes: object) -> Break:
    def spoil(now: Snapshot, _journal: Journal) -> Snapshot:
        call_id = only_call(now)
        return with_fields(now, calls={call_id: replace(now.calls[call_id], **changes)})

    return spoil


def changed_entry(kind: EntryKind, **changes: object) -> Break:
    def spoil(now: Snapshot, _journal: Journal) -> Snapshot:
        entry = next(entry for entry in now.entries.values() if entry.kind is kind)
        return with_fields(now, entries={**now.entries, entry.id: replace(entry, **changes)})

    return spoil


def without_entry(kind: EntryKind) -> Break:
    def spoil(now: Snapshot, _journal: Journal) -> Snapshot:
        gone = next(entry.id for entry in now.entries.values() if entry.kind is kind)
        return with_fields(now, entries={key: entry for key, entry in now.entries.items() if key != gone})

    return spoil


def poor(now: Snapshot, _journal: Journal) -> Snapshot:
    return with_fields(now, holdings=dict.fromkeys(now.holdings, -1))


def rich(now: Snapshot, _journal: Journal) -> Snapshot:
    return with_fields(now, holdings={account: amount + 1 for account, amount in now.holdings.items()})


def a_third_minute(now: Snapshot, _journal: Journal) -> Snapshot:
    second = next(entry for entry in now.entries.values() if entry.minute == 2)
    third = replace(second, id=EntryId(second.id.replace(":m:2", ":m:3")), minute=3)
    call_id = only_call(now)
    call = replace(now.calls[call_id], minutes_paid=3)
    return with_fields(now, entries={**now.entries, third.id: third}, calls={call_id: call})


def unpaid_order(now: Snapshot, _journal: Journal) -> Snapshot:
    person_id = next(iter(now.people))
    order = an_order("7", person_id=person_id)
    return with_fields(now, orders={order.id: replace(order, state=OrderState.PAID)})


def two_answers(now: Snapshot, journal: Journal) -> Snapshot:
    for body in ("one", "another"):
        journal.answered("gift", next(iter(now.people)), "key", body)
    return now


def money_from_nowhere(now: Snapshot, _journal: Journal) -> Snapshot:
    account = wallet(Currency.CALLS_POINTS, next(iter(now.people)))
    entry = JournalEntry(
        id=EntryId("grant:x"),
        kind=EntryKind.GRANT,
        postings=(Posting(external(Currency.CALLS_DIAMONDS), -5), Posting(account, 5)),
        person_id=next(iter(now.people)),
    )
    return with_fields(now, entries={**now.entries, entry.id: entry})


def a_second_call(now: Snapshot, _journal: Journal) -> Snapshot:
    call = next(iter(now.calls.values()))
    live = {CallId(number): replace(call, id=CallId(number), phase=Phase.RINGING) for number in (1, 2)}
    return with_fields(now, calls={**now.calls, **live})


def word_without_money(now: Snapshot, journal: Journal) -> Snapshot:
    journal.event_told(next(iter(now.people)), MinuteBegan(call_id=only_call(now), minute=9, guest_diamonds=None))
    return now


def unheard_gift(now: Snapshot, journal: Journal) -> Snapshot:
    for person_id, events in journal.heard.items():
        journal.heard[person_id] = [event for event in events if not isinstance(event, GiftSent)]
    return now


def a_row_left(now: Snapshot, _journal: Journal) -> Snapshot:
    return with_fields(now, outbox=(OutboxRow(id="x", person_ids=(), payload=b""),))


def an_owner_gone(now: Snapshot, _journal: Journal) -> Snapshot:
    call_id = only_call(now)
    call = replace(now.calls[call_id], phase=Phase.CONNECTED, owner=NodeId("gone#1"))
    return with_fields(now, calls={call_id: call})


def acknowledged_and_lost(now: Snapshot, journal: Journal) -> Snapshot:
    journal.entry_told(EntryId("gift:1:lost"))
    return now


def refused_and_done(now: Snapshot, journal: Journal) -> Snapshot:
    journal.entries.clear()
    journal.refused.update(entry.id for entry in now.entries.values() if entry.kind is EntryKind.GIFT)
    return now


def another_bill(now: Snapshot, journal: Journal) -> Snapshot:
    event = CallEnded(call_id=only_call(now), reason=EndReason.HUNG_UP, minutes=7)
    journal.event_told(next(iter(now.people)), event)
    return now


BREAKS = (
    ("INV-1", changed_entry(EntryKind.GIFT, postings=(Posting(external(Currency.CALLS_DIAMONDS), 1),))),
    ("INV-2", poor),
    ("INV-2", changed_entry(EntryKind.GIFT, payer_balance=-1)),
    ("INV-3", rich),
    ("INV-3", without_entry(EntryKind.GRANT)),
    ("INV-4", changed_entry(EntryKind.MINUTE, call_id=CallId(4))),
    ("INV-4", changed_entry(EntryKind.GIFT, note="3×9")),
    ("INV-5", a_third_minute),
    ("INV-5", without_entry(EntryKind.MINUTE)),
    ("INV-6", changed_entry(EntryKind.MINUTE, postings=())),
    ("INV-6", a_third_minute),
    ("INV-7", without_entry(EntryKind.GIFT)),
    ("INV-8", unpaid_order),
    ("INV-9", two_answers),
    ("INV-10", changed_entry(EntryKind.GIFT, payer_balance=None)),
    ("INV-11", money_from_nowhere),
    ("INV-12", changed_call(epoch=0)),
    ("INV-12", changed_call(owner=NodeId("another#1"))),
    ("INV-13", a_second_call),
    ("INV-17", word_without_money),
    ("INV-17", unheard_gift),
    ("INV-18", changed_call(phase=Phase.RINGING)),
    ("INV-18", changed_call(history=(HistoryLine(at_ms=0, event="start", by="anchor"),))),
    ("INV-18", changed_call(started_at_ms=1)),
    ("INV-22", a_row_left),
    ("INV-22", an_owner_gone),
    ("INV-23", acknowledged_and_lost),
    ("INV-23", refused_and_done),
    ("INV-23", another_bill),
    ("INV-23", changed_call(minutes_paid=0)),
)


async def test_a_story_without_faults_breaks_nothing():
    async with on_stage() as cast:
        before, now, journal = await a_story(cast)

        assert violations(now, journal, earlier=before, is_settled=True) == []


@pytest.mark.parametrize(("rule", "spoil"), BREAKS)
async def test_each_break_is_named_by_its_rule(rule: str, spoil: Break):
    async with on_stage() as cast:
        before, now, journal = await a_story(cast)

        found = violations(spoil(now, journal), journal, earlier=before, is_settled=True)

    assert rule in {finding.partition(":")[0] for finding in found}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"held": (Held(gold_of(LIN), 1), Held(income_of(LIN), 4))}, id="income was taken beside gold"),
        pytest.param({"held": (Held(income_of(LIN), 4), Held(gold_of(LIN), 0))}, id="told in another order"),
        pytest.param({"held": ()}, id="not told"),
        pytest.param({"note": ""}, id="nothing says what was given"),
        pytest.param({"postings": ()}, id="nobody paid"),
        pytest.param({"person_id": LIN + 1}, id="somebody else paid"),
    ],
)
async def test_a_gift_of_two_purses_that_is_not_whole_is_seen(changes: dict[str, object]):
    async with at_the_party(gold=10, income=14) as party:
        assert party.lin.id == LIN
        receipt = await party.give(1, 20)
        now = await snapshot_of(party.stage.stores)

        spoilt = with_fields(now, entries={**now.entries, receipt.entry.id: replace(receipt.entry, **changes)})

        assert violations(now) == []
        assert "INV-10" in {finding.partition(":")[0] for finding in violations(spoilt)}


def other_donation(now: Snapshot) -> Snapshot:
    (kept,) = now.donations.values()
    return with_fields(now, donations={kept.id: replace(kept, amount=kept.amount + 1)})


def no_donation(now: Snapshot) -> Snapshot:
    return with_fields(now, donations={})


def no_subscription(now: Snapshot) -> Snapshot:
    return with_fields(now, subscriptions=())


def other_subscription(now: Snapshot) -> Snapshot:
    return with_fields(now, subscriptions=tuple(replace(one, since_ms=one.since_ms + 1) for one in now.subscriptions))


def twice_subscribed(now: Snapshot) -> Snapshot:
    (paid,) = (entry for entry in now.entries.values() if entry.kind is EntryKind.SUBSCRIPTION)
    beginning, _, since_ms = paid.id.rpartition(":")
    earlier = replace(paid, id=EntryId(f"{beginning}:{int(since_ms) - 1}"))
    return with_fields(now, entries={**now.entries, earlier.id: earlier})


def changed_sale(kind: EntryKind, **changes: object) -> Callable[[Snapshot], Snapshot]:
    return lambda now: changed_entry(kind, **changes)(now, Journal())


@pytest.mark.parametrize(
    "spoil",
    [
        other_donation,
        no_donation,
        no_subscription,
        other_subscription,
        twice_subscribed,
        changed_sale(EntryKind.DONATION, held=()),
        changed_sale(EntryKind.DONATION, note=""),
        changed_sale(EntryKind.SUBSCRIPTION, postings=()),
        changed_sale(EntryKind.ADMISSION, person_id=PersonId(30_003)),
        changed_sale(
            EntryKind.ADMISSION,
            postings=(
                Posting(wallet(Currency.SITE_DIAMONDS, PersonId(30_002)), -30),
                Posting(wallet(Currency.SITE_DIAMONDS, PersonId(30_001)), 31),
            ),
        ),
    ],
)
async def test_what_the_site_sold_and_did_not_keep_whole_is_seen(spoil: Callable[[Snapshot], Snapshot]):
    async with on_a_visit() as visit:
        await visit.engine.donations.donate(visit.yi, visit.jliu, 10, key=None, room_id=None)
        await visit.engine.subscriptions.subscribe(visit.yi, visit.jliu, amount=None, key=None)
        await visit.engine.admissions.pay(visit.yi, await visit.show(ShowKind.VIP, 30), amount=None, key=None)
        now = await snapshot_of(visit.stage.stores)

        assert violations(now) == []
        assert "INV-10" in {finding.partition(":")[0] for finding in violations(spoil(now))}


async def test_a_donation_that_was_never_told_or_never_made_is_seen():
    async with on_a_visit() as visit:
        journal = Journal()
        receipt = await visit.engine.donations.donate(visit.yi, visit.jliu, 10, key=None, room_id=None)
        await visit.stage.advance(1_000)
        (told,) = visit.stage.heard.events[visit.yi.id]
        journal.event_told(visit.jliu.id, told)
        now = await snapshot_of(visit.stage.stores)

        untold = violations(now, journal, is_settled=True)
        journal.event_told(visit.yi.id, told)
        fine = violations(now, journal, is_settled=True)
        unmade = violations(changed_sale(EntryKind.DONATION, id=EntryId("don:30002:x"))(now), journal)
        lost = with_fields(now, entries={key: one for key, one in now.entries.items() if key != receipt.donation.id})

    assert [finding.partition(":")[0] for finding in untold] == ["INV-17"]
    assert fine == []
    assert "INV-4" in {finding.partition(":")[0] for finding in unmade}
    assert "INV-17" in {finding.partition(":")[0] for finding in violations(lost, journal)}


def test_no_rule_goes_untested():
    assert {rule for rule, _spoil in BREAKS} == set(RULES)


async def test_a_drained_engine_leaves_nothing_and_a_running_one_is_seen():
    async with on_stage() as cast:
        await cast.connect()

        assert leftovers(cast.engine)

        await cast.engine.drain()

        assert leftovers(cast.engine) == []


async def test_an_ended_call_that_changes_is_seen():
    async with on_stage() as cast:
        _before, ended, journal = await a_story(cast)

        later = changed_call(ended_at_ms=5)(ended, journal)

    assert any(finding.startswith("INV-7") for finding in violations(later, earlier=ended))
