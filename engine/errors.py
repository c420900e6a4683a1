"""What the engine refuses, and why.

::

    EngineError
    ├── Refused              a rule said no; nothing changed; asking again gives the same answer
    │   ├── BadInput         the request itself is not acceptable
    │   ├── NotSignedIn      no credential, or one that is unknown, used up or revoked
    │   │   ├── NotAToken    it is of no form that a token has
    │   │   ├── TokenExpired it was good until a while ago
    │   │   └── TokenMisused it is good, and for something else
    │   ├── WrongRole        this person is not the kind of person who may ask this
    │   ├── Banned           an operator has excluded this person
    │   ├── Forbidden        the thing exists and is somebody else's
    │   │   └── Silenced     the caller is in the room and may not talk there
    │   ├── NotFound         no such person, call, room, order or gift
    │   ├── Unreachable      the other person is offline, hidden or unknown
    │   ├── Busy             one of the two already has a call
    │   ├── WrongPhase       the session is not in a state in which this can happen
    │   ├── BelowFloor       the account would go below zero
    │   ├── KeyReused        the same idempotency key came with another request
    │   ├── TooLong          a text is over its documented length
    │   ├── AlreadyExists    the name or id is taken
    │   ├── NotAMember       the caller is not in that room
    │   └── RoomFull         the room has no place left
    └── NotNow               nothing is wrong with the request; a retry can help
        ├── TooMany          over the rate limit; knows when to come back
        ├── MailboxFull      the session is overloaded
        ├── SessionEnded     the actor stopped before it reached the request
        ├── DeadlinePassed   no answer in time; whether it took effect is unknown, a retry is safe
        ├── Draining         the server is stopping
        └── StoreDown        the store did not confirm; whether it took effect is unknown, a retry is safe
            ├── MailDown     it was the mail that was not handed over
            └── ProviderDown it was the payment provider who did not

A refusal has a stable ``code`` (part of the public contract: the ``error`` field of every envelope) and carries
its facts as attributes. A bug is no EngineError: it is an assertion or an unexpected exception, and reaches the
supervisor, the log and a metric, while the caller sees only ``INTERNAL``.
"""

from typing import ClassVar

__all__ = [
    "AlreadyExists",
    "BadInput",
    "Banned",
    "BelowFloor",
    "Busy",
    "DeadlinePassed",
    "Draining",
    "EngineError",
    "Forbidden",
    "KeyReused",
    "MailDown",
    "MailboxFull",
    "NotAMember",
    "NotAToken",
    "NotFound",
    "NotNow",
    "NotSignedIn",
    "ProviderDown",
    "Refused",
    "RoomFull",
    "SessionEnded",
    "Silenced",
    "StoreDown",
    "TokenExpired",
    "TokenMisused",
    "TooLong",
    "TooMany",
    "Unreachable",
    "WrongPhase",
    "WrongRole",
]


class EngineError(Exception):
    """Base of everything the engine says no with."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


class Refused(EngineError):
    """A rule said no. Nothing changed."""


class BadInput(Refused):
    """The request is not acceptable as it stands; ``field`` names the culprit where there is one."""

    code = "BAD_INPUT"

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message or field)
        self.field = field


class NotSignedIn(Refused):
    """No credential, or one that is unknown, used up or revoked."""

    code = "NOT_SIGNED_IN"


class NotAToken(NotSignedIn):
    """What was shown as a token is of no form that one has. Whoever need not tell this apart does not."""


class TokenExpired(NotSignedIn):
    """One of ours, and no longer good. Whoever need not tell this apart does not."""


class TokenMisused(NotSignedIn):
    """One of ours, of another kind than was asked for. Whoever need not tell this apart does not."""


class WrongRole(Refused):
    """The caller is not the kind of person who may ask this."""

    code = "WRONG_ROLE"


class Banned(Refused):
    """An operator has excluded this person; ``text`` is the operator's reason, safe to show."""

    code = "BANNED"

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.text = text


class Forbidden(Refused):
    """It exists and belongs to somebody else, where the documents allow to say so."""

    code = "FORBIDDEN"


class Silenced(Forbidden):
    """Muted in this room. Whoever need not tell this apart does not."""

    def __init__(self) -> None:
        super().__init__("muted in this room")


class NotFound(Refused):
    """No such thing, or none that the caller may know of; ``what`` names the kind (``call``, ``gift``…)."""

    code = "NOT_FOUND"

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}")
        self.what = what


class Unreachable(Refused):
    """The other person is offline, hidden or unknown."""

    code = "UNREACHABLE"


class Busy(Refused):
    """One of the two already has a call that has not ended."""

    code = "BUSY"


class WrongPhase(Refused):
    """The session is not in a state in which this can happen."""

    code = "WRONG_PHASE"


class BelowFloor(Refused):
    """The account would go below zero. Amounts are whole units of the account's currency.

    Where several wallets pay together, ``purses`` are what they hold, in the order in which they pay.
    """

    code = "INSUFFICIENT_BALANCE"

    def __init__(self, *, need: int, have: int, purses: tuple[int, ...] = ()) -> None:
        super().__init__(f"need {need}, have {have}")
        self.need = need
        self.have = have
        self.purses = purses


class KeyReused(Refused):
    """The same idempotency key (or natural key) came with other content. The first effect stands."""

    code = "KEY_REUSED"


class TooLong(Refused):
    """A text is over its documented length; ``field`` names it."""

    code = "TOO_LONG"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is too long")
        self.field = field


class AlreadyExists(Refused):
    """The name or id is taken."""

    code = "ALREADY_EXISTS"


class NotAMember(Refused):
    """The caller is not in that room."""

    code = "NOT_A_MEMBER"


class RoomFull(Refused):
    """The room has no place left."""

    code = "ROOM_FULL"


class NotNow(EngineError):
    """Nothing is wrong with the request; asking again can help."""

    retryable = True


class TooMany(NotNow):
    """Over the rate limit; ``retry_after_ms`` says when one more would pass."""

    code = "TOO_MANY_REQUESTS"

    def __init__(self, *, retry_after_ms: int) -> None:
        super().__init__(f"retry after {retry_after_ms} ms")
        self.retry_after_ms = retry_after_ms


class MailboxFull(NotNow):
    """The session has more waiting for it than it can hold."""

    code = "OVERLOADED"


class SessionEnded(NotNow):
    """The actor stopped before it reached this message."""

    code = "SESSION_ENDED"


class DeadlinePassed(NotNow):
    """No answer in time. Whether it took effect is unknown; asking again is safe."""

    code = "DEADLINE_PASSED"


class Draining(NotNow):
    """The server is stopping and takes nothing new."""

    code = "DRAINING"


class StoreDown(NotNow):
    """The store did not confirm in time. Whether it took effect is unknown; asking again is safe."""

    code = "STORE_UNAVAILABLE"


class MailDown(StoreDown):
    """A mail could not be handed over. Whoever need not tell this apart does not."""


class ProviderDown(StoreDown):
    """The payment provider did not take the order, or not in time. Whoever need not tell this apart does not."""
