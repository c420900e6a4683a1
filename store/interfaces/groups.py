"""Groups of people who talk with each other. Nobody leaves one, and none ends."""

from typing import NamedTuple, Protocol

import msgspec

from store.interfaces.ids import PersonId, Snowflake

__all__ = ["GroupRecord", "GroupStore", "Joined"]


class GroupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One group; no two of one owner have the same name."""

    id: Snowflake
    owner_id: PersonId
    name: str
    picture_url: str = ""
    description: str = ""
    created_at_ms: int


class Joined(NamedTuple):
    """Somebody has become a member."""

    group_id: Snowflake
    person_id: PersonId
    at_ms: int


class GroupStore(Protocol):
    """Groups and who is in them."""

    async def create(self, group: GroupRecord) -> None:
        """Keep a new group together with its first member, the owner; or nothing of the two.

        Raises: Conflict: he has one of that name, or the id is another's.
        """

    async def get(self, group_id: Snowflake) -> GroupRecord | None:
        """The group, or None."""

    async def join(self, joined: Joined) -> bool:
        """From now on the person is a member of the group, which is there; False when he was one already."""

    async def is_member(self, group_id: Snowflake, person_id: PersonId) -> bool:
        """Whether the person is in the group."""

    async def groups_of(self, person_id: PersonId, *, limit: int) -> tuple[GroupRecord, ...]:
        """The groups the person is in, in the order in which he joined them."""

    async def joined_by(self, person_id: PersonId, *, limit: int) -> tuple[Joined, ...]:
        """The same, as what he has joined and when."""

    async def members_of(self, group_id: Snowflake, *, limit: int) -> tuple[PersonId, ...]:
        """Who is in the group, in the order of joining."""

    async def joined_since(self, at_ms: int, *, limit: int) -> tuple[Joined, ...]:
        """Who has joined what at that time or later, oldest first."""
