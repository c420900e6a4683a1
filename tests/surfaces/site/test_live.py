"""Rooms and what is said in them over plain requests: lists, histories, the anchor's side, and the originals' holes.

Sockets are in ``test_socket``. Source: seed behaviour §2.6, §2.7, §7.1.
"""

import json
from typing import Any

import pytest

from engine.errors import BadInput, TooLong
from engine.records import RecordKind, ShowInfo, ShowKind
from engine.services.show_chat import Said
from engine.services.shows import show_id
from handlers.site import anchor_side
from handlers.site.anchor_side import HTML_CHARS_MAX, LINE_CHARS_MAX, spoken_in
from tests.surfaces.served import OPERATORS
from tests.surfaces.site.golden_live import ANCHOR_LINE, INFO, TINA, both, tina_is_on_air, viewers_have_talked
from tests.surfaces.site.scene import OURS, Person, Scene, cookies_of, on_air

gen_test = pytest.mark.gen_test


async def lives(scene: Scene, **query: object) -> list[dict[str, Any]]:
    body = (await scene.call(None, "GET", "live/get_all_lives", query)).body
    found: list[dict[str, Any]] = body["data"]["lives_info"]
    return found


async def info(scene: Scene, who: Person | None, **query: object) -> dict[str, Any]:
    answered = await scene.call(who, "GET", "live/get_live_info", {"room_id": f"{scene.jliu.id}_Tina"} | query)
    assert answered.status == 200, answered
    told: dict[str, Any] = answered.body["data"]
    return told


async def push(scene: Scene, who: Person | None, data: object, **more: object) -> int:
    sent = {"uid": scene.jliu.id, "username": "jliu", "character_name": "Tina", "data": data, **more}
    return (await scene.call(who, "POST", "chat/chat_data/", sent)).status


# --- rooms -----------------------------------------------------------------------------------------------------------


@gen_test
async def test_nothing_on_air_is_an_empty_list():
    async with on_air() as scene:
        assert await lives(scene) == []


@gen_test
async def test_rooms_nobody_has_described_show_that_they_are_free_and_only_their_anchor_sees_null():
    async with on_air() as scene:
        await tina_is_on_air(scene)

        (live,) = await lives(scene)
        mine = (await scene.call(scene.jliu, "GET", "live/get_live_status/", {"uid": scene.jliu.id})).body

        assert live["room_info"] == {"title": "", "coin_num": 0, "room_type": 0, "describe": ""}
        assert mine["data"]["live_status"][0]["room_info"] is None


@gen_test
async def test_the_list_has_pages_and_can_be_searched():
    async with on_air() as scene:
        jliu = await scene.record(scene.jliu)
        for number in range(23):
            await scene.engine.show_rooms.start(jliu, f"Room {number:02}")
            await scene.clock.advance(1_000)
        await scene.engine.shows.describe(jliu, "Room 07", ShowInfo(title="Über Tea", price=0, kind=ShowKind.FREE))

        names = [live["character_name"] for live in await lives(scene)]
        assert names == [f"Room {number:02}" for number in reversed(range(23))]
        assert [live["character_name"] for live in await lives(scene, page=1)] == names[:20]
        assert [live["character_name"] for live in await lives(scene, page=2)] == names[20:]
        assert await lives(scene, page=3) == []
        assert [live["character_name"] for live in await lives(scene, search_tag="üBER")] == ["Room 07"]
        assert len(await lives(scene, search_tag="JLIU", page="")) == 23
        assert await lives(scene, search_tag="nobody") == []


@gen_test
async def test_a_room_off_air_is_shown_as_that_and_one_that_there_is_not_is_not():
    async with on_air() as scene:
        await both(scene)
        stop = {"uid": scene.jliu.id, **TINA, "live_status": "stop"}
        assert (await scene.call(scene.jliu, "POST", "live/change_live_status/", stop)).status == 200

        told = await info(scene, None)
        assert (told["live_info"]["live_status"], told["live_info"]["live_num"]) == (False, 0)
        assert (await lives(scene)) == []
        for name in (f"{scene.jliu.id}_Nobody", "x", scene.jliu.id, f"{scene.jliu.id}-Tina", "../etc"):
            refused = await scene.call(None, "GET", "live/get_live_info", {"room_id": name})
            assert (refused.status, refused.body["code"]) == (404, 1)


