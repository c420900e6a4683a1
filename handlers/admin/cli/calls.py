"""``calls``: which live, which are stuck, what happened in one, and how to end it."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from handlers.admin.cli.asking import FINE, FOUND, act, acts, answer, reads, server, signed
from handlers.admin.cli.screen import Part
from handlers.admin.cli.story import story
from handlers.admin.cli.tables import Table, facts, ids, numbers, texts
from handlers.admin.cli.words import clean, clock, count, length, moment
from handlers.admin.cli.words import signed as with_sign

__all__ = ["calls"]

CALL_ID = click.IntRange(min=1)


@click.group(invoke_without_command=True)
@click.option("--stuck", is_flag=True, help="Only those that should have moved on.")
@reads(live=True)
@click.pass_context
def calls(context: click.Context, *, stuck: bool) -> int:
    """Live calls; see also the commands below."""
    if context.invoked_subcommand is None:
        return _stuck() if stuck else _live()
    if stuck:
        raise click.UsageError("--stuck stands alone: greenroom calls --stuck")
    return FINE


@calls.command("ls")
@click.option("--stuck", is_flag=True, help="Only those that should have moved on.")
@reads(live=True)
def listed(*, stuck: bool) -> int:
    """Live calls."""
    return _stuck() if stuck else _live()


@calls.command("show")
@click.argument("call_id", type=CALL_ID)
@reads(live=True)
def show(call_id: int) -> int:
    """One call as it is kept."""
    asked = server()
    return answer(lambda: asked.get("calls", call_id), _call)


@calls.command("explain")
@click.argument("call_id", type=CALL_ID)
@reads(live=True)
def explain(call_id: int) -> int:
    """One call with its story, its ledger lines, and whether the two agree."""
    asked = server()
    return answer(lambda: asked.get("calls", call_id, "explanation"), _explanation, _is_clear)


@calls.command("end")
@click.argument("call_id", type=CALL_ID)
@acts
def end(call_id: int, reason: str) -> int:
    """End a call now, at the last minute that has begun."""
    asked = server()
    explanation = asked.get("calls", call_id, "explanation")
    call = explanation["call"]
    if call["ended_at_ms"] is not None:
        return answer(lambda: call, lambda _call: [f"call {call_id} has ended: {_ending(call)}"])
    would = (
        f"end {call_id} now: {count(call['minutes_paid'], 'minute')}, guest {with_sign(-explanation['paid_diamonds'])},"
        f" anchor {with_sign(explanation['earned_points'])}, no refund; a minute that has begun is paid first\n"
        f"frees anchor {call['anchor_id']} and guest {call['guest_id']}, and tells both"
    )
    return act(
        would,
        lambda: asked.post("calls", call_id, "end", body=signed(reason)),
        lambda ended: f"call {call_id} has ended: {_ending(ended)}   → greenroom calls explain {call_id}",
    )


def _live() -> int:
    asked = server()
    return answer(lambda: asked.get("calls"), _calls)


def _stuck() -> int:
    asked = server()
    return answer(lambda: asked.get("calls", "stuck"), _stuck_calls, lambda reply: FOUND if reply["stuck"] else FINE)


def _calls(reply: dict[str, Any]) -> Sequence[Part]:
    now_ms = reply["now_ms"]
    rows = [
        (*_head(call, now_ms), length(_silent_ms(call, now_ms)), call["owner"] or "nobody") for call in reply["calls"]
    ]
    return [
        Table(ids("call", "state", "guest", "anchor") + numbers("talk", "billed", "silent") + ids("node"), rows),
        count(len(rows), "live call"),
    ]


def _stuck_calls(reply: dict[str, Any]) -> Sequence[Part]:
    found = reply["stuck"]
    rows = [(*_head(one["call"], reply["now_ms"]), length(one["overdue_ms"]), one["why"]) for one in found]
    lines = [f"FAIL {one['call']['id']} → greenroom calls explain {one['call']['id']}" for one in found]
    return [
        Table(ids("call", "state", "guest", "anchor") + numbers("talk", "billed", "overdue") + texts("why"), rows),
        *(lines or ["none is stuck"]),
    ]


def _head(call: Mapping[str, Any], now_ms: int) -> tuple[str, ...]:
    return (
        str(call["id"]),
        call["phase"],
        str(call["guest_id"]),
        str(call["anchor_id"]),
        length(_talk_ms(call, now_ms)),
        f"{call['minutes_paid']} min",
    )


def _talk_ms(call: Mapping[str, Any], now_ms: int) -> int | None:
    """How long they have talked, gaps left out; None before they did."""
    if call["started_at_ms"] is None:
        return None
    until_ms: int = call["ended_at_ms"] or call["gap_since_ms"] or now_ms
    return max(0, until_ms - int(call["started_at_ms"]) - int(call["unbilled_ms"]))


def _silent_ms(call: Mapping[str, Any], now_ms: int) -> int | None:
    return None if call["gap_since_ms"] is None else max(0, now_ms - int(call["gap_since_ms"]))


def _call(call: dict[str, Any]) -> Sequence[Part]:
    return [
        facts(
            call=call["id"],
            state=_ending(call) if call["ended_at_ms"] is not None else call["phase"],
            guest=call["guest_id"],
            anchor=call["anchor_id"],
            rung_by=call["rung_by"],
            price=f"{call['price']['diamonds']} diamonds/min, {call['price']['earned_points']} points/min",
            rung=moment(call["rung_at_ms"]),
            answered=moment(call["answered_at_ms"]),
            started=moment(call["started_at_ms"]),
            billed=f"{call['minutes_paid']} min",
            lost=", ".join(call["absent"]) or None,
            lost_since=moment(call["gap_since_ms"]),
            not_billed=length(call["unbilled_ms"]),
            room=call["room_id"],
            node=call["owner"] or None,
            epoch=call["epoch"],
        ),
        f"→ greenroom calls explain {call['id']}",
    ]


def _explanation(reply: dict[str, Any]) -> Sequence[Part]:
    call, price = reply["call"], reply["call"]["price"]
    lines = story(reply)
    rows = [
        (
            "…" if line.at_ms is None else clock(line.at_ms),
            "" if line.number is None else str(line.number),
            line.event,
            "" if line.guest_diamonds is None else with_sign(line.guest_diamonds),
            "" if line.anchor_points is None else with_sign(line.anchor_points),
            line.by,
        )
        for line in lines
    ]
    share = f"anchor {price['earned_points']} of {price['points']} points/min"
    state = _ending(call) if call["ended_at_ms"] is not None else call["phase"]
    guest, anchor = _party(reply["guest"], call["guest_id"]), _party(reply["anchor"], call["anchor_id"])
    return [
        f"call {call['id']}   {price['diamonds']} diamonds/min   {share}   price fixed {moment(call['rung_at_ms'])}",
        f"guest {guest}   anchor {anchor}   {state}",
        Table(ids("at") + numbers("#") + texts("event") + numbers("guest", "anchor") + ids("by"), rows),
        *_bill(reply),
    ]


def _bill(reply: Mapping[str, Any]) -> Sequence[str]:
    call = reply["call"]
    verdict = "ledger agrees" if reply["agrees"] else "ledger does NOT agree"
    lines = [f"paid {reply['paid_diamonds']}, credited {reply['earned_points']}, {verdict}"]
    gifts = [line for line in reply["lines"] if line["kind"] == "gift"]
    if gifts:
        paid = sum(line["guest_diamonds"] for line in gifts)
        earned = sum(line["anchor_points"] for line in gifts)
        lines.append(f"{count(len(gifts), 'gift')}: guest {with_sign(paid)}, anchor {with_sign(earned)}")
    if not reply["agrees"]:
        lines.append(f"FAIL the call says {call['minutes_paid']} min were paid → greenroom ledger verify")
    if reply["why_stuck"] is not None:
        overdue = length(reply["overdue_ms"])
        lines.append(f"FAIL {reply['why_stuck']}, {overdue} late → greenroom calls end {call['id']} --reason WHY")
    return lines


def _is_clear(reply: dict[str, Any]) -> int:
    return FINE if reply["agrees"] and reply["why_stuck"] is None else FOUND


def _party(party: Mapping[str, Any] | None, person_id: int) -> str:
    return f"{person_id} {clean(party['nickname'])}".rstrip() if party else f"{person_id} (gone)"


def _ending(call: Mapping[str, Any]) -> str:
    reason = str(call["end_reason"]).replace("_", " ")
    return f"{reason} by {call['ended_by']} at {moment(call['ended_at_ms'])}, {count(call['minutes_paid'], 'minute')}"
