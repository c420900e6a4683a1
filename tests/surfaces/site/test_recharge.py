"""Diamonds for a cryptocurrency over HTTP: ordering, asking, and notifications in any number and order."""

import asyncio
import base64
import contextlib
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import segno
from tornado.httpclient import AsyncHTTPClient

from adapters.nowpayments import NowPayments
from engine import settings
from engine.errors import StoreDown
from engine.ports import CryptoPayments, CryptoStatus
from store.interfaces.money import Currency
from store.interfaces.orders import OrderState
from tests.support.crypto_stand_in import API_KEY, CryptoStandIn
from tests.support.crypto_stand_in import IPN_SECRET as PROVIDERS_SECRET
from tests.support.stand_ins import serving
from tests.surfaces.served import IPN_SECRET, NO_NUMBERS, Answered
from tests.surfaces.site.golden_money import ORDER_ID
from tests.surfaces.site.scene import Person, Scene, on_air
from tests.surfaces.site.test_donations import held

gen_test = pytest.mark.gen_test
CALLBACK = "/api/payment/payment_callback/"
TAKEN = (200, {"code": 0, "message": "ok"})
Notice = tuple[bytes, str]


async def order(scene: Scene, usdt: object = 20, *, who: Person | None = None, key: str = "") -> Answered:
    """Wei orders, unless said: she has nothing yet."""
    headers = {"Idempotency-Key": key} if key else None
    sent = {"crypto_amount": usdt}
    return await scene.call(who or scene.wei, "POST", "payment/process_recharge/", sent, headers=headers)


async def status(scene: Scene, order_id: str, who: Person | None = None) -> str:
    """The provider's word for how far an order of wei's is."""
    answered = await scene.call(who or scene.wei, "GET", f"payment/check_payment_status/{order_id}")
    assert (answered.status, answered.body["message"]) == (200, "Status retrieved")
    word = answered.body["status"]
    assert isinstance(word, str)
    return word


def notice(ordered: Answered, to: str, *, secret: str = IPN_SECRET, price: object = 20, **changes: Any) -> Notice:
    """What the provider says of an order, and its signature."""
    payment = {
        "payment_id": int(ordered.body["payment_id"]),
        "payment_status": to,
        "pay_address": ordered.body["pay_address"],
        "price_amount": price,
        "price_currency": "usd",
        "pay_amount": ordered.body["pay_amount"],
        "actually_paid": 0,
        "pay_currency": "usdttrc20",
        "order_id": ordered.body["order_id"],
        "order_description": "diamonds",
    }
    return CryptoStandIn().notice(payment, secret=secret, **changes)


async def notify(scene: Scene, told: Notice, path: str = CALLBACK) -> tuple[int, dict[str, Any]]:
    """What the provider gets to hear."""
    body, signature = told
    answered = await scene.ask("POST", path, body, headers={"x-nowpayments-sig": signature})
    return answered.status, answered.body


# --- ordering --------------------------------------------------------------------------------------------------------


@gen_test
async def test_an_order_is_flat_and_says_where_to_pay_how_much():
    async with on_air() as scene:
        told = (await order(scene, "20")).body

        assert told["order_id"] == ORDER_ID
        assert [type(told[name]) for name in ("payment_id", "pay_address", "pay_amount")] == [str, str, float]
        assert told["pay_amount"] == 19.916393
        assert "data" not in told


@gen_test
async def test_the_picture_shows_the_address():
    async with on_air() as scene:
        told = (await order(scene)).body

        assert told["qr_code"] == qr_of(told["pay_address"])


def qr_of(address: str) -> str:
    png = segno.make(address, micro=False, error="m").png_data_uri(scale=6).partition(",")[2]
    assert base64.b64decode(png).startswith(b"\x89PNG")
    return str(png)


@gen_test
@pytest.mark.parametrize(("usdt", "diamonds"), [(12, 60), (20, 100), (100, 550)])
async def test_a_package_is_worth_what_the_table_says_once_it_is_paid(usdt, diamonds):
    async with on_air() as scene:
        ordered = await order(scene, usdt)
        assert await held(scene, scene.wei) == 0

        assert await notify(scene, notice(ordered, "finished", price=usdt)) == TAKEN

        assert await held(scene, scene.wei) == diamonds


@gen_test
async def test_what_is_no_package_is_not_sold():
    async with on_air() as scene:
        before = scene.dump()

        for usdt in (1, 13, 19, 21, 200, "12.0", *NO_NUMBERS):
            answered = await order(scene, usdt)
            assert (answered.status, answered.body["code"]) == (400, 1), usdt
        assert (await order(scene, 13)).body["message"] == "充值套餐不存在"
        assert scene.dump() == before


