"""``users`` and ``token``: find people, warn, ban, approve; and, in development, act as one of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from handlers.admin.cli.asking import FINE, act, acts, answer, reads, server, signed, user_id
from handlers.admin.cli.lengths import Length
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Table, facts, ids, numbers, texts
from handlers.admin.cli.words import clean, length, moment

__all__ = ["token", "users"]

ROLE: Final = click.Choice(["guest", "anchor", "matchmaker"])
EARNING_ROLE: Final = {"calls": "anchor", "qlive": "matchmaker"}
"""By surface, what somebody is approved as."""

LEVELS: Final = ("guest", "user", "member", "admin", "super admin")
"""Of the social app, by their numbers."""

LIMIT: Final = click.IntRange(1, 1_000)


@click.group(invoke_without_command=True)
@reads()
@click.pass_context
def users(context: click.Context) -> int:
    """The newest people; see also the commands below."""
    return FINE if context.invoked_subcommand else _found("", None, 50)


@users.command("find")
@click.argument("text", default="")
@click.option("--role", type=ROLE, help="Only people of this kind.")
@click.option("--limit", type=LIMIT, default=50, show_default=True, help="How many.")
@reads()
def find(text: str, role: str | None, limit: int) -> int:
    """People by any of their ids or the beginning of a nickname."""
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
    """Approve somebody as an anchor, or in the blind-date rooms as a matchmaker."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    # On the site one is an anchor from the beginning or not at all, which the server says.
    role = "guest" if revoke else EARNING_ROLE.get(found["surface"], "anchor")
    return act(
        f"make {_name(found)} a{'n' if role == 'anchor' else ''} {role} (now: {found['role']})",
        lambda: asked.post("users", found["id"], "role", body=signed(reason, role=role)),
        lambda changed: f"{_name(changed)} is a{'n' if role == 'anchor' else ''} {changed['role']}",
    )


@users.command("level")
@click.argument("person")
@click.argument("level", type=click.IntRange(0, len(LEVELS) - 1))
@acts
def level(person: str, level: int, reason: str) -> int:
    """Make somebody of the social app a guest (0), user, member, admin or super admin (4)."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    return act(
        f"make {_name(found)} a {LEVELS[level]} ({level})",
        lambda: asked.post("users", found["id"], "level", body=signed(reason, level=level)),
        lambda changed: f"{_name(found)} is a {LEVELS[changed['level']]}",
    )


@users.command("password")
@click.argument("person")
@acts
def password(person: str, reason: str) -> int:
    """Another password for somebody who has lost his: it is printed once, and the old one is void."""
    asked = server()
    found = asked.get("users", user_id(asked, person))
    return act(
        f"give {_name(found)} another password and sign him out everywhere",
        lambda: asked.post("users", found["id"], "password", body=signed(reason)),
        lambda changed: f"{_name(found)} has the password {changed['password']}",
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
            user["public_id"],
            user["points_per_minute"] or None,
            _ban(user),
            moment(user["created_at_ms"]),
        )
        for user in reply["users"]
    ]
    columns = (
        ids("id", "role")
        + texts("nickname")
        + ids("external id", "shown id")
        + numbers("price")
        + texts("ban")
        + ids("since")
    )
    return [Table(columns, rows), f"{len(rows)} of the newest"]


def _user(user: dict[str, Any]) -> Sequence[Part]:
    return [
        facts(
            id=user["id"],
            role=user["role"],
            nickname=user["nickname"] or None,
            external_id=f"{user['surface']} {user['external_id']}",
            shown_id=user["public_id"] or None,
            since=moment(user["created_at_ms"]),
            last_login=moment(user["last_login_at_ms"]) if user["last_login_at_ms"] else None,
            age=user["age"] or None,
            price=f"{user['points_per_minute']} points/min" if user["points_per_minute"] else None,
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
