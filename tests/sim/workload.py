"""What people do: sign in, ring each other, talk, lose their lines, give, buy, and hang up; each seed in its own way.

A person's script knows no fault. It retries what failed with the same key, goes where the call is, and writes down what
it was told. The weather is here as well: it only chooses the moments at which something happens to nodes and store.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from engine.billing.entries import gift_entry_id
from engine.call.meter import boundary_ms
from engine.errors import (
    Banned,
    BelowFloor,
    Busy,
    EngineError,
    Forbidden,
    NotFound,
    Refused,
    Unreachable,
)
from engine.greenroom import Greenroom
from engine.services.accounts import CALLS
from store.interfaces.calls import CallRecord, EndReason, Phase, Side
from store.interfaces.ids import CallId, EntryId, OrderId, PersonId, RoomId
from store.interfaces.money import Currency, wallet
from store.interfaces.orders import OrderRecord
from store.interfaces.people import BanKind, PersonRecord, Role
from tests.sim.faults import Level
from tests.sim.world import Lost, SimNode, World

__all__ = ["People"]

Work = Callable[[Greenroom, PersonRecord], Awaitable[Any]]

TRIES_MAX: Final = 40
PER_MINUTE: Final = {Level.OFF: 0.0, Level.LOW: 0.25, Level.HIGH: 1.0}


class Person:
    """One person at his device."""

    def __init__(self, world: World, name: str, role: Role, code: str, *, surface: str = CALLS) -> None:
        self.world = world
        self.name = name
        self.role = role
        self.code = code
        self.surface = surface
        self.record: PersonRecord | None = None
        self.id = PersonId(0)
        self.token = ""
        self.line: SimNode | None = None
        self.is_busy = False

    # --- asking ----------------------------------------------------------------------------------------------------

    async def ask(self, work: Work, *, at: SimNode | None = None) -> Any:
        """One authenticated request to a node; any of the living unless said.

        Raises: Lost: no answer. EngineError: the engine's answer.
        """
        world = self.world
        await world.wait(1 if world.swarm.is_calm else world.chance.randrange(1, 30))
        nodes = world.live_nodes
        if at is None or not at.is_up:
            if not nodes:
                await world.wait(500)
                raise Lost
            at = nodes[world.chance.randrange(len(nodes))]
        rate = (
            0.0 if world.dice.is_stopped else {Level.OFF: 0.0, Level.LOW: 0.02, Level.HIGH: 0.12}[world.swarm.network]
        )
        point = world.chance.random() if rate else 1.0
        if point < rate / 2:
            world.fault("request lost", at)
            await world.wait(2_000)
            raise Lost
        answer = await at.serve(self._authenticated(at, work))
        if point < rate:
            world.fault("reply lost", at)
            raise Lost
        return answer

    async def _authenticated(self, node: SimNode, work: Work) -> Any:
        who = await node.engine.identity.who(self.token, surface=CALLS)
        node.engine.presence.seen(who)
        self.world.truth.seen(who.id, "seen", at_ms=self.world.now_ms, really_ms=self.world.now_ms, node=node.number)
        return await work(node.engine, who)

    async def try_to(
        self,
        work: Work,
        *,
        call_id: CallId | None = None,
        room_id: RoomId | None = None,
        tries_max: int = TRIES_MAX,
        attempts: list[str] | None = None,
    ) -> Any:
        """Ask until there is an answer that a retry cannot change, at the owner of the call or room if there is one.

        ``attempts`` gets an entry for each request that is sent.

        Raises: Refused. Lost: never answered.
        """
        for attempt in range(tries_max):
            if attempts is not None:
                attempts.append(self.name)
            try:
                return await self.ask(work, at=self._owner(call_id, room_id))
            except Refused:
                raise
            except EngineError as error:
                self.world.require_known(error)
            except Lost:
                pass
            await self.world.wait(min(4_000, 250 * 2**attempt))
        raise Lost

    def _owner(self, call_id: CallId | None, room_id: RoomId | None) -> SimNode | None:
        if room_id is not None:
            return self.world.owner_of_room(room_id)
        return None if call_id is None else self.world.owner_of(call_id)

    async def sign_in(self) -> None:
        """Get a token, however long it takes."""
        while not self.token:
            nodes = self.world.live_nodes
            if nodes:
                node = nodes[self.world.chance.randrange(len(nodes))]
                try:
                    signing_in = node.engine.identity.sign_in(self.surface, self.code, role=self.role, device=None)
                    signed_in = await node.serve(signing_in)
                except Lost:
                    pass
                except EngineError as error:
                    self.world.require_known(error)
                else:
                    self.record, self.id, self.token = signed_in.person, signed_in.person.id, signed_in.token
                    return
            await self.world.wait(700)

    # --- lines -----------------------------------------------------------------------------------------------------

    def open_line(self, node: SimNode | None) -> None:
        """Open a socket to ``node``, in place of the one that is open."""
        if node is None or not node.is_up or node is self.line:
            return
        self.close_line()
        self.line = node
        self._sight(node, "open", self.world.now_ms)

    def close_line(self, *, dead_for_ms: int = 0) -> None:
        """Close the socket, or notice that it is gone; it may have been silently dead for some time already."""
        node, self.line = self.line, None
        if node is not None and not node.is_dead:
            self._sight(node, "close", self.world.now_ms, dead_for_ms=dead_for_ms)

    def _sight(self, node: SimNode, what: str, really_ms: int, *, dead_for_ms: int = 0) -> None:
        def happen() -> None:
            now_ms, presence = self.world.now_ms, node.engine.presence
            if what == "open":
                presence.line_opened(self.id)
            else:
                presence.line_closed(self.id, heard_at_ms=node.engine.node.now_ms() - dead_for_ms)
            self.world.truth.seen(
                self.id, what, at_ms=now_ms, really_ms=really_ms, node=node.number, heard_ms=now_ms - dead_for_ms
            )
            self.world.trace(node, self.name, what, "line", dead_for_ms or "")

        node.deliver(happen)


class People:
    """Everybody, and the world around them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.swarm = world.swarm
        self.rng = random.Random(f"{world.seed} people")
        self.guests = [
            Person(world, f"guest{index}", Role.GUEST, f"dev:guest{index}?diamonds={self._purse()}")
            for index in range(self.swarm.guests_count)
        ]
        self.anchors = [
            Person(world, f"anchor{index}", Role.ANCHOR, f"dev:anchor{index}?role=master&price={self._price()}")
            for index in range(self.swarm.anchors_count)
        ]
        self._keys = 0
        self._scripts: list[asyncio.Task[None]] = []

    def _purse(self) -> int:
        return self.rng.choice((5, 30, 45, 200, 1_000, 5_000))

    def _price(self) -> int:
        return self.rng.choice((1, 7, 10, 15, 40))

    def _key(self) -> str:
        self._keys += 1
        return f"key{self._keys}"

    @property
    def everybody(self) -> list[Person]:
        return [*self.guests, *self.anchors]

    async def arrive(self) -> None:
        """All sign in."""
        for person in self.everybody:
            await person.sign_in()

    def begin(self) -> None:
        """Start everybody's script and the weather."""
        if self.guests:
            scripts = [self._guest_lives(guest) for guest in self.guests]
            scripts += [self._operator_lives(), self._anchors_change_prices()]
            if self.rng.random() < 0.6:
                scripts.append(self._buyers_live())
            self._scripts = [self.world.begin(script) for script in scripts]
        for kind, level, act in (
            ("kills", self.swarm.kills, self._kill),
            ("freezes", self.swarm.freezes, self._freeze),
            ("cuts", self.swarm.cuts, self._cut),
            ("down", self.swarm.down, self._store_down),
            ("drains", self.swarm.drains, self._drain),
            ("steps", self.swarm.steps, self._step),
            ("presence", self.swarm.presence_loss, self._empty_presence),
        ):
            if level is not Level.OFF:
                self.world.begin(self._weather(random.Random(f"{self.world.seed} {kind}"), PER_MINUTE[level], act))

    def leave(self) -> None:
        """Everybody walks away from his device, whatever he was doing. Sockets stay open, answers go unheard."""
        for script in self._scripts:
            script.cancel()

    # --- guests and anchors ----------------------------------------------------------------------------------------

    async def _guest_lives(self, guest: Person) -> None:
        rng = random.Random(f"{self.world.seed} {guest.name}")
        while True:
            await self.world.wait(rng.randrange(200, 12_000))
            anchor = rng.choice(self.anchors)
            await _Encounter(self, guest, anchor, rng).run()

    async def _operator_lives(self) -> None:
        """Somebody at the admin API: ends calls, grants, bans and lifts bans."""
        world, rng = self.world, random.Random(f"{self.world.seed} operator")
        while True:
            await world.wait(rng.randrange(5_000, 60_000))
            kind = rng.random()
            person = rng.choice(self.everybody)
            if kind < 0.45:
                await self.grant(rng.choice(self.guests), rng.choice((1, 20, 300)))
            elif kind < 0.6 and world.database.live_call_of:
                call_id = rng.choice(sorted(world.database.live_call_of.values()))
                await self.end_call(call_id)
            elif kind < 0.75:
                await self._ban(person, rng)

    async def grant(self, guest: Person, diamonds: int) -> None:
        """An operator gives diamonds."""
        key = self._key()

        async def work(engine: Greenroom) -> Any:
            return await engine.operator.grant(
                guest.id, Currency.CALLS_DIAMONDS, diamonds, key=key, actor="ada", reason="kindness"
            )

        if await self.operate(work) is not None:
            self.world.journal.entry_told(EntryId(f"grant:{key}"))

    async def end_call(self, call_id: CallId) -> None:
        """An operator ends a call."""

        async def work(engine: Greenroom) -> Any:
            self.world.truth.asked_to_end(call_id, "stop", at_ms=self.world.now_ms)
            return await engine.operator.end_call(call_id, actor="ada", reason="why not")

        record = await self.operate(work, at=lambda: self.world.owner_of(call_id))
        if record is not None:
            self.world.note_call(record)

    async def _ban(self, person: Person, rng: random.Random) -> None:
        kind = rng.choice((BanKind.ACCOUNT, BanKind.BROADCAST))

        async def ban(engine: Greenroom) -> Any:
            self.world.truth.banned(person.id, at_ms=self.world.now_ms)
            return await engine.operator.ban(person.id, kind, "rude", until_ms=None, actor="ada")

        async def unban(engine: Greenroom) -> Any:
            await engine.notices.unban(person.id)
            return True

        def at() -> SimNode | None:
            call_id = self.world.database.live_call_of.get(person.id)
            return None if call_id is None else self.world.owner_of(call_id)

        await self.operate(ban, at=at)
        await self.world.wait(rng.randrange(500, 8_000))
        await self.operate(unban)

    async def operate(
        self,
        work: Callable[[Greenroom], Coroutine[Any, Any, Any]],
        *,
        at: Callable[[], SimNode | None] = lambda: None,
    ) -> Any:
        """Do something as an operator, until it is answered; None when it is refused or never answered."""
        for attempt in range(TRIES_MAX):
            nodes = self.world.live_nodes
            node = at() or (nodes[0] if nodes else None)
            if node is not None:
                try:
                    return await node.serve(work(node.engine))
                except Refused:
                    return None
                except EngineError as error:
                    self.world.require_known(error)
                except Lost:
                    pass
            await self.world.wait(min(4_000, 300 * 2**attempt))
        return None

    async def _anchors_change_prices(self) -> None:
        rng = random.Random(f"{self.world.seed} prices")
        while True:
            await self.world.wait(rng.randrange(10_000, 50_000))
            anchor, points = rng.choice(self.anchors), rng.choice((1, 9, 12, 33))

            async def work(engine: Greenroom, who: PersonRecord, points: int = points) -> None:
                await engine.profiles.set_price(who, points)

            await _quietly(anchor.try_to(work, tries_max=3))

    # --- money -----------------------------------------------------------------------------------------------------

    async def give(self, guest: Person, rng: random.Random, *, call_id: CallId | None) -> None:
        """A gift, with a key most of the time, and asked again until it is answered."""
        key = self._key() if rng.random() < 0.8 else None
        gift_id, count = rng.choice(((1, 1), (1, 3), (2, 1)))

        attempts: list[str] = []

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.gifts.give(who, gift_id, count, to=None, key=key)

        async def once() -> None:
            # Without a key a retry would be another gift.
            tries_max = TRIES_MAX if key else 1
            try:
                receipt = await guest.try_to(work, call_id=call_id, tries_max=tries_max, attempts=attempts)
            except BelowFloor:
                self.world.rare["gift refused"] += 1
                # An attempt whose answer was lost may still be under way; one alone that was refused is not.
                if key and len(attempts) == 1:
                    self.world.journal.refused.add(gift_entry_id(guest.id, f"k:{key}"))
            except (Refused, Lost):
                return
            else:
                self.world.journal.entry_told(receipt.entry.id)
                if key:
                    body = f"{receipt.entry.id} {receipt.entry.at_ms} {receipt.balance_diamonds}"
                    self.world.journal.answered("gift", guest.id, key, body)

        if key and rng.random() < 0.25:
            self.world.rare["double click"] += 1
            await asyncio.gather(once(), once())
        else:
            await once()

    async def _buyers_live(self) -> None:
        rng = random.Random(f"{self.world.seed} buyers")
        while True:
            await self.world.wait(rng.randrange(5_000, 50_000))
            await self._buy(rng.choice(self.guests), rng)

    async def _buy(self, guest: Person, rng: random.Random) -> None:
        world, key, product_id = self.world, self._key(), rng.choice((1, 2))

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.recharge.create(who, product_id, key=key, address="127.0.0.1")

        try:
            order, _payment = await guest.try_to(work)
        except (Refused, Lost):
            return
        world.journal.answered("order", guest.id, key, order.id)
        kind = rng.random()
        if kind < 0.15:
            return  # Never paid.
        if kind < 0.3:
            world.fault("notification forged", None, order.id)
            await self._notify(order, world.provider.notice(order.id, seal="guessed"), is_honest=False)
            return
        if kind < 0.4:
            world.fault("notification of another amount", None, order.id)
            await self._notify(order, world.provider.notice(order.id, fee_fen=order.price - 1), is_honest=False)
            return
        await world.wait(rng.randrange(0, 5_000))
        world.journal.paid(OrderId(order.id), order.price)
        if kind < 0.5:
            world.rare["payment never notified"] += 1
            return
        notice = world.provider.notice(order.id)
        copies_count = rng.choice((1, 1, 2, 3))
        if copies_count > 1:
            world.fault("notification repeated", None, order.id)
        if rng.random() < 0.3:
            world.fault("notification late", None, order.id)
            await world.wait(rng.randrange(20_000, 90_000))
        await asyncio.gather(*(self._notify(order, notice, is_honest=True) for _ in range(copies_count)))

    async def _notify(self, order: OrderRecord, body: bytes, *, is_honest: bool) -> None:
        """The provider's server posts, and posts again while it gets no answer."""
        for attempt in range(6):
            nodes = self.world.live_nodes
            if nodes:
                node = nodes[self.world.chance.randrange(len(nodes))]
                try:
                    await node.serve(node.engine.recharge.notified(body))
                except (Forbidden, NotFound):
                    if is_honest:
                        self.world.break_off(f"INV-8: the honest notification of order {order.id} was refused")
                    return
                except EngineError as error:
                    self.world.require_known(error)
                except Lost:
                    pass
                else:
                    if not is_honest:
                        self.world.break_off(f"INV-8: a false notification of order {order.id} was taken")
                    self.world.journal.confirmed.add(OrderId(order.id))
                    return
            await self.world.wait(1_000 * 2**attempt)

    # --- the weather -----------------------------------------------------------------------------------------------

    async def _weather(self, rng: random.Random, per_minute: float, act: Callable[[random.Random], None]) -> None:
        while True:
            await self.world.wait(int(rng.expovariate(per_minute / 60_000)) + 500)
            if self.world.dice.is_stopped:
                return
            act(rng)

    def _some_node(self, rng: random.Random) -> SimNode | None:
        nodes = self.world.live_nodes
        return rng.choice(nodes) if nodes else None

    def _kill(self, rng: random.Random) -> None:
        node = self._some_node(rng)
        if node is not None:
            self.world.fault("node killed", node)
            self.world.kill(node)

    def _drain(self, rng: random.Random) -> None:
        node = self._some_node(rng)
        if node is not None and not node.is_frozen and not node.is_cut:
            self.world.fault("node drained", node)
            self.world.begin(self._drain_and_boot(node))

    async def _drain_and_boot(self, node: SimNode) -> None:
        await node.drain(is_quiet=False)
        await self.world.boot(node.name, delay_ms=1_000)

    def _freeze(self, rng: random.Random) -> None:
        node = self._some_node(rng)
        if node is not None and not node.is_frozen:
            length_ms = rng.choice((800, 3_000, 7_000, 12_000, 25_000, 61_000))
            self.world.fault("node frozen", node, length_ms)
            node.freeze(length_ms)

    def _cut(self, rng: random.Random) -> None:
        node = self._some_node(rng)
        if node is None or node.is_cut:
            return
        length_ms = rng.choice((2_000, 6_000, 15_000, 40_000))
        self.world.trace(node, "FAULT: cut off for", length_ms)
        self.world.truth.outages.append((self.world.now_ms, self.world.now_ms + length_ms + 6_000))
        node.is_cut = True
        self.world.later(length_ms, node.mend)

    def _store_down(self, rng: random.Random) -> None:
        world = self.world
        if world.is_store_down:
            return
        length_ms = rng.choice((1_000, 4_000, 12_000, 45_000, 90_000))
        world.trace(None, "FAULT: store down for", length_ms)
        world.truth.outages.append((world.now_ms, world.now_ms + length_ms + 6_000))
        world.is_store_down = True
        world.later(length_ms, world.store_up)

    def _step(self, rng: random.Random) -> None:
        step_ms = rng.choice((-5_000, -2_000, 2_000, 5_000))
        if abs(self.world.store_step_ms + step_ms) > 5_000:
            step_ms = -step_ms
        self.world.fault("store clock stepped", None, step_ms)
        self.world.store_step_ms += step_ms
        self.world.truth.steps_ms += abs(step_ms)

    def _empty_presence(self, _rng: random.Random) -> None:
        self.world.fault("presence emptied")
        self.world.database.sightings.clear()


