"""Who follows which room. A follow is there or it is not: doing it twice is doing it once."""

from typing import Protocol

from store.interfaces.ids import PersonId, RoomId

__all__ = ["FollowStore"]


class FollowStore(Protocol):
    """Follows of people to rooms, each at most once."""

    async def follow(self, person_id: PersonId, room_id: RoomId, at_ms: int) -> None:
        """From now on the person follows the room; since when, if he does already, stays as it is."""

    async def unfollow(self, person_id: PersonId, room_id: RoomId) -> None:
        """He does not any longer; harmless when he never did."""

    async def toggle(self, person_id: PersonId, room_id: RoomId, at_ms: int) -> bool:
        """Follow if he does not, unfollow if he does; whether he follows now."""

    async def follows(self, person_id: PersonId, room_id: RoomId) -> bool:
        """Whether the person follows the room."""

    async def rooms_of(self, person_id: PersonId, *, limit: int) -> tuple[RoomId, ...]:
        """The rooms he follows, those he followed last first."""
