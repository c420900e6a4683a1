"""Who is asking on this surface: where credentials stand in a request, what they are worth, and which role is needed.

Knows tokens as opaque strings and the two ways to carry them: ``token`` anywhere in an ``/app`` request, ``userID``
with ``token`` in the query of a ``/weapp`` one. Knows no endpoint. Source: CA-2 … CA-4, 5.4, LR-1.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from engine.errors import NotSignedIn, WrongRole
from engine.greenroom import Greenroom
from engine.records import PersonRecord, Role
from engine.services.accounts import CALLS
from engine.services.welcome import require_let_in
from handlers.wire.access import Caller, Incoming, Presented
from handlers.wire.claims import scheme_of
from handlers.wire.members import Member

__all__ = [
    "CallsCaller",
    "anchor_of",
    "app_token",
    "authenticate",
    "guest_of",
    "utils_token",
    "weapp_pair",
    "weapp_pair_about_others",
]

_TOKEN: Final = "token"  # noqa: S105 - the name of a scheme
_PAIR: Final = "pair"

CallsCaller = Caller[Greenroom, Member]
"""What the actions of this surface learn of the one who asks."""


# --- where a credential stands -------------------------------------------------------------------------------------


def app_token(incoming: Incoming) -> Presented | None:
    """``token`` in the form, the JSON body or the query. Source: CA-2."""
    token = incoming.fields.get("token")
    return Presented(scheme=_TOKEN, token=token) if isinstance(token, str) and token else None


def utils_token(incoming: Incoming) -> Presented | None:
    """``token``, and beside it a ``userID`` that may only be the caller's own. Source: 7.4 (get_login_info)."""
    presented = app_token(incoming)
    return None if presented is None else replace(presented, claimed_ids=_claimed(incoming))


def weapp_pair(incoming: Incoming) -> Presented | None:
    """``userID`` and ``token`` in the query, and perhaps a ``userID`` in the body that may only agree. Source: LR-1."""
    presented = weapp_pair_about_others(incoming)
    return None if presented is None else replace(presented, claimed_ids=_claimed(incoming))


def weapp_pair_about_others(incoming: Incoming) -> Presented | None:
    """The pair alone: here the body's ``userID`` names somebody else on purpose (a creator removes a pusher)."""
    user_id, token = incoming.query.get("userID"), incoming.query.get("token")
    if not isinstance(user_id, str) or not isinstance(token, str):
        return None
    return Presented(scheme=_PAIR, token=token, subject=user_id)


def _claimed(incoming: Incoming) -> tuple[str, ...]:
    claimed = incoming.fields.get("userID")
    return () if claimed is None else (str(claimed),)


# --- what it is worth ----------------------------------------------------------------------------------------------


def authenticate(engine: Greenroom) -> Callable[[Presented], Awaitable[Member]]:
    """Who holds a credential. Whoever is let in has been seen by that (CA-10).

    The function raises NotSignedIn (nobody's, or not that person's), Banned (from everything), StoreDown.
    """

    async def who(presented: Presented) -> Member:
        person = await engine.identity.who(presented.token, surface=CALLS)
        scheme, is_even_banned = scheme_of(presented)
        if scheme == _PAIR and presented.subject != str(person.id):
            raise NotSignedIn
        if not is_even_banned:
            require_let_in(person, engine.node)
        engine.presence.seen(person)
        return Member(person=person, token=presented.token)

    return who


# --- what an action asks about its caller --------------------------------------------------------------------------


def guest_of(caller: CallsCaller) -> PersonRecord:
    """The caller, who must be a guest (男端).

    Raises: WrongRole.
    """
    return _in_role(caller, Role.GUEST)


def anchor_of(caller: CallsCaller) -> PersonRecord:
    """The caller, who must be an anchor (女端).

    Raises: WrongRole.
    """
    return _in_role(caller, Role.ANCHOR)


def _in_role(caller: CallsCaller, role: Role) -> PersonRecord:
    person = caller.principal.person
    if person.role is not role:
        raise WrongRole
    return person
