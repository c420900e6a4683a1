"""Calls for operators: which live, which are stuck, what happened in one, and how to end it."""

from typing import Any, Final

import msgspec

from handlers.admin.access import Desk
from handlers.admin.shapes import Act, Nothing, shown
from handlers.wire.fields import Id
from handlers.wire.surface import Endpoint
from store.interfaces.ids import CallId
from store.interfaces.money import Currency, wallet

__all__ = ["ENDPOINTS"]


class WantedCall(msgspec.Struct):
    """Which call."""

    call_id: Id


class EndCall(Act, kw_only=True):
    """End it now, at the last minute that has begun."""

    call_id: Id


class PriceShown(msgspec.Struct):
    """Of one minute: what she asks, what he pays, what she gets."""

    points: int
    diamonds: int
    earned_points: int


class HistoryLineShown(msgspec.Struct):
    """One line of the call's story."""

    at_ms: int
    event: str
    by: str


class CallShown(msgspec.Struct):
    """One call as it is kept. Times are the store's; ``absent`` are the sides whose line is lost."""

    id: int
    phase: str
    guest_id: int
    anchor_id: int
    rung_by: str
    price: PriceShown
    rung_at_ms: int
    answered_at_ms: int | None
    started_at_ms: int | None
    gap_since_ms: int | None
    ended_at_ms: int | None
    absent: list[str]
    unbilled_ms: int
    minutes_paid: int
    end_reason: str | None
    ended_by: str
    room_id: str | None
    owner: str
    epoch: int
    history: list[HistoryLineShown]


class Calls(msgspec.Struct):
    """Oldest first, and the store's time for comparison."""

    now_ms: int
    calls: list[CallShown]


class StuckCallShown(msgspec.Struct):
    """A call that should have moved on."""

    call: CallShown
    why: str
    overdue_ms: int


class StuckCalls(msgspec.Struct):
    """Oldest first, and the store's time for comparison."""

    now_ms: int
    stuck: list[StuckCallShown]


class Party(msgspec.Struct):
    """One of the two."""

    id: int
    nickname: str


class LineOfCall(msgspec.Struct):
    """One ledger line of a call, with what it did to the two wallets."""

    id: str
    kind: str
    minute: int | None
    at_ms: int
    guest_diamonds: int
    anchor_points: int
    note: str


class Explanation(msgspec.Struct):
    """A call, the ledger lines that name it (oldest first), and whether its bill and its minutes' lines agree."""

    now_ms: int
    call: CallShown
    guest: Party | None
    anchor: Party | None
    lines: list[LineOfCall]
    paid_diamonds: int
    earned_points: int
    agrees: bool
    why_stuck: str | None
    overdue_ms: int | None


async def live(desk: Desk, _wanted: Nothing) -> Calls:
    """Calls that have not ended."""
    operator = desk.engine.operator
    return Calls(now_ms=operator.now_ms, calls=[shown(CallShown, call) for call in await operator.live_calls()])


async def stuck(desk: Desk, _wanted: Nothing) -> StuckCalls:
    """Calls past their deadline."""
    operator = desk.engine.operator
    found = await operator.stuck_calls()
    return StuckCalls(now_ms=operator.now_ms, stuck=[shown(StuckCallShown, one) for one in found])


async def one(desk: Desk, wanted: WantedCall) -> CallShown:
    """One call."""
    return shown(CallShown, await desk.engine.operator.call(CallId(wanted.call_id)))


async def explain(desk: Desk, wanted: WantedCall) -> Explanation:
    """One call with its ledger lines."""
    operator = desk.engine.operator
    found = await operator.explain(CallId(wanted.call_id))
    guest_wallet = wallet(Currency.CALLS_DIAMONDS, found.call.guest_id)
    anchor_wallet = wallet(Currency.CALLS_POINTS, found.call.anchor_id)
    lines = [
        shown(
            LineOfCall,
            entry,
            guest_diamonds=sum(posting.amount for posting in entry.postings if posting.account == guest_wallet),
            anchor_points=sum(posting.amount for posting in entry.postings if posting.account == anchor_wallet),
        )
        for entry in found.entries
    ]
    return shown(
        Explanation,
        found,
        now_ms=operator.now_ms,
        lines=lines,
        why_stuck=found.stuck.why if found.stuck else None,
        overdue_ms=found.stuck.overdue_ms if found.stuck else None,
    )


async def end(desk: Desk, wanted: EndCall) -> CallShown:
    """The call as it has ended; one that had ended stays as it is."""
    ended = await desk.engine.operator.end_call(CallId(wanted.call_id), actor=wanted.actor, reason=wanted.reason)
    return shown(CallShown, ended)


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint("/admin/v1/calls", Nothing, Calls, live, method="GET", summary="Live calls", source_id="admin-calls"),
    Endpoint(
        "/admin/v1/calls/stuck",
        Nothing,
        StuckCalls,
        stuck,
        method="GET",
        summary="Calls that should have moved on",
        source_id="admin-calls-stuck",
    ),
    Endpoint(
        "/admin/v1/calls/{call_id}",
        WantedCall,
        CallShown,
        one,
        method="GET",
        summary="One call",
        source_id="admin-calls-show",
    ),
    Endpoint(
        "/admin/v1/calls/{call_id}/explanation",
        WantedCall,
        Explanation,
        explain,
        method="GET",
        summary="One call with its ledger lines",
        source_id="admin-calls-explain",
    ),
    Endpoint(
        "/admin/v1/calls/{call_id}/end",
        EndCall,
        CallShown,
        end,
        summary="End a call",
        source_id="admin-calls-end",
    ),
)
