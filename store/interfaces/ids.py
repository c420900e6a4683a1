"""Names of things: one type per kind of id, and the store's promise of numbers nobody else has."""

from enum import StrEnum
from typing import Final, NewType, Protocol

__all__ = [
    "ID_MAX",
    "NOBODY",
    "SNOWFLAKE_MAX",
    "AccountId",
    "CallId",
    "EntryId",
    "IdStore",
    "NodeId",
    "OrderId",
    "PersonId",
    "RoomId",
    "Sequence",
    "Snowflake",
]

PersonId = NewType("PersonId", int)
CallId = NewType("CallId", int)
RoomId = NewType("RoomId", str)
OrderId = NewType("OrderId", str)
EntryId = NewType("EntryId", str)
AccountId = NewType("AccountId", str)
NodeId = NewType("NodeId", str)
Snowflake = NewType("Snowflake", int)
"""Of what the social app shows by numbers of 19 digits; below 2^63. Source: SO-9."""

ID_MAX: Final = 2**53 - 1
"""Largest number that JavaScript clients read back exactly. Source: CA-5, DS-8."""

SNOWFLAKE_MAX: Final = 2**63 - 1

NOBODY: Final = NodeId("")
"""Owner of a session that no node holds."""


class Sequence(StrEnum):
    """The counters ids are drawn from; the value is the counter's stored name."""

    PERSON = "person"
    CALL = "call"
    ORDER = "order"
    DONATION = "donation"
    AUDIT = "audit"
    SNOWFLAKE_GIVER = "snowflake_giver"


class IdStore(Protocol):
    """Numbers, each given out once for ever."""

    async def reserve(self, sequence: Sequence, count: int) -> int:
        """Reserve ``count`` consecutive numbers and return the first.

        What a crashed caller did not use is lost, never given out again. After ``Unavailable`` a block may be lost too.
        """
