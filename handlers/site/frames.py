"""What happens in a room, in this surface's frames: ``{"type", "data"}``, the same for everybody who hears it.

Beside the documented fields a frame may have ``epoch`` with ``seq``, where it is part of the room's story. Knows no
command and no connection. Source: seed behaviour §2.7 (Room socket), SITE-8, SITE-45, SITE-48.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from engine import events
from engine.ports import Position
from engine.services.shows import name_of_show
from handlers.site.rooms import speaker
from handlers.site.times import chat_time, naive_seconds
from handlers.wire.codec import write_json
from store.interfaces.ids import RoomId

__all__ = ["FRAMES", "encode", "encode_at"]


# --- what is told ----------------------------------------------------------------------------------------------------


class UserMessage(msgspec.Struct, kw_only=True):
    """Something a viewer said. ``identity`` 0 is a guest, with uid ``0``; by ``guest_id`` an anchor may mute him."""

    uid: str
    username: str
    user_message: str
    send_date: str
    identity: int
    guest_id: str


class LiveMessage(msgspec.Struct, kw_only=True):
    """Something the anchor (``is_user``) or her character said; ``live_message_html`` is harmless."""

    uid: str
    username: str
    is_user: bool
    sender_name: str
    send_date: str
    live_message: str
    live_message_html: str


class InRoom(msgspec.Struct, kw_only=True):
    """Which room."""

    room_id: str


class Status(InRoom, kw_only=True):
    """Whether the room is on air, and how many watch. ``recovered``: what you missed follows."""

    room_name: str
    live_status: bool
    live_num: int
    recovered: bool


class Number(InRoom, kw_only=True):
    """How many people watch, the anchor not among them."""

    live_num: int


class Donation(msgspec.Struct, kw_only=True):
    """Diamonds from a viewer to an anchor. ``event_id`` is the same when it is told twice."""

    donation_id: int
    user_name: str
    anchor_name: str
    amount: float
    event_id: str


class Subscription(msgspec.Struct, kw_only=True):
    """A viewer is subscribed to an anchor from now on. ``event_id`` is the same when it is told twice."""

    user_name: str
    anchor_name: str
    amount: float
    expiry_date: str
    event_id: str


class Admission(InRoom, kw_only=True):
    """A viewer has paid for a room. ``event_id`` is the same when it is told twice."""

    user_name: str
    amount: int
    event_id: str


class Silence(InRoom, kw_only=True):
    """Whether you may not talk in the room, and until when (milliseconds since 1970; null: until it is lifted)."""

    muted: bool
    until_ms: int | None


class Absence(InRoom, kw_only=True):
    """You are out of the room, and not let in again before ``until_ms`` (null: ever)."""

    until_ms: int | None


class Door(InRoom, kw_only=True):
    """You are out of the room: it is of this type now, and to enter costs ``amount``."""

    room_type: int
    amount: int


class Word(msgspec.Struct, kw_only=True):
    """A sentence of the platform, to you."""

    text: str


# --- frames ----------------------------------------------------------------------------------------------------------


class _Told(msgspec.Struct, kw_only=True):
    """A frame; ``epoch`` and ``seq`` stand where it is part of the room's story."""

    epoch: int | UnsetType = UNSET
    seq: int | UnsetType = UNSET


class ChatUserMessage(_Told, kw_only=True):
    """A viewer says something."""

    type: Literal["chat_user_message"] = "chat_user_message"
    data: UserMessage


class ChatLiveMessage(_Told, kw_only=True):
    """The anchor or her character says something."""

    type: Literal["chat_live_message"] = "chat_live_message"
    data: LiveMessage


class RoomStatus(_Told, kw_only=True):
    """The room as it is, before anything else of it; or that it is off air."""

    type: Literal["room_status"] = "room_status"
    data: Status


class LiveNum(_Told, kw_only=True):
    """More watch, or fewer."""

    type: Literal["live_num"] = "live_num"
    data: Number


class DonationTold(_Told, kw_only=True):
    """Somebody gave something."""

    type: Literal["donation"] = "donation"
    data: Donation


class SubscriptionTold(_Told, kw_only=True):
    """To the two alone: somebody subscribes."""

    type: Literal["subscription"] = "subscription"
    data: Subscription


class AdmissionTold(_Told, kw_only=True):
    """To the two alone: somebody may enter from now on."""

    type: Literal["admission"] = "admission"
    data: Admission


class MutedTold(_Told, kw_only=True):
    """You may not talk, or may again."""

    type: Literal["muted"] = "muted"
    data: Silence


