"""Who is asking on this surface: whose atoken stands behind the word Bearer.

Knows where a credential stands and what may be wrong with it. Knows no endpoint. Source: SO-4, SO-6, ALL-3.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec

from engine.errors import NotSignedIn, WrongRole
from engine.greenroom import Greenroom
from engine.records import Member, PersonRecord
from engine.services.known_people import Known
from engine.services.welcome import require_let_in
from handlers.wire import claims
from handlers.wire.access import Caller, Incoming, Presented
from handlers.wire.claims import scheme_of
from store.interfaces.ids import PersonId

__all__ = [
    "CHAT_PATH",
    "SECURITY",
    "Insider",
    "NoBearer",
    "SocialCaller",
    "authenticate",
    "claiming",
    "credential",
    "insider_of",
    "known_of",
    "require_level",
    "socket_credential",
]

CHAT_PATH: Final = "/api/chat/ws"
"""What tickets are good for."""

_TICKET: Final = "ticket"
_TOKEN: Final = "atoken"  # noqa: S105 - the name of a scheme
_OTHER: Final = "another scheme"
_BEARER: Final = "bearer"

SECURITY: Final = {
    _TOKEN: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An atoken"},
}


class NoBearer(NotSignedIn):
    """There is an ``Authorization``, and no Bearer in it."""


class Insider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in: his account, what the app keeps of him, and by which sign-in."""

    person: PersonRecord
    member: Member
    sign_in_id: str

    @property
    def person_id(self) -> PersonId:
        """His number inside, which is shown to nobody."""
        return self.person.id

    def goes_by(self, claimed: str) -> bool:
        """By the id that the surface shows."""
        return claimed == self.person.public_id


SocialCaller = Caller[Greenroom, Insider]
"""What the actions of this surface learn of the one who asks."""


# --- where a credential stands -------------------------------------------------------------------------------------


def credential(incoming: Incoming) -> Presented | None:
    """What stands behind ``Bearer`` in the header."""
    header = incoming.headers.get("Authorization", "").strip()
    if not header:
        return None
    word, _, token = header.partition(" ")
    if word.lower() != _BEARER:
        return Presented(scheme=_OTHER, token=header)
    return Presented(scheme=_TOKEN, token=token.strip())


def socket_credential(incoming: Incoming) -> Presented | None:
    """A ticket, or an atoken, with or without the word Bearer, in the query; or as anywhere else, in the header."""
    ticket, token = incoming.query.get("ticket"), incoming.query.get("token")
    if isinstance(ticket, str) and ticket:
        return Presented(scheme=_TICKET, token=ticket)
    if isinstance(token, str) and token.strip():
        word, _, rest = token.strip().partition(" ")
        return Presented(scheme=_TOKEN, token=rest.strip() if word.lower() == _BEARER else token.strip())
    return credential(incoming)


claiming = partial(claims.claiming, read=credential)
"""The credential, where the fields named say who asks: they may be absent, or agree. Source: ALL-3."""


# --- what it is worth ----------------------------------------------------------------------------------------------


def authenticate(engine: Greenroom) -> Callable[[Presented], Awaitable[Insider]]:
    """Who holds a credential. Whoever is let in has been heard of by that.

    The function raises NotSignedIn and its kinds (nobody's), Banned (from everything), StoreDown.
    """

    async def who(presented: Presented) -> Insider:
        scheme, is_even_banned = scheme_of(presented)
        if scheme == _TICKET:
            known = await engine.social_sign_ins.redeem_ticket(presented.token, path=CHAT_PATH)
        elif scheme == _TOKEN:
            known = await engine.social_sign_ins.who_by_token(presented.token)
        else:
            raise NoBearer
        if not is_even_banned:
            require_let_in(known.person, engine.node)
        engine.presence.seen(known.person)
        engine.online.heard(known.person.id)
        return insider_of(known)

    return who


def insider_of(known: Known) -> Insider:
    """Somebody as the actions of this surface meet him."""
    assert known.member is not None, "nobody of the social app"
    return Insider(person=known.person, member=known.member, sign_in_id=known.sign_in_id)


def known_of(insider: Insider) -> Known:
    """Somebody as the engine's sign-ins know him."""
    return Known(insider.person, insider.sign_in_id, insider.member)


def require_level(caller: SocialCaller, level: int) -> None:
    """Raises: WrongRole: the caller is of a lower level."""
    if caller.principal.member.level < level:
        raise WrongRole
