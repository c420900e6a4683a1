"""What waits for one actor, in order, and what "full" means for each kind of message.

Knows nothing of the actor that empties it. An idle mailbox holds no queue at all: most sessions have nothing waiting.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from engine.errors import DeadlinePassed, EngineError, MailboxFull, SessionEnded

if TYPE_CHECKING:
    import asyncio

__all__ = ["NOTHING", "Mailbox", "MailboxRules", "Question"]

NOTHING: Final = object()  # What an empty mailbox gives; ``None`` may be a message.


class Question:
    """An asked message, and the future that its answer goes to. Who has stopped waiting has completed the future.

    On the agenda it is the asker's deadline; ``is_overdue`` when that has passed.
    """

    __slots__ = ("is_overdue", "message", "reply")

    def __init__(self, message: object, reply: "asyncio.Future[Any]") -> None:
        self.message = message
        self.reply = reply
        self.is_overdue = False

    @property
    def is_pending(self) -> bool:
        """Whether somebody still waits for the answer."""
        return not self.reply.done()

    def ring(self) -> None:
        """Tell the asker that the deadline has passed. For the agenda."""
        self.is_overdue = True
        self.reply.set_exception(DeadlinePassed())

    def answer(self, value: object) -> None:
        """Give the answer to whoever still waits for it."""
        if not self.reply.done():
            self.reply.set_result(value)

    def refuse(self, error: EngineError) -> None:
        """Raise ``error`` in whoever still waits for the answer."""
        if not self.reply.done():
            self.reply.set_exception(error)


class MailboxRules:
    """The bound of every mailbox of one kind of actor, and what it did, counted since the start.

    ``refused_count`` asks got ``MailboxFull``, ``dropped_count`` droppable messages vanished, ``over_count`` messages
    that may not be lost were taken in over the bound.
    """

    __slots__ = ("dropped_count", "messages_max", "over_count", "refused_count")

    def __init__(self, messages_max: int) -> None:
        assert messages_max >= 1
        self.messages_max = messages_max
        self.refused_count = 0
        self.dropped_count = 0
        self.over_count = 0


class Mailbox:
    """First in, first out."""

    __slots__ = ("_rules", "_waiting")

    def __init__(self, rules: MailboxRules) -> None:
        self._rules = rules
        # Made for the first message and let go with the last: an empty deque alone weighs 600 bytes.
        self._waiting: deque[object] | None = None

    def __len__(self) -> int:
        return len(self._waiting) if self._waiting else 0

    def tell(self, message: object) -> bool:
        """Take in ``message``; false when it was dropped instead, which only happens to a ``droppable`` one."""
        if self._waiting is None:
            self._waiting = deque((message,))
            return True
        if len(self._waiting) >= self._rules.messages_max:
            if getattr(message, "droppable", False):
                self._rules.dropped_count += 1
                return False
            # An alarm or money. Their number is bounded by who sends them, not by us.
            self._rules.over_count += 1
        self._waiting.append(message)
        return True

    def ask(self, question: Question) -> None:
        """Take in ``question``.

        Raises: MailboxFull: it was not taken in.
        """
        if self._waiting is None:
            self._waiting = deque((question,))
        elif len(self._waiting) >= self._rules.messages_max:
            self._rules.refused_count += 1
            raise MailboxFull
        else:
            self._waiting.append(question)

    def take(self) -> object:
        """The oldest message or ``Question``; ``NOTHING`` when empty."""
        if self._waiting:
            return self._waiting.popleft()
        self._waiting = None
        return NOTHING

    def clear(self) -> None:
        """Answer what was asked with ``SessionEnded`` and drop what was told."""
        while (letter := self.take()) is not NOTHING:
            if type(letter) is Question:
                letter.refuse(SessionEnded())