@gen_test
async def test_what_a_room_is_to_somebody_follows_from_what_he_has_paid():
    async with on_air() as scene:
        await both(scene)
        show = await scene.engine.shows.get(show_id(scene.jliu.id, "Tina"))
        yi, wei, jliu = [await scene.record(who) for who in (scene.yi, scene.wei, scene.jliu)]

        for who, paid in ((None, False), (scene.yi, False), (scene.jliu, True)):
            assert (await info(scene, who))["vip_info"] == {"room_type": 1, "vip_status": paid, "amount": 10}
        await scene.engine.admissions.pay(yi, show, amount=None, key=None)
        await scene.engine.subscriptions.set_price(jliu, 0)
        await scene.engine.subscriptions.subscribe(wei, jliu, amount=None, key=None)
        await scene.engine.subscriptions.set_price(jliu, 25)
        await scene.engine.follows.set(wei.id, show, follows=True)

        mine, his = await info(scene, scene.yi), await info(scene, scene.wei)
        assert (mine["vip_info"]["vip_status"], his["vip_info"]["vip_status"]) == (True, True)
        assert mine["subscription_info"] == {"subscription_status": False, "amount": 25}
        assert his["subscription_info"] == {"subscription_status": True, "amount": 0}
        assert (mine["follow_info"]["follow_status"], his["follow_info"]["follow_status"]) == (False, True)
        # Whose it is, the credential says.
        assert await info(scene, scene.wei, uid=scene.yi.id) == his


@gen_test
async def test_the_way_to_a_random_room_leads_to_our_own_page_of_one_that_is_on_air():
    async with on_air() as scene:
        jliu = await scene.record(scene.jliu)
        await scene.engine.show_rooms.start(jliu, "蒂娜 & co?x=1#y")

        answered = await scene.call(
            None,
            "GET",
            "live/redirect_to_random_room/",
            {"next": "//evil"},
            headers={"Referer": "https://evil.example"},
        )

        assert answered.status == 302
        assert answered.headers["Location"] == (
            f"/home?room_id={scene.jliu.id}_%E8%92%82%E5%A8%9C%20%26%20co%3Fx%3D1%23y"
        )


# --- histories -------------------------------------------------------------------------------------------------------


@gen_test
async def test_histories_of_a_room_that_costs_something_are_for_those_with_a_right():
    async with on_air() as scene:
        await both(scene)
        await push(scene, scene.jliu, ANCHOR_LINE)
        room = {"room_id": f"{scene.jliu.id}_Tina"}
        names = ("live/get_live_chat_history", "live/get_user_chat_history")

        for name in names:
            for who in (None, scene.wei):
                refused = await scene.call(who, "GET", name, room)
                assert (refused.status, refused.body["code"]) == (403, 1)
                assert "hello" not in json.dumps(refused.body)
        show = await scene.engine.shows.get(show_id(scene.jliu.id, "Tina"))
        await scene.engine.admissions.pay(await scene.record(scene.yi), show, amount=None, key=None)

        for name in names:
            for who in (scene.yi, scene.jliu):
                assert (await scene.call(who, "GET", name, room)).status == 200


@gen_test
async def test_histories_outlast_the_broadcast_and_either_name_of_a_room_does():
    async with on_air() as scene:
        await viewers_have_talked(scene)
        await scene.engine.show_rooms.stop(await scene.record(scene.jliu), show_id(scene.jliu.id, "Tina"))

        told = (
            await scene.call(None, "GET", "live/get_user_chat_history", {"room_name": f"{scene.jliu.id}_Tina"})
        ).body

        assert [one["user_message"] for one in told["data"]["chat_info"]] == ["hi", "hello"]


@gen_test
async def test_a_room_in_which_nothing_was_said_has_empty_histories():
    async with on_air() as scene:
        await tina_is_on_air(scene)
        for name in ("live/get_live_chat_history", "live/get_user_chat_history"):
            told = (await scene.call(None, "GET", name, {"room_id": f"{scene.jliu.id}_Tina"})).body
            assert told["data"]["chat_info"] == []


# --- saying something ------------------------------------------------------------------------------------------------


