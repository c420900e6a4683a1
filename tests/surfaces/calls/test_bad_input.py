"""What clients send that no document allows: refused with a code of the documents, and nothing has changed."""

import pytest

from engine.errors import StoreDown
from handlers import calls
from tests.surfaces.calls.golden import GOLDENS, Golden
from tests.surfaces.calls.scene import OPTIONS, Scene, on_air
from tests.surfaces.calls.test_permissions import CALL, MEI, TOM
from tests.surfaces.contracts import contract_of, wire_fields
from tests.surfaces.served import NO_NUMBERS, NOW_S, OPERATORS, Answered, unreadable

gen_test = pytest.mark.gen_test
CONTRACT = contract_of("calls")
ENDPOINTS = {endpoint.source_id: endpoint for endpoint in calls.surface(OPTIONS).endpoints}

# Declared as anything: the mixer takes any object, and refuses what is none (a list among these).
ANYTHING = {("calls-weapp-merge-stream", "mergeParams")}

MONEY_AND_IDS = [
    (golden, param["name"])
    for golden in GOLDENS
    for param in CONTRACT[golden.entry]["params"]
    if param["type"] in ("long", "int")
    and param["name"]
    in {"targetUserId", "giftId", "amount", "recordId", "roomInstanceId", "masterId", "guestId"}
    | {"productId", "unitPrice", "reply"}
]


def fields_of(golden: Golden) -> list[str]:
    """All fields that the endpoint reads, credential included."""
    names = list(wire_fields(ENDPOINTS[golden.entry].request))
    in_credential = [] if golden.who == "nobody" else ["token"]
    return list(dict.fromkeys([*names, *in_credential]))


async def spoilt(scene: Scene, golden: Golden, changed: dict[str, object], *, without: str = "") -> Answered:
    """The golden's request with some fields replaced, or one left out; the credential as it should be."""
    sent: dict[str, object] = {**golden.sent}
    if sent.get("userSig") == "<mei's signature>":
        sent["userSig"] = scene.signatures.sign(str(scene.mei.id), now_s=NOW_S)
    query: dict[str, object] = {}
    if golden.who != "nobody":
        person = getattr(scene, golden.who)
        if golden.path.startswith("/weapp/live_room/"):
            query = dict(person.pair)
        else:
            sent = {"token": person.token, **sent}
    sent.update(changed)
    sent.pop(without, None)
    await scene.limits_clock.advance(100)
    return await scene.ask("POST" if golden.method == "POST" else "GET", golden.path, sent, query=query)


@gen_test
@pytest.mark.parametrize("golden", [one for one in GOLDENS if one.method == "POST"], ids=lambda one: one.entry)
async def test_an_operator_object_is_refused_in_every_field(golden):
    async with on_air(given=golden.given) as scene:
        for name in fields_of(golden):
            if name == "token" and golden.path.startswith("/weapp/live_room/") and golden.who != "nobody":
                continue  # Only the query carries it there, and a query has no objects.
            for value in OPERATORS:
                if (golden.entry, name) in ANYTHING and isinstance(value, dict):
                    continue
                before = scene.dump()

                answered = await spoilt(scene, golden, {name: value})

                assert answered.status == 200
                assert answered.body["code"] in (2, 3, 4, 7, 10), (name, value, answered.body)
                assert answered.body.keys() == {"code", "message", "error", "request_id"}
                assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda one: one.entry)
async def test_an_operator_in_brackets_is_no_field(golden):
    needed = [param["name"] for param in CONTRACT[golden.entry]["params"] if param["required"]]
    async with on_air(given=golden.given) as scene:
        person = None if golden.who == "nobody" else getattr(scene, golden.who)
        pair = person.pair if person and golden.path.startswith("/weapp/live_room/") else {}
        token = {"token": person.token} if person and not pair else {}
        for name in needed:
            if golden.entry == "calls-wechat-version" and name == "token":
                continue
            before = scene.dump()
            fields = {**golden.sent, **token, **pair}
            fields[f"{name}[$ne]"] = fields.pop(name, "")

            answered = await scene.ask(golden.method, golden.path, query={key: str(fields[key]) for key in fields})

            assert answered.body["code"] in (2, 4, 7, 10), (name, answered.body)
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize(("golden", "name"), MONEY_AND_IDS, ids=lambda one: getattr(one, "entry", one))
async def test_what_is_no_whole_positive_number_is_refused(golden, name):
    async with on_air(given=golden.given) as scene:
        before = scene.dump()
        for value in NO_NUMBERS:
            answered = await spoilt(scene, golden, {name: value})

            assert (answered.status, answered.body["code"]) == (200, 2), (value, answered.body)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda one: one.entry)
