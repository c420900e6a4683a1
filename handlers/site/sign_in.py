"""Viewers come in: by Google, or by a name and a password; and tokens are renewed. Source: SITE-12, SITE-15, SEC-12."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from engine.records import Role
from engine.services.web_sign_ins import COOKIE_S
from handlers.site.access import SiteCaller, no_foreign_page
from handlers.site.cookies import DEPARTURE, Cookies
from handlers.site.envelope import ENVELOPE, Row, Told
from handlers.site.options import SiteOptions
from handlers.site.shapes import Nothing
from handlers.wire.access import PUBLIC, network_of
from handlers.wire.fields import blank, text
from handlers.wire.language import Said
from handlers.wire.limits import per_second
from handlers.wire.redirect import Onward, RedirectEnvelope
from handlers.wire.surface import Endpoint, WithHeaders

__all__ = [
    "GUESSES",
    "NAME_TAKEN",
    "SIGNING_IN",
    "Name",
    "Password",
    "arrive",
    "depart",
    "endpoints",
    "log_in",
    "register",
    "renew",
]

Name = Annotated[str, text(64), blank()]
Password = Annotated[str, text(256), blank()]
Token = Annotated[str, text(2_048), blank()]
Code = Annotated[str, text(512), blank()]
"""Google's own have at most 256 characters, and come in an address."""
State = Annotated[str, text(128), blank()]

GUESSES: Final = per_second(20, shared=True)
"""Names and tokens could be guessed: counted over all nodes, and refused when they cannot be counted."""

NAME_TAKEN: Final = Row(HTTPStatus.BAD_REQUEST, Said("账户已注册", "the user name is taken"))
SIGNING_IN: Final = ENVELOPE.saying(
    NOT_SIGNED_IN=Row(HTTPStatus.UNAUTHORIZED, Said("用户名或密码错误", "wrong user name or password"))
)
REGISTERING: Final = ENVELOPE.saying(ALREADY_EXISTS=NAME_TAKEN)
DEPARTING: Final = ENVELOPE.saying(
    STORE_UNAVAILABLE=Row(HTTPStatus.SERVICE_UNAVAILABLE, Said("未配置谷歌登录", "google login is not configured"))
)
ARRIVING: Final = RedirectEnvelope(
    ENVELOPE.saying(NOT_SIGNED_IN=Row(HTTPStatus.BAD_REQUEST, Said("登录已失效，请重新登录", "sign in anew")))
)
RENEWING: Final = ENVELOPE.saying(
    NOT_SIGNED_IN=Row(HTTPStatus.UNAUTHORIZED, Said("令牌已失效", "token expired or revoked"))
)


class Departed(msgspec.Struct):
    """Where to send the browser."""

    authorization_url: str


class Back(msgspec.Struct):
    """What the browser brings back from Google."""

    code: Code
    state: State


class Register(msgspec.Struct):
    """A new account; the password has at least 8 characters, letters and digits among them."""

    username: Name
    password: Password
    email: Annotated[str, text(254)] = ""


class Registered(msgspec.Struct):
    """The account."""

    username: str
    email: str


class LogIn(msgspec.Struct):
    """A name and its password."""

    username: Name
    password: Password


class LoggedIn(msgspec.Struct):
    """Tokens for all other calls; browsers get a cookie besides."""

    access_token: str
    refresh_token: str
    username: str
    email: str


class Renew(msgspec.Struct):
    """A refresh token that was not used before."""

    refresh_token: Token


class Renewed(msgspec.Struct):
    """Another pair; the refresh token that it was bought with is worth nothing any more."""

    access_token: str
    refresh_token: str


async def depart(cookies: Cookies, caller: SiteCaller, _wanted: Nothing) -> WithHeaders[Told[Departed]]:
    """Begin a sign-in with Google; the browser keeps what only it can bring back."""
    departure = caller.engine.site_people.depart()
    kept = cookies.departure(departure.bound, life_s=departure.life_s)
    return WithHeaders(Told(data=Departed(departure.address)), (kept,))


async def arrive(cookies: Cookies, home_url: str, caller: SiteCaller, wanted: Back) -> WithHeaders[Onward]:
    """End it, at home: where browsers go from here is nobody's to say."""
    engine = caller.engine
    bound = caller.cookies.get(DEPARTURE, "")
    person = await engine.site_people.arrive(code=wanted.code, state=wanted.state, bound=bound)
    opened = await engine.web_sign_ins.open(person)
    return WithHeaders(Onward(home_url), (cookies.session(opened.cookie, life_s=COOKIE_S), cookies.no_departure()))


async def register(caller: SiteCaller, wanted: Register) -> Told[Registered]:
    """Make an account for a viewer."""
    person = await caller.engine.site_people.register_viewer(wanted.username, wanted.password, email=wanted.email)
    return Told(message="registered", data=Registered(person.nickname, wanted.email))


async def log_in(cookies: Cookies, caller: SiteCaller, wanted: LogIn) -> WithHeaders[Told[LoggedIn]]:
    """Sign in a viewer."""
    engine = caller.engine
    person = await engine.site_people.check_password(
        wanted.username, wanted.password, role=Role.GUEST, address=network_of(caller.address)
    )
    opened = await engine.web_sign_ins.open(person)
    shown = LoggedIn(
        access_token=opened.tokens.access,
        refresh_token=opened.tokens.refresh,
        username=person.nickname,
        email=await engine.site_people.email_of(person.id),
    )
    return WithHeaders(Told(message="signed in", data=shown), (cookies.session(opened.cookie, life_s=COOKIE_S),))


async def renew(caller: SiteCaller, wanted: Renew) -> Told[Renewed]:
    """Another pair of tokens."""
    tokens = await caller.engine.web_sign_ins.renew(wanted.refresh_token)
    return Told(data=Renewed(tokens.access, tokens.refresh))


def endpoints(options: SiteOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    cookies = Cookies(options)
    return (
        Endpoint(
            "/api/users/google_login_url",
            Nothing,
            Told[Departed],
            partial(depart, cookies),
            method="GET",
            access=PUBLIC,
            envelope=DEPARTING,
            summary="Where to sign in with Google (获取谷歌授权url)",
            source_id="site-google-login-url",
        ),
        Endpoint(
            "/api/users/google_oauth2_callback",
            Back,
            Onward,
            partial(arrive, cookies, options.home_url),
            method="GET",
            access=PUBLIC,
            limit=GUESSES,
            envelope=ARRIVING,
            summary="Back from Google: signs in and goes home (Google 登录回调处理)",
            source_id="site-google-oauth2-callback",
        ),
        Endpoint(
            "/api/users/client_register",
            Register,
            Told[Registered],
            register,
            access=PUBLIC,
            credential=no_foreign_page,
            limit=GUESSES,
            envelope=REGISTERING,
            summary="Make an account for a viewer",
            source_id="site-client-register",
        ),
        Endpoint(
            "/api/users/user_login",
            LogIn,
            Told[LoggedIn],
            partial(log_in, cookies),
            access=PUBLIC,
            credential=no_foreign_page,
            limit=GUESSES,
            envelope=SIGNING_IN,
            summary="Sign in a viewer by name and password",
            source_id="site-user-login",
        ),
        Endpoint(
            "/api/users/token_refresh",
            Renew,
            Told[Renewed],
            renew,
            access=PUBLIC,
            credential=no_foreign_page,
            limit=GUESSES,
            envelope=RENEWING,
            summary="Exchange a refresh token for new tokens",
            source_id="site-token-refresh",
        ),
    )
