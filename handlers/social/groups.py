"""Groups: made, joined by their id, listed to whoever is in them. Source: SO-39 … SO-44."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from msgspec import field

from engine.greenroom import Greenroom
from engine.records import GroupRecord
from engine.services.groups import NameMissing, NameOfDigits
from handlers.social.access import SocialCaller, claiming
from handlers.social.envelope import DONE, ENVELOPE, Done, Row
from handlers.social.limits import OFTEN
from handlers.social.online import Users
from handlers.social.options import SocialOptions
from handlers.social.shapes import NOBODY, ImageUrl, SnowflakeText, snowflake_of, user_of
from handlers.wire.fields import MissingInput, also, blank, text
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone

__all__ = ["endpoints"]

_NO_NAME: Final = Row(10015, Said("群名称为空", "a group has a name"))
MAKING: Final = ENVELOPE.saying(
    {
        MissingInput: _NO_NAME,
        NameMissing: _NO_NAME,
        NameOfDigits: Row(10016, Said("开发者不允许", "a name is more than digits")),
    }
)
LOADING: Final = ENVELOPE.saying(NOT_FOUND=Row(10018, Said("加载群聊为空", "no such group")))


class OneGroup(msgspec.Struct):
    """Which group."""

    community_id: SnowflakeText


class JoinGroup(OneGroup):
    """Which group; ``owner_id`` is the one who joins, which is the caller or nobody."""

    owner_id: SnowflakeText = ""


class OwnGroups(msgspec.Struct):
    """The caller's own; ``user_id`` and ``owner_id`` are his or nobody's."""

    user_id: SnowflakeText = ""
    owner_id: SnowflakeText = ""


class CreateGroup(msgspec.Struct):
    """A new group. It is the caller's: ``owner_id`` is his or nobody's, and ``owner_name`` is looked up."""

    name: Annotated[str, text(200), blank()]
    icon: Annotated[ImageUrl, also("img"), blank()] = ""
    desc: Annotated[str, text(1_000), also("description"), blank()] = ""
    owner_id: SnowflakeText = ""
    owner_name: Annotated[str, text(200)] = ""


class Made(msgspec.Struct, kw_only=True):
    """The new group's id, under both names."""

    id: str
    community_id: str


class Group(msgspec.Struct, kw_only=True):
    """A group, in all the names that the document has for its facts."""

    id: str
    created_time: str = field(name="CreatedTime")
    updated_time: str = field(name="UpdatedTime")
    name: str
    owner_id: str
    owner_name: str
    img: str
    desc: str
    description: str
    creator_id: str
    created_at: str
    updated_at: str


class Groups(msgspec.Struct):
    """Several groups."""

    groups: list[Group]


async def create(caller: SocialCaller, wanted: CreateGroup) -> Made:
    """A new group, with the caller in it."""
    made = await caller.engine.groups.create(
        caller.principal.person, wanted.name, picture_url=wanted.icon, description=wanted.desc
    )
    return Made(id=str(made.id), community_id=str(made.id))


async def join(caller: SocialCaller, wanted: JoinGroup) -> Done:
    """Be in a group."""
    await caller.engine.groups.join(caller.principal.person, snowflake_of(wanted.community_id, "community_id"))
    return DONE


async def listed(caller: SocialCaller, _wanted: OwnGroups) -> Groups:
    """The groups that the caller is in, in the order in which he came to them."""
    groups = await caller.engine.groups.of(caller.principal.person_id)
    return Groups(await _shown(caller.engine, groups))


async def members(zone: Zone, caller: SocialCaller, wanted: OneGroup) -> Users:
    """Who is in a group that the caller is in."""
    person = caller.principal.person
    group_id = snowflake_of(wanted.community_id, "community_id")
    found = await caller.engine.groups.members(person.id, group_id)
    return Users([user_of(one, zone, viewer=person) for one in found])


async def _shown(engine: Greenroom, groups: Iterable[GroupRecord]) -> list[Group]:
    groups = tuple(groups)
    owners = await engine.groups.owners(groups)
    shown = []
    for group in groups:
        owner = owners.get(group.owner_id)
        owner_id, at_ms = owner.public_id if owner else NOBODY, str(group.created_at_ms)
        at_s = str(group.created_at_ms // 1_000)
        shown.append(
            Group(
                id=str(group.id),
                created_time=at_ms,
                updated_time=at_ms,
                name=group.name,
                owner_id=owner_id,
                owner_name=owner.nickname if owner else "",
                img=group.picture_url,
                desc=group.description,
                description=group.description,
                creator_id=owner_id,
                created_at=at_s,
                updated_at=at_s,
            )
        )
    return shown


def endpoints(options: SocialOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/api/contact/get-group-users",
            OneGroup,
            Users,
            partial(members, Zone(options.time_zone)),
            method="GET",
            limit=OFTEN,
            envelope=LOADING,
            summary="Who is in a group, for its members (获取群组成员)",
            source_id="social-contact-get-group-users",
        ),
        Endpoint(
            "/api/contact/get-group-list",
            OwnGroups,
            Groups,
            listed,
            method="GET",
            credential=claiming("user_id"),
            limit=OFTEN,
            summary="Groups that the caller is in (获取群组列表)",
            source_id="social-contact-get-group-list",
        ),
        Endpoint(
            "/api/contact/create-community",
            CreateGroup,
            Made,
            create,
            credential=claiming("owner_id"),
            limit=OFTEN,
            envelope=MAKING,
            summary="Make a group (创建群聊)",
            source_id="social-contact-create-community",
        ),
        Endpoint(
            "/api/contact/join-community",
            JoinGroup,
            Done,
            join,
            credential=claiming("owner_id"),
            limit=OFTEN,
            summary="Join a group by its id (加入群聊)",
            source_id="social-contact-join-community",
        ),
        Endpoint(
            "/api/contact/load-community",
            OwnGroups,
            Groups,
            listed,
            credential=claiming("owner_id"),
            limit=OFTEN,
            summary="Groups that the caller is in, once more (加载群聊)",
            source_id="social-contact-load-community",
        ),
    )
