"""The only writer of entries: moves that come in together are committed together.

A node has one ledger. Whoever posts waits for his own verdict; the moves that are waiting go to the store as one
batch, at most ``batch_moves_max`` at a time, and an idle ledger never waits (D-8). Acknowledged is what a majority
has. The batch is idempotent, so whatever is unknown is simply posted again; a poster who goes away cuts nothing.

Credits reach balances later, by folding (D-7): the ledger folds in the background, and before it lets a wallet be
refused that is only short of what has not been folded yet.
"""

import asyncio
from collections import deque
from typing import Final

from engine import settings
from engine.billing.posting import decide
from engine.errors import StoreDown
from engine.metrics import Metrics
from engine.ports import Clock, Log, Rng, Spawn
from store.interfaces.errors import Conflict, Unavailable
from store.interfaces.ids import AccountId, EntryId
from store.interfaces.ledger import (
    Balance,
    JournalEntry,
    LedgerStore,
    MinuteClaim,
    Move,
    OrderClaim,
    Outcome,
    SubscriptionClaim,
    Verdict,
)
from store.interfaces.money import is_wallet

__all__ = ["Ledger"]

CONFLICTS_MAX: Final = 3
"""So often the same batch is tried whole; then in halves, so that one contested account does not hold up the rest."""

CONFLICT_PAUSE_MS: Final = 20
FOLD_ANYWAY_MS: Final = 10_000

LANES_MAX: Final = 2
"""Batches in flight: while the store commits one, the next is on its way. They never touch the same wallet or call."""


class _Waiting:
    __slots__ = ("answer", "deadline_mono_ms", "move", "touched")

    def __init__(self, move: Move, answer: asyncio.Future[Outcome], deadline_mono_ms: int) -> None:
        self.move = move
        self.answer = answer
        self.deadline_mono_ms = deadline_mono_ms
        self.touched = _touched_by(move)


def _touched_by(move: Move) -> list[str]:
    """What two moves must not have in common to be written side by side: what is read to decide them, and written."""
    touched: list[str] = [move.id, *move.payers]
    match move.claim:
        case MinuteClaim(call_id=call_id):
            touched.append(f"call:{call_id}")
        case OrderClaim(order_id=order_id):
            touched.append(f"order:{order_id}")
        case SubscriptionClaim(subscription=subscription):
            touched.append(f"subscription:{subscription.user_id}:{subscription.anchor_id}")
    return touched