@gen_test
async def test_a_guest_who_says_something_is_the_same_one_the_next_time_and_not_who_he_claims_to_be():
    async with on_air() as scene:
        await tina_is_on_air(scene)
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_message": "one", "username": "jliu", "uid": scene.jliu.id}

        first = await scene.call(None, "POST", "live/save_user_chat_history", sent)
        cookie = {"Cookie": f"guestid={cookies_of(first)['guestid']}"}
        second = await scene.call(
            None, "POST", "live/save_user_chat_history", sent | {"user_message": "two"}, headers=cookie
        )
        third = await scene.call(None, "POST", "live/save_user_chat_history", sent | {"user_message": "three"})

        assert [one.status for one in (first, second, third)] == [200] * 3
        assert "guestid" not in cookies_of(second)
        told = (await scene.call(None, "GET", "live/get_user_chat_history", sent)).body["data"]["chat_info"]
        assert {one["uid"] for one in told} == {"0"}
        assert told[0]["username"] == told[1]["username"] != told[2]["username"]
        assert told[0]["username"].startswith("游客")


@gen_test
async def test_no_page_of_somebody_else_lets_a_browser_say_something():
    async with on_air() as scene:
        await tina_is_on_air(scene)
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_message": "hi"}
        cookie = {"Cookie": f"sessionid={scene.yi.cookie}"}

        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for more in ({}, cookie):
                refused = await scene.call(
                    None, "POST", "live/save_user_chat_history", sent, headers={**headers, **more}
                )
                assert refused.status == 403
        assert (
            await scene.call(None, "POST", "live/save_user_chat_history", sent, headers=OURS | cookie)
        ).status == 200


@gen_test
async def test_at_a_room_off_air_or_closed_to_him_nobody_says_anything():
    async with on_air() as scene:
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_message": "hi"}
        unknown = await scene.call(scene.yi, "POST", "live/save_user_chat_history", sent)
        await both(scene)
        closed = await scene.call(scene.yi, "POST", "live/save_user_chat_history", sent)
        await scene.engine.show_rooms.stop(await scene.record(scene.jliu), show_id(scene.jliu.id, "Tina"))
        off_air = await scene.call(scene.jliu, "POST", "live/save_user_chat_history", sent)

        assert [one.status for one in (unknown, closed, off_air)] == [404, 403, 404]


# --- the anchor's side -----------------------------------------------------------------------------------------------

HERS: dict[str, tuple[str, str, dict[str, object]]] = {
    "chat_data": ("POST", "chat/chat_data/", {"username": "jliu", **TINA, "data": ANCHOR_LINE}),
    "status": ("GET", "live/get_live_status/", {}),
    "change": ("POST", "live/change_live_status/", {**TINA, "live_status": "stop"}),
    "describe": ("POST", "live/add_room_info/", {**TINA, **INFO, "coin_num": 0}),
    "quota": ("POST", "live/check_api_limit/", {}),
}


@gen_test
@pytest.mark.parametrize("name", HERS)
async def test_nobody_acts_for_an_anchor_but_herself(name):
    async with on_air() as scene:
        await both(scene)
        lan = await scene.anchor("lan")
        method, path, sent = HERS[name]
        before = scene.dump()

        statuses = [
            (await scene.call(who, method, path, {"uid": scene.jliu.id, **sent})).status
            for who in (None, scene.yi, scene.wei, lan)
        ]
        # A viewer who gives his own id is no anchor for that.
        statuses.append((await scene.call(scene.wei, method, path, {"uid": scene.wei.id, **sent})).status)

        assert statuses == [401, 403, 403, 403, 403]
        assert scene.dump() == before
        assert (await scene.call(scene.jliu, method, path, {"uid": scene.jliu.id, **sent})).status == 200


