"""What the simulator has found stays found: each mistake as small as it can be told, whatever seeds do later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from engine.errors import SessionEnded, StoreDown
from engine.presence import Presence
from store.interfaces.calls import CallRecord, EndReason, Phase
from store.interfaces.errors import Conflict, Unavailable
from store.interfaces.ids import NOBODY, CallId, NodeId, RoomId
from store.interfaces.rooms import RoomKind, RoomRecord
from store.memory.calls import MemoryCalls
from store.memory.database import MemoryDatabase
from store.memory.ledger import MemoryLedger
from store.memory.rooms import MemoryRooms
from tests.people import Cast, Date, Stage, on_a_date, on_a_visit, on_stage

GRACE_MS = 20_000


def database(cast: Cast) -> MemoryDatabase:
    """What the stores keep, behind everybody's back."""
    return cast.stage.stores.calls._store._database  # type: ignore[attr-defined, no-any-return]


def other_node_takes(cast: Cast, call_id: CallId) -> None:
    """Behind this node's back, the call gets another owner."""
    calls = database(cast).calls
    calls[call_id] = replace(calls[call_id], owner=NodeId("other#1"), epoch=calls[call_id].epoch + 1)


async def kept(cast: Cast, call: CallRecord) -> CallRecord:
    return await cast.stage.call(call.id)


