"""Coming in and going out: a ``wx.login`` code for a token, an account for a profile, and out of every room.

Source: QL-1 … QL-5, QL-11, QL-13.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from engine.greenroom import Greenroom
from engine.ports import SealedProfile
from engine.records import PersonRecord
from engine.services.accounts import QLIVE
from handlers.qlive.access import QliveCaller
from handlers.qlive.envelope import ENVELOPE, Row, as_documented
from handlers.qlive.shapes import Done
from handlers.qlive.whereabouts import NOWHERE, whereabouts
from handlers.wire.access import PUBLIC
from handlers.wire.fields import Flag, blank, text
from handlers.wire.limits import per_second
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "create", "log_in", "log_out", "signature_of"]

AppId = Annotated[str, text(64), blank()]
Code = Annotated[str, text(512), blank()]
Sealed = Annotated[str, text(8_192), blank()]

CODE_REFUSED: Final = ENVELOPE.saying(NOT_SIGNED_IN=Row(HTTPStatus.BAD_REQUEST, as_documented("login code refused")))


class LogIn(msgspec.Struct):
    """A code of ``wx.login``, and the mini-program it is for."""

    app_id: AppId = msgspec.field(name="appId")
    code: Code


class LoggedIn(msgspec.Struct, kw_only=True):
    """``status`` 0: the account exists. 1: it does not, and nothing else is said; the client then creates it.

    ``login_type`` 1: the person is in a room still, and the rest says in which, and as what.
    """

    status: int
    token: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    user_sign: str | UnsetType = UNSET
    user_sig: str | UnsetType = UNSET
    sdk_app_id: str | UnsetType = UNSET
    login_type: int | UnsetType = UNSET
    user_type: int | UnsetType = UNSET
    live_room_name: str | UnsetType = UNSET
    live_id: int | str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET


class Create(msgspec.Struct, rename="camel"):
    """A code of ``wx.login``, and the profile that WeChat has sealed for the mini-program (base64)."""

    app_id: AppId
    code: Code
    encrypted_data: Sealed
    iv: Sealed


class Created(msgspec.Struct):
    """The token all other calls need, and a signature for the messaging service under both its names."""

    token: str
    user_id: str
    user_sign: str
    user_sig: str
    sdk_app_id: str


class LogOut(msgspec.Struct):
    """``revoke`` makes the token void as well."""

    revoke: Flag = False


def signature_of(engine: Greenroom, person: PersonRecord) -> str:
    """The person's signature for the messaging service, for himself only."""
    return engine.world.signatures.sign(person.public_id, now_s=engine.node.now_ms() // 1000)


async def log_in(caller: QliveCaller, wanted: LogIn) -> LoggedIn:
    """Sign in somebody who has an account."""
    engine = caller.engine
    signed_in = await engine.identity.log_in(QLIVE, wanted.code, app_id=wanted.app_id)
    if signed_in is None:
        return LoggedIn(status=1)
    person = signed_in.person
    engine.presence.seen(person)
    signature, place = signature_of(engine, person), whereabouts(engine, person.id)
    logged_in = LoggedIn(
        status=0,
        token=signed_in.token,
        user_id=person.public_id,
        user_sign=signature,
        user_sig=signature,
        sdk_app_id=engine.world.signatures.app_id,
        login_type=0,
    )
    if place is NOWHERE:
        return logged_in
    return msgspec.structs.replace(logged_in, login_type=1, **msgspec.structs.asdict(place))


async def create(caller: QliveCaller, wanted: Create) -> Created:
    """Make an account, or sign in somebody who has one."""
    engine = caller.engine
    signed_in = await engine.identity.sign_up(
        QLIVE,
        wanted.code,
        app_id=wanted.app_id,
        sealed=SealedProfile(encrypted_data=wanted.encrypted_data, iv=wanted.iv),
    )
    person = signed_in.person
    engine.presence.seen(person)
    signature = signature_of(engine, person)
    return Created(
        token=signed_in.token,
        user_id=person.public_id,
        user_sign=signature,
        user_sig=signature,
        sdk_app_id=engine.world.signatures.app_id,
    )


async def log_out(caller: QliveCaller, wanted: LogOut) -> Done:
    """Leave every room; a matchmaker's live ends. The token stays good unless it is to be revoked."""
    await caller.engine.blind_dates.leave_everywhere(caller.principal.person)
    if wanted.revoke:
        await caller.engine.identity.sign_out(caller.principal.token)
    return Done()


# Codes could be guessed: counted over all nodes, and refused when they cannot be counted.
_GUESSES: Final = per_second(20, shared=True)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/wx/api/qlive/qlive_user/login",
        LogIn,
        LoggedIn,
        log_in,
        access=PUBLIC,
        limit=_GUESSES,
        envelope=CODE_REFUSED,
        summary="Mini-program login (登录小程序)",
        source_id="qlive-user-login",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_user",
        Create,
        Created,
        create,
        access=PUBLIC,
        limit=_GUESSES,
        envelope=CODE_REFUSED,
        summary="Create a user from a WeChat profile (创建QLive用户)",
        source_id="qlive-user-create",
    ),
    Endpoint(
        "/wx/api/qlive/qlive_user/logout",
        LogOut,
        Done,
        log_out,
        method="GET",
        aliases=("POST /wx/api/qlive/qlive_user/logout",),
        summary="The user leaves the mini-program (用户退出小程序)",
        source_id="qlive-user-logout",
    ),
)
"""The endpoints of this module."""
