"""Sign-ins of people with web tokens or a session cookie."""

from collections.abc import Collection

from msgspec.structs import replace

from store.interfaces.ids import PersonId
from store.interfaces.sign_ins import SignIn, TokenPair
from store.memory.database import MemoryDatabase

__all__ = ["MemorySignIns"]


class MemorySignIns:
    """``SignInStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._sign_ins = database.sign_ins
        self._used = database.used_tokens

    async def open(self, sign_in: SignIn, *, keep_max: int) -> None:
        self._sign_ins[sign_in.id] = sign_in
        of_person = [one for one in self._sign_ins.values() if one.person_id == sign_in.person_id]
        of_person.sort(key=lambda one: (one.opened_at_ms, one.id), reverse=True)
        for old in of_person[keep_max:]:
            del self._sign_ins[old.id]

    async def get(self, sign_in_id: str) -> SignIn | None:
        return self._sign_ins.get(sign_in_id)

    async def by_cookie(self, cookie_hash: str) -> SignIn | None:
        found = (one for one in self._sign_ins.values() if one.cookie_hash == cookie_hash != "")
        return next(found, None)

    async def rotate(self, sign_in_id: str, used: str, pair: TokenPair, *, expires_at_ms: int) -> SignIn | None:
        kept = self._sign_ins.get(sign_in_id)
        if kept is not None and kept.pair is not None and kept.pair.refresh_id == used:
            kept = replace(kept, pair=pair, former_refresh_id=used, expires_at_ms=expires_at_ms)
            self._sign_ins[sign_in_id] = kept
        return kept

    async def among(self, sign_in_ids: Collection[str]) -> frozenset[str]:
        return frozenset(one for one in sign_in_ids if one in self._sign_ins)

    async def use(self, token_id: str, *, forget_at_ms: int) -> bool:
        if token_id in self._used:
            return False
        self._used[token_id] = forget_at_ms
        return True

    async def close(self, sign_in_id: str) -> None:
        self._sign_ins.pop(sign_in_id, None)

    async def close_all(self, person_id: PersonId) -> None:
        for sign_in in [one for one in self._sign_ins.values() if one.person_id == person_id]:
            del self._sign_ins[sign_in.id]
