"""``status``, ``doctor`` and ``audit``: how the node is, and who did what to it."""

from collections.abc import Sequence
from typing import Any, Final

import click

from handlers.admin.cli.asking import FINE, FOUND, answer, reads, server
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Table, ids, numbers, texts
from handlers.admin.cli.words import count, length, moment

__all__ = ["audit", "doctor", "status"]

CHECKS_DEADLINE_S: Final = 150.0
"""The ledger's check recomputes everything; the server gives itself two minutes for it."""


@click.command()
@reads(live=True)
def status() -> int:
    """The node at a glance."""
    asked = server()
    return answer(lambda: asked.get("status"), _status, _is_well)


def _status(reply: dict[str, Any]) -> Sequence[Part]:
    today: dict[str, int] = reply["calls_today"]
    ends = ", ".join(f"{reason.replace('_', ' ')} {number}" for reason, number in sorted(today.items()) if number)
    stuck = f"{reply['calls_stuck']} stuck → greenroom calls --stuck"
    elsewhere = reply["calls_live"] - reply["calls_owned"]
    lease = "lease confirmed" if reply["lease_is_confirmed"] else "FAIL lease not confirmed → greenroom doctor"
    return [
        f"{reply['node']}   up {length(reply['now_ms'] - reply['up_since_ms'])}   {lease}",
        Table(
            texts("what") + numbers("now", "today") + texts("note"),
            [
                ("rooms open", reply["rooms_open"], None, f"{reply['rooms_on_air']} on air"),
                ("seats taken", reply["seats_taken"], None, _waiting(reply["applicants"])),
                ("viewers", reply["viewers"], None, ""),
                ("people here", reply["people_here"], None, count(reply["sockets_open"], "socket")),
                (
                    "calls live",
                    reply["calls_live"],
                    sum(today.values()),
                    stuck if reply["calls_stuck"] else f"{elsewhere} on other nodes" if elsewhere else "",
                ),
                ("ledger waiting", reply["ledger_waiting"], None, ""),
            ],
        ),
        f"calls today: {ends or 'none'}",
    ]


def _waiting(applicants: int) -> str:
    return f"{count(applicants, 'applicant')} waiting" if applicants else ""


def _is_well(reply: dict[str, Any]) -> int:
    return FOUND if reply["calls_stuck"] or not reply["lease_is_confirmed"] else FINE


@click.command()
@reads(live=True)
def doctor() -> int:
    """Check everything; each failed check names the next command."""
    asked = server()
    return answer(lambda: asked.get("doctor", deadline_s=CHECKS_DEADLINE_S), _checks, _all_ok)


def _checks(reply: dict[str, Any]) -> Sequence[Part]:
    checks = reply["checks"]
    failed = sum(check["result"] != "ok" for check in checks)
    rows = [
        (
            "ok" if check["result"] == "ok" else "FAIL",
            check["name"],
            check["detail"],
            f"→ {check['next_command']}" if check["next_command"] else "",
        )
        for check in checks
    ]
    return [
        Table(ids("result", "check") + texts("detail", "next"), rows),
        f"{count(len(checks), 'check')}, {failed} FAIL",
    ]


def _all_ok(reply: dict[str, Any]) -> int:
    return FINE if all(check["result"] == "ok" for check in reply["checks"]) else FOUND


@click.command()
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many lines.")
@reads()
def audit(limit: int) -> int:
    """What operators did, newest first."""
    asked = server()
    return answer(lambda: asked.get("audit", query={"limit": limit}), _audit)


def _audit(reply: dict[str, Any]) -> Sequence[Part]:
    rows = [
        (str(line["id"]), moment(line["at_ms"]), line["actor"], line["action"], line["target"], line["reason"])
        for line in reply["lines"]
    ]
    return [Table(ids("id", "at", "actor", "action", "target") + texts("reason"), rows)]
