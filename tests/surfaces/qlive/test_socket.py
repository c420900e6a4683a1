"""The socket: who gets one, what it begins with, what is told, what may be said, and what a lost line leaves behind."""

from typing import Any

import pytest

from engine import events
from engine.ports import Position
from engine.records import BanKind, Face, SanctionKind, SeatRecord
from engine.services.blind_dates import room_of
from handlers.qlive.frames import Frames
from handlers.qlive.socket import dialect
from handlers.wire.codec import read_json
from store.interfaces.ids import CallId, PersonId, RoomId
from tests.surfaces.journal import Journal
from tests.surfaces.qlive.scene import Person, Scene, on_air
from tests.surfaces.served import Ear, until

gen_test = pytest.mark.gen_test

PATH = "/wx/api/qlive/ws/"
NUMBER = "75003883"
ROOM_ID = room_of(NUMBER)
GROUP = {"group_id": NUMBER}
HONG, MEI, TOM = PersonId(10_001), PersonId(10_002), PersonId(10_003)
FACE_OF_HONG = Face(public_id=NUMBER, nickname="红姐", avatar_url="h", gender=2, age=35, area="310100")
FACE_OF_TOM = Face(public_id="66766865", nickname="小明", avatar_url="t", gender=1, age=38, area="310100")
TOM_SEEN = {"user_id": "66766865", "nickname": "小明", "face_url": "t"}
TOM_ON = TOM_SEEN | {"play_url": "rtmp://66766865", "area": "310100", "age": 38, "gender": 1}
HONG_ON = {
    "user_id": NUMBER,
    "nickname": "红姐",
    "face_url": "h",
    "play_url": f"rtmp://{NUMBER}",
    "area": "310100",
    "age": 35,
    "gender": 2,
}
DIALECT = dialect(lambda stream: f"rtmp://{stream}")


def room_shown(*, standing: str = "watching", seat: str = "", seats: tuple[SeatRecord, ...] = ()) -> events.RoomShown:
    return events.RoomShown(
        room_id=ROOM_ID,
        is_recovered=True,
        standing=standing,
        seat=seat,
        anchor_id=HONG,
        anchor=FACE_OF_HONG,
        seats=seats,
        count=3,
        likes_count=5,
    )


TOMS_SEAT = SeatRecord(person_id=TOM, seat="male", stream="66766865", face=FACE_OF_TOM, since_ms=7)
ROOM_NOW = GROUP | {
    "recovered": True,
    "live_id": int(NUMBER),
    "user_type": 1,
    "owner": HONG_ON,
    "male": {},
    "female": {},
    "audience_count": 3,
    "likes_count": 5,
}

