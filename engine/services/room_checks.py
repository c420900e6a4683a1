"""What can be wrong with live rooms: what is kept, what this node has, and who is here, held against each other. Pure.

A finding is a sentence about one room. What a turn that has not ended explains is none, nor what a sweep that is not
due yet puts right: ``doctor`` is silent when all is well. Knows no store. Source: INV-12, INV-13, INV-19, INV-22.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from engine.room.audience import away_of
from engine.room.formats import Rules
from engine.room.lifecycle import step
from engine.room.messages import Attendance, SweepDue
from engine.room.state import RoomState
from store.interfaces.ids import NOBODY, NodeId, PersonId, RoomId
from store.interfaces.leases import NodeLease
from store.interfaces.rooms import RoomKind, RoomRecord, SanctionKind

__all__ = ["Finding", "abandoned", "crowded", "lingering", "misplaced", "torn"]

NEW_MS: Final = 5_000
"""A room younger than this may be kept already and have no actor yet."""

SWEEPS_MISSED: Final = 2
"""Whoever should have been gone so many sweeps ago is not waited for: the sweep does not come, or has no effect."""


class Finding(msgspec.Struct, frozen=True):
    """What is wrong with one room."""

    room_id: RoomId
    what: str


def torn(
    room_id: RoomId, kept: RoomRecord | None, here: RoomRecord | None, *, me: NodeId, now_ms: int
) -> list[Finding]:
    """Whether a room is kept as this node (``me``) has it; ``here`` is None when this node has no actor for it.

    An actor writes one version at a time and hears later that it is written, so the store may be one ahead of it.
    """
    if here is None:
        is_ours = kept is not None and kept.is_open and kept.owner == me and now_ms - kept.created_at_ms >= NEW_MS
        return [Finding(room_id, "is ours and open, and has no actor")] if is_ours else []
    if not here.is_open:
        return []
    if kept is None:
        return [Finding(room_id, "has an actor, and is not kept")]
    if (kept.owner, kept.epoch) != (here.owner, here.epoch):
        whose = f"{kept.owner or 'nobody'} in epoch {kept.epoch}"
        return [Finding(room_id, f"has an actor of epoch {here.epoch}, and belongs to {whose}")]
    if not kept.is_open and kept.version == here.version:
        return [Finding(room_id, "has an actor, and is closed")]
    if kept.version not in (here.version, here.version + 1):
        return [Finding(room_id, f"is kept in version {kept.version}, and its actor has {here.version}")]
    return []


def abandoned(
    kept: Iterable[RoomRecord], owners: Mapping[NodeId, NodeLease | None], *, patience_ms: int
) -> list[Finding]:
    """Rooms that nobody has, or a node that has been dead for longer than ``patience_ms``; all nodes' rooms."""
    found = []
    for record in kept:
        lease = owners.get(record.owner)
        if record.owner == NOBODY:
            found.append(Finding(record.id, "has no owner"))
        elif lease is None:
            found.append(Finding(record.id, f"belongs to {record.owner}, of which nothing is known"))
        elif lease.now_ms - lease.until_ms > patience_ms:
            found.append(Finding(record.id, f"belongs to {record.owner}, which is dead"))
    return found


def crowded(kept: Iterable[RoomRecord], rules: Rules) -> list[Finding]:
    """Seats with more people than they hold, and people with more seats than one; all nodes' rooms."""
    found = []
    sits_in: dict[PersonId, RoomId] = {}
    for record in kept:
        taken = Counter(seat.seat for seat in record.seats)
        found += [
            Finding(record.id, f"has {taken[rule.name]} people on {rule.name}, where {rule.places} may sit")
            for rule in rules.formats[record.kind].seats
            if taken[rule.name] > rule.places
        ]
        for person_id, count in Counter(seat.person_id for seat in record.seats).items():
            if count > 1:
                found.append(Finding(record.id, f"has {person_id} on {count} seats"))
            if record.kind is RoomKind.BLIND_DATE and sits_in.setdefault(person_id, record.id) != record.id:
                found.append(Finding(record.id, f"has {person_id} on a seat, who sits in {sits_in[person_id]} as well"))
    return found


def misplaced(state: RoomState, *, now_ms: int) -> list[Finding]:
    """Applicants who are not inside, and people inside who are banned from there."""
    record = state.record
    found = [
        Finding(record.id, f"has an application of {applicant.person_id}, who is not inside")
        for applicant in record.applicants
        if applicant.person_id not in state.audience
    ]
    for sanction in record.sanctions:
        person_id = sanction.person_id
        is_inside = person_id in state.audience or state.seat_of(person_id) is not None
        if is_inside and state.sanction_of(person_id, SanctionKind.BAN, now_ms=now_ms) is sanction:
            found.append(Finding(record.id, f"has {person_id} inside, who is banned from it"))
    return found


def lingering(
    state: RoomState, rules: Rules, attendance: Callable[[PersonId], Attendance | None], *, now_ms: int
) -> list[Finding]:
    """People who have been away for longer than they are waited for, and a room that has outlived its anchor.

    Asks the room's own rules what a sweep would have done a while ago.
    """
    away = away_of(state, rules.formats[state.record.kind], attendance)
    swept_ms = now_ms - SWEEPS_MISSED * rules.sweep_ms
    swept = step(state, SweepDue(away), now_ms=swept_ms, rules=rules).state
    if swept.record.is_open != state.record.is_open:
        return [Finding(state.record.id, "should have closed by now: whoever held it open is gone")]
    gone = sorted(_inside(state) - _inside(swept))
    return [Finding(state.record.id, f"has {person_id} inside, who has been gone for too long") for person_id in gone]


def _inside(state: RoomState) -> set[PersonId]:
    return {*state.audience, *(seat.person_id for seat in state.record.seats)}
