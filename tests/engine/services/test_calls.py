"""Ringing, answering, being busy, and taking over: calls from the outside."""

import asyncio

import pytest

from engine.errors import BelowFloor, Busy, NotFound, SessionEnded, StoreDown, Unreachable, WrongPhase
from engine.services.calls import Match
from store.interfaces.calls import EndReason, Phase
from store.interfaces.people import Role
from tests.people import Stage, on_stage


async def test_a_guest_who_cannot_pay_a_minute_cannot_ring():
    async with on_stage(diamonds=9) as cast:
        with pytest.raises(BelowFloor) as refusal:
            await cast.ring()

        assert (refusal.value.need, refusal.value.have) == (10, 9)


async def test_ringing_again_is_the_same_ring():
    async with on_stage() as cast:
        first = await cast.ring()

        assert await cast.ring() == first


async def test_two_who_ring_each_other_have_agreed():
    async with on_stage() as cast:
        await cast.ring()

        agreed = await cast.engine.calls.ring(cast.mei, cast.tom.id)

        assert agreed.phase is Phase.JOINING


async def test_two_who_ring_each_other_at_the_same_moment_get_one_call():
    async with on_stage() as cast:
        one, other = await asyncio.gather(
            cast.engine.calls.ring(cast.tom, cast.mei.id), cast.engine.calls.ring(cast.mei, cast.tom.id)
        )

        assert one.id == other.id
        kept = await cast.engine.calls.current_of(cast.tom.id)
        assert kept is not None
        assert kept.phase is Phase.JOINING


async def test_somebody_in_a_call_is_busy_for_others():
    async with on_stage() as cast:
        jim = await cast.stage.sign_in("dev:jim?diamonds=100")
        await cast.ring()

        with pytest.raises(Busy):
            await cast.engine.calls.ring(jim, cast.mei.id)


async def test_an_anchor_cannot_ring_a_hidden_or_absent_guest():
    async with on_stage() as cast:
        await cast.engine.profiles.set_hidden(cast.tom, is_hidden=True)
        with pytest.raises(Unreachable):
            await cast.engine.calls.ring(cast.mei, cast.tom.id)

        await cast.engine.profiles.set_hidden(cast.tom, is_hidden=False)
        await cast.stage.advance(120_000, seen=(cast.mei,))
        with pytest.raises(Unreachable):
            await cast.engine.calls.ring(cast.mei, cast.tom.id)


async def test_an_anchor_may_not_start_before_the_guest_has_agreed():
    async with on_stage() as cast:
        await cast.engine.calls.ring(cast.mei, cast.tom.id)

        with pytest.raises(WrongPhase):
            await cast.engine.calls.start(cast.mei, cast.tom.id)
        assert (await cast.engine.calls.match(cast.mei, cast.tom.id))[0] is Match.UNANSWERED

        await cast.engine.calls.reply(cast.tom, cast.mei.id, agrees=True)
        assert (await cast.engine.calls.match(cast.mei, cast.tom.id))[0] is Match.AGREED


async def test_repeating_a_refusal_is_fine_and_taking_it_back_is_not():
    async with on_stage() as cast:
        await cast.engine.calls.ring(cast.mei, cast.tom.id)
        await cast.engine.calls.reply(cast.tom, cast.mei.id, agrees=False)

        await cast.engine.calls.reply(cast.tom, cast.mei.id, agrees=False)
        with pytest.raises(WrongPhase):
            await cast.engine.calls.reply(cast.tom, cast.mei.id, agrees=True)


async def test_hanging_up_twice_is_fine_and_on_a_stranger_is_not():
    async with on_stage() as cast:
        with pytest.raises(NotFound):
            await cast.hang_up()
        await cast.connect()

        first = await cast.hang_up()
        await cast.stage.advance(100)

        assert await cast.hang_up(cast.mei) == first


async def test_strangers_learn_nothing_of_a_call():
    async with on_stage() as cast:
        jim = await cast.stage.sign_in("dev:jim")
        call = await cast.connect()

        with pytest.raises(NotFound):
            await cast.engine.calls.of_party(jim, call.id)


async def test_a_lost_line_that_returns_within_the_grace_costs_nothing():
    async with on_stage() as cast:
        cast.engine.presence.line_opened(cast.tom.id)
        await cast.connect()
        await cast.stage.advance(50_000, seen=(cast.mei,))

        cast.engine.presence.line_closed(cast.tom.id, heard_at_ms=cast.engine.node.now_ms())
        await cast.stage.advance(15_000, seen=cast.both)  # Asking things does not bring a lost line back.
        cast.engine.presence.line_opened(cast.tom.id)
        await cast.stage.advance(6_000, seen=(cast.mei,))

        call = await cast.engine.calls.current_of(cast.tom.id)
        assert call is not None
        assert call.minutes_paid == 1
        assert 14_900 <= call.unbilled_ms <= 15_100


