"""The owner of a call: what it does while the store is slow, silent or gone, and that telling follows committing."""

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import DeadlinePassed, StoreDown
from store.interfaces.calls import EndReason, Phase
from tests.people import on_stage


async def test_three_minutes_of_talk_cost_three_minutes():
    async with on_stage() as cast:
        await cast.connect()

        await cast.stage.advance(125_000, seen=cast.both)
        ended = await cast.hang_up()

        assert ended.minutes_paid == 3
        assert await cast.stage.diamonds(cast.tom) == 70
        assert await cast.stage.points(cast.mei) == 30
        assert cast.heard(cast.tom) == [
            "CallAnswered",
            "CallStarted",
            "MinuteBegan",
            "MinuteBegan",
            "MinuteBegan",
            "CallEnded",
        ]


async def test_a_commit_whose_answer_is_lost_charges_once():
    async with on_stage() as cast:
        await cast.connect()
        cast.switch.loses_answers, cast.switch.only = True, "ledger.post"

        await cast.stage.advance(62_000, seen=cast.both)
        cast.switch.loses_answers = False
        await cast.stage.advance(3_000, seen=cast.both)

        call = (await cast.engine.calls.current_of(cast.tom.id)) or pytest.fail("the call is over")
        assert call.minutes_paid == 2
        assert await cast.stage.diamonds(cast.tom) == 80
        assert (await cast.stage.stores.ledger.audit()).findings == ()


async def test_while_the_store_is_down_one_minute_is_lent_and_paid_when_it_is_back():
    async with on_stage() as cast:
        await cast.connect()
        await cast.stage.advance(50_000, seen=cast.both)

        cast.switch.is_down, cast.switch.only = True, "ledger.post"
        await cast.stage.advance(40_000, seen=cast.both)
        cast.switch.is_down = False
        await cast.stage.advance(10_000, seen=cast.both)

        call = (await cast.engine.calls.current_of(cast.tom.id)) or pytest.fail("the call is over")
        assert call.phase is Phase.CONNECTED
        assert call.minutes_paid == 2
        assert await cast.stage.diamonds(cast.tom) == 80


async def test_a_store_that_stays_down_past_the_lent_minute_ends_the_call():
    async with on_stage() as cast:
        await cast.connect()
        await cast.stage.advance(50_000, seen=cast.both)

        cast.switch.is_down, cast.switch.only = True, "ledger.post"
        await cast.stage.advance(90_000, seen=cast.both)
        assert cast.heard(cast.tom)[-1] == "CallEnded"  # They are told although the store cannot be.
        cast.switch.is_down = False
        await cast.stage.advance(10_000, seen=cast.both)

        call = await cast.stage.call(cast.stage.heard.events[cast.tom.id][-1].call_id)
        assert call.end_reason is EndReason.OUTAGE
        assert call.ended_at_ms == call.started_at_ms + 120_000
        assert call.minutes_paid == 2
        assert await cast.stage.diamonds(cast.tom) == 80


async def test_under_terminate_a_store_that_is_down_ends_the_call_at_the_boundary():
    options = settings.Settings(calls=replace(settings.Calls(), on_store_down="terminate"))
    async with on_stage(options) as cast:
        call = await cast.connect()
        await cast.stage.advance(50_000, seen=cast.both)

        cast.switch.is_down, cast.switch.only = True, "ledger.post"
        await cast.stage.advance(30_000, seen=cast.both)

        ended = await cast.stage.call(call.id)
        assert ended.end_reason is EndReason.OUTAGE
        assert ended.minutes_paid == 1


async def test_a_hang_up_during_an_outage_counts_from_when_it_was_said():
    async with on_stage() as cast:
        call = await cast.connect()
        await cast.stage.advance(30_000, seen=cast.both)
        cast.switch.is_down, cast.switch.only = True, "calls.save"

        with pytest.raises((StoreDown, DeadlinePassed)):
            await cast.hang_up()
        await cast.stage.advance(50_000, seen=cast.both)
        cast.switch.is_down = False
        await cast.stage.advance(5_000, seen=cast.both)

        ended = await cast.stage.call(call.id)
        assert ended.end_reason is EndReason.HUNG_UP
        assert ended.ended_at_ms == call.started_at_ms + 30_000
        assert ended.minutes_paid == 1


async def test_nobody_is_told_of_a_minute_before_it_is_committed():
    async with on_stage() as cast:
        await cast.ring()
        cast.switch.is_down, cast.switch.only = True, "ledger.post"

        with pytest.raises((StoreDown, DeadlinePassed)):
            await cast.engine.calls.start(cast.mei, cast.tom.id)

        assert "CallStarted" not in cast.heard(cast.tom)
        cast.switch.is_down = False
        await cast.stage.advance(5_000, seen=cast.both)
        assert "CallStarted" in cast.heard(cast.tom)


async def test_an_actor_that_crashes_is_made_anew_from_the_store(monkeypatch):
    async with on_stage() as cast:
        call = await cast.connect()

        def broken(*_arguments, **_named):
            monkeypatch.undo()
            raise RuntimeError

        monkeypatch.setattr("engine.call.actor.step", broken)
        await cast.stage.advance(61_000, seen=cast.both)
        cast.stage.log.take("actor_crashed")
        await cast.stage.advance(30_000, seen=cast.both)

        again = await cast.engine.calls.current_of(cast.tom.id)
        assert again is not None
        assert again.id == call.id
        assert again.minutes_paid == 2
        assert (await cast.stage.stores.ledger.audit()).findings == ()


async def test_sessions_leave_nothing_behind():
    async with on_stage() as cast:
        await cast.connect()
        await cast.stage.advance(61_000, seen=cast.both)
        await cast.hang_up()
        await cast.stage.advance(1_000)

        assert cast.engine.calls.owned() == ()
        assert cast.engine.rooms.owned() == ()
        await cast.stage.advance(120_000)
        assert cast.engine.presence.here_count == 0