async def test_a_required_field_that_is_missing_or_null_is_refused(golden):
    # The endpoints' own credential is another test's; here it is always there.
    needed = [name for name, needed in wire_fields(ENDPOINTS[golden.entry].request).items() if needed]
    async with on_air(given=golden.given) as scene:
        for name in needed:
            before = scene.dump()
            answers = [await spoilt(scene, golden, {}, without=name)]
            if golden.method == "POST":
                answers.append(await spoilt(scene, golden, {name: None}))

            assert [answered.body["code"] in (2, 4, 10) for answered in answers] == [True] * len(answers), name
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("body", unreadable("targetUserId"))
async def test_a_body_that_cannot_be_read_is_refused_in_the_envelope(body):
    async with on_air() as scene:
        answered = await scene.ask("POST", "/app/live/callApplyGirl", body, query={"token": scene.tom.token})

        assert (answered.status, answered.body["code"], answered.body["message"]) == (200, 2, "参数错误")


@gen_test
async def test_a_body_of_more_than_a_megabyte_is_refused_in_the_envelope():
    async with on_air() as scene:
        answered = await scene.ask("POST", "/app/live/messageForm", b"x" * (1024 * 1024 + 1))

        assert (answered.status, answered.body["code"]) == (200, 2)


@gen_test
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/app/live/nothing"),
        ("POST", "/app"),
        ("GET", "/app/live/callGirl"),
        ("POST", "/weapp/live_room/../../etc/passwd"),
        ("GET", "/weapp/utils/get_test_url"),
        ("DELETE", "/weapp/live_room/destroy_room"),
    ],
)
async def test_an_unknown_path_or_method_is_refused_in_the_envelope(method, path):
    async with on_air() as scene:
        answered = await scene.ask(method, path)

        assert (answered.status, answered.body["code"]) == (200, 2)


@gen_test
async def test_test_addresses_are_no_paths_in_production():
    async with on_air(surface=calls.CallsOptions(is_dev=False)) as scene:
        query = {"token": scene.mei.token}

        answers = [
            await scene.ask("GET", f"/weapp/utils/{name}", query=query)
            for name in ("get_test_pushurl", "get_test_rtmpaccurl")
        ]

        assert [answered.body["message"] for answered in answers] == ["接口不存在"] * 2


@gen_test
@pytest.mark.parametrize("key", ["", "a" * 64, "A-z_0"])
async def test_an_idempotency_key_of_the_right_form_counts(key):
    async with on_air() as scene:
        await scene.talks()

        headers = {"Idempotency-Key": key}
        sent = [await scene.app(scene.tom, "live/sendGift", giftId=1, headers=headers) for _ in range(2)]

        assert [gift["diamond"] for gift in sent] == (["80", "80"] if key else ["80", "70"])


@gen_test
@pytest.mark.parametrize("key", ["a" * 65, "a b", "gift:1", "$gt", "a.b", "é"])
@pytest.mark.parametrize(("path", "sent"), [("live/sendGift", {"giftId": 1}), ("pay/createOrder", {"productId": 1})])
async def test_an_idempotency_key_of_another_form_is_refused(path, sent, key):
    async with on_air() as scene:
        await scene.talks()
        before = scene.dump()

        answered = await scene.app(scene.tom, path, headers={"Idempotency-Key": key}, **sent)

        assert answered["code"] == 2
        assert scene.dump() == before


@gen_test
async def test_a_key_that_came_with_another_request_is_refused():
    async with on_air() as scene:
        await scene.talks()
        headers = {"Idempotency-Key": "one"}
        await scene.app(scene.tom, "live/sendGift", giftId=1, headers=headers)
        await scene.app(scene.tom, "pay/createOrder", productId=1, headers=headers)
        before = scene.dump()

        gift = await scene.app(scene.tom, "live/sendGift", giftId=1, amount=2, headers=headers)
        order = await scene.app(scene.tom, "pay/createOrder", productId=2, headers=headers)

        assert (gift["code"], order["code"]) == (2, 2)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("live/sendGift", {"giftId": 99}, 1004),
        ("live/sendGift", {"giftId": 1, "amount": 10_000}, 2),
        ("live/sendGift", {"giftId": 3, "amount": 9_999}, 1001),
        ("live/sendGift", {"giftId": 1, "targetUserId": TOM}, 1004),
        ("pay/createOrder", {"productId": 99}, 2),
        ("live/callApplyGirl", {"targetUserId": TOM}, 1003),
        ("live/callApplyGirl", {"targetUserId": 999}, 1003),
        ("live/callReplyGirl", {"targetUserId": 999, "reply": 1}, 1004),
        ("live/callReplyGirl", {"targetUserId": MEI, "reply": 3}, 2),
        ("live/hangUpGirl", {"targetUserId": 999}, 1004),
        ("live/getMasterInfo", {"masterId": 999}, 1003),
        ("live/getCallResultGuest", {"roomInstanceId": CALL + 1}, 1004),
        ("live/getCallRecordDesc", {"recordId": CALL + 1}, 1004),
        ("live/myCallRecord", {"page": 0}, 2),
        ("live/myCallRecord", {"page": 10_001}, 2),
        ("live/myCallRecord", {"pageSize": 201}, 2),
        ("live/messageForm", {"formId": "", "moduleName": "main"}, 2),
        ("live/messageForm", {"formId": "f" * 257, "moduleName": "main"}, 2),
        ("user/updateDisplay", {"display": -1}, 2),
        ("user/updateDisplay", {"display": "yes"}, 2),
    ],
)
async def test_what_does_not_exist_or_is_out_of_bounds_changes_nothing(path, sent, code):
    async with on_air() as scene:
        await scene.talks()
        before = scene.dump()

        answered = await scene.app(scene.tom, path, **sent)

        assert answered["code"] == code
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("price", [10_001, 2**53 - 1])
async def test_a_price_above_the_configured_maximum_is_refused(price):
    async with on_air() as scene:
        refused = await scene.app(scene.mei, "user/updateUnitPrice", unitPrice=price)

        assert refused["code"] == 2
        assert (await scene.app(scene.mei, "user/getCurrentUserInfo"))["unitPrice"] == "10"


