"""What people may learn of a session: frozen facts in the past tense.

Surfaces translate them into their own frames. An event about money is told only after its commit (INV-17); one that
must not be lost carries an ``event_id`` and goes through the outbox, so that receivers can drop a repeat.
"""

from typing import Final

import msgspec

from store.interfaces.calls import EndReason, Side
from store.interfaces.ids import CallId, PersonId, RoomId

__all__ = [
    "AudienceChanged",
    "BalanceLow",
    "BroadcastBanned",
    "CallAnswered",
    "CallEnded",
    "CallRang",
    "CallRoomOpened",
    "CallStarted",
    "Event",
    "GiftSent",
    "LinkMicSaid",
    "MinuteBegan",
    "PartyLost",
    "PartyReturned",
    "PushersChanged",
    "RoomTextSaid",
    "WarningIssued",
    "decode_event",
    "encode_event",
]


class CallRang(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody rings; told to the one who is called."""

    call_id: CallId
    from_id: PersonId


class CallAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The called one agreed, or the two asked for each other; told to both."""

    call_id: CallId
    by: PersonId


class CallRoomOpened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The room for this call exists; told to both."""

    call_id: CallId
    room_id: RoomId


class CallStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Both are connected and minute 1 is paid; told to both."""

    call_id: CallId
    started_at_ms: int


class MinuteBegan(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Another minute is paid; told to both. ``guest_diamonds`` goes to the guest only (None for the anchor)."""

    call_id: CallId
    minute: int
    guest_diamonds: int | None


class BalanceLow(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The next minute is not covered and the call would end in ``left_ms``; told to both."""

    call_id: CallId
    left_ms: int


class PartyLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One of the two lost his line: nothing is charged for at most ``grace_ms``. Told to the other."""

    call_id: CallId
    person_id: PersonId
    grace_ms: int


class PartyReturned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """He is back; told to the other."""

    call_id: CallId
    person_id: PersonId


class CallEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The call is over; told to both. ``minutes`` is what was paid."""

    call_id: CallId
    reason: EndReason
    minutes: int
    by: Side | None = None


class GiftSent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A gift was paid; told to giver and anchor. Sent at least once: ``event_id`` is the entry's id."""

    event_id: str
    call_id: CallId | None
    room_id: RoomId | None
    from_id: PersonId
    to_id: PersonId
    gift_id: int
    name: str
    count: int
    points: int


class PushersChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who sends pictures into the room has changed; told to everybody in it."""

    room_id: RoomId
    status_code: int


class AudienceChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How many people watch the room."""

    room_id: RoomId
    count: int


class RoomTextSaid(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody in the room said something; ``from_id``, name and picture are the server's word."""

    room_id: RoomId
    from_id: PersonId
    nickname: str
    avatar_url: str
    text: str


class LinkMicSaid(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Client-to-client word about linking microphones, between people of one room (LR-4)."""

    room_id: RoomId
    from_id: PersonId
    kind: str
    result: str
    reason: str


class WarningIssued(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The platform warns this person."""

    text: str


class BroadcastBanned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The platform has excluded this person; ``is_account`` when from everything."""

    text: str
    is_account: bool


Event = (
    CallRang
    | CallAnswered
    | CallRoomOpened
    | CallStarted
    | MinuteBegan
    | BalanceLow
    | PartyLost
    | PartyReturned
    | CallEnded
    | GiftSent
    | PushersChanged
    | AudienceChanged
    | RoomTextSaid
    | LinkMicSaid
    | WarningIssued
    | BroadcastBanned
)

_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The event as the outbox keeps it."""
    return msgspec.json.encode(event)


def decode_event(payload: bytes) -> Event:
    """The inverse of ``encode_event``."""
    return _decoder.decode(payload)
