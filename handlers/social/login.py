"""Accounts: a code by mail, an account, a pair of tokens, another atoken, and out again. Source: SO-3 … SO-5, SO-10."""

from typing import Annotated, Any, Final

import msgspec

from engine.errors import AlreadyExists, MailDown, NotAToken, NotSignedIn, TokenExpired, TokenMisused
from handlers.social.access import SocialCaller, credential
from handlers.social.envelope import DONE, ENVELOPE, Done, Row
from handlers.social.limits import OF_DEPARTURES, OF_RENEWALS, OF_SIGN_INS
from handlers.social.shapes import ImageUrl
from handlers.wire.access import PUBLIC, network_of
from handlers.wire.claims import even_banned
from handlers.wire.fields import blank, text
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "REGISTERING", "Email", "Username"]

Email = Annotated[str, text(254), blank()]
Username = Annotated[str, text(30), blank()]
Password = Annotated[str, text(256), blank()]
Code = Annotated[str, text(16), blank()]
Token = Annotated[str, text(2_048), blank()]

_BAD_TOKEN: Final = Row(-20002, Said("token无效", "the token is not valid"))

SENDING: Final = ENVELOPE.saying({MailDown: Row(60007, Said("邮件发送失败", "the mail could not be sent"))})
REGISTERING: Final = ENVELOPE.saying({AlreadyExists: Row(10010, Said("用户已存在", "there is such a user already"))})
"""Where a name or an address may be somebody's."""

SIGNING_IN: Final = ENVELOPE.saying({NotSignedIn: Row(10009, Said("账号或密码错误", "wrong account or password"))})
RENEWING: Final = ENVELOPE.saying(
    {
        TokenExpired: Row(-20006, Said("rtoken已过期", "the rtoken has expired")),
        TokenMisused: _BAD_TOKEN,
        NotAToken: _BAD_TOKEN,
    }
)


class SendCode(msgspec.Struct):
    """Where to."""

    email: Email


class Register(msgspec.Struct):
    """A new account; the code has been mailed to ``email``. A password has 6 characters at least, 72 bytes at most."""

    email: Email
    code: Code
    password: Password
    username: Username
    avatar: ImageUrl = ""


class LogIn(msgspec.Struct):
    """An address and its password."""

    email: Email
    password: Password


class Renew(msgspec.Struct):
    """An rtoken; it stays good."""

    rtoken: Token


class LogOut(msgspec.Struct):
    """Beside the sign-in of the atoken, that of this rtoken of his ends too."""

    rtoken: Token = ""


class Pair(msgspec.Struct):
    """``atoken`` for two hours of calls, ``rtoken`` for others of it, for seven days."""

    atoken: str
    rtoken: str


class Renewed(msgspec.Struct):
    """Another atoken."""

    atoken: str


async def send_code(caller: SocialCaller, wanted: SendCode) -> Done:
    """Mail a code."""
    await caller.engine.mailed_codes.send(wanted.email, address=network_of(caller.address))
    return DONE


async def register(caller: SocialCaller, wanted: Register) -> Pair:
    """Make an account for whoever reads that address, and sign him in."""
    engine = caller.engine
    # Who has which name is no secret; who has which address is told only to whom it belongs.
    await engine.social_people.require_free_name(wanted.username)
    engine.social_people.require_fit(password=wanted.password, avatar_url=wanted.avatar)
    await engine.mailed_codes.redeem(wanted.email, wanted.code, address=network_of(caller.address))
    made = await engine.social_people.register(
        wanted.username, wanted.password, email=wanted.email, avatar_url=wanted.avatar
    )
    tokens = await engine.social_sign_ins.open(made.person, device=caller.agent, address=caller.address)
    return Pair(tokens.atoken, tokens.rtoken)


async def log_in(caller: SocialCaller, wanted: LogIn) -> Pair:
    """Sign somebody in."""
    engine = caller.engine
    person = await engine.social_people.check_password(
        wanted.email, wanted.password, address=network_of(caller.address)
    )
    tokens = await engine.social_sign_ins.open(person, device=caller.agent, address=caller.address)
    return Pair(tokens.atoken, tokens.rtoken)


async def renew(caller: SocialCaller, wanted: Renew) -> Renewed:
    """Another atoken."""
    return Renewed(await caller.engine.social_sign_ins.renew(wanted.rtoken))


async def log_out(caller: SocialCaller, wanted: LogOut) -> Done:
    """All tokens of this sign-in are worth nothing any more, and his sockets are closed."""
    engine, insider = caller.engine, caller.principal
    if wanted.rtoken:
        await engine.social_sign_ins.close_by_rtoken(wanted.rtoken, insider.person_id)
    await engine.social_sign_ins.leave(insider.sign_in_id, insider.person_id)
    engine.online.left(insider.person_id)
    return DONE


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/login/send-code",
        SendCode,
        Done,
        send_code,
        access=PUBLIC,
        limit=OF_SIGN_INS,
        envelope=SENDING,
        summary="Mail a code to an address (发送验证码)",
        source_id="social-login-send-code",
    ),
    Endpoint(
        "/api/login/register",
        Register,
        Pair,
        register,
        access=PUBLIC,
        limit=OF_SIGN_INS,
        envelope=REGISTERING,
        summary="Make an account (用户注册)",
        source_id="social-login-register",
    ),
    Endpoint(
        "/api/login/login",
        LogIn,
        Pair,
        log_in,
        access=PUBLIC,
        limit=OF_SIGN_INS,
        envelope=SIGNING_IN,
        summary="Sign in (用户登录)",
        source_id="social-login-login",
    ),
    Endpoint(
        "/api/login/refresh-token",
        Renew,
        Renewed,
        renew,
        access=PUBLIC,
        limit=OF_RENEWALS,
        envelope=RENEWING,
        summary="Exchange an rtoken for another atoken (刷新Token)",
        source_id="social-login-refresh-token",
    ),
    Endpoint(
        "/api/login/logout",
        LogOut,
        Done,
        log_out,
        credential=even_banned(credential),
        limit=OF_DEPARTURES,
        summary="Sign out",
        source_id="social-login-logout",
    ),
)
