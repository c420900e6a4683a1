"""Who am I, and out again. Source: SITE-7, SITE-9, SITE-14."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec

from engine.services.site_names import google_sub
from handlers.site.access import SiteCaller, changing
from handlers.site.cookies import SESSION, Cookies
from handlers.site.envelope import DONE, ENVELOPE, Done, Row, Told
from handlers.site.options import SiteOptions
from handlers.site.shapes import Nothing
from handlers.wire.access import OPTIONAL
from handlers.wire.claims import even_banned
from handlers.wire.language import Said
from handlers.wire.redirect import Onward, RedirectEnvelope
from handlers.wire.surface import Endpoint, WithHeaders
from store.interfaces.money import Currency

__all__ = ["as_guest", "endpoints", "google_logged_in", "log_out", "log_out_and_home", "logged_in"]

BY_GOOGLE: Final = "User is authenticated via Google"
NOT_BY_GOOGLE: Final = "User is not authenticated via Google, using guest mode"

LOGGING_OUT: Final = ENVELOPE.saying(
    STORE_UNAVAILABLE=Row(HTTPStatus.INTERNAL_SERVER_ERROR, Said("退出登录失败", "logout failed"))
)


class GoogleUser(msgspec.Struct, kw_only=True):
    """Whoever Google answers for; for anybody else a name at most."""

    uid: int | None = None
    status: bool = False
    uname: str
    google_id: str | None = None
    google_email: str | None = None
    coin_num: int = 0


class GoogleUserInfo(msgspec.Struct):
    """One of them."""

    user_info: GoogleUser


class User(msgspec.Struct, kw_only=True):
    """The caller; ``uid`` is empty for guests, ``coin_num`` what he holds in diamonds."""

    uid: str = ""
    status: bool = False
    uname: str
    coin_num: int = 0


class UserInfo(msgspec.Struct):
    """One of them."""

    user_info: User


def as_guest(cookies: Cookies, caller: SiteCaller) -> tuple[tuple[str, str], ...]:
    """Headers by which a guest who is new is known again; none for anybody else."""
    guest = caller.principal.guest
    return (cookies.guest(guest.token),) if guest is not None and guest.token else ()


async def google_logged_in(cookies: Cookies, caller: SiteCaller, _wanted: Nothing) -> WithHeaders[Told[GoogleUserInfo]]:
    """Who the caller is by Google's word."""
    person = caller.principal.person
    google_id = "" if person is None else google_sub(person.external_id)
    if person is None or not google_id:
        nobody = GoogleUserInfo(GoogleUser(uname=caller.principal.name))
        return WithHeaders(Told(code=1, message=NOT_BY_GOOGLE, data=nobody), as_guest(cookies, caller))
    shown = GoogleUser(
        uid=person.id,
        status=True,
        uname=person.nickname,
        google_id=google_id,
        google_email=await caller.engine.site_people.email_of(person.id) or None,
        coin_num=await caller.engine.statements.held(person.id, Currency.SITE_DIAMONDS),
    )
    return WithHeaders(Told(message=BY_GOOGLE, data=GoogleUserInfo(shown)), ())


async def logged_in(cookies: Cookies, caller: SiteCaller, _wanted: Nothing) -> WithHeaders[Told[UserInfo]]:
    """Who the caller is, and what he holds."""
    person = caller.principal.person
    if person is None:
        return WithHeaders(Told(data=UserInfo(User(uname=caller.principal.name))), as_guest(cookies, caller))
    coin_num = await caller.engine.statements.held(person.id, Currency.SITE_DIAMONDS)
    shown = User(uid=str(person.id), status=True, uname=person.nickname, coin_num=coin_num)
    return WithHeaders(Told(data=UserInfo(shown)), ())


async def log_out(cookies: Cookies, caller: SiteCaller, _wanted: Nothing) -> WithHeaders[Done]:
    """End the sign-ins that the request shows; without any it is done already."""
    await _end(caller)
    return WithHeaders(DONE, (cookies.no_session(),))


async def log_out_and_home(
    cookies: Cookies, home_url: str, caller: SiteCaller, _wanted: Nothing
) -> WithHeaders[Onward]:
    """The same, and the browser goes home."""
    await _end(caller)
    return WithHeaders(Onward(home_url), (cookies.no_session(),))


async def _end(caller: SiteCaller) -> None:
    sign_ins, visitor = caller.engine.web_sign_ins, caller.principal
    if visitor.person is not None:
        await sign_ins.close(visitor.sign_in_id, visitor.person.id)
    # A token may have come along with the cookie of another sign-in.
    await sign_ins.close_by_cookie(caller.cookies.get(SESSION, ""))


def endpoints(options: SiteOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    cookies = Cookies(options)
    return (
        Endpoint(
            "/api/users/is_google_logged_in",
            Nothing,
            Told[GoogleUserInfo],
            partial(google_logged_in, cookies),
            method="GET",
            access=OPTIONAL,
            summary="Whether the caller is signed in through Google (Google 登录检测登录状态)",
            source_id="site-is-google-logged-in",
        ),
        Endpoint(
            "/api/users/is_logged_in",
            Nothing,
            Told[UserInfo],
            partial(logged_in, cookies),
            method="GET",
            access=OPTIONAL,
            summary="Whether the caller is signed in, and his diamonds (用户是否登录)",
            source_id="site-is-logged-in",
        ),
        Endpoint(
            "/api/users/login_out",
            Nothing,
            Done,
            partial(log_out, cookies),
            method="GET",
            aliases=("POST /api/users/login_out", "POST /api/users/logout"),
            access=OPTIONAL,
            credential=even_banned(changing),
            envelope=LOGGING_OUT,
            summary="Sign out (退出登录)",
            source_id="site-login-out",
        ),
        Endpoint(
            "/api/users/google_logout",
            Nothing,
            Onward,
            partial(log_out_and_home, cookies, options.home_url),
            method="GET",
            access=OPTIONAL,
            credential=even_banned(changing),
            envelope=RedirectEnvelope(LOGGING_OUT),
            summary="Sign out, and go home",
            source_id="site-login-out",
        ),
    )
