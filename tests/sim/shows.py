"""What people do on the site: anchors on and off air, viewers who come, pay, subscribe, talk, give and go.

As in ``workload``, scripts know no fault: they ask again, go where the show is, and write down what they were told.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from engine.billing.entries import donation_entry_id, grant_move, subscription_move
from engine.billing.posting import decide
from engine.errors import (
    AlreadyExists,
    BelowFloor,
    Busy,
    EngineError,
    Forbidden,
    NotFound,
    Refused,
    RoomFull,
    Silenced,
)
from engine.greenroom import Greenroom
from engine.ports import CryptoStatus
from engine.services.accounts import SITE
from engine.services.guests import GUESTS_FROM
from engine.services.show_chat import Said
from engine.services.shows import show_id
from store.interfaces.chats import RecordKind
from store.interfaces.ids import EntryId, OrderId, PersonId, RoomId
from store.interfaces.money import Currency
from store.interfaces.orders import OrderRecord
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import RoomKind
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord
from store.interfaces.subscriptions import SubscriptionRecord
from tests.sim.crypto import SEAL, Deal
from tests.sim.hub import Client, Connection
from tests.sim.site_oracle import THIRTY_DAYS_MS
from tests.sim.workload import TRIES_MAX, Person
from tests.sim.world import EPOCH_MS, Lost, SimNode, World
from tests.support.records import subscription_begun

__all__ = ["Site"]

Work = Callable[[Greenroom, PersonRecord], Awaitable[Any]]

FIRST_ID: Final = 30_001
SOCKETS_MAX: Final = 2
LOOK_EVERY_MS: Final = 2_000
USDT: Final = (12, 20, 100)
KINDS: Final = (ShowKind.FREE, ShowKind.FREE, ShowKind.VIP, ShowKind.VIP, ShowKind.VIP, ShowKind.ONE_TO_ONE)
ON_THE_WAY: Final = (CryptoStatus.CONFIRMING, CryptoStatus.CONFIRMED, CryptoStatus.SENDING)


class Fan(Person):
    """Somebody on the site: an anchor, somebody with an account, or a guest; each with up to two tabs open."""

    def __init__(self, world: World, name: str, person_id: PersonId, *, uid: str = "") -> None:
        super().__init__(world, name, Role.ANCHOR if uid else Role.GUEST, "", surface=SITE)
        self.id = person_id
        self.is_guest = person_id >= GUESTS_FROM
        self.rng = random.Random(f"{world.seed} {name}")
        self.person = PersonRecord(
            id=person_id,
            surface=SITE,
            external_id=name,
            public_id=uid,
            role=self.role,
            created_at_ms=EPOCH_MS,
            nickname=name,
        )
        self.tabs: list[tuple[Connection, RoomId] | None] = [None] * SOCKETS_MAX
        self.clients = [Client(world, f"{name} at tab {tab}") for tab in range(SOCKETS_MAX)]
        self._sockets_count = 0

    async def _authenticated(self, node: SimNode, work: Work) -> Any:
        who = self.person if self.is_guest else await node.engine.site_people.person(self.id)
        return await work(node.engine, who)

    def tidy(self) -> None:
        """Notice sockets that are gone, or of no use any more."""
        for tab, opened in enumerate(self.tabs):
            if opened is not None and (not opened[0].is_well or opened[1] in opened[0].put_out):
                self.hang_up(tab)

    @property
    def rooms(self) -> list[RoomId]:
        """Where he has a socket."""
        return [opened[1] for opened in self.tabs if opened is not None]

    async def connect(self, tab: int, room_id: RoomId) -> None:
        """Open a socket at the show, and go on listening where one stopped."""
        world = self.world
        nodes = world.live_nodes
        node = world.owner_of_room(room_id) or (self.rng.choice(nodes) if nodes else None)
        if node is None:
            return
        self.hang_up(tab)
        self._sockets_count += 1
        client = self.clients[tab]
        socket = Connection(node, self.id, f"{self.name}/{self._sockets_count}", client)
        self.tabs[tab] = (socket, room_id)
        place = socket.asked_from = client.where(room_id)
        asked_ms = world.now_ms
        node.deliver(node.hub.join, socket)
        world.site.came(node, room_id, self.id, socket.id)

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            # Sockets are opened at one node, and by somebody who is still there.
            if engine is not node.engine or socket.has_closed:
                raise Lost
            since = None if place is None else place.position
            return await engine.show_rooms.visit(who, room_id, connection=socket.id, since=since)

        try:
            is_off_air = await self.ask(work, at=node) is not None
        except BaseException as error:
            self.hang_up(tab)
            if isinstance(error, Forbidden):
                world.rare["no right to enter"] += 1
                world.site.refused(self.id, room_id, asked_ms=asked_ms)
            elif isinstance(error, Busy | RoomFull):
                world.rare["one-to-one room full"] += 1
            elif not isinstance(error, EngineError | Lost):
                raise
        else:
            if is_off_air:
                world.rare["waits for a show"] += 1
                world.site.off_air(room_id, asked_ms=asked_ms)

    def hang_up(self, tab: int, *, dead_for_ms: int = 0) -> None:
        """Close the socket, if there is one."""
        opened, self.tabs[tab] = self.tabs[tab], None
        if opened is not None:
            socket = opened[0]
            socket.node.deliver(lambda: socket.node.hub.quit(socket, dead_for_ms=dead_for_ms))


class Site:
    """Everybody on the site."""

    def __init__(self, world: World) -> None:
        self.world = world
        swarm = world.swarm
        self.rng = random.Random(f"{world.seed} site")
        uids = [f"{'A' * 20}{index:02}" for index in range(swarm.stars_count)]
        self.stars = [Fan(world, f"star{index}", PersonId(FIRST_ID + index), uid=uid) for index, uid in enumerate(uids)]
        self.users = [Fan(world, f"fan{index}", PersonId(FIRST_ID + 50 + index)) for index in range(swarm.fans_count)]
        self.guests = [
            Fan(world, f"stranger{index}", PersonId(GUESTS_FROM + index)) for index in range(swarm.strangers_count)
        ]
        self.shows: dict[RoomId, tuple[Fan, str]] = {
            show_id(star.person.public_id, character): (star, character)
            for star in self.stars
            for character in self.rng.choice((("Tina",), ("Tina", "Sera_phina")))
        }
        self._numbers = 0
        self._lifted: set[str] = set()
        """Viewers of whom nobody knows whether they may talk again."""
        self._scripts: list[asyncio.Task[Any]] = []

    @property
    def viewers(self) -> list[Fan]:
        return [*self.users, *self.guests]

    def _key(self) -> str:
        self._numbers += 1
        return f"site{self._numbers}"

    async def arrive(self) -> None:
        """All have accounts, some money, and some a subscription from long ago."""
        world, stores = self.world, self.world.stores
        if not self.stars:
            return
        for fan in (*self.stars, *self.users):
            await stores.people.add(fan.person)
        for room_id, (star, character) in self.shows.items():
            world.site.opened(room_id, star.id)
            await stores.shows.keep(
                ShowRecord(id=room_id, anchor_id=star.id, character=character, created_at_ms=EPOCH_MS)
            )
        for fan in self.users:
            amount = self.rng.choice((15, 60, 400, 3_000))
            grant = grant_move(
                key=f"first {fan.name}",
                person_id=fan.id,
                currency=Currency.SITE_DIAMONDS,
                amount=amount,
                note="a beginning",
            )
            await stores.ledger.post([grant], decide)
        await stores.ledger.fold(1_000)
        for fan in self.users:
            for star in self.stars:
                if self.rng.random() < 0.5:
                    await self._was_subscribed(fan, star)

    async def _was_subscribed(self, fan: Fan, star: Fan) -> None:
        """Thirty days ago, nearly: it ends while we look."""
        until_ms = EPOCH_MS + self.rng.randrange(2_000, self.world.swarm.length_ms + 20_000)
        since_ms = until_ms - THIRTY_DAYS_MS
        one = SubscriptionRecord(user_id=fan.id, anchor_id=star.id, since_ms=since_ms, until_ms=until_ms, price=3)
        event = subscription_begun(one, fan.person, star.person)
        await self.world.stores.ledger.post([subscription_move(one, event, earned=3)], decide)
        self.world.site.subscribed(one)

    def begin(self) -> None:
        """Start everybody's script."""
        if not self.stars:
            return
        scripts = [self._star_lives(star) for star in self.stars]
        scripts += [self._fan_lives(fan) for fan in self.viewers]
        scripts.append(self._buyers_live())
        self._scripts = [self.world.begin(script) for script in scripts]
        self.world.begin(self._look_around())

    def leave(self) -> None:
        """Everybody leaves his tabs open."""
        for script in self._scripts:
            script.cancel()

    async def fade(self) -> None:
        """After all faults: whoever is inside has a socket and a right; then nobody has, and nobody is (INV-14)."""
        if not self.stars:
            return
        world = self.world
        await world.wait_unless_broken(32_000)
        for fan in (*self.stars, *self.viewers):
            for tab in range(SOCKETS_MAX):
                fan.hang_up(tab)
        await world.wait_unless_broken(18_000 + world.truth.steps_ms)
        for node in world.live_nodes:
            for state in node.engine.rooms.owned(RoomKind.SHOW):
                if state.audience:
                    world.break_off(f"INV-14: {list(state.audience)} are left in {state.record.id}")

    async def _look_around(self) -> None:
        while True:
            await self.world.wait(LOOK_EVERY_MS)
            self.world.site.roll_call()

    # --- anchors ---------------------------------------------------------------------------------------------------

    async def _star_lives(self, star: Fan) -> None:
        rng = star.rng
        hers = [(room_id, character) for room_id, (owner, character) in self.shows.items() if owner is star]
        while True:
            await self.world.wait(rng.randrange(200, 5_000))
            star.tidy()
            await self._broadcast(star, *rng.choice(hers))

    async def _broadcast(self, star: Fan, room_id: RoomId, character: str) -> None:
        actions: list[tuple[int, Callable[[], Awaitable[Any]]]] = [
            (5 if self._is_on_air(room_id) else 30, lambda: self._start(star, room_id, character)),
            (10, lambda: self._record(star, room_id, character)),
            (3, lambda: self._stop(star, room_id)),
            (14, lambda: self._describe(star, room_id, character)),
            (4, lambda: self._set_price(star)),
            (6, lambda: self._mute(star, room_id)),
            (3, lambda: star.connect(0, room_id)),
        ]
        await _one_of(actions, star.rng)

    async def _start(self, star: Fan, room_id: RoomId, character: str) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.show_rooms.start(who, character)

        await _quietly(star.try_to(work, room_id=room_id, tries_max=4))

    async def _stop(self, star: Fan, room_id: RoomId) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.show_rooms.stop(who, room_id)

        await _quietly(star.try_to(work, room_id=room_id, tries_max=4))

    async def _record(self, star: Fan, room_id: RoomId, character: str) -> None:
        said = Said(kind=star.rng.choice((RecordKind.ANCHOR, RecordKind.AI)), text=f"line {self._key()}")

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.show_chat.record(who, character, said)

        await _quietly(star.try_to(work, room_id=room_id, tries_max=4))

    async def _describe(self, star: Fan, room_id: RoomId, character: str) -> None:
        """Another title, kind or price; at the node that has the show, or elsewhere."""
        rng = star.rng
        info = ShowInfo(title=self._key(), price=rng.choice((0, 5, 5, 10, 30)), kind=rng.choice(KINDS))
        is_near = rng.random() < 0.6

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.show_rooms.describe(who, character, info)

        await _quietly(star.try_to(work, room_id=room_id if is_near else None, tries_max=3))

    async def _set_price(self, star: Fan) -> None:
        price = star.rng.choice((0, 1, 10, 25))

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.subscriptions.set_price(who, price)

        await _quietly(star.try_to(work, tries_max=3))

    async def _mute(self, star: Fan, room_id: RoomId) -> None:
        """Somebody may say nothing, tries to all the same, and may again some time later."""
        fan = self._somebody_in(room_id, star.rng)
        if fan is None:
            return
        length_ms = star.rng.choice((4_000, 20_000, None))
        attempts: list[str] = []

        def work(*, is_muted: bool) -> Work:
            async def mute(engine: Greenroom, who: PersonRecord) -> Any:
                await engine.show_rooms.mute(who, room_id, fan.id, is_muted=is_muted, length_ms=length_ms)

            return mute

        try:
            await star.try_to(work(is_muted=True), room_id=room_id, tries_max=3, attempts=attempts)
        except (EngineError, Lost):
            return
        if len(attempts) == 1 and fan.name not in self._lifted:
            self.world.site.muted(room_id, fan.id)
        for _ in range(star.rng.randrange(3)):
            await self._say(fan, room_id, star.rng)
            await self.world.wait(star.rng.randrange(100, 3_000))
        if star.rng.random() < 0.5:
            self._lifted.add(fan.name)
            try:
                await star.try_to(work(is_muted=False), room_id=room_id, tries_max=3)
            except (EngineError, Lost):
                return  # It may take effect much later.
            self._lifted.discard(fan.name)

    # --- viewers ---------------------------------------------------------------------------------------------------

    async def _fan_lives(self, fan: Fan) -> None:
        while True:
            await self.world.wait(fan.rng.randrange(100, 3_500))
            fan.tidy()
            await self._visit(fan, *self._some_show(fan))

    async def _visit(self, fan: Fan, room_id: RoomId, star: Fan) -> None:
        rng = fan.rng
        actions: list[tuple[int, Callable[[], Awaitable[Any]]]] = [
            (24, lambda: fan.connect(rng.randrange(SOCKETS_MAX), room_id)),
            (6, lambda: self._leave(fan)),
            (5, lambda: self._lose_line(fan)),
            (14, lambda: self._say(fan, room_id, rng)),
            (10, lambda: self._look(fan, room_id)),
        ]
        if not fan.is_guest:
            actions += [
                (12, lambda: self._donate(fan, star)),
                (9, lambda: self._subscribe(fan, star)),
                (14, lambda: self._pay(fan, room_id)),
                (4, lambda: self._see_whether_subscribed(fan, star)),
                (3, lambda: self._follow(fan, room_id)),
            ]
        await _one_of(actions, rng)

    def _some_show(self, fan: Fan) -> tuple[RoomId, Fan]:
        """Where he is, most of the time."""
        room_id = fan.rng.choice(list(self.shows))
        if fan.rooms and fan.rng.random() < 0.6:
            room_id = fan.rng.choice(fan.rooms)
        return room_id, self.shows[room_id][0]

    async def _leave(self, fan: Fan) -> None:
        fan.hang_up(fan.rng.randrange(SOCKETS_MAX))

    async def _lose_line(self, fan: Fan) -> None:
        """A line breaks, perhaps before anybody notices; he comes back soon, or late."""
        tab = fan.rng.randrange(SOCKETS_MAX)
        opened = fan.tabs[tab]
        if opened is None:
            return
        fan.hang_up(tab, dead_for_ms=fan.rng.choice((0, 0, 4_000)))
        await self.world.wait(fan.rng.choice((50, 800, 6_000)))
        await fan.connect(tab, opened[1])

    async def _say(self, fan: Fan, room_id: RoomId, rng: random.Random) -> None:
        """Over the socket, by a post, or by both as the clients do."""
        text, is_near = f"{fan.name} says {self._key()}", rng.random() < 0.85

        async def once() -> None:
            asked: list[int] = []

            async def work(engine: Greenroom, who: PersonRecord) -> Any:
                asked.append(self.world.now_ms)
                await engine.show_chat.say(who, room_id, text, shown_id="" if fan.is_guest else str(who.id))

            try:
                await fan.try_to(work, room_id=room_id if is_near else None, tries_max=3)
            except Silenced:
                self.world.rare["mute, and talked"] += 1
            except NotFound:
                self.world.site.off_air(room_id, asked_ms=asked[-1])
            except Forbidden:
                self.world.site.refused(fan.id, room_id, asked_ms=asked[-1])
            except (Refused, Lost):
                return
            else:
                self.world.site.said(fan.id, room_id, text, asked_ms=asked[-1])

        if rng.random() < 0.4:
            self.world.rare["said twice at once"] += 1
            await asyncio.gather(once(), once())
        else:
            await once()

    async def _look(self, fan: Fan, room_id: RoomId) -> None:
        """What a page shows before he enters."""
        asked: list[int] = []

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            asked.append(self.world.now_ms)
            show = await engine.shows.get(room_id)
            return await engine.admissions.pass_of(who.id, show)

        try:
            found = await fan.try_to(work, tries_max=3)
        except (Refused, Lost):
            return
        if found is not None:
            self.world.rare[f"may enter: {found.right}"] += 1
        self.world.site.looked(fan.id, room_id, found, asked_ms=asked[-1])

    async def _see_whether_subscribed(self, fan: Fan, star: Fan) -> None:
        asked: list[int] = []

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            asked.append(self.world.now_ms)
            return await engine.subscriptions.running_of(who.id)

        try:
            running = await fan.try_to(work, tries_max=3)
        except (Refused, Lost):
            return
        is_running = any(one.anchor_id == star.id for one in running)
        self.world.site.running(fan.id, star.id, is_running=is_running, asked_ms=asked[-1])

    async def _follow(self, fan: Fan, room_id: RoomId) -> None:
        follows = fan.rng.random() < 0.6

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.follows.set(who.id, await engine.shows.get(room_id), follows=follows)

        try:
            told = await fan.try_to(work, tries_max=3)
        except (Refused, Lost):
            return
        is_kept = (fan.id, room_id) in self.world.database.follows
        if told is not follows or (self.world.swarm.is_calm and is_kept is not follows):
            self.world.break_off(f"SITE-36: {fan.name} asked for {follows}, was told {told}, kept is {is_kept}")

    # --- money -----------------------------------------------------------------------------------------------------

    async def _donate(self, fan: Fan, star: Fan) -> None:
        world, rng = self.world, fan.rng
        key, amount = (self._key() if rng.random() < 0.8 else None), rng.choice((1, 5, 30, 200))
        attempts: list[str] = []

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            room_id = engine.show_rooms.shared_by(who.id, star.id)
            world.rare["donation in a show"] += room_id is not None
            return await engine.donations.donate(who, star.person, amount, key=key, room_id=room_id)

        async def once() -> None:
            try:
                receipt = await fan.try_to(work, tries_max=TRIES_MAX if key else 1, attempts=attempts)
            except BelowFloor:
                world.rare["donation refused"] += 1
                if key and len(attempts) == 1:
                    world.journal.refused.add(donation_entry_id(fan.id, f"k:{key}"))
            except (Refused, EngineError, Lost):
                return
            else:
                donation = receipt.donation
                world.journal.entry_told(donation.id)
                if key:
                    body = f"{donation.id} {donation.number} {donation.at_ms} {receipt.balance}"
                    world.journal.answered("donation", fan.id, key, body)

        await self._perhaps_twice(once, is_possible=key is not None, rng=rng)

    async def _subscribe(self, fan: Fan, star: Fan) -> None:
        world, rng = self.world, fan.rng
        key = self._key() if rng.random() < 0.7 else None

        async def once() -> None:
            asked: list[int] = []

            async def work(engine: Greenroom, who: PersonRecord) -> Any:
                asked.append(world.now_ms)
                return await engine.subscriptions.subscribe(who, star.person, amount=None, key=key)

            try:
                one = await fan.try_to(work, tries_max=TRIES_MAX if key else 1)
            except AlreadyExists:
                world.rare["subscribed already"] += 1
                world.site.running(fan.id, star.id, is_running=True, asked_ms=asked[-1])
            except (EngineError, Lost):
                return
            else:
                world.rare["subscribed"] += 1
                if one.price:
                    world.journal.entry_told(EntryId(f"sub:{fan.id}:{star.id}:{one.since_ms}"))
                if key:
                    world.journal.answered("subscription", fan.id, key, str(one))

        await self._perhaps_twice(once, is_possible=True, rng=rng)

    async def _pay(self, fan: Fan, room_id: RoomId) -> None:
        """For a show, where it is or anywhere; then in he goes."""
        world, rng = self.world, fan.rng
        key, is_near = (self._key() if rng.random() < 0.7 else None), rng.random() < 0.6

        async def once() -> None:
            attempts: list[str] = []
            before, asked_ms = self._house(room_id), world.now_ms

            async def work(engine: Greenroom, who: PersonRecord) -> Any:
                show = await engine.shows.get(room_id)
                return await engine.admissions.pay(who, show, amount=None, key=key)

            try:
                receipt = await fan.try_to(
                    work, room_id=room_id if is_near else None, tries_max=8 if key else 1, attempts=attempts
                )
            except AlreadyExists:
                world.rare["paid already"] += 1
                if EntryId(f"vip:{fan.id}:{room_id}") not in world.database.entries:
                    world.break_off(f"SITE-30: {fan.name} was told that {room_id} is paid, and it is not")
            except Busy:
                world.rare["place taken"] += 1
            except (EngineError, Lost):
                return
            else:
                world.journal.entry_told(receipt.entry.id)
                if key:
                    body = f"{receipt.entry.at_ms} {receipt.price} {receipt.balance}"
                    world.journal.answered("admission", fan.id, key, body)
                after = self._house(room_id)
                if len(attempts) == 1 and before[0] == after[0]:
                    others = (before[1] & after[1]) - {fan.id}
                    world.site.sold_a_place(room_id, others, asked_ms=asked_ms)

        await self._perhaps_twice(once, is_possible=True, rng=rng)
        if rng.random() < 0.7:
            await fan.connect(0, room_id)

    async def _perhaps_twice(
        self, once: Callable[[], Awaitable[None]], *, is_possible: bool, rng: random.Random
    ) -> None:
        if is_possible and rng.random() < 0.3:
            self.world.rare["double click"] += 1
            await asyncio.gather(once(), once())
        else:
            await once()

    # --- recharges -------------------------------------------------------------------------------------------------

    async def _buyers_live(self) -> None:
        rng = random.Random(f"{self.world.seed} crypto buyers")
        while True:
            await self.world.wait(rng.randrange(1_000, 20_000))
            self._scripts.append(self.world.begin(self._buy(rng.choice(self.users), rng)))

    async def _buy(self, fan: Fan, rng: random.Random) -> None:
        world, key, usdt = self.world, self._key(), rng.choice(USDT)

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.crypto_recharge.create(who, usdt, key=key)

        try:
            order, payment = await fan.try_to(work, tries_max=6)
        except (Refused, Lost):
            return
        world.journal.answered("crypto order", fan.id, key, f"{order.id} {payment.payment_id}")
        deal = world.crypto.deals[payment.payment_id]
        await world.wait(rng.randrange(100, 8_000))
        fate = rng.choice(
            (self._abandoned, self._forged, self._unlike, self._in_part, self._paid, self._paid, self._paid_late)
        )
        await fate(fan, order, deal, rng)
        await self._watch(fan, order)

    async def _abandoned(self, _fan: Fan, order: OrderRecord, deal: Deal, rng: random.Random) -> None:
        """Nobody pays; the provider gives up, and says so or not."""
        if rng.random() < 0.7:
            self.world.fault("crypto payment expired", None, order.id)
            deal.status = CryptoStatus.EXPIRED
            await self._notify(order, deal.notice(), times_count=rng.randrange(3))

    async def _forged(self, _fan: Fan, order: OrderRecord, deal: Deal, _rng: random.Random) -> None:
        self.world.fault("crypto notification forged", None, order.id)
        await self._notify(order, deal.notice(CryptoStatus.FINISHED), seal="guessed")

    async def _unlike(self, _fan: Fan, order: OrderRecord, deal: Deal, rng: random.Random) -> None:
        """Authentic, and not about this order as it was made."""
        self.world.fault("crypto notification unlike its order", None, order.id)
        finished = CryptoStatus.FINISHED
        body = rng.choice(
            (
                deal.notice(finished, price=deal.price - 1),
                deal.notice(finished, currency="eur"),
                deal.notice(finished, payment_id="p0"),
                deal.notice(finished, parent_id=deal.payment_id),
            )
        )
        await self._notify(order, body)

    async def _in_part(self, fan: Fan, order: OrderRecord, deal: Deal, rng: random.Random) -> None:
        """Less than it costs, which buys nothing; the rest perhaps some time later."""
        self.world.fault("crypto payment in part", None, order.id)
        deal.status = CryptoStatus.PARTIALLY_PAID
        await self._notify(order, deal.notice(), times_count=rng.randrange(1, 3))
        if rng.random() < 0.5:
            await self.world.wait(rng.randrange(500, 15_000))
            await self._paid(fan, order, deal, rng)

    async def _paid_late(self, fan: Fan, order: OrderRecord, deal: Deal, rng: random.Random) -> None:
        """After the provider had given up, and had said so."""
        deal.status = rng.choice((CryptoStatus.EXPIRED, CryptoStatus.FAILED))
        await self._notify(order, deal.notice())
        await self.world.wait(rng.randrange(500, 10_000))
        self._is_paid(order, deal)
        # Nobody asks about an order that is over: here the provider has to be heard, whoever has left meanwhile.
        self.world.begin(self._notify(order, deal.notice(), until_heard=True))

    async def _paid(self, _fan: Fan, order: OrderRecord, deal: Deal, rng: random.Random) -> None:
        """All of it; what is said of it comes in any order, more than once, or not at all."""
        world = self.world
        self._is_paid(order, deal)
        if rng.random() < 0.3:
            world.rare["crypto payment never notified"] += 1
            return
        said = [deal.notice(status) for status in (*ON_THE_WAY, CryptoStatus.FINISHED)]
        said += rng.choices(said, k=rng.randrange(4))
        if len(said) > len(ON_THE_WAY) + 1:
            world.fault("crypto notification repeated", None, order.id)
        if rng.random() < 0.7:
            world.fault("crypto notifications out of order", None, order.id)
            rng.shuffle(said)
        for body in said:
            posting = self._notify(order, body)
            if rng.random() < 0.5:
                self._scripts.append(world.begin(posting))
            else:
                await posting
        # What we have not heard of as paid may be given back without a trace.
        if rng.random() < 0.3 and f"order:{order.id}" in world.database.entries:
            world.rare["crypto payment refunded"] += 1
            deal.status = CryptoStatus.REFUNDED
            await self._notify(order, deal.notice())

    def _is_paid(self, order: OrderRecord, deal: Deal) -> None:
        deal.status = CryptoStatus.FINISHED
        self.world.journal.paid(OrderId(order.id), order.price)

    async def _notify(
        self, order: OrderRecord, body: bytes, *, seal: str = SEAL, times_count: int = 1, until_heard: bool = False
    ) -> None:
        """The provider's server posts, and posts again while it gets no answer."""
        for _ in range(times_count):
            for attempt in range(60 if until_heard else 5):
                nodes = self.world.live_nodes
                if nodes:
                    node = nodes[self.world.chance.randrange(len(nodes))]
                    try:
                        await node.serve(node.engine.crypto_recharge.notified(body, seal))
                    except Forbidden:
                        if seal == SEAL:
                            self.world.break_off(f"INV-8: the authentic {body!r} was refused")
                        break
                    except EngineError as error:
                        self.world.require_known(error)
                    except Lost:
                        pass
                    else:
                        if seal != SEAL:
                            self.world.break_off(f"INV-8: the forged {body!r} was taken")
                        if order.id in self.world.journal.payments and body == self._finished(order):
                            self.world.journal.confirmed.add(OrderId(order.id))
                        break
                await self.world.wait(min(8_000, 1_000 * 2**attempt))

    def _finished(self, order: OrderRecord) -> bytes:
        payment_id = self.world.database.orders[order.id].payment_id
        return self.world.crypto.deals[payment_id].notice(CryptoStatus.FINISHED)

    async def _watch(self, fan: Fan, order: OrderRecord) -> None:
        """His page asks how far it is."""

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.crypto_recharge.status_of(who, order.id)

        for _ in range(4):
            with contextlib.suppress(Refused, Lost):
                self.world.site.status_told(order.id, await fan.try_to(work, tries_max=3))
            await self.world.wait(4_000)

    # --- looking ---------------------------------------------------------------------------------------------------

    def _is_on_air(self, room_id: RoomId) -> bool:
        room = self.world.database.rooms.get(room_id)
        return room is not None and room.is_open

    def _house(self, room_id: RoomId) -> tuple[object, set[PersonId]]:
        """Who has the show, in which epoch, and who is inside."""
        owner = self.world.owner_of_room(room_id)
        actor = None if owner is None else owner.engine.rooms._owned.get(room_id)
        if actor is None or owner is None:
            return None, set()
        return (owner.number, actor.record.epoch), set(actor.state.audience)

    def _somebody_in(self, room_id: RoomId, rng: random.Random) -> Fan | None:
        inside = self._house(room_id)[1]
        found = [fan for fan in self.viewers if fan.id in inside]
        return rng.choice(found) if found else None


async def _one_of(actions: list[tuple[int, Callable[[], Awaitable[Any]]]], rng: random.Random) -> None:
    (act,) = rng.choices([act for _, act in actions], weights=[weight for weight, _ in actions])
    await act()


async def _quietly(work: Awaitable[Any]) -> None:
    """Do it, and do not mind if it does not succeed."""
    try:
        await work
    except (EngineError, Lost):
        return
