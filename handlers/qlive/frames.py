"""What happens in rooms, in the words that the original sent through a messaging service: ``{"type", "content"}``.

Knows how each event looks in a frame, one frame for everybody who hears it. Knows no command and no connection. Beside
the documented fields a frame may have more: ``group_id`` where the content has no room for it, and ``epoch`` with
``seq`` where it has a place in the room's story. Source: seed behaviour §3.2 (Messages), qlive-ws.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from engine import events
from engine.ports import Position
from engine.records import Face
from engine.room.formats import FEMALE, MALE
from engine.room.state import Standing
from handlers.qlive.seats import Seat, num_list, on, seated
from handlers.qlive.whereabouts import NOWHERE, user_type_of
from handlers.wire.codec import write_json
from store.interfaces.ids import RoomId

__all__ = ["FRAMES", "Frames", "room_number"]


def room_number(room_id: RoomId) -> str:
    """The digits that people of this surface know a room by; those of its matchmaker."""
    return room_id.partition(":")[2]


# --- parts of frames -----------------------------------------------------------------------------------------------


class UserShown(msgspec.Struct, kw_only=True):
    """Somebody, as everybody in the room sees him."""

    user_id: str
    nickname: str
    face_url: str


class Group(msgspec.Struct, kw_only=True):
    """Which room."""

    group_id: str


class Invited(Group, kw_only=True):
    """Which room, and until when its seat is kept for the answer, in milliseconds since 1970."""

    until_ms: int


class Answered(Group, kw_only=True):
    """Who will or will not sit."""

    data: Literal["accept", "reject"]
    user_id: str
    nickname: str
    face_url: str


class Numbers(Group, kw_only=True):
    """Men who have applied, men, women who have applied, women; the matchmaker is not counted. Source: QL-19."""

    num_list: tuple[int, int, int, int]


class SeatOn(Seat, kw_only=True, tag_field="content_type", tag="on"):
    """Somebody is on the microphone."""


class SeatOff(msgspec.Struct, kw_only=True, tag_field="content_type", tag="off"):
    """Somebody is not on the microphone any more."""

    user_id: str


class Present(msgspec.Struct, kw_only=True):
    """A gift that was paid, ``giver`` to ``recipient``.

    ``event_id`` is the same when it is told twice; ``combo`` counts gifts given in a row.
    """

    gift_id: int
    gift_title: str
    gift_num: int
    gift_image: str
    giver: UserShown
    recipient: UserShown
    combo: int
    event_id: str


class RoomNow(Group, kw_only=True):
    """The room as it is, and ``user_type``, which is what you are in it.

    ``recovered``: what you missed follows; if not, this takes the place of all that you heard before.
    """

    recovered: bool
    live_id: int
    user_type: int
    owner: Seat
    male: Seat
    female: Seat
    audience_count: int
    likes_count: int


class Audience(Group, kw_only=True):
    """How many people are in the room, the matchmaker too, and how often its heart was tapped."""

    audience_count: int
    likes_count: int


class MutedUntil(Group, kw_only=True):
    """Whether you may not talk in the room, and until when (null: until it is lifted)."""

    muted: bool
    until_ms: int | None


class AwayUntil(Group, kw_only=True):
    """You are out of the room, and may not come in again before ``until_ms`` (null: ever)."""

    until_ms: int | None


class Word(msgspec.Struct, kw_only=True):
    """A sentence of the platform."""

    detail: str


# --- frames ----------------------------------------------------------------------------------------------------------


class _Told(msgspec.Struct, kw_only=True):
    """A frame. ``group_id`` is the room's; ``epoch`` and ``seq`` stand where the frame is part of the room's story."""

    group_id: str | UnsetType = UNSET
    epoch: int | UnsetType = UNSET
    seq: int | UnsetType = UNSET


class Invite(_Told, kw_only=True):
    """The matchmaker invites you."""

    type: Literal["invite"] = "invite"
    content: Invited


class Response(_Told, kw_only=True):
    """To the matchmaker: somebody accepts or refuses."""

    type: Literal["response"] = "response"
    content: Answered


class Kickout(_Told, kw_only=True):
    """The matchmaker has taken you off the microphone."""

    type: Literal["kickout"] = "kickout"
    content: Group


class Num(_Told, kw_only=True):
    """To the matchmaker: who is there."""

    type: Literal["num"] = "num"
    content: Numbers


class Reset(_Told, kw_only=True):
    """A seat is taken, or free again."""

    type: Literal["reset"] = "reset"
    content: SeatOn | SeatOff


class Gift(_Told, kw_only=True):
    """Somebody gave something."""

    type: Literal["gift"] = "gift"
    content: Present


class Message(_Told, kw_only=True):
    """Somebody said something; who it was is the server's word."""

    type: Literal["message"] = "message"
    content: str
    speaker: UserShown = msgspec.field(name="from")


class Over(_Told, kw_only=True):
    """The live has ended."""

    type: Literal["over"] = "over"
    content: Literal[""] = ""


class Room(_Told, kw_only=True):
    """Where this connection is, before anything else of that room."""

    type: Literal["room"] = "room"
    content: RoomNow


class Count(_Told, kw_only=True):
    """The room is more or fewer, or liked more."""

    type: Literal["audience"] = "audience"
    content: Audience