@gen_test
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"fieldName": "a$b", "operation": "set", "value": "x"}, 2),
        ({"fieldName": "a.b", "operation": "set", "value": "x"}, 2),
        ({"fieldName": "a\n", "operation": "set", "value": "x"}, 2),
        ({"fieldName": "a" * 65, "operation": "set", "value": "x"}, 2),
        ({"fieldName": "a", "operation": "push", "value": "x"}, 2),
        ({"fieldName": "a", "operation": "set"}, 2),
        ({"fieldName": "a", "operation": "set", "value": 1.5}, 2),
        ({"fieldName": "a", "operation": "set", "value": True}, 2),
        ({"fieldName": "a", "operation": "set", "value": 2**53}, 2),
        ({"fieldName": "a", "operation": "set", "value": 10**400}, 2),
        ({"fieldName": "a", "operation": "set", "value": "x" * 1_025}, 2),
        ({"fieldName": "a", "operation": "inc", "value": "x"}, 2),
        ({"fieldName": "a", "operation": "inc", "value": 2**53}, 2),
    ],
)
async def test_a_custom_field_takes_texts_and_whole_numbers_only(sent, code):
    async with on_air() as scene:
        room_id = await scene.broadcasts()
        before = scene.dump()

        answered = await scene.weapp(scene.mei, "set_custom_field", roomID=room_id, **sent)

        assert answered["code"] == code
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("room_id", ["a/b", "../x", "a b", "a\n", "a" * 65, "房", "a.b", "$x"])
async def test_a_room_id_is_made_of_what_stream_names_are_made_of(room_id):
    async with on_air() as scene:
        before = scene.dump()

        made = await scene.weapp(scene.mei, "create_room", roomID=room_id)
        asked = await scene.weapp(scene.mei, "get_push_url", roomID=room_id)

        assert (made["code"], asked["code"]) == (2, 2)
        assert scene.dump() == before


@gen_test
async def test_a_bug_shows_nothing_of_itself(monkeypatch):
    async with on_air() as scene:

        def break_down():
            raise RuntimeError("canary")

        monkeypatch.setattr(scene.engine.gifts, "catalogue", break_down)

        answered = await scene.ask(
            "POST", "/app/live/getGiftList", {"token": scene.tom.token}, headers={"X-Request-Id": "r-1"}
        )

        assert (answered.status, answered.body) == (
            200,
            {"code": 5000, "message": "内部错误", "error": "INTERNAL", "request_id": "r-1"},
        )
        assert "canary" in repr(scene.log.take("request_failed"))


@gen_test
async def test_more_than_the_limit_is_refused_with_the_time_to_wait():
    async with on_air() as scene:
        answers = [await scene.ask("POST", "/app/login/weChatLogin", {"code": "wx"}) for _ in range(41)]

        last = answers[-1]

        assert (last.status, last.body["code"], last.headers["Retry-After"]) == (200, 1429, "1")


@gen_test
async def test_what_can_be_tried_again_says_so(monkeypatch):
    async with on_air() as scene:

        async def down(_person_id):
            raise StoreDown

        monkeypatch.setattr(scene.engine.statements, "diamonds_of", down)

        answered = await scene.ask("POST", "/app/user/getCurrentUserInfo", {"token": scene.tom.token})

        assert (answered.body["code"], answered.headers["Retry-After"]) == (5003, "1")
