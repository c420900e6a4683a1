"""The socket: who gets one, what is told, what may be said, and whose line it is."""

from typing import Any

import pytest

from engine import events
from engine.records import BanKind, EndReason, Face, Side
from handlers.calls.socket import DIALECT
from handlers.wire.codec import read_json
from store.interfaces.ids import CallId, PersonId, RoomId
from tests.surfaces.calls.scene import Person, Scene, on_air
from tests.surfaces.served import until

gen_test = pytest.mark.gen_test

MEI, TOM, CALL, ROOM = 10_001, 10_002, 50_001, "room_1a2b3c4d_5e6f"
THE_CALL = {"recordId": CALL, "roomInstanceId": CALL}
CALL_ID, ROOM_ID, MEI_ID, TOM_ID = CallId(CALL), RoomId(ROOM), PersonId(MEI), PersonId(TOM)

FRAMES = [
    (events.CallRang(call_id=CALL_ID, from_id=TOM_ID), "call_apply", THE_CALL | {"fromUserId": TOM}),
    (events.CallAnswered(call_id=CALL_ID, by=MEI_ID), "call_reply", THE_CALL | {"fromUserId": MEI, "reply": 1}),
    (events.CallRoomOpened(call_id=CALL_ID, room_id=ROOM_ID), "call_room", THE_CALL | {"roomID": ROOM}),
    (events.CallStarted(call_id=CALL_ID, started_at_ms=7), "call_started", THE_CALL | {"startedAt": 7}),
    (
        events.MinuteBegan(call_id=CALL_ID, minute=2, guest_diamonds=80),
        "call_tick",
        THE_CALL | {"minute": 2, "diamond": "80"},
    ),
    (
        events.MinuteBegan(call_id=CALL_ID, minute=2, guest_diamonds=None),
        "call_tick",
        THE_CALL | {"minute": 2, "diamond": None},
    ),
    (events.BalanceLow(call_id=CALL_ID, left_ms=15_000), "call_low_balance", THE_CALL | {"leftMs": 15_000}),
    (
        events.PartyLost(call_id=CALL_ID, person_id=TOM_ID, grace_ms=20_000),
        "call_party_lost",
        THE_CALL | {"userId": TOM, "graceMs": 20_000},
    ),
    (events.PartyReturned(call_id=CALL_ID, person_id=TOM_ID), "call_party_returned", THE_CALL | {"userId": TOM}),
    (
        events.CallEnded(call_id=CALL_ID, reason=EndReason.HUNG_UP, minutes=3, by=Side.ANCHOR),
        "call_ended",
        THE_CALL | {"reason": "hung_up", "minutes": 3, "by": "master"},
    ),
    (
        events.CallEnded(call_id=CALL_ID, reason=EndReason.LOST, minutes=3),
        "call_ended",
        THE_CALL | {"reason": "lost", "minutes": 3, "by": None},
    ),
    (
        events.RoomClosed(room_id=ROOM_ID, status_code=4),
        "notifyPusherChange",
        {"roomID": ROOM, "roomStatusCode": 4},
    ),
    (
        events.RoomTextSaid(
            room_id=ROOM_ID, from_id=TOM_ID, face=Face(nickname="小明", avatar_url="a"), text="你好", at_ms=5
        ),
        "CustomTextMsg",
        {"roomID": ROOM, "userID": str(TOM), "nickName": "小明", "headPic": "a", "text": "你好"},
    ),
    (
        events.LinkMicSaid(room_id=ROOM_ID, from_id=TOM_ID, kind="response", result="reject", reason="later"),
        "linkmic",
        {"roomID": ROOM, "userID": str(TOM), "type": "response", "result": "reject", "reason": "later"},
    ),
    (
        events.GiftSent(
            event_id="e",
            call_id=CALL_ID,
            room_id=None,
            from_id=TOM_ID,
            to_id=MEI_ID,
            gift_id=1,
            name="玫瑰",
            image_url="i",
            count=2,
            earned=20,
        ),
        "gift",
        THE_CALL
        | {
            "eventId": "e",
            "fromUserId": TOM,
            "toUserId": MEI,
            "giftId": 1,
            "giftName": "玫瑰",
            "amount": 2,
            "point": 20,
            "roomID": None,
        },
    ),
    (events.AudienceChanged(room_id=ROOM_ID, count=3, likes_count=0), "audience", {"roomID": ROOM, "audienceCount": 3}),
    (events.WarningIssued(text="请注意"), "warn", {"warnMessage": "请注意"}),
    (
        events.BroadcastBanned(text="违规", is_account=False),
        "exit",
        {"exitMessage": "违规", "streamStatus": 2},
    ),
    (
        events.BroadcastBanned(text="违规", is_account=True),
        "exit",
        {"exitMessage": "违规", "streamStatus": 0},
    ),
]


