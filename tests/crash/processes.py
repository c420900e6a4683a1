"""A real ``server.py run`` in a process of its own, to be killed, frozen and started again, and the stores it needs.

Everything started here ends with the ``async with`` block it was started in, and with the test's process whatever
happens to that. Knows nothing of calls or money.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Self

import pytest

from adapters.embedded import Death, EmbeddedStores
from tests.crash.client import HttpClient, NoAnswer

__all__ = ["CANARIES", "HERE", "Died", "ServerProcess", "figure", "running_stores"]

HERE: Final = Path(__file__).parents[2]
START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 30.0
POLL_S: Final = 0.01
PR_SET_PDEATHSIG: Final = 1

CANARIES: Final = {
    "GREENROOM_PAY__API_KEY": "canary-pay-0f3c7a5e9b1d48f2a6c0",
    "GREENROOM_IM__SECRET_KEY": "canary-im-83b1c6d2e4f70a95b7d1",
    "GREENROOM_MEDIA__PUSH_KEY": "canary-push-5d9e1f3a7c2b48609e4f",
    "GREENROOM_MEDIA__PLAY_KEY": "canary-play-b2a4c6e8f01357929d3c",
}
"""Secrets that every server here runs with, and that no log may show (G-26)."""


class Died(Exception):
    """The server ended while somebody waited for it to be ready. ``exit_code`` is negative for a signal."""

    def __init__(self, exit_code: int, words: str) -> None:
        super().__init__(f"the server ended with {exit_code}:\n{words}")
        self.exit_code = exit_code


def figure(goal: str, name: str, value: object, aim: object, *, ok: bool) -> None:
    """Print a figure, and append it to the report that a release is judged by."""
    line = f"{goal} {name} {value} {aim} {'ok' if ok else 'MISS'}"
    print(line)
    report = HERE / "build" / "reliability.txt"
    report.parent.mkdir(exist_ok=True)
    with report.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


@asynccontextmanager
async def running_stores(folder: Path, deaths: list[Death] | None = None) -> AsyncIterator[EmbeddedStores]:
    """A mongod and a Valkey that are started again whenever they die; each death is added to ``deaths``."""
    heard = deaths if deaths is not None else []
    async with EmbeddedStores(folder, on_death=heard.append) as stores:
        watching = asyncio.create_task(stores.watch(), name="stores-watch")
        try:
            yield stores
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


class ServerProcess:
    """One server and its data folder, over any number of lives.

    ``settings`` are what the environment says: ``billing__minute_ms=1000``. Without ``stores`` it embeds its own,
    without ``config`` it reads the file that is shipped, without ``port`` it takes any that is free, another each life.
    """

    def __init__(
        self,
        folder: Path,
        stores: EmbeddedStores | None = None,
        *,
        config: Path | None = None,
        port: int = 0,
        **settings: object,
    ) -> None:
        self.data_dir = folder
        self._port = port
        self._file = () if config is None else ("--config", str(config))
        self.log_file = folder.with_suffix(".log")
        self.http_port = 0
        self.admin_port = 0
        self.lives_count = 0
        self.ready_s: list[float] = []
        """For each life that came so far: from the start of the process to its first ``/readyz`` that said yes."""
        self._process: Process | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")},
            **CANARIES,
            **{f"GREENROOM_{name.upper()}": str(value) for name, value in settings.items()},
        }
        if stores is not None:
            self._environment |= {
                "GREENROOM_MONGO__URI": stores.mongo_uri,
                "GREENROOM_REDIS__URL": stores.redis_url,
            }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        await self._own_stores_gone()

    @property
    def pid(self) -> int:
        """The process that runs, or ran last."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def log(self) -> str:
        """All that its lives have printed."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    @property
    def admin_token(self) -> str:
        """The operators' token."""
        return (self.data_dir / "admin.token").read_text("ascii").strip()

    async def start(self, failpoints: Sequence[str] = ()) -> float:
        """Start a life and return when it is ready, after how many seconds.

        Raises: Died: it ended before.
        """
        began_s = time.monotonic()
        await self.launch(failpoints)
        async with asyncio.timeout(START_S_MAX):
            await self._until_ready()
        took_s = time.monotonic() - began_s
        self.ready_s.append(took_s)
        return took_s

    async def launch(self, failpoints: Sequence[str] = ()) -> None:
        """Start a life without waiting for it."""
        assert not self.is_running
        self.http_port = self.admin_port = 0
        environment = dict(self._environment)
        if failpoints:
            environment["GREENROOM_FAILPOINTS"] = json.dumps(list(failpoints))
        command = [sys.executable, str(HERE / "server.py"), "run", "--port", str(self._port), "--admin-port", "0"]
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                *("--data-dir", str(self.data_dir), *self._file),
                cwd=HERE,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self.lives_count += 1

    async def wait(self, deadline_s: float = STOP_S_MAX) -> int:
        """The exit code, once the process has ended.

        Raises: TimeoutError.
        """
        assert self._process is not None
        async with asyncio.timeout(deadline_s):
            code = await self._process.wait()
        self.http_port = self.admin_port = 0
        return code

    async def kill(self) -> None:
        """Kill -9, and return when the process has ended. Harmless when it does not run."""
        if self._process is not None and self.is_running:
            self._process.kill()
            await self.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = await self.wait()
        await self._own_stores_gone()
        return code

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    async def _until_ready(self) -> None:
        assert self._process is not None
        ports: dict[str, int] = {}
        client = HttpClient(lambda: ports.get("http", 0))
        try:
            while self._process.returncode is None:
                # Looked at anew each time: they may still be those of a life that was killed.
                with suppress(FileNotFoundError):
                    ports = json.loads((self.data_dir / "ports.json").read_text("ascii"))
                with suppress(NoAnswer):
                    if (await client.get("/readyz")).status == 200:
                        self.http_port, self.admin_port = ports["http"], ports["admin"]
                        return
                await asyncio.sleep(POLL_S)
        finally:
            await client.close()
        raise Died(self._process.returncode, "\n".join(self.log.splitlines()[-20:]))

    async def _own_stores_gone(self) -> None:
        """Embedded stores end with their server, a moment later."""
        for name in ("mongo", "redis"):
            try:
                pid = int((self.data_dir / f"{name}.pid").read_text("ascii"))
            except (FileNotFoundError, ValueError):
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    while _is_of(pid, self.data_dir):
                        await asyncio.sleep(POLL_S)
            if _is_of(pid, self.data_dir):
                os.kill(pid, signal.SIGKILL)
                pytest.fail(f"{name} of a server that was killed still ran ten seconds later", pytrace=False)


def _is_of(pid: int, data_dir: Path) -> bool:
    """Whether this process runs and works in that folder; its number may be somebody else's by now."""
    try:
        return os.fsencode(data_dir) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
