"""What is true of blind-date rooms, and what may therefore be kept, told and answered. The one checker of rooms.

``RoomTruth`` is written while a seed runs: who asked for what, whose line was open where, what each node told whom, and
every write. Everything that somebody loses (a seat, an application, his place in the audience, a sanction) must have a
cause: somebody's deed, or a silence as long as the documents allow. Everything that was acknowledged must have been
kept. It asks the engine only for what is to be judged, and knows none of its rules but the documents'.

Source: INV-12 … INV-19, INV-22, INV-23, QL-14, QL-29, reliability e.5.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from engine.events import (
    AudienceChanged,
    CrowdChanged,
    Event,
    GiftSent,
    RoomClosed,
    RoomShown,
    RoomTextSaid,
    SeatLeft,
    SeatTaken,
    SentAway,
    decode_event,
)
from engine.ports import Position
from engine.room.actor import RoomActor
from engine.room.audience import count_of, everybody
from store.interfaces.ids import NOBODY, PersonId, RoomId
from store.interfaces.ledger import Move, Outcome, Verdict
from store.interfaces.rooms import RoomKind, RoomRecord, SanctionKind
from tests.sim.faults import Level

if TYPE_CHECKING:
    from tests.sim.world import SimNode, World

__all__ = ["Deed", "RoomTruth"]

FOR_EVER: Final = 2**50
QUIET_MS: Final = 20_000
GAP_MS_MIN: Final = 2_000
LATE_MS: Final = 80_000
"""So long after it was given up a request may still take effect: its node was frozen, its store stalled."""
SWEPT_MS: Final = 5_000 + 1_000
DEEDS_MAX: Final = 80
SEATS: Final = {"male": 1, "female": 2}

GOING: Final = frozenset({"leave", "enter", "logout", "kick", "ban", "open", "end"})
"""What takes somebody out of a room, himself or somebody else's."""
RISING: Final = GOING | {"get up", "unseat"}
WITHDRAWING: Final = GOING | {"decline", "sit"}


@dataclass(slots=True, eq=False)
class Deed:
    """Somebody was asked for: ``until_ms`` is by when it can have taken effect."""

    kind: str
    room_id: RoomId | None
    at_ms: int
    until_ms: int = FOR_EVER


@dataclass(slots=True)
class Whereabouts:
    """Where somebody was last told to be, if nothing leaves that in doubt."""

    room_id: RoomId | None = None
    is_sure: bool = False
    node: int = -1
    at_ms: int = 0
    moves_count: int = 0


@dataclass(slots=True)
class Line:
    """What one node has seen of somebody."""

    is_open: bool = False
    seen_ms: int = -FOR_EVER
    opened_ms: int = -FOR_EVER
    gaps: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=8))

    def sees(self, at_ms: int) -> None:
        """A sign of life."""
        if not self.is_open and at_ms - self.seen_ms > GAP_MS_MIN:
            self.gaps.append((self.seen_ms, at_ms))
        self.seen_ms = max(self.seen_ms, at_ms)


@dataclass(slots=True)
class Span:
    """When something stood in a room's record."""

    at_ms: int
    until_ms: int = FOR_EVER


@dataclass(slots=True)
class Story:
    """What one owner told its room."""

    events: list[Event] = field(default_factory=list)
    gifts: dict[str, int] = field(default_factory=dict)
    combos: dict[tuple[PersonId, PersonId, int], tuple[int, int]] = field(default_factory=dict)
    came: dict[PersonId, int] = field(default_factory=dict)
    inside: dict[PersonId, int] = field(default_factory=dict)


