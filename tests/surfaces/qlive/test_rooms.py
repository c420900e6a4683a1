"""Rooms over HTTP: who is where and as what, the way onto the microphone and down again, and a whole evening."""

import asyncio

import pytest

from engine import settings
from engine.ports import Provider
from engine.services.blind_dates import room_of
from engine.services.streams import Publishing
from handlers.wire.codec import read_all_pairs
from tests.surfaces.qlive.golden import NOBODY_ID
from tests.surfaces.qlive.scene import Person, Scene, on_air
from tests.surfaces.served import Answered

gen_test = pytest.mark.gen_test
OK = (200, {"detail": "OK"})
NOT_ALLOWED = "You do not have permission to perform this action."

# Everything that names a room: method and path, and what is sent beside it.
IN_A_ROOM = {
    "GET get_playurl/": {},
    "GET qlive_user/get_users_info/": {"gender": 1},
    "POST qlive_room/apply_micro/": {},
    "POST qlive_room/accept_micro/": {},
    "POST qlive_room/refuse_micro/": {},
    "GET qlive_room/leave_micro/": {},
    "POST qlive_room/leave_micro/": {},
    "POST qlive_room/live_end/": {},
    "GET qlive_room/leave_room/": {},
    "POST qlive_room/leave_room/": {},
    "POST qlive_room/invite_micro/": {"user_id": "<guest>"},
}


async def enter(scene: Scene, who: Person, host: Person | None = None) -> Answered:
    return await scene.call(who, "GET", "get_playurl/", {"live_id": (host or scene.hong).id})


async def room_call(scene: Scene, who: Person, name: str, **sent: object) -> tuple[int, object]:
    """Status and body of ``POST qlive_room/<name>_micro`` about hong's room."""
    answered = await scene.call(who, "POST", f"qlive_room/{name}_micro/", {"live_id": scene.hong.id, **sent})
    return answered.status, answered.body


async def user_type(scene: Scene, who: Person) -> int:
    kind = (await scene.call(who, "GET", "qlive_user/get_user_state/")).body["user_type"]
    assert isinstance(kind, int)
    return kind


async def listed(scene: Scene, **sent: object) -> list[int]:
    return [live["id"] for live in (await scene.call(scene.tom, "GET", "get_livelist/", sent)).body]


# --- an evening ------------------------------------------------------------------------------------------------------


@gen_test
async def test_an_evening_with_two_men_one_seat_and_a_rose():
    async with on_air() as scene:
        jack = await scene.sign_up("小刚", gender=1, avatar="https://img.example/jack.jpg", gold=100)

        # Hong opens; people come.
        opened = await scene.call(scene.hong, "POST", "qlive_room/matchmaker_enter/")
        assert (opened.body["status"], opened.body["live_id"]) == ("ok", scene.hong.id)
        assert await listed(scene) == [int(scene.hong.id)]
        for person in (scene.tom, jack, scene.mei):
            inside = (await enter(scene, person)).body
            assert (inside["user_type"], inside["push_url"], inside["num_list"]) == (1, "", [])
        hosting = (await enter(scene, scene.hong)).body
        assert (hosting["user_type"], hosting["num_list"]) == (5, [0, 2, 0, 1])
        assert hosting["male"] == hosting["female"] == {}

        # Two men apply, and both go for the one seat.
        for man in (scene.tom, jack, jack):
            assert await room_call(scene, man, "apply") == OK
        people = {"live_id": scene.hong.id, "gender": 1}
        waiting = (await scene.call(scene.hong, "GET", "qlive_user/get_users_info/", people)).body
        assert [(one["user_id"], one["state"], one["user_type"]) for one in waiting] == [
            (scene.tom.id, 1, 2),
            (jack.id, 1, 2),
        ]
        both = await asyncio.gather(*(room_call(scene, man, "accept") for man in (scene.tom, jack)))
        assert sorted(body["code"] for _, body in both) == ["failed", "success"]
        ((_, lost),) = [one for one in both if one[1]["code"] == "failed"]
        assert (lost["error_msg"], lost["detail"], lost["error"]) == ("抢麦失败", "抢麦失败", "ROOM_FULL")
        sitting, other = (scene.tom, jack) if both[0][1]["code"] == "success" else (jack, scene.tom)
        assert [await user_type(scene, one) for one in (sitting, other, scene.mei, scene.hong)] == [3, 2, 1, 5]

        # Mei is invited.
        assert (await room_call(scene, scene.mei, "accept"))[0] == 403
        assert await room_call(scene, scene.hong, "invite", user_id=scene.mei.id) == OK
        assert (await room_call(scene, scene.mei, "accept"))[1]["code"] == "success"
        (live,) = (await scene.call(scene.tom, "GET", "get_livelist/")).body
        assert (live["player"]["girl"], live["audience_count"]) == ("https://img.example/2001.jpg", 4)

        # A rose across the stage, which the room sees.
        rose = {"user_id": scene.mei.id, "gift_id": 1, "num": 9}
        given = (await scene.call(jack, "GET", "qlive_gift/push_gift/", rose)).body
        assert (given["gold"], given["income"]) == (91, 0)
        earned = (await scene.call(scene.mei, "GET", "qlive_user/get_userinfo/")).body
        assert (earned["gold"], earned["income"]) == (10, 4)

        # He gets up, the other one sits, hong takes him down, and that is the end.
        assert await room_call(scene, sitting, "leave") == OK
        assert (await room_call(scene, other, "accept"))[1]["code"] == "success"
        assert await room_call(scene, scene.hong, "leave", user_id=other.id, gender=2) == OK
        assert await user_type(scene, other) == 1
        for _ in range(2):
            assert (await scene.call(scene.hong, "POST", "qlive_room/live_end/", {"live_id": scene.hong.id})).body == {
                "detail": "OK"
            }
        assert await listed(scene) == []
        nowhere = {"live_room_name": "", "live_id": "", "group_id": "", "user_type": 0}
        for person in (scene.hong, scene.mei, scene.tom, jack):
            assert (await scene.call(person, "GET", "qlive_user/get_user_state/")).body == nowhere
        assert (await enter(scene, scene.tom)).status == 404


