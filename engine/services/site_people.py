"""People of the site: viewers and anchors with a name and a password, and people whom Google answers for.

Who they are, not that they are signed in: that is ``web_sign_ins``. Source: SITE-1, SITE-2, SITE-10, SITE-15, SEC-16.
"""

import base64
from collections.abc import Iterable
from typing import Final

from engine import settings
from engine.billing.ledger import Ledger
from engine.errors import AlreadyExists, NotFound, NotSignedIn
from engine.ids import Ids
from engine.node import Node
from engine.ports import Departure, GoogleIdentity, PasswordRules
from engine.services.accounts import SITE, number
from engine.services.first_grants import grant_at_first
from engine.services.guessing import Guessing
from engine.services.guests import is_guest
from engine.services.site_names import (
    folded,
    google_name,
    require_anchor_name,
    require_email,
    require_viewer_name,
)
from engine.services.web_sign_ins import WebSignIns
from engine.storage import store_answers
from engine.texts import one_line
from engine.world import World
from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import ID_MAX, PersonId, Sequence
from store.interfaces.money import Currency
from store.interfaces.people import PersonRecord, Role

__all__ = ["SitePeople"]

PASSWORD: Final = PasswordRules(must_mix=True)
"""Source: contract (site-anchor-register, site-client-register)."""

NAME_CHARS_MAX: Final = 64
NAMELESS: Final = "用户"
"""Shown for people whose name Google does not tell."""

UID_BYTES: Final = 16
DIGITS_MAX: Final = len(str(ID_MAX))
ANCHOR_WORDS: Final = ("anchor", "master")


