"""What presence knows of people in rooms: when they were last here, and that they are remembered while a room asks."""

from engine.room.messages import Attendance
from store.interfaces.ids import PersonId
from tests.people import on_a_date

STRANGER = PersonId(77_777)
REACHABLE_MS = 60_000


async def test_nobody_knows_anything_of_whom_this_node_has_never_seen():
    async with on_a_date() as date:
        presence = date.engine.presence

        assert presence.attendance(STRANGER) is None
        presence.attend(STRANGER)
        assert presence.attendance(STRANGER) is None


async def test_a_question_is_a_sign_of_life_and_a_line_holds():
    async with on_a_date() as date:
        presence, bo = date.engine.presence, date.bo
        now_ms = date.engine.node.now_ms()
        assert presence.attendance(bo.id) == Attendance(is_held=False, seen_at_ms=now_ms, had_line=False)

        date.connect(bo, bo)
        await date.stage.advance(5_000)
        date.hang_up(bo)
        assert presence.attendance(bo.id).is_held
        date.hang_up(bo)

        assert presence.attendance(bo.id) == Attendance(is_held=False, seen_at_ms=now_ms + 5_000, had_line=True)


async def test_a_line_that_was_dead_before_it_closed_lived_until_the_next_ping_at_most():
    async with on_a_date() as date:
        presence, clock = date.engine.presence, date.stage.clock
        began_ms, began_mono_ms = date.engine.node.now_ms(), clock.mono_ms()
        presence.person_connected(date.bo.id, at_mono_ms=began_mono_ms)
        await date.stage.advance(50_000)

        presence.person_disconnected(date.bo.id, at_mono_ms=clock.mono_ms(), heard_at_mono_ms=began_mono_ms + 7_000)

        assert presence.attendance(date.bo.id).seen_at_ms == began_ms + 7_000 + 25_000


async def test_a_line_that_closes_between_two_pings_was_alive_until_then():
    async with on_a_date() as date:
        presence, clock = date.engine.presence, date.stage.clock
        heard_mono_ms = clock.mono_ms()
        presence.person_connected(date.bo.id, at_mono_ms=heard_mono_ms)
        await date.stage.advance(20_000)

        presence.person_disconnected(date.bo.id, at_mono_ms=clock.mono_ms(), heard_at_mono_ms=heard_mono_ms)

        assert presence.attendance(date.bo.id).seen_at_ms == date.engine.node.now_ms()


async def test_whoever_is_in_a_room_is_remembered_and_then_forgotten_like_anybody():
    async with on_a_date() as date:
        presence, bo = date.engine.presence, date.bo
        seen_at_ms = date.engine.node.now_ms()
        presence.attend(bo.id)
        presence.attend(bo.id)

        await date.stage.advance(10 * REACHABLE_MS)
        assert presence.attendance(bo.id).seen_at_ms == seen_at_ms
        presence.unattend(bo.id)
        await date.stage.advance(REACHABLE_MS)
        assert presence.attendance(bo.id) is not None

        presence.unattend(bo.id)
        await date.stage.advance(3_000)
        assert presence.attendance(bo.id) is None


async def test_being_waited_for_in_a_room_is_not_being_here():
    async with on_a_date() as date:
        presence, bo = date.engine.presence, date.bo
        presence.attend(bo.id)

        await date.stage.advance(REACHABLE_MS + 3_000)

        assert not presence.is_here(bo.id)
        assert not await presence.is_reachable("qlive", bo.id)