class RoomTruth:
    """Everything that happened to rooms, by the world's own clock."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self._records: dict[RoomId, RoomRecord] = {}
        self._owner: dict[RoomId, SimNode] = {}
        self._owned_ms: dict[RoomId, int] = {}
        self._opened_ms: dict[RoomId, int] = {}
        self._closed_ms: dict[RoomId, int] = {}
        self._deeds: dict[PersonId, deque[Deed]] = defaultdict(lambda: deque(maxlen=DEEDS_MAX))
        self._invites: dict[tuple[RoomId, PersonId], list[Deed]] = defaultdict(list)
        self._lines: dict[tuple[int, PersonId], Line] = defaultdict(Line)
        self._spans: dict[tuple[str, RoomId, PersonId], list[Span]] = defaultdict(list)
        self._stories: dict[tuple[RoomId, int], Story] = defaultdict(Story)
        self._expected: dict[tuple[RoomId, int], frozenset[PersonId]] = {}
        self._gifts: dict[str, tuple[RoomId, int]] = {}
        self._gifts_told: dict[str, set[RoomId | None]] = defaultdict(set)
        self._texts: set[str] = set()
        self._where: dict[PersonId, Whereabouts] = defaultdict(Whereabouts)

    # --- what people do --------------------------------------------------------------------------------------------

    def deed(self, kind: str, person_id: PersonId, room_id: RoomId | None = None) -> Deed:
        """Somebody asks for something that concerns ``person_id``."""
        deed = Deed(kind, room_id, self.world.now_ms)
        self._deeds[person_id].append(deed)
        if kind == "invite" and room_id is not None:
            self._invites[room_id, person_id].append(deed)
        return deed

    def done(self, deed: Deed, *, is_sure: bool) -> None:
        """It was answered, or given up. ``is_sure``: no other attempt of it can be under way."""
        deed.until_ms = self.world.now_ms + (0 if is_sure or self.world.swarm.is_calm else LATE_MS)

    def moves(self, person_id: PersonId) -> Whereabouts:
        """Somebody is about to be in another room, or may be."""
        where = self._where[person_id]
        where.moves_count += 1
        where.is_sure = False
        return where

    def moved(self, where: Whereabouts, room_id: RoomId | None, *, node: int, is_sure: bool) -> None:
        """He was told where he is, if ``is_sure``."""
        where.moves_count -= 1
        where.room_id, where.node, where.at_ms = room_id, node, self.world.now_ms
        where.is_sure = is_sure and not where.moves_count

    def home_of(self, person_id: PersonId) -> tuple[RoomId | None, int] | None:
        """Where he was last told to be, and by which node, if nothing leaves that in doubt."""
        where = self._where[person_id]
        return (where.room_id, where.node) if where.is_sure else None

    def entered_both(self, person_id: PersonId, room_ids: Sequence[RoomId], *, asked_ms: int) -> None:
        """Two rooms have just let the same person in: he is in one of them, and out of the other."""
        now_ms = self.world.now_ms
        owners = {self.world.owner_of_room(room_id) for room_id in room_ids}
        others = [deed for deed in self._deeds[person_id] if deed.kind in GOING and deed.until_ms >= asked_ms]
        is_sure = all(deed.kind == "enter" and deed.at_ms >= asked_ms and deed.until_ms <= now_ms for deed in others)
        is_same = all(max(self._owned_ms[one], self._closed_ms.get(one, 0)) < asked_ms for one in room_ids)
        owner = owners.pop()
        if owners or owner is None or not is_sure or not is_same:
            return
        actors = [owner.engine.rooms._owned.get(room_id) for room_id in room_ids]
        inside = [actor.record.id for actor in actors if actor and person_id in everybody(actor.state, actor.form)]
        if len(inside) != 1:
            self._break(f"INV-23: person {person_id} was let into {room_ids}, and is in {inside}")

    def line(self, node: "SimNode", person_id: PersonId, *, is_open: bool, dead_for_ms: int = 0) -> None:
        """The first line to this node opened, or the last one closed."""
        line, now_ms = self._lines[node.number, person_id], self.world.now_ms
        if is_open:
            line.sees(now_ms)
            line.opened_ms = now_ms
        else:
            # Between two pings nobody can tell that a line is dead, and it counts as living.
            unheard_ms = max(0, dead_for_ms - self.world.options.presence.heard_every_ms)
            line.seen_ms = max(line.seen_ms, now_ms - unheard_ms)
        line.is_open = is_open

    def seen(self, node: "SimNode", person_id: PersonId) -> None:
        """He asked this node something."""
        self._lines[node.number, person_id].sees(self.world.now_ms)

    # --- what was acknowledged (INV-23) ----------------------------------------------------------------------------

    def acknowledged(self, what: str, room_id: RoomId, person_id: PersonId, *, asked_ms: int) -> None:
        """A seat, an application, a mute or a ban was confirmed: it must have stood in the record."""
        spans = self._spans[what, room_id, person_id]
        if not any(span.until_ms >= asked_ms for span in spans):
            self._break(f"INV-23: person {person_id} was told of his {what} in {room_id}, which was never kept")

    def acknowledged_end(self, room_id: RoomId, *, asked_ms: int) -> None:
        """A live was confirmed to be over."""
        record = self._records.get(room_id)
        if record is not None and record.is_open and self._closed_ms.get(room_id, -1) < asked_ms:
            self._break(f"INV-23: room {room_id} was told to be over and was not closed")

    def acknowledged_text(self, room_id: RoomId, text: str) -> None:
        """Something said was confirmed."""
        if text not in self._texts:
            self._break(f"INV-23: {text!r} was confirmed and never told to {room_id}")

    # --- what nodes tell -------------------------------------------------------------------------------------------

    def came(self, node: "SimNode", room_id: RoomId, person_id: PersonId) -> None:
        """Somebody hears a room from now on."""
        record = self._blind(room_id)
        if record is None:
            return
        now_ms = self.world.now_ms
        story = self._stories[room_id, self._epoch_at(node, record)]
        if person_id in story.inside:
            self._break(f"INV-14: person {person_id} comes into {room_id} twice")
        story.inside[person_id] = now_ms
        story.came.setdefault(person_id, now_ms)
        if record.owner == node.engine.node.id and self._is_in_force(record, person_id, SanctionKind.BAN):
            self._break(f"INV-19: person {person_id} is banned from {room_id} and comes into it")

    def went(self, node: "SimNode", room_id: RoomId, person_id: PersonId) -> None:
        """Somebody hears it no longer, though the room goes on."""
        record = self._blind(room_id)
        if record is None:
            return
        story = self._stories[room_id, self._epoch_at(node, record)]
        story.inside.pop(person_id, None)
        grace_ms = self.world.options.qlive.viewer_grace_ms
        # One that has lost the room, and does not know it yet, misses people by its own lights.
        is_owner = record.owner == node.engine.node.id
        if is_owner and not self._may_go(node, record, person_id, GOING, grace_ms):
            self._break(f"INV-23: person {person_id} was put out of {room_id}, and nobody did it")

    def told(self, node: "SimNode", person_id: PersonId, event: Event) -> None:
        """One person was told something."""
        match event:
            case SentAway(room_id=room_id):
                if not self._spans["ban", room_id, person_id]:
                    self._break(f"INV-19: person {person_id} was sent away from {room_id}, and that is not kept")
            case CrowdChanged(room_id=room_id, men_count=men_count, women_count=women_count) if self._blind(room_id):
                people_count = len(node.hub.people_in(room_id)) - 1
                if men_count + women_count != people_count:
                    self._break(f"INV-14: {room_id} counts {men_count} men, {women_count} women, {people_count} are in")
            case GiftSent(event_id=event_id):
                self._gifts_told[event_id].add(None)

    def told_room(self, node: "SimNode", room_id: RoomId, event: Event, position: Position | None) -> None:
        """A room was told something."""
        record = self.world.database.rooms[room_id]
        if position is not None:
            self._continues(room_id, event, position)
        match event:
            case SeatTaken(status_code=code) | SeatLeft(status_code=code) | RoomClosed(status_code=code):
                if code > record.status_code:
                    self._break(f"INV-17: {room_id} hears {event} before it is kept")
            case AudienceChanged(count=count):
                self._counts(node, record, count)
            case RoomTextSaid(text=text, from_id=from_id):
                self._texts.add(text)
                self._may_talk(node, record, from_id)
            case GiftSent():
                self._gift_shown(node, room_id, event, position)

    def shown(self, node: "SimNode", event: RoomShown) -> None:
        """Somebody is shown a room, perhaps while it is being taken over and others are still to come."""
        actor = node.engine.rooms._owned[event.room_id]
        inside = everybody(actor.state, actor.form)
        if actor.record.kind is RoomKind.BLIND_DATE and event.count != len(set(inside)):
            self._break(f"INV-14: {event.room_id} is shown to be {event.count}, and {inside} are in it")

    def _continues(self, room_id: RoomId, event: Event, position: Position) -> None:
        story = self._stories[room_id, position.epoch]
        if position.seq <= len(story.events):
            if story.events[position.seq - 1] is not event:
                self._break(f"INV-16: {room_id} hears two stories at {position}: {event}")
        elif position.seq > len(story.events) + 1:
            self._break(f"INV-16: {room_id} hears {position} after {len(story.events)} events")
        else:
            story.events.append(event)

    def _counts(self, node: "SimNode", record: RoomRecord, count: int) -> None:
        people_count = len(node.hub.people_in(record.id))
        if record.kind is RoomKind.BLIND_DATE and count != people_count:
            self._break(f"INV-14: {record.id} says it is {count}, and {people_count} are in it")

    def _may_talk(self, node: "SimNode", record: RoomRecord, person_id: PersonId) -> None:
        # At shows a line is kept first: one from before he was muted may be told right after.
        if record.kind is RoomKind.SHOW or record.owner != node.engine.node.id:
            return
        if self._is_in_force(record, person_id, SanctionKind.MUTE):
            self._break(f"INV-19: person {person_id} is mute in {record.id} and talks")

    def _gift_shown(self, node: "SimNode", room_id: RoomId, gift: GiftSent, position: Position | None) -> None:
        self._gifts_told[gift.event_id].add(room_id)
        if position is None:
            return
        story = self._stories[room_id, position.epoch]
        # What is no longer remembered may be told again; clients know it by its id.
        forgotten_seq = position.seq - self.world.options.rooms.history_events_max
        if story.gifts.get(gift.event_id, 0) >= max(1, forgotten_seq):
            self._break(f"INV-17: {room_id} is shown gift {gift.event_id} twice")
        story.gifts[gift.event_id] = position.seq
        key, now_ms = (gift.from_id, gift.to_id, gift.gift_id), node.engine.node.now_ms()
        count, until_ms = story.combos.get(key, (0, 0))
        due = count + 1 if until_ms > now_ms else 1
        self.world.rare["gift counted on"] += due > 1
        if gift.combo != due:
            self._break(f"INV-17: gift {gift.event_id} is number {gift.combo} in a row, {due} is due")
        story.combos[key] = (due, now_ms + self.world.options.rooms.combo_ms)

    # --- what is kept ----------------------------------------------------------------------------------------------

    def written(self, node: "SimNode", method: str, args: tuple[Any, ...], error: Exception | None) -> None:
        """A room was added, saved, claimed, reopened or released."""
        subject = args[0]
        room_id = subject.id if isinstance(subject, RoomRecord) else subject
        if error is not None:
            self.world.trace(node, "room", method, room_id, repr(error))
            self.world.rare[f"room not written: {type(error).__name__}"] += 1
            return
        after, before = self.world.database.rooms.get(room_id), self._records.get(room_id)
        if after is None or after is before:
            return
        self._records[room_id] = after
        self.world.trace(
            node, "room", method, room_id, f"{after.epoch}.{after.version}", "" if after.is_open else "shut"
        )
        if method in ("add", "claim", "reopen"):
            self._owned_ms[room_id] = self.world.now_ms
            self._owner[room_id] = node
            if method != "claim":
                self._opened_ms[room_id] = self.world.now_ms
        if method == "save" and self._owner[room_id] is not node:
            self._break(f"INV-12: {node.label} writes room {room_id} of {self._owner[room_id].label}")
        for finding in _steps(before, after, method):
            self._break(finding)
        if after.kind is not RoomKind.BLIND_DATE:
            return
        for finding in self._is_possible(after):
            self._break(finding)
        if before is not None:
            if method == "claim":
                self.world.rare["room taken over"] += 1
                self._taken_over(before, after)
            if before.is_open and not after.is_open:
                self._closed(node, before)
            if not before.is_open and after.is_open:
                self.world.rare["room opened again"] += 1
            self._has_lost(node, before, after)
        self._has_gained(before, after)

    def _is_possible(self, record: RoomRecord) -> Iterator[str]:
        seats = [seat.seat for seat in record.seats]
        people = [seat.person_id for seat in record.seats]
        if len(set(seats)) < len(seats) or len(set(people)) < len(people) or record.anchor_id in people:
            yield f"INV-13: in {record.id} there sit {people} on {seats}"
        for seat in record.seats:
            if SEATS.get(seat.seat) != seat.face.gender:
                yield f"INV-13: person {seat.person_id} of gender {seat.face.gender} sits on {seat.seat}"
            for other in self.world.database.rooms.values():
                if other is not record and any(seat.person_id == one.person_id for one in other.seats):
                    yield f"INV-13: person {seat.person_id} sits in {record.id} and in {other.id}"
        applicants = [applicant.person_id for applicant in record.applicants]
        if set(applicants) & {*people, record.anchor_id} or len(set(applicants)) < len(applicants):
            yield f"INV-18: in {record.id} {applicants} have applied, and {people} sit"
        inside = {*applicants, *people}
        for person_id in sorted(inside):
            if self._is_in_force(record, person_id, SanctionKind.BAN):
                yield f"INV-19: person {person_id} is banned from {record.id} and in it"
        if not record.is_open and (record.seats or record.applicants):
            yield f"INV-18: room {record.id} is closed, and somebody is in it"

    def _has_gained(self, before: RoomRecord | None, after: RoomRecord) -> None:
        old = set() if before is None else set(_held(before))
        for what, person_id in _held(after):
            if (what, person_id) in old:
                continue
            self._spans[what, after.id, person_id].append(Span(self.world.now_ms))
            if what == "seat":
                self._may_sit(before, after, person_id)

    def _has_lost(self, node: "SimNode", before: RoomRecord, after: RoomRecord) -> None:
        kept = set(_held(after))
        for what, person_id in _held(before):
            if (what, person_id) in kept:
                continue
            self._spans[what, after.id, person_id][-1].until_ms = self.world.now_ms
            if (after.is_open or what in ("mute", "ban")) and not self._may_lose(node, before, what, person_id):
                self._break(f"INV-23: person {person_id} lost his {what} in {after.id}, and nobody did it")

    def _may_lose(self, node: "SimNode", before: RoomRecord, what: str, person_id: PersonId) -> bool:
        options = self.world.options.qlive
        match what:
            case "seat":
                return self._may_go(node, before, person_id, RISING, options.seat_grace_ms)
            case "application":
                return self._may_go(node, before, person_id, WITHDRAWING, options.viewer_grace_ms)
            case _:
                kind = SanctionKind(what)
                now_ms = self.world.store_now_ms()
                has_ended = any(
                    one.until_ms is not None and one.until_ms <= now_ms + self._slack_ms()
                    for one in before.sanctions
                    if (one.person_id, one.kind) == (person_id, kind)
                )
                return has_ended or self._has_cause(person_id, {f"lift {what}"})

    def _may_sit(self, before: RoomRecord | None, after: RoomRecord, person_id: PersonId) -> None:
        """Source: QL-14."""
        options = self.world.options.qlive
        if options.seat_policy == "open":
            return
        has_applied = before is not None and any(one.person_id == person_id for one in before.applicants)
        if has_applied and options.seat_policy == "applied":
            return
        now_ms = self.world.now_ms
        asked_ms = min(
            (deed.at_ms for deed in self._deeds[person_id] if deed.kind == "sit" and deed.until_ms >= now_ms),
            default=now_ms,
        )
        lasts_ms = options.invitation_ms + self._slack_ms()
        if not any(deed.until_ms + lasts_ms >= asked_ms for deed in self._invites[after.id, person_id]):
            self._break(f"INV-18: person {person_id} sits in {after.id}, and nobody asked him to")
        self.world.rare["sat by invitation"] += 1

    def _closed(self, node: "SimNode", before: RoomRecord) -> None:
        self._closed_ms[before.id] = self.world.now_ms
        anchor_id = before.anchor_id
        if self._has_cause(anchor_id, {"end", "logout"}, room_id=before.id):
            return
        if self._was_silent(node, before, anchor_id, self.world.options.qlive.seat_grace_ms):
            self.world.rare["matchmaker lost"] += 1
        else:
            self._break(f"INV-22: room {before.id} was closed, and nobody did it")

    def _taken_over(self, before: RoomRecord, after: RoomRecord) -> None:
        """Who has to be in it again."""
        story = self._stories[before.id, before.epoch]
        now_ms, swarm = self.world.now_ms, self.world.swarm
        viewers = {person_id: at_ms for person_id, at_ms in story.inside.items() if person_id != before.anchor_id}
        known = self.world.database.sightings.get(f"room/{before.id}", {})
        if viewers and not known:
            self.world.rare["room taken over, presence store empty"] += 1
        troubles = (swarm.fails, swarm.loses, swarm.stalls, swarm.down, swarm.cuts, swarm.freezes, swarm.presence_loss)
        died_ms = self._died_ms(before.owner)
        if died_ms is None or now_ms - died_ms > 18_000 or any(level is not Level.OFF for level in troubles):
            return
        known_ms = died_ms - self.world.options.presence.publish_every_ms - 3_000
        banned = {one.person_id for one in before.sanctions if one.kind is SanctionKind.BAN}
        expected = frozenset(person_id for person_id, at_ms in viewers.items() if at_ms <= known_ms) - banned
        self._expected[after.id, after.epoch] = expected

    def _died_ms(self, owner: str) -> int | None:
        for node in self.world.incarnations:
            if node.is_dead and node.engine.node.id == owner:
                return node.left_at_ms if node.died_at_ms is None else min(node.died_at_ms, node.left_at_ms)
        return None

    # --- gifts -----------------------------------------------------------------------------------------------------

    def posted(self, moves: Iterable[Move], outcomes: Iterable[Outcome]) -> None:
        """Gifts were paid."""
        for move, outcome in zip(moves, outcomes, strict=True):
            if outcome.verdict is not Verdict.POSTED or move.outbox is None:
                continue
            gift = decode_event(move.outbox.payload)
            if isinstance(gift, GiftSent) and gift.room_id is not None:
                self._gifts[gift.event_id] = gift.room_id, self.world.now_ms

    def marked(self, row_ids: Iterable[str]) -> None:
        """Rows of the outbox were marked as told."""
        for row_id in row_ids:
            room_id, paid_ms = self._gifts.get(row_id, (None, 0))
            if room_id is None:
                continue
            told = self._gifts_told[row_id]
            if not told:
                self._break(f"INV-17: gift {row_id} was marked as told, and nobody was")
            record = self._records.get(room_id)
            was_open = record is not None and record.is_open and self._opened_ms.get(room_id, paid_ms) < paid_ms
            if was_open and room_id not in told and not self.world.is_parked(room_id):
                self._break(f"INV-17: gift {row_id} was never shown to {room_id}, where it was given")

    # --- looking around --------------------------------------------------------------------------------------------

    def roll_call(self) -> None:
        """See who is where, between any two turns."""
        for node in self.world.live_nodes:
            if node.is_frozen:
                continue
            for room_id in node.hub.heard_rooms():
                if room_id not in node.engine.rooms._owned:
                    self._break(f"INV-21: {room_id} is heard at {node.label}, which does not have it")
            for room_id, actor in node.engine.rooms._owned.items():
                record = self.world.database.rooms[room_id]
                is_current = (record.owner, record.epoch) == (node.engine.node.id, actor.record.epoch)
                if actor.record.kind is RoomKind.BLIND_DATE and actor.record.is_open and is_current:
                    self._look_into(node, actor)
            self._nobody_is_twice(node)

    def _nobody_is_twice(self, node: "SimNode") -> None:
        """QL-11: whoever enters another room leaves the first, also when that was taken over later."""
        since_ms: dict[PersonId, int] = {}
        for actor in node.engine.rooms._owned.values():
            if actor.record.kind is not RoomKind.BLIND_DATE or not actor.record.is_open:
                continue
            story = self._stories[actor.record.id, actor.record.epoch]
            for person_id, came_ms in story.inside.items():
                if person_id in since_ms and max(came_ms, since_ms[person_id]) < self.world.now_ms - QUIET_MS:
                    self._break(f"INV-23: person {person_id} is in {actor.record.id}, and in another room as well")
                since_ms[person_id] = came_ms

    def _look_into(self, node: "SimNode", actor: RoomActor) -> None:
        state, room_id = actor.state, actor.record.id
        inside = everybody(state, actor.form)
        if set(node.hub.people_in(room_id)) != set(inside):
            self._break(f"INV-14: {inside} are in {room_id}, and {node.hub.people_in(room_id)} hear it")
        if count_of(state, actor.form) != len(inside) or len(set(inside)) != len(inside):
            self._break(f"INV-14: {room_id} counts {count_of(state, actor.form)} people, there are {inside}")
        story = self._stories[room_id, actor.record.epoch]
        expected = self._expected.pop((room_id, actor.record.epoch), None)
        if expected is not None:
            missing = sorted(expected - story.came.keys())
            if missing:
                self._break(f"INV-14: {room_id} was taken over, and {missing} were not found in it again")
            self.world.rare["room taken over, viewers restored"] += bool(expected)
        is_quiet = self.world.is_quiet_for(QUIET_MS)
        for person_id in inside:
            if is_quiet and self._is_gone(node, actor, person_id):
                self._break(f"INV-22: person {person_id} has been gone for long and is still in {room_id}")
        owned_ms = self._owned_ms[room_id]
        for person_id, where in self._where.items():
            if not where.is_sure or where.at_ms <= owned_ms or where.node != node.number:
                continue
            is_here = person_id in inside
            # Somebody who left while the room was nobody's is found in it again, until he is missed.
            if is_here and where.room_id != room_id and story.inside.get(person_id, 0) <= where.at_ms:
                self._break(f"INV-23: person {person_id} was told to be in {where.room_id}, and is in {room_id}")
            if not is_here and where.room_id == room_id and self._is_present(node, record=actor.record, who=person_id):
                self._break(f"INV-23: person {person_id} was told to be in {room_id} and is not")

    def _is_present(self, node: "SimNode", *, record: RoomRecord, who: PersonId) -> bool:
        """Whether nobody could believe that he is gone."""
        line = self._lines[node.number, who]
        if any(deed.kind in GOING and deed.until_ms > self._where[who].at_ms for deed in self._deeds[who]):
            return False
        return line.is_open and line.opened_ms < self.world.now_ms - 3_000 and line.opened_ms <= self._where[who].at_ms

    def _is_gone(self, node: "SimNode", actor: RoomActor, person_id: PersonId) -> bool:
        """Whether he should have been missed. Source: QL-29."""
        line, options = self._lines[node.number, person_id], self.world.options.qlive
        if line.is_open:
            return False
        room_id = actor.record.id
        came_ms = self._stories[room_id, actor.record.epoch].inside.get(person_id, 0)
        seen_ms = max(line.seen_ms, self._owned_ms[room_id], came_ms)
        grace_ms = options.lineless_ms if line.opened_ms < came_ms else options.seat_grace_ms
        return self.world.now_ms - seen_ms > grace_ms + SWEPT_MS + self._slack_ms()

    def settled(self) -> Iterator[str]:
        """What no longer may be once everything has had its time."""
        for event_id, (room_id, _) in self._gifts.items():
            if not self._gifts_told[event_id]:
                yield f"INV-17: gift {event_id}, given in {room_id}, was never told"

    # --- parts -----------------------------------------------------------------------------------------------------

    def _blind(self, room_id: RoomId) -> RoomRecord | None:
        record = self.world.database.rooms.get(room_id)
        return record if record is not None and record.kind is RoomKind.BLIND_DATE else None

    def _epoch_at(self, node: "SimNode", record: RoomRecord) -> int:
        """The epoch in which this node has the room."""
        actor = node.engine.rooms._owned.get(record.id)
        return record.epoch if actor is None else actor.record.epoch

    def _has_cause(self, person_id: PersonId, kinds: Iterable[str], *, room_id: RoomId | None = None) -> bool:
        """Whether somebody's deed can have this effect now."""
        now_ms = self.world.now_ms
        return any(
            deed.kind in kinds and deed.until_ms >= now_ms and (room_id is None or deed.room_id in (None, room_id))
            for deed in self._deeds[person_id]
        )

    def _may_go(
        self, node: "SimNode", record: RoomRecord, person_id: PersonId, kinds: Iterable[str], grace_ms: int
    ) -> bool:
        """Whether somebody's deed, or his silence, takes him out; or that he went elsewhere while this was nobody's."""
        return (
            self._has_cause(person_id, kinds)
            or self._was_silent(node, record, person_id, grace_ms)
            or any(other.record.id != record.id for other in node.engine.rooms.of(person_id, RoomKind.BLIND_DATE))
        )

    def _was_silent(self, node: "SimNode", record: RoomRecord, person_id: PersonId, grace_ms: int) -> bool:
        """Whether he had been gone for long when this was decided."""
        line, now_ms = self._lines[node.number, person_id], self.world.now_ms
        late_ms = LATE_MS if self.world.swarm.has_outages else 3_000
        gaps = [gap for gap in line.gaps if gap[1] >= now_ms - late_ms]
        if not line.is_open:
            gaps.append((line.seen_ms, now_ms))
        owned_ms = self._owned_ms[record.id]
        return any(until_ms - max(at_ms, owned_ms) >= grace_ms - self._slack_ms() for at_ms, until_ms in gaps)

    def _is_in_force(self, record: RoomRecord, person_id: PersonId, kind: SanctionKind) -> bool:
        surely_ms = self.world.store_now_ms() + self._slack_ms()
        return any(
            (one.person_id, one.kind) == (person_id, kind) and (one.until_ms is None or one.until_ms > surely_ms)
            for one in record.sanctions
        )

    def _slack_ms(self) -> int:
        """By how much an honest node may be wrong about the time."""
        if self.world.swarm.is_calm:
            return 5
        return 1_500 + self.world.truth.steps_ms

    def _break(self, finding: str) -> None:
        self.world.break_off(finding)