FRAMES: list[tuple[events.Event, dict[str, Any]]] = [
    (events.SeatOffered(room_id=ROOM_ID, until_ms=9), {"type": "invite", "content": GROUP | {"until_ms": 9}}),
    (
        events.OfferAnswered(room_id=ROOM_ID, person_id=TOM, face=FACE_OF_TOM, is_accepted=True),
        {"type": "response", "content": GROUP | TOM_SEEN | {"data": "accept"}},
    ),
    (
        events.OfferAnswered(room_id=ROOM_ID, person_id=TOM, face=FACE_OF_TOM, is_accepted=False),
        {"type": "response", "content": GROUP | TOM_SEEN | {"data": "reject"}},
    ),
    (events.SeatTakenAway(room_id=ROOM_ID), {"type": "kickout", "content": GROUP}),
    (
        events.CrowdChanged(room_id=ROOM_ID, men_count=4, men_applied_count=1, women_count=3, women_applied_count=2),
        {"type": "num", "content": GROUP | {"num_list": [1, 4, 2, 3]}},
    ),
    (
        events.SeatTaken(
            room_id=ROOM_ID, person_id=TOM, seat="male", stream="66766865", face=FACE_OF_TOM, status_code=2
        ),
        {"type": "reset", "content": TOM_ON | {"content_type": "on"}} | GROUP,
    ),
    (
        events.SeatLeft(room_id=ROOM_ID, person_id=TOM, seat="male", face=FACE_OF_TOM, status_code=3),
        {"type": "reset", "content": {"content_type": "off", "user_id": "66766865"}} | GROUP,
    ),
    (
        events.GiftSent(
            event_id="e",
            call_id=None,
            room_id=ROOM_ID,
            from_id=TOM,
            to_id=MEI,
            giver=FACE_OF_TOM,
            gift_id=1,
            name="玫瑰",
            image_url="i",
            count=2,
            earned=1,
            combo=3,
        ),
        {
            "type": "gift",
            "content": {
                "gift_id": 1,
                "gift_title": "玫瑰",
                "gift_num": 2,
                "gift_image": "i",
                "giver": TOM_SEEN,
                "recipient": {"user_id": "", "nickname": "", "face_url": ""},
                "combo": 3,
                "event_id": "e",
            },
        }
        | GROUP,
    ),
    (
        events.RoomTextSaid(room_id=ROOM_ID, from_id=TOM, face=FACE_OF_TOM, text="你好", at_ms=5),
        {"type": "message", "content": "你好", "from": TOM_SEEN} | GROUP,
    ),
    (events.RoomClosed(room_id=ROOM_ID, status_code=4), {"type": "over", "content": ""} | GROUP),
    (room_shown(), {"type": "room", "content": ROOM_NOW}),
    (room_shown(standing="applied"), {"type": "room", "content": ROOM_NOW | {"user_type": 2}}),
    (
        room_shown(standing="seated", seat="male", seats=(TOMS_SEAT,)),
        {"type": "room", "content": ROOM_NOW | {"user_type": 3, "male": TOM_ON}},
    ),
    (room_shown(standing="seated", seat="female"), {"type": "room", "content": ROOM_NOW | {"user_type": 4}}),
    (room_shown(standing="anchor"), {"type": "room", "content": ROOM_NOW | {"user_type": 5}}),
    (room_shown(standing=""), {"type": "room", "content": ROOM_NOW | {"user_type": 0}}),
    (
        events.AudienceChanged(room_id=ROOM_ID, count=3, likes_count=5),
        {"type": "audience", "content": GROUP | {"audience_count": 3, "likes_count": 5}},
    ),
    (
        events.Muted(room_id=ROOM_ID, is_muted=True, until_ms=None),
        {"type": "muted", "content": GROUP | {"muted": True, "until_ms": None}},
    ),
    (events.SentAway(room_id=ROOM_ID, until_ms=9), {"type": "sent_away", "content": GROUP | {"until_ms": 9}}),
    (events.WarningIssued(text="请注意"), {"type": "warn", "content": {"detail": "请注意"}}),
    (events.BroadcastBanned(text="违规", is_account=True), {"type": "banned", "content": {"detail": "违规"}}),
]


@pytest.mark.parametrize(("event", "frame"), FRAMES, ids=[frame["type"] for _, frame in FRAMES])
def test_an_event_has_its_frame_and_with_a_place_in_the_story_the_same_with_that(event, frame):
    frames = Frames(lambda stream: f"rtmp://{stream}")

    plain, placed = frames.encode(event), frames.encode_at(event, Position(3, 17))

    assert read_json(plain) == frame
    assert read_json(placed) == frame | {"epoch": 3, "seq": 17}


def test_every_listed_type_has_a_frame_above():
    assert {frame["type"] for _, frame in FRAMES} == DIALECT.events.keys()


def test_what_other_surfaces_are_told_has_no_frame():
    rang = events.CallRang(call_id=CallId(1), from_id=TOM)

    assert (DIALECT.encode(rang), DIALECT.encode_at(rang, Position(1, 1))) == (None, None)


def test_a_gift_outside_of_rooms_is_one_of_no_group():
    gift = events.GiftSent(
        event_id="e",
        call_id=None,
        room_id=None,
        from_id=TOM,
        to_id=MEI,
        gift_id=1,
        name="玫瑰",
        image_url="",
        count=1,
        earned=0,
    )

    assert "group_id" not in read_json(DIALECT.encode(gift))


