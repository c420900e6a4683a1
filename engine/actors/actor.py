"""An actor, and the loop that runs its messages one at a time.

::

    STARTING ──started()──▶ RUNNING ──stop()──▶ STOPPING ──stopped()──▶ ENDED
        │                    │   ▲                  ▲
        │ refused            │   └─ restarted ─┐    │ its record is gone
        ▼ or crashed         └──── crash ──────┴────┤
      ENDED                                         └─▶ PARKED: crashed too often

Knows the hooks and nothing of what they do. There is no task while nothing waits: the first message starts a task,
which ends when the mailbox is empty.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from engine.actors.alarms import cancel_alarms
from engine.actors.mailbox import NOTHING, Mailbox, Question
from engine.actors.ref import ActorRef
from engine.errors import DeadlinePassed, EngineError, NotNow, SessionEnded

if TYPE_CHECKING:
    from engine.actors.agenda import Agenda
    from engine.actors.mailbox import MailboxRules
    from engine.actors.supervisor import Supervisor
    from engine.ports import Clock, Spawn

__all__ = ["Actor", "Cell", "Kind", "Make", "Phase"]

TURNS_IN_A_ROW_MAX: Final = 64  # A full mailbox of quick turns must not keep everybody else from the loop.


class Actor:
    """The owner of one session. Subclasses keep its state in slots and replace it once in a turn.

    The hooks run one at a time. The ref and ``stop`` are there from ``started`` on, not yet in ``__init__``.
    """

    __slots__ = ("_cell",)

    _cell: "Cell"

    @property
    def ref(self) -> ActorRef:
        """The handle on this actor, for alarms and for telling others."""
        return self._cell.ref

    def stop(self) -> None:
        """End after this turn: what waits then is answered ``SessionEnded``, or dropped if it was only told."""
        self._cell.stop()

    async def started(self) -> None:
        """Runs before the first message, also after a restart: the place to set alarms."""

    async def receive(self, message: object) -> object:
        """Handle one message; the return value is the answer if it was asked.

        An ``EngineError`` raised is the answer too, and nothing else happens. Any other exception is a crash: this
        actor is thrown away, alarms and all, and perhaps replaced by one made anew from the store.
        """
        raise NotImplementedError

    async def stopped(self) -> None:
        """Runs after the last message of an actor that was stopped; not after a crash, nor when the process dies."""

    async def discarded(self) -> None:
        """Runs when this actor is thrown away after a crash, before another takes its place: let go."""


Make = Callable[[], Awaitable[Actor]]
"""Makes an actor from what the store knows of its session."""


class Kind(NamedTuple):
    """What all actors of one kind share. ``on_end`` hears of each one's end."""

    name: str
    clock: "Clock"
    spawn: "Spawn"
    supervisor: "Supervisor"
    mailbox_rules: "MailboxRules"
    deadlines: "Agenda"
    on_end: "Callable[[Cell], None]"


