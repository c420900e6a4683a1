"""The hub's own protocol: who gets a socket, what is told, how one comes back, and who may say what."""

import asyncio
from typing import Any

import msgspec
import pytest

from engine import events
from engine.ports import Position
from engine.records import BanKind, EndReason, Face, SeatRecord, ShowKind, Side
from handlers.rooms import socket
from handlers.rooms.socket import DIALECT, NAMES
from handlers.wire.codec import read_json, write_json
from handlers.wire.outbox import OutboxLimits
from handlers.wire.socket import SocketLimits
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.money import Currency
from tests.surfaces.journal import Journal
from tests.surfaces.rooms.scene import PATH, on_air
from tests.surfaces.served import Ear, until

gen_test = pytest.mark.gen_test

CALL, ROOM, MEI, TOM = CallId(50_001), RoomId("qlive:75003883"), PersonId(10_001), PersonId(10_002)
FACE = Face(public_id="66766865", nickname="小明", avatar_url="t", gender=1, age=38, area="310100")
FACE_SHOWN = {
    "public_id": "66766865",
    "nickname": "小明",
    "avatar_url": "t",
    "gender": 1,
    "age": 38,
    "area": "310100",
}
SEAT = SeatRecord(person_id=TOM, seat="male", stream="66766865", face=FACE, since_ms=7)
SEAT_SHOWN = {"person_id": TOM, "seat": "male", "stream": "66766865", "face": FACE_SHOWN, "since_ms": 7}
IN_ROOM, IN_CALL = {"room_id": ROOM}, {"call_id": CALL}

