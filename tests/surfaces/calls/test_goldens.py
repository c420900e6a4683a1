"""Every entry of the contract, to the letter: what is sent, what comes back, and how it is refused."""

import pytest

from engine import settings
from handlers.wire.codec import write_json
from tests.surfaces.calls.golden import GOLDENS, NOTIFIED, REFUSALS, Golden, Refusal
from tests.surfaces.calls.scene import Scene, on_air
from tests.surfaces.contracts import contract_of
from tests.surfaces.pay import notice
from tests.surfaces.served import NOW_S, Answered, lacking

gen_test = pytest.mark.gen_test
CONTRACT = contract_of("calls")
SMALL_ROOMS = settings.Settings(rooms=settings.Rooms(audience_max=1))
PATHS = {golden.entry: golden.path for golden in GOLDENS}
METHODS = {golden.entry: golden.method for golden in GOLDENS}
BESIDE_THE_TABLE = {"calls-pay-notify", "calls-weapp-ws"}


async def send(
    scene: Scene, asked: Golden | Refusal, path: str, *, carried: str = "json", headers: dict[str, str] | None = None
) -> Answered:
    """Ask as a client does: credentials where the surface wants them, the rest as JSON, as a form or in the query."""
    sent = dict(asked.sent)
    if sent.get("userSig") == "<mei's signature>":
        sent["userSig"] = scene.signatures.sign(str(scene.mei.id), now_s=NOW_S)
    if sent.get("pushURL") == "<tom's push address>":
        address = await scene.weapp(scene.tom, "get_push_url", roomID=sent["roomID"])
        sent["pushURL"] = address["pushURL"]
    query: dict[str, object] = {}
    if asked.who != "nobody":
        person = getattr(scene, asked.who)
        if path.startswith("/weapp/live_room/"):
            query = dict(person.pair)
        else:
            sent["token"] = person.token
    method = METHODS[asked.entry]
    if method == "GET" or carried == "query":
        return await scene.ask(method, path, query={**query, **sent}, headers=headers)
    return await scene.ask(method, path, sent, query=query, form=carried == "form", headers=headers)


def test_every_entry_has_a_golden_and_a_refusal():
    assert {golden.entry for golden in GOLDENS} == CONTRACT.keys() - BESIDE_THE_TABLE
    assert {refusal.entry for refusal in REFUSALS} == CONTRACT.keys() - BESIDE_THE_TABLE


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.entry)
@pytest.mark.parametrize("carried", ["json", "form", "query"])
async def test_a_request_gets_the_reply_of_the_page(golden, carried):
    async with on_air(given=golden.given) as scene:
        is_nested = any(isinstance(value, dict) for value in golden.sent.values())

        answered = await send(
            scene, golden, golden.path, carried="json" if is_nested else carried, headers=golden.headers
        )

        assert (answered.status, answered.body) == (200, golden.reply)


@gen_test
@pytest.mark.parametrize(
    ("entry", "address"),
    [
        pytest.param(entry["id"], address, id=address)
        for entry in CONTRACT.values()
        for address in (*entry["aliases"], f"{entry['method']} {entry['path']}/")
        if entry["id"] not in BESIDE_THE_TABLE
    ],
)
async def test_aliases_and_slashes_at_the_end_get_the_same_reply(entry, address):
    golden = next(one for one in GOLDENS if one.entry == entry)
    path = address.partition(" ")[2]
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, path, headers=golden.headers)

        assert (answered.status, answered.body) == (200, golden.reply)


@gen_test
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.entry)
async def test_the_contracts_example_of_an_error_is_what_comes_back(refusal):
    async with on_air(SMALL_ROOMS, given=refusal.given) as scene:
        before = scene.dump()

        answered = await send(scene, refusal, PATHS[refusal.entry])

        expected = CONTRACT[refusal.entry]["error"]
        assert answered.status == 200
        assert {name: answered.body[name] for name in ("code", "message")} == expected
        assert answered.body.keys() == {"code", "message", "error", "request_id"}
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.entry)
async def test_a_success_has_every_field_of_the_contracts_example(golden):
    async with on_air(given=golden.given) as scene:
        answered = await send(scene, golden, golden.path)

        assert lacking(CONTRACT[golden.entry]["success"], answered.body) == []


@gen_test
async def test_messages_are_english_for_those_who_ask_for_it():
    async with on_air() as scene:
        english = {"Accept-Language": "en"}

        done = await scene.app(scene.tom, "user/getShareInfo", headers=english)
        refused = await scene.app(None, "user/getShareInfo", headers=english)

        assert done["message"] == "ok"
        assert refused["message"] == "the token is not valid"


@gen_test
async def test_a_notification_credits_once_and_is_answered_in_xml():
    async with on_air() as scene:
        order = await scene.app(scene.tom, "pay/createOrder", productId=1)
        paid = notice(order["orderId"], fee_fen=600)

        answers = [await scene.ask("POST", "/app/pay/notify", paid) for _ in range(3)]

        assert [answer.body for answer in answers] == [NOTIFIED.encode()] * 3
        assert all(answer.headers["Content-Type"].startswith("text/xml") for answer in answers)
        assert (await scene.app(scene.tom, "user/getCurrentUserInfo"))["diamond"] == "160"


@gen_test
@pytest.mark.parametrize(
    ("body", "reason", "logged"),
    [
        (notice("017672256000000000000001", fee_fen=600, key="another-key"), b"sign error", ""),
        (b"<xml><return_code>SUCCESS</return_code></xml>", b"sign error", ""),
        (b'{"return_code": "SUCCESS"}', b"sign error", ""),
        (b"", b"sign error", ""),
        (b"\xff\xfe", b"sign error", ""),
        (notice("017672256000000000000001", fee_fen=1), b"not taken", "payment_of_wrong_amount"),
        (notice("99999999", fee_fen=600), b"not taken", "payment_for_unknown_order"),
    ],
)
async def test_a_notification_that_is_not_right_changes_nothing(body, reason, logged):
    async with on_air() as scene:
        await scene.app(scene.tom, "pay/createOrder", productId=1)
        before = scene.dump()

        answered = await scene.ask("POST", "/app/pay/notify", body)

        assert answered.status == 200
        assert b"FAIL" in answered.body
        assert reason in answered.body
        assert scene.dump() == before
        if logged:
            scene.log.take(logged)


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.entry)
async def test_no_reply_tells_external_ids_or_somebody_elses_token(golden):
    async with on_air(given=golden.given) as scene:
        tokens = {"mei": scene.mei.token, "tom": scene.tom.token}
        tokens.pop(golden.who, None)

        answered = await send(scene, golden, golden.path)

        text = write_json(answered.body).decode()
        assert "dev:" not in text
        assert not any(token in text for token in tokens.values())
