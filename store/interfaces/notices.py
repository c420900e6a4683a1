"""What the platform says to people, the forms they leave for it, and what its operators did."""

from typing import Protocol

import msgspec

from store.interfaces.ids import PersonId

__all__ = ["AuditLine", "MessageForm", "NoticeStore", "WarningNotice"]


class WarningNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A warning to an anchor. ``read_at_ms`` is the first time she fetched it."""

    id: str
    person_id: PersonId
    text: str
    at_ms: int
    read_at_ms: int | None = None


class MessageForm(msgspec.Struct, frozen=True, kw_only=True):
    """A form id of the mini-program, usable once until ``expires_at_ms`` (CA-17)."""

    form_id: str
    person_id: PersonId
    module: str
    at_ms: int
    expires_at_ms: int


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator did, to whom, and why (SEC-31)."""

    id: int
    at_ms: int
    actor: str
    action: str
    target: str
    reason: str


class NoticeStore(Protocol):
    """Warnings, forms and audit lines."""

    async def warn(self, warning: WarningNotice) -> None:
        """Keep a warning; the same id again is fine."""

    async def newest_warning(self, person_id: PersonId, *, read_after_ms: int) -> WarningNotice | None:
        """The newest warning that is unread, or was first read after ``read_after_ms``."""

    async def mark_read(self, warning_id: str, at_ms: int) -> None:
        """Note the first reading; later ones change nothing."""

    async def keep_form(self, form: MessageForm, *, keep_max: int) -> None:
        """Keep a form id; beyond ``keep_max`` the person's oldest are dropped. The same form id again is fine."""

    async def take_form(self, person_id: PersonId, module: str, now_ms: int) -> MessageForm | None:
        """Take the oldest unexpired form id of that module out, once."""

    async def audit(self, line: AuditLine) -> None:
        """Append a line; never changed afterwards."""

    async def audit_tail(self, limit: int) -> tuple[AuditLine, ...]:
        """The newest lines, newest first."""
