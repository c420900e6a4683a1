"""Every metric, with the question that it answers.

Counters and gauges are plain numbers here, cheap enough for any path; ``server.py`` picks the exporter. Each label
comes from an enumeration and exists from the start at zero, so that a rate over it is never a gap.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from store.interfaces.calls import EndReason
from store.interfaces.ledger import EntryKind, Verdict

__all__ = ["Counter", "Gauge", "Histogram", "LabelledCounter", "Metrics"]


class Counter:
    """Only grows."""

    __slots__ = ("name", "question", "value")

    def __init__(self, name: str, question: str) -> None:
        self.name = name
        self.question = question
        self.value = 0

    def add(self, count: int = 1) -> None:
        """Count."""
        self.value += count


class LabelledCounter:
    """One counter per value of an enumeration."""

    __slots__ = ("label", "name", "question", "values")

    def __init__(self, name: str, question: str, label: str, values: Iterable[StrEnum]) -> None:
        self.name = name
        self.question = question
        self.label = label
        self.values: dict[str, int] = {value.value: 0 for value in values}

    def add(self, value: StrEnum, count: int = 1) -> None:
        """Count under one label."""
        self.values[value.value] += count


class Gauge:
    """Read when somebody asks."""

    __slots__ = ("name", "question", "read")

    def __init__(self, name: str, question: str) -> None:
        self.name = name
        self.question = question
        self.read: Callable[[], float] = lambda: 0.0


class Histogram:
    """How often a value fell under each bound; bounds are milliseconds."""

    __slots__ = ("bounds_ms", "counts", "name", "question", "sum_ms")

    def __init__(self, name: str, question: str, bounds_ms: tuple[int, ...]) -> None:
        self.name = name
        self.question = question
        self.bounds_ms = bounds_ms
        self.counts = [0] * (len(bounds_ms) + 1)
        self.sum_ms = 0

    def observe(self, value_ms: int) -> None:
        """Count one value."""
        self.sum_ms += value_ms
        for index, bound_ms in enumerate(self.bounds_ms):
            if value_ms <= bound_ms:
                self.counts[index] += 1
                return
        self.counts[-1] += 1


class Metrics:
    """All of them. Names follow ``greenroom_<noun>_<verb>_<unit>``."""

    def __init__(self) -> None:
        self.calls_rung = Counter("greenroom_calls_rung_total", "How many calls began to ring?")
        self.calls_ended = LabelledCounter("greenroom_calls_ended_total", "Why do calls end?", "reason", EndReason)
        self.calls_adopted = Counter(
            "greenroom_calls_adopted_total", "How many calls were taken over from a dead node?"
        )
        self.calls_live = Gauge("greenroom_calls_live", "How many calls does this node own?")
        self.rooms_live = Gauge("greenroom_rooms_live", "How many rooms does this node own?")
        self.streams_live = Gauge("greenroom_streams_live", "How many streams do media servers report?")
        self.streams_refused = Counter(
            "greenroom_streams_refused_total", "Does somebody try addresses that are not theirs?"
        )
        self.streams_lost = Counter("greenroom_streams_lost_total", "Do streams or media servers fall silent?")
        self.sockets_open = Gauge("greenroom_sockets_open", "How many sockets are open?")
        self.ledger_entries = LabelledCounter(
            "greenroom_ledger_entries_total", "What causes entries?", "kind", EntryKind
        )
        self.ledger_verdicts = LabelledCounter(
            "greenroom_ledger_verdicts_total", "Are moves accepted, and why not?", "verdict", Verdict
        )
        self.ledger_conflicts = Counter("greenroom_ledger_conflicts_total", "Do transactions get in each other's way?")
        self.ledger_unknowns = Counter("greenroom_ledger_unknowns_total", "How often is a commit's outcome unknown?")
        self.ledger_waiting = Gauge("greenroom_ledger_waiting_moves", "Does the ledger keep up?")
        self.billing_lag_ms = Histogram(
            "greenroom_billing_lag_ms", "How late is a minute charged?", (10, 50, 100, 500, 1000, 5000, 30000)
        )
        self.billing_unconfirmed = Counter(
            "greenroom_billing_unconfirmed_minutes_total",
            "How many minutes did the house lose to a store that was down?",
        )
        self.actor_crashes = Counter("greenroom_actor_crashes_total", "Do actors crash?")
        self.mailbox_dropped = Counter("greenroom_mailbox_dropped_total", "Does noise get dropped?")
        self.lease_renewals = Counter("greenroom_lease_renewals_total", "Is this node alive in the store's eyes?")
        self.lease_outages = Counter("greenroom_lease_outages_total", "How often was this node asleep or cut off?")
        self.events_resent = Counter("greenroom_outbox_sent_total", "How many outbox rows were told?")

    def all(self) -> Mapping[str, "Counter | LabelledCounter | Gauge | Histogram"]:
        """Every metric by its name."""
        return {metric.name: metric for metric in vars(self).values()}
