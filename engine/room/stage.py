"""Who sits in a room, and how one gets there and down again. Pure.

One message at a time decides: of two who want the last seat one gets it, whatever they saw before (QL-15). Which seats
there are, for whom, and what it takes to sit, is the format's. Source: seed behaviour §3.2, §6; INV-13.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from engine.errors import BadInput, Banned, Forbidden, NotAMember, RoomFull, WrongPhase
from engine.events import OfferAnswered, SeatLeft, SeatOffered, SeatTaken, SeatTakenAway
from engine.room.formats import Format, Rules, SeatRule
from engine.room.messages import (
    Apply,
    Beat,
    Decline,
    Invite,
    Sit,
    StreamBegan,
    StreamEnded,
    StreamHeard,
    Unseat,
)
from engine.room.state import (
    Came,
    Decision,
    Effect,
    LineClosed,
    LineOpened,
    RoomState,
    Tell,
    TellRoom,
    Viewer,
    Went,
    saved,
)
from store.interfaces.ids import PersonId
from store.interfaces.rooms import Applicant, RoomRecord, SanctionKind, SeatRecord

__all__ = [
    "apply",
    "beat",
    "decline",
    "get_up",
    "invite",
    "seat_change",
    "sit",
    "stream_began",
    "stream_ended",
    "stream_heard",
    "unseat",
]


# --- applying and being asked --------------------------------------------------------------------------------------


def apply(state: RoomState, message: Apply, _now_ms: int, rules: Rules) -> Decision:
    """A viewer becomes an applicant; twice is once."""
    record, person_id = state.record, message.person_id
    viewer = state.audience.get(person_id)
    if viewer is None:
        raise WrongPhase if _is_on_stage(state, person_id, rules) else NotAMember
    if state.application_of(person_id) is not None:
        return Decision(state=state)
    applicant = Applicant(person_id=person_id, face=viewer.face, since_ms=message.at_ms)
    return saved(replace(state, record=replace(record, applicants=(*record.applicants, applicant))))


def invite(state: RoomState, message: Invite, now_ms: int, rules: Rules) -> Decision:
    """The anchor offers a viewer the seat that is for him; asking again makes the offer last longer."""
    record, person_id = state.record, message.person_id
    if message.by != record.anchor_id:
        raise Forbidden
    if person_id not in state.audience:
        raise WrongPhase if _is_on_stage(state, person_id, rules) else NotAMember
    until_ms = now_ms + rules.formats[record.kind].invitation_ms
    invitations = {key: value for key, value in state.invitations.items() if value > now_ms} | {person_id: until_ms}
    offer = Tell(person_id, SeatOffered(room_id=record.id, until_ms=until_ms))
    return Decision(state=replace(state, invitations=invitations), effects=(offer,))


def decline(state: RoomState, message: Decline, _now_ms: int, rules: Rules) -> Decision:
    """An offer and an application are gone; fine as well without either."""
    record, person_id = state.record, message.person_id
    viewer = state.audience.get(person_id)
    if viewer is None:
        raise WrongPhase if _is_on_stage(state, person_id, rules) else NotAMember
    has_applied = state.application_of(person_id) is not None
    if not has_applied and person_id not in state.invitations:
        return Decision(state=state)
    answer = OfferAnswered(room_id=record.id, person_id=person_id, face=viewer.face, is_accepted=False)
    told = Tell(record.anchor_id, answer)
    declined = replace(state, invitations=_without(state.invitations, person_id))
    if not has_applied:
        return Decision(state=declined, effects=(told,))
    audience = state.audience.set(person_id, replace(viewer, since_ms=message.at_ms))
    after = replace(record, applicants=_applicants_without(record, person_id))
    return saved(replace(declined, record=after, audience=audience), told)


# --- sitting and getting up ----------------------------------------------------------------------------------------


def sit(state: RoomState, message: Sit, now_ms: int, rules: Rules) -> Decision:
    """The person takes his seat.

    When it is taken already, an offer of it is void, and he is not on the stage afterwards: something has changed, so
    that is no refusal.
    """
    record, person_id, form = state.record, message.person_id, rules.formats[state.record.kind]
    if form.is_for_members and person_id not in record.members:
        raise Forbidden
    if state.sanction_of(person_id, SanctionKind.BAN, now_ms=now_ms) is not None:
        raise Banned
    if not form.held_by_pictures and person_id == record.anchor_id:
        raise WrongPhase
    present = state.seat_of(person_id)
    if present is not None:
        return _described(state, present, message, form)
    rule = _seat_allowed(state, message, now_ms, form)
    taken_count = sum(seat.seat == rule.name for seat in record.seats)
    if taken_count >= rule.places:
        if person_id not in state.invitations:
            raise RoomFull
        return Decision(state=replace(state, invitations=_without(state.invitations, person_id)))
    seat = SeatRecord(
        person_id=person_id, seat=rule.name, stream=message.stream, face=message.face, since_ms=message.at_ms
    )
    was_invited = person_id in state.invitations
    audience, effects = state.audience, list[Effect]()
    if person_id in audience:
        audience = audience.delete(person_id)
    elif person_id not in record.members:
        effects.append(Came(person_id))
    invitations = _without(state.invitations, person_id)
    if taken_count + 1 == rule.places:
        invitations = {key: value for key, value in invitations.items() if not _is_for(rule, state, key)}
    if form.held_by_pictures:
        state, opened = _heard(state, person_id, message.at_ms)
        effects += opened
    if was_invited:
        accepted = OfferAnswered(room_id=record.id, person_id=person_id, face=message.face, is_accepted=True)
        effects.append(Tell(record.anchor_id, accepted))
    after = replace(record, applicants=_applicants_without(record, person_id))
    moved = replace(state, record=after, audience=audience, invitations=invitations, empty_since_ms=None)
    return seat_change(moved, (*record.seats, seat), seat, *effects)


def unseat(state: RoomState, message: Unseat, _now_ms: int, rules: Rules) -> Decision:
    """Somebody gets up, or is made to by the anchor. Where the anchor sits and gets up, see ``lifecycle``."""
    record = state.record
    if message.by not in (message.person_id, record.anchor_id, None):
        raise Forbidden
    seat = state.seat_of(message.person_id)
    if seat is None:
        raise NotAMember
    return get_up(state, seat, message.at_ms, rules, is_made_to=message.by != message.person_id)


def get_up(state: RoomState, seat: SeatRecord, at_ms: int, rules: Rules, *, is_made_to: bool = False) -> Decision:
    """The room without ``seat``; its person goes on watching, or is out where seats are held by pictures."""
    record, form, person_id = state.record, rules.formats[state.record.kind], seat.person_id
    seats = tuple(other for other in record.seats if other is not seat)
    effects: list[Effect] = []
    beat_ms = state.beats.get(person_id)
    if beat_ms is not None:
        effects.append(LineClosed(person_id, beat_ms))
    left = replace(
        state,
        beats=_without(state.beats, person_id),
        cut_off=_without(state.cut_off, person_id),
        empty_since_ms=None if seats else at_ms,
    )
    if not form.held_by_pictures:
        viewer = Viewer(face=seat.face, since_ms=at_ms)
        left = replace(left, audience=left.audience.set(person_id, viewer))
    after: list[Effect] = []
    if is_made_to and not form.held_by_pictures:
        after.append(Tell(person_id, SeatTakenAway(room_id=record.id)))
    if form.held_by_pictures and person_id not in record.members:
        after.append(Went(person_id))
    changed = seat_change(left, seats, seat, *effects)
    return replace(changed, effects=(*changed.effects, *after))


def seat_change(state: RoomState, seats: tuple[SeatRecord, ...], changed: SeatRecord, *effects: Effect) -> Decision:
    """``state`` with ``seats``, which differ in ``changed``, written and told."""
    record = replace(state.record, seats=seats, status_code=state.record.status_code + 1)
    left = SeatLeft(
        room_id=record.id,
        person_id=changed.person_id,
        seat=changed.seat,
        face=changed.face,
        status_code=record.status_code,
    )
    taken = SeatTaken(
        room_id=record.id,
        person_id=changed.person_id,
        seat=changed.seat,
        stream=changed.stream,
        face=changed.face,
        status_code=record.status_code,
    )
    return saved(replace(state, record=record), *effects, TellRoom(taken if changed in seats else left))


def _seat_allowed(state: RoomState, message: Sit, now_ms: int, form: Format) -> SeatRule:
    """The seat that the person may take.

    Raises: NotAMember, Forbidden: he is not in the room, or nobody asked him there. BadInput: there is none for him.
    """
    person_id = message.person_id
    if not form.held_by_pictures:
        if person_id not in state.audience:
            raise NotAMember
        is_invited = state.invitations.get(person_id, 0) > now_ms
        has_applied = state.application_of(person_id) is not None
        if form.seat_policy != "open" and not (is_invited or (has_applied and form.seat_policy == "applied")):
            raise Forbidden
    rule = form.seat_for(message.face.gender)
    if rule is None:
        raise BadInput("there is no seat for this gender", field="gender")
    return rule


def _described(state: RoomState, present: SeatRecord, message: Sit, form: Format) -> Decision:
    """Somebody who sits already says it again, perhaps with another stream or face."""
    opened: tuple[Effect, ...] = ()
    if form.held_by_pictures:
        state, opened = _heard(state, message.person_id, message.at_ms)
    described = replace(present, stream=message.stream, face=message.face)
    if described == present:
        return Decision(state=state, effects=opened)
    # A media server may have told of him before he could describe himself.
    seats = tuple(described if seat is present else seat for seat in state.record.seats)
    return seat_change(state, seats, described, *opened)


# --- pictures ------------------------------------------------------------------------------------------------------


def beat(state: RoomState, message: Beat, _now_ms: int, rules: Rules) -> Decision:
    """A sign of life of somebody on the stage."""
    if not rules.formats[state.record.kind].held_by_pictures:
        raise WrongPhase
    if state.seat_of(message.person_id) is None:
        raise NotAMember
    heard, opened = _heard(state, message.person_id, message.at_ms)
    return Decision(state=heard, effects=opened)


def stream_began(state: RoomState, message: StreamBegan, now_ms: int, rules: Rules) -> Decision:
    """As sitting down; whoever sits already keeps his face, and is cut off no longer."""
    person_id = message.person_id
    state = replace(state, cut_off=_without(state.cut_off, person_id))
    present = state.seat_of(person_id)
    face = message.face if present is None else present.face
    return sit(state, Sit(person_id=person_id, face=face, stream=message.stream, at_ms=message.at_ms), now_ms, rules)


def stream_heard(state: RoomState, message: StreamHeard, _now_ms: int, rules: Rules) -> Decision:
    """His pictures keep coming."""
    person_id = message.person_id
    if not _is_held_by(message.stream, state, person_id, rules):
        return Decision(state=state)
    heard, opened = _heard(replace(state, cut_off=_without(state.cut_off, person_id)), person_id, message.at_ms)
    return Decision(state=heard, effects=opened)


def stream_ended(state: RoomState, message: StreamEnded, _now_ms: int, rules: Rules) -> Decision:
    """The line is lost at once; the seat is kept as for anybody who is silent, as encoders reconnect."""
    person_id, heard_at_ms = message.person_id, message.heard_at_ms
    if not _is_held_by(message.stream, state, person_id, rules):
        return Decision(state=state)
    closed = (LineClosed(person_id, heard_at_ms),) if person_id in state.beats else ()
    cut_off = {**state.cut_off, person_id: heard_at_ms}
    return Decision(state=replace(state, beats=_without(state.beats, person_id), cut_off=cut_off), effects=closed)


def _heard(state: RoomState, person_id: PersonId, at_ms: int) -> tuple[RoomState, tuple[Effect, ...]]:
    """A sign of life of somebody on the stage, which opens his line; none while he is cut off."""
    if person_id in state.cut_off:
        return state, ()
    opened = () if person_id in state.beats else (LineOpened(person_id),)
    return replace(state, beats={**state.beats, person_id: at_ms}), opened


def _is_held_by(stream: str, state: RoomState, person_id: PersonId, rules: Rules) -> bool:
    seat = state.seat_of(person_id)
    return rules.formats[state.record.kind].held_by_pictures and seat is not None and seat.stream == stream


def _is_on_stage(state: RoomState, person_id: PersonId, rules: Rules) -> bool:
    is_unseated_anchor = not rules.formats[state.record.kind].held_by_pictures and person_id == state.record.anchor_id
    return is_unseated_anchor or state.seat_of(person_id) is not None


def _is_for(rule: SeatRule, state: RoomState, person_id: PersonId) -> bool:
    viewer = state.audience.get(person_id)
    return viewer is None or rule.admits(viewer.face.gender)


def _applicants_without(record: RoomRecord, person_id: PersonId) -> tuple[Applicant, ...]:
    return tuple(applicant for applicant in record.applicants if applicant.person_id != person_id)


def _without(kept: Mapping[PersonId, int], person_id: PersonId) -> Mapping[PersonId, int]:
    return {key: at_ms for key, at_ms in kept.items() if key != person_id}
