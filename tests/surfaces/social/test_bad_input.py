"""What clients send that no document allows: refused as the document refuses, and nothing has changed."""

from dataclasses import replace

import pytest

from handlers import social
from tests.surfaces.contracts import wire_fields
from tests.surfaces.goldens import filled, send
from tests.surfaces.served import OPERATORS, unreadable
from tests.surfaces.social.goldens import GOLDENS
from tests.surfaces.social.scene import OPTIONS, PASSWORD, on_line

gen_test = pytest.mark.gen_test
ENDPOINTS = {f"{one.method} {one.path}": one for one in social.surface(OPTIONS).endpoints}
POSTED = [golden for golden in GOLDENS if golden.call.startswith("POST")]

# Any JSON value is a comment. Source: SO-28.
ANYTHING = {"content"}
ALSO = {"id": ("comment_id", "video_id"), "comment_id": ("id",), "username": ("user_name",)}
"""Other names of some fields. Source: ALL-1."""
# They say who asks, and nobody is called like that.
CLAIMS = {"user_id", "owner_id"}
# Ids of the app; a name ends like that, or is no more than that.
IDS = [
    (golden, name)
    for golden in GOLDENS
    for name in golden.sent
    if (name == "id" or name.endswith("_id")) and name not in CLAIMS
]
NO_IDS = ("0", "-1", "1.5", "1e3", "１", " 5", "+5", "0x10", "NaN", "abc", "$ne", "9" * 19, "9" * 400, "007", True, 1.5)
# What the engine says of a parameter: not acceptable, empty, of another kind, missing, and of some their own.
OF_PARAMETERS = {10001, 10002, 10003, 10004, 10006, 10007, 10008, 10009, 10011, 10014, 10015, 10016, 10017, 10018}
OF_PERMISSION = {-20008}


def call_of(asked):
    return getattr(asked, "call", asked)


def fields_of(golden):
    """All fields that the endpoint reads."""
    return list(wire_fields(ENDPOINTS[golden.call].request))


def plain(golden):
    """The golden with the documented name of each field that has another one too."""
    names = {also: name for name in fields_of(golden) for also in ALSO.get(name, ())}
    return replace(golden, sent={names.get(name, name): value for name, value in golden.sent.items()})


def needed_by(golden):
    """Those of them that must be there."""
    request = ENDPOINTS[golden.call].request
    return [name for name, needed in wire_fields(request).items() if needed]


@gen_test
@pytest.mark.parametrize("golden", POSTED, ids=call_of)
async def test_an_operator_object_is_refused_in_every_field(golden):
    async with on_line(given=golden.given) as scene:
        for name in [one for one in fields_of(golden) if one not in ANYTHING]:
            for value in OPERATORS:
                before = scene.dump()
                await scene.limits_clock.advance(60_000)

                answered = await send(scene, golden, golden.call, changed={name: value})

                if name == "user" and isinstance(value, dict):
                    continue  # A whole user, of whom nothing is known here: nothing of it is looked at.
                assert answered.status == 200
                assert answered.body["code"] in OF_PARAMETERS | (OF_PERMISSION if name in CLAIMS else set()), (
                    name,
                    value,
                )
                assert answered.body["data"] == {}
                assert scene.dump() == before, (name, value)


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=call_of)
async def test_a_needed_field_that_is_missing_null_or_empty_is_told_so(golden):
    golden = plain(golden)
    async with on_line(given=golden.given) as scene:
        for name in [one for one in needed_by(golden) if one not in ANYTHING]:
            before = scene.dump()
            await scene.limits_clock.advance(60_000)
            missing = [await send(scene, golden, golden.call, without=name)]
            if golden.call.startswith("POST"):
                missing.append(await send(scene, golden, golden.call, changed={name: None}))
            empty = await send(scene, golden, golden.call, changed={name: ""})

            assert {one.body["code"] for one in missing} <= {10004, 10014, 10015, 10018}, name
            assert empty.body["code"] in (10002, 10014, 10015, 10018), name
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("golden", GOLDENS, ids=call_of)
async def test_an_operator_in_brackets_is_no_field(golden):
    golden = plain(golden)
    async with on_line(given=golden.given) as scene:
        for name in [one for one in needed_by(golden) if one not in ANYTHING]:
            before = scene.dump()
            value = str(filled(scene, golden.sent[name]))

            answered = await send(scene, golden, golden.call, changed={f"{name}[$ne]": value}, without=name, form=True)

            assert answered.body["code"] in (10004, 10014, 10015, 10018), name
            assert scene.dump() == before


