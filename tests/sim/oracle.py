"""What is true, and what a bill may therefore say.

``Truth`` is written while a seed runs: who was connected to which node, who asked for what, which node died. ``judge``
works out from it, by the documents and without the engine's rules, how long each pair really talked, and compares.

With no outage the number of minutes is exactly what the talk has begun, to within what the clocks of the seed can be
wrong by (``tolerance_ms``; nothing at all in a seed without faults). With one it is never more, and no minute begins
while nobody owned the call. Source: INV-5, INV-6, CA-12, CA-19, CA-28.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from engine.call.meter import minutes_begun
from store.interfaces.calls import CallRecord, EndReason, Side
from store.interfaces.ids import CallId, PersonId
from store.interfaces.ledger import JournalEntry
from store.interfaces.money import Currency, wallet
from tests.invariants import Snapshot
from tests.sim.faults import Level, Swarm

__all__ = ["Truth", "judge"]

EPOCH_MS: Final = 1_767_225_600_000
SILENT_MS: Final = 60_000
FOR_EVER: Final = 2**40
BELIEF_MS: Final = 8_500
"""So long a paused node may go on believing in its lease, and charge (D-15)."""

Span = tuple[int, int]


class Sighting(NamedTuple):
    """Somebody opened or closed a line, or asked something. ``really_ms`` is when, ``at_ms`` when the node noticed.

    ``heard_ms`` is when something last came over a line that is found to be gone.
    """

    at_ms: int
    really_ms: int
    what: str
    node: int
    heard_ms: int
    number: int


class Charge(NamedTuple):
    """A minute got into the journal."""

    minute: int
    at_ms: int
    begins_at_ms: int
    by: int


class Write(NamedTuple):
    """The call changed in the store."""

    at_ms: int
    by: int
    call: CallRecord


class Deed(NamedTuple):
    """Somebody asked a node to end the call; ``is_acknowledged`` when he was told that it has."""

    at_ms: int
    kind: str


class Truth:
    """Everything that happened, by the world's own clock (milliseconds since it began)."""

    def __init__(self) -> None:
        self.sightings: dict[PersonId, list[Sighting]] = defaultdict(list)
        self._sightings_count = 0
        self.charges: dict[CallId, list[Charge]] = defaultdict(list)
        self.writes: dict[CallId, list[Write]] = defaultdict(list)
        self.deeds: dict[CallId, list[Deed]] = defaultdict(list)
        self.acknowledged_ends: dict[CallId, int] = {}
        self.deaths: dict[int, int] = {}
        self.freezes: list[tuple[int, int, int]] = []
        self.outages: list[Span] = []
        """When the store, or some node's way to it, was gone."""
        self.steps_ms = 0
        self.bans: dict[PersonId, list[int]] = defaultdict(list)

    def seen(self, person_id: PersonId, what: str, *, at_ms: int, really_ms: int, node: int, heard_ms: int = 0) -> None:
        self._sightings_count += 1
        self.sightings[person_id].append(Sighting(at_ms, really_ms, what, node, heard_ms, self._sightings_count))

    def stated(self, call: CallRecord, *, at_ms: int) -> None:
        """The anchor says that they talk; before minute 1 that is as good as being seen (CA-12)."""
        if call.started_at_ms is None and self.writes[call.id]:
            self.seen(call.anchor_id, "stated", at_ms=at_ms, really_ms=at_ms, node=self.writes[call.id][-1].by)

    def charged(self, call_id: CallId, minute: int, *, at_ms: int, begins_at_ms: int, by: int) -> None:
        self.charges[call_id].append(Charge(minute, at_ms, begins_at_ms, by))

    def written(self, call: CallRecord, *, at_ms: int, by: int) -> None:
        self.writes[call.id].append(Write(at_ms, by, call))

    def asked_to_end(self, call_id: CallId, kind: str, *, at_ms: int) -> None:
        self.deeds[call_id].append(Deed(at_ms, kind))

    def told_ended(self, call_id: CallId, *, asked_at_ms: int) -> None:
        earliest_ms = self.acknowledged_ends.get(call_id, asked_at_ms)
        self.acknowledged_ends[call_id] = min(earliest_ms, asked_at_ms)

    def node_died(self, node: int, at_ms: int) -> None:
        self.deaths[node] = at_ms

    def froze(self, node: int, at_ms: int, length_ms: int) -> None:
        self.freezes.append((node, at_ms, at_ms + length_ms))
        self.outages.append((at_ms, at_ms + length_ms))

    def banned(self, person_id: PersonId, *, at_ms: int) -> None:
        self.bans[person_id].append(at_ms)


