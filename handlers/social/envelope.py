"""The outer form of this surface's replies: ``{code, message, data}``, with HTTP status 200 on every path there is.

Holds the one table from what the engine refuses to the codes of the document. Knows no endpoint; an endpoint whose
document words a refusal in its own way asks for a copy that says it so. Source: SO-1, SO-4, contract (error codes).
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import msgspec

from engine.errors import (
    BadInput,
    Banned,
    EngineError,
    NotAToken,
    NotFound,
    NotNow,
    TokenExpired,
    TokenMisused,
    TooMany,
)
from handlers.social.access import NoBearer
from handlers.wire.access import NoCredential
from handlers.wire.codec import write_json
from handlers.wire.fields import Malformed, MissingInput
from handlers.wire.language import Language, Said
from handlers.wire.surface import Answer, NoSuchPath, TransportError, row_for, total

__all__ = ["DONE", "ENVELOPE", "Done", "Row", "SocialEnvelope", "row_of"]


class Done(msgspec.Struct):
    """It worked, and there is nothing to tell: ``data`` is ``{}``."""


DONE: Final = Done()


class Row(msgspec.Struct, frozen=True):
    """What a client gets for one kind of refusal."""

    code: int
    said: Said


_OK: Final = Row(20000, Said("成功", "success"))
_FAILED: Final = Row(-43960, Said("失败", "failed"))
_EXPIRED: Final = Row(-20000, Said("token已过期", "the token has expired"))
_NO_TOKEN: Final = Row(-20001, Said("token为空", "the token is missing"))
_BAD_TOKEN: Final = Row(-20002, Said("token无效", "the token is not valid"))
_OTHER_KIND: Final = Row(-20003, Said("token类型错误", "a token of another kind"))
_NO_TOKEN_AT_ALL: Final = Row(-20004, Said("token格式错误", "not a token"))
_NO_BEARER: Final = Row(-20005, Said("请求头中需要有Bearer字段", "the header needs the word Bearer"))
_TOO_OFTEN: Final = Row(-20007, Said("请求过于频繁", "too many requests"))
_NOT_ALLOWED: Final = Row(-20008, Said("权限不足", "not allowed"))
_WRONG: Final = Row(10001, Said("参数无效", "a parameter is not acceptable"))
_EMPTY: Final = Row(10002, Said("参数为空", "a parameter is empty"))
_WRONG_KIND: Final = Row(10003, Said("参数类型错误", "a parameter is of another type"))
_MISSING: Final = Row(10004, Said("参数缺失", "a parameter is missing"))
_NO_MESSAGE: Final = Row(10006, Said("消息不存在", "no such message"))
_NO_PERSON: Final = Row(10011, Said("用户不存在", "no such user"))
_INTERNAL: Final = Row(60001, Said("内部错误", "internal error"))
_STORE: Final = Row(60004, Said("数据库错误", "the database does not answer"))

_ROWS: Final[Mapping[str, Row]] = total(
    {
        "INTERNAL": _INTERNAL,
        "BAD_INPUT": _WRONG,
        "NOT_SIGNED_IN": _BAD_TOKEN,
        "WRONG_ROLE": _NOT_ALLOWED,
        "BANNED": Row(_NOT_ALLOWED.code, Said("账号已被封禁", "this account is banned")),
        "FORBIDDEN": _NOT_ALLOWED,
        "NOT_FOUND": _WRONG,
        "UNREACHABLE": _NO_PERSON,
        "BUSY": _FAILED,
        "WRONG_PHASE": _FAILED,
        "INSUFFICIENT_BALANCE": _FAILED,
        "KEY_REUSED": _FAILED,
        "TOO_LONG": _WRONG,
        "ALREADY_EXISTS": Row(10013, Said("不能重复添加", "there already")),
        "NOT_A_MEMBER": _NOT_ALLOWED,
        "ROOM_FULL": _FAILED,
        "TOO_MANY_REQUESTS": _TOO_OFTEN,
        "OVERLOADED": _INTERNAL,
        "SESSION_ENDED": _INTERNAL,
        "DEADLINE_PASSED": _INTERNAL,
        "DRAINING": _INTERNAL,
        "STORE_UNAVAILABLE": _STORE,
    }
)

_KINDS: Final[Mapping[type[EngineError], Row]] = MappingProxyType(
    {
        NoCredential: _NO_TOKEN,
        NoBearer: _NO_BEARER,
        NotAToken: _NO_TOKEN_AT_ALL,
        TokenExpired: _EXPIRED,
        TokenMisused: _OTHER_KIND,
        Malformed: _WRONG_KIND,
    }
)
"""Refusals that the document tells apart from others of their code. Source: SO-4."""

_FIELDS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "code": Row(10008, Said("验证码无效", "not the code")),
        "email": Row(10007, Said("邮箱格式错误", "not an e-mail address")),
    }
)
"""Fields whose refusal has a code of its own."""

_THINGS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "message": _NO_MESSAGE,
        "path": Row(_FAILED.code, Said("接口不存在", "no such path")),
        "person": _NO_PERSON,
    }
)
"""What ``NotFound`` is about → its row; of anything else that is missing, the parameter that named it was not right."""

_NONE: Final[Mapping[Any, Row]] = MappingProxyType({})


def row_of(error: EngineError) -> Row:
    """The code and the text for ``error``."""
    match error:
        case MissingInput():
            return _EMPTY if error.is_empty else _MISSING
        case NotFound(what=what):
            return _THINGS.get(what, _WRONG)
        case BadInput(field=field) if field in _FIELDS:
            return _FIELDS[field]
    return _KINDS.get(type(error)) or row_for(error, _ROWS)


class SocialEnvelope:
    """``{"code": 20000, "message", "data"}`` or ``{"code", "message", "data": {}, "error", "request_id"}``.

    ``error`` is the engine's stable name of the refusal; several of them share a code.
    """

    media_type = "application/json"

    def __init__(
        self,
        *,
        rows: Mapping[str, Row] = _NONE,
        kinds: Mapping[type[EngineError], Row] = _NONE,
        has_statuses: bool = False,
    ) -> None:
        """``rows`` are by engine error code, ``kinds`` for some that share theirs; ``has_statuses``: HTTP's count."""
        self._rows = rows
        self._kinds = kinds
        self._has_statuses = has_statuses

    def saying(self, kinds: Mapping[type[EngineError], Row] = _NONE, /, **rows: Row) -> "SocialEnvelope":
        """The same envelope with other rows for some refusals: by engine error code, or by a class of its own."""
        return SocialEnvelope(
            rows={**self._rows, **rows}, kinds={**self._kinds, **kinds}, has_statuses=self._has_statuses
        )

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The outer fields, and ``reply`` as their ``data``."""
        outer: dict[str, Any] = {"code": {"type": "integer"}, "message": {"type": "string"}}
        outer["data"] = {"type": "object"} if reply is None else reply
        if reply is None:
            outer |= {"error": {"type": "string"}, "request_id": {"type": "string"}}
        return {"type": "object", "properties": outer, "required": list(outer)}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002 - in the header
        """The reply, as ``data``."""
        return Answer(HTTPStatus.OK, write_json({"code": _OK.code, "message": _OK.said.to(language), "data": reply}))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """The code of the document and a sentence."""
        row = self.row(error)
        # What an operator wrote to the banned person says more than we could.
        message = error.text if isinstance(error, Banned) and error.text else row.said.to(language)
        body = {"code": row.code, "message": message, "data": {}, "error": error.code, "request_id": request_id}
        wait = (("Retry-After", "1"),) if isinstance(error, NotNow) and not isinstance(error, TooMany) else ()
        return Answer(self._status(error), write_json(body), wait)

    def row(self, error: EngineError) -> Row:
        """The code and the text that this envelope has for ``error``."""
        return self._kinds.get(type(error)) or self._rows.get(error.code) or row_of(error)

    def _status(self, error: EngineError) -> int:
        # What nobody serves is no reply of the document's (seed behaviour §7.3: get-token).
        if not self._has_statuses and not isinstance(error, NoSuchPath):
            return HTTPStatus.OK
        if isinstance(error, TransportError):
            return error.http_status
        return _STATUSES.get(error.code, HTTPStatus.SERVICE_UNAVAILABLE if error.retryable else HTTPStatus.BAD_REQUEST)


_STATUSES: Final[Mapping[str, HTTPStatus]] = MappingProxyType(
    {
        "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
        "NOT_SIGNED_IN": HTTPStatus.UNAUTHORIZED,
        "WRONG_ROLE": HTTPStatus.FORBIDDEN,
        "BANNED": HTTPStatus.FORBIDDEN,
        "FORBIDDEN": HTTPStatus.FORBIDDEN,
        "NOT_FOUND": HTTPStatus.NOT_FOUND,
        "TOO_MANY_REQUESTS": HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Of the one path that has HTTP's own (social-uploads-get); others are 400, or 503 where another try can help."""

ENVELOPE: Final = SocialEnvelope()
"""What the endpoints answer in."""
