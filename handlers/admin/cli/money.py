"""``wallet``, ``income`` and ``ledger``: what people hold and earn, and whether the books balance."""

import csv
import io
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from handlers.admin.cli.asking import FINE, FOUND, act, acts, answer, reads, server, signed, user_id
from handlers.admin.cli.client import Refused, Unreachable
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Table, facts, ids, numbers, texts
from handlers.admin.cli.words import clean, count, moment
from handlers.admin.cli.words import signed as with_sign

__all__ = ["income", "ledger", "wallet"]

UNITS: Final = ("diamonds", "points", "gold", "income")
BOUGHT: Final = {"calls": "diamonds", "qlive": "gold", "site": "diamonds"}
UNIT: Final = click.Choice([*UNITS, "calls.diamonds", "calls.points", "qlive.gold", "qlive.income", "site.diamonds"])
"""Of what, by its unit or in full."""

SOURCES: Final = {
    "points": ("gift", "call"),
    "income": ("gift",),
    "diamonds": ("donation", "subscription", "admission"),
}
"""Where what people earn comes from, by its unit."""

VERIFY_DEADLINE_S: Final = 150.0
"""The server gives itself two minutes."""

BAR_PLACES: Final = 10


@click.group()
def wallet() -> None:
    """What people hold."""


@wallet.command("show")
@click.argument("person")
@reads()
def show(person: str) -> int:
    """What a person holds."""
    asked = server()
    return answer(lambda: asked.get("users", user_id(asked, person), "wallet"), _wallet)


@wallet.command("lines")
@click.argument("person")
@click.option("--currency", type=UNIT, help="Which wallet; what the person earns or spends unless said.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many.")
@reads()
def lines(person: str, currency: str | None, limit: int) -> int:
    """The newest ledger lines of a wallet."""
    asked = server()
    person_id = user_id(asked, person)
    wanted = currency or _unit_of(asked.get("users", person_id))
    return answer(
        lambda: asked.get("users", person_id, "wallet", "lines", query={"currency": wanted, "limit": limit}),
        lambda reply: [_lines(reply["lines"], _unit(wanted))],
    )


@wallet.command("grant", context_settings={"ignore_unknown_options": True})
@click.argument("person")
@click.argument("amount", type=int)
@click.option("--currency", type=UNIT, help="Which wallet; what is bought there unless said.")
@click.option("--key", help="Makes it happen once, however often it is sent; a new one unless said.")
@acts
def grant(person: str, amount: int, currency: str | None, key: str | None, reason: str) -> int:
    """Give a person AMOUNT units, or take them with a negative AMOUNT."""
    asked = server()
    person_id = user_id(asked, person)
    held = asked.get("users", person_id, "wallet")
    wanted = currency or BOUGHT[held["person"]["surface"]]
    unit = _unit(wanted)
    if unit not in held:
        raise Refused(code="BAD_INPUT", message=f"{person_id} has no wallet of {wanted}")
    left = held[unit] + amount
    if left < 0:
        raise Refused(code="INSUFFICIENT_BALANCE", message=f"{person_id} holds {held[unit]} {unit}")
    once = key or f"cli-{uuid.uuid4().hex}"

    def do() -> dict[str, Any]:
        body = signed(reason, amount=amount, currency=wanted)
        try:
            return asked.post("users", person_id, "wallet", "grants", body=body, key=once)
        except Unreachable as error:
            raise Unreachable(f"{error}; it may have happened: repeat it with --key {once}") from None

    return act(
        f"{_given(amount, unit)} {_name(held['person'])}: {held[unit]} → {left}",
        do,
        lambda now: f"{_name(now['person'])} holds {now[unit]} {unit} ({with_sign(amount)}, key {once})",
    )


@click.command()
@click.argument("person")
@click.option("--month", metavar="YYYY-MM", help="A whole month.")
@click.option("--from", "first", metavar="YYYY-MM-DD", help="The first day.")
@click.option("--to", "last", metavar="YYYY-MM-DD", help="The last day, counted.")
@click.option("--csv", "as_csv", is_flag=True, help="As comma separated values.")
@click.option("--lines", "with_lines", is_flag=True, help="The ledger lines behind it.")
@reads()
def income(
    person: str, month: str | None, first: str | None, last: str | None, *, as_csv: bool, with_lines: bool
) -> int:
    """What a person earned by day, in points or as income; this month unless said."""
    asked = server()
    query = {"month": month, "from": first, "to": last, "lines": "true" if with_lines else None}
    view = (_csv_lines if with_lines else _csv_days) if as_csv else (_income_lines if with_lines else _income)
    return answer(
        lambda: asked.get("users", user_id(asked, person), "income", query=query),
        view,
        lambda reply: FOUND if reply["agrees"] is False else FINE,
    )


@click.group()
def ledger() -> None:
    """The books."""


@ledger.command("verify")
@reads()
def verify() -> int:
    """Recompute all balances from the journal and compare; takes a while."""
    asked = server()
    return answer(
        lambda: asked.get("ledger", "verification", deadline_s=VERIFY_DEADLINE_S),
        _audit,
        lambda reply: FOUND if reply["findings"] else FINE,
    )


