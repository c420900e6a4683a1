"""Calls from the outside: ring, answer, start, hang up, and what the parties may ask afterwards.

Finds or makes the actor that owns a call and puts the question to it; answers from its memory while it lives and from
the store once it has ended (D-16). Also takes over what dead nodes owned. Knows no wire words. Source: CA-9 … CA-28.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final

from msgspec.structs import replace

from engine import settings
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.actors.directory import Directory
from engine.actors.ref import ActorRef
from engine.actors.supervisor import Supervisor
from engine.billing.ledger import Ledger
from engine.billing.tariff import tariff_of
from engine.call.actor import CallActor, CallTools
from engine.call.lifecycle import ended_record, rules_of
from engine.call.messages import Answer, Decline, HangUp, OpenRoom, Start, Stop
from engine.errors import (
    BelowFloor,
    Busy,
    EngineError,
    NotFound,
    SessionEnded,
    StoreDown,
    Unreachable,
    WrongPhase,
)
from engine.events import CallEnded, CallRang
from engine.ids import Ids
from engine.metrics import Metrics
from engine.node import Node
from engine.presence import Presence
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.calls import CallRecord, EndReason, HistoryLine, Phase, Side
from store.interfaces.errors import Conflict, LiveCall, NotOwner, StoreError, Unavailable
from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId, RoomId, Sequence
from store.interfaces.money import Currency, wallet
from store.interfaces.people import PersonRecord, Role

__all__ = ["Calls", "Match"]

ASK_DEADLINE_MS: Final = 6_000
"""A little more than the ledger's own deadline, so that its answer comes first."""

ADD_ATTEMPTS_MAX: Final = 3
ADOPTED_MAX: Final = 100_000
ADOPTED_AT_ONCE_MAX: Final = 32


class Match(Enum):
    """What an anchor wants to know before she starts (getMatchInfo)."""

    AGREED = "agreed"
    UNANSWERED = "unanswered"
    NONE = "none"


def side_of(person: PersonRecord) -> Side:
    """The side of a call on which somebody with this role is."""
    return Side.GUEST if person.role is Role.GUEST else Side.ANCHOR


