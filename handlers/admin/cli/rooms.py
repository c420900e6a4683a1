"""``rooms``: which there are, who is in one, and what can be done there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from handlers.admin.cli.asking import FINE, act, acts, answer, reads, server, signed, user_id
from handlers.admin.cli.client import Server
from handlers.admin.cli.lengths import Length
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Cell, Table, facts, ids, numbers, texts
from handlers.admin.cli.words import clean, count, length, moment

__all__ = ["rooms"]

UNTIL_LIFTED: Final = "until it is lifted"
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@click.group(invoke_without_command=True)
@reads(live=True)
@click.pass_context
def rooms(context: click.Context) -> int:
    """Rooms of this node; see also the commands below.

    PERSON is an id, the id that others see of somebody, an external id, or the beginning of a nickname.
    """
    return FINE if context.invoked_subcommand else _listed()


@rooms.command("ls")
@reads(live=True)
def listed() -> int:
    """Rooms of this node."""
    return _listed()


@rooms.command("show")
@click.argument("room_id")
@reads(live=True)
def show(room_id: str) -> int:
    """One room with everybody in it."""
    asked = server()
    return answer(lambda: asked.get("rooms", room_id), _room)


@rooms.command("seats")
@click.argument("room_id")
@reads(live=True)
def seats(room_id: str) -> int:
    """Every seat of a room, who sits there, and whether he is still there."""
    asked = server()
    return answer(lambda: asked.get("rooms", room_id, "seats"), _seats)


@rooms.command("close")
@click.argument("room_id")
@acts
def close(room_id: str, reason: str) -> int:
    """Close a room and send everybody away. A call that it belongs to goes on."""
    asked = server()
    room = asked.get("rooms", room_id)
    inside = f"{len(room['seats'])} on the stage, {count(room['audience_count'] or 0, 'viewer')}"
    call = f"; call {room['call_id']} goes on → greenroom calls end {room['call_id']}" if room["call_id"] else ""
    return act(
        f"close {clean(room_id)} of {_name(room['anchor'])}: {inside}{call}",
        lambda: asked.post("rooms", room_id, "close", body=signed(reason)),
        lambda closed: f"room {clean(closed['id'])} is closed",
    )


def _lasting(unless_said: str) -> Callable[[CommandT], CommandT]:
    return click.option(
        "--for",
        "length_ms",
        type=Length(),
        metavar="LENGTH",
        help=f"How long (30m, 12h, 7d); {unless_said} unless said.",
    )


@rooms.command("kick")
@click.argument("room_id")
@click.argument("person")
@_lasting("as long as the configuration has it")
@acts
def kick(room_id: str, person: str, length_ms: int | None, reason: str) -> int:
    """Send somebody out of a room, and let nobody bring him back for a while."""
    lasting = f"for {length(length_ms)}" if length_ms else "for a while"
    return _done("kick", room_id, person, lasting, reason, length_ms=length_ms)


@rooms.command("mute")
@click.argument("room_id")
@click.argument("person")
@_lasting(UNTIL_LIFTED)
@acts
def mute(room_id: str, person: str, length_ms: int | None, reason: str) -> int:
    """Let somebody say nothing in a room."""
    return _done("mute", room_id, person, _until(length_ms), reason, length_ms=length_ms)


@rooms.command("unmute")
@click.argument("room_id")
@click.argument("person")
@acts
def unmute(room_id: str, person: str, reason: str) -> int:
    """Let him talk again."""
    return _done("unmute", room_id, person, "", reason)


@rooms.command("ban")
@click.argument("room_id")
@click.argument("person")
@_lasting(UNTIL_LIFTED)
@acts
def ban(room_id: str, person: str, length_ms: int | None, reason: str) -> int:
    """Keep somebody out of one room; out of all of them: users ban."""
    return _done("ban", room_id, person, _until(length_ms), reason, length_ms=length_ms)


@rooms.command("unban")
@click.argument("room_id")
@click.argument("person")
@acts
def unban(room_id: str, person: str, reason: str) -> int:
    """Let him in again, after a kick too."""
    return _done("unban", room_id, person, "", reason)


@rooms.command("unseat")
@click.argument("room_id")
@click.argument("person")
@acts
def unseat(room_id: str, person: str, reason: str) -> int:
    """Take somebody off the stage. A room whose anchor sends pictures from there closes with her."""
    return _done("unseat", room_id, person, "", reason)


def _done(what: str, room_id: str, person: str, how: str, reason: str, **more: object) -> int:
    """Do ``what`` to somebody, whom the server knows by ``person``."""
    asked = server()
    found = _found(asked, room_id, person)
    return act(
        f"{what} {_name(found)} in {clean(room_id)} {how}".rstrip() + f" (now: {_state(found)})",
        lambda: asked.post("rooms", room_id, what, body=signed(reason, person_id=found["person_id"], **more)),
        lambda after: f"{_name(after)} in {clean(room_id)}: {_state(after)}",
    )


def _found(asked: Server, room_id: str, person: str) -> dict[str, Any]:
    # Digits are an id or what others see of one; only the server knows which.
    is_number = person.isascii() and person.isdigit()
    return asked.get("rooms", room_id, "people", person if is_number else user_id(asked, person))


def _until(length_ms: int | None) -> str:
    return f"for {length(length_ms)}" if length_ms else UNTIL_LIFTED


def _listed() -> int:
    asked = server()
    return answer(lambda: asked.get("rooms"), _rooms)


def _rooms(reply: dict[str, Any]) -> Sequence[Part]:
    rows = [
        (
            room["id"],
            room["kind"],
            str(room["anchor"]["person_id"]),
            None if room["call_id"] is None else str(room["call_id"]),
            len(room["seats"]),
            len(room["applicants"]),
            room["audience_count"],
            length(reply["now_ms"] - room["created_at_ms"]),
        )
        for room in reply["rooms"]
    ]
    columns = ids("room", "kind", "anchor", "call") + numbers("seated", "applied", "viewers", "age")
    return [Table(columns, rows), count(len(rows), "room")]


def _room(room: dict[str, Any]) -> Sequence[Part]:
    applied = {one["person_id"] for one in room["applicants"]}
    watching = [one for one in room["viewers"] if one["person_id"] not in applied]
    rows: list[tuple[Cell, ...]] = [
        _row(one, f"sits: {one['seat']}", since_ms=one["since_ms"]) for one in room["seats"]
    ]
    rows += [_row(one, "has applied", since_ms=one["since_ms"]) for one in room["applicants"]]
    rows += [_row(one, "is invited", until=moment(one["until_ms"])) for one in room["invitations"]]
    rows += [_row(one, "watches", since_ms=one["since_ms"]) for one in watching]
    viewers = "known to its node only" if room["audience_count"] is None else room["audience_count"]
    if len(room["viewers"]) < (room["audience_count"] or 0):
        viewers = f"{viewers}, the first {len(room['viewers'])} below"
    parts: list[Part] = [
        facts(
            room=room["id"],
            kind=room["kind"],
            anchor=_name(room["anchor"]),
            call=room["call_id"],
            since=moment(room["created_at_ms"]),
            info=room["info"] or None,
            viewers=viewers,
            likes=room["likes_count"],
            node=room["owner"] or None,
            epoch=room["epoch"],
            position=room["position"],
        ),
        Table(ids("person", "shown as") + texts("nickname") + ids("does", "since", "until"), rows),
    ]
    if room["sanctions"]:
        parts.append(_sanctions(room))
    return parts


def _row(one: Mapping[str, Any], does: str, *, since_ms: int | None = None, until: str = "") -> tuple[Cell, ...]:
    since = "" if since_ms is None else moment(since_ms)
    return (str(one["person_id"]), one["public_id"] or None, one["nickname"], does, since, until)


def _sanctions(room: Mapping[str, Any]) -> Table:
    rows = [
        (
            str(one["person_id"]),
            one["kind"],
            _end(one) + (" (over)" if one["until_ms"] and one["until_ms"] <= room["now_ms"] else ""),
            "operator" if one["by"] is None else str(one["by"]),
        )
        for one in room["sanctions"]
    ]
    return Table(ids("person", "sanction", "until", "by"), rows)


def _seats(reply: dict[str, Any]) -> Sequence[Part]:
    rows: list[tuple[Cell, ...]] = []
    for place in reply["seats"]:
        one = place["taken"]
        if one is None:
            rows.append((place["seat"], "free", "", "", "", "", ""))
            continue
        is_known = place["heard_at_ms"] is not None
        silent = length(reply["now_ms"] - place["heard_at_ms"]) if is_known and not place["is_held"] else None
        rows.append(
            (
                place["seat"],
                str(one["person_id"]),
                one["public_id"] or None,
                one["nickname"],
                moment(one["since_ms"]),
                "open" if place["is_held"] else "none",
                silent,
            )
        )
    columns = ids("seat", "person", "shown as") + texts("nickname") + ids("since", "line") + numbers("silent")
    return [Table(columns, rows)]


def _name(one: Mapping[str, Any]) -> str:
    return " ".join(clean(part) for part in (str(one["person_id"]), one["public_id"], one["nickname"]) if part)


def _state(found: Mapping[str, Any]) -> str:
    """``seated as male, mute until …``."""
    standing = f"seated as {found['seat']}" if found["seat"] else found["standing"] or "not inside"
    return ", ".join((standing, *(f"{one['kind']} until {_end(one)}" for one in found["sanctions"])))


def _end(sanction: Mapping[str, Any]) -> str:
    return moment(sanction["until_ms"]) if sanction["until_ms"] else "it is lifted"
