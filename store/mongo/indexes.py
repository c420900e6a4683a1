"""Every index beside the query that needs it, and every rule the database enforces by itself (D-5).

Collections are made up front: inside a transaction they would be in each other's way.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from store.interfaces.ledger import EntryKind
from store.interfaces.money import Currency
from store.interfaces.orders import Cashier, OrderState
from store.interfaces.rooms import RoomKind
from store.mongo.collections import (
    ACCOUNTS,
    ANCHOR_RECORDS,
    ATTEMPTS,
    AUDIT,
    BLOB_CHUNKS,
    BLOB_HOLDERS,
    BLOB_HOLDINGS,
    BLOBS,
    BLOBS_STAGED,
    CALLS,
    CODES,
    COMMENTS,
    COUNTERS,
    CREDENTIALS,
    DONATION_TOTALS,
    DONATIONS,
    ENTRIES,
    FOLLOWS,
    FORMS,
    FRIENDSHIPS,
    GROUPS,
    LIKES,
    LIKES_OF_THINGS,
    MEMBERS,
    MEMBERSHIPS,
    MESSAGES,
    NODES,
    ORDERS,
    OUTBOX,
    PENDING,
    PEOPLE,
    QUOTAS,
    ROOMS,
    SESSIONS,
    SHELVES,
    SHOWS,
    SHUFFLES,
    SIGN_INS,
    SUBSCRIPTION_PRICES,
    SUBSCRIPTIONS,
    TOLD,
    USED_TOKENS,
    VIDEOS,
    VIEWER_LINES,
    WARNINGS,
)
from store.mongo.connection import Document, Mongo

__all__ = ["INDEXES", "RULES", "Index", "prepare"]

DEADLINE_S: Final = 60.0
"""Building an index over a grown collection takes its time; on an empty database this needs half a second."""


NAMESPACE_EXISTS: Final = 48


class Index(NamedTuple):
    """One index: the query or guard it is for, its keys, and the driver's options."""

    reason: str
    keys: Mapping[str, int]
    options: Mapping[str, Any] = {}

    @property
    def statement(self) -> Document:
        """The index as the database's own command wants it."""
        name = "_".join(f"{field}_{direction}" for field, direction in self.keys.items())
        return {"key": dict(self.keys), "name": name, **self.options}


LIVE: Final = {"partialFilterExpression": {"live": True}}
OPEN: Final = {"partialFilterExpression": {"open": True}}
WITH_COOKIE: Final = {"cookie_hash": {"$gt": ""}}
DONATED: Final = {"donated.key": {"$gt": ""}}
UNIQUE: Final = {"unique": True}

