"""Callbacks of the messaging service: believed with a signature of now, and then only as a hint."""

import hashlib
import json
from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import StoreDown
from handlers.qlive.im_notify import is_authentic
from tests.surfaces.qlive.golden import NOBODY_ID
from tests.surfaces.qlive.scene import BASE, CALLBACK_KEY, OPTIONS, Person, Scene, on_air
from tests.surfaces.served import NOW_S, SDK_APP_ID, until

gen_test = pytest.mark.gen_test
PATH = f"{BASE}/im_notify/"
OK = {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}
BEFORE = "C2C.CallbackBeforeSendMsg"


def failed(info: str) -> dict[str, object]:
    return {"ActionStatus": "FAIL", "ErrorInfo": info, "ErrorCode": 1}


def signed(time: str = str(NOW_S), key: str = CALLBACK_KEY) -> dict[str, str]:
    return {"RequestTime": time, "Sign": hashlib.sha256(f"{key}{time}".encode()).hexdigest()}


async def call_back(
    scene: Scene, command: str, body: Any, *, query: dict[str, str] | None = None, app_id: str = SDK_APP_ID
) -> Any:
    asked = {
        "SdkAppid": app_id,
        "CallbackCommand": command,
        "contenttype": "json",
        **(signed() if query is None else query),
    }
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answered = await scene.ask("POST", PATH, raw, query=asked)
    assert answered.status == 200
    return answered.body


def gone(person_id: str, action: str = "Logout") -> dict[str, Any]:
    return {"CallbackCommand": "State.StateChange", "Info": {"Action": action, "To_Account": person_id, "Reason": "x"}}


def message(sender: Person, to: Person, *texts: str, kind: str = "Data") -> dict[str, Any]:
    elements = [{"MsgType": "TIMCustomElem", "MsgContent": {kind: text}} for text in texts]
    return {"From_Account": sender.id, "To_Account": to.id, "MsgBody": elements}


def invitation(scene: Scene, *, by: Person | None = None, kind: str = "Data") -> dict[str, Any]:
    text = json.dumps({"type": "invite", "content": {"group_id": scene.hong.id}})
    return message(by or scene.hong, scene.tom, text, kind=kind)


async def user_type(scene: Scene, who: Person) -> int:
    kind = (await scene.call(who, "GET", "qlive_user/get_user_state/")).body["user_type"]
    assert isinstance(kind, int)
    return kind


async def sits_down(scene: Scene, who: Person) -> int:
    return (await scene.call(who, "POST", "qlive_room/accept_micro/", {"live_id": scene.hong.id})).status


# --- who is believed -------------------------------------------------------------------------------------------------


def test_the_vendors_vector():
    sign = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061"

    assert is_authentic("xxxxyyyy", time="1669872112", sign=sign, now_s=1_669_872_112 + 60)
    assert not is_authentic("xxxxyyyy", time="1669872112", sign=sign, now_s=1_669_872_112 + 61)
    assert not is_authentic("xxxxyyyz", time="1669872112", sign=sign, now_s=1_669_872_112)


@gen_test
@pytest.mark.parametrize(
    ("query", "info"),
    [
        ({}, "Sign Error"),
        ({"RequestTime": str(NOW_S)}, "Sign Error"),
        ({"RequestTime": str(NOW_S), "Sign": ""}, "Sign Error"),
        ({"RequestTime": str(NOW_S), "Sign": "é"}, "Sign Error"),
        (signed(key="another"), "Sign Error"),
        (signed(key=""), "Sign Error"),
        (signed(str(NOW_S - 61)), "Sign Error"),
        (signed(str(NOW_S + 61)), "Sign Error"),
        (signed(str(NOW_S)) | {"RequestTime": str(NOW_S + 1)}, "Sign Error"),
        (signed("1e9"), "Sign Error"),
        (signed("9" * 40), "Sign Error"),
    ],
)
async def test_a_callback_without_a_signature_of_now_is_refused(query, info):
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        before = scene.dump()

        assert await call_back(scene, "State.StateChange", gone(scene.tom.id), query=query) == failed(info)
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("app_id", ["1400000001", "", "x"])
async def test_the_application_alone_is_known_to_every_client_and_another_one_is_refused(app_id):
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        before = scene.dump()

        assert await call_back(scene, "State.StateChange", gone(scene.tom.id), app_id=app_id) == failed(
            "SdkAppid Error"
        )
        assert scene.dump() == before