# --- people ----------------------------------------------------------------------------------------------------------


async def listen(scene: Scene, who: Person, **query: str) -> Ear:
    return await scene.open_ear(PATH, {"token": who.token, **query})


async def answer(ear: Ear, kind: str, content: object = None) -> Any:
    """What the server answers to a frame, whatever else is told meanwhile."""
    return await ear.answer_to({"type": kind, "id": 1, **({} if content is None else {"content": content})})


async def refused(ear: Ear, kind: str, content: object = None) -> str:
    """The stable name of the refusal, or OK."""
    frame = await answer(ear, kind, content)
    return frame["content"]["error"] if frame["type"] == "error" else "OK"


def room(scene: Scene) -> RoomId:
    return room_of(scene.hong.id)


async def talk(scene: Scene, who: Person, *texts: str) -> None:
    for text in texts:
        await scene.engine.rooms.say(await scene.record(who), room(scene), text)


# --- who gets one ----------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("token", ["", "0" * 40, "0" * 32, "x"])
async def test_a_bad_token_closes_with_4001(token):
    async with on_air() as scene:
        ear = await scene.open_ear(PATH, {"token": token})

        assert await ear.ended() == (4001, "unauthorized")


@gen_test
@pytest.mark.parametrize("path", ["/wx/api/qlive/ws", "/wx/api/qlive/ws/"])
async def test_the_token_may_stand_in_the_header(path):
    async with on_air() as scene:
        ear = await scene.open_ear(path, {}, headers=scene.tom.headers)

        assert await answer(ear, "ping") == {"type": "pong", "id": 1}


@gen_test
async def test_a_banned_account_gets_no_socket_and_loses_the_one_it_has():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        ear = await listen(scene, scene.tom)
        await ear.hear_next("room")

        await scene.ban(scene.tom, BanKind.ACCOUNT, "违规")

        assert (await ear.hear_next("banned"))["content"] == {"detail": "违规"}
        assert (await ear.ended())[0] == 4003
        assert await (await listen(scene, scene.tom)).ended() == (4003, "违规")


# --- what it begins with ---------------------------------------------------------------------------------------------


@gen_test
async def test_a_connection_begins_with_the_room_of_its_person_and_hears_it_from_there():
    async with on_air() as scene:
        await scene.live()
        await scene.sits(scene.tom)
        await talk(scene, scene.hong, "before")

        ear = await listen(scene, scene.tom)
        shown = await ear.hear()
        await talk(scene, scene.hong, "after")
        said = await ear.hear_next("message")

        content = shown["content"]
        assert (shown["type"], content["recovered"], content["user_type"]) == ("room", False, 3)
        assert (content["live_id"], content["group_id"]) == (int(scene.hong.id), scene.hong.id)
        assert content["male"]["play_url"] == f"rtmp://play.example/live/{scene.tom.id}"
        assert content["owner"]["play_url"] == f"rtmp://play.example/live/{scene.hong.id}"
        assert (content["female"], content["audience_count"]) == ({}, 2)
        assert (said["content"], said["epoch"], said["seq"]) == ("after", shown["epoch"], shown["seq"] + 1)


@gen_test
async def test_a_connection_of_somebody_who_is_nowhere_is_silent_until_he_enters():
    async with on_air() as scene:
        await scene.live()
        ear = await listen(scene, scene.tom)
        silent = await answer(ear, "ping")

        await scene.watches(scene.tom)
        shown = await ear.hear()

        assert silent["type"] == "pong"
        assert (shown["type"], shown["content"]["recovered"]) == ("room", False)


@gen_test
async def test_a_connection_that_names_a_room_goes_into_it():
    async with on_air() as scene:
        await scene.live()

        ear = await listen(scene, scene.tom, live_id=scene.hong.id)
        shown = await ear.hear()
        await talk(scene, scene.hong, "hello")

        assert (shown["type"], shown["content"]["user_type"]) == ("room", 1)
        assert (await ear.hear_next("message"))["content"] == "hello"