def _held(record: RoomRecord) -> Iterator[tuple[str, PersonId]]:
    """What of people stands in the record."""
    for seat in record.seats:
        yield "seat", seat.person_id
    for applicant in record.applicants:
        yield "application", applicant.person_id
    for sanction in record.sanctions:
        yield sanction.kind.value, sanction.person_id


def _steps(before: RoomRecord | None, after: RoomRecord, method: str) -> Iterator[str]:
    """Whether one may follow the other (INV-12, INV-18)."""
    if before is None:
        return
    name = f"room {after.id}"
    is_same_owner = method == "save"
    epoch = before.epoch + (0 if is_same_owner else 1)
    if after.epoch != epoch:
        yield f"INV-12: {name} went from epoch {before.epoch} to {after.epoch} by {method}"
    if is_same_owner and after.version != before.version + 1:
        yield f"INV-12: {name} went from version {before.version} to {after.version}"
    if not before.is_open and method != "reopen":
        yield f"INV-18: {name} was closed and is written by {method}"
    if method == "reopen" and before.is_open:
        yield f"INV-18: {name} was open and is opened"
    if method == "release" and after.owner != NOBODY:
        yield f"INV-12: {name} was released to {after.owner}"
    if after.likes_count < before.likes_count and method != "reopen":
        yield f"INV-23: {name} had {before.likes_count} likes and has {after.likes_count}"
    if after.status_code < before.status_code:
        yield f"INV-18: {name} had status {before.status_code} and has {after.status_code}"
    if before.seats != after.seats and after.status_code == before.status_code:
        yield f"INV-18: {name} has other seats with status {after.status_code}"
    if (before.anchor_id, before.kind) != (after.anchor_id, after.kind):
        yield f"INV-18: {name} is another's"