class MutedNow(_Told, kw_only=True):
    """You may not talk here, or may again."""

    type: Literal["muted"] = "muted"
    content: MutedUntil


class SentAway(_Told, kw_only=True):
    """You have been sent out of the room."""

    type: Literal["sent_away"] = "sent_away"
    content: AwayUntil


class Warn(_Told, kw_only=True):
    """The platform warns you."""

    type: Literal["warn"] = "warn"
    content: Word


class Exclude(_Told, kw_only=True):
    """The platform has excluded you."""

    type: Literal["banned"] = "banned"
    content: Word


class Frames:
    """Events as frames. ``play_url`` says where to watch the stream of that name."""

    def __init__(self, play_url: Callable[[str], str]) -> None:
        self._play_url = play_url

    def encode(self, event: events.Event) -> bytes | None:
        """An event as a frame; None: this dialect has no word for it."""
        told = self._told(event)
        return None if told is None else write_json(msgspec.to_builtins(told))

    def encode_at(self, event: events.Event, position: Position) -> bytes | None:
        """The same for an event with a place in its room's story."""
        told = self._told(event)
        if told is None:
            return None
        told.epoch, told.seq = position.epoch, position.seq
        return write_json(msgspec.to_builtins(told))

    def _told(self, event: events.Event) -> _Told | None:
        match event:
            case events.RoomShown():
                return self._room(event)
            case events.SeatTaken(room_id=room_id, stream=stream, face=face):
                seat = msgspec.structs.asdict(on(face, stream, self._play_url))
                return Reset(group_id=room_number(room_id), content=SeatOn(**seat))
            case events.SeatLeft(room_id=room_id, face=face):
                return Reset(group_id=room_number(room_id), content=SeatOff(user_id=face.public_id))
            case events.SeatOffered(room_id=room_id, until_ms=until_ms):
                return Invite(content=Invited(group_id=room_number(room_id), until_ms=until_ms))
            case events.OfferAnswered(room_id=room_id, face=face, is_accepted=is_accepted):
                answered = Answered(
                    group_id=room_number(room_id), data="accept" if is_accepted else "reject", **_seen(face)
                )
                return Response(content=answered)
            case events.SeatTakenAway(room_id=room_id):
                return Kickout(content=Group(group_id=room_number(room_id)))
            case events.CrowdChanged():
                return Num(content=Numbers(group_id=room_number(event.room_id), num_list=num_list(event)))
            case events.AudienceChanged(room_id=room_id, count=count, likes_count=likes_count):
                return Count(
                    content=Audience(group_id=room_number(room_id), audience_count=count, likes_count=likes_count)
                )
            case events.RoomTextSaid(room_id=room_id, face=face, text=said):
                return Message(group_id=room_number(room_id), content=said, speaker=UserShown(**_seen(face)))
            case events.GiftSent(room_id=in_room):
                return Gift(group_id=UNSET if in_room is None else room_number(in_room), content=_present(event))
            case events.Muted(room_id=room_id, is_muted=is_muted, until_ms=until_ms):
                return MutedNow(content=MutedUntil(group_id=room_number(room_id), muted=is_muted, until_ms=until_ms))
            case events.SentAway(room_id=room_id, until_ms=until_ms):
                return SentAway(content=AwayUntil(group_id=room_number(room_id), until_ms=until_ms))
            case events.RoomClosed(room_id=room_id):
                return Over(group_id=room_number(room_id))
            case events.WarningIssued(text=warning):
                return Warn(content=Word(detail=warning))
            case events.BroadcastBanned(text=reason):
                return Exclude(content=Word(detail=reason))
            case _:
                return None  # What people of other surfaces are told.

    def _room(self, event: events.RoomShown) -> Room:
        number = room_number(event.room_id)
        now = RoomNow(
            group_id=number,
            recovered=event.is_recovered,
            live_id=int(number),
            user_type=user_type_of(Standing(event.standing), event.seat) if event.standing else NOWHERE.user_type,
            owner=on(event.anchor, event.anchor.public_id, self._play_url),
            male=seated(event.seats, MALE, self._play_url),
            female=seated(event.seats, FEMALE, self._play_url),
            audience_count=event.count,
            likes_count=event.likes_count,
        )
        return Room(content=now)


def _seen(face: Face) -> dict[str, str]:
    return {"user_id": face.public_id, "nickname": face.nickname, "face_url": face.avatar_url}


def _present(gift: events.GiftSent) -> Present:
    return Present(
        gift_id=gift.gift_id,
        gift_title=gift.name,
        gift_num=gift.count,
        gift_image=gift.image_url,
        giver=UserShown(**_seen(gift.giver)),
        recipient=UserShown(**_seen(gift.recipient)),
        combo=gift.combo,
        event_id=gift.event_id,
    )


FRAMES: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {
        "invite": Invite,
        "response": Response,
        "kickout": Kickout,
        "num": Num,
        "reset": Reset,
        "gift": Gift,
        "message": Message,
        "over": Over,
        "room": Room,
        "audience": Count,
        "muted": MutedNow,
        "sent_away": SentAway,
        "warn": Warn,
        "banned": Exclude,
    }
)
"""Type on the wire → the frame."""
