"""Messages as the chat's frames show them, in the two dialects there are.

The older one has capitalised fields and ``Type``; the newer one ``{"type", "id", "content", "user_id", "timestamp"}``.
A frame may be of both at once: no field means one thing here and another there, so each client reads what it knows.
Source: seed behaviour §4.6.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import field

from engine.events import Event, MessageSaid
from engine.records import MessageRecord
from handlers.wire.codec import write_json

__all__ = [
    "GROUP",
    "PRIVATE",
    "BothSaid",
    "NewSaid",
    "OldSaid",
    "ToType",
    "encode_both",
    "encode_new",
    "encode_old",
    "new_said",
    "old_said",
]

PRIVATE: Final = 1
GROUP: Final = 2
"""Kinds of the older dialect; what is said to everybody is said to a group of that name. Source: SO-48."""


class ToType(StrEnum):
    """The same in the newer one: to what kind of hearer."""

    USER = "user"
    GROUP = "group"
    ALL = "all"


class OldSaid(msgspec.Struct, kw_only=True):
    """Somebody has said something; ``UserId`` and ``CreateTime`` are the server's word."""

    id: str
    type: int = field(name="Type")
    user_id: str = field(name="UserId")
    user_name: str = field(name="UserName")
    target_id: str = field(name="TargetId")
    target_name: str = field(name="TargetName")
    media: int = field(name="Media")
    content: str = field(name="Content")
    pic: str = field(name="Pic")
    url: str = field(name="Url")
    desc: str = field(name="Desc")
    amount: int = field(name="Amount")
    create_time: str = field(name="CreateTime")
    read_time: str = field(name="ReadTime", default="")


class NewSaid(msgspec.Struct, kw_only=True):
    """The same; ``type`` is ``chat``, or ``history`` for what was asked for. ``to`` is whom or which group it is to."""

    type: str
    id: str
    content: str
    user_id: str
    timestamp: int
    user_name: str
    to_type: ToType
    to: str
    media: int
    url: str


class BothSaid(OldSaid, kw_only=True):
    """The fields of both dialects, as long as a client has not shown which one is its own."""

    new_type: str = field(name="type")
    new_content: str = field(name="content")
    new_user_id: str = field(name="user_id")
    timestamp: int
    new_user_name: str = field(name="user_name")
    to_type: ToType
    to: str
    new_media: int = field(name="media")
    new_url: str = field(name="url")


def old_said(message: MessageRecord) -> OldSaid:
    """A message in the older dialect."""
    return OldSaid(
        id=str(message.id),
        type=PRIVATE if message.people else GROUP,
        user_id=message.sender_public_id,
        user_name=message.sender_name,
        target_id=message.target_public_id or ToType.ALL,
        target_name=message.target_name,
        media=message.media,
        content=message.text,
        pic=message.picture_url,
        url=message.url,
        desc=message.description,
        amount=message.amount,
        create_time=str(message.at_ms),
    )


def new_said(message: MessageRecord, *, kind: str = "chat") -> NewSaid:
    """A message in the newer one."""
    to_type = ToType.USER if message.people else ToType.GROUP if message.target_public_id else ToType.ALL
    return NewSaid(
        type=kind,
        id=str(message.id),
        content=message.text or message.url,
        user_id=message.sender_public_id,
        timestamp=message.at_ms,
        user_name=message.sender_name,
        to_type=to_type,
        to=message.target_public_id,
        media=message.media,
        url=message.url,
    )


def encode_old(event: Event) -> bytes | None:
    """The frame of an event; None for what this chat does not show."""
    return _encoded(event, old_said)


def encode_new(event: Event) -> bytes | None:
    """The same in the newer dialect."""
    return _encoded(event, new_said)


def encode_both(event: Event) -> bytes | None:
    """The same for a client that has not shown which dialect is its own."""
    return _encoded(event, new_said, old_said)


def _encoded(event: Event, *forms: Callable[[MessageRecord], OldSaid | NewSaid]) -> bytes | None:
    if not isinstance(event, MessageSaid):
        return None
    fields: dict[str, object] = {}
    for form in forms:
        fields |= msgspec.to_builtins(form(event.message))
    return write_json(fields)
