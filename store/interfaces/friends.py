"""Who is whose friend. A friendship is of two people at once: there is no half of one."""

from typing import Protocol

from store.interfaces.ids import PersonId

__all__ = ["FriendStore"]


class FriendStore(Protocol):
    """Friendships, each at most once, whoever of the two began it. Nothing ends one."""

    async def befriend(self, one: PersonId, other: PersonId, at_ms: int) -> None:
        """From now on the two, who are not one, are friends, each of the other.

        Raises: Conflict: they are already, be it since this moment.
        """

    async def are_friends(self, one: PersonId, other: PersonId) -> bool:
        """Whether the two are friends; nobody is his own."""

    async def friends_of(self, person_id: PersonId, *, skip: int = 0, limit: int) -> tuple[PersonId, ...]:
        """His friends, the latest first."""