@gen_test
async def test_the_same_key_again_is_the_same_order_and_another_package_under_it_is_refused():
    async with on_air() as scene:
        first, again = await asyncio.gather(order(scene, key="k"), order(scene, key="k"))
        other = await order(scene, 100, key="k")
        without_key = await order(scene)

        assert again.body == first.body
        assert (other.status, other.body["error"]) == (409, "KEY_REUSED")
        assert without_key.body["order_id"] != first.body["order_id"]


@gen_test
async def test_a_provider_who_is_away_is_a_bad_gateway_and_the_order_has_failed(monkeypatch):
    async with on_air() as scene:

        async def refuse(**_order: object) -> None:
            raise StoreDown

        with monkeypatch.context() as patched:
            patched.setattr(scene.engine.world.crypto, "create", refuse)
            refused = await order(scene)
        again = await order(scene)

        assert (refused.status, refused.body["code"], refused.body["message"]) == (502, 1, "支付服务暂不可用")
        assert "order_id" not in refused.body
        assert again.status == 200
        states = sorted(one.state for one in scene.database.orders.values())
        assert states == sorted([OrderState.FAILED, OrderState.WAITING])


@gen_test
async def test_that_our_own_store_is_away_is_said_as_everywhere(monkeypatch):
    async with on_air() as scene:

        async def down(*_anything: object, **_more: object) -> None:
            raise StoreDown

        monkeypatch.setattr(scene.engine.crypto_recharge, "create", down)

        refused = await order(scene)

        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")


# --- asking ----------------------------------------------------------------------------------------------------------


@gen_test
async def test_only_the_owner_learns_that_there_is_an_order():
    async with on_air() as scene:
        order_id = (await order(scene)).body["order_id"]

        answers = [
            await scene.call(who, "GET", f"payment/check_payment_status/{one}{slash}")
            for who, one in (
                (scene.yi, order_id),
                (scene.jliu, order_id),
                (scene.wei, order_id.upper()),
                (scene.wei, order_id[:-1]),
                (scene.wei, "e8e3297a-a363-48c3-83c7-d427a1eb76ee"),
                (scene.wei, "%24ne"),
                (scene.wei, "..%2e"),
            )
            for slash in ("", "/")
        ]

        assert {(one.status, one.body["code"], one.body["message"]) for one in answers} == {(404, 1, "订单不存在")}
        assert (await scene.call(None, "GET", f"payment/check_payment_status/{order_id}")).status == 401
        assert await status(scene, order_id) == "waiting"


@gen_test
@pytest.mark.parametrize("word", list(CryptoStatus))
async def test_the_status_is_the_providers_word_and_only_finished_credits(word):
    async with on_air() as scene:
        ordered = await order(scene)

        assert await notify(scene, notice(ordered, word)) == TAKEN

        assert await status(scene, ordered.body["order_id"]) == word.value
        assert await held(scene, scene.wei) == (100 if word is CryptoStatus.FINISHED else 0)
        if word is CryptoStatus.PARTIALLY_PAID:
            scene.log.take("order_partially_paid")


# --- notifications ---------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize(
    ("said", "shown", "diamonds"),
    [
        (["finished", "finished", "finished"], "finished", 100),
        (["confirming", "confirmed", "sending", "finished"], "finished", 100),
        (["finished", "confirming", "waiting"], "finished", 100),
        (["expired", "finished"], "finished", 100),
        (["failed", "finished"], "finished", 100),
        (["expired", "waiting", "confirming"], "expired", 0),
        (["waiting", "confirming"], "confirming", 0),
    ],
)
async def test_words_move_forward_only_and_a_late_finish_counts(said, shown, diamonds):
    async with on_air() as scene:
        ordered = await order(scene)

        answers = [await notify(scene, notice(ordered, word)) for word in said]

        assert answers == [TAKEN] * len(said)
        assert await status(scene, ordered.body["order_id"]) == shown
        assert await held(scene, scene.wei) == diamonds


@gen_test
async def test_what_is_given_back_after_it_was_credited_alarms_and_takes_nothing():
    async with on_air() as scene:
        ordered = await order(scene)

        for word in ("finished", "refunded"):
            await notify(scene, notice(ordered, word))

        assert scene.log.take("order_credited_and_refunded")["order_id"] == ordered.body["order_id"]
        assert await held(scene, scene.wei) == 100


