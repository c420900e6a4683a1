"""A call's story: its history and its ledger lines in one order, long runs of minutes folded.

Pure: from the API's explanation to lines of a table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

__all__ = ["StoryLine", "story"]

SHOWN_WHOLE_MAX: Final = 3
"""A run of so many minutes is shown as it is; of a longer one the first and the last."""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line, or a folded run of lines (``number`` None) with its sums."""

    at_ms: int | None
    number: int | None
    event: str
    by: str
    guest_diamonds: int | None = None
    anchor_points: int | None = None


@dataclass(frozen=True, slots=True)
class _Happening:
    at_ms: int
    order: int
    event: str
    by: str
    line: Mapping[str, Any] | None = None

    @property
    def is_minute(self) -> bool:
        return self.line is not None and self.line["kind"] == "minute"


def story(explanation: Mapping[str, Any]) -> Sequence[StoryLine]:
    """Everything that happened in a call, oldest first."""
    happenings = sorted(_happenings(explanation), key=lambda one: (one.order, one.at_ms))
    lines: list[StoryLine] = []
    number = 0
    for is_minute, run in groupby(happenings, key=lambda one: one.is_minute):
        these = [_line(one, number + place) for place, one in enumerate(run, start=1)]
        number += len(these)
        lines += _folded(these) if is_minute and len(these) > SHOWN_WHOLE_MAX else these
    return lines


def _happenings(explanation: Mapping[str, Any]) -> Iterator[_Happening]:
    for told in explanation["call"]["history"]:
        # The end is kept with the time it is for; minutes that had begun by then were paid a moment later.
        is_end = told["event"].startswith("ended")
        yield _Happening(told["at_ms"], int(is_end), _sentence(told["event"], told["by"]), told["by"])
    for line in explanation["lines"]:
        if line["kind"] == "minute":
            event, by = f"minute {line['minute']}{', clock starts' if line['minute'] == 1 else ''}", "clock"
        else:
            event, by = f"{line['kind']} {line['note']}".strip(), "guest"
        yield _Happening(line["at_ms"], 0, event, by, line)


def _sentence(event: str, by: str) -> str:
    match event:
        case "rang":
            return f"ring {by} → {'anchor' if by == 'guest' else 'guest'}"
        case "answered":
            return "answer"
        case "start":
            return "anchor says start"
        case "lost":
            return f"{by} line lost, not billed"
        case "back":
            return f"{by} is back"
        case "taken over":
            return "taken over by another owner, not billed"
        case _:
            return event.replace("_", " ").replace("ended ", "ended: ", 1)


def _line(one: _Happening, number: int) -> StoryLine:
    if one.line is None:
        return StoryLine(one.at_ms, number, one.event, one.by)
    return StoryLine(one.at_ms, number, one.event, one.by, one.line["guest_diamonds"], one.line["anchor_points"])


def _folded(run: Sequence[StoryLine]) -> Sequence[StoryLine]:
    first, *middle, last = run
    names = [line.event.removeprefix("minute ").partition(",")[0] for line in middle]
    event = f"minutes {names[0]}–{names[-1]}"
    paid = sum(line.guest_diamonds or 0 for line in middle)
    earned = sum(line.anchor_points or 0 for line in middle)
    return (first, StoryLine(None, None, event, first.by, paid, earned), last)
