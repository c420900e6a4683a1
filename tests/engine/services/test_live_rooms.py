"""Rooms from the outside: pushers, audience, heartbeats, rooms of calls, and what survives a restart."""

import pytest

from engine.errors import AlreadyExists, Forbidden, NotAMember, NotFound, RoomFull, TooLong
from engine.room.messages import SetField
from store.interfaces.calls import EndReason, Phase
from store.interfaces.ids import RoomId
from tests.people import Stage, on_stage

ROOM = RoomId("room_1")


async def push(cast, person, room_id=ROOM):
    return await cast.engine.live_rooms.add_pusher(
        person,
        room_id,
        name=person.nickname,
        avatar_url="",
        push_address=f"push:{room_id}_{person.id}",
        info="hello",
    )


async def test_the_first_pusher_makes_and_activates_a_room():
    async with on_stage() as cast:
        assert cast.engine.live_rooms.listed(skip=0, limit=10) == ()

        await push(cast, cast.mei)

        assert [state.record.id for state in cast.engine.live_rooms.listed(skip=0, limit=10)] == [ROOM]
        assert cast.engine.live_rooms.is_on_air(cast.mei.id)


async def test_only_an_address_given_to_this_person_for_this_room_is_taken():
    async with on_stage() as cast:
        with pytest.raises(Forbidden):
            await cast.engine.live_rooms.add_pusher(
                cast.tom, ROOM, name="", avatar_url="", push_address=f"push:{ROOM}_{cast.mei.id}", info=None
            )


async def test_a_fifth_pusher_finds_the_room_full():
    async with on_stage() as cast:
        for name in "abcd":
            await push(cast, await cast.stage.sign_in(f"dev:{name}"))

        with pytest.raises(RoomFull):
            await push(cast, cast.tom)


async def test_a_silent_pusher_is_removed_and_a_silent_creator_closes_the_room():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await push(cast, cast.tom)

        for _ in range(5):
            await cast.stage.advance(6_000, seen=cast.both)
            await cast.engine.live_rooms.beat(cast.mei, ROOM)
        assert [pusher.person_id for pusher in cast.engine.live_rooms.get(ROOM).record.seats] == [cast.mei.id]

        await cast.stage.advance(30_000, seen=cast.both)
        with pytest.raises(NotFound):
            cast.engine.live_rooms.get(ROOM)
        assert "SeatLeft" in cast.heard(cast.tom)


async def test_the_audience_counts_people_and_forgets_those_who_have_gone():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        jim = await cast.stage.sign_in("dev:jim")
        for person in (cast.tom, cast.tom, jim):
            state = await cast.engine.live_rooms.enter(person, ROOM, described="{}")
        assert len(state.audience) == 2

        for _ in range(16):
            await cast.stage.advance(5_000, seen=cast.both)
            await cast.engine.live_rooms.beat(cast.mei, ROOM)

        assert list(cast.engine.live_rooms.get(ROOM).audience) == [cast.tom.id]


async def test_custom_fields_are_for_members_and_bounded():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        with pytest.raises(NotAMember):
            await cast.engine.live_rooms.set_field(
                ROOM, SetField(by=cast.tom.id, name="likes", operation="inc", value=None)
            )
        await cast.engine.live_rooms.enter(cast.tom, ROOM, described="{}")

        for _ in range(3):
            state = await cast.engine.live_rooms.set_field(
                ROOM, SetField(by=cast.tom.id, name="likes", operation="inc", value=None)
            )
        assert state.record.custom == {"likes": 3}
        with pytest.raises(TooLong):
            await cast.engine.live_rooms.set_field(
                ROOM, SetField(by=cast.mei.id, name="x", operation="set", value="y" * 1025)
            )


async def test_a_room_for_a_call_answers_the_ring_and_is_for_the_two_only():
    async with on_stage() as cast:
        jim = await cast.stage.sign_in("dev:jim")
        call = await cast.ring()

        room = await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=cast.tom.id)

        assert (await cast.stage.call(call.id)).phase is Phase.JOINING
        assert cast.engine.live_rooms.listed(skip=0, limit=10) == ()
        with pytest.raises(NotFound):
            cast.engine.live_rooms.addresses(jim, room.id)
        with pytest.raises(Forbidden):
            await push(cast, jim, room.id)
        with pytest.raises(Forbidden):
            await cast.engine.live_rooms.enter(jim, room.id, described="{}")


