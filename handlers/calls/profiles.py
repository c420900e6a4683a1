"""The public face: an anchor's card, a guest's state, who can be called, one's own money and settings, the share card.

Source: seeds/004 §11, §14, §17–§19, §22, §24; CA-9, CA-10, CA-26.
"""

from functools import partial
from typing import Any, Final, Literal

import msgspec

from engine.records import Role
from engine.services.profiles import Standing
from handlers.calls import amounts
from handlers.calls.access import CallsCaller, anchor_of, guest_of
from handlers.calls.envelope import APP
from handlers.calls.options import CallsOptions
from handlers.calls.shapes import Nothing, Page, PageSize
from handlers.wire.fields import Id, WireInt
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint
from store.interfaces.ids import PersonId

__all__ = [
    "anchor_card",
    "current_user",
    "endpoints",
    "guest_list",
    "guest_state",
    "set_display",
    "set_unit_price",
    "share_card",
]

_STATUS: Final = {Standing.OFFLINE: 1, Standing.REACHABLE: 3, Standing.BUSY: 4}
"""liveStatus and onlineStatus; 2 does not exist. Source: CA-9, CA-10."""


class WantedAnchor(msgspec.Struct, rename="camel"):
    """Which anchor."""

    master_id: Id


class AnchorShown(msgspec.Struct, rename="camel", kw_only=True):
    """An anchor as guests see her."""

    master_id: int
    live_status: int
    nickname: str
    age: int
    img_url: str
    unit_price: str
    unit_price_diamond: str


class WantedGuest(msgspec.Struct, rename="camel"):
    """Which guest."""

    guest_id: Id


class GuestState(msgspec.Struct, rename="camel"):
    """1 offline, 3 online, 4 busy."""

    online_status: int


class WantedGuests(msgspec.Struct, rename="camel"):
    """Which page of the list."""

    page: Page = 1
    page_size: PageSize = 50


class GuestLine(msgspec.Struct, rename="camel", kw_only=True):
    """A guest who can be called."""

    user_id: int
    nickname: str
    head_img: str
    age: int


class GuestList(msgspec.Struct, rename="camel"):
    """Guests who can be called."""

    item_list: list[GuestLine]


class CurrentUser(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A guest's ``diamond`` and ``display``, or an anchor's ``unitPrice`` and ``point``; numbers without a unit."""

    diamond: str | None = None
    display: int | None = None
    unit_price: str | None = None
    point: str | None = None


class UnitPrice(msgspec.Struct, rename="camel"):
    """Points per minute."""

    unit_price: WireInt


class Display(msgspec.Struct, rename="camel"):
    """1 hides the guest from anchors, 0 shows him."""

    display: Literal[0, 1]


class ShareCard(msgspec.Struct, rename="camel"):
    """The card a guest passes on."""

    title: str
    img_url: str


async def anchor_card(caller: CallsCaller, wanted: WantedAnchor) -> AnchorShown:
    """An anchor's card with her state and price."""
    guest_of(caller)
    card = await caller.engine.profiles.anchor(PersonId(wanted.master_id))
    return AnchorShown(
        master_id=card.person.id,
        live_status=_STATUS[card.standing],
        nickname=card.person.nickname,
        age=card.person.age,
        img_url=card.person.avatar_url,
        unit_price=amounts.points(card.price.points),
        unit_price_diamond=amounts.diamonds(card.price.diamonds),
    )


async def guest_state(caller: CallsCaller, wanted: WantedGuest) -> GuestState:
    """How the anchor can reach a guest."""
    standing = await caller.engine.profiles.guest_standing(anchor_of(caller), PersonId(wanted.guest_id))
    return GuestState(online_status=_STATUS[standing])


async def guest_list(caller: CallsCaller, wanted: WantedGuests) -> GuestList:
    """Guests who are online and not hidden, those without a call first."""
    anchor_of(caller)
    guests = await caller.engine.profiles.callable_guests(
        skip=(wanted.page - 1) * wanted.page_size, limit=wanted.page_size
    )
    return GuestList(
        item_list=[
            GuestLine(user_id=guest.id, nickname=guest.nickname, head_img=guest.avatar_url, age=guest.age)
            for guest in guests
        ]
    )


async def current_user(caller: CallsCaller, _wanted: Nothing) -> CurrentUser:
    """The caller's own money and setting."""
    person, statements = caller.principal.person, caller.engine.statements
    if person.role is Role.GUEST:
        return CurrentUser(diamond=str(await statements.diamonds_of(person.id)), display=int(person.is_hidden))
    return CurrentUser(unit_price=str(person.points_per_minute), point=str(await statements.points_of(person.id)))


async def set_unit_price(caller: CallsCaller, wanted: UnitPrice) -> UnitPrice:
    """Ask this much per minute from the next ring on."""
    await caller.engine.profiles.set_price(anchor_of(caller), wanted.unit_price)
    return wanted


async def set_display(caller: CallsCaller, wanted: Display) -> Display:
    """Be seen and called by anchors, or not."""
    await caller.engine.profiles.set_hidden(guest_of(caller), is_hidden=wanted.display == 1)
    return wanted


async def share_card(options: CallsOptions, caller: CallsCaller, _wanted: Nothing) -> ShareCard:
    """The configured card."""
    guest_of(caller)
    return ShareCard(title=options.share_title, img_url=options.share_image_url)


def endpoints(options: CallsOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/app/user/getGuestList",
            WantedGuests,
            GuestList,
            guest_list,
            summary="Guests who may be called (找人列表)",
            source_id="calls-get-guest-list",
        ),
        Endpoint(
            "/app/live/getMasterInfo",
            WantedAnchor,
            AnchorShown,
            anchor_card,
            envelope=APP.saying(UNREACHABLE=Said("主播不存在", "no such anchor")),
            summary="Basic data of an anchor (当前主播基础信息)",
            source_id="calls-get-master-info",
        ),
        Endpoint(
            "/app/live/getGuestCurrentUserInfo",
            WantedGuest,
            GuestState,
            guest_state,
            envelope=APP.saying(UNREACHABLE=Said("客人不存在", "no such guest")),
            summary="State of a guest (获取当前客人状态)",
            source_id="calls-get-guest-current-user-info",
        ),
        Endpoint(
            "/app/user/getCurrentUserInfo",
            Nothing,
            CurrentUser,
            current_user,
            summary="The caller's money and setting (当前用户钱币信息)",
            source_id="calls-get-current-user-info",
        ),
        Endpoint(
            "/app/user/updateUnitPrice",
            UnitPrice,
            UnitPrice,
            set_unit_price,
            summary="Change the price per minute (更新单价)",
            source_id="calls-update-unit-price",
        ),
        Endpoint(
            "/app/user/updateDisplay",
            Display,
            Display,
            set_display,
            summary="Hide or show the guest (更新屏蔽状态)",
            source_id="calls-update-display",
        ),
        Endpoint(
            "/app/user/getShareInfo",
            Nothing,
            ShareCard,
            partial(share_card, options),
            summary="Share card (获取分享信息)",
            source_id="calls-get-share-info",
        ),
    )
