"""The outer form of this surface's replies: none. A success is the bare object or list, a refusal ``{"detail"}``.

Holds the one table from what the engine refuses to HTTP statuses and sentences: English ones where the documents show
them, else in the caller's language. Knows no endpoint; an endpoint whose document words a refusal in its own way asks
for a copy that says it so. Source: QL-12, ALL-13.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from engine.errors import BadInput, Banned, EngineError, NotFound, TooMany
from handlers.qlive.access import KEYWORD
from handlers.wire.access import NoCredential
from handlers.wire.codec import write_json
from handlers.wire.fields import MissingInput
from handlers.wire.language import Language, Said
from handlers.wire.refusals import NO_KIND, Refusals, Row, headers_of
from handlers.wire.surface import Answer, TransportError, row_for, total

__all__ = ["ENVELOPE", "QliveEnvelope", "Row", "as_documented", "row_of"]


def as_documented(text: str) -> Said:
    """A sentence of the documents, the same for everybody."""
    return Said(text, text)


_WRONG: Final = HTTPStatus.BAD_REQUEST
_NOT_ALLOWED: Final = Row(HTTPStatus.FORBIDDEN, as_documented("You do not have permission to perform this action."))
_NOT_FOUND: Final = Row(HTTPStatus.NOT_FOUND, as_documented("Not found."))
_TRY_AGAIN: Final = Row(HTTPStatus.SERVICE_UNAVAILABLE, Said("服务繁忙，请稍后再试", "not now, try again"))

_ROWS: Final[Mapping[str, Row]] = total(
    {
        "INTERNAL": Row(HTTPStatus.INTERNAL_SERVER_ERROR, Said("内部错误", "internal error")),
        "BAD_INPUT": Row(_WRONG, Said("参数错误", "the request is not acceptable")),
        "NOT_SIGNED_IN": Row(HTTPStatus.UNAUTHORIZED, as_documented("Invalid token.")),
        "WRONG_ROLE": _NOT_ALLOWED,
        "BANNED": Row(HTTPStatus.FORBIDDEN, Said("账号已被封禁", "this account is banned")),
        "FORBIDDEN": _NOT_ALLOWED,
        "NOT_FOUND": _NOT_FOUND,
        "UNREACHABLE": _NOT_FOUND,
        "BUSY": Row(_WRONG, Said("对方忙", "busy")),
        "WRONG_PHASE": Row(_WRONG, Said("当前状态不允许", "not possible in this state")),
        "INSUFFICIENT_BALANCE": Row(_WRONG, as_documented("账户余额不足")),
        "KEY_REUSED": Row(_WRONG, Said("请求标识已被使用", "this key belongs to another request")),
        "TOO_LONG": Row(_WRONG, Said("内容过长", "too long")),
        "ALREADY_EXISTS": Row(_WRONG, Said("已存在", "exists already")),
        "NOT_A_MEMBER": Row(_WRONG, as_documented("not in this room")),
        "ROOM_FULL": Row(_WRONG, Said("房间人数已满", "the room is full")),
        "TOO_MANY_REQUESTS": Row(HTTPStatus.TOO_MANY_REQUESTS, as_documented("Request was throttled.")),
        "OVERLOADED": _TRY_AGAIN,
        "SESSION_ENDED": _TRY_AGAIN,
        "DEADLINE_PASSED": _TRY_AGAIN,
        "DRAINING": _TRY_AGAIN,
        "STORE_UNAVAILABLE": _TRY_AGAIN,
    }
)

_WIRE_NAMES: Final = MappingProxyType(
    {"avatar_url": "face_url", "app_id": "appId", "recipient": "user_id", "count": "num"}
)
"""Fields by the engine's names → by those of the documents, where they differ."""

_SPECIAL: Final[Mapping[type[EngineError], Said]] = MappingProxyType(
    {
        NoCredential: as_documented("Authentication credentials were not provided."),
        MissingInput: as_documented("missing parameter"),
    }
)
_SEALED: Final = as_documented("profile data could not be decrypted")
_NO_PAGE: Final = as_documented("Invalid page.")


def row_of(error: EngineError) -> Row:
    """The status and the sentence for ``error``."""
    if isinstance(error, BadInput) and error.field == "page":
        error = NotFound("page")
    row = row_for(error, _ROWS)
    status = HTTPStatus(error.http_status) if isinstance(error, TransportError) else row.status
    return Row(status, _said(error) or row.said)


def _said(error: EngineError) -> Said | None:
    """What is said of this very error, where that is more than of its kind. Source: ALL-13 (throttling)."""
    if type(error) in _SPECIAL:
        return _SPECIAL[type(error)]
    match error:
        case BadInput(field="sealed_profile"):
            return _SEALED
        case BadInput(field=field) if field:
            return as_documented(f"Invalid {_WIRE_NAMES.get(field, field)}.")
        case NotFound(what="page"):
            return _NO_PAGE
        case TooMany(retry_after_ms=wait_ms):
            wait_s = math.ceil(wait_ms / 1_000)
            return as_documented(f"Request was throttled. Expected available in {wait_s} seconds.")
        case Banned(text=text) if text:
            # What an operator wrote to the banned person says more than we could.
            return as_documented(text)
    return None


class QliveEnvelope:
    """The bare reply, or ``{"detail", "error", "request_id"}`` with an HTTP status.

    ``error`` is the engine's stable name of the refusal; several of them share a status.
    """

    media_type = "application/json"

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    def saying(self, kinds: Mapping[type[EngineError], Row] = NO_KIND, /, **rows: Row) -> "QliveEnvelope":
        """The same envelope with other rows for some refusals: by engine error code, or by a class of its own."""
        return QliveEnvelope(self._refusals.saying(kinds, rows))

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """A success is what ``reply`` says; where a refusal has the status of a success, it is one or the other."""
        names = ("detail", "error", "request_id")
        refused = {
            "type": "object",
            "properties": {name: {"type": "string"} for name in names},
            "required": list(names),
        }
        if reply is None:
            return refused
        return {"anyOf": [reply, refused]} if self._refusals.has_status_of_success else reply

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002 - the bare reply
        """The reply as it is."""
        return Answer(HTTPStatus.OK, write_json(reply))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """What was wrong, in a sentence."""
        row = self.row(error)
        beside = row.beside(error) if row.beside is not None else {}
        body = {**beside, "detail": row.said.to(language), "error": error.code, "request_id": request_id}
        return Answer(row.status, write_json(body), headers_of(error, row, challenge=KEYWORD))

    def row(self, error: EngineError) -> Row:
        """The status and the sentence that this envelope has for ``error``."""
        return self._refusals.row(error)


ENVELOPE: Final = QliveEnvelope(Refusals(row_of))
"""What most endpoints answer in."""