@gen_test
async def test_the_room_where_somebody_is_wins_over_the_one_that_he_names():
    async with on_air() as scene:
        await scene.live()
        other = await scene.sign_up("other", gender=2, matchmaker=1)
        await scene.engine.blind_dates.open(await scene.record(other))
        await scene.watches(scene.tom)

        # The numbers would do for this room as well, but they are those of the other.
        ear = await listen(scene, scene.tom, live_id=other.id, epoch="1", seq="0")
        shown = await ear.hear()

        assert (shown["content"]["group_id"], shown["content"]["recovered"]) == (scene.hong.id, False)


@gen_test
@pytest.mark.parametrize("is_open_elsewhere", [False, True])
async def test_a_room_that_is_over_is_told_as_that_and_the_connection_stays(is_open_elsewhere):
    async with on_air() as scene:
        other = await listen(scene, scene.tom) if is_open_elsewhere else None

        ear = await listen(scene, scene.tom, live_id="12345678", epoch="3", seq="8")

        assert await ear.hear() == {"type": "over", "content": "", "group_id": "12345678"}
        assert (await answer(ear, "ping"))["type"] == "pong"
        if other is not None:
            await other.say({"type": "ping"})
            assert (await other.hear())["type"] == "pong", "nobody but who asked is told"


BAD_QUERIES = [
    {"epoch": "1"},
    {"seq": "1"},
    {"epoch": "1", "seq": "1", "live_id": ""},
    {"epoch": "1", "live_id": "LIVE"},
    {"seq": "1", "live_id": "LIVE"},
    {"epoch": "1", "seq": "", "live_id": "LIVE"},
    {"epoch": "-1", "seq": "0", "live_id": "LIVE"},
    {"epoch": "1", "seq": "1.5", "live_id": "LIVE"},
    {"epoch": "1", "seq": "1e3", "live_id": "LIVE"},
    {"epoch": "1", "seq": "9" * 400, "live_id": "LIVE"},
    {"epoch": "x", "seq": "1", "live_id": "LIVE"},
    {"epoch": str(2**53), "seq": "1", "live_id": "LIVE"},
    {"live_id": "abc"},
    {"live_id": "01234567"},
    {"live_id": "123456789"},
    {"live_id": "12345678\n"},
    {"live_id": "１２３４５６７８"},
]


@gen_test
@pytest.mark.parametrize("query", BAD_QUERIES, ids=str)
async def test_a_query_that_is_not_acceptable_is_refused_before_anything_knows_of_the_connection(query):
    async with on_air() as scene:
        await scene.live()
        before, lines = scene.dump(), scene.engine.presence.attendance((await scene.record(scene.tom)).id)

        ear = await listen(
            scene, scene.tom, **{**query, **({"live_id": scene.hong.id} if "LIVE" in query.values() else {})}
        )

        assert (await ear.ended())[0] == 1008
        tom = (await scene.record(scene.tom)).id
        assert scene.engine.blind_dates.place_of(tom) is None
        assert scene.engine.presence.attendance(tom) == lines
        assert lines is not None
        assert not lines.had_line
        assert scene.dump() == before


# --- coming back -----------------------------------------------------------------------------------------------------


@gen_test
async def test_a_viewer_who_comes_back_has_missed_nothing_and_hears_nothing_twice():
    async with on_air() as scene:
        await scene.live()
        for who in (scene.tom, scene.mei):
            await scene.watches(who)
        steady, story = await listen(scene, scene.mei), Journal()
        ear, toms = await listen(scene, scene.tom), Journal()

        await talk(scene, scene.hong, *"abc")
        await toms.listen(ear, until=3)
        tom_id = (await scene.record(scene.tom)).id
        ear.close()
        await until(lambda: not scene.hub.is_connected(tom_id))
        await talk(scene, scene.mei, *"defg")
        await scene.engine.blind_dates.apply(await scene.record(scene.mei), room(scene))
        await scene.engine.blind_dates.sit(await scene.record(scene.mei), room(scene))
        again = await listen(scene, scene.tom, live_id=scene.hong.id, **toms.query)
        await talk(scene, scene.hong, *"hi")
        await toms.listen(again, until=10)
        await story.listen(steady, until=10)

        assert toms.recovered == [False, True]
        assert toms.story == story.story
        assert [told for _, _, told in toms.story if isinstance(told, str)] == list("abcdefghi")
        assert toms.repeats_count == 0