FRAMES = [
    (events.CallRang(call_id=CALL, from_id=TOM), "call_rang", IN_CALL | {"from_id": TOM}),
    (events.CallAnswered(call_id=CALL, by=MEI), "call_answered", IN_CALL | {"by": MEI}),
    (events.CallRoomOpened(call_id=CALL, room_id=ROOM), "call_room_opened", IN_CALL | IN_ROOM),
    (events.CallStarted(call_id=CALL, started_at_ms=7), "call_started", IN_CALL | {"started_at_ms": 7}),
    (
        events.MinuteBegan(call_id=CALL, minute=2, guest_diamonds=None),
        "minute_began",
        IN_CALL | {"minute": 2, "guest_diamonds": None},
    ),
    (events.BalanceLow(call_id=CALL, left_ms=9), "balance_low", IN_CALL | {"left_ms": 9}),
    (
        events.PartyLost(call_id=CALL, person_id=TOM, grace_ms=9),
        "party_lost",
        IN_CALL | {"person_id": TOM, "grace_ms": 9},
    ),
    (events.PartyReturned(call_id=CALL, person_id=TOM), "party_returned", IN_CALL | {"person_id": TOM}),
    (
        events.CallEnded(call_id=CALL, reason=EndReason.HUNG_UP, minutes=3, by=Side.ANCHOR),
        "call_ended",
        IN_CALL | {"reason": "hung_up", "minutes": 3, "by": "anchor"},
    ),
    (
        events.GiftSent(
            event_id="e",
            call_id=None,
            room_id=ROOM,
            from_id=TOM,
            to_id=MEI,
            giver=FACE,
            recipient=FACE,
            gift_id=1,
            name="玫瑰",
            image_url="i",
            count=2,
            earned=1,
            combo=3,
        ),
        "gift_sent",
        IN_ROOM
        | {
            "event_id": "e",
            "call_id": None,
            "from_id": TOM,
            "to_id": MEI,
            "giver": FACE_SHOWN,
            "recipient": FACE_SHOWN,
            "gift_id": 1,
            "name": "玫瑰",
            "image_url": "i",
            "count": 2,
            "earned": 1,
            "combo": 3,
        },
    ),
    (
        events.SeatTaken(room_id=ROOM, person_id=TOM, seat="male", stream="66766865", face=FACE, status_code=2),
        "seat_taken",
        IN_ROOM | {"person_id": TOM, "seat": "male", "stream": "66766865", "face": FACE_SHOWN, "status_code": 2},
    ),
    (
        events.SeatLeft(room_id=ROOM, person_id=TOM, seat="male", face=FACE, status_code=3),
        "seat_left",
        IN_ROOM | {"person_id": TOM, "seat": "male", "face": FACE_SHOWN, "status_code": 3},
    ),
    (events.SeatOffered(room_id=ROOM, until_ms=9), "seat_offered", IN_ROOM | {"until_ms": 9}),
    (
        events.OfferAnswered(room_id=ROOM, person_id=TOM, face=FACE, is_accepted=True),
        "offer_answered",
        IN_ROOM | {"person_id": TOM, "face": FACE_SHOWN, "is_accepted": True},
    ),
    (events.SeatTakenAway(room_id=ROOM), "seat_taken_away", IN_ROOM),
    (
        events.AudienceChanged(room_id=ROOM, count=3, likes_count=5),
        "audience_changed",
        IN_ROOM | {"count": 3, "likes_count": 5},
    ),
    (
        events.CrowdChanged(room_id=ROOM, men_count=4, men_applied_count=1, women_count=3, women_applied_count=2),
        "crowd_changed",
        IN_ROOM | {"men_count": 4, "men_applied_count": 1, "women_count": 3, "women_applied_count": 2},
    ),
    (
        events.RoomTextSaid(room_id=ROOM, from_id=TOM, face=FACE, text="你好", at_ms=5),
        "room_text_said",
        IN_ROOM | {"from_id": TOM, "face": FACE_SHOWN, "text": "你好", "at_ms": 5},
    ),
    (
        events.AnchorLineShown(
            room_id=ROOM, anchor=FACE, is_anchor=False, speaker="Tina", sent="5:51pm", text="hi", html="<p>hi</p>"
        ),
        "anchor_line_shown",
        IN_ROOM
        | {
            "anchor": FACE_SHOWN,
            "is_anchor": False,
            "speaker": "Tina",
            "sent": "5:51pm",
            "text": "hi",
            "html": "<p>hi</p>",
        },
    ),
    (
        events.Muted(room_id=ROOM, is_muted=True, until_ms=None),
        "muted",
        IN_ROOM | {"is_muted": True, "until_ms": None},
    ),
    (events.SentAway(room_id=ROOM, until_ms=9), "sent_away", IN_ROOM | {"until_ms": 9}),
    (
        events.RightEnded(room_id=ROOM, kind=ShowKind.VIP, price=10),
        "right_ended",
        IN_ROOM | {"kind": 1, "price": 10},
    ),
    (events.RoomClosed(room_id=ROOM, status_code=4), "room_closed", IN_ROOM | {"status_code": 4}),
    (
        events.RoomShown(
            room_id=ROOM,
            is_recovered=True,
            standing="seated",
            seat="male",
            anchor_id=MEI,
            anchor=FACE,
            seats=(SEAT,),
            count=3,
            likes_count=5,
        ),
        "room_shown",
        IN_ROOM
        | {
            "is_recovered": True,
            "standing": "seated",
            "seat": "male",
            "anchor_id": MEI,
            "anchor": FACE_SHOWN,
            "seats": [SEAT_SHOWN],
            "count": 3,
            "likes_count": 5,
        },
    ),
    (
        events.LinkMicSaid(room_id=ROOM, from_id=TOM, kind="response", result="reject", reason="later"),
        "link_mic_said",
        IN_ROOM | {"from_id": TOM, "kind": "response", "result": "reject", "reason": "later"},
    ),
    (events.WarningIssued(text="请注意"), "warning_issued", {"text": "请注意"}),
    (events.BroadcastBanned(text="违规", is_account=True), "broadcast_banned", {"text": "违规", "is_account": True}),
]


@pytest.mark.parametrize(("event", "kind", "data"), FRAMES, ids=[kind for _, kind, _ in FRAMES])
def test_a_fact_has_its_frame_which_is_as_described(event, kind, data):
    plain, placed = socket.encode(event), socket.encode_at(event, Position(3, 17))

    assert read_json(plain) == {"type": kind, "data": data}
    assert read_json(placed) == {"type": kind, "epoch": 3, "seq": 17, "data": data}
    shape = DIALECT.events[kind]
    described = msgspec.convert(data, shape)
    assert read_json(write_json(msgspec.to_builtins(described))) == data


def test_every_fact_of_the_engine_is_told():
    assert set(NAMES) == set(events.Event.__args__) - {events.MessageSaid}
    assert DIALECT.events.keys() == set(NAMES.values()) >= {kind for _, kind, _ in FRAMES}
    assert len(DIALECT.events) == len(NAMES)