# --- being in a room -------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("call", IN_A_ROOM)
@pytest.mark.parametrize("kind", [int, str])
async def test_a_room_is_named_by_a_number_or_by_its_digits(call, kind):
    method, _, name = call.partition(" ")
    async with on_air() as scene:
        await scene.live()
        await scene.applies(scene.tom)
        who = scene.hong if "live_end" in name or "invite" in name else scene.tom

        sent = {"live_id": kind(scene.hong.id), **IN_A_ROOM[call]}
        if "user_id" in sent:
            sent["user_id"] = scene.tom.id
        answered = await scene.call(who, method, name, sent)

        assert answered.status == 200


@gen_test
@pytest.mark.parametrize("call", IN_A_ROOM)
@pytest.mark.parametrize(
    "live_id", [NOBODY_ID, "0", "-1", "7", "<hong>0", "0<hong>", "qlive:<hong>", "' OR '1'='1", "$ne"]
)
async def test_a_room_that_does_not_exist_is_not_found(call, live_id):
    method, _, name = call.partition(" ")
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        before = scene.dump()

        sent = {**IN_A_ROOM[call], "live_id": live_id.replace("<hong>", scene.hong.id)}
        if "user_id" in sent:
            sent["user_id"] = scene.tom.id
        answered = await scene.call(scene.hong, method, name, sent)

        assert (answered.status, answered.body["detail"]) == (404, "Not found.")
        assert scene.dump() == before


@gen_test
async def test_entering_a_room_leaves_the_one_before_and_its_seat():
    async with on_air() as scene:
        lan = await scene.sign_up("兰姐", gender=2, matchmaker=1)
        await scene.call(lan, "POST", "qlive_room/matchmaker_enter/")
        await scene.sits_live(scene.tom)

        entered = await enter(scene, scene.tom, lan)

        assert (entered.status, entered.body["user_type"]) == (200, 1)
        assert (await enter(scene, scene.hong)).body["male"] == {}
        state = (await scene.call(scene.tom, "GET", "qlive_user/get_user_state/")).body
        assert (state["live_id"], state["live_room_name"]) == (int(lan.id), "兰姐")


@gen_test
async def test_a_matchmaker_watches_others_only_while_her_own_live_does_not_run():
    async with on_air() as scene:
        lan = await scene.sign_up("兰姐", gender=2, matchmaker=1)
        await scene.call(lan, "POST", "qlive_room/matchmaker_enter/")
        watching = await enter(scene, scene.hong, lan)
        await scene.call(scene.hong, "POST", "qlive_room/matchmaker_enter/")

        refused = await enter(scene, scene.hong, lan)

        # She has left lan's with the beginning of her own.
        assert (watching.status, refused.status, refused.body["error"]) == (200, 400, "WRONG_PHASE")
        assert await user_type(scene, scene.hong) == 5
        assert (await enter(scene, lan, lan)).body["num_list"] == [0, 0, 0, 0]