@gen_test
async def test_while_one_comes_back_others_talk_and_all_have_one_story():
    async with on_air() as scene:
        await scene.live()
        for who in (scene.tom, scene.mei):
            await scene.watches(who)
        steady, story = await listen(scene, scene.mei), Journal()
        toms = Journal()

        for turn in range(8):
            ear = await listen(scene, scene.tom, live_id=scene.hong.id, **toms.query)
            await talk(scene, scene.hong, f"{turn}a", f"{turn}b")
            # Now and then it goes before it has heard all that it was told.
            await toms.listen(ear, until=4 * turn + turn % 3)
            ear.close()
            await talk(scene, scene.mei, f"{turn}c", f"{turn}d")
        await toms.listen(await listen(scene, scene.tom, live_id=scene.hong.id, **toms.query), until=32)
        await story.listen(steady, until=32)

        assert toms.recovered == [False] + 8 * [True]
        assert toms.story == story.story[-len(toms.story) :]
        assert toms.story[-1][1] == 32


@gen_test
@pytest.mark.parametrize(("epoch", "seq"), [("1", "0"), ("1", "2"), ("3", "0"), ("2", "99")])
async def test_a_position_that_is_not_of_this_story_gets_the_room_anew(epoch, seq):
    async with on_air() as scene:
        await scene.live()
        await scene.engine.blind_dates.end(await scene.record(scene.hong), room(scene))
        await scene.live()
        await scene.watches(scene.tom)
        await talk(scene, scene.hong, "a", "b")

        ear = await listen(scene, scene.tom, live_id=scene.hong.id, epoch=epoch, seq=seq)
        shown = await ear.hear()
        await talk(scene, scene.hong, "c")

        assert (shown["content"]["recovered"], shown["epoch"], shown["seq"]) == (False, 2, 2)
        assert (await ear.hear_next("message"))["seq"] == 3


@gen_test
async def test_who_was_out_meanwhile_is_shown_the_room_anew():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        await talk(scene, scene.hong, "a")
        await scene.engine.blind_dates.leave(await scene.record(scene.tom), room(scene))

        ear = await listen(scene, scene.tom, live_id=scene.hong.id, epoch="1", seq="0")

        assert (await ear.hear())["content"]["recovered"] is False


@gen_test
async def test_several_sockets_of_one_person_each_have_the_whole_story():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        journals = [Journal(), Journal()]
        ears = [await listen(scene, scene.tom) for _ in journals]
        await until(lambda: scene.hub.sockets_count == 2)

        await talk(scene, scene.hong, *"ab")
        for journal, ear in zip(journals, ears, strict=True):
            await journal.listen(ear, until=2)

        assert [told for _, _, told in journals[0].story] == ["a", "b"]
        assert journals[0].story == journals[1].story


# --- what may be said ------------------------------------------------------------------------------------------------


@gen_test
async def test_a_word_reaches_everybody_under_the_name_the_server_knows():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.mei)
        hong, mei = await listen(scene, scene.hong), await listen(scene, scene.mei)
        await hong.hear_next("room")

        await mei.say({"type": "message", "id": 7, "content": " 你\u0007好\u202e\n吗 ", "from": {"nickname": "红姐"}})

        said = await hong.hear_next("message")
        speaker = {"user_id": scene.mei.id, "nickname": "小红", "face_url": "https://img.example/2001.jpg"}
        assert (said["content"], said["from"], said["group_id"]) == ("你好 吗", speaker, scene.hong.id)
        assert await mei.hear_next("message") == said
        assert await mei.hear_next("reply") == {"type": "reply", "id": 7, "to": "message", "content": {"detail": "OK"}}


