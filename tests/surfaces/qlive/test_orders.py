"""Buying gold: what is on sale, an order that the client can check, and notifications in any number and order."""

import asyncio
import hashlib
import hmac
import itertools
import json

import pytest

from adapters.wechat_pay import signature
from engine import settings
from engine.errors import ProviderDown, StoreDown
from tests.surfaces.pay import notice
from tests.surfaces.qlive.scene import BASE, Person, Scene, on_air
from tests.surfaces.served import PAY_KEY, Answered

gen_test = pytest.mark.gen_test
FIVE = {"timeStamp", "nonceStr", "package", "signType", "paySign"}
TAKEN = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
NOT_AUTHENTIC = b"<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[sign error]]></return_msg></xml>"


async def order(scene: Scene, who: Person | None = None, block_id: object = 1, key: str = "") -> Answered:
    headers = {"Idempotency-Key": key} if key else None
    return await scene.call(who or scene.tom, "POST", "qlive_pay/", {"block_id": block_id}, headers=headers)


def number_of(ordered: Answered) -> str:
    """The order's number, as it stands in the package the stand-in has made for it."""
    package = json.loads(ordered.body["content"])["package"]
    assert isinstance(package, str)
    return package.removeprefix("prepay_id=dev-")


async def notify(scene: Scene, body: bytes, path: str = f"{BASE}/qlive_pay/notify/") -> bytes:
    answered = await scene.ask("POST", path, body)
    assert (answered.status, answered.headers["Content-Type"]) == (200, "text/xml; charset=UTF-8")
    assert isinstance(answered.body, bytes)
    return answered.body


async def gold(scene: Scene, who: Person | None = None) -> int:
    held = (await scene.call(who or scene.tom, "GET", "qlive_user/get_userinfo/")).body["gold"]
    assert isinstance(held, int)
    return held


# --- ordering --------------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("block_id", [2, "2"])
async def test_an_order_is_what_the_mini_program_pays_with_and_signed_so_that_it_can_be_checked(block_id):
    async with on_air() as scene:
        ordered = (await order(scene, block_id=block_id)).body

        paid_with = json.loads(ordered["content"])
        assert paid_with.keys() == FIVE
        expected = {"appId": "wxgreenroomdev", **{name: paid_with[name] for name in FIVE - {"paySign"}}}
        assert paid_with["paySign"] == signature(expected, key=PAY_KEY)
        text = (ordered["timestamp"] + ordered["content"]).encode()
        assert ordered["sign"] == hmac.new(PAY_KEY.encode(), text, hashlib.sha256).hexdigest()


@gen_test
async def test_packs_are_shown_in_text_the_cheapest_first_with_their_price_in_yuan():
    packs = ((7, 1, 5), (2, 9, 100_050), (3, 5, 610))
    packages = tuple(settings.QlivePackage(id=one, gold=gold, price_fen=fen) for one, gold, fen in packs)
    async with on_air(settings.Settings(qlive=settings.Qlive(packages=packages))) as scene:
        shown = (await scene.call(scene.tom, "GET", "qlive_pay/")).body

        assert shown == [
            {"id": "7", "gold": "1", "price": "0.05"},
            {"id": "3", "gold": "5", "price": "6.10"},
            {"id": "2", "gold": "9", "price": "1000.50"},
        ]


@gen_test
async def test_a_pack_that_is_not_on_sale_is_not_found():
    async with on_air() as scene:
        before = scene.dump()

        refused = await order(scene, block_id=99)

        assert (refused.status, refused.body["detail"]) == (404, "Not found.")
        assert scene.dump() == before


@gen_test
async def test_the_same_key_again_is_the_same_order_and_another_pack_under_it_is_refused():
    async with on_air() as scene:
        first, again = await order(scene, key="k"), await order(scene, key="k")
        other = await order(scene, block_id=2, key="k")
        without_key = await order(scene)

        assert again.body == first.body
        assert (other.status, other.body["error"]) == (400, "KEY_REUSED")
        assert number_of(without_key) != number_of(first)


@gen_test
async def test_an_order_that_the_provider_refuses_has_failed_and_can_be_tried_again(monkeypatch):
    async with on_air() as scene:

        async def refuse(**_order):
            raise StoreDown

        with monkeypatch.context() as patched:
            patched.setattr(scene.engine.world.payments, "create", refuse)
            refused = await order(scene, key="k")
        again = await order(scene, key="k")

        assert refused.status == 200
        assert (refused.body["success"], refused.body["detail"]) == ("failed", "payment order refused")
        assert again.body["success"] == "success"