@gen_test
async def test_coming_back_changes_nothing_and_gets_a_fresh_address():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        first = (await enter(scene, scene.tom)).body
        await scene.clock.advance(60_000)

        again = (await enter(scene, scene.tom)).body
        opened = (await scene.call(scene.hong, "POST", "qlive_room/matchmaker_enter/")).body

        assert (again["user_type"], again["male"]) == (3, first["male"])
        assert again["push_url"] != first["push_url"]
        assert (again["epoch"], again["seq"]) == (first["epoch"], first["seq"])
        assert opened["status"] == "ok"
        assert (await enter(scene, scene.hong)).body["male"]["user_id"] == scene.tom.id


@gen_test
async def test_everybody_on_the_microphone_gets_the_address_that_carries_his_own_id_and_nobody_else_gets_one():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        await scene.sits(scene.mei)
        jack = await scene.sign_up("小刚", gender=1)

        pushed = {who: (await enter(scene, who)).body["push_url"] for who in (scene.hong, scene.tom, scene.mei, jack)}

        assert pushed.pop(jack) == ""
        assert all(
            address.startswith(f"rtmp://push.example/live/{who.id}?txSecret=") for who, address in pushed.items()
        )


@gen_test
async def test_the_matchmaker_is_shown_unless_a_media_server_has_seen_her_pictures_stop():
    async with on_air() as scene:
        opened = (await scene.call(scene.hong, "POST", "qlive_room/matchmaker_enter/")).body
        query = tuple(read_all_pairs(opened["push_url"].partition("?")[2].encode()))
        sent = Publishing(provider=Provider.NGINX, session_id="1", app="live", name=scene.hong.id, query=query)
        shown = [(await enter(scene, scene.tom)).body]

        await scene.engine.streams.publish(sent)
        shown.append((await enter(scene, scene.tom)).body)
        scene.engine.streams.done(sent)
        shown.append((await enter(scene, scene.tom)).body)

        assert [one["owner"].get("user_id") for one in shown] == [scene.hong.id, scene.hong.id, None]
        assert shown[-1]["owner"] == {}
        assert shown[-1]["anchor_info"] == {"nickname": "红姐", "face_url": ""}


@gen_test
async def test_where_the_story_stands_moves_with_what_the_room_is_told():
    async with on_air() as scene:
        await scene.live()
        before = (await enter(scene, scene.tom)).body
        await scene.sits(scene.mei)

        after = (await enter(scene, scene.tom)).body
        await scene.call(scene.hong, "POST", "qlive_room/live_end/", {"live_id": scene.hong.id})
        await scene.live()
        another = (await enter(scene, scene.tom)).body

        assert (after["epoch"], after["seq"]) == (before["epoch"], before["seq"] + 1)
        assert (another["epoch"] > after["epoch"], another["seq"]) == (True, 0)


@gen_test
@pytest.mark.parametrize("way", ["GET qlive_room/leave_room/", "POST qlive_room/leave_room/", "GET qlive_user/logout/"])
async def test_whoever_goes_leaves_his_seat_and_may_come_back_without_it(way):
    method, _, name = way.partition(" ")
    async with on_air() as scene:
        await scene.sits_live(scene.tom)

        for _ in range(2):
            assert (await scene.call(scene.tom, method, name, {"live_id": scene.hong.id})).status == 200

        inside = (await enter(scene, scene.hong)).body
        assert (inside["male"], inside["num_list"], inside["audience_count"]) == ({}, [0, 0, 0, 0], 1)
        assert (await enter(scene, scene.tom)).body["user_type"] == 1


@gen_test
async def test_a_matchmaker_who_logs_out_ends_her_live():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)

        await scene.call(scene.hong, "GET", "qlive_user/logout/")

        assert await listed(scene) == []
        assert await user_type(scene, scene.tom) == 0


@gen_test
async def test_whoever_was_sent_away_is_told_that_he_may_not_come_back():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        hong, tom = await scene.record(scene.hong), await scene.record(scene.tom)
        await scene.engine.rooms.kick(hong, room_of(scene.hong.id), tom.id)

        refused = await enter(scene, scene.tom)

        assert (refused.status, refused.body["error"]) == (403, "BANNED")
        assert refused.body["detail"] == "您已被移出该直播间"
        await scene.clock.advance(settings.Rooms().kick_ms)
        assert (await enter(scene, scene.tom)).status == 200


