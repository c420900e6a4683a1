"""What the tests of this folder are made of."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.actors.directory import Directory
from engine.actors.supervisor import Supervisor
from engine.errors import BelowFloor, StoreDown
from tests.support.fakes import FakeClock, PlainSpawn, RecordingLog


class Sleep(NamedTuple):
    """A turn that takes a while."""

    length_ms: int


class Noise(NamedTuple):
    """A message that may be lost."""

    text: str


Noise.droppable = True  # type: ignore[attr-defined]  # (A NamedTuple takes no class attributes in its body.)


class Scribe(Actor):
    """Writes down what it sees in a journal that outlives it, and obeys a few words."""

    __slots__ = ("journal",)

    def __init__(self, journal: list[object]) -> None:
        self.journal = journal

    async def started(self) -> None:
        self.journal.append("started")

    async def receive(self, message: object) -> object:
        if isinstance(message, Sleep):
            self.journal.append("asleep")
            await FakeClock().sleep(message.length_ms)
            self.journal.append("awake")
            return "slept"
        self.journal.append(message)
        match message:
            case "crash":
                raise ZeroDivisionError
            case "refuse":
                raise BelowFloor(need=2, have=1)
            case "store down":
                raise StoreDown
            case "stop":
                self.stop()
        return ("heard", message)

    async def stopped(self) -> None:
        self.journal.append("stopped")


class World:
    """A directory of scribes with everything it needs."""

    def __init__(self, *, messages_max: int = 1_000) -> None:
        self.clock = FakeClock()
        self.log = RecordingLog()
        self.spawn = PlainSpawn()
        self.alarms = AlarmClock(self.clock)
        self.crashes: list[str] = []
        self.parks: list[str] = []
        self.journal: list[object] = []
        supervisor = Supervisor(
            "scribe", clock=self.clock, log=self.log, on_crash=self.crashes.append, on_park=self.parks.append
        )
        self.directory: Directory[int] = Directory(
            supervisor=supervisor, clock=self.clock, spawn=self.spawn, messages_max=messages_max
        )

    async def make(self) -> Actor:
        return Scribe(self.journal)

    def make_with(self, before: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[Actor]]:
        """A ``make`` that awaits ``before`` first."""

        async def make() -> Actor:
            await before()
            return Scribe(self.journal)

        return make

    def expect_crashes(self, count: int) -> None:
        """Take so many crashes out of the log."""
        for _ in range(count):
            self.log.take("actor_crashed")