# --- people ----------------------------------------------------------------------------------------------------------


async def answer(ear: Ear, kind: str, **data: object) -> Any:
    """What the server answers to a frame, whatever else is told meanwhile."""
    return await ear.answer_to({"type": kind, "id": 1, "data": data})


async def refused(ear: Ear, kind: str, **data: object) -> str:
    """The stable name of the refusal, or OK."""
    frame = await answer(ear, kind, **data)
    return frame["data"]["error"] if frame["type"] == "error" else "OK"


# --- who gets one ----------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("name", ["tom", "bo"])
@pytest.mark.parametrize("word", ["Bearer", "QLiveToken", "bearer", None])
async def test_the_token_of_any_surface_with_rooms_lets_in_wherever_it_stands(name, word):
    async with on_air() as scene:
        token = scene.people[name].token

        if word is None:
            ear = await scene.open_ear(PATH, {"token": token})
        else:
            ear = await scene.open_ear(PATH, {}, headers={"Authorization": f"{word} {token}"})

        assert await answer(ear, "ping") == {"type": "pong", "id": 1}


@gen_test
@pytest.mark.parametrize("token", ["", "x", "0" * 32, "0" * 40])
async def test_a_bad_token_closes_with_4001(token):
    async with on_air() as scene:
        ear = await scene.open_ear(PATH, {"token": token})

        assert (await ear.ended())[0] == 4001


@gen_test
@pytest.mark.parametrize(
    ("name", "kind", "is_let_in"), [("tom", BanKind.ACCOUNT, False), ("bo", BanKind.BROADCAST, True)]
)
async def test_who_is_banned_from_everything_gets_none_and_loses_his(name, kind, is_let_in):
    async with on_air() as scene:
        ear = await scene.listen(name)
        await answer(ear, "ping")

        await scene.ban(name, kind)

        told = await ear.hear_of("broadcast_banned")
        assert told == {"text": "违规", "is_account": not is_let_in}
        again = await scene.listen(name)
        if is_let_in:
            assert (await answer(again, "ping"))["type"] == "pong"
        else:
            assert [(await one.ended())[0] for one in (ear, again)] == [4003, 4003]


@gen_test
async def test_what_is_no_socket_here_is_refused_in_a_form_that_says_so():
    async with on_air() as scene:
        unknown = await scene.ask("GET", "/rooms/none")
        plain = await scene.ask("GET", PATH)

        assert (unknown.status, unknown.body["error"]) == (404, "NOT_FOUND")
        assert plain.status == 426


# --- rooms of both kinds ---------------------------------------------------------------------------------------------


@gen_test
async def test_a_connection_hears_a_room_from_entering_it_until_it_leaves():
    async with on_air() as scene:
        room_id = await scene.live(inside=("mei",))
        ear = await scene.listen("tom")
        await scene.talk("mei", room_id, "before")

        assert await refused(ear, "say", room_id=room_id, text="hello") == "NOT_A_MEMBER"
        await ear.say({"type": "enter", "id": 7, "data": {"room_id": room_id}})
        shown = await ear.hear()
        entered = await ear.hear_next("reply")
        await scene.talk("mei", room_id, "after")
        said = await ear.hear_next("room_text_said")
        assert await refused(ear, "leave", room_id=room_id) == "OK"
        await scene.talk("mei", room_id, "later")

        assert (shown["type"], shown["data"]["is_recovered"], shown["data"]["standing"]) == (
            "room_shown",
            False,
            "watching",
        )
        assert entered == {"type": "reply", "id": 7, "to": "enter", "data": {}}
        assert (said["data"]["text"], said["seq"]) == ("after", shown["seq"] + 1)
        assert await answer(ear, "ping") == {"type": "pong", "id": 1}


