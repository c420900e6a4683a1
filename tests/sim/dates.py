"""What people do in blind-date rooms: open them, watch, apply, sit, talk, give, get up, lose their lines and come back.

As in ``workload``, scripts know no fault: they ask again, go where the room is, and write down what they were told.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from engine.billing.entries import gift_entry_id
from engine.errors import Banned, BelowFloor, Busy, EngineError, Refused, RoomFull
from engine.greenroom import Greenroom
from engine.room.audience import everybody
from engine.services.accounts import QLIVE
from engine.services.blind_dates import room_of
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import RoomKind, SanctionKind
from tests.sim.hub import Client, Connection
from tests.sim.workload import TRIES_MAX, Person
from tests.sim.world import Lost, SimNode, World

__all__ = ["Dates"]

Work = Callable[[Greenroom, PersonRecord], Awaitable[Any]]

LOOK_EVERY_MS: Final = 2_000
SULKS_MS: Final = 15_000
GENDERS: Final = (1, 2)


class Dater(Person):
    """Somebody in blind-date rooms, with a device that resumes, one that does not, or none that listens."""

    def __init__(self, world: World, name: str, code: str, rng: random.Random) -> None:
        super().__init__(world, name, Role.GUEST, code, surface=QLIVE)
        self.rng = rng
        self.gender = 0
        self.home: RoomId | None = None
        self.socket: Connection | None = None
        self.unwelcome: dict[RoomId, int] = {}
        self.wants_line = rng.random() < 0.8
        self.client = Client(world, name) if rng.random() < 0.7 else None
        self._sockets_count = 0

    async def sign_in(self) -> None:
        await super().sign_in()
        if self.record is not None:
            self.gender = self.record.gender

    async def _authenticated(self, node: SimNode, work: Work) -> Any:
        who = await node.engine.identity.who(self.token, surface=QLIVE)
        node.engine.presence.seen(who)
        self.world.rooms.seen(node, who.id)
        return await work(node.engine, who)

    # --- asking ----------------------------------------------------------------------------------------------------

    async def act(
        self, kind: str, room_id: RoomId, work: Work, *, whom: "Dater | None" = None, moves_to: RoomId | str = ""
    ) -> Any:
        """Ask for something at the room's owner, and write down what it may do to whom.

        ``moves_to`` is where ``whom`` is afterwards; "nowhere" is possible, "" if it does not move him.

        Raises: Refused. Lost.
        """
        truth, whom = self.world.rooms, whom or self
        deed = truth.deed(kind, whom.id, room_id)
        was_at = truth.home_of(whom.id)
        where = truth.moves(whom.id) if moves_to else None
        attempts: list[str] = []
        handled: list[Greenroom] = []
        is_answered = is_done = False

        async def noted(engine: Greenroom, who: PersonRecord) -> Any:
            handled.append(engine)
            return await work(engine, who)

        try:
            result = await self.try_to(noted, room_id=room_id, tries_max=6, attempts=attempts)
            is_answered = is_done = True
        except Refused:
            is_answered = True
            raise
        finally:
            truth.done(deed, is_sure=is_answered and len(attempts) == 1)
            if where is not None:
                number = next((one.number for one in self.world.incarnations if one.engine in handled[-1:]), -1)
                # Leaving one room says nothing of others.
                is_known = kind in ("enter", "open", "logout") or was_at == (room_id, number)
                is_sure = is_done and len(attempts) == 1 and is_known
                truth.moved(where, None if moves_to == "nowhere" else RoomId(moves_to), node=number, is_sure=is_sure)
        return result

    # --- sockets ---------------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Notice a socket that is gone."""
        if self.socket is not None and not self.socket.is_well:
            self.socket = None

    async def connect(self, room_id: RoomId) -> None:
        """Open a socket where the room is, and go on listening where one stopped."""
        owner = self.world.owner_of_room(room_id)
        if owner is None or not self.wants_line:
            return
        self.hang_up()
        self._sockets_count += 1
        socket = self.socket = Connection(owner, self.id, f"{self.name}/{self._sockets_count}", self.client)
        owner.deliver(owner.hub.join, socket)
        if self.client is not None:
            await self._listen(socket, self.client, room_id)

    async def _listen(self, socket: Connection, client: Client, room_id: RoomId) -> None:
        place = socket.asked_from = client.where(room_id)
        since = None if place is None else place.position

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.rooms.listen(who, room_id, connection=socket.id, since=since)

        try:
            await self.ask(work, at=socket.node)
        except (EngineError, Lost):
            if self.socket is socket:
                self.hang_up()

    def hang_up(self, *, dead_for_ms: int = 0) -> None:
        """Close the socket, if there is one."""
        self.tidy()
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.node.deliver(lambda: socket.node.hub.quit(socket, dead_for_ms=dead_for_ms))


