"""People and their sign-ins. Credentials are kept apart from the public face, and only as hashes."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId

__all__ = ["Ban", "BanKind", "PeopleStore", "PersonRecord", "Profile", "Role", "Session", "SessionStore"]


class Role(StrEnum):
    """What a person is on his surface. A role belongs to the account; it is no gender."""

    GUEST = "guest"
    ANCHOR = "anchor"
    """Of the calls surface: who performs and earns."""
    MATCHMAKER = "matchmaker"
    """Of the blind-date rooms: the anchor who seats a man and a woman."""


class BanKind(StrEnum):
    """How far an operator's exclusion goes (CA-16)."""

    ACCOUNT = "account"
    BROADCAST = "broadcast"


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """An exclusion in force until ``until_ms`` (None = until lifted). ``text`` is shown to the person."""

    kind: BanKind
    text: str
    since_ms: int
    until_ms: int | None = None


class PersonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one surface (DS-8).

    ``external_id`` is what the sign-in calls the person: here WeChat's openid, shown to nobody. ``public_id`` is what
    the surface shows instead of ``id``, and empty where it shows ``id`` itself (ALL-7). ``height`` is in cm, ``area`` a
    code of an administrative area.
    """

    id: PersonId
    surface: str
    external_id: str
    public_id: str = ""
    role: Role
    created_at_ms: int
    nickname: str = ""
    avatar_url: str = ""
    age: int = 0
    gender: int = 0
    height: int = 0
    area: str = ""
    points_per_minute: int = 0
    is_hidden: bool = False
    last_login_at_ms: int | None = None
    ban: Ban | None = None

    def ban_at(self, now_ms: int) -> Ban | None:
        """The ban in force at that moment, if any."""
        if self.ban is None or (self.ban.until_ms is not None and self.ban.until_ms <= now_ms):
            return None
        return self.ban


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What people may change of themselves; None keeps what is there."""

    nickname: str | None = None
    avatar_url: str | None = None
    age: int | None = None
    gender: int | None = None
    height: int | None = None
    area: str | None = None


class PeopleStore(Protocol):
    """Accounts."""

    async def add(self, person: PersonRecord) -> PersonRecord:
        """Keep a new person, or return the one who has this surface and external id already.

        Raises: Conflict: the id, or this surface's public id, is somebody else's.
        """

    async def get(self, person_id: PersonId) -> PersonRecord | None:
        """One person, or None."""

    async def by_external_id(self, surface: str, external_id: str) -> PersonRecord | None:
        """One person, or None."""

    async def by_public_id(self, surface: str, public_id: str) -> PersonRecord | None:
        """One person, or None; nobody has the empty one."""

    async def many(self, person_ids: Sequence[PersonId]) -> dict[PersonId, PersonRecord]:
        """Those of the given people who exist; at most 1,000 ids."""

    async def set_role(self, person_id: PersonId, role: Role, *, points_per_minute: int) -> None:
        """Make somebody an anchor with a first price, or something else (price 0).

        Raises: NotThere: no such person.
        """

    async def set_price(self, person_id: PersonId, points_per_minute: int) -> None:
        """Change an anchor's price.

        Raises: NotThere: no such person.
        """

    async def set_hidden(self, person_id: PersonId, *, is_hidden: bool) -> None:
        """Hide a guest from anchors, or show him.

        Raises: NotThere: no such person.
        """

    async def set_profile(self, person_id: PersonId, profile: Profile) -> None:
        """Change what the person says of himself, and nothing else.

        Raises: NotThere: no such person.
        """

    async def note_login(self, person_id: PersonId, at_ms: int) -> None:
        """Remember when the person last signed in; an earlier moment than the one kept changes nothing.

        Raises: NotThere: no such person.
        """

    async def set_ban(self, person_id: PersonId, ban: Ban | None) -> None:
        """Put a ban in force, or lift it.

        Raises: NotThere: no such person.
        """

    async def search(self, *, text: str = "", role: Role | None = None, limit: int = 50) -> tuple[PersonRecord, ...]:
        """People whose id, external id or public id equals ``text`` or whose nickname begins with it; newest first."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in. ``token_hash`` is SHA-256 of the token; the token itself is nowhere."""

    token_hash: str
    person_id: PersonId
    device: str
    created_at_ms: int
    seen_at_ms: int


class SessionStore(Protocol):
    """Sign-ins: one per person and device class; older ones of the class are replaced."""

    async def open(self, session: Session) -> None:
        """Keep the session in place of any other of the same person and device."""

    async def find(self, token_hash: str, *, idle_since_ms: int) -> Session | None:
        """The session, unless it was last seen before ``idle_since_ms``."""

    async def of(self, person_id: PersonId) -> tuple[Session, ...]:
        """All sessions of a person, those in use least lately first."""

    async def touch(self, token_hash: str, seen_at_ms: int) -> None:
        """Note that it was used; may be called rarely."""

    async def close(self, token_hash: str) -> None:
        """Forget one session."""

    async def close_all(self, person_id: PersonId) -> None:
        """Forget all sessions of a person."""
