"""What must hold, whatever happened: one checker for the simulator, for the crash tests and for real stores.

It looks at a ``Snapshot`` of the stores, at an ``earlier`` one if there is one, and at the ``Journal`` of what clients
were told, and names what does not agree. Each rule is one function, listed under its name in ``RULES``; a finding
begins with that name. Changes nothing, and knows neither the stores' insides nor how the facts came about.

Not here: rooms (INV-14 … INV-16, INV-19), of which records show little: the simulator's ``room_oracle`` has them; and
INV-20 (queues).
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Final

from engine.call.meter import boundary_ms, minutes_begun
from engine.events import (
    AdmissionPaid,
    CallEnded,
    CallStarted,
    DonationMade,
    Event,
    GiftSent,
    MinuteBegan,
    SubscriptionBegun,
)
from engine.greenroom import Greenroom
from engine.services.subscriptions import SUBSCRIPTION_MS
from store.interfaces.calls import CallRecord, EndReason, Phase, Side
from store.interfaces.donations import DonationRecord
from store.interfaces.ids import AccountId, CallId, EntryId, NodeId, OrderId, PersonId
from store.interfaces.leases import NodeLease
from store.interfaces.ledger import EntryKind, JournalEntry, OutboxRow
from store.interfaces.money import Currency, external, house, is_wallet, wallet
from store.interfaces.orders import Cashier, OrderRecord, OrderState
from store.interfaces.people import PersonRecord
from store.interfaces.stores import Stores
from store.interfaces.subscriptions import SubscriptionRecord
from store.memory.audit import recompute
from store.memory.database import MemoryDatabase

__all__ = [
    "RULES",
    "Journal",
    "Snapshot",
    "Told",
    "leftovers",
    "snapshot_of",
    "snapshot_of_memory",
    "violations",
]

ALL: Final = 1_000_000  # More than any test keeps of anything.
EARLY_MS_MAX: Final = 1_000  # So much before its boundary a minute may be posted, by the store's clock.


# --- what is looked at ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The stores at one moment at which nobody writes. ``holdings`` count credits that are not folded yet."""

    people: Mapping[PersonId, PersonRecord]
    entries: Mapping[EntryId, JournalEntry]
    holdings: Mapping[AccountId, int]
    calls: Mapping[CallId, CallRecord]
    orders: Mapping[OrderId, OrderRecord]
    donations: Mapping[EntryId, DonationRecord] = field(default_factory=dict)
    subscriptions: tuple[SubscriptionRecord, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    owners: Mapping[NodeId, NodeLease] = field(default_factory=dict)
    audit_findings: tuple[str, ...] = ()

    @cached_property
    def minutes(self) -> Mapping[CallId, list[JournalEntry]]:
        """The entries that charge each call, by minute."""
        charged: dict[CallId, list[JournalEntry]] = {call_id: [] for call_id in self.calls}
        for entry in self.entries.values():
            if entry.kind is EntryKind.MINUTE and entry.call_id is not None:
                charged.setdefault(entry.call_id, []).append(entry)
        for entries in charged.values():
            entries.sort(key=lambda entry: entry.minute or 0)
        return charged


async def snapshot_of(stores: Stores) -> Snapshot:
    """A snapshot through the stores' own promises, so of any of them. Slow, and only sharp while nobody writes.

    Raises: Unavailable: a store did not answer.
    """
    people = {person.id: person for person in await stores.people.search(limit=ALL)}
    entries: dict[EntryId, JournalEntry] = {}
    holdings: dict[AccountId, int] = {}
    calls: dict[CallId, CallRecord] = {}
    orders: dict[OrderId, OrderRecord] = {}
    for cashier in Cashier:
        orders.update((order.id, order) for order in await stores.orders.open_before(2**53, cashier, limit=ALL))
    donations: dict[EntryId, DonationRecord] = {}
    subscriptions: list[SubscriptionRecord] = []
    for person_id in people:
        for currency in Currency:
            account = wallet(currency, person_id)
            holdings[account] = (await stores.ledger.balance_of(account)).amount
            entries.update((entry.id, entry) for entry in await stores.ledger.entries_of(account, limit=ALL))
        calls.update((call.id, call) for call in await stores.calls.of_person(person_id, skip=0, limit=ALL))
        orders.update((order.id, order) for order in await stores.orders.finished_of(person_id, limit=ALL))
        donations.update((one.id, one) for one in await stores.donations.of_user(person_id, limit=ALL))
        subscriptions += await stores.subscriptions.running_of(person_id, at_ms=0, limit=ALL)
    leases = [await stores.leases.get(owner) for owner in sorted({call.owner for call in calls.values() if call.owner})]
    return Snapshot(
        people=people,
        entries=entries,
        holdings=holdings,
        calls=calls,
        orders=orders,
        donations=donations,
        subscriptions=tuple(subscriptions),
        outbox=await stores.ledger.unsent(ALL),
        owners={lease.id: lease for lease in leases if lease is not None},
        audit_findings=(await stores.ledger.audit()).findings,
    )


def snapshot_of_memory(database: MemoryDatabase) -> Snapshot:
    """The same at once, for who holds the memory stores' database: also between any two writes."""
    holdings = Counter(database.balances)
    for batch in database.pending:
        for account, kinds in batch.items():
            holdings[account] += sum(earned.amount for earned in kinds.values())
    return Snapshot(
        people=dict(database.people),
        entries=dict(database.entries),
        holdings=holdings,
        calls=dict(database.calls),
        orders=dict(database.orders),
        donations=dict(database.donations),
        subscriptions=tuple(database.subscriptions.values()),
        outbox=tuple(database.outbox.values()),
        owners=dict(database.leases),
        audit_findings=recompute(database).findings,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told of a call at some moment: how far it was, and how much was charged."""

    phase: Phase
    minutes: int


class Journal:
    """What clients asked and were told. Whoever drives an engine, or a server, writes it; all ids are the engine's.

    Only what was *acknowledged* goes in as acknowledged: an answer that says so, not an error and not silence.
    """

    def __init__(self) -> None:
        self.entries: set[EntryId] = set()
        """Acknowledged money: gifts, grants, recharges."""
        self.refused: set[EntryId] = set()
        """Money that a client was told will not move, by keys that nobody used again."""
        self.calls: dict[CallId, Told] = {}
        """The furthest a client was told that the call is."""
        self.heard: dict[PersonId, list[Event]] = defaultdict(list)
        """Events, in order."""
        self.answers: dict[tuple[str, PersonId, str], set[str]] = defaultdict(set)
        """By route, person and idempotency key: the different bodies that a successful answer had."""
        self.payments: dict[OrderId, int] = {}
        """What was really paid: orders for which an authentic notification exists."""
        self.confirmed: set[OrderId] = set()
        """Orders whose authentic notification we answered with success."""

    def entry_told(self, entry_id: EntryId) -> None:
        """A client was told that this money has moved."""
        self.entries.add(entry_id)

    def call_told(self, call_id: CallId, phase: Phase, minutes: int) -> None:
        """A client was told that the call is that far."""
        before = self.calls.get(call_id)
        if before is None or (_PROGRESS[phase], minutes) >= (_PROGRESS[before.phase], before.minutes):
            self.calls[call_id] = Told(phase, minutes)

    def event_told(self, person_id: PersonId, event: Event) -> None:
        """An event reached this person's sockets."""
        self.heard[person_id].append(event)
        match event:
            case CallStarted(call_id=call_id):
                self.call_told(call_id, Phase.CONNECTED, 1)
            case MinuteBegan(call_id=call_id, minute=minute):
                self.call_told(call_id, Phase.CONNECTED, minute)

    def answered(self, route: str, person_id: PersonId, key: str, body: str) -> None:
        """A request with an idempotency key was answered with success and this body."""
        self.answers[route, person_id, key].add(body)

    def paid(self, order_id: OrderId, price: int) -> None:
        """The provider took the money, and will say so if asked."""
        self.payments[order_id] = price


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the rules may look at. ``is_settled``: faults are over and everything had the time to come to rest."""

    now: Snapshot
    earlier: Snapshot | None
    journal: Journal
    minute_ms: int
    is_settled: bool


Rule = Callable[[Evidence], Iterator[str]]


def violations(
    snapshot: Snapshot,
    journal: Journal | None = None,
    *,
    earlier: Snapshot | None = None,
    minute_ms: int = 60_000,
    is_settled: bool = False,
) -> list[str]:
    """Everything that does not hold, each with the name of its rule. Empty is well.

    ``earlier`` adds what may not have changed since then, ``is_settled`` what may no longer be under way.
    """
    evidence = Evidence(
        now=snapshot, earlier=earlier, journal=journal or Journal(), minute_ms=minute_ms, is_settled=is_settled
    )
    return [f"{name}: {finding}" for name, rule in RULES.items() for finding in rule(evidence)]


def leftovers(engine: Greenroom, tasks: set[asyncio.Task[None]] | None = None) -> list[str]:
    """INV-21: what a drained engine still holds on to."""
    calls, rooms, presence = engine.calls, engine.rooms, engine.presence
    held = {
        "call actors": len(calls._directory),
        "calls": len(calls._owned),
        "people in calls": len(calls._call_of),
        "room actors": len(rooms._directory),
        "rooms": len(rooms._owned),
        "people in rooms": len(rooms._of_person),
        "published rooms": len(rooms._roster._here),
        "people attended to": sum(person.rooms_count for person in presence._people.values()),
        "people on the move": len(engine.blind_dates._moves),
        "shows that start": len(engine.show_rooms._starts),
        "visits": engine.show_rooms.visits_count,
        "talkers": len(engine.show_chat._turns),
        "alarms": len(calls._tools.alarms),
        "asked questions": len(calls._directory._kind.deadlines) + len(rooms._directory._kind.deadlines),
        "watched people": sum(person.call is not None for person in presence._people.values()),
        "silence timers": sum(person.silence is not None for person in presence._people.values()),
        "waiting moves": engine.ledger.waiting_count,
    }
    alive = sorted(task.get_name() for task in tasks or () if not task.done())
    found = [f"INV-21: {count} {what} left" for what, count in held.items() if count]
    return [*found, *(f"INV-21: task {name} still runs" for name in alive)]


# --- money ---------------------------------------------------------------------------------------------------------


def _entries_balance(evidence: Evidence) -> Iterator[str]:
    for entry in evidence.now.entries.values():
        sums: Counter[str] = Counter()
        for posting in entry.postings:
            sums[_currency(posting.account)] += posting.amount
        if not sums or any(sums.values()):
            yield f"entry {entry.id} sums to {dict(sums)}"


def _nobody_is_below_zero(evidence: Evidence) -> Iterator[str]:
    for account, amount in evidence.now.holdings.items():
        if amount < 0:
            yield f"{account} holds {amount}"
    for entry in evidence.now.entries.values():
        for left in (entry.payer_balance or 0, *(held.amount for held in entry.held)):
            if left < 0:
                yield f"entry {entry.id} left its payer with {left}"


def _holdings_are_the_journal(evidence: Evidence) -> Iterator[str]:
    implied: Counter[AccountId] = Counter()
    for entry in evidence.now.entries.values():
        for posting in entry.postings:
            if is_wallet(posting.account):
                implied[posting.account] += posting.amount
    for account in sorted(implied.keys() | evidence.now.holdings.keys()):
        holds = evidence.now.holdings.get(account, 0)
        if holds != implied[account]:
            yield f"{account} holds {holds}, its entries sum to {implied[account]}"
    yield from (f"the store's own audit: {finding}" for finding in evidence.now.audit_findings)


def _keys_are_causes(evidence: Evidence) -> Iterator[str]:
    for key, entry in evidence.now.entries.items():
        if entry.id != key or not _is_key_of(entry):
            yield f"entry {key} holds a {entry.kind} of person {entry.person_id}, call {entry.call_id}/{entry.minute}"
    if evidence.earlier is not None:
        for key, before in evidence.earlier.entries.items():
            after = evidence.now.entries.get(key)
            if after is not None and after != before:
                yield f"entry {key} was {before} and is {after}"


def _is_key_of(entry: JournalEntry) -> bool:
    match entry.kind:
        case EntryKind.MINUTE:
            return entry.id == f"call:{entry.call_id}:m:{entry.minute}"
        case EntryKind.GIFT:
            return entry.id.startswith(f"gift:{entry.person_id}:")
        case EntryKind.RECHARGE:
            return entry.id.startswith("order:")
        case EntryKind.GRANT:
            return entry.id.startswith("grant:")
        case EntryKind.DONATION:
            return entry.id.startswith(f"don:{entry.person_id}:")
        case EntryKind.SUBSCRIPTION:
            return entry.id.startswith(f"sub:{entry.person_id}:")
        case EntryKind.ADMISSION:
            return entry.id.startswith(f"vip:{entry.person_id}:")


def _minutes_are_owed(evidence: Evidence) -> Iterator[str]:
    calls = evidence.now.calls
    for entry in evidence.now.entries.values():
        if entry.kind is EntryKind.MINUTE and entry.call_id not in calls:
            yield f"entry {entry.id} charges a call that is not kept"
    for call in calls.values():
        minutes = [entry.minute for entry in evidence.now.minutes[call.id]]
        if minutes != list(range(1, call.minutes_paid + 1)):
            yield f"call {call.id} counts {call.minutes_paid} minutes, charged are {minutes}"
        if call.started_at_ms is None:
            if minutes:
                yield f"call {call.id} never started and was charged {len(minutes)} minutes"
        elif call.ended_at_ms is not None:
            yield from _bill_fits(call, call.started_at_ms, call.ended_at_ms, evidence.minute_ms)


def _bill_fits(call: CallRecord, started_at_ms: int, ended_at_ms: int, minute_ms: int) -> Iterator[str]:
    """The bill of an ended call, by its own record."""
    gap_since_ms = _last_gap_since_ms(call)
    talked_ms = (ended_at_ms if gap_since_ms is None else min(ended_at_ms, gap_since_ms)) - started_at_ms
    owed = minutes_begun(max(0, talked_ms - call.unbilled_ms), minute_ms=minute_ms)
    whole = minutes_begun(max(0, ended_at_ms - started_at_ms - call.unbilled_ms), minute_ms=minute_ms)
    facts = f"call {call.id} ({call.end_reason}) was charged {call.minutes_paid} minutes for {talked_ms} ms"
    if call.minutes_paid > whole:
        yield f"{facts} and a last gap, {whole} were begun"
    if call.minutes_paid < owed and call.end_reason is EndReason.HUNG_UP and _is_in_full_view(call):
        yield f"{facts}, {owed} were owed"
    if call.end_reason is EndReason.NO_DIAMONDS and call.minutes_paid != whole - 1:
        yield f"{facts}, though the diamonds ended at a boundary"


def _last_gap_since_ms(call: CallRecord) -> int | None:
    """When the gap began in which the call ended; None when it ended in talk.

    Sharp only where lines were seen to close: a line that was dead before anybody noticed may have been paid for.
    """
    gap_since_ms: int | None = None
    absent: set[str] = set()
    for line in call.history:
        if line.event == "lost":
            if not absent:
                gap_since_ms = line.at_ms
            absent.add(line.by)
        elif line.event == "back":
            absent.discard(line.by)
            gap_since_ms = gap_since_ms if absent else None
        elif line.event == "taken over":
            gap_since_ms = min(line.at_ms, gap_since_ms or line.at_ms)
            absent = set(Side)
    return gap_since_ms


def _is_in_full_view(call: CallRecord) -> bool:
    """Whether one owner saw the whole call."""
    return not any(line.event == "taken over" for line in call.history)


def _charges_lie_in_talk(evidence: Evidence) -> Iterator[str]:
    for call in evidence.now.calls.values():
        legs = {
            wallet(Currency.CALLS_DIAMONDS, call.guest_id): -call.price.diamonds,
            house(Currency.CALLS_DIAMONDS): call.price.diamonds,
            house(Currency.CALLS_POINTS): -call.price.earned_points,
            wallet(Currency.CALLS_POINTS, call.anchor_id): call.price.earned_points,
        }
        price = {account: amount for account, amount in legs.items() if amount}
        for entry in evidence.now.minutes[call.id]:
            if {posting.account: posting.amount for posting in entry.postings} != price:
                yield f"entry {entry.id} is not the price {call.price} that was frozen at the ring"
            if call.started_at_ms is None or entry.minute is None:
                continue
            # Gaps only ever move a boundary away, so the grid without them is the earliest it can have been.
            begins_at_ms = boundary_ms(
                started_at_ms=call.started_at_ms, unbilled_ms=0, minute=entry.minute, minute_ms=evidence.minute_ms
            )
            if entry.minute > 1 and entry.at_ms < begins_at_ms - EARLY_MS_MAX:
                yield f"entry {entry.id} was posted {begins_at_ms - entry.at_ms} ms before its minute"
            if call.ended_at_ms is not None and begins_at_ms > call.ended_at_ms:
                yield f"entry {entry.id} charges a minute that begins after the call's end"


def _the_past_stays(evidence: Evidence) -> Iterator[str]:
    if evidence.earlier is None:
        return
    for key in evidence.earlier.entries:
        if key not in evidence.now.entries:
            yield f"entry {key} is gone"
    for call_id, before in evidence.earlier.calls.items():
        after = evidence.now.calls.get(call_id)
        if not before.is_live and after != before:
            yield f"call {call_id} had ended as {before} and is {after}"


def _orders_are_credited_once(evidence: Evidence) -> Iterator[str]:
    now, journal = evidence.now, evidence.journal
    recharges = {entry.id: entry for entry in now.entries.values() if entry.kind is EntryKind.RECHARGE}
    for entry_id in recharges:
        if OrderId(entry_id.removeprefix("order:")) not in now.orders:
            yield f"entry {entry_id} credits an order that is not kept"
    for order in now.orders.values():
        entry = recharges.get(EntryId(f"order:{order.id}"))
        if (entry is not None) != (order.state is OrderState.PAID):
            yield f"order {order.id} is {order.state}, its entry {'exists' if entry else 'does not exist'}"
        if entry is not None:
            credited = {posting.account: posting.amount for posting in entry.postings}
            if credited.get(wallet(order.currency, order.person_id)) != order.amount:
                yield f"order {order.id} of {order.amount} {order.currency} credited {credited}"
            if journal.payments and journal.payments.get(order.id) != order.price:
                yield f"order {order.id} was credited, though {journal.payments.get(order.id)} was paid for it"
        is_paid = journal.payments.get(order.id) == order.price
        if is_paid and entry is None and (evidence.is_settled or order.id in journal.confirmed):
            yield f"order {order.id} was paid and never credited"


def _one_key_is_one_effect(evidence: Evidence) -> Iterator[str]:
    for (route, person_id, key), bodies in evidence.journal.answers.items():
        if len(bodies) > 1:
            yield f"{route} of person {person_id} with key {key} was answered {sorted(bodies)}"
    keyed: Counter[tuple[PersonId, str]] = Counter()
    for order in evidence.now.orders.values():
        if order.request_key is not None:
            keyed[order.person_id, order.request_key] += 1
    for (person_id, key), count in keyed.items():
        if count > 1:
            yield f"person {person_id} has {count} orders with key {key}"


def _gifts_are_whole(evidence: Evidence) -> Iterator[str]:
    for entry in evidence.now.entries.values():
        if entry.kind is not EntryKind.GIFT:
            continue
        debits = {leg.account: -leg.amount for leg in entry.postings if is_wallet(leg.account) and leg.amount < 0}
        credits_count = sum(is_wallet(leg.account) and leg.amount > 0 for leg in entry.postings)
        if entry.held:
            gold, income = (wallet(one, entry.person_id) for one in (Currency.QLIVE_GOLD, Currency.QLIVE_INCOME))
            has_paid = bool(debits) and debits.keys() <= {gold, income} and credits_count <= 1
            is_told = tuple(held.account for held in entry.held) == (gold, income)
            # QL-31: income pays only what gold cannot.
            if income in debits and entry.held[0].amount:
                yield f"gift {entry.id} took income while there was gold: {entry}"
        else:
            has_paid = list(debits) == [wallet(Currency.CALLS_DIAMONDS, entry.person_id)] and credits_count == 1
            is_told = entry.payer_balance is not None
        if not (has_paid and is_told and entry.note):
            yield f"gift {entry.id} is not paid by its giver, one credit and a note: {entry}"


def _what_the_site_sells_is_whole(evidence: Evidence) -> Iterator[str]:
    """One wallet pays, at most one earns, never more than was paid; and what was bought is kept."""
    donated: dict[EntryId, int] = {}
    subscribed: dict[tuple[PersonId, PersonId], list[int]] = defaultdict(list)
    for entry in evidence.now.entries.values():
        if entry.kind not in (EntryKind.DONATION, EntryKind.SUBSCRIPTION, EntryKind.ADMISSION):
            continue
        payer = wallet(Currency.SITE_DIAMONDS, entry.person_id)
        paid = {leg.account: -leg.amount for leg in entry.postings if is_wallet(leg.account) and leg.amount < 0}
        earned = [leg.amount for leg in entry.postings if is_wallet(leg.account) and leg.amount > 0]
        is_told = [held.account for held in entry.held] == [payer]
        if list(paid) != [payer] or len(earned) > 1 or sum(earned) > paid[payer] or not (is_told and entry.note):
            yield f"{entry.kind} {entry.id} is not paid by one wallet to at most one other: {entry}"
        elif entry.kind is EntryKind.DONATION:
            donated[entry.id] = paid[payer]
        elif entry.kind is EntryKind.SUBSCRIPTION:
            _, user_id, anchor_id, since_ms = entry.id.split(":")
            subscribed[PersonId(int(user_id)), PersonId(int(anchor_id))].append(int(since_ms))
    kept = {donation.id: donation.amount for donation in evidence.now.donations.values()}
    for entry_id in sorted(donated.keys() ^ kept.keys() | {one for one in donated if donated[one] != kept.get(one)}):
        yield f"donation {entry_id} moved {donated.get(entry_id)}, its record says {kept.get(entry_id)}"
    yield from _subscriptions_are_paid(subscribed, evidence.now.subscriptions)


def _subscriptions_are_paid(
    subscribed: Mapping[tuple[PersonId, PersonId], list[int]], kept: tuple[SubscriptionRecord, ...]
) -> Iterator[str]:
    latest = {(one.user_id, one.anchor_id): one for one in kept}
    for pair in sorted(subscribed.keys() | latest.keys()):
        since, one = sorted(subscribed.get(pair, [])), latest.get(pair)
        if one is None or not one.goes_with(since[-1] if since else None):
            yield f"subscription {pair} was paid from {since} on, its record says {one}"
        if any(later - former < SUBSCRIPTION_MS for former, later in pairwise(since)):
            yield f"subscription {pair} was paid twice for the same days: {since}"


def _currencies_close(evidence: Evidence) -> Iterator[str]:
    sums: Counter[AccountId] = Counter()
    for entry in evidence.now.entries.values():
        for posting in entry.postings:
            sums[posting.account] += posting.amount
    for currency in Currency:
        wallets = sum(amount for account, amount in evidence.now.holdings.items() if _currency(account) == currency)
        put_in = -sums[external(currency)]
        if put_in != wallets + sums[house(currency)]:
            yield f"{currency}: {put_in} were put in, wallets hold {wallets}, the house {sums[house(currency)]}"


# --- calls, events, life -------------------------------------------------------------------------------------------


def _epochs_grow(evidence: Evidence) -> Iterator[str]:
    for call in evidence.now.calls.values():
        if call.epoch < 1 or call.version < 0:
            yield f"call {call.id} has epoch {call.epoch}, version {call.version}"
    if evidence.earlier is None:
        return
    for call_id, before in evidence.earlier.calls.items():
        after = evidence.now.calls.get(call_id)
        if after is None:
            yield f"call {call_id} is gone"
        elif after.epoch < before.epoch or after.version < before.version:
            yield f"call {call_id} went from {before.epoch}.{before.version} back to {after.epoch}.{after.version}"
        elif after.owner != before.owner and after.epoch == before.epoch:
            yield f"call {call_id} went from {before.owner} to {after.owner} within epoch {after.epoch}"


def _one_live_call_each(evidence: Evidence) -> Iterator[str]:
    live: dict[PersonId, list[CallId]] = defaultdict(list)
    for call in evidence.now.calls.values():
        if call.is_live:
            for side in Side:
                live[call.person(side)].append(call.id)
    for person_id, call_ids in live.items():
        if len(call_ids) > 1:
            yield f"person {person_id} is in calls {call_ids}"


def _money_before_word(evidence: Evidence) -> Iterator[str]:
    entries = evidence.now.entries
    heard_of: set[tuple[PersonId, str]] = set()
    for person_id, events in evidence.journal.heard.items():
        for event in events:
            match event:
                case GiftSent(event_id=event_id) | DonationMade(event_id=event_id) | AdmissionPaid(event_id=event_id):
                    heard_of.add((person_id, event_id))
                    needed = EntryId(event_id)
                case SubscriptionBegun(event_id=event_id, price=price) if price:
                    heard_of.add((person_id, event_id))
                    needed = EntryId(event_id)
                case MinuteBegan(call_id=call_id, minute=minute):
                    needed = EntryId(f"call:{call_id}:m:{minute}")
                case CallStarted(call_id=call_id):
                    needed = EntryId(f"call:{call_id}:m:1")
                case _:
                    continue
            if needed not in entries:
                yield f"person {person_id} heard {event} without an entry"
    if not evidence.is_settled or not evidence.journal.heard:
        return
    for entry in entries.values():
        is_told = entry.kind in (EntryKind.GIFT, EntryKind.DONATION, EntryKind.SUBSCRIPTION, EntryKind.ADMISSION)
        if is_told and (entry.person_id, entry.id) not in heard_of:
            yield f"person {entry.person_id} never heard of {entry.kind} {entry.id}"


def _only_steps_of_the_table(evidence: Evidence) -> Iterator[str]:
    for call in evidence.now.calls.values():
        yield from _story_is_possible(call)
        if evidence.earlier is None or (before := evidence.earlier.calls.get(call.id)) is None:
            continue
        if _PROGRESS[call.phase] < _PROGRESS[before.phase] or call.minutes_paid < before.minutes_paid:
            yield f"call {call.id} is {call.phase}/{call.minutes_paid}, was {before.phase}/{before.minutes_paid}"
        for name in ("guest_id", "anchor_id", "rung_by", "rung_at_ms", "price"):
            if getattr(before, name) != getattr(call, name):
                yield f"call {call.id} changed its {name}"
        for name in ("answered_at_ms", "started_at_ms", "room_id"):
            if getattr(before, name) not in (None, getattr(call, name)):
                yield f"call {call.id} changed its {name}"
        if call.history[: len(before.history)] != before.history:
            yield f"call {call.id} rewrote its story"


_STEPS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "": frozenset({"rang"}),
        "rang": frozenset({"answered", "ended"}),
        "answered": frozenset({"room opened", "start", "ended"}),
        "room opened": frozenset({"start", "lost", "back", "taken over", "ended"}),
        "start": frozenset({"room opened", "lost", "taken over", "ended"}),
        "lost": frozenset({"room opened", "lost", "back", "taken over", "ended"}),
        "back": frozenset({"room opened", "lost", "back", "taken over", "ended"}),
        "taken over": frozenset({"room opened", "back", "taken over", "ended"}),
        "ended": frozenset(),
    }
)
"""Which line of a call's story may follow which."""

_PHASES_AFTER: Final[Mapping[str, frozenset[Phase]]] = MappingProxyType(
    {
        "rang": frozenset({Phase.RINGING}),
        "answered": frozenset({Phase.JOINING}),
        "room opened": frozenset({Phase.JOINING, Phase.CONNECTED}),
        "start": frozenset({Phase.JOINING, Phase.CONNECTED}),
        "lost": frozenset({Phase.CONNECTED}),
        "back": frozenset({Phase.CONNECTED}),
        "taken over": frozenset({Phase.CONNECTED}),
        "ended": frozenset({Phase.ENDED}),
    }
)

_PROGRESS: Final[Mapping[Phase, int]] = MappingProxyType({phase: index for index, phase in enumerate(Phase)})


def _story_is_possible(call: CallRecord) -> Iterator[str]:
    last = ""
    for line in call.history:
        event = line.event.split(" ")[0] if line.event.startswith("ended ") else line.event
        if event not in _STEPS[last]:
            yield f"call {call.id}: {line.event!r} after {last or 'nothing'!r}"
            return
        last = event
    if call.phase not in _PHASES_AFTER.get(last, frozenset()):
        yield f"call {call.id} is {call.phase} after {last!r}"
    is_ended = call.phase is Phase.ENDED
    if is_ended != (call.ended_at_ms is not None) or is_ended != (call.end_reason is not None):
        yield f"call {call.id} is {call.phase}, ended at {call.ended_at_ms} by {call.end_reason}"
    if (call.phase is Phase.CONNECTED) and call.started_at_ms is None:
        yield f"call {call.id} is connected and has no start"
    if (call.started_at_ms is None) != (call.minutes_paid == 0):
        yield f"call {call.id} started at {call.started_at_ms} with {call.minutes_paid} minutes paid"
    if (call.gap_since_ms is None) != (not call.absent):
        yield f"call {call.id} has a gap since {call.gap_since_ms} and absent {call.absent}"
    if call.answered_at_ms is None and call.started_at_ms is not None:
        yield f"call {call.id} started without an answer"


def _everything_comes_to_rest(evidence: Evidence) -> Iterator[str]:
    if not evidence.is_settled:
        return
    for call in evidence.now.calls.values():
        owner = evidence.now.owners.get(call.owner)
        if call.is_live and (owner is None or owner.is_dead):
            yield f"call {call.id} lives and its owner {call.owner!r} does not"
    for row in evidence.now.outbox:
        yield f"outbox row {row.id} was never sent"


def _acknowledged_is_kept(evidence: Evidence) -> Iterator[str]:
    for entry_id in sorted(evidence.journal.entries):
        if entry_id not in evidence.now.entries:
            yield f"entry {entry_id} was acknowledged and is not there"
    for entry_id in sorted(evidence.journal.refused - evidence.journal.entries):
        if entry_id in evidence.now.entries:
            yield f"entry {entry_id} was refused for good and is there"
    for call_id, told in evidence.journal.calls.items():
        call = evidence.now.calls.get(call_id)
        if call is None:
            yield f"call {call_id} was acknowledged and is not there"
        elif _PROGRESS[call.phase] < _PROGRESS[told.phase] or call.minutes_paid < told.minutes:
            yield f"call {call_id} was told to be {told.phase}/{told.minutes} and is {call.phase}/{call.minutes_paid}"
    for events in evidence.journal.heard.values():
        for event in events:
            if isinstance(event, CallEnded):
                call = evidence.now.calls.get(event.call_id)
                # While the store is down the end may be told before it is kept (D-19); not once all is settled.
                if evidence.is_settled and (call is None or call.is_live):
                    yield f"call {event.call_id} was told to have ended and has not"
                is_final = call is not None and event.reason == call.end_reason != EndReason.OUTAGE
                if call is not None and is_final and event.minutes != call.minutes_paid:
                    yield f"call {call.id} was told to cost {event.minutes} minutes and costs {call.minutes_paid}"


def _currency(account: AccountId) -> str:
    return account.partition("/")[0]


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "INV-1": _entries_balance,
        "INV-2": _nobody_is_below_zero,
        "INV-3": _holdings_are_the_journal,
        "INV-4": _keys_are_causes,
        "INV-5": _minutes_are_owed,
        "INV-6": _charges_lie_in_talk,
        "INV-7": _the_past_stays,
        "INV-8": _orders_are_credited_once,
        "INV-9": _one_key_is_one_effect,
        "INV-10": lambda evidence: chain(_gifts_are_whole(evidence), _what_the_site_sells_is_whole(evidence)),
        "INV-11": _currencies_close,
        "INV-12": _epochs_grow,
        "INV-13": _one_live_call_each,
        "INV-17": _money_before_word,
        "INV-18": _only_steps_of_the_table,
        "INV-22": _everything_comes_to_rest,
        "INV-23": _acknowledged_is_kept,
    }
)
"""Every rule that a snapshot and a journal can break; INV-21 is ``leftovers``."""
