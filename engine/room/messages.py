"""Everything a room's mailbox accepts. Commands are asked; the sweep is an alarm. ``at_ms`` is store time."""

from typing import Literal

import msgspec

from store.interfaces.ids import PersonId

__all__ = [
    "AddPusher",
    "Beat",
    "Destroy",
    "EnterAudience",
    "LeaveAudience",
    "Message",
    "RemovePusher",
    "SetField",
    "StreamBegan",
    "StreamEnded",
    "StreamHeard",
    "SweepDue",
]


class AddPusher(msgspec.Struct, frozen=True, kw_only=True):
    """The person begins to send pictures as ``stream``; the first one activates the room."""

    person_id: PersonId
    stream: str
    name: str
    avatar_url: str
    at_ms: int


class RemovePusher(msgspec.Struct, frozen=True, kw_only=True):
    """``by`` takes ``person_id`` (himself, or as the room's creator anybody) off the pushers."""

    by: PersonId
    person_id: PersonId
    at_ms: int


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """A pusher is still there."""

    person_id: PersonId
    at_ms: int


class StreamBegan(msgspec.Struct, frozen=True, kw_only=True):
    """A media server wants to let ``stream`` in; ``name`` and ``avatar_url`` describe a pusher who is not here yet."""

    person_id: PersonId
    stream: str
    name: str
    avatar_url: str
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


class EnterAudience(msgspec.Struct, frozen=True, kw_only=True):
    """The person watches; ``described`` is the client's own JSON text about him."""

    person_id: PersonId
    described: str
    at_ms: int


class LeaveAudience(msgspec.Struct, frozen=True, kw_only=True):
    """The person watches no longer."""

    person_id: PersonId
    at_ms: int


class SetField(msgspec.Struct, frozen=True, kw_only=True):
    """``by`` changes a custom field; ``inc`` and ``dec`` count by ``value`` (default 1)."""

    by: PersonId
    name: str
    operation: Literal["set", "inc", "dec"]
    value: str | int | None


class Destroy(msgspec.Struct, frozen=True, kw_only=True):
    """The room closes; ``by`` is its creator, or None when its call has ended or an operator closes it."""

    by: PersonId | None
    at_ms: int


class SweepDue(msgspec.Struct, frozen=True):
    """Alarm: look for silent pushers, gone viewers and an empty room."""


Message = (
    AddPusher
    | RemovePusher
    | Beat
    | StreamBegan
    | StreamHeard
    | StreamEnded
    | EnterAudience
    | LeaveAudience
    | SetField
    | Destroy
    | SweepDue
)
