"""Codes that were mailed."""

from msgspec.structs import replace

from store.interfaces.codes import MailedCode
from store.memory.database import MemoryDatabase

__all__ = ["MemoryCodes"]


class MemoryCodes:
    """``CodeStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._codes = database.codes

    async def keep(self, key: str, code: MailedCode, *, unless_since_ms: int) -> MailedCode | None:
        former = self._codes.get(key)
        if former is not None and former.sent_at_ms > unless_since_ms:
            return former
        self._codes[key] = code
        return None

    async def try_once(self, key: str, *, now_ms: int) -> MailedCode | None:
        code = self._codes.get(key)
        if code is None or code.tries_left == 0 or code.expires_at_ms <= now_ms:
            return None
        self._codes[key] = replace(code, tries_left=code.tries_left - 1)
        return self._codes[key]

    async def take(self, key: str, sealed: str) -> bool:
        code = self._codes.get(key)
        if code is None or code.sealed != sealed:
            return False
        del self._codes[key]
        return True
