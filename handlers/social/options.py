"""What this surface is told at the start and the engine need not know."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

__all__ = ["SocialOptions"]


class SocialOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the social app's surface.

    ``minimum_levels`` is who may call a path: the level that is needed, where one is (SO-6). ``public_url`` is where
    people reach us; empty: by the name that they asked for. ``file_bytes_max`` is how long a file may be.
    """

    time_zone: str = "Asia/Shanghai"
    minimum_levels: Mapping[str, int] = MappingProxyType({})
    public_url: str = ""
    file_bytes_max: int = 104_857_600
