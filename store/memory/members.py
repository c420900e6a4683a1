"""What the social app keeps of its people."""

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from store.interfaces.errors import NotThere
from store.interfaces.ids import PersonId
from store.interfaces.members import TOP_LEVEL, Member, MemberChange
from store.memory.database import MemoryDatabase

__all__ = ["MemoryMembers", "changed_member"]


def changed_member(member: Member, change: MemberChange) -> Member:
    """The member after that change."""
    return replace(
        member,
        bio=member.bio if change.bio is None else change.bio,
        phone=member.phone if change.phone is None else change.phone,
        level=max(member.level, change.level_min),
        updated_at_ms=max(member.updated_at_ms, change.at_ms),
    )


class MemoryMembers:
    """``MemberStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._members = database.members

    async def get(self, person_id: PersonId) -> Member | None:
        return self._members.get(person_id)

    async def many(self, person_ids: Collection[PersonId]) -> dict[PersonId, Member]:
        return {person_id: self._members[person_id] for person_id in person_ids if person_id in self._members}

    async def set_level(self, person_id: PersonId, level: int, *, at_ms: int) -> bool:
        member = self._kept(person_id)
        others = (one for one in self._members.values() if one.level == TOP_LEVEL and one.person_id != person_id)
        if member.level == TOP_LEVEL != level and not any(others):
            return False
        self._members[person_id] = replace(member, level=level, updated_at_ms=max(member.updated_at_ms, at_ms))
        return True

    async def note_login(self, person_id: PersonId, at_ms: int, *, device: str, address: str) -> None:
        member = self._kept(person_id)
        self._members[person_id] = replace(
            member,
            login_at_ms=max(member.login_at_ms, at_ms),
            active_at_ms=max(member.active_at_ms, at_ms),
            device=device,
            address=address,
        )

    async def note_logout(self, person_id: PersonId, at_ms: int) -> None:
        member = self._kept(person_id)
        self._members[person_id] = replace(member, logged_out_at_ms=max(member.logged_out_at_ms, at_ms))

    async def note_active(self, at_ms: Mapping[PersonId, int]) -> None:
        for person_id, heard_at_ms in at_ms.items():
            member = self._members.get(person_id)
            if member is not None:
                self._members[person_id] = replace(member, active_at_ms=max(member.active_at_ms, heard_at_ms))

    async def active(self, since_ms: int, *, limit: int) -> tuple[PersonId, ...]:
        here = [one for one in self._members.values() if one.active_at_ms >= since_ms and not one.is_logged_out]
        here.sort(key=lambda one: (one.active_at_ms, one.person_id), reverse=True)
        return tuple(one.person_id for one in here[:limit])

    def _kept(self, person_id: PersonId) -> Member:
        member = self._members.get(person_id)
        if member is None:
            raise NotThere(f"person {person_id} is no member")
        return member
