"""Who may come in: whoever holds the operators' token.

Knows one token, and refuses everybody else in the same way. There are no accounts behind it: who acts is what the act
itself says (``actor``), and the audit keeps it. Source: SEC-3, SEC-31.
"""

import hmac
from dataclasses import dataclass

from engine.errors import NotSignedIn
from engine.greenroom import Greenroom
from handlers.wire.access import Authenticate, Caller, Presented, bearer

__all__ = ["CREDENTIAL", "SECURITY", "Desk", "OnDuty", "authenticate"]

CREDENTIAL = bearer()
"""In the header only: addresses are written down along the way."""

SECURITY = {"token": {"type": "http", "scheme": "bearer", "description": "the content of data_dir/admin.token"}}


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Somebody with the token. ``person_id`` is nobody's; all operators share one rate limit."""

    person_id: int = 0
    sign_in_id: str = ""

    def goes_by(self, claimed: str) -> bool:  # noqa: ARG002 - nobody's name
        """By none."""
        return False


Desk = Caller[Greenroom, OnDuty]
"""What an action of this surface is asked by."""


def authenticate(token: str) -> Authenticate[OnDuty]:
    """The decision who may come in, for ``token``.

    Raises: ValueError: an empty token would let everybody in.
    """
    if not token:
        raise ValueError("the operators' token is empty")
    expected = token.encode()
    operator = OnDuty()

    async def check(presented: Presented) -> OnDuty:
        # How long the comparison takes tells nothing about how much of a guess was right.
        if not hmac.compare_digest(presented.token.encode("utf-8", "surrogateescape"), expected):
            raise NotSignedIn
        return operator

    return check