@gen_test
async def test_a_mute_is_the_rooms_anchors_to_impose_on_anybody_who_is_somebody():
    async with on_air() as scene:
        await tina_is_on_air(scene)
        lan = await scene.anchor("lan")
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_id": scene.wei.id, "muted": True}

        statuses = [
            (await scene.call(who, "POST", "live/mute_user/", sent)).status
            for who in (None, scene.wei, lan, scene.jliu)
        ]
        assert statuses == [401, 403, 403, 200]
        for user_id, status in (
            ("999999", 404),
            ("nobody", 404),
            ("9" * 400, 400),
            (lan.id, 200),
            (str(2**52 + 9), 200),
            (scene.jliu.id, 403),
        ):
            answered = await scene.call(scene.jliu, "POST", "live/mute_user/", sent | {"user_id": user_id})
            assert answered.status == status, user_id
        for changed in ({"seconds": 0}, {"seconds": -1}, {"seconds": 1.5}, {"muted": "maybe"}, {"room_id": ""}):
            assert (await scene.call(scene.jliu, "POST", "live/mute_user/", sent | changed)).status == 400
        await scene.engine.show_rooms.stop(await scene.record(scene.jliu), show_id(scene.jliu.id, "Tina"))
        assert (await scene.call(scene.jliu, "POST", "live/mute_user/", sent)).status == 409


@gen_test
async def test_the_slips_of_the_anchors_document_do_as_well():
    async with on_air() as scene:
        sent = {"uid": scene.jliu.id, "chracter_name": "Tina", "chracter_date": "2025", "live_status": "start"}

        assert (await scene.call(scene.jliu, "POST", "live/change_live_status/", sent)).status == 200

        (live,) = await lives(scene)
        assert (live["character_name"], live["character_date"]) == ("Tina", "2025")


@gen_test
async def test_a_newer_card_brings_its_date_and_the_room_stays_one():
    async with on_air() as scene:
        await both(scene)
        for date in ("2026-01-01@00h00m00s", ""):
            sent = {"uid": scene.jliu.id, "character_name": "Tina", "character_date": date, "live_status": "start"}
            assert (await scene.call(scene.jliu, "POST", "live/change_live_status/", sent)).status == 200

        (live,) = await lives(scene)
        assert (live["character_date"], live["room_info"]["title"]) == ("2026-01-01@00h00m00s", "Tina's room")


@gen_test
@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("live/change_live_status/", {"live_status": "pause"}),
        ("live/change_live_status/", {"character_name": "a/b"}),
        ("live/change_live_status/", {"character_name": " "}),
        ("live/change_live_status/", {"character_name": "x" * 65}),
        ("live/change_live_status/", {"room_id": "somewhere"}),
        ("live/change_live_status/", {"character_date": "x" * 65}),
        ("live/add_room_info/", {"coin_num": -1}),
        ("live/add_room_info/", {"coin_num": 1.5}),
        ("live/add_room_info/", {"coin_num": "1e3"}),
        ("live/add_room_info/", {"coin_num": 10**18}),
        ("live/add_room_info/", {"room_type": 3}),
        ("live/add_room_info/", {"title": "x" * 201}),
        ("live/add_room_info/", {"describe": "x" * 2_001}),
        ("live/add_room_info/", {"room_id": "somewhere"}),
        *(("live/add_room_info/", {"title": operator}) for operator in OPERATORS),
        *(("live/change_live_status/", {"character_name": operator}) for operator in OPERATORS),
    ],
    ids=repr,
)
async def test_what_cannot_be_is_refused_and_changes_nothing(path, changed):
    async with on_air() as scene:
        before = scene.dump()
        sent = {"uid": scene.jliu.id, "live_status": "start", **TINA, **INFO, **changed}

        answered = await scene.call(scene.jliu, "POST", path, sent)

        assert (answered.status, answered.body["code"]) == (400, 1)
        assert scene.dump() == before


@gen_test
async def test_records_of_the_conversation_put_the_room_on_air_and_only_what_is_spoken_is_shown():
    async with on_air() as scene:
        created = {"user_name": "You", "character_name": "Tina", "create_date": "x", "chat_metadata": {"a": 1}}
        for data in (
            json.dumps(created),
            created,
            json.dumps(ANCHOR_LINE),
            {"is_user": False, "mes": "...", "send_date": ""},
            {"is_user": False, "mes": "a\n\nb", "send_date": 5},
            {"something": "else"},
            "[1, 2]",
        ):
            assert await push(scene, scene.jliu, data, isNewCreated=True) == 200

        history = await scene.call(None, "GET", "live/get_live_chat_history", {"room_id": f"{scene.jliu.id}_Tina"})
        assert [
            (one["live_message"], one["is_user"], one["send_date"]) for one in history.body["data"]["chat_info"]
        ] == [
            ("hello", True, "July 11, 2025 5:51pm"),
            ("a\n\nb", False, "5"),
        ]
        assert len(await lives(scene)) == 1