def _wallet(reply: dict[str, Any]) -> Sequence[Part]:
    person = reply["person"]
    return [
        facts(
            person=_name(person),
            role=person["role"],
            **{unit: reply[unit] for unit in UNITS if unit in reply},
        ),
        f"→ greenroom wallet lines {person['id']}",
    ]


def _lines(found: Sequence[Mapping[str, Any]], unit: str) -> Table:
    rows = [
        (
            moment(line["at_ms"]),
            line["id"],
            line["kind"],
            None if line["call_id"] is None else str(line["call_id"]),
            line["minute"],
            with_sign(line["amount"]),
            line["note"],
        )
        for line in found
    ]
    return Table(ids("at", "entry", "kind", "call") + numbers("minute", unit) + texts("note"), rows)


def _income(reply: dict[str, Any]) -> Sequence[Part]:
    days, sources = reply["days"], SOURCES[reply["currency"]]
    totals = [_total(day, sources) for day in days]
    most = max(totals, default=0)
    rows = [
        (
            day["day"],
            *_by_source(day, sources),
            total,
            day["minutes"],
            "█" * -(-total * BAR_PLACES // most) if most else "",
        )
        for day, total in zip(days, totals, strict=True)
    ]
    foot = ("total", *_by_source(reply, sources), sum(totals), reply["minutes"], "")
    columns = [f"{source}s" for source in sources]
    return [
        _span(reply),
        Table(ids("day") + numbers(*columns, "total", "min") + ids(""), rows, foot),
        _held(reply),
    ]


def _by_source(span: Mapping[str, Any], sources: Sequence[str]) -> list[int]:
    return [span[f"{source}_points"] for source in sources]


def _total(span: Mapping[str, Any], sources: Sequence[str]) -> int:
    return sum(_by_source(span, sources))


def _income_lines(reply: dict[str, Any]) -> Sequence[Part]:
    return [_span(reply), _lines(reply["lines"], reply["currency"]), _held(reply)]


def _span(reply: Mapping[str, Any]) -> str:
    return f"income {_name(reply['anchor'])}   {reply['from']} .. {reply['to']}   {reply['currency']}"


def _held(reply: Mapping[str, Any]) -> str:
    behind = count(reply["lines_count"], "line")
    agrees = {True: f"yes ({behind})", False: f"NO ({behind})", None: f"– ({behind}; too many to read all)"}
    held = f"earned ever {reply['earned_points']}   holds {reply['held_points']}"
    text = f"{held}   matches ledger: {agrees[reply['agrees']]}"
    return text if reply["agrees"] is not False else f"{text}\nFAIL → greenroom ledger verify"


def _csv_days(reply: dict[str, Any]) -> Sequence[Part]:
    sources = SOURCES[reply["currency"]]
    rows = [(day["day"], *_by_source(day, sources), _total(day, sources), day["minutes"]) for day in reply["days"]]
    return [_csv(("day", *(f"{source}_points" for source in sources), "points", "minutes"), rows)]


def _csv_lines(reply: dict[str, Any]) -> Sequence[Part]:
    names = ("at_ms", "id", "kind", "call_id", "minute", "amount", "note")
    return [_csv(names, [tuple(_inert(line[name]) for name in names) for line in reply["lines"]])]


def _csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _inert(value: object) -> object:
    """Texts as spreadsheets must not run them: what begins like a formula gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _audit(reply: dict[str, Any]) -> Sequence[Part]:
    rows = [(currency, total) for currency, total in sorted(reply["totals"].items())]
    books = f"{reply['entries_count']} entries, {reply['accounts_count']} accounts"
    if not reply["findings"]:
        return [Table(ids("currency") + numbers("in wallets"), rows), f"{books}: ok, everything agrees"]
    return [
        Table(ids("currency") + numbers("in wallets"), rows),
        *(f"FAIL {clean(finding)} → {_next(finding)}" for finding in reply["findings"]),
        f"{books}: {count(len(reply['findings']), 'finding')}",
    ]


def _next(finding: str) -> str:
    """Where to look for what is behind a finding."""
    if wallet_of := re.search(r"[a-z]+\.([a-z]+)/([0-9]+)", finding):
        return f"greenroom wallet lines {wallet_of[2]} --currency {wallet_of[1]}"
    if call := re.search(r"call[ :]([0-9]+)", finding):
        return f"greenroom calls explain {call[1]}"
    return "greenroom doctor"


def _given(amount: int, currency: str) -> str:
    return f"give {amount} {currency} to" if amount >= 0 else f"take {-amount} {currency} from"


def _unit_of(person: Mapping[str, Any]) -> str:
    earns_apart = person["role"] == "anchor" and person["surface"] == "calls"
    return "points" if earns_apart else BOUGHT[person["surface"]]


def _unit(currency: str) -> str:
    """``gold`` of ``qlive.gold``, and of ``gold``."""
    return currency.rpartition(".")[2]


def _name(person: Mapping[str, Any]) -> str:
    return f"{person['id']} {clean(person['nickname'])}".rstrip()
