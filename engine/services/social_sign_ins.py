"""Being signed in to the social app: an atoken, an rtoken that stays good, tickets for sockets, and the end of all.

What ends them is ``sign_ins``. An rtoken is not used up (SO-5): that it can be stolen and used beside its owner is the
document's decision; signing out ends it, and seven days do. Source: SO-3 … SO-5, SEC-6, SEC-9, SEC-10.
"""

from typing import Final

import msgspec

from engine.errors import NotSignedIn
from engine.ports import TokenKind, WebClaims
from engine.services.known_people import Known
from engine.services.sign_ins import ID_BYTES, SIGN_INS_MAX, SignIns
from engine.services.welcome import require_let_in
from engine.storage import store_answers
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord
from store.interfaces.sign_ins import SignIn

__all__ = ["ATOKEN_S", "RTOKEN_S", "TICKET_S", "SocialSignIns", "SocialTokens"]

ATOKEN_S: Final = 7_200
RTOKEN_S: Final = 604_800
TICKET_S: Final = 30
"""How long each kind is good. Source: SO-3."""

DEVICE_CHARS_MAX: Final = 200
USED_MS: Final = 600_000
"""That a ticket was used is remembered for so long: longer than any is good."""


class SocialTokens(msgspec.Struct, frozen=True, kw_only=True):
    """A pair as a client gets it; told once, and kept nowhere."""

    atoken: str
    rtoken: str

    def __repr__(self) -> str:
        return "SocialTokens(…)"


class SocialSignIns(SignIns):
    """Sign-ins of people of the social app."""

    async def open(self, person: PersonRecord, *, device: str = "", address: str = "") -> SocialTokens:
        """Sign somebody in; his other sign-ins stay. ``device`` and ``address`` are what he comes with and from.

        Raises: Banned: from everything. StoreDown.
        """
        require_let_in(person, self._node)
        now_ms, rng = self._node.now_ms(), self._world.rng
        sign_in_id, pair = rng.hex(ID_BYTES), self._new_pair()
        known = await self._whole(person, sign_in_id)
        rtoken, said = self._issue(TokenKind.REFRESH, known, pair.refresh_id)
        atoken, _ = self._issue(TokenKind.ACCESS, known, pair.access_id)
        sign_in = SignIn(
            id=sign_in_id,
            person_id=person.id,
            opened_at_ms=now_ms,
            expires_at_ms=said.expires_at_s * 1_000,
            pair=pair,
        )
        with store_answers:
            await self._store.open(sign_in, keep_max=SIGN_INS_MAX)
            await self._world.stores.people.note_login(person.id, now_ms)
            await self._world.stores.members.note_login(
                person.id, now_ms, device=device[:DEVICE_CHARS_MAX], address=address
            )
        return SocialTokens(atoken=atoken, rtoken=rtoken)

    async def renew(self, rtoken: str) -> str:
        """Another atoken.

        Raises: NotSignedIn, and its kinds as ``WebTokens.read``: not good, or signed out. Banned. StoreDown.
        """
        known = await self._who(rtoken, TokenKind.REFRESH)
        require_let_in(known.person, self._node)
        return self._issue(TokenKind.ACCESS, known, self._world.rng.hex(ID_BYTES))[0]

    async def leave(self, sign_in_id: str, person_id: PersonId) -> None:
        """Sign out, and be gone by that; another sign-in of the person shows him again.

        Raises: StoreDown.
        """
        await self.close(sign_in_id, person_id)
        with store_answers:
            await self._world.stores.members.note_logout(person_id, self._node.now_ms())

    async def close_by_rtoken(self, rtoken: str, person_id: PersonId) -> None:
        """Sign ``person_id`` out where he got that rtoken; harmless when it is not good, or not his.

        Raises: StoreDown.
        """
        try:
            known = await self._who(rtoken, TokenKind.REFRESH)
        except NotSignedIn:
            return
        if known.person.id == person_id:
            await self.close(known.sign_in_id, person_id)

    async def who_by_token(self, atoken: str) -> Known:
        """Whose atoken this is, and what the app keeps of him.

        Raises: NotSignedIn, and its kinds as ``WebTokens.read``: nobody's. StoreDown: not known here, and the store did
            not answer.
        """
        return await self._who(atoken, TokenKind.ACCESS)

    # --- tickets ---------------------------------------------------------------------------------------------------

    def issue_ticket(self, known: Known, *, path: str) -> str:
        """What opens one socket at ``path``, once and soon, for somebody who is signed in."""
        return self._issue(TokenKind.TICKET, known, self._world.rng.hex(ID_BYTES), path=path)[0]

    async def redeem_ticket(self, ticket: str, *, path: str) -> Known:
        """Whose ticket for a socket at ``path`` this was; of all who show it, on whatever node, one is told.

        Raises: NotSignedIn, and its kinds as ``WebTokens.read``: nobody's, for another path, or used before; or he has
            signed out since. StoreDown.
        """
        said = self._world.social_tokens.read(ticket, TokenKind.TICKET, now_s=self._now_s())
        if said.path != path:
            raise NotSignedIn("a ticket for another path")
        with store_answers:
            is_first = await self._store.use(said.token_id, forget_at_ms=self._node.now_ms() + USED_MS)
        if not is_first:
            raise NotSignedIn("used before")
        return await self._who_said(said)

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _who(self, token: str, kind: TokenKind) -> Known:
        return await self._who_said(self._world.social_tokens.read(token, kind, now_s=self._now_s()))

    async def _who_said(self, said: WebClaims) -> Known:
        known = await self._known.look_up(f"social {said.family_id}", lambda: self._by_id(said.family_id))
        if known.person.public_id != str(said.user_id):
            raise NotSignedIn("another person's sign-in")
        return known

    async def _alive(self, sign_in: SignIn | None) -> Known:
        known = await super()._alive(sign_in)
        return await self._whole(known.person, known.sign_in_id)

    async def _whole(self, person: PersonRecord, sign_in_id: str) -> Known:
        with store_answers:
            member = await self._world.stores.members.get(person.id)
        if member is None:
            raise NotSignedIn("nobody here")
        return Known(person, sign_in_id, member)

    def _issue(self, kind: TokenKind, known: Known, token_id: str, *, path: str = "") -> tuple[str, WebClaims]:
        assert known.member is not None, "nobody of the social app"
        return self._world.social_tokens.issue(
            kind,
            user_id=int(known.person.public_id),
            now_s=self._now_s(),
            family_id=known.sign_in_id,
            token_id=token_id,
            name=known.person.nickname,
            level=known.member.level,
            path=path,
        )