class Dates:
    """Everybody in blind-date rooms."""

    def __init__(self, world: World) -> None:
        self.world = world
        rng = random.Random(f"{world.seed} dates")
        self.matchmakers = [
            Dater(world, f"mm{index}", f"dev:mm{index}?matchmaker=1&gender=2", random.Random(f"{world.seed} mm{index}"))
            for index in range(world.swarm.matchmakers_count)
        ]
        self.viewers = [
            Dater(
                world,
                f"viewer{index}",
                f"dev:viewer{index}?gender={rng.choice(GENDERS)}&gold={rng.choice((3, 20, 200, 5_000))}",
                random.Random(f"{world.seed} viewer{index}"),
            )
            for index in range(world.swarm.viewers_count)
        ]
        self._by_id: dict[PersonId, Dater] = {}
        self._numbers = 0
        self._scripts: list[asyncio.Task[Any]] = []

    @property
    def everybody(self) -> list[Dater]:
        return [*self.matchmakers, *self.viewers]

    async def arrive(self) -> None:
        """All sign in."""
        for person in self.everybody:
            await person.sign_in()
            self._by_id[person.id] = person

    def begin(self) -> None:
        """Start everybody's script."""
        if not self.matchmakers:
            return
        scripts = [self._matchmaker_lives(person) for person in self.matchmakers]
        scripts += [self._viewer_lives(person) for person in self.viewers]
        self._scripts = [self.world.begin(script) for script in scripts]
        self.world.begin(self._look_around())

    def leave(self) -> None:
        """Everybody leaves his device lying about."""
        for script in self._scripts:
            script.cancel()

    async def fade(self) -> None:
        """After all faults: who is not there is missed, then nobody is there, and rooms end (INV-22)."""
        if not self.matchmakers:
            return
        world, options = self.world, self.world.options.qlive
        await world.wait_unless_broken(options.lineless_ms)
        for person in self.everybody:
            person.hang_up()
        await world.wait_unless_broken(options.seat_grace_ms + 10_000 + world.truth.steps_ms)
        for node in world.live_nodes:
            for state in node.engine.rooms.owned(RoomKind.BLIND_DATE):
                world.break_off(f"INV-22: room {state.record.id} goes on without its matchmaker")

    async def _look_around(self) -> None:
        while True:
            await self.world.wait(LOOK_EVERY_MS)
            self.world.rooms.roll_call()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # --- matchmakers -----------------------------------------------------------------------------------------------

    async def _matchmaker_lives(self, person: Dater) -> None:
        rng = person.rng
        assert person.record is not None
        room_id = room_of(person.record.public_id)
        while True:
            await self.world.wait(rng.randrange(200, 4_000))
            person.tidy()
            if self._is_open(room_id):
                if person.socket is None or person.socket.node is not self.world.owner_of_room(room_id):
                    await person.connect(room_id)
                await self._host(person, room_id)
            elif rng.random() < 0.7:
                await self._open(person, room_id)
            elif rooms := self._rooms_for(person):
                await self._enter(person, rng.choice(rooms))

    async def _open(self, person: Dater, room_id: RoomId) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.blind_dates.open(who)

        with contextlib.suppress(Refused, Lost):
            await person.act("open", room_id, work, moves_to=room_id)
            person.home = room_id
            await person.connect(room_id)

    async def _host(self, person: Dater, room_id: RoomId) -> None:
        rng = person.rng
        actions: list[tuple[int, Callable[[], Awaitable[Any]]]] = [
            (24, lambda: self._invite(person, room_id)),
            (8, lambda: self._unseat(person, room_id, self._somebody_in(room_id, rng, seated=True))),
            (7, lambda: self._kick(person, room_id)),
            (8, lambda: self._mute(person, room_id)),
            (6, lambda: self._lift(person, room_id)),
            (8, lambda: self._say(person, room_id)),
            (4, lambda: self._end(person, room_id)),
            (8, lambda: self._lose_line(person, room_id)),
            (1, lambda: self._log_out(person, room_id)),
            (4, lambda: self._give(person, room_id)),
        ]
        await _one_of(actions, rng)

    async def _invite(self, person: Dater, room_id: RoomId) -> None:
        guest = self._somebody_in(room_id, person.rng, seated=False)
        if guest is None:
            return

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.blind_dates.invite(who, room_id, guest.id)

        with contextlib.suppress(Refused, Lost):
            await person.act("invite", room_id, work, whom=guest)

    async def _kick(self, person: Dater, room_id: RoomId) -> None:
        rng, guest = person.rng, self._somebody_in(room_id, person.rng)
        if guest is None:
            return
        is_ban = rng.random() < 0.25
        until_ms = self.world.store_now_ms() + 120_000 if rng.random() < 0.5 else None

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            if is_ban:
                return await engine.rooms.impose(who, room_id, guest.id, SanctionKind.BAN, until_ms=until_ms)
            return await engine.rooms.kick(who, room_id, guest.id)

        await self._impose(person, "ban" if is_ban else "kick", room_id, guest, work, moves_to="nowhere")

    async def _mute(self, person: Dater, room_id: RoomId) -> None:
        guest = self._somebody_in(room_id, person.rng)
        if guest is None:
            return
        until_ms = self.world.store_now_ms() + 20_000

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.rooms.impose(who, room_id, guest.id, SanctionKind.MUTE, until_ms=until_ms)

        await self._impose(person, "mute", room_id, guest, work)
        if person.rng.random() < 0.5:
            await self._say(guest, room_id)

    async def _impose(
        self, person: Dater, kind: str, room_id: RoomId, guest: Dater, work: Work, *, moves_to: str = ""
    ) -> None:
        asked_ms = self.world.now_ms
        with contextlib.suppress(Refused, Lost):
            await person.act(kind, room_id, work, whom=guest, moves_to=moves_to)
            what = "mute" if kind == "mute" else "ban"
            self.world.rooms.acknowledged(what, room_id, guest.id, asked_ms=asked_ms)
            if moves_to and person.rng.random() < 0.6:
                # He does not take it, and tries at once.
                await self._enter(guest, room_id)

    async def _lift(self, person: Dater, room_id: RoomId) -> None:
        room = self.world.database.rooms[room_id]
        if not room.sanctions:
            return
        sanction = person.rng.choice(room.sanctions)

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.rooms.lift(who, room_id, sanction.person_id, sanction.kind)

        with contextlib.suppress(Refused, Lost):
            await person.act(f"lift {sanction.kind}", room_id, work, whom=self._by_id[sanction.person_id])

    async def _end(self, person: Dater, room_id: RoomId) -> None:
        asked_ms = self.world.now_ms

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.blind_dates.end(who, room_id)

        with contextlib.suppress(Refused, Lost):
            await person.act("end", room_id, work)
            self.world.rooms.acknowledged_end(room_id, asked_ms=asked_ms)

    # --- viewers ---------------------------------------------------------------------------------------------------

    async def _viewer_lives(self, person: Dater) -> None:
        rng = person.rng
        while True:
            await self.world.wait(rng.randrange(200, 5_000))
            person.tidy()
            room_id = person.home
            if room_id is None or not self._is_open(room_id):
                person.home = None
                if rooms := self._rooms_for(person):
                    await self._enter(person, rng.choice(rooms))
                continue
            if person.socket is None or person.socket.node is not self.world.owner_of_room(room_id):
                if rng.random() < 0.8:
                    await person.connect(room_id)
                elif rng.random() < 0.5:
                    await self._enter(person, room_id)
            await self._watch(person, room_id)

    async def _watch(self, person: Dater, room_id: RoomId) -> None:
        rng = person.rng
        actions: list[tuple[int, Callable[[], Awaitable[Any]]]] = [
            (16, lambda: self._apply(person, room_id)),
            (18, lambda: self._sit(person, room_id)),
            (6, lambda: self._race(person, room_id)),
            (5, lambda: self._decline(person, room_id)),
            (7, lambda: self._unseat(person, room_id, person)),
            (5, lambda: self._leave(person, room_id)),
            (4, lambda: self._enter(person, rng.choice(self._rooms_for(person) or [room_id]))),
            (5, lambda: self._enter_two(person)),
            (8, lambda: self._say(person, room_id)),
            (4, lambda: self._like(person, room_id)),
            (12, lambda: self._give(person, room_id)),
            (10, lambda: self._lose_line(person, room_id)),
            (2, lambda: self._log_out(person, room_id)),
        ]
        await _one_of(actions, rng)

    async def _enter(self, person: Dater, room_id: RoomId) -> bool:
        """Go in; whether he was told that he is."""

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.blind_dates.enter(who, room_id)

        try:
            await person.act("enter", room_id, work, moves_to=room_id)
        except Banned:
            self.world.rare["kicked, then refused"] += 1
            person.unwelcome[room_id] = self.world.now_ms + SULKS_MS
            if person.home == room_id:
                person.home = None
        except (Refused, Lost):
            pass
        else:
            person.home = room_id
            await person.connect(room_id)
            return True
        return False

    async def _enter_two(self, person: Dater) -> None:
        """Two taps on two rooms: he is in one of them, and sits in no more than one."""
        rooms = self._rooms_for(person)[:2]
        if len(rooms) < 2:
            return
        self.world.rare["two rooms entered at once"] += 1
        asked_ms = self.world.now_ms
        if all(await asyncio.gather(*(self._enter(person, room_id) for room_id in rooms))):
            self.world.rooms.entered_both(person.id, rooms, asked_ms=asked_ms)
        for room_id in rooms:
            if person.rng.random() < 0.6:
                await self._apply(person, room_id)
        await asyncio.gather(*(self._sit(person, room_id) for room_id in rooms))

    async def _apply(self, person: Dater, room_id: RoomId) -> None:
        asked_ms = self.world.now_ms

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.blind_dates.apply(who, room_id)

        with contextlib.suppress(Refused, Lost):
            await person.act("apply", room_id, work)
            self.world.rooms.acknowledged("application", room_id, person.id, asked_ms=asked_ms)

    async def _sit(self, person: Dater, room_id: RoomId) -> None:
        asked_ms = self.world.now_ms

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.blind_dates.sit(who, room_id)

        try:
            await person.act("sit", room_id, work)
        except RoomFull:
            self.world.rare["seat race lost"] += 1
        except Busy:
            self.world.rare["sits elsewhere"] += 1
        except (Refused, Lost):
            pass
        else:
            self.world.rooms.acknowledged("seat", room_id, person.id, asked_ms=asked_ms)

    async def _race(self, person: Dater, room_id: RoomId) -> None:
        """Everybody who may wants the same seat, and some tap twice."""
        rivals = [other for other in self.viewers if other.home == room_id and other.gender == person.gender]
        await asyncio.gather(*(self._apply(rival, room_id) for rival in rivals))
        await asyncio.gather(*(self._sit(rival, room_id) for rival in [*rivals, person]))

    async def _decline(self, person: Dater, room_id: RoomId) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.blind_dates.decline(who, room_id)

        with contextlib.suppress(Refused, Lost):
            await person.act("decline", room_id, work)

    async def _unseat(self, person: Dater, room_id: RoomId, guest: Dater | None) -> None:
        if guest is None:
            return

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.blind_dates.get_up(who, room_id, guest.id)

        with contextlib.suppress(Refused, Lost):
            await person.act("unseat" if guest is not person else "get up", room_id, work, whom=guest)

    async def _leave(self, person: Dater, room_id: RoomId) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.blind_dates.leave(who, room_id)

        with contextlib.suppress(Refused, Lost):
            await person.act("leave", room_id, work, moves_to="nowhere")
            person.home = None
            if person.rng.random() < 0.5:
                person.hang_up()

    # --- what anybody does -----------------------------------------------------------------------------------------

    async def _log_out(self, person: Dater, room_id: RoomId) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.blind_dates.leave_everywhere(who)

        with contextlib.suppress(Refused, Lost):
            await person.act("logout", room_id, work, moves_to="nowhere")
            person.home = None
            person.hang_up()

    async def _say(self, person: Dater, room_id: RoomId) -> None:
        text = f"{person.name} says {self._number()}"

        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            await engine.rooms.say(who, room_id, text)

        with contextlib.suppress(Refused, Lost):
            await person.act("say", room_id, work)
            self.world.rooms.acknowledged_text(room_id, text)

    async def _like(self, person: Dater, room_id: RoomId) -> None:
        async def work(engine: Greenroom, who: PersonRecord) -> Any:
            return await engine.rooms.like(who, room_id, 3)

        with contextlib.suppress(Refused, Lost):
            await person.act("like", room_id, work)

    async def _give(self, person: Dater, room_id: RoomId) -> None:
        """A gift or a few in a row, each asked for again until it is answered."""
        rng = person.rng
        to = self._somebody_in(room_id, rng)
        if to is None or to is person or to.record is None:
            to = next(one for one in self.matchmakers if one.record and room_of(one.record.public_id) == room_id)
        recipient = to.record
        if recipient is None or to is person:
            return
        gift_id, count = rng.choice(((1, 1), (1, 3), (2, 1)))
        for _ in range(rng.choice((1, 1, 1, 3))):
            key, attempts = f"gift{self._number()}", list[str]()

            async def work(engine: Greenroom, who: PersonRecord, key: str = key) -> Any:
                return await engine.gold_gifts.give(who, recipient, gift_id, count, key=key, room_id=room_id)

            try:
                receipt = await person.try_to(work, room_id=room_id, tries_max=TRIES_MAX, attempts=attempts)
            except BelowFloor:
                self.world.rare["gift for gold refused"] += 1
                if len(attempts) == 1:
                    self.world.journal.refused.add(gift_entry_id(person.id, f"k:{key}"))
                return
            except (Refused, Lost):
                return
            self.world.journal.entry_told(receipt.entry.id)
            body = f"{receipt.entry.id} {receipt.entry.at_ms} {receipt.gold} {receipt.income}"
            self.world.journal.answered("gold gift", person.id, key, body)
            await self.world.wait(rng.choice((50, 1_000, 6_000)))

    async def _lose_line(self, person: Dater, room_id: RoomId) -> None:
        """His line breaks, perhaps long before anybody notices; he comes back, or takes too long, or not at all."""
        rng, options = person.rng, self.world.options.qlive
        dead_for_ms = rng.choice((0, 0, 0, 4_000, 12_000))
        person.hang_up(dead_for_ms=dead_for_ms)
        short_ms, long_ms = options.viewer_grace_ms, options.seat_grace_ms
        await self.world.wait(
            rng.choice((100, 100, 1_500, short_ms // 2, short_ms - 300, short_ms + 300, long_ms - 300, long_ms + 8_000))
        )
        if self._is_open(room_id):
            await person.connect(room_id)
            if person.socket is None:
                await self._enter(person, room_id)

    # --- looking ---------------------------------------------------------------------------------------------------

    def _is_open(self, room_id: RoomId) -> bool:
        room = self.world.database.rooms.get(room_id)
        return room is not None and room.is_open

    def _rooms_for(self, person: Dater) -> list[RoomId]:
        """The lives that he sees in the list, but where they would not have him lately."""
        return [
            room.id
            for room in self.world.database.rooms.values()
            if room.kind is RoomKind.BLIND_DATE and room.is_open
            if person.unwelcome.get(room.id, 0) <= self.world.now_ms
        ]

    def _somebody_in(self, room_id: RoomId, rng: random.Random, *, seated: bool | None = None) -> Dater | None:
        """One of those whom the matchmaker sees on her screen."""
        owner = self.world.owner_of_room(room_id)
        actor = None if owner is None else owner.engine.rooms._owned.get(room_id)
        if actor is None:
            return None
        found = [
            person_id
            for person_id in everybody(actor.state, actor.form)
            if person_id != actor.record.anchor_id
            and (seated is None or seated == (actor.state.seat_of(person_id) is not None))
        ]
        return self._by_id[rng.choice(found)] if found else None


async def _one_of(actions: list[tuple[int, Callable[[], Awaitable[Any]]]], rng: random.Random) -> None:
    (act,) = rng.choices([act for _, act in actions], weights=[weight for weight, _ in actions])
    await act()
