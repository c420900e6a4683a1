"""The journal and the balances it implies.

A batch is one transaction: read the facts, let the engine decide, write what it planned (D-8). Whoever pays is debited
at once; whoever earns is credited by a document of the batch that ``fold`` adds to balances later, so that a popular
anchor is never a document that all batches fight for (D-7).

Equal changes are one statement over many documents, guards included: inside a transaction a statement costs the
server four times what a further document of the same statement does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from store.interfaces.calls import Phase
from store.interfaces.errors import Conflict
from store.interfaces.ids import AccountId, CallId, EntryId, OrderId, PersonId
from store.interfaces.ledger import (
    Audit,
    Balance,
    CallFence,
    Decide,
    Earned,
    EntryKind,
    Facts,
    JournalEntry,
    MinuteClaim,
    Move,
    OrderClaim,
    OrderFence,
    OutboxRow,
    Outcome,
    Plan,
    SubscriptionClaim,
)
from store.interfaces.money import Currency
from store.interfaces.orders import OrderState
from store.interfaces.subscriptions import SubscriptionRecord
from store.mongo.audit import audit
from store.mongo.codec import (
    document_of,
    entry_document,
    entry_of,
    fields_of,
    new_batch_id,
    number,
    numbers,
    record_of,
    text,
    texts,
)
from store.mongo.collections import (
    ACCOUNTS,
    CALLS,
    DONATION_TOTALS,
    DONATIONS,
    ENTRIES,
    ORDERS,
    OUTBOX,
    PENDING,
    SUBSCRIPTIONS,
)
from store.mongo.connection import Document, Mongo, Transaction
from store.mongo.donations import totals_of
from store.mongo.subscriptions import subscription_document, subscription_key

__all__ = ["MongoLedger"]

CALL_ENTRIES_MAX: Final = 10_000
NOW_MS: Final = {"$toLong": "$$NOW"}


class MongoLedger:
    """``LedgerStore`` in MongoDB."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def post(self, moves: Sequence[Move], decide: Decide) -> tuple[Outcome, ...]:
        return await self._mongo.transaction(partial(_post, moves, decide, new_batch_id()))

    async def fold(self, batches_max: int) -> int:
        return await self._mongo.transaction(partial(_fold, batches_max))

    async def balance_of(self, account: AccountId) -> Balance:
        parts = await self._mongo.aggregate_at_once(ACCOUNTS, _parts_of(account))
        amount = 0
        earned: dict[EntryKind, Earned] = {}
        for part in parts:
            amount += int(part["amount"])
            for kind, more in part["earned"]:
                _add(earned, EntryKind(kind), int(more["count"]), int(more["amount"]))
        return Balance(amount=amount, earned=earned)

    async def entry(self, entry_id: EntryId) -> JournalEntry | None:
        document = await self._mongo.find_one(ENTRIES, {"_id": text(entry_id)})
        return None if document is None else entry_of(document)

    async def entries_of_call(self, call_id: CallId) -> tuple[JournalEntry, ...]:
        oldest = (("at_ms", 1), ("place", 1))
        found = await self._mongo.find(ENTRIES, {"call_id": number(call_id)}, sort=oldest, limit=CALL_ENTRIES_MAX)
        return tuple(entry_of(document) for document in found)

    async def entries_of(
        self, account: AccountId, *, since_ms: int = 0, until_ms: int = 2**62, limit: int = 1000
    ) -> tuple[JournalEntry, ...]:
        where = {"wallets": text(account), "at_ms": {"$gte": number(since_ms), "$lt": number(until_ms)}}
        found = await self._mongo.find(ENTRIES, where, sort=(("at_ms", -1), ("place", -1)), limit=limit)
        return tuple(entry_of(document) for document in found)

    async def unsent(self, limit: int) -> tuple[OutboxRow, ...]:
        rows = await self._mongo.find(OUTBOX, {}, sort=(("at_ms", 1), ("place", 1)), limit=limit)
        return tuple(record_of(row, OutboxRow) for row in rows)

    async def sent(self, row_ids: Sequence[str]) -> None:
        await self._mongo.delete(OUTBOX, {"_id": {"$in": texts(row_ids)}})

    async def audit(self) -> Audit:
        return await audit(self._mongo)


