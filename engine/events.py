"""What people may learn of a session: frozen facts in the past tense.

Surfaces translate them into their own frames. An event about money is told only after its commit (INV-17); one that
must not be lost carries an ``event_id`` and goes through the outbox, so that receivers can drop a repeat.
"""

from typing import ClassVar, Final

import msgspec

from store.interfaces.calls import EndReason, Side
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.messages import MessageRecord
from store.interfaces.rooms import Face, SeatRecord
from store.interfaces.shows import ShowKind

__all__ = [
    "AdmissionPaid",
    "AnchorLineShown",
    "AudienceChanged",
    "BalanceLow",
    "BroadcastBanned",
    "CallAnswered",
    "CallEnded",
    "CallRang",
    "CallRoomOpened",
    "CallStarted",
    "CrowdChanged",
    "DonationMade",
    "Event",
    "GiftSent",
    "Given",
    "LinkMicSaid",
    "MessageSaid",
    "MinuteBegan",
    "Muted",
    "OfferAnswered",
    "PartyLost",
    "PartyReturned",
    "RightEnded",
    "RoomClosed",
    "RoomShown",
    "RoomTextSaid",
    "SeatLeft",
    "SeatOffered",
    "SeatTaken",
    "SeatTakenAway",
    "SentAway",
    "SubscriptionBegun",
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
    """A gift was paid; told to giver and recipient. Sent at least once: ``event_id`` is the entry's id.

    ``earned`` is what the recipient got for it; his face is empty where the surface does not look him up. ``room_id``
    is set when it was given in a room, which counts in ``combo`` how often it was given in a row.
    """

    event_id: str
    call_id: CallId | None
    room_id: RoomId | None
    from_id: PersonId
    to_id: PersonId
    giver: Face = Face()
    recipient: Face = Face()
    gift_id: int
    name: str
    image_url: str
    count: int
    earned: int
    combo: int = 1


class DonationMade(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A donation was paid; told to both, and to everybody in ``room_id`` where there is one.

    Sent at least once: ``event_id`` is the entry's id. The names are those that the two had then.
    """

    event_id: str
    room_id: RoomId | None
    number: int
    from_id: PersonId
    from_name: str
    to_id: PersonId
    to_name: str
    amount: int


class SubscriptionBegun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody has subscribed to an anchor until ``until_ms``; told to both.

    Sent at least once where it costs something, and ``event_id`` is the entry's id.
    """

    event_id: str
    from_id: PersonId
    from_name: str
    to_id: PersonId
    to_name: str
    price: int
    until_ms: int


class AdmissionPaid(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody has paid for entering an anchor's room, once and for good; told to both.

    Sent at least once: ``event_id`` is the entry's id.
    """

    event_id: str
    room_id: RoomId
    from_id: PersonId
    from_name: str
    to_id: PersonId
    price: int


Given = GiftSent | DonationMade
"""What somebody has paid for and a room may see."""


class SeatTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody sits, or sits and has another stream or face now; told to everybody in the room."""

    room_id: RoomId
    person_id: PersonId
    seat: str
    stream: str
    face: Face
    status_code: int


class SeatLeft(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A seat is free again; told to everybody in the room."""

    room_id: RoomId
    person_id: PersonId
    seat: str
    face: Face
    status_code: int


class SeatOffered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The anchor invites; told to the one who may now sit until ``until_ms``."""

    room_id: RoomId
    until_ms: int


class OfferAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """He sits, or he will not (any more); told to the anchor."""

    room_id: RoomId
    person_id: PersonId
    face: Face
    is_accepted: bool


class SeatTakenAway(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The anchor has taken this person off the stage; told to him."""

    room_id: RoomId


class AudienceChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How many people are in the room, and how much it is liked; told to everybody there, not at every step of it."""

    droppable: ClassVar[bool] = True

    room_id: RoomId
    count: int
    likes_count: int


class CrowdChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who is in the room, the anchor left out: all, and among them those who have applied. Told to the anchor."""

    droppable: ClassVar[bool] = True

    room_id: RoomId
    men_count: int
    men_applied_count: int
    women_count: int
    women_applied_count: int


class RoomTextSaid(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody in the room said something; ``from_id`` and the face are the server's word."""

    room_id: RoomId
    from_id: PersonId
    face: Face
    text: str
    at_ms: int


class AnchorLineShown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something was said in the anchor's own conversation, by her or by her character; told to everybody in the room.

    ``speaker`` is by whose name, ``sent`` the client's own words for when; ``html`` is harmless.
    """

    room_id: RoomId
    anchor: Face
    is_anchor: bool
    speaker: str
    sent: str
    text: str
    html: str


class Muted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """This person may not talk in the room until ``until_ms`` (None: until it is lifted), or may again."""

    room_id: RoomId
    is_muted: bool
    until_ms: int | None


class SentAway(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """This person has been kicked out of the room, or banned from it, until ``until_ms`` (None: for good)."""

    room_id: RoomId
    until_ms: int | None


class RightEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """This person may be at the show no longer, and is not: it is of this ``kind`` now, with this price."""

    room_id: RoomId
    kind: ShowKind
    price: int


class RoomClosed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The room is closed; told to everybody in it."""

    room_id: RoomId
    status_code: int


class RoomShown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A room as it is, for connections that begin to listen; what is told next follows on it without a hole.

    Its position is where they stand then. ``is_recovered``: a connection is given all it has missed since the position
    it asked for, right after this. ``standing`` and ``seat`` are what its person is here.
    """

    room_id: RoomId
    is_recovered: bool
    standing: str
    seat: str
    anchor_id: PersonId
    anchor: Face
    seats: tuple[SeatRecord, ...]
    count: int
    likes_count: int


class LinkMicSaid(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Client-to-client word about linking microphones, between people of one room (LR-4)."""

    room_id: RoomId
    from_id: PersonId
    kind: str
    result: str
    reason: str


class MessageSaid(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody has said something to a friend, to a group or to everybody; told to those who are in it, him included.

    It is kept. Sent at least once, and in one order to all who hear the conversation: receivers drop what they have.
    """

    message: MessageRecord


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
    | DonationMade
    | SubscriptionBegun
    | AdmissionPaid
    | SeatTaken
    | SeatLeft
    | SeatOffered
    | OfferAnswered
    | SeatTakenAway
    | AudienceChanged
    | CrowdChanged
    | RoomTextSaid
    | AnchorLineShown
    | Muted
    | SentAway
    | RightEnded
    | RoomClosed
    | RoomShown
    | LinkMicSaid
    | MessageSaid
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
