"""What operators tell the mini-program to show: cards to share, a banner, a background. Source: get_configs."""

from functools import partial
from typing import Any

import msgspec

from handlers.qlive.access import QliveCaller
from handlers.qlive.options import ClientConfigs, QliveOptions
from handlers.qlive.shapes import Nothing
from handlers.wire.surface import Endpoint

__all__ = ["endpoints", "show"]


class ShareShown(msgspec.Struct):
    """A card that is passed on."""

    title: str
    src: str


class BackgroundShown(msgspec.Struct):
    """A picture behind everything, and the colour around it."""

    color: str
    height: int
    src: str


class ConfigsShown(msgspec.Struct, rename="upper"):
    """Cards of the mini-program and of rooms, of which the client picks one; the banner; what is behind everything."""

    program_share: list[ShareShown]
    liveroom_share: list[ShareShown]
    index_banner: str
    background: BackgroundShown


async def show(shown: ConfigsShown, _caller: QliveCaller, _wanted: Nothing) -> ConfigsShown:
    """The configured values."""
    return shown


def _shown(client: ClientConfigs) -> ConfigsShown:
    return ConfigsShown(
        program_share=[ShareShown(share.title, share.image_url) for share in client.program_shares],
        liveroom_share=[ShareShown(share.title, share.image_url) for share in client.room_shares],
        index_banner=client.banner_url,
        background=BackgroundShown(client.background.color, client.background.height_px, client.background.image_url),
    )


def endpoints(options: QliveOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/wx/api/qlive/get_configs",
            Nothing,
            ConfigsShown,
            partial(show, _shown(options.client)),
            method="GET",
            summary="Client configuration (获取配置)",
            source_id="qlive-get-configs",
        ),
    )
