"""The full recomputation: what the journal implies, compared with what is kept beside it.

The database adds up, all sums over one and the same moment; the comparing is done here. Changes nothing. A finding
begins with the name of the invariant it breaks.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from store.interfaces.ids import AccountId, CallId
from store.interfaces.ledger import Audit, EntryKind
from store.interfaces.money import is_wallet
from store.interfaces.orders import OrderState
from store.interfaces.subscriptions import SubscriptionRecord
from store.mongo.codec import record_of
from store.mongo.collections import (
    ACCOUNTS,
    CALLS,
    DONATION_TOTALS,
    DONATIONS,
    ENTRIES,
    ORDERS,
    PENDING,
    SUBSCRIPTIONS,
)
from store.mongo.connection import Document, Mongo, Snapshot

__all__ = ["audit"]

DEADLINE_S: Final = 120.0
"""An operator waits for this; the server keeps a moment readable for five minutes."""

EACH_LEG: Final = (
    {"$project": {"kind": 1, "leg": {"$zip": {"inputs": ["$accounts", "$amounts"], "useLongestLength": True}}}},
    {"$unwind": {"path": "$leg", "preserveNullAndEmptyArrays": True}},
    {
        "$project": {
            "kind": 1,
            "account": {"$arrayElemAt": ["$leg", 0]},
            "amount": {"$arrayElemAt": ["$leg", 1]},
        }
    },
)
"""Turns entries into their legs; an entry without any gives one that names no account."""

Earnings = Counter[tuple[AccountId, str, str]]
"""By account, kind of entry, and ``count`` or ``amount``."""


async def audit(mongo: Mongo) -> Audit:
    """Compare the journal with balances, totals and paid minutes, and with the records beside it.

    INV-1, INV-2, INV-3, INV-5, INV-8, INV-10.
    """
    async with mongo.snapshot(DEADLINE_S) as moment:
        implied, implied_earnings = await _implied(moment)
        stored, stored_earnings = await _stored(moment)
        pending, pending_earnings = await _pending(moment)
        findings = [
            *await _unbalanced(moment),
            *(f"INV-2: {account} holds {amount}" for account, amount in stored.items() if amount < 0),
            *await _wrong_minutes(moment),
            *await _wrong_orders(moment),
            *await _wrong_donations(moment),
            *await _wrong_donation_totals(moment),
            *await _wrong_subscriptions(moment),
        ]
        counted = await moment.aggregate(ENTRIES, [{"$count": "count"}])
    holdings = Counter(dict.fromkeys(implied, 0))
    holdings.update(stored)
    holdings.update(pending)
    findings.extend(_wrong_holdings(holdings, implied))
    stored_earnings.update(pending_earnings)
    findings.extend(_wrong_earnings(stored_earnings, implied_earnings))
    totals: Counter[str] = Counter()
    for account, amount in holdings.items():
        totals[account.partition("/")[0]] += amount
    return Audit(
        entries_count=int(counted[0]["count"]) if counted else 0,
        accounts_count=len(holdings),
        totals=dict(totals),
        findings=tuple(findings),
    )


async def _implied(moment: Snapshot) -> tuple[Counter[AccountId], Earnings]:
    """What the entries say each wallet holds and has earned."""
    is_credit = {"$gt": ["$amount", 0]}
    rows = await moment.aggregate(
        ENTRIES,
        [
            *EACH_LEG,
            {
                "$group": {
                    "_id": {"account": "$account", "kind": "$kind"},
                    "sum": {"$sum": "$amount"},
                    "count": {"$sum": {"$cond": [is_credit, 1, 0]}},
                    "amount": {"$sum": {"$cond": [is_credit, "$amount", 0]}},
                }
            },
        ],
    )
    holdings: Counter[AccountId] = Counter()
    earnings: Earnings = Counter()
    for row in rows:
        account, kind = row["_id"].get("account"), row["_id"]["kind"]
        if account is not None and is_wallet(account):
            holdings[account] += int(row["sum"])
            _count(earnings, account, kind, row)
    return holdings, earnings


async def _stored(moment: Snapshot) -> tuple[Counter[AccountId], Earnings]:
    holdings: Counter[AccountId] = Counter()
    earnings: Earnings = Counter()
    for row in await moment.aggregate(ACCOUNTS, [{"$project": {"balance": 1, "earned": 1}}]):
        holdings[row["_id"]] = int(row["balance"])
        for kind, earned in row.get("earned", {}).items():
            _count(earnings, row["_id"], kind, earned)
    return holdings, earnings


async def _pending(moment: Snapshot) -> tuple[Counter[AccountId], Earnings]:
    rows = await moment.aggregate(
        PENDING,
        [
            {"$unwind": "$credits"},
            {
                "$group": {
                    "_id": {"account": "$credits.account", "kind": "$credits.kind"},
                    "count": {"$sum": "$credits.count"},
                    "amount": {"$sum": "$credits.amount"},
                }
            },
        ],
    )
    holdings: Counter[AccountId] = Counter()
    earnings: Earnings = Counter()
    for row in rows:
        holdings[row["_id"]["account"]] += int(row["amount"])
        _count(earnings, row["_id"]["account"], row["_id"]["kind"], row)
    return holdings, earnings


def _count(earnings: Earnings, account: AccountId, kind: str, row: dict[str, int]) -> None:
    for what in ("count", "amount"):
        earnings[account, kind, what] += int(row[what])


async def _unbalanced(moment: Snapshot) -> list[str]:
    currency = {"$arrayElemAt": [{"$split": ["$account", "/"]}, 0]}
    rows = await moment.aggregate(
        ENTRIES,
        [
            *EACH_LEG,
            {"$group": {"_id": {"entry": "$_id", "currency": currency}, "sum": {"$sum": "$amount"}}},
            {"$match": {"$or": [{"sum": {"$ne": 0}}, {"_id.currency": None}]}},
        ],
    )
    return [f"INV-1: entry {row['_id']['entry']} sums to {row['sum']} {row['_id'].get('currency')}" for row in rows]


def _wrong_holdings(holdings: Counter[AccountId], implied: Counter[AccountId]) -> Iterator[str]:
    for account, amount in holdings.items():
        if amount != implied[account]:
            yield f"INV-3: {account} holds {amount}, its entries say {implied[account]}"


def _wrong_earnings(earnings: Earnings, implied: Earnings) -> Iterator[str]:
    for key in sorted(earnings.keys() | implied.keys()):
        if earnings[key] != implied[key]:
            account, kind, what = key
            yield f"INV-3: {account} earned {what} {earnings[key]} by {kind}, its entries say {implied[key]}"


async def _wrong_minutes(moment: Snapshot) -> list[str]:
    paid = await moment.aggregate(CALLS, [{"$match": {"minutes_paid": {"$ne": 0}}}, {"$project": {"minutes_paid": 1}}])
    counted = {CallId(int(row["_id"])): int(row["minutes_paid"]) for row in paid}
    rows = await moment.aggregate(
        ENTRIES,
        [
            {"$match": {"kind": EntryKind.MINUTE.value, "call_id": {"$exists": True}, "minute": {"$exists": True}}},
            {"$group": {"_id": "$call_id", "minutes": {"$push": "$minute"}}},
        ],
    )
    posted = {CallId(int(row["_id"])): sorted(map(int, row["minutes"])) for row in rows}
    return [
        f"INV-5: call {call_id} counts {counted.get(call_id, 0)} minutes, its entries are those of minutes {minutes}"
        for call_id in sorted(counted.keys() | posted.keys())
        if (minutes := posted.get(call_id, [])) != list(range(1, counted.get(call_id, 0) + 1))
    ]


async def _wrong_orders(moment: Snapshot) -> list[str]:
    paid: list[Document] = [
        {"$match": {"state": OrderState.PAID.value}},
        {"$project": {"_id": {"$concat": ["order:", "$_id"]}, "kept": "$amount"}},
    ]
    return await _unlike(moment, "INV-8", EntryKind.RECHARGE, ORDERS, paid)


async def _wrong_donations(moment: Snapshot) -> list[str]:
    return await _unlike(moment, "INV-10", EntryKind.DONATION, DONATIONS, [{"$project": {"kept": "$amount"}}])


async def _wrong_donation_totals(moment: Snapshot) -> list[str]:
    """Sums that are kept, folded or not, and are not those of the donations."""
    waiting = [{"$unwind": "$donated"}, {"$project": {"_id": "$donated.key", "kept": "$donated.amount"}}]
    of_side = [
        [{"$project": {"_id": {"$concat": [f"{side}:", {"$toString": field}]}, "added": "$amount"}}]
        for side, field in (("given", "$user_id"), ("received", "$anchor_id"))
    ]
    rows = await moment.aggregate(
        DONATION_TOTALS,
        [
            {"$project": {"kept": "$amount"}},
            {"$unionWith": {"coll": PENDING, "pipeline": waiting}},
            *({"$unionWith": {"coll": DONATIONS, "pipeline": pipeline}} for pipeline in of_side),
            {"$group": {"_id": "$_id", "added": {"$sum": "$added"}, "kept": {"$sum": "$kept"}}},
            {"$match": {"$expr": {"$ne": ["$added", "$kept"]}}},
            {"$sort": {"_id": 1}},
        ],
    )
    return [f"INV-10: {row['_id']} {row['kept']} in donations, they add up to {row['added']}" for row in rows]


async def _unlike(moment: Snapshot, rule: str, kind: EntryKind, collection: str, kept: list[Document]) -> list[str]:
    """Entries of a kind, by what their first leg says that they moved, and records that do not say the same."""
    moved = {"$multiply": [{"$arrayElemAt": ["$amounts", 0]}, -1]}
    rows = await moment.aggregate(
        ENTRIES,
        [
            {"$match": {"kind": kind.value}},
            {"$project": {"moved": moved}},
            {"$unionWith": {"coll": collection, "pipeline": kept}},
            {"$group": {"_id": "$_id", "moved": {"$sum": "$moved"}, "kept": {"$sum": "$kept"}}},
            {"$match": {"$expr": {"$ne": ["$moved", "$kept"]}}},
            {"$sort": {"_id": 1}},
        ],
    )
    return [f"{rule}: {row['_id']} moved {row['moved']}, its record says {row['kept']}" for row in rows]


async def _wrong_subscriptions(moment: Snapshot) -> list[str]:
    """Of each user and anchor, the newest that was paid must be the one that is kept, unless a free one came later."""
    # sub:USER:ANCHOR:SINCE
    parts = {"$split": ["$_id", ":"]}
    user_id, anchor_id, since_ms = ({"$arrayElemAt": [parts, place]} for place in (1, 2, 3))
    paid = [
        {"$match": {"kind": EntryKind.SUBSCRIPTION.value}},
        {"$project": {"_id": {"$concat": [user_id, ":", anchor_id]}, "since_ms": {"$toLong": since_ms}}},
    ]
    rows = await moment.aggregate(
        SUBSCRIPTIONS,
        [
            {"$project": {"kept": "$$ROOT"}},
            {"$unionWith": {"coll": ENTRIES, "pipeline": paid}},
            {"$group": {"_id": "$_id", "paid": {"$max": "$since_ms"}, "kept": {"$max": "$kept"}}},
            {"$sort": {"_id": 1}},
        ],
    )
    found = []
    for row in rows:
        paid_since_ms = None if row["paid"] is None else int(row["paid"])
        one = None if row["kept"] is None else record_of(row["kept"], SubscriptionRecord)
        if one is None or not one.goes_with(paid_since_ms):
            found.append(f"INV-10: subscription {row['_id']} was paid from {paid_since_ms} on, its record says {one}")
    return found
