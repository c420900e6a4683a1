"""Subscriptions to anchors: taking one, which ones run, and what one costs. Source: SITE-26 … SITE-29."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from handlers.site.access import SiteCaller, anchor_of, claiming, member_of
from handlers.site.envelope import DONE, ENVELOPE, Done, Row, Told
from handlers.site.shapes import AnchorUid, Uid
from handlers.site.times import naive_seconds
from handlers.wire.fields import Count, blank, decimal
from handlers.wire.language import Said
from handlers.wire.members import money_key
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "running", "set_price", "subscribe"]


class Subscribe(msgspec.Struct):
    """To whom. ``amount`` may be left out; else it must be what she asks. ``user_id`` is the caller or nobody."""

    anchor_id: AnchorUid
    amount: Annotated[Annotated[Count, decimal()] | None, blank()] = None
    user_id: Uid = ""


class Subscribed(msgspec.Struct, kw_only=True):
    """It runs, for thirty days."""

    user_id: int
    anchor_id: str
    subscription_date: str
    diamonds_paid: float
    expiry_date: str


class Mine(msgspec.Struct):
    """Whose: the caller's."""

    user_id: Uid = ""


class SubscriptionShown(msgspec.Struct, kw_only=True):
    """One that runs; both names of its end say the same."""

    anchor_id: str
    diamonds_paid: float
    subscription_date: str
    subscription_end_date: str
    expiry_date: str


class SubscriptionsShown(msgspec.Struct):
    """The newest first."""

    subscriptions: list[SubscriptionShown]


class SetPrice(msgspec.Struct):
    """Diamonds for thirty days; 0 is for nothing."""

    amount: Count


async def subscribe(caller: SiteCaller, wanted: Subscribe) -> Told[Subscribed]:
    """Subscribe to an anchor."""
    engine, user = caller.engine, member_of(caller)
    anchor = await engine.site_people.anchor(wanted.anchor_id)
    taken = await engine.subscriptions.subscribe(user, anchor, amount=wanted.amount, key=money_key(caller))
    return Told(
        message="Subscription successful",
        data=Subscribed(
            user_id=taken.user_id,
            anchor_id=anchor.public_id,
            subscription_date=naive_seconds(taken.since_ms),
            diamonds_paid=float(taken.price),
            expiry_date=naive_seconds(taken.until_ms),
        ),
    )


async def running(caller: SiteCaller, _wanted: Mine) -> Told[SubscriptionsShown]:
    """The caller's subscriptions that have not expired."""
    engine = caller.engine
    found = await engine.subscriptions.running_of(member_of(caller).id)
    anchors = await engine.site_people.people(one.anchor_id for one in found)
    shown = [
        SubscriptionShown(
            anchor_id=anchors[one.anchor_id].public_id,
            diamonds_paid=float(one.price),
            subscription_date=naive_seconds(one.since_ms),
            subscription_end_date=naive_seconds(one.until_ms),
            expiry_date=naive_seconds(one.until_ms),
        )
        for one in found
    ]
    return Told(message="Active subscriptions retrieved successfully", data=SubscriptionsShown(shown))


async def set_price(caller: SiteCaller, wanted: SetPrice) -> Done:
    """Ask another price from now on; subscriptions that run are not touched."""
    await caller.engine.subscriptions.set_price(anchor_of(caller), wanted.amount)
    return DONE


SUBSCRIBING: Final = ENVELOPE.saying(
    ALREADY_EXISTS=Row(HTTPStatus.BAD_REQUEST, Said("订阅尚未到期", "a subscription to this anchor is still running"))
)
PRICING: Final = ENVELOPE.saying(
    BAD_INPUT=Row(HTTPStatus.BAD_REQUEST, Said("amount 须为不小于 0 的整数", "amount is a whole number, 0 or more"))
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/subscription/subscribe_to_anchor",
        Subscribe,
        Told[Subscribed],
        subscribe,
        credential=claiming("user_id"),
        envelope=SUBSCRIBING,
        summary="Subscribe to an anchor for thirty days (用户订阅主播接口)",
        source_id="site-subscribe-to-anchor",
    ),
    Endpoint(
        "/api/subscription/get_subscriptions",
        Mine,
        Told[SubscriptionsShown],
        running,
        method="GET",
        credential=claiming("user_id"),
        summary="The caller's subscriptions that run (用户订阅列表)",
        source_id="site-get-subscriptions",
    ),
    Endpoint(
        "/api/subscription/set_price",
        SetPrice,
        Done,
        set_price,
        envelope=PRICING,
        summary="What an anchor asks for a subscription",
        source_id="site-set-subscription-price",
    ),
)
"""The endpoints of this module."""
