"""The folder in which one server keeps what belongs to this machine: lock, ports, operators' token, its own name.

::

    data_dir/           0700
      lock              held for the life of the process; holds its pid
      ports.json        {"http": 8000, …} while the server runs
      admin.token       0600, made once and kept
      node.name         made once and kept

The lock is the kernel's, so it ends with the process however it ends: whoever holds it knows that an earlier
incarnation is dead. Knows nothing of what listens on the ports or lives in the folders of others beside these files.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["DataDir", "DataDirError"]

TOKEN_BYTES: Final = 32
NODE_NAME_BYTES: Final = 4  # Enough that two machines of one database never meet by chance.
PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600


class DataDirError(Exception):
    """The folder cannot be used: another process has it, or it may not be written."""


class DataDir:
    """A data folder that is ours alone until ``close`` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Create the folder where it is missing and take its lock.

        Raises: DataDirError: another process holds the lock (its pid is in the message), or the system says no.
        """
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            # Python's files do not survive an exec, so no child can hold the lock on after us.
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            message = f"{self.path} cannot be used as data folder: {error.strerror}"
            raise DataDirError(message) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._lock, 32, 0).decode().strip()
            os.close(self._lock)
            who = f"process {holder}" if holder else "another process"
            message = f"{self.path} is in use by {who}; stop it, or choose another data_dir"
            raise DataDirError(message) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        # Whoever waits for our ports must not find those of a predecessor that was killed.
        self._forget_ports()

    def close(self) -> None:
        """Withdraw the ports and let the next one have the folder. Closing twice is harmless."""
        if self._lock >= 0:
            self._forget_ports()
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write_ports(self, ports: Mapping[str, int]) -> None:
        """Publish which port each listener took; a reader sees all of them or none."""
        self._write("ports.json", json.dumps(dict(ports)) + "\n")

    def admin_token(self) -> str:
        """The operators' token: 64 hex characters, readable by the owner of the folder only."""
        token = self._kept("admin.token", lambda: secrets.token_hex(TOKEN_BYTES))
        # A copy or a backup may have widened it.
        (self.path / "admin.token").chmod(PRIVATE_FILE)
        return token

    def node_name(self, configured: str = "") -> str:
        """The name of this server among those of its database: as configured, else one made once and kept."""
        return configured or self._kept("node.name", lambda: f"node-{secrets.token_hex(NODE_NAME_BYTES)}")

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        try:
            text = (self.path / name).read_text("ascii").strip()
        except FileNotFoundError:
            text = ""
        if not text:
            text = make()
            self._write(name, text + "\n")
        return text

    def _write(self, name: str, text: str) -> None:
        """Replace a file as a whole: a crash leaves the old one or the new one."""
        draft = self.path / f".{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(self.path / name)

    def _forget_ports(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.path / "ports.json").unlink()
