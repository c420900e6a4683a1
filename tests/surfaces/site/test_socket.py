"""The socket of a room: who gets one, what it begins with, what is told, what may be said, and coming back."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from engine import events
from engine.ports import Position
from engine.records import BanKind, Face, ShowInfo, ShowKind
from engine.services.shows import show_id
from handlers.site.frames import encode, encode_at
from handlers.site.socket import DIALECT
from handlers.wire.codec import read_json
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.money import Currency
from tests.surfaces.served import Ear, until
from tests.surfaces.site.page import PAGE
from tests.surfaces.site.scene import Person, Scene, cookies_of, on_air

gen_test = pytest.mark.gen_test

UID = "gGAlOXloThS9r8d5HgeBzg"
ROOM_ID = show_id(UID, "Tina")
IN_ROOM = {"room_id": f"{UID}_Tina"}
JLIU = Face(public_id=UID, nickname="jliu")
YI = Face(nickname="yi zhao")
GUEST = PersonId(2**52 + 5)
AT_MS = 1_755_271_021_167
VIP = ShowInfo(title="", price=10, kind=ShowKind.VIP)


# --- frames ----------------------------------------------------------------------------------------------------------


def shown(*, is_recovered: bool = False) -> events.RoomShown:
    return events.RoomShown(
        room_id=ROOM_ID,
        is_recovered=is_recovered,
        standing="watching",
        seat="",
        anchor_id=PersonId(1),
        anchor=JLIU,
        seats=(),
        count=3,
        likes_count=5,
    )


def said(from_id: PersonId, face: Face) -> events.RoomTextSaid:
    return events.RoomTextSaid(room_id=ROOM_ID, from_id=from_id, face=face, text="hi", at_ms=AT_MS)


SENT = {"user_message": "hi", "send_date": "Aug 15, 2025 03:17PM"}
STATUS = IN_ROOM | {"room_name": f"{UID}_Tina", "live_status": True, "live_num": 3, "recovered": False}

GOLDEN_FRAMES: list[tuple[Any, dict[str, Any]]] = [
    (
        said(PersonId(6), YI),
        {
            "type": "chat_user_message",
            "data": {"uid": "6", "username": "yi zhao", "identity": 1, "guest_id": "", **SENT},
        },
    ),
    (
        said(PersonId(7), JLIU),
        {"type": "chat_user_message", "data": {"uid": UID, "username": "jliu", "identity": 1, "guest_id": "", **SENT}},
    ),
    (
        said(GUEST, Face(nickname="游客a1B2c3")),
        {
            "type": "chat_user_message",
            "data": {"uid": "0", "username": "游客a1B2c3", "identity": 0, "guest_id": str(GUEST), **SENT},
        },
    ),
    (
        events.AnchorLineShown(
            room_id=ROOM_ID,
            anchor=JLIU,
            is_anchor=False,
            speaker="Tina",
            sent="July 11, 2025 6:13pm",
            text="Hi there!",
            html="<p>Hi there!</p>",
        ),
        {
            "type": "chat_live_message",
            "data": {
                "uid": UID,
                "username": "jliu",
                "is_user": False,
                "sender_name": "Tina",
                "send_date": "July 11, 2025 6:13pm",
                "live_message": "Hi there!",
                "live_message_html": "<p>Hi there!</p>",
            },
        },
    ),
    (shown(), {"type": "room_status", "data": STATUS}),
    (shown(is_recovered=True), {"type": "room_status", "data": STATUS | {"recovered": True}}),
    (
        events.RoomClosed(room_id=ROOM_ID, status_code=4),
        {"type": "room_status", "data": STATUS | {"live_status": False, "live_num": 0}},
    ),
    (
        events.AudienceChanged(room_id=ROOM_ID, count=4, likes_count=0),
        {"type": "live_num", "data": IN_ROOM | {"live_num": 4}},
    ),
    (
        events.DonationMade(
            event_id="don:6:k",
            room_id=ROOM_ID,
            number=4,
            from_id=PersonId(6),
            from_name="yi zhao",
            to_id=PersonId(7),
            to_name="jliu",
            amount=10,
        ),
        {
            "type": "donation",
            "data": {
                "donation_id": 4,
                "user_name": "yi zhao",
                "anchor_name": "jliu",
                "amount": 10.0,
                "event_id": "don:6:k",
            },
        },
    ),
    (
        events.SubscriptionBegun(
            event_id="sub:6:7:5",
            from_id=PersonId(6),
            from_name="yi zhao",
            to_id=PersonId(7),
            to_name="jliu",
            price=10,
            until_ms=1_757_865_830_000,
        ),
        {
            "type": "subscription",
            "data": {
                "user_name": "yi zhao",
                "anchor_name": "jliu",
                "amount": 10.0,
                "expiry_date": "2025-09-14 16:03:50",
                "event_id": "sub:6:7:5",
            },
        },
    ),
    (
        events.AdmissionPaid(
            event_id="vip:6:r", room_id=ROOM_ID, from_id=PersonId(6), from_name="yi zhao", to_id=PersonId(7), price=30
        ),
        {"type": "admission", "data": IN_ROOM | {"user_name": "yi zhao", "amount": 30, "event_id": "vip:6:r"}},
    ),
    (
        events.Muted(room_id=ROOM_ID, is_muted=True, until_ms=5),
        {"type": "muted", "data": IN_ROOM | {"muted": True, "until_ms": 5}},
    ),
    (events.SentAway(room_id=ROOM_ID, until_ms=None), {"type": "sent_away", "data": IN_ROOM | {"until_ms": None}}),
    (
        events.RightEnded(room_id=ROOM_ID, kind=ShowKind.VIP, price=10),
        {"type": "right_ended", "data": IN_ROOM | {"room_type": 1, "amount": 10}},
    ),
    (events.WarningIssued(text="careful"), {"type": "notice", "data": {"text": "careful"}}),
    (events.BroadcastBanned(text="违规", is_account=True), {"type": "notice", "data": {"text": "违规"}}),
]


@pytest.mark.parametrize(("event", "frame"), GOLDEN_FRAMES, ids=lambda value: type(value).__name__)
def test_an_event_is_a_frame_of_this_form_and_has_its_place_beside_the_data(event: Any, frame: dict[str, Any]):
    plain = encode(event)
    placed = encode_at(event, Position(3, 8))

    assert plain is not None
    assert placed is not None
    assert read_json(plain) == frame
    assert read_json(placed) == frame | {"epoch": 3, "seq": 8}
    assert frame["type"] in DIALECT.events


@pytest.mark.parametrize(
    "event",
    [
        events.CallRang(call_id=CallId(1), from_id=PersonId(2)),
        events.CrowdChanged(room_id=ROOM_ID, men_count=0, men_applied_count=0, women_count=0, women_applied_count=0),
    ],
)
def test_what_is_none_of_this_surfaces_business_is_no_frame(event: Any):
    assert encode(event) is None
    assert encode_at(event, Position(3, 8)) is None


def test_the_page_names_every_frame_and_every_field_of_it():
    page = PAGE.read().partition("## The socket")[2].partition("\n## ")[0]

    for name, shape in DIALECT.events.items():
        (told,) = [line for line in page.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1]]
        (data,) = [field.type for field in msgspec.structs.fields(shape) if field.name == "data"]
        for field in msgspec.structs.fields(data):
            assert f"`{field.name}`" in told, (name, field.name)


# --- people ----------------------------------------------------------------------------------------------------------


def tina(scene: Scene) -> RoomId:
    return show_id(scene.jliu.id, "Tina")


async def start(scene: Scene, character: str = "Tina") -> None:
    await scene.engine.show_rooms.start(await scene.record(scene.jliu), character)


async def listen(scene: Scene, who: Person | None, character: str = "Tina", tail: str = "/", **query: str) -> Ear:
    """A socket of somebody, or of a guest without anything."""
    path = f"/ws/chat/{quote(f'{scene.jliu.id}_{character}', safe='')}{tail}"
    if who is None or who.access:
        return await scene.open_ear(path, ({} if who is None else {"token": who.access}) | query)
    headers = {"Cookie": f"sessionid={who.cookie}", "Origin": f"http://127.0.0.1:{scene.port}"}
    return await scene.open_ear(path, query, headers=headers)


async def guest_ear(scene: Scene, guest: str, **query: str) -> Ear:
    """A socket of the guest with that cookie."""
    headers = {"Cookie": f"guestid={guest}", "Origin": f"http://127.0.0.1:{scene.port}"}
    return await scene.open_ear(f"/ws/chat/{scene.jliu.id}_Tina/", query, headers=headers)


async def new_guest(scene: Scene) -> str:
    """The cookie of a guest who has just come."""
    return cookies_of(await scene.call(None, "GET", "users/is_logged_in"))["guestid"]


async def hear(ear: Ear, kind: str) -> Any:
    """The next frame of that type."""
    while (frame := await ear.hear()) is not None:
        if frame.get("type") == kind:
            return frame
    raise AssertionError(f"the socket closed before any {kind}")


async def say(ear: Ear, words: object, **beside: object) -> Any:
    """What the server answers to a line, whatever else is told meanwhile."""
    await ear.say({"user_message": words, **beside})
    while (frame := await ear.hear()).get("type", "error") not in ("reply", "error"):
        pass
    return frame


async def words_heard(ear: Ear, until_word: str) -> list[str]:
    """What viewers said, up to that."""
    heard: list[str] = []
    while until_word not in heard:
        heard.append((await hear(ear, "chat_user_message"))["data"]["user_message"])
    return heard


# --- who gets one ----------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("tail", ["", "/", "/other_name/", "/other_name"])
@pytest.mark.parametrize("who", ["jliu", "yi", "wei", "nobody"])
async def test_both_paths_are_open_to_everybody_guests_too(who, tail):
    async with on_air() as scene:
        await start(scene)

        ear = await listen(scene, getattr(scene, who, None), tail=tail)

        frame = await ear.hear()
        assert (frame["type"], frame["data"]["room_id"]) == ("room_status", f"{scene.jliu.id}_Tina")
        assert frame["data"]["live_status"] is True


@gen_test
async def test_a_token_may_stand_in_the_header_and_one_that_is_worth_nothing_makes_nobody_a_guest():
    async with on_air() as scene:
        await start(scene)
        path = f"/ws/chat/{scene.jliu.id}_Tina/"

        ear = await scene.open_ear(path, {}, headers=scene.wei.headers)
        await ear.hear()
        assert (await say(ear, "hi"))["type"] == "reply"
        (line,) = await scene.engine.world.stores.chats.last_lines(tina(scene), limit=5)
        assert line.shown_id == scene.wei.id
        bad: list[tuple[dict[str, str], dict[str, str]]] = [
            ({"token": "x"}, {}),
            ({}, {"Authorization": "Bearer x"}),
            ({"token": scene.wei.refresh}, {}),
        ]
        for query, headers in bad:
            assert (await (await scene.open_ear(path, query, headers=headers)).ended())[0] == 4001


@gen_test
async def test_a_cookie_counts_only_where_a_browser_says_whose_page_it_is():
    async with on_air() as scene:
        await start(scene)
        ear = await scene.open_ear(
            f"/ws/chat/{scene.jliu.id}_Tina/", {}, headers={"Cookie": f"sessionid={scene.yi.cookie}"}
        )

        await ear.hear()
        await say(ear, "hi")

        (line,) = await scene.engine.world.stores.chats.last_lines(tina(scene), limit=5)
        assert line.shown_id == ""


@gen_test
@pytest.mark.parametrize("name", ["x", "JLIU", "JLIU_Nobody", "JLIU_a%2Fb", "JLIU_%00"])
async def test_there_is_no_socket_of_a_room_that_there_is_not(name):
    async with on_air() as scene:
        await start(scene)
        path = f"/ws/chat/{name.replace('JLIU', scene.jliu.id)}/"
        if "%2F" in name:
            with pytest.raises(Exception, match="HTTP 400"):
                await scene.open_ear(path, {})
            return

        assert (await (await scene.open_ear(path, {})).ended())[0] == 1008
        assert scene.engine.show_rooms.visits_count == 0


@gen_test
@pytest.mark.parametrize("is_on_air", [True, False])
async def test_a_room_that_costs_something_is_open_to_those_with_a_right(is_on_air):
    async with on_air() as scene:
        jliu = await scene.record(scene.jliu)
        show = await scene.engine.shows.describe(jliu, "Tina", VIP)
        if is_on_air:
            await start(scene)

        for who in (None, scene.yi, scene.wei):
            assert (await (await listen(scene, who)).ended())[0] == 4003
        await scene.engine.admissions.pay(await scene.record(scene.yi), show, amount=10, key=None)

        for who in (scene.yi, scene.jliu):
            assert (await (await listen(scene, who)).hear())["type"] == "room_status"


@gen_test
async def test_whoever_is_in_a_room_when_it_begins_to_cost_something_is_told_so_and_hears_no_more():
    async with on_air() as scene:
        await start(scene)
        hers, ear = [await listen(scene, who) for who in (scene.jliu, scene.yi)]
        for one in (hers, ear):
            await hear(one, "room_status")

        said_of_it = {"title": "VIP", "coin_num": 10, "room_type": 1}
        room = {"uid": scene.jliu.id, "user_name": "jliu", "character_name": "Tina", "character_date": "x"}
        await scene.call(scene.jliu, "POST", "live/add_room_info/", {**room, **said_of_it})

        told = (await hear(ear, "right_ended"))["data"]
        assert told == {"room_id": f"{scene.jliu.id}_Tina", "room_type": 1, "amount": 10}
        await say(hers, "for those who have paid")
        assert (await say(ear, "hi"))["error_code"] == "NOT_A_MEMBER"
        await scene.call(scene.yi, "POST", "live/pay_vip_coin/", {"room_id": told["room_id"], "amount": 10})
        again = await listen(scene, scene.yi)
        assert (await hear(again, "room_status"))["data"]["live_num"] == 1


@gen_test
async def test_a_one_to_one_room_holds_one_and_tells_the_next_so():
    async with on_air() as scene:
        jliu = await scene.record(scene.jliu)
        free = ShowInfo(title="", price=0, kind=ShowKind.ONE_TO_ONE)
        await scene.engine.shows.describe(jliu, "Tina", free)
        await start(scene)
        first = await listen(scene, scene.yi)
        await first.hear()

        assert await (await listen(scene, scene.wei)).ended() == (1008, "房间已被占用")

        first.close()
        await until(lambda: scene.engine.show_rooms.visits_count == 0)
        assert (await (await listen(scene, scene.wei)).hear())["type"] == "room_status"


@gen_test
@pytest.mark.parametrize(
    "query", [{"epoch": "1"}, {"seq": "1"}, {"epoch": "-1", "seq": "0"}, {"epoch": "x", "seq": "1"}], ids=str
)
async def test_a_query_that_is_not_acceptable_is_refused_before_anything_knows_of_the_connection(query):
    async with on_air() as scene:
        await start(scene)

        assert (await (await listen(scene, scene.wei, **query)).ended())[0] == 1008
        assert scene.engine.show_rooms.visits_count == 0


@gen_test
async def test_whoever_signs_out_in_one_place_stays_connected_in_others():
    async with on_air() as scene:
        await start(scene)
        phone = await scene.log_in("wei")
        ears = {who: await listen(scene, who) for who in (scene.wei, phone)}
        for ear in ears.values():
            await ear.hear()

        await scene.call(phone, "POST", "users/login_out")

        assert (await ears[phone].ended())[0] == 4001
        answered = await say(ears[scene.wei], "still here")
        assert answered["type"] == "reply"


@gen_test
async def test_whoever_signs_out_or_is_banned_loses_his_socket():
    async with on_air() as scene:
        await start(scene)
        for who in (scene.wei, scene.yi):
            ear = await listen(scene, who)
            await ear.hear()
            if who is scene.wei:
                await scene.call(who, "POST", "users/login_out")
                assert (await ear.ended())[0] == 4001
                assert (await (await listen(scene, who)).ended())[0] == 4001
            else:
                await scene.ban(who, BanKind.ACCOUNT, "违规")
                assert (await ear.ended())[0] == 4003
                assert await (await listen(scene, who)).ended() == (4003, "违规")
        assert scene.engine.show_rooms.visits_count == 0


@gen_test
async def test_whoever_may_not_broadcast_any_more_watches_and_says_nothing():
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, scene.wei)
        await ear.hear()

        await scene.ban(scene.wei, BanKind.BROADCAST, "违规")

        assert (await say(ear, "hi"))["error"] == "违规"


# --- what it begins with, and what is told ---------------------------------------------------------------------------


@gen_test
async def test_a_show_that_is_off_air_is_told_as_that_and_the_connection_comes_in_when_it_begins():
    async with on_air() as scene:
        jliu = await scene.record(scene.jliu)
        await scene.engine.shows.introduce(jliu, "Tina")

        ear = await listen(scene, scene.yi)
        statuses = [await hear(ear, "room_status")]
        assert "error" in await say(ear, "hi")
        await start(scene)
        statuses.append(await hear(ear, "room_status"))
        assert (await say(ear, "hi"))["type"] == "reply"
        await scene.engine.show_rooms.stop(jliu, tina(scene))
        statuses.append(await hear(ear, "room_status"))
        await start(scene)
        statuses.append(await hear(ear, "room_status"))

        assert [one["data"]["live_status"] for one in statuses] == [False, True, False, True]
        assert statuses[3]["epoch"] > statuses[1]["epoch"]


@gen_test
async def test_viewers_are_counted_as_people_without_the_anchor():
    async with on_air() as scene:
        await start(scene)
        hers = await listen(scene, scene.jliu)
        first = await listen(scene, scene.yi)
        second = await listen(scene, scene.yi)
        other = await listen(scene, None)
        for ear in (hers, first, second, other):
            await hear(ear, "room_status")

        async def live_num() -> int:
            body = (await scene.call(None, "GET", "live/get_all_lives")).body
            (live,) = body["data"]["lives_info"]
            return int(live["live_num"])

        assert await live_num() == 2
        first.close()
        other.close()
        await until(lambda: scene.engine.show_rooms.visits_count == 2)
        assert await live_num() == 1
        await scene.clock.advance(2_000)
        assert (await hear(hers, "live_num"))["data"]["live_num"] in (1, 2)
        second.close()
        await until(lambda: scene.engine.show_rooms.visits_count == 1)
        assert await live_num() == 0


@gen_test
async def test_what_the_anchors_client_says_reaches_the_room_and_its_html_does_nothing():
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, None)
        await ear.hear()
        html = '<p onclick="x()">Hi <q>there</q>!<script>steal()</script><img src=x onerror=steal()></p>'
        sent = {
            "uid": scene.jliu.id,
            "username": "jliu",
            "character_name": "Tina",
            "data": {"is_user": False, "mes": "Hi <q>there</q>!", "send_date": "July 11, 2025 6:13pm"},
            "mes_html": html,
        }

        await scene.call(scene.jliu, "POST", "chat/chat_data/", sent)
        frame = await hear(ear, "chat_live_message")

        assert frame["data"] == {
            "uid": scene.jliu.id,
            "username": "jliu",
            "is_user": False,
            "sender_name": "Tina",
            "send_date": "July 11, 2025 6:13pm",
            "live_message": "Hi <q>there</q>!",
            "live_message_html": "<p>Hi <q>there</q>!</p>",
        }


@gen_test
async def test_a_donation_is_told_to_the_room_where_both_are():
    async with on_air() as scene:
        await start(scene)
        yi, jliu = await scene.record(scene.yi), await scene.record(scene.jliu)
        ears = [await listen(scene, who) for who in (scene.yi, scene.wei, scene.jliu)]
        for ear in ears:
            await hear(ear, "room_status")
        await scene.give(yi.id, Currency.SITE_DIAMONDS, 10)

        room_id = scene.engine.show_rooms.shared_by(yi.id, jliu.id)
        await scene.engine.donations.donate(yi, jliu, 10, key=None, room_id=room_id)

        told = [(await hear(ear, "donation"))["data"] for ear in ears]
        assert [one["amount"] for one in told] == [10.0] * 3
        assert len({one["event_id"] for one in told}) == 1


@gen_test
async def test_who_has_two_rooms_open_hears_each_where_it_is():
    async with on_air() as scene:
        await start(scene)
        await start(scene, "蒂娜 2")
        one, other = await listen(scene, scene.wei), await listen(scene, scene.wei, "蒂娜 2")
        for ear in (one, other):
            await hear(ear, "room_status")

        for ear, words in ((one, "to the first"), (other, "to the second"), (one, "end"), (other, "end.")):
            await ear.say({"user_message": words})

        assert await words_heard(one, "end") == ["to the first", "end"]
        assert await words_heard(other, "end.") == ["to the second", "end."]


# --- what is said ----------------------------------------------------------------------------------------------------


@gen_test
async def test_who_says_something_is_the_servers_word_whatever_the_client_sends_beside_it():
    async with on_air() as scene:
        await start(scene)
        ear, other = await listen(scene, scene.wei), await listen(scene, None)
        for one in (ear, other):
            await hear(one, "room_status")

        await ear.say(
            {
                "type": "chat_live_message",
                "user_message": " <b>hi</b>\u0007\u202e ",
                "uid": scene.jliu.id,
                "username": "jliu",
                "send_date": "yesterday",
                "identity": 9,
                "is_admin": True,
                "data": {"uid": "1"},
            }
        )

        for one in (ear, other):
            frame = await hear(one, "chat_user_message")
            assert frame["data"] == {
                "uid": scene.wei.id,
                "username": "wei",
                "user_message": "<b>hi</b>",
                "send_date": "Jan 01, 2026 12:00AM",
                "identity": 1,
                "guest_id": "",
            }
            assert set(frame) == {"type", "data", "epoch", "seq"}


@gen_test
async def test_a_line_may_be_called_message_and_its_receipt_carries_the_clients_id():
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, None)
        await hear(ear, "room_status")

        await ear.say({"message": "hi", "id": 7})
        assert (await hear(ear, "reply")) == {"type": "reply", "id": 7, "to": "chat_user_message"}
        await ear.say({"type": "ping", "id": "a"})
        assert (await hear(ear, "pong")) == {"type": "pong", "id": "a", "to": "ping"}

        (line,) = await scene.engine.world.stores.chats.last_lines(tina(scene), limit=5)
        assert line.text == "hi"


@gen_test
@pytest.mark.parametrize("words", ["", "   ", "\u202e", "x" * 1_001, 7, None, ["x"], {"$gt": ""}, True], ids=repr)
async def test_what_is_no_line_is_refused_and_the_socket_stays(words):
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, scene.wei)
        await hear(ear, "room_status")

        refused = await say(ear, words)

        assert refused["error_code"] in ("BAD_INPUT", "TOO_LONG")
        assert (await say(ear, "x" * 1_000))["type"] == "reply"


@gen_test
@pytest.mark.parametrize("frame", ['{"x": 1}', "[]", '"hi"', "{", '{"type": "nothing"}', '{"type": 5}'])
async def test_frames_that_say_nothing_get_an_error_and_ten_in_a_row_at_most(frame):
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, scene.wei)
        await hear(ear, "room_status")

        await ear.say(frame)

        assert "error" in await ear.hear()
        assert (await say(ear, "hi"))["type"] == "reply"


@gen_test
async def test_a_line_that_is_also_posted_is_one_line():
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, scene.wei)
        await hear(ear, "room_status")
        sent = {"room_id": f"{scene.jliu.id}_Tina", "username": "wei", "user_message": "hi"}

        await ear.say({"user_message": "hi"})
        posted = await scene.call(scene.wei, "POST", "live/save_user_chat_history", sent)
        again = await scene.call(scene.wei, "POST", "live/save_user_chat_history", sent | {"user_message": "end"})

        assert (posted.status, again.status) == (200, 200)
        assert await words_heard(ear, "end") == ["hi", "end"]
        history = (await scene.call(None, "GET", "live/get_user_chat_history", sent)).body["data"]["chat_info"]
        assert [one["user_message"] for one in history] == ["hi", "end"]


@gen_test
async def test_five_lines_in_five_seconds_over_all_doors():
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, scene.wei)
        await hear(ear, "room_status")
        for number in range(5):
            assert (await say(ear, f"{number}"))["type"] == "reply"

        refused = await say(ear, "one more")
        posted = await scene.call(
            scene.wei, "POST", "live/save_user_chat_history", {"room_id": f"{scene.jliu.id}_Tina", "user_message": "or"}
        )

        assert (refused["error_code"], refused["retry_after_ms"]) == ("TOO_MANY_REQUESTS", 5_000)
        assert (posted.status, posted.headers["Retry-After"]) == (429, "5")


# --- muted -----------------------------------------------------------------------------------------------------------


async def mute(scene: Scene, user_id: str, *, muted: bool = True, **more: object) -> int:
    sent = {"room_id": f"{scene.jliu.id}_Tina", "user_id": user_id, "muted": muted, **more}
    return (await scene.call(scene.jliu, "POST", "live/mute_user/", sent)).status


@gen_test
async def test_a_user_who_is_muted_says_nothing_by_any_door_and_keeps_his_socket():
    async with on_air() as scene:
        await start(scene)
        ear = await listen(scene, scene.wei)
        await hear(ear, "room_status")
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_message": "hi"}

        assert await mute(scene, scene.wei.id) == 200
        assert (await hear(ear, "muted"))["data"]["muted"] is True
        for one in (ear, await listen(scene, scene.wei)):
            assert await say(one, "hi") == {"error": "You are muted"}
            assert await say(one, "again") == {"error": "You are muted"}
        posted = await scene.call(scene.wei, "POST", "live/save_user_chat_history", sent)

        assert (posted.status, posted.body["code"], posted.body["message"]) == (403, 1, "You are muted")
        assert await mute(scene, scene.wei.id, muted=False) == 200
        assert (await say(ear, "hi"))["type"] == "reply"


@gen_test
async def test_a_guest_who_is_muted_stays_so_when_he_comes_back():
    async with on_air() as scene:
        await start(scene)
        guest = await new_guest(scene)
        ear = await guest_ear(scene, guest)
        await ear.say({"user_message": "hi"})
        told = (await hear(ear, "chat_user_message"))["data"]
        await hear(ear, "reply")
        assert (told["uid"], told["identity"]) == ("0", 0)

        assert await mute(scene, told["guest_id"], seconds=600) == 200
        assert await say(ear, "hello") == {"error": "You are muted"}
        ear.close()
        ear = await guest_ear(scene, guest)
        headers = {"Cookie": f"guestid={guest}"}
        sent = {"room_id": f"{scene.jliu.id}_Tina", "user_message": "hello", "username": "游客zzzzzz"}
        posted = await scene.call(None, "POST", "live/save_user_chat_history", sent, headers=headers)

        assert await say(ear, "hello") == {"error": "You are muted"}
        assert (posted.status, posted.body["message"]) == (403, "You are muted")
        other = await guest_ear(scene, await new_guest(scene))
        assert (await say(other, "hello"))["type"] == "reply"
        await scene.clock.advance(600_000)
        again = await guest_ear(scene, guest)
        assert (await say(again, "hello"))["type"] == "reply"


# --- coming back -----------------------------------------------------------------------------------------------------


@gen_test
async def test_a_viewer_who_comes_back_has_missed_nothing_and_hears_nothing_twice():
    async with on_air() as scene:
        await start(scene)
        ear, other = await listen(scene, scene.wei), await listen(scene, scene.yi)
        await hear(ear, "room_status")
        await hear(other, "room_status")
        await say(other, "one")
        last = await hear(ear, "chat_user_message")
        ear.close()
        for words in ("two", "three"):
            await say(other, words)

        again = await listen(scene, scene.wei, epoch=str(last["epoch"]), seq=str(last["seq"]))
        status = await again.hear()
        assert status["data"]["recovered"] is True
        assert await words_heard(again, "three") == ["two", "three"]

        stranger = await listen(scene, None, epoch=str(last["epoch"] + 7), seq="1")
        assert (await stranger.hear())["data"]["recovered"] is False