async def test_the_call_ends_with_its_room_and_the_room_with_its_call():
    async with on_stage() as cast:
        await cast.ring()
        room = await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=cast.tom.id)
        call = await cast.engine.calls.start(cast.mei, cast.tom.id)
        await cast.engine.live_rooms.destroy(cast.mei, room.id)
        await cast.stage.advance(100)
        assert (await cast.stage.call(call.id)).end_reason is EndReason.HUNG_UP

        await cast.ring()
        room = await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=cast.tom.id)
        await cast.hang_up()
        await cast.stage.advance(100)
        with pytest.raises(NotFound):
            cast.engine.live_rooms.get(room.id)


async def test_pictures_that_stop_are_a_lost_line_in_a_call():
    async with on_stage() as cast:
        await cast.ring()
        room = await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=cast.tom.id)
        await push(cast, cast.mei, room.id)
        await push(cast, cast.tom, room.id)
        call = await cast.engine.calls.start(cast.mei, cast.tom.id)

        for _ in range(3):
            await cast.stage.advance(6_000, seen=cast.both)
            await cast.engine.live_rooms.beat(cast.mei, room.id)
        await cast.stage.advance(8_000, seen=cast.both)

        # The line was dead for the whole grace by the time its silence was noticed.
        ended = await cast.stage.call(call.id)
        assert ended.end_reason is EndReason.LOST
        assert ended.ended_at_ms == call.started_at_ms + 20_000


async def test_somebody_elses_room_id_is_taken():
    async with on_stage() as cast:
        await cast.engine.live_rooms.create(cast.mei, room_id=ROOM, info="", guest_id=None)

        assert (await cast.engine.live_rooms.create(cast.mei, room_id=ROOM, info="", guest_id=None)).id == ROOM
        with pytest.raises(AlreadyExists):
            await cast.engine.live_rooms.create(cast.tom, room_id=ROOM, info="", guest_id=None)


async def test_an_empty_room_goes_after_a_while():
    async with on_stage() as cast:
        await cast.engine.live_rooms.create(cast.mei, room_id=ROOM, info="", guest_id=None)

        await cast.stage.advance(40_000, seen=cast.both)

        with pytest.raises(NotFound):
            cast.engine.live_rooms.get(ROOM)


async def test_rooms_and_their_pushers_survive_a_kill():
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await cast.stage.kill()

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            second.engine.presence.seen(cast.mei)
            state = await second.engine.live_rooms.beat(cast.mei, ROOM)
            assert [pusher.person_id for pusher in state.record.seats] == [cast.mei.id]
            assert state.record.epoch == 2
        finally:
            await second.tasks.cancel_all()


@pytest.mark.parametrize("fault", ["is_down", "loses_answers"])
async def test_a_room_that_cannot_be_claimed_stops_no_start_and_is_taken_over_by_the_sweep(fault: str):
    async with on_stage() as cast:
        await push(cast, cast.mei)
        await cast.stage.kill()
        cast.switch.only = "rooms.claim"
        setattr(cast.switch, fault, True)

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            second.log.take("room_not_claimed")
            assert second.engine.rooms.owned() == ()

            setattr(cast.switch, fault, False)
            await second.clock.advance(cast.engine.options.node.sweep_ms * 2)

            assert [state.record.id for state in second.engine.rooms.owned()] == [ROOM]
        finally:
            await second.tasks.cancel_all()


async def test_a_broadcast_is_watched_under_the_name_it_is_sent_under():
    async with on_stage() as cast:
        own = cast.engine.live_rooms.addresses(cast.mei, None)

        state = await cast.engine.live_rooms.add_pusher(
            cast.mei, ROOM, name="", avatar_url="", push_address=own.push, info=None
        )

        assert cast.engine.live_rooms.accelerated(state.record.seats[0]) == own.accelerated
        assert cast.engine.live_rooms.mixed(state.record) == f"flv:{cast.mei.id}"
        assert cast.engine.live_rooms.addresses(cast.tom, ROOM).play == own.accelerated
