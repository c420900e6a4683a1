"""The handle that others hold on an actor: tell it something, ask it something.

Gives no access to the actor's state. It stays valid, and answers, after the actor has ended.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from engine.actors.mailbox import Question

if TYPE_CHECKING:
    from collections.abc import Hashable

    from engine.actors.actor import Cell
    from engine.actors.alarms import Alarm

__all__ = ["ActorRef"]


class ActorRef:
    """One for each actor, for as long as it lives; restarts after a crash do not change it."""

    __slots__ = ("_cell", "alarms")

    def __init__(self, cell: "Cell") -> None:
        self._cell = cell
        self.alarms: Alarm | None = None  # Head of the actor's pending alarms; kept by ``AlarmClock``.

    def __repr__(self) -> str:
        return f"<ActorRef {self._cell.kind.name} {self.key!r}>"

    @property
    def key(self) -> "Hashable":
        """The key under which the directory knows the actor."""
        return self._cell.key

    @property
    def is_alive(self) -> bool:
        """Whether a message sent now would be accepted; no promise that its turn comes before the actor stops."""
        return self._cell.is_alive

    def tell(self, message: object) -> None:
        """Queue ``message``; nobody hears what becomes of it.

        Dropped when the actor has stopped, or when its mailbox is full and the message's class says
        ``droppable = True``.
        """
        self._cell.tell(message)

    async def ask(self, message: object, *, deadline_ms: int) -> Any:
        """Queue ``message`` and return what ``receive`` returned for it.

        A turn that has begun runs to its end, whether or not the asker still waits; a message whose turn has not begun
        when the asker stops waiting is never seen by the actor.

        Raises:
            EngineError: what ``receive`` raised; plain (``INTERNAL``) when the actor crashed on this message.
            MailboxFull: too many messages wait; this one does not.
            DeadlinePassed: ``deadline_ms`` passed without an answer; whether it took effect is unknown.
            SessionEnded: the actor has stopped, without having seen the message.
        """
        cell = self._cell
        question = Question(message, asyncio.get_running_loop().create_future())
        cell.ask(question)
        kind = cell.kind
        kind.deadlines.add(kind.clock.mono_ms() + deadline_ms, question)
        try:
            return await question.reply
        finally:
            if not question.is_overdue:
                kind.deadlines.finished()
