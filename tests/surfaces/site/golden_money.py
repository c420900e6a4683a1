"""Goldens of money and follows. Source: seeds/000 4 … 10, seeds/001 8 and 充值接口, beyond seed."""

from typing import Any

from engine.records import ShowInfo, ShowKind
from tests.surfaces.goldens import Refusal
from tests.surfaces.served import Like
from tests.surfaces.site.golden import Golden
from tests.surfaces.site.golden_live import INFO, TINA, both
from tests.surfaces.site.scene import Person, Scene

__all__ = ["GOLDENS", "ORDER_ID", "REFUSALS", "yi_has_ordered"]

JLIU = {"anchor_id": "<jliu>"}
ME = {"user_id": "<yi>"}
ROOM = "<jliu>_Tina"
NAMES = {"room_id": ROOM, "room_name": ROOM}
ORDER_ID = Like(
    "e8e3297a-a363-48c3-83c7-d427a1eb76ee", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
PAYMENT_ID = Like("6422917718", r"[0-9]{10}")
ADDRESS = Like("TVPw1vYm71owVoB6NXfV4AUxRcrHPbNB86", r"T[0-9A-Za-z]{33}")
PICTURE = Like("iVBORw0KGgoAAAANSUhEUgAA…", r"(iVBORw0KGgo[A-Za-z0-9+/=…]+)?")


async def yi_has_given(scene: Scene) -> None:
    for _ in range(4):
        sent = {"anchor_id": scene.jliu.id, "amount": 10}
        assert (await scene.call(scene.yi, "POST", "balance/make_donation/", sent)).status == 200
        await scene.clock.advance(1_000)


async def yi_is_subscribed(scene: Scene) -> None:
    sent = {"anchor_id": scene.jliu.id}
    assert (await scene.call(scene.yi, "POST", "subscription/subscribe_to_anchor/", sent)).status == 200


async def tina_is_vip(scene: Scene) -> None:
    info = ShowInfo(title="Tina's room", price=10, kind=ShowKind.VIP)
    await scene.engine.shows.describe(await scene.record(scene.jliu), "Tina", info)


async def yi_follows_tina(scene: Scene) -> None:
    await both(scene)
    assert (
        await scene.call(scene.yi, "POST", "follow_live/toggle_follow_room/", {"room_id": tina(scene)})
    ).status == 200


async def yi_has_ordered(scene: Scene) -> None:
    await ordered_by(scene, scene.yi)


async def wei_has_ordered(scene: Scene) -> None:
    await ordered_by(scene, scene.wei)


async def ordered_by(scene: Scene, who: Person) -> None:
    answered = await scene.call(who, "POST", "payment/process_recharge/", {"crypto_amount": 20})
    scene.order = answered.body["order_id"]


def tina(scene: Scene) -> str:
    return f"{scene.jliu.id}_Tina"


def lines(names: dict[str, str]) -> list[dict[str, Any]]:
    """Four donations, the newest first."""
    return [
        {"donation_id": number, **names, "donation_amount": 10.0, "donation_date": f"2026-01-01T00:00:0{number - 1}Z"}
        for number in (4, 3, 2, 1)
    ]


GOLDENS: tuple[Golden, ...] = (
    Golden(
        "site-make-donation",
        "POST balance/make_donation/",
        "yi",
        {**ME, **JLIU, "amount": 10},
        {
            "code": 0,
            "message": "Donation successful.",
            "data": {
                "donation_id": 1,
                "user_name": "yi zhao",
                "anchor_name": "jliu",
                "amount": 10.0,
                "donation_date": "2026-01-01T00:00:00.000000Z",
                "remaining_balance": 950.0,
            },
        },
    ),
    Golden(
        "site-get-user-donations",
        "GET balance/get_user_donations/",
        "yi",
        ME,
        {"code": 0, "data": {"user_donations": lines({"anchor_name": "jliu"})}},
        yi_has_given,
    ),
    Golden(
        "site-get-anchor-donations",
        "GET balance/get_anchor_donations/",
        "nobody",
        JLIU,
        {"code": 0, "data": {"anchor_donations": lines({"user_name": "yi zhao"})}},
        yi_has_given,
    ),
    Golden(
        "site-get-user-total-donated",
        "GET balance/get_user_total_donated/",
        "yi",
        ME,
        {"code": 0, "data": {"total_donated": 40.0}},
        yi_has_given,
    ),
    Golden(
        "site-get-anchor-total-received",
        "GET balance/get_anchor_total_received/",
        "nobody",
        JLIU,
        {"code": 0, "data": {"total_received": 40.0}},
        yi_has_given,
    ),
    Golden(
        "site-subscribe-to-anchor",
        "POST subscription/subscribe_to_anchor/",
        "yi",
        {**JLIU, **ME, "amount": 10},
        {
            "code": 0,
            "message": "Subscription successful",
            "data": {
                "user_id": "<yi as a number>",
                "anchor_id": "<jliu>",
                "subscription_date": "2026-01-01 00:00:00",
                "diamonds_paid": 10.0,
                "expiry_date": "2026-01-31 00:00:00",
            },
        },
    ),
    Golden(
        "site-get-subscriptions",
        "GET subscription/get_subscriptions/",
        "yi",
        ME,
        {
            "code": 0,
            "message": "Active subscriptions retrieved successfully",
            "data": {
                "subscriptions": [
                    {
                        "anchor_id": "<jliu>",
                        "diamonds_paid": 10.0,
                        "subscription_date": "2026-01-01 00:00:00",
                        "subscription_end_date": "2026-01-31 00:00:00",
                        "expiry_date": "2026-01-31 00:00:00",
                    }
                ]
            },
        },
        yi_is_subscribed,
    ),
    Golden("site-set-subscription-price", "POST subscription/set_price/", "jliu", {"amount": 20}, {"code": 0}),
    Golden(
        "site-toggle-follow-room",
        "POST follow_live/toggle_follow_room/",
        "yi",
        {**ME, "room_id": ROOM, "follow_status": True},
        {
            "code": 0,
            "message": "Followed the room successfully",
            "data": {"user_id": "<yi>", **NAMES, "status": True},
        },
        tina_is_vip,
    ),
    Golden(
        "site-get-followed-rooms",
        "GET follow_live/get_followed_rooms/",
        "yi",
        {},
        {
            "code": 0,
            "data": {
                "lives_info": [
                    {**NAMES, "uid": "<jliu>", "username": "jliu", "live_num": 0, **TINA, "room_info": INFO},
                ]
            },
        },
        yi_follows_tina,
    ),
    Golden(
        "site-pay-vip-coin",
        "POST live/pay_vip_coin",
        "yi",
        {"uid": "<yi>", **JLIU, "room_id": ROOM, "amount": 10},
        {
            "code": 0,
            "message": "paid",
            "data": {"user_id": "<yi>", **NAMES, **JLIU, "pay_coin_num": 10, "remaining_balance": 950},
        },
        tina_is_vip,
    ),
    Golden(
        "site-process-recharge",
        "POST payment/process_recharge/",
        "yi",
        {"user_id": "<yi as a number>", "crypto_amount": 20},
        {
            "code": 0,
            "message": "Recharge initiated, waiting for confirmation",
            "order_id": ORDER_ID,
            "payment_id": PAYMENT_ID,
            "pay_address": ADDRESS,
            "pay_amount": 19.916393,
            "pay_currency": "usdttrc20",
            "pay_memo": "",
            "qr_code": PICTURE,
        },
    ),
    Golden(
        "site-check-payment-status",
        "GET payment/check_payment_status/{order_id}",
        "yi",
        {"order_id": "<order>"},
        {"code": 0, "status": "waiting", "message": "Status retrieved"},
        yi_has_ordered,
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("site-make-donation", "wei", {**JLIU, "amount": 10}),
    Refusal("site-get-user-donations", "nobody", {}),
    Refusal("site-get-anchor-donations", "nobody", {}),
    Refusal("site-get-user-total-donated", "nobody", {}),
    Refusal("site-get-anchor-total-received", "nobody", {}),
    Refusal("site-subscribe-to-anchor", "yi", JLIU, yi_is_subscribed),
    Refusal("site-get-subscriptions", "nobody", {}),
    Refusal("site-set-subscription-price", "jliu", {"amount": -1}),
    Refusal("site-toggle-follow-room", "yi", {"room_id": "<jliu>_Nobody"}),
    Refusal("site-get-followed-rooms", "nobody", {}),
    Refusal("site-pay-vip-coin", "wei", NAMES, tina_is_vip),
    Refusal("site-process-recharge", "yi", {"crypto_amount": 13}),
    Refusal("site-check-payment-status", "yi", {"order_id": "<order>"}, wei_has_ordered),
)
