"""Who is asking: whoever is signed in on a surface that has rooms, by that surface's own token.

Knows tokens as opaque strings: ``Authorization`` with the word of any of the surfaces, or ``token`` in the query, as
browsers give sockets no headers. Knows no room. Source: DS-8, ALL-3.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from engine.errors import NotSignedIn
from engine.greenroom import Greenroom
from engine.records import PersonRecord
from engine.services.known_people import Known
from engine.services.welcome import require_let_in
from handlers.rooms.houses import HOUSES
from handlers.wire.access import Caller, Incoming, Presented, bearer
from handlers.wire.members import Member

__all__ = ["SECURITY", "RoomsCaller", "any_token", "as_of_now", "authenticate"]

_SCHEME: Final = "token"
_HEADERS: Final = (bearer(scheme=_SCHEME), bearer(scheme=_SCHEME, word="QLiveToken"))

RoomsCaller = Caller[Greenroom, Member]
"""What commands learn of the one who asks."""

SECURITY: Final = {"token": {"type": "http", "scheme": "bearer", "description": "The token of any surface with rooms"}}


def any_token(incoming: Incoming) -> Presented | None:
    """The token in the header, or in the query."""
    token = incoming.query.get("token")
    in_query = Presented(scheme=_SCHEME, token=token) if isinstance(token, str) and token else None
    in_header = (read(incoming) for read in _HEADERS)
    return next((presented for presented in in_header if presented is not None), in_query)


def authenticate(engine: Greenroom) -> Callable[[Presented], Awaitable[Member]]:
    """Who holds a token. Whoever is let in has been seen by that.

    The function raises NotSignedIn (nobody's), Banned (from everything), StoreDown.
    """

    async def who(presented: Presented) -> Member:
        known = await _whose(engine, presented.token)
        require_let_in(known.person, engine.node)
        engine.presence.seen(known.person)
        return Member(person=known.person, token=presented.token, sign_in_id=known.sign_in_id)

    return who


async def as_of_now(caller: RoomsCaller) -> PersonRecord:
    """The person as known now, not as when the socket opened.

    Raises: NotSignedIn: he has signed out meanwhile. StoreDown.
    """
    return (await HOUSES[caller.principal.person.surface].who(caller.engine, caller.principal.token)).person


async def _whose(engine: Greenroom, token: str) -> Known:
    """A token of one surface is worth nothing on another, and none has the form of another's: asking is cheap."""
    for house in HOUSES.values():
        try:
            return await house.who(engine, token)
        except NotSignedIn:
            continue
    raise NotSignedIn