class SentAwayTold(_Told, kw_only=True):
    """You have been sent out."""

    type: Literal["sent_away"] = "sent_away"
    data: Absence


class RightEndedTold(_Told, kw_only=True):
    """You have neither paid for the room nor are subscribed to its anchor, and were inside until now."""

    type: Literal["right_ended"] = "right_ended"
    data: Door


class Notice(_Told, kw_only=True):
    """The platform has something to say to you."""

    type: Literal["notice"] = "notice"
    data: Word


def encode(event: events.Event) -> bytes | None:
    """The frame of an event; None where this surface shows none."""
    told = _told(event)
    return None if told is None else write_json(msgspec.to_builtins(told))


def encode_at(event: events.Event, position: Position) -> bytes | None:
    """The same with its place in the room's story."""
    told = _told(event)
    if told is None:
        return None
    placed = msgspec.structs.replace(told, epoch=position.epoch, seq=position.seq)
    return write_json(msgspec.to_builtins(placed))


def _told(event: events.Event) -> _Told | None:
    match event:
        case events.RoomTextSaid(from_id=from_id, face=face, text=text, at_ms=at_ms):
            who = speaker(from_id, face.public_id or str(from_id))
            return ChatUserMessage(
                data=UserMessage(
                    uid=who.uid,
                    username=face.nickname,
                    user_message=text,
                    send_date=chat_time(at_ms),
                    identity=who.identity,
                    guest_id=who.guest_id,
                )
            )
        case events.AnchorLineShown():
            return ChatLiveMessage(
                data=LiveMessage(
                    uid=event.anchor.public_id,
                    username=event.anchor.nickname,
                    is_user=event.is_anchor,
                    sender_name=event.speaker,
                    send_date=event.sent,
                    live_message=event.text,
                    live_message_html=event.html,
                )
            )
        case events.RoomShown(room_id=room_id, count=count, is_recovered=is_recovered):
            return RoomStatus(data=_status(room_id, is_on_air=True, count=count, is_recovered=is_recovered))
        case events.RoomClosed(room_id=room_id):
            return RoomStatus(data=_status(room_id, is_on_air=False))
        case events.AudienceChanged(room_id=room_id, count=count):
            return LiveNum(data=Number(room_id=name_of_show(room_id), live_num=count))
        case events.DonationMade():
            return DonationTold(
                data=Donation(
                    donation_id=event.number,
                    user_name=event.from_name,
                    anchor_name=event.to_name,
                    amount=float(event.amount),
                    event_id=event.event_id,
                )
            )
        case events.SubscriptionBegun():
            return SubscriptionTold(
                data=Subscription(
                    user_name=event.from_name,
                    anchor_name=event.to_name,
                    amount=float(event.price),
                    expiry_date=naive_seconds(event.until_ms),
                    event_id=event.event_id,
                )
            )
        case events.AdmissionPaid(room_id=room_id):
            return AdmissionTold(
                data=Admission(
                    room_id=name_of_show(room_id),
                    user_name=event.from_name,
                    amount=event.price,
                    event_id=event.event_id,
                )
            )
        case events.Muted(room_id=room_id, is_muted=is_muted, until_ms=until_ms):
            return MutedTold(data=Silence(room_id=name_of_show(room_id), muted=is_muted, until_ms=until_ms))
        case events.SentAway(room_id=room_id, until_ms=until_ms):
            return SentAwayTold(data=Absence(room_id=name_of_show(room_id), until_ms=until_ms))
        case events.RightEnded(room_id=room_id, kind=kind, price=price):
            return RightEndedTold(data=Door(room_id=name_of_show(room_id), room_type=int(kind), amount=price))
        case events.WarningIssued(text=text) | events.BroadcastBanned(text=text):
            return Notice(data=Word(text=text))
    return None


def _status(room_id: RoomId, *, is_on_air: bool, count: int = 0, is_recovered: bool = False) -> Status:
    name = name_of_show(room_id)
    return Status(room_id=name, room_name=name, live_status=is_on_air, live_num=count, recovered=is_recovered)


FRAMES: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {
        "chat_user_message": ChatUserMessage,
        "chat_live_message": ChatLiveMessage,
        "room_status": RoomStatus,
        "live_num": LiveNum,
        "donation": DonationTold,
        "subscription": SubscriptionTold,
        "admission": AdmissionTold,
        "muted": MutedTold,
        "sent_away": SentAwayTold,
        "right_ended": RightEndedTold,
        "notice": Notice,
    }
)
"""Names on the wire → frames, for the printed description."""
