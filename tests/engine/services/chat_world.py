"""Nodes that deliver messages, sockets that may break, and people who write down what they have heard.

A node is a real ``Deliveries`` over memory stores that all nodes share. A socket is a line of frames with some delay: a
socket that breaks loses what is on its way, as does a node that dies. What a person's device has heard it keeps.
"""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from engine.errors import EngineError
from engine.events import MessageSaid
from engine.services.deliveries import Deliveries, conversation_of_group, conversation_of_two
from engine.snowflakes import Snowflakes
from store.interfaces.errors import Unavailable
from store.interfaces.groups import GroupRecord, Joined
from store.interfaces.ids import PersonId, Snowflake
from store.interfaces.messages import EVERYBODY, ConversationId, MessageRecord
from store.interfaces.people import PersonRecord, Role
from store.interfaces.stores import Stores
from store.memory.database import MemoryDatabase
from store.memory.stores import memory_stores
from tests.people import STORE_EPOCH_MS, OwnedTasks
from tests.support.fakes import FakeClock, RecordingLog

__all__ = ["ChatNode", "ChatWorld", "Device", "Faults"]

FAR = 1_000_000


class Faults:
    """What stores do wrong, by name of the call; none at first."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.refused_percent = 0
        self.unheard_percent = 0
        self.slow_ms_max = 0
        self.is_down: Callable[[str], bool] = lambda _name: False
        self.before: Callable[[str], Any] | None = None
        """Awaited before what is asked for happens."""


class _Faulty:
    def __init__(self, name: str, store: object, faults: Faults) -> None:
        self._name, self._store, self._faults = name, store, faults

    def __getattr__(self, method: str) -> Any:
        asked, faults, name = getattr(self._store, method), self._faults, f"{self._name}.{method}"

        async def faulty(*arguments: Any, **named: Any) -> Any:
            if faults.is_down(name):
                raise Unavailable
            if name == "hints.listen":
                return await asked(*arguments, **named)
            if faults.before is not None:
                await faults.before(name)
            if faults.slow_ms_max:
                await asyncio.sleep(faults.random.randrange(faults.slow_ms_max) / 1_000)
            if faults.random.randrange(100) < faults.refused_percent:
                raise Unavailable
            answer = await asked(*arguments, **named)
            if faults.slow_ms_max:
                await asyncio.sleep(faults.random.randrange(faults.slow_ms_max) / 1_000)
            if faults.random.randrange(100) < faults.unheard_percent:
                raise Unavailable
            return answer

        return faulty


class Device:
    """What somebody has heard, over any number of sockets."""

    def __init__(self, person: PersonRecord) -> None:
        self.person = person
        self.heard: list[MessageRecord] = []
        self.line: _Line | None = None

    @property
    def ids(self) -> list[int]:
        """The messages heard, as they came."""
        return [one.id for one in self.heard]

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [one.text for one in self.heard]

    def first_heard(self) -> dict[ConversationId, list[int]]:
        """Of each conversation, what was heard, each once, in the order in which it came first."""
        found: dict[ConversationId, dict[int, None]] = defaultdict(dict)
        for message in self.heard:
            found[message.conversation_id].setdefault(message.id)
        return {conversation_id: list(ids) for conversation_id, ids in found.items()}

    def hang_up(self) -> None:
        """The connection breaks; what is on its way is lost."""
        if self.line is not None:
            self.line.end()


class _Line:
    """One socket: frames come out of it in the order in which they were put in, a while later."""

    numbers = itertools.count(1)

    def __init__(self, node: "ChatNode", device: Device, delay_ms: int) -> None:
        self.id = f"line {next(self.numbers)}"
        self.node, self.device = node, device
        self.rooms: set[str] = set()
        self.is_over = False
        self._frames: asyncio.Queue[MessageRecord | Snowflake] = asyncio.Queue()
        self._delay_s = delay_ms / 1_000
        self._reading = asyncio.create_task(self._read())
        device.line = self

    def put(self, frame: MessageRecord | Snowflake) -> None:
        """Send a message, or a ping for a proof."""
        if not self.is_over:
            self._frames.put_nowait(frame)

    def ping(self) -> None:
        """Ask for a sign of life, as the hub does."""
        mark = self.node.deliveries.mark(self.id)
        if mark is not None:
            self.put(mark)

    def end(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._reading.cancel()
            self.node.lines.pop(self.id, None)
            self.device.line = None
            self.node.deliveries.closed(self.id)

    async def _read(self) -> None:
        while True:
            frame = await self._frames.get()
            await asyncio.sleep(self._delay_s)
            if isinstance(frame, MessageRecord):
                self.device.heard.append(frame)
            else:
                self.node.deliveries.prove(self.id, frame)


class ChatNode:
    """One node; also the ``Sink`` of its engine."""

    def __init__(self, world: "ChatWorld", kind: type[Deliveries], skew_ms: int = 0) -> None:
        self.world = world
        self.lines: dict[str, _Line] = {}
        self.tasks = OwnedTasks()
        node: Any = SimpleNamespace(now_ms=lambda: world.now_ms() + skew_ms)
        self.snowflakes = Snowflakes(world.stores.ids, node=node)
        outside: Any = SimpleNamespace(
            stores=world.faulty, sink=self, clock=FakeClock(), spawn=self.tasks, log=RecordingLog(strict=False)
        )
        self.deliveries = kind(outside, node=node, snowflakes=self.snowflakes, backlog_max=10_000)
        self.tasks(self.deliveries.listen(), name="listen")
        self.tasks(self.deliveries.run(), name="run")

    # --- the sink --------------------------------------------------------------------------------------------------

    def enter(self, person_id: PersonId, room_id: str, *, connection: str, backlog: Any = ()) -> None:
        line = self.lines.get(connection)
        if line is not None:
            for event, _ in backlog:
                line.put(event.message)
            line.rooms.add(room_id)

    def tell_room(self, room_id: str, event: MessageSaid) -> None:
        for line in tuple(self.lines.values()):
            if room_id in line.rooms:
                line.put(event.message)

    # --- what people do --------------------------------------------------------------------------------------------

    async def connect(self, device: Device, *, after_id: int | None = None, delay_ms: int = 1) -> _Line:
        """A socket of ``device``; it breaks at once when it cannot be opened."""
        line = _Line(self, device, delay_ms)
        self.lines[line.id] = line
        try:
            await self.deliveries.open(
                device.person, line.id, after_id=None if after_id is None else Snowflake(after_id)
            )
        except EngineError:
            line.end()
            raise
        return line

    async def say(self, sender: Device, target: Device | Snowflake | None, text: str) -> MessageRecord:
        """Say something to a person, a group or everybody, and see it kept."""
        people: tuple[PersonId, ...] = ()
        if isinstance(target, Device):
            people = (sender.person.id, target.person.id)
            conversation_id = conversation_of_two(*people)
        else:
            conversation_id = EVERYBODY if target is None else conversation_of_group(target)
        return await self.deliveries.keep(
            conversation_id,
            lambda message_id, previous_id, at_ms: MessageRecord(
                id=message_id,
                conversation_id=conversation_id,
                previous_id=previous_id,
                people=people,
                sender_id=sender.person.id,
                sender_public_id="",
                sender_name="",
                target_public_id="",
                target_name="",
                text=text,
                at_ms=at_ms,
            ),
        )

    async def join(self, device: Device, group_id: Snowflake) -> None:
        """Be in a group from now on."""
        joined = Joined(group_id, device.person.id, self.world.now_ms())
        await self.world.stores.groups.join(joined)
        self.deliveries.joined(joined)

    async def die(self) -> None:
        """As a killed process does."""
        for line in tuple(self.lines.values()):
            line.end()
        await self.tasks.cancel_all()
        self.world.nodes.remove(self)


class ChatWorld:
    """Nodes over one database, and the people there are."""

    def __init__(self, *, kind: type[Deliveries] = Deliveries, seed: int = 0) -> None:
        self.kind = kind
        self.clock = FakeClock()
        self.faults = Faults(seed)
        self.stores = memory_stores(MemoryDatabase(), self.now_ms)
        self.faulty = Stores(
            **{one.name: _Faulty(one.name, getattr(self.stores, one.name), self.faults) for one in fields(Stores)}
        )
        self.nodes: list[ChatNode] = []
        self.devices: list[Device] = []

    def now_ms(self) -> int:
        """The store's time."""
        return STORE_EPOCH_MS + self.clock.mono_ms()

    def node(self, *, skew_ms: int = 0) -> ChatNode:
        """One more node."""
        node = ChatNode(self, self.kind, skew_ms)
        self.nodes.append(node)
        return node

    def device(self) -> Device:
        """Somebody, and his telephone."""
        number = 10_001 + len(self.devices)
        person = PersonRecord(
            id=PersonId(number),
            surface="social",
            external_id=f"p{number}",
            role=Role.GUEST,
            created_at_ms=self.now_ms(),
        )
        self.devices.append(Device(person))
        return self.devices[-1]

    async def group(self, owner: Device, *members: Device) -> Snowflake:
        """A group with these people in it."""
        group_id = Snowflake(900_000 + len(self.stores.groups._database.groups))  # type: ignore[attr-defined]
        at_ms = self.now_ms()
        await self.stores.groups.create(
            GroupRecord(id=group_id, owner_id=owner.person.id, name=f"group {group_id}", created_at_ms=at_ms)
        )
        for member in members:
            await self.stores.groups.join(Joined(group_id, member.person.id, at_ms))
        return group_id

    async def end(self) -> None:
        """Nothing goes on."""
        for node in tuple(self.nodes):
            await node.die()
