"""What this surface is told at the start and the engine need not know."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

__all__ = ["Background", "ClientConfigs", "QliveOptions", "Share"]


class Share(Protocol):
    """A card that people pass on."""

    @property
    def title(self) -> str:
        """Its text."""

    @property
    def image_url(self) -> str:
        """Its picture."""


class Background(Protocol):
    """What is behind everything."""

    @property
    def color(self) -> str:
        """``#rrggbb``, where there is no picture."""

    @property
    def height_px(self) -> int:
        """Of the picture."""

    @property
    def image_url(self) -> str:
        """The picture."""


class ClientConfigs(Protocol):
    """What operators tell the mini-program to show."""

    @property
    def program_shares(self) -> Sequence[Share]:
        """Cards of the mini-program."""

    @property
    def room_shares(self) -> Sequence[Share]:
        """Cards of a room."""

    @property
    def banner_url(self) -> str:
        """The picture at the top of the first page."""

    @property
    def background(self) -> Background:
        """Behind everything."""


class QliveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the blind-date surface.

    ``time_zone`` is an IANA name: the documents show local time. ``withdraw_rate`` is shown and used for nothing
    (QL-36). ``client`` is what the mini-program is told to show. ``public_url`` is where people reach us, and what
    links begin with; empty: where they say to have asked.

    ``sign_key`` signs the answers to orders. ``callback_key`` is what callbacks of the messaging service with
    ``sdk_app_id`` are signed with; empty: there are none.
    """

    client: ClientConfigs
    sign_key: str
    time_zone: str = "Asia/Shanghai"
    withdraw_rate: str = "0.5"
    public_url: str = ""
    sdk_app_id: str = ""
    callback_key: str = ""

    def __repr__(self) -> str:
        return "QliveOptions(…)"