async def test_somebody_without_a_line_who_falls_silent_is_lost():
    async with on_stage() as cast:
        call = await cast.connect()

        await cast.stage.advance(85_000, seen=(cast.mei,))

        ended = await cast.stage.call(call.id)
        assert ended.end_reason is EndReason.LOST
        assert ended.minutes_paid == 2


async def test_after_a_kill_the_call_goes_on_within_what_is_paid_and_the_outage_is_not_billed():
    async with on_stage() as cast:
        call = await cast.connect()
        await cast.stage.advance(20_000, seen=cast.both)
        await cast.stage.kill()
        await cast.stage.clock.advance(5_000)

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            for person in cast.both:
                second.engine.presence.seen(person)
            await second.clock.advance(1_000)
            resumed = second.engine.calls.owned()[0]
            assert resumed.id == call.id
            assert resumed.epoch == 2
            assert resumed.phase is Phase.CONNECTED
            assert 5_000 <= resumed.unbilled_ms <= 8_500
            await second.advance(40_000, seen=cast.both)
            ended = await second.engine.calls.hang_up(cast.tom, cast.mei.id)
            assert ended.minutes_paid == 1
        finally:
            await second.tasks.cancel_all()


async def test_after_an_outage_past_what_was_paid_the_call_is_over_at_the_last_paid_minute():
    async with on_stage() as cast:
        call = await cast.connect()
        await cast.stage.advance(50_000, seen=cast.both)
        await cast.stage.kill()
        await cast.stage.clock.advance(15_000)

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            ended = await cast.stage.call(call.id)
            assert ended.end_reason is EndReason.OUTAGE
            assert ended.minutes_paid == 1
            assert ended.ended_at_ms == call.started_at_ms + 60_000
        finally:
            await second.tasks.cancel_all()


async def test_an_owner_that_was_taken_over_can_write_nothing_any_more():
    async with on_stage() as cast:
        call = await cast.connect()
        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()  # Declares the first one dead, as a new process in the same folder does.
        try:
            with pytest.raises((SessionEnded, StoreDown)):
                await cast.hang_up()
            cast.stage.log.take("call_fenced")

            kept = await cast.stage.call(call.id)
            assert kept.epoch == 2
            assert kept.is_live
        finally:
            await second.tasks.cancel_all()


async def test_a_node_that_was_declared_dead_drops_its_calls_and_begins_anew():
    async with on_stage() as cast:
        await cast.connect()
        first_id = cast.engine.node.id
        await cast.stage.stores.leases.end(first_id)

        await cast.stage.advance(5_000, seen=cast.both)

        cast.stage.log.take("node_declared_dead")
        assert cast.engine.node.id != first_id
        assert [record.epoch for record in cast.engine.calls.owned()] == [2]


async def test_a_wrong_role_has_no_such_person_to_ring():
    async with on_stage() as cast:
        eva = await cast.stage.sign_in("dev:eva?role=master", role=Role.ANCHOR)

        with pytest.raises(Unreachable):
            await cast.engine.calls.ring(cast.mei, eva.id)


async def test_a_node_that_starts_takes_over_everything_it_finds():
    async with on_stage() as cast:
        pairs = []
        for n in range(150):
            anchor = await cast.stage.sign_in(f"dev:anchor{n}?role=master", role=Role.ANCHOR)
            guest = await cast.stage.sign_in(f"dev:guest{n}?diamonds=50")
            await cast.engine.calls.ring(guest, anchor.id)
            pairs.append((guest, anchor))
        await cast.stage.kill()

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            assert len(second.engine.calls.owned()) == 150
        finally:
            await second.tasks.cancel_all()


@pytest.mark.parametrize("fault", ["is_down", "loses_answers"])
async def test_a_call_that_cannot_be_claimed_stops_no_start_and_is_taken_over_by_the_sweep(fault: str):
    async with on_stage() as cast:
        call = await cast.ring()
        await cast.stage.kill()
        cast.switch.only = "calls.claim"
        setattr(cast.switch, fault, True)

        second = Stage(cast.stage.stores, cast.engine.options, seed=1)
        await second.start()
        try:
            second.log.take("call_not_claimed")
            assert second.engine.calls.owned() == ()

            setattr(cast.switch, fault, False)
            await second.clock.advance(cast.engine.options.node.sweep_ms * 2)

            assert [owned.id for owned in second.engine.calls.owned()] == [call.id]
        finally:
            await second.tasks.cancel_all()


async def test_a_line_lost_before_its_call_was_taken_over_is_not_brought_back_by_a_request():
    async with on_stage() as cast:
        await cast.connect()
        await cast.stage.advance(20_000, seen=cast.both)
        await cast.engine.calls.drop_all()
        cast.engine.presence.line_opened(cast.tom.id)
        cast.engine.presence.line_closed(cast.tom.id, heard_at_ms=cast.engine.node.now_ms())

        await cast.engine.calls.take_over(cast.engine.node.last_proof_ms)
        await cast.stage.advance(3_000, seen=cast.both)

        call = await cast.engine.calls.current_of(cast.tom.id)
        assert call is not None
        assert call.absent == ("guest",)
