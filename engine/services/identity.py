"""Who somebody is: signing in, and what a token stands for.

Tokens are random and kept as hashes only; one of a surface is worth nothing on another. A role belongs to the account
and is given by an operator (or, in development, by the code itself). What surfaces decide differently stands in
``accounts``. Source: CA-2, CA-3, QL-1 … QL-4, ALL-3, DS-8.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import asdict

from engine.billing.ledger import Ledger
from engine.errors import NotSignedIn, StoreDown, WrongRole
from engine.ids import Ids
from engine.node import Node
from engine.ports import SealedProfile, WeChatIdentity
from engine.services.accounts import AccountRules, number
from engine.services.first_grants import grant_at_first
from engine.services.known_people import Known, KnownPeople
from engine.services.welcome import require_let_in
from engine.storage import store_answers
from engine.world import World
from store.interfaces.errors import Conflict, StoreError
from store.interfaces.ids import PersonId, Sequence
from store.interfaces.people import PersonRecord, Role, Session

__all__ = ["Identity", "SignedIn"]

DAY_MS: Final = 86_400_000
TOUCH_MS: Final = 3_600_000
"""A session's last use is written down at most this often."""

DEVICES: Final = frozenset(range(1, 10))
PLACES: Final = tuple("abcde")
"""Device classes for clients that do not name theirs: so many sign-ins of one person live beside each other."""

PUBLIC_ID_DRAWS_MAX: Final = 20
"""Ids to show that are drawn before giving up: that often in a row somebody has one when nearly all are taken."""