class _Encounter:
    """One attempt of a guest and an anchor to talk, from the ring to the end."""

    def __init__(self, people: People, guest: Person, anchor: Person, rng: random.Random) -> None:
        self.people = people
        self.world = people.world
        self.guest = guest
        self.anchor = anchor
        self.rng = rng
        self.call_id = CallId(0)

    async def run(self) -> None:
        """The whole story. Whatever goes wrong, it ends."""
        self._appear()
        await self.world.wait(self.rng.randrange(10, 500))
        caller = self.guest if self.rng.random() < 0.65 else self.anchor
        call = await self._ring(caller)
        if call is None:
            return
        self.call_id = call.id
        with contextlib.suppress(Refused, Lost):
            await self._answer(caller)
        await self._leave()

    def _other(self, person: Person) -> Person:
        return self.anchor if person is self.guest else self.guest

    @property
    def call(self) -> CallRecord:
        """The call as it is kept; people see as much on their screens."""
        return self.world.database.calls[self.call_id]

    def _appear(self) -> None:
        """The two show up: with a socket, or only by asking."""
        for person in (self.guest, self.anchor):
            if person.line is not None and (person.line.is_dead or not person.line.is_up):
                person.close_line()
            if person.line is None and person.id not in self.world.database.live_call_of and self.rng.random() < 0.7:
                nodes = self.world.live_nodes
                person.open_line(self.rng.choice(nodes) if nodes else None)

    # --- ringing ---------------------------------------------------------------------------------------------------

    async def _ring(self, caller: Person) -> CallRecord | None:
        world, rng, callee = self.world, self.rng, self._other(caller)

        async def see(_engine: Greenroom, _who: PersonRecord) -> None:
            """The callee's client polls something."""

        await _quietly(callee.ask(see))
        kind = rng.random()
        if kind < 0.12:
            world.rare["double click"] += 1
            calls = list(await asyncio.gather(self._ring_once(caller), self._ring_once(caller)))
        elif kind < 0.3:
            calls = list(await asyncio.gather(self._ring_once(caller), self._ring_once(callee)))
        else:
            calls = [await self._ring_once(caller)]
        found = [call for call in calls if call is not None]
        if len({call.id for call in found}) > 1 and len({call.id for call in found if call.is_live}) > 1:
            world.rare["two calls of one pair, one after the other"] += 1
        if any(call.phase is Phase.JOINING for call in found):
            world.rare["mutual ring"] += 1
        if found and rng.random() < 0.2:
            await self._third_party(rng.choice((self.guest, self.anchor)))
        return found[-1] if found else None

    async def _ring_once(self, caller: Person) -> CallRecord | None:
        callee = self._other(caller)

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.calls.ring(who, callee.id)

        call_id = self.world.database.live_call_of.get(callee.id)
        try:
            call = await caller.try_to(work, call_id=call_id, tries_max=4)
        except Busy:
            self.world.rare["busy"] += 1
        except BelowFloor:
            self.world.rare["ring refused for lack of diamonds"] += 1
        except (Unreachable, Banned):
            self.world.rare["unreachable"] += 1
        except (Refused, Lost):
            pass
        else:
            self.world.note_call(call)
            return call  # type: ignore[no-any-return]
        return None

    async def _third_party(self, wanted: Person) -> None:
        """Somebody else rings one of the two, who has a call: he must not get one."""
        others = self.people.guests if wanted is self.anchor else self.people.anchors
        stranger = self.rng.choice(others)
        if stranger in (self.guest, self.anchor) or stranger.id in self.world.database.live_call_of:
            return

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.calls.ring(who, wanted.id)

        try:
            call = await stranger.ask(work)
        except Busy:
            self.world.rare["third party told busy"] += 1
        except (EngineError, Lost):
            return
        else:
            self.world.note_call(call)

    # --- answering -------------------------------------------------------------------------------------------------

    async def _answer(self, caller: Person) -> None:
        rng, world = self.rng, self.world
        kind = rng.random()
        if kind < 0.08:
            await world.wait(rng.randrange(1_000, 20_000))  # Nobody answers.
            return
        await world.wait(rng.randrange(100, 6_000))
        if kind < 0.16:
            await self._hang_up(caller)
            return
        if kind < 0.26:
            await self._decline(self._other(caller))
            return
        for person in (self.guest, self.anchor):
            if rng.random() < 0.7:
                person.open_line(world.owner_of(self.call_id))
            else:
                person.close_line()
        if rng.random() < 0.5:
            await self._have_a_room()
        elif caller is self.anchor:
            await self._agree()
        await world.wait(rng.randrange(50, 4_000))
        if rng.random() < 0.1:
            # Gone between the answer and the start.
            rng.choice((self.guest, self.anchor)).close_line()
        if rng.random() < 0.07:
            return  # She never starts.
        await self._start()
        if self.call.started_at_ms is None and self.call.is_live:
            await world.wait(rng.randrange(500, 5_000))
            self._come_back(self.guest)
            self._come_back(self.anchor)
            await world.wait(3_000)
        if self.call.started_at_ms is not None:
            await self._talk()

    async def _decline(self, person: Person) -> None:
        if person is self.anchor:
            await self._hang_up(person)
            return

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.calls.reply(who, self.anchor.id, agrees=False)

        self.world.note_call(await person.try_to(work, call_id=self.call_id))

    async def _agree(self) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.calls.reply(who, self.anchor.id, agrees=True)

        self.world.note_call(await self.guest.try_to(work, call_id=self.call_id))

    async def _start(self) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            self.world.truth.stated(self.call, at_ms=self.world.now_ms)
            return await engine.calls.start(who, self.guest.id)

        self.world.note_call(await self.anchor.try_to(work, call_id=self.call_id))

    async def _have_a_room(self) -> None:
        """She makes the call's room and sends her pictures into it; so does he, perhaps."""

        async def make(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.live_rooms.create(who, room_id=None, info="", guest_id=self.guest.id)

        if self.call.phase is Phase.RINGING and self.call.rung_by is Side.ANCHOR:
            await self._agree()
        await _quietly(self.anchor.try_to(make, call_id=self.call_id, tries_max=6))
        if self.call.room_id is not None:
            self.world.rare["room made for a call"] += 1

    # --- talking ---------------------------------------------------------------------------------------------------

    async def _talk(self) -> None:
        """Until it is over: lines come and go, gifts are given, and at some moment somebody has had enough."""
        rng, world = self.rng, self.world
        # A pusher's line is the room's business; here lines are sockets.
        minute_ms = world.swarm.minute_ms
        until_ms = world.now_ms + self._length_ms(minute_ms)
        while self.call.is_live and world.now_ms < until_ms:
            await world.wait(min(rng.randrange(500, 9_000), max(1, until_ms - world.now_ms)))
            for person in (self.guest, self.anchor):
                self._follow(person)
                if person.line is None:
                    await _quietly(person.ask(_poll, at=world.owner_of(self.call_id)))
            kind = rng.random()
            if self._is_short() and rng.random() < 0.3:
                world.rare["topped up at the last moment"] += 1
                await self.people.grant(self.guest, 2 * self.call.price.diamonds)
            if kind < 0.17:
                await self._gap()
            elif kind < 0.3:
                await self.people.give(self.guest, rng, call_id=self.call_id)
            elif kind < 0.34:
                await asyncio.gather(*(self.people.give(self.guest, rng, call_id=self.call_id) for _ in range(4)))
        if rng.random() < 0.12:
            # Both vanish without a word.
            for person in (self.guest, self.anchor):
                person.close_line()
            world.rare["both vanish"] += 1
            await world.wait(rng.choice((30_000, 95_000)))

    def _is_short(self) -> bool:
        """Whether the next minute is not covered; his screen tells him."""
        stored = self.world.database.balances.get(wallet(Currency.CALLS_DIAMONDS, self.guest.id), 0)
        return stored < self.call.price.diamonds

    def _length_ms(self, minute_ms: int) -> int:
        """How long they want to talk; often to a boundary, or just beside it."""
        rng = self.rng
        if rng.random() < 0.5:
            return rng.randrange(500, 4 * minute_ms)
        due_ms = boundary_ms(
            started_at_ms=self.call.started_at_ms or self.world.store_now_ms(),
            unbilled_ms=self.call.unbilled_ms,
            minute=self.call.minutes_paid + 1,
            minute_ms=minute_ms,
        )
        left_ms = due_ms - self.world.store_now_ms() + rng.randrange(0, 3) * minute_ms
        return max(1, left_ms + rng.choice((-1, 0, 1, -30, 30, -500, 500)))

    def _follow(self, person: Person) -> None:
        """Somebody with a socket goes where the call is."""
        if person.line is not None:
            owner = self.world.owner_of(self.call_id)
            if person.line.is_dead or not person.line.is_up:
                person.close_line()
                person.open_line(owner)
            elif owner is not None:
                person.open_line(owner)

    def _come_back(self, person: Person) -> None:
        if person.line is None or person.line.is_dead:
            person.open_line(self.world.owner_of(self.call_id))

    async def _gap(self) -> None:
        """One of the two, or both, lose their lines for some time; without lines they fall silent."""
        rng, world = self.rng, self.world
        lost = rng.choice(((self.guest,), (self.anchor,), (self.guest, self.anchor)))
        grace_ms = world.swarm.grace_ms
        had_line = {person.name: person.line is not None for person in lost}
        for person in lost:
            dead_for_ms = rng.choice((0, 0, 0, 0, 0, 5_000, 40_000))
            world.rare["dead line noticed late"] += dead_for_ms > 0
            person.close_line(dead_for_ms=dead_for_ms)
            await world.wait(rng.randrange(0, 1_500))
        if any(had_line.values()):
            length_ms = rng.choice((200, 2_000, grace_ms // 2, grace_ms - 200, grace_ms + 200, 2 * grace_ms))
        else:
            length_ms = rng.choice((20_000, 61_000, 62_000 + grace_ms, 75_000 + grace_ms))
            world.rare["silence"] += 1
        await world.wait(length_ms)
        for person in lost:
            if had_line[person.name]:
                person.open_line(world.owner_of(self.call_id))
            else:
                await _quietly(person.ask(_poll, at=world.owner_of(self.call_id)))

    # --- leaving ---------------------------------------------------------------------------------------------------

    async def _leave(self) -> None:
        """See to it that the call is over: nobody stays on the line for ever."""
        kind = self.rng.random()
        if kind < 0.3:
            await asyncio.gather(self._hang_up(self.guest), self._hang_up(self.anchor))
        elif kind < 0.8:
            await self._hang_up(self.rng.choice((self.guest, self.anchor)))
        elif kind < 0.88:
            await self.people.end_call(self.call_id)
        if self.call.is_live:
            await self._hang_up(self.guest)
        if self.rng.random() < 0.5:
            self.guest.close_line()

    async def _hang_up(self, person: Person) -> None:
        world, call_id, other = self.world, self.call_id, self._other(person)
        asked_at_ms: list[int] = []

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            asked_at_ms.append(world.now_ms)
            # The pair's call ends, whichever that is by now.
            world.truth.asked_to_end(world.database.live_call_of.get(other.id, call_id), "hang up", at_ms=world.now_ms)
            return await engine.calls.hang_up(who, other.id)

        try:
            record = await person.try_to(work, call_id=call_id)
        except (Refused, Lost):
            return
        world.note_call(record)
        if record.id == call_id and not record.is_live and record.end_reason is EndReason.HUNG_UP:
            world.truth.told_ended(call_id, asked_at_ms=asked_at_ms[-1])


async def _poll(_engine: Greenroom, _who: PersonRecord) -> None:
    """A request that only shows that somebody is there."""


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    """Do it, and do not mind if it does not succeed."""
    with contextlib.suppress(EngineError, Lost):
        await work