@gen_test
async def test_a_public_room_of_the_live_room_protocol_is_one_like_any_other():
    async with on_air() as scene:
        room_id = await scene.broadcasts()
        lan, bo = await scene.listen("lan"), await scene.listen("bo")

        assert await refused(lan, "resume", room_id=room_id) == "OK"
        assert await refused(bo, "enter", room_id=room_id) == "OK"
        assert await refused(bo, "say", room_id=room_id, text="hello") == "OK"
        heard = await lan.hear_of("room_text_said")
        codes = [await refused(bo, kind, room_id=room_id) for kind in ("apply", "sit", "decline", "end", "get_up")]
        assert await refused(lan, "end", room_id=room_id) == "OK"
        closed = await bo.hear_of("room_closed")

        assert (heard["from_id"], heard["text"]) == (scene.person("bo").id, "hello")
        assert codes == ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "FORBIDDEN", "NOT_A_MEMBER"]
        assert closed["room_id"] == room_id


@gen_test
async def test_nobody_enters_rooms_of_another_surface():
    async with on_air() as scene:
        date, public = await scene.live(), await scene.broadcasts()
        tom, bo = await scene.listen("tom"), await scene.listen("bo")

        for ear, room_id in ((tom, public), (bo, date)):
            assert await refused(ear, "enter", room_id=room_id) == "NOT_FOUND"
            assert await refused(ear, "resume", room_id=room_id) == "NOT_A_MEMBER"
            assert await refused(ear, "apply", room_id=room_id) in ("NOT_FOUND", "NOT_A_MEMBER")
            assert await refused(ear, "say", room_id=room_id, text="hello") == "NOT_A_MEMBER"

        for name in ("tom", "bo"):
            for state in scene.engine.rooms.owned():
                assert scene.engine.rooms.place_in(state, scene.person(name).id) is None


@gen_test
async def test_a_seat_from_the_application_to_getting_up():
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom", "mei"))
        hong, tom, mei = [await scene.listen(name) for name in ("hong", "tom", "mei")]
        for ear in (hong, tom, mei):
            assert await refused(ear, "resume", room_id=room_id) == "OK"

        assert await refused(tom, "apply", room_id=room_id) == "OK"
        assert await refused(tom, "sit", room_id=room_id) == "OK"
        assert (await mei.hear_of("seat_taken"))["face"]["public_id"] == scene.shown_id("tom")
        assert await refused(tom, "get_up", room_id=room_id) == "OK"
        assert (await mei.hear_of("seat_left"))["seat"] == "male"
        assert await refused(hong, "invite", room_id=room_id, user_id=scene.shown_id("tom")) == "OK"
        assert (await tom.hear_of("seat_offered"))["room_id"] == room_id
        assert await refused(tom, "decline", room_id=room_id) == "OK"
        assert (await hong.hear_of("offer_answered"))["is_accepted"] is False
        assert await refused(hong, "invite", room_id=room_id, user_id=scene.shown_id("tom")) == "OK"
        assert await refused(tom, "sit", room_id=room_id) == "OK"
        assert await refused(hong, "unseat", room_id=room_id, user_id=scene.shown_id("tom")) == "OK"
        assert (await tom.hear_of("seat_taken_away"))["room_id"] == room_id


@gen_test
async def test_hearts_are_counted_and_the_count_reaches_all():
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom",))
        ear = await scene.listen("tom")
        await refused(ear, "resume", room_id=room_id)

        codes = [await refused(ear, "like", room_id=room_id, count=count) for count in (50, 51, 0)]
        await scene.clock.advance(1_000)

        assert codes == ["OK", "BAD_INPUT", "BAD_INPUT"]
        while (told := await ear.hear_of("audience_changed"))["likes_count"] != 50:
            pass
        assert told["count"] == 2


# --- coming back -----------------------------------------------------------------------------------------------------


@gen_test
async def test_whoever_comes_back_has_missed_nothing_and_hears_nothing_twice():
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom", "mei"))
        steady, story, journal = await scene.listen("mei"), Journal(), Journal()
        await steady.say({"type": "resume", "data": {"room_id": room_id}})
        await steady.hear_next("reply")
        story.epoch, story.seq = 1, 0

        for turn in range(6):
            ear = await scene.listen("tom")
            await ear.say({"type": "enter" if turn % 2 else "resume", "data": {"room_id": room_id, **journal.position}})
            await scene.talk("hong", room_id, f"{turn}a", f"{turn}b")
            await journal.listen(ear, until=3 * turn + turn % 3)
            ear.close()
            await scene.talk("mei", room_id, f"{turn}c")
        last = await scene.listen("tom")
        await last.say({"type": "resume", "data": {"room_id": room_id, **journal.position}})
        await journal.listen(last, until=18)
        await story.listen(steady, until=18)

        assert journal.recovered == [False] + 6 * [True]
        assert journal.story == story.story[-len(journal.story) :]
        assert (story.story[-1][1], journal.story[-1][1]) == (18, 18)


