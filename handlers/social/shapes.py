"""Field types and shapes that several endpoints of this surface share. Knows no endpoint. Source: SO-2, SO-9, SO-14."""

from typing import Annotated, Final

import msgspec
from msgspec import field

from engine.records import PersonRecord
from engine.services.social_people import SocialPerson
from handlers.wire.fields import Malformed, blank, snowflake, text
from handlers.wire.zone import Zone
from store.interfaces.ids import SNOWFLAKE_MAX, Snowflake

__all__ = ["NOBODY", "ImageUrl", "Nothing", "SnowflakeText", "User", "snowflake_of", "user_of"]

NOBODY: Final = "0"
"""Whose something is that is nobody's we know. Source: the document's first example of a video."""

SnowflakeText = Annotated[str, snowflake(), blank()]
"""An id as a field of a request: text or a number; ``snowflake_of`` makes one of it."""

ImageUrl = Annotated[str, text(2_000)]
"""Where a picture is; empty is none."""

DIGITS_MAX: Final = len(str(SNOWFLAKE_MAX))


class Nothing(msgspec.Struct):
    """A request that says no more than who asks."""


class User(msgspec.Struct, kw_only=True):
    """Somebody, in all the names that the document has for his facts; private ones are empty for others (SO-16)."""

    id: str
    created_time: str = field(name="CreatedTime")
    updated_time: str = field(name="UpdatedTime")
    username: str
    email: str
    avatar: str
    role: str
    phone: str = field(name="Phone")
    client_ip: str = field(name="ClientIp")
    client_port: str = field(name="ClientPort", default="")
    """Behind a proxy nobody knows it, and nobody needs it."""
    login_time: str = field(name="LoginTime")
    heartbeat_time: str = field(name="HeartbeatTime")
    login_out_time: str
    is_logout: bool = field(name="IsLogout")
    device_info: str = field(name="DeviceInfo")
    shown_bio: str = field(name="Bio")
    bio: str
    create_at: str


def user_of(shown: SocialPerson, zone: Zone, *, viewer: PersonRecord | None) -> User:
    """``shown`` as ``viewer`` may see him; None is somebody who is not signed in. Source: SO-14, SO-16."""
    person, member = shown.person, shown.member
    is_own = viewer is not None and viewer.id == person.id

    def own(value: str) -> str:
        return value if is_own else ""

    def moment(at_ms: int) -> str:
        return zone.to_offset(at_ms) if at_ms else ""

    return User(
        id=person.public_id,
        created_time=str(person.created_at_ms),
        updated_time=str(max(member.updated_at_ms, person.created_at_ms)),
        username=person.nickname,
        email=own(shown.email),
        avatar=person.avatar_url,
        role=str(member.level),
        phone=own(member.phone),
        client_ip=own(member.address),
        login_time=moment(member.login_at_ms),
        heartbeat_time=moment(member.active_at_ms),
        login_out_time=moment(member.logged_out_at_ms),
        # Whoever asks is here, though he may have signed out elsewhere a moment ago.
        is_logout=member.is_logged_out and not is_own,
        device_info=own(member.device),
        shown_bio=member.bio,
        bio=member.bio,
        create_at=str(person.created_at_ms // 1_000),
    )


def snowflake_of(written: str, name: str) -> Snowflake:
    """The id that a client wrote in the field ``name``.

    Raises: Malformed: it is none; a bad id is never row 0.
    """
    is_number = written.isascii() and written.isdigit() and len(written) <= DIGITS_MAX
    if not is_number or not 0 < int(written) <= SNOWFLAKE_MAX:
        raise Malformed(name)
    return Snowflake(int(written))
