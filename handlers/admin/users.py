"""People for operators: find them, warn, ban, approve; and, in development, act as one of them."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from engine.errors import Forbidden
from engine.services.operator import BanKind, Role
from handlers.admin.access import Desk
from handlers.admin.options import AdminOptions
from handlers.admin.shapes import Act, Length, LineCount, shown
from handlers.wire.fields import Id, text
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = ["UserShown", "WantedUser", "endpoints"]


AnyRole = Literal["guest", "anchor", "matchmaker"]
"""An anchor is one of the calls surface, a matchmaker one of the blind-date rooms."""


class Search(msgspec.Struct):
    """An id, an external or shown id, or the beginning of a nickname; the newest people for nothing."""

    sought: Annotated[str, text(200)] = msgspec.field(default="", name="text")
    role: AnyRole | None = None
    limit: LineCount = 50


class WantedUser(msgspec.Struct):
    """Who."""

    person_id: Id


class OnUser(Act, kw_only=True):
    """An act that says nothing beyond whom it is done to."""

    person_id: Id


class BanUser(Act, kw_only=True):
    """Exclude somebody from now on, for ``length_ms`` or until it is lifted. ``reason`` is shown to the person."""

    person_id: Id
    kind: Literal["account", "broadcast"] = "account"
    length_ms: Length | None = None


class ChangeRole(Act, kw_only=True):
    """Approve somebody as what the surface's people earn by, or make a guest of her again."""

    person_id: Id
    role: AnyRole


class ChangeLevel(Act, kw_only=True):
    """What somebody of the social app is: 0 guest, 1 user, 2 member, 3 administrator, 4 super administrator."""

    person_id: Id
    level: Annotated[int, msgspec.Meta(ge=0, le=4)]


class BanShown(msgspec.Struct):
    """An exclusion; one whose time is over is in force no longer."""

    kind: str
    text: str
    since_ms: int
    until_ms: int | None


class UserShown(msgspec.Struct):
    """One person, without anything secret; ``public_id`` is what the surface shows, where that is not the id."""

    id: int
    surface: str
    external_id: str
    public_id: str
    role: str
    created_at_ms: int
    nickname: str
    age: int
    gender: int
    height: int
    area: str
    points_per_minute: int
    is_hidden: bool
    last_login_at_ms: int | None
    ban: BanShown | None


class Users(msgspec.Struct):
    """Newest first."""

    users: list[UserShown]


class Warned(msgspec.Struct):
    """Whom the warning waits for."""

    person_id: int


class LevelShown(msgspec.Struct):
    """Who is what now."""

    person_id: int
    level: int


class PasswordShown(msgspec.Struct):
    """A password that is told once."""

    person_id: int
    password: str


class SessionShown(msgspec.Struct):
    """A token that is told once."""

    person_id: int
    token: str


async def search(desk: Desk, wanted: Search) -> Users:
    """People who fit."""
    role = Role(wanted.role) if wanted.role else None
    found = await desk.engine.operator.people(text=wanted.sought, role=role, limit=wanted.limit)
    return Users([shown(UserShown, person) for person in found])


async def one(desk: Desk, wanted: WantedUser) -> UserShown:
    """One person."""
    return shown(UserShown, await desk.engine.operator.person(PersonId(wanted.person_id)))


async def ban(desk: Desk, wanted: BanUser) -> UserShown:
    """The person as excluded."""
    operator = desk.engine.operator
    person = await operator.ban(
        PersonId(wanted.person_id),
        BanKind(wanted.kind),
        wanted.reason,
        until_ms=operator.now_ms + wanted.length_ms if wanted.length_ms else None,
        actor=wanted.actor,
    )
    return shown(UserShown, person)


async def unban(desk: Desk, wanted: OnUser) -> UserShown:
    """The person, let in again."""
    person = await desk.engine.operator.unban(PersonId(wanted.person_id), actor=wanted.actor, reason=wanted.reason)
    return shown(UserShown, person)


async def warn(desk: Desk, wanted: OnUser) -> Warned:
    """``reason`` is the warning."""
    await desk.engine.operator.warn(PersonId(wanted.person_id), wanted.reason, actor=wanted.actor)
    return Warned(wanted.person_id)


async def change_role(desk: Desk, wanted: ChangeRole) -> UserShown:
    """The person in the new role."""
    person = await desk.engine.operator.set_role(
        PersonId(wanted.person_id), Role(wanted.role), actor=wanted.actor, reason=wanted.reason
    )
    return shown(UserShown, person)


async def change_level(desk: Desk, wanted: ChangeLevel) -> LevelShown:
    """Who is what now."""
    await desk.engine.operator.set_level(
        PersonId(wanted.person_id), wanted.level, actor=wanted.actor, reason=wanted.reason
    )
    return LevelShown(wanted.person_id, wanted.level)


async def reset_password(desk: Desk, wanted: OnUser) -> PasswordShown:
    """Another password, for somebody who signs in by one."""
    password = await desk.engine.operator.reset_password(
        PersonId(wanted.person_id), actor=wanted.actor, reason=wanted.reason
    )
    return PasswordShown(wanted.person_id, password)


async def open_session(options: AdminOptions, desk: Desk, wanted: OnUser) -> SessionShown:
    """A token for the surface of the person. Raises Forbidden outside of development."""
    if not options.is_dev:
        raise Forbidden("sessions are opened for others in development only")
    token = await desk.engine.operator.open_session(
        PersonId(wanted.person_id), actor=wanted.actor, reason=wanted.reason
    )
    return SessionShown(wanted.person_id, token)


def endpoints(options: AdminOptions) -> tuple[Endpoint[Any, Any], ...]:
    """What can be asked about people, and done to them."""
    return (
        Endpoint(
            "/admin/v1/users",
            Search,
            Users,
            search,
            method="GET",
            summary="People by any of their ids or the beginning of a nickname",
            source_id="admin-users",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}",
            WantedUser,
            UserShown,
            one,
            method="GET",
            summary="One person",
            source_id="admin-users-show",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/ban",
            BanUser,
            UserShown,
            ban,
            summary="Exclude somebody",
            source_id="admin-users-ban",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/unban",
            OnUser,
            UserShown,
            unban,
            summary="Lift a ban",
            source_id="admin-users-unban",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/warn",
            OnUser,
            Warned,
            warn,
            summary="Warn somebody",
            source_id="admin-users-warn",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/role",
            ChangeRole,
            UserShown,
            change_role,
            summary="Approve an anchor or a matchmaker, or make a guest of her again",
            source_id="admin-users-role",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/level",
            ChangeLevel,
            LevelShown,
            change_level,
            summary="Make somebody of the social app a user, an administrator …",
            source_id="admin-users-level",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/password",
            OnUser,
            PasswordShown,
            reset_password,
            summary="Another password for somebody who has lost his",
            source_id="admin-users-password",
        ),
        Endpoint(
            "/admin/v1/users/{person_id}/sessions",
            OnUser,
            SessionShown,
            partial(open_session, options),
            summary="Open a session for somebody (development only)",
            source_id="admin-users-session",
        ),
    )