@pytest.mark.parametrize(("event", "kind", "data"), FRAMES, ids=[kind for _, kind, _ in FRAMES])
def test_an_event_has_its_frame(event, kind, data):
    encoded = DIALECT.encode(event)

    assert encoded is not None
    assert read_json(encoded) == {"type": kind, "data": data}


THE_ROOM: dict[str, Any] = {"room_id": ROOM_ID, "status_code": 4}
SEAT: dict[str, Any] = {"person_id": MEI_ID, "seat": "pusher", "face": Face()}


@pytest.mark.parametrize(
    "event", [events.SeatTaken(stream="s", **SEAT, **THE_ROOM), events.SeatLeft(**SEAT, **THE_ROOM)]
)
def test_whatever_changes_the_stage_is_a_change_of_pushers(event):
    frame = read_json(DIALECT.encode(event))

    assert frame == {"type": "notifyPusherChange", "data": {"roomID": ROOM, "roomStatusCode": 4}}


def test_every_listed_type_has_a_frame_above():
    assert {kind for _, kind, _ in FRAMES} == DIALECT.events.keys()


def test_what_rooms_of_other_surfaces_are_told_has_no_frame():
    assert DIALECT.encode(events.SeatOffered(room_id=ROOM_ID, until_ms=1)) is None
    assert DIALECT.encode(events.Muted(room_id=ROOM_ID, is_muted=True, until_ms=None)) is None


# --- who gets one ----------------------------------------------------------------------------------------------------


@gen_test
async def test_a_bad_token_closes_with_4001():
    async with on_air() as scene:
        ear = await scene.listen(Person(TOM, "0" * 32))

        assert await ear.ended() == (4001, "鉴权失败")


@gen_test
async def test_a_token_of_somebody_else_closes_with_4001():
    async with on_air() as scene:
        ear = await scene.listen(Person(MEI, scene.tom.token))

        assert await ear.ended() == (4001, "鉴权失败")


@gen_test
async def test_a_banned_account_gets_no_socket_and_loses_the_one_it_has():
    async with on_air() as scene:
        ear = await scene.listen(scene.tom)
        await until(lambda: scene.hub.is_connected(TOM))

        await scene.ban(scene.tom, BanKind.ACCOUNT, "违规")

        assert await ear.hear() == {"type": "exit", "data": {"exitMessage": "违规", "streamStatus": 0}}
        assert (await ear.ended())[0] == 4003
        assert (await (await scene.listen(scene.tom)).ended())[0] == 4003


@gen_test
async def test_who_is_banned_from_broadcasting_is_told_and_stays():
    async with on_air() as scene:
        await scene.broadcasts()
        ear = await scene.listen(scene.mei)
        await until(lambda: scene.hub.is_connected(MEI))

        await scene.ban(scene.mei, BanKind.BROADCAST, "直播违规")

        assert await ear.hear_of("exit") == {"exitMessage": "直播违规", "streamStatus": 2}
        assert scene.hub.is_connected(MEI)
        assert not scene.engine.live_rooms.is_on_air(MEI_ID)


# --- whose line it is ------------------------------------------------------------------------------------------------


def lines(scene: Scene, person_id: PersonId) -> int:
    return scene.engine.presence._person(person_id).lines_count


@gen_test
async def test_any_number_of_sockets_is_one_line():
    async with on_air() as scene:
        first, second = await scene.listen(scene.tom), await scene.listen(scene.tom)
        await until(lambda: scene.hub.sockets_count == 2)
        with_two = lines(scene, TOM_ID)

        first.close()
        await until(lambda: scene.hub.sockets_count == 1)
        with_one = lines(scene, TOM_ID)
        second.close()
        await until(lambda: scene.hub.sockets_count == 0)

        assert (with_two, with_one, lines(scene, TOM_ID)) == (1, 1, 0)


@gen_test
async def test_a_socket_that_is_not_let_in_is_no_line():
    async with on_air() as scene:
        ear = await scene.listen(Person(TOM, "0" * 32))
        await ear.ended()

        assert lines(scene, TOM_ID) == 0


# --- what may be said ------------------------------------------------------------------------------------------------


@gen_test
async def test_a_ping_is_answered():
    async with on_air() as scene:
        ear = await scene.listen(scene.tom)

        await ear.say({"type": "ping", "id": 7})

        assert await ear.hear() == {"type": "pong", "id": 7}


