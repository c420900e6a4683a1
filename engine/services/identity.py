"""Who somebody is: signing in, and what a token stands for.

Tokens are random and kept as hashes only. A role belongs to the account and is given by an operator (or, in
development, by the code itself). Source: CA-2, CA-3, ALL-3, DS-8.
"""

import hashlib
from typing import Final

import msgspec

from engine import settings
from engine.billing.entries import grant_move
from engine.billing.ledger import Ledger
from engine.errors import Banned, NotSignedIn, StoreDown, WrongRole
from engine.ids import Ids
from engine.node import Node
from engine.world import World
from store.interfaces.errors import StoreError
from store.interfaces.ids import PersonId, Sequence
from store.interfaces.money import Currency
from store.interfaces.people import BanKind, PersonRecord, Role, Session

__all__ = ["Identity", "SignedIn"]

SURFACE: Final = "calls"
TOKEN_BYTES: Final = 16
DAY_MS: Final = 86_400_000
TOUCH_MS: Final = 3_600_000
"""A session's last use is written down at most this often."""

KNOWN_MS: Final = 1_000
"""How long a token is believed without asking the store: the bound of SEC-9 on a node that did not hear of a change."""

KNOWN_MAX: Final = 50_000
DIGITS_MAX: Final = 15
DEVICES: Final = frozenset(range(1, 10))


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh sign-in; ``token`` is told once and kept nowhere."""

    person: PersonRecord
    token: str


class _Known(msgspec.Struct, frozen=True):
    person: PersonRecord
    until_mono_ms: int


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Identity:
    """Accounts and sessions of the calls surface."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node, ids: Ids, ledger: Ledger) -> None:
        self._world = world
        self._options = options
        self._node = node
        self._ids = ids
        self._ledger = ledger
        self._known: dict[str, _Known] = {}  # In the order in which they were looked up.
        self._tokens_of: dict[PersonId, set[str]] = {}

    async def sign_in(self, code: str, *, role: Role, device: int | None) -> SignedIn:
        """Exchange a ``wx.login`` code for a token.

        First use makes the account; a new sign-in replaces the device's old one.

        Raises:
            NotSignedIn: the code is not good. Banned: the account is excluded.
            WrongRole: ``role`` is anchor and nobody has approved this account as one.
            StoreDown: WeChat or the store did not answer.
        """
        identity = await self._world.codes.identify(code)
        try:
            person = await self._world.stores.people.by_external_id(SURFACE, identity.open_id)
            if person is None:
                person = await self._register(identity.open_id, identity.attributes)
        except StoreError as error:
            raise StoreDown from error
        await self._grant_first_diamonds(person, identity.attributes)
        if role is Role.ANCHOR and person.role is not Role.ANCHOR:
            raise WrongRole
        ban = person.ban_at(self._node.now_ms())
        if ban is not None and ban.kind is BanKind.ACCOUNT:
            raise Banned(ban.text)
        token = await self.open_session(person.id, device=str(device if device in DEVICES else 0))
        return SignedIn(person=person, token=token)

    async def open_session(self, person_id: PersonId, *, device: str) -> str:
        """A token for this person, in place of the device's former one.

        Raises: StoreDown.
        """
        token = self._world.rng.hex(TOKEN_BYTES)
        now_ms = self._node.now_ms()
        session = Session(
            token_hash=_hash(token), person_id=person_id, device=device, created_at_ms=now_ms, seen_at_ms=now_ms
        )
        try:
            await self._world.stores.sessions.open(session)
        except StoreError as error:
            raise StoreDown from error
        self.forget(person_id)
        return token

    async def who(self, token: str) -> PersonRecord:
        """Whose token this is.

        Raises: NotSignedIn: nobody's. StoreDown: not known here, and the store did not answer.
        """
        known = self._known.get(token)
        if known is not None and self._world.clock.mono_ms() < known.until_mono_ms:
            return known.person
        if len(token) != 2 * TOKEN_BYTES:
            raise NotSignedIn
        self._forget_token(token)
        person = await self._look_up(token)
        self._known[token] = _Known(person, self._world.clock.mono_ms() + KNOWN_MS)
        self._tokens_of.setdefault(person.id, set()).add(token)
        if len(self._known) > KNOWN_MAX:
            self._forget_token(next(iter(self._known)))
        return person

    async def sign_out(self, token: str) -> None:
        """End this session; harmless when it has ended."""
        self._forget_token(token)
        try:
            await self._world.stores.sessions.close(_hash(token))
        except StoreError as error:
            raise StoreDown from error

    def forget(self, person_id: PersonId) -> None:
        """Something about this person has changed: ask the store again at the next request."""
        for token in tuple(self._tokens_of.get(person_id, ())):
            self._forget_token(token)

    def _forget_token(self, token: str) -> None:
        known = self._known.pop(token, None)
        if known is not None:
            tokens = self._tokens_of[known.person.id]
            tokens.discard(token)
            if not tokens:
                del self._tokens_of[known.person.id]

    async def _look_up(self, token: str) -> PersonRecord:
        now_ms = self._node.now_ms()
        idle_since_ms = now_ms - self._options.people.session_idle_days * DAY_MS
        try:
            session = await self._world.stores.sessions.find(_hash(token), idle_since_ms=idle_since_ms)
            if session is None:
                raise NotSignedIn
            person = await self._world.stores.people.get(session.person_id)
            if person is None:
                raise NotSignedIn
            if now_ms - session.seen_at_ms > TOUCH_MS:
                await self._world.stores.sessions.touch(session.token_hash, now_ms)
        except StoreError as error:
            raise StoreDown from error
        return person

    async def _register(self, open_id: str, attributes: dict[str, str]) -> PersonRecord:
        is_anchor = attributes.get("role") in ("master", "anchor")
        default_points = self._options.calls.points_per_minute_default
        return await self._world.stores.people.add(
            PersonRecord(
                id=PersonId(await self._ids.next(Sequence.PERSON)),
                surface=SURFACE,
                external_id=open_id,
                role=Role.ANCHOR if is_anchor else Role.GUEST,
                created_at_ms=self._node.now_ms(),
                nickname=attributes.get("nickname", ""),
                avatar_url=attributes.get("avatar", ""),
                age=_number(attributes.get("age"), highest=150),
                gender=_number(attributes.get("gender"), highest=2),
                points_per_minute=(
                    _number(attributes.get("price"), highest=self._options.calls.points_per_minute_max)
                    or default_points
                    if is_anchor
                    else 0
                ),
            )
        )

    async def _grant_first_diamonds(self, person: PersonRecord, attributes: dict[str, str]) -> None:
        """What a development code promises a guest, once, also if the sign-in that made him was cut short."""
        diamonds = _number(attributes.get("diamonds"), highest=self._options.billing.amount_max)
        if not diamonds or person.role is not Role.GUEST:
            return
        move = grant_move(
            key=f"first:{person.id}",
            person_id=person.id,
            currency=Currency.CALLS_DIAMONDS,
            amount=diamonds,
            note="development sign-in",
        )
        if await self._ledger.entry(move.id) is None:
            await self._ledger.post(move)


def _number(text: str | None, *, highest: int) -> int:
    """What a development code says in digits; anything else counts as nothing."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > DIGITS_MAX:
        return 0
    return min(int(text), highest)
