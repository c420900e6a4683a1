"""Field types and shapes that several endpoints of this surface share. Knows no endpoint."""

from typing import Annotated

import msgspec

__all__ = ["CallRef", "Done", "Nothing", "Page", "PageSize", "RoomName", "Weapp"]

RoomName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}(?!\n)$")]
"""A room's id. It becomes part of stream names, and those have these characters only (protocols 1.1)."""

Page = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
"""Which page, from 1. Source: SEC-25."""

PageSize = Annotated[int, msgspec.Meta(ge=1, le=200)]
"""How many on a page. Source: myCallRecord (at most 200)."""


class Nothing(msgspec.Struct):
    """A request that says no more than who asks."""


class Done(msgspec.Struct):
    """Nothing to say beyond that it worked."""


class CallRef(msgspec.Struct, rename="camel"):
    """Which call it is; both names stand for the same number."""

    record_id: int
    room_instance_id: int

    @classmethod
    def to(cls, call_id: int) -> "CallRef":
        """The reference to this call."""
        return cls(record_id=call_id, room_instance_id=call_id)


class Weapp(msgspec.Struct, kw_only=True):
    """What every live_room request may repeat: who asks. It is compared with the credential before this is read."""

    user_id: str | None = msgspec.field(name="userID", default=None)