class Ledger:
    """Posts moves, and folds credits."""

    def __init__(
        self,
        store: LedgerStore,
        options: settings.Ledger,
        *,
        clock: Clock,
        rng: Rng,
        spawn: Spawn,
        log: Log,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._options = options
        self._clock = clock
        self._rng = rng
        self._spawn = spawn
        self._log = log
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        self._lanes_count = 0
        self._in_flight: set[str] = set()
        self._is_folding = False

    async def post(self, move: Move) -> Outcome:
        """Post ``move`` and return its verdict. Posting the same move again returns ``ALREADY`` with the first entry.

        Raises: StoreDown: not confirmed within the deadline; whether it happened is unknown, posting again is safe.
        """
        deadline_mono_ms = self._clock.mono_ms() + self._options.deadline_ms
        outcome = await self._post_once(move)
        while await self._is_short_of_folding(move, outcome):
            if self._clock.mono_ms() >= deadline_mono_ms:
                raise StoreDown
            await self._fold_all()
            outcome = await self._post_once(move)
        return outcome

    async def balance_of(self, account: AccountId) -> Balance:
        """What the wallet holds and has earned.

        Raises: StoreDown: the store did not answer.
        """
        try:
            return await self._store.balance_of(account)
        except (Unavailable, Conflict) as error:
            raise StoreDown from error

    async def entry(self, entry_id: EntryId) -> JournalEntry | None:
        """One entry, or None.

        Raises: StoreDown: the store did not answer.
        """
        try:
            return await self._store.entry(entry_id)
        except (Unavailable, Conflict) as error:
            raise StoreDown from error

    async def run(self) -> None:
        """Fold what a commit left that nobody heard of, or a node that died, until cancelled."""
        while True:
            await self._clock.sleep(FOLD_ANYWAY_MS)
            self.fold_soon()

    def fold_soon(self) -> None:
        """Make sure that pending credits are folded before long."""
        if not self._is_folding:
            self._is_folding = True
            self._spawn(self._fold_later(), name="ledger-fold")

    @property
    def waiting_count(self) -> int:
        """Moves that have not been handed to the store yet."""
        return len(self._waiting)

    # --- posting ---------------------------------------------------------------------------------------------------

    async def _post_once(self, move: Move) -> Outcome:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        deadline_mono_ms = self._clock.mono_ms() + self._options.deadline_ms
        self._waiting.append(_Waiting(move, answer, deadline_mono_ms))
        if self._lanes_count < LANES_MAX:
            self._lanes_count += 1
            self._spawn(self._write(), name="ledger-write")
        return await answer

    async def _write(self) -> None:
        """One lane: commit what waits, batch after batch, until there is nothing that it may take."""
        try:
            while batch := self._next_batch():
                touched = {key for waiting in batch for key in waiting.touched}
                self._in_flight |= touched
                try:
                    await self._commit(batch)
                finally:
                    self._in_flight -= touched
        finally:
            self._lanes_count -= 1

    def _next_batch(self) -> list[_Waiting]:
        """The first moves that touch nothing another lane is writing; those of one payer keep their order."""
        batch: list[_Waiting] = []
        passed_over: list[_Waiting] = []
        taken = self._in_flight
        while self._waiting and len(batch) < self._options.batch_moves_max:
            waiting = self._waiting.popleft()
            if waiting.answer.done():
                continue
            if taken.isdisjoint(waiting.touched):
                batch.append(waiting)
            else:
                if taken is self._in_flight:
                    taken = set(taken)
                taken.update(waiting.touched)
                passed_over.append(waiting)
        self._waiting.extendleft(reversed(passed_over))
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Get a verdict for every move of the batch, or fail those whose deadline passes."""
        conflicts = 0
        while batch:
            moves = [waiting.move for waiting in batch]
            try:
                outcomes = await self._store.post(moves, decide)
            except Conflict:
                conflicts += 1
                self._metrics.ledger_conflicts.add()
                if conflicts > CONFLICTS_MAX and len(batch) > 1:
                    half = len(batch) // 2
                    await self._commit(batch[:half])
                    await self._commit(batch[half:])
                    return
            except Unavailable:
                self._metrics.ledger_unknowns.add()
            except BaseException:
                # A bug, or the end of this process: nobody may be left waiting.
                for waiting in batch:
                    waiting.answer.cancel()
                raise
            else:
                self._acknowledge(batch, outcomes)
                return
            batch = self._still_in_time(batch)
            if batch:
                await self._clock.sleep(1 + self._rng.below(CONFLICT_PAUSE_MS))

    def _still_in_time(self, batch: list[_Waiting]) -> list[_Waiting]:
        now_mono_ms = self._clock.mono_ms()
        alive: list[_Waiting] = []
        for waiting in batch:
            if waiting.answer.done():
                continue
            if waiting.deadline_mono_ms <= now_mono_ms:
                waiting.answer.set_exception(StoreDown())
            else:
                alive.append(waiting)
        return alive

    def _acknowledge(self, batch: list[_Waiting], outcomes: tuple[Outcome, ...]) -> None:
        has_credits = False
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._metrics.ledger_verdicts.add(outcome.verdict)
            if outcome.verdict in (Verdict.POSTED, Verdict.ALREADY):
                has_credits = True  # ALREADY may be the late answer to a commit that nobody heard of.
            if outcome.verdict is Verdict.POSTED:
                self._metrics.ledger_entries.add(waiting.move.kind)
            elif outcome.verdict is Verdict.MISMATCH:
                self._log.error("ledger_key_mismatch", entry_id=waiting.move.id)
            if not waiting.answer.done():
                waiting.answer.set_result(outcome)
        if has_credits:
            self.fold_soon()

    # --- folding ---------------------------------------------------------------------------------------------------

    async def _is_short_of_folding(self, move: Move, outcome: Outcome) -> bool:
        """Whether the move was refused, and would not be if all credits were folded."""
        if outcome.verdict is not Verdict.BELOW_FLOOR or move.cost is not None:
            return outcome.verdict is Verdict.UNFOLDED
        return await self._covered_by_unfolded(move)

    async def _covered_by_unfolded(self, move: Move) -> bool:
        for posting in move.postings:
            if posting.amount < 0 and is_wallet(posting.account):
                balance = await self.balance_of(posting.account)
                if balance.amount + posting.amount < 0:
                    return False
        return True

    async def _fold_all(self) -> None:
        try:
            while await self._store.fold(self._options.fold_batches_max):
                pass
        except Conflict:
            # Somebody else folds the same credits at this moment; the caller looks again.
            self._metrics.ledger_conflicts.add()
            await self._clock.sleep(1 + self._rng.below(CONFLICT_PAUSE_MS))
        except Unavailable as error:
            raise StoreDown from error

    async def _fold_later(self) -> None:
        """Fold until nothing is pending, waiting between rounds so that many credits become one write."""
        try:
            folded = 1
            while folded:
                await self._clock.sleep(self._options.fold_every_ms)
                try:
                    folded = await self._store.fold(self._options.fold_batches_max)
                except (Conflict, Unavailable):
                    folded = 1
        finally:
            self._is_folding = False
