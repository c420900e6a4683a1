"""The driver: the only place that names it, and the only place that knows its errors.

Whatever leaves here is a plain document, a count or an error of ``store.interfaces.errors``. Majority writes, majority
reads and a deadline on every call are set in code and not by trust in a server's or an address's defaults (D-2, D-3).
The driver is past its end of life; replacing it is a change of this file (DS-6).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self, TypeVar

# Read when motor is imported. Its default of five threads a core makes forty calls to a silent server wait in line for
# each other's deadlines: 8 s measured where 2 s were asked for.
os.environ.setdefault("MOTOR_MAX_WORKERS", "64")

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from store.circuit import Circuit
from store.interfaces.errors import Conflict, StoreError, Unavailable

__all__ = ["Document", "Duplicate", "Mongo", "Pipeline", "Snapshot", "Sort", "Transaction"]

T = TypeVar("T")

Document = dict[str, Any]
Filter = Mapping[str, Any]
Pipeline = Sequence[Mapping[str, Any]]
Change = Mapping[str, Any] | Pipeline
Sort = Sequence[tuple[str, int]]
Session = Any
"""The driver's session. Its own types take its properties for methods."""

APP_NAME: Final = "greenroom"
MAJORITY: Final = "majority"
SNAPSHOT: Final = ReadConcern("snapshot")
DURABLE: Final = WriteConcern(w=MAJORITY, j=True)
OVERTIME_S: Final = 0.25
"""The driver gives up by itself at the deadline; this much later asyncio does, whatever the driver thinks."""
PROBE_S: Final = 1.0
HEARTBEAT_MS: Final = 1000
"""A server that answered "not I" once is not asked again before the next of these; the default is ten seconds."""
COMMIT_PAUSE_S: Final = 0.02
SESSIONS_KEPT_MAX: Final = 8
DUPLICATE_KEY: Final = 11000
REPLY_DOCUMENTS_MAX: Final = 100_000
"""One reply holds every document of a statement inside a transaction: batches are bounded by their callers."""

_CONFLICT_CODES: Final = frozenset({24, 112, 225, 239, 244, 246, 251})
"""LockTimeout, WriteConflict, TransactionTooOld, SnapshotTooOld, Aborted, SnapshotUnavailable, NoSuchTransaction."""
_AWAY_CODES: Final = frozenset(
    {6, 7, 50, 64, 89, 91, 100, 133, 134, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031}
)
"""Codes of servers that stop, step down, cannot reach each other, are out of time or out of disk."""


class Duplicate(Conflict):
    """A unique index holds the value already; ``key`` says which fields with which values."""

    def __init__(self, key: Mapping[str, Any]) -> None:
        super().__init__(f"already there: {', '.join(key)}")
        self.key = key


def _refusal_of(code: int, text: str) -> StoreError:
    if code in _CONFLICT_CODES:
        return Conflict(text)
    if code in _AWAY_CODES:
        return Unavailable(text)
    return StoreError(text)


def _translated(error: PyMongoError | TimeoutError) -> StoreError:
    """What the error means to whoever asked."""
    match error:
        case DuplicateKeyError():
            return Duplicate((error.details or {}).get("keyValue", {}))
        case TimeoutError() | ConnectionFailure() | WriteConcernError():
            return Unavailable(type(error).__name__)
        case OperationFailure() if error.timeout:
            return Unavailable(type(error).__name__)
        case OperationFailure():
            return _refusal_of(error.code or 0, f"{type(error).__name__} {error.code}")
    return Unavailable(type(error).__name__)


def _is_miss(error: PyMongoError | TimeoutError) -> bool:
    return isinstance(error, TimeoutError | ExecutionTimeout) or error.timeout


def _written(reply: Mapping[str, Any]) -> int:
    """How many documents a write inside a transaction touched; refusals of single documents come inside the reply."""
    for refused in reply.get("writeErrors", ()):
        # The server has given the whole transaction up: nothing may follow but the abort (D-9).
        if refused["code"] == DUPLICATE_KEY:
            raise Duplicate(refused.get("keyValue", {}))
        raise _refusal_of(refused["code"], f"write error {refused['code']}")
    return int(reply["n"])


def _whole(reply: Mapping[str, Any]) -> list[Document]:
    """The documents of a reply that must hold all of them."""
    cursor = reply["cursor"]
    assert cursor["id"] == 0, "there is more than one reply can hold"
    documents: list[Document] = cursor["firstBatch"]
    return documents


