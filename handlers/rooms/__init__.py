"""The hub's own protocol: one socket for live rooms of every kind, and for people of every surface that has some.

Nothing here imitates another service: what is told is what the engine tells, under its own names, and a client that
comes back is given what it missed. Data and thin functions over the engine.
"""

from typing import Final

from handlers.rooms.access import SECURITY, any_token
from handlers.rooms.socket import DIALECT
from handlers.wire.plain import PLAIN
from handlers.wire.surface import Surface

__all__ = ["NAME", "SURFACE"]

NAME: Final = "rooms"

SURFACE: Final = Surface(
    name=NAME,
    title="Live rooms",
    prefixes=("/rooms",),
    envelope=PLAIN,
    credential=any_token,
    security=SECURITY,
    endpoints=(),
    sockets=(DIALECT,),
)
"""The surface; it has no settings."""
