"""Being signed in on the web: a session cookie, tokens that are renewed, and the end of both (SITE-11, SITE-12).

How they end without that is ``sign_ins``. A refresh token works once. Whoever uses it again is either the one who never
got the answer, or a thief, or somebody robbed; unless it is a moment later, all of them are signed out (SEC-8, SEC-9).
"""

import hashlib
from typing import Final

import msgspec

from engine.errors import NotSignedIn
from engine.ports import TokenKind
from engine.services.known_people import Known
from engine.services.sign_ins import ID_BYTES, SIGN_INS_MAX, SignIns
from engine.services.welcome import require_let_in
from engine.storage import store_answers
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.sign_ins import SignIn, TokenPair

__all__ = ["COOKIE_S", "Opened", "Tokens", "WebSignIns"]

COOKIE_S: Final = 43_200
"""How long a session cookie is good, whether it is used or not. Source: SITE-11."""

GRACE_S: Final = 10
"""So long after a renewal the old refresh token gets the same answer again: the first may have been lost (SEC-8)."""

COOKIE_BYTES: Final = 32


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A pair as a client gets it; told once, and kept nowhere."""

    access: str
    refresh: str

    def __repr__(self) -> str:
        return "Tokens(…)"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh sign-in; ``cookie`` is told once, and kept nowhere."""

    person: PersonRecord
    cookie: str
    tokens: Tokens

    def __repr__(self) -> str:
        return f"Opened(person={self.person.id})"


class WebSignIns(SignIns):
    """Sign-ins of people with web tokens or a session cookie."""

    # --- in and out ------------------------------------------------------------------------------------------------

    async def open(self, person: PersonRecord) -> Opened:
        """Sign somebody in; his other sign-ins stay.

        Raises: Banned: from everything. StoreDown.
        """
        require_let_in(person, self._node)
        rng, now_ms = self._world.rng, self._node.now_ms()
        pair = self._new_pair()
        sign_in_id, cookie = rng.hex(ID_BYTES), rng.hex(COOKIE_BYTES)
        tokens, expires_at_ms = self._tokens_of(person, sign_in_id, pair)
        sign_in = SignIn(
            id=sign_in_id,
            person_id=person.id,
            opened_at_ms=now_ms,
            expires_at_ms=max(expires_at_ms, now_ms + COOKIE_S * 1_000),
            cookie_hash=_hash(cookie),
            cookie_until_ms=now_ms + COOKIE_S * 1_000,
            pair=pair,
        )
        with store_answers:
            await self._store.open(sign_in, keep_max=SIGN_INS_MAX)
            await self._world.stores.people.note_login(person.id, now_ms)
        return Opened(person=person, cookie=cookie, tokens=tokens)

    async def renew(self, refresh_token: str) -> Tokens:
        """Another pair for a refresh token, which then has had its use.

        Raises: NotSignedIn: not good, or used before, which ends the sign-in. Banned. StoreDown.
        """
        said = self._world.web_tokens.read(refresh_token, TokenKind.REFRESH, now_s=self._now_s())
        person = await self._person(PersonId(said.user_id))
        require_let_in(person, self._node)
        pair = self._new_pair()
        tokens, expires_at_ms = self._tokens_of(person, said.family_id, pair)
        with store_answers:
            kept = await self._store.rotate(said.family_id, said.token_id, pair, expires_at_ms=expires_at_ms)
        if kept is None or kept.pair is None or kept.person_id != person.id:
            raise NotSignedIn("signed out")
        if kept.pair == pair:
            return tokens
        if said.token_id == kept.former_refresh_id and self._now_s() - kept.pair.issued_at_s <= GRACE_S:
            return self._tokens_of(person, kept.id, kept.pair)[0]
        self._world.log.warning("refresh_token_reused", person_id=person.id, sign_in_id=kept.id)
        await self.close(kept.id, person.id)
        raise NotSignedIn("used before")

    async def close_by_cookie(self, cookie: str) -> None:
        """Sign out whoever holds that cookie; harmless when nobody does.

        Raises: StoreDown.
        """
        if not cookie:
            return
        with store_answers:
            sign_in = await self._store.by_cookie(_hash(cookie))
        if sign_in is not None:
            await self.close(sign_in.id, sign_in.person_id)

    # --- knowing somebody again ------------------------------------------------------------------------------------

    async def who_by_token(self, access_token: str) -> Known:
        """Whose access token this is.

        Raises: NotSignedIn: nobody's. StoreDown: not known here, and the store did not answer.
        """
        said = self._world.web_tokens.read(access_token, TokenKind.ACCESS, now_s=self._now_s())
        known = await self._known.look_up(f"sign-in {said.family_id}", lambda: self._by_id(said.family_id))
        if known.person.id != said.user_id:
            raise NotSignedIn("another person's sign-in")
        return known

    async def who_by_cookie(self, cookie: str) -> Known:
        """Whose session cookie this is.

        Raises: as ``who_by_token``.
        """
        return await self._known.look_up(f"cookie {cookie}", lambda: self._by_cookie(cookie))

    # --- parts -----------------------------------------------------------------------------------------------------

    def _tokens_of(self, person: PersonRecord, sign_in_id: str, pair: TokenPair) -> tuple[Tokens, int]:
        """The tokens of a pair, the same ones each time, and when the last of them expires (milliseconds)."""
        anchor = person.public_id if person.role is Role.ANCHOR else ""

        def issue(kind: TokenKind, token_id: str) -> tuple[str, int]:
            token, said = self._world.web_tokens.issue(
                kind,
                user_id=person.id,
                now_s=pair.issued_at_s,
                family_id=sign_in_id,
                token_id=token_id,
                anchor=anchor,
            )
            return token, said.expires_at_s * 1_000

        access, _ = issue(TokenKind.ACCESS, pair.access_id)
        refresh, expires_at_ms = issue(TokenKind.REFRESH, pair.refresh_id)
        return Tokens(access=access, refresh=refresh), expires_at_ms

    async def _by_cookie(self, cookie: str) -> Known:
        with store_answers:
            sign_in = await self._store.by_cookie(_hash(cookie))
        if sign_in is None or self._node.now_ms() >= sign_in.cookie_until_ms:
            raise NotSignedIn("no such session")
        return await self._alive(sign_in)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
