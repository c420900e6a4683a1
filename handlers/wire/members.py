"""Somebody who is signed in, as the actions of any surface meet him, and the key under which he moves money.

Knows people as the engine keeps them, and tokens as opaque strings. Knows no surface and no role.
"""

import re
from typing import Any, Final

import msgspec

from engine.errors import BadInput
from engine.records import PersonRecord
from handlers.wire.access import Caller

__all__ = ["Member", "money_key"]

_MONEY_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What an ``Idempotency-Key`` may be made of: it becomes part of a journal key."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is signed in, with which token, and by which sign-in where they end one by one."""

    person: PersonRecord
    token: str
    sign_in_id: str = ""

    @property
    def person_id(self) -> int:
        """The person's id."""
        return self.person.id

    def goes_by(self, claimed: str) -> bool:
        """By his id."""
        return claimed == str(self.person.id)


def money_key(caller: Caller[Any, Any], *, request_id: str = "") -> str | None:
    """The caller's idempotency key, None when there is none; the header counts before a field ``request_id``.

    Raises: BadInput: not 1 to 64 letters, digits, ``-`` or ``_``.
    """
    for key, field in ((caller.idempotency_key, "Idempotency-Key"), (request_id, "request_id")):
        if key:
            if not _MONEY_KEY.fullmatch(key):
                raise BadInput(field=field)
            return key
    return None
