"""The names of streams: from who sends into which room to one word, and back. Pure.

A stream is named for its sender, and for the room if he was given the address for one. Knows no media server and no
prefix of an account. Source: LR-5.
"""

import re
from typing import Final

import msgspec

from store.interfaces.ids import ID_MAX, PersonId, RoomId

__all__ = ["StreamName", "is_trial", "read_stream", "stream_of"]

# The room's part may hold anything that a room's id may, underscores and digits among it: only the last part is his.
_STREAM: Final = re.compile(r"(?:([A-Za-z0-9_-]{1,64})_)?([1-9][0-9]{0,15})")
_TRIAL: Final = re.compile(r"test_[0-9a-f]{16}")


class StreamName(msgspec.Struct, frozen=True):
    """Who sends, and into which room; None: whichever room he says."""

    person_id: PersonId
    room_id: RoomId | None


def stream_of(person_id: PersonId, room_id: RoomId | None) -> str:
    """The name under which this person sends into this room, or anywhere."""
    return str(person_id) if room_id is None else f"{room_id}_{person_id}"


def read_stream(stream: str) -> StreamName | None:
    """What ``stream_of`` made this name from; None when it did not make it."""
    found = _STREAM.fullmatch(stream)
    if found is None or int(found[2]) > ID_MAX:
        return None
    return StreamName(PersonId(int(found[2])), RoomId(found[1]) if found[1] else None)


def is_trial(stream: str) -> bool:
    """Whether the name is one of those given out to try pushing and playing with; it is nobody's."""
    return _TRIAL.fullmatch(stream) is not None