async def _post(
    moves: Sequence[Move], decide: Decide, batch_id: object, transaction: Transaction
) -> tuple[Outcome, ...]:
    facts = await _facts(moves, transaction)
    plan = decide(moves, facts)
    await _change(transaction, CALLS, *_minute_statements(plan.minutes))
    await _change(transaction, ACCOUNTS, *_debit_statements(plan.debits))
    await _change(transaction, ORDERS, *_order_statements(plan.orders, facts.now_ms))
    await _change(transaction, SUBSCRIPTIONS, *_subscription_statements(plan.subscriptions))
    if plan.donations:
        await transaction.insert(DONATIONS, [document_of(donation) for donation in plan.donations])
    if plan.entries:
        await transaction.insert(ENTRIES, [entry_document(entry, place) for place, entry in enumerate(plan.entries)])
    if plan.credits or plan.donations:
        await transaction.insert(PENDING, [{"_id": batch_id, "credits": _credits(plan), **_donated(plan)}])
    if plan.outbox:
        await transaction.insert(OUTBOX, [_row(row, facts.now_ms, place) for place, row in enumerate(plan.outbox)])
    return plan.outcomes


async def _change(
    transaction: Transaction, collection: str, statements: Sequence[Document], documents_count: int
) -> None:
    """Run the statements; each of their documents must still be as the facts said.

    Raises: Conflict: one is not. The snapshot rules that out; the guards stay, as money has no second chance (D-5).
    """
    if statements and await transaction.update(collection, statements) != documents_count:
        raise Conflict(f"{collection} are not as they were read")


# Reading


async def _facts(moves: Sequence[Move], transaction: Transaction) -> Facts:
    claims = [move.claim for move in moves]
    payers = dict.fromkeys(account for move in moves for account in move.payers)
    sharers = dict.fromkeys(account for move in moves if move.cost is not None for account in move.cost.wallets)
    pairs = [
        (claim.subscription.user_id, claim.subscription.anchor_id)
        for claim in claims
        if isinstance(claim, SubscriptionClaim)
    ]
    calls, now_ms = await _calls_and_now(
        {claim.call_id for claim in claims if isinstance(claim, MinuteClaim)}, transaction
    )
    return Facts(
        now_ms=now_ms,
        posted=await _posted([move.id for move in moves], transaction),
        balances=await _balances(payers, transaction) if payers else {},
        calls=calls,
        orders=await _orders({claim.order_id for claim in claims if isinstance(claim, OrderClaim)}, transaction),
        subscribed_until_ms=await _subscribed(pairs, transaction) if pairs else {},
        unfolded=await _unfolded(sharers, transaction) if sharers else {},
    )


async def _posted(ids: Iterable[EntryId], transaction: Transaction) -> dict[EntryId, JournalEntry]:
    found = await transaction.find(ENTRIES, {"_id": {"$in": texts(ids)}})
    return {entry.id: entry for entry in map(entry_of, found)}


async def _balances(accounts: Iterable[AccountId], transaction: Transaction) -> dict[AccountId, int]:
    found = await transaction.find(ACCOUNTS, {"_id": {"$in": texts(accounts)}}, fields={"balance": 1})
    return {AccountId(document["_id"]): int(document["balance"]) for document in found}


async def _unfolded(accounts: Iterable[AccountId], transaction: Transaction) -> dict[AccountId, int]:
    wanted = {"$match": {"credits.account": {"$in": texts(accounts)}}}
    by_account = {"$group": {"_id": "$credits.account", "amount": {"$sum": "$credits.amount"}}}
    found = await transaction.aggregate(PENDING, [wanted, {"$unwind": "$credits"}, wanted, by_account])
    return {AccountId(document["_id"]): int(document["amount"]) for document in found}


