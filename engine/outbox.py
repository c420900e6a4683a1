"""Events that follow money: told after the commit, and again after a crash, until they are marked as told (D-12)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from engine.errors import EngineError
from engine.events import Given, decode_event
from engine.metrics import Metrics
from engine.ports import Clock, Log, Sink, Spawn
from store.interfaces.errors import StoreError
from store.interfaces.ids import PersonId
from store.interfaces.ledger import LedgerStore, OutboxRow

__all__ = ["Outbox"]

ROWS_MAX: Final = 200
SWEEP_MS: Final = 5_000


class Outbox:
    """Tells what the store's outbox holds. A row may be told twice, never not at all."""

    def __init__(
        self, store: LedgerStore, *, sink: Sink, clock: Clock, spawn: Spawn, log: Log, metrics: Metrics
    ) -> None:
        self.tell_given: Callable[[Given, Sequence[PersonId]], Awaitable[None]] | None = None
        """Where gifts and donations are told, as they may be for a room. Raises EngineError: not now."""
        self._store = store
        self._clock = clock
        self._sink = sink
        self._spawn = spawn
        self._log = log
        self._metrics = metrics
        self._is_telling = False
        self._is_asked_again = False

    async def run(self) -> None:
        """Tell what was left behind, by a store that was down or a node that died, until cancelled."""
        left: set[str] = set()
        while True:
            await self._clock.sleep(SWEEP_MS)
            try:
                waiting = {row.id for row in await self._store.unsent(ROWS_MAX)}
            except StoreError:
                continue
            # What has only just come in is being told by whoever posted it, to the sockets that are his.
            if waiting & left:
                self.kick()
            left = waiting

    def kick(self) -> None:
        """There may be something to tell."""
        if self._is_telling:
            self._is_asked_again = True
            return
        self._is_telling = True
        self._spawn(self._tell(), name="outbox")

    async def _tell(self) -> None:
        try:
            while True:
                self._is_asked_again = False
                rows = await self._store.unsent(ROWS_MAX)
                sent = [row.id for row in rows if await self._tell_one(row)]
                if sent:
                    self._sink.flush()
                    await self._store.sent(sent)
                    self._metrics.events_resent.add(len(sent))
                elif not self._is_asked_again:
                    return
        except StoreError:
            self._log.warning("outbox_not_reached")  # ``run`` tells them.
        finally:
            self._is_telling = False

    async def _tell_one(self, row: OutboxRow) -> bool:
        """Whether the row has been told, or can never be."""
        try:
            event = decode_event(row.payload)
        except msgspec.MsgspecError:
            self._log.error("outbox_row_unreadable", row_id=row.id)
            return True
        if isinstance(event, Given) and self.tell_given is not None:
            try:
                await self.tell_given(event, row.person_ids)
            except EngineError as error:
                self._log.warning("event_not_told", row_id=row.id, error=error.code)  # ``run`` tells it.
                return False
            return True
        for person_id in row.person_ids:
            self._sink.tell(person_id, event)
        return True
