"""The rooms that are on air, and one room with what it is to the caller.

Source: SITE-31, SITE-33, SITE-38 … SITE-41.
"""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec

from engine.records import PersonRecord, ShowRecord
from engine.services.admissions import price_to_enter
from engine.services.shows import name_of_show, show_named
from handlers.site.access import SiteCaller
from handlers.site.envelope import ENVELOPE, Row, Told
from handlers.site.options import SiteOptions
from handlers.site.rooms import LiveShown, lives_shown, viewer
from handlers.site.shapes import Nothing, RoomName
from handlers.wire.access import OPTIONAL, PUBLIC
from handlers.wire.fields import Page, also, blank, text
from handlers.wire.language import Said
from handlers.wire.redirect import Onward, RedirectEnvelope
from handlers.wire.surface import Endpoint

__all__ = ["Lives", "all_lives", "endpoints", "live_info", "random_room"]

PAGE_SIZE: Final = 20


class Which(msgspec.Struct):
    """All of them, or one ``page``; with ``search_tag`` those in whose title or names it is found."""

    page: Annotated[Page | None, blank()] = None
    search_tag: Annotated[str, text(64)] = ""


class Lives(msgspec.Struct):
    """Those with the most viewers first, then those that began last."""

    lives_info: list[LiveShown]


class OneRoom(msgspec.Struct):
    """Which room; a user's id beside it says nothing, as the credential says who asks."""

    room_id: Annotated[RoomName, also("room_name")]
    uid: Annotated[str, text(64)] = ""


class LiveInfo(msgspec.Struct, kw_only=True):
    """The room; ``live_status`` is whether it is on air."""

    room_id: str
    room_name: str
    uid: str
    username: str
    live_num: int
    character_name: str
    live_status: bool
    title: str
    describe: str


class VipInfo(msgspec.Struct):
    """``vip_status`` is whether the caller may enter, for whatever reason; ``amount`` what entering costs."""

    room_type: int
    vip_status: bool
    amount: int


class FollowInfo(msgspec.Struct):
    """Whether the caller follows the room."""

    follow_status: bool


class SubscriptionInfo(msgspec.Struct):
    """Whether he is subscribed to its anchor, and what he paid for that, or would pay."""

    subscription_status: bool
    amount: int


class RoomShown(msgspec.Struct, kw_only=True):
    """All of it."""

    live_info: LiveInfo
    vip_info: VipInfo
    follow_info: FollowInfo
    subscription_info: SubscriptionInfo


async def all_lives(caller: SiteCaller, wanted: Which) -> Told[Lives]:
    """What is on air."""
    lives = await lives_shown(caller.engine, caller.engine.show_rooms.listed())
    tag = wanted.search_tag.casefold()
    found = [
        live for live in lives if tag in f"{live.room_info.title}\n{live.character_name}\n{live.username}".casefold()
    ]
    if wanted.page is not None:
        found = found[(wanted.page - 1) * PAGE_SIZE : wanted.page * PAGE_SIZE]
    return Told(data=Lives(found))


async def live_info(caller: SiteCaller, wanted: OneRoom) -> Told[RoomShown]:
    """One room, on air or not, and what the caller may do there."""
    engine, person = caller.engine, viewer(caller.principal)
    show = await engine.shows.get(show_named(wanted.room_id))
    anchor = await engine.site_people.person(show.anchor_id)
    state = engine.show_rooms.on_air(show.id)
    shown = LiveInfo(
        room_id=name_of_show(show.id),
        room_name=name_of_show(show.id),
        uid=anchor.public_id,
        username=anchor.nickname,
        live_num=0 if state is None else len(state.audience),
        character_name=show.character,
        live_status=state is not None,
        title="" if show.info is None else show.info.title,
        describe="" if show.info is None else show.info.describe,
    )
    vip = VipInfo(
        room_type=0 if show.info is None else int(show.info.kind),
        vip_status=await engine.admissions.pass_of(person.id, show) is not None,
        amount=price_to_enter(show),
    )
    follows = await engine.follows.follows(person.id, show.id)
    subscription = await _subscription(caller, person, show)
    return Told(
        data=RoomShown(
            live_info=shown,
            vip_info=vip,
            follow_info=FollowInfo(follows),
            subscription_info=subscription,
        )
    )


async def random_room(home_url: str, caller: SiteCaller, _wanted: Nothing) -> Onward:
    """Some room that is on air: the page of our own that shows it."""
    name = name_of_show(caller.engine.show_rooms.any_on_air().record.id)
    return Onward(f"{home_url}{'&' if '?' in home_url else '?'}room_id={quote(name, safe='')}")


async def _subscription(caller: SiteCaller, person: PersonRecord, show: ShowRecord) -> SubscriptionInfo:
    subscriptions = caller.engine.subscriptions
    running = await subscriptions.running(person.id, show.anchor_id)
    if running is not None:
        return SubscriptionInfo(subscription_status=True, amount=running.price)
    return SubscriptionInfo(subscription_status=False, amount=await subscriptions.price_of(show.anchor_id))


NOWHERE: Final = RedirectEnvelope(
    ENVELOPE.saying(NOT_FOUND=Row(HTTPStatus.NOT_FOUND, Said("当前没有直播", "no room is live")))
)


def endpoints(options: SiteOptions) -> tuple[Endpoint[Any, Any], ...]:
    """The endpoints of this module."""
    return (
        Endpoint(
            "/api/live/get_all_lives",
            Which,
            Told[Lives],
            all_lives,
            method="GET",
            access=PUBLIC,
            summary="Rooms that are live now (获取正在直播的直播间列表)",
            source_id="site-get-all-lives",
        ),
        Endpoint(
            "/api/live/get_live_info",
            OneRoom,
            Told[RoomShown],
            live_info,
            method="GET",
            access=OPTIONAL,
            summary="One room, and what it is to the caller (获取单个直播间信息)",
            source_id="site-get-live-info",
        ),
        Endpoint(
            "/api/live/redirect_to_random_room",
            Nothing,
            Onward,
            partial(random_room, options.home_url),
            method="GET",
            access=PUBLIC,
            envelope=NOWHERE,
            summary="Goes on to some room that is live",
            source_id="site-redirect-to-random-room",
        ),
    )
