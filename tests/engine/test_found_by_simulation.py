"""What the simulator has found stays found: each mistake as small as it can be told, whatever seeds do later."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.errors import StoreDown
from engine.presence import Presence
from store.interfaces.calls import CallRecord, EndReason, Phase
from store.interfaces.errors import Conflict, Unavailable
from store.interfaces.ids import CallId, NodeId
from store.memory.calls import MemoryCalls
from store.memory.database import MemoryDatabase
from store.memory.ledger import MemoryLedger
from store.memory.rooms import MemoryRooms
from tests.people import Cast, on_stage

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
