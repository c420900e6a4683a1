"""Who is asking on this surface: where credentials stand in a request, what they are worth, and which role is needed.

Knows tokens as opaque strings and the two ways to carry them: ``token`` anywhere in an ``/app`` request, ``userID`` with
``token`` in the query of a ``/weapp`` one. Knows no endpoint. Source: CA-2 … CA-4, 5.4, LR-1.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from engine.errors import BadInput, Banned, NotSignedIn, WrongRole
from engine.greenroom import Greenroom
from engine.records import BanKind, PersonRecord, Role
from handlers.wire.access import Caller, Incoming, Presented, ReadCredential

__all__ = [
    "CallsCaller",
    "Member",
    "anchor_of",
    "app_token",
    "authenticate",
    "even_banned",
    "guest_of",
    "money_key",
    "now_ms",
    "utils_token",
    "weapp_pair",
    "weapp_pair_for_others",
]

_TOKEN: Final = "token"  # noqa: S105 - the name of a scheme
_PAIR: Final = "pair"
_EVEN_BANNED: Final = "+banned"

_MONEY_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What an ``Idempotency-Key`` may be made of: it becomes part of a journal key."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in, and with which token."""

    person: PersonRecord
    token: str

    @property
    def person_id(self) -> int:
        """The person's id."""
        return self.person.id


CallsCaller = Caller[Greenroom, Member]


# --- where a credential stands -------------------------------------------------------------------------------------


def app_token(incoming: Incoming) -> Presented | None:
    """``token`` in the form, the JSON body or the query. Source: CA-2."""
    token = incoming.fields.get("token")
    return Presented(scheme=_TOKEN, token=token) if isinstance(token, str) and token else None


def utils_token(incoming: Incoming) -> Presented | None:
    """``token``, and beside it a ``userID`` that may only be the caller's own. Source: 7.4 (get_login_info)."""
    presented = app_token(incoming)
    return None if presented is None else msgspec.structs.replace(presented) if False else _claiming(presented, incoming)
