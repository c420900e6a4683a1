"""Who hears what a room is told: everybody in it, those who come and those who go, once each."""

from engine.events import AudienceChanged, RoomClosed, RoomShown, RoomTextSaid, SeatLeft, SeatTaken
from store.interfaces.ids import RoomId
from tests.people import Stage, on_a_visit, on_stage

ROOM = RoomId("room_1")


async def push(cast, person, room_id=ROOM):
    address = f"push:{room_id}_{person.id}"
    return await cast.engine.live_rooms.add_pusher(
        person, room_id, name="n", avatar_url="", push_address=address, info=None
    )


def heard(cast, person, kind):
    return [event for event in cast.stage.heard.events[person.id] if isinstance(event, kind)]


async def test_a_viewer_hears_his_own_coming_and_going_and_nothing_after():
    async with on_stage() as cast:
        await push(cast, cast.mei)

        await cast.engine.live_rooms.enter(cast.tom, ROOM, described="{}")
        await cast.engine.rooms.say(cast.mei, ROOM, "hello")
        await cast.engine.live_rooms.leave(cast.tom, ROOM)
        await cast.engine.rooms.say(cast.mei, ROOM, "he is gone")

        assert [event.count for event in heard(cast, cast.tom, AudienceChanged)] == [1]
        assert [event.text for event in heard(cast, cast.tom, RoomTextSaid)] == ["hello"]
        assert [event.text for event in heard(cast, cast.mei, RoomTextSaid)] == ["hello", "he is gone"]


async def test_a_viewer_who_begins_to_send_is_told_once():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await cast.engine.live_rooms.enter(cast.tom, ROOM, described="{}")

        await push(cast, cast.tom)
        await cast.engine.rooms.say(cast.tom, ROOM, "me too")

        assert len(heard(cast, cast.tom, SeatTaken | SeatLeft | RoomClosed)) == 1
        assert len(heard(cast, cast.tom, RoomTextSaid)) == 1


async def test_a_pusher_who_is_removed_hears_of_it():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await push(cast, cast.tom)

        await cast.engine.live_rooms.remove_pusher(cast.mei, ROOM, cast.tom.id)
        await cast.engine.rooms.say(cast.mei, ROOM, "he is gone")

        assert [event.status_code for event in heard(cast, cast.tom, SeatTaken | SeatLeft | RoomClosed)] == [2, 3]
        assert heard(cast, cast.tom, RoomTextSaid) == []


async def test_whoever_is_at_a_show_hears_it_with_the_connections_that_ask_for_it_and_no_others():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")

        await visit.engine.show_rooms.visit(visit.yi, show.id, connection="a", since=None)
        await visit.engine.show_chat.say(visit.yi, show.id, "hello", shown_id="1")

        heard_here = visit.stage.heard
        assert [type(event) for event, _ in heard_here.backlogs["a"]] == [RoomShown]
        assert visit.yi.id not in heard_here.rooms[show.id]
        assert [event for event in heard_here.events[visit.yi.id] if isinstance(event, RoomShown)] == []


async def test_a_closed_room_is_told_so_and_then_has_no_listeners():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await cast.engine.live_rooms.enter(cast.tom, ROOM, described="{}")

        await cast.engine.live_rooms.destroy(cast.mei, ROOM)
        await cast.stage.advance(100)

        assert len(heard(cast, cast.tom, SeatTaken | SeatLeft | RoomClosed)) == 1
        assert ROOM not in cast.stage.heard.rooms


async def test_the_two_of_a_call_hear_their_room_from_the_start():
    async with on_stage() as cast:
        await cast.ring()
        room = await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=cast.tom.id)

        await cast.engine.rooms.say(cast.tom, room.id, "there you are")

        for person in cast.both:
            assert [event.text for event in heard(cast, person, RoomTextSaid)] == ["there you are"]


async def test_a_room_that_was_taken_over_tells_the_pushers_it_found():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await cast.stage.kill()

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            await second.engine.rooms.say(cast.mei, ROOM, "still here")
            assert second.heard.kinds(cast.mei) == ["RoomShown", "RoomTextSaid"]
        finally:
            await second.tasks.cancel_all()
