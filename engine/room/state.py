"""A room as its owner knows it, and what a decision about it consists of. Frozen; no rules here."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
from immutables import Map
from msgspec.structs import replace

from engine.events import Event
from store.interfaces.ids import PersonId
from store.interfaces.rooms import Applicant, Face, RoomRecord, Sanction, SanctionKind, SeatRecord

__all__ = [
    "NO_VIEWERS",
    "Came",
    "Closed",
    "Combo",
    "CountAgain",
    "Decision",
    "Effect",
    "LineClosed",
    "LineOpened",
    "RoomState",
    "Standing",
    "SweepAgain",
    "Tell",
    "TellRoom",
    "Viewer",
    "Went",
    "saved",
]


class Standing(StrEnum):
    """What somebody is in a room."""

    WATCHING = "watching"
    APPLIED = "applied"
    SEATED = "seated"
    ANCHOR = "anchor"


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """One of the audience. ``since_ms`` is when he came, or came back from the stage or from applying for it."""

    face: Face = Face()
    described: str = ""
    since_ms: int


class Combo(msgspec.Struct, frozen=True):
    """How often somebody has given the same gift in a row; it goes on until ``until_ms``."""

    count: int
    until_ms: int


NO_VIEWERS: Final[Map[PersonId, Viewer]] = Map()


class RoomState(msgspec.Struct, frozen=True, kw_only=True):
    """A room as its owner knows it: the record, and what need not outlive the owner.

    ``audience`` holds everybody inside who neither sits nor is the anchor of a room that she is in without a seat;
    ``invitations`` until when each is open. ``likes_count`` runs ahead of the record's.

    ``beats`` are the seated whose line of pictures is open, with the time of their last sign of life;
    ``silent_since_ms`` is from when on somebody of whom nothing is known counts as silent (the owner's first moment),
    ``empty_since_ms`` when the last got up. ``cut_off`` are the seated whose pictures a media server saw stop, with the
    time of the last of them: until pictures come again, nothing that their clients say counts as a sign of life
    (ADR 5). ``counted_at_ms`` is when the room was last told how many it is, ``is_count_due`` whether it will be again.
    """

    record: RoomRecord
    audience: Map[PersonId, Viewer] = NO_VIEWERS
    invitations: Mapping[PersonId, int] = {}
    beats: Mapping[PersonId, int] = {}
    cut_off: Mapping[PersonId, int] = {}
    combos: Mapping[tuple[PersonId, PersonId, int], Combo] = {}
    likes_count: int = 0
    silent_since_ms: int
    empty_since_ms: int | None = None
    counted_at_ms: int = 0
    is_count_due: bool = False

    def seat_of(self, person_id: PersonId) -> SeatRecord | None:
        """Where the person sits."""
        return next((seat for seat in self.record.seats if seat.person_id == person_id), None)

    def application_of(self, person_id: PersonId) -> Applicant | None:
        """The person's open application."""
        return next((applicant for applicant in self.record.applicants if applicant.person_id == person_id), None)

    def sanction_of(self, person_id: PersonId, kind: SanctionKind, *, now_ms: int) -> Sanction | None:
        """What is in force against the person."""
        for sanction in self.record.sanctions:
            if (sanction.person_id, sanction.kind) == (person_id, kind) and (
                sanction.until_ms is None or sanction.until_ms > now_ms
            ):
                return sanction
        return None

    def is_member(self, person_id: PersonId) -> bool:
        """Whether the person sits, watches, or is one of the room's call."""
        return person_id in self.audience or person_id in self.record.members or self.seat_of(person_id) is not None


class TellRoom(msgspec.Struct, frozen=True):
    """Tell everybody in the room. What ``is_kept`` has a place in the room's story; a count, soon old, has none."""

    event: Event
    is_kept: bool = True


class Tell(msgspec.Struct, frozen=True):
    """Tell one person."""

    person_id: PersonId
    event: Event


class Came(msgspec.Struct, frozen=True):
    """This person hears the room from now on."""

    person_id: PersonId


class Went(msgspec.Struct, frozen=True):
    """This person hears it no longer; what he should hear of it comes before."""

    person_id: PersonId


class LineOpened(msgspec.Struct, frozen=True):
    """This person is held by his pictures from now on."""

    person_id: PersonId


class LineClosed(msgspec.Struct, frozen=True):
    """This person's pictures have stopped; ``heard_at_ms`` was his last sign of life."""

    person_id: PersonId
    heard_at_ms: int


class SweepAgain(msgspec.Struct, frozen=True):
    """Wake the room at ``due_ms`` to sweep."""

    due_ms: int


class CountAgain(msgspec.Struct, frozen=True):
    """Wake the room at ``due_ms`` to tell how many it is."""

    due_ms: int


class Closed(msgspec.Struct, frozen=True):
    """The room is closed, and ``inside`` are in it no longer; its owner may forget it."""

    by_anchor: bool
    inside: tuple[PersonId, ...]


Effect = TellRoom | Tell | Came | Went | LineOpened | LineClosed | SweepAgain | CountAgain | Closed


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: ``state`` holds once ``write`` is confirmed, then ``effects`` happen in order."""

    state: RoomState
    write: RoomRecord | None = None
    effects: tuple[Effect, ...] = ()


def saved(state: RoomState, *effects: Effect) -> Decision:
    """``state`` with its record to be written, likes and all."""
    record = replace(state.record, version=state.record.version + 1, likes_count=state.likes_count)
    return Decision(state=replace(state, record=record), write=record, effects=effects)