INDEXES: Final[Mapping[str, tuple[Index, ...]]] = {
    ACCOUNTS: (),
    AUDIT: (),
    COUNTERS: (),
    NODES: (Index("leases that ran out; incarnations of a name", {"is_dead": 1, "name": 1}),),
    PEOPLE: (
        Index("one account for each name of the surface", {"surface": 1, "external_id": 1}, UNIQUE),
        Index(
            "one account for each id that the surface shows, where it shows other ones; operators search by it",
            {"public_id": 1, "surface": 1},
            UNIQUE | {"partialFilterExpression": {"public_id": {"$gt": ""}}},
        ),
        Index("operators search by external id", {"external_id": 1}),
        Index("operators search by the beginning of a nickname", {"nickname": 1}),
        Index("the newest people", {"created_at_ms": -1, "_id": -1}),
    ),
    SESSIONS: (
        Index("who presents this token", {"token_hash": 1}, UNIQUE),
        Index("all sign-ins of a person", {"person_id": 1}),
    ),
    CREDENTIALS: (Index("each name is one person's on its surface", {"surface": 1, "names": 1}, UNIQUE),),
    SIGN_INS: (
        Index("who presents this cookie", {"cookie_hash": 1}, UNIQUE | {"partialFilterExpression": WITH_COOKIE}),
        Index("a person's newest sign-ins", {"person_id": 1, "opened_at_ms": -1, "_id": -1}),
        Index("sign-ins expire", {"expires_at": 1}, {"expireAfterSeconds": 0}),
    ),
    CODES: (Index("mailed codes expire", {"expires_at": 1}, {"expireAfterSeconds": 0}),),
    USED_TOKENS: (Index("used tokens are forgotten", {"expires_at": 1}, {"expireAfterSeconds": 0}),),
    MEMBERS: (
        Index("who was heard of last", {"active_at_ms": -1, "_id": -1}),
        Index("whether anybody of the top level is left", {"level": 1}),
    ),
    ATTEMPTS: (Index("failures are forgotten", {"expires_at": 1}, {"expireAfterSeconds": 0}),),
    BLOBS: (Index("one file for each content", {"filename": 1}, UNIQUE),),
    BLOB_CHUNKS: (Index("a chunk of a file, by its number", {"files_id": 1, "n": 1}, UNIQUE),),
    BLOBS_STAGED: (Index("what nobody is heard of any more", {"expires_at_ms": 1, "_id": 1}),),
    BLOB_HOLDERS: (),
    BLOB_HOLDINGS: (),
    ENTRIES: (
        Index(
            "what a call cost",
            {"call_id": 1, "at_ms": 1, "place": 1},
            {"partialFilterExpression": {"call_id": {"$exists": True}}},
        ),
        Index("statements of a wallet", {"wallets": 1, "at_ms": -1, "place": -1}),
    ),
    PENDING: (
        Index("what a wallet has earned and not been folded", {"credits.account": 1}),
        Index("the same of sums of donations", {"donated.key": 1}, {"partialFilterExpression": DONATED}),
    ),
    OUTBOX: (Index("the oldest rows", {"at_ms": 1, "place": 1}),),
    CALLS: (
        Index("nobody has two calls that have not ended (INV-13)", {"people": 1}, UNIQUE | LIVE),
        Index("a person's calls", {"people": 1, "rung_at_ms": -1, "_id": -1}),
        Index("the newest call of a pair", {"guest_id": 1, "anchor_id": 1, "rung_at_ms": -1, "_id": -1}),
        Index("live calls by owner: takeover", {"owner": 1, "rung_at_ms": 1, "_id": 1}, LIVE),
        Index("live calls, oldest first", {"live": 1, "rung_at_ms": 1, "_id": 1}, LIVE),
        Index("the calls of a day", {"rung_at_ms": 1}),
    ),
    ROOMS: (
        Index("open rooms by owner: takeover", {"owner": 1, "created_at_ms": 1, "_id": 1}, OPEN),
        Index("open rooms, oldest first", {"open": 1, "created_at_ms": 1, "_id": 1}, OPEN),
        Index(
            "nobody sits in two blind-date rooms",
            {"seats.person_id": 1},
            UNIQUE | {"partialFilterExpression": {"kind": RoomKind.BLIND_DATE.value, "is_seated": True}},
        ),
    ),
    ORDERS: (
        Index(
            "the same request makes one order",
            {"person_id": 1, "request_key": 1},
            UNIQUE | {"partialFilterExpression": {"request_key": {"$type": "string"}}},
        ),
        Index("a person's finished orders", {"person_id": 1, "created_at_ms": -1, "_id": -1}),
        Index("orders that wait", {"cashier": 1, "state": 1, "created_at_ms": 1, "_id": 1}),
        Index(
            "orders of which a cashier said something that a person must see",
            {"status": 1, "created_at_ms": -1, "_id": -1},
            {"partialFilterExpression": {"status": {"$gt": ""}}},
        ),
    ),
    DONATIONS: (
        Index("a user's donations", {"user_id": 1, "at_ms": -1, "number": -1}),
        Index("an anchor's donations", {"anchor_id": 1, "at_ms": -1, "number": -1}),
    ),
    DONATION_TOTALS: (),
    SUBSCRIPTIONS: (Index("a user's running subscriptions", {"user_id": 1, "until_ms": -1, "anchor_id": -1}),),
    SUBSCRIPTION_PRICES: (),
    SHOWS: (Index("an anchor's shows", {"anchor_id": 1, "created_at_ms": 1, "_id": 1}),),
    FOLLOWS: (Index("the rooms a person follows", {"person_id": 1, "at_ms": -1, "room_id": -1}),),
    VIEWER_LINES: (
        Index("the same words soon again are kept once", {"double": 1}, UNIQUE),
        Index("what viewers said last in a room", {"room_id": 1, "at_ms": -1, "_id": -1}),
    ),
    ANCHOR_RECORDS: (
        Index("the same record soon again is kept once", {"double": 1}, UNIQUE),
        Index("when the anchor's client said something last", {"room_id": 1, "at_ms": -1, "_id": -1}),
        Index(
            "what the anchor and her character said last in a room",
            {"room_id": 1, "spoken": 1, "at_ms": -1, "_id": -1},
            {"partialFilterExpression": {"spoken": True}},
        ),
    ),
    QUOTAS: (Index("counts of days that are over expire", {"expires_at": 1}, {"expireAfterSeconds": 0}),),
    LIKES: (),
    FRIENDSHIPS: (Index("a person's friends, the latest first", {"people": 1, "at_ms": -1, "_id": -1}),),
    GROUPS: (Index("an owner's groups have names of their own", {"owner_id": 1, "name": 1}, UNIQUE),),
    MEMBERSHIPS: (
        Index("the groups a person is in", {"person_id": 1, "at_ms": 1, "group_id": 1}),
        Index("who is in a group", {"group_id": 1, "at_ms": 1, "person_id": 1}),
        Index("who has joined lately", {"at_ms": 1, "group_id": 1, "person_id": 1}),
    ),
    MESSAGES: (
        Index("one message comes after another", {"conversation_id": 1, "previous_id": 1}, UNIQUE),
        Index("a conversation, in its order", {"conversation_id": 1, "_id": 1}),
        Index("what was said in private to or by a person", {"people": 1, "_id": 1}, {"sparse": True}),
    ),
    TOLD: (),
    VIDEOS: (
        Index("every place of a shelf is one video's; shuffled lists", {"shelf": 1, "place": 1}, UNIQUE),
        Index("the newest videos of some shelves", {"shelf": 1, "_id": -1}),
        Index("the most liked videos of some shelves", {"shelf": 1, "likes_count": -1, "_id": -1}),
    ),
    SHELVES: (),
    SHUFFLES: (Index("what nobody looks through any more expires", {"expires_at": 1}, {"expireAfterSeconds": 0}),),
    COMMENTS: (
        Index("the newest comments below something", {"below": 1, "_id": -1}),
        Index("the most liked comments below something", {"below": 1, "likes_count": -1, "_id": -1}),
    ),
    LIKES_OF_THINGS: (),
    WARNINGS: (Index("the newest warning of a person", {"person_id": 1, "at_ms": -1, "_id": -1}),),
    FORMS: (
        Index("a person's forms, oldest first", {"person_id": 1, "at_ms": 1, "_id": 1}),
        Index("forms expire", {"expires_at": 1}, {"expireAfterSeconds": 0}),
    ),
}


