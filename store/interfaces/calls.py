"""Paid calls as they are kept: who, at which price, how far, and who owns the live ones."""

from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId, RoomId

__all__ = ["CallRecord", "CallStore", "EndReason", "HistoryLine", "Phase", "Price", "Side"]


class Side(StrEnum):
    """The two people of a call."""

    GUEST = "guest"
    ANCHOR = "anchor"

    @property
    def other(self) -> "Side":
        """The one across."""
        return Side.ANCHOR if self is Side.GUEST else Side.GUEST


class Phase(StrEnum):
    """How far a call is."""

    RINGING = "ringing"
    JOINING = "joining"
    """Agreed; waiting for both to be connected. Nothing is owed yet."""
    CONNECTED = "connected"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a call ended."""

    REFUSED = "refused"
    CANCELLED = "cancelled"
    NO_ANSWER = "no_answer"
    NOT_CONNECTED = "not_connected"
    NO_DIAMONDS = "no_diamonds"
    HUNG_UP = "hung_up"
    LOST = "lost"
    BANNED = "banned"
    STOPPED = "stopped"
    OUTAGE = "outage"
    """The server was down past what had been paid: nobody can know that they still talked (CA-28, D-18)."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What one minute costs and earns; frozen when the call begins to ring (CA-18)."""

    points: int
    """The anchor's own price, shown to both."""
    diamonds: int
    """What the guest pays."""
    earned_points: int
    """What the anchor receives after her share."""


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a call's story. ``by`` is a side, ``clock``, ``operator`` or ``store``."""

    at_ms: int
    event: str
    by: str


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call. All times are the store's, in milliseconds since 1970.

    ``epoch`` grows with every change of owner, ``version`` with every ``save``; ``minutes_paid``, and with minute 1
    ``phase`` and ``started_at_ms``, are moved by the ledger alone.
    """

    id: CallId
    guest_id: PersonId
    anchor_id: PersonId
    rung_by: Side
    phase: Phase
    price: Price
    rung_at_ms: int
    ring_until_ms: int
    answered_at_ms: int | None = None
    join_until_ms: int | None = None
    room_id: RoomId | None = None
    start_stated: bool = False
    """The anchor has said ``startCall``; minute 1 waits for the guest only (CA-12)."""
    started_at_ms: int | None = None
    minutes_paid: int = 0
    gap_since_ms: int | None = None
    absent: tuple[Side, ...] = ()
    unbilled_ms: int = 0
    unowned_since_ms: int | None = None
    """Set by a claim, until its owner has resumed the call: from then on nobody is known to have looked after it."""
    ended_at_ms: int | None = None
    end_reason: EndReason | None = None
    ended_by: str = ""
    owner: NodeId = NOBODY
    epoch: int = 1
    version: int = 0
    history: tuple[HistoryLine, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether the call still has to end."""
        return self.phase is not Phase.ENDED

    @property
    def origin(self) -> tuple[object, ...]:
        """What is fixed when a call begins to ring, and so tells whether two records are the same call."""
        return (self.guest_id, self.anchor_id, self.rung_by, self.price, self.rung_at_ms)

    def side_of(self, person_id: PersonId) -> Side:
        """Which of the two this person is; only for the two."""
        return Side.GUEST if person_id == self.guest_id else Side.ANCHOR

    def person(self, side: Side) -> PersonId:
        """Who sits on that side."""
        return self.guest_id if side is Side.GUEST else self.anchor_id


class CallStore(Protocol):
    """Calls, live and ended. Every write to a live call is fenced by its epoch (D-14)."""

    async def add(self, call: CallRecord) -> CallRecord:
        """Keep a new call; adding the same call again is fine and returns what is kept.

        Raises:
            LiveCall: one of the two has a call that has not ended (INV-13); nothing changed.
            Conflict: the id belongs to another call.
            Unavailable: unknown; adding again is safe.
        """

    async def save(self, call: CallRecord) -> None:
        """Replace the record of ``call.id``, ledger-owned fields excepted, if it has this epoch and the version before.

        ``call.version`` is the new version. Saving the same record again is fine (it is recognised by its version).
        An ended call frees both people in the same write.

        Raises:
            NotOwner: the epoch has moved on, or the call had ended; nothing changed.
            Unavailable: unknown; saving again is safe.
        """

    async def get(self, call_id: CallId) -> CallRecord | None:
        """One call, or None."""

    async def live_of(self, person_id: PersonId) -> CallRecord | None:
        """The call of this person that has not ended, or None."""

    async def last_between(self, guest_id: PersonId, anchor_id: PersonId) -> CallRecord | None:
        """The newest call of this pair, or None."""

    async def of_person(self, person_id: PersonId, *, skip: int, limit: int) -> tuple[CallRecord, ...]:
        """Calls of either side, newest first."""

    async def live(self, *, limit: int = 1000) -> tuple[CallRecord, ...]:
        """Calls that have not ended, oldest first."""

    async def adoptable(self, me: NodeId, *, limit: int = 1000) -> tuple[CallRecord, ...]:
        """Live calls owned by nobody, by a node that is dead (D-13), or by ``me``."""

    async def claim(self, call: CallRecord, me: NodeId, *, unowned_since_ms: int | None = None) -> CallRecord | None:
        """Become the owner of ``call`` as it was read: owner = ``me``, epoch + 1. None when somebody else was faster.

        Succeeds only when the owner is nobody, ``me``, or dead at this moment. ``unowned_since_ms``, if given, is kept
        with it: should ``me`` die before it resumes the call, the next owner knows for how long nobody did.

        Raises: Unavailable: unknown; look again.
        """

    async def release(self, call_id: CallId, epoch: int) -> None:
        """Give the call up at once (D-15): owner = nobody, epoch + 1. Harmless when not the owner."""

    async def counts_today(self, since_ms: int) -> "dict[str, int]":
        """How many calls began to ring since then, by phase or end reason."""