@gen_test
async def test_that_our_own_store_is_away_is_no_refusal_of_the_provider(monkeypatch):
    async with on_air() as scene:

        async def down(*_anything, **_more):
            raise StoreDown

        monkeypatch.setattr(scene.engine.recharge, "create", down)

        refused = await order(scene)

        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert not isinstance(StoreDown(), ProviderDown)


# --- notifications ---------------------------------------------------------------------------------------------------


@gen_test
async def test_three_notifications_credit_once():
    async with on_air() as scene:
        paid = notice(number_of(await order(scene)), fee_fen=600)

        answers = [await notify(scene, paid) for _ in range(3)]

        assert answers == [TAKEN] * 3
        assert await gold(scene) == 60


@gen_test
@pytest.mark.parametrize("turn", range(6))
async def test_notifications_in_any_order_and_at_once_credit_each_order_once(turn):
    async with on_air() as scene:
        numbers = [number_of(await order(scene, block_id=block_id)) for block_id in (1, 2, 3)]
        fees = (600, 3_000, 12_800)
        notices = [notice(number, fee_fen=fee) for number, fee in zip(numbers, fees, strict=True)]
        shuffled = list(itertools.permutations(notices))[turn]

        answers = await asyncio.gather(*(notify(scene, one) for one in (*shuffled, *notices, *shuffled)))

        assert set(answers) == {TAKEN}
        assert await gold(scene) == 60 + 300 + 1_280


@gen_test
async def test_a_notification_comes_in_with_and_without_a_slash_at_the_end():
    async with on_air() as scene:
        paid = notice(number_of(await order(scene)), fee_fen=600)

        for path in (f"{BASE}/qlive_pay/notify", f"{BASE}/qlive_pay/notify/"):
            assert await notify(scene, paid, path) == TAKEN

        assert await gold(scene) == 60


@gen_test
@pytest.mark.parametrize(
    ("forged", "logged"),
    [
        (lambda number: notice(number, fee_fen=600, key="another-key"), ""),
        (lambda number: notice(number, fee_fen=600).replace(b"<total_fee>600", b"<total_fee>1"), ""),
        (lambda number: notice(number, fee_fen=599), "payment_of_wrong_amount"),
        (lambda number: notice(number, fee_fen=60_000), "payment_of_wrong_amount"),
        (lambda _number: notice("99999999", fee_fen=600), "payment_for_unknown_order"),
        (lambda _number: b"", ""),
        (lambda _number: b"{}", ""),
        (lambda _number: b"\xff\xfe", ""),
        (lambda _number: b"<xml>", ""),
        (lambda _number: b"<xml>" + b"<a>" * 10_000, ""),
        (
            lambda number: (
                b'<!DOCTYPE xml [<!ENTITY canary SYSTEM "file:///etc/hostname">]>'
                + notice(number, fee_fen=600).replace(b"<nonce_str>n", b"<nonce_str>&canary;")
            ),
            "",
        ),
        (
            lambda number: (
                b'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
                + notice(number, fee_fen=600)
            ),
            "",
        ),
    ],
)
async def test_what_is_not_what_was_ordered_or_not_from_the_provider_credits_nothing(forged, logged):
    async with on_air() as scene:
        number = number_of(await order(scene))
        before = scene.dump()

        answered = await notify(scene, forged(number))

        assert b"FAIL" in answered
        assert logged or answered == NOT_AUTHENTIC
        assert scene.dump() == before
        if logged:
            scene.log.take(logged)


@gen_test
async def test_an_order_that_was_not_paid_is_heard_of_and_credits_nothing():
    async with on_air() as scene:
        unpaid = notice(number_of(await order(scene)), fee_fen=600, result="FAIL")

        assert await notify(scene, unpaid) == TAKEN

        assert await gold(scene) == 0


@gen_test
async def test_a_notification_leaves_no_transaction_and_no_signature_in_the_log():
    async with on_air() as scene:
        number = number_of(await order(scene))
        paid = notice(number, fee_fen=600)
        await notify(scene, paid)

        logged = repr(scene.log.lines)
        sign = paid.partition(b"<sign>")[2].partition(b"<")[0].decode()
        assert f"tx{number}" not in logged
        assert sign not in logged