class Sabotage:
    """Makes one method of a memory store raise, the first ``times`` times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: Exception, times: int) -> None:
        self.left = times
        honest = getattr(owner, name)

        async def method(*arguments: object, **named: object) -> object:
            if self.left:
                self.left -= 1
                raise error
            return await honest(*arguments, **named)

        monkeypatch.setattr(owner, name, method)


async def test_a_wallet_is_not_refused_because_somebody_else_is_folding(monkeypatch: pytest.MonkeyPatch):
    async with on_stage(diamonds=10) as cast:
        Sabotage(monkeypatch, MemoryLedger, "fold", Conflict(), times=3)

        call = await cast.connect()

        assert call.phase is Phase.CONNECTED


async def test_credits_of_a_commit_that_nobody_heard_of_are_folded():
    async with on_stage() as cast:
        await cast.stage.advance(1_000)
        database(cast).pending.append({})

        await cast.stage.advance(11_000)

        assert not database(cast).pending


async def test_a_gift_whose_giver_could_not_be_told_at_once_is_told_soon(monkeypatch: pytest.MonkeyPatch):
    async with on_stage() as cast:
        await cast.connect()
        Sabotage(monkeypatch, MemoryLedger, "unsent", Unavailable(), times=1)

        await cast.engine.gifts.give(cast.tom, 1, 1, to=None, key="k")
        await cast.stage.advance(12_000, seen=cast.both)

        assert cast.heard(cast.tom).count("GiftSent") == 1
        cast.stage.log.take("outbox_not_reached")


async def test_an_anchor_who_lost_her_socket_while_it_rang_is_missed_when_she_falls_silent():
    async with on_stage() as cast:
        presence: Presence = cast.engine.presence
        presence.line_opened(cast.mei.id)
        await cast.ring()
        presence.line_closed(cast.mei.id, heard_at_ms=cast.engine.node.now_ms())
        call = await cast.engine.calls.start(cast.mei, cast.tom.id)

        await cast.stage.advance(60_000 + GRACE_MS + 1_000, seen=(cast.tom,))

        ended = await kept(cast, call)
        assert (ended.end_reason, ended.minutes_paid) == (EndReason.LOST, 2)


async def test_a_line_found_dead_does_not_count_a_closed_gap_twice():
    async with on_stage() as cast:
        presence: Presence = cast.engine.presence
        for person in cast.both:
            presence.line_opened(person.id)
        call = await cast.connect()
        await cast.stage.advance(5_000)
        presence.line_closed(cast.mei.id, heard_at_ms=cast.engine.node.now_ms())
        await cast.stage.advance(4_000)
        presence.line_opened(cast.mei.id)
        await cast.stage.advance(3_000)
        presence.line_closed(cast.tom.id, heard_at_ms=cast.engine.node.now_ms() - 6_000)
        await cast.stage.advance(1_000)
        presence.line_opened(cast.tom.id)
        await cast.stage.advance(100)

        assert (await kept(cast, call)).unbilled_ms == 8_000


async def test_a_gap_begins_with_the_first_loss_though_it_is_noticed_last():
    async with on_stage() as cast:
        presence: Presence = cast.engine.presence
        for person in cast.both:
            presence.line_opened(person.id)
        call = await cast.connect()
        await cast.stage.advance(30_000)
        presence.line_closed(cast.tom.id, heard_at_ms=cast.engine.node.now_ms())
        presence.line_closed(cast.mei.id, heard_at_ms=cast.engine.node.now_ms() - 10_000)
        await cast.stage.advance(1_000)
        for person in cast.both:
            presence.line_opened(person.id)
        await cast.stage.advance(100)

        assert (await kept(cast, call)).unbilled_ms == 11_000


async def test_people_are_free_when_the_actor_of_an_ended_call_crashes(monkeypatch: pytest.MonkeyPatch):
    async with on_stage() as cast:
        call = await cast.connect()
        honest = MemoryCalls.save

        async def save_and_fail(self: MemoryCalls, record: CallRecord) -> None:
            await honest(self, record)
            raise RuntimeError("planted")

        monkeypatch.setattr(MemoryCalls, "save", save_and_fail)
        with pytest.raises(Exception):  # noqa: B017  # a bug has no better name
            await cast.hang_up()
        monkeypatch.setattr(MemoryCalls, "save", honest)
        await cast.stage.advance(3_000, seen=cast.both)

        assert (await kept(cast, call)).phase is Phase.ENDED
        assert await cast.engine.calls.current_of(cast.tom.id) is None
        assert len(cast.engine.calls._directory) == 0
        assert (await cast.ring()).phase is Phase.RINGING
        cast.stage.log.take("actor_crashed")


async def test_people_are_free_when_their_call_was_fenced_while_it_was_taken_over(monkeypatch: pytest.MonkeyPatch):
    async with on_stage() as cast:
        call = await cast.connect()
        honest = MemoryCalls.claim

        async def claim_too_late(
            self: MemoryCalls, record: CallRecord, me: NodeId, **proof: int | None
        ) -> CallRecord | None:
            claimed = await honest(self, record, me, **proof)
            if claimed is not None:
                other_node_takes(cast, record.id)
            return claimed

        monkeypatch.setattr(MemoryCalls, "claim", claim_too_late)
        await cast.engine._begin_anew(cast.engine.node.now_ms())

        assert cast.engine.calls.owned() == ()
        assert not cast.engine.presence._people[cast.tom.id].call
        assert (await kept(cast, call)).owner == "other#1"
        cast.stage.log.take("call_fenced")


async def test_a_call_that_could_be_claimed_but_not_ended_gets_an_actor(monkeypatch: pytest.MonkeyPatch):
    async with on_stage() as cast:
        call = await cast.connect()
        other_node_takes(cast, call.id)
        cast.engine.calls._owned[call.id].stop()
        await cast.stage.advance(10_000, seen=cast.both)
        await cast.stage.stores.leases.begin("other", lease_ms=1, supersedes=False)
        await cast.stage.advance(10)
        await cast.stage.stores.leases.bury()
        Sabotage(monkeypatch, MemoryCalls, "save", Unavailable(), times=1)
        with pytest.raises(StoreDown):
            await cast.engine.calls.stop(call.id, reason=EndReason.STOPPED, by="operator")

        await cast.stage.advance(10_000, seen=cast.both)

        assert [owned.id for owned in cast.engine.calls.owned()] == [call.id]


async def test_an_outage_is_not_forgotten_by_a_node_that_dies_as_it_takes_over():
    async with on_stage() as cast:
        call = await cast.connect()
        await cast.stage.advance(20_000, seen=cast.both)
        proof_ms = cast.engine.node.last_proof_ms
        other = await cast.stage.stores.leases.begin("other", lease_ms=10_000, supersedes=False)
        other_node_takes(cast, call.id)
        cast.engine.calls._owned[call.id].stop()
        database(cast).calls[call.id] = replace(
            database(cast).calls[call.id], owner=other.id, unowned_since_ms=proof_ms
        )
        await cast.stage.advance(18_000)

        resumed = await kept(cast, call)
        assert resumed.gap_since_ms == proof_ms
        assert resumed.unowned_since_ms is None


async def test_nor_by_a_node_whose_claim_was_confirmed_too_late():
    async with on_stage() as cast:
        call = await cast.connect()
        await cast.stage.advance(20_000, seen=cast.both)
        proof_ms = cast.engine.node.last_proof_ms
        await cast.stage.advance(10_000, seen=cast.both)
        cast.engine.calls._owned[call.id].stop()
        await cast.stage.advance(10)
        claimed = database(cast).calls[call.id]
        database(cast).calls[call.id] = replace(claimed, epoch=claimed.epoch + 1, unowned_since_ms=proof_ms)

        await cast.engine.calls.start(cast.mei, cast.tom.id)

        resumed = await kept(cast, call)
        assert resumed.gap_since_ms == proof_ms
        assert resumed.unowned_since_ms is None


async def test_a_call_given_up_by_a_node_that_died_since_is_ended():
    async with on_stage() as cast:
        call = await cast.connect()
        cast.engine.calls._owned[call.id].stop()
        await cast.stage.advance(10)
        cast.engine.calls._directory._parked[call.id] = None

        await cast.engine._begin_anew(cast.engine.node.now_ms())
        await cast.stage.advance(20_000, seen=cast.both)

        assert (await kept(cast, call)).end_reason is EndReason.STOPPED
        cast.stage.log.take("call_not_resumed")


async def test_the_sweep_outlives_a_call_that_somebody_else_took(monkeypatch: pytest.MonkeyPatch):
    async with on_stage() as cast:
        Sabotage(monkeypatch, MemoryCalls, "adoptable", StoreDown(), times=1)
        await cast.stage.advance(20_000)

        assert "calls-sweep" in {task.get_name() for task in asyncio.all_tasks()}
        cast.stage.log.take("sweep_failed")


async def test_the_room_of_a_call_that_ended_unseen_is_closed():
    async with on_stage() as cast:
        call = await cast.ring()
        room = await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=cast.tom.id)
        other_node_takes(cast, call.id)
        cast.engine.calls._owned[call.id].stop()
        await cast.stage.advance(100)
        database(cast).calls[call.id] = replace(database(cast).calls[call.id], phase=Phase.ENDED)

        await cast.stage.advance(20_000)

        kept_room = await cast.stage.stores.rooms.get(room.id)
        assert kept_room is not None
        assert not kept_room.is_open


async def test_a_room_whose_making_nobody_confirmed_gets_an_owner(monkeypatch: pytest.MonkeyPatch):
    async with on_stage() as cast:
        honest = MemoryRooms.add

        async def add_unheard(self: MemoryRooms, room: object) -> object:
            await honest(self, room)  # type: ignore[arg-type]
            raise Unavailable

        monkeypatch.setattr(MemoryRooms, "add", add_unheard)
        with pytest.raises(StoreDown):
            await cast.engine.live_rooms.create(cast.mei, room_id=None, info="", guest_id=None)
        monkeypatch.setattr(MemoryRooms, "add", honest)
        await cast.stage.advance(20_000)

        assert len(cast.engine.rooms.owned()) == 1


# --- rooms ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def another_node(date: Date) -> AsyncIterator[Stage]:
    """A second server over the same stores."""
    options = date.engine.options
    stage = Stage(date.stage.stores, replace(options, node=replace(options.node, name="another")), seed=1)
    await stage.start(supersedes=False)
    try:
        yield stage
    finally:
        await stage.tasks.cancel_all()


async def test_a_gift_is_shown_by_the_node_that_has_its_room():
    async with on_a_date() as date, another_node(date) as other:
        await date.open(date.bo)
        await date.stage.grant(date.bo, 100)

        await other.engine.gold_gifts.give(date.bo, date.hong, 1, 1, key="k", room_id=date.room_id)
        await date.stage.advance(12_000)

        assert date.heard(date.bo).count("GiftSent") == 1
        assert await date.stage.stores.ledger.unsent(10) == ()
        while "event_not_told" in other.log.events():
            other.log.take("event_not_told")


async def test_a_live_that_nobody_has_just_now_is_not_said_to_be_over():
    async with on_a_date() as date:
        await date.open()
        date.engine.rooms._owned[date.room_id].stop()
        await date.stage.advance(100)

        with pytest.raises(SessionEnded):
            await date.engine.blind_dates.end(date.hong, date.room_id)
        await date.stage.advance(10_000)
        await date.engine.blind_dates.end(date.hong, date.room_id)

        kept = await date.stage.stores.rooms.get(date.room_id)
        assert kept is not None
        assert not kept.is_open


async def test_a_room_whose_takeover_took_effect_after_a_look_at_it_gets_an_owner(monkeypatch: pytest.MonkeyPatch):
    async with on_a_date() as date:
        await date.open()
        Sabotage(monkeypatch, MemoryRooms, "claim", Unavailable(), times=1)
        honest_get = MemoryRooms.get

        async def get_before_claim(self: MemoryRooms, room_id: RoomId) -> RoomRecord | None:
            read = await honest_get(self, room_id)
            if read is not None and read.owner == NOBODY:
                await self.claim(read, date.engine.node.id)
            return read

        rooms = date.stage.stores.rooms._store._database.rooms  # type: ignore[attr-defined]
        rooms[date.room_id] = replace(rooms[date.room_id], owner=NOBODY, epoch=2)
        date.engine.rooms._owned[date.room_id].stop()
        monkeypatch.setattr(MemoryRooms, "get", get_before_claim)
        await date.stage.advance(30_000, seen=date.all)

        assert date.room.record.owner == date.engine.node.id
        date.stage.log.take("room_not_claimed")


async def test_whoever_went_elsewhere_while_his_room_was_nobodys_is_not_in_it_any_more():
    async with on_a_date() as date:
        mao = await date.stage.join("dev:mao?gender=2&matchmaker=1")
        elsewhere = (await date.engine.blind_dates.open(mao)).record.id
        await date.open(date.bo)
        await date.engine.blind_dates.apply(date.bo, date.room_id)
        date.engine.rooms._owned[date.room_id].stop()
        await date.stage.advance(100)

        await date.engine.blind_dates.enter(date.bo, elsewhere)
        await date.stage.advance(10_000, seen=(*date.all, mao))

        place = date.engine.blind_dates.place_of(date.bo.id)
        assert place is not None
        assert place.state.record.id == elsewhere
        assert date.room.record.applicants == ()


async def test_silence_from_before_a_takeover_is_not_held_against_anybody():
    async with on_a_date() as date, another_node(date) as other:
        date.connect(*date.all)
        await date.open(date.bo)
        other.engine.presence.line_opened(date.bo.id)
        other.engine.presence.line_closed(date.bo.id, heard_at_ms=other.engine.node.now_ms())
        await date.stage.advance(40_000)
        await date.stage.kill()

        await other.advance(25_000)

        assert [state.record.id for state in other.engine.rooms.of(date.bo.id, RoomKind.BLIND_DATE)] == [date.room_id]


async def test_a_room_that_was_given_up_is_not_claimed_again_and_again():
    async with on_a_date() as date:
        await date.open()
        date.engine.rooms._owned[date.room_id].stop()
        await date.stage.advance(100)
        date.engine.rooms._directory._parked[date.room_id] = None

        await date.stage.advance(30_000)

        kept = await date.stage.stores.rooms.get(date.room_id)
        assert kept is not None
        assert kept.epoch == 1


async def test_a_show_that_was_being_kept_as_its_node_began_anew_is_taken_over(monkeypatch: pytest.MonkeyPatch):
    async with on_a_visit() as visit:
        honest, stage = MemoryRooms.add, visit.stage

        async def late(self: MemoryRooms, room: RoomRecord) -> RoomRecord:
            await stage.stores.leases.end(room.owner)
            await stage.clock.sleep(10_000)
            return await honest(self, room)

        monkeypatch.setattr(MemoryRooms, "add", late)

        with pytest.raises(SessionEnded):
            await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await stage.advance(10_000)

        (state,) = visit.engine.show_rooms.listed()
        assert (state.record.owner, state.record.epoch) == (visit.engine.node.id, 2)
        stage.log.take("node_declared_dead")