@gen_test
async def test_a_notification_comes_in_with_and_without_a_slash_and_need_not_say_everything():
    async with on_air() as scene:
        ordered = await order(scene)
        nothing = dict.fromkeys(("pay_amount", "actually_paid", "pay_currency", "order_description"))

        for path in (CALLBACK, CALLBACK.rstrip("/")):
            assert await notify(scene, notice(ordered, "finished", **nothing), path) == TAKEN

        assert await held(scene, scene.wei) == 100


@gen_test
@pytest.mark.parametrize(
    ("changes", "logged"),
    [
        ({"price_amount": 19}, "payment_unlike_its_order"),
        ({"price_amount": 0.2}, "payment_unlike_its_order"),
        ({"price_amount": 20.0000001}, "payment_unlike_its_order"),
        ({"price_currency": "eur"}, "payment_unlike_its_order"),
        ({"pay_currency": "doge"}, "payment_unlike_its_order"),
        ({"payment_id": 1}, "payment_unlike_its_order"),
        ({"parent_payment_id": 5}, "payment_unlike_its_order"),
        ({"order_id": "e8e3297a-a363-48c3-83c7-d427a1eb76ee"}, "payment_for_unknown_order"),
        ({"order_id": None}, "payment_for_unknown_order"),
        ({"payment_status": "unheard_of"}, "nowpayments_notice_garbled"),
    ],
    ids=repr,
)
async def test_what_is_authentic_and_not_what_was_ordered_is_taken_and_credits_nothing(changes, logged):
    async with on_air() as scene:
        ordered = await order(scene)
        before = scene.dump()

        assert await notify(scene, notice(ordered, "finished", **changes)) == TAKEN

        scene.log.take(logged)
        assert scene.dump() == before


@gen_test
async def test_of_two_people_the_one_who_ordered_is_credited_whatever_the_description_says():
    async with on_air() as scene:
        ordered = await order(scene)

        await notify(scene, notice(ordered, "finished", order_description=f"user {scene.yi.id}", user_id=scene.yi.id))

        assert [await held(scene, who) for who in (scene.wei, scene.yi)] == [100, 960]


def spoilt(ordered: Answered) -> list[Notice]:
    """A good notification, and nearly."""
    body, signature = notice(ordered, "finished")
    return [
        notice(ordered, "finished", secret="another secret"),
        notice(ordered, "finished", form="dropped"),
        (body, ""),
        (body, signature[:-1]),
        (body, signature.upper()),
        (body, "0" * 128),
        (body.replace(b'"price_amount":20', b'"price_amount":2'), signature),
        (body.replace(b'"finished"', b'"refunded"'), signature),
        (body[:-1], signature),
        (body + b"{}", signature),
        (b"", signature),
        (b"\xff\xfe", signature),
        (b"[" * 2_000, signature),
        (body[:-1] + b',"payment_status":"finished"}', signature),
        (body + b" " * 70_000, signature),
    ]


@gen_test
async def test_what_is_not_the_providers_is_refused_and_leaves_no_trace():
    async with on_air() as scene:
        ordered = await order(scene)
        before, lines = scene.dump(), len(scene.log.lines)

        for forged in spoilt(ordered):
            code, said = await notify(scene, forged)
            assert (code, said["code"], said["message"]) == (400, 1, "签名不正确")
        assert scene.dump() == before
        # Not even of what it said: an address, an id or a price that nobody has vouched for.
        logged = repr(scene.log.lines[lines:])
        assert not any(str(ordered.body[name]) in logged for name in ("order_id", "payment_id", "pay_address"))


@gen_test
async def test_nobody_asks_for_it_in_another_way():
    async with on_air() as scene:
        ordered = await order(scene)
        body, signature = notice(ordered, "finished")

        in_query = await scene.ask("POST", CALLBACK, body, query={"x-nowpayments-sig": signature})
        by_get = await scene.ask("GET", CALLBACK, headers={"x-nowpayments-sig": signature})

        assert [in_query.status, by_get.status] == [400, 405]
        assert await held(scene, scene.wei) == 0


@gen_test
async def test_a_notification_that_our_store_has_not_confirmed_is_asked_for_again(monkeypatch):
    async with on_air() as scene:
        told = notice(await order(scene), "finished")

        async def down(*_anything: object) -> None:
            raise StoreDown

        with monkeypatch.context() as patched:
            patched.setattr(scene.engine.crypto_recharge, "_credit", down)
            assert (await notify(scene, told))[0] == 503
        assert await notify(scene, told) == TAKEN

        assert await held(scene, scene.wei) == 100


