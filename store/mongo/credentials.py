"""How people sign in by a name of their own."""

from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.members import Member, MemberChange
from store.interfaces.people import PersonRecord, Profile
from store.mongo.codec import document_of, fields_of, number, record_of, text
from store.mongo.collections import CREDENTIALS, MEMBERS, PEOPLE
from store.mongo.connection import Document, Duplicate, Mongo, Transaction
from store.mongo.contended import Contended
from store.mongo.members import member_document, member_statement

__all__ = ["MongoCredentials"]


class _ChangedMeanwhile(Exception):
    """The way in is another one than was thought; another try of the same would not help."""


class MongoCredentials:
    """``CredentialStore`` in MongoDB. The key of a document is the person's, so that nobody has two ways in."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._contended = Contended(mongo)

    async def register(self, person: PersonRecord, credential: Credential, member: Member | None = None) -> None:
        known, document = document_of(person), {"_id": number(credential.person_id), **fields_of(credential)}

        async def all_of_it(transaction: Transaction) -> None:
            await transaction.insert(CREDENTIALS, [document])
            await transaction.insert(PEOPLE, [known])
            if member is not None:
                await transaction.insert(MEMBERS, [member_document(member)])

        try:
            await self._mongo.transaction(all_of_it)
        except Duplicate as duplicate:
            raise Conflict("a name is somebody else's") from duplicate

    async def change(
        self, before: Credential, after: Credential, *, profile: Profile, member: MemberChange | None = None
    ) -> None:
        where = {"_id": number(before.person_id)}
        is_before = {**where, **fields_of(before)}
        said = {name: value for name, value in fields_of(profile).items() if value is not None}
        account = {"external_id": text(after.names[0]), **said}

        async def all_of_it(transaction: Transaction) -> None:
            if not await transaction.update(CREDENTIALS, [{"q": is_before, "u": {"$set": fields_of(after)}}]):
                raise _ChangedMeanwhile if await transaction.find(CREDENTIALS, where) else NotThere("nobody")
            await transaction.update(PEOPLE, [{"q": where, "u": {"$set": account}}])
            if member is not None:
                await transaction.update(MEMBERS, [member_statement(before.person_id, member)])

        try:
            await self._contended.run(before.person_id, all_of_it)
        except _ChangedMeanwhile:
            raise Conflict("changed meanwhile") from None

    async def by_name(self, surface: str, name: str) -> Credential | None:
        return _credential(await self._mongo.find_one(CREDENTIALS, {"surface": text(surface), "names": text(name)}))

    async def of(self, person_id: PersonId) -> Credential | None:
        return _credential(await self._mongo.find_one(CREDENTIALS, {"_id": number(person_id)}))

    async def set_password(self, person_id: PersonId, password_hash: str) -> None:
        await self._set(person_id, {"password_hash": text(password_hash)})

    async def set_email(self, person_id: PersonId, email: str) -> None:
        await self._set(person_id, {"email": text(email)})

    async def _set(self, person_id: PersonId, fields: Document) -> None:
        if not await self._mongo.update(CREDENTIALS, {"_id": number(person_id)}, {"$set": fields}):
            raise NotThere(f"no way in for person {person_id}")


def _credential(document: Document | None) -> Credential | None:
    return None if document is None else record_of(document, Credential)
