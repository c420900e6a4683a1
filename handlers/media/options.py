"""What the surfaces of media servers are told at the start."""

from collections.abc import Sequence

import msgspec

__all__ = ["CssOptions", "NginxOptions"]


class NginxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``peers`` are the addresses from which hooks are believed; they carry no other credential."""

    peers: frozenset[str]


class CssOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``path`` is the secret end of the callbacks' path; any of ``keys``, the callback templates', may sign."""

    path: str
    keys: Sequence[str]
    push_host: str

    def __repr__(self) -> str:
        return "CssOptions(…)"
