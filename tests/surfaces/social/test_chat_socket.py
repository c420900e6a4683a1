"""The chat's socket: who gets one, in which words, what may be said, and coming back. Source: seed behaviour §4.6."""

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace
from tornado.httpclient import HTTPClientError

from engine import settings
from engine.ports import TokenKind
from engine.records import BanKind
from engine.services.deliveries import OVERLAP_MS
from tests.surfaces.served import Ear, until
from tests.surfaces.social.golden_contacts import a_group_is_made, a_group_is_there
from tests.surfaces.social.scene import Person, Scene, on_line

gen_test = pytest.mark.gen_test

PATH = "/api/chat/ws"


class Chat:
    """Verbs of those who chat."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    async def opened(self, who: Person, *, frame: Any = None, path: str = PATH, **query: str) -> Ear:
        """A socket of somebody; ``frame`` is what he says first."""
        ear = await self.scene.open_ear(path, {"token": who.atoken, **query})
        deliveries = self.scene.engine.conversations.deliveries
        person_id = (await self.scene.record(who)).id
        await until(lambda: any(line.waiting is None for line in deliveries._lines_of_person.get(person_id, ())))
        if frame is not None:
            await ear.say(frame)
        return ear

    async def befriend(self, one: Person, other: Person) -> None:
        await self.scene.told(one, "POST", "/api/contact/add-friend", {"username": other.name})

    async def refused(self, query: dict[str, str], headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
        """Status, code and headers of a handshake that is not accepted."""
        with pytest.raises(HTTPClientError) as refused:
            await self.scene.open_ear(PATH, query, headers=headers)
        answered = refused.value.response
        assert answered is not None
        return refused.value.code, json.loads(answered.body), answered.headers


def old(to: str, text: str = "hi", kind: int = 1, **more: Any) -> dict[str, Any]:
    return {"Type": kind, "TargetId": to, "Media": 1, "Content": text, **more}


def new(to: str = "", text: str = "hi", to_type: str = "user") -> dict[str, Any]:
    return {"type": "chat", "content": json.dumps({"content": text, "to_type": to_type, "to": to})}


def history(**asked: Any) -> dict[str, Any]:
    return {"type": "history", "content": json.dumps(asked)}


BEAT = {"Type": 3}
NEW_FIRST = history(count=1, to_type="all")


# --- who gets one --------------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize("path", [PATH, PATH + "/", "/ws"])
async def test_an_atoken_opens_a_socket_wherever_it_stands(path):
    async with on_line() as scene:
        token = scene.wxy.atoken
        for query, headers in (
            ({"token": token}, {}),
            ({"token": f"Bearer {token}"}, {}),
            ({}, {"Authorization": f"Bearer {token}"}),
            ({"token": token, "user_id": scene.zhao.id}, {}),
        ):
            ear = await scene.open_ear(path, query, headers=headers)
            await ear.say("ping")
            assert await ear.connection.read_message() == "pong"


@gen_test
@pytest.mark.parametrize("name", ["user_id", "UserId", "userId", "id"])
async def test_a_socket_is_the_credentials_whatever_the_query_says(name):
    async with on_line() as scene:
        await Chat(scene).befriend(scene.wxy, scene.jhinih)
        ear = await scene.open_ear(PATH, {"token": scene.wxy.atoken, name: scene.zhao.id})

        await ear.say(old(scene.jhinih.id, "it is me", UserId=scene.zhao.id, UserName="zhao"))

        heard = await ear.hear()
        assert (heard["UserId"], heard["UserName"], heard["Content"]) == (scene.wxy.id, "wxy", "it is me")


@gen_test
async def test_a_ticket_opens_one_socket_once():
    async with on_line() as scene:
        chat = Chat(scene)
        ticket = (await scene.told(scene.wxy, "GET", "/api/chat/ws-ticket"))["ticket"]

        ear = await scene.open_ear(PATH, {"ticket": ticket})
        await ear.say("ping")

        assert await ear.connection.read_message() == "pong"
        status, body, _ = await chat.refused({"ticket": ticket})
        assert (status, body["code"], body["data"]) == (401, -20002, {})


@gen_test
async def test_of_many_who_show_a_ticket_at_once_one_gets_a_socket():
    async with on_line() as scene:
        ticket = (await scene.told(scene.wxy, "GET", "/api/chat/ws-ticket"))["ticket"]

        opened = await asyncio.gather(
            *(scene.open_ear("/ws", {"ticket": ticket}) for _ in range(20)), return_exceptions=True
        )

        assert sum(isinstance(one, Ear) for one in opened) == 1
        assert all(isinstance(one, Ear) or one.code == 401 for one in opened)


@gen_test
async def test_a_bad_credential_is_refused_by_http_in_the_envelope():
    async with on_line() as scene:
        chat = Chat(scene)
        old_ticket = scene.token_of(scene.wxy, TokenKind.TICKET, age_s=100, path=PATH)
        elsewhere = scene.token_of(scene.wxy, TokenKind.TICKET, path="/ws/chat")
        for query, headers, code in (
            ({}, {}, -20001),
            ({"token": ""}, {}, -20001),
            ({"token": "x"}, {}, -20004),
            ({"token": scene.wxy.rtoken}, {}, -20003),
            ({"ticket": scene.wxy.atoken}, {}, -20003),
            ({"token": scene.token_of(scene.wxy, TokenKind.TICKET, path=PATH)}, {}, -20003),
            ({"ticket": old_ticket}, {}, -20000),
            ({"ticket": elsewhere}, {}, -20002),
            ({}, {"Authorization": scene.wxy.atoken}, -20005),
        ):
            status, body, answered = await chat.refused(query, headers)

            assert (status, body["code"], body["data"]) == (401, code, {}), query
            assert answered["X-Request-Id"] == body["request_id"]
            assert answered["X-Content-Type-Options"] == "nosniff"
            assert not any(
                token in str(scene.log.lines) for token in (*query.values(), *headers.values()) if len(token) > 9
            )


@gen_test
async def test_a_page_of_somebody_else_gets_no_socket():
    async with on_line() as scene:
        headers = {"Origin": "https://evil.example"}

        status, body, _ = await Chat(scene).refused({"token": scene.wxy.atoken}, headers)

        assert (status, body["code"]) == (403, -20008)


@gen_test
async def test_who_is_banned_gets_none_and_loses_what_he_has():
    async with on_line() as scene:
        chat = Chat(scene)
        ear = await chat.opened(scene.wxy)

        await scene.ban(scene.wxy, BanKind.ACCOUNT)
        await scene.clock.advance(2_000)

        assert (await ear.ended())[0] == 4003
        assert (await chat.refused({"token": scene.wxy.atoken}))[0] == 403


@gen_test
async def test_a_socket_ends_with_the_sign_in_and_not_with_the_token():
    async with on_line() as scene:
        chat = Chat(scene)
        ear = await chat.opened(scene.wxy)
        await scene.told(scene.wxy, "POST", "/api/login/logout")
        await scene.clock.advance(1_000)

        assert (await ear.ended())[0] == 4001
        assert not scene.engine.conversations.deliveries._lines


# --- the older dialect ---------------------------------------------------------------------------------------------


@gen_test
async def test_the_older_dialect_tells_what_is_said_to_both_with_the_servers_words_for_who_and_when():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        wxy, jhinih = [await chat.opened(one, frame=BEAT) for one in (scene.wxy, scene.jhinih)]
        assert (await wxy.hear())["Type"] == (await jhinih.hear())["Type"] == 3

        await wxy.say(old(scene.jhinih.id, UserId=scene.zhao.id, UserName="zhao", CreateTime="1", Desc="d", Amount=2))
        heard = await jhinih.hear()

        assert heard == await wxy.hear()
        assert int(heard.pop("id")) > 2**60
        assert int(heard.pop("CreateTime")) > 1_767_000_000_000
        assert heard == {
            "Type": 1,
            "UserId": scene.wxy.id,
            "UserName": "wxy",
            "TargetId": scene.jhinih.id,
            "TargetName": "jhinih",
            "Media": 1,
            "Content": "hi",
            "Pic": "",
            "Url": "",
            "Desc": "d",
            "Amount": 2,
            "ReadTime": "",
        }


@gen_test
async def test_a_group_is_heard_by_its_members_on_all_their_sockets_and_by_nobody_else():
    async with on_line() as scene:
        chat = Chat(scene)
        await a_group_is_made(scene)
        await scene.told(scene.wxy, "POST", "/api/contact/join-community", {"community_id": scene.group})
        ears = [await chat.opened(one, frame=BEAT) for one in (scene.jhinih, scene.wxy, scene.wxy)]
        zhao = await chat.opened(scene.zhao, frame=BEAT)
        for ear in (*ears, zhao):
            await ear.hear()

        await ears[0].say(old(scene.group, kind=2))

        for ear in ears:
            heard = await ear.hear()
            assert (heard["Type"], heard["TargetId"], heard["UserId"]) == (2, scene.group, scene.jhinih.id)
        await zhao.say(old(scene.group, kind=2))
        assert (await zhao.hear())["code"] == -20008


@gen_test
async def test_a_heartbeat_is_activity():
    async with on_line() as scene:
        chat = Chat(scene)
        ear = await chat.opened(scene.wxy)
        await scene.told(None, "GET", "/api/contact/get-user-list-online")
        wxy_id = (await scene.record(scene.wxy)).id
        before_ms = scene.database.members[wxy_id].active_at_ms
        await scene.clock.advance(500)

        await ear.say({"Type": "3"})

        assert (await ear.hear())["Type"] == 3
        await scene.told(None, "GET", "/api/contact/get-user-list-online")
        assert scene.database.members[wxy_id].active_at_ms == before_ms + 500


# --- the newer dialect ---------------------------------------------------------------------------------------------


@gen_test
async def test_the_newer_dialect_tells_what_is_said_to_both():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        wxy = await chat.opened(scene.wxy)
        jhinih = await chat.opened(scene.jhinih, frame=NEW_FIRST)
        await jhinih.say("ping")
        assert await jhinih.connection.read_message() == "pong"

        await wxy.say({"type": "chat", "content": {"content": " hi ", "to_type": "user", "to": int(scene.jhinih.id)}})
        heard = await jhinih.hear()

        assert heard == await wxy.hear()
        assert type(heard.pop("timestamp")) is int
        assert heard.pop("id").isdigit()
        assert heard == {
            "type": "chat",
            "content": "hi",
            "user_id": scene.wxy.id,
            "user_name": "wxy",
            "to_type": "user",
            "to": scene.jhinih.id,
            "media": 1,
            "url": "",
        }


@gen_test
async def test_everybody_hears_what_an_administrator_says_to_all():
    async with on_line() as scene:
        chat = Chat(scene)
        ears = {one.name: await chat.opened(one, frame=NEW_FIRST) for one in (scene.ann, scene.wxy, scene.zhao)}

        await ears["wxy"].say(new(to_type="all"))
        assert (await ears["wxy"].hear())["code"] == -20008
        await ears["ann"].say(new(text="to all", to_type="all"))

        for ear in ears.values():
            heard = await ear.hear()
            assert (heard["content"], heard["to_type"], heard["user_id"]) == ("to all", "all", scene.ann.id)


@gen_test
async def test_a_level_that_was_taken_away_is_gone_from_open_sockets_too():
    async with on_line() as scene:
        chat = Chat(scene)
        mod = await scene.newcomer("mod", level=3)
        ear = await chat.opened(mod)
        await scene.told(scene.ann, "POST", "/api/user/set-role", {"id": mod.id, "role": "1"})

        await ear.say(new(to_type="all"))

        assert (await ear.hear())["code"] == -20008


@gen_test
async def test_history_comes_in_frames_of_its_own_newest_first_to_participants_only():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        wxy = await chat.opened(scene.wxy)
        ids = []
        for number in range(4):
            await wxy.say(new(scene.jhinih.id, str(number)))
            ids.append((await wxy.hear())["id"])

        await wxy.say(history(count=2, to_type="user", to=scene.jhinih.id))
        first = [await wxy.hear() for _ in range(2)]
        await wxy.say(history(count=9, before=ids[2]))
        second = [await wxy.hear() for _ in range(2)]

        assert [one["id"] for one in first + second] == ids[::-1]
        assert {one["type"] for one in first + second} == {"history"}
        zhao = await chat.opened(scene.zhao, frame=history(count=50))
        await zhao.say(history(to_type="user", to=scene.jhinih.id))
        await zhao.say("ping")
        assert await zhao.connection.read_message() == "pong"


@gen_test
async def test_an_assistant_is_not_there_unless_it_is_set_and_then_it_says_what_it_is_told():
    echoing = replace(settings.Settings(), social=settings.Social(echo_bot=True))
    async with on_line() as scene:
        ear = await Chat(scene).opened(scene.wxy, frame={"type": "ai", "content": "hello"})
        refusal = await ear.hear()
        assert (refusal["type"], refusal["code"]) == ("error", -43960)
    async with on_line(echoing) as scene:
        ear = await Chat(scene).opened(scene.wxy, frame={"type": "ai", "content": "hello"})
        told = await ear.hear()
        assert (told["type"], told["content"]) == ("ai", "hello")
        await ear.say({"type": "common_ai", "content": '{"content": "你好"}'})
        told = await ear.hear()
        assert (told["type"], told["content"]) == ("common_ai", "你好")
        assert scene.database.messages == {}


# --- which dialect -------------------------------------------------------------------------------------------------


@gen_test
async def test_who_has_not_spoken_hears_both_dialects_in_one_frame_and_then_his_own():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        speaker, silent, other = [await chat.opened(one) for one in (scene.wxy, scene.jhinih, scene.jhinih)]
        await speaker.say(new(scene.jhinih.id))
        both = await silent.hear()
        assert both == await other.hear()
        assert (both["type"], both["content"], both["user_id"]) == ("chat", "hi", scene.wxy.id)
        assert (both["Type"], both["Content"], both["UserId"]) == (1, "hi", scene.wxy.id)

        await silent.say("ping")
        assert await silent.connection.read_message() == "pong"
        await silent.say(BEAT)
        await silent.hear()
        await other.say(NEW_FIRST)
        await other.say("ping")
        assert await other.connection.read_message() == "pong"
        await speaker.hear()
        await speaker.say(new(scene.jhinih.id))

        assert "type" not in await silent.hear()
        assert "Type" not in await other.hear()


@gen_test
async def test_the_first_frame_decides_and_later_ones_of_the_other_dialect_are_refused():
    async with on_line() as scene:
        chat = Chat(scene)
        ear = await chat.opened(scene.wxy)
        for frame in ({"x": 1}, {"Type": 9}, {"type": 5}, [1], "no json"):
            await ear.say(frame)
            assert (await ear.hear())["code"] == 10001
        await ear.say(BEAT)
        assert (await ear.hear())["Type"] == 3

        await ear.say(NEW_FIRST)

        assert (await ear.hear())["code"] == 10001


# --- what may be said ----------------------------------------------------------------------------------------------


@gen_test
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (old("<stranger>"), -20008),
        (old("<self>"), 10001),
        (old("7"), 10011),
        (old("7", kind=2), 10001),
        (old("<friend>", ""), 10001),
        (old("<friend>", " \x00\u202e "), 10001),
        (old("<friend>", "字" * 1_001), 10001),
        (old("x"), 10003),
        (old(""), 10002),
        (old("<friend>", Media=9), 10001),
        (old("<friend>", "", Media=4), 10001),
        (old("<friend>", Media=4, Url="https://elsewhere.example/uploads/a.png"), 10001),
        (old("<friend>", Url="https://elsewhere.example/a.png"), 10001),
        (new("<stranger>"), -20008),
        (new("<friend>", to_type="nobody"), 10001),
        (new("<friend>", ""), 10001),
        ({"type": "chat", "content": "no json"}, 10001),
        ({"type": "shout", "content": "{}"}, 10001),
        (history(to_type="group", to="7"), 10001),
        (history(before="x"), 10003),
    ],
)
async def test_what_is_not_said(frame, code):
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        text = json.dumps(frame)
        for name, one in (("stranger", scene.zhao), ("self", scene.wxy), ("friend", scene.jhinih)):
            text = text.replace(f"<{name}>", one.id)
        ear = await chat.opened(scene.wxy, frame=text)

        refusal = await ear.hear()

        assert (refusal["type"], refusal["code"]) == ("error", code)
        assert scene.database.messages == {}


@gen_test
async def test_a_picture_is_an_address_of_ours_and_words_are_kept_as_text():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        ear = await chat.opened(scene.wxy, frame=BEAT)
        await ear.hear()
        name = "/uploads/" + "a" * 64 + ".png"
        for address in (name, f"https://media.example{name}"):
            await ear.say(old(scene.jhinih.id, "", Media=4, Url=address))
            heard = await ear.hear()
            assert (heard["Media"], heard["Url"], heard["Content"]) == (4, address, "")

        await ear.say(old(scene.jhinih.id, " <b>a\x07b</b>\u202e ", Desc="\u202e<i>"))

        heard = await ear.hear()
        assert (heard["Content"], heard["Desc"]) == ("<b>ab</b>", "<i>")


@gen_test
async def test_strangers_may_talk_where_that_is_set():
    async with on_line(replace(settings.Settings(), social=settings.Social(open_private_chat=True))) as scene:
        chat = Chat(scene)
        ear = await chat.opened(scene.wxy)

        await ear.say(new(scene.zhao.id))

        assert (await ear.hear())["content"] == "hi"


@gen_test
async def test_ten_bad_frames_in_a_row_and_too_many_good_ones():
    async with on_line() as scene:
        chat = Chat(scene)
        ear = await chat.opened(scene.wxy)
        for _ in range(60):
            await ear.say("ping")
        said = [await ear.connection.read_message() for _ in range(60)]
        assert said.count("pong") < 60
        assert json.loads(next(one for one in said if one != "pong"))["code"] == -20007

        await scene.clock.advance(10_000)
        for _ in range(10):
            await ear.say("x")

        assert (await ear.ended())[0] == 1008


@gen_test
async def test_a_good_word_between_them_makes_bad_frames_no_row():
    async with on_line() as scene:
        ear = await Chat(scene).opened(scene.wxy)

        for said in (*9 * ["x"], "ping", *9 * ["x"], "ping"):
            await ear.say(said)

        heard = [await ear.connection.read_message() for _ in range(20)]
        assert (heard[9], heard[19]) == ("pong", "pong")


# --- coming back ---------------------------------------------------------------------------------------------------


@gen_test
async def test_what_was_missed_is_told_and_what_was_answered_for_is_not_told_again():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        wxy = await chat.opened(scene.wxy)
        await wxy.say(new(scene.jhinih.id, "1"))
        jhinih = await chat.opened(scene.jhinih)
        assert (await jhinih.hear())["content"] == "1"
        assert scene.database.told_up_to == {}
        await scene.clock.advance(2_000)
        await jhinih.say("ping")  # Asks us to ask: the answer to our ping is the proof.
        assert await jhinih.connection.read_message() == "pong"
        deliveries = scene.engine.conversations.deliveries
        await until(lambda: deliveries._proofs)
        await scene.clock.advance(1_000)
        (told_id,) = scene.database.told_up_to.values()
        assert told_id == max(scene.database.messages)
        await wxy.say(new(scene.jhinih.id, "2"))
        assert (await jhinih.hear())["content"] == "2"
        jhinih.close()
        await until(lambda: scene.hub.sockets_count == 1)

        again = await chat.opened(scene.jhinih)

        assert (await again.hear())["content"] == "1"  # Within the overlap of its own proof.
        assert (await again.hear())["content"] == "2"


@gen_test
async def test_a_pong_that_nobody_asked_for_proves_nothing():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        wxy = await chat.opened(scene.wxy)
        jhinih = await chat.opened(scene.jhinih)
        await scene.clock.advance(100)
        await wxy.say(new(scene.jhinih.id, "1"))
        await jhinih.hear()

        for data in (b"", b"1", b"2"):
            jhinih.connection.protocol._write_frame(True, 0xA, data)
        await jhinih.say("ping")
        await jhinih.connection.read_message()

        assert scene.engine.conversations.deliveries._proofs == {}


@gen_test
async def test_the_clients_last_id_is_believed():
    async with on_line() as scene:
        chat = Chat(scene)
        await chat.befriend(scene.wxy, scene.jhinih)
        wxy = await chat.opened(scene.wxy)
        ids = []
        for number in range(3):
            await wxy.say(new(scene.jhinih.id, str(number)))
            ids.append((await wxy.hear())["id"])
            await scene.clock.advance(OVERLAP_MS + 1_000)

        for query in ({"last_id": ids[1]}, {"after": ids[1]}):
            ear = await chat.opened(scene.jhinih, **query)
            assert (await ear.hear())["content"] == "1"
            assert (await ear.hear())["content"] == "2"
        assert (await (await scene.open_ear(PATH, {"token": scene.wxy.atoken, "last_id": "x"})).ended())[0] == 1008


@gen_test
async def test_who_joins_a_group_hears_it_at_once():
    async with on_line() as scene:
        chat = Chat(scene)
        await a_group_is_made(scene)
        jhinih, wxy = await chat.opened(scene.jhinih), await chat.opened(scene.wxy)

        await scene.told(scene.wxy, "POST", "/api/contact/join-community", {"community_id": scene.group})
        await jhinih.say(new(scene.group, to_type="group"))

        assert (await wxy.hear())["to"] == scene.group


@gen_test
async def test_nothing_is_left_of_sockets_that_have_gone():
    async with on_line() as scene:
        chat = Chat(scene)
        await a_group_is_there(scene)
        for _ in range(3):
            ear = await chat.opened(scene.wxy)
            ear.close()
        deliveries = scene.engine.conversations.deliveries
        await until(lambda: not deliveries._lines)

        assert not deliveries._lines_of
        assert not deliveries._lines_of_person
        assert not deliveries._opening
        assert scene.hub.rooms_count == 0
