"""The holes of the original in money and follows, each with what would go through it. Source: seed behaviour §7.1.

Forged, repeated and shuffled notifications are in ``test_recharge``, prices in ``test_subscriptions`` and
``test_admissions``, receipts in ``test_donations``.
"""

import asyncio

import pytest

from engine.errors import StoreDown
from engine.records import ShowInfo, ShowKind
from handlers import site
from tests.surfaces.goldens import filled, send
from tests.surfaces.site.golden_money import GOLDENS
from tests.surfaces.site.scene import OPTIONS, Scene, on_air

gen_test = pytest.mark.gen_test
ENDPOINTS = {endpoint.source_id: endpoint for endpoint in site.surface(OPTIONS).endpoints}
CLAIMS = {"user_id", "uid"}
MINE = [
    golden
    for golden in GOLDENS
    if golden.who == "yi" and CLAIMS & set(ENDPOINTS[golden.entry].request.__struct_fields__)
]
COOKIE_POSTS = [golden for golden in GOLDENS if golden.who == "yi" and golden.call.startswith("POST")]
# What each endpoint asks the engine for; the callback, too.
ASKED = {
    "site-make-donation": ("donations", "donate"),
    "site-get-user-donations": ("donations", "of_user"),
    "site-get-anchor-donations": ("donations", "of_anchor"),
    "site-get-user-total-donated": ("donations", "given_by"),
    "site-get-anchor-total-received": ("donations", "received_by"),
    "site-subscribe-to-anchor": ("subscriptions", "subscribe"),
    "site-get-subscriptions": ("subscriptions", "running_of"),
    "site-set-subscription-price": ("subscriptions", "set_price"),
    "site-toggle-follow-room": ("follows", "set"),
    "site-get-followed-rooms": ("follows", "rooms_of"),
    "site-pay-vip-coin": ("admissions", "pay"),
    "site-process-recharge": ("crypto_recharge", "create"),
    "site-check-payment-status": ("crypto_recharge", "status_of"),
}


def entry_of(golden):
    return golden.entry


def test_every_endpoint_that_names_its_user_is_looked_at():
    assert {golden.entry for golden in MINE} == {
        "site-make-donation",
        "site-get-user-donations",
        "site-get-user-total-donated",
        "site-subscribe-to-anchor",
        "site-get-subscriptions",
        "site-toggle-follow-room",
        "site-pay-vip-coin",
        "site-process-recharge",
    }


@gen_test
@pytest.mark.parametrize("golden", MINE, ids=entry_of)
async def test_nobody_spends_or_reads_for_somebody_whose_id_he_writes(golden):
    async with on_air(given=golden.given) as scene:
        before = scene.dump()
        claims = {"user_id", "uid"} if golden.entry == "site-pay-vip-coin" else {"user_id"}
        others = (scene.wei.id, int(scene.wei.id), scene.jliu.id, "0", 0, "1e3", f" {scene.yi.id}", -1)

        for name in claims:
            for other in others:
                await scene.limits_clock.advance(100)
                answered = await send(scene, golden, golden.call, changed={name: other})
                assert (answered.status, answered.body["code"]) == (403, 1), (name, other)
                assert "data" not in answered.body
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", MINE, ids=entry_of)
async def test_his_own_id_may_be_written_as_a_number_as_text_or_not_at_all(golden):
    name = "uid" if golden.entry == "site-pay-vip-coin" else "user_id"

    for value in ("<yi>", "<yi as a number>", "", None):
        async with on_air() as scene:
            if golden.given:
                await golden.given(scene)
            changed = {} if value is None else {name: filled(scene, value)}

            answered = await send(scene, golden, golden.call, changed=changed, without=name if value is None else "")

            assert answered.status == 200, value


@gen_test
@pytest.mark.parametrize("golden", MINE, ids=entry_of)
async def test_a_guest_has_neither_money_nor_anything_else_that_is_his(golden):
    async with on_air(given=golden.given) as scene:
        await scene.call(None, "GET", "users/is_logged_in")
        method, _, name = golden.call.partition(" ")
        before = scene.dump()

        for sent in (filled(scene, golden.sent), filled(scene, golden.sent) | {"user_id": "0", "uid": "0"}):
            answered = await scene.call(None, method, name, sent)
            assert (answered.status, answered.body["code"]) == (401, 1)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", COOKIE_POSTS, ids=entry_of)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/page"},
    ],
    ids=str,
)
async def test_a_page_of_somebody_else_spends_nothing_with_the_cookie(golden, headers):
    async with on_air(given=golden.given) as scene:
        method, _, name = golden.call.partition(" ")
        cookie = {"Cookie": f"sessionid={scene.yi.cookie}"}
        before = scene.dump()

        for form in (False, True):
            answered = await scene.call(
                None, method, name, filled(scene, golden.sent), headers=cookie | headers, form=form
            )
            assert (answered.status, answered.body["error"]) == (403, "FORBIDDEN")
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=entry_of)
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RuntimeError("canary"), 500, "INTERNAL"), (StoreDown("canary"), 503, "STORE_UNAVAILABLE")],
    ids=["bug", "store"],
)
async def test_what_breaks_shows_nothing_of_itself(golden, error, status, code, monkeypatch):
    async with on_air(given=golden.given) as scene:

        async def break_down(*_anything: object, **_more: object) -> None:
            raise error

        service, verb = ASKED[golden.entry]
        monkeypatch.setattr(getattr(scene.engine, service), verb, break_down)

        answered = await send(scene, golden, golden.call)

        assert (answered.status, answered.body["code"], answered.body["error"]) == (status, 1, code)
        assert answered.body.keys() == {"code", "message", "error", "request_id"}
        assert "canary" not in repr(answered.body)
        if code == "INTERNAL":
            assert "canary" in repr(scene.log.take("request_failed"))


@gen_test
async def test_several_ways_to_spend_at_once_spend_no_more_than_there_is():
    async with on_air() as scene:
        await prices(scene, 300)
        room = {"room_id": f"{scene.jliu.id}_Tina"}
        anchor = {"anchor_id": scene.jliu.id}
        asked = [
            ("balance/make_donation", anchor | {"amount": 300}),
            ("subscription/subscribe_to_anchor", anchor),
            ("live/pay_vip_coin", room),
        ]

        answers = await asyncio.gather(*(scene.call(scene.yi, "POST", name, sent) for name, sent in asked * 5))

        # 960 are three times 300, whatever for.
        assert sum(one.status == 200 for one in answers) >= 3
        left = (await scene.call(scene.yi, "GET", "users/is_logged_in")).body["data"]["user_info"]["coin_num"]
        assert left == 60


async def prices(scene: Scene, price: int) -> None:
    """What jliu asks for a subscription and for Tina's room."""
    jliu = await scene.record(scene.jliu)
    await scene.engine.subscriptions.set_price(jliu, price)
    await scene.engine.shows.describe(jliu, "Tina", ShowInfo(title="", price=price, kind=ShowKind.VIP))
