"""Reading the journal for people: what a call cost and earned, and what an anchor has earned, by day."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from engine.billing.ledger import Ledger
from engine.storage import store_answers
from engine.world import World
from store.interfaces.calls import CallRecord
from store.interfaces.ids import AccountId, CallId, PersonId
from store.interfaces.ledger import Earned, EntryKind, JournalEntry
from store.interfaces.money import Currency, wallet

__all__ = ["Bill", "DayOfIncome", "Income", "Statements", "bill_of", "earned_by"]

ENTRIES_MAX = 50_000
DAY_MS = 86_400_000
NOT_EARNED = frozenset({EntryKind.GRANT, EntryKind.RECHARGE})


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a call has cost and earned so far; for an ended call, for ever (CA-22). Gifts are not in it."""

    minutes: int
    diamonds: int
    points: int


class Income(msgspec.Struct, frozen=True, kw_only=True):
    """All somebody ever earned, whatever by (CA-25), in what is earned there."""

    points: int
    minutes: int
    by_kind: Mapping[EntryKind, Earned]


class DayOfIncome(msgspec.Struct, frozen=True, kw_only=True):
    """One day of whoever earns, in what is earned there; ``day_at_ms`` is its local midnight."""

    day_at_ms: int
    gift_points: int = 0
    call_points: int = 0
    donation_points: int = 0
    subscription_points: int = 0
    admission_points: int = 0
    minutes: int = 0


def bill_of(call: CallRecord) -> Bill:
    """The bill of a call. Source: CA-22, CA-23."""
    return Bill(
        minutes=call.minutes_paid,
        diamonds=call.minutes_paid * call.price.diamonds,
        points=call.minutes_paid * call.price.earned_points,
    )


def earned_by(entry: JournalEntry, account: AccountId) -> int:
    """What the entry earned for the wallet: not what it took out of it, what was bought, or put in by an operator."""
    if entry.kind in NOT_EARNED:
        return 0
    return sum(posting.amount for posting in entry.postings if posting.account == account and posting.amount > 0)


class Statements:
    """Questions to the journal."""

    def __init__(self, world: World, *, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def held(self, person_id: PersonId, currency: Currency) -> int:
        """What somebody can spend, credits that are not folded yet included."""
        return (await self._ledger.balance_of(wallet(currency, person_id))).amount

    async def diamonds_of(self, person_id: PersonId) -> int:
        """What a guest can spend."""
        return await self.held(person_id, Currency.CALLS_DIAMONDS)

    async def points_of(self, person_id: PersonId) -> int:
        """What an anchor holds."""
        return await self.held(person_id, Currency.CALLS_POINTS)

    async def income_of(self, person_id: PersonId, currency: Currency = Currency.CALLS_POINTS) -> Income:
        """All they ever earned. Source: CA-25."""
        balance = await self._ledger.balance_of(wallet(currency, person_id))
        earning: dict[EntryKind, Earned] = {
            kind: earned for kind, earned in balance.earned.items() if kind not in NOT_EARNED
        }
        minutes = earning.get(EntryKind.MINUTE, Earned()).count
        return Income(points=sum(earned.amount for earned in earning.values()), minutes=minutes, by_kind=earning)

    async def income_by_day(
        self,
        person_id: PersonId,
        currency: Currency = Currency.CALLS_POINTS,
        *,
        since_ms: int,
        until_ms: int,
        offset_ms: int,
    ) -> tuple[DayOfIncome, ...]:
        """Their income by local day, oldest first, empty days left out. ``offset_ms`` is the zone's from UTC."""
        account = wallet(currency, person_id)
        entries = await self.entries_of(person_id, currency, since_ms=since_ms, until_ms=until_ms)
        days: dict[int, Counter[EntryKind]] = {}
        minutes: Counter[int] = Counter()
        for entry in entries:
            points = earned_by(entry, account)
            if not points:
                continue
            day_at_ms = (entry.at_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms
            days.setdefault(day_at_ms, Counter())[entry.kind] += points
            minutes[day_at_ms] += entry.kind is EntryKind.MINUTE
        return tuple(
            DayOfIncome(
                day_at_ms=day_at_ms,
                gift_points=by_kind[EntryKind.GIFT],
                call_points=by_kind[EntryKind.MINUTE],
                donation_points=by_kind[EntryKind.DONATION],
                subscription_points=by_kind[EntryKind.SUBSCRIPTION],
                admission_points=by_kind[EntryKind.ADMISSION],
                minutes=minutes[day_at_ms],
            )
            for day_at_ms, by_kind in sorted(days.items())
        )

    async def entries_of(
        self, person_id: PersonId, currency: Currency, *, since_ms: int, until_ms: int, limit: int = ENTRIES_MAX
    ) -> tuple[JournalEntry, ...]:
        """The ledger lines behind a wallet, newest first."""
        with store_answers:
            return await self._world.stores.ledger.entries_of(
                wallet(currency, person_id), since_ms=since_ms, until_ms=until_ms, limit=limit
            )

    async def entries_of_call(self, call_id: CallId) -> tuple[JournalEntry, ...]:
        """The ledger lines of a call, oldest first."""
        with store_answers:
            return await self._world.stores.ledger.entries_of_call(call_id)