class Calls:
    """All calls, as far as this node can see them."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        ledger: Ledger,
        presence: Presence,
        alarms: AlarmClock,
        ids: Ids,
        metrics: Metrics,
    ) -> None:
        self._world = world
        self._options = options.calls
        self._node = node
        self._ledger = ledger
        self._presence = presence
        self._ids = ids
        self._tariff = tariff_of(options.billing)
        self.rules = rules_of(options)
        self._metrics = metrics
        self._owned: dict[CallId, CallActor] = {}
        self._call_of: dict[PersonId, CallActor] = {}
        self._doubtful: dict[CallId, int | None] = {}  # Perhaps ours without an actor; and who owned it until when.
        self._retake_since_ms: int | None = None
        self._directory: Directory[CallId] = Directory(
            supervisor=Supervisor(
                "call", clock=world.clock, log=world.log, on_crash=lambda _kind: metrics.actor_crashes.add()
            ),
            clock=world.clock,
            spawn=world.spawn,
            messages_max=options.calls.mailbox_messages_max,
        )
        self._tools = CallTools(
            store=world.stores.calls,
            ledger=ledger,
            node=node,
            clock=world.clock,
            alarms=alarms,
            sink=world.sink,
            log=world.log,
            metrics=metrics,
            rules=self.rules,
            options=options.calls,
            on_started=self._started,
            on_gone=self._gone,
        )
        self.on_ended: Callable[[CallRecord], Awaitable[None]] = _nobody_minds
        """Awaited in the background with the record of every call that ended on this node."""
        metrics.calls_live.read = lambda: len(self._owned)

    # --- commands --------------------------------------------------------------------------------------------------

    async def ring(self, caller: PersonRecord, callee_id: PersonId) -> CallRecord:
        """Ring somebody of the other role; if he already rings the caller, that is an answer.

        Ringing again while the same request rings, or the two are in a call with each other, changes nothing.

        Raises:
            Banned: the caller is excluded. Unreachable: the callee is unknown, offline, hidden or excluded.
            Busy: one of the two has another call. BelowFloor: the guest cannot pay the first minute.
            StoreDown: the store did not confirm; ringing again is safe.
        Source: CA-11, CA-13, CA-18.
        """
        now_ms = self._node.now_ms()
        require_welcome(caller, self._node)
        callee = await self._callee(caller, callee_id)
        guest, anchor = (caller, callee) if caller.role is Role.GUEST else (callee, caller)
        for _ in range(ADD_ATTEMPTS_MAX):
            current = await self._current(caller.id) or await self._current(callee_id)
            if current is not None:
                return await self._ring_again(current, caller, callee_id)
            if not await self._presence.is_reachable(callee.surface, callee_id):
                raise Unreachable
            price = self._tariff.price(anchor.points_per_minute)
            await self._require_diamonds(guest.id, price.diamonds)
            call = CallRecord(
                id=CallId(await self._ids.next(Sequence.CALL)),
                guest_id=guest.id,
                anchor_id=anchor.id,
                rung_by=side_of(caller),
                phase=Phase.RINGING,
                price=price,
                rung_at_ms=now_ms,
                ring_until_ms=now_ms + self._options.ring_ms,
                owner=self._node.id,
                history=(HistoryLine(at_ms=now_ms, event="rang", by=side_of(caller)),),
            )
            if await self._add(call):
                await self._own(call)
                self._metrics.calls_rung.add()
                self._world.log.info("call_rang", call_id=call.id, guest=guest.id, anchor=anchor.id, by=call.rung_by)
                self._world.sink.tell(callee_id, CallRang(call_id=call.id, from_id=caller.id))
                return call
        raise Busy

    async def reply(self, guest: PersonRecord, anchor_id: PersonId, *, agrees: bool) -> CallRecord:
        """The guest answers an anchor's ring. Repeating the same answer is fine.

        Raises: NotFound: no such call. WrongPhase: he said the opposite before. BelowFloor: he cannot pay a minute.
        """
        ref, record = await self._find(guest, anchor_id)
        if ref is None:
            repeats = record.end_reason is EndReason.REFUSED and record.ended_by == Side.GUEST and not agrees
            if not repeats:
                raise WrongPhase
            return record
        now_ms = self._node.now_ms()
        if not agrees:
            return await self._ask(ref, Decline(Side.GUEST, now_ms))
        if record.phase is Phase.RINGING:
            await self._require_diamonds(guest.id, record.price.diamonds)
        return await self._ask(ref, Answer(Side.GUEST, now_ms))

    async def start(self, anchor: PersonRecord, guest_id: PersonId) -> CallRecord:
        """The anchor says that they talk; minute 1 begins as soon as the guest is not known to be away (CA-12).

        Raises: NotFound, WrongPhase: there is no call that the guest asked for or agreed to.
            BelowFloor: the guest cannot pay minute 1; the call has ended.
        """
        ref, record = await self._find(anchor, guest_id)
        if ref is None:
            raise WrongPhase
        if record.phase is not Phase.CONNECTED:
            self._presence.stated(anchor.id)
        away = self._presence.is_away(guest_id)
        started = await self._ask(ref, Start(guest_is_away=away, at_ms=self._node.now_ms()))
        if started.end_reason is EndReason.NO_DIAMONDS:
            raise BelowFloor(need=started.price.diamonds, have=await self._diamonds_of(guest_id))
        return started

    async def open_room(self, anchor: PersonRecord, guest_id: PersonId, room_id: RoomId) -> CallRecord:
        """Bind a room to the pair's call; with a guest's ring, this is the anchor's answer.

        Raises: NotFound, WrongPhase: as ``start``; also when the call has another room.
        """
        ref, _record = await self._find(anchor, guest_id)
        if ref is None:
            raise WrongPhase
        return await self._ask(ref, OpenRoom(room_id, self._node.now_ms()))

    async def hang_up(self, person: PersonRecord, other_id: PersonId) -> CallRecord:
        """End, cancel or decline the pair's call, whichever it is. Fine as well when it has just ended (CA-14).

        Raises: NotFound: these two never had a call.
        """
        ref, record = await self._find(person, other_id)
        if ref is None:
            return record
        return await self._ask(ref, HangUp(side_of(person), self._node.now_ms()))

    async def hang_up_call(self, call_id: CallId, by: PersonId) -> None:
        """End the call because its room is gone; nothing happens when it has ended."""
        actor = self._owned.get(call_id)
        if actor is not None:
            actor.ref.tell(HangUp(actor.record.side_of(by), self._node.now_ms()))

    async def stop(self, call_id: CallId, *, reason: EndReason, by: str) -> CallRecord:
        """End a call from the platform's side, by its deadlines and the journal even if its actor is gone.

        Raises: NotFound: no such call. StoreDown: not confirmed.
        """
        record = await self.get(call_id)
        if record is None:
            raise NotFound("call")
        if not record.is_live:
            return record
        actor = self._owned.get(call_id)
        if actor is not None:
            return await self._ask(actor.ref, Stop(reason, by, self._node.now_ms()))
        return await self._end_unowned(record, reason=reason, by=by)

    async def stop_calls_of(self, person_id: PersonId, *, reason: EndReason, by: str) -> None:
        """End whatever call the person is in."""
        record = await self._current(person_id)
        if record is not None:
            await self.stop(record.id, reason=reason, by=by)

    # --- questions -------------------------------------------------------------------------------------------------

    async def match(self, anchor: PersonRecord, guest_id: PersonId) -> tuple[Match, CallRecord | None]:
        """Whether the anchor may start with this guest. Source: 5.2, polled fields."""
        record = await self._current(anchor.id)
        if record is None or record.guest_id != guest_id:
            return Match.NONE, None
        if record.phase is Phase.RINGING and record.rung_by is Side.ANCHOR:
            return Match.UNANSWERED, record
        return Match.AGREED, record

    async def current_of(self, person_id: PersonId) -> CallRecord | None:
        """The call of this person that has not ended, or None.

        Raises: StoreDown: not known here, and the store did not answer.
        """
        return await self._current(person_id)

    async def get(self, call_id: CallId) -> CallRecord | None:
        """The call as its owner knows it now, or as it is kept; None when there is none."""
        actor = self._owned.get(call_id)
        if actor is not None:
            return actor.record
        with store_answers:
            return await self._world.stores.calls.get(call_id)

    async def of_party(self, person: PersonRecord, call_id: CallId) -> CallRecord:
        """A call that this person is one of the two of.

        Raises: NotFound: no such call, or not his: the answer does not tell which (SEC-33).
        """
        record = await self.get(call_id)
        if record is None or person.id not in (record.guest_id, record.anchor_id):
            raise NotFound("call")
        return record

    async def records_of(self, person: PersonRecord, *, skip: int, limit: int) -> tuple[CallRecord, ...]:
        """The person's calls, newest first."""
        with store_answers:
            return await self._world.stores.calls.of_person(person.id, skip=skip, limit=limit)

    def is_busy_here(self, person_id: PersonId) -> bool:
        """Whether this node owns a call of this person: the cheap half of ``current_of``, for long lists."""
        return person_id in self._call_of

    def owned(self) -> tuple[CallRecord, ...]:
        """Calls this node owns, oldest first."""
        return tuple(actor.record for actor in self._owned.values())

    # --- taking over -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Sweep until cancelled: bury dead nodes, take over what they owned, settle what crashed too often (D-20)."""
        while True:
            await self._world.clock.sleep(self._node.sweep_pause_ms())
            try:
                await self.sweep()
            except (StoreError, EngineError):
                self._world.log.warning("sweep_failed")

    async def sweep(self) -> None:
        """One round of ``run``."""
        await self._world.stores.leases.bury()
        for key in self._directory.parked:
            assert isinstance(key, int)
            await self._settle_parked(CallId(key))
        if self._retake_since_ms is not None:
            await self.take_over(self._retake_since_ms)
        await self._adopt(NOBODY)
        for call_id, proof_ms in tuple(self._doubtful.items()):
            record = None if call_id in self._owned else await self._world.stores.calls.get(call_id)
            self._doubtful.pop(call_id, None)
            if record is not None and record.is_live and record.owner == self._node.id and call_id not in self._owned:
                await self._adopt_one(record, self._node.last_proof_ms if proof_ms is None else proof_ms)

    async def take_over(self, last_proof_ms: int | None = None) -> None:
        """Take over all calls that are nobody's, a dead node's, or this node's from before ``last_proof_ms``.

        Raises: StoreError.
        """
        # Until it has succeeded once, every sweep tries again: a live call of this node must not be without an actor.
        self._retake_since_ms = last_proof_ms
        await self._adopt(self._node.id, last_proof_ms)
        self._retake_since_ms = None

    async def drop_all(self) -> None:
        """Stop every actor without ending its call; somebody will take it over."""
        await self._directory.stop_all()

    async def _adopt(self, me: NodeId, last_proof_ms: int | None = None) -> None:
        """Claim and own what ``CallStore.adoptable`` shows, some at a time."""
        proofs: dict[NodeId, int | None] = {}
        found = await self._world.stores.calls.adoptable(me, limit=ADOPTED_MAX)
        records = [record for record in found if record.id not in self._owned]
        if last_proof_ms is None:
            for owner in dict.fromkeys(record.owner for record in records):
                proofs[owner] = await self._last_sign_of(owner)
        for first in range(0, len(records), ADOPTED_AT_ONCE_MAX):
            some = records[first : first + ADOPTED_AT_ONCE_MAX]
            await asyncio.gather(
                *(self._adopt_one(record, last_proof_ms or proofs.get(record.owner)) for record in some)
            )

    async def _adopt_one(self, record: CallRecord, proof_ms: int | None) -> None:
        """Claim and own one call, unless somebody else was faster. One that resists holds up none of the others."""
        if record.unowned_since_ms is not None:
            proof_ms = record.unowned_since_ms  # Its last owner had claimed it, and died before he resumed it.
        elif proof_ms is None:
            proof_ms = record.rung_at_ms
        try:
            claimed = await self._world.stores.calls.claim(record, self._node.id, unowned_since_ms=proof_ms)
        except Unavailable:
            # It may be ours by now, and would have no actor: the sweep looks.
            self._doubtful[record.id] = proof_ms
            self._world.log.warning("call_not_claimed", call_id=record.id)
            return
        if claimed is None:
            return
        self._metrics.calls_adopted.add()
        self._world.log.info("call_adopted", call_id=claimed.id, epoch=claimed.epoch, proof_ms=proof_ms)
        try:
            await self._own(replace(claimed, unowned_since_ms=None), last_proof_ms=proof_ms)
        except SessionEnded:
            pass  # It ended as it was taken over.
        except EngineError as error:
            # Parked here before, or a bug as it began: the sweep settles the one and tries the other again.
            self._doubtful[record.id] = proof_ms
            self._world.log.warning("call_not_resumed", call_id=record.id, code=error.code)

    async def _last_sign_of(self, owner: NodeId) -> int | None:
        """Until when a node certainly ran; None for nobody, or a node that has been forgotten."""
        lease = await self._world.stores.leases.get(owner)
        return None if lease is None else lease.renewed_at_ms

    async def _settle_parked(self, call_id: CallId) -> None:
        """A call whose actor crashed again and again ends at the last minute posted."""
        record = await self._world.stores.calls.get(call_id)
        if record is not None and record.is_live:
            await self._end_unowned(record, reason=EndReason.STOPPED, by="supervisor")
        actor = self._owned.get(call_id)
        if actor is not None:
            self._gone(actor)
        await self._directory.stop(call_id)

    async def _end_unowned(self, record: CallRecord, *, reason: EndReason, by: str) -> CallRecord:
        """End a call that has no actor here, whoever owned it: claim it, so that nobody else writes, then end it."""
        proof_ms = record.unowned_since_ms
        try:
            if proof_ms is None:
                proof_ms = await self._last_sign_of(record.owner)
            if proof_ms is None:
                proof_ms = record.rung_at_ms
            claimed = await self._world.stores.calls.claim(record, self._node.id, unowned_since_ms=proof_ms)
            if claimed is None:
                raise StoreDown  # A living node owns it; ask there.
            now_ms = self._node.now_ms()
            ended = ended_record(claimed, at_ms=now_ms, reason=reason, by=by)
            await self._world.stores.calls.save(ended)
        except (Unavailable, NotOwner) as error:
            # It may be ours by now, and would have no actor: the sweep looks.
            self._doubtful.setdefault(record.id, proof_ms)
            raise StoreDown from error
        self._metrics.calls_ended.add(reason)
        for side in Side:
            event = CallEnded(call_id=ended.id, reason=reason, minutes=ended.minutes_paid)
            self._world.sink.tell(ended.person(side), event)
        return ended

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _callee(self, caller: PersonRecord, callee_id: PersonId) -> PersonRecord:
        with store_answers:
            callee = await self._world.stores.people.get(callee_id)
        if callee is None or callee.surface != caller.surface or callee.role is caller.role:
            raise Unreachable
        if callee.ban_at(self._node.now_ms()) is not None:
            raise Unreachable
        if callee.is_hidden and await self._current(callee_id) is None:
            raise Unreachable
        return callee

    async def _ring_again(self, current: CallRecord, caller: PersonRecord, callee_id: PersonId) -> CallRecord:
        pair = {current.guest_id, current.anchor_id}
        if pair != {caller.id, callee_id}:
            raise Busy
        if current.phase is not Phase.RINGING or current.rung_by is side_of(caller):
            return current
        await self._require_diamonds(current.guest_id, current.price.diamonds)
        return await self._ask(await self._ref_of(current), Answer(side_of(caller), self._node.now_ms()))

    async def _add(self, call: CallRecord) -> bool:
        """Keep the new call; False when one of the two was faster with another."""
        for attempt in range(ADD_ATTEMPTS_MAX):
            try:
                await self._world.stores.calls.add(call)
            except LiveCall:
                return False
            except Conflict as error:
                raise StoreDown from error
            except Unavailable as error:
                # The call may exist without an actor; if asking again does not clear that up, the sweep will.
                if attempt == ADD_ATTEMPTS_MAX - 1:
                    self._doubtful[call.id] = None
                    raise StoreDown from error
            else:
                return True
        return False

    async def _own(self, call: CallRecord, *, last_proof_ms: int | None = None) -> None:
        first: list[CallRecord] = [call]

        async def make() -> Actor:
            if first:
                return CallActor(first.pop(), self._tools, last_proof_ms=last_proof_ms)
            # Made anew after a crash: the store's story counts, and until now this node was there.
            record = await self.get_kept(call.id)
            if record is None or not record.is_live or record.owner != self._node.id:
                if record is not None and not record.is_live:
                    self._world.spawn(self._tell_ended(record), name="call-ended")
                raise NotFound("call")
            record, proof_ms = self._as_found(record)
            return CallActor(record, self._tools, last_proof_ms=proof_ms)

        await self._directory.spawn(call.id, make)

    async def get_kept(self, call_id: CallId) -> CallRecord | None:
        """The call as it is kept.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._world.stores.calls.get(call_id)

    async def _current(self, person_id: PersonId) -> CallRecord | None:
        actor = self._call_of.get(person_id)
        if actor is not None and actor.record.is_live:
            return actor.record
        with store_answers:
            return await self._world.stores.calls.live_of(person_id)

    async def _find(self, person: PersonRecord, other_id: PersonId) -> tuple[ActorRef | None, CallRecord]:
        """The pair's live call and its actor, or (None, their last call).

        Raises: NotFound: they never had one. StoreDown: it lives, but is owned elsewhere or about to be taken over.
        """
        actor = self._call_of.get(person.id)
        if actor is not None and other_id in (actor.record.guest_id, actor.record.anchor_id):
            return actor.ref, actor.record
        guest_id, anchor_id = (person.id, other_id) if person.role is Role.GUEST else (other_id, person.id)
        with store_answers:
            last = await self._world.stores.calls.last_between(guest_id, anchor_id)
        if last is None:
            raise NotFound("call")
        if last.is_live:
            return await self._ref_of(last), last
        return None, last

    async def _ref_of(self, record: CallRecord) -> ActorRef:
        """The actor of a live call that the store shows and this node does not know: just being made, or missing.

        Raises: StoreDown: another node owns it, or it is about to be taken over.
        """
        if record.owner != self._node.id:
            raise StoreDown
        found, proof_ms = self._as_found(record)
        await self._own(found, last_proof_ms=None if found.phase is Phase.RINGING else proof_ms)
        actor = self._owned.get(record.id)
        if actor is None:
            raise SessionEnded
        return actor.ref

    def _as_found(self, record: CallRecord) -> tuple[CallRecord, int]:
        """A call of this node without an actor, as it goes on, and until when somebody certainly had it.

        That was this node, unless it has only claimed the call, and never resumed what another had left.
        """
        if record.unowned_since_ms is None:
            return record, self._node.last_proof_ms
        return replace(record, unowned_since_ms=None), record.unowned_since_ms

    async def _ask(self, ref: ActorRef, message: Answer | Decline | Start | OpenRoom | HangUp | Stop) -> CallRecord:
        record = await ref.ask(message, deadline_ms=ASK_DEADLINE_MS)
        assert isinstance(record, CallRecord)
        return record

    async def _require_diamonds(self, guest_id: PersonId, need: int) -> None:
        have = await self._diamonds_of(guest_id)
        if have < need:
            raise BelowFloor(need=need, have=have)

    async def _diamonds_of(self, guest_id: PersonId) -> int:
        return (await self._ledger.balance_of(wallet(Currency.CALLS_DIAMONDS, guest_id))).amount

    def _started(self, actor: CallActor) -> None:
        record = actor.record
        self._owned[record.id] = actor
        for side in Side:
            self._call_of[record.person(side)] = actor
            self._presence.watch(record.person(side), actor.ref, side, is_lost=actor.is_taken_over)

    def _gone(self, actor: CallActor) -> None:
        record = actor.record
        self._owned.pop(record.id, None)
        for side in Side:
            if self._call_of.get(record.person(side)) is actor:
                del self._call_of[record.person(side)]
            self._presence.unwatch(record.person(side), actor.ref)
        if record.phase is Phase.ENDED:
            self._world.spawn(self._tell_ended(record), name="call-ended")
        else:
            self._doubtful.setdefault(record.id, None)  # Fenced by ourselves, or cut short: the sweep looks.

    async def _tell_ended(self, record: CallRecord) -> None:
        try:
            await self.on_ended(record)
        except EngineError as error:
            self._world.log.warning("call_end_not_followed_up", call_id=record.id, code=error.code)


async def _nobody_minds(_record: CallRecord) -> None:
    """What follows the end of a call where nothing was wired."""
