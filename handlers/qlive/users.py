"""People: what one sees of oneself and of others, what one may change, and whom one likes.

Source: QL-5 … QL-9, QL-36, QL-40 … QL-44.
"""

from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec

from engine.records import PersonRecord, Profile, Role
from handlers.qlive.access import QliveCaller
from handlers.qlive.login import signature_of
from handlers.qlive.options import QliveOptions
from handlers.qlive.shapes import OptionalUser, User, UserId
from handlers.qlive.whereabouts import whereabouts
from handlers.wire.fields import WireInt, blank, spoken, text
from handlers.wire.surface import Endpoint
from handlers.wire.zone import Zone
from store.interfaces.money import Currency

__all__ = ["change", "endpoints", "like", "show", "show_like"]

Number = Annotated[WireInt | None, blank()]


class Change(msgspec.Struct):
    """What to change; what is absent or empty stays. ``gender`` 1 man, 2 woman; ``height`` in cm."""

    nickname: Annotated[Annotated[str, spoken(200)] | None, blank()] = None
    gender: Number = None
    age: Number = None
    area: Annotated[Annotated[str, text(6)] | None, blank()] = None
    face_url: Annotated[Annotated[str, text(2_000)] | None, blank()] = None
    height: Number = None


class UserShown(msgspec.Struct, kw_only=True):
    """A person. Signature and money are one's own only; of others they are empty."""

    user_id: str
    user_sig: str = ""
    user_sign: str = ""
    user_sig_expired: str | None = None
    nickname: str
    gender: int
    age: int
    face_url: str
    area: str
    gold: int = 0
    height: int
    is_matchmaker: bool
    income: int = 0
    last_login_time: str | None
    create_time: str
    rate: str


class Like(msgspec.Struct):
    """Whom, and whether."""

    user_id: UserId
    like_state: Annotated[Literal[0, 1], blank()]


class Liked(msgspec.Struct):
    """It worked; in lower case, unlike elsewhere."""

    detail: Literal["ok"] = "ok"


class LikeShown(msgspec.Struct):
    """1 liked, 0 not."""

    like_state: int


class _Shown:
    """How people are shown in this deployment."""

    def __init__(self, options: QliveOptions) -> None:
        self._zone = Zone(options.time_zone)
        self._rate = options.withdraw_rate

    def other(self, person: PersonRecord) -> UserShown:
        """Somebody as others see him."""
        seen_ms = person.last_login_at_ms
        return UserShown(
            user_id=person.public_id,
            nickname=person.nickname,
            gender=person.gender,
            age=person.age,
            face_url=person.avatar_url,
            area=person.area,
            height=person.height,
            is_matchmaker=person.role is Role.MATCHMAKER,
            last_login_time=None if seen_ms is None else self._zone.to_iso(seen_ms),
            create_time=self._zone.to_iso(person.created_at_ms),
            rate=self._rate,
        )

    async def oneself(self, caller: QliveCaller, person: PersonRecord) -> UserShown:
        """Somebody as he sees himself."""
        engine = caller.engine
        signature = signature_of(engine, person)
        expires_at_ms = engine.node.now_ms() + engine.world.signatures.life_s * 1_000
        return msgspec.structs.replace(
            self.other(person),
            user_sig=signature,
            user_sign=signature,
            user_sig_expired=self._zone.to_iso(expires_at_ms),
            gold=await engine.statements.held(person.id, Currency.QLIVE_GOLD),
            income=await engine.statements.held(person.id, Currency.QLIVE_INCOME),
        )


async def change(shown: _Shown, caller: QliveCaller, wanted: Change) -> UserShown:
    """Change one's profile; the five documented fields and the height, and nothing else."""
    person = caller.principal.person
    profile = Profile(
        nickname=wanted.nickname,
        gender=wanted.gender,
        age=wanted.age,
        area=wanted.area,
        avatar_url=wanted.face_url,
        height=wanted.height,
    )
    is_seated = whereabouts(caller.engine, person.id).is_seated
    changed = await caller.engine.qlive_people.change(person, profile, is_seated=is_seated)
    return await shown.oneself(caller, changed)


async def show(shown: _Shown, caller: QliveCaller, wanted: OptionalUser) -> UserShown:
    """One person, oneself unless said."""
    myself = caller.principal.person
    if wanted.user_id in ("", myself.public_id):
        return await shown.oneself(caller, myself)
    return shown.other(await caller.engine.qlive_people.person(wanted.user_id))


async def like(caller: QliveCaller, wanted: Like) -> Liked:
    """Like somebody, or no longer."""
    await caller.engine.qlive_people.set_like(caller.principal.person, wanted.user_id, is_liked=wanted.like_state == 1)
    return Liked()


async def show_like(caller: QliveCaller, wanted: User) -> LikeShown:
    """Whether the caller likes somebody."""
    is_liked = await caller.engine.qlive_people.likes(caller.principal.person, wanted.user_id)
    return LikeShown(like_state=int(is_liked))


_LIKE: Final = "/wx/api/qlive/qlive_like"


def endpoints(options: QliveOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    shown = _Shown(options)
    return (
        Endpoint(
            "/wx/api/qlive/qlive_user/update_userinfo",
            Change,
            UserShown,
            partial(change, shown),
            summary="Change the caller's profile (修改用户信息)",
            source_id="qlive-user-update-userinfo",
        ),
        Endpoint(
            "/wx/api/qlive/qlive_user/get_userinfo",
            OptionalUser,
            UserShown,
            partial(show, shown),
            method="GET",
            summary="Profile by user id (根据userid获取用户信息)",
            source_id="qlive-user-get-userinfo",
        ),
        Endpoint(
            _LIKE,
            Like,
            Liked,
            like,
            summary="Like or unlike a user (点赞和取消点赞)",
            source_id="qlive-like-set",
        ),
        Endpoint(
            _LIKE,
            User,
            LikeShown,
            show_like,
            method="GET",
            summary="Whether the caller likes a user (获取点赞状态)",
            source_id="qlive-like-get",
        ),
    )