class Transaction:
    """Statements of one transaction, one after the other, over one snapshot."""

    __slots__ = ("_database", "_session")

    def __init__(self, database: Any, session: Session) -> None:
        self._database = database
        self._session = session

    async def find(
        self,
        collection: str,
        where: Filter,
        *,
        fields: Mapping[str, int] | None = None,
        sort: Sort = (),
        limit: int = 0,
    ) -> list[Document]:
        """All documents that match, in one reply."""
        command: Document = {"find": collection, "filter": where, "batchSize": REPLY_DOCUMENTS_MAX}
        if fields is not None:
            command["projection"] = fields
        if sort:
            command["sort"] = dict(sort)
        if limit:
            command["limit"] = limit
        return _whole(await self._database.command(command, session=self._session))

    async def aggregate(self, collection: str | int, pipeline: Pipeline) -> list[Document]:
        """What the pipeline gives, in one reply; ``collection`` 1 stands for none."""
        command = {"aggregate": collection, "pipeline": pipeline, "cursor": {"batchSize": REPLY_DOCUMENTS_MAX}}
        return _whole(await self._database.command(command, session=self._session))

    async def insert(self, collection: str, documents: Sequence[Document]) -> None:
        """Insert all of them.

        Raises: Duplicate, after which the transaction is lost.
        """
        _written(await self._database.command({"insert": collection, "documents": documents}, session=self._session))

    async def update(self, collection: str, statements: Sequence[Document]) -> int:
        """Run statements (``q``, ``u``, ``multi``, ``upsert``) in their order; returns how many documents matched."""
        return _written(
            await self._database.command({"update": collection, "updates": statements}, session=self._session)
        )

    async def delete(self, collection: str, where: Filter) -> int:
        """Delete what matches; returns how many."""
        statement = {"q": where, "limit": 0}
        return _written(
            await self._database.command({"delete": collection, "deletes": [statement]}, session=self._session)
        )


class Snapshot:
    """Aggregates that all see the store at one moment."""

    __slots__ = ("_database", "_session")

    def __init__(self, database: Any, session: Session) -> None:
        self._database = database
        self._session = session

    async def aggregate(self, collection: str, pipeline: Pipeline) -> list[Document]:
        """What the pipeline gives."""
        cursor = self._database[collection].aggregate(pipeline, session=self._session, allowDiskUse=True)
        documents: list[Document] = await cursor.to_list(None)
        return documents


