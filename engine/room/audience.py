"""Who is in a room without sitting, and how many everybody is. Pure.

People are counted, not sockets (ALL-12). A stampede is told as one new number now and then, not as one for each who
comes: with every newcomer telling everybody, a thousand of them would be a million frames. Source: INV-14, QL-19,
QL-22, QL-29.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from engine.errors import Banned, Forbidden, RoomFull, WrongPhase
from engine.events import AudienceChanged, CrowdChanged, SeatLeft
from engine.room.formats import Format, Rules
from engine.room.messages import Attendance, Away, CountDue, Enter, Leave
from engine.room.state import (
    Came,
    CountAgain,
    Decision,
    Effect,
    RoomState,
    Standing,
    Tell,
    TellRoom,
    Viewer,
    Went,
    saved,
)
from store.interfaces.ids import PersonId
from store.interfaces.rooms import SanctionKind

__all__ = [
    "away_of",
    "count_due",
    "count_of",
    "counted",
    "crowd_of",
    "enter",
    "everybody",
    "leave",
    "standing_of",
    "without",
]


def enter(state: RoomState, message: Enter, now_ms: int, rules: Rules) -> Decision:
    """Somebody watches; whoever sits or is the anchor of such a room is inside already."""
    form, person_id = rules.formats[state.record.kind], message.person_id
    if form.is_for_members:
        raise Forbidden
    if state.sanction_of(person_id, SanctionKind.BAN, now_ms=now_ms) is not None:
        raise Banned
    if state.seat_of(person_id) is not None or _is_unseated_anchor(state, form, person_id):
        return Decision(state=state)
    known = state.audience.get(person_id)
    if known is not None:
        viewer = replace(known, face=message.face, described=message.described)
        if viewer == known:
            return Decision(state=state)
        return Decision(state=replace(state, audience=state.audience.set(person_id, viewer)))
    # The stage has its own places, and the anchor hers: neither is taken from the audience's.
    places = form.audience_max if message.places is None else message.places
    if len(state.audience) >= places:
        raise RoomFull
    viewer = Viewer(face=message.face, described=message.described, since_ms=message.at_ms)
    return Decision(state=replace(state, audience=state.audience.set(person_id, viewer)), effects=(Came(person_id),))


def leave(state: RoomState, message: Leave, _now_ms: int, rules: Rules) -> Decision:
    """Somebody goes out; fine as well for somebody who was not in."""
    form, person_id = rules.formats[state.record.kind], message.person_id
    if _is_unseated_anchor(state, form, person_id):
        raise WrongPhase
    if form.held_by_pictures and person_id not in state.audience:
        return Decision(state=state)
    return without(state, [person_id])


def without(state: RoomState, people: Sequence[PersonId], *told_first: Effect) -> Decision:
    """The room after ``people`` have gone out of it, wherever they were in it; nobody of them is in by pictures."""
    record, audience = state.record, state.audience
    gone = set(people)
    got_up = [seat for seat in record.seats if seat.person_id in gone]
    went = [person_id for person_id in people if person_id in audience or state.seat_of(person_id) is not None]
    if not went:
        return Decision(state=state, effects=told_first)
    for person_id in went:
        if person_id in audience:
            audience = audience.delete(person_id)
    invitations = {person_id: until_ms for person_id, until_ms in state.invitations.items() if person_id not in gone}
    left = replace(state, audience=audience, invitations=invitations)
    effects: list[Effect] = list(told_first)
    applicants = tuple(applicant for applicant in record.applicants if applicant.person_id not in gone)
    status_code = record.status_code
    for seat in got_up:
        status_code += 1
        freed = SeatLeft(
            room_id=record.id, person_id=seat.person_id, seat=seat.seat, face=seat.face, status_code=status_code
        )
        effects.append(TellRoom(freed))
    effects += map(Went, went)
    if not got_up and applicants == record.applicants:
        return Decision(state=left, effects=tuple(effects))
    seats = tuple(seat for seat in record.seats if seat.person_id not in gone)
    after = replace(record, seats=seats, applicants=applicants, status_code=status_code)
    return saved(replace(left, record=after), *effects)


def away_of(state: RoomState, form: Format, attendance: Callable[[PersonId], Attendance | None]) -> tuple[Away, ...]:
    """Everybody inside whom no line holds just now."""
    found = []
    for person_id in everybody(state, form):
        seen = attendance(person_id)
        if seen is None:
            found.append(Away(person_id=person_id, since_ms=state.silent_since_ms, had_line=True, is_awaited=True))
        elif not seen.is_held:
            # What was seen of him before this node had the room says nothing of his line to its former owner.
            since_ms = max(seen.seen_at_ms, state.silent_since_ms)
            found.append(Away(person_id=person_id, since_ms=since_ms, had_line=seen.had_line))
    return tuple(found)


def everybody(state: RoomState, form: Format) -> list[PersonId]:
    """Who hears what the room is told, each once, in a fixed order."""
    record = state.record
    anchor = () if form.held_by_pictures else (record.anchor_id,)
    seated = (seat.person_id for seat in record.seats)
    return list(dict.fromkeys((*anchor, *seated, *state.audience, *record.members)))


def standing_of(state: RoomState, person_id: PersonId, form: Format) -> Standing | None:
    """What the person is in this room; None: he is not in it."""
    if _is_unseated_anchor(state, form, person_id):
        return Standing.ANCHOR
    if state.seat_of(person_id) is not None:
        return Standing.SEATED
    if person_id not in state.audience:
        return None
    return Standing.WATCHING if state.application_of(person_id) is None else Standing.APPLIED


def count_of(state: RoomState, form: Format) -> int:
    """How many the room says it is: the audience, or everybody, her too."""
    return len(state.audience) + (len(state.record.seats) + 1 if form.counts_everybody else 0)


def crowd_of(state: RoomState) -> CrowdChanged:
    """Who is here by gender. Source: QL-19."""
    genders = [viewer.face.gender for viewer in state.audience.values()]
    genders += [seat.face.gender for seat in state.record.seats]
    # As they are now: an application is as old as it is.
    applied = [state.audience[applicant.person_id].face.gender for applicant in state.record.applicants]
    return CrowdChanged(
        room_id=state.record.id,
        men_count=genders.count(1),
        men_applied_count=applied.count(1),
        women_count=genders.count(2),
        women_applied_count=applied.count(2),
    )


def counted(before: RoomState, decision: Decision, now_ms: int, rules: Rules) -> Decision:
    """``decision``, and that the room is told how many it is now: at once, or when it may be told again."""
    after = decision.state
    if not after.record.is_open or not _differ(before, after, rules.formats[after.record.kind]):
        return decision
    due_ms = after.counted_at_ms + rules.count_every_ms
    if now_ms >= due_ms:
        told = replace(after, counted_at_ms=now_ms)
        return replace(decision, state=told, effects=(*decision.effects, *_numbers(told, rules)))
    if after.is_count_due:
        return decision
    again = CountAgain(due_ms)
    return replace(decision, state=replace(after, is_count_due=True), effects=(*decision.effects, again))


def count_due(state: RoomState, _message: CountDue, now_ms: int, rules: Rules) -> Decision:
    """The numbers as they have become."""
    told = replace(state, is_count_due=False, counted_at_ms=now_ms)
    return Decision(state=told, effects=_numbers(told, rules))


def _differ(before: RoomState, after: RoomState, form: Format) -> bool:
    """Whether the room may be more or fewer than it was, or other people."""
    if after.audience is not before.audience or after.likes_count != before.likes_count:
        return True
    if form.held_by_pictures:
        return False
    return after.record.seats is not before.record.seats or after.record.applicants is not before.record.applicants


def _numbers(state: RoomState, rules: Rules) -> tuple[Effect, ...]:
    record, form = state.record, rules.formats[state.record.kind]
    count = AudienceChanged(room_id=record.id, count=count_of(state, form), likes_count=state.likes_count)
    told = TellRoom(count, is_kept=False)
    return (told,) if form.held_by_pictures else (told, Tell(record.anchor_id, crowd_of(state)))


def _is_unseated_anchor(state: RoomState, form: Format, person_id: PersonId) -> bool:
    return not form.held_by_pictures and person_id == state.record.anchor_id
