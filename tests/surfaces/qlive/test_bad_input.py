"""What clients send that no document allows: refused as the documents refuse, and nothing has changed."""

import pytest

from engine.errors import StoreDown
from handlers import qlive
from tests.surfaces.contracts import wire_fields
from tests.surfaces.goldens import filled, send
from tests.surfaces.qlive.golden import GOLDENS, NOBODY_ID
from tests.surfaces.qlive.scene import APP_ID, BASE, OPTIONS, on_air
from tests.surfaces.served import NO_NUMBERS, OPERATORS, unreadable

gen_test = pytest.mark.gen_test
ENDPOINTS = {endpoint.source_id: endpoint for endpoint in qlive.surface(OPTIONS).endpoints}

# Whole numbers by field; what is empty is absent, where absence is fine.
WHOLE = {"gender", "age", "like_state", "gift_id", "num", "block_id"}
NUMBERS = [(golden, name) for golden in GOLDENS for name in golden.sent if name in WHOLE]
IDS = [golden for golden in GOLDENS if "user_id" in golden.sent]


def entry_of(asked):
    return getattr(asked, "entry", asked)


def fields_of(golden):
    """All fields that the endpoint reads."""
    return list(wire_fields(ENDPOINTS[golden.entry].request))


def needed_by(golden):
    """Those of them that must be there."""
    request = ENDPOINTS[golden.entry].request
    return [name for name, needed in wire_fields(request).items() if needed]


@gen_test
@pytest.mark.parametrize("golden", [one for one in GOLDENS if one.call.startswith("POST")], ids=entry_of)
async def test_an_operator_object_is_refused_in_every_field(golden):
    async with on_air(given=golden.given) as scene:
        for name in fields_of(golden):
            for value in OPERATORS:
                before = scene.dump()

                answered = await send(scene, golden, golden.call, changed={name: value})

                assert (answered.status, answered.body["detail"]) == (400, f"Invalid {name}."), (name, value)
                assert answered.body.keys() == {"detail", "error", "request_id"}
                assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=entry_of)
async def test_an_operator_in_brackets_is_no_field(golden):
    async with on_air(given=golden.given) as scene:
        for name in needed_by(golden):
            before = scene.dump()
            value = str(filled(scene, golden.sent[name]))

            answered = await send(scene, golden, golden.call, changed={f"{name}[$ne]": value}, without=name)

            assert (answered.status, answered.body["detail"]) == (400, "missing parameter")
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize(("golden", "name"), NUMBERS, ids=entry_of)
async def test_what_is_no_whole_number_of_those_that_count_is_refused(golden, name):
    async with on_air() as scene:
        before = scene.dump()
        for value in NO_NUMBERS:
            # Empty is absent, which is fine for some; and nothing is a state of a like.
            if value == "" if name != "like_state" else str(value) in ("0", "-0"):
                continue

            answered = await send(scene, golden, golden.call, changed={name: value})

            expected = "missing parameter" if value == "" else f"Invalid {name}."
            assert (answered.status, answered.body["detail"]) == (400, expected), value
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=entry_of)
async def test_a_needed_field_that_is_missing_null_or_empty_is_refused(golden):
    async with on_air(given=golden.given) as scene:
        for name in needed_by(golden):
            before = scene.dump()
            answers = [await send(scene, golden, golden.call, without=name)]
            answers.append(await send(scene, golden, golden.call, changed={name: ""}))
            if golden.call.startswith("POST"):
                answers.append(await send(scene, golden, golden.call, changed={name: None}))

            assert {(one.status, one.body["detail"]) for one in answers} == {(400, "missing parameter")}, name
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", IDS, ids=entry_of)
@pytest.mark.parametrize("user_id", [NOBODY_ID, "2", "-1", "0", "1e3", "１", "<mei>", "$ne", "a" * 64, "10001"])
async def test_an_id_that_nobody_shows_is_not_found(golden, user_id):
    async with on_air() as scene:
        before = scene.dump()

        answered = await send(scene, golden, golden.call, changed={"user_id": user_id})

        assert (answered.status, answered.body["detail"]) == (404, "Not found.")
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", IDS, ids=entry_of)
async def test_an_id_that_is_too_long_is_refused(golden):
    async with on_air() as scene:
        answered = await send(scene, golden, golden.call, changed={"user_id": "6" * 65})

        assert (answered.status, answered.body["error"]) == (400, "TOO_LONG")