@gen_test
@pytest.mark.parametrize(("epoch", "seq"), [(1, 0), (1, 2), (3, 0), (2, 99)])
async def test_a_position_that_is_not_of_this_story_gets_the_room_anew(epoch, seq):
    async with on_air() as scene:
        await scene.live()
        await scene.engine.blind_dates.end(scene.person("hong"), scene.date)
        room_id = await scene.live(inside=("tom",))
        await scene.talk("hong", room_id, "a", "b")
        ear = await scene.listen("tom")

        await ear.say({"type": "resume", "data": {"room_id": room_id, "epoch": epoch, "seq": seq}})
        shown = await ear.hear()

        assert (shown["data"]["is_recovered"], shown["epoch"], shown["seq"]) == (False, 2, 2)


@gen_test
@pytest.mark.parametrize("beside", [{"epoch": 1}, {"seq": 1}, {"epoch": -1, "seq": 0}, {"epoch": 1, "seq": 1.5}])
@pytest.mark.parametrize("kind", ["enter", "resume"])
async def test_half_a_position_is_none_and_moves_nobody(kind, beside):
    async with on_air() as scene:
        room_id = await scene.live()
        ear = await scene.listen("tom")

        assert await refused(ear, kind, room_id=room_id, **beside) == "BAD_INPUT"

        assert scene.engine.blind_dates.place_of(scene.person("tom").id) is None


@gen_test
async def test_a_gift_has_its_place_in_the_story_once_however_often_it_is_asked_for():
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom",))
        await scene.give(scene.person("tom").id, Currency.QLIVE_GOLD, 10)
        ear, journal = await scene.listen("tom"), Journal()
        await ear.say({"type": "resume", "data": {"room_id": room_id}})
        await ear.hear_next("reply")
        journal.epoch, journal.seq = 1, 0

        for _ in range(2):
            await scene.engine.gold_gifts.give(
                scene.person("tom"), scene.person("hong"), 1, 2, key="k", room_id=room_id
            )
        await journal.listen(ear, until=1)
        await scene.talk("hong", room_id, "thanks")
        await journal.listen(ear, until=2)

        (_, _, gift), (_, _, word) = journal.story
        assert (gift["from_id"], gift["to_id"], gift["count"]) == (
            scene.person("tom").id,
            scene.person("hong").id,
            2,
        )
        assert gift["event_id"]
        assert word["text"] == "thanks"


@gen_test
async def test_who_reads_too_slowly_is_closed_and_comes_back_to_all_that_he_missed():
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom", "mei"))
        journals = {name: Journal() for name in ("tom", "mei")}
        scene.hub.limits = SocketLimits(outbox=OutboxLimits(bytes_max=64 * 1024))
        sleeper = await scene.listen("tom")
        await sleeper.say({"type": "resume", "data": {"room_id": room_id}})
        scene.hub.limits = SocketLimits()
        steady = await scene.listen("mei")
        await steady.say({"type": "resume", "data": {"room_id": room_id}})
        await until(lambda: scene.hub.sockets_count == 2)
        await answer(steady, "ping")
        journals["mei"].epoch, journals["mei"].seq = 1, 0
        tom_id = scene.person("tom").id

        count = 0
        while scene.hub.is_connected(tom_id):
            count += 1
            await scene.talk("hong", room_id, "很" * 1_000)
            await journals["mei"].listen(steady, until=count)
            await asyncio.sleep(0)
        await journals["tom"].listen(sleeper, until=count)
        again = await scene.listen("tom")
        await again.say({"type": "resume", "data": {"room_id": room_id, **journals["tom"].position}})
        await journals["tom"].listen(again, until=count)

        assert sleeper.connection.close_code == 4008
        assert journals["tom"].recovered == [False, True]
        assert journals["tom"].story == journals["mei"].story