async def _calls_and_now(call_ids: Iterable[CallId], transaction: Transaction) -> tuple[dict[CallId, CallFence], int]:
    """The fences of those calls and the database's time, with one question where there are calls."""
    fences: dict[CallId, CallFence] = {}
    now_ms: int | None = None
    wanted = numbers(call_ids)
    if wanted:
        fields = {"epoch": 1, "minutes_paid": 1, "live": 1, "now_ms": NOW_MS}
        for document in await transaction.aggregate(
            CALLS, [{"$match": {"_id": {"$in": wanted}}}, {"$project": fields}]
        ):
            fences[CallId(int(document["_id"]))] = CallFence(
                epoch=int(document["epoch"]), minutes_paid=int(document["minutes_paid"]), is_live=document["live"]
            )
            now_ms = int(document["now_ms"])
    if now_ms is None:
        (row,) = await transaction.aggregate(1, [{"$documents": [{"now_ms": NOW_MS}]}])
        now_ms = int(row["now_ms"])
    return fences, now_ms


async def _orders(order_ids: Iterable[OrderId], transaction: Transaction) -> dict[OrderId, OrderFence]:
    wanted = texts(order_ids)
    if not wanted:
        return {}
    fields = {"person_id": 1, "currency": 1, "amount": 1, "state": 1}
    found = await transaction.find(ORDERS, {"_id": {"$in": wanted}}, fields=fields)
    return {
        OrderId(document["_id"]): OrderFence(
            person_id=document["person_id"],
            currency=Currency(document["currency"]),
            amount=int(document["amount"]),
            is_paid=document["state"] == OrderState.PAID.value,
        )
        for document in found
    }


async def _subscribed(
    pairs: Iterable[tuple[PersonId, PersonId]], transaction: Transaction
) -> dict[tuple[PersonId, PersonId], int]:
    where = {"_id": {"$in": [subscription_key(*pair) for pair in pairs]}}
    found = await transaction.find(SUBSCRIPTIONS, where, fields={"user_id": 1, "anchor_id": 1, "until_ms": 1})
    return {(PersonId(one["user_id"]), PersonId(one["anchor_id"])): int(one["until_ms"]) for one in found}


# Writing

Statements = tuple[list[Document], int]
"""Update statements, and how many documents they must match together."""


def _minute_statements(claims: Iterable[MinuteClaim]) -> Statements:
    alike: defaultdict[tuple[int, int, int | None], list[CallId]] = defaultdict(list)
    count = 0
    for claim in claims:
        began_at_ms = claim.begins_at_ms if claim.connects else None
        alike[claim.minute, claim.epoch, began_at_ms].append(claim.call_id)
        count += 1
    statements: list[Document] = []
    # In the order of their minutes: two of one call may be in one batch.
    for (minute, epoch, began_at_ms), call_ids in sorted(alike.items(), key=lambda group: group[0][0]):
        fields: Document = {"minutes_paid": number(minute)}
        if began_at_ms is not None:
            fields |= {
                "phase": Phase.CONNECTED.value,
                "started_at_ms": number(began_at_ms),
                "gap_since_ms": None,
                "absent": [],
            }
        guard = {"epoch": number(epoch), "minutes_paid": number(minute - 1), "live": True}
        statements.append(_statement(numbers(call_ids), guard, {"$set": fields}))
    return statements, count


def _debit_statements(debits: Mapping[AccountId, int]) -> Statements:
    alike: defaultdict[int, list[AccountId]] = defaultdict(list)
    for account, amount in debits.items():
        alike[amount].append(account)
    statements = [
        _statement(texts(accounts), {"balance": {"$gte": number(amount)}}, {"$inc": {"balance": number(-amount)}})
        for amount, accounts in alike.items()
    ]
    return statements, len(debits)


def _order_statements(claims: Sequence[OrderClaim], now_ms: int) -> Statements:
    statements = [
        _statement(
            [text(claim.order_id)],
            {"state": {"$ne": OrderState.PAID.value}},
            {
                "$set": {
                    "state": OrderState.PAID.value,
                    "transaction_id": text(claim.transaction_id),
                    "finished_at_ms": number(now_ms),
                }
            },
        )
        for claim in claims
    ]
    return statements, len(claims)


