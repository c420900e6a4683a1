"""Events that follow money: told after the commit, and again after a crash, until they are marked as told (D-12)."""

from typing import Final

import msgspec

from engine.events import decode_event
from engine.metrics import Metrics
from engine.ports import Clock, Log, Sink, Spawn
from store.interfaces.errors import StoreError
from store.interfaces.ledger import LedgerStore

__all__ = ["Outbox"]

ROWS_MAX: Final = 200
SWEEP_MS: Final = 5_000


class Outbox:
    """Tells what the store's outbox holds. A row may be told twice, never not at all."""

    def __init__(
        self, store: LedgerStore, *, sink: Sink, clock: Clock, spawn: Spawn, log: Log, metrics: Metrics
    ) -> None:
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
                for row in rows:
                    try:
                        event = decode_event(row.payload)
                    except msgspec.MsgspecError:
                        self._log.error("outbox_row_unreadable", row_id=row.id)
                        continue
                    for person_id in row.person_ids:
                        self._sink.tell(person_id, event)
                if rows:
                    await self._store.sent([row.id for row in rows])
                    self._metrics.events_resent.add(len(rows))
                if not rows and not self._is_asked_again:
                    return
        except StoreError:
            self._log.warning("outbox_not_reached")  # ``run`` tells them.
        finally:
            self._is_telling = False
