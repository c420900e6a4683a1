"""Field types and shapes that several endpoints of this surface share. Knows no endpoint."""

from typing import Annotated, Literal

import msgspec

from handlers.wire.fields import blank, text

__all__ = ["Done", "Live", "LiveId", "Nothing", "OptionalUser", "User", "UserId"]

UserId = Annotated[str, text(64), blank()]
"""The id that the surface shows of a person. Source: QL-1."""

LiveId = Annotated[str, text(64), blank()]
"""The number of a room, as a number or as text. Source: QL-28."""


class Nothing(msgspec.Struct):
    """A request that says no more than who asks."""


class Done(msgspec.Struct):
    """It worked."""

    detail: Literal["OK"] = "OK"


class Live(msgspec.Struct):
    """Which room."""

    live_id: LiveId


class User(msgspec.Struct):
    """Which person."""

    user_id: UserId


class OptionalUser(msgspec.Struct):
    """Which person; the caller unless said."""

    user_id: UserId = ""