@gen_test
async def test_without_a_key_there_is_no_such_path():
    async with on_air(surface=replace(OPTIONS, callback_key="")) as scene:
        answered = await scene.ask("POST", PATH, b"{}", query={"SdkAppid": SDK_APP_ID, **signed(key="")})

        assert (answered.status, answered.body["detail"]) == (404, "Not found.")


@gen_test
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b'{"Info":7}', b'{"MsgBody":[7]}', b"\xff", b'{"Info":{"Action":{}}}']
)
async def test_what_is_no_callback_fails(body):
    async with on_air() as scene:
        assert await call_back(scene, "State.StateChange", body) == failed("Request Error")


# --- what follows ----------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("action", ["Logout", "Disconnect"])
async def test_whoever_went_offline_leaves_his_room(action):
    async with on_air() as scene:
        await scene.sits_live(scene.tom)

        assert await call_back(scene, "State.StateChange", gone(scene.tom.id, action)) == OK

        assert await user_type(scene, scene.tom) == 0


@gen_test
async def test_a_matchmaker_who_went_offline_ends_her_live():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)

        assert await call_back(scene, "State.StateChange", gone(scene.hong.id)) == OK

        assert await user_type(scene, scene.tom) == 0


@gen_test
async def test_whoever_has_a_line_open_here_is_here_whatever_is_said_of_him():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        await scene.open_ear(f"{BASE}/ws/", {"token": scene.tom.token})
        tom = await scene.record(scene.tom)
        await until(lambda: scene.hub.is_connected(tom.id))

        assert await call_back(scene, "State.StateChange", gone(scene.tom.id)) == OK

        assert await user_type(scene, scene.tom) == 3


@gen_test
@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("State.StateChange", gone("<tom>", "Login")),
        ("State.StateChange", gone(NOBODY_ID)),
        ("State.StateChange", gone("$ne")),
        ("State.StateChange", {}),
        ("Group.CallbackBeforeSendMsg", gone("<tom>")),
        ("", gone("<tom>")),
    ],
)
async def test_other_callbacks_are_heard_and_left_alone(command, body):
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        before = scene.dump()

        told = json.loads(json.dumps(body).replace("<tom>", scene.tom.id))

        assert await call_back(scene, command, told) == OK
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("command", [BEFORE, "C2C.CallbackAfterSendMsg"])
@pytest.mark.parametrize("kind", ["Data", "Text"])
async def test_an_invitation_by_message_is_one(command, kind):
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        assert await sits_down(scene, scene.tom) == 403

        assert await call_back(scene, command, invitation(scene, kind=kind)) == OK

        assert await sits_down(scene, scene.tom) == 200


@gen_test
@pytest.mark.parametrize(
    "text", ["", "invite", "{", "[]", '{"type":"kickout"}', '{"type":{"$ne":""}}', '{"content":"invite"}']
)
async def test_other_messages_invite_nobody_and_go_on(text):
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)

        assert await call_back(scene, BEFORE, message(scene.hong, scene.tom, text)) == OK

        assert await sits_down(scene, scene.tom) == 403


@gen_test
async def test_only_the_matchmaker_of_a_live_invites_into_it():
    async with on_air() as scene:
        lan = await scene.sign_up("兰姐", gender=2, matchmaker=1)
        await scene.call(lan, "POST", "qlive_room/matchmaker_enter/")
        await scene.live()
        for person in (scene.tom, scene.mei):
            await scene.watches(person)

        for by in (scene.mei, lan, scene.tom):
            # The message itself goes on, whatever we think of it.
            assert await call_back(scene, BEFORE, invitation(scene, by=by)) == OK

        assert await sits_down(scene, scene.tom) == 403


@gen_test
async def test_that_something_of_ours_is_away_stops_no_message(monkeypatch):
    async with on_air() as scene:

        async def down(*_anything):
            raise StoreDown

        monkeypatch.setattr(scene.engine.qlive_people, "person", down)

        assert await call_back(scene, BEFORE, invitation(scene)) == OK
