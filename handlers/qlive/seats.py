"""Who is on the microphones of a room, and how many are in it, as this surface shows it. Knows no endpoint.

Source: QL-18 … QL-22.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from engine.events import CrowdChanged
from engine.greenroom import Greenroom
from engine.records import Face, SeatRecord
from engine.room.audience import count_of
from engine.room.state import RoomState

__all__ = ["NOBODY", "Seat", "audience_count", "num_list", "on", "seated"]


class Seat(msgspec.Struct, kw_only=True):
    """Who is on one microphone; an empty object where nobody is. Source: QL-21."""

    play_url: str | UnsetType = UNSET
    nickname: str | UnsetType = UNSET
    area: str | UnsetType = UNSET
    age: int | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    face_url: str | UnsetType = UNSET
    gender: int | UnsetType = UNSET


NOBODY: Final = Seat()


def on(face: Face, stream: str, play_url: Callable[[str], str]) -> Seat:
    """Somebody who is on, with where to watch him."""
    return Seat(
        play_url=play_url(stream),
        nickname=face.nickname,
        area=face.area,
        age=face.age,
        user_id=face.public_id,
        face_url=face.avatar_url,
        gender=face.gender,
    )


def seated(seats: Sequence[SeatRecord], name: str, play_url: Callable[[str], str]) -> Seat:
    """Who has the seat of that name."""
    return next((on(seat.face, seat.stream, play_url) for seat in seats if seat.seat == name), NOBODY)


def num_list(crowd: CrowdChanged) -> tuple[int, int, int, int]:
    """Men who have applied, men, women who have applied, women; the matchmaker is not counted. Source: QL-19."""
    return crowd.men_applied_count, crowd.men_count, crowd.women_applied_count, crowd.women_count


def audience_count(engine: Greenroom, state: RoomState) -> int:
    """Everybody in the room, the matchmaker too. Source: QL-22."""
    return count_of(state, engine.rooms.form(state))
