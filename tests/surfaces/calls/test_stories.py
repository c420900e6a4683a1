"""Whole visits, as clients make them: a paid call from ring to bill, and a Tencent client's broadcast."""

import pytest

from store.interfaces.ids import PersonId
from tests.surfaces.calls.scene import Scene, on_air
from tests.surfaces.served import until

gen_test = pytest.mark.gen_test

MEI, TOM, CALL = 10_001, 10_002, 50_001
THE_CALL = {"recordId": CALL, "roomInstanceId": CALL}


async def beats(scene: Scene, room_id: str, length_ms: int) -> None:
    """Time passes while mei's and tom's clients send their heartbeats every five seconds."""
    for _ in range(length_ms // 5_000):
        await scene.clock.advance(5_000)
        for person in (scene.mei, scene.tom):
            assert (await scene.weapp(person, "pusher_heartbeat", roomID=room_id))["code"] == 0


@gen_test
async def test_a_call_from_ring_to_bill():
    async with on_air() as scene:
        mei, tom = await scene.listen(scene.mei), await scene.listen(scene.tom)
        await until(lambda: scene.hub.people_count == 2)

        # He rings, she sees it and makes the room, which answers him.
        assert await scene.rings() == CALL
        assert await mei.hear_of("call_apply") == THE_CALL | {"fromUserId": TOM}
        assert (await scene.app(scene.mei, "live/getMatchInfo", targetUserId=TOM))["matchStatus"] == 1
        made = await scene.weapp(scene.mei, "create_room", roomInfo="", guestId=TOM)
        room_id = made["roomID"]
        for ear in (mei, tom):
            assert await ear.hear_of("call_reply") == THE_CALL | {"fromUserId": MEI, "reply": 1}
            assert await ear.hear_of("call_room") == THE_CALL | {"roomID": room_id}

        # Both send pictures; the call begins, and minute 1 is paid.
        await scene.sends(scene.mei, room_id)
        await scene.sends(scene.tom, room_id)
        watching = await scene.weapp(scene.tom, "get_push_url", roomID=room_id)
        assert f"8888_{room_id}_{MEI}?" in watching["playURL"]
        assert (await scene.app(scene.mei, "live/startCall", targetUserId=TOM))["roomInstanceId"] == CALL
        assert await tom.hear_of("call_started") == THE_CALL | {"startedAt": 1_767_225_600_000}
        assert await tom.hear_of("call_tick") == THE_CALL | {"minute": 1, "diamond": "90"}
        assert await mei.hear_of("call_tick") == THE_CALL | {"minute": 1, "diamond": None}
        busy = await scene.app(scene.tom, "live/getMasterInfo", masterId=MEI)
        assert busy["liveStatus"] == 4
        assert (await scene.app(scene.mei, "live/getGuestCurrentUserInfo", guestId=TOM))["onlineStatus"] == 4

        # A gift, a minute, and the end.
        assert (await scene.app(scene.tom, "live/sendGift", giftId=1, amount=2))["diamond"] == "70"
        for ear in (mei, tom):
            assert (await ear.hear_of("gift"))["point"] == 20
        await beats(scene, room_id, 60_000)
        assert await tom.hear_of("call_tick") == THE_CALL | {"minute": 2, "diamond": "60"}
        so_far = await scene.app(scene.tom, "live/getCallResultGuest", roomInstanceId=CALL)
        await beats(scene, room_id, 10_000)
        assert (await scene.app(scene.tom, "live/hangUpGirl", targetUserId=MEI))["code"] == 0
        for ear in (mei, tom):
            assert await ear.hear_of("call_ended") == THE_CALL | {"reason": "hung_up", "minutes": 2, "by": "guest"}

        # What it cost and earned, which stays so; the gift is not in it, but in her income.
        bill = await scene.app(scene.tom, "live/getCallResultGuest", roomInstanceId=CALL)
        earned = await scene.app(scene.mei, "live/getCallResultMaster", roomInstanceId=CALL)
        assert bill == so_far
        assert (bill["callTime"], bill["callDiamond"], bill["diamond"]) == ("2分钟", "消耗20钻石", "60")
        assert (earned["callPoint"], earned["point"]) == ("获得20积分", "40")
        assert (await scene.app(scene.mei, "live/getMyIncome"))["point"] == "40积分"
        record = await scene.app(scene.tom, "live/getCallRecordDesc", recordId=CALL)
        assert (record["status"], record["unitPrice"], record["callPoint"]) == (2, "10钻石/分钟", "消耗20钻石")
        assert (await scene.app(scene.mei, "live/hangUpMan", targetUserId=TOM))["code"] == 0
        await until(lambda: not scene.engine.rooms.owned())
        assert (await scene.weapp(scene.mei, "get_pushers", roomID=room_id))["code"] == 3


@gen_test
async def test_a_call_ends_when_the_next_minute_is_not_covered():
    async with on_air() as scene:
        await scene.app(scene.mei, "user/updateUnitPrice", unitPrice=60)
        mei, tom = await scene.listen(scene.mei), await scene.listen(scene.tom)
        await until(lambda: scene.hub.people_count == 2)
        await scene.talks()

        await scene.clock.advance(45_000)
        assert await tom.hear_of("call_low_balance") == THE_CALL | {"leftMs": 15_000}
        await scene.clock.advance(15_000)

        for ear in (mei, tom):
            assert await ear.hear_of("call_ended") == THE_CALL | {"reason": "no_diamonds", "minutes": 1, "by": None}
        bill = await scene.app(scene.tom, "live/getCallResultGuest", roomInstanceId=CALL)
        assert (bill["callDiamond"], bill["diamond"]) == ("消耗60钻石", "40")


@gen_test
async def test_a_lost_line_is_not_charged_and_the_other_one_is_told():
    async with on_air() as scene:
        mei, tom = await scene.listen(scene.mei), await scene.listen(scene.tom)
        await until(lambda: scene.hub.people_count == 2)
        await scene.talks()
        await scene.clock.advance(30_000)
        # Up to here he was heard; a line that closes may have been dead for longer.
        await tom.say({"type": "ping"})
        await tom.hear_next("pong")

        tom.close()
        assert await mei.hear_of("call_party_lost") == THE_CALL | {"userId": TOM, "graceMs": 20_000}
        await scene.clock.advance(15_000)
        again = await scene.listen(scene.tom)
        assert await mei.hear_of("call_party_returned") == THE_CALL | {"userId": TOM}
        await scene.clock.advance(29_000)
        before = await scene.app(scene.tom, "live/getCallResultGuest", roomInstanceId=CALL)
        await scene.clock.advance(2_000)
        after = await scene.app(scene.tom, "live/getCallResultGuest", roomInstanceId=CALL)

        assert (before["callTime"], after["callTime"]) == ("1分钟", "2分钟")
        again.close()


@gen_test
async def test_an_anchors_ring_can_be_refused_and_the_refusal_stands():
    async with on_air() as scene:
        mei, tom = await scene.listen(scene.mei), await scene.listen(scene.tom)
        await until(lambda: scene.hub.people_count == 2)
        rung = await scene.app(scene.mei, "live/callApplyMan", targetUserId=TOM)
        assert await tom.hear_of("call_apply") == THE_CALL | {"fromUserId": MEI}
        assert (await scene.app(scene.mei, "live/getMatchInfo", targetUserId=TOM))["matchStatus"] == 2
        assert (await scene.app(scene.mei, "live/startCall", targetUserId=TOM))["code"] == 1004

        reply = {"targetUserId": MEI, "reply": 2}
        refused = [await scene.app(scene.tom, "live/callReplyGirl", **reply) for _ in range(2)]
        contradiction = await scene.app(scene.tom, "live/callReplyGirl", targetUserId=MEI, reply=1)

        assert [answer["recordId"] for answer in refused] == [rung["recordId"]] * 2
        assert contradiction["code"] == 1004
        assert (await mei.hear_of("call_ended"))["reason"] == "refused"
        assert (await scene.app(scene.mei, "live/getMatchInfo", targetUserId=TOM))["matchStatus"] == 3
        missed = await scene.app(scene.mei, "live/getCallRecordDesc", recordId=CALL)
        assert (missed["status"], missed["callTime"], missed["callPoint"]) == (1, "0分钟", "获得0积分")


@gen_test
@pytest.mark.parametrize("first", ["guest", "anchor"])
async def test_two_who_ring_each_other_have_answered(first):
    async with on_air() as scene:
        rings = [
            lambda: scene.app(scene.tom, "live/callApplyGirl", targetUserId=MEI),
            lambda: scene.app(scene.mei, "live/callApplyMan", targetUserId=TOM),
        ]
        if first == "anchor":
            rings.reverse()

        numbers = [(await ring())["recordId"] for ring in (*rings, *rings)]

        assert numbers == [CALL] * 4
        assert (await scene.app(scene.mei, "live/startCall", targetUserId=TOM))["code"] == 0


@gen_test
async def test_everything_polled_follows_the_state_of_the_call():
    async with on_air() as scene:

        async def polled() -> tuple[int, int, int]:
            match = await scene.app(scene.mei, "live/getMatchInfo", targetUserId=TOM)
            master = await scene.app(scene.tom, "live/getMasterInfo", masterId=MEI)
            guest = await scene.app(scene.mei, "live/getGuestCurrentUserInfo", guestId=TOM)
            return match["matchStatus"], master["liveStatus"], guest["onlineStatus"]

        none = await polled()
        await scene.rings()
        ringing_by_guest = await polled()
        await scene.app(scene.tom, "live/hangUpGirl", targetUserId=MEI)
        cancelled = await polled()
        await scene.app(scene.mei, "live/callApplyMan", targetUserId=TOM)
        ringing_by_master = await polled()
        await scene.app(scene.tom, "live/callReplyGirl", targetUserId=MEI, reply=1)
        accepted = await polled()
        await scene.app(scene.mei, "live/startCall", targetUserId=TOM)
        in_call = await polled()
        await scene.app(scene.mei, "live/hangUpMan", targetUserId=TOM)
        ended = await polled()

        assert (none, ringing_by_guest, cancelled) == ((3, 3, 3), (1, 4, 4), (3, 3, 3))
        assert (ringing_by_master, accepted, in_call, ended) == ((2, 4, 4), (1, 4, 4), (1, 4, 4), (3, 3, 3))


@gen_test
async def test_whoever_has_been_silent_for_a_minute_is_offline():
    async with on_air() as scene:
        # A minute, and what the last publication of his presence may add.
        await scene.clock.advance(65_000)

        master = await scene.app(scene.tom, "live/getMasterInfo", masterId=MEI)
        rung = await scene.app(scene.tom, "live/callApplyGirl", targetUserId=MEI)
        await scene.app(scene.mei, "user/getCurrentUserInfo")
        again = await scene.app(scene.tom, "live/callApplyGirl", targetUserId=MEI)

        assert (master["liveStatus"], rung["code"], again["code"]) == (1, 1003, 0)


@gen_test
async def test_a_hidden_guest_is_neither_listed_nor_called_nor_online():
    async with on_air() as scene:
        await scene.app(scene.tom, "user/updateDisplay", display=1)

        listed = await scene.app(scene.mei, "user/getGuestList")
        state = await scene.app(scene.mei, "live/getGuestCurrentUserInfo", guestId=TOM)
        rung = await scene.app(scene.mei, "live/callApplyMan", targetUserId=TOM)
        own = await scene.app(scene.tom, "user/getCurrentUserInfo")

        assert (listed["itemList"], state["onlineStatus"], rung["code"], own["display"]) == ([], 1, 1003, 1)


@gen_test
async def test_the_list_of_guests_has_the_free_ones_first_and_is_paged():
    async with on_air() as scene:
        await scene.sign_in("b")
        await scene.sign_in("c")
        await scene.rings()

        pages = [
            [guest["userId"] for guest in (await scene.app(scene.mei, "user/getGuestList", **page))["itemList"]]
            for page in ({}, {"page": 1, "pageSize": 2}, {"page": 2, "pageSize": 2}, {"page": 3, "pageSize": 2})
        ]

        assert pages == [[10_003, 10_004, TOM], [10_003, 10_004], [TOM], []]


@gen_test
async def test_one_joins_the_microphones_of_an_anchor_whose_room_one_watches():
    async with on_air() as scene:
        await scene.broadcasts()
        await scene.watches(scene.tom)

        rung = await scene.app(scene.tom, "live/callGirl", targetUserId=MEI)
        again = await scene.app(scene.tom, "live/callGirl", targetUserId=MEI)

        assert (rung["recordId"], again["recordId"]) == (CALL, CALL)


@gen_test
async def test_a_gift_without_a_call_goes_to_the_anchor_of_the_room():
    async with on_air() as scene:
        await scene.broadcasts()
        await scene.watches(scene.tom)

        given = await scene.app(scene.tom, "live/sendGift", giftId=1)

        assert given["diamond"] == "90"
        assert (await scene.app(scene.mei, "live/getMyIncome"))["point"] == "10积分"


@gen_test
async def test_a_warning_is_read_once_and_once_more_within_a_minute():
    async with on_air() as scene:
        await scene.engine.notices.warn(PersonId(MEI), "请注意")

        texts = [(await scene.app(scene.mei, "live/getWarnMessage"))["warnMessage"] for _ in range(2)]
        await scene.clock.advance(60_001)
        texts.append((await scene.app(scene.mei, "live/getWarnMessage"))["warnMessage"])

        assert texts == ["请注意", "请注意", ""]


@gen_test
async def test_a_tencent_clients_broadcast():
    async with on_air() as scene:
        info = (await scene.ask("GET", "/weapp/utils/get_login_info", query={"token": scene.mei.token})).body
        logged_in = await scene.ask(
            "POST",
            "/weapp/live_room/login",
            query={
                "sdkAppID": info["sdkAppID"],
                "accountType": info["accountType"],
                "userID": info["userID"],
                "userSig": info["userSig"],
                "platform": "1",
            },
        )
        mei = scene.mei._replace(token=logged_in.body["token"])

        # She begins to send and is listed.
        address = await scene.weapp(mei, "get_push_url", userID=str(MEI), roomID="")
        made = await scene.weapp(mei, "create_room", userID=str(MEI), roomInfo="hello", roomID="")
        room_id = made["roomID"]
        unlisted = await scene.weapp(scene.tom, "get_room_list", cnt="20", index="0")
        added = await scene.weapp(
            mei,
            "add_pusher",
            userID=str(MEI),
            roomID=room_id,
            userName="小红",
            userAvatar="",
            pushURL=address["pushURL"],
        )
        beaten = await scene.weapp(mei, "pusher_heartbeat", userID=str(MEI), roomID=room_id)
        listed = await scene.weapp(scene.tom, "get_room_list", cnt="20", index="0")
        assert (unlisted["rooms"], added["code"], beaten) == ([], 0, {"code": 0, "message": "请求成功"})
        assert [room["roomID"] for room in listed["rooms"]] == [room_id]

        # He watches, counts a like, and joins her.
        ear = await scene.listen(mei)
        await until(lambda: scene.hub.is_connected(MEI))
        await scene.watches(scene.tom, room_id)
        assert await ear.hear_of("audience") == {"roomID": room_id, "audienceCount": 1}
        for operation in ("inc", "inc", "dec"):
            custom = await scene.weapp(
                scene.tom, "set_custom_field", roomID=room_id, fieldName="likes", operation=operation
            )
        set_by_viewer = await scene.weapp(
            scene.tom, "set_custom_field", roomID=room_id, fieldName="likes", operation="set", value=9
        )
        assert (custom["custom"], set_by_viewer["code"]) == ({"likes": 1}, 5)
        await scene.sends(scene.tom, room_id)
        assert await ear.hear_of("notifyPusherChange") == {"roomID": room_id, "roomStatusCode": 2}
        beaten = await scene.weapp(mei, "anchor_heartbeat", roomID=room_id, roomStatusCode=1)
        assert [pusher["userID"] for pusher in beaten["anchors"]] == [str(MEI), str(TOM)]
        assert (await scene.weapp(mei, "anchor_heartbeat", roomID=room_id, roomStatusCode=2)) == {
            "code": 0,
            "message": "请求成功",
            "roomStatusCode": 2,
        }
        mixed = await scene.weapp(mei, "merge_stream", roomID=room_id, mergeParams={"interface": "Mix_StreamV2"})
        assert (mixed["merge_code"], scene.mixer.last(room_id)) == (0, {"interface": "Mix_StreamV2"})

        # She sends him away, and leaves.
        kicked = await scene.weapp(mei, "delete_anchor", roomID=room_id, userID=str(TOM))
        gone = await scene.weapp(scene.tom, "pusher_heartbeat", roomID=room_id)
        closed = await scene.weapp(mei, "destroy_room", userID=str(MEI), roomID=room_id)
        missing = await scene.weapp(scene.tom, "get_pushers", roomID=room_id)
        out = await scene.weapp(mei, "logout")
        after = await scene.weapp(mei, "get_room_list", cnt=20, index=0)
        codes = [answer["code"] for answer in (kicked, gone, closed, missing, out, after)]
        assert codes == [0, 5, 0, 3, 0, 7]


@gen_test
async def test_a_pushers_address_is_his_own_and_for_this_room():
    async with on_air() as scene:
        room_id = await scene.broadcasts()
        foreign = (await scene.weapp(scene.mei, "get_push_url", roomID=room_id))["pushURL"]
        await scene.broadcasts(await scene.sign_in("lin", role="master"), "room_of_lin")
        elsewhere = (await scene.weapp(scene.tom, "get_push_url", roomID="room_of_lin"))["pushURL"]

        codes = [
            (await scene.weapp(scene.tom, "add_pusher", roomID=room_id, userName="", userAvatar="", pushURL=address))[
                "code"
            ]
            for address in (foreign, elsewhere, foreign.replace(str(MEI), str(TOM)), "rtmp://elsewhere.example/x", "")
        ]

        assert codes == [3, 3, 3, 3, 3]