@gen_test
async def test_three_hundred_shuffled_repeated_and_forged_credit_each_order_once():
    dice = random.Random(13)
    async with on_air() as scene:
        packages = ((12, 60), (20, 100), (100, 550))
        ordered = [(usdt, diamonds, await order(scene, usdt)) for usdt, diamonds in packages * 3]
        genuine = [
            notice(one, word, price=usdt)
            for usdt, _, one in ordered
            for word in ("waiting", "confirming", "confirmed", "sending", "finished", "finished", "expired")
        ]
        forged = [notice(one, "finished", price=usdt, secret="forged") for usdt, _, one in ordered]
        told = [*genuine * 4, *forged * 5]
        dice.shuffle(told)
        wrong = set(forged)

        codes: list[tuple[bool, int]] = []
        for first in range(0, len(told), 20):
            some = told[first : first + 20]
            answers = await asyncio.gather(*(notify(scene, one) for one in some))
            codes += [(one in wrong, code) for one, (code, _) in zip(some, answers, strict=True)]

        assert set(codes) == {(True, 400), (False, 200)}
        assert len(codes) == 297
        assert await held(scene, scene.wei) == 3 * (60 + 100 + 550)
        assert {await status(scene, one.body["order_id"]) for _, _, one in ordered} == {"finished"}


# --- with the provider -----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def paying_at(scene: Scene, base_url: str) -> AsyncIterator[AsyncHTTPClient]:
    """The server asks a provider there, who calls back; gives a client for whoever wants to ask him too."""
    http = AsyncHTTPClient(force_instance=True)
    provider: CryptoPayments = NowPayments(
        api_key=API_KEY,
        ipn_secrets=(PROVIDERS_SECRET,),
        callback_url=f"http://127.0.0.1:{scene.port}{CALLBACK}",
        base_url=base_url,
        price_currency="usd",
        pay_currency="usdttrc20",
        http=http,
        log=scene.log,
    )
    # The world is frozen for whoever lives in it.
    object.__setattr__(scene.engine.world, "crypto", provider)
    try:
        yield http
    finally:
        http.close()


@gen_test(timeout=30)
async def test_the_whole_story_with_a_provider_in_a_process_of_his_own():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crypto_stand_in", "--port", "0"],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        base_url = (await asyncio.to_thread(process.stdout.readline)).strip()
        async with on_air() as scene, paying_at(scene, base_url) as http:
            ordered = (await order(scene)).body

            async def drive(*statuses: str, **more: Any) -> list[int]:
                wish = json.dumps({"order_id": ordered["order_id"], "statuses": statuses, **more})
                answer = await http.fetch(base_url.removesuffix("/v1") + "/drive", method="POST", body=wish)
                codes: list[int] = json.loads(answer.body)["codes"]
                return codes

            assert ordered["pay_amount"] == 19.916393
            assert await drive("confirming") == [200]
            assert await status(scene, ordered["order_id"]) == "confirming"
            assert await drive("finished", secret="forged") == [400]
            assert await held(scene, scene.wei) == 0
            assert await drive("finished", times=5) == [200] * 5
            assert await drive("waiting", form="objects", changes={"payment_extra_ids": [1]}) == [200]

            assert await status(scene, ordered["order_id"]) == "finished"
            sent = {"anchor_id": scene.jliu.id, "amount": 30}
            spent = await scene.call(scene.wei, "POST", "balance/make_donation/", sent)
            assert spent.body["data"]["remaining_balance"] == 70.0
            assert await scene.engine.statements.held((await scene.record(scene.jliu)).id, Currency.SITE_DIAMONDS) == 30
    finally:
        process.terminate()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


@gen_test
async def test_a_notification_that_got_lost_is_made_up_for_by_asking():
    at_once = settings.Settings(site=settings.Site(reconcile_after_ms=0))
    provider = CryptoStandIn()
    async with on_air(at_once) as scene, serving(provider) as base, paying_at(scene, f"{base}/v1"):
        order_id = (await order(scene)).body["order_id"]
        provider.drive(order_id, "finished")
        await scene.clock.advance(1)

        await scene.engine.crypto_recharge.reconcile()

        assert await status(scene, order_id) == "finished"
        assert await held(scene, scene.wei) == 100


@gen_test
async def test_an_order_whose_answer_is_lost_has_failed_and_what_is_paid_to_it_is_looked_at_by_a_person():
    provider = CryptoStandIn()
    async with on_air() as scene, serving(provider) as base, paying_at(scene, f"{base}/v1"):
        provider.is_deaf = True
        refused = await order(scene)
        (lost,) = scene.database.orders

        payment = provider.drive(lost, "finished")
        (code,) = await provider.tell(payment["ipn_callback_url"], provider.notice(payment))

        assert (refused.status, code) == (502, 200)
        assert await status(scene, lost) == "failed"
        scene.log.take("outside_service_unanswered")
        scene.log.take("payment_unlike_its_order")