# --- what an anchor imposes ------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("room", ["date", "public"])
async def test_a_mute_is_told_and_holds_on_every_socket_until_it_is_lifted(room):
    async with on_air() as scene:
        anchor, viewer = ("hong", "tom") if room == "date" else ("lan", "bo")
        room_id = await (scene.live() if room == "date" else scene.broadcasts())
        hers, his, another = [await scene.listen(name) for name in (anchor, viewer, viewer)]
        await refused(his, "enter", room_id=room_id)
        whom = {"room_id": room_id, "user_id": scene.shown_id(viewer)}
        word = {"room_id": room_id, "text": "hello"}

        assert await refused(hers, "mute", **whom, for_ms=60_000) == "OK"
        told = await his.hear_of("muted")
        muted = [await refused(ear, "say", **word) for ear in (his, another)]
        assert await refused(hers, "unmute", **whom) == "OK"

        assert told == {"room_id": room_id, "is_muted": True, "until_ms": scene.engine.node.now_ms() + 60_000}
        assert muted == ["FORBIDDEN", "FORBIDDEN"]
        assert (await his.hear_of("muted"))["is_muted"] is False
        assert await refused(another, "say", **word) == "OK"


@gen_test
@pytest.mark.parametrize("room", ["date", "public"])
@pytest.mark.parametrize("what", ["kick", "ban"])
async def test_who_is_sent_away_hears_no_more_and_stays_out_until_it_is_lifted(room, what):
    async with on_air() as scene:
        anchor, viewer = ("hong", "tom") if room == "date" else ("lan", "bo")
        room_id = await (scene.live() if room == "date" else scene.broadcasts())
        hers, his = [await scene.listen(name) for name in (anchor, viewer)]
        await refused(his, "enter", room_id=room_id)
        whom = {"room_id": room_id, "user_id": scene.shown_id(viewer)}

        assert await refused(hers, what, **whom) == "OK"
        away = await his.hear_of("sent_away")
        await scene.talk(anchor, room_id, "he is gone")
        again = await scene.listen(viewer)
        entering = [
            await refused(ear, kind, room_id=room_id, epoch=1, seq=0)
            for ear in (his, again)
            for kind in ("enter", "resume")
        ]
        assert await refused(hers, "unban", **whom) == "OK"

        assert (away["until_ms"] is None) == (what == "ban")
        assert entering == 2 * ["BANNED", "NOT_A_MEMBER"]
        assert await refused(again, "enter", room_id=room_id) == "OK"


# --- who may say what ------------------------------------------------------------------------------------------------

WHO = ("stranger", "viewer", "applicant", "seated", "anchor", "banned")

# What becomes of a command in a blind-date room for somebody outside, a viewer, an applicant, the man on the seat, the
# matchmaker, and a viewer whom an operator has banned from broadcasting. A command without a row fails (G-22).
TABLE = {
    "ping": ("OK", "OK", "OK", "OK", "OK", "OK"),
    "enter": ("OK", "OK", "OK", "OK", "OK", "OK"),
    "resume": ("NOT_A_MEMBER", "OK", "OK", "OK", "OK", "OK"),
    "leave": ("OK", "OK", "OK", "OK", "WRONG_PHASE", "OK"),
    "end": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
    "say": ("NOT_A_MEMBER", "OK", "OK", "OK", "OK", "BANNED"),
    "like": ("NOT_A_MEMBER", "OK", "OK", "OK", "OK", "BANNED"),
    "apply": ("NOT_A_MEMBER", "OK", "OK", "WRONG_PHASE", "WRONG_PHASE", "BANNED"),
    "decline": ("NOT_A_MEMBER", "OK", "OK", "WRONG_PHASE", "WRONG_PHASE", "OK"),
    "sit": ("NOT_A_MEMBER", "FORBIDDEN", "OK", "OK", "WRONG_PHASE", "BANNED"),
    "get_up": ("NOT_A_MEMBER", "NOT_A_MEMBER", "NOT_A_MEMBER", "OK", "NOT_A_MEMBER", "NOT_A_MEMBER"),
    "invite": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "BANNED"),
    "unseat": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
    "kick": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
    "ban": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
    "unban": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
    "mute": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
    "unmute": ("FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "FORBIDDEN"),
}


def test_every_command_has_a_row():
    assert TABLE.keys() == DIALECT.commands.keys()


