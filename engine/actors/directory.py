"""Who is alive: from a key to the one actor that owns that session on this node.

Finds, spawns on demand, stops. Whether an idle actor passivates is the actor's own decision (``Actor.stop``).
"""

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from engine.actors.actor import Cell, Kind, Make, Phase
from engine.actors.agenda import Agenda
from engine.actors.mailbox import MailboxRules
from engine.actors.ref import ActorRef
from engine.actors.supervisor import Supervisor
from engine.errors import EngineError
from engine.ports import Clock, Spawn

__all__ = ["MESSAGES_MAX", "Directory"]

MESSAGES_MAX: Final = 1_000  # Waiting in one mailbox (INV-20).
PARKED_MAX: Final = 1_000  # Remembered; beyond this the oldest gets another chance.

Key = TypeVar("Key", bound=Hashable)


class Directory(Generic[Key]):
    """All actors of one kind.

    ``len()`` counts those that have not ended; iteration is over the refs of the living, in the order in which they
    were spawned. ``mailbox_rules`` counts, for metrics, what full mailboxes did.
    """

    def __init__(self, *, supervisor: Supervisor, clock: Clock, spawn: Spawn, messages_max: int = MESSAGES_MAX) -> None:
        self.mailbox_rules = MailboxRules(messages_max)
        self._kind = Kind(supervisor.kind, clock, spawn, supervisor, self.mailbox_rules, Agenda(clock), self._forget)
        self._cells: dict[Hashable, Cell] = {}
        self._parked: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[ActorRef]:
        return iter([cell.ref for cell in self._cells.values() if cell.phase is Phase.RUNNING])

    @property
    def parked(self) -> tuple[Hashable, ...]:
        """The keys of actors that were given up after too many crashes, oldest first."""
        return tuple(self._parked)

    def get(self, key: Key) -> ActorRef | None:
        """The living actor of that key, if there is one on this node."""
        cell = self._cells.get(key)
        return cell.ref if cell is not None and cell.phase is Phase.RUNNING else None

    async def spawn(self, key: Key, make: Make) -> ActorRef:
        """The living actor of that key; made by ``make`` if there is none. At most one per key lives at any time.

        ``make`` is called again when the actor crashes. Cancelling the caller does not disturb a start others wait for.

        Raises:
            EngineError: what ``make`` or ``started`` raised; plain (``INTERNAL``) for a bug or a parked key.
            SessionEnded: the actor stopped while it started.
        """
        while (cell := self._cells.get(key)) is not None and cell.phase is Phase.STOPPING:
            await cell.has_gone()
        if cell is None:
            if key in self._parked:
                raise EngineError
            cell = self._cells[key] = Cell(self._kind, key, make)
        await cell.has_begun()
        return cell.ref

    async def stop(self, key: Key) -> None:
        """Return once no actor of that key lives; its running turn is finished first. A parked key may start again."""
        self._parked.pop(key, None)
        cell = self._cells.get(key)
        if cell is not None:
            cell.stop()
            await cell.has_gone()

    async def stop_all(self) -> None:
        """Stop everybody there is now, side by side; keeping new ones away is the caller's business."""
        cells = list(self._cells.values())
        for cell in cells:
            cell.stop()
        for cell in cells:
            await cell.has_gone()

    def _forget(self, cell: Cell) -> None:
        del self._cells[cell.key]
        if cell.phase is Phase.PARKED:
            self._parked[cell.key] = None
            if len(self._parked) > PARKED_MAX:
                del self._parked[next(iter(self._parked))]
