"""Warnings, message forms and the operators' audit."""

from msgspec.structs import replace

from store.interfaces.ids import PersonId
from store.interfaces.notices import AuditLine, MessageForm, WarningNotice
from store.memory.database import MemoryDatabase

__all__ = ["MemoryNotices"]


class MemoryNotices:
    """``NoticeStore`` in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def warn(self, warning: WarningNotice) -> None:
        self._database.warnings.setdefault(warning.id, warning)

    async def newest_warning(self, person_id: PersonId, *, read_after_ms: int) -> WarningNotice | None:
        warnings = (
            warning
            for warning in self._database.warnings.values()
            if warning.person_id == person_id and (warning.read_at_ms is None or warning.read_at_ms > read_after_ms)
        )
        return max(warnings, key=lambda warning: (warning.at_ms, warning.id), default=None)

    async def mark_read(self, warning_id: str, at_ms: int) -> None:
        warning = self._database.warnings.get(warning_id)
        if warning is not None and warning.read_at_ms is None:
            self._database.warnings[warning_id] = replace(warning, read_at_ms=at_ms)

    async def keep_form(self, form: MessageForm, *, keep_max: int) -> None:
        forms = self._database.forms
        forms.setdefault(form.form_id, form)
        newest_first = self._forms_of(form.person_id)[::-1]
        for old in newest_first[keep_max:]:
            del forms[old.form_id]

    async def take_form(self, person_id: PersonId, module: str, now_ms: int) -> MessageForm | None:
        for form in self._forms_of(person_id):
            if form.module == module and form.expires_at_ms > now_ms:
                return self._database.forms.pop(form.form_id)
        return None

    async def audit(self, line: AuditLine) -> None:
        self._database.audit_lines.setdefault(line.id, line)

    async def audit_tail(self, limit: int) -> tuple[AuditLine, ...]:
        lines = sorted(self._database.audit_lines.values(), key=lambda line: line.id, reverse=True)
        return tuple(lines[:limit])

    def _forms_of(self, person_id: PersonId) -> list[MessageForm]:
        forms = (form for form in self._database.forms.values() if form.person_id == person_id)
        return sorted(forms, key=lambda form: (form.at_ms, form.form_id))