@gen_test
async def test_whoever_never_opens_a_socket_is_gone_some_time_after_his_last_call():
    async with on_air(settings.Settings(qlive=settings.Qlive(lineless_ms=90_000))) as scene:
        await scene.live()
        await scene.watches(scene.tom)
        here = []
        for _ in range(2):
            await scene.clock.advance(60_000)
            hosting = (await enter(scene, scene.hong)).body
            here.append((hosting["user_type"], hosting["num_list"]))

        assert here == [(5, [0, 1, 0, 0]), (5, [0, 0, 0, 0])]


@gen_test
async def test_a_full_room_takes_nobody_else():
    async with on_air(settings.Settings(rooms=settings.Rooms(audience_max=1))) as scene:
        await scene.live()
        await scene.watches(scene.mei)

        refused = await enter(scene, scene.tom)

        assert (refused.status, refused.body["error"]) == (400, "ROOM_FULL")


# --- the microphone --------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize(
    ("policy", "watching", "applied", "invited"),
    [("applied", 403, 200, 200), ("invited", 403, 403, 200), ("open", 200, 200, 200)],
)
async def test_what_a_seat_takes_is_the_operators_to_say(policy, watching, applied, invited):
    async with on_air(settings.Settings(qlive=settings.Qlive(seat_policy=policy))) as scene:
        await scene.live()
        statuses = []
        for step in ((), ("apply",), ("invite",)):
            man = await scene.sign_up(f"m{len(statuses)}", gender=1)
            await scene.watches(man)
            for word in step:
                by, about = (scene.hong, {"user_id": man.id}) if word == "invite" else (man, {})
                assert await room_call(scene, by, word, **about) == OK
            statuses.append((await room_call(scene, man, "accept"))[0])
            await room_call(scene, man, "leave")

        assert statuses == [watching, applied, invited]


@gen_test
async def test_an_invitation_is_open_for_thirty_seconds():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        await room_call(scene, scene.hong, "invite", user_id=scene.tom.id)
        await scene.clock.advance(30_000)

        late = await room_call(scene, scene.tom, "accept")
        await room_call(scene, scene.hong, "invite", user_id=scene.tom.id)
        await scene.clock.advance(29_000)
        in_time = await room_call(scene, scene.tom, "accept")

        assert (late[0], late[1]["detail"]) == (403, NOT_ALLOWED)
        assert in_time[1]["code"] == "success"


@gen_test
async def test_an_invitation_to_a_seat_that_is_taken_is_spent():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        jack = await scene.sign_up("小刚", gender=1)
        await scene.watches(jack)
        await room_call(scene, scene.hong, "invite", user_id=jack.id)

        lost = await room_call(scene, jack, "accept")
        await room_call(scene, scene.tom, "leave")
        afterwards = await room_call(scene, jack, "accept")

        assert (lost[0], lost[1]["code"]) == (200, "failed")
        assert afterwards[0] == 403


@gen_test
async def test_refusing_withdraws_the_application_and_the_invitation():
    async with on_air() as scene:
        await scene.live()
        await scene.applies(scene.tom)
        await room_call(scene, scene.hong, "invite", user_id=scene.tom.id)

        refused = [await room_call(scene, scene.tom, "refuse") for _ in range(2)]

        assert refused == [OK, OK]
        assert await user_type(scene, scene.tom) == 1
        assert (await room_call(scene, scene.tom, "accept"))[0] == 403


@gen_test
async def test_nobody_invites_into_a_room_that_is_not_hers_nor_somebody_who_is_not_in_it():
    async with on_air() as scene:
        lan = await scene.sign_up("兰姐", gender=2, matchmaker=1)
        await scene.call(lan, "POST", "qlive_room/matchmaker_enter/")
        await scene.live()
        await scene.watches(scene.tom)

        by_another = await room_call(scene, lan, "invite", user_id=scene.tom.id)
        not_inside = await room_call(scene, scene.hong, "invite", user_id=scene.mei.id)
        unknown = await room_call(scene, scene.hong, "invite", user_id=NOBODY_ID)

        assert [status for status, _ in (by_another, not_inside, unknown)] == [403, 400, 404]
        assert not_inside[1]["detail"] == "not in this room"


@gen_test
async def test_a_seat_is_looked_up_whatever_the_client_says_of_its_gender():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        await scene.sits(scene.mei)

        assert await room_call(scene, scene.hong, "leave", user_id=scene.tom.id, gender=2) == OK

        inside = (await enter(scene, scene.hong)).body
        assert (inside["male"], inside["female"]["user_id"]) == ({}, scene.mei.id)


