"""Anchors come in: by a name or handle, and a password. Source: SITE-2, SITE-13, SITE-17."""

from functools import partial
from typing import Any, Final

import msgspec

from engine.records import Role
from engine.services.web_sign_ins import COOKIE_S, Opened
from handlers.site.access import SiteCaller, no_foreign_page
from handlers.site.cookies import Cookies
from handlers.site.envelope import ENVELOPE, Told
from handlers.site.options import SiteOptions
from handlers.site.sign_in import GUESSES, NAME_TAKEN, SIGNING_IN, LogIn, Name, Password
from handlers.wire.access import PUBLIC, network_of
from handlers.wire.surface import Endpoint, WithHeaders

__all__ = ["endpoints", "log_in", "register"]

REGISTERING: Final = ENVELOPE.saying(has_err_message=True, ALREADY_EXISTS=NAME_TAKEN)


class Register(msgspec.Struct):
    """A new account; ``handle`` is the name in its clean form, by which she may sign in too."""

    username: Name
    handle: Name
    password: Password


class AnchorRegistered(msgspec.Struct):
    """The account, signed in."""

    uid: str
    username: str
    handle: str
    access_token: str
    refresh_token: str


class AnchorLoggedIn(msgspec.Struct):
    """Tokens for all other calls; browsers get a cookie besides."""

    uid: str
    username: str
    access_token: str
    refresh_token: str


async def register(cookies: Cookies, caller: SiteCaller, wanted: Register) -> WithHeaders[Told[AnchorRegistered]]:
    """Make an account for an anchor, and sign her in."""
    engine = caller.engine
    person = await engine.site_people.register_anchor(wanted.username, wanted.handle, wanted.password)
    opened = await engine.web_sign_ins.open(person)
    shown = AnchorRegistered(
        uid=person.public_id,
        username=person.nickname,
        handle=wanted.handle,
        access_token=opened.tokens.access,
        refresh_token=opened.tokens.refresh,
    )
    return WithHeaders(Told(message="registered", data=shown), (_session(cookies, opened),))


async def log_in(cookies: Cookies, caller: SiteCaller, wanted: LogIn) -> WithHeaders[Told[AnchorLoggedIn]]:
    """Sign in an anchor."""
    engine = caller.engine
    person = await engine.site_people.check_password(
        wanted.username, wanted.password, role=Role.ANCHOR, address=network_of(caller.address)
    )
    opened = await engine.web_sign_ins.open(person)
    shown = AnchorLoggedIn(person.public_id, person.nickname, opened.tokens.access, opened.tokens.refresh)
    return WithHeaders(Told(message="signed in", data=shown), (_session(cookies, opened),))


def _session(cookies: Cookies, opened: Opened) -> tuple[str, str]:
    return cookies.session(opened.cookie, life_s=COOKIE_S)


def endpoints(options: SiteOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    cookies = Cookies(options)
    return (
        Endpoint(
            "/api/users/register",
            Register,
            Told[AnchorRegistered],
            partial(register, cookies),
            access=PUBLIC,
            credential=no_foreign_page,
            limit=GUESSES,
            envelope=REGISTERING,
            summary="Make an account for an anchor (主播注册)",
            source_id="site-anchor-register",
        ),
        Endpoint(
            "/api/users/anchor_login",
            LogIn,
            Told[AnchorLoggedIn],
            partial(log_in, cookies),
            access=PUBLIC,
            credential=no_foreign_page,
            limit=GUESSES,
            envelope=SIGNING_IN,
            summary="Sign in an anchor by name and password",
            source_id="site-anchor-login",
        ),
    )
