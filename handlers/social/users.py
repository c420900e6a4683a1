"""People: who somebody is, what the caller says of himself, and who is what. Source: SO-6, SO-7, SO-13 … SO-17."""

from functools import partial
from typing import Annotated, Any, Final

import msgspec
from msgspec import field

from engine.errors import BadInput, Forbidden
from engine.services.social_people import ProfileChange, SocialPerson
from engine.texts import in_lines
from handlers.social.access import SocialCaller
from handlers.social.envelope import DONE, Done
from handlers.social.limits import a_second
from handlers.social.login import REGISTERING, Email, Username
from handlers.social.options import SocialOptions
from handlers.social.shapes import ImageUrl, Nothing, SnowflakeText, User, snowflake_of, user_of
from handlers.wire.access import network_of
from handlers.wire.fields import also, blank, text
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["endpoints"]

ADMIN: Final = 3
"""From this level on one changes what others say of themselves. Source: SO-17."""

Bio = Annotated[str, text(500)]
Phone = Annotated[str, text(32)]


class Wanted(msgspec.Struct):
    """Who; the caller when it is left out."""

    id: SnowflakeText = ""


class Told(msgspec.Struct, kw_only=True):
    """Somebody, in both forms of the document: as a whole, and beside it the fields that it names."""

    user: User
    id: str
    username: str
    avatar: str
    role: str
    bio: str
    create_at: str
    email: str


class Nested(msgspec.Struct):
    """A whole user, as the example sends it; what is not here is not looked at."""

    username: Username | None = None
    avatar: ImageUrl | None = None
    bio: Annotated[Bio | None, also("Bio")] = None
    email: Email | None = None
    phone: Phone | None = field(name="Phone", default=None)


class SetProfile(Nested):
    """What changes; a field beside ``user`` counts before the same one in it.

    Another ``email`` needs the ``code`` that was mailed to it. ``id`` is the caller's, for administrators anybody's.
    """

    id: SnowflakeText = ""
    code: Annotated[str, text(16), blank()] = ""
    user: Nested | None = None


class SetRole(msgspec.Struct):
    """Who becomes what: 0 guest, 1 user, 2 member, 3 admin, 4 super admin."""

    id: SnowflakeText
    role: Annotated[int, msgspec.Meta(ge=0, le=4), blank()]


async def tell(zone: Zone, caller: SocialCaller, wanted: Wanted) -> Told:
    """Whoever was asked for, else the caller."""
    own = caller.principal.person
    if wanted.id in ("", own.public_id):
        return await tell_own(zone, caller, Nothing())
    return _told(await caller.engine.social_people.find(snowflake_of(wanted.id, "id")), zone, caller)


async def tell_own(zone: Zone, caller: SocialCaller, _wanted: Nothing) -> Told:
    """The caller, with what is nobody else's business."""
    return _told(await caller.engine.social_people.own(caller.principal.person_id), zone, caller)


async def set_profile(caller: SocialCaller, wanted: SetProfile) -> Done:
    """Change what the caller, or for an administrator somebody else, says of himself."""
    engine, person = caller.engine, caller.principal.person
    person_id, is_own = person.id, wanted.id in ("", person.public_id)
    if not is_own:
        if caller.principal.member.level < ADMIN:
            raise Forbidden("somebody else's profile")
        person_id = (await engine.social_people.find(snowflake_of(wanted.id, "id"))).person.id
    nested = wanted.user or Nested()
    bio = nested.bio if wanted.bio is None else wanted.bio
    change = ProfileChange(
        username=wanted.username or nested.username or None,
        avatar_url=nested.avatar if wanted.avatar is None else wanted.avatar,
        bio=None if bio is None else in_lines(bio),
        phone=nested.phone if wanted.phone is None else wanted.phone,
    )
    email = wanted.email or nested.email
    if email and email != (await engine.social_people.own(person_id)).email:
        if not wanted.code:
            raise BadInput(field="code")
        # A code is not used up for a change that fails for something else.
        await engine.social_people.require_possible(person_id, change)
        await engine.mailed_codes.redeem(email, wanted.code, address=network_of(caller.address))
        change = msgspec.structs.replace(change, email=email)
    await engine.social_people.set_profile(person_id, change, is_own=is_own)
    return DONE


async def set_role(caller: SocialCaller, wanted: SetRole) -> Done:
    """Make somebody of another level."""
    await caller.engine.social_people.set_level(
        snowflake_of(wanted.id, "id"), wanted.role, by=caller.principal.person_id
    )
    return DONE


def _told(shown: SocialPerson, zone: Zone, caller: SocialCaller) -> Told:
    user = user_of(shown, zone, viewer=caller.principal.person)
    return Told(
        user=user,
        id=user.id,
        username=user.username,
        avatar=user.avatar,
        role=user.role,
        bio=user.bio,
        create_at=user.create_at,
        email=user.email,
    )


def endpoints(options: SocialOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    zone = Zone(options.time_zone)
    return (
        Endpoint(
            "/api/user/get-user-info",
            Wanted,
            Told,
            partial(tell, zone),
            method="GET",
            limit=a_second(20, burst=40),
            summary="Who somebody is (获取用户信息)",
            source_id="social-user-get-user-info",
        ),
        Endpoint(
            "/api/user/get-my-info",
            Nothing,
            Told,
            partial(tell_own, zone),
            method="GET",
            limit=a_second(5, burst=10),
            summary="Who the caller is (获取我的信息)",
            source_id="social-user-get-my-info",
        ),
        Endpoint(
            "/api/user/get-profile",
            Wanted,
            Told,
            partial(tell, zone),
            method="GET",
            limit=a_second(10, burst=20),
            summary="What somebody says of himself (获取用户资料)",
            source_id="social-user-get-profile",
        ),
        Endpoint(
            "/api/user/set-profile",
            SetProfile,
            Done,
            set_profile,
            limit=a_second(4, burst=8),
            envelope=REGISTERING,
            summary="Change what the caller says of himself (设置用户资料)",
            source_id="social-user-set-profile",
        ),
        Endpoint(
            "/api/user/set-role",
            SetRole,
            Done,
            set_role,
            limit=a_second(4, burst=8),
            summary="Make somebody of another level; for super administrators (设置用户角色)",
            source_id="social-user-set-role",
        ),
    )