@gen_test
async def test_getting_up_without_a_seat_is_fine_and_changes_nothing():
    async with on_air() as scene:
        await scene.sits_live(scene.tom)
        before = scene.dump()

        outside = await room_call(scene, scene.mei, "leave")
        await scene.watches(scene.mei)
        watching = await room_call(scene, scene.mei, "leave", user_id=scene.mei.id)
        by_hong = await room_call(scene, scene.hong, "leave", user_id=scene.mei.id)

        assert (outside, watching, by_hong) == (OK, OK, OK)
        assert scene.dump() == before


# --- lists -----------------------------------------------------------------------------------------------------------


async def ten_lives(scene: Scene) -> list[Person]:
    """Ten matchmakers, the newest first; the oldest has two viewers and the second oldest one."""
    hosts = []
    for number in range(10):
        host = await scene.sign_up(f"h{number}", gender=2, matchmaker=1)
        await scene.call(host, "POST", "qlive_room/matchmaker_enter/")
        await scene.clock.advance(1_000)
        hosts.append(host)
    for person, host in ((scene.tom, hosts[0]), (scene.mei, hosts[0]), (scene.hong, hosts[1])):
        await enter(scene, person, host)
    return hosts[::-1]


@gen_test
async def test_lives_are_sorted_by_people_and_age_before_they_are_cut_into_pages():
    async with on_air() as scene:
        hosts = await ten_lives(scene)
        expected = [int(host.id) for host in (hosts[-1], hosts[-2], *hosts[:-2])]

        assert await listed(scene) == await listed(scene, page=1) == expected[:8]
        assert await listed(scene, page=2) == expected[8:]
        assert await listed(scene, page=3) == await listed(scene, page="9" * 400) == []


@gen_test
@pytest.mark.parametrize("page", ["", "x", "1.5", "1e3", "１", "NaN", "one"])
async def test_a_page_of_lives_that_is_no_number_is_the_first(page):
    async with on_air() as scene:
        await scene.live()

        assert await listed(scene, page=page) == [int(scene.hong.id)]


@gen_test
@pytest.mark.parametrize("name", ["get_livelist", "qlive_gift", "get_giftlist", "qlive_user/get_users_info"])
@pytest.mark.parametrize("page", ["0", "-1", "-99999999999999999999"])
async def test_there_is_no_page_before_the_first(name, page):
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        sent = {"page": page, "live_id": scene.hong.id, "gender": 1}

        refused = await scene.call(scene.tom, "GET", f"{name}/", sent)

        assert (refused.status, refused.body["detail"]) == (404, "Invalid page.")


@gen_test
@pytest.mark.parametrize("name", ["qlive_gift", "get_giftlist", "qlive_user/get_users_info"])
@pytest.mark.parametrize("page", ["x", "1.5", "1e3", "１", " 1", "9" * 400])
async def test_a_page_of_the_other_lists_is_a_whole_number(name, page):
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        sent = {"page": page, "live_id": scene.hong.id, "gender": 1}

        refused = await scene.call(scene.tom, "GET", f"{name}/", sent)

        assert (refused.status, refused.body["detail"]) == (404, "Invalid page.")


@gen_test
async def test_people_are_paged_watchers_first_and_whoever_changed_longest_ago_before_the_others():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.mei)
        men = []
        for number in range(10):
            man = await scene.sign_up(f"m{number}", gender=1)
            await (scene.applies if number % 2 else scene.watches)(man)
            await scene.clock.advance(1_000)
            men.append(man.id)

        async def page(number: int, gender: int = 1) -> list[str]:
            sent = {"live_id": scene.hong.id, "gender": gender, "page": number}
            shown = (await scene.call(scene.mei, "GET", "qlive_user/get_users_info/", sent)).body
            return [one["user_id"] for one in shown]

        # One who withdraws watches anew, behind those who have watched all the time.
        order = [*men[0::2], men[1], *men[3::2]]
        await scene.call(
            Person(men[1], await token_of(scene, "m1")), "POST", "qlive_room/refuse_micro/", {"live_id": scene.hong.id}
        )

        assert await page(1) == order[:8]
        assert await page(2) == order[8:]
        assert await page(3) == []
        assert await page(1, gender=2) == [scene.mei.id]


async def token_of(scene: Scene, name: str) -> str:
    return (await scene.sign_up(name)).token
