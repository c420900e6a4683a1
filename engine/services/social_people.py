"""People of the social app: accounts with a name, an address and a password, and what they say of themselves.

Who they are, not that they are signed in: that is ``social_sign_ins``. Source: SO-6, SO-9, SO-11 … SO-18, SEC-16.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from engine.errors import AlreadyExists, BadInput, Forbidden, NotFound, NotSignedIn, StoreDown, TooLong, WrongRole
from engine.ids import Ids
from engine.node import Node
from engine.ports import PasswordRules
from engine.services.accounts import SOCIAL
from engine.services.guessing import Guessing
from engine.services.known_people import KnownPeople
from engine.services.social_names import found_by, found_by_email, require_email, require_image, require_name
from engine.snowflakes import Snowflakes
from engine.storage import store_answers
from engine.world import World
from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere, StoreError
from store.interfaces.ids import PersonId, Sequence, Snowflake
from store.interfaces.members import TOP_LEVEL, Member, MemberChange
from store.interfaces.people import PersonRecord, Profile, Role

__all__ = ["ProfileChange", "SocialPeople", "SocialPerson"]

PASSWORD: Final = PasswordRules(characters_min=6, characters_max=72, may_be_common=True)
"""Source: SO-11."""

GUEST: Final = 0
USER: Final = 1
"""The first two levels. Source: SO-6."""

SWAPS_MAX: Final = 16
"""Others who change the same profile at the same moment are let in front that often."""

BIO_AT_FIRST: Final = "{name}很懒，什么都没留下"
"""Source: SO-13."""


class SocialPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the social app. ``email`` is filled for himself only (SO-16)."""

    person: PersonRecord
    member: Member
    email: str = ""


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    """What people may change of themselves; None keeps what is there."""

    username: str | None = None
    avatar_url: str | None = None
    bio: str | None = None
    phone: str | None = None
    email: str | None = None


