"""What this surface is told at the start and the engine need not know."""

import msgspec

__all__ = ["SiteOptions"]


class SiteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the website's surface.

    ``home_url`` is where a browser ends that has signed in with Google, or out. ``has_tls`` is whether people reach us
    by https, so that cookies may insist on it; ``has_other_origins`` whether pages of others on a list call us, to
    which browsers send cookies only if these say so.
    """

    home_url: str = "/"
    has_tls: bool = False
    has_other_origins: bool = False