HEX_DIGITS_OF_BYTE: Final = 2


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh sign-in; ``token`` is told once and kept nowhere."""

    person: PersonRecord
    token: str


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _place_for_one_more(sessions: Iterable[Session]) -> str:
    """A place that is free, or the one whose session has not been in use for longest."""
    by_place = {session.device: session for session in sessions if session.device in PLACES}
    return next((place for place in PLACES if place not in by_place), next(iter(by_place), PLACES[0]))


class Identity:
    """Accounts and sessions of all surfaces; ``rules`` are theirs by name."""

    def __init__(
        self,
        world: World,
        rules: Mapping[str, AccountRules],
        *,
        node: Node,
        ids: Ids,
        ledger: Ledger,
        known: KnownPeople,
    ) -> None:
        self._world = world
        self._rules = rules
        self._node = node
        self._ids = ids
        self._ledger = ledger
        self._known = known

    # --- signing in ------------------------------------------------------------------------------------------------

    async def sign_in(self, surface: str, code: str, *, role: Role, device: int | None) -> SignedIn:
        """Exchange a ``wx.login`` code for a token, where the first use of one makes the account (CA-3).

        A new sign-in replaces the device's old one.

        Raises:
            NotSignedIn: the code is not good. Banned: the account is excluded.
            WrongRole: ``role`` is anchor and nobody has approved this account as one.
            StoreDown: WeChat or the store did not answer.
        """
        identity = await self._world.codes.identify(code)
        person = await self._find(surface, identity) or await self._register(surface, identity)
        await self._grant_what_was_promised(person, identity)
        if role is Role.ANCHOR and person.role is not Role.ANCHOR:
            raise WrongRole
        require_let_in(person, self._node)
        token = await self.open_session(person, device=str(device if device in DEVICES else 0))
        return SignedIn(person=person, token=token)

    async def log_in(self, surface: str, code: str, *, app_id: str) -> SignedIn | None:
        """Exchange a ``wx.login`` code for a token, where accounts are made by ``sign_up`` only (QL-3).

        None: the code is good, and belongs to somebody without an account. Former tokens stay good, up to a few of
        them. Banned people may come in; what they may not do is refused there.

        Raises:
            NotSignedIn: the code is not good. BadInput: it is for no mini-program of ours.
            StoreDown: WeChat or the store did not answer.
        """
        identity = await self._world.codes.identify(code, app_id=app_id)
        person = await self._find(surface, identity)
        if person is None:
            return None
        await self._grant_what_was_promised(person, identity)
        with store_answers:
            await self._world.stores.people.note_login(person.id, self._node.now_ms())
        return SignedIn(person=person, token=await self._open_one_more(person))

    async def sign_up(self, surface: str, code: str, *, app_id: str, sealed: SealedProfile) -> SignedIn:
        """Make an account of what WeChat tells of somebody; who has one already keeps it as it is (QL-4).

        Raises: as ``log_in``; BadInput also when the profile cannot be opened.
        """
        identity = await self._world.codes.identify(code, app_id=app_id, sealed=sealed)
        person = await self._find(surface, identity) or await self._register(surface, identity)
        await self._grant_what_was_promised(person, identity)
        return SignedIn(person=person, token=await self._open_one_more(person))

    async def open_session(self, person: PersonRecord, *, device: str) -> str:
        """A token for this person, in place of the device's former one.

        Raises: StoreDown.
        """
        token = self._world.rng.hex(self._rules[person.surface].token_bytes)
        now_ms = self._node.now_ms()
        session = Session(
            token_hash=_hash(token), person_id=person.id, device=device, created_at_ms=now_ms, seen_at_ms=now_ms
        )
        with store_answers:
            await self._world.stores.sessions.open(session)
        self.forget(person.id)
        return token

    async def sign_out(self, token: str) -> None:
        """End this session; harmless when it has ended."""
        self._known.drop(token)
        with store_answers:
            await self._world.stores.sessions.close(_hash(token))

    # --- knowing somebody again ------------------------------------------------------------------------------------

    async def who(self, token: str, *, surface: str) -> PersonRecord:
        """Whose token this is on that surface.

        Raises: NotSignedIn: nobody's. StoreDown: not known here, and the store did not answer.
        """
        rules = self._rules[surface]
        if len(token) != HEX_DIGITS_OF_BYTE * rules.token_bytes:
            raise NotSignedIn
        known = await self._known.look_up(token, lambda: self._look_up(token, rules))
        if known.person.surface != surface:
            raise NotSignedIn
        return known.person

    def roles_on(self, surface: str) -> frozenset[Role]:
        """What an operator can make of people of that surface; nothing where that is decided when they come."""
        return self._rules[surface].roles if surface in self._rules else frozenset()

    def forget(self, person_id: PersonId) -> None:
        """Something about this person has changed: ask the store again at the next request."""
        self._known.forget(person_id)

    async def _look_up(self, token: str, rules: AccountRules) -> Known:
        now_ms = self._node.now_ms()
        idle_since_ms = now_ms - rules.idle_days * DAY_MS if rules.idle_days else 0
        with store_answers:
            session = await self._world.stores.sessions.find(_hash(token), idle_since_ms=idle_since_ms)
            if session is None:
                raise NotSignedIn
            person = await self._world.stores.people.get(session.person_id)
            if person is None:
                raise NotSignedIn
            if now_ms - session.seen_at_ms > TOUCH_MS:
                await self._world.stores.sessions.touch(session.token_hash, now_ms)
        return Known(person)

    # --- accounts --------------------------------------------------------------------------------------------------

    async def _find(self, surface: str, identity: WeChatIdentity) -> PersonRecord | None:
        with store_answers:
            return await self._world.stores.people.by_external_id(surface, identity.open_id)

    async def _register(self, surface: str, identity: WeChatIdentity) -> PersonRecord:
        rules = self._rules[surface]
        newcomer = rules.newcomer(identity)
        profile = {name: value for name, value in asdict(newcomer.profile).items() if value is not None}
        person_id = PersonId(await self._ids.next(Sequence.PERSON))
        for _ in range(PUBLIC_ID_DRAWS_MAX):
            person = PersonRecord(
                id=person_id,
                surface=surface,
                external_id=identity.open_id,
                public_id=self._draw_public_id(rules.public_id_digits),
                role=newcomer.role,
                created_at_ms=self._node.now_ms(),
                points_per_minute=newcomer.points_per_minute,
                **profile,
            )
            try:
                return await self._world.stores.people.add(person)
            except Conflict:
                continue  # Somebody has that id already.
            except StoreError as error:
                raise StoreDown from error
        raise StoreDown("no id to show is left")

    def _draw_public_id(self, digits_count: int) -> str:
        if not digits_count:
            return ""
        lowest = 10 ** (digits_count - 1)
        return str(lowest + self._world.rng.below(9 * lowest))

    async def _open_one_more(self, person: PersonRecord) -> str:
        with store_answers:
            sessions = await self._world.stores.sessions.of(person.id)
        return await self.open_session(person, device=_place_for_one_more(sessions))

    async def _grant_what_was_promised(self, person: PersonRecord, identity: WeChatIdentity) -> None:
        """What a development code promises, once, also if the sign-in that made the account was cut short."""
        granted = self._rules[person.surface].granted.get(person.role)
        if granted is None:
            return
        attribute, currency = granted
        amount = number(identity.attributes.get(attribute), highest=self._rules[person.surface].granted_max)
        await grant_at_first(self._ledger, person, currency, amount)
