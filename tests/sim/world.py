"""The world of one seed: one database that never fails, nodes that do, and the time between them.

``World`` owns the virtual time, the nodes and the truth about who was where. ``SimNode`` is one incarnation of one
server: a real ``Greenroom`` over faulty stores and a clock of its own. It dies as a killed process does: whatever it
has asked is never answered, whatever it would do does not happen. Frozen, it goes on later as if nothing had been.
"""

import asyncio
import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from engine import settings
from engine.errors import EngineError, Forbidden, StoreDown
from engine.greenroom import Greenroom
from engine.ports import Payment, PaymentNotice
from engine.world import World as Ports
from store.interfaces.calls import CallRecord
from store.interfaces.ids import CallId, EntryId, NodeId, RoomId
from store.interfaces.ledger import Move, Outcome, Verdict
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.invariants import RULES, Evidence, Journal, Snapshot, leftovers, snapshot_of_memory, violations
from tests.people import DevCodesOnly, ObedientMixer, PlainAddresses, PlainSignatures
from tests.sim.crypto import CryptoPort, CryptoProvider
from tests.sim.faults import Dice, Fate, Level, Swarm, faulty_stores
from tests.sim.hub import Hub
from tests.sim.oracle import Truth
from tests.sim.room_oracle import RoomTruth
from tests.sim.site_oracle import SiteTruth
from tests.support.fakes import SeededRng
from tests.support.virtual_loop import VirtualLoop
from tests.support.web_services import web_services

__all__ = ["EPOCH_MS", "Lost", "SimNode", "Violation", "World"]

EPOCH_MS: Final = 1_767_225_600_000
"""What the store's clock shows when the world begins."""

ANSWER_WITHIN_MS: Final = 10_000
TRACED_MAX: Final = 50


class Lost(Exception):
    """No answer: the request or its reply was lost, or the node is gone. What it did is unknown."""


