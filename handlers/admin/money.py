"""Money for operators: what people hold and earn, grants, and whether the books balance."""

from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engine.errors import BadInput
from handlers.admin.access import Desk
from handlers.admin.days import day_name, span
from handlers.admin.options import AdminOptions
from handlers.admin.shapes import Act, LineCount, Nothing, shown
from handlers.admin.users import UserShown, WantedUser
from handlers.wire.fields import Flag, Id, text
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId
from store.interfaces.money import Currency, wallet

__all__ = ["endpoints"]

Unit = Literal[
    "diamonds",
    "points",
    "gold",
    "income",
    "calls.diamonds",
    "calls.points",
    "qlive.gold",
    "qlive.income",
    "site.diamonds",
]
"""A currency by its unit, or in full; it must be one of the person's surface."""

GRANT_MAX: Final = 1_000_000_000
AT_MS_MAX: Final = 2**53 - 1


class WantedLines(msgspec.Struct):
    """Which wallet, and how many of its newest lines."""

    person_id: Id
    currency: Unit
    limit: LineCount = 100


class Grant(Act, kw_only=True):
    """Give, or take with a negative amount. The request's ``Idempotency-Key`` makes it happen once.

    Unless said, it is what people buy on that surface.
    """

    person_id: Id
    amount: Annotated[int, Meta(ge=-GRANT_MAX, le=GRANT_MAX)]
    currency: Unit | None = None


class WantedIncome(msgspec.Struct):
    """Whose, and when: ``month`` (2025-08), or ``from`` and ``to`` (2025-08-13, both counted); else this month."""

    person_id: Id
    month: Annotated[str, text(10)] = ""
    first: Annotated[str, text(10)] = msgspec.field(default="", name="from")
    last: Annotated[str, text(10)] = msgspec.field(default="", name="to")
    lines: Flag = False
    """Whether the ledger lines are wanted too."""


class WalletShown(msgspec.Struct, kw_only=True):
    """What a person holds: diamonds and points of calls, gold and income of blind dates, or the site's diamonds."""

    person: UserShown
    diamonds: int | UnsetType = UNSET
    points: int | UnsetType = UNSET
    gold: int | UnsetType = UNSET
    income: int | UnsetType = UNSET


class LineOfWallet(msgspec.Struct):
    """One ledger line, with what it did to the wallet that was asked about."""

    id: str
    kind: str
    at_ms: int
    amount: int
    call_id: int | None
    minute: int | None
    note: str


class LinesOfWallet(msgspec.Struct):
    """Newest first."""

    lines: list[LineOfWallet]


class DayShown(msgspec.Struct):
    """A local day on which something was earned."""

    day: str
    gift_points: int
    call_points: int
    donation_points: int
    subscription_points: int
    admission_points: int
    minutes: int


class IncomeShown(msgspec.Struct):
    """What somebody earned, in ``currency``. ``lines`` is empty unless asked for; their number is there always.

    ``agrees`` is about all time: the journal against the wallet's running totals; null: too long to read.
    """

    anchor: UserShown
    currency: str
    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")
    days: list[DayShown]
    gift_points: int
    call_points: int
    donation_points: int
    subscription_points: int
    admission_points: int
    minutes: int
    earned_points: int
    held_points: int
    lines_count: int
    lines: list[LineOfWallet]
    agrees: bool | None


class AuditShown(msgspec.Struct):
    """What a full recomputation found; ``findings`` is empty when everything agrees."""

    entries_count: int
    accounts_count: int
    totals: dict[str, int]
    findings: list[str]


async def holdings(desk: Desk, wanted: WantedUser) -> WalletShown:
    """What a person holds."""
    return _wallet(await desk.engine.operator.wallet(PersonId(wanted.person_id)))


async def lines(desk: Desk, wanted: WantedLines) -> LinesOfWallet:
    """The newest ledger lines of a wallet."""
    person_id = PersonId(wanted.person_id)
    currency = await desk.engine.operator.currency(person_id, wanted.currency)
    entries = await desk.engine.operator.entries(
        person_id, currency, since_ms=0, until_ms=AT_MS_MAX, limit=wanted.limit
    )
    return LinesOfWallet([_line(entry, currency, person_id) for entry in entries])


