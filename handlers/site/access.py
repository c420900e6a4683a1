"""Who is asking on this surface: an access token, a session cookie, or a guest who may have been here before.

Knows where credentials stand in a request, and that a cookie alone proves nothing about what its owner wants: a
browser sends it with requests of any page, so what changes something is done with it only when the request shows that
one of our own pages asks. Knows no endpoint. Source: SITE-7, SITE-13, ALL-3, ALL-15, SEC-11, SEC-13.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec

from engine.errors import Forbidden, NotSignedIn, WrongRole
from engine.greenroom import Greenroom
from engine.records import PersonRecord, Role
from engine.services.guests import Guest
from engine.services.known_people import Known
from engine.services.welcome import require_let_in
from handlers.site.cookies import GUEST, SESSION
from handlers.wire import claims
from handlers.wire.access import Caller, Incoming, Presented, Whence, bearer
from handlers.wire.claims import scheme_of

__all__ = [
    "GUEST_UID",
    "SECURITY",
    "SiteCaller",
    "Visitor",
    "anchor_of",
    "authenticate",
    "changing",
    "claiming",
    "credential",
    "guest_of",
    "member_of",
    "no_foreign_page",
    "socket_credential",
]

_TOKEN: Final = "token"  # noqa: S105 - the name of a scheme
_COOKIE: Final = "cookie"
_READING: Final = ("GET", "HEAD")

GUEST_UID: Final = "0"
"""What guests go by in messages and requests. Source: SITE-8."""

SECURITY: Final = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": SESSION},
}


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the site: either ``person``, by the sign-in ``sign_in_id``, or ``guest``."""

    person: PersonRecord | None = None
    guest: Guest | None = None
    sign_in_id: str = ""

    @property
    def person_id(self) -> int:
        """His id; guests have one in a range of their own."""
        if self.person is not None:
            return self.person.id
        assert self.guest is not None
        return self.guest.id

    @property
    def name(self) -> str:
        """What he is shown as."""
        if self.person is not None:
            return self.person.nickname
        assert self.guest is not None
        return self.guest.name

    def goes_by(self, claimed: str) -> bool:
        """By the id, an anchor by her uid too; guests by 0 or by nothing."""
        if self.person is None:
            return claimed in ("", GUEST_UID)
        return claimed in {str(self.person.id), self.person.public_id} - {""}


SiteCaller = Caller[Greenroom, Visitor]
"""What the actions of this surface learn of the one who asks; on optional endpoints everybody is somebody."""


# --- where a credential stands -------------------------------------------------------------------------------------

_in_header = bearer(scheme=_TOKEN)


def credential(incoming: Incoming) -> Presented | None:
    """The access token in the header, else the session cookie.

    Raises: Forbidden: something is to change, and the cookie is all there is: no page of ours shows itself.
    """
    return _in_header(incoming) or _session(incoming, is_change=incoming.method not in _READING)


def changing(incoming: Incoming) -> Presented | None:
    """``credential``, for endpoints that change something whatever they are asked with. Source: ALL-15."""
    return _in_header(incoming) or _session(incoming, is_change=True)


def no_foreign_page(incoming: Incoming) -> Presented | None:
    """Nothing is looked at, but signing somebody in is no business of other people's pages either.

    Raises: Forbidden: one of them asks.
    """
    _refuse_foreign(incoming)
    return None


def socket_credential(incoming: Incoming) -> Presented | None:
    """The access token in the header or as ``token`` in the query, else the session cookie of a browser.

    Whoever shows a token that is worth nothing is told so, to get another, rather than let in as a guest. The
    handshake's own origin was checked before; a cookie without one is not from a browser and does not count.
    """
    token = incoming.query.get("token")
    in_query = Presented(scheme=_TOKEN, token=token) if isinstance(token, str) and token else None
    presented = _in_header(incoming) or in_query
    if presented is not None:
        return replace(presented, is_insisted=True)
    return _session(incoming, is_change=False) if "Origin" in incoming.headers else None


def _session(incoming: Incoming, *, is_change: bool) -> Presented | None:
    value = incoming.cookies.get(SESSION)
    if not value:
        # Who is nobody here can still be made to act as a guest.
        if is_change:
            _refuse_foreign(incoming)
        return None
    if is_change and incoming.whence is not Whence.OURS:
        raise Forbidden("a cookie alone, and no page of ours")
    return Presented(scheme=_COOKIE, token=value)


def _refuse_foreign(incoming: Incoming) -> None:
    if incoming.whence is Whence.FOREIGN:
        raise Forbidden("a page of somebody else asks")


claiming = partial(claims.claiming, read=credential)
"""The credential, where the fields named say who asks: they may be absent, or agree. Source: ALL-3."""


# --- what it is worth ----------------------------------------------------------------------------------------------


def authenticate(engine: Greenroom) -> Callable[[Presented], Awaitable[Visitor]]:
    """Who holds a credential. Whoever is let in has been seen by that.

    The function raises NotSignedIn (nobody's), Banned (from everything), StoreDown.
    """

    async def who(presented: Presented) -> Visitor:
        scheme, is_even_banned = scheme_of(presented)
        known = await _whose(engine, scheme, presented.token)
        person = known.person
        if not is_even_banned:
            require_let_in(person, engine.node)
        engine.presence.seen(person)
        return Visitor(person=person, sign_in_id=known.sign_in_id)

    return who


def guest_of(engine: Greenroom) -> Callable[[Incoming], Visitor]:
    """Who somebody is who holds none: a guest, known again by his cookie, or a new one."""

    def who(incoming: Incoming) -> Visitor:
        token = incoming.cookies.get(GUEST)
        known = engine.guests.known(token) if token else None
        return Visitor(guest=known or engine.guests.new())

    return who


async def _whose(engine: Greenroom, scheme: str, credential: str) -> Known:
    if scheme == _COOKIE:
        return await engine.web_sign_ins.who_by_cookie(credential)
    return await engine.web_sign_ins.who_by_token(credential)


# --- what an action asks about its caller --------------------------------------------------------------------------


def member_of(caller: SiteCaller) -> PersonRecord:
    """The caller, who must have an account.

    Raises: NotSignedIn: a guest.
    """
    person = caller.principal.person
    if person is None:
        raise NotSignedIn
    return person


def anchor_of(caller: SiteCaller) -> PersonRecord:
    """The caller, who must be an anchor.

    Raises: NotSignedIn: a guest. WrongRole: a viewer.
    """
    person = member_of(caller)
    if person.role is not Role.ANCHOR:
        raise WrongRole
    return person