@gen_test
@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({"gender": 0}, "Invalid gender."),
        ({"gender": 3}, "Invalid gender."),
        ({"age": 17}, "Invalid age."),
        ({"age": 121}, "Invalid age."),
        ({"area": "31010"}, "Invalid area."),
        ({"area": "3101000"}, "内容过长"),
        ({"area": "31010a"}, "Invalid area."),
        ({"area": "３１０１００"}, "Invalid area."),
        ({"face_url": "javascript:alert(1)"}, "Invalid face_url."),
        ({"face_url": "//evil.example/x.png"}, "Invalid face_url."),
        ({"face_url": "ftp://img.example/x.png"}, "Invalid face_url."),
        ({"face_url": "https://"}, "Invalid face_url."),
        ({"face_url": "https://img.example/a b.png"}, "Invalid face_url."),
        ({"face_url": "https://img.example/" + "x" * 2_000}, "内容过长"),
        ({"height": 49}, "Invalid height."),
        ({"height": 251}, "Invalid height."),
        ({"nickname": "x" * 201}, "内容过长"),
        ({"nickname": 7}, "Invalid nickname."),
        # The good field before the bad one is not written either.
        ({"age": 20, "gender": 9}, "Invalid gender."),
    ],
)
async def test_a_profile_out_of_bounds_changes_nothing(sent, detail):
    async with on_air() as scene:
        before = scene.dump()

        answered = await scene.call(scene.mei, "POST", "qlive_user/update_userinfo/", sent)

        assert (answered.status, answered.body["detail"]) == (400, detail)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("body", unreadable("nickname"))
async def test_a_body_that_cannot_be_read_is_refused_in_the_envelope(body):
    async with on_air() as scene:
        answered = await scene.ask("POST", f"{BASE}/qlive_like/", body, headers=scene.mei.headers)

        assert (answered.status, answered.body["error"]) == (400, "BAD_INPUT")
        assert answered.body["detail"]


@gen_test
@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("POST", "/nothing/", 404, "Not found."),
        ("GET", "", 404, "Not found."),
        ("GET", "/qlive_user/", 405, "参数错误"),
        ("PUT", "/qlive_user/update_userinfo/", 405, "参数错误"),
        ("DELETE", "/qlive_pay/1/", 404, "Not found."),
        ("GET", "/qlive_user/../../../admin/v1/users", 404, "Not found."),
    ],
)
async def test_an_unknown_path_or_method_is_refused_in_the_envelope(method, path, status, detail):
    async with on_air() as scene:
        answered = await scene.ask(method, BASE + path, headers=scene.hong.headers)

        assert (answered.status, answered.body["detail"]) == (status, detail)


@gen_test
async def test_a_bug_shows_nothing_of_itself(monkeypatch):
    async with on_air() as scene:

        async def break_down(*_anything):
            raise RuntimeError("canary")

        monkeypatch.setattr(scene.engine.qlive_people, "likes", break_down)

        answered = await scene.call(
            scene.tom, "GET", "qlive_like/", {"user_id": scene.mei.id}, headers={"X-Request-Id": "r-1"}
        )

        assert (answered.status, answered.body) == (
            500,
            {"detail": "内部错误", "error": "INTERNAL", "request_id": "r-1"},
        )
        assert "canary" in repr(scene.log.take("request_failed"))


@gen_test
async def test_what_is_ours_is_english_for_those_who_ask_for_it_and_the_documents_words_stay():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        english = {"Accept-Language": "en"}

        refused = await scene.call(scene.tom, "POST", "qlive_user/update_userinfo/", {"gender": 2}, headers=english)
        unknown = await scene.call(scene.tom, "GET", "nothing/", headers={"Accept-Language": "zh"})

        assert (refused.status, refused.body["detail"]) == (400, "not possible in this state")
        assert unknown.body["detail"] == "Not found."


@gen_test
async def test_more_than_the_limit_is_refused_with_the_time_to_wait():
    async with on_air() as scene:
        sent = {"appId": APP_ID, "code": "wx"}
        answers = [await scene.call(None, "POST", "qlive_user/login/", sent) for _ in range(41)]

        last = answers[-1]

        assert (last.status, last.headers["Retry-After"]) == (429, "1")
        assert last.body["detail"] == "Request was throttled. Expected available in 1 seconds."


@gen_test
async def test_what_can_be_tried_again_says_so(monkeypatch):
    async with on_air() as scene:

        async def down(*_anything):
            raise StoreDown

        monkeypatch.setattr(scene.engine.qlive_people, "likes", down)

        answered = await scene.call(scene.tom, "GET", "qlive_like/", {"user_id": scene.mei.id})

        assert (answered.status, answered.headers["Retry-After"]) == (503, "1")
        assert answered.body["error"] == "STORE_UNAVAILABLE"
