"""What the social app keeps of its people beside their accounts: what they say of themselves, their level, their times.

There is one for each of them, made together with the account (``CredentialStore.register``).
"""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

import msgspec

from store.interfaces.ids import PersonId

__all__ = ["TOP_LEVEL", "Member", "MemberChange", "MemberStore"]

TOP_LEVEL: Final = 4
"""Of the super administrators, of whom there is always one once there was one. Source: SO-6."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One of them.

    ``device`` and ``address`` are those of the last sign-in. ``active_at_ms`` is when he was heard of last,
    ``logged_out_at_ms`` when he last signed out of everything; 0 is never. He is there while the first is the later.
    """

    person_id: PersonId
    level: int = 0
    bio: str = ""
    phone: str = ""
    device: str = ""
    address: str = ""
    login_at_ms: int = 0
    active_at_ms: int = 0
    logged_out_at_ms: int = 0
    updated_at_ms: int = 0

    @property
    def is_logged_out(self) -> bool:
        """Whether nothing was heard of him since he signed out."""
        return self.logged_out_at_ms >= self.active_at_ms and self.logged_out_at_ms > 0


class MemberChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a member with his profile; None keeps what is there. He is lifted to ``level_min`` if below."""

    bio: str | None = None
    phone: str | None = None
    level_min: int = 0
    at_ms: int


class MemberStore(Protocol):
    """Members."""

    async def get(self, person_id: PersonId) -> Member | None:
        """One of them, or None."""

    async def many(self, person_ids: Collection[PersonId]) -> dict[PersonId, Member]:
        """Those of the given people who are members; at most 1,000 ids."""

    async def set_level(self, person_id: PersonId, level: int, *, at_ms: int) -> bool:
        """Make him somebody of another level; False, and nothing, when nobody of the top level would be left.

        Raises: NotThere: he is no member. Conflict: too many do this at once.
        """

    async def note_login(self, person_id: PersonId, at_ms: int, *, device: str, address: str) -> None:
        """Keep when, whence and with what he signed in last; he has been heard of by that.

        Raises: NotThere: he is no member.
        """

    async def note_logout(self, person_id: PersonId, at_ms: int) -> None:
        """Keep when he signed out; an earlier moment than the one kept changes nothing.

        Raises: NotThere: he is no member.
        """

    async def note_active(self, at_ms: Mapping[PersonId, int]) -> None:
        """When they were heard of; an earlier moment than the one kept changes nothing. At most 1,000 people."""

    async def active(self, since_ms: int, *, limit: int) -> tuple[PersonId, ...]:
        """Who was heard of at ``since_ms`` or after and has not signed out since; those heard of last come first."""
