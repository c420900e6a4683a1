"""What goes into the database, and what is refused at its door (SEC-21)."""

from typing import Any

import pytest
from bson.int64 import Int64
from msgspec.structs import replace

from store.interfaces.calls import CallRecord, HistoryLine, Phase, Side
from store.interfaces.ids import AccountId, EntryId
from store.interfaces.ledger import EntryKind, Held, JournalEntry, Posting
from store.interfaces.orders import OrderRecord
from store.mongo.codec import document_of, entry_document, entry_of, number, record_of, text
from tests.support.records import DIAMONDS, T0, TOM, a_call, a_person, an_order, diamonds_of, gold_of, income_of

OPERATORS: list[Any] = [{"$gt": ""}, {"$ne": None}, ["a"], {"$regex": ".*"}, {"$where": "1"}, None]


def entry(**changes: Any) -> JournalEntry:
    whole = JournalEntry(
        id=EntryId("call:1:m:1"),
        kind=EntryKind.MINUTE,
        postings=(Posting(diamonds_of(TOM), -50), Posting(AccountId(f"{DIAMONDS}/house"), 50)),
        person_id=TOM,
        at_ms=T0,
    )
    return replace(whole, **changes)


def whole_numbers(value: Any) -> list[Any]:
    match value:
        case bool():
            return []
        case dict():
            return [found for item in value.values() for found in whole_numbers(item)]
        case list():
            return [found for item in value for found in whole_numbers(item)]
        case int():
            return [value]
    return []


@pytest.mark.parametrize("value", [*OPERATORS, 5, b"a"])
def test_what_is_no_text_never_becomes_part_of_a_query(value: Any):
    with pytest.raises(TypeError):
        text(value)


@pytest.mark.parametrize("value", [*OPERATORS, "5", 5.0, True])
def test_what_is_no_whole_number_never_becomes_part_of_a_query(value: Any):
    with pytest.raises(TypeError):
        number(value)


@pytest.mark.parametrize("value", OPERATORS)
def test_a_record_that_holds_something_else_than_it_says_is_refused(value: Any):
    with pytest.raises(TypeError):
        document_of(a_person(nickname=value))
    with pytest.raises(TypeError):
        document_of(a_person(points_per_minute=value))
    with pytest.raises(TypeError):
        entry_document(entry(id=value), 0)


def test_every_whole_number_is_kept_with_64_bits_however_small():
    call = a_call(gap_since_ms=0, history=(HistoryLine(at_ms=1, event="rang", by="guest"),))

    kept = whole_numbers(document_of(call)) + whole_numbers(document_of(an_order()))

    assert len(kept) > 10
    assert all(type(value) is Int64 for value in kept)


@pytest.mark.parametrize(
    "record",
    [
        a_call(),
        a_call(phase=Phase.ENDED, absent=(Side.GUEST,), history=(HistoryLine(at_ms=1, event="rang", by="guest"),)),
        an_order(payment=b"\x00\xff", request_key="again"),
    ],
)
def test_a_record_comes_back_as_it_went(record: CallRecord | OrderRecord):
    assert record_of(document_of(record), type(record)) == record


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"call_id": 1, "minute": 2},
        {"note": "because"},
        {"payer_balance": 0},
        {"held": (Held(gold_of(TOM), 0), Held(income_of(TOM), 7))},
        {"kind": EntryKind.GRANT},
    ],
)
def test_an_entry_comes_back_as_it_went(changes: dict[str, Any]):
    whole = entry(**changes)

    assert entry_of(entry_document(whole, 7)) == whole


def test_an_entry_is_found_by_its_wallets_alone():
    assert entry_document(entry(), 0)["wallets"] == [diamonds_of(TOM)]