@gen_test
@pytest.mark.parametrize(("golden", "name"), IDS, ids=call_of)
async def test_what_is_no_id_is_never_the_first_row(golden, name):
    async with on_line(given=golden.given) as scene:
        for value in NO_IDS:
            if not golden.call.startswith("POST") and not isinstance(value, str):
                continue
            before = scene.dump()
            await scene.limits_clock.advance(60_000)

            answered = await send(scene, golden, golden.call, changed={name: value})

            assert answered.body["code"] in OF_PARAMETERS | OF_PERMISSION, value
            assert scene.dump() == before, value


@gen_test
@pytest.mark.parametrize("golden", POSTED, ids=call_of)
async def test_a_text_without_an_end_is_refused(golden):
    async with on_line(given=golden.given) as scene:
        for name in fields_of(golden):
            before = scene.dump()
            await scene.limits_clock.advance(60_000)

            answered = await send(scene, golden, golden.call, changed={name: "x" * 100_000})

            assert answered.body["code"] in OF_PARAMETERS | OF_PERMISSION, name
            assert scene.dump() == before, name


@gen_test
@pytest.mark.parametrize("body", unreadable("email"))
async def test_a_body_that_cannot_be_read_is_refused_in_the_envelope(body):
    async with on_line() as scene:
        answered = await scene.ask("POST", "/api/login/login", body)

        assert (answered.status, answered.body["code"], answered.body["data"]) == (200, 10001, {})


@gen_test
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"username": ""}, 10002),
        ({"username": "a" * 31}, 10001),
        ({"username": "a:b"}, 10001),
        ({"username": "mail:wxy@example.com"}, 10001),
        ({"username": "x\u202ey"}, 10001),
        ({"username": " x"}, 10001),
        ({"username": "a\x00b"}, 10003),
        ({"username": "WXY"}, 10010),
        ({"username": "ｗｘｙ"}, 10010),
        ({"username": "wxy\ufe0f"}, 10010),
        ({"username": "w\u034fxy"}, 10010),
        ({"username": "\u3164"}, 10001),
        ({"username": "\u115f \u2800"}, 10001),
        ({"email": "nobody"}, 10007),
        ({"email": "a@example.com, b@example.com"}, 10007),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, 10007),
        ({"email": "a" * 255}, 10001),
        ({"password": "12345"}, 10001),
        ({"password": "p" * 73}, 10001),
        ({"password": "密" * 25}, 10001),
        ({"avatar": "javascript:alert(1)"}, 10001),
        ({"code": "12345"}, 10008),
        ({"code": "１２３４５６"}, 10008),
    ],
    ids=repr,
)
async def test_an_account_out_of_bounds_is_not_made(sent, code):
    async with on_line() as scene:
        fine = {
            "email": "new@example.com",
            "code": await scene.mailed_code("new@example.com"),
            "password": PASSWORD,
            "username": "new",
        }
        before = scene.dump()

        assert await scene.refused(None, "POST", "/api/login/register", fine | sent) == code

        assert scene.dump() == before
        if "code" not in sent and "email" not in sent:
            # The code was not used up by that.
            await scene.limits_clock.advance(60_000)
            await scene.told(None, "POST", "/api/login/register", fine)


@gen_test
@pytest.mark.parametrize(
    "sent",
    [
        {"role": "5"},
        {"role": "-1"},
        {"role": "4.0"},
        {"role": True},
        {"role": "admin"},
        {"role": [4]},
        {"role": "４"},
        {"id": "1954574560636440576"},
        {"id": "0"},
    ],
    ids=repr,
)
async def test_nobody_becomes_what_there_is_not(sent):
    async with on_line() as scene:
        before = scene.dump()

        code = await scene.refused(scene.ann, "POST", "/api/user/set-role", {"id": scene.wxy.id, "role": "1"} | sent)

        assert code in (10001, 10003, 10011)
        assert scene.dump() == before


@gen_test
async def test_nobody_makes_himself_anything_by_a_field_of_his_own():
    async with on_line() as scene:
        sent = {
            "email": "mallory@example.com",
            "code": await scene.mailed_code("mallory@example.com"),
            "password": PASSWORD,
            "username": "mallory",
            "role": "4",
            "level": 4,
            "id": scene.wxy.id,
            "public_id": "1",
            "password_hash": "x",
            "is_admin": True,
        }

        pair = await scene.told(None, "POST", "/api/login/register", sent)
        mallory = scene.wxy._replace(atoken=pair["atoken"])
        nested = {
            "user": {"id": scene.wxy.id, "role": "4", "password": "x", "CreatedTime": "1", "username": "mallory2"}
        }
        await scene.told(mallory, "POST", "/api/user/set-profile", nested)

        told = await scene.told(mallory, "GET", "/api/user/get-my-info")
        assert (told["username"], told["role"]) == ("mallory2", "1")
        assert told["id"] != scene.wxy.id
