"""Field types and shapes that several endpoints of this surface share. Knows no endpoint."""

from typing import Annotated

import msgspec

from handlers.wire.fields import Amount, blank, decimal, text

__all__ = ["AnchorUid", "Diamonds", "Nothing", "RoomName", "Uid"]

AnchorUid = Annotated[str, text(64), blank()]
"""An anchor's uid, 22 characters. Source: SITE-2."""

Uid = Annotated[str, text(64), blank()]
"""A user's id, as a number or as text, or an anchor's uid. Source: SITE-1."""

RoomName = Annotated[str, text(128), blank()]
"""A room's id or name, which are the same: uid, underscore, character. Source: SITE-3, SITE-4."""


Diamonds = Annotated[Amount, decimal(), blank()]
"""Whole diamonds, where the documents show a float: 10, 10.0 and "10.00" are the same. Source: SITE-20."""


class Nothing(msgspec.Struct):
    """A request that says no more than who asks."""
