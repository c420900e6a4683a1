"""Moves a second through ``LedgerStore.post`` on a real mongod, all guards on, beside a raw ``insert_many``.

Run ``python -m tests.bench.ledger``. Every move is a minute of a call of its own, paid by a payer of its own; minutes
and prices are mixed, as they are among real calls. Credits are folded all the while, as the ledger does it.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

from engine.billing.posting import decide
from store.interfaces.calls import CallRecord, Phase, Price, Side
from store.interfaces.errors import Conflict
from store.interfaces.ids import CallId, EntryId, PersonId
from store.interfaces.ledger import (
    EntryKind,
    JournalEntry,
    MinuteClaim,
    Move,
    OutboxRow,
    Outcome,
    Posting,
    Verdict,
)
from store.interfaces.money import Currency, external, house, wallet
from store.mongo.calls import call_document
from store.mongo.codec import entry_document
from store.mongo.collections import CALLS
from store.opened import OpenedStores
from tests.support.real_stores import RealServers, open_real_stores, real_servers

BATCH_MOVES: Final = 200
CALLS_COUNT: Final = 10_000
ANCHORS_COUNT: Final = 500
PRICES: Final = (5, 10, 20, 30, 50)
MINUTES_MAX: Final = 30
FOLD_EVERY_S: Final = 0.25
FOLD_BATCHES_MAX: Final = 50
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
RESULTS: Final = Path(__file__).with_name("results")

PRICE: Final = Price(points=50, diamonds=50, earned_points=25)
FIRST_GUEST: Final = 100_000
FIRST_ANCHOR: Final = 900_000


class Minutes:
    """Calls in progress, and the moves for their next minutes."""

    def __init__(self, *, with_outbox: bool) -> None:
        self._paid = [number % MINUTES_MAX for number in range(CALLS_COUNT)]
        self._order = random.Random(7).sample(range(CALLS_COUNT), CALLS_COUNT)
        self._next = 0
        self._with_outbox = with_outbox

    def documents(self) -> Iterator[dict[str, Any]]:
        """The calls as they are at first."""
        for number, paid in enumerate(self._paid):
            yield call_document(
                CallRecord(
                    id=CallId(50_001 + number),
                    guest_id=PersonId(FIRST_GUEST + number),
                    anchor_id=PersonId(FIRST_ANCHOR + number),
                    rung_by=Side.GUEST,
                    phase=Phase.CONNECTED,
                    price=PRICE,
                    rung_at_ms=1,
                    ring_until_ms=2,
                    started_at_ms=3,
                    minutes_paid=paid,
                )
            )

    def grants(self) -> Iterator[Move]:
        """The moves that give every guest his diamonds."""
        for number in range(CALLS_COUNT):
            guest = PersonId(FIRST_GUEST + number)
            postings = (
                Posting(external(Currency.CALLS_DIAMONDS), -1_000_000),
                Posting(wallet(Currency.CALLS_DIAMONDS, guest), 1_000_000),
            )
            yield Move(id=EntryId(f"grant:{guest}"), kind=EntryKind.GRANT, postings=postings, person_id=guest)

    def batch(self, size: int, *, is_hot: bool) -> list[Move]:
        """The next minutes of the next calls, for one anchor or for many."""
        return [self._minute(is_hot=is_hot) for _ in range(size)]

    def _minute(self, *, is_hot: bool) -> Move:
        number = self._order[self._next]
        self._next = (self._next + 1) % CALLS_COUNT
        self._paid[number] += 1
        minute = self._paid[number]
        call_id = CallId(50_001 + number)
        guest = PersonId(FIRST_GUEST + number)
        anchor = PersonId(FIRST_ANCHOR if is_hot else FIRST_ANCHOR + number % ANCHORS_COUNT)
        price = PRICES[number % len(PRICES)]
        entry_id = EntryId(f"call:{call_id}:m:{minute}")
        return Move(
            id=entry_id,
            kind=EntryKind.MINUTE,
            postings=(
                Posting(wallet(Currency.CALLS_DIAMONDS, guest), -price),
                Posting(house(Currency.CALLS_DIAMONDS), price),
                Posting(house(Currency.CALLS_POINTS), -price),
                Posting(wallet(Currency.CALLS_POINTS, anchor), price),
            ),
            person_id=guest,
            call_id=call_id,
            minute=minute,
            claim=MinuteClaim(call_id=call_id, epoch=1, minute=minute, begins_at_ms=1_000, early_ms_max=1_000),
            outbox=OutboxRow(id=entry_id, person_ids=(guest, anchor), payload=b"x" * 120)
            if self._with_outbox
            else None,
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """One round: how fast, and what it cost."""

    per_s: float
    client_us: float
    mongod_us: float


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


class Bench:
    """Rounds against one set of stores."""

    def __init__(self, stores: OpenedStores, servers: RealServers, database: Any, minutes: Minutes) -> None:
        self._stores = stores
        self._servers = servers
        self._database = database
        self._minutes = minutes
        self.conflicts_count = 0

    async def prepare(self) -> None:
        """Calls in progress and full wallets."""
        self._database[CALLS].insert_many(list(self._minutes.documents()), ordered=False)
        grants = list(self._minutes.grants())
        for start in range(0, len(grants), 500):
            await self._post(grants[start : start + 500])
        await self._fold_all()

    async def ours(self, moves_count: int, *, is_hot: bool, in_flight: int) -> Figure:
        """Post that many moves in batches of 200, so many batches at once, folding all the while."""
        batches = [self._minutes.batch(BATCH_MOVES, is_hot=is_hot) for _ in range(moves_count // BATCH_MOVES)]
        folding = asyncio.create_task(self._fold_for_ever())
        waiting = iter(batches)

        async def lane() -> None:
            for batch in waiting:
                await self._post(batch)

        async def work() -> None:
            await asyncio.gather(*(lane() for _ in range(in_flight)))

        figure = await self._measured(work, moves_count)
        await self._end_folding(folding)
        return figure

    async def raw(self, moves_count: int, *, batch_moves: int) -> Figure:
        """Insert as many of the same entry documents, without any guard or index."""
        documents = [entry_document(_entry_of(move), 0) for move in self._minutes_elsewhere(moves_count)]
        self._database.drop_collection("raw")
        raw = self._database.create_collection("raw")

        def insert() -> None:
            for start in range(0, len(documents), batch_moves):
                raw.insert_many(documents[start : start + batch_moves], ordered=False)

        async def work() -> None:
            await asyncio.to_thread(insert)

        return await self._measured(work, moves_count)

    async def latencies_ms(self, *, per_s: int, length_s: float) -> list[float]:
        """How long moves wait for their commit when they come evenly and a batch takes what is there."""
        arrived: list[tuple[float, Move]] = []
        waits_ms: list[float] = []
        came = asyncio.Event()
        total = int(per_s * length_s)
        moves = self._minutes.batch(total, is_hot=False)
        folding = asyncio.create_task(self._fold_for_ever())

        async def arrive() -> None:
            begun = time.perf_counter()
            for number, move in enumerate(moves):
                due = begun + number / per_s
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                arrived.append((due, move))
                came.set()

        arriving = asyncio.create_task(arrive())
        while len(waits_ms) < total:
            await came.wait()
            batch, arrived[:] = arrived[:BATCH_MOVES], arrived[BATCH_MOVES:]
            if not arrived:
                came.clear()
            await self._post([move for _, move in batch])
            done = time.perf_counter()
            waits_ms += [(done - due) * 1000 for due, _ in batch]
        await arriving
        await self._end_folding(folding)
        return sorted(waits_ms)

    def _minutes_elsewhere(self, count: int) -> Sequence[Move]:
        return Minutes(with_outbox=False).batch(count, is_hot=False)

    async def _post(self, batch: Sequence[Move]) -> tuple[Outcome, ...]:
        while True:
            try:
                outcomes = await self._stores.ledger.post(batch, decide)
            except Conflict:
                self.conflicts_count += 1
                continue
            assert all(outcome.verdict is Verdict.POSTED for outcome in outcomes), outcomes[0]
            return outcomes

    async def _fold_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FOLD_EVERY_S)
            await self._fold_once()

    async def _fold_once(self) -> int:
        try:
            return await self._stores.ledger.fold(FOLD_BATCHES_MAX)
        except Conflict:
            self.conflicts_count += 1
            return 1

    async def _fold_all(self) -> None:
        while await self._fold_once():
            pass

    async def _end_folding(self, folding: asyncio.Task[None]) -> None:
        folding.cancel()
        await asyncio.gather(folding, return_exceptions=True)
        await self._fold_all()

    async def _measured(self, work: Callable[[], Any], moves_count: int) -> Figure:
        client, mongod, begun = time.process_time(), cpu_s(self._servers.mongo_pid), time.perf_counter()
        await work()
        length_s = time.perf_counter() - begun
        return Figure(
            per_s=moves_count / length_s,
            client_us=(time.process_time() - client) * 1e6 / moves_count,
            mongod_us=(cpu_s(self._servers.mongo_pid) - mongod) * 1e6 / moves_count,
        )


def _entry_of(move: Move) -> JournalEntry:
    return JournalEntry(
        id=move.id,
        kind=move.kind,
        postings=move.postings,
        person_id=move.person_id,
        call_id=move.call_id,
        minute=move.minute,
        at_ms=1_767_225_600_000,
        payer_balance=1_000_000,
    )


def _line(name: str, figures: Sequence[Figure], raw_per_s: float) -> dict[str, Any]:
    per_s = statistics.median(figure.per_s for figure in figures)
    line = {
        "name": name,
        "per_s": round(per_s),
        "spread": [round(min(f.per_s for f in figures)), round(max(f.per_s for f in figures))],
        "client_us": round(statistics.median(f.client_us for f in figures), 1),
        "mongod_us": round(statistics.median(f.mongod_us for f in figures), 1),
        "of_raw_percent": round(100 * per_s / raw_per_s, 1),
    }
    print(
        f"{name:32} {line['per_s']:>8}/s  {line['spread']}  CPU us: client {line['client_us']},"
        f" mongod {line['mongod_us']}  {line['of_raw_percent']} % of raw"
    )
    return line


async def run(*, rounds: int, moves_count: int, with_outbox: bool) -> dict[str, Any]:
    """All rounds, alternating, and the figures."""
    servers = await real_servers()
    minutes = Minutes(with_outbox=with_outbox)
    kinds: dict[str, list[Figure]] = {}
    async with open_real_stores() as stores:
        name = stores.mongo.name
        with MongoClient[dict[str, Any]](servers.mongo_uri, w="majority") as client:
            bench = Bench(stores, servers, client[name], minutes)
            await bench.prepare()
            await bench.ours(2_000, is_hot=False, in_flight=1)
            # Before the floods: what they leave to be written would be measured, too.
            waits_ms = await bench.latencies_ms(per_s=500, length_s=6)
            for _ in range(rounds):
                for in_flight in (1, 2):
                    for is_hot in (False, True):
                        label = f"{'hot' if is_hot else 'spread'} payees, {in_flight} in flight"
                        figure = await bench.ours(moves_count, is_hot=is_hot, in_flight=in_flight)
                        kinds.setdefault(label, []).append(figure)
                for batch_moves in (BATCH_MOVES, 1_000):
                    figure = await bench.raw(moves_count, batch_moves=batch_moves)
                    kinds.setdefault(f"raw insert_many of {batch_moves}", []).append(figure)
    raw_per_s = max(
        statistics.median(figure.per_s for figure in figures) for label, figures in kinds.items() if label[:3] == "raw"
    )
    lines = [_line(label, figures, raw_per_s) for label, figures in kinds.items()]
    p50, p99 = waits_ms[len(waits_ms) // 2], waits_ms[int(len(waits_ms) * 0.99)]
    print(f"at 500 moves/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms; {bench.conflicts_count} conflicts in all")
    return {
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "lines": lines,
        "p50_ms_at_500": round(p50, 1),
        "p99_ms_at_500": round(p99, 1),
    }


def main() -> None:
    """Parse the flags, run, keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--moves", type=int, default=10_000)
    parser.add_argument("--outbox", action="store_true", help="every move leaves an event in the outbox, too")
    flags = parser.parse_args()
    result = asyncio.run(run(rounds=flags.rounds, moves_count=flags.moves, with_outbox=flags.outbox))
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"ledger{'-outbox' if flags.outbox else ''}.json"
    kept.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