@gen_test
@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("who", WHO)
async def test_a_command_is_for_whom_it_should_be(kind, who):
    async with on_air() as scene:
        for name in ("stranger", "viewer", "seated", "banned", "watched"):
            await scene.sign_up(name)
        names = {"applicant": "mei", "anchor": "hong"}
        room_id = await scene.live(inside=("viewer", "mei", "banned", "watched"), seated=("seated",))
        await scene.engine.blind_dates.apply(scene.person("mei"), room_id)
        await scene.ban("banned", BanKind.BROADCAST)
        ear = await scene.listen(names.get(who, who))
        before, state = scene.dump(), scene.engine.rooms.get(room_id)
        # Whom it is about: somebody on the seat, or a viewer.
        user_id = scene.shown_id("seated" if kind == "unseat" and who != "seated" else "watched")

        found = await refused(ear, kind, room_id=room_id, user_id=user_id, text="hello")

        assert found == TABLE[kind][WHO.index(who)]
        assert found == "OK" or (scene.dump(), scene.engine.rooms.get(room_id)) == (before, state)


@gen_test
@pytest.mark.parametrize("kind", sorted(TABLE.keys() - {"ping"}))
async def test_an_open_socket_is_no_way_around_a_logout(kind):
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom",))
        ear = await scene.listen("hong")
        await answer(ear, "ping")
        before = scene.dump()

        await scene.engine.identity.sign_out(scene.people["hong"].token)

        assert await refused(ear, kind, room_id=room_id, user_id=scene.shown_id("tom"), text="hello") == "NOT_SIGNED_IN"
        assert scene.dump() == before


BAD_FRAMES = [
    ("not json", "BAD_INPUT"),
    ("[]", "BAD_INPUT"),
    ("[" * 1_000 + "]" * 1_000, "BAD_INPUT"),
    ('{"type":"like","data":{"room_id":"ROOM","count":1e999}}', "BAD_INPUT"),
    ('{"type":"say","data":{"room_id":"ROOM","text":"\\ud800"}}', "BAD_INPUT"),
    ('{"type":"say","type":"end","data":{"room_id":"ROOM","text":"x"}}', "BAD_INPUT"),
    ({"no": "type"}, "BAD_INPUT"),
    ({"type": "enter", "data": []}, "BAD_INPUT"),
    ({"type": "enter"}, "BAD_INPUT"),
    ({"type": "enter", "data": {"room_id": ""}}, "BAD_INPUT"),
    ({"type": "enter", "data": {"room_id": {"$ne": ""}}}, "BAD_INPUT"),
    ({"type": "enter", "data": {"room_id": "x" * 201}}, "TOO_LONG"),
    ({"type": "enter", "data": {"room_id": "qlive:12345678"}}, "NOT_FOUND"),
    ({"type": "say", "data": {"room_id": "ROOM"}}, "BAD_INPUT"),
    ({"type": "say", "data": {"room_id": "ROOM", "text": " \u0007"}}, "BAD_INPUT"),
    ({"type": "say", "data": {"room_id": "ROOM", "text": "x" * 1_001}}, "TOO_LONG"),
    ({"type": "kick", "data": {"room_id": "ROOM", "user_id": {"$gt": ""}}}, "BAD_INPUT"),
    ({"type": "kick", "data": {"room_id": "ROOM", "user_id": "12345678"}}, "NOT_FOUND"),
    ({"type": "ban", "data": {"room_id": "ROOM", "user_id": "1", "for_ms": 0}}, "BAD_INPUT"),
    ({"type": "ban", "data": {"room_id": "ROOM", "user_id": "1", "for_ms": 10**15}}, "BAD_INPUT"),
    ({"type": "ban", "data": {"room_id": "ROOM", "user_id": "1", "for_ms": "1e3"}}, "BAD_INPUT"),
    ({"type": "room_shown", "data": {}}, "NOT_FOUND"),
]


@gen_test
@pytest.mark.parametrize(("frame", "error"), BAD_FRAMES, ids=lambda value: str(value)[:60])
async def test_what_is_no_command_or_not_allowed_gets_an_error_frame(frame, error):
    async with on_air() as scene:
        room_id = await scene.live(inside=("tom",))
        ear = await scene.listen("tom")
        before, state = scene.dump(), scene.engine.rooms.get(room_id)
        if isinstance(frame, dict) and isinstance(frame.get("data"), dict) and frame["data"].get("room_id") == "ROOM":
            frame = frame | {"data": frame["data"] | {"room_id": room_id}}

        await ear.say(frame.replace("ROOM", room_id) if isinstance(frame, str) else frame)
        answered = await ear.hear_next("error")

        assert answered["data"].keys() == {"error", "message", "again"}
        assert answered["data"]["error"] == error
        assert (scene.dump(), scene.engine.rooms.get(room_id)) == (before, state)


