"""Who is asking on this surface: where the token stands, what it is worth, and what banned people may not do.

Knows tokens as opaque strings: ``Authorization: QLiveToken <40 hex digits>``, and for sockets, which browsers give no
headers, ``token`` in the query too. Knows no endpoint. Source: QL-2, QL-10.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from engine.greenroom import Greenroom
from engine.services.accounts import QLIVE
from handlers.wire.access import Caller, Incoming, Presented, bearer
from handlers.wire.members import Member

__all__ = ["KEYWORD", "SECURITY", "QliveCaller", "authenticate", "header_token", "socket_token"]

KEYWORD: Final = "QLiveToken"
_SCHEME: Final = "token"

QliveCaller = Caller[Greenroom, Member]
"""What the actions of this surface learn of the one who asks."""

SECURITY: Final = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": f"{KEYWORD}, a space, and the token of login or create",
    }
}

header_token = bearer(scheme=_SCHEME, word=KEYWORD)
"""The token in the header, after a keyword in letters of any case."""


def socket_token(incoming: Incoming) -> Presented | None:
    """The token in the header, or in the query."""
    token = incoming.query.get("token")
    in_query = Presented(scheme=_SCHEME, token=token) if isinstance(token, str) and token else None
    return header_token(incoming) or in_query


def authenticate(engine: Greenroom) -> Callable[[Presented], Awaitable[Member]]:
    """Who holds a token, banned or not. Whoever is let in has been seen by that.

    The function raises NotSignedIn (nobody's, or one of another surface), StoreDown.
    """

    async def who(presented: Presented) -> Member:
        person = await engine.identity.who(presented.token, surface=QLIVE)
        engine.presence.seen(person)
        return Member(person=person, token=presented.token)

    return who