def _whole(minimum: int | None = None) -> Document:
    """A whole number of 64 bits, however small: a float can neither be written nor come out of a sum unseen."""
    return {"bsonType": "long"} if minimum is None else {"bsonType": "long", "minimum": minimum}


def _rule(required: Mapping[str, Document], optional: Mapping[str, Document] | None = None) -> Document:
    return {"bsonType": "object", "required": list(required), "properties": {**required, **(optional or {})}}


TEXT: Final = {"bsonType": "string"}
EARNED: Final = _rule({"count": _whole(0), "amount": _whole(0)})

RULES: Final[Mapping[str, Document]] = {
    ACCOUNTS: _rule(
        {"_id": TEXT, "balance": _whole(0)},
        {"earned": {"bsonType": "object", "additionalProperties": EARNED}},
    ),
    ENTRIES: _rule(
        {
            "_id": TEXT,
            "kind": {"enum": [kind.value for kind in EntryKind]},
            "accounts": {"bsonType": "array", "minItems": 2, "items": TEXT},
            "amounts": {"bsonType": "array", "minItems": 2, "items": _whole()},
            "person_id": _whole(1),
            "at_ms": _whole(0),
        },
        {
            "call_id": _whole(1),
            "minute": _whole(1),
            "payer_balance": _whole(0),
            "held": {"bsonType": "array", "items": _rule({"account": TEXT, "amount": _whole(0)})},
        },
    ),
    PENDING: _rule(
        {
            "credits": {
                "bsonType": "array",
                "items": _rule({"account": TEXT, "kind": TEXT, "count": _whole(1), "amount": _whole(1)}),
            }
        },
        {"donated": {"bsonType": "array", "items": _rule({"key": TEXT, "amount": _whole(1)})}},
    ),
    # Only what the ledger counts on: every rule is paid for again with every minute of every call.
    CALLS: _rule({"epoch": _whole(1), "minutes_paid": _whole(0), "live": {"bsonType": "bool"}}),
    ROOMS: _rule(
        {
            "_id": TEXT,
            "anchor_id": _whole(1),
            "epoch": _whole(1),
            "version": _whole(0),
            "open": {"bsonType": "bool"},
            "owner": TEXT,
        }
    ),
    ORDERS: _rule(
        {
            "_id": TEXT,
            "person_id": _whole(1),
            "currency": {"enum": [currency.value for currency in Currency]},
            "amount": _whole(1),
            "price": _whole(0),
            "cashier": {"enum": [cashier.value for cashier in Cashier]},
            "state": {"enum": [state.value for state in OrderState]},
        }
    ),
    DONATIONS: _rule(
        {
            "_id": TEXT,
            "number": _whole(1),
            "user_id": _whole(1),
            "anchor_id": _whole(1),
            "amount": _whole(1),
            "at_ms": _whole(0),
        }
    ),
    DONATION_TOTALS: _rule({"_id": TEXT, "amount": _whole(1)}),
    SUBSCRIPTIONS: _rule(
        {
            "_id": TEXT,
            "user_id": _whole(1),
            "anchor_id": _whole(1),
            "since_ms": _whole(0),
            "until_ms": _whole(1),
            "price": _whole(0),
        }
    ),
    SUBSCRIPTION_PRICES: _rule({"_id": _whole(1), "price": _whole(0)}),
    SHOWS: _rule({"_id": TEXT, "anchor_id": _whole(1)}),
    FRIENDSHIPS: _rule({"_id": TEXT, "people": {"bsonType": "array", "minItems": 2, "maxItems": 2}}),
    GROUPS: _rule({"_id": _whole(1), "owner_id": _whole(1), "name": TEXT}),
    MEMBERSHIPS: _rule({"_id": TEXT, "group_id": _whole(1), "person_id": _whole(1), "at_ms": _whole(0)}),
    MESSAGES: _rule({"_id": _whole(1), "conversation_id": TEXT, "previous_id": _whole(0), "sender_id": _whole(1)}),
    TOLD: _rule({"_id": _whole(1), "message_id": _whole(0)}),
    PEOPLE: _rule({"_id": _whole(1), "surface": TEXT, "external_id": TEXT, "points_per_minute": _whole(0)}),
    CREDENTIALS: _rule({"_id": _whole(1), "surface": TEXT, "names": {"bsonType": "array", "minItems": 1}}),
    MEMBERS: _rule({"_id": _whole(1), "level": _whole(0), "active_at_ms": _whole(0), "logged_out_at_ms": _whole(0)}),
    CODES: _rule(
        {
            "_id": TEXT,
            "sealed": TEXT,
            "tries_left": _whole(0),
            "sent_at_ms": _whole(0),
            "expires_at": {"bsonType": "date"},
        }
    ),
    USED_TOKENS: _rule({"_id": TEXT, "expires_at": {"bsonType": "date"}}),
    SIGN_INS: _rule({"_id": TEXT, "person_id": _whole(1), "expires_at": {"bsonType": "date"}}),
    BLOBS: _rule({"_id": TEXT, "filename": TEXT, "length": _whole(0), "chunkSize": {"bsonType": "int"}}),
    BLOB_CHUNKS: _rule({"files_id": TEXT, "n": {"bsonType": "int"}, "data": {"bsonType": "binData"}}),
    BLOBS_STAGED: _rule({"_id": TEXT, "expires_at_ms": _whole(0), "is_abandoned": {"bsonType": "bool"}}),
    BLOB_HOLDERS: _rule({"_id": _whole(1), "bytes": _whole(0)}),
    ATTEMPTS: _rule({"_id": TEXT, "count": _whole(0), "until_ms": _whole(0), "expires_at": {"bsonType": "date"}}),
    COUNTERS: _rule({"_id": TEXT, "next": _whole(1)}),
    VIDEOS: _rule(
        {"_id": _whole(1), "author_id": _whole(1), "shelf": _whole(0), "place": _whole(0)}
        | {"likes_count": _whole(0), "comments_count": _whole(0)}
    ),
    SHELVES: _rule({"_id": _whole(0), "count": _whole(1)}),
    COMMENTS: _rule(
        {"_id": _whole(1), "video_id": _whole(1), "father_id": _whole(1), "author_id": _whole(1)}
        | {"likes_count": _whole(0), "answers_count": _whole(0)}
    ),
    LIKES_OF_THINGS: _rule({"_id": TEXT, "thing_id": _whole(1), "person_id": _whole(1)}),
}


async def prepare(mongo: Mongo) -> None:
    """Create what is missing and bring the rules up to date. Several nodes may do this at once."""
    await mongo.prepare(_prepare, DEADLINE_S)


async def _prepare(database: Any) -> None:
    cursor = await database.list_collections()
    there = {kept["name"]: kept.get("options", {}) async for kept in cursor}
    for collection, indexes in INDEXES.items():
        rule = {"validator": {"$jsonSchema": RULES[collection]}} if collection in RULES else {}
        if collection not in there:
            # Another node that starts at this moment may have been faster.
            await database.command({"create": collection, **rule}, allowable_errors=[NAMESPACE_EXISTS])
        elif rule and rule["validator"] != there[collection].get("validator"):
            # Only then: it waits for every transaction that runs, and everybody else waits for it.
            await database.command({"collMod": collection, **rule})
        if indexes:
            await database.command({"createIndexes": collection, "indexes": [index.statement for index in indexes]})
