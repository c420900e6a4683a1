"""``rooms``: which there are, who is in one, and how to close it."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from handlers.admin.cli.asking import FINE, act, acts, answer, reads, server, signed
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Cell, Table, facts, ids, numbers
from handlers.admin.cli.words import clean, count, length, moment

__all__ = ["rooms"]


@click.group(invoke_without_command=True)
@reads(live=True)
@click.pass_context
def rooms(context: click.Context) -> int:
    """Rooms of this node; see also the commands below."""
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


@rooms.command("close")
@click.argument("room_id")
@acts
def close(room_id: str, reason: str) -> int:
    """Close a room and send everybody away. A call that it belongs to goes on."""
    asked = server()
    room = asked.get("rooms", room_id)
    inside = f"{len(room['pushers'])} sending, {count(room['audience_count'], 'viewer')}"
    call = f"; call {room['call_id']} goes on → greenroom calls end {room['call_id']}" if room["call_id"] else ""
    return act(
        f"close {clean(room_id)} of {room['creator_id']}: {inside}{call}",
        lambda: asked.post("rooms", room_id, "close", body=signed(reason)),
        lambda closed: f"room {clean(closed['id'])} is closed",
    )


def _listed() -> int:
    asked = server()
    return answer(lambda: asked.get("rooms"), _rooms)


def _rooms(reply: dict[str, Any]) -> Sequence[Part]:
    rows = [
        (
            room["id"],
            str(room["creator_id"]),
            None if room["call_id"] is None else str(room["call_id"]),
            len(room["pushers"]),
            room["audience_count"],
            length(reply["now_ms"] - room["created_at_ms"]),
        )
        for room in reply["rooms"]
    ]
    return [
        Table(ids("room", "creator", "call") + numbers("sending", "viewers", "age"), rows),
        count(len(rows), "room"),
    ]


def _room(room: dict[str, Any]) -> Sequence[Part]:
    inside: list[Mapping[str, Any]] = room["pushers"]
    rows: list[tuple[Cell, ...]] = [
        (str(one["person_id"]), "sends", one["name"], moment(one["since_ms"])) for one in inside
    ]
    rows += [(str(person_id), "watches", None, None) for person_id in room["audience"]]
    return [
        facts(
            room=room["id"],
            creator=room["creator_id"],
            call=room["call_id"],
            since=moment(room["created_at_ms"]),
            info=room["info"] or None,
            node=room["owner"] or None,
            epoch=room["epoch"],
        ),
        Table(ids("person", "does", "name", "since"), rows),
    ]