@gen_test
async def test_an_invitation_its_answer_and_its_end_go_from_person_to_person_and_the_seat_to_all():
    async with on_air() as scene:
        await scene.live()
        for who in (scene.tom, scene.mei):
            await scene.watches(who)
        hong, tom, mei = [await listen(scene, who) for who in (scene.hong, scene.tom, scene.mei)]
        for ear in (hong, tom, mei):
            await ear.hear_next("room")

        assert await refused(hong, "invite", {"user_id": scene.tom.id}) == "OK"
        invited = await tom.hear_next("invite")
        assert await refused(tom, "response", {"data": "accept", "group_id": scene.hong.id}) == "OK"
        answered, seated = await hong.hear_next("response"), await mei.hear_next("reset")
        assert await refused(hong, "kickout", {"user_id": scene.tom.id}) == "OK"
        kicked, freed = await tom.hear_next("kickout"), await mei.hear_next("reset")

        assert invited["content"]["group_id"] == scene.hong.id
        assert (answered["content"]["data"], answered["content"]["user_id"]) == ("accept", scene.tom.id)
        assert (seated["content"]["content_type"], seated["content"]["user_id"]) == ("on", scene.tom.id)
        assert seated["content"]["play_url"] == f"rtmp://play.example/live/{scene.tom.id}"
        assert kicked["content"] == {"group_id": scene.hong.id}
        assert freed["content"] == {"content_type": "off", "user_id": scene.tom.id}
        assert freed["seq"] == seated["seq"] + 1


@gen_test
async def test_who_is_too_late_for_a_seat_is_told_so_in_the_words_of_the_document():
    async with on_air() as scene:
        await scene.live()
        await scene.sits(scene.tom)
        jack = await scene.sign_up("jack", gender=1)
        await scene.watches(jack)
        await scene.engine.blind_dates.apply(await scene.record(jack), room(scene))
        ear = await listen(scene, jack)

        late = await answer(ear, "response", {"data": "accept"})

        assert late["content"] == {"status": 400, "detail": "抢麦失败", "error": "ROOM_FULL"}


@gen_test
async def test_hearts_are_counted_for_everybody():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        ear = await listen(scene, scene.tom)

        codes = [await refused(ear, "like", {"count": count}) for count in (1, 50, 0, 51, "x")]
        without_count = await refused(ear, "like")

        assert codes == ["OK", "OK", "BAD_INPUT", "BAD_INPUT", "BAD_INPUT"]
        assert without_count == "OK"
        assert scene.engine.rooms.get(room(scene)).likes_count == 52


BAD_FRAMES = [
    ("not json", "BAD_INPUT"),
    ("[]", "BAD_INPUT"),
    ('"message"', "BAD_INPUT"),
    ("[" * 1_000 + "]" * 1_000, "BAD_INPUT"),
    ('{"type":"message","content":NaN}', "BAD_INPUT"),
    ('{"type":"like","content":{"count":1e999}}', "BAD_INPUT"),
    ('{"type":"like","content":{"count":' + "9" * 400 + "}}", "BAD_INPUT"),
    ('{"type":"message","type":"like","content":"x"}', "BAD_INPUT"),
    ('{"type":"message","content":"\\ud800"}', "BAD_INPUT"),
    ('\ufeff{"type":"ping"}', "BAD_INPUT"),
    ({"no": "type"}, "BAD_INPUT"),
    ({"type": 7}, "BAD_INPUT"),
    ({"type": "ping", "id": {"$gt": ""}}, "BAD_INPUT"),
    ({"type": "message"}, "BAD_INPUT"),
    ({"type": "message", "content": ""}, "BAD_INPUT"),
    ({"type": "message", "content": " \u0007\n"}, "BAD_INPUT"),
    ({"type": "message", "content": 7}, "BAD_INPUT"),
    ({"type": "message", "content": ["x"]}, "BAD_INPUT"),
    ({"type": "message", "content": {"text": "x"}}, "BAD_INPUT"),
    ({"type": "message", "content": {"content": {"$gt": ""}}}, "BAD_INPUT"),
    ({"type": "message", "content": "x" * 1_001}, "TOO_LONG"),
    ({"type": "message", "content": "x" * 70_000}, "TOO_LONG"),
    ({"type": "invite", "content": "66766865"}, "BAD_INPUT"),
    ({"type": "invite", "content": {"user_id": {"$ne": ""}}}, "BAD_INPUT"),
    ({"type": "invite", "content": {"user_id": "x" * 65}}, "TOO_LONG"),
    ({"type": "response", "content": {"data": "perhaps"}}, "BAD_INPUT"),
    ({"type": "response", "content": {"data": "accept", "group_id": "12345678"}}, "NOT_A_MEMBER"),
    ({"type": "kickout", "content": {"user_id": "12345678"}}, "NOT_FOUND"),
    ({"type": "num", "content": {"num_list": [0, 0, 0, 0]}}, "NOT_FOUND"),
    ({"type": "gift", "content": {"gift_id": 1}}, "NOT_FOUND"),
    ({"type": "over", "content": ""}, "NOT_FOUND"),
]


