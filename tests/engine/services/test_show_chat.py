"""Talking at shows: kept before it is told, once, by those who may; and reading it later."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.errors import Banned, Forbidden, NotFound, Silenced, StoreDown, TooMany, WrongRole
from engine.events import AnchorLineShown, RoomTextSaid
from engine.services.show_chat import Said
from engine.services.shows import show_id
from engine.settings import Settings, Site
from store.interfaces.chats import RecordKind
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.rooms import SanctionKind
from store.interfaces.shows import ShowKind
from tests.engine.services.test_show_rooms import here, next_owner
from tests.people import Visit, on_a_visit

HELLO = Said(kind=RecordKind.ANCHOR, sent="July 11, 2025 5:51pm", text="hello", html="<p>hello</p>")
HI = Said(kind=RecordKind.AI, sent="July 11, 2025 6:13pm", text="Hi there!")


def heard(visit: Visit, room_id: RoomId) -> list[str]:
    """The words that the room was told, in its order."""
    story = visit.stage.heard.stories[room_id]
    return [event.text for event, _ in story if isinstance(event, RoomTextSaid | AnchorLineShown)]


async def say(visit: Visit, person, room_id: RoomId, text: str) -> None:
    await visit.engine.show_chat.say(person, room_id, text, shown_id=str(person.id))


async def lines(visit: Visit, room_id: RoomId) -> list[str]:
    """What is kept of viewers."""
    show = await visit.engine.shows.get(room_id)
    return [line.text for line in await visit.engine.show_chat.lines(visit.jliu, show)]


# --- viewers ---------------------------------------------------------------------------------------------------------


async def test_what_a_viewer_says_is_kept_and_told_in_the_rooms_order():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await here(visit, visit.yi, show.id)

        for number in range(3):
            await say(visit, visit.yi, show.id, f"line {number}")
        await say(visit, visit.wei, show.id, "from outside")
        await say(visit, visit.jliu, show.id, "from the anchor")

        expected = ["line 0", "line 1", "line 2", "from outside", "from the anchor"]
        assert heard(visit, show.id) == await lines(visit, show.id) == expected
        (said, position), *_ = [one for one in visit.stage.heard.stories[show.id] if isinstance(one[0], RoomTextSaid)]
        assert (said.from_id, said.face.nickname) == (visit.yi.id, "yi zhao")
        assert said.at_ms == visit.engine.node.now_ms()
        assert position is not None


async def test_nobody_is_told_of_a_line_that_is_not_kept():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        visit.switch.is_down, visit.switch.only = True, "chats.keep_line"

        with pytest.raises(StoreDown):
            await say(visit, visit.yi, show.id, "hi")
        assert heard(visit, show.id) == []

        visit.switch.is_down = False
        await say(visit, visit.yi, show.id, "hi")
        assert heard(visit, show.id) == await lines(visit, show.id) == ["hi"]


async def test_a_line_whose_answer_was_lost_is_kept_once_and_told_once_when_it_is_said_again():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        visit.switch.loses_answers, visit.switch.only = True, "chats.keep_line"
        with pytest.raises(StoreDown):
            await say(visit, visit.yi, show.id, "hi")
        assert heard(visit, show.id) == []

        visit.switch.loses_answers = False
        for _ in range(3):
            await say(visit, visit.yi, show.id, "hi")

        assert heard(visit, show.id) == await lines(visit, show.id) == ["hi"]


async def test_the_same_words_at_once_are_one_line_and_after_five_seconds_another():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")

        await asyncio.gather(*(say(visit, visit.yi, show.id, "hi") for _ in range(5)))
        await visit.stage.advance(4_999)
        await say(visit, visit.yi, show.id, "hi")
        await say(visit, visit.wei, show.id, "hi")
        assert heard(visit, show.id) == ["hi", "hi"]
        await visit.stage.advance(1)
        await say(visit, visit.yi, show.id, "hi")

        assert heard(visit, show.id) == await lines(visit, show.id) == ["hi"] * 3


async def test_a_double_that_comes_after_a_restart_is_neither_kept_nor_told_again():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await say(visit, visit.yi, show.id, "hi")
        await visit.stage.kill()

        async with next_owner(visit) as restarted:
            await say(restarted, visit.yi, show.id, "hi")

            assert heard(restarted, show.id) == []
            assert await lines(restarted, show.id) == ["hi"]


async def test_a_person_says_five_lines_in_five_seconds_wherever_and_doubles_do_not_count():
    async with on_a_visit() as visit:
        tina, sera = [await visit.engine.show_rooms.start(visit.jliu, name) for name in ("Tina", "Sera")]
        for number in range(5):
            for _ in range(2):
                await say(visit, visit.yi, (tina if number % 2 else sera).id, f"line {number}")
            await visit.stage.advance(500)

        with pytest.raises(TooMany) as refused:
            await say(visit, visit.yi, tina.id, "one more")
        assert refused.value.retry_after_ms == 2_500
        await say(visit, visit.wei, tina.id, "another person")

        await visit.stage.advance(2_500)
        await say(visit, visit.yi, tina.id, "one more")
        with pytest.raises(TooMany):
            await say(visit, visit.yi, tina.id, "and yet one more")


async def test_who_talked_is_forgotten():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        for number in range(20):
            guest = replace(visit.yi, id=PersonId(2**52 + number))
            await say(visit, guest, show.id, "hi")
        await visit.stage.advance(5_000)

        await say(visit, visit.wei, show.id, "hi")

        chat = visit.engine.show_chat
        assert len(chat._told._noted) == len(chat._unsure._noted) == 1
        assert len(chat._turns) == 0


async def test_at_a_show_off_air_nobody_talks():
    async with on_a_visit() as visit:
        show = await visit.show()
        with pytest.raises(NotFound):
            await say(visit, visit.yi, show.id, "hi")
        with pytest.raises(NotFound):
            await say(visit, visit.yi, show_id(visit.jliu.public_id, "Nobody"), "hi")

        assert await lines(visit, show.id) == []


async def test_whoever_is_muted_says_nothing_until_it_is_over_whatever_happens_meanwhile():
    async with on_a_visit() as visit:
        rooms, shows = visit.engine.rooms, visit.engine.show_rooms
        show = await shows.start(visit.jliu, "Tina")
        guest = replace(visit.wei, id=PersonId(2**52 + 7), nickname="游客a1B2c3")
        for person in (visit.yi, guest):
            await here(visit, person, show.id, f"{person.id}")
            until_ms = visit.engine.node.now_ms() + 600_000
            await rooms.impose(visit.jliu, show.id, person.id, SanctionKind.MUTE, until_ms=until_ms)

        async def all_refused(of: Visit) -> None:
            for person in (visit.yi, guest):
                with pytest.raises(Silenced):
                    await say(of, person, show.id, "hi")

        await all_refused(visit)
        await shows.stop(visit.jliu, show.id)
        await shows.start(visit.jliu, "Tina")
        await all_refused(visit)
        await visit.stage.kill()

        async with next_owner(visit) as restarted:
            await all_refused(restarted)
            assert await lines(restarted, show.id) == []
            await restarted.stage.advance(600_000)
            for person in (visit.yi, guest):
                await say(restarted, person, show.id, "hi")
            assert await lines(restarted, show.id) == ["hi", "hi"]


async def test_whoever_is_banned_from_a_show_says_nothing_there():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.engine.rooms.impose(None, show.id, visit.yi.id, SanctionKind.BAN, until_ms=None)

        with pytest.raises(Banned):
            await say(visit, visit.yi, show.id, "hi")


async def test_at_a_show_that_costs_something_those_without_a_right_neither_talk_nor_read():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.VIP, 10)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        chat = visit.engine.show_chat

        for asked in (
            chat.say(visit.yi, show.id, "hi", shown_id="1"),
            chat.lines(visit.yi, show),
            chat.conversation(visit.yi, show),
        ):
            with pytest.raises(Forbidden):
                await asked
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)
        await say(visit, visit.yi, show.id, "hi")

        assert [line.text for line in await chat.lines(visit.yi, show)] == ["hi"]


async def test_of_viewers_the_last_twenty_lines_are_shown_oldest_first():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        for number in range(25):
            await say(visit, visit.yi, show.id, f"line {number}")
            await visit.stage.advance(1_100)

        assert await lines(visit, show.id) == [f"line {number}" for number in range(5, 25)]


# --- the anchor's conversation ---------------------------------------------------------------------------------------


async def test_the_first_record_puts_the_show_on_air_and_what_is_spoken_is_kept_and_told():
    async with on_a_visit() as visit:
        chat = visit.engine.show_chat
        created = Said(kind=RecordKind.CREATED, data='{"chat_metadata":{}}')
        room_id = show_id(visit.jliu.public_id, "Tina")

        for said in (created, HELLO, HI, Said(kind=RecordKind.UNKNOWN, data="{}")):
            await chat.record(visit.jliu, "Tina", said, date="2025-07-03@18h17m20s")

        show = await visit.engine.shows.get(room_id)
        assert await visit.engine.show_rooms.is_on_air(room_id)
        assert show.character_date == "2025-07-03@18h17m20s"
        kept = await chat.conversation(visit.yi, show)
        assert [(one.kind, one.speaker, one.text, one.html, one.sent) for one in kept] == [
            (RecordKind.ANCHOR, "jliu", "hello", "<p>hello</p>", "July 11, 2025 5:51pm"),
            (RecordKind.AI, "Tina", "Hi there!", "", "July 11, 2025 6:13pm"),
        ]
        assert heard(visit, room_id) == ["hello", "Hi there!"]
        assert await visit.stage.stores.chats.last_record_at_ms(room_id) is not None


async def test_a_placeholder_is_taken_and_dropped():
    async with on_a_visit() as visit:
        await visit.engine.show_chat.record(visit.jliu, "Tina", replace(HI, text="..."))

        room_id = show_id(visit.jliu.public_id, "Tina")
        assert await visit.engine.show_rooms.is_on_air(room_id)
        assert heard(visit, room_id) == []
        assert await visit.stage.stores.chats.last_record_at_ms(room_id) is None


async def test_the_same_record_sent_again_at_once_is_one():
    async with on_a_visit() as visit:
        for _ in range(3):
            await visit.engine.show_chat.record(visit.jliu, "Tina", HELLO)
        visit.switch.loses_answers, visit.switch.only = True, "chats.keep_record"
        with pytest.raises(StoreDown):
            await visit.engine.show_chat.record(visit.jliu, "Tina", HI)
        visit.switch.loses_answers = False
        await visit.engine.show_chat.record(visit.jliu, "Tina", HI)

        show = await visit.engine.shows.get(show_id(visit.jliu.public_id, "Tina"))
        assert heard(visit, show.id) == ["hello", "Hi there!"]
        assert len(await visit.engine.show_chat.conversation(visit.yi, show)) == 2


async def test_only_an_anchor_has_a_conversation():
    async with on_a_visit() as visit:
        with pytest.raises(WrongRole):
            await visit.engine.show_chat.record(visit.yi, "Tina", HELLO)


async def test_every_record_keeps_the_show_on_air_also_in_the_eyes_of_a_new_owner():
    async with on_a_visit(Settings(site=Site(on_air_ms=600_000))) as visit:
        room_id = show_id(visit.jliu.public_id, "Tina")
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.stage.advance(500_000)
        await visit.engine.show_chat.record(visit.jliu, "Tina", Said(kind=RecordKind.UNKNOWN, data="{}"))
        await visit.stage.advance(500_000)
        assert await visit.engine.show_rooms.is_on_air(room_id)
        await visit.stage.kill()

        async with next_owner(visit) as restarted:
            await restarted.stage.advance(60_000)
            assert await restarted.engine.show_rooms.is_on_air(room_id)
            await restarted.stage.advance(60_000)
            assert not await restarted.engine.show_rooms.is_on_air(room_id)


async def test_a_new_owner_has_all_that_was_said():
    async with on_a_visit() as visit:
        await visit.engine.show_chat.record(visit.jliu, "Tina", HELLO)
        show = await visit.engine.shows.get(show_id(visit.jliu.public_id, "Tina"))
        await say(visit, visit.yi, show.id, "hi")
        await visit.stage.kill()

        async with next_owner(visit) as restarted:
            assert await lines(restarted, show.id) == ["hi"]
            assert [one.text for one in await restarted.engine.show_chat.conversation(visit.yi, show)] == ["hello"]
