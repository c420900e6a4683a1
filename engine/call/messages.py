"""Everything a call's mailbox accepts.

Commands come from people and operators and are asked; facts and alarms are told. Whatever happened outside carries
the time at which it happened (``at_ms``, store time), so that a call that was busy with a slow store still judges it
rightly.
"""

import msgspec

from store.interfaces.calls import EndReason, Side
from store.interfaces.ids import RoomId

__all__ = [
    "Answer",
    "Arrived",
    "Decline",
    "GraceOver",
    "HangUp",
    "JoinOver",
    "Left",
    "LowBalanceDue",
    "Message",
    "MinuteDue",
    "MinutePaid",
    "MinuteUnpayable",
    "OpenRoom",
    "Resume",
    "RingOver",
    "Start",
    "Stop",
]


class Answer(msgspec.Struct, frozen=True):
    """``by`` agrees to a call that the other one rang."""

    by: Side
    at_ms: int


class Decline(msgspec.Struct, frozen=True):
    """``by`` refuses a call that the other one rang."""

    by: Side
    at_ms: int


class OpenRoom(msgspec.Struct, frozen=True):
    """The anchor made a room for this call; with a guest's ring, that answers it."""

    room_id: RoomId
    at_ms: int


class Start(msgspec.Struct, frozen=True):
    """The anchor says that both are there. ``guest_is_away`` when the server knows that the guest is not (CA-12)."""

    guest_is_away: bool
    at_ms: int


class HangUp(msgspec.Struct, frozen=True):
    """``by`` ends the call, whatever it is doing."""

    by: Side
    at_ms: int


class Stop(msgspec.Struct, frozen=True):
    """Somebody other than the two ends it: an operator, a ban, the server."""

    reason: EndReason
    by: str
    at_ms: int


class Arrived(msgspec.Struct, frozen=True):
    """The server sees this side (again)."""

    side: Side
    at_ms: int


class Left(msgspec.Struct, frozen=True):
    """The server has lost sight of this side."""

    side: Side
    at_ms: int


class RingOver(msgspec.Struct, frozen=True):
    """Alarm: nobody answered in time."""


class JoinOver(msgspec.Struct, frozen=True):
    """Alarm: the two did not connect in time."""


class MinuteDue(msgspec.Struct, frozen=True):
    """Alarm: minute ``minute`` begins at ``due_ms``, as far as was known when the alarm was set.

    The two make an alarm recognisable that is late, doubled, or was set before a gap moved the grid.
    """

    minute: int
    due_ms: int


class LowBalanceDue(msgspec.Struct, frozen=True):
    """Alarm: a little before minute ``minute``, for which the balance did not suffice when last seen."""

    minute: int


class GraceOver(msgspec.Struct, frozen=True):
    """Alarm: the gap that began at ``gap_since_ms`` has lasted as long as it may."""

    gap_since_ms: int


class MinutePaid(msgspec.Struct, frozen=True):
    """The ledger's answer: minute ``minute`` is paid; ``guest_diamonds`` are left to the guest."""

    minute: int
    begins_at_ms: int
    guest_diamonds: int


class MinuteUnpayable(msgspec.Struct, frozen=True):
    """The ledger's answer: the guest cannot pay minute ``minute``."""

    minute: int
    begins_at_ms: int


class Resume(msgspec.Struct, frozen=True):
    """First message to an actor that took over a stored call; nobody owned it since ``last_proof_ms``."""

    last_proof_ms: int


Message = (
    Answer
    | Decline
    | OpenRoom
    | Start
    | HangUp
    | Stop
    | Arrived
    | Left
    | RingOver
    | JoinOver
    | MinuteDue
    | LowBalanceDue
    | GraceOver
    | MinutePaid
    | MinuteUnpayable
    | Resume
)