class SitePeople:
    """Accounts of the site."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        ids: Ids,
        ledger: Ledger,
        sign_ins: WebSignIns,
    ) -> None:
        self._world = world
        self._credentials = world.stores.credentials
        self._people = world.stores.people
        self._node = node
        self._ids = ids
        self._ledger = ledger
        self._sign_ins = sign_ins
        self._guessing = Guessing(world, node=node, what="site password")
        self._granted_max = options.billing.amount_max

    # --- by name and password --------------------------------------------------------------------------------------

    async def register_viewer(self, username: str, password: str, *, email: str) -> PersonRecord:
        """Make an account for a viewer; ``email`` may be empty.

        Raises: AlreadyExists: the name is somebody's. BadInput, TooLong: ``username``, ``password`` or ``email``.
            MailboxFull. StoreDown: not confirmed; the name may be taken now, by this very request.
        """
        require_viewer_name(username)
        if email:
            require_email(email)
        return await self._register(username, (folded(username),), role=Role.GUEST, password=password, email=email)

    async def register_anchor(self, username: str, handle: str, password: str) -> PersonRecord:
        """Make an account for an anchor, who is found by either of the two names.

        Raises: as ``register_viewer``; AlreadyExists also when the handle is somebody's.
        """
        require_anchor_name(username, field="username")
        require_anchor_name(handle, field="handle")
        names = tuple(dict.fromkeys((folded(username), folded(handle))))
        return await self._register(username, names, role=Role.ANCHOR, password=password, email="")

    async def check_password(self, name: str, password: str, *, role: Role, address: str) -> PersonRecord:
        """Whose name and password these are; ``address`` is where somebody tries them.

        Raises:
            NotSignedIn: nobody's in that role. Which of it is wrong is not said, nor told by the time it takes.
            TooMany: too often wrong before. MailboxFull. StoreDown.
        """
        compared = folded(name)
        await self._guessing.begin(name=compared, address=address)
        with store_answers:
            credential = await self._credentials.by_name(SITE, compared)
        hashed = credential.password_hash if credential is not None else ""
        check = await self._world.passwords.check(password, hashed or None)
        if credential is None or not check.is_right:
            raise NotSignedIn("wrong name or password")
        person = await self._person(credential.person_id)
        if person.role is not role:
            raise NotSignedIn("wrong name or password")
        await self._guessing.succeeded(name=compared, address=address)
        if check.renewed:
            await self._keep_password(person.id, check.renewed)
        return person

    async def change_password(self, person_id: PersonId, password: str) -> None:
        """Another password from now on; the person is signed out everywhere (SEC-9).

        Raises: NotFound: nobody who has one. BadInput, TooLong (``password``). MailboxFull. StoreDown.
        """
        await self.require_password(person_id)
        await self._keep_password(person_id, await self._world.passwords.hash(password, PASSWORD))
        await self._sign_ins.close_all(person_id)

    async def require_password(self, person_id: PersonId) -> None:
        """Raises: NotFound: nobody who has one. StoreDown."""
        with store_answers:
            credential = await self._credentials.of(person_id)
        if credential is None or not credential.password_hash:
            raise NotFound("password")

    # --- by Google -------------------------------------------------------------------------------------------------

    def depart(self) -> Departure:
        """Send a browser to Google.

        Raises: StoreDown: sign-in with Google is not set up here.
        """
        return self._world.google.begin()

    async def arrive(self, *, code: str, state: str, bound: str) -> PersonRecord:
        """A browser is back from Google: who that is, somebody new included.

        Raises: NotSignedIn, StoreDown: as ``GoogleLogin.finish``; StoreDown also when our own store does not answer.
        """
        identity = await self._world.google.finish(code=code, state=state, bound=bound)
        name = google_name(identity.sub)
        with store_answers:
            credential = await self._credentials.by_name(SITE, name)
            if credential is not None and identity.email not in ("", credential.email):
                await self._credentials.set_email(credential.person_id, identity.email)
        person = (
            await self._newcomer(identity, name) if credential is None else await self._person(credential.person_id)
        )
        diamonds = number(identity.attributes.get("diamonds"), highest=self._granted_max)
        await grant_at_first(self._ledger, person, Currency.SITE_DIAMONDS, diamonds)
        return person

    # --- about people ----------------------------------------------------------------------------------------------

    async def email_of(self, person_id: PersonId) -> str:
        """The person's address, for himself only; empty when there is none.

        Raises: StoreDown.
        """
        with store_answers:
            credential = await self._credentials.of(person_id)
        return "" if credential is None else credential.email

    async def anchor(self, uid: str) -> PersonRecord:
        """The anchor with that uid.

        Raises: NotFound, StoreDown.
        """
        with store_answers:
            person = await self._people.by_public_id(SITE, uid)
        if person is None:
            raise NotFound("anchor")
        return person

    async def id_of(self, shown: str) -> PersonId:
        """Whose id that is, as the site shows it: a user's, a guest's, or an anchor's uid.

        Raises: NotFound, StoreDown.
        """
        if not shown.isdecimal() or not shown.isascii() or len(shown) > DIGITS_MAX:
            return (await self.anchor(shown)).id
        person_id = PersonId(int(shown))
        return person_id if is_guest(person_id) else (await self.person(person_id)).id

    async def person(self, person_id: PersonId) -> PersonRecord:
        """Somebody with an account here.

        Raises: NotFound, StoreDown.
        """
        with store_answers:
            person = await self._people.get(person_id)
        if person is None or person.surface != SITE:
            raise NotFound("person")
        return person

    async def people(self, person_ids: Iterable[PersonId]) -> dict[PersonId, PersonRecord]:
        """Those of the given people who exist; at most 1,000 ids.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._people.many(tuple(person_ids))

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _newcomer(self, identity: GoogleIdentity, name: str) -> PersonRecord:
        said = identity.attributes.get("role", "")
        try:
            return await self._add(
                one_line(identity.name)[:NAME_CHARS_MAX].rstrip() or NAMELESS,
                (name,),
                role=Role.ANCHOR if said in ANCHOR_WORDS else Role.GUEST,
                password_hash="",
                email=identity.email,
            )
        except AlreadyExists:
            # Twice at once, in two windows.
            with store_answers:
                credential = await self._credentials.by_name(SITE, name)
            assert credential is not None, "a name that is taken and nobody's"
            return await self._person(credential.person_id)

    async def _register(
        self, username: str, names: tuple[str, ...], *, role: Role, password: str, email: str
    ) -> PersonRecord:
        with store_answers:
            for name in names:
                if await self._credentials.by_name(SITE, name) is not None:
                    # Before a quarter of a second is spent on the password.
                    raise AlreadyExists
        hashed = await self._world.passwords.hash(password, PASSWORD)
        return await self._add(username, names, role=role, password_hash=hashed, email=email)

    async def _add(
        self, nickname: str, names: tuple[str, ...], *, role: Role, password_hash: str, email: str
    ) -> PersonRecord:
        person = PersonRecord(
            id=PersonId(await self._ids.next(Sequence.PERSON)),
            surface=SITE,
            external_id=names[0],
            public_id=self._draw_uid() if role is Role.ANCHOR else "",
            role=role,
            created_at_ms=self._node.now_ms(),
            nickname=nickname,
        )
        credential = Credential(
            person_id=person.id, surface=SITE, names=names, password_hash=password_hash, email=email
        )
        with store_answers:
            try:
                await self._credentials.register(person, credential)
            except Conflict:
                raise AlreadyExists from None
        return person

    def _draw_uid(self) -> str:
        """22 characters that stand for a random UUID. Source: SITE-2, RFC 9562 §5.4."""
        drawn = bytearray(bytes.fromhex(self._world.rng.hex(UID_BYTES)))
        drawn[6] = drawn[6] & 0x0F | 0x40
        drawn[8] = drawn[8] & 0x3F | 0x80
        return base64.urlsafe_b64encode(drawn).decode().rstrip("=")

    async def _keep_password(self, person_id: PersonId, hashed: str) -> None:
        with store_answers:
            try:
                await self._credentials.set_password(person_id, hashed)
            except NotThere as error:
                raise NotFound("password") from error

    async def _person(self, person_id: PersonId) -> PersonRecord:
        try:
            return await self.person(person_id)
        except NotFound:
            raise NotSignedIn("nobody") from None
