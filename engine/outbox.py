"""Events that follow money: told after the commit, and again after a crash, until they are known to have been told (D-12)."""

from typing import Final

import msgspec

from engine.events import decode_event
from engine.metrics import Metrics
from engine.ports import Log, Sink, Spawn
from store.interfaces.errors import StoreError
from store.interfaces.ledger import LedgerStore

__all__ = ["Outbox"]

ROWS_MAX: Final = 200


class Outbox:
    """Tells what the store's outbox holds. A row may be told twice, never not at all."""

    def __init__(self, store: LedgerStore, *, sink: Sink, spawn: Spawn, log: Log, metrics: Metrics) -> None:
        self._store = store
        self._sink = sink
        self._spawn = spawn
        self._log = log
        self._metrics = metrics
        self._is_telling = False
        self._is_asked_again = False

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
            self._log.warning("outbox_not_reached")  # The next kick, or the next start, tells them.
        finally:
            self._is_telling = False