class Mongo:
    """One database behind one client. Every method ends within its deadline, or a little after, whatever happens.

    Raises: Unavailable, and whatever else the method names.
    """

    def __init__(self, uri: str, database: str, *, read_deadline_ms: int, money_deadline_ms: int) -> None:
        """Must be made inside the running loop that will use it. Connects at first use."""
        self._read_s = read_deadline_ms / 1000
        self._money_s = money_deadline_ms / 1000
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            uri,
            io_loop=asyncio.get_running_loop(),
            appname=APP_NAME,
            w=MAJORITY,
            journal=True,
            readConcernLevel=MAJORITY,
            readPreference="primary",
            retryWrites=True,
            retryReads=True,
            timeoutMS=read_deadline_ms,
            serverSelectionTimeoutMS=read_deadline_ms,
            connectTimeoutMS=read_deadline_ms,
            heartbeatFrequencyMS=HEARTBEAT_MS,
            waitQueueTimeoutMS=read_deadline_ms,
        )
        self._database = self._client[database]
        self._collections: dict[str, AsyncIOMotorCollection[Document]] = {}
        self.name = database
        self._circuit = Circuit(self._probe)
        self._running: set[asyncio.Task[Any]] = set()
        self._sessions: list[Session] = []
        self._lost_sessions: list[Mapping[str, Any]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for transactions that run, at most their deadline; then stop probing and close every connection."""
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._circuit.close()
        if self._lost_sessions:
            with suppress(Unavailable):
                await self._probe()
        self._sessions.clear()
        self._client.close()

    @property
    def is_answering(self) -> bool:
        """Whether the store has answered lately; False while its circuit is open."""
        return not self._circuit.is_open

    # Reading

    async def find_one(self, collection: str, where: Filter, *, sort: Sort = ()) -> Document | None:
        """The first document that matches, or None."""
        async with self._within(self._read_s):
            return await self._at(collection).find_one(where, sort=list(sort) or None)

    async def find(
        self, collection: str, where: Filter, *, sort: Sort = (), skip: int = 0, limit: int | None = None
    ) -> list[Document]:
        """Documents that match; all of them without ``limit``."""
        if limit == 0:
            # To the driver it would mean all.
            return []
        async with self._within(self._read_s):
            cursor = self._at(collection).find(where, sort=list(sort) or None, skip=skip, limit=limit or 0)
            return await cursor.to_list(None)

    async def distinct(self, collection: str, field: str, where: Filter) -> list[Any]:
        """The different values of a field among the documents that match."""
        async with self._within(self._read_s):
            return await self._at(collection).distinct(field, where)

    async def aggregate(self, collection: str, pipeline: Pipeline) -> list[Document]:
        """What the pipeline gives."""
        async with self._within(self._read_s):
            return await self._at(collection).aggregate(pipeline).to_list(None)

    async def aggregate_at_once(self, collection: str, pipeline: Pipeline) -> list[Document]:
        """What the pipeline gives, all its collections seen at one moment."""
        command = {
            "aggregate": collection,
            "pipeline": pipeline,
            "cursor": {"batchSize": REPLY_DOCUMENTS_MAX},
            "readConcern": {"level": "snapshot"},
        }
        async with self._within(self._read_s):
            return _whole(await self._database.command(command))

    @asynccontextmanager
    async def snapshot(self, deadline_s: float) -> AsyncIterator[Snapshot]:
        """One moment of the store to look at as often as needed, for at most ``deadline_s``."""
        async with self._within(deadline_s), await self._client.start_session(snapshot=True) as session:
            yield Snapshot(self._database, session)

    # Writing single documents

    async def insert(self, collection: str, document: Document) -> None:
        """Insert one document.

        Raises: Duplicate.
        """
        async with self._within(self._read_s):
            await self._at(collection).insert_one(document)

    async def replace(self, collection: str, where: Filter, document: Document) -> None:
        """Replace the document that matches, or insert it."""
        async with self._within(self._read_s):
            await self._at(collection).replace_one(where, document, upsert=True)

    async def update(self, collection: str, where: Filter, change: Change) -> bool:
        """Change the document that matches; whether one did."""
        async with self._within(self._read_s):
            return (await self._at(collection).update_one(where, change)).matched_count > 0

    async def update_all(self, collection: str, where: Filter, change: Change) -> int:
        """Change every document that matches; how many did."""
        async with self._within(self._read_s):
            return (await self._at(collection).update_many(where, change)).matched_count

    async def update_each(self, collection: str, statements: Sequence[Document]) -> None:
        """Run statements (``q``, ``u``, ``upsert``) in one go, each for itself.

        Raises: Duplicate: somebody inserted the same at the same moment; the others are done.
        """
        command = {"update": collection, "updates": statements, "ordered": False, "writeConcern": {"w": MAJORITY}}
        async with self._within(self._read_s):
            _written(await self._database.command(command))

    async def find_and_update(
        self, collection: str, where: Filter, change: Change, *, or_insert: bool = False
    ) -> Document | None:
        """Change the document that matches and return it as it is then; None when none did."""
        async with self._within(self._read_s):
            return await self._at(collection).find_one_and_update(
                where, change, upsert=or_insert, return_document=pymongo.ReturnDocument.AFTER
            )

    async def find_and_delete(self, collection: str, where: Filter, *, sort: Sort) -> Document | None:
        """Take the first document that matches out; None when none does."""
        async with self._within(self._read_s):
            return await self._at(collection).find_one_and_delete(where, sort=list(sort))

    async def delete(self, collection: str, where: Filter) -> int:
        """Delete what matches; how many."""
        async with self._within(self._read_s):
            return (await self._at(collection).delete_many(where)).deleted_count

    # Several documents or nothing

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` once, commit, and return what it returned, all within the money deadline.

        An exception of ``work`` aborts. The commit alone is repeated while its result is unknown: the server knows it.
        Cancelling the caller stops his waiting, not the transaction: half of one would keep its locks for a minute.

        Raises:
            Conflict: another transaction was in the way; nothing was written.
            Unavailable: unknown.
        """
        self._circuit.check()
        running = asyncio.create_task(self._transaction(work), name="store transaction")
        self._running.add(running)
        running.add_done_callback(self._finished)
        return await asyncio.shield(running)

    def _finished(self, running: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            # Looked at, so that an error whose caller was cancelled is not reported as lost.
            running.exception()

    async def _transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._within(self._money_s):
            session = self._sessions.pop() if self._sessions else await self._client.start_session()
            session.start_transaction(read_concern=SNAPSHOT, write_concern=DURABLE)
            try:
                result = await work(Transaction(self._database, session))
                await self._commit(session)
            except BaseException as error:
                await self._give_up(session, error)
                raise
            self._keep(session)
            return result

    @staticmethod
    async def _commit(session: Session) -> None:
        while True:
            try:
                await session.commit_transaction()
            except PyMongoError as error:
                # Until the deadline around us ends it; the driver would go on for two minutes.
                if error.timeout or not error.has_error_label("UnknownTransactionCommitResult"):
                    raise
                await asyncio.sleep(COMMIT_PAUSE_S)
            else:
                return

    async def _give_up(self, session: Session, error: BaseException) -> None:
        is_answered = isinstance(error, Exception) and not (
            isinstance(error, PyMongoError | TimeoutError) and isinstance(_translated(error), Unavailable)
        )
        if is_answered and session.in_transaction:
            await session.abort_transaction()
        if is_answered:
            self._keep(session)
            return
        # The server may still hold this transaction and its locks, for a minute by its own rules, and a thread of the
        # driver may still hold the session. Leave both alone; the next probe that gets through kills it by name.
        self._lost_sessions.append(session.session_id)
        self._circuit.probe_soon()

    async def end_abandoned(self) -> None:
        """Abort the transactions of clients that are gone, or have given up by their own deadline.

        Whoever is killed or frozen in the middle of a transaction leaves its locks behind, for a minute by the server's
        own rules, and nobody could take over what they cover. One that is ended by mistake is told ``Conflict``, and
        does it again. Where the server does not let us look or end, that minute has to be waited for.
        """
        with suppress(StoreError):
            async with self._within(self._read_s):
                look = [{"$currentOp": {"idleConnections": True, "idleSessions": True}}]
                # As a bare command: with the client's own read concern the server refuses it.
                command = {"aggregate": 1, "pipeline": look, "cursor": {"batchSize": REPLY_DOCUMENTS_MAX}}
                seen = _whole(await self._client.admin.command(command))
                connected = {each.get("connectionId") for each in seen if each["type"] == "op"}
                abandoned = [
                    {"id": each["lsid"]["id"]}
                    for each in seen
                    if each["type"] == "idleSession"
                    and each.get("appName") == APP_NAME
                    and "transaction" in each
                    and (
                        each["connectionId"] not in connected
                        or each["transaction"]["timeOpenMicros"] > self._money_s * 1_000_000
                    )
                ]
                if abandoned:
                    await self._client.admin.command("killSessions", abandoned)

    def _keep(self, session: Session) -> None:
        if len(self._sessions) < SESSIONS_KEPT_MAX:
            self._sessions.append(session)

    # Keeping the database itself

    async def prepare(self, work: Callable[[Any], Awaitable[None]], deadline_s: float) -> None:
        """Run ``work`` on the driver's own database object: for creating collections and indexes."""
        # First a word within the usual deadline: a server that is not there need not be waited for as long as an index.
        async with self._within(self._read_s):
            await self._database.command("ping")
        async with self._within(deadline_s):
            await work(self._database)

    def _at(self, collection: str) -> AsyncIOMotorCollection[Document]:
        # Kept: the driver takes 5 µs to make one, of the 200 that it takes to find something.
        found = self._collections.get(collection)
        if found is None:
            found = self._collections[collection] = self._database[collection]
        return found

    # Deadlines and errors

    @asynccontextmanager
    async def _within(self, deadline_s: float) -> AsyncIterator[None]:
        self._circuit.check()
        try:
            with pymongo.timeout(deadline_s):
                async with asyncio.timeout(deadline_s + OVERTIME_S):
                    yield
        except (PyMongoError, TimeoutError) as error:
            if _is_miss(error):
                self._circuit.missed()
            raise _translated(error) from error
        self._circuit.answered()

    async def _probe(self) -> None:
        try:
            with pymongo.timeout(PROBE_S):
                async with asyncio.timeout(PROBE_S + OVERTIME_S):
                    await self._client.admin.command("ping")
                    lost = list(self._lost_sessions)
                    if lost:
                        await self._client.admin.command("killSessions", lost)
                        del self._lost_sessions[: len(lost)]
        except (PyMongoError, TimeoutError) as error:
            raise Unavailable(type(error).__name__) from error