def judge(truth: Truth, snapshot: Snapshot, swarm: Swarm) -> Iterator[str]:
    """Everything in the kept calls that contradicts the truth."""
    for call in snapshot.calls.values():
        if call.started_at_ms is not None and truth.writes[call.id]:
            yield from _Case(truth, call, swarm).findings()
        if call.end_reason is EndReason.NO_DIAMONDS:
            yield from _was_short(call, snapshot, truth, swarm)
    if not swarm.has_outages and swarm.steps is Level.OFF:
        for call in snapshot.calls.values():
            if call.end_reason is EndReason.OUTAGE or any(line.event == "taken over" for line in call.history):
                yield f"INV-5: call {call.id} suffered an outage, and there was none"


class _Case:
    """One call before the judge."""

    def __init__(self, truth: Truth, call: CallRecord, swarm: Swarm) -> None:
        assert call.started_at_ms is not None
        self.truth = truth
        self.call = call
        self.swarm = swarm
        self.rung_ms = truth.writes[call.id][0].at_ms
        self.start_ms = call.started_at_ms - EPOCH_MS
        last_ms = truth.writes[call.id][-1].at_ms
        self.end_ms = last_ms if call.ended_at_ms is None else call.ended_at_ms - EPOCH_MS
        self._open_gap_noticed_ms = 0
        self.tolerance_ms = self._tolerance_ms()
        self.owners = sorted({write.by for write in truth.writes[call.id]})

    def _tolerance_ms(self) -> int:
        """By how much an honest node may be wrong about the time in this seed."""
        if self.swarm.is_calm:
            return 0
        slow_ms = 500 if self.swarm.slow is not Level.OFF else 0
        # For as long as the store is not reached, a clock that runs wrong is not corrected.
        drift_ms = self.swarm.drift_ppm * 120_000 // 1_000_000
        frozen = sum(self.rung_ms - SILENT_MS <= until_ms for _node, _at, until_ms in self.truth.freezes)
        return 50 + slow_ms + drift_ms + self.truth.steps_ms + frozen * BELIEF_MS

    def findings(self) -> Iterator[str]:
        if self.call.ended_at_ms is not None:
            yield from self._ended_when_asked()
            if self._is_undisturbed():
                yield from self._is_exact()
            else:
                yield from self._is_not_too_much()
        yield from self._minutes_begin_in_talk()

    def _is_undisturbed(self) -> bool:
        """One owner from ring to end, and the store always within reach."""
        if self.call.epoch > 1 or self.swarm.poison is not Level.OFF:
            return False
        owner, last_ms = self.owners[0], self.truth.writes[self.call.id][-1].at_ms
        if self.truth.deaths.get(owner, last_ms) < last_ms or self.call.end_reason is EndReason.OUTAGE:
            return False
        return not any(at_ms <= last_ms and until_ms >= self.rung_ms - 1 for at_ms, until_ms in self.truth.outages)

    # --- no outage: exactly -------------------------------------------------------------------------------------------

    def _is_exact(self) -> Iterator[str]:
        gaps = self._gaps()
        is_open = bool(gaps) and gaps[-1][1] >= self.end_ms
        talk_end_ms = min(self.end_ms, gaps[-1][0]) if is_open else self.end_ms
        talked_ms = (
            talk_end_ms - self.start_ms - sum(until_ms - at_ms for at_ms, until_ms in gaps if at_ms < talk_end_ms)
        )
        if self.call.end_reason is EndReason.NO_DIAMONDS:
            talked_ms -= 1  # Ended by us at a boundary, it does not owe what the boundary opens.
        tolerance_ms = self.tolerance_ms * (1 + 2 * len(gaps))
        # Stopped in the millisecond of a boundary, it owes that minute only if its alarm came first.
        least_ms = talked_ms - tolerance_ms - (self.call.end_reason is EndReason.STOPPED)
        fewest = minutes_begun(max(0, least_ms), minute_ms=self.swarm.minute_ms)
        most = minutes_begun(max(0, talked_ms + tolerance_ms), minute_ms=self.swarm.minute_ms)
        if not fewest <= self.call.minutes_paid <= most:
            yield (
                f"INV-5: call {self.call.id} ({self.call.end_reason}) charged {self.call.minutes_paid} minutes for"
                f" {talked_ms} ms of talk, {fewest} to {most} are due; gaps {gaps}, tolerance {tolerance_ms} ms"
            )
        for at_ms, until_ms in gaps:
            # A dead line may be noticed late, and the call end before that.
            is_last = is_open and until_ms >= self.end_ms
            since_ms = max(at_ms, self._open_gap_noticed_ms) if is_last else at_ms
            if until_ms - since_ms > self.swarm.grace_ms + tolerance_ms:
                yield f"INV-6: call {self.call.id} lived through a gap of {until_ms - at_ms} ms"
        # A store's clock that stepped shows the end at another time than the gap began at.
        if (
            self.call.end_reason is EndReason.LOST
            and not self.truth.steps_ms
            and not any(abs(until_ms - at_ms - self.swarm.grace_ms) <= tolerance_ms for at_ms, until_ms in gaps[-1:])
        ):
            yield f"INV-5: call {self.call.id} ended as lost at {self.end_ms}, the gaps were {gaps}"

    def _gaps(self) -> list[Span]:
        """When one of the two was lost, up to the end, as CA-12 defines it and their owner could see it.

        What is found out late (a line that had been dead) counts from when it was true, but not from before the last
        minute that was charged meanwhile, nor from before the end of a gap that was closed meanwhile.
        """
        news = sorted(
            [
                (at_ms, number, what, since_ms, side)
                for side in Side
                for at_ms, number, what, since_ms in self._news_of(side)
            ]
        )
        gaps: list[Span] = []
        lost: set[Side] = set()
        gap_ms: int | None = None
        for at_ms, _number, what, since_ms, side in news:
            settled_ms = max(self._last_minute_began_ms(at_ms), gaps[-1][1] if gaps else 0, self.start_ms)
            if what == "lost" and side not in lost:
                if not lost:
                    self._open_gap_noticed_ms = at_ms
                lost.add(side)
                begins_ms = max(since_ms, settled_ms)
                gap_ms = begins_ms if gap_ms is None else min(gap_ms, begins_ms)
            elif what == "back" and side in lost:
                lost.discard(side)
                if gap_ms is not None and not lost:
                    if at_ms > self.start_ms and gap_ms < self.end_ms:
                        gaps.append((gap_ms, min(at_ms, self.end_ms)))
                    gap_ms = None
        if gap_ms is not None and gap_ms < self.end_ms:
            gaps.append((gap_ms, self.end_ms))
        return gaps

    def _news_of(self, side: Side) -> Iterator[tuple[int, int, str, int]]:
        """What the owner learns of one side, from the ring to the end: when, what, and since when it had been so."""
        lines_count, seen_ms, had_line, is_lost, began = 0, -SILENT_MS, False, False, False
        last_ms = self.truth.writes[self.call.id][-1].at_ms
        sightings = [one for one in self.truth.sightings[self.call.person(side)] if one.node == self.owners[0]]
        in_time = [one for one in sightings if one.at_ms <= last_ms]
        for one in [*in_time, Sighting(last_ms, 0, "end", -1, 0, 0)]:
            if not began and one.at_ms > self.rung_ms:
                began, had_line = True, lines_count > 0
                seen_ms = max(seen_ms, self.rung_ms - SILENT_MS)
            silent_ms = seen_ms + SILENT_MS
            if began and not is_lost and lines_count == 0 and one.at_ms >= silent_ms:
                is_lost = True
                yield silent_ms, 0, "lost", silent_ms
            is_back = False
            match one.what:
                case "open":
                    lines_count += 1
                    had_line = is_back = True
                case "close":
                    lines_count -= 1
                    if began and lines_count == 0 and had_line and not is_lost:
                        is_lost = True
                        yield one.at_ms, one.number, "lost", one.heard_ms
                case "seen":
                    is_back = not had_line
                case "stated":
                    had_line = lines_count > 0
                    is_back = True
            seen_ms = max(seen_ms, one.heard_ms) if one.what == "close" else one.at_ms
            if is_back and is_lost:
                is_lost = False
                yield one.at_ms, one.number, "back", one.at_ms

    def _last_minute_began_ms(self, until_ms: int) -> int:
        """What was charged before a dead line was noticed stays charged: the gap begins no earlier."""
        begun = [one.begins_at_ms - EPOCH_MS for one in self.truth.charges[self.call.id]]
        return max([at_ms for at_ms in begun if at_ms <= until_ms], default=0)

    # --- outage: never more -------------------------------------------------------------------------------------------

    def _is_not_too_much(self) -> Iterator[str]:
        together = _intersection(*(self._may_have_been_there(side) for side in Side))
        talked_ms = sum(
            max(0, min(until_ms, self.end_ms + self.tolerance_ms) - max(at_ms, self.start_ms - self.tolerance_ms))
            for at_ms, until_ms in together
        )
        most = minutes_begun(talked_ms + self.tolerance_ms, minute_ms=self.swarm.minute_ms)
        if self.call.minutes_paid > most:
            yield (
                f"INV-5: call {self.call.id} ({self.call.end_reason}) charged {self.call.minutes_paid} minutes,"
                f" the two were there together for {talked_ms} ms, {most} minutes at most"
            )

    def _minutes_begin_in_talk(self) -> Iterator[str]:
        together = _intersection(*(self._may_have_been_there(side) for side in Side))
        nobody = self._nobody_owned_it()
        tolerance_ms = self.tolerance_ms + 5
        for charge in self.truth.charges[self.call.id]:
            begins_ms = charge.begins_at_ms - EPOCH_MS
            if not any(at_ms - tolerance_ms <= begins_ms <= until_ms + tolerance_ms for at_ms, until_ms in together):
                yield f"INV-6: minute {charge.minute} of call {self.call.id} begins at {begins_ms}, not in {together}"
            if any(at_ms + tolerance_ms < begins_ms < until_ms - tolerance_ms for at_ms, until_ms in nobody):
                yield f"INV-6: minute {charge.minute} of call {self.call.id} begins at {begins_ms}, unowned in {nobody}"

    def _may_have_been_there(self, side: Side) -> list[Span]:
        """When this side may have talked: a line open to a living node, or seen lately; on the generous side."""
        spans: list[Span] = []
        sightings = self.truth.sightings[self.call.person(side)]
        for index, one in enumerate(sightings):
            if one.what == "close":
                continue
            closes = [later for later in sightings[index + 1 :] if later.what == "close" and later.node == one.node]
            # Who closes a line is gone, however lately he was seen; while it is open he need not be seen.
            gone_ms = closes[0].really_ms if closes else FOR_EVER
            spans.append((one.really_ms, min(one.really_ms + SILENT_MS, gone_ms, self._death_ms(one.node))))
            if one.what == "open":
                spans.append((one.really_ms, min(gone_ms, self._death_ms(one.node))))
        return _union([span for span in spans if span[0] <= span[1]])

    def _death_ms(self, node: int) -> int:
        return self.truth.deaths.get(node, FOR_EVER)

    def _nobody_owned_it(self) -> list[Span]:
        """From the death of each owner to the next one's claim."""
        spans: list[Span] = []
        epoch, owner = 0, -1
        for write in self.truth.writes[self.call.id]:
            if write.call.epoch != epoch:
                if epoch and owner in self.truth.deaths and self.truth.deaths[owner] < write.at_ms:
                    spans.append((self.truth.deaths[owner], write.at_ms))
                epoch, owner = write.call.epoch, write.by
        return spans

    def _ended_when_asked(self) -> Iterator[str]:
        tolerance_ms = self.tolerance_ms + 5
        asked_ms = self.truth.acknowledged_ends.get(self.call.id)
        if asked_ms is not None and self.end_ms > asked_ms + tolerance_ms:
            yield f"INV-5: call {self.call.id} was ended at {asked_ms} and counts until {self.end_ms}"
        deeds = self.truth.deeds[self.call.id]
        match self.call.end_reason:
            case EndReason.HUNG_UP:
                is_asked = any(abs(deed.at_ms - self.end_ms) <= tolerance_ms for deed in deeds)
            case EndReason.BANNED:
                # The ban is kept before the call is ended.
                bans_ms = [at_ms for side in Side for at_ms in self.truth.bans[self.call.person(side)]]
                is_asked = any(at_ms <= self.end_ms + tolerance_ms for at_ms in bans_ms)
            case _:
                is_asked = True
        if not is_asked:
            yield f"INV-5: call {self.call.id} {self.call.end_reason} at {self.end_ms}, which nobody did: {deeds}"