@gen_test
@pytest.mark.parametrize(("frame", "error"), BAD_FRAMES, ids=lambda value: str(value)[:60])
async def test_what_is_no_command_or_not_allowed_gets_an_error_frame(frame, error):
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        ear = await listen(scene, scene.tom)
        before, state = scene.dump(), scene.engine.rooms.get(room(scene))

        await ear.say(frame)
        answered = await ear.hear_next("error")

        assert answered.keys() == {"type", "id", "content"}
        assert answered["content"].keys() == {"status", "detail", "error"}
        assert answered["content"]["error"] == error
        assert (scene.dump(), scene.engine.rooms.get(room(scene))) == (before, state)


# What is sent; then what becomes of it for somebody outside, a viewer, an applicant, the man on the microphone, the
# matchmaker, and a viewer whom an operator has banned from broadcasting. A route without a row fails (G-22).
TABLE = {
    ("ping", ""): ("OK", "OK", "OK", "OK", "OK", "OK"),
    ("message", "text"): ("NOT_A_MEMBER", "OK", "OK", "OK", "OK", "BANNED"),
    ("like", "hearts"): ("NOT_A_MEMBER", "OK", "OK", "OK", "OK", "BANNED"),
    ("invite", "viewer"): ("NOT_A_MEMBER", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK", "BANNED"),
    ("response", "accept"): ("NOT_A_MEMBER", "FORBIDDEN", "OK", "OK", "WRONG_PHASE", "BANNED"),
    ("response", "reject"): ("NOT_A_MEMBER", "OK", "OK", "WRONG_PHASE", "WRONG_PHASE", "OK"),
    ("kickout", "seated"): ("NOT_A_MEMBER", "FORBIDDEN", "FORBIDDEN", "OK", "OK", "FORBIDDEN"),
}


def test_every_command_has_a_row():
    assert {kind for kind, _ in TABLE} == DIALECT.commands.keys()


@gen_test
@pytest.mark.parametrize("row", TABLE, ids="-".join)
async def test_a_command_is_for_whom_it_should_be(row):
    kind, what = row
    async with on_air() as scene:
        await scene.live()
        stranger, viewer = await scene.sign_up("stranger", gender=1), await scene.sign_up("viewer", gender=1)
        banned = await scene.sign_up("banned", gender=1)
        await scene.sits(scene.tom)
        for who in (viewer, banned, scene.mei):
            await scene.watches(who)
        await scene.engine.blind_dates.apply(await scene.record(scene.mei), room(scene))
        await scene.ban(banned, BanKind.BROADCAST)
        content = {
            "": None,
            "text": "hello",
            "hearts": {"count": 1},
            "viewer": {"user_id": viewer.id},
            "accept": {"data": "accept"},
            "reject": {"data": "reject"},
            "seated": {"user_id": scene.tom.id},
        }[what]

        found = []
        for who in (stranger, viewer, scene.mei, scene.tom, scene.hong, banned):
            ear = await listen(scene, who)
            before = scene.dump()
            found.append(await refused(ear, kind, content))
            assert found[-1] == "OK" or scene.dump() == before

        assert tuple(found) == TABLE[row]


@gen_test
@pytest.mark.parametrize(("kind", "content"), [("message", "hello"), ("like", None), ("response", {"data": "accept"})])
async def test_an_open_socket_is_no_way_around_a_logout(kind, content):
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        ear = await listen(scene, scene.tom)
        await ear.hear_next("room")

        await scene.engine.identity.sign_out(scene.tom.token)

        assert await refused(ear, kind, content) == "NOT_SIGNED_IN"
        assert await refused(ear, "ping") == "OK"


# --- what a matchmaker imposes ---------------------------------------------------------------------------------------


@gen_test
async def test_who_is_muted_is_told_and_says_nothing_until_it_is_lifted_whatever_socket_he_opens():
    async with on_air() as scene:
        await scene.live()
        await scene.watches(scene.tom)
        hong, tom = await scene.record(scene.hong), (await scene.record(scene.tom)).id
        ear = await listen(scene, scene.tom)
        await ear.hear_next("room")

        await scene.engine.rooms.impose(hong, room(scene), tom, SanctionKind.MUTE, until_ms=None)
        told = await ear.hear_next("muted")
        again = await listen(scene, scene.tom)
        muted = [await refused(one, "message", "hello") for one in (ear, again)]
        await scene.engine.rooms.lift(hong, room(scene), tom, SanctionKind.MUTE)
        lifted = await ear.hear_next("muted")

        assert told["content"] == {"group_id": scene.hong.id, "muted": True, "until_ms": None}
        assert muted == ["FORBIDDEN", "FORBIDDEN"]
        assert lifted["content"]["muted"] is False
        assert await refused(again, "message", "hello") == "OK"


@gen_test
@pytest.mark.parametrize("what", ["kick", "ban"])
async def test_who_is_sent_away_hears_no_more_and_does_not_come_back_by_reconnecting(what):
    async with on_air() as scene:
        await scene.live()
        await scene.sits(scene.tom)
        hong, tom = await scene.record(scene.hong), (await scene.record(scene.tom)).id
        ear = await listen(scene, scene.tom)
        shown = await ear.hear_next("room")

        if what == "kick":
            await scene.engine.rooms.kick(hong, room(scene), tom)
        else:
            await scene.engine.rooms.impose(hong, room(scene), tom, SanctionKind.BAN, until_ms=None)
        away = await ear.hear_next("sent_away")
        await talk(scene, scene.hong, "he is gone")
        said = await refused(ear, "message", "I am not")
        position = {"epoch": str(shown["epoch"]), "seq": str(shown["seq"])}
        again = await listen(scene, scene.tom, live_id=scene.hong.id, **position)
        elsewhere = await listen(scene, scene.tom)

        assert (away["content"]["until_ms"] is None) == (what == "ban")
        assert said == "NOT_A_MEMBER"
        assert await again.ended() == (4003, "您已被移出该直播间")
        assert (await answer(elsewhere, "ping"))["type"] == "pong"
        assert scene.engine.blind_dates.place_of(tom) is None
        await scene.engine.rooms.lift(hong, room(scene), tom, SanctionKind.BAN)
        assert (await (await listen(scene, scene.tom, live_id=scene.hong.id)).hear())["type"] == "room"


@gen_test
async def test_the_end_is_told_to_all_and_the_connections_stay():
    async with on_air() as scene:
        await scene.live()
        await scene.sits(scene.tom)
        await scene.watches(scene.mei)
        ears = [await listen(scene, who) for who in (scene.hong, scene.tom, scene.mei)]
        for ear in ears:
            await ear.hear_next("room")

        await scene.engine.blind_dates.end(await scene.record(scene.hong), room(scene))

        for ear in ears:
            over = await ear.hear_next("over")
            assert (over["content"], over["group_id"]) == ("", scene.hong.id)
            assert await refused(ear, "message", "hello") == "NOT_A_MEMBER"
        late = await listen(scene, scene.tom, live_id=scene.hong.id)
        assert (await late.hear())["type"] == "over"
