"""Who may not talk in a room, or not be in it. Pure.

What is imposed is written down before it takes effect, so that neither a reconnect nor a restart undoes it (INV-19).
"""

from typing import Final

from msgspec.structs import replace

from engine.errors import Forbidden
from engine.events import Muted, SentAway
from engine.room.audience import without
from engine.room.formats import Rules
from engine.room.messages import Impose, Lift
from engine.room.stage import get_up
from engine.room.state import Decision, RoomState, Tell, saved
from store.interfaces.ids import PersonId
from store.interfaces.rooms import RoomRecord, Sanction, SanctionKind

__all__ = ["impose", "lift"]

FOR_EVER: Final = 2**62


def impose(state: RoomState, message: Impose, now_ms: int, rules: Rules) -> Decision:
    """A mute, a kick or a ban, in place of an earlier one of its kind.

    A kick does not shorten a ban, and an anchor nothing that the platform has imposed: there the longer one holds.
    """
    record, person_id = state.record, message.person_id
    if message.by not in (record.anchor_id, None) or person_id == record.anchor_id:
        raise Forbidden
    form = rules.formats[record.kind]
    if message.kind is SanctionKind.BAN and form.is_for_members:
        raise Forbidden("a call is ended, and nobody sent away from it")
    sanction = Sanction(person_id=person_id, kind=message.kind, until_ms=message.until_ms, by=message.by)
    former = state.sanction_of(person_id, message.kind, now_ms=now_ms)
    if former is not None and (message.kind is SanctionKind.BAN or _is_above(former, message.by)):
        sanction = max(former, sanction, key=_ends_at_ms)
    others = _others(record, person_id, message.kind, now_ms)
    if len(others) >= rules.sanctions_max:
        # Those make room that would end first, never the one that has just been asked for.
        others = tuple(sorted(others, key=_ends_at_ms)[len(others) + 1 - rules.sanctions_max :])
    sanctioned = replace(state, record=replace(record, sanctions=(*others, sanction)))
    if message.kind is SanctionKind.MUTE:
        muted = Muted(room_id=record.id, is_muted=True, until_ms=sanction.until_ms)
        return saved(sanctioned, Tell(person_id, muted))
    told = Tell(person_id, SentAway(room_id=record.id, until_ms=sanction.until_ms))
    seat = state.seat_of(person_id)
    if form.held_by_pictures and seat is not None:
        out = get_up(sanctioned, seat, message.at_ms, rules)
        return replace(out, effects=(told, *out.effects))
    out = without(sanctioned, [person_id], told)
    return out if out.write is not None else saved(out.state, *out.effects)


def lift(state: RoomState, message: Lift, now_ms: int, _rules: Rules) -> Decision:
    """As if it had never been imposed. An anchor does not lift what the platform has imposed."""
    record, person_id = state.record, message.person_id
    sanction = state.sanction_of(person_id, message.kind, now_ms=now_ms)
    if message.by not in (record.anchor_id, None) or (sanction is not None and _is_above(sanction, message.by)):
        raise Forbidden
    if sanction is None:
        return Decision(state=state)
    lifted = replace(state, record=replace(record, sanctions=_others(record, person_id, message.kind, now_ms)))
    if message.kind is SanctionKind.MUTE:
        return saved(lifted, Tell(person_id, Muted(room_id=record.id, is_muted=False, until_ms=None)))
    return saved(lifted)


def _is_above(sanction: Sanction, by: PersonId | None) -> bool:
    """Whether the platform has imposed it, and somebody else wants it changed."""
    return sanction.by is None and by is not None


def _others(record: RoomRecord, person_id: PersonId, kind: SanctionKind, now_ms: int) -> tuple[Sanction, ...]:
    """What else is still in force."""
    return tuple(
        sanction
        for sanction in record.sanctions
        if (sanction.person_id, sanction.kind) != (person_id, kind) and _ends_at_ms(sanction) > now_ms
    )


def _ends_at_ms(sanction: Sanction) -> int:
    return FOR_EVER if sanction.until_ms is None else sanction.until_ms