def _was_short(call: CallRecord, snapshot: Snapshot, truth: Truth, swarm: Swarm) -> Iterator[str]:
    """Whether the guest really could not pay, at some moment between the boundary and the end's being written."""
    assert call.ended_at_ms is not None
    slack_ms = 1_000 + truth.steps_ms
    account = wallet(Currency.CALLS_DIAMONDS, call.guest_id)
    until_ms = EPOCH_MS + truth.writes[call.id][-1].at_ms + slack_ms
    held = lowest = 0
    for entry in snapshot.entries.values():
        if entry.at_ms > until_ms:
            continue
        if entry.at_ms <= call.ended_at_ms - slack_ms:
            held = lowest = held + _change(entry, account)
        else:
            held += _change(entry, account)
            lowest = min(lowest, held)
    if lowest >= call.price.diamonds:
        yield f"INV-5: call {call.id} ended for lack of diamonds, the guest had {lowest} of {call.price.diamonds}"


def _change(entry: JournalEntry, account: str) -> int:
    return sum(posting.amount for posting in entry.postings if posting.account == account)


def _union(spans: list[Span]) -> list[Span]:
    """The spans joined where they meet."""
    joined: list[Span] = []
    for at_ms, until_ms in sorted(spans):
        if joined and at_ms <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until_ms))
        else:
            joined.append((at_ms, until_ms))
    return joined


def _intersection(first: list[Span], second: list[Span]) -> list[Span]:
    common: list[Span] = []
    starts = [at_ms for at_ms, _until in second]
    for at_ms, until_ms in first:
        for other_at_ms, other_until_ms in second[max(0, bisect_right(starts, at_ms) - 1) :]:
            if other_at_ms > until_ms:
                break
            if other_until_ms >= at_ms:
                common.append((max(at_ms, other_at_ms), min(until_ms, other_until_ms)))
    return common
