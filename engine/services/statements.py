"""Reading the journal for people: what a call cost and earned, and what an anchor has earned, by day."""

from collections.abc import Mapping

import msgspec

from engine.billing.ledger import Ledger
from engine.errors import StoreDown
from engine.world import World
from store.interfaces.calls import CallRecord
from store.interfaces.errors import StoreError
from store.interfaces.ids import CallId, PersonId
from store.interfaces.ledger import Earned, EntryKind, JournalEntry
from store.interfaces.money import Currency, wallet

__all__ = ["Bill", "DayOfIncome", "Income", "Statements", "bill_of"]

ENTRIES_MAX = 50_000
DAY_MS = 86_400_000


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a call has cost and earned so far; for an ended call, for ever (CA-22). Gifts are not in it."""

    minutes: int
    diamonds: int
    points: int


class Income(msgspec.Struct, frozen=True, kw_only=True):
    """All an anchor ever earned, calls and gifts (CA-25)."""

    points: int
    minutes: int
    by_kind: Mapping[EntryKind, Earned]


class DayOfIncome(msgspec.Struct, frozen=True, kw_only=True):
    """One day of an anchor; ``day_at_ms`` is its local midnight."""

    day_at_ms: int
    gift_points: int
    call_points: int
    minutes: int


def bill_of(call: CallRecord) -> Bill:
    """The bill of a call. Source: CA-22, CA-23."""
    return Bill(
        minutes=call.minutes_paid,
        diamonds=call.minutes_paid * call.price.diamonds,
        points=call.minutes_paid * call.price.earned_points,
    )


class Statements:
    """Questions to the journal."""

    def __init__(self, world: World, *, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def diamonds_of(self, person_id: PersonId) -> int:
        """What a guest can spend, credits that are not folded yet included."""
        return (await self._ledger.balance_of(wallet(Currency.CALLS_DIAMONDS, person_id))).amount

    async def points_of(self, person_id: PersonId) -> int:
        """What an anchor holds."""
        return (await self._ledger.balance_of(wallet(Currency.CALLS_POINTS, person_id))).amount

    async def income_of(self, anchor_id: PersonId) -> Income:
        """All she ever earned. Source: CA-25."""
        balance = await self._ledger.balance_of(wallet(Currency.CALLS_POINTS, anchor_id))
        earning: dict[EntryKind, Earned] = {
            kind: earned for kind, earned in balance.earned.items() if kind is not EntryKind.GRANT
        }
        minutes = earning.get(EntryKind.MINUTE, Earned()).count
        return Income(points=sum(earned.amount for earned in earning.values()), minutes=minutes, by_kind=earning)

    async def income_by_day(
        self, anchor_id: PersonId, *, since_ms: int, until_ms: int, offset_ms: int
    ) -> tuple[DayOfIncome, ...]:
        """Her income by local day, oldest first, empty days left out. ``offset_ms`` is the zone's from UTC."""
        account = wallet(Currency.CALLS_POINTS, anchor_id)
        entries = await self.entries_of(anchor_id, Currency.CALLS_POINTS, since_ms=since_ms, until_ms=until_ms)
        days: dict[int, list[int]] = {}
        for entry in entries:
            if entry.kind not in (EntryKind.GIFT, EntryKind.MINUTE):
                continue
            day_at_ms = (entry.at_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms
            gifts_calls_minutes = days.setdefault(day_at_ms, [0, 0, 0])
            points = sum(posting.amount for posting in entry.postings if posting.account == account)
            if entry.kind is EntryKind.GIFT:
                gifts_calls_minutes[0] += points
            else:
                gifts_calls_minutes[1] += points
                gifts_calls_minutes[2] += 1
        return tuple(
            DayOfIncome(day_at_ms=day_at_ms, gift_points=gifts, call_points=calls, minutes=minutes)
            for day_at_ms, (gifts, calls, minutes) in sorted(days.items())
        )

    async def entries_of(
        self, person_id: PersonId, currency: Currency, *, since_ms: int, until_ms: int, limit: int = ENTRIES_MAX
    ) -> tuple[JournalEntry, ...]:
        """The ledger lines behind a wallet, newest first."""
        try:
            return await self._world.stores.ledger.entries_of(
                wallet(currency, person_id), since_ms=since_ms, until_ms=until_ms, limit=limit
            )
        except StoreError as error:
            raise StoreDown from error

    async def entries_of_call(self, call_id: CallId) -> tuple[JournalEntry, ...]:
        """The ledger lines of a call, oldest first."""
        try:
            return await self._world.stores.ledger.entries_of_call(call_id)
        except StoreError as error:
            raise StoreDown from error
