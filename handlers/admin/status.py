"""How the node is: at a glance, in detail, and who did what to it."""

from functools import partial
from typing import Any

import msgspec

from handlers.admin.access import Desk
from handlers.admin.days import day_began_ms
from handlers.admin.options import AdminOptions
from handlers.admin.shapes import Limited, Nothing, shown
from handlers.wire.surface import Endpoint

__all__ = ["endpoints"]


class StatusShown(msgspec.Struct):
    """The node that was asked. ``calls_today`` is by end reason, or phase for those that live.

    ``viewers`` are different people, in however many rooms each is.
    """

    node: str
    up_since_ms: int
    now_ms: int
    lease_is_confirmed: bool
    calls_live: int
    calls_owned: int
    calls_today: dict[str, int]
    calls_stuck: int
    rooms_open: int
    rooms_on_air: int
    seats_taken: int
    applicants: int
    viewers: int
    people_here: int
    sockets_open: int
    ledger_waiting: int


class CheckShown(msgspec.Struct):
    """One check: ``ok`` or ``fail``, and then the command to run next."""

    name: str
    result: str
    detail: str
    next_command: str


class Checks(msgspec.Struct):
    """All of them."""

    checks: list[CheckShown]


class AuditLineShown(msgspec.Struct):
    """What an operator did."""

    id: int
    at_ms: int
    actor: str
    action: str
    target: str
    reason: str


class AuditTail(msgspec.Struct):
    """Newest first."""

    lines: list[AuditLineShown]


async def status(options: AdminOptions, desk: Desk, _wanted: Nothing) -> StatusShown:
    """The node at a glance."""
    operator = desk.engine.operator
    found = await operator.status(day_began_ms=day_began_ms(operator.now_ms, options.zone))
    return shown(StatusShown, found, **msgspec.structs.asdict(found.rooms))


async def doctor(desk: Desk, _wanted: Nothing) -> Checks:
    """Every check, made now."""
    return Checks([shown(CheckShown, check) for check in await desk.engine.operator.doctor()])


async def audit(desk: Desk, wanted: Limited) -> AuditTail:
    """What operators did lately."""
    lines = await desk.engine.operator.audit_tail(wanted.limit)
    return AuditTail([shown(AuditLineShown, line) for line in lines])


def endpoints(options: AdminOptions) -> tuple[Endpoint[Any, Any], ...]:
    """What can be asked about the node."""
    return (
        Endpoint(
            "/admin/v1/status",
            Nothing,
            StatusShown,
            partial(status, options),
            method="GET",
            summary="The node at a glance",
            source_id="admin-status",
        ),
        Endpoint(
            "/admin/v1/doctor",
            Nothing,
            Checks,
            doctor,
            method="GET",
            summary="All checks, each failed one with the next command",
            source_id="admin-doctor",
        ),
        Endpoint(
            "/admin/v1/audit",
            Limited,
            AuditTail,
            audit,
            method="GET",
            summary="What operators did, newest first",
            source_id="admin-audit",
        ),
    )
