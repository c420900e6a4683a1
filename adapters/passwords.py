"""Passwords, hashed by bcrypt in a small pool of threads.

A hash takes a quarter of a second on purpose, so it never runs on the loop, and only as many wait as can be answered
while somebody still looks at the page. Knows rules and hashes. Knows no accounts. Source: SEC-16, SEC-17, SO-12.
"""

import asyncio
import re
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import bcrypt

from adapters.common_passwords import is_common
from engine.errors import BadInput, MailboxFull, TooLong
from engine.ports import PasswordCheck, PasswordRules

__all__ = ["COST_MIN", "BcryptPasswords"]

COST_MIN: Final = 10
"""Two to this power rounds; 60 ms. The documents' own hashes have it, and SO-12 wants 12, which is 250 ms."""

BYTES_MAX: Final = 72
"""What bcrypt looks at; a longer password would be as good as its beginning."""

THREADS: Final = 2
"""Two cores may be busy with guesses, the others serve."""

WAITING_MAX: Final = 16
"""Hashes wanted at a time, those under way included: 2 s at cost 12."""

HASH: Final = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")

Result = TypeVar("Result")


class BcryptPasswords:
    """``Passwords`` by bcrypt. Reads hashes of any cost; those of another than ``cost`` are renewed when next used."""

    def __init__(self, *, cost: int, waiting_max: int = WAITING_MAX) -> None:
        self._cost = cost
        self._places = threading.BoundedSemaphore(waiting_max)
        # Compared with for people who do not exist. Its digest is no password's, which takes no time to find out.
        self._nobodys = bcrypt.gensalt(cost) + b"." * 31
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")

    async def hash(self, password: str, rules: PasswordRules) -> str:
        """What to keep of a new password.

        Raises:
            BadInput: against the rules, or one of those that everybody tries first (field ``password``).
            TooLong: too many characters or bytes.
            MailboxFull: too many are waiting already.
        """
        _check_rules(password, rules)
        return await self._beside(lambda: self._hash(_bytes(password)))

    async def check(self, password: str, hashed: str | None) -> PasswordCheck:
        """Compare; None is a person who does not exist, whose answer takes as long.

        Raises:
            MailboxFull: too many are waiting already.
            ValueError: ``hashed`` is no hash; somebody has written to the store past us.
        """
        given = _bytes(password)
        if len(given) > BYTES_MAX:
            return PasswordCheck(is_right=False)  # Nobody's, so this tells nothing of anybody.
        known = self._nobodys if hashed is None else hashed.encode()
        read = HASH.fullmatch(known.decode())
        if read is None:
            raise ValueError("not a hash of bcrypt")
        is_current = int(read["cost"]) == self._cost

        def compare() -> PasswordCheck:
            is_right = bcrypt.checkpw(given, known)
            return PasswordCheck(is_right=is_right, renewed=self._hash(given) if is_right and not is_current else "")

        return await self._beside(compare)

    def close(self) -> None:
        """Let what is under way end, and nothing begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hash(self, password: bytes) -> str:
        return bcrypt.hashpw(password, bcrypt.gensalt(self._cost)).decode()

    async def _beside(self, work: Callable[[], Result]) -> Result:
        """Run ``work`` in the pool. It keeps its place until it is done, also when nobody waits for it any more."""
        if not self._places.acquire(blocking=False):
            raise MailboxFull("too many passwords to compare")
        job = self._pool.submit(work)
        job.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(job)


def _bytes(password: str) -> bytes:
    # One keyboard writes é as one character, another as two. A lone surrogate is nobody's password, and no error.
    return unicodedata.normalize("NFC", password).encode(errors="replace")


def _check_rules(password: str, rules: PasswordRules) -> None:
    if len(password) > rules.characters_max or len(_bytes(password)) > BYTES_MAX:
        raise TooLong("password")
    if len(password) < rules.characters_min:
        raise BadInput(f"a password has at least {rules.characters_min} characters", field="password")
    if not password.isprintable():
        raise BadInput("a password has no control characters", field="password")
    if rules.must_mix and not (any(map(str.isalpha, password)) and any(map(str.isdigit, password))):
        raise BadInput("a password has a letter and a digit", field="password")
    if not rules.may_be_common and is_common(password):
        raise BadInput("this password is one of the first that are tried", field="password")