class SocialPeople:
    """Accounts of the social app."""

    def __init__(self, world: World, *, node: Node, ids: Ids, snowflakes: Snowflakes, known: KnownPeople) -> None:
        self._world = world
        self._credentials = world.stores.credentials
        self._people = world.stores.people
        self._members = world.stores.members
        self._node = node
        self._ids = ids
        self._snowflakes = snowflakes
        self._known = known
        self._guessing = Guessing(world, node=node, what="social password")

    # --- by name and password --------------------------------------------------------------------------------------

    async def register(self, username: str, password: str, *, email: str, avatar_url: str = "") -> SocialPerson:
        """Make an account for somebody who has proved that ``email`` is his.

        Raises: AlreadyExists: the name or the address is somebody's. BadInput, TooLong: ``username``, ``password`` or
            ``email``. MailboxFull. StoreDown: not confirmed; both may be taken now, by this very request.
        """
        require_name(username)
        require_email(email)
        require_image(avatar_url)
        names = (found_by(username), found_by_email(email))
        for name in names:
            if await self._by_name(name) is not None:
                # Before a quarter of a second is spent on the password.
                raise AlreadyExists
        hashed = await self._world.passwords.hash(password, PASSWORD)
        now_ms = self._node.now_ms()
        person = PersonRecord(
            id=PersonId(await self._ids.next(Sequence.PERSON)),
            surface=SOCIAL,
            external_id=names[0],
            public_id=str(await self._snowflakes.next()),
            role=Role.GUEST,
            created_at_ms=now_ms,
            nickname=username,
            avatar_url=avatar_url,
        )
        member = Member(person_id=person.id, bio=BIO_AT_FIRST.format(name=username), updated_at_ms=now_ms)
        credential = Credential(person_id=person.id, surface=SOCIAL, names=names, password_hash=hashed, email=email)
        try:
            await self._credentials.register(person, credential, member)
        except Conflict:
            raise AlreadyExists from None
        except StoreError as error:
            raise StoreDown from error
        return SocialPerson(person=person, member=member, email=email)

    async def check_password(self, email: str, password: str, *, address: str) -> PersonRecord:
        """Whose address and password these are; ``address`` is where somebody tries them.

        Raises:
            NotSignedIn: nobody's. Which of it is wrong is not said, nor told by the time it takes.
            TooMany: too often wrong before. MailboxFull. StoreDown.
        """
        name = found_by_email(email)
        await self._guessing.begin(name=name, address=address)
        credential = await self._by_name(name)
        check = await self._world.passwords.check(password, credential.password_hash if credential else None)
        if credential is None or not check.is_right:
            raise NotSignedIn("wrong address or password")
        with store_answers:
            person = await self._people.get(credential.person_id)
        if person is None:
            raise NotSignedIn("nobody")
        await self._guessing.succeeded(name=name, address=address)
        if check.renewed:
            with store_answers:
                await self._credentials.set_password(person.id, check.renewed)
        return person

    @staticmethod
    def require_fit(*, password: str, avatar_url: str) -> None:
        """Raises: BadInput, TooLong: a password of the wrong length; no picture (``avatar``)."""
        if len(password) < PASSWORD.characters_min:
            raise BadInput(f"{PASSWORD.characters_min} characters at least", field="password")
        if len(password.encode(errors="replace")) > PASSWORD.characters_max:
            raise TooLong("password")
        require_image(avatar_url)

    async def require_free_name(self, username: str) -> None:
        """Raises: AlreadyExists: the name is somebody's. BadInput: it is none (``username``). StoreDown."""
        require_name(username)
        if await self._by_name(found_by(username)) is not None:
            raise AlreadyExists

    # --- what they say of themselves, and what others make of them -------------------------------------------------

    async def set_profile(self, person_id: PersonId, change: ProfileChange, *, is_own: bool) -> None:
        """Change what somebody says of himself; whoever does so first becomes a user (SO-6).

        ``change.email`` is an address that he has proved to be his. ``is_own`` is whether it is he who changes it.

        Raises: AlreadyExists: the name or the address is somebody's. BadInput: one of them is none. NotFound (person).
            StoreDown.
        """
        member = MemberChange(
            bio=change.bio, phone=change.phone, level_min=USER if is_own else GUEST, at_ms=self._node.now_ms()
        )
        profile = Profile(nickname=change.username, avatar_url=change.avatar_url)
        for _ in range(SWAPS_MAX):
            before, after = await self.require_possible(person_id, change)
            with store_answers, suppress(Conflict):  # Changed meanwhile, or the name was taken: looked at again.
                await self._credentials.change(before, after, profile=profile, member=member)
                self._known.forget(person_id)
                return
        raise StoreDown("changed too often meanwhile")

    async def require_possible(self, person_id: PersonId, change: ProfileChange) -> tuple[Credential, Credential]:
        """How somebody signs in, and would after that change.

        Raises: as ``set_profile``.
        """
        if change.username is not None:
            require_name(change.username)
        if change.email is not None:
            require_email(change.email)
        if change.avatar_url is not None:
            require_image(change.avatar_url)
        with store_answers:
            before = await self._credentials.of(person_id)
        if before is None or before.surface != SOCIAL:
            raise NotFound("person")
        return before, await self._renamed(before, change)

    async def _renamed(self, before: Credential, change: ProfileChange) -> Credential:
        name = before.names[0] if change.username is None else found_by(change.username)
        address = before.email if change.email is None else change.email
        names = (name, found_by_email(address))
        for one in names:
            holder = None if one in before.names else await self._by_name(one)
            if holder is not None:
                raise AlreadyExists
        return msgspec.structs.replace(before, names=names, email=address)

    async def set_level(self, public_id: Snowflake, level: int, *, by: PersonId) -> None:
        """Make somebody of another level; ``by`` must be of the top level now, whatever he was a moment ago.

        Raises: WrongRole: he is not. Forbidden: nobody of the top level would be left. NotFound (person). StoreDown.
        """
        with store_answers:
            actor = await self._members.get(by)
        if actor is None or actor.level != TOP_LEVEL:
            raise WrongRole
        await self.appoint((await self.find(public_id)).person.id, level)

    async def appoint(self, person_id: PersonId, level: int) -> None:
        """Make somebody of another level.

        Raises: Forbidden: nobody of the top level would be left. NotFound (person). StoreDown.
        """
        try:
            is_done = await self._members.set_level(person_id, level, at_ms=self._node.now_ms())
        except NotThere:
            raise NotFound("person") from None
        except StoreError as error:
            raise StoreDown from error
        if not is_done:
            raise Forbidden("the last of them")
        self._known.forget(person_id)

    # --- about people ----------------------------------------------------------------------------------------------

    async def find(self, public_id: Snowflake) -> SocialPerson:
        """Who is shown by that id; without the address, which is his own business.

        Raises: NotFound (person). StoreDown.
        """
        with store_answers:
            return await self._whole(await self._people.by_public_id(SOCIAL, str(public_id)))

    async def named(self, username: str) -> SocialPerson:
        """Who has that name, as ``find``.

        Raises: NotFound (person). StoreDown.
        """
        with store_answers:
            return await self._whole(await self._people.by_external_id(SOCIAL, found_by(username)))

    async def many(self, person_ids: Collection[PersonId]) -> Mapping[PersonId, SocialPerson]:
        """Those of the given people who exist; at most 1,000 ids.

        Raises: StoreDown.
        """
        with store_answers:
            people = await self._people.many(tuple(person_ids))
            members = await self._members.many(people.keys())
        return {
            person_id: SocialPerson(person=person, member=members[person_id])
            for person_id, person in people.items()
            if person_id in members
        }

    async def own(self, person_id: PersonId) -> SocialPerson:
        """Somebody as he sees himself.

        Raises: NotFound (person). StoreDown.
        """
        with store_answers:
            person = await self._whole(await self._people.get(person_id))
            credential = await self._credentials.of(person_id)
        return person if credential is None else msgspec.structs.replace(person, email=credential.email)

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _by_name(self, name: str) -> Credential | None:
        with store_answers:
            return await self._credentials.by_name(SOCIAL, name)

    async def _whole(self, person: PersonRecord | None) -> SocialPerson:
        member = None if person is None else await self._members.get(person.id)
        if person is None or member is None:
            raise NotFound("person")
        return SocialPerson(person=person, member=member)