class Phase(Enum):
    """Where an actor is in its life (see the picture above)."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
    PARKED = "parked"


class Cell:
    """One place in the directory: the actor that lives there now, its mailbox and its receive loop."""

    __slots__ = (
        "_actor",
        "_began",
        "_crashes",
        "_gone",
        "_is_draining",
        "_mailbox",
        "_make",
        "is_alive",
        "key",
        "kind",
        "phase",
        "ref",
    )

    def __init__(self, kind: Kind, key: Hashable, make: Make) -> None:
        self.kind = kind
        self.key = key
        self.ref = ActorRef(self)
        self.phase = Phase.STARTING
        self.is_alive = True  # Whether messages are accepted: STARTING or RUNNING, at the price of a look.
        self._make = make
        self._actor: Actor | None = None  # None until it has started, and from a crash to its restart.
        self._mailbox = Mailbox(kind.mailbox_rules)
        self._crashes: tuple[int, ...] = ()
        self._is_draining = True
        self._began: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self._gone: asyncio.Future[None] | None = None
        kind.spawn(self._live(), name=f"{kind.name} starts")

    def tell(self, message: object) -> None:
        """See ``ActorRef.tell``."""
        if self.is_alive and self._mailbox.tell(message):
            self._wake()

    def ask(self, question: Question) -> None:
        """Queue ``question``; its reply is completed in every case.

        Raises: MailboxFull, SessionEnded: it was not queued.
        """
        if not self.is_alive:
            raise SessionEnded
        self._mailbox.ask(question)
        self._wake()

    def stop(self) -> None:
        """Accept nothing more, and end once the running turn is over."""
        if self.is_alive:
            self.is_alive = False
            self.phase = Phase.STOPPING
            self._wake()

    async def has_begun(self) -> None:
        """Return once the actor has started.

        Raises: EngineError: it has not, and never will.
        """
        if self._began is not None:
            await asyncio.shield(self._began)

    async def has_gone(self) -> None:
        """Return once the actor has ended."""
        if self.phase is Phase.ENDED or self.phase is Phase.PARKED:
            return
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._gone)

    def _wake(self) -> None:
        if not self._is_draining:
            self._is_draining = True
            self.kind.spawn(self._drain(), name=self.kind.name)

    async def _live(self) -> None:
        """Start the actor, then run what waits already."""
        try:
            await self._begin()
        except asyncio.CancelledError:
            self._refuse_to_begin(SessionEnded())
            raise
        except EngineError as refusal:
            self._refuse_to_begin(refusal)
        except Exception as error:  # noqa: BLE001 (the actor loop is where bugs of actors end)
            self.kind.supervisor.report(self.key, error)
            self._refuse_to_begin(EngineError())
        else:
            await self._drain()

    async def _begin(self) -> None:
        await self._incarnate()
        assert self._began is not None
        if self.phase is Phase.STARTING:
            self.phase = Phase.RUNNING
            self._began.set_result(None)
        else:
            _fail(self._began, SessionEnded())
        self._began = None

    def _refuse_to_begin(self, refusal: EngineError) -> None:
        assert self._began is not None
        _fail(self._began, refusal)
        self._began = None
        self._end(Phase.ENDED)

    async def _incarnate(self) -> None:
        """Put a new actor in place; the place stays empty when that fails."""
        actor = await self._make()
        actor._cell = self  # noqa: SLF001 (same module)
        await actor.started()
        self._actor = actor

    async def _drain(self) -> None:
        """Run turns until nothing waits or the actor has ended."""
        try:
            turns_count = 0
            while self.is_alive:
                letter = self._mailbox.take()
                if letter is NOTHING:
                    self._is_draining = False
                    return
                await self._turn(letter)
                turns_count += 1
                if turns_count % TURNS_IN_A_ROW_MAX == 0:
                    await asyncio.sleep(0)
            if self.phase is Phase.STOPPING:
                await self._stopped()
        except asyncio.CancelledError:
            # The process is ending in a hurry. No hook can run any more, but nobody shall wait for an answer in vain.
            self._end(Phase.ENDED)
            raise

    async def _turn(self, letter: object) -> None:
        """Run one message and answer it."""
        if type(letter) is Question:
            question, message = letter, letter.message
            if not letter.is_pending:
                return  # Whoever asked has stopped waiting: dropped unseen.
        else:
            question, message = None, letter
        assert self._actor is not None
        try:
            answer = await self._actor.receive(message)
        except EngineError as refusal:
            if question is None:
                self.kind.supervisor.unheard(self.key, message, refusal)
            else:
                question.refuse(refusal)
        except (Exception, asyncio.CancelledError) as error:
            is_cut = _is_this_task_cancelled(error)
            if question is not None:
                question.refuse(DeadlinePassed() if is_cut else EngineError())
            if is_cut:
                raise
            await self._crashed(error)
        else:
            if question is not None:
                question.answer(answer)

    async def _crashed(self, error: BaseException) -> None:
        """Replace the actor, or give it up."""
        failure: BaseException | None = error
        while failure is not None:
            await self._discard()
            cancel_alarms(self.ref)
            crashes = self.kind.supervisor.crashed(self.key, failure, earlier=self._crashes)
            if crashes is None:
                self._end(Phase.PARKED)
                return
            self._crashes = crashes
            failure = await self._try_again()

    async def _discard(self) -> None:
        """Throw the crashed actor away."""
        actor, self._actor = self._actor, None
        if actor is not None:
            try:
                await actor.discarded()
            except (Exception, asyncio.CancelledError) as error:
                if _is_this_task_cancelled(error):
                    raise
                self.kind.supervisor.report(self.key, error)

    async def _try_again(self) -> BaseException | None:
        """Make the actor anew, waiting for the store if need be; returns the exception if that crashed too."""
        while self.is_alive:
            try:
                await self._incarnate()
            except NotNow:
                cancel_alarms(self.ref)
                await self.kind.clock.sleep(self.kind.supervisor.retry_ms)
                continue
            except EngineError:
                self.stop()  # The record says that there is nothing left to own.
            except (Exception, asyncio.CancelledError) as error:
                if _is_this_task_cancelled(error):
                    raise
                return error
            break
        return None

    async def _stopped(self) -> None:
        """Let the actor say good-bye, then end."""
        self._mailbox.clear()
        cancel_alarms(self.ref)
        if self._actor is not None:
            try:
                await self._actor.stopped()
            except (Exception, asyncio.CancelledError) as error:
                if _is_this_task_cancelled(error):
                    raise
                self.kind.supervisor.report(self.key, error)
        self._end(Phase.ENDED)

    def _end(self, phase: Phase) -> None:
        self.is_alive = False
        self.phase = phase
        self._actor = None
        self._mailbox.clear()
        cancel_alarms(self.ref)
        self.kind.on_end(self)
        if self._gone is not None:
            self._gone.set_result(None)


def _fail(future: "asyncio.Future[None]", error: EngineError) -> None:
    future.set_exception(error)
    future.exception()  # Seen: it is no fault if all who waited for it have gone.


def _is_this_task_cancelled(error: BaseException) -> bool:
    """Whether ``error`` is a cancellation from outside, and not that of something that the actor waited for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