@gen_test
@pytest.mark.parametrize("user_id", ["", "x", "１", "-1", "1" * 20])
async def test_an_id_that_cannot_be_one_of_a_person_of_calls_is_refused(user_id):
    async with on_air() as scene:
        room_id = await scene.broadcasts()
        ear = await scene.listen("lan")

        assert await refused(ear, "kick", room_id=room_id, user_id=user_id) == "BAD_INPUT"


@gen_test
async def test_too_many_frames_are_told_when_to_come_back():
    async with on_air() as scene:
        ear = await scene.listen("tom")

        for _ in range(100):
            frame = await answer(ear, "ping")
            if frame["type"] == "error":
                break

        assert frame["data"]["error"] == "TOO_MANY_REQUESTS"
        assert frame["data"]["again"] is True
        assert frame["data"]["retry_after_ms"] > 0


# --- shows -----------------------------------------------------------------------------------------------------------


@gen_test
async def test_a_show_of_the_site_is_a_room_like_any_other_and_what_is_said_there_is_kept():
    async with on_air() as scene:
        room_id = await scene.show()
        ann, jliu = await scene.listen("ann"), await scene.listen("jliu")

        assert await refused(ann, "say", room_id=room_id, text="hello") == "NOT_A_MEMBER"
        assert await refused(jliu, "enter", room_id=room_id) == "OK"
        assert await refused(ann, "enter", room_id=room_id) == "OK"
        assert await refused(ann, "say", room_id=room_id, text="hello") == "OK"
        said = await jliu.hear_of("room_text_said")
        codes = [await refused(ann, kind, room_id=room_id) for kind in ("apply", "sit", "end")]
        assert await refused(jliu, "mute", room_id=room_id, user_id=scene.shown_id("ann")) == "OK"
        assert await refused(ann, "say", room_id=room_id, text="again") == "FORBIDDEN"

        assert (said["text"], said["face"]["nickname"]) == ("hello", "ann")
        assert codes == ["NOT_FOUND", "NOT_FOUND", "FORBIDDEN"]
        (line,) = await scene.engine.world.stores.chats.last_lines(room_id, limit=5)
        assert (line.text, line.shown_id) == ("hello", scene.shown_id("ann"))
        assert await refused(jliu, "end", room_id=room_id) == "OK"
        assert (await ann.hear_of("room_closed"))["room_id"] == room_id
        assert await refused(ann, "enter", room_id=room_id) == "NOT_FOUND"


@gen_test
async def test_whoever_is_at_a_show_goes_with_his_connection_and_comes_back_to_its_story():
    async with on_air() as scene:
        room_id = await scene.show()
        jliu, journal = await scene.listen("jliu"), Journal()
        assert await refused(jliu, "enter", room_id=room_id) == "OK"
        ear = await scene.listen("ann")
        await ear.say({"type": "enter", "data": {"room_id": room_id}})
        await refused(jliu, "say", room_id=room_id, text="a")
        await journal.listen(ear, until=1)

        ear.close()
        await until(lambda: scene.engine.show_rooms.visits_count == 1)
        await refused(jliu, "say", room_id=room_id, text="b")
        again = await scene.listen("ann")
        await again.say({"type": "enter", "data": {"room_id": room_id, **journal.position}})
        await journal.listen(again, until=2)

        assert journal.recovered == [False, True]
        assert await refused(again, "leave", room_id=room_id) == "OK"
        await until(lambda: len(scene.engine.show_rooms.get(room_id).audience) == 0)


@gen_test
async def test_whoever_signs_out_of_the_site_loses_this_socket_too():
    async with on_air() as scene:
        room_id = await scene.show()
        ear = await scene.listen("ann")
        assert await refused(ear, "enter", room_id=room_id) == "OK"

        await scene.engine.web_sign_ins.close_all(scene.person("ann").id)

        assert (await ear.ended())[0] == 4001
        assert (await (await scene.listen("ann")).ended())[0] == 4001
