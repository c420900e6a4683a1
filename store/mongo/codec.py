"""Records to documents and back.

Every whole number is kept as a 64-bit one, whatever its size, so that the database can insist on it (D-5). What goes in
is checked against the record's own types, and what a query compares with must be a plain value: a dictionary that
came through from a request would otherwise be an operator to the database (SEC-21).
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from bson.int64 import Int64
from bson.objectid import ObjectId

from store.interfaces.ids import AccountId, CallId, EntryId, PersonId
from store.interfaces.ledger import EntryKind, Held, JournalEntry, Posting
from store.interfaces.money import is_wallet
from store.mongo.connection import Document

__all__ = [
    "document_of",
    "entry_document",
    "entry_of",
    "fields_of",
    "new_batch_id",
    "number",
    "numbers",
    "record_of",
    "text",
    "texts",
]

Record = TypeVar("Record", bound=msgspec.Struct)


def number(value: int) -> Int64:
    """A whole number as the database keeps it.

    Raises: TypeError: it is none, whatever the annotations promised.
    """
    given: object = value
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"expected a whole number, got {type(value).__name__}")
    return Int64(value)


def numbers(values: Iterable[int]) -> list[Int64]:
    """Several of them."""
    return [number(value) for value in values]


def text(value: str) -> str:
    """A text that may stand in a query.

    Raises: TypeError: it is none, whatever the annotations promised.
    """
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return str(value)


def texts(values: Iterable[str]) -> list[str]:
    """Several of them."""
    return [text(value) for value in values]


def _kept(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return Int64(value)
        case list():
            return [_kept(item) for item in value]
        case dict():
            return {name: _kept(item) for name, item in value.items()}
    return value


def fields_of(record: msgspec.Struct) -> Document:
    """The fields of a record as they are kept, under their own names.

    Raises: TypeError: a field holds what its type does not allow.
    """
    plain = msgspec.to_builtins(record, builtin_types=(bytes,))
    try:
        msgspec.convert(plain, type(record), builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise TypeError(f"{type(record).__name__}: {error}") from error
    fields: Document = _kept(plain)
    return fields


def document_of(record: msgspec.Struct) -> Document:
    """A record as a document; its ``id`` is the document's key."""
    fields = fields_of(record)
    return {"_id": fields.pop("id"), **fields}


def record_of(document: Document, kind: type[Record]) -> Record:
    """A document as the record it was made of; what the record does not know is left out."""
    return msgspec.convert({"id": document["_id"], **document}, kind, builtin_types=(bytes,))


def entry_document(entry: JournalEntry, place: int) -> Document:
    """A journal entry as a document. Written by hand: this runs for every minute of every call, and is kept for ever.

    Its legs are two lists of equal length. ``wallets`` is what statements are searched by; ``place`` orders the entries
    of one batch, which share their time.
    """
    postings = entry.postings
    document: Document = {
        "_id": text(entry.id),
        "kind": entry.kind.value,
        "accounts": [text(leg.account) for leg in postings],
        "amounts": [number(leg.amount) for leg in postings],
        "wallets": list({leg.account: None for leg in postings if is_wallet(leg.account)}),
        "person_id": number(entry.person_id),
        "at_ms": Int64(entry.at_ms),
        "place": place,
    }
    if entry.call_id is not None:
        document["call_id"] = number(entry.call_id)
    if entry.minute is not None:
        document["minute"] = number(entry.minute)
    if entry.note:
        document["note"] = text(entry.note)
    if entry.payer_balance is not None:
        document["payer_balance"] = Int64(entry.payer_balance)
    if entry.held:
        document["held"] = [{"account": text(one.account), "amount": number(one.amount)} for one in entry.held]
    return document


def entry_of(document: Document) -> JournalEntry:
    """The entry that such a document holds."""
    call_id, minute, payer_balance = document.get("call_id"), document.get("minute"), document.get("payer_balance")
    legs = zip(document["accounts"], document["amounts"], strict=True)
    return JournalEntry(
        id=EntryId(document["_id"]),
        kind=EntryKind(document["kind"]),
        postings=tuple(Posting(AccountId(account), int(amount)) for account, amount in legs),
        person_id=PersonId(int(document["person_id"])),
        call_id=None if call_id is None else CallId(int(call_id)),
        minute=None if minute is None else int(minute),
        note=document.get("note", ""),
        at_ms=int(document["at_ms"]),
        payer_balance=None if payer_balance is None else int(payer_balance),
        held=tuple(Held(AccountId(one["account"]), int(one["amount"])) for one in document.get("held", ())),
    )


def new_batch_id() -> ObjectId:
    """A key nobody else makes, later ones greater than earlier ones of the same second or node."""
    return ObjectId()
