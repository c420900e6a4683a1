"""Groups and who is in them."""

from store.interfaces.errors import Conflict
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from store.memory.database import MemoryDatabase

__all__ = ["MemoryGroups"]


class MemoryGroups:
    """``GroupStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def create(self, group: GroupRecord) -> None:
        groups = self._database.groups
        if group.id in groups:
            raise Conflict("the id is another's")
        if any(one.owner_id == group.owner_id and one.name == group.name for one in groups.values()):
            raise Conflict("he has one of that name")
        groups[group.id] = group
        self._database.memberships[group.id, group.owner_id] = group.created_at_ms

    async def get(self, group_id: Snowflake) -> GroupRecord | None:
        return self._database.groups.get(group_id)

    async def join(self, joined: Joined) -> bool:
        assert joined.group_id in self._database.groups
        key = joined.group_id, joined.person_id
        if key in self._database.memberships:
            return False
        self._database.memberships[key] = joined.at_ms
        return True

    async def is_member(self, group_id: Snowflake, person_id: PersonId) -> bool:
        return (group_id, person_id) in self._database.memberships

    async def groups_of(self, person_id: PersonId, *, limit: int) -> tuple[GroupRecord, ...]:
        return tuple(self._database.groups[one.group_id] for one in await self.joined_by(person_id, limit=limit))

    async def joined_by(self, person_id: PersonId, *, limit: int) -> tuple[Joined, ...]:
        return self._in_order(person_id=person_id)[:limit]

    async def members_of(self, group_id: Snowflake, *, limit: int) -> tuple[PersonId, ...]:
        return tuple(one.person_id for one in self._in_order(group_id=group_id)[:limit])

    async def joined_since(self, at_ms: int, *, limit: int) -> tuple[Joined, ...]:
        return tuple(one for one in self._in_order() if one.at_ms >= at_ms)[:limit]

    def _in_order(self, *, group_id: Snowflake | None = None, person_id: PersonId | None = None) -> tuple[Joined, ...]:
        wanted = [
            Joined(group, person, at_ms)
            for (group, person), at_ms in self._database.memberships.items()
            if group_id in (None, group) and person_id in (None, person)
        ]
        return tuple(sorted(wanted, key=lambda one: (one.at_ms, one.group_id, one.person_id)))
