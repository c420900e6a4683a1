"""What a request says of its caller beside the credential: who he is, and that he may come in though he is banned.

Knows neither surfaces nor people: how an id looks is the surface's business, and what a ban means the engine's.
"""

from dataclasses import replace
from typing import Final

from handlers.wire.access import Incoming, Presented, ReadCredential

__all__ = ["claiming", "even_banned", "scheme_of"]

_NOTHING: Final = "nothing"
_EVEN_BANNED: Final = "+banned"


def claiming(*names: str, read: ReadCredential) -> ReadCredential:
    """``read``, where the fields ``names`` say who asks: they may be absent, or agree. Source: ALL-3."""

    def read_with_claims(incoming: Incoming) -> Presented | None:
        presented = read(incoming) or Presented(scheme=_NOTHING, token="")
        found = (incoming.fields.get(name) for name in names)
        return replace(presented, claimed_ids=tuple(_written(one) for one in found if one not in (None, "")))

    return read_with_claims


def even_banned(read: ReadCredential) -> ReadCredential:
    """``read``, for what somebody whose account is banned may still do: leave."""

    def read_even_banned(incoming: Incoming) -> Presented | None:
        presented = read(incoming)
        return None if presented is None else replace(presented, scheme=presented.scheme + _EVEN_BANNED)

    return read_even_banned


def scheme_of(presented: Presented) -> tuple[str, bool]:
    """The kind of a credential, and whether it is for what banned people may do, too."""
    scheme = presented.scheme.removesuffix(_EVEN_BANNED)
    return scheme, scheme != presented.scheme


def _written(value: object) -> str:
    # Ids are written as numbers or as text; anything else is nobody's.
    return str(value) if isinstance(value, str) or type(value) is int else "?"
