"""What every ``CallStore`` promises beside ownership (``test_contract_ownership.py``)."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.billing.posting import decide
from store.interfaces.calls import CallRecord, EndReason, HistoryLine, Phase, Side
from store.interfaces.errors import LiveCall
from store.interfaces.ids import CallId, NodeId, PersonId, RoomId
from store.interfaces.ledger import Verdict
from store.interfaces.stores import Stores
from tests.support.records import ANN, BOB, MEI, T0, TOM, a_call, a_grant, a_minute, ended, next_version
from tests.support.stores import on_every_store


async def pay(stores: Stores, call: CallRecord, minute: int) -> None:
    """Let the ledger pay a minute that is due."""
    await stores.ledger.post([a_grant(call.guest_id, 1_000, f"{call.id}:{minute}")], decide)
    await stores.ledger.fold(100)
    (outcome,) = await stores.ledger.post([a_minute(call, minute)], decide)
    assert outcome.verdict is Verdict.POSTED


@on_every_store
async def test_every_field_survives(stores: Stores) -> None:
    full = a_call(
        rung_by=Side.ANCHOR,
        phase=Phase.JOINING,
        answered_at_ms=T0 + 1,
        join_until_ms=T0 + 2,
        room_id=RoomId("room-1"),
        start_stated=True,
        gap_since_ms=T0 + 3,
        absent=(Side.ANCHOR, Side.GUEST),
        unbilled_ms=1_234,
        owner=NodeId("north#1"),
        epoch=7,
        version=9,
        history=(HistoryLine(at_ms=T0, event="rung", by="anchor"), HistoryLine(at_ms=T0 + 1, event="答", by="guest")),
    )
    await stores.calls.add(full)
    assert await stores.calls.get(full.id) == full

    last = next_version(
        full, phase=Phase.ENDED, ended_at_ms=T0 + 9, end_reason=EndReason.NOT_CONNECTED, ended_by="clock", absent=()
    )
    await stores.calls.save(last)
    assert await stores.calls.get(full.id) == last


@on_every_store
@pytest.mark.parametrize(
    ("guest_id", "anchor_id", "busy"),
    [
        (TOM, MEI, {TOM, MEI}),
        (TOM, ANN, {TOM}),
        (BOB, MEI, {MEI}),
        (MEI, ANN, {MEI}),  # On whichever side: a person has one call.
        (BOB, TOM, {TOM}),
    ],
)
async def test_nobody_has_two_calls(stores: Stores, guest_id: PersonId, anchor_id: PersonId, busy: set[int]) -> None:
    first = await stores.calls.add(a_call(50_001))
    second = a_call(50_002, guest_id=guest_id, anchor_id=anchor_id)

    with pytest.raises(LiveCall) as refusal:
        await stores.calls.add(second)

    assert refusal.value.person_id in busy
    assert await stores.calls.get(second.id) is None
    assert await stores.calls.live() == (first,)


@on_every_store
async def test_a_busy_persons_own_call_may_be_added_again(stores: Stores) -> None:
    call = await stores.calls.add(a_call())

    assert await stores.calls.add(a_call()) == call


@on_every_store
async def test_one_of_many_calls_of_a_person_at_once_is_kept(stores: Stores) -> None:
    rivals = [a_call(50_001 + number, guest_id=PersonId(20_000 + number)) for number in range(8)]

    results = await asyncio.gather(*(stores.calls.add(call) for call in rivals), return_exceptions=True)

    refused = [result for result in results if isinstance(result, LiveCall)]
    assert len(refused) == 7
    assert {refusal.person_id for refusal in refused} == {MEI}
    (kept,) = await stores.calls.live()
    assert await stores.calls.live_of(MEI) == kept
    busy = [call.id for call in rivals if await stores.calls.live_of(call.guest_id)]
    assert busy == [kept.id]


@on_every_store
async def test_the_end_frees_both_people(stores: Stores) -> None:
    call = await stores.calls.add(a_call())
    assert await stores.calls.live_of(TOM) == await stores.calls.live_of(MEI) == call
    assert await stores.calls.live_of(BOB) is None

    await stores.calls.save(ended(call))

    assert await stores.calls.live_of(TOM) is await stores.calls.live_of(MEI) is None
    assert await stores.calls.live() == ()
    with_bob = await stores.calls.add(a_call(50_002, guest_id=BOB))
    with_ann = await stores.calls.add(a_call(50_003, anchor_id=ANN))
    assert await stores.calls.live_of(MEI) == with_bob
    assert await stores.calls.live_of(TOM) == with_ann


@on_every_store
async def test_repeating_the_end_does_not_free_people_from_their_next_call(stores: Stores) -> None:
    call = await stores.calls.add(a_call())
    await stores.calls.save(ended(call))
    following = await stores.calls.add(a_call(50_002))

    await stores.calls.save(ended(call))

    assert await stores.calls.live_of(TOM) == await stores.calls.live_of(MEI) == following


# --- what the ledger owns ------------------------------------------------------------------------------------------


@on_every_store
async def test_a_save_keeps_what_the_ledger_wrote_meanwhile(stores: Stores) -> None:
    joining = a_call(phase=Phase.JOINING)
    await stores.calls.add(joining)
    await pay(stores, joining, 1)
    await pay(stores, joining, 2)

    # The owner did not hear of it yet: its record knows no minute.
    await stores.calls.save(next_version(joining, gap_since_ms=T0 + 5, absent=(Side.GUEST,)))

    assert await stores.calls.get(joining.id) == replace(
        joining,
        version=1,
        phase=Phase.CONNECTED,
        started_at_ms=T0,
        minutes_paid=2,
        gap_since_ms=T0 + 5,
        absent=(Side.GUEST,),
    )


@on_every_store
async def test_a_save_cannot_do_the_ledgers_work(stores: Stores) -> None:
    joining = await stores.calls.add(a_call(phase=Phase.JOINING))

    await stores.calls.save(
        next_version(joining, phase=Phase.CONNECTED, started_at_ms=T0 + 5, minutes_paid=7, unbilled_ms=8)
    )

    assert await stores.calls.get(joining.id) == next_version(joining, unbilled_ms=8)


@on_every_store
async def test_the_end_keeps_the_minutes_and_the_start(stores: Stores) -> None:
    joining = a_call(phase=Phase.JOINING)
    await stores.calls.add(joining)
    await pay(stores, joining, 1)

    await stores.calls.save(ended(joining))

    kept = await stores.calls.get(joining.id)
    assert kept == replace(ended(joining), started_at_ms=T0, minutes_paid=1)


@on_every_store
async def test_a_minute_does_not_count_as_a_version(stores: Stores) -> None:
    joining = a_call(phase=Phase.JOINING)
    await stores.calls.add(joining)
    await pay(stores, joining, 1)

    kept = await stores.calls.get(joining.id)
    assert kept is not None
    assert (kept.version, kept.epoch) == (joining.version, joining.epoch)
    await stores.calls.save(next_version(kept, unbilled_ms=5))
    assert await stores.calls.get(joining.id) == next_version(kept, unbilled_ms=5)


# --- lists ---------------------------------------------------------------------------------------------------------


async def history(stores: Stores) -> dict[int, CallRecord]:
    """Four calls, one after the other, by number; the last one still rings."""
    pairs = [(TOM, MEI), (TOM, ANN), (BOB, MEI), (TOM, MEI)]
    calls = [
        a_call(50_001 + number, guest_id=guest_id, anchor_id=anchor_id, rung_at_ms=T0 + 1_000 * number)
        for number, (guest_id, anchor_id) in enumerate(pairs)
    ]
    for call in calls[:-1]:
        await stores.calls.add(call)
        await stores.calls.save(ended(call))
    await stores.calls.add(calls[-1])
    return {1: ended(calls[0]), 2: ended(calls[1]), 3: ended(calls[2]), 4: calls[3]}


@on_every_store
async def test_the_newest_call_of_a_pair_is_found(stores: Stores) -> None:
    calls = await history(stores)

    assert await stores.calls.last_between(TOM, MEI) == calls[4]
    assert await stores.calls.last_between(TOM, ANN) == calls[2]
    assert await stores.calls.last_between(BOB, ANN) is None
    assert await stores.calls.last_between(MEI, TOM) is None


@on_every_store
@pytest.mark.parametrize(
    ("person_id", "skip", "limit", "numbers"),
    [
        (TOM, 0, 10, [4, 2, 1]),
        (MEI, 0, 10, [4, 3, 1]),
        (BOB, 0, 10, [3]),
        (TOM, 0, 2, [4, 2]),
        (TOM, 2, 2, [1]),
        (TOM, 3, 2, []),
        (PersonId(99_999), 0, 10, []),
    ],
)
async def test_calls_of_either_side_come_newest_first_page_by_page(
    stores: Stores, person_id: PersonId, skip: int, limit: int, numbers: list[int]
) -> None:
    calls = await history(stores)

    page = await stores.calls.of_person(person_id, skip=skip, limit=limit)

    assert page == tuple(calls[number] for number in numbers)


@on_every_store
async def test_calls_are_counted_by_phase_or_end_reason_since_a_moment(stores: Stores) -> None:
    await history(stores)

    assert await stores.calls.counts_today(T0) == {"hung_up": 3, "ringing": 1}
    assert await stores.calls.counts_today(T0 + 2_000) == {"hung_up": 1, "ringing": 1}
    assert await stores.calls.counts_today(T0 + 2_001) == {"ringing": 1}
    assert await stores.calls.counts_today(T0 + 3_001) == {}


@on_every_store
async def test_an_unknown_call_is_none(stores: Stores) -> None:
    assert await stores.calls.get(CallId(1)) is None
    assert await stores.calls.live() == ()
