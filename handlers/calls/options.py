"""What this surface is told at the start and the engine need not know."""

import msgspec

__all__ = ["CallsOptions"]


class CallsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the calls surface.

    ``time_zone`` is an IANA name: the documents show local time. ``review_versions`` are builds whose features are off.
    ``is_dev`` opens the paths that only development may have. Where the payment provider reports is the payment
    adapter's setting, not this surface's: its path here is ``/app/pay/notify``.
    """

    share_title: str = ""
    share_image_url: str = ""
    review_versions: tuple[int, ...] = ()
    time_zone: str = "Asia/Shanghai"
    is_dev: bool = False
