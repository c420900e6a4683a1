"""What clients send that no document allows: refused as the documents refuse, and nothing has changed."""

from dataclasses import replace

import pytest

from handlers import site
from handlers.wire.access import PUBLIC
from handlers.wire.surface import RawRequest
from tests.surfaces.contracts import wire_fields
from tests.surfaces.goldens import send
from tests.surfaces.served import OPERATORS, unreadable
from tests.surfaces.site.golden import Golden
from tests.surfaces.site.goldens import GOLDENS
from tests.surfaces.site.scene import BASE, OPTIONS, PASSWORD, on_air

gen_test = pytest.mark.gen_test
ENDPOINTS = {path: one for one in site.surface(OPTIONS).endpoints for _, path in one.addresses}
TABLED = [golden for golden in GOLDENS if not issubclass(ENDPOINTS[golden.path].request, RawRequest)]
POSTED = [golden for golden in TABLED if golden.call.startswith("POST")]
# They say whose request it is, and nobody is called like that.
CLAIMS = {"user_id", "uid"}
# Either says which room. Source: SITE-4.
ALSO = {"room_id": "room_name"}
# A record of the anchor's own program, be it text or an object: kept as text, and asked about nothing.
ANYTHING = {("POST chat/chat_data/", "data"), ("POST chat/chat_data/", "chat_metadata")}
# A room may go without. Source: SITE-40.
MAY_BE_EMPTY = {"title"}


def call_of(golden):
    return golden.call


def fields_of(golden: Golden) -> dict[str, bool]:
    """All fields that the endpoint reads, and whether they must be there."""
    return wire_fields(ENDPOINTS[golden.path].request)


def needed_by(golden: Golden) -> list[str]:
    """Fields that must be there; those in the path always are."""
    return [name for name, needed in fields_of(golden).items() if needed and f"{{{name}}}" not in golden.path]


def lacking_also(golden: Golden, name: str) -> Golden:
    """The golden without the other name of a field that has two."""
    return replace(golden, sent={key: value for key, value in golden.sent.items() if key != ALSO.get(name)})


@gen_test
@pytest.mark.parametrize("golden", POSTED, ids=call_of)
async def test_an_operator_object_is_refused_in_every_field(golden):
    async with on_air(given=golden.given) as scene:
        for name in fields_of(golden).keys() - {name for call, name in ANYTHING if call == golden.call}:
            for value in OPERATORS:
                before = scene.dump()

                answered = await send(scene, golden, golden.call, changed={name: value})

                expected = 403 if name in CLAIMS and ENDPOINTS[golden.path].access is not PUBLIC else 400
                assert answered.status in (400, expected), (name, value)
                assert answered.body["code"] == 1
                assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", TABLED, ids=call_of)
async def test_a_needed_field_that_is_missing_null_or_empty_is_refused(golden):
    async with on_air(given=golden.given) as scene:
        for name in needed_by(golden):
            before = scene.dump()
            asked = lacking_also(golden, name)
            answers = [await send(scene, asked, golden.call, without=name, english=True)]
            if name not in MAY_BE_EMPTY:
                answers.append(await send(scene, asked, golden.call, changed={name: ""}, english=True))
            if golden.call.startswith("POST"):
                answers.append(await send(scene, asked, golden.call, changed={name: None}, english=True))

            for answered in answers:
                assert (answered.status, answered.body["code"]) == (400, 1), name
                assert name in answered.body["message"] or (golden.call, name) in ANYTHING, answered.body
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", TABLED, ids=call_of)
async def test_an_operator_in_brackets_is_no_field(golden):
    async with on_air(given=golden.given) as scene:
        for name in needed_by(golden):
            before = scene.dump()

            answered = await send(
                scene, lacking_also(golden, name), golden.call, changed={f"{name}[$ne]": "x"}, without=name, form=True
            )

            assert answered.status == 400, name
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", POSTED, ids=call_of)
async def test_a_text_without_an_end_is_refused(golden):
    async with on_air(given=golden.given) as scene:
        for name in fields_of(golden):
            before = scene.dump()

            answered = await send(scene, golden, golden.call, changed={name: "x" * 100_000})

            assert answered.status in (400, 401, 403, 404), name
            assert answered.body["code"] == 1
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("body", unreadable("username"))
async def test_a_body_that_cannot_be_read_is_refused_in_the_envelope(body):
    async with on_air() as scene:
        answered = await scene.ask("POST", f"{BASE}/users/user_login/", body)

        assert (answered.status, answered.body["code"], answered.body["error"]) == (400, 1, "BAD_INPUT")


@gen_test
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"username": "ab"}, "username is not acceptable"),
        ({"username": "a" * 31}, "username is not acceptable"),
        ({"username": "a" * 65}, "username is too long"),
        ({"username": "a b c"}, "username is not acceptable"),
        ({"username": "google:109"}, "username is not acceptable"),
        ({"username": "x\u202ey"}, "username is not acceptable"),
        ({"username": "a\x00b"}, "username is not acceptable"),
        ({"email": "nobody"}, "email is not acceptable"),
        ({"email": "a@example.com, b@example.com"}, "email is not acceptable"),
        ({"email": "a" * 255}, "email is too long"),
        ({"password": "a1"}, "not a good one"),
        ({"password": "a1" * 33}, "password is too long"),
        ({"password": "a1" * 200}, "password is too long"),
        ({"password": 12345678}, "not a good one"),
    ],
)
async def test_an_account_out_of_bounds_is_not_made(sent, message):
    async with on_air() as scene:
        before = scene.dump()

        answered = await scene.call(
            None,
            "POST",
            "users/client_register/",
            {"username": "somebody", "password": PASSWORD} | sent,
            headers={"Accept-Language": "en"},
        )

        assert (answered.status, answered.body["message"]) == (400, message)
        assert scene.dump() == before


@gen_test
async def test_nobody_makes_himself_anything_by_a_field_of_his_own():
    async with on_air() as scene:
        sent = {
            "username": "mallory",
            "password": PASSWORD,
            "role": "anchor",
            "public_id": "x" * 22,
            "id": 1,
            "user_id": scene.yi.id,
            "diamonds": 500,
            "coin_num": 500,
            "is_staff": True,
            "google_id": "109",
            "password_hash": "x",
        }

        await scene.call(None, "POST", "users/client_register/", sent)
        mallory = await scene.log_in("mallory")

        record = await scene.record(mallory)
        assert (record.role, record.public_id, record.external_id) == ("guest", "", "mallory")
        info = (await scene.call(mallory, "GET", "users/is_logged_in")).body["data"]["user_info"]
        assert info == {"uid": mallory.id, "status": True, "uname": "mallory", "coin_num": 0}
        assert mallory.id != scene.yi.id
