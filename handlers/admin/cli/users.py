"""``users`` and ``token``: find people, warn, ban, approve; and, in development, act as one of them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from handlers.admin.cli.asking import FINE, act, acts, answer, reads, server, signed, user_id
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Table, facts, ids, numbers, texts
from handlers.admin.cli.words import clean, length, moment

__all__ = ["token", "users"]

UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
ROLE: Final = click.Choice(["guest", "anchor"])
LIMIT: Final = click.IntRange(1, 1_000)


class Length(click.ParamType[int]):
    """``30m``, ``12h``, ``7d``, in milliseconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", str(value))
        if match is None:
            self.fail(f"{value} is no length such as 30m, 12h or 7d", param, ctx)
        return int(match[1]) * UNITS_MS[match[2]]


@click.group(invoke_without_command=True)
@reads()
@click.pass_context
def users(context: click.Context) -> int:
    """The newest people; see also the commands below."""
    return FINE if context.invoked_subcommand else _found("", None, 50)


@users.command("find")
@click.argument("text", default="")
@click.option("--role", type=ROLE, help="Only guests, or only anchors.")
@click.option("--limit", type=LIMIT, default=50, show_default=True, help="How many.")
@reads()
def find(text: str, role: str | None, limit: int) -> int:
    """People by id, external id or the beginning of a nickname."""
    return _found(text, role, limit)


@users.command("show")
@click.argument("person")
@reads()
def show(person: str) -> int:
    """One person."""
    asked = server()
    return answer(lambda: asked.get("users", user_id(asked, person)), _user)


@users.command("ban")
@click.argument("person")
@click.option(
    "--for", "length_ms", type=Length(), metavar="LENGTH", help="How long (30m, 12h, 7d); for ever unless said."
)
@click.option("--broadcast", is_flag=True, help="From calling and broadcasting only, not from signing in.")
@acts
def ban(person: str, length_ms: int | None, reason: str, *, broadcast: bool) -> int:
    """Exclude somebody; REASON is shown to the person. A call ends, a room closes."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    kind = "broadcast" if broadcast else "account"
    until = f"for {length(length_ms)}" if length_ms else "until it is lifted"
    return act(
        f"exclude {_name(found)} ({kind}) {until}, ending call and room",
        lambda: asked.post("users", found["id"], "ban", body=signed(reason, kind=kind, length_ms=length_ms)),
        lambda banned: f"{_name(banned)} is excluded: {_ban(banned)}",
    )


@users.command("unban")
@click.argument("person")
@acts
def unban(person: str, reason: str) -> int:
    """Lift a ban."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    return act(
        f"let {_name(found)} in again (now: {_ban(found) or 'not excluded'})",
        lambda: asked.post("users", found["id"], "unban", body=signed(reason)),
        lambda free: f"{_name(free)} is not excluded",
    )


@users.command("warn")
@click.argument("person")
@acts
def warn(person: str, reason: str) -> int:
    """Warn somebody; REASON is the warning."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    return act(
        f"warn {_name(found)}: {clean(reason)}",
        lambda: asked.post("users", found["id"], "warn", body=signed(reason)),
        lambda _warned: f"{_name(found)} has been warned",
    )


@users.command("approve")
@click.argument("person")
@click.option("--revoke", is_flag=True, help="Make a guest of her again.")
@acts
def approve(person: str, reason: str, *, revoke: bool) -> int:
    """Approve somebody as an anchor."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    role = "guest" if revoke else "anchor"
    return act(
        f"make {_name(found)} a{'n' if role == 'anchor' else ''} {role} (now: {found['role']})",
        lambda: asked.post("users", found["id"], "role", body=signed(reason, role=role)),
        lambda changed: f"{_name(changed)} is a{'n' if role == 'anchor' else ''} {changed['role']}",
    )


@click.group()
def token() -> None:
    """Sessions for trying things out (development only)."""


@token.command("mint")
@click.argument("person")
@click.option("--reason", default="trying things out", show_default=True, help="Why; the audit keeps it.")
@reads()
def mint(person: str, reason: str) -> int:
    """Open a session for somebody and print its token, and nothing else."""
    asked = server()
    return answer(
        lambda: asked.post("users", user_id(asked, person), "sessions", body=signed(reason)),
        lambda opened: [opened["token"]],
    )


def _found(text: str, role: str | None, limit: int) -> int:
    asked = server()
    return answer(lambda: asked.get("users", query={"text": text, "role": role, "limit": limit}), _users)


def _users(reply: dict[str, Any]) -> Sequence[Part]:
    rows = [
        (
            str(user["id"]),
            user["role"],
            user["nickname"],
            user["external_id"],
            user["points_per_minute"] if user["role"] == "anchor" else None,
            _ban(user),
            moment(user["created_at_ms"]),
        )
        for user in reply["users"]
    ]
    columns = (
        ids("id", "role") + texts("nickname") + ids("external id") + numbers("price") + texts("ban") + ids("since")
    )
    return [Table(columns, rows), f"{len(rows)} of the newest"]


def _user(user: dict[str, Any]) -> Sequence[Part]:
    return [
        facts(
            id=user["id"],
            role=user["role"],
            nickname=user["nickname"] or None,
            external_id=f"{user['surface']} {user['external_id']}",
            since=moment(user["created_at_ms"]),
            age=user["age"] or None,
            price=f"{user['points_per_minute']} points/min" if user["role"] == "anchor" else None,
            hidden="yes" if user["is_hidden"] else "no",
            ban=_ban(user) or "none",
        )
    ]


def _name(user: Mapping[str, Any]) -> str:
    return f"{user['id']} {clean(user['nickname'])}".rstrip()


def _ban(user: Mapping[str, Any]) -> str:
    ban = user["ban"]
    if ban is None:
        return ""
    until = f"until {moment(ban['until_ms'])}" if ban["until_ms"] else "until it is lifted"
    return f"{ban['kind']} {until}: {clean(ban['text'])}"