@gen_test
async def test_a_word_reaches_everybody_in_the_room_under_the_name_the_server_knows():
    async with on_air() as scene:
        await scene.broadcasts()
        await scene.watches(scene.tom)
        mei, tom = await scene.listen(scene.mei), await scene.listen(scene.tom)
        await until(lambda: scene.hub.people_count == 2)

        await tom.say(
            {
                "type": "CustomTextMsg",
                "id": 1,
                "data": {"roomID": ROOM, "text": " 你\u0007好\u202e\n吗 ", "nickName": "小红", "userID": str(MEI)},
            }
        )

        expected = {
            "roomID": ROOM,
            "userID": str(TOM),
            "nickName": "小明",
            "headPic": "https://img.example/1001.jpg",
            "text": "你好 吗",
        }
        assert await mei.hear_of("CustomTextMsg") == expected
        assert await tom.hear_of("CustomTextMsg") == expected
        assert await tom.hear() == {"type": "reply", "id": 1, "to": "CustomTextMsg", "code": 0, "data": {}}


@gen_test
async def test_a_word_about_microphones_reaches_one_person_in_the_room():
    async with on_air() as scene:
        await scene.broadcasts()
        await scene.watches(scene.tom)
        mei, tom = await scene.listen(scene.mei), await scene.listen(scene.tom)
        await until(lambda: scene.hub.people_count == 2)

        await tom.say({"type": "linkmic", "data": {"roomID": ROOM, "userID": str(MEI), "type": "request"}})
        asked = await mei.hear_of("linkmic")
        answer = {"roomID": ROOM, "userID": TOM, "type": "response", "result": "accept", "reason": "来"}
        await mei.say({"type": "linkmic", "data": answer})

        assert asked == {"roomID": ROOM, "userID": str(TOM), "type": "request", "result": "", "reason": ""}
        assert await tom.hear_of("linkmic") == answer | {"userID": str(MEI)}


@gen_test
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "CustomTextMsg", "data": {"roomID": ROOM, "text": "hello"}}, 5),
        ({"type": "CustomTextMsg", "data": {"roomID": "nowhere", "text": "hello"}}, 3),
        ({"type": "CustomTextMsg", "data": {"roomID": ROOM, "text": " \u0007\n"}}, 2),
        ({"type": "CustomTextMsg", "data": {"roomID": ROOM, "text": "x" * 1_001}}, 2),
        ({"type": "CustomTextMsg", "data": {"roomID": ROOM, "text": {"$gt": ""}}}, 2),
        ({"type": "CustomTextMsg", "data": {"roomID": {"$ne": ""}, "text": "x"}}, 2),
        ({"type": "CustomTextMsg", "data": {"roomID": ROOM}}, 2),
        ({"type": "linkmic", "data": {"roomID": ROOM, "userID": MEI, "type": "request"}}, 5),
        ({"type": "linkmic", "data": {"roomID": ROOM, "userID": MEI, "type": "pk"}}, 2),
        ({"type": "linkmic", "data": {"roomID": ROOM, "userID": {"$gt": 0}, "type": "request"}}, 2),
        ({"type": "linkmic", "roomID": ROOM, "userID": MEI}, 2),
        ({"type": "call_apply", "data": {}}, 2),
        ({"type": "gift", "data": {"giftId": 1}}, 2),
        ({"no": "type"}, 2),
        ("not json", 2),
        ("[]", 2),
    ],
)
async def test_what_is_no_command_or_not_allowed_gets_an_error_frame(frame, code):
    async with on_air() as scene:
        await scene.broadcasts()
        ear = await scene.listen(scene.tom)
        before = scene.dump()

        await ear.say(frame)
        refused = await ear.hear()

        assert (refused["type"], refused["code"]) == ("error", code)
        assert refused.keys() == {"type", "id", "code", "message", "error"}
        assert scene.dump() == before


@gen_test
async def test_only_the_creator_kicks_out():
    async with on_air() as scene:
        await scene.broadcasts()
        await scene.watches(scene.tom)
        ear = await scene.listen(scene.tom)

        await ear.say({"type": "linkmic", "data": {"roomID": ROOM, "userID": MEI, "type": "kickout"}})

        assert (await ear.hear())["code"] == 3


@gen_test
async def test_an_open_socket_is_no_way_around_a_ban_or_a_logout():
    async with on_air() as scene:
        await scene.broadcasts()
        jack = await scene.sign_in("jack")
        for person in (scene.tom, jack):
            await scene.watches(person)
        tom, other = await scene.listen(scene.tom), await scene.listen(jack)
        await until(lambda: scene.hub.people_count == 2)
        word = {"type": "CustomTextMsg", "data": {"roomID": ROOM, "text": "hello"}}

        await scene.ban(scene.tom, BanKind.BROADCAST)
        await scene.weapp(jack, "logout")
        await tom.say(word)
        await other.say(word)

        assert (await tom.hear_next("error"))["code"] == 1006
        assert (await other.hear_next("error"))["code"] == 7