class Violation(Exception):
    """Something that must hold does not."""


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, swarm: Swarm, *, is_traced: bool = False) -> None:
        self.seed = seed
        self.swarm = swarm
        self.loop = cast("VirtualLoop", asyncio.get_running_loop())
        self.chance = random.Random(f"{seed} chance")
        self.counts: Counter[str] = Counter()
        self.rare: Counter[str] = Counter()
        self.dice = Dice(random.Random(f"{seed} dice"), swarm, self.counts)
        self.database = MemoryDatabase()
        self.stores = memory_stores(self.database, self.store_now_ms)
        self.journal = Journal()
        self.truth = Truth()
        self.rooms = RoomTruth(self)
        self.site = SiteTruth(self)
        self.provider = Provider(self)
        self.crypto = CryptoProvider()
        self.nodes: dict[str, SimNode | None] = {f"node{index}": None for index in range(swarm.nodes_count)}
        self.incarnations: list[SimNode] = []
        self.is_store_down = False
        self.calmed_at_ms: int | None = None
        self.store_step_ms = 0
        self.violation: str | None = None
        self.broken: asyncio.Future[None] = self.loop.create_future()
        self.lines: deque[str] = deque(maxlen=None if is_traced else TRACED_MAX)
        self.line_count = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self._seen_calls: dict[CallId, CallRecord] = {}
        self._buried: set[NodeId] = set()
        self._conflicted: tuple[EntryId, ...] = ()
        self._refused: dict[EntryId, int] = {}
        self._checked: Snapshot | None = None
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.loop.set_exception_handler(self._died)
        self.options = settings.Settings(
            billing=settings.Billing(minute_ms=swarm.minute_ms),
            calls=settings.Calls(
                grace_ms=swarm.grace_ms,
                resume_window_ms=swarm.resume_window_ms,
                on_store_down=swarm.on_store_down,  # type: ignore[arg-type]  # one of the two
                join_ms=30_000,
                ring_ms=15_000,
            ),
            ledger=settings.Ledger(fold_every_ms=swarm.fold_every_ms),
            presence=settings.Presence(publish_every_ms=swarm.publish_every_ms),
            orders=settings.Orders(reconcile_after_ms=10_000),
            rooms=settings.Rooms(kick_ms=30_000, history_events_max=swarm.history_events_max, return_ms=8_000),
            site=settings.Site(reconcile_after_ms=10_000, place_kept_ms=5_000),
            qlive=settings.Qlive(
                seat_policy=swarm.seat_policy,  # type: ignore[arg-type]  # one of the three
                invitation_ms=10_000,
                viewer_grace_ms=8_000,
                seat_grace_ms=16_000,
                lineless_ms=30_000,
            ),
        )

    # --- time ------------------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """True time since the world began."""
        return self.loop._virtual.now_us // 1_000

    def store_now_ms(self) -> int:
        """What the store's clock shows."""
        return EPOCH_MS + self.now_ms + self.store_step_ms

    def later(self, length_ms: int, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call back in ``length_ms`` of true time, whoever lives by then."""
        return self.loop.call_later(length_ms / 1_000, callback, *args)

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something of the world's own: a person, a fault."""
        task = self.loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._finished)
        return task

    async def wait(self, length_ms: int) -> None:
        """Let true time pass."""
        await asyncio.sleep(length_ms / 1_000)

    async def wait_unless_broken(self, length_ms: int) -> None:
        """Let true time pass, or return as soon as something does not hold."""
        await asyncio.wait([self.broken], timeout=length_ms / 1_000)

    async def until(self, task: asyncio.Task[Any]) -> None:
        """Return when ``task`` is done or something does not hold."""
        await asyncio.wait([self.broken, task], return_when=asyncio.FIRST_COMPLETED)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, Violation):
                raise error
            self.break_off(str(error))

    def _died(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.break_off(f"died unseen: {context.get('message')} {error!r}")

    # --- nodes -----------------------------------------------------------------------------------------------------

    @property
    def live_nodes(self) -> "list[SimNode]":
        """Nodes that take requests."""
        return [node for node in self.nodes.values() if node is not None and node.is_up]

    def owner_of(self, call_id: CallId) -> "SimNode | None":
        """Where a load balancer with a hint would send what concerns this call."""
        call = self.database.calls.get(call_id)
        if call is None:
            return None
        return next((node for node in self.live_nodes if node.engine.node.id == call.owner), None)

    def owner_of_room(self, room_id: RoomId) -> "SimNode | None":
        """The same for a room."""
        room = self.database.rooms.get(room_id)
        if room is None or not room.is_open:
            return None
        return next((node for node in self.live_nodes if node.engine.node.id == room.owner), None)

    def is_parked(self, room_id: RoomId) -> bool:
        """Whether a node has given the room up, after too many crashes."""
        return any(room_id in node.engine.rooms._directory.parked for node in self.live_nodes)

    async def boot(self, name: str, *, delay_ms: int = 0) -> None:
        """Start the node of that name, again until it stands. Its folder's lock proves that the last one is gone."""
        if delay_ms:
            await asyncio.sleep(delay_ms / 1_000)
        while (self.nodes[name] is None or cast("SimNode", self.nodes[name]).is_dead) and not self.violation:
            node = self.nodes[name] = SimNode(self, name, number=len(self.incarnations))
            self.incarnations.append(node)
            self.trace(node, "boots")
            try:
                await node.serve(node.engine.start(supersedes=True), within_ms=60_000)
            except Lost:
                return  # Killed while it began; whoever killed it boots it again.
            except Exception as error:  # noqa: BLE001  # A server that cannot start exits.
                self.trace(node, "cannot start", repr(error))
                node.kill()
                await asyncio.sleep(1)
            else:
                node.is_up = True
                node.loops = tuple(node.tasks)
                self.trace(node, "is up")

    # --- what happens ----------------------------------------------------------------------------------------------

    def trace(self, node: "SimNode | None", *what: object) -> None:
        """One line of what happened; all of them together make the trace's hash."""
        line = f"{self.now_ms:>8} {node.label if node is not None else '-':<8} {' '.join(map(str, what))}"
        self._hash.update(line.encode())
        self.lines.append(line)
        self.line_count += 1

    def trace_hash(self) -> str:
        """The hash of everything traced so far."""
        return self._hash.hexdigest()

    def fault(self, kind: str, node: "SimNode | None" = None, detail: object = "") -> None:
        """A fault was injected."""
        self.counts[kind] += 1
        self.trace(node, "FAULT:", kind, detail)

    def break_off(self, finding: str) -> None:
        """Note the first thing that does not hold; the seed ends."""
        if self.violation is None:
            self.violation = finding
            self.trace(None, "VIOLATION:", finding)
            if not self.broken.done():
                self.broken.set_result(None)

    def require_known(self, error: EngineError) -> None:
        """An answer that stands for a bug is a finding, unless bugs were planted."""
        if error.code == "INTERNAL" and self.swarm.poison is Level.OFF:
            self.break_off(f"answered INTERNAL: {error!r}")

    def note_call(self, call: CallRecord) -> None:
        """Somebody was told that the call is that far."""
        self.journal.call_told(call.id, call.phase, call.minutes_paid)

    def snapshot(self) -> Snapshot:
        """The stores as they are now."""
        return snapshot_of_memory(self.database)

    def calm_down(self) -> None:
        """The end of all faults: from here on everything must come to rest."""
        self.trace(None, "--- no more faults ---")
        self.dice.is_stopped = True
        self.calmed_at_ms = self.now_ms
        self.store_up()
        for node in self.live_nodes:
            node.mend()
            node.thaw()

    def is_quiet_for(self, length_ms: int) -> bool:
        """Whether there has been no fault for so long, and will be none."""
        return self.swarm.is_calm or (self.calmed_at_ms is not None and self.now_ms - self.calmed_at_ms >= length_ms)

    def store_up(self) -> None:
        """The store answers again."""
        self.is_store_down = False

    def check(self, *, is_settled: bool = False) -> None:
        """Look at everything."""
        now = snapshot_of_memory(self.database)
        found = violations(
            now, self.journal, earlier=self._checked, minute_ms=self.swarm.minute_ms, is_settled=is_settled
        )
        self._checked = now
        if found:
            self.break_off(found[0])

    def applied(  # noqa: PLR0917  # one call of a store, as it was made
        self, node: "SimNode", store: str, method: str, args: tuple[Any, ...], result: Any, error: Exception | None
    ) -> None:
        """A call took effect in the store: look at what it touched, at once."""
        match store:
            case "ledger" if method == "post":
                self._posted(node, args[0], result)
            case "calls" if method in _CALL_WRITES:
                self._call_written(node, method, args[0], error)
            case "rooms" if method in _ROOM_WRITES:
                self.rooms.written(node, method, args, error)
                if error is None:
                    self.site.written(method, args[0])
            case "ledger" if method == "sent":
                self.trace(node, store, method)
                self.rooms.marked(args[0])
            case "leases":
                self._lease_written(node, method, result)
            case _:
                self.trace(node, store, method, "" if error is None else repr(error))
                if error is None:
                    self.site.applied(node, store, method, args)
        if method in _KILLING and not self.dice.is_stopped and self.chance.random() < _KILL_RATE[self.swarm.kills]:
            self.fault("node killed in a store call", node, f"{store}.{method}")
            self.kill(node)

    def failed(self, node: "SimNode", store: str, method: str, args: tuple[Any, ...], fate: Fate) -> None:
        """A call did not get its answer."""
        if store != "ledger" or method != "post":
            return
        moves: list[Move] = args[0]
        ids = tuple(move.id for move in moves)
        if fate is Fate.CONFLICT:
            self._conflicted = ids
        elif fate is Fate.LOSES:
            self.rare["unknown commit that had applied"] += any(one in self.database.entries for one in ids)
        elif fate in (Fate.FAILS, Fate.NEVER):
            self.rare["unknown commit that had not applied"] += 1

    def kill(self, node: "SimNode") -> None:
        """kill -9, and somebody starts it again some time later."""
        node.kill()
        long_or_short_ms = self.chance.choice((500, 3_000, 15_000, 60_000))
        self.begin(self.boot(node.name, delay_ms=self.chance.randrange(200, long_or_short_ms + 1)))

    def _posted(self, node: "SimNode", moves: list[Move], outcomes: tuple[Outcome, ...] | None) -> None:
        ids = tuple(move.id for move in moves)
        self.trace(
            node, "post", *(f"{one}={outcome.verdict}" for one, outcome in zip(ids, outcomes or (), strict=False))
        )
        if outcomes is None:
            return
        self.rooms.posted(moves, outcomes)
        self.site.posted(moves, outcomes)
        if len(moves) > 1:
            self.rare["batch with several moves"] += 1
        if len(ids) < len(self._conflicted) and set(ids) <= set(self._conflicted):
            self.rare["batch split after conflicts"] += 1
            self._conflicted = ()
        for move, outcome in zip(moves, outcomes, strict=True):
            match outcome.verdict:
                case Verdict.POSTED:
                    self._move_posted(node, move)
                case Verdict.TOO_EARLY:
                    self.rare["minute refused as too early"] += 1
                case Verdict.NOT_OWNER:
                    self.rare["zombie write refused"] += 1
                case Verdict.BELOW_FLOOR:
                    self._refused[move.id] = len(self.database.pending)
                case Verdict.ALREADY:
                    self.rare["posted again and there already"] += 1
        for posting_account in {posting.account for move in moves for posting in move.postings}:
            if self.database.balances.get(posting_account, 0) < 0:
                self.break_off(f"INV-2: {posting_account} holds {self.database.balances[posting_account]}")

    def _move_posted(self, node: "SimNode", move: Move) -> None:
        if move.id in self._refused:
            self.rare["fold before refusal"] += 1
        if move.call_id is None or move.minute is None:
            return
        call = self.database.calls[move.call_id]
        begins_at_ms = getattr(move.claim, "begins_at_ms", 0)
        self.truth.charged(call.id, move.minute, at_ms=self.now_ms, begins_at_ms=begins_at_ms, by=node.number)
        early_ms = begins_at_ms - self.store_now_ms()
        if early_ms > self.options.calls.early_ms_max:
            self.break_off(f"INV-6: minute {move.minute} of call {call.id} was charged {early_ms} ms early")
        if call.epoch > 1:
            self.rare["minute charged by a second owner"] += 1
        self._compare(node, call)

    def _call_written(
        self, node: "SimNode", method: str, subject: CallRecord | CallId, error: Exception | None
    ) -> None:
        call_id = subject.id if isinstance(subject, CallRecord) else subject
        call = self.database.calls.get(call_id)
        if error is not None:
            self.trace(node, method, call_id, repr(error))
            if method == "save":
                self.rare["zombie write refused"] += 1
            return
        if call is not None:
            self.trace(node, method, call_id, f"{call.phase} {call.epoch}.{call.version} paid {call.minutes_paid}")
            self._compare(node, call)

    def _compare(self, node: "SimNode", call: CallRecord) -> None:
        """What this one write did to this one call."""
        before = self._seen_calls.get(call.id)
        if before is call:
            return
        events = [line.event for line in call.history[-2:]]
        if "taken over" in events and events[-1] == "back":
            self.rare["call resumed within paid time"] += 1
        self._seen_calls[call.id] = call
        self.truth.written(call, at_ms=self.now_ms, by=node.number)
        now = Snapshot(people={}, entries={}, holdings={}, calls={call.id: call}, orders={})
        earlier = None
        if before is not None:
            earlier = Snapshot(people={}, entries={}, holdings={}, calls={call.id: before}, orders={})
        evidence = Evidence(
            now=now, earlier=earlier, journal=self.journal, minute_ms=self.swarm.minute_ms, is_settled=False
        )
        for name in ("INV-7", "INV-12", "INV-18"):
            for finding in RULES[name](evidence):
                self.break_off(f"{name}: {finding}")

    def _lease_written(self, node: "SimNode", method: str, result: Any) -> None:
        self.trace(node, "lease", method, getattr(result, "id", ""), getattr(result, "is_dead", ""))
        for lease in self.database.leases.values():
            if lease.is_dead:
                self._buried.add(lease.id)
            elif lease.id in self._buried:
                self.break_off(f"INV-12: node {lease.id} was dead and lives")

    # --- ends ------------------------------------------------------------------------------------------------------

    def unsettled(self) -> str:
        """What is still under way once faults are over; "" when nothing is."""
        database = self.database
        for node in self.nodes.values():
            if node is None or not node.is_up:
                return "a node is not up"
            if not node.engine.node.is_confirmed():
                return f"{node.label} has no confirmed lease"
        for call_id in database.live_call_of.values():
            owner = self.owner_of(call_id)
            if owner is None or call_id not in owner.engine.calls._owned:
                return f"INV-22: call {call_id} lives, and nobody looks after it"
        for room in database.rooms.values():
            if not room.is_open or self.is_parked(room.id):
                continue
            keeper = self.owner_of_room(room.id)
            if keeper is None or room.id not in keeper.engine.rooms._owned:
                return f"INV-22: room {room.id} is open, and nobody looks after it"
            if room.call_id is not None and not database.calls[room.call_id].is_live:
                return f"INV-22: room {room.id} outlives its call {room.call_id}"
        for row in database.outbox:
            return f"INV-22: outbox row {row} waits"
        if database.pending:
            return "INV-22: credits wait to be folded"
        for order_id, fee_fen in self.journal.payments.items():
            order = database.orders[order_id]
            if order.price == fee_fen and f"order:{order_id}" not in database.entries:
                return f"INV-22: order {order_id} is paid and not credited"
        return ""

    async def close(self) -> None:
        """Stop all nodes as a server is stopped, and see whether they leave anything."""
        for node in self.live_nodes:
            await node.drain()
        for task in list(self._tasks):
            task.cancel()

    def retire(self) -> None:
        """Let go of everything, however it ended."""
        for node in self.incarnations:
            node.kill()
        for task in list(self._tasks):
            task.cancel()


_KILL_RATE: Final = {Level.OFF: 0.0, Level.LOW: 0.002, Level.HIGH: 0.012}
_CALL_WRITES: Final = frozenset({"add", "save", "claim", "release"})
_IDLE: Final = frozenset(
    {"sign-ins-sweep", "social-sign-ins-sweep", "chat-sweep", "chat-hints", "online", "files-sweep"}
)
"""Loops of what nobody does in these worlds; each would wake every node once a second for nothing."""

_ROOM_WRITES: Final = _CALL_WRITES | {"reopen"}
_KILLING: Final = frozenset({"add", "save", "claim", "reopen", "post", "fold", "sent", "renew", "begin", "announced"})


class SimNode:
    """One incarnation of one server."""

    def __init__(self, world: World, name: str, *, number: int) -> None:
        self.world = world
        self.name = name
        self.number = number
        self.label = f"{name}.{number}"
        self.is_up = False
        self.is_dead = False
        self.is_frozen = False
        self.is_cut = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.loops: tuple[asyncio.Task[Any], ...] = ()
        """Those that its start began: they run for as long as it does."""
        self._backlog: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._replies: dict[asyncio.Future[Any], None] = {}
        self.born_at_ms = world.now_ms
        self.died_at_ms: int | None = None
        self.left_at_ms = 2**50
        """When it was asked to leave."""
        drift_ppm = world.swarm.drift_ppm
        self.clock = _NodeClock(self, drift_ppm=world.chance.randint(-drift_ppm, drift_ppm) if drift_ppm else 0)
        self.log = _Log(self)
        self.hub = Hub(self)
        self.engine = Greenroom(
            Ports(
                clock=self.clock,
                rng=SeededRng(world.seed * 1_000 + number),
                spawn=self.spawn,
                log=self.log,
                sink=self.hub,
                stores=faulty_stores(world.stores, self),
                codes=DevCodesOnly(),
                **web_services(lambda: world.store_now_ms() // 1_000, seed=number),
                payments=_Payments(self),
                crypto=CryptoPort(self),
                media=PlainAddresses(),
                blind_date_media=PlainAddresses("dated"),
                signatures=PlainSignatures(),
                mixer=ObedientMixer(),
            ),
            _named(world.options, name),
        )

    # --- everything that reaches this node comes through here ------------------------------------------------------

    def deliver(self, callback: Callable[..., object], *args: Any) -> None:
        """Run ``callback`` on this node: now, when it thaws, or never."""
        if self.is_dead:
            if callback == self._receive:
                args[0].close()
            return
        if self.is_frozen:
            self._backlog.append((callback, args))
        else:
            callback(*args)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """The ``Spawn`` port."""
        if self.is_dead or name in _IDLE:
            work.close()
            return
        self._start(work, name)

    async def serve(self, work: Coroutine[Any, Any, Any], *, within_ms: int = ANSWER_WITHIN_MS) -> Any:
        """Run ``work`` on this node for somebody outside, and return its result.

        Raises: Lost: no answer in time, or the node died. What ``work`` raises.
        """
        if self.is_dead:
            work.close()
            raise Lost
        reply: asyncio.Future[Any] = self.world.loop.create_future()
        self._replies[reply] = None
        self.deliver(self._receive, work, reply)
        timer = self.world.later(within_ms, _fail, reply, Lost())
        try:
            return await reply
        finally:
            timer.cancel()
            self._replies.pop(reply, None)

    def _receive(self, work: Coroutine[Any, Any, Any], reply: "asyncio.Future[Any]") -> None:
        self._start(_answering(work, reply), "request")

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = self.world.loop.create_task(work, name=name)
        self.tasks[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.is_dead:
            self.world.break_off(f"task {task.get_name()} of {self.label} died: {error!r}")

    # --- its life --------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """kill -9: nothing is said, nothing is given back, nobody hears an answer."""
        if self.is_dead:
            return
        self.is_dead = True
        self.is_up = False
        self.died_at_ms = self.world.now_ms
        self.world.truth.node_died(self.number, self.world.now_ms)
        for callback, args in self._backlog:
            if callback == self._receive:
                args[0].close()
        self._backlog.clear()
        for reply in list(self._replies):
            _fail(reply, Lost())
        for task in list(self.tasks):
            # It runs no further than to its next port, and that one never answers.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            task.cancel()
        self.tasks.clear()

    def freeze(self, length_ms: int) -> None:
        """SIGSTOP, and SIGCONT after ``length_ms``."""
        self.is_frozen = True
        self.world.truth.froze(self.number, self.world.now_ms, length_ms)
        self.world.later(length_ms, self.thaw)

    def thaw(self) -> None:
        """Everything that came meanwhile comes now."""
        if self.is_dead or not self.is_frozen:
            return
        self.is_frozen = False
        self.world.trace(self, "thaws")
        backlog, self._backlog = self._backlog, []
        for callback, args in backlog:
            self.world.loop.call_soon(self.deliver, callback, *args)

    def mend(self) -> None:
        """The store is within reach again."""
        self.is_cut = False

    async def drain(self, *, is_quiet: bool = True) -> None:
        """SIGTERM, as ``server.py`` does it: take nothing new, let go of everything, leave.

        ``is_quiet``: nobody was asking anything, so nothing may be left.
        """
        self.is_up = False
        self.left_at_ms = self.world.now_ms
        try:
            await self.serve(self.engine.drain(), within_ms=60_000)
        except Lost:
            if not self.is_dead:
                self.world.break_off(f"INV-22: {self.label} does not drain")
            return
        for task in self.loops:
            task.cancel()
        await asyncio.sleep(10)
        if is_quiet and not self.is_dead:
            left = leftovers(self.engine, set(self.tasks))
            left += [f"INV-21: {room_id} is still heard" for room_id in self.hub.heard_rooms()]
            for finding in left:
                self.world.break_off(f"{finding} on {self.label}")
        self.kill()


async def _answering(work: Coroutine[Any, Any, Any], reply: "asyncio.Future[Any]") -> None:
    try:
        result = await work
    except Exception as error:  # noqa: BLE001  # Whoever asked hears it.
        _fail(reply, error)
    else:
        if not reply.done():
            reply.set_result(result)


def _fail(reply: "asyncio.Future[Any]", error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)


def _named(options: settings.Settings, name: str) -> settings.Settings:
    return settings.Settings(
        **{
            **{field: getattr(options, field) for field in options.__struct_fields__},
            "node": settings.Node(name=name),
        }
    )


class _Timer:
    __slots__ = ("callback", "handle", "node")

    def __init__(self, node: SimNode, callback: Callable[[], None]) -> None:
        self.node = node
        self.callback: Callable[[], None] | None = callback
        self.handle: asyncio.TimerHandle | None = None

    def due(self) -> None:
        self.node.deliver(self.ring)

    def ring(self) -> None:
        if self.callback is not None:
            callback, self.callback = self.callback, None
            callback()

    def cancel(self) -> None:
        self.callback = None
        if self.handle is not None:
            self.handle.cancel()


class _NodeClock:
    """The node's monotonic clock: runs a little fast or slow, and goes on while the node is frozen."""

    def __init__(self, node: SimNode, *, drift_ppm: int) -> None:
        self._node = node
        self._loop = node.world.loop
        self._began_us = self._loop._virtual.now_us
        self._base_us = node.number * 1_000_000_000
        self._rate = 1_000_000 + drift_ppm

    def mono_ms(self) -> int:
        return (self._base_us + (self._loop._virtual.now_us - self._began_us) * self._rate // 1_000_000) // 1_000

    def call_at(self, due_mono_ms: int, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(self._node, callback)
        passed_us = -((self._base_us - due_mono_ms * 1_000) * 1_000_000 // self._rate)
        timer.handle = self._loop.call_at((self._began_us + passed_us) / 1_000_000, timer.due)
        return timer

    async def sleep(self, length_ms: int) -> None:
        woken: asyncio.Future[None] = self._loop.create_future()
        if not self._node.is_dead:
            self.call_at(self.mono_ms() + length_ms, lambda: None if woken.done() else woken.set_result(None))
        await woken


class _Log:
    """Counts what happened; an error that no planted fault explains is a finding."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    def info(self, event: str, **fields: object) -> None:
        world = self._node.world
        if event == "call_ended":
            world.rare[f"call ended: {fields['reason']}"] += 1
        elif event == "call_adopted":
            world.rare["call taken over"] += 1

    def warning(self, event: str, **fields: object) -> None:
        if not self._node.is_dead:
            self._node.world.trace(self._node, "warns", event)
            self._node.world.rare[f"warning: {event}"] += 1

    def error(self, event: str, **fields: object) -> None:
        if self._node.is_dead:
            return
        world = self._node.world
        world.trace(self._node, "error", event, fields.get("error", ""))
        world.rare[f"error: {event}"] += 1
        is_bug = event == "ledger_key_mismatch" or (event == "actor_crashed" and not _is_planted(fields))
        if is_bug:
            world.break_off(f"unexpected: {event} {fields}")


def _is_planted(fields: dict[str, object]) -> bool:
    return "Poison" in str(fields.get("error"))


class Provider:
    """The payment provider: knows what was paid, and signs what it says."""

    SEAL: Final = "sealed"

    def __init__(self, world: World) -> None:
        self._world = world
        self.fees: dict[str, int] = {}

    def notice(self, order_id: str, *, fee_fen: int | None = None, seal: str = SEAL) -> bytes:
        """A notification that the order was paid."""
        return f"{order_id}:{self.fees[order_id] if fee_fen is None else fee_fen}:{seal}".encode()

    def said(self, order_id: str) -> PaymentNotice | None:
        """The provider's answer when asked."""
        if order_id not in self._world.journal.payments:
            return None
        return PaymentNotice(order_id=order_id, transaction_id=f"t{order_id}", fee_fen=self.fees[order_id], paid=True)


class _Payments:
    """The provider as one node reaches it."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    async def create(
        self, *, order_id: str, fee_fen: int, open_id: str, title: str, address: str, surface: str
    ) -> Payment:
        await self._reach()
        self._node.world.provider.fees[order_id] = fee_fen
        return Payment(prepay_id=order_id, time_stamp="1", nonce_str="n", package="p", sign_type="MD5", pay_sign="s")

    def verify(self, body: bytes) -> PaymentNotice:
        order_id, fee, seal = body.decode().split(":")
        if seal != Provider.SEAL:
            raise Forbidden
        return PaymentNotice(order_id=order_id, transaction_id=f"t{order_id}", fee_fen=int(fee), paid=True)

    async def query(self, order_id: str, *, surface: str) -> PaymentNotice | None:
        await self._reach()
        return self._node.world.provider.said(order_id)

    async def _reach(self) -> None:
        world = self._node.world
        await self._node.clock.sleep(20)
        rate = {Level.OFF: 0.0, Level.LOW: 0.1, Level.HIGH: 0.5}[world.swarm.provider]
        if not world.dice.is_stopped and world.chance.random() < rate:
            world.fault("provider fails", self._node)
            raise StoreDown