def _subscription_statements(subscriptions: Sequence[SubscriptionRecord]) -> Statements:
    """In place of the former one of the same two, if that has expired; one that runs is a duplicate of the key."""
    statements = []
    for document in map(subscription_document, subscriptions):
        guard = {"_id": document["_id"], "until_ms": {"$lte": document["since_ms"]}}
        statements.append({"q": guard, "u": document, "upsert": True})
    return statements, len(statements)


def _statement(keys: Sequence[Any], guard: Document, change: Document) -> Document:
    return {"q": {"_id": {"$in": keys}, **guard}, "u": change, "multi": True}


def _credits(plan: Plan) -> list[Document]:
    return [
        {"account": text(account), "kind": kind.value, "count": number(earned.count), "amount": number(earned.amount)}
        for account, kinds in plan.credits.items()
        for kind, earned in kinds.items()
    ]


def _donated(plan: Plan) -> Document:
    """What is added to the sums of donations; most batches have none."""
    totals = totals_of(plan.donations)
    return {"donated": [{"key": key, "amount": number(amount)} for key, amount in totals.items()]} if totals else {}


def _row(row: OutboxRow, at_ms: int, place: int) -> Document:
    fields = fields_of(row)
    return {"_id": fields.pop("id"), **fields, "at_ms": number(at_ms), "place": place}


# Folding


async def _fold(batches_max: int, transaction: Transaction) -> int:
    batches = await transaction.find(PENDING, {}, sort=(("_id", 1),), limit=batches_max)
    if not batches:
        return 0
    earned: defaultdict[AccountId, dict[EntryKind, Earned]] = defaultdict(dict)
    donated: Counter[str] = Counter()
    for batch in batches:
        for total in batch.get("donated", ()):
            donated[total["key"]] += int(total["amount"])
        for credit in batch["credits"]:
            _add(earned[credit["account"]], EntryKind(credit["kind"]), int(credit["count"]), int(credit["amount"]))
    await _increase(transaction, ACCOUNTS, {account: _increments(kinds) for account, kinds in earned.items()})
    await _increase(transaction, DONATION_TOTALS, {key: {"amount": number(more)} for key, more in donated.items()})
    deleted_count = await transaction.delete(PENDING, {"_id": {"$in": [batch["_id"] for batch in batches]}})
    if deleted_count != len(batches):
        raise Conflict("somebody else folds the same batches")
    return deleted_count


async def _increase(transaction: Transaction, collection: str, increments: Mapping[Any, Document]) -> None:
    """Add to documents, which are made where there are none."""
    if increments:
        statements = [{"q": {"_id": key}, "u": {"$inc": more}, "upsert": True} for key, more in increments.items()]
        await transaction.update(collection, statements)


def _increments(kinds: Mapping[EntryKind, Earned]) -> Document:
    increments: Document = {"balance": number(sum(earned.amount for earned in kinds.values()))}
    for kind, earned in kinds.items():
        increments[f"earned.{kind.value}.count"] = number(earned.count)
        increments[f"earned.{kind.value}.amount"] = number(earned.amount)
    return increments


def _add(totals: dict[EntryKind, Earned], kind: EntryKind, count: int, amount: int) -> None:
    so_far = totals.get(kind, Earned())
    totals[kind] = Earned(so_far.count + count, so_far.amount + amount)


def _parts_of(account: AccountId) -> list[Document]:
    """The folded and the pending part of a wallet: rows of ``amount`` and ``earned`` as pairs of kind and totals."""
    one_credit = {"amount": "$credits.amount", "count": "$credits.count"}
    pending = [
        {"$match": {"credits.account": text(account)}},
        {"$unwind": "$credits"},
        {"$match": {"credits.account": text(account)}},
        {"$project": {"amount": "$credits.amount", "earned": [["$credits.kind", one_credit]]}},
    ]
    pairs = {"$map": {"input": {"$objectToArray": {"$ifNull": ["$earned", {}]}}, "in": ["$$this.k", "$$this.v"]}}
    return [
        {"$match": {"_id": text(account)}},
        {"$project": {"amount": "$balance", "earned": pairs}},
        {"$unionWith": {"coll": PENDING, "pipeline": pending}},
    ]