@gen_test
async def test_there_are_fifty_calls_a_day_however_many_are_asked_for_at_once():
    async with on_air() as scene:
        answered = [
            (await scene.call(scene.jliu, "POST", "live/check_api_limit/", {"uid": scene.jliu.id})).body
            for _ in range(52)
        ]

        assert [one["count"] for one in answered] == [*range(1, 51), 50, 50]
        assert [one["code"] for one in answered] == [0] * 50 + [1, 1]
        assert answered[-1] == {
            "code": 1,
            "uid": scene.jliu.id,
            "date": "2026-01-01",
            "status": False,
            "count": 50,
            "surplus_count": 0,
            "message": "daily quota used up",
        }


@gen_test
async def test_a_bug_is_reported_and_shown_to_nobody():
    async with on_air() as scene:
        await tina_is_on_air(scene)

        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("canary")

        scene.engine.show_chat.lines = broken
        answered = await scene.call(None, "GET", "live/get_user_chat_history", {"room_id": f"{scene.jliu.id}_Tina"})

        assert (answered.status, answered.body["code"]) == (500, 1)
        assert "canary" not in json.dumps(answered.body)
        assert scene.log.take("request_failed")


# --- records ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        ({"chat_metadata": {}, "is_user": True, "mes": "hi"}, RecordKind.CREATED, ""),
        ({"is_user": True, "mes": "hi"}, RecordKind.ANCHOR, "hi"),
        ({"is_user": False, "mes": "hi"}, RecordKind.AI, "hi"),
        ({"is_user": False, "message": "hi"}, RecordKind.AI, "hi"),
        ({"is_user": "yes", "mes": "hi"}, RecordKind.UNKNOWN, ""),
        ({"is_user": True, "mes": 5}, RecordKind.UNKNOWN, ""),
        ({"is_user": True}, RecordKind.UNKNOWN, ""),
        ({"mes": "hi"}, RecordKind.UNKNOWN, ""),
        ({}, RecordKind.UNKNOWN, ""),
        ([1], RecordKind.UNKNOWN, ""),
        (None, RecordKind.UNKNOWN, ""),
        (7, RecordKind.UNKNOWN, ""),
    ],
    ids=repr,
)
def test_a_record_is_told_by_its_form_as_text_or_as_it_is(data, kind, text):
    for given in (data, json.dumps(data)):
        said = spoken_in(given, "")

        assert (said.kind, said.text) == (kind, text)
        assert (said.data == "") == (kind in (RecordKind.ANCHOR, RecordKind.AI))


def test_what_is_spoken_keeps_its_lines_and_loses_what_cannot_be_shown():
    data = {"is_user": False, "mes": " one\r\n two\x00\u202e ", "send_date": " July\n11 " + "x" * 99}

    said = spoken_in(data, "<p>one</p><script>x</script>")

    assert said == Said(kind=RecordKind.AI, text="one\n two", html="<p>one</p>", sent=("July 11 " + "x" * 99)[:64])


@pytest.mark.parametrize("data", ["", "{", "not json", '{"a": 1, "a": 2}', "NaN", '"\\ud800"'])
def test_text_that_is_no_record_is_refused(data):
    with pytest.raises(BadInput):
        spoken_in(data, "")


def test_records_lines_and_html_have_their_limits(monkeypatch):
    line = {"is_user": True, "mes": "x" * LINE_CHARS_MAX}
    assert len(spoken_in(line, "").text) == LINE_CHARS_MAX
    assert len(spoken_in(line, "x" * HTML_CHARS_MAX).html) == HTML_CHARS_MAX
    for data, html in (
        (line | {"mes": "x" * (LINE_CHARS_MAX + 1)}, ""),
        (line, "x" * (HTML_CHARS_MAX + 1)),
        (line, "<script>" + "x" * anchor_side.DATA_BYTES_MAX + "</script>"),
        ({"what": "x" * anchor_side.DATA_BYTES_MAX}, ""),
    ):
        with pytest.raises(TooLong):
            spoken_in(data, html)
