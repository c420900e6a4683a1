"""Warnings, message forms and the operators' audit."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from store.interfaces.ids import PersonId
from store.interfaces.notices import AuditLine, MessageForm, WarningNotice
from store.mongo.codec import document_of, fields_of, number, record_of, text
from store.mongo.collections import AUDIT, FORMS, WARNINGS
from store.mongo.connection import Duplicate, Mongo

__all__ = ["MongoNotices"]

OLDEST: Final = (("at_ms", 1), ("_id", 1))
NEWEST: Final = (("at_ms", -1), ("_id", -1))


class MongoNotices:
    """``NoticeStore`` in MongoDB. Beside its record a form has ``expires_at``: the database expires by dates only."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def warn(self, warning: WarningNotice) -> None:
        with suppress(Duplicate):
            await self._mongo.insert(WARNINGS, document_of(warning))

    async def newest_warning(self, person_id: PersonId, *, read_after_ms: int) -> WarningNotice | None:
        is_due = [{"read_at_ms": None}, {"read_at_ms": {"$gt": number(read_after_ms)}}]
        where = {"person_id": number(person_id), "$or": is_due}
        document = await self._mongo.find_one(WARNINGS, where, sort=NEWEST)
        return None if document is None else record_of(document, WarningNotice)

    async def mark_read(self, warning_id: str, at_ms: int) -> None:
        unread = {"_id": text(warning_id), "read_at_ms": None}
        await self._mongo.update(WARNINGS, unread, {"$set": {"read_at_ms": number(at_ms)}})

    async def keep_form(self, form: MessageForm, *, keep_max: int) -> None:
        fields = fields_of(form)
        expires_at = datetime.fromtimestamp(form.expires_at_ms / 1000, UTC)
        with suppress(Duplicate):
            await self._mongo.insert(FORMS, {"_id": fields["form_id"], **fields, "expires_at": expires_at})
        old = await self._mongo.find(FORMS, {"person_id": fields["person_id"]}, sort=NEWEST, skip=keep_max)
        if old:
            await self._mongo.delete(FORMS, {"_id": {"$in": [document["_id"] for document in old]}})

    async def take_form(self, person_id: PersonId, module: str, now_ms: int) -> MessageForm | None:
        where = {"person_id": number(person_id), "module": text(module), "expires_at_ms": {"$gt": number(now_ms)}}
        document = await self._mongo.find_and_delete(FORMS, where, sort=OLDEST)
        return None if document is None else record_of(document, MessageForm)

    async def audit(self, line: AuditLine) -> None:
        with suppress(Duplicate):
            await self._mongo.insert(AUDIT, document_of(line))

    async def audit_tail(self, limit: int) -> tuple[AuditLine, ...]:
        lines = await self._mongo.find(AUDIT, {}, sort=(("_id", -1),), limit=limit)
        return tuple(record_of(document, AuditLine) for document in lines)