async def grant(desk: Desk, wanted: Grant) -> WalletShown:
    """What the person holds afterwards."""
    if not desk.idempotency_key:
        raise BadInput("Idempotency-Key is missing", field="Idempotency-Key")
    if not wanted.amount:
        raise BadInput("amount is not acceptable", field="amount")
    person_id = PersonId(wanted.person_id)
    granted = await desk.engine.operator.grant(
        person_id,
        await desk.engine.operator.currency(person_id, wanted.currency or ""),
        wanted.amount,
        key=desk.idempotency_key,
        actor=wanted.actor,
        reason=wanted.reason,
    )
    return _wallet(granted)


async def income(options: AdminOptions, desk: Desk, wanted: WantedIncome) -> IncomeShown:
    """What somebody earned, by day."""
    operator = desk.engine.operator
    days = span(month=wanted.month, first=wanted.first, last=wanted.last, now_ms=operator.now_ms, zone=options.zone)
    found = await operator.income(
        PersonId(wanted.person_id), since_ms=days.since_ms, until_ms=days.until_ms, offset_ms=days.offset_ms
    )
    person_id = PersonId(wanted.person_id)
    return IncomeShown(
        anchor=shown(UserShown, found.anchor),
        currency=found.currency.unit,
        first=days.first.isoformat(),
        last=days.last.isoformat(),
        days=[shown(DayShown, day, day=day_name(day.day_at_ms, options.zone)) for day in found.days],
        gift_points=sum(day.gift_points for day in found.days),
        call_points=sum(day.call_points for day in found.days),
        donation_points=sum(day.donation_points for day in found.days),
        subscription_points=sum(day.subscription_points for day in found.days),
        admission_points=sum(day.admission_points for day in found.days),
        minutes=sum(day.minutes for day in found.days),
        earned_points=found.earned_points,
        held_points=found.held_points,
        lines_count=len(found.entries),
        lines=[_line(entry, found.currency, person_id) for entry in found.entries] if wanted.lines else [],
        agrees=found.agrees,
    )


async def verify(desk: Desk, _wanted: Nothing) -> AuditShown:
    """Everything recomputed from the journal, and compared. Takes a while."""
    return shown(AuditShown, await desk.engine.operator.verify())


def _wallet(held: Any) -> WalletShown:
    return WalletShown(
        person=shown(UserShown, held.person),
        **{currency.unit: amount for currency, amount in held.holdings.items()},
    )


def _line(entry: Any, currency: Currency, person_id: PersonId) -> LineOfWallet:
    account = wallet(currency, person_id)
    amount = sum(posting.amount for posting in entry.postings if posting.account == account)
    return shown(LineOfWallet, entry, amount=amount)


def endpoints(options: AdminOptions) -> tuple[Endpoint[Any, Any], ...]:
    """What can be asked about money, and the one way to make some."""
    return (
        Endpoint(
            "/admin/v1/users/{person_id}/wallet",
            WantedUser,
            WalletShown,
            holdings,
            method="GET",
            summary="What a person holds",
            source_id="admin-wallet",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/wallet/lines",
            WantedLines,
            LinesOfWallet,
            lines,
            method="GET",
            summary="The newest ledger lines of a wallet",
            source_id="admin-wallet-lines",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/wallet/grants",
            Grant,
            WalletShown,
            grant,
            summary="Give or take units, once per Idempotency-Key",
            source_id="admin-wallet-grant",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/income",
            WantedIncome,
            IncomeShown,
            partial(income, options),
            method="GET",
            summary="What somebody earned, by day",
            source_id="admin-income",
        ),
        Endpoint(
            "/admin/v1/ledger/verification",
            Nothing,
            AuditShown,
            verify,
            method="GET",
            summary="Recompute everything from the journal and compare",
            source_id="admin-ledger-verify",
        ),
    )
