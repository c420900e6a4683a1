"""Being signed in on the web: a session cookie, tokens that are renewed, and the end of both (SITE-11, SITE-12).

All that one sign-in gives out stands and falls with its record, which every node asks about once a second for whoever
is active: tokens themselves only expire. A refresh token works once. Whoever uses it again is either the one who never
got the answer, or a thief, or somebody robbed; unless it is a moment later, all of them are signed out (SEC-8, SEC-9).
"""

import hashlib
from typing import Final

import msgspec

from engine.errors import NotSignedIn
from engine.node import Node
from engine.ports import Goodbye, TokenKind
from engine.presence import Presence
from engine.services.known_people import Known, KnownPeople
from engine.services.welcome import is_shut_out, require_let_in
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import StoreError
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.sign_ins import SignIn, TokenPair

__all__ = ["COOKIE_S", "Opened", "Tokens", "WebSignIns"]

COOKIE_S: Final = 43_200
"""How long a session cookie is good, whether it is used or not. Source: SITE-11."""

GRACE_S: Final = 10
"""So long after a renewal the old refresh token gets the same answer again: the first may have been lost (SEC-8)."""

SIGN_INS_MAX: Final = 50
"""Kept per person; whoever signs in once more is signed out where he has been for longest (INV-20)."""

ID_BYTES: Final = 16
COOKIE_BYTES: Final = 32
SWEEP_MS: Final = 1_000
ASKED_MAX: Final = 1_000


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


class WebSignIns:
    """Sign-ins of people with web tokens or a session cookie."""

    def __init__(self, world: World, *, node: Node, known: KnownPeople, presence: Presence) -> None:
        self._world = world
        self._store = world.stores.sign_ins
        self._node = node
        self._known = known
        self._presence = presence
        self._watched: dict[PersonId, set[str]] = {}

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

    async def close(self, sign_in_id: str, person_id: PersonId) -> None:
        """Sign out: cookie and tokens of this sign-in are worth nothing any more. Harmless when they were not.

        Sockets of the person are closed, as some were opened with it; with another sign-in they come back.

        Raises: StoreDown.
        """
        with store_answers:
            await self._store.close(sign_in_id)
        self._cut_off(person_id)

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

    async def close_all(self, person_id: PersonId) -> None:
        """Sign somebody out everywhere.

        Raises: StoreDown.
        """
        with store_answers:
            await self._store.close_all(person_id)
        self._cut_off(person_id)

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

    # --- open sockets ----------------------------------------------------------------------------------------------

    def watch(self, known: Known) -> None:
        """Somebody has opened a socket with this sign-in: when it ends, on whatever node, so do his sockets here."""
        self._watched.setdefault(known.person.id, set()).add(known.sign_in_id)

    async def run(self) -> None:
        """Look once a second after the sign-ins and people that open sockets depend on (SEC-9, SEC-11)."""
        while True:
            await self._world.clock.sleep(SWEEP_MS)
            for person_id in [one for one in self._watched if not self._has_line(one)]:
                del self._watched[person_id]
            people = list(self._watched)
            for place in range(0, len(people), ASKED_MAX):
                try:
                    await self._look_after(people[place : place + ASKED_MAX])
                except StoreError:
                    break  # Nobody is signed out because the store is away; it is asked again in a second.

    async def _look_after(self, people: list[PersonId]) -> None:
        # As of now: who opens another one meanwhile is looked after the next time.
        watched = {person_id: frozenset(self._watched.get(person_id, ())) for person_id in people}
        wanted = list(frozenset().union(*watched.values()))
        records = await self._world.stores.people.many(people)
        there: set[str] = set()
        for place in range(0, len(wanted), ASKED_MAX):
            there |= await self._store.among(wanted[place : place + ASKED_MAX])
        for person_id in people:
            if not watched[person_id] <= there:
                self._cut_off(person_id)
            elif person_id not in records or is_shut_out(records[person_id], self._node):
                self._known.forget(person_id)
                self._watched.pop(person_id, None)
                self._world.sink.close(person_id, code=Goodbye.BANNED, reason="banned")

    def _has_line(self, person_id: PersonId) -> bool:
        attendance = self._presence.attendance(person_id)
        return attendance is not None and attendance.is_held

    # --- parts -----------------------------------------------------------------------------------------------------

    def _now_s(self) -> int:
        return self._node.now_ms() // 1_000

    def _cut_off(self, person_id: PersonId) -> None:
        self._known.forget(person_id)
        self._watched.pop(person_id, None)
        self._world.sink.close(person_id, code=Goodbye.SIGNED_OUT, reason="signed out")

    def _new_pair(self) -> TokenPair:
        rng = self._world.rng
        return TokenPair(refresh_id=rng.hex(ID_BYTES), access_id=rng.hex(ID_BYTES), issued_at_s=self._now_s())

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

    async def _by_id(self, sign_in_id: str) -> Known:
        with store_answers:
            sign_in = await self._store.get(sign_in_id)
        return await self._alive(sign_in)

    async def _by_cookie(self, cookie: str) -> Known:
        with store_answers:
            sign_in = await self._store.by_cookie(_hash(cookie))
        if sign_in is None or self._node.now_ms() >= sign_in.cookie_until_ms:
            raise NotSignedIn("no such session")
        return await self._alive(sign_in)

    async def _alive(self, sign_in: SignIn | None) -> Known:
        if sign_in is None or self._node.now_ms() >= sign_in.expires_at_ms:
            raise NotSignedIn("signed out")
        return Known(await self._person(sign_in.person_id), sign_in.id)

    async def _person(self, person_id: PersonId) -> PersonRecord:
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        if person is None:
            raise NotSignedIn("nobody")
        return person


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
