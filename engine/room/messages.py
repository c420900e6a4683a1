"""Everything a room's mailbox accepts. Commands are asked; alarms and the sweep are told. ``at_ms`` is store time.

``by`` is who wants it; None is the platform.
"""

from typing import Literal

import msgspec

from engine.events import Event, Given
from engine.ports import Position
from store.interfaces.ids import PersonId
from store.interfaces.rooms import Face, SanctionKind

__all__ = [
    "Announce",
    "Apply",
    "Attendance",
    "Away",
    "Beat",
    "CountDue",
    "Decline",
    "Destroy",
    "Enter",
    "Impose",
    "Invite",
    "Leave",
    "Lift",
    "Like",
    "Listen",
    "Message",
    "Say",
    "SetField",
    "ShowGiven",
    "Sit",
    "StreamBegan",
    "StreamEnded",
    "StreamHeard",
    "SweepDue",
    "Unseat",
]


class Enter(msgspec.Struct, frozen=True, kw_only=True):
    """The person watches; ``described`` is the client's own JSON text about him, where the dialect has one.

    ``places`` is how many may watch this room, where that is fewer than the rules allow.
    """

    person_id: PersonId
    face: Face
    described: str = ""
    places: int | None = None
    at_ms: int


class Leave(msgspec.Struct, frozen=True, kw_only=True):
    """The person goes out, off the stage too; of rooms whose seats are held by pictures only the audience does."""

    person_id: PersonId
    at_ms: int


class Apply(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer asks for a seat."""

    person_id: PersonId
    at_ms: int


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """The anchor asks a viewer onto the stage."""

    by: PersonId
    person_id: PersonId
    at_ms: int


class Decline(msgspec.Struct, frozen=True, kw_only=True):
    """The viewer does not want the seat any more that he was offered or has asked for."""

    person_id: PersonId
    at_ms: int


class Sit(msgspec.Struct, frozen=True, kw_only=True):
    """The person takes the seat that is for him, and sends his pictures as ``stream``."""

    person_id: PersonId
    face: Face
    stream: str
    at_ms: int


class Unseat(msgspec.Struct, frozen=True, kw_only=True):
    """``by`` takes ``person_id`` (himself, or as the anchor anybody) off the stage."""

    by: PersonId | None
    person_id: PersonId
    at_ms: int


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the stage is still there."""

    person_id: PersonId
    at_ms: int


class StreamBegan(msgspec.Struct, frozen=True, kw_only=True):
    """A media server wants to let ``stream`` in; ``face`` describes somebody who is not on the stage yet."""

    person_id: PersonId
    stream: str
    face: Face
    at_ms: int


class StreamHeard(msgspec.Struct, frozen=True, kw_only=True):
    """A media server reports that pictures of ``stream`` keep coming."""

    person_id: PersonId
    stream: str
    at_ms: int


class StreamEnded(msgspec.Struct, frozen=True, kw_only=True):
    """No more pictures of ``stream``; the last of them came at ``heard_at_ms``."""

    person_id: PersonId
    stream: str
    heard_at_ms: int


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """Something for everybody in the room."""

    person_id: PersonId
    face: Face
    text: str


class Like(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` taps on the heart."""

    person_id: PersonId
    count: int


class ShowGiven(msgspec.Struct, frozen=True, kw_only=True):
    """A gift or a donation was paid; the room is to see it."""

    given: Given


class Announce(msgspec.Struct, frozen=True, kw_only=True):
    """Something has happened that the room is to hear of, in its order; none of its own business."""

    event: Event


class Impose(msgspec.Struct, frozen=True, kw_only=True):
    """``by`` (the anchor) mutes somebody or bans him, until ``until_ms`` or until it is lifted."""

    by: PersonId | None
    person_id: PersonId
    kind: SanctionKind
    until_ms: int | None
    at_ms: int


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """``by`` takes that back; harmless when nothing was imposed."""

    by: PersonId | None
    person_id: PersonId
    kind: SanctionKind
    at_ms: int


class SetField(msgspec.Struct, frozen=True, kw_only=True):
    """``by`` changes a custom field; ``inc`` and ``dec`` count by ``value`` (default 1)."""

    by: PersonId
    name: str
    operation: Literal["set", "inc", "dec"]
    value: str | int | None


class Destroy(msgspec.Struct, frozen=True, kw_only=True):
    """The room closes; ``by`` is its anchor, or None when its call has ended or an operator closes it."""

    by: PersonId | None
    at_ms: int


class Attendance(msgspec.Struct, frozen=True):
    """When somebody was last here. ``is_held``: he is here now, by a line; ``had_line``: he has been, at some time."""

    is_held: bool
    seen_at_ms: int
    had_line: bool


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in the room of whom nothing has been seen since ``since_ms``; ``had_line``: he had a socket before.

    Whoever ``is_awaited`` was inside when this owner began and has not been seen by it: he may be on his way back.
    """

    person_id: PersonId
    since_ms: int
    had_line: bool
    is_awaited: bool = False


class SweepDue(msgspec.Struct, frozen=True):
    """Alarm: look for silent seats, people who have gone, and an empty room. The actor fills ``away`` in."""

    away: tuple[Away, ...] = ()


class CountDue(msgspec.Struct, frozen=True):
    """Alarm: what has been counted meanwhile may be told."""


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """One ``connection`` of somebody inside hears the room from now on, and first what it missed after ``since``."""

    person_id: PersonId
    connection: str
    since: Position | None


Message = (
    Announce
    | Enter
    | Leave
    | Apply
    | Invite
    | Decline
    | Sit
    | Unseat
    | Beat
    | StreamBegan
    | StreamHeard
    | StreamEnded
    | Say
    | Like
    | ShowGiven
    | Impose
    | Lift
    | SetField
    | Destroy
    | SweepDue
    | CountDue
)
"""What ``step`` decides. ``Listen`` changes nothing and is the actor's own."""
